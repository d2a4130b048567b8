use crate::link::{Link, NEVER};
use crate::{Error, StartTlsError};
use core::fmt;
use core::time::Duration;
use pop3_proto::client::{AsConfig, Client, ClientConfig, Event, Sender, StartTls};
use pop3_proto::login::{Login, LoginError, Way};
use pop3_proto::{AnswerError, BufferTooSmall, ClientConnection, Storage};

/// A client on a stream of `embedded-io` (with [`next`](Self::next)) or of `embedded-io-async` (with
/// [`next_async`](Self::next_async)).
///
/// `S` is the stream, `N` the clock, `R` the receive buffer and `W` the send buffer. The connection holds all state. To stop
/// early, drop it: the server then removes nothing.
///
/// ```
/// use core::time::Duration;
/// use embedded_io::{Read, Write};
/// use pop3_embedded::pop3_proto::{ClientConfig, Command, Limits, TlsPolicy, Verb, client::Event};
/// use pop3_embedded::{Connection, Error};
///
/// const CONFIG: ClientConfig = ClientConfig::new(TlsPolicy::Implicit).with_limits(Limits::DEFAULT.with_sasl_line(512));
///
/// /// Returns how many messages there are, or `None` if the server refuses.
/// fn count<S: Read + Write>(stream: S, now: fn() -> Duration) -> Result<Option<u32>, Error<S::Error>> {
///     let (mut recv, mut send) = ([0; 1024], [0; 512]);
///     let mut pop3 = Connection::new(CONFIG, 1, stream, now, &mut recv[..], &mut send[..])?;
///     let mut count = None;
///     while let Some((event, mut sender)) = pop3.next()? {
///         let command = match event {
///             Event::Greeting(_) => Command::User("mrose".try_into()?),
///             Event::Ok(ticket, _) if ticket.verb == Verb::User => Command::Pass("secret".try_into()?),
///             Event::Ok(ticket, _) if ticket.verb == Verb::Pass => Command::Stat,
///             Event::DropListing(_, listing) => { count = Some(listing.count); Command::Quit }
///             Event::Refused(..) => Command::Quit,
///             _ => continue,
///         };
///         sender.send(command)?;
///     }
///     Ok(count)
/// }
/// ```
pub struct Connection<S, N, R, W = R, C = ClientConfig>
where
    R: Storage,
    W: Storage,
    C: AsConfig,
{
    link: Link<S, N, ClientConnection<R, W, C>>,
}

impl<S, N: FnMut() -> Duration, R: Storage, W: Storage, C: AsConfig> Connection<S, N, R, W, C> {
    /// Returns a client that waits for the greeting, on a connected stream.
    ///
    /// `id` is your number for the connection, which distinguishes the tokens of two connections. `now` is a clock that never
    /// goes back. It returns the time since any fixed start.
    ///
    /// # Errors
    /// Returns [`BufferTooSmall`] if `recv` has fewer bytes than [`ClientConfig::min_recv_buf`], or `send` fewer than
    /// [`ClientConfig::min_send_buf`].
    pub fn new(config: C, id: u64, stream: S, now: N, recv: R, send: W) -> Result<Self, BufferTooSmall> {
        let pop3 = ClientConnection::with_buffers(config, id, recv, send)?;
        Ok(Connection { link: Link::new(id, stream, now, pop3) })
    }

    /// Sets the time of the clock at which the session fails with [`Error::Deadline`], regardless of what it
    /// is doing.
    pub fn set_deadline(&mut self, deadline: Option<Duration>) {
        self.link.deadline = deadline.unwrap_or(NEVER);
    }

    /// Returns a sender, for sending while you hold no event: see [`ClientConnection::sender`].
    pub fn sender(&mut self) -> Sender<'_, C> {
        self.link.pop3.sender()
    }

    /// Ends the session without QUIT, so the server removes nothing. [`next`](Self::next) then returns [`Event::Closed`].
    pub fn close(&mut self) {
        self.link.pop3.close();
    }

    /// Returns the machine, for its state, capabilities and deletions.
    pub fn client(&self) -> &Client<C> {
        self.link.pop3.client()
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
    pub fn into_parts(self) -> (S, ClientConnection<R, W, C>) {
        (self.link.stream, self.link.pop3)
    }
}

impl<S, N, R, W, C> Connection<S, N, R, W, C>
where
    S: embedded_io::ErrorType,
    N: FnMut() -> Duration,
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

