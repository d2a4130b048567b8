use crate::link::{Link, NEVER};
use crate::{Error, StartTlsError};
use core::fmt;
use core::time::Duration;
use pop3_proto::server::{AsConfig, Event, Fetch, Maildrop, Responder, Sent, Server, ServerConfig, StartTls};
use pop3_proto::{AnswerError, BufferTooSmall, ServerConnection, Storage};

/// A server for one connection, on a stream of `embedded-io` (with [`next`](Self::next)) or of `embedded-io-async`
/// (with [`next_async`](Self::next_async)).
///
/// `S` is the stream, `N` the clock, `M` the maildrop, `R` the receive buffer and `W` the send buffer. The session holds
/// all state. To stop early, drop it: nothing is removed, because removal is the answer to [`Event::Commit`].
///
/// ```
/// use core::time::Duration;
/// use embedded_io::{Read, Write};
/// use pop3_embedded::pop3_proto::server::{Credentials, Event, MessageInfo};
/// use pop3_embedded::pop3_proto::{OctetCount, ServerConfig, Text, TlsPolicy, UniqueId};
/// use pop3_embedded::{Error, Session};
///
/// static CONFIG: ServerConfig<'_> = ServerConfig::new(TlsPolicy::Implicit);
///
/// /// Serves one message to any client that knows the password.
/// fn serve<S: Read + Write>(stream: S, now: fn() -> Duration, mail: &[u8]) -> Result<(), Error<S::Error>> {
///     let mut messages = [MessageInfo::new(OctetCount::of(mail), UniqueId::new(b"1")?)];
///     let mut maildrop = Some(&mut messages[..]);
///     let (mut recv, mut send) = ([0; 512], [0; 1024]);
///     let mut pop3 = Session::new(&CONFIG, 1, stream, now, &mut recv[..], &mut send[..])?;
///     while let Some((event, mut responder)) = pop3.next()? {
///         match event {
///             Event::Greet(greet) => responder.greet(greet, Text::from_static("ready"))?,
///             Event::User(user, _) => responder.accept_name(user)?,
///             Event::Login(login, Credentials::Password(given)) if given.expose() == b"secret" => match maildrop.take() {
///                 Some(maildrop) => responder.accept(login, maildrop)?,
///                 None => responder.close(),
///             },
///             Event::Fetch(fetch) => _ = pop3.send_message(fetch, mail)?,
///             Event::Commit(commit) => responder.removed(commit)?, // first remove the marked messages
///             other => responder.decline(other)?,
///         }
///     }
///     Ok(())
/// }
/// ```
pub struct Session<S, N, M, R, W = R, C = &'static ServerConfig<'static>>
where
    R: Storage,
    W: Storage,
    C: AsConfig,
{
    link: Link<S, N, ServerConnection<M, R, W, C>>,
}

impl<S, N: FnMut() -> Duration, M: Maildrop, R: Storage, W: Storage, C: AsConfig> Session<S, N, M, R, W, C> {
    /// Returns a server for one connection, on a connected stream.
    ///
    /// `id` is your number for the connection, which distinguishes the tokens of two connections. `now` is a clock that never
    /// goes back. It returns the time since any fixed start.
    ///
    /// # Errors
    /// Returns [`BufferTooSmall`] if `recv` has fewer bytes than [`ServerConfig::min_recv_buf`], or `send` fewer than
    /// [`ServerConfig::min_send_buf`].
    pub fn new(config: C, id: u64, stream: S, now: N, recv: R, send: W) -> Result<Self, BufferTooSmall> {
        let pop3 = ServerConnection::with_buffers(config, id, recv, send)?;
        Ok(Session { link: Link::new(id, stream, now, pop3) })
    }

    /// Sets the time of the clock at which the session fails with [`Error::Deadline`], regardless of what it
    /// is doing.
    pub fn set_deadline(&mut self, deadline: Option<Duration>) {
        self.link.deadline = deadline.unwrap_or(NEVER);
    }

