//! What the server's application answers on one connection.

use super::Host;
use super::listen::Guest;
use super::mailbox::Mailbox;
use super::message::Message;
use crate::scram::server::{Exchange, Progress};
use crate::server::{Answer, App, Reply};
use pop3_proto::server::{Ask, Credentials, Fetch, Login, Maildrop as _, Refusal};
use pop3_proto::{ApopDigest, ApopTimestamp, Base64, Mechanism, Secret, apop, sasl};
use std::net::IpAddr;
use std::sync::Arc;
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
    exchange: Option<Box<Exchange>>,
    /// Of the greeting, for APOP.
    timestamp: Option<String>,
    logins: u32,
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
    type Maildrop = Mailbox;
    type Message = Message;

    fn answer(&mut self, ask: Ask<'_>, maildrop: Option<&mut Mailbox>) -> Reply<Self> {
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
            (Ask::Fetch(fetch), Some(mailbox)) => Reply::Now(send(fetch, mailbox)),
            // The client said QUIT: the one place where messages are removed.
            (Ask::Commit(commit), Some(mailbox)) => match mailbox.removal() {
                None => Reply::Now(Answer::Committed(commit, true)),
                Some(removal) => Reply::Later(Box::pin(async move {
                    Answer::Committed(commit, spawn_blocking(removal).await.unwrap_or(false))
                })),
            },
            // Not asked.
            (Ask::Fetch(_) | Ask::Commit(_), None) | (Ask::StartTls(_) | Ask::Other(..), _) => {
                Reply::Now(Answer::Close)
            }
        }
    }
}

impl Visit {
    pub(super) fn new(host: Arc<Host>, guest: Option<Guest>, id: u64, address: IpAddr) -> Self {
        Visit { host, guest, id, address, name: Vec::new(), exchange: None, timestamp: None, logins: 0 }
    }

    fn credentials(&mut self, login: Login, credentials: Credentials<'_>) -> Reply<Self> {
        match credentials {
            Credentials::Password(password) => {
                let name = std::mem::take(&mut self.name);
                self.log_in(login, name, Proof::Password(password.expose().to_vec()))
            }
            Credentials::Apop { name, digest } => {
                let timestamp = self.timestamp.clone().unwrap_or_default();
                self.log_in(login, name.as_bytes().to_vec(), Proof::Apop(timestamp, digest))
            }
            Credentials::Sasl { mechanism, initial } => {
                self.exchange = None;
                if mechanism == Mechanism::SCRAM_SHA_256 {
                    let host = Arc::clone(&self.host);
                    match Exchange::new(move |name| host.users.verifier(name)) {
                        Ok(exchange) => self.exchange = Some(Box::new(exchange)),
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
        }
    }

    /// Goes on with AUTH: with SCRAM where it was begun, else it is PLAIN.
    fn response(&mut self, login: Login, response: Base64<'_>) -> Reply<Self> {
        let mut buffer = vec![0; response.as_bytes().len()];
        let message: &[u8] = sasl::decode(response, &mut buffer).map_or(&[], |message| message);
        let Some(exchange) = &mut self.exchange else {
            return match sasl::Plain::parse(message) {
                Ok(plain) if plain.authzid.is_empty() || plain.authzid == plain.authcid => {
                    let password = plain.password.expose().to_vec();
                    self.log_in(login, plain.authcid.as_bytes().to_vec(), Proof::Password(password))
                }
                _ => self.log_in(login, Vec::new(), Proof::Wrong),
            };
        };
        match exchange.step(message) {
            Progress::Challenge(challenge) => Reply::Now(Answer::Challenge(login, challenge)),
            Progress::Verified(name) => self.log_in(login, name.into(), Proof::Done),
            Progress::Failed => self.log_in(login, Vec::new(), Proof::Wrong),
        }
    }

    fn log_in(&mut self, login: Login, name: Vec<u8>, proof: Proof) -> Reply<Self> {
        self.exchange = None;
        self.logins = self.logins.saturating_add(1);
        let (host, id, address) = (Arc::clone(&self.host), self.id, self.address);
        let delay = DELAY.saturating_mul(self.logins);
        Reply::Later(Box::pin(async move {
            match spawn_blocking(move || host.open((id, address), &name, &proof)).await {
                Ok(Ok(mailbox)) => Answer::Accept(login, mailbox),
                Ok(Err(refusal)) => {
                    if refusal == Refusal::Credentials {
                        sleep(delay).await; // makes guessing slow
                    }
                    Answer::RefuseLogin(login, refusal)
                }
                Err(_) => Answer::Close,
            }
        }))
    }
}

impl Host {
    /// Checks who it is, and opens the maildrop. It blocks.
    fn open(&self, (id, address): (u64, IpAddr), name: &[u8], proof: &Proof) -> Result<Mailbox, Refusal> {
        let is_right = match proof {
            Proof::Password(password) => self.users.is_right(name, password),
            Proof::Apop(timestamp, digest) => self.apop.as_ref().is_some_and(|(user, password)| {
                is_digest(timestamp, password, digest) & (name == user.as_bytes())
            }),
            Proof::Done => true,
            Proof::Wrong => false,
        };
        let maildir = self.users.maildir(name).filter(|_| is_right).ok_or_else(|| {
            // Without the name: some type their password there.
            tracing::warn!(id, %address, "a login failed");
            Refusal::Credentials
        })?;
        let name = name.escape_ascii();
        match Mailbox::open(&maildir) {
            Ok(Ok(mailbox)) => {
                tracing::info!(id, %address, %name, messages = mailbox.count(), "logged in");
                Ok(mailbox)
            }
            Ok(Err(refusal)) => {
                tracing::info!(id, %name, ?refusal, "refused");
                Err(refusal)
            }
            Err(error) => {
                tracing::error!(id, %name, maildir = %maildir.display(), %error, "the Maildir");
                Err(Refusal::Temporary)
            }
        }
    }
}

fn is_digest(timestamp: &str, password: &str, digest: &ApopDigest) -> bool {
    match (ApopTimestamp::new(timestamp.as_bytes()), Secret::new(password.as_bytes())) {
        (Ok(timestamp), Ok(password)) => apop::verify(timestamp, password, digest),
        _ => false,
    }
}

fn send(fetch: Fetch, mailbox: &Mailbox) -> Answer<Visit> {
    match mailbox.message(fetch.message()) {
        Ok(message) => Answer::Send(fetch, message),
        // Removed, changed or made unreadable since login.
        Err(error) => {
            tracing::warn!(id = fetch.connection(), number = fetch.message().get(), %error, "cannot be sent");
            Answer::RefuseFetch(fetch, Refusal::Temporary)
        }
    }
}
