//! The server: its configuration, questions and errors, and the machine.
//!
//! Most programs use [`ServerConnection`](crate::ServerConnection), which asks the application one question at a time, as an [`Event`], and returns
//! it with a [`Responder`]. [`Server`] is the machine without buffers: [`Server::poll`] returns a [`Step`], and its questions are [`Ask`].
//! [`ServerConfig`] contains what the server offers, and a [`Maildrop`] lists the messages.
//!
//! The guide shows a [complete server](crate::guide::serving), and explains [logins](crate::guide::authentication),
//! [TLS](crate::guide::tls), [back-pressure](crate::guide::buffers) and [limits](crate::guide::errors).

// `command` is what each command does, `answer` takes the application's answers, `reply` writes, a line at a time and resumable, `message`
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

/// A POP3 server as a state machine, for one connection: commands in, answers out, over bytes that the caller moves.
///
/// It owns a few hundred octets and the maildrop that the application gives it at login; it never allocates. `C` is how it holds its
/// [`ServerConfig`]: a `&'static` reference, or an `Arc`.
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
    /// Counts the tokens given out, so that an old one is known as such.
    tokens: u32,
    /// How far into the unread octets a line end was looked for.
    searched: u16,
    tls: bool,
    /// The greeting had a timestamp, and no TLS came since.
    apop: bool,
    /// A name was accepted and PASS may follow.
    named: bool,
    utf8: bool,
    /// The sink had no room when something was to be written.
    blocked: bool,
    /// The room that the sink had then.
    room: u32,
    /// The bytes of slices that the driver has not reported as sent.
    lent: u32,
    /// The language chosen: its place in the configuration, from 1; 0 is English.
    language: u8,
    bad_commands: u8,
    failed_logins: u8,
    announce: UserPolicy,
    quirks: Quirks,
    fatal: Option<ConnectionError>,
    /// What is left for the login.
    login: Countdown,
    /// The other timers, one of which runs at a time.
    clock: Clock,
}

/// Whose turn it is, and what comes next.
#[derive(Clone, Copy, Debug)]
enum Turn {
    /// The application's, to greet; it was not asked yet.
    Start,
    /// The client's: a command.
    Command,
    /// The client's: a response inside AUTH.
    Response,
    /// The rest of an over-long line, to be skipped; what it was the beginning of.
    Skip { response: bool },
    /// The application's: it was asked.
    Asked(Question),
    /// The server's: an answer to write.
    Reply(Reply),
    /// The application's: a message is open.
    Body(Body),
    /// The application's: STLS was answered, and the handshake not asked for yet.
    StartTls,
    /// Nobody's.
    Closed(CloseReason),
}

/// A message that is being sent.
#[derive(Clone, Copy, Debug)]
struct Body {
    stuff: Stuff,
    extent: Extent<TopFilter>,
}

/// Messages and octets, of all that can be served, and of those that are not marked: so STAT need not count.
#[derive(Clone, Copy, Default, Debug)]
struct Totals {
    count: u32,
    unmarked_count: u32,
    octets: u64,
    unmarked_octets: u64,
}

impl Totals {
    /// One more message that can be served.
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
    /// A server for one connection; `id` is the caller's number for it and tells the tokens of two connections apart.
    ///
    /// A configuration that is not a `static` is shared in an `Arc`, or borrowed for less long, which the type says:
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

    /// The state of the session.
    pub const fn state(&self) -> State {
        self.state
    }

    /// Whether the session runs inside TLS.
    pub const fn is_tls(&self) -> bool {
        self.tls
    }

    /// Whether UTF-8 mode is on (RFC 6856 section 2).
    pub const fn is_utf8(&self) -> bool {
        self.utf8
    }

    /// The deviations that were seen since the session, or TLS, began.
    pub const fn quirks(&self) -> Quirks {
        self.quirks
    }

    /// The most octets that [`poll`](Self::poll) ever leaves unread while it asks for input: a read buffer of this size never fills up.
    pub fn min_recv_buf(&self) -> usize {
        self.config.as_config().min_recv_buf()
    }

    /// The maildrop, from login on.
    pub const fn maildrop(&self) -> Option<&L> {
        self.maildrop.as_ref()
    }

    /// The maildrop, from login on. Its messages and marks are the session's: do not change their number, order or sizes.
    pub const fn maildrop_mut(&mut self) -> Option<&mut L> {
        self.maildrop.as_mut()
    }

    /// The messages that are marked for deletion, in their order: those to remove when asked to
    /// [`Commit`](Ask::Commit). None before login.
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

    /// Takes the maildrop out once the session is over, and what it locks with it: so another session can have it while
    /// the last answer is still on its way. `None` before, as a session needs it.
    pub const fn take_maildrop(&mut self) -> Option<L> {
        match self.turn {
            Turn::Closed(_) => self.maildrop.take(),
            _ if self.fatal.is_some() => self.maildrop.take(),
            _ => None,
        }
    }

    /// Gives the maildrop back, and what it locks with it: `None` before login.
    pub fn into_maildrop(self) -> Option<L> {
        self.maildrop
    }

    /// Ends the session without UPDATE: the way out when a token was lost, or a message cannot be sent to its end. Nothing is removed and
    /// nothing more is written.
    pub const fn close(&mut self) {
        if !matches!(self.turn, Turn::Closed(_)) {
            self.end(CloseReason::Aborted);
        }
    }

    /// Runs the timers: anchors what was started since the last call, and returns when to call again, or `None` if no timer runs. The
    /// moment is later than `now`, so the span up to it is never zero, which a socket would refuse as a timeout. If
    /// `now` is the last moment that there is, the result is `None`.
    ///
    /// Call it before each wait, with a clock that never goes back.
    ///
    /// # Errors
    /// [`ConnectionError::TimedOut`] with the name of the timer, and any earlier fatal error. Nothing is removed; the connection is to be closed
    /// without a word (RFC 1939 section 3).
    pub fn tick(&mut self, now: Duration) -> Result<Option<Duration>, ConnectionError> {
        if let Some(fatal) = self.fatal {
            return Err(fatal);
        }
        let early = !matches!(self.state, State::Transaction | State::Update);
        let next = match self.timer() {
            Some(Timer::Login) => self.clock.tick_login(now, &mut self.login, None),
            // A client that does not read spends its time to log in.
            Some(Timer::Output) if early => self.clock.tick_login(now, &mut self.login, Some(Timer::Output)),
            timer => self.clock.tick(now, timer),
        };
        next.map_err(|timer| *self.fatal.insert(ConnectionError::TimedOut(timer)))
    }

    /// The timer that runs now. None does while the application owes an answer, or has room for the message that it sends.
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

    /// A mark for a new token; older ones are stale from now on.
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

/// Shows the whole state, but the maildrop and the configuration, which are the application's.
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
