//! The client: its configuration, events and errors, and the machine.
//!
//! Most programs use [`ClientConnection`](crate::ClientConnection), which returns each [`Event`] with a [`Sender`]. [`Client`]
//! is the machine without buffers: [`Client::send`] encodes a command, and [`Client::poll`] returns the next event.
//!
//! Three events require an answer, which takes their token: [`Challenge`](Event::Challenge),
//! [`AuthAccepted`](Event::AuthAccepted) and [`StartTls`](Event::StartTls).
//!
//! The guide shows how to [move the bytes](crate::guide::io), [log in](crate::guide::authentication),
//! [pipeline](crate::guide::pipelining) and [delete](crate::guide::deletion).

// `send` decides which command may be sent, `poll` frames and reads responses, `answer` applies a status line,
// `in_flight` is the queue between them, `respond` takes tokens, `surplus` handles bytes that no command asked for.
mod answer;
mod capabilities;
mod config;
mod event;
mod in_flight;
mod listed_unique_id;
mod plain;
mod poll;
mod respond;
mod send;
mod surplus;

pub use capabilities::{Capabilities, Feature, Source, Support};
pub use config::{AsConfig, ClientConfig};
pub use event::{Closed, Deletions, Event, Greeting, SaslDone, SaslStep, StartTls};
pub(crate) use in_flight::InFlight;
pub use in_flight::Ticket;
pub use listed_unique_id::ListedUniqueId;
pub(crate) use poll::{read_line, read_row};
pub use send::{SendError, TlsRefusal};

pub use crate::connection::Sender;

use crate::body::Unstuff;
use crate::codec::{LineEnding, State, Verb};
use crate::error::ConnectionError;
use crate::quirks::{Profile, Quirk, Quirks};
use crate::time::{Clock, Timer};
use crate::types::TlsPolicy;
use core::fmt;
use core::time::Duration;

/// A POP3 client as a state machine. Commands go in and events come out, and you move the bytes.
///
/// It takes a few hundred bytes, and contains no buffer, socket, clock or password. Up to 16 commands may be in flight.
/// `C` is its [`ClientConfig`], a reference to one, or an `Arc` of one.
///
/// Poll it until there are no more events, and only then send. A response that arrives before its command was sent ends
/// the session with [`ConnectionError::Unsolicited`].
///
/// ```
/// use pop3_proto::{Client, Command, RecvBuf, SendBuf, TlsPolicy, client::Event};
///
/// let mut client = Client::new(TlsPolicy::Cleartext, 1);
/// let mut buffer = [0; 512];
/// let mut out = SendBuf::new(&mut buffer[..]);
/// let mut recv = RecvBuf::new([0; 1024]);
/// # let mut server = |recv: &mut RecvBuf<[u8; 1024]>, octets: &[u8]| {
/// #     recv.spare_mut()[..octets.len()].copy_from_slice(octets);
/// #     recv.received(octets.len());
/// # };
///
/// server(&mut recv, b"+OK ready\r\n"); // bytes that you read from the socket
/// let event = recv.with(|input| client.poll(input)).unwrap();
/// assert!(matches!(event, Some(Event::Greeting(_))));
///
/// let ticket = client.send(&Command::Quit, &mut out).unwrap();
/// assert_eq!(out.pending(), b"QUIT\r\n"); // bytes to write to the socket
/// server(&mut recv, b"+OK bye\r\n");
/// let event = recv.with(|input| client.poll(input)).unwrap();
/// assert!(matches!(event, Some(Event::Closed(_))));
/// ```
pub struct Client<C = ClientConfig> {
    config: C,
    in_flight: InFlight,
    state: State,
    turn: Turn,
    /// The caller's number for the connection. The tokens of two connections differ by it.
    id: u64,
    /// Counts the returned tokens, so that an old token is recognized.
    tokens: u32,
    /// The number of unread bytes that contain no line end. No line is longer.
    searched: u16,
    /// The same for [`needs_input`](Self::needs_input), which may be called with other bytes than `poll`.
    asked: u16,
    /// The length of the last plain unique-id. It is a guess, which changes no event.
    id_length: u8,
    lines: Lines,
    tls: Tls,
    greeting: Welcome,
    ending: Ending,
    /// The server accepted USER, and has refused neither PASS nor APOP since. A failed AUTH does not change this.
    named: bool,
    utf8: bool,
    quit: Quit,
    rounds: u8,
    /// The server accepted a DELE since the last RSET.
    marked: bool,
    capabilities: Capabilities,
    quirks: Quirks,
    fatal: Option<ConnectionError>,
    clock: Clock,
}

const _: () = assert!(size_of::<Client>() <= 224 && size_of::<Client<&ClientConfig>>() <= 184);

