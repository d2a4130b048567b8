//! The client machine.
//!
//! [`Client::send`] encodes a command and expects its answer; [`Client::poll`] reads what the server sent,
//! one [`Event`] a call. Three events want an answer of their own, which takes the token in them:
//! [`Challenge`](Event::Challenge), [`AuthAccepted`](Event::AuthAccepted) and [`StartTls`](Event::StartTls).
//!
//! The guide shows how to [drive](crate::guide::driving) it, [log in](crate::guide::authentication),
//! [pipeline](crate::guide::pipelining) and [delete](crate::guide::deletion).

// `send` says what may be sent when, `poll` frames and reads answers, `answer` says what a status line changes,
// `in_flight` is the queue between them.
mod answer;
mod capabilities;
mod config;
mod event;
mod in_flight;
mod plain;
mod poll;
mod send;

pub use capabilities::{Capabilities, Feature, Source, Support};
pub use config::Config;
use event::Mark;
pub use event::{Closed, Deletions, Event, Greeting, SaslDone, SaslStep, StartTls};
pub(crate) use in_flight::InFlight;
pub use in_flight::Ticket;
pub(crate) use poll::{read_line, read_row};
pub use send::{SendError, TlsRefusal};

use crate::body::Unstuff;
use crate::codec::{LineEnding, State, Verb};
use crate::error::{AnswerError, Fatal, Unanswered};
use crate::input::Input;
use crate::quirks::{Profile, Quirk, Quirks};
use crate::sink::{Full, Sink};
use crate::time::{Clock, Millis, Timer};
#[cfg(feature = "sasl")]
use crate::types::Text;
use crate::types::{Base64, TlsPolicy};

/// A POP3 client as a state machine: commands in, events out, over bytes that the caller moves.
///
/// It owns a few hundred octets: no buffer, no socket, no clock, no stored password. Up to 16 commands may be
/// in flight.
///
/// ```
/// use pop3_proto::{Client, Command, Inbox, Out, TlsPolicy, client::Event};
///
/// let mut client = Client::new(TlsPolicy::Cleartext);
/// let mut buffer = [0; 512];
/// let mut out = Out::new(&mut buffer);
/// let mut inbox = Inbox::new([0; 1024]);
/// # let mut server = |inbox: &mut Inbox<[u8; 1024]>, octets: &[u8]| {
/// #     inbox.spare()[..octets.len()].copy_from_slice(octets);
/// #     inbox.filled(octets.len());
/// # };
///
/// server(&mut inbox, b"+OK ready\r\n"); // what the socket's `read` brings
/// let event = inbox.with(|input| client.poll(input)).unwrap();
/// assert!(matches!(event, Some(Event::Greeting(_))));
///
/// let ticket = client.send(&Command::Quit, &mut out).unwrap();
/// assert_eq!(out.pending(), b"QUIT\r\n"); // what the socket's `write` takes
/// server(&mut inbox, b"+OK bye\r\n");
/// let event = inbox.with(|input| client.poll(input)).unwrap();
/// assert!(matches!(event, Some(Event::Closed(_))));
/// ```
#[derive(Debug)]
pub struct Client {
    config: Config,
    in_flight: InFlight,
    state: State,
    turn: Turn,
    /// The caller's number for the connection: the tokens of two connections differ by it.
    id: u64,
    /// Counts the tokens given out, so that an old one is known as such.
    tokens: u32,
    /// How far into the unread octets a line end was looked for; no line is longer.
    searched: u16,
    lines: Lines,
    tls: bool,
    /// The greeting was `-ERR`.
    no_service: bool,
    /// The event that says that the session is over was given.
    told: bool,
    /// The greeting had a timestamp, and no TLS came since.
    apop: bool,
    /// USER was answered `+OK`, and neither PASS nor APOP was refused since: a failed AUTH leaves the name as
    /// it was.
    named: bool,
    utf8: bool,
    stls_refused: bool,
    quit: Quit,
    rounds: u8,
    /// Some DELE was accepted since the last RSET.
    marked: bool,
    capabilities: Capabilities,
    quirks: Quirks,
    fatal: Option<Fatal>,
    clock: Clock,
}

const _: () = assert!(size_of::<Client>() <= 256);

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

/// How far the end of the session has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Quit {
    NotSent,
    Sent,
    Ok,
    Refused,
}

impl Client {
    /// A client that waits for the greeting, for a program with one connection.
    #[must_use]
    pub fn new(config: impl Into<Config>) -> Self {
        Self::with_id(config, 0)
    }