    /// Returns a responder, for an answer whose token you kept.
    pub fn responder(&mut self) -> Responder<'_, M, C> {
        self.link.pop3.responder()
    }

    /// Ends the session without removing anything. [`next`](Self::next) then returns [`Event::Closed`].
    pub fn close(&mut self) {
        self.link.pop3.close();
    }

    /// Returns the machine, for its state and maildrop.
    pub fn server(&self) -> &Server<M, C> {
        self.link.pop3.server()
    }

    /// Reports that the stream has upgraded itself to TLS. This is the answer to [`Event::StartTls`] for a stream that
    /// changes in place, after [`stream_for_tls`](Self::stream_for_tls).
    ///
    /// # Errors
    /// Returns [`AnswerError`] if the token is an old one or belongs to another connection.
    pub fn tls_started(&mut self, start: StartTls) -> Result<(), AnswerError> {
        self.link.pop3.tls_started(start)
    }

    /// Returns the stream.
    pub fn stream_mut(&mut self) -> &mut S {
        &mut self.link.stream
    }

    /// Returns the stream and the connection, so other code can continue with them.
    pub fn into_parts(self) -> (S, ServerConnection<M, R, W, C>) {
        (self.link.stream, self.link.pop3)
    }

    /// Sends the next bytes of the message, and returns how many fit. After an error the session is closed, because only
    /// the end of the connection shows the client that the message is incomplete.
    fn write_body<E>(&mut self, bytes: &[u8]) -> Result<usize, Error<E>> {
        let Some((Event::Body, mut responder)) = self.link.pop3.poll()? else {
            return Err(Error::NothingDue);
        };
        let taken = responder.write_body(bytes);
        if taken.is_err() {
            responder.close();
        }
        Ok(taken?)
    }

    /// Completes the message, or closes the session if its size is wrong.
    fn finish_body<E>(&mut self) -> Result<Sent, Error<E>> {
        let Some((Event::Body, mut responder)) = self.link.pop3.poll()? else {
            return Err(Error::NothingDue);
        };
        let sent = responder.finish_body();
        if sent.is_err() {
            responder.close();
        }
        Ok(sent?)
    }

    /// Closes the session, because the source of a message failed.
    fn failed<E>(&mut self, error: &impl embedded_io::Error) -> Error<E> {
        self.link.pop3.close();
        Error::Message(error.kind())
    }
}

impl<S, N, M, R, W, C> Session<S, N, M, R, W, C>
where
    S: embedded_io::ErrorType,
    N: FnMut() -> Duration,
    M: Maildrop,
    R: Storage,
    W: Storage,
    C: AsConfig,
{
    /// Runs the timers and the deadline, and returns when the next one runs out. An executor lets
    /// [`next_async`](Self::next_async) wait until this time of the clock. `None` means without a limit.
    ///
    /// # Errors
    /// Returns [`Error::Connection`] if a timer has run out, and [`Error::Deadline`] if the deadline has passed.
    pub fn tick(&mut self) -> Result<Option<Duration>, Error<S::Error>> {
        self.link.tick()
    }
}