/// The bytes that the client expects next, or the answer that it waits for.
#[derive(Clone, Copy, Debug)]
enum Turn {
    /// The client expects the greeting, or the status line of the oldest command in flight. With no command in flight, it
    /// expects no bytes.
    Status,
    /// The client expects rows of the oldest command's response. `listed` collects the rows of CAPA.
    Rows { ending: LineEnding, count: u32, listed: Capabilities },
    /// The client expects the message in the oldest command's response.
    Body { unstuff: Unstuff, octets: u64 },
    /// The client waits for the caller's response to a challenge.
    Challenge,
    /// The client expects a status line or another challenge, after `*`.
    Cancelled,
    /// The client waits for the verdict of the caller's mechanism.
    Verdict,
    /// The client waits for the TLS handshake.
    Handshake,
}

/// How the lines of the session end. The first line decides.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Lines {
    Undecided,
    Decided(LineEnding),
}

/// Whether the session runs inside TLS, and whether STLS was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Tls {
    Off,
    Refused,
    On,
}

/// The kind of the greeting. TLS clears it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Welcome {
    Plain,
    /// The greeting contains a timestamp for APOP.
    Timestamp,
    /// The greeting was `-ERR`, so only QUIT can be sent.
    Refused,
}

/// How far the end of the session was reported.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Ending {
    /// The session has not ended.
    Open,
    /// The start of a line that may be the server's farewell is unread. No command can be sent.
    Parting,
    /// `poll` returned [`Event::Closed`].
    Told,
}

/// The progress of QUIT.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Quit {
    NotSent,
    Sent,
    Ok,
    Refused,
}

impl Client {
    /// Makes a client that waits for the greeting. Give each connection of a program a different `id`: a token is only valid for
    /// the client with its `id`.
    #[must_use]
    pub fn new(config: impl Into<ClientConfig>, id: u64) -> Self {
        Self::with_config(config.into(), id)
    }
}

impl<C: AsConfig> Client<C> {
    /// Makes a client like [`new`](Client::new), with a shared configuration. With a `&ClientConfig` or an `Arc<ClientConfig>`, the client
    /// is smaller than with its own `ClientConfig`.
    #[must_use]
    pub fn with_config(config: C, id: u64) -> Self {
        let ClientConfig { tls, greeting, .. } = *config.as_config();
        Client {
            config,
            in_flight: InFlight::new(),
            state: State::Greeting,
            turn: Turn::Status,
            id,
            tokens: 0,
            searched: 0,
            asked: 0,
            id_length: 1,
            lines: Lines::Undecided,
            tls: if matches!(tls, TlsPolicy::Implicit) { Tls::On } else { Tls::Off },
            greeting: Welcome::Plain,
            ending: Ending::Open,
            named: false,
            utf8: false,
            quit: Quit::NotSent,
            rounds: 0,
            marked: false,
            capabilities: Capabilities::NONE,
            quirks: Quirks::NONE,
            fatal: None,
            clock: Clock::new(greeting),
        }
    }

    /// Returns the state of the session.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// Returns whether the session runs inside TLS.
    #[must_use]
    pub const fn is_tls(&self) -> bool {
        matches!(self.tls, Tls::On)
    }

    /// Returns whether UTF-8 mode is on (RFC 6856 section 2).
    #[must_use]
    pub const fn is_utf8(&self) -> bool {
        self.utf8
    }

    /// Returns whether no command is in flight.
    #[must_use]
    pub const fn is_idle(&self) -> bool {
        self.in_flight.is_empty()
    }

