use super::event::{Event, Kept};
use super::responder::Responder;
use crate::buffers::{BufferTooSmall, RecvBuf, SendBuf, Storage};
use crate::error::{AnswerError, ConnectionError};
use crate::server::{AsConfig, CloseReason, Maildrop, Server, ServerConfig, StartTls, Step};
use core::fmt;
use core::time::Duration;

/// The number of bytes for which a growing storage makes room at each read.
const READ: usize = 4096;

/// A POP3 server for one connection, with its buffers. A driver only has to read, write and wait.
///
/// # The loop
///
/// Poll until there are no more events, write the pending bytes, then read:
///
/// ```
/// use pop3_proto::server::{Credentials, Event, MessageInfo, ServerConfig};
/// use pop3_proto::{OctetCount, ServerConnection, Text, TlsPolicy, UniqueId};
/// use std::io::{Read, Write};
///
/// static CONFIG: ServerConfig = ServerConfig::new(TlsPolicy::Cleartext); // for loopback: see the other policies
///
/// /// Serves one message to any client that knows the password.
/// fn serve(mut stream: impl Read + Write, password: &[u8], mail: &[u8]) -> Result<(), Box<dyn std::error::Error>> {
///     let mut pop3 = ServerConnection::new(&CONFIG, 1);
///     let mut body: &[u8] = &[];
///     while !pop3.is_closed() {
///         while let Some((event, mut responder)) = pop3.poll()? {
///             match event {
///                 Event::Greet(greet) => responder.greet(greet, Text::from_static("ready"))?,
///                 Event::User(user, _) => responder.accept_name(user)?,
///                 Event::Login(login, Credentials::Password(given)) if given.expose() == password => {
///                     responder.accept(login, vec![MessageInfo::new(OctetCount::of(mail), UniqueId::new(b"1")?)])?;
///                 }
///                 Event::Fetch(fetch) => { body = mail; responder.send_body(fetch)? }
///                 Event::Body if body.is_empty() => _ = responder.finish_body()?,
///                 Event::Body => body = &body[responder.write_body(body)?..],
///                 Event::Commit(commit) => responder.removed(commit)?, // remove what is marked before
///                 other => responder.decline(other)?, // a wrong password, and whatever else
///             }
///         }
///         pop3.write_to(&mut stream)?;
///         pop3.read_from(&mut stream)?;
///     }
///     Ok(())
/// }
/// # use pop3_proto::script::Script;
/// # let script = Script::parse("S: +OK ready\nC: USER mrose\nS: +OK send PASS\nC: PASS secret\nS: +OK maildrop open
/// #     C: RETR 1\nS: +OK 5 octets\nS: one\nS: .\nC: QUIT\nS: +OK bye\n* connection closes").unwrap();
/// # let mut client = script.client();
/// # serve(&mut client, b"secret", b"one\n").unwrap();
/// # client.finish().unwrap();
/// ```
///
/// Under an async runtime the loop is the same, with an `.await` in the two last lines: read into
/// [`RecvBuf::spare_mut`] if the server [wants to read](Self::wants_read), and write [`SendBuf::pending`]. All state
/// is in the connection, so a future that is dropped while it waits loses nothing. Call [`tick`](Self::tick) before
/// each wait, because it runs the timers that RFC 1939 section 3 requires.
///
/// # Answers
///
/// Each question carries a token, and the answer takes the token. You need not answer immediately: keep the token and
/// poll again (`poll` returns `None`, and [`wants_answer`](Self::wants_answer) is true), then answer with
/// [`responder`](Self::responder).
///
/// A call that fails has changed nothing, and the question stays open: **the next `poll` returns the event again,
/// with a token and with everything it carried**. So you can always give another answer if one does not fit, or
/// [`close`](Self::close). Only [`Responder::accept`] drops its argument, the maildrop.
///
/// # Stopping early
///
/// [`close`](Self::close) or drop the connection, and no message is removed, because removal is the answer to
/// [`Event::Commit`]. The client sees that the connection ends. Do this if a message cannot be sent to its end,
/// because the client then knows that the message is incomplete.
///
/// # When to use the machine instead
///
/// [`Server`] is the same without buffers. Use it if many connections share buffers, or to send messages from memory
/// without a copy ([`Server::body_slice`]).
pub struct ServerConnection<M, R, S = R, C: AsConfig = &'static ServerConfig<'static>>
where
    R: Storage,
    S: Storage,
{
    server: Server<M, C>,
    recv: RecvBuf<R>,
    send: SendBuf<S>,
    /// The last question, until another step of the machine replaces it.
    asked: Option<Kept>,
    /// Whether `poll` gives the question, for the first time or again.
    due: bool,
    waits_for: WaitsFor,
    /// Whether `poll` has returned the close, or an error.
    ended: bool,
}

