//! Logs a client in by the best way that the server, the credentials and the TLS policy allow.
//!
//! [`Login`] does no I/O: give it the events of a [`ClientConnection`](crate::ClientConnection) until the client is logged in. The order is
//! SCRAM-SHA-256 (if you bring a [`Scram`]), APOP (feature `apop`, outside TLS), PLAIN (feature `sasl`), USER and PASS. Another way follows
//! a refusal only if the refused one has not shown the server anything that the password is needed for, or if the server says that the
//! credentials were not the cause (RFC 3206).

mod error;
mod ways;

pub use error::LoginError;
pub use ways::{Cause, Obstacles, Way, WhyNot};

use crate::client::{AsConfig, Event, Feature, SaslDone, SaslStep, Sender, Source};
use crate::codec::{Command, ResponseCode, Retry, State, StatusText, Verb};
use crate::types::{ApopDigest, ApopTimestamp, Base64, Mechanism, Secret, Text};
use core::fmt;
use ways::{Next, Refusal, Tried, next};

/// The octets of a challenge that a [`Scram`] may be given.
#[cfg(feature = "sasl")]
const CHALLENGE: usize = 1024;

/// A client's side of SCRAM-SHA-256 (RFC 7677), which the crate leaves to you, because it needs cryptography.
pub trait Scram {
    /// Returns the client's first message.
    fn first(&mut self) -> &[u8];

    /// Returns the response to a challenge; to the last one, in which the server proves that it knows the password, it is empty. `None` means
    /// that the challenge is wrong, so the exchange is cancelled and no other way is tried.
    fn step(&mut self, challenge: &[u8]) -> Option<&[u8]>;

    /// Returns whether a proof of the password was sent. With it, the server can try passwords.
    fn has_sent_proof(&self) -> bool;

    /// Returns whether the server has proved that it knows the password. Until then its `+OK` is not believed.
    fn is_server_proven(&self) -> bool;
}

/// A client's login, from the greeting to TRANSACTION.
///
/// ```
/// use pop3_proto::login::{Login, Way};
/// use pop3_proto::{ClientConnection, TlsPolicy};
/// # use pop3_proto::script::Script;
/// # let script = Script::parse("S: +OK ready\nC: CAPA\nS: +OK\nS: USER\nS: .\nC: USER mrose\nS: +OK\nC: PASS secret\nS: +OK").unwrap();
/// # let mut stream = script.server();
///
/// let mut pop3 = ClientConnection::new(TlsPolicy::Cleartext, 1); // for loopback: see the other policies
/// let mut login = Login::new("mrose".try_into()?, "secret".try_into()?);
/// let way = 'login: loop {
///     while let Some((event, mut sender)) = pop3.poll()? {
///         if let Some(way) = login.handle(event, &mut sender)? {
///             break 'login way;
///         }
///     }
///     pop3.write_to(&mut stream)?;
///     pop3.read_from(&mut stream)?;
/// };
/// assert_eq!(way, Way::User);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Login<'l> {
    name: Text<'l>,
    password: Secret<'l>,
    only: Option<Way>,
    scram: Option<&'l mut (dyn Scram + Send)>,
    digest: Option<ApopDigest>,
    tried: Tried,
    last: Option<(Way, Refusal)>,
    stage: Stage,
}

/// What the login waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    Greeting,
    Capabilities,
    /// A response in this way. `said` means that AUTH's first message was sent, `distrust` that the exchange was cancelled.
    Response {
        way: Way,
        said: bool,
        distrust: bool,
    },
    Over,
}

impl<'l> Login<'l> {
    /// A login by the best way.
    #[must_use]
    pub const fn new(name: Text<'l>, password: Secret<'l>) -> Self {
        Login {
            name,
            password,
            only: None,
            scram: None,
            digest: None,
            tried: Tried::new(),
            last: None,
            stage: Stage::Greeting,
        }
    }

    /// Takes this way and no other, also if the server does not list it.
    #[must_use]
    pub const fn only(mut self, way: Way) -> Self {
        self.only = Some(way);
        self
    }

    /// Allows SCRAM-SHA-256, with this implementation.
    #[must_use]
    pub fn with_scram(mut self, scram: &'l mut (dyn Scram + Send)) -> Self {
        self.scram = Some(scram);
        self
    }

    /// Begins a login whose greeting you have handled yourself. `timestamp` is that of the greeting; after TLS has started it means nothing,
    /// and is ignored. If the greeting has not come yet, there is nothing to do: [`handle`](Self::handle) begins with it.
    ///
    /// # Errors
    /// Returns [`LoginError`] if no command can be sent.
    pub fn begin<C: AsConfig>(
        &mut self,
        timestamp: Option<ApopTimestamp<'_>>,
        sender: &mut Sender<'_, C>,
    ) -> Result<(), LoginError> {
        if sender.client().state() == State::Greeting {
            return Ok(());
        }
        self.note(timestamp);
        match sender.client().capabilities().source() {
            Source::NotAsked => {
                sender.send(Command::Capa)?;
                self.stage = Stage::Capabilities;
                Ok(())
            }
            Source::Refused | Source::Listed => self.go_on(sender),
        }
    }

