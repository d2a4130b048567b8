use super::sender::{Asked, Sender};
use crate::buffers::{BufferTooSmall, Reading, RecvBuf, SendBuf, Storage};
use crate::client::{AsConfig, Client, ClientConfig, Event, StartTls, Ticket};
use crate::error::{AnswerError, ConnectionError};
use core::fmt;
use core::time::Duration;

/// The number of bytes for which a growing storage makes room at each read.
const READ: usize = 16 * 1024;

/// A POP3 client with its buffers. A driver only has to read, write and wait.
///
/// # The loop
///
/// Poll until there are no more events, write the pending bytes, then read:
///
/// ```
/// use pop3_proto::{ClientConnection, Command, TlsPolicy, Verb, client::Event};
/// use std::io::{Read, Write};
///
/// /// Returns how many messages there are, and how many octets they have together.
/// fn stat(mut stream: impl Read + Write) -> Result<Option<(u32, u64)>, Box<dyn std::error::Error>> {
///     let mut pop3 = ClientConnection::new(TlsPolicy::Cleartext, 1); // for loopback: see the other policies
///     let mut total = None;
///     while !pop3.is_closed() {
///         while let Some((event, mut sender)) = pop3.poll()? {
///             let next = match event {
///                 Event::Greeting(_) => Command::User("mrose".try_into()?),
///                 Event::Ok(ticket, _) if ticket.verb == Verb::User => Command::Pass("secret".try_into()?),
///                 Event::Ok(..) => Command::Stat,
///                 Event::DropListing(_, listing) => {
///                     total = Some((listing.count, listing.octets));
///                     Command::Quit
///                 }
///                 Event::Refused(_, status) | Event::NoService(status) => return Err(status.to_string().into()),
///                 _ => continue,
///             };
///             sender.send(next)?;
///         }
///         pop3.write_to(&mut stream)?;
///         pop3.read_from(&mut stream)?;
///     }
///     Ok(total)
/// }
/// # use pop3_proto::script::Script;
/// # let script = Script::parse("S: +OK\nC: USER mrose\nS: +OK\nC: PASS secret\nS: +OK\nC: STAT\nS: +OK 2 320\nC: QUIT\nS: +OK").unwrap();
/// # assert_eq!(stat(script.server()).unwrap(), Some((2, 320)));
/// ```
///
/// Under an async runtime the loop is the same, with an `.await` in the two last lines: read into
/// [`RecvBuf::spare_mut`], and write [`SendBuf::pending`]. All state is in the connection, so a future that is dropped
/// while it waits loses nothing. Call [`tick`](Self::tick) before each wait if you want timeouts.
///
/// To return an event from your own function, look first, then poll. A loop around `poll` itself does not compile:
///
/// ```
/// # use pop3_proto::{ClientConnection, client::{Event, Sender}};
/// # use std::{error::Error, io::{Read, Write}};
/// struct Connection<S> { stream: S, pop3: ClientConnection<Vec<u8>> }
///
/// impl<S: Read + Write> Connection<S> {
///     fn next(&mut self) -> Result<Option<(Event<'_>, Sender<'_>)>, Box<dyn Error>> {
///         while !self.pop3.is_closed() && !self.pop3.is_ready() {
///             self.pop3.write_to(&mut self.stream)?;
///             self.pop3.read_from(&mut self.stream)?;
///         }
///         Ok(self.pop3.poll()?)
///     }
/// }
/// ```
///
/// # If a call fails
///
/// A call of [`Sender`] that fails has changed nothing. You can send the command again after you have fixed the
/// cause. If the answer to a challenge fails, the next `poll` returns the challenge again, with a token: answer
/// otherwise, or cancel.
///
/// # Rows that are malformed
///
/// [`Event::Malformed`] replaces a row of a listing that the client cannot read, and the listing continues. Do not
/// let `_ => {}` swallow it, because the message in that row is then missing from your list. Report it, or ask for
/// the missing message with LIST or UIDL and its number.
///
/// # Stopping early
///
/// You can stop at any event:
///
/// | you | then |
/// |---|---|
/// | leave the loop and return later | nothing is lost: poll again, and the next event follows |
/// | send QUIT and poll to [`Event::Closed`] | the server removes the marked messages, and `Closed` says whether it did |
/// | call [`close`](Self::close), or drop the connection | the server removes nothing |
///
/// After `close`:
///
/// | part | may be used again |
/// |---|---|
/// | the configuration | yes |
/// | the memory of the buffers | yes, if you lent it by `&mut` |
/// | the stream | no, because the rest of a response may follow |
/// | responses to commands [in flight](Self::in_flight) | no, they are lost, and so is the effect of the commands |
/// | the part of a message before [`Event::End`] | no, discard it, and fetch the message again in another session |
/// | messages marked with DELE | yes, the marks are gone, and the messages are still there |
///
/// # Waiting without a command
///
/// A client that has sent no command waits for nothing: [`is_waiting`](Self::is_waiting) is `false`, no timer runs,
/// and `read_from` fails with `NothingDue`. So a loop that missed an event ends. To keep an idle session open, send
/// [`Command::Noop`](crate::Command::Noop) from time to time with [`sender`](Self::sender). Servers may close after
/// 10 minutes (RFC 1939 section 3). Bytes that arrive meanwhile are an error that the next `poll` reports.
///
/// # When to use the machine instead
///
/// [`Client`] is the same without buffers. Use it if many connections share buffers, if you already have the bytes in
/// memory, or for the last nanosecond.
pub struct ClientConnection<R, S = R, C: AsConfig = ClientConfig>
where
    R: Storage,
    S: Storage,
{
    client: Client<C>,
    recv: RecvBuf<R>,
    send: SendBuf<S>,
    asked: Asked,
    /// Whether `poll` has returned an error.
    failed: bool,
}

