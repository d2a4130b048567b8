//! The server: its configuration, questions and errors, and the machine.
//!
//! Most programs use [`ServerConnection`](crate::ServerConnection), which asks the application one question at a time, as an [`Event`], and returns
//! it with a [`Responder`]. [`Server`] is the machine without buffers: [`Server::poll`] returns a [`Step`], and its questions are [`Ask`].
//! [`ServerConfig`] contains what the server offers, and a [`Maildrop`] lists the messages.
//!
//! The guide shows a [complete server](crate::guide::serving), and explains [logins](crate::guide::authentication),
//! [TLS](crate::guide::tls), [back-pressure](crate::guide::buffers) and [limits](crate::guide::errors).

// `command` runs each command, `answer` takes the application's answers, `reply` writes one line at a time and can be resumed, `message`
// sends bodies.
mod answer;
mod check;
mod command;
mod config;
mod maildrop;
mod message;
mod phrase;
mod poll;
mod question;
mod reply;
mod text;

pub use check::ConfigError;
pub use config::{AsConfig, ServerConfig, Utf8};
pub use maildrop::{Entry, Maildrop, MessageInfo};
pub use phrase::{Language, Phrase, Translation};
pub use question::{
    Ask, BodyError, CloseReason, Commit, Credentials, Fetch, Greet, Login, Other, Refusable, Refusal, Sent,
    StartTls, Step, Unaccepted, User, UserPolicy,
};

pub use crate::connection::{Event, Responder};

use crate::body::{Stuff, TopFilter};
use crate::codec::State;
use crate::error::ConnectionError;
use crate::quirks::Quirks;
use crate::time::{Clock, Countdown, Timer};
use crate::types::{MessageNumber, Text, TlsPolicy};
use core::fmt;
use core::time::Duration;
pub(crate) use question::Token;
use question::{Mark, Question};
use reply::{Extent, Reply};

/// A POP3 server as a state machine, for one connection. Commands go in and responses come out, and you move the bytes.
///
/// It takes a few hundred bytes, plus the maildrop that your application passes at login. It never allocates. `C` is a reference to its
/// [`ServerConfig`], or an `Arc` of one.
///
/// ```
/// use pop3_proto::{Input, SendBuf, Server, Text, TlsPolicy, UniqueId};
/// use pop3_proto::server::{Ask, MessageInfo, ServerConfig, Step};
///
/// static CONFIG: ServerConfig = ServerConfig::new(TlsPolicy::Cleartext);
/// let mut slots = [MessageInfo::new(120, UniqueId::new(b"a-1").unwrap())];
/// let mut server = Server::new(&CONFIG, 1);
/// let mut buffer = [0; 1024];
/// let mut out = SendBuf::new(&mut buffer[..]);
/// let mut input = Input::more(b"USER mrose\r\nPASS secret\r\nSTAT\r\n");
/// let mut maildrop = Some(&mut slots[..]);
/// loop {
///     match server.poll(&mut input, &mut out).unwrap() {
///         Step::Ask(Ask::Greet(greet)) => server.greet(greet, Text::from_static("ready"), &mut out).unwrap(),
///         Step::Ask(Ask::User(user, _name)) => server.accept_name(user).unwrap(),
///         Step::Ask(Ask::Login(login, _credentials)) => {
///             server.accept(login, maildrop.take().unwrap()).unwrap();
///         }
///         Step::NeedInput => break,
///         step => panic!("{step:?}"),
///     }
/// }
/// assert_eq!(out.pending(), b"+OK ready\r\n+OK send PASS\r\n+OK maildrop open\r\n+OK 1 120\r\n");
/// ```
pub struct Server<L, C: AsConfig = &'static ServerConfig<'static>> {
    config: C,
    id: u64,
    maildrop: Option<L>,
    totals: Totals,
    state: State,
    turn: Turn,
    /// Counts the returned tokens, so that an old token is recognized.
    tokens: u32,
    /// The number of unread bytes that contain no line end.
    searched: u16,
    tls: bool,
    /// The greeting had a timestamp, and TLS has not started since.
    apop: bool,
    /// A name was accepted, so PASS may follow.
    named: bool,
    utf8: bool,
    /// The sink had no room for the next output.
    blocked: bool,
    /// The room that the sink had then.
    room: u32,
    /// The bytes of slices that the driver has not reported as sent.
    lent: u32,
    /// The position of the selected language in the configuration, from 1, or 0 for English.
    language: u8,
    bad_commands: u8,
    failed_logins: u8,
    announce: UserPolicy,
    quirks: Quirks,
    fatal: Option<ConnectionError>,
    /// The remaining time for the login.
    login: Countdown,
    /// The other timers. Only one runs at a time.
    clock: Clock,
}

