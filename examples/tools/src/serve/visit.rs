//! What the server's application answers on one connection.

use super::Host;
use super::listen::Guest;
use super::store::{Mailbox, Octets};
use crate::scram::server::{Exchange, Progress, Verifier};
use crate::server::{Answer, App, Later, Reply};
use pop3_proto::server::{Ask, Credentials, Fetch, Login, Maildrop as _, Refusal};
use pop3_proto::{ApopDigest, ApopTimestamp, Base64, Mechanism, Secret, apop, sasl};
use std::io::{self, ErrorKind};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

/// How long the answer to a failed login takes, times the number of logins on the connection.
const DELAY: Duration = Duration::from_secs(1);

/// One connection, as the application sees it.
pub struct Visit {
    host: Arc<Host>,
    /// `None` where there were too many connections.
    guest: Option<Guest>,
    id: u64,
    address: IpAddr,
    /// What USER gave.
    name: Vec<u8>,
    /// Of AUTH SCRAM-SHA-256.
    exchange: Option<Arc<Scram>>,
    /// Of the greeting, for APOP.
    timestamp: Option<String>,
    logins: Arc<AtomicU32>,
}

/// An exchange. Each step may ask the store, so it is taken on a thread that may block.
struct Scram {
    exchange: Mutex<Exchange>,
    /// The store did not tell what is kept of the password.
    is_store_down: Arc<AtomicBool>,
}

/// What is checked before the maildrop is opened.
enum Proof {
    Password(Vec<u8>),
    Apop(String, ApopDigest),
    /// SCRAM has checked it.
    Done,
    Wrong,
}

impl App for Visit {
    type Maildrop = Box<dyn Mailbox>;
    type Message = Octets;

    fn answer(&mut self, ask: Ask<'_>, maildrop: Option<&mut Self::Maildrop>) -> Reply<Self> {
        match (ask, maildrop) {
            (Ask::Greet(greet), _) if self.guest.is_none() => {
                Reply::Now(Answer::NoService(greet, Refusal::Temporary))
            }
            (Ask::Greet(greet), _) => {
                self.timestamp = self.host.timestamp(self.id);
                let text =
                    self.timestamp.as_ref().map_or("ready".into(), |timestamp| format!("ready {timestamp}"));
                Reply::Now(Answer::Greet(greet, text))
            }
            // Any name will do: whether there is such a user is told with the password, or not at all.
            (Ask::User(user, name), _) => {
                self.name = name.as_bytes().to_vec();
                Reply::Now(Answer::AcceptName(user))
            }
            (Ask::Login(login, credentials), _) => self.credentials(login, credentials),
            (Ask::Fetch(fetch), Some(mailbox)) => send(fetch, &**mailbox),
            // The client said QUIT: the one place where messages are removed.
            (Ask::Commit(commit), Some(mailbox)) => {
                let removal = mailbox.removal();
                Reply::Later(Box::pin(async { Answer::Committed(commit, removal.await) }))
            }
            // Not asked.
            _ => Reply::Now(Answer::Close),
        }
    }
}