#[cfg(feature = "alloc")]
impl ClientConnection<alloc::vec::Vec<u8>> {
    /// Returns a client that waits for the greeting, with buffers on the heap that grow as needed.
    ///
    /// `id` is your number for the connection, which distinguishes the tokens of two connections.
    pub fn new(config: impl Into<ClientConfig>, id: u64) -> Self {
        let config = config.into();
        ClientConnection {
            recv: RecvBuf::with_enough(alloc::vec::Vec::new(), config.min_recv_buf(), READ),
            send: SendBuf::with_enough(alloc::vec::Vec::new(), config.min_send_buf()),
            client: Client::new(config, id),
            asked: Asked::NOTHING,
            failed: false,
        }
    }
}

// With slices as buffers, which are two words each.
const _: () = assert!(size_of::<ClientConnection<&mut [u8]>>() <= 448);

impl<R: Storage, S: Storage, C: AsConfig> ClientConnection<R, S, C> {
    /// Returns a client that waits for the greeting, with these buffers: arrays, slices, `Vec`s or your own
    /// [`Storage`].
    ///
    /// `config` is a [`ClientConfig`], a reference to one, an `Arc` of one, or your own [`AsConfig`].
    ///
    /// ```
    /// use pop3_proto::{ClientConnection, Limits, TlsPolicy, client::ClientConfig};
    ///
    /// let config = ClientConfig::new(TlsPolicy::Implicit).with_limits(Limits::DEFAULT.with_sasl_line(512));
    /// let (mut recv, mut send) = ([0; 1024], [0; 512]);
    /// let pop3 = ClientConnection::with_buffers(&config, 1, &mut recv[..], &mut send[..]).unwrap();
    /// # let _: ClientConnection<&mut [u8], &mut [u8], &ClientConfig> = pop3;
    /// ```
    ///
    /// # Errors
    /// Returns [`BufferTooSmall`] if `recv` has fewer bytes than [`ClientConfig::min_recv_buf`].
    /// Returns [`BufferTooSmall`] if `send` has fewer bytes than [`ClientConfig::min_send_buf`].
    pub fn with_buffers(config: C, id: u64, recv: R, send: S) -> Result<Self, BufferTooSmall> {
        let recv = RecvBuf::for_machine(recv, config.as_config().min_recv_buf(), READ)?;
        let send = SendBuf::for_machine(send, config.as_config().min_send_buf())?;
        let client = Client::with_config(config, id);
        Ok(ClientConnection { client, recv, send, asked: Asked::NOTHING, failed: false })
    }

    /// Returns the next event, with a sender that you can use while you hold the event. `None` means that there is no event
    /// now, or that the session [is over](Self::is_closed).
    ///
    /// # Errors
    /// Returns [`ConnectionError`] if the peer broke a rule, or if the stream ended inside a response. All later
    /// calls return the same error.
    #[inline(always)]
    pub fn poll(&mut self) -> Result<Option<(Event<'_>, Sender<'_, C>)>, ConnectionError> {
        let ClientConnection { client, recv, send, asked, failed } = self;
        let mut reading = recv.read();
        // Inlined, and returned directly: a row, or bytes of a message, because these are the most frequent events.
        if let Some(event) = client.plain(&mut reading.input) {
            reading.done();
            return Ok(Some((event, Sender::new(client, send, asked))));
        }
        match general(client, reading, asked) {
            Ok(Some(event)) => Ok(Some((event, Sender::new(client, send, asked)))),
            Ok(None) => Ok(None),
            Err(fatal) => {
                *failed = true;
                Err(fatal)
            }
        }
    }

    /// Returns whether [`poll`](Self::poll) has an event or an error. If it has none, read if the client
    /// [is waiting](Self::is_waiting); otherwise it is your turn.
    pub fn is_ready(&mut self) -> bool {
        if self.asked.is_due() {
            return true;
        }
        !self.client.has_told() && !self.client.needs_input(self.recv.unread(), self.recv.is_eof())
    }

    /// Returns whether a response is pending, so reading makes sense.
    pub fn is_waiting(&self) -> bool {
        self.client.is_waiting()
    }

    /// Returns whether the session is over: `poll` has returned [`Event::Closed`], or an error. Bytes may still be
    /// [pending](Self::wants_write).
    pub const fn is_closed(&self) -> bool {
        self.failed || self.client.has_told()
    }

    /// Returns whether bytes wait to be sent.
    pub const fn wants_write(&self) -> bool {
        !self.send.is_empty()
    }