    /// Handles an event, and returns the way of the login once the client is logged in. It ignores events that are not its own, such as the rows
    /// of CAPA, so you can look at all events before.
    ///
    /// # Errors
    /// Returns [`LoginError`] if the server refuses, if there is no way, or if the session ends. The connection can go on after a refusal.
    pub fn handle<C: AsConfig>(
        &mut self,
        event: Event<'_>,
        sender: &mut Sender<'_, C>,
    ) -> Result<Option<Way>, LoginError> {
        let handled = match event {
            Event::Greeting(greeting) => self.begin(greeting.timestamp, sender).map(|()| None),
            Event::NoService(_) => Err(LoginError::NoService),
            Event::Farewell(_) | Event::Closed(_) => Err(LoginError::Ended),
            Event::End(ticket, _) if ticket.verb == Verb::Capa => self.listed(sender),
            Event::Refused(ticket, _) if ticket.verb == Verb::Capa => self.listed(sender),
            event => match self.stage {
                Stage::Response { way, .. } => self.respond(way, event, sender),
                _ => Ok(None),
            },
        };
        if matches!(handled, Ok(Some(_)) | Err(_)) {
            self.stage = Stage::Over;
        }
        handled
    }

    /// CAPA was answered.
    fn listed<C: AsConfig>(&mut self, sender: &mut Sender<'_, C>) -> Result<Option<Way>, LoginError> {
        if self.stage == Stage::Capabilities {
            self.go_on(sender)?;
        }
        Ok(None)
    }

    /// Starts the next attempt.
    fn go_on<C: AsConfig>(&mut self, sender: &mut Sender<'_, C>) -> Result<(), LoginError> {
        let scram = self.scram.as_deref().map(|scram| scram as &dyn Scram);
        let user = (self.name, self.password);
        let obstacles = Obstacles::find(sender.client(), user, scram, self.digest.is_some());
        let marks = sender.client().capabilities().has(Feature::AuthRespCode);
        let last = self.last.map(|(_, refusal)| refusal);
        match (next(self.only, &obstacles, marks, self.tried, last), self.last) {
            (Next::Try(way), _) => {
                self.start(way, sender)?;
                self.tried.add(way);
                self.stage = Stage::Response { way, said: false, distrust: false };
                Ok(())
            }
            (Next::Stop { ask }, Some((way, Refusal::BeforeProof(cause) | Refusal::AfterProof(cause)))) => {
                Err(LoginError::Refused { way, cause, ask })
            }
            (Next::Stop { .. } | Next::NoWay, _) => Err(LoginError::NoWay(obstacles)),
        }
    }

    /// Sends the first command of a way. AUTH goes without an initial response, so that a server that does not know the mechanism has not seen
    /// the password.
    fn start<C: AsConfig>(&self, way: Way, sender: &mut Sender<'_, C>) -> Result<(), LoginError> {
        let auth = |mechanism| Command::Auth { mechanism, initial: None };
        sender.send(match (way, self.digest) {
            (Way::ScramSha256, _) => auth(Mechanism::SCRAM_SHA_256),
            (Way::Plain, _) => auth(Mechanism::PLAIN),
            (Way::Apop, Some(digest)) => Command::Apop { name: self.name, digest },
            (Way::Apop, None) | (Way::User, _) => Command::User(self.name),
        })?;
        Ok(())
    }

    fn respond<C: AsConfig>(
        &mut self,
        way: Way,
        event: Event<'_>,
        sender: &mut Sender<'_, C>,
    ) -> Result<Option<Way>, LoginError> {
        match event {
            Event::Ok(ticket, _) if ticket.verb == Verb::User => {
                sender.send(Command::Pass(self.password))?;
                Ok(None)
            }
            Event::Ok(ticket, _) if matches!(ticket.verb, Verb::Pass | Verb::Apop) => Ok(Some(way)),
            Event::Refused(ticket, status) => self.refused(way, ticket.verb, status, sender),
            Event::Challenge(step, challenge) => self.challenged(way, step, Some(challenge), sender),
            Event::MalformedChallenge(step, _) => self.challenged(way, step, None, sender),
            Event::AuthAccepted(done, _) => self.accepted(way, done, sender),
            _ => Ok(None),
        }
    }