/// The step that the server does next, or the answer that it waits for.
#[derive(Clone, Copy, Debug)]
enum Turn {
    /// The server will ask the application for the greeting.
    Start,
    /// The server waits for a command.
    Command,
    /// The server waits for a response inside AUTH.
    Response,
    /// The server skips the rest of a line that is too long: a response inside AUTH, or a command.
    Skip { response: bool },
    /// The server waits for the application's answer to this question.
    Asked(Question),
    /// The server writes this reply.
    Reply(Reply),
    /// The server waits for the application to write the open message.
    Body(Body),
    /// The response to STLS is written, and the server will ask the application for the handshake.
    StartTls,
    /// The session is over.
    Closed(CloseReason),
}

/// A message that is being sent.
#[derive(Clone, Copy, Debug)]
struct Body {
    stuff: Stuff,
    extent: Extent<TopFilter>,
}

/// The number and total size of all messages that can be served, and of the unmarked ones, so STAT need not count.
#[derive(Clone, Copy, Default, Debug)]
struct Totals {
    count: u32,
    unmarked_count: u32,
    octets: u64,
    unmarked_octets: u64,
}

impl Totals {
    /// Adds a message that can be served.
    const fn add(&mut self, octets: u64, marked: bool) {
        self.count = self.count.saturating_add(1);
        self.octets = self.octets.saturating_add(octets);
        if !marked {
            self.unmarked_count = self.unmarked_count.saturating_add(1);
            self.unmarked_octets = self.unmarked_octets.saturating_add(octets);
        }
    }

    const fn mark(&mut self, octets: u64) {
        self.unmarked_count = self.unmarked_count.saturating_sub(1);
        self.unmarked_octets = self.unmarked_octets.saturating_sub(octets);
    }

    const fn unmark_all(&mut self) {
        (self.unmarked_count, self.unmarked_octets) = (self.count, self.octets);
    }
}

impl<L, C: AsConfig> Server<L, C> {
    /// Makes a server for one connection. Give each connection of a program a different `id`: a token is only valid for the server with
    /// its `id`.
    ///
    /// A configuration that is not a `static` can be shared in an `Arc`, or borrowed for a shorter time:
    ///
    /// ```
    /// use pop3_proto::{OwnedUniqueId, Server, TlsPolicy, server::{MessageInfo, ServerConfig}};
    /// use std::sync::Arc;
    ///
    /// type Mail = Vec<MessageInfo<OwnedUniqueId>>;
    ///
    /// let config = ServerConfig::new(TlsPolicy::Implicit);
    /// let borrowed: Server<Mail, &ServerConfig> = Server::new(&config, 1);
    /// let shared: Server<Mail, Arc<ServerConfig>> = Server::new(Arc::new(config), 2);
    /// ```
    pub fn new(config: C, id: u64) -> Self {
        let timers = config.as_config().timers;
        Server {
            tls: config.as_config().tls == TlsPolicy::Implicit,
            config,
            id,
            maildrop: None,
            totals: Totals::default(),
            state: State::Greeting,
            turn: Turn::Start,
            tokens: 0,
            searched: 0,
            apop: false,
            named: false,
            utf8: false,
            blocked: false,
            room: 0,
            lent: 0,
            language: 0,
            bad_commands: 0,
            failed_logins: 0,
            announce: UserPolicy { login_delay: None, expire: None },
            quirks: Quirks::NONE,
            fatal: None,
            login: Countdown::new(timers.login),
            clock: Clock::new(timers.autologout),
        }
    }

    /// Returns the state of the session.
    pub const fn state(&self) -> State {
        self.state
    }

    /// Returns whether the session runs inside TLS.
    pub const fn is_tls(&self) -> bool {
        self.tls
    }

    /// Returns whether UTF-8 mode is on (RFC 6856 section 2).
    pub const fn is_utf8(&self) -> bool {
        self.utf8
    }

    /// Returns the deviations since the start of the session, or since TLS started.
    pub const fn quirks(&self) -> Quirks {
        self.quirks
    }

    /// Returns the largest number of bytes that [`poll`](Self::poll) leaves unread while it wants input. A receive buffer of this size never
    /// fills up.
    pub fn min_recv_buf(&self) -> usize {
        self.config.as_config().min_recv_buf()
    }

    /// Returns the maildrop, or `None` before login.
    pub const fn maildrop(&self) -> Option<&L> {
        self.maildrop.as_ref()
    }

    /// Returns the maildrop, or `None` before login. Do not change the number, order, sizes or marks of its messages.
    pub const fn maildrop_mut(&mut self) -> Option<&mut L> {
        self.maildrop.as_mut()
    }