macro_rules! client {
    ($io:ident $([$async:tt $await:tt])?, $wait:ident, $drain:ident,
        $(#[$next_doc:meta])* $next:ident, $(#[$log_in_doc:meta])* $log_in:ident,
        $(#[$for_tls_doc:meta])* $stream_for_tls:ident, $(#[$tls_doc:meta])* $start_tls:ident,
        $handshake:ident) => {
        impl<S, N, R, W, C> Connection<S, N, R, W, C>
        where
            S: $io::Read + $io::Write,
            N: FnMut() -> Duration,
            R: Storage,
            W: Storage,
            C: AsConfig,
        {
            $(#[$next_doc])*
            // Spelled out, because callers match on it.
            #[allow(clippy::type_complexity, clippy::should_implement_trait)]
            pub $($async)? fn $next(&mut self) -> Result<Option<(Event<'_>, Sender<'_, C>)>, Error<S::Error>> {
                self.link.$wait()$(.$await)??;
                Ok(self.link.pop3.poll()?)
            }

            $(#[$log_in_doc])*
            pub $($async)? fn $log_in(&mut self, mut login: Login<'_>) -> Result<Way, Error<S::Error>> {
                login.begin(None, &mut self.sender())?;
                while let Some((event, mut sender)) = self.$next()$(.$await)?? {
                    if let Some(way) = login.handle(event, &mut sender)? {
                        return Ok(way);
                    }
                }
                Err(LoginError::Ended.into())
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
            ) -> Result<Connection<T, N, R, W, C>, StartTlsError<S::Error, H>> {
                self.$stream_for_tls(&start)$(.$await)??;
                let (stream, link) = self.link.part();
                let stream = handshake(stream)$(.$await)?.map_err(StartTlsError::Handshake)?;
                let mut link = link.on(stream);
                link.pop3.tls_started(start).map_err(Error::Answer)?;
                Ok(Connection { link })
            }
        }
    };
}

client! { embedded_io, wait, drain,
    /// Waits for the next event, and returns it with a sender that you can use while you hold the event. `None` means that
    /// the session is over.
    ///
    /// Pending bytes are sent first. If the stream fails with [`TimedOut`](embedded_io::ErrorKind::TimedOut) or
    /// [`Interrupted`](embedded_io::ErrorKind::Interrupted), the call runs the timers and continues.
    ///
    /// # Errors
    /// Returns [`Error::NothingDue`] if no response is expected and no byte is pending: send a command first.
    /// Returns [`Error::Deadline`] if the deadline has passed. Returns [`Error::Connection`] if a timer ran out
    /// or the server broke a rule. Returns [`Error::Io`] or [`Error::WriteZero`] if the stream failed.
    next,
    /// Logs in with the best method that the server, the TLS policy and the features allow, and returns the method. Call
    /// it before the greeting was read; otherwise APOP is not tried.
    ///
    /// # Errors
    /// Returns [`Error::Login`] if the server refuses, if no method is possible, or if the session ends. After a
    /// refusal the session can continue. Otherwise, the errors are those of [`next`](Self::next).
    log_in,
    /// Sends all pending bytes, and returns the stream for a handshake in place. Report success with
    /// [`tls_started`](Self::tls_started); after a failure, drop the connection.
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

client! { embedded_io_async [async await], wait_async, drain_async,
    /// Does the same as [`next`](Self::next), for `embedded-io-async`.
    ///
    /// This is cancel safe if the `read` and `write` of the stream are: if you drop the future and call it again, no byte is
    /// lost. So race it against a timer of your executor, until the time that [`tick`](Self::tick) returns.
    ///
    /// # Errors
    /// Returns the errors of [`next`](Self::next).
    next_async,
    /// Does the same as [`log_in`](Self::log_in), for `embedded-io-async`. If you drop the future, close the connection,
    /// because the progress of the login is lost.
    ///
    /// # Errors
    /// Returns the errors of [`log_in`](Self::log_in).
    log_in_async,
    /// Does the same as [`stream_for_tls`](Self::stream_for_tls), for `embedded-io-async`. Cancel safe like
    /// [`next_async`](Self::next_async).
    ///
    /// # Errors
    /// Returns the errors of [`stream_for_tls`](Self::stream_for_tls).
    stream_for_tls_async,
    /// Does the same as [`start_tls`](Self::start_tls), for `embedded-io-async`. Dropping the future drops the connection.
    ///
    /// # Errors
    /// Returns the errors of [`start_tls`](Self::start_tls).
    start_tls_async, AsyncFnOnce
}

/// Shows the connection.
impl<S, N, R: Storage, W: Storage, C: AsConfig> fmt::Debug for Connection<S, N, R, W, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("pop3", &self.link.pop3).finish_non_exhaustive()
    }
}