/// The reason why `poll` returns `None`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum WaitsFor {
    Nothing,
    Input,
    Space,
    Answer,
}

/// The result of a step of the machine.
enum Turn {
    Question,
    Body,
    Closed(CloseReason),
    Failed(ConnectionError),
    Nothing,
}

#[cfg(feature = "alloc")]
impl<M: Maildrop, C: AsConfig> ServerConnection<M, alloc::vec::Vec<u8>, alloc::vec::Vec<u8>, C> {
    /// Returns a server for one connection, with buffers on the heap that grow as needed.
    ///
    /// `id` is your number for the connection, which distinguishes the tokens of two connections.
    pub fn new(config: C, id: u64) -> Self {
        let (least_recv, least_send) = (config.as_config().min_recv_buf(), config.as_config().min_send_buf());
        let recv = RecvBuf::with_enough(alloc::vec::Vec::new(), least_recv, READ);
        let send = SendBuf::with_enough(alloc::vec::Vec::new(), least_send);
        Self::over(Server::new(config, id), recv, send)
    }
}

// With slices as buffers, which are two words each, and with a maildrop of size 0.
const _: () = assert!(size_of::<ServerConnection<core::convert::Infallible, &mut [u8]>>() <= 480);

impl<M: Maildrop, R: Storage, S: Storage, C: AsConfig> ServerConnection<M, R, S, C> {
    /// Returns a server for one connection, with these buffers: arrays, slices, `Vec`s or your own [`Storage`].
    ///
    /// ```
    /// use pop3_proto::{ServerConnection, TlsPolicy, server::{MessageInfo, ServerConfig}, UniqueId};
    ///
    /// static CONFIG: ServerConfig = ServerConfig::new(TlsPolicy::Implicit);
    /// type Mail = &'static mut [MessageInfo<UniqueId<'static>>];
    ///
    /// let pop3 = ServerConnection::<Mail, [u8; 255], [u8; 512]>::with_buffers(&CONFIG, 1, [0; 255], [0; 512]);
    /// assert!(pop3.is_ok());
    /// ```
    ///
    /// # Errors
    /// Returns [`BufferTooSmall`] if `recv` has fewer bytes than [`ServerConfig::min_recv_buf`].
    /// Returns [`BufferTooSmall`] if `send` has fewer bytes than [`ServerConfig::min_send_buf`].
    pub fn with_buffers(config: C, id: u64, recv: R, send: S) -> Result<Self, BufferTooSmall> {
        let recv = RecvBuf::for_machine(recv, config.as_config().min_recv_buf(), READ)?;
        let send = SendBuf::for_machine(send, config.as_config().min_send_buf())?;
        Ok(Self::over(Server::new(config, id), recv, send))
    }

    const fn over(server: Server<M, C>, recv: RecvBuf<R>, send: SendBuf<S>) -> Self {
        ServerConnection {
            server,
            recv,
            send,
            asked: None,
            due: false,
            waits_for: WaitsFor::Nothing,
            ended: false,
        }
    }

