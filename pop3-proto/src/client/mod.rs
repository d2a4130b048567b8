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

// `send` says what may be sent when, `poll` frames and reads answers, `answer` says what a status line changes,
// `in_flight` is the queue between them, `respond` takes tokens back, `surplus` is what nothing asked for.
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

/// A POP3 client as a state machine: commands in, events out, over bytes that the caller moves.
///
/// It owns a few hundred octets: no buffer, no socket, no clock, no stored password. Up to 16 commands may be
/// in flight. `C` is how it holds its [`ClientConfig`]: its own, a reference or an `Arc`.
///
/// Poll it until there is no event, and send then. A response that is there before its command was sent is not taken for
/// it: the session ends with [`ConnectionError::Unsolicited`].
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
/// server(&mut recv, b"+OK ready\r\n"); // what the socket's `read` brings
/// let event = recv.with(|input| client.poll(input)).unwrap();
/// assert!(matches!(event, Some(Event::Greeting(_))));
///
/// let ticket = client.send(&Command::Quit, &mut out).unwrap();
/// assert_eq!(out.pending(), b"QUIT\r\n"); // what the socket's `write` takes
/// server(&mut recv, b"+OK bye\r\n");
/// let event = recv.with(|input| client.poll(input)).unwrap();
/// assert!(matches!(event, Some(Event::Closed(_))));
/// ```
pub struct Client<C = ClientConfig> {
    config: C,
    in_flight: InFlight,
    state: State,
    turn: Turn,
    /// The caller's number for the connection: the tokens of two connections differ by it.
    id: u64,
    /// Counts the tokens given out, so that an old one is known as such.
    tokens: u32,
    /// How far into the unread octets a line end was looked for; no line is longer.
    searched: u16,
    /// The same for [`needs_input`](Self::needs_input), which may be asked about other octets than `poll` is given.
    asked: u16,
    lines: Lines,
    tls: Tls,
    greeting: Welcome,
    ending: Ending,
    /// USER was answered `+OK`, and neither PASS nor APOP was refused since: a failed AUTH leaves the name as
    /// it was.
    named: bool,
    utf8: bool,
    quit: Quit,
    rounds: u8,
    /// Some DELE was accepted since the last RSET.
    marked: bool,
    capabilities: Capabilities,
    quirks: Quirks,
    fatal: Option<ConnectionError>,
    clock: Clock,
}

const _: () = assert!(size_of::<Client>() <= 224 && size_of::<Client<&ClientConfig>>() <= 184);

/// Whose turn it is, and what the next octets are.
#[derive(Clone, Copy, Debug)]
enum Turn {
    /// A status line: the greeting, or that of the oldest command in flight; with none in flight, nothing is
    /// due.
    Status,
    /// Rows of the oldest command's answer; what CAPA listed so far.
    Rows { ending: LineEnding, count: u32, listed: Capabilities },
    /// The message of the oldest command's answer.
    Body { unstuff: Unstuff, octets: u64 },
    /// The caller's: a challenge wants a response.
    Challenge,
    /// A status line or a challenge, after `*`.
    Cancelled,
    /// The caller's: AUTH was accepted and the mechanism has to agree.
    Verdict,
    /// The caller's: the TLS handshake.
    Handshake,
}

/// How the lines of the session end (design: one rule, decided by its first line).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Lines {
    Undecided,
    Decided(LineEnding),
}

/// Whether the session runs inside TLS, and what became of STLS.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Tls {
    Off,
    Refused,
    On,
}

/// What the greeting said. TLS forgets it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Welcome {
    Plain,
    /// With a timestamp for APOP.
    Timestamp,
    /// `-ERR`: only QUIT can be sent.
    Refused,
}

/// What was told of the session's end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Ending {
    /// Nothing.
    Open,
    /// The start of a line that may be the server's farewell is unread: nothing can be sent.
    Parting,
    /// [`Event::Closed`].
    Told,
}

/// How far QUIT has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Quit {
    NotSent,
    Sent,
    Ok,
    Refused,
}

impl Client {
    /// A client that waits for the greeting. `id` is the caller's number for the connection: a token is good only for the
    /// client that gave it, and the tokens of two clients differ by it, so give each connection of a program another one.
    #[must_use]
    pub fn new(config: impl Into<ClientConfig>, id: u64) -> Self {
        Self::with_config(config.into(), id)
    }
}

impl<C: AsConfig> Client<C> {
    /// As [`new`](Client::new), with a configuration that is shared: a `&ClientConfig` or an `Arc<ClientConfig>` makes the client smaller
    /// than a `ClientConfig` of its own.
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

    /// The state of the session.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// Whether the session runs inside TLS.
    #[must_use]
    pub const fn is_tls(&self) -> bool {
        matches!(self.tls, Tls::On)
    }

    /// Whether UTF-8 mode is on (RFC 6856 section 2).
    #[must_use]
    pub const fn is_utf8(&self) -> bool {
        self.utf8
    }

    /// Whether no command is in flight.
    #[must_use]
    pub const fn is_idle(&self) -> bool {
        self.in_flight.is_empty()
    }

    /// Returns the commands that were sent and not answered yet, the oldest first: the first is the one whose response is
    /// due. After a fatal error it is the one that the error cut short.
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

    /// Whether the session is over: after [`Event::Closed`], a fatal error or [`close`](Self::close). A loop that goes on
    /// until then ends.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        self.fatal.is_some() || matches!(self.state, State::Closed)
    }

    /// Ends the session without QUIT, and the work in flight with it: the way out while a response is still coming, and
    /// if a token was lost. The server removes nothing. The next [`poll`](Self::poll) returns [`Event::Closed`], without
    /// an answer.
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

    /// What the server said that it can do.
    #[must_use]
    pub const fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// The deviations that were seen since the session, or TLS, began.
    #[must_use]
    pub const fn quirks(&self) -> Quirks {
        self.quirks
    }

    /// The most octets that [`poll`](Self::poll) ever leaves unread: a read buffer of this size never fills
    /// up.
    #[must_use]
    pub fn min_recv_buf(&self) -> usize {
        self.config.as_config().min_recv_buf()
    }

    /// What became of the messages marked for deletion, as far as is known now.
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

    /// Whether a message is marked, or may be.
    fn has_asked(&self) -> bool {
        self.marked || self.in_flight.iter().any(|ticket| ticket.verb == Verb::Dele)
    }

    /// Runs the timers: anchors what was started since the last call, and says when to call again, if any
    /// timer runs: a moment later than `now`, so that the span up to it is never zero, which a
    /// socket would refuse as a timeout.
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
    /// [`ConnectionError::TimedOut`] with the name of the timer, and any earlier fatal error.
    pub fn tick(&mut self, now: Duration) -> Result<Option<Duration>, ConnectionError> {
        if let Some(fatal) = self.fatal {
            return Err(fatal);
        }
        self.clock
            .tick(now, self.timer())
            .map_err(|timer| *self.fatal.insert(ConnectionError::TimedOut(timer)))
    }

    /// The timer that runs now. None does while the caller owes something.
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

    /// Whether the server may be taking its leave.
    const fn is_parting(&self) -> bool {
        matches!(self.ending, Ending::Parting)
    }

    /// Starts the timer that runs now over.
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

    /// Records what was tolerated, or says that the strict profile does not.
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

/// Shows the session as it stands: what is in flight by name, what the server can do by name.
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
