//! Logs a client in by the best way that the server, the credentials and the TLS policy allow.
//!
//! [`Login`] does no I/O: give it the events of a [`ClientConnection`](crate::ClientConnection) until the client is logged in.
//!
//! - With a password the order is SCRAM-SHA-256 (if you bring a [`Scram`]), APOP (feature `apop`, outside TLS), PLAIN (feature `sasl`), USER and
//!   PASS.
//! - With an access token it is OAUTHBEARER (inside TLS), then XOAUTH2 (feature `sasl`).
//!
//! A mechanism of AUTH is tried only if the server lists it. After a refusal, another way follows only in two cases:
//! the server has received nothing that was made with the password or the token, or it lists AUTH-RESP-CODE and did
//! not refuse with `[AUTH]`, so the credentials were not the cause (RFC 3206). No other way follows if the server did
//! not prove in SCRAM that it knows the password.

mod error;
#[cfg(feature = "sasl")]
mod exchange;
#[cfg(not(feature = "sasl"))]
#[path = "no_exchange.rs"]
mod exchange;
mod ways;

pub use error::LoginError;
pub use ways::{Cause, Obstacles, Way, WhyNot};

use crate::client::{AsConfig, Event, Feature, SaslDone, SaslStep, Sender, Source};
use crate::codec::{Command, ResponseCode, Retry, State, StatusText, Verb};
use crate::types::{ApopDigest, ApopTimestamp, Base64, Secret, Text};
use core::fmt;
use ways::{Next, Refusal, Tried, next};

/// A client's side of SCRAM-SHA-256 (RFC 7677). You implement it, because it needs cryptography.
pub trait Scram {
    /// Begins the exchange, and returns the client's first message. A second call begins another exchange, because
    /// the first message was not sent.
    fn first(&mut self) -> &[u8];

    /// Returns the response to a challenge. The response to the last challenge, in which the server proves that it
    /// knows the password, is empty. `None` means that the challenge is wrong, so the exchange is cancelled and no
    /// other way is tried.
    fn step(&mut self, challenge: &[u8]) -> Option<&[u8]>;

    /// Returns whether a proof of the password was sent. With it, the server can try passwords.
    fn has_sent_proof(&self) -> bool;

    /// Returns whether the server has proved that it knows the password. Until then its `+OK` is not trusted.
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
    credentials: Credentials<'l>,
    scram: Option<&'l mut (dyn Scram + Send)>,
    with_initial: bool,
    digest: Option<ApopDigest>,
    tried: Tried,
    last: Option<(Way, Refusal)>,
    stage: Stage,
}

/// The values that decide about a way, together with the server.
#[derive(Clone, Copy)]
struct Credentials<'l> {
    name: Text<'l>,
    secret: Secret<'l>,
    /// Whether the secret is an access token and not a password.
    is_token: bool,
    /// Host and port, for OAUTHBEARER.
    #[cfg_attr(not(feature = "sasl"), allow(dead_code))]
    server: Option<(Text<'l>, u16)>,
    only: Option<Way>,
    has_scram: bool,
    has_digest: bool,
}

/// The event that the login waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    Greeting,
    Capabilities,
    /// A response in this way. `said` means that AUTH's first message was sent, `distrust` that the exchange was
    /// cancelled.
    Response {
        way: Way,
        said: bool,
        distrust: bool,
    },
    Over,
}

impl<'l> Login<'l> {
    /// Returns a login with a password, by the best way.
    #[must_use]
    pub const fn new(name: Text<'l>, password: Secret<'l>) -> Self {
        Self::with_credentials(name, password, false)
    }

    /// Returns a login with an access token (RFC 6750), by OAUTHBEARER or XOAUTH2. For OAUTHBEARER the name may be
    /// empty.
    ///
    /// If the server refuses the token, it reports the cause as JSON in a challenge, before the refusal. Read it from
    /// [`Event::Challenge`] before you pass the event to [`handle`](Self::handle).
    #[must_use]
    pub const fn with_token(name: Text<'l>, token: Secret<'l>) -> Self {
        Self::with_credentials(name, token, true)
    }

    const fn with_credentials(name: Text<'l>, secret: Secret<'l>, is_token: bool) -> Self {
        let credentials = Credentials {
            name,
            secret,
            is_token,
            server: None,
            only: None,
            has_scram: false,
            has_digest: false,
        };
        Login {
            credentials,
            scram: None,
            with_initial: false,
            digest: None,
            tried: Tried::new(),
            last: None,
            stage: Stage::Greeting,
        }
    }

    /// Uses only this way, even if the server does not list it, and APOP even inside TLS.
    #[must_use]
    pub const fn only(mut self, way: Way) -> Self {
        self.credentials.only = Some(way);
        self
    }

    /// Sends the first message with AUTH, as RFC 5034 section 4 allows if the server lists SASL. This saves a round
    /// trip. A server that does not know the mechanism then sees the password or the token. By default only SCRAM
    /// does this, because its first message contains only the name.
    #[must_use]
    pub const fn with_initial_response(mut self) -> Self {
        self.with_initial = true;
        self
    }