    /// Returns the next event, with a responder that you can use while you hold the event. `None` means that the
    /// session [is over](Self::is_closed), or that the server waits: [for input](Self::wants_read), for [bytes to be
    /// sent](Self::wants_write), or for [an answer](Self::wants_answer).
    ///
    /// # Errors
    /// Returns [`ConnectionError`] if the session failed, and no message is removed. All later calls return the same
    /// error.
    // The type is spelled out because callers match on it.
    #[allow(clippy::type_complexity)]
    pub fn poll(&mut self) -> Result<Option<(Event<'_>, Responder<'_, M, C>)>, ConnectionError> {
        let turn = self.turn();
        let ServerConnection { server, recv, send, asked, due, ended, .. } = self;
        let event = match turn {
            Turn::Nothing => None,
            Turn::Body => Some(Event::Body),
            Turn::Question => {
                *due = false;
                asked.as_ref().and_then(|asked| asked.event(recv.read().all))
            }
            Turn::Closed(why) => {
                *ended = true;
                Some(Event::Closed(why))
            }
            Turn::Failed(fatal) => {
                *ended = true;
                return Err(fatal);
            }
        };
        Ok(event.map(|event| (event, Responder::new(server, send, due))))
    }

    /// Continues until it needs the client or the application, and returns whether [`poll`](Self::poll) has an event
    /// or an error. If it has none, the server waits.
    pub fn is_ready(&mut self) -> bool {
        !matches!(self.turn(), Turn::Nothing)
    }

    /// Runs the machine, unless a question is open.
    fn turn(&mut self) -> Turn {
        if self.due && self.server.is_asking() {
            return Turn::Question;
        }
        let ServerConnection { server, recv, send, asked, due, ended, waits_for } = self;
        let mut reading = recv.read();
        let (turn, waiting) = match server.poll(&mut reading.input, send) {
            Ok(Step::Ask(ask)) => {
                (*asked, *due) = (Some(Kept::of(ask, reading.all)), true);
                (Turn::Question, WaitsFor::Nothing)
            }
            Ok(Step::NeedBody) if !server.body_waits(send) => (Turn::Body, WaitsFor::Nothing),
            Ok(Step::NeedBody | Step::NeedSpace(_)) => (Turn::Nothing, WaitsFor::Space),
            Ok(Step::NeedInput) => (Turn::Nothing, WaitsFor::Input),
            Ok(Step::Waiting) => (Turn::Nothing, WaitsFor::Answer),
            Ok(Step::Closed(_)) if *ended => (Turn::Nothing, WaitsFor::Nothing),
            Ok(Step::Closed(why)) => (Turn::Closed(why), WaitsFor::Nothing),
            Err(fatal) => (Turn::Failed(fatal), WaitsFor::Nothing),
        };
        *waits_for = waiting;
        reading.done();
        if let Turn::Closed(_) | Turn::Failed(_) = turn {
            self.release();
        }
        turn
    }

    /// Drops the maildrop of a session that is over, which frees its lock before the client reads the last response.
    fn release(&mut self) {
        drop(self.server.take_maildrop());
    }