    /// Returns the sender, for sending while you hold no event.
    ///
    /// Bytes that are unread now were sent before your command, so they cannot answer it. If no response is pending,
    /// they are fatal: `send` fails with [`SendError::Over`](crate::client::SendError::Over), and the next `poll`
    /// returns the error.
    pub fn sender(&mut self) -> Sender<'_, C> {
        self.client.note_unread(self.recv.unread());
        Sender::new(&mut self.client, &mut self.send, &mut self.asked)
    }

    /// Returns the bytes that were received and not yet read, as a view that cannot change them. Once the connection
    /// [is ready](Self::is_ready), they begin with the bytes that [`poll`](Self::poll) reads next, so a program can
    /// show a line that is not a response:
    ///
    /// ```
    /// use pop3_proto::{ClientConnection, TlsPolicy};
    ///
    /// let mut pop3 = ClientConnection::new(TlsPolicy::Cleartext, 1);
    /// pop3.read_from(&mut &b"220 smtp.example.com\r\n"[..])?;
    /// assert!(pop3.is_ready());
    /// assert_eq!(pop3.unread(), b"220 smtp.example.com\r\n");
    /// assert!(pop3.poll().is_err());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn unread(&self) -> &[u8] {
        self.recv.unread()
    }

    /// Returns whether the stream from the server has ended. Bytes received before that may still be [unread](Self::unread).
    pub const fn is_eof(&self) -> bool {
        self.recv.is_eof()
    }

    /// Returns the buffer of received bytes, to read into.
    pub fn recv_buf(&mut self) -> &mut RecvBuf<R> {
        self.recv.pin(self.asked.is_open(&self.client));
        &mut self.recv
    }

    /// Returns the buffer of pending bytes, to write from.
    pub const fn send_buf(&mut self) -> &mut SendBuf<S> {
        &mut self.send
    }

    /// Returns the bytes that wait to be sent to the server, as a view that cannot change them. To report that they
    /// were sent, use [`send_buf`](Self::send_buf).
    pub fn pending(&self) -> &[u8] {
        self.send.pending()
    }

    /// Frees the unused memory of both buffers. An idle connection with `Vec`s then has no buffer memory.
    pub fn shrink(&mut self) {
        self.recv_buf().shrink();
        self.send.shrink();
    }

    /// Reports that the TLS handshake succeeded: see [`Client::tls_started`].
    ///
    /// Bytes that are still unread were received before TLS, which means that an attacker injected them. The next
    /// `poll` then returns [`ConnectionError::PlaintextAfterStls`].
    ///
    /// # Errors
    /// Returns [`AnswerError`] if the token is an old one.
    /// Returns [`AnswerError`] if the token belongs to another connection.
    #[doc(alias = "STLS")]
    pub fn tls_started(&mut self, start: StartTls) -> Result<(), AnswerError> {
        Ok(self.client.tls_started(start, self.recv.input())?)
    }

    /// Runs the timers and returns when to call this again, or `None` if no timer runs. Call it before each wait.
    ///
    /// Both times are measured from a start that you choose, such as `start.elapsed()`. The time returned is later than
    /// `now`.
    ///
    /// # Errors
    /// Returns [`ConnectionError::TimedOut`] if a timer ran out.
    /// Returns the earlier error if the session has failed already.
    pub fn tick(&mut self, now: Duration) -> Result<Option<Duration>, ConnectionError> {
        match self.client.tick(now) {
            Ok(next) => Ok(next),
            Err(fatal) => {
                self.failed = true;
                Err(fatal)
            }
        }
    }

    /// Returns the commands whose responses are pending, the oldest first.
    pub fn in_flight(&self) -> impl Iterator<Item = Ticket> + '_ {
        self.client.in_flight()
    }

    /// Ends the session without QUIT, so the server removes nothing. The next `poll` returns [`Event::Closed`].
    pub fn close(&mut self) {
        self.client.close();
    }

    /// Returns the machine, which you can ask for the state, the capabilities and the deletions.
    pub const fn client(&self) -> &Client<C> {
        &self.client
    }
}

/// Shows the machine and the lengths of the buffers.
impl<R: Storage, S: Storage, C: AsConfig> fmt::Debug for ClientConnection<R, S, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("ClientConnection");
        shown.field("client", &self.client).field("recv", &self.recv).field("send", &self.send);
        shown.field("asked", &self.asked).field("failed", &self.failed).finish()
    }
}

/// Returns an event that is not a plain one: the challenge whose answer failed, unless the session has ended since,
/// or the machine's next event.
#[inline(never)]
fn general<'r, C: AsConfig>(
    client: &mut Client<C>,
    mut reading: Reading<'r>,
    asked: &mut Asked,
) -> Result<Option<Event<'r>>, ConnectionError> {
    if asked.is_due() {
        client.note_unread(reading.input.unread());
        if asked.is_open(client) {
            return Ok(asked.again(reading.all));
        }
        *asked = Asked::NOTHING;
    }
    let polled = client.general(&mut reading.input).polled;
    if let Ok(Some(event)) = &polled {
        asked.note(event, reading.all);
    }
    reading.done();
    polled
}
