//! The application's answers on one connection.

use super::listen::{Guest, Session};
use super::store::{Later, Mailbox, Octets};
use super::{Host, refusal};
use crate::scram::{Exchange, Progress, Verifier};
use pop3_proto::server::{
    CloseReason, Commit, Credentials, Event, Fetch, Login, Maildrop as _, Refusal, Responder, ServerConfig,
    StartTls,
};
use pop3_proto::{ApopDigest, ApopTimestamp, Base64, Mechanism, Secret, Text, apop, sasl};
use pop3_tokio::Error;
use std::future::ready;
use std::io::{self, ErrorKind};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

/// How long the answer to a failed login takes, multiplied by the number of logins on the connection.
const DELAY: Duration = Duration::from_secs(1);

/// One connection, as the application sees it.
pub struct Visit {
    host: Arc<Host>,
    /// `None` if there were too many connections.
    guest: Option<Guest>,
    id: u64,
    address: IpAddr,
    /// The name from USER.
    name: Vec<u8>,
    /// The exchange of AUTH SCRAM-SHA-256.
    exchange: Option<Arc<Scram>>,
    /// The timestamp of the greeting, for APOP.
    timestamp: Option<String>,
    logins: Arc<AtomicU32>,
}

type Answers<'s> = Responder<'s, Box<dyn Mailbox>, Arc<ServerConfig<'static>>>;

/// An exchange.
struct Scram {
    host: Arc<Host>,
    exchange: Mutex<Exchange>,
    /// Whether the store failed to return the verifier.
    is_store_down: Arc<AtomicBool>,
}

/// The proof to check before the maildrop is opened.
enum Proof {
    Password(Vec<u8>),
    Apop(String, ApopDigest),
    /// SCRAM has checked it.
    Done,
    Wrong,
}

/// The result of a login.
enum Verdict {
    /// The client has proved its identity, and this is its maildrop.
    Accept(Box<dyn Mailbox>),
    /// A message of the SASL mechanism.
    Challenge(Vec<u8>),
    Refuse(Refusal),
    /// There is no answer, so the session ends.
    Close,
}

/// The work that an answer waits for.
enum Work {
    Done,
    LogIn(Login, Later<Verdict>),
    Send(Fetch, Later<io::Result<Octets>>),
    Remove(Commit, Later<Result<(), Refusal>>),
    End(End),
}

/// Why a visit pauses.
pub(super) enum End {
    Closed(CloseReason),
    /// TLS must be started first.
    StartTls(StartTls),
}

impl Visit {
    pub(super) fn new(host: Arc<Host>, guest: Option<Guest>, address: IpAddr) -> Self {
        let id = host.next_id();
        Visit {
            host,
            guest,
            id,
            address,
            name: Vec::new(),
            exchange: None,
            timestamp: None,
            logins: Arc::default(),
        }
    }

    /// Answers all events.
    pub(super) async fn talk(&mut self, session: &mut Session) -> Result<End, Error> {
        loop {
            let work = match session.next().await? {
                Some((event, responder)) => self.answer(event, responder)?,
                None => return Err(Error::NothingDue),
            };
            match work {
                Work::Done => {}
                Work::End(end) => return Ok(end),
                // Boxed, so a session that waits for its client is not larger for it.
                work => Box::pin(self.answer_later(work, session)).await?,
            }
        }
    }

    /// Gives an answer that takes time.
    async fn answer_later(&self, work: Work, session: &mut Session) -> Result<(), Error> {
        match work {
            Work::LogIn(login, verdict) => {
                let verdict = session.wait_for(verdict).await?;
                log_in(login, verdict, session.responder())
            }
            Work::Send(fetch, message) => match session.wait_for(message).await? {
                Ok(message) => session.send_message(fetch, message).await.map(drop),
                Err(error) => self.refuse_message(fetch, &error, session.responder()),
            },
            Work::Remove(commit, removal) => match session.wait_for(removal).await? {
                Ok(()) => Ok(session.responder().removed(commit)?),
                Err(why) => Ok(session.responder().not_removed(commit, why)?),
            },
            Work::Done | Work::End(_) => Ok(()),
        }
    }