    fn refused<C: AsConfig>(
        &mut self,
        way: Way,
        verb: Verb,
        status: StatusText<'_>,
        sender: &mut Sender<'_, C>,
    ) -> Result<Option<Way>, LoginError> {
        let Stage::Response { said, distrust, .. } = self.stage else { return Ok(None) };
        if distrust {
            return Err(LoginError::Distrust(way));
        }
        let cause = match status.code() {
            Some(ResponseCode::Auth) => Cause::Credentials,
            Some(code) if code.retry() == Some(Retry::Later) => Cause::Later,
            _ => Cause::Other,
        };
        let is_proven = match (way, verb) {
            (Way::ScramSha256, _) => self.scram.as_ref().is_some_and(|scram| scram.has_sent_proof()),
            (Way::Plain, _) => said,
            (_, verb) => verb != Verb::User,
        };
        let refusal = if is_proven { Refusal::AfterProof(cause) } else { Refusal::BeforeProof(cause) };
        self.last = Some((way, refusal));
        self.go_on(sender)?;
        Ok(None)
    }

    fn accepted<C: AsConfig>(
        &mut self,
        way: Way,
        done: SaslDone,
        sender: &mut Sender<'_, C>,
    ) -> Result<Option<Way>, LoginError> {
        let is_proven = self.scram.as_ref().is_some_and(|scram| scram.is_server_proven());
        if way == Way::ScramSha256 && !is_proven {
            sender.close();
            return Err(LoginError::Distrust(way));
        }
        sender.verified(done)?;
        Ok(Some(way))
    }

    /// Answers a challenge; `None` is one that is not base64. The first one is answered with the first message, because some servers prompt in
    /// words.
    fn challenged<C: AsConfig>(
        &mut self,
        way: Way,
        step: SaslStep,
        challenge: Option<Base64<'_>>,
        sender: &mut Sender<'_, C>,
    ) -> Result<Option<Way>, LoginError> {
        let Stage::Response { said, .. } = self.stage else { return Ok(None) };
        let distrust = match (way, challenge) {
            _ if !said => {
                self.say_first(way, step, sender)?;
                false
            }
            (Way::ScramSha256, Some(challenge)) => self.say_next(step, challenge, sender)?,
            (_, Some(_)) => {
                sender.respond(step, Base64::EMPTY)?;
                false
            }
            (_, None) => {
                sender.cancel(step)?;
                way == Way::ScramSha256
            }
        };
        self.stage = Stage::Response { way, said: true, distrust };
        Ok(None)
    }
}

#[cfg(feature = "sasl")]
impl Login<'_> {
    /// Sends the first message.
    fn say_first<C: AsConfig>(
        &mut self,
        way: Way,
        step: SaslStep,
        sender: &mut Sender<'_, C>,
    ) -> Result<(), LoginError> {
        use crate::sasl::{Message, plain};
        if let (Way::ScramSha256, Some(scram)) = (way, &mut self.scram) {
            return Ok(sender.respond_message(step, &Message::new(scram.first()))?);
        }
        match plain(Text::EMPTY, self.name, self.password) {
            Ok(message) => Ok(sender.respond_message(step, &message)?),
            Err(_) => Ok(sender.cancel(step)?),
        }
    }

    /// Answers a later challenge of SCRAM, and returns whether the server is not to be trusted.
    fn say_next<C: AsConfig>(
        &mut self,
        step: SaslStep,
        challenge: Base64<'_>,
        sender: &mut Sender<'_, C>,
    ) -> Result<bool, LoginError> {
        use crate::sasl::{Message, decode};
        let mut room = [0; CHALLENGE];
        let challenge = decode(challenge, &mut room).ok();
        // A server that refuses in SCRAM's own words (RFC 5802 section 7) has not deceived anybody.
        if challenge.as_ref().is_some_and(|challenge| challenge.starts_with(b"e=")) {
            sender.cancel(step)?;
            return Ok(false);
        }
        let response =
            self.scram.as_mut().zip(challenge).and_then(|(scram, challenge)| scram.step(challenge));
        match response {
            Some(response) => sender.respond_message(step, &Message::new(response))?,
            None => sender.cancel(step)?,
        }
        Ok(response.is_none())
    }
}

#[cfg(not(feature = "sasl"))]
impl Login<'_> {
    fn say_first<C: AsConfig>(
        &mut self,
        _: Way,
        step: SaslStep,
        sender: &mut Sender<'_, C>,
    ) -> Result<(), LoginError> {
        Ok(sender.cancel(step)?)
    }

    fn say_next<C: AsConfig>(
        &mut self,
        step: SaslStep,
        _: Base64<'_>,
        sender: &mut Sender<'_, C>,
    ) -> Result<bool, LoginError> {
        sender.cancel(step)?;
        Ok(true)
    }
}

impl Login<'_> {
    #[cfg(feature = "apop")]
    fn note(&mut self, timestamp: Option<ApopTimestamp<'_>>) {
        self.digest = timestamp.map(|timestamp| crate::apop::digest(timestamp, self.password));
    }

    #[cfg(not(feature = "apop"))]
    fn note(&mut self, _: Option<ApopTimestamp<'_>>) {}
}

/// Shows neither the name nor the password.
impl fmt::Debug for Login<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("only", &self.only).field("stage", &self.stage).finish_non_exhaustive()
    }
}