    /// Returns the messages that are marked for deletion, in order. Remove them when you are asked to [`Commit`](Ask::Commit). Before
    /// login, there are none.
    pub fn marked(&self) -> impl Iterator<Item = MessageNumber>
    where
        L: Maildrop,
    {
        let maildrop = self.maildrop.as_ref();
        let is_marked = move |number: &MessageNumber| {
            maildrop.and_then(|maildrop| maildrop.entry(*number).ok()).is_some_and(|entry| entry.marked)
        };
        MessageNumber::up_to(maildrop.map_or(0, Maildrop::count)).filter(is_marked)
    }

    /// Takes the maildrop, with its lock, out of a session that is over, so another session can open it while the last
    /// response is sent. Returns `None` before that.
    pub const fn take_maildrop(&mut self) -> Option<L> {
        match self.turn {
            Turn::Closed(_) => self.maildrop.take(),
            _ if self.fatal.is_some() => self.maildrop.take(),
            _ => None,
        }
    }

    /// Returns the maildrop, with its lock, or `None` before login.
    pub fn into_maildrop(self) -> Option<L> {
        self.maildrop
    }

    /// Ends the session without UPDATE. Use it if a token is lost, or if a message cannot be sent completely. The server removes no
    /// message and writes no more output.
    pub const fn close(&mut self) {
        if !matches!(self.turn, Turn::Closed(_)) {
            self.end(CloseReason::Aborted);
        }
    }

    /// Runs the timers and returns when to call this again, or `None` if no timer is running. The returned time is always later than
    /// `now`, as socket timeouts need. If `now` is the largest [`Duration`], the result is `None`.
    ///
    /// Call it before each wait, with a clock that never goes back.
    ///
    /// # Errors
    /// Returns [`ConnectionError::TimedOut`] with the timer that ran out, or an earlier fatal error. The server removes no message. Close
    /// the connection without a response (RFC 1939 section 3).
    pub fn tick(&mut self, now: Duration) -> Result<Option<Duration>, ConnectionError> {
        if let Some(fatal) = self.fatal {
            return Err(fatal);
        }
        let early = !matches!(self.state, State::Transaction | State::Update);
        let next = match self.timer() {
            Some(Timer::Login) => self.clock.tick_login(now, &mut self.login, None),
            // A client that does not read uses up its time for the login.
            Some(Timer::Output) if early => self.clock.tick_login(now, &mut self.login, Some(Timer::Output)),
            timer => self.clock.tick(now, timer),
        };
        next.map_err(|timer| *self.fatal.insert(ConnectionError::TimedOut(timer)))
    }

    /// Returns the timer that runs now. No timer runs while the application owes an answer, or can write the open message.
    const fn timer(&self) -> Option<Timer> {
        match self.turn {
            Turn::Asked(Question::StartTls) => Some(Timer::Tls),
            Turn::Start | Turn::Asked(_) | Turn::StartTls | Turn::Closed(_) => None,
            _ if self.blocked || self.lent > 0 => Some(Timer::Output),
            Turn::Body(_) => None,
            _ if matches!(self.state, State::Transaction | State::Update) => Some(Timer::Autologout),
            _ => Some(Timer::Login),
        }
    }

    const fn end(&mut self, why: CloseReason) {
        self.turn = Turn::Closed(why);
        self.state = State::Closed;
    }

    /// Returns the mark of a new token. Older tokens become stale.
    const fn new_mark(&mut self) -> Mark {
        self.tokens = self.tokens.wrapping_add(1);
        Mark { connection: self.id, sequence: self.tokens }
    }

    fn say(&self, phrase: Phrase) -> Text<'_> {
        let place = usize::from(self.language).checked_sub(1);
        let language = place.and_then(|place| self.config.as_config().languages.get(place));
        language.map_or(phrase.english(), |language| language.phrase(phrase))
    }
}

/// Shows the whole state without the maildrop and the configuration, which belong to the application.
impl<L, C: AsConfig> fmt::Debug for Server<L, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("id", &self.id)
            .field("totals", &self.totals)
            .field("state", &self.state)
            .field("turn", &self.turn)
            .field("tokens", &self.tokens)
            .field("searched", &self.searched)
            .field("tls", &self.tls)
            .field("apop", &self.apop)
            .field("named", &self.named)
            .field("utf8", &self.utf8)
            .field("blocked", &self.blocked)
            .field("room", &self.room)
            .field("lent", &self.lent)
            .field("language", &self.language)
            .field("bad_commands", &self.bad_commands)
            .field("failed_logins", &self.failed_logins)
            .field("announce", &self.announce)
            .field("quirks", &self.quirks)
            .field("fatal", &self.fatal)
            .field("login", &self.login)
            .field("clock", &self.clock)
            .finish_non_exhaustive()
    }
}

const _: () = assert!(size_of::<Server<core::convert::Infallible>>() <= 136);
const _: () = assert!(size_of::<Server<&mut [MessageInfo<crate::types::UniqueId<'static>>; 1]>>() <= 144);
