//! Reports to `tracing`: one span for each session, with the kind of each event in it. Names, passwords, texts and messages are never
//! reported.

#[cfg(feature = "tracing")]
mod on {
    use pop3_proto::{ConnectionError, MessageNumber, client, server};
    use tracing::Span;
    use tracing::field::{Empty, display};

    /// The span of a session. It ends with the session, and its parent is the span in which the session was created. It is never entered,
    /// because a guard would stay in force while a future waits.
    #[derive(Debug)]
    pub(crate) struct Trace(Span);

    impl Trace {
        pub(crate) fn of_client(connection: u64) -> Self {
            Trace(
                tracing::debug_span!(target: "pop3", "session", connection, side = "client", peer = Empty, tls = Empty),
            )
        }

        pub(crate) fn of_server(connection: u64) -> Self {
            Trace(tracing::debug_span!(target: "pop3", "session", connection, side = "server", tls = Empty))
        }

        /// Records the address of the peer.
        pub(crate) fn peer(&self, address: std::io::Result<std::net::SocketAddr>) {
            if let Ok(address) = address {
                self.0.record("peer", display(address));
            }
        }

        pub(crate) fn client<T>(&self, polled: &Result<Option<(client::Event<'_>, T)>, ConnectionError>) {
            match polled {
                Ok(Some((event, _))) => {
                    let ticket = event.ticket();
                    let command = ticket.map(|ticket| ticket.verb.keyword());
                    let message = ticket.and_then(|ticket| ticket.message).map(MessageNumber::get);
                    tracing::trace!(target: "pop3", parent: &self.0, event = kind(event), command, message);
                }
                Ok(None) => {}
                Err(error) => self.failed(error),
            }
        }

        pub(crate) fn server<T>(&self, polled: &Result<Option<(server::Event<'_>, T)>, ConnectionError>) {
            match polled {
                Ok(Some((server::Event::Closed(why), _))) => {
                    tracing::debug!(target: "pop3", parent: &self.0, %why, "session is over");
                }
                Ok(Some((event, _))) => {
                    tracing::trace!(target: "pop3", parent: &self.0, event = question(event));
                }
                Ok(None) => {}
                Err(error) => self.failed(error),
            }
        }

        pub(crate) fn tls(&self) {
            self.0.record("tls", true);
            tracing::debug!(target: "pop3", parent: &self.0, "TLS has started");
        }

        fn failed(&self, error: &ConnectionError) {
            tracing::debug!(target: "pop3", parent: &self.0, %error, "connection is over");
        }
    }

    fn kind(event: &client::Event<'_>) -> &'static str {
        use client::Event;
        match event {
            Event::Greeting(_) => "greeting",
            Event::NoService(_) => "no service",
            Event::Ok(..) => "ok",
            Event::Refused(..) => "refused",
            Event::Begin(..) => "begin",
            Event::End(..) => "end",
            Event::Body(..) => "body",
            Event::Challenge(..) | Event::MalformedChallenge(..) => "challenge",
            Event::AuthAccepted(..) => "authenticated",
            Event::StartTls(_) => "start TLS",
            Event::Farewell(_) => "farewell",
            Event::Closed(_) => "closed",
            _ => "row",
        }
    }

    fn question(event: &server::Event<'_>) -> &'static str {
        use server::Event;
        match event {
            Event::Greet(_) => "greet",
            Event::User(..) => "name",
            Event::Login(..) => "login",
            Event::Fetch(_) => "fetch",
            Event::Body => "body",
            Event::Commit(_) => "commit",
            Event::StartTls(_) => "start TLS",
            _ => "other",
        }
    }
}

#[cfg(feature = "tracing")]
pub(crate) use on::Trace;

#[cfg(not(feature = "tracing"))]
mod off {
    #[derive(Debug)]
    pub(crate) struct Trace;

    impl Trace {
        pub(crate) const fn of_client(_: u64) -> Self {
            Trace
        }
        pub(crate) const fn of_server(_: u64) -> Self {
            Trace
        }
        pub(crate) fn peer(&self, _: std::io::Result<std::net::SocketAddr>) {}
        pub(crate) fn client<T>(&self, _: &T) {}
        pub(crate) fn server<T>(&self, _: &T) {}
        pub(crate) fn tls(&self) {}
    }
}

#[cfg(not(feature = "tracing"))]
pub(crate) use off::Trace;