    /// Answers an event, or returns the work that the answer waits for.
    fn answer(&mut self, event: Event<'_>, mut responder: Answers<'_>) -> Result<Work, Error> {
        match event {
            Event::Greet(greet) if self.guest.is_none() => responder.refuse(greet, Refusal::Temporary)?,
            Event::Greet(greet) => {
                self.timestamp = self.host.timestamp(self.id);
                let timestamp = self.timestamp.as_ref();
                let text = timestamp.map_or("ready".into(), |timestamp| format!("ready {timestamp}"));
                responder.greet(greet, Text::new(text.as_bytes())?)?;
            }
            // Accept any name: only the password shows whether there is such a user.
            Event::User(user, name) => {
                self.name = name.as_bytes().to_vec();
                responder.accept_name(user)?;
            }
            Event::Login(login, credentials) => return Ok(Work::LogIn(login, self.credentials(credentials))),
            Event::StartTls(start) => return Ok(Work::End(End::StartTls(start))),
            Event::Closed(why) => return Ok(Work::End(End::Closed(why))),
            event => match (event, responder.maildrop()) {
                (Event::Fetch(fetch), Some(mailbox)) => {
                    let message = mailbox.message(fetch.message());
                    return Ok(Work::Send(fetch, message));
                }
                // The client sent QUIT. This is the only place that removes messages.
                (Event::Commit(commit), Some(mailbox)) => return Ok(Work::Remove(commit, mailbox.removal())),
                // Never asked.
                _ => responder.close(),
            },
        }
        Ok(Work::Done)
    }

    fn refuse_message(
        &self,
        fetch: Fetch,
        error: &io::Error,
        mut responder: Answers<'_>,
    ) -> Result<(), Error> {
        tracing::warn!(self.id, number = fetch.message().get(), %error, "the message cannot be sent");
        let refusal = match error.kind() {
            ErrorKind::NotFound => Refusal::NoSuchMessage, // without a code, because trying again would not help
            _ => refusal(error),
        };
        Ok(responder.refuse(fetch, refusal)?)
    }

    fn credentials(&mut self, credentials: Credentials<'_>) -> Later<Verdict> {
        match credentials {
            Credentials::Password(password) => {
                let name = std::mem::take(&mut self.name);
                self.attempt().log_in(name, Proof::Password(password.expose().to_vec()))
            }
            Credentials::Apop { name, digest } => {
                let timestamp = self.timestamp.clone().unwrap_or_default();
                self.attempt().log_in(name.as_bytes().to_vec(), Proof::Apop(timestamp, digest))
            }
            Credentials::Sasl { mechanism, initial } => {
                self.exchange = None;
                if mechanism == Mechanism::SCRAM_SHA_256 {
                    match Scram::new(Arc::clone(&self.host)) {
                        Ok(exchange) => self.exchange = Some(Arc::new(exchange)),
                        Err(error) => {
                            tracing::error!(self.id, %error, "SCRAM");
                            return now(Verdict::Refuse(Refusal::Temporary));
                        }
                    }
                }
                match initial {
                    // In both mechanisms the client begins.
                    None => now(Verdict::Challenge(Vec::new())),
                    Some(response) => self.response(response),
                }
            }
            Credentials::Response(response) => self.response(response),
            // No other kind is offered.
            _ => now(Verdict::Close),
        }
    }

    /// Continues AUTH: with SCRAM if it has begun, else with PLAIN.
    fn response(&mut self, response: Base64<'_>) -> Later<Verdict> {
        let mut buffer = vec![0; response.as_bytes().len()];
        let message: &[u8] = sasl::decode(response, &mut buffer).map_or(&[], |message| message);
        let Some(exchange) = &self.exchange else {
            let (name, proof) = match sasl::Plain::parse(message) {
                Ok(plain) if plain.authzid.is_empty() || plain.authzid == plain.authcid => {
                    let password = plain.password.expose().to_vec();
                    (plain.authcid.as_bytes().to_vec(), Proof::Password(password))
                }
                _ => (Vec::new(), Proof::Wrong),
            };
            return self.attempt().log_in(name, proof);
        };
        let (exchange, message) = (Arc::clone(exchange), message.to_vec());
        let attempt = self.attempt();
        Box::pin(async move {
            let progress = match exchange.may_block() {
                true => spawn_blocking(move || exchange.step(&message)).await,
                false => Ok(exchange.step(&message)),
            };
            match progress {
                Ok(Ok(Progress::Challenge(challenge))) => Verdict::Challenge(challenge),
                Ok(Ok(Progress::Verified(name))) => attempt.log_in(name.into(), Proof::Done).await,
                Ok(Ok(Progress::Failed)) => attempt.log_in(Vec::new(), Proof::Wrong).await,
                Ok(Err(refusal)) => Verdict::Refuse(refusal),
                Err(_) => Verdict::Close,
            }
        })
    }

    fn attempt(&self) -> Attempt {
        Attempt {
            host: Arc::clone(&self.host),
            id: self.id,
            address: self.address,
            logins: Arc::clone(&self.logins),
        }
    }
}

fn now(verdict: Verdict) -> Later<Verdict> {
    Box::pin(ready(verdict))
}

fn log_in(login: Login, verdict: Verdict, mut responder: Answers<'_>) -> Result<(), Error> {
    match verdict {
        Verdict::Accept(mailbox) => responder.accept(login, mailbox)?,
        Verdict::Challenge(octets) => responder.challenge_message(login, &sasl::Message::new(&octets))?,
        Verdict::Refuse(refusal) => responder.refuse(login, refusal)?,
        Verdict::Close => responder.close(),
    }
    Ok(())
}