impl Visit {
    pub(super) fn new(host: Arc<Host>, guest: Option<Guest>, id: u64, address: IpAddr) -> Self {
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

    fn credentials(&mut self, login: Login, credentials: Credentials<'_>) -> Reply<Self> {
        match credentials {
            Credentials::Password(password) => {
                let name = std::mem::take(&mut self.name);
                let password = Proof::Password(password.expose().to_vec());
                Reply::Later(self.attempt().log_in(login, name, password))
            }
            Credentials::Apop { name, digest } => {
                let timestamp = self.timestamp.clone().unwrap_or_default();
                let name = name.as_bytes().to_vec();
                Reply::Later(self.attempt().log_in(login, name, Proof::Apop(timestamp, digest)))
            }
            Credentials::Sasl { mechanism, initial } => {
                self.exchange = None;
                if mechanism == Mechanism::SCRAM_SHA_256 {
                    match Scram::new(Arc::clone(&self.host)) {
                        Ok(exchange) => self.exchange = Some(Arc::new(exchange)),
                        Err(error) => {
                            tracing::error!(self.id, %error, "SCRAM");
                            return Reply::Now(Answer::RefuseLogin(login, Refusal::Temporary));
                        }
                    }
                }
                match initial {
                    // Both mechanisms let the client go first.
                    None => Reply::Now(Answer::Challenge(login, Vec::new())),
                    Some(response) => self.response(login, response),
                }
            }
            Credentials::Response(response) => self.response(login, response),
            // No other kind is offered.
            _ => Reply::Now(Answer::Close),
        }
    }

    /// Goes on with AUTH: with SCRAM where it was begun, else it is PLAIN.
    fn response(&mut self, login: Login, response: Base64<'_>) -> Reply<Self> {
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
            return Reply::Later(self.attempt().log_in(login, name, proof));
        };
        let (exchange, message) = (Arc::clone(exchange), message.to_vec());
        let attempt = self.attempt();
        Reply::Later(Box::pin(async move {
            match spawn_blocking(move || exchange.step(&message)).await {
                Ok(Ok(Progress::Challenge(challenge))) => Answer::Challenge(login, challenge),
                Ok(Ok(Progress::Verified(name))) => attempt.log_in(login, name.into(), Proof::Done).await,
                Ok(Ok(Progress::Failed)) => attempt.log_in(login, Vec::new(), Proof::Wrong).await,
                Ok(Err(refusal)) => Answer::RefuseLogin(login, refusal),
                Err(_) => Answer::Close,
            }
        }))
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

impl Scram {
    fn new(host: Arc<Host>) -> crate::Result<Self> {
        let is_store_down = Arc::new(AtomicBool::new(false));
        let is_down = Arc::clone(&is_store_down);
        let verifier = move |name: &[u8]| {
            host.store.verifier(name).unwrap_or_else(|error| {
                tracing::error!(%error, "the store");
                is_down.store(true, Ordering::Relaxed);
                Verifier::nobody()
            })
        };
        Ok(Scram { exchange: Mutex::new(Exchange::new(verifier)?), is_store_down })
    }

    fn step(&self, response: &[u8]) -> Result<Progress, Refusal> {
        let progress = self.exchange.lock().unwrap_or_else(PoisonError::into_inner).step(response);
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
    fn log_in(self, login: Login, name: Vec<u8>, proof: Proof) -> Later<Visit> {
        let Attempt { host, id, address, logins } = self;
        Box::pin(async move {
            let logins = logins.fetch_add(1, Ordering::Relaxed).saturating_add(1);
            match spawn_blocking(move || host.open((id, address), &name, &proof)).await {
                Ok(Ok(mailbox)) => Answer::Accept(login, mailbox),
                Ok(Err(refusal)) => {
                    if refusal == Refusal::Credentials {
                        sleep(DELAY.saturating_mul(logins)).await; // makes guessing slow
                    }
                    Answer::RefuseLogin(login, refusal)
                }
                Err(_) => Answer::Close,
            }
        })
    }
}

impl Host {
    /// Checks who it is, and opens the maildrop. It blocks.
    fn open(
        &self,
        (id, address): (u64, IpAddr),
        name: &[u8],
        proof: &Proof,
    ) -> Result<Box<dyn Mailbox>, Refusal> {
        let failed = |error: io::Error| {
            tracing::error!(id, name = %name.escape_ascii(), %error, "the store");
            Refusal::Temporary
        };
        let is_right = match proof {
            Proof::Password(password) => self.store.is_right(name, password).map_err(failed)?,
            Proof::Apop(timestamp, digest) => self.apop.as_ref().is_some_and(|(user, password)| {
                is_digest(timestamp, password, digest) & (name == user.as_bytes())
            }),
            Proof::Done => true,
            Proof::Wrong => false,
        };
        if !is_right {
            // Without the name: some type their password there.
            tracing::warn!(id, %address, "a login failed");
            return Err(Refusal::Credentials);
        }
        let opened = self.store.open(name).map_err(failed)?;
        let name = name.escape_ascii();
        match &opened {
            Ok(mailbox) => tracing::info!(id, %address, %name, messages = mailbox.count(), "logged in"),
            Err(refusal) => tracing::info!(id, %name, ?refusal, "refused"),
        }
        opened
    }
}

fn is_digest(timestamp: &str, password: &str, digest: &ApopDigest) -> bool {
    match (ApopTimestamp::new(timestamp.as_bytes()), Secret::new(password.as_bytes())) {
        (Ok(timestamp), Ok(password)) => apop::verify(timestamp, password, digest),
        _ => false,
    }
}

fn send(fetch: Fetch, mailbox: &dyn Mailbox) -> Reply<Visit> {
    let mut message = mailbox.message(fetch.message());
    // Most are there at once. The others are polled again, then with a waker that wakes.
    match message.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(message) => Reply::Now(sent(fetch, message)),
        Poll::Pending => Reply::Later(Box::pin(async { sent(fetch, message.await) })),
    }
}

fn sent(fetch: Fetch, message: io::Result<Octets>) -> Answer<Visit> {
    match message {
        Ok(message) => Answer::Send(fetch, message),
        Err(error) => {
            tracing::warn!(id = fetch.connection(), number = fetch.message().get(), %error, "cannot be sent");
            let refusal = match error.kind() {
                ErrorKind::NotFound => Refusal::NoSuchMessage, // without a code: to try again would not help
                _ => Refusal::Temporary,
            };
            Answer::RefuseFetch(fetch, refusal)
        }
    }
}