    /// A client that waits for the greeting; `id` is the caller's number for the connection and tells the tokens of two
    /// connections apart.
    #[must_use]
    pub fn with_id(config: impl Into<Config>, id: u64) -> Self {
        let config = config.into();
        Client {
            id,
            config,
            in_flight: InFlight::new(),
            state: State::Greeting,
            turn: Turn::Status,
            tokens: 0,
            searched: 0,
            lines: Lines::Undecided,
            tls: matches!(config.tls, TlsPolicy::Implicit),
            no_service: false,
            told: false,
            apop: false,
            named: false,
            utf8: false,
            stls_refused: false,
            quit: Quit::NotSent,
            rounds: 0,
            marked: false,
            capabilities: Capabilities::NONE,
            quirks: Quirks::NONE,
            fatal: None,
            clock: Clock::new(config.greeting),
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
        self.tls
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

    /// The command whose answer is due: the oldest in flight. After a fatal error it is the one that the
    /// error cut short.
    #[must_use]
    pub fn awaits(&self) -> Option<Ticket> {
        self.in_flight.oldest()
    }

    /// The commands that were sent and not answered yet, the oldest first.
    pub fn in_flight(&self) -> impl Iterator<Item = Ticket> + '_ {
        self.in_flight.iter()
    }

    /// Whether the session is over: [`Event::Closed`] was given, or an error, or [`close`](Self::close) was called.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        self.fatal.is_some() || (self.told && matches!(self.state, State::Closed))
    }

