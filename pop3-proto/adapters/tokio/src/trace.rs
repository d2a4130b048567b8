//! What is told to `tracing`: the kind of each event, never a name, a password, a text or a message.

#[cfg(feature = "tracing")]
mod on {
    use pop3_proto::{ConnectionError, MessageNumber, client, server};

    pub(crate) fn client<T>(
        connection: u64,
        polled: &Result<Option<(client::Event<'_>, T)>, ConnectionError>,
    ) {
        match polled {
            Ok(Some((event, _))) => {
                let ticket = event.ticket();
                let command = ticket.map(|ticket| ticket.verb.keyword());
                let message = ticket.and_then(|ticket| ticket.message).map(MessageNumber::get);
                tracing::trace!(target: "pop3", connection, side = "client", event = kind(event), command, message);
            }
            Ok(None) => {}
            Err(error) => {
                tracing::debug!(target: "pop3", connection, side = "client", %error, "connection is over");
            }
        }
    }

    pub(crate) fn server<T>(
        connection: u64,
        polled: &Result<Option<(server::Event<'_>, T)>, ConnectionError>,
    ) {
        match polled {
            Ok(Some((server::Event::Closed(why), _))) => {
                tracing::debug!(target: "pop3", connection, side = "server", %why, "session is over");
            }
            Ok(Some((event, _))) => {
                tracing::trace!(target: "pop3", connection, side = "server", event = question(event));
            }
            Ok(None) => {}
            Err(error) => {
                tracing::debug!(target: "pop3", connection, side = "server", %error, "connection is over");
            }
        }
    }

    pub(crate) fn tls(connection: u64) {
        tracing::debug!(target: "pop3", connection, "TLS has started");
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
pub(crate) use on::{client, server, tls};

#[cfg(not(feature = "tracing"))]
mod off {
    pub(crate) fn client<T>(_: u64, _: &T) {}
    pub(crate) fn server<T>(_: u64, _: &T) {}
    pub(crate) fn tls(_: u64) {}
}

#[cfg(not(feature = "tracing"))]
pub(crate) use off::{client, server, tls};