    /// Sends the host and the port that you connected to, in OAUTHBEARER (RFC 7628 section 3.1).
    #[must_use]
    pub const fn with_server(mut self, host: Text<'l>, port: u16) -> Self {
        self.credentials.server = Some((host, port));
        self
    }

    /// Allows SCRAM-SHA-256, with this implementation.
    #[must_use]
    pub fn with_scram(mut self, scram: &'l mut (dyn Scram + Send)) -> Self {
        self.scram = Some(scram);
        self.credentials.has_scram = true;
        self
    }

    /// Returns the ways that were tried, in that order. The last one may still be in progress.
    pub fn tried(&self) -> impl Iterator<Item = Way> + use<> {
        let tried = self.tried;
        Way::ORDER.into_iter().filter(move |way| tried.contains(*way))
    }

    /// Begins a login if you have handled the greeting yourself. `timestamp` is that of the greeting; after TLS has
    /// started it is ignored. Before the greeting this does nothing, because [`handle`](Self::handle) begins with the
    /// greeting.
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

    /// Handles an event, and returns the way of the login once the client is logged in. It ignores events of other
    /// commands, such as the rows of CAPA, so you can read all events first.
    ///
    /// # Errors
    /// Returns [`LoginError`] if the server refuses, if there is no way, or if the session ends. After a refusal, the
    /// connection can continue.
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

    /// Continues after the answer to CAPA.
    fn listed<C: AsConfig>(&mut self, sender: &mut Sender<'_, C>) -> Result<Option<Way>, LoginError> {
        if self.stage == Stage::Capabilities {
            self.go_on(sender)?;
        }
        Ok(None)
    }

    /// Starts the next attempt.
    fn go_on<C: AsConfig>(&mut self, sender: &mut Sender<'_, C>) -> Result<(), LoginError> {
        let obstacles = Obstacles::find(sender.client(), &self.credentials);
        let marks = sender.client().capabilities().has(Feature::AuthRespCode);
        let last = self.last.map(|(_, refusal)| refusal);
        match (next(&obstacles, marks, self.tried, last), self.last) {
            (Next::Try(way), _) => {
                let said = self.start(way, sender)?;
                self.tried.add(way);
                self.stage = Stage::Response { way, said, distrust: false };
                Ok(())
            }
            (Next::Stop { ask }, Some((way, Refusal::BeforeProof(cause) | Refusal::AfterProof(cause)))) => {
                Err(LoginError::Refused { way, cause, ask: ask && self.credentials.only.is_none() })
            }
            (Next::Stop { .. } | Next::NoWay, _) => Err(LoginError::NoWay(obstacles)),
        }
    }

    /// Sends the first command of a way, and returns whether AUTH's first message was sent with it.
    fn start<C: AsConfig>(&mut self, way: Way, sender: &mut Sender<'_, C>) -> Result<bool, LoginError> {
        let name = self.credentials.name;
        match (way, self.digest) {
            (Way::Apop, Some(digest)) => sender.send(Command::Apop { name, digest })?,
            (Way::Apop, None) | (Way::User, _) => sender.send(Command::User(name))?,
            _ => return self.authenticate(way, sender),
        };
        Ok(false)
    }

    fn respond<C: AsConfig>(
        &mut self,
        way: Way,
        event: Event<'_>,
        sender: &mut Sender<'_, C>,
    ) -> Result<Option<Way>, LoginError> {
        match event {
            Event::Ok(ticket, _) if ticket.verb == Verb::User => {
                sender.send(Command::Pass(self.credentials.secret))?;
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
            (Way::Apop | Way::User, verb) => verb != Verb::User,
            _ => said,
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

    /// Answers a challenge. The answer to the first one is the first message, whatever the challenge says. `None`
    /// means that the challenge is not base64: RFC 5034 section 4 lets a client only cancel.
    fn challenged<C: AsConfig>(
        &mut self,
        way: Way,
        step: SaslStep,
        challenge: Option<Base64<'_>>,
        sender: &mut Sender<'_, C>,
    ) -> Result<Option<Way>, LoginError> {
        let Stage::Response { said, .. } = self.stage else { return Ok(None) };
        let distrust = match challenge {
            Some(_) if !said => {
                self.say_first(way, step, sender)?;
                false
            }
            Some(challenge) => self.say_next(way, step, challenge, sender)?,
            None => {
                sender.cancel(step)?;
                said && way == Way::ScramSha256
            }
        };
        self.stage = Stage::Response { way, said: said || challenge.is_some(), distrust };
        Ok(None)
    }
}

impl Login<'_> {
    #[cfg(feature = "apop")]
    fn note(&mut self, timestamp: Option<ApopTimestamp<'_>>) {
        self.digest = timestamp.map(|timestamp| crate::apop::digest(timestamp, self.credentials.secret));
        self.credentials.has_digest = self.digest.is_some();
    }

    #[cfg(not(feature = "apop"))]
    fn note(&mut self, _: Option<ApopTimestamp<'_>>) {}
}

/// Hides the name, and the password or token.
impl fmt::Debug for Login<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login")
            .field("only", &self.credentials.only)
            .field("stage", &self.stage)
            .finish_non_exhaustive()
    }
}