macro_rules! session {
    ($io:ident $([$async:tt $await:tt])?, $wait:ident, $drain:ident,
        $(#[$next_doc:meta])* $next:ident, $(#[$send_doc:meta])* $send_message:ident,
        $(#[$for_tls_doc:meta])* $stream_for_tls:ident, $(#[$tls_doc:meta])* $start_tls:ident,
        $handshake:ident) => {
        impl<S, N, M, R, W, C> Session<S, N, M, R, W, C>
        where
            S: $io::Read + $io::Write,
            N: FnMut() -> Duration,
            M: Maildrop,
            R: Storage,
            W: Storage,
            C: AsConfig,
        {
            $(#[$next_doc])*
            // Spelled out, because callers match on it.
            #[allow(clippy::type_complexity, clippy::should_implement_trait)]
            pub $($async)? fn $next(
                &mut self,
            ) -> Result<Option<(Event<'_>, Responder<'_, M, C>)>, Error<S::Error>> {
                self.link.$wait()$(.$await)??;
                Ok(self.link.pop3.poll()?)
            }

            $(#[$send_doc])*
            #[doc(alias = "RETR")]
            pub $($async)? fn $send_message(
                &mut self,
                fetch: Fetch,
                mut message: impl $io::BufRead,
            ) -> Result<Sent, Error<S::Error>> {
                self.link.pop3.responder().send_body(fetch)?;
                loop {
                    self.link.$wait()$(.$await)??;
                    if !self.link.pop3.server().wants_body() {
                        return self.finish_body();
                    }
                    let bytes = message.fill_buf()$(.$await)?.map_err(|error| self.failed(&error))?;
                    if bytes.is_empty() {
                        return self.finish_body();
                    }
                    // Never more: a slice panics if it must drop more bytes than it has.
                    let taken = self.write_body(bytes)?.min(bytes.len());
                    message.consume(taken);
                }
            }

            $(#[$for_tls_doc])*
            pub $($async)? fn $stream_for_tls(&mut self, start: &StartTls) -> Result<&mut S, Error<S::Error>> {
                self.link.is_for(start.connection())?;
                self.link.$drain()$(.$await)??;
                Ok(&mut self.link.stream)
            }

            $(#[$tls_doc])*
            #[doc(alias = "STLS")]
            pub $($async)? fn $start_tls<T, H>(
                mut self,
                start: StartTls,
                handshake: impl $handshake(S) -> Result<T, H>,
            ) -> Result<Session<T, N, M, R, W, C>, StartTlsError<S::Error, H>> {
                self.$stream_for_tls(&start)$(.$await)??;
                let (stream, link) = self.link.part();
                let stream = handshake(stream)$(.$await)?.map_err(StartTlsError::Handshake)?;
                let mut link = link.on(stream);
                link.pop3.tls_started(start).map_err(Error::Answer)?;
                Ok(Session { link })
            }
        }
    };
}

session! { embedded_io, wait, drain,
    /// Waits for the next event, and returns it with a responder that you can use while you hold the event. `None` means
    /// that the session is over. Everything was sent before [`Event::Closed`] is returned.
    ///
    /// Pending bytes are sent first. If the stream fails with [`TimedOut`](embedded_io::ErrorKind::TimedOut) or
    /// [`Interrupted`](embedded_io::ErrorKind::Interrupted), the call runs the timers and continues.
    ///
    /// # Errors
    /// Returns [`Error::NothingDue`] if your answer is missing and no byte is pending, because its token was
    /// kept or lost. Returns [`Error::Deadline`] if the deadline has passed. Returns [`Error::Connection`] if a
    /// timer ran out or the client broke a rule. Returns [`Error::Io`] or [`Error::WriteZero`] if the stream
    /// failed.
    next,
    /// Sends the requested message from its store, as the answer to [`Event::Fetch`]. Its lines end in LF or in CR LF. A slice
    /// is a `BufRead`; for any other source, use [`Buffered`](crate::Buffered). TOP reads only as much as it needs. The call
    /// returns after the end of the message is queued.
    ///
    /// The maildrop has listed the size of the message to the client. If the message has another size, the session is
    /// closed before the message ends, so the client sees that it is incomplete. To refuse instead, compare before you
    /// answer: count with [`OctetCount`](pop3_proto::OctetCount).
    ///
    /// # Errors
    /// Returns [`Error::Body`] if the size differs or the bytes cannot be sent, and [`Error::Message`] if `message` fails. Both
    /// close the session: the next event is [`Event::Closed`]. Returns [`Error::Answer`] if the token is an old one; the session
    /// continues. Otherwise, the errors are those of [`next`](Self::next). If the stream works again later, the next event is
    /// [`Event::Body`].
    send_message,
    /// Sends all pending bytes, and returns the stream for a handshake in place. Report success with
    /// [`tls_started`](Self::tls_started); after a failure, drop the session.
    ///
    /// # Errors
    /// Returns [`Error::Answer`] if the token belongs to another connection.
    /// Otherwise, the errors are those of [`next`](Self::next).
    stream_for_tls,
    /// Starts TLS, as the answer to [`Event::StartTls`]. Sends pending bytes, gives the stream to `handshake`, and continues
    /// with the stream that `handshake` returns.
    ///
    /// Bytes that were received after STLS and before the handshake are fatal, because an attacker may have injected them:
    /// there is then no [`Event::StartTls`], and `next` fails. So the stream must not read ahead, which would hide such
    /// bytes.
    ///
    /// # Errors
    /// Returns [`StartTlsError::Session`] with [`Error::Answer`] if the token belongs to another connection.
    /// Returns [`StartTlsError::Handshake`] if `handshake` fails.
    start_tls, FnOnce
}

session! { embedded_io_async [async await], wait_async, drain_async,
    /// Does the same as [`next`](Self::next), for `embedded-io-async`.
    ///
    /// This is cancel safe if the `read` and `write` of the stream are: if you drop the future and call it again, no byte is
    /// lost. So race it against a timer of your executor, until the time that [`tick`](Self::tick) returns.
    ///
    /// # Errors
    /// Returns the errors of [`next`](Self::next).
    next_async,
    /// As [`send_message`](Self::send_message), for `embedded-io-async`. If you drop the future, the next event is
    /// [`Event::Body`]: go on with the rest if you lent the message by `&mut`, or decline.
    ///
    /// # Errors
    /// Returns the errors of [`send_message`](Self::send_message).
    send_message_async,
    /// Does the same as [`stream_for_tls`](Self::stream_for_tls), for `embedded-io-async`. Cancel safe like
    /// [`next_async`](Self::next_async).
    ///
    /// # Errors
    /// Returns the errors of [`stream_for_tls`](Self::stream_for_tls).
    stream_for_tls_async,
    /// Does the same as [`start_tls`](Self::start_tls), for `embedded-io-async`. Dropping the future drops the session.
    ///
    /// # Errors
    /// Returns the errors of [`start_tls`](Self::start_tls).
    start_tls_async, AsyncFnOnce
}

/// Shows the connection.
impl<S, N, M, R: Storage, W: Storage, C: AsConfig> fmt::Debug for Session<S, N, M, R, W, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("pop3", &self.link.pop3).finish_non_exhaustive()
    }
}