    /// Returns the responder, for an answer whose token you kept.
    pub fn responder(&mut self) -> Responder<'_, M, C> {
        Responder::new(&mut self.server, &mut self.send, &mut self.due)
    }

    /// Returns whether the session is over: `poll` has returned [`Event::Closed`], or an error. Bytes may still be
    /// [pending](Self::wants_write).
    pub const fn is_closed(&self) -> bool {
        self.ended
    }

    /// Returns whether the last `poll` asked for input, and no bytes are pending that the client may wait for.
    pub const fn wants_read(&self) -> bool {
        matches!(self.waits_for, WaitsFor::Input) && !self.wants_write()
    }

    /// Returns whether bytes wait to be sent.
    pub const fn wants_write(&self) -> bool {
        !self.send.is_empty()
    }

    /// Returns whether the last `poll` waited for an answer. If you have lost its token, you can only
    /// [`close`](Self::close).
    pub const fn wants_answer(&self) -> bool {
        matches!(self.waits_for, WaitsFor::Answer)
    }

    /// Returns the bytes that were received and not yet read, as a view that cannot change them. They are commands
    /// that the client pipelined, or, after a [`hand_over`](Responder::hand_over), the bytes that a proxy passes on.
    ///
    /// ```
    /// use pop3_proto::server::{Event, MessageInfo};
    /// use pop3_proto::{ServerConfig, ServerConnection, Text, TlsPolicy, UniqueId};
    ///
    /// static CONFIG: ServerConfig<'_> = ServerConfig::new(TlsPolicy::Cleartext);
    ///
    /// let mut pop3: ServerConnection<Vec<MessageInfo<UniqueId<'_>>>, Vec<u8>> = ServerConnection::new(&CONFIG, 1);
    /// if let Some((Event::Greet(greet), mut responder)) = pop3.poll()? {
    ///     responder.greet(greet, Text::from_static("ready"))?;
    /// }
    /// pop3.write_to(&mut std::io::sink())?;
    /// assert!(pop3.poll()?.is_none());
    /// pop3.read_from(&mut &b"USER mrose\r\nPASS tanstaaf\r\n"[..])?;
    /// assert!(matches!(pop3.poll()?, Some((Event::User(..), _))));
    /// assert_eq!(pop3.unread(), b"PASS tanstaaf\r\n"); // it may contain secrets
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn unread(&self) -> &[u8] {
        self.recv.unread()
    }

    /// Returns whether the stream from the client has ended. Bytes received before that may still be [unread](Self::unread).
    pub const fn is_eof(&self) -> bool {
        self.recv.is_eof()
    }

    /// Returns the buffer of received bytes, to read into.
    pub fn recv_buf(&mut self) -> &mut RecvBuf<R> {
        self.recv.pin(self.asked.is_some() && self.server.is_asking());
        &mut self.recv
    }

    /// Returns the buffer of pending bytes, to write from.
    pub const fn send_buf(&mut self) -> &mut SendBuf<S> {
        &mut self.send
    }

    /// Returns the bytes that wait to be sent to the client, as a view that cannot change them. To report that they
    /// were sent, use [`send_buf`](Self::send_buf).
    pub fn pending(&self) -> &[u8] {
        self.send.pending()
    }

    /// Frees the unused memory of both buffers. An idle connection with `Vec`s then has no buffer memory.
    pub fn shrink(&mut self) {
        self.recv_buf().shrink();
        self.send.shrink();
    }

    /// Reports that the TLS handshake succeeded: see [`Server::tls_started`].
    ///
    /// Bytes that are still unread were received before TLS, which means that an attacker injected them. The next
    /// `poll` then returns [`ConnectionError::PlaintextAfterStls`].
    ///
    /// # Errors
    /// Returns [`AnswerError`] if the token is an old one.
    /// Returns [`AnswerError`] if the token belongs to another connection.
    #[doc(alias = "STLS")]
    pub fn tls_started(&mut self, start: StartTls) -> Result<(), AnswerError> {
        Ok(self.server.tls_started(start, self.recv.input())?)
    }

    /// Runs the timers and returns when to call this again, or `None` if no timer runs. Call it before each wait.
    ///
    /// Both times are measured from a start that you choose, such as `start.elapsed()`. The time returned is later than
    /// `now`.
    ///
    /// # Errors
    /// Returns [`ConnectionError::TimedOut`] if a timer ran out. Close the connection without a response (RFC 1939
    /// section 3).
    /// Returns the earlier error if the session has failed already.
    pub fn tick(&mut self, now: Duration) -> Result<Option<Duration>, ConnectionError> {
        match self.server.tick(now) {
            Ok(next) => Ok(next),
            Err(fatal) => {
                self.release();
                self.ended = true;
                Err(fatal)
            }
        }
    }

    /// Ends the session without UPDATE, so no message is removed. The next `poll` returns [`Event::Closed`].
    pub fn close(&mut self) {
        self.server.close();
    }

    /// Returns the machine, which you can ask for the state.
    pub const fn server(&self) -> &Server<M, C> {
        &self.server
    }

    /// Returns whether the server cannot continue without the application.
    #[cfg(feature = "std")]
    pub(super) const fn is_stuck(&self) -> bool {
        match self.waits_for {
            WaitsFor::Answer => true,
            WaitsFor::Space => !self.wants_write(),
            WaitsFor::Input | WaitsFor::Nothing => false,
        }
    }
}

/// Shows the machine and the lengths of the buffers. The maildrop and the configuration are omitted because they are
/// yours.
impl<M, R: Storage, S: Storage, C: AsConfig> fmt::Debug for ServerConnection<M, R, S, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("ServerConnection");
        shown.field("server", &self.server).field("recv", &self.recv).field("send", &self.send);
        shown.field("due", &self.due).field("waits_for", &self.waits_for).field("ended", &self.ended);
        shown.finish_non_exhaustive()
    }
}