    /// Returns the commands that wait for their response, the oldest first. After a fatal error, the first one is the command
    /// that the error interrupted.
    ///
    /// ```
    /// use pop3_proto::{Client, Command, Input, SendBuf, TlsPolicy, Verb};
    ///
    /// let mut client = Client::new(TlsPolicy::Cleartext, 1);
    /// let mut send = SendBuf::new(vec![]);
    /// client.poll(&mut Input::more(b"+OK ready\r\n")).unwrap();
    /// client.send(&Command::Capa, &mut send).unwrap();
    /// assert_eq!(client.in_flight().next().unwrap().verb, Verb::Capa);
    /// ```
    pub fn in_flight(&self) -> impl Iterator<Item = Ticket> + '_ {
        self.in_flight.iter()
    }

    /// Returns whether the session is over: after [`Event::Closed`], a fatal error or [`close`](Self::close). A loop that runs
    /// until then always ends.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        self.fatal.is_some() || matches!(self.state, State::Closed)
    }

    /// Ends the session without QUIT, together with all commands in flight. Use it to stop in the middle of a response, or
    /// if a token is lost. The server removes no message. The next [`poll`](Self::poll) returns [`Event::Closed`] without a
    /// response to QUIT.
    ///
    /// ```
    /// use pop3_proto::{Client, Input, TlsPolicy, client::Event};
    ///
    /// let mut client = Client::new(TlsPolicy::Cleartext, 1);
    /// client.close();
    /// assert!(client.is_closed());
    /// let mut input = Input::more(b"");
    /// assert!(matches!(client.poll(&mut input), Ok(Some(Event::Closed(closed))) if closed.answer.is_none()));
    /// assert!(client.poll(&mut input).unwrap().is_none());
    /// ```
    pub fn close(&mut self) {
        self.marked = self.has_asked();
        self.in_flight.clear();
        self.state = State::Closed;
        self.turn = Turn::Status;
    }

    /// Returns the capabilities that the server announced.
    #[must_use]
    pub const fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// Returns the deviations since the start of the session, or since TLS started.
    #[must_use]
    pub const fn quirks(&self) -> Quirks {
        self.quirks
    }

    /// Returns the largest number of bytes that [`poll`](Self::poll) leaves unread. A receive buffer of this size never
    /// fills up.
    #[must_use]
    pub fn min_recv_buf(&self) -> usize {
        self.config.as_config().min_recv_buf()
    }

    /// Returns what happened to the messages marked for deletion, as far as the client knows now.
    #[must_use]
    pub fn deletions(&self) -> Deletions {
        match self.quit {
            _ if !self.has_asked() => Deletions::NoneAsked,
            Quit::NotSent => Deletions::Pending,
            Quit::Sent => Deletions::Unknown,
            Quit::Ok => Deletions::Committed,
            Quit::Refused => Deletions::RefusedInPart,
        }
    }

    /// Returns whether a message is marked, or may be marked.
    fn has_asked(&self) -> bool {
        self.marked || self.in_flight.iter().any(|ticket| ticket.verb == Verb::Dele)
    }

    /// Runs the timers and returns when to call this again, or `None` if no timer is running. The returned time is always
    /// later than `now`, as socket timeouts need.
    ///
    /// Call it before each wait, with a clock that never goes back.
    ///
    /// ```
    /// use pop3_proto::{Client, ConnectionError, Timer, TlsPolicy};
    /// use core::time::Duration;
    ///
    /// let mut client = Client::new(TlsPolicy::Cleartext, 1);
    /// assert_eq!(client.tick(Duration::ZERO), Ok(Some(Duration::from_secs(60)))); // for the greeting
    /// assert_eq!(client.tick(Duration::from_secs(20)), Ok(Some(Duration::from_secs(60))));
    /// assert_eq!(client.tick(Duration::from_secs(60)), Err(ConnectionError::TimedOut(Timer::Greeting)));
    /// ```
    ///
    /// # Errors
    /// Returns [`ConnectionError::TimedOut`] with the timer that ran out, or an earlier fatal error.
    pub fn tick(&mut self, now: Duration) -> Result<Option<Duration>, ConnectionError> {
        if let Some(fatal) = self.fatal {
            return Err(fatal);
        }
        self.clock
            .tick(now, self.timer())
            .map_err(|timer| *self.fatal.insert(ConnectionError::TimedOut(timer)))
    }

    /// Returns the timer that runs now. No timer runs while the client waits for the caller.
    fn timer(&self) -> Option<Timer> {
        match self.turn {
            _ if matches!(self.state, State::Closed) => None,
            _ if self.is_parting() => Some(Timer::Answer),
            Turn::Handshake => Some(Timer::Tls),
            Turn::Challenge | Turn::Verdict => None,
            _ if self.state == State::Greeting => Some(Timer::Greeting),
            _ if !self.in_flight.is_empty() => Some(Timer::Answer),
            _ => None,
        }
    }

    /// Returns whether the server may be sending its farewell.
    const fn is_parting(&self) -> bool {
        matches!(self.ending, Ending::Parting)
    }

    /// Restarts the timer that runs now.
    fn arm(&mut self) {
        if let Some(timer) = self.timer() {
            self.clock.rearm(self.config.as_config().span(timer));
        }
    }

    const fn logged_in(&mut self) {
        self.state = State::Transaction;
        self.named = false;
        self.capabilities.logged_in();
    }

    /// Records tolerated deviations. With the strict profile, returns an error instead.
    fn tolerate(&mut self, quirks: Quirks) -> Result<(), ConnectionError> {
        match self.config.as_config().profile {
            Profile::Strict => {
                quirks.iter().next().map_or(Ok(()), |quirk| Err(ConnectionError::Strict(quirk)))
            }
            Profile::Tolerant => {
                self.quirks.note_all(quirks);
                Ok(())
            }
        }
    }

    fn tolerate_one(&mut self, quirk: Quirk) -> Result<(), ConnectionError> {
        self.tolerate([quirk].into_iter().collect())
    }
}

/// Shows the current session, with the names of commands in flight and of capabilities.
impl<C: AsConfig> fmt::Debug for Client<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("id", &self.id)
            .field("state", &self.state)
            .field("in_flight", &self.in_flight)
            .field("turn", &self.turn)
            .field("fatal", &self.fatal)
            .field("tls", &self.tls)
            .field("utf8", &self.utf8)
            .field("greeting", &self.greeting)
            .field("ending", &self.ending)
            .field("named", &self.named)
            .field("deletions", &self.deletions())
            .field("quit", &self.quit)
            .field("marked", &self.marked)
            .field("tokens", &self.tokens)
            .field("rounds", &self.rounds)
            .field("lines", &self.lines)
            .field("searched", &self.searched)
            .field("capabilities", &self.capabilities)
            .field("quirks", &self.quirks)
            .field("clock", &self.clock)
            .field("config", self.config.as_config())
            .finish()
    }
}