impl Scram {
    fn new(host: Arc<Host>) -> crate::Result<Self> {
        let is_store_down = Arc::new(AtomicBool::new(false));
        let (is_down, store) = (Arc::clone(&is_store_down), Arc::clone(&host.store));
        let verifier = move |name: &[u8]| {
            store.verifier(name).unwrap_or_else(|error| {
                tracing::error!(%error, "the store failed");
                is_down.store(true, Ordering::Relaxed);
                Verifier::nobody()
            })
        };
        Ok(Scram { host, exchange: Mutex::new(Exchange::new(verifier)?), is_store_down })
    }

    /// Returns whether the next step may block: the first one asks the store.
    fn may_block(&self) -> bool {
        self.exchange().is_first() && !self.host.store.has_verifiers()
    }

    fn exchange(&self) -> MutexGuard<'_, Exchange> {
        self.exchange.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn step(&self, response: &[u8]) -> Result<Progress, Refusal> {
        let progress = self.exchange().step(response);
        match self.is_store_down.load(Ordering::Relaxed) {
            true => Err(Refusal::Temporary),
            false => Ok(progress),
        }
    }
}

/// A login that is being checked.
struct Attempt {
    host: Arc<Host>,
    id: u64,
    address: IpAddr,
    logins: Arc<AtomicU32>,
}

impl Attempt {
    fn log_in(self, name: Vec<u8>, proof: Proof) -> Later<Verdict> {
        let Attempt { host, id, address, logins } = self;
        Box::pin(async move {
            let logins = logins.fetch_add(1, Ordering::Relaxed).saturating_add(1);
            let opened = match host.open_if_cached((id, address), &name, &proof) {
                Some(opened) => Ok(opened),
                None => spawn_blocking(move || host.open((id, address), &name, &proof)).await,
            };
            match opened {
                Ok(Ok(mailbox)) => Verdict::Accept(mailbox),
                Ok(Err(refusal)) => {
                    if refusal == Refusal::Credentials {
                        sleep(DELAY.saturating_mul(logins)).await; // makes guessing slow
                    }
                    Verdict::Refuse(refusal)
                }
                Err(_) => Verdict::Close,
            }
        })
    }
}

/// A user's mail, or why there is none.
type Opened = Result<Box<dyn Mailbox>, Refusal>;

impl Host {
    /// Checks the user's identity, and opens the maildrop, if both are possible without blocking.
    fn open_if_cached(&self, visit: (u64, IpAddr), name: &[u8], proof: &Proof) -> Option<Opened> {
        let is_right = match proof {
            Proof::Password(password) => self.store.knows(name, password),
            Proof::Apop(timestamp, digest) => self.is_apop(name, timestamp, digest),
            Proof::Done => true,
            Proof::Wrong => false,
        };
        let opened = if is_right { self.store.open_if_cached(name)? } else { return None };
        log_opened(visit, name, &opened);
        Some(opened)
    }

    /// Checks the user's identity, and opens the maildrop. This blocks.
    fn open(&self, (id, address): (u64, IpAddr), name: &[u8], proof: &Proof) -> Opened {
        let opened = match proof {
            Proof::Password(password) => self.store.log_in(name, password),
            Proof::Apop(timestamp, digest) if self.is_apop(name, timestamp, digest) => self.store.open(name),
            Proof::Done => self.store.open(name),
            Proof::Apop(..) | Proof::Wrong => Ok(Err(Refusal::Credentials)),
        };
        let opened = opened.map_err(|error| {
            tracing::error!(id, name = %name.escape_ascii(), %error, "the store failed");
            refusal(&error)
        })?;
        match &opened {
            // Do not log the name, because some users type their password there.
            Err(Refusal::Credentials) => tracing::warn!(id, %address, "a login failed"),
            opened => log_opened((id, address), name, opened),
        }
        opened
    }

    fn is_apop(&self, name: &[u8], timestamp: &str, digest: &ApopDigest) -> bool {
        let is_user = |(user, password): &(String, String)| {
            is_digest(timestamp, password, digest) & (name == user.as_bytes())
        };
        self.apop.as_ref().is_some_and(is_user)
    }
}

fn log_opened((id, address): (u64, IpAddr), name: &[u8], opened: &Opened) {
    let name = name.escape_ascii();
    match opened {
        Ok(mailbox) => tracing::info!(id, %address, %name, messages = mailbox.count(), "logged in"),
        Err(refusal) => tracing::info!(id, %name, ?refusal, "refused"),
    }
}

fn is_digest(timestamp: &str, password: &str, digest: &ApopDigest) -> bool {
    match (ApopTimestamp::new(timestamp.as_bytes()), Secret::new(password.as_bytes())) {
        (Ok(timestamp), Ok(password)) => apop::verify(timestamp, password, digest),
        _ => false,
    }
}