    /// Ends the session without QUIT: the way out while an answer is still coming, and where a token was lost. Nothing is removed.
    pub const fn close(&mut self) {
        self.state = State::Closed;
        self.turn = Turn::Status;
        self.told = true;
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
    pub const fn hold(&self) -> usize {
        self.config.hold()
    }

    /// What became of the messages marked for deletion, as far as is known now.
    #[must_use]
    pub fn deletions(&self) -> Deletions {
        let asked = self.marked || self.in_flight.iter().any(|ticket| ticket.verb == Verb::Dele);
        match self.quit {
            _ if !asked => Deletions::NoneAsked,
            Quit::NotSent => Deletions::Pending,
            Quit::Sent => Deletions::Unknown,
            Quit::Ok => Deletions::Committed,
            Quit::Refused => Deletions::RefusedInPart,
        }
    }

    /// Answers a challenge. An empty response is [`Base64::EMPTY`].
    ///
    /// ```
    /// use pop3_proto::{Base64, Client, Command, Input, Mechanism, Outbox, State, TlsPolicy, client::Event};
    ///
    /// let mut client = Client::new(TlsPolicy::Implicit);
    /// let mut outbox = Outbox::new();
    /// client.poll(&mut Input::more(b"+OK ready\r\n")).unwrap();
    /// client.send(&Command::Auth { mechanism: Mechanism::PLAIN, initial: None }, &mut outbox).unwrap();
    /// # outbox.sent(usize::MAX);
    ///
    /// let mut input = Input::more(b"+ \r\n");
    /// let Some(Event::Challenge(step, _)) = client.poll(&mut input).unwrap() else { panic!() };
    /// client.sasl(step, Base64::literal("AHRlc3QAdGVzdA=="), &mut outbox).unwrap();
    /// assert_eq!(outbox.pending(), b"AHRlc3QAdGVzdA==\r\n");
    ///
    /// let mut input = Input::more(b"+OK\r\n");
    /// let Some(Event::AuthAccepted(done, _)) = client.poll(&mut input).unwrap() else { panic!() };
    /// client.verified(done).unwrap();
    /// assert_eq!(client.state(), State::Transaction);
    /// ```
    ///
    /// # Errors
    /// The step comes back where it is an old one, the line would be over the limit, the sink is full, or the
    /// challenge was one that can only be cancelled.
    #[doc(alias = "AUTH")]
    pub fn sasl(
        &mut self,
        step: SaslStep,
        response: Base64<'_>,
        sink: &mut dyn Sink,
    ) -> Result<(), Unanswered<SaslStep>> {
        let response = response.as_bytes();
        self.respond_within(step, response.len(), sink, |sink| sink.put(&[response, b"\r\n"]))
    }

    /// As [`sasl`](Self::sasl), with a message that is turned into base64 on its way into the sink: no buffer
    /// holds it in between.
    ///
    /// ```
    /// use pop3_proto::{Client, Command, Input, Mechanism, Out, Secret, Text, TlsPolicy, client::Event, sasl};
    ///
    /// let mut client = Client::new(TlsPolicy::Implicit);
    /// let mut buffer = [0; 512];
    /// let mut out = Out::new(&mut buffer);
    /// client.poll(&mut Input::more(b"+OK ready\r\n")).unwrap();
    /// client.send(&Command::Auth { mechanism: Mechanism::PLAIN, initial: None }, &mut out).unwrap();
    /// # out.sent(usize::MAX);
    /// let event = client.poll(&mut Input::more(b"+ \r\n")).unwrap();
    /// let Some(Event::Challenge(step, _)) = event else { panic!() };
    /// let message = sasl::plain(Text::EMPTY, Text::literal("test"), Secret::new(b"test").unwrap()).unwrap();
    /// client.sasl_message(step, &message, &mut out).unwrap();
    /// assert_eq!(out.pending(), b"AHRlc3QAdGVzdA==\r\n");
    /// ```
    ///
    /// # Errors
    /// As those of [`sasl`](Self::sasl).
    #[cfg(feature = "sasl")]
    pub fn sasl_message(
        &mut self,
        step: SaslStep,
        message: &crate::sasl::Message<'_>,
        sink: &mut dyn Sink,
    ) -> Result<(), Unanswered<SaslStep>> {
        self.respond_within(step, message.encoded_len(), sink, |sink| message.put(Text::EMPTY, sink))
    }

    /// Cancels the exchange; the server answers AUTH with `-ERR` (RFC 5034 section 4), and the session goes on.
    ///
    /// # Errors
    /// The step comes back where it is an old one, or the sink is full.
    pub fn sasl_cancel(&mut self, step: SaslStep, sink: &mut dyn Sink) -> Result<(), Unanswered<SaslStep>> {
        self.respond(step, Turn::Cancelled, sink, |sink| sink.put(&[b"*\r\n"]))
    }

    /// The mechanism agrees that the exchange succeeded: the session is in TRANSACTION.
    ///
    /// PLAIN and the like have nothing to check; SCRAM has to have seen the server's proof.
    ///
    /// # Errors
    /// The token comes back where it is an old one.
    pub fn verified(&mut self, done: SaslDone) -> Result<(), Unanswered<SaslDone>> {
        if let Err(why) = self.check(&done.mark, |turn| matches!(turn, Turn::Verdict)) {
            return Unanswered::because(done, why);
        }
        self.turn = Turn::Status;
        self.logged_in();
        Ok(())
    }

    /// The TLS handshake succeeded by the driver's standards; `unread` is what the driver still holds of the
    /// input in clear.
    ///
    /// Any octet in it was sent by somebody who wants it to be taken for the server's word inside TLS: the
    /// session ends, and the next `poll` says so. Everything learned before is forgotten: capabilities, user
    /// name, greeting timestamp, quirks, how lines end.
    ///
    /// ```
    /// use pop3_proto::{Client, Command, Inbox, Outbox, TlsPolicy, client::Event};
    ///
    /// let mut client = Client::new(TlsPolicy::Required);
    /// let mut outbox = Outbox::new();
    /// let mut inbox = Inbox::new([0; 512]);
    /// # let mut receive = |inbox: &mut Inbox<[u8; 512]>, octets: &[u8]| {
    /// #     inbox.spare()[..octets.len()].copy_from_slice(octets);
    /// #     inbox.filled(octets.len());
    /// # };
    /// receive(&mut inbox, b"+OK ready\r\n");
    /// inbox.with(|input| client.poll(input)).unwrap();
    /// client.send(&Command::Stls, &mut outbox).unwrap();
    ///
    /// receive(&mut inbox, b"+OK begin TLS\r\n");
    /// let Some(Event::StartTls(start)) = inbox.with(|input| client.poll(input)).unwrap() else { panic!() };
    /// // Here the driver makes the handshake, over a stream with nothing of the clear one in it.
    /// client.tls_started(start, inbox.input()).unwrap();
    /// assert!(client.is_tls());
    /// ```
    ///
    /// # Errors
    /// The token comes back where it is an old one.
    #[doc(alias = "STLS")]
    pub fn tls_started(&mut self, start: StartTls, unread: Input<'_>) -> Result<(), Unanswered<StartTls>> {
        if let Err(why) = self.check(&start.mark, |turn| matches!(turn, Turn::Handshake)) {
            return Unanswered::because(start, why);
        }
        if unread.remaining() > 0 {
            self.fatal = Some(Fatal::BehindStls);
            return Ok(());
        }
        self.turn = Turn::Status;
        self.tls = true;
        self.lines = Lines::Undecided;
        self.searched = 0;
        self.apop = false;
        self.named = false;
        self.capabilities = Capabilities::NONE;
        self.quirks = Quirks::NONE;
        Ok(())
    }

    /// Runs the timers: anchors what was started since the last call, and says when to call again, if any
    /// timer runs: a moment behind `now`, so that the span [`until`](Millis::until) then is never zero, which
    /// a socket would refuse as a timeout.
    ///
    /// Call it before each wait, with a clock that never goes back.
    ///
    /// ```
    /// use pop3_proto::{Client, Fatal, Millis, Timer, TlsPolicy};
    ///
    /// let mut client = Client::new(TlsPolicy::Cleartext);
    /// assert_eq!(client.tick(Millis(0)), Ok(Some(Millis::seconds(60)))); // for the greeting
    /// assert_eq!(client.tick(Millis::seconds(20)), Ok(Some(Millis::seconds(60))));
    /// assert_eq!(client.tick(Millis::seconds(60)), Err(Fatal::TimedOut(Timer::Greeting)));
    /// ```
    ///
    /// # Errors
    /// [`Fatal::TimedOut`] with the name of the timer, and any earlier fatal error.
    pub fn tick(&mut self, now: Millis) -> Result<Option<Millis>, Fatal> {
        if let Some(fatal) = self.fatal {
            return Err(fatal);
        }
        self.clock.tick(now, self.timer()).map_err(|timer| *self.fatal.insert(Fatal::TimedOut(timer)))
    }

    /// The timer that runs now. None does while the caller owes something.
    fn timer(&self) -> Option<Timer> {
        match self.turn {
            _ if matches!(self.state, State::Closed) => None,
            Turn::Handshake => Some(Timer::Tls),
            Turn::Challenge | Turn::Verdict => None,
            _ if self.state == State::Greeting => Some(Timer::Greeting),
            _ if !self.in_flight.is_empty() => Some(Timer::Answer),
            _ => None,
        }
    }

    /// Starts the timer that runs now over.
    fn arm(&mut self) {
        if let Some(timer) = self.timer() {
            self.clock.rearm(self.config.span(timer));
        }
    }

    /// A new token's mark; older ones are stale from now on.
    const fn next_token(&mut self) -> Mark {
        self.tokens = self.tokens.wrapping_add(1);
        Mark { connection: self.id, sequence: self.tokens }
    }

    /// Whether the caller owes what the token with this mark is for.
    fn check(&self, mark: &Mark, due: impl FnOnce(&Turn) -> bool) -> Result<(), AnswerError> {
        if mark.connection != self.id {
            Err(AnswerError::NotHere)
        } else if self.fatal.is_some() || mark.sequence != self.tokens || !due(&self.turn) {
            Err(AnswerError::Stale)
        } else {
            Ok(())
        }
    }

    /// A response of so many octets without its line end.
    fn respond_within(
        &mut self,
        step: SaslStep,
        octets: usize,
        sink: &mut dyn Sink,
        put: impl FnOnce(&mut dyn Sink) -> Result<(), Full>,
    ) -> Result<(), Unanswered<SaslStep>> {
        let limit = usize::from(self.config.limits.sasl_line);
        if step.cancel_only && self.check(&step.mark, |turn| matches!(turn, Turn::Challenge)).is_ok() {
            return Unanswered::because(step, AnswerError::MustCancel);
        }
        if octets.saturating_add(2) > limit {
            return Unanswered::because(step, AnswerError::TooLong { limit });
        }
        self.respond(step, Turn::Status, sink, put)
    }

    fn respond(
        &mut self,
        step: SaslStep,
        next: Turn,
        sink: &mut dyn Sink,
        put: impl FnOnce(&mut dyn Sink) -> Result<(), Full>,
    ) -> Result<(), Unanswered<SaslStep>> {
        if let Err(why) = self.check(&step.mark, |turn| matches!(turn, Turn::Challenge)) {
            return Unanswered::because(step, why);
        }
        if let Err(full) = put(sink) {
            return Unanswered::because(step, AnswerError::Full(full));
        }
        self.turn = next;
        self.arm();
        Ok(())
    }

    const fn logged_in(&mut self) {
        self.state = State::Transaction;
        self.named = false;
        self.capabilities.logged_in();
    }

    /// Records what was tolerated, or says that the strict profile does not.
    fn tolerate(&mut self, quirks: Quirks) -> Result<(), Fatal> {
        match self.config.profile {
            Profile::Strict => quirks.iter().next().map_or(Ok(()), |quirk| Err(Fatal::Strict(quirk))),
            Profile::Tolerant => {
                self.quirks.note_all(quirks);
                Ok(())
            }
        }
    }

    fn tolerate_one(&mut self, quirk: Quirk) -> Result<(), Fatal> {
        self.tolerate([quirk].into_iter().collect())
    }
}
