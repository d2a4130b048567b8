//! The ways to log in, each over the connection. Which one is taken is decided in [`ways`](super::ways).

use super::Options;
use super::connection::Connection;
use super::failure::{Exit, Failure};
use super::ways::{Cause, Next, Offers, Policy, Refusal, Way, next};
use crate::scram::Exchange;
use clap::ValueEnum;
use pop3_proto::client::{Capabilities, Event, Feature, SendError};
use pop3_proto::{
    ApopDigest, Base64, Client, Command, Mechanism, ResponseCode, Retry, Secret, StatusText, Text, sasl,
};
use std::str;
use tokio::io::{AsyncRead, AsyncWrite};

/// How to log in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Auth {
    /// The best way that the server offers, and the next one if that does not give the password away
    Auto,
    /// USER and PASS
    User,
    /// A digest over the greeting's timestamp
    Apop,
    /// The password, in UTF-8
    Plain,
    /// A proof of the password, and one by the server
    #[value(name = "scram-sha-256")]
    ScramSha256,
    /// The password is an access token
    Xoauth2,
    /// The password is an access token (RFC 7628); inside TLS only
    Oauthbearer,
}

impl Auth {
    fn policy(self) -> Policy {
        match self {
            Auth::Auto => Policy::Best,
            Auth::User => Policy::Only(Way::User),
            Auth::Apop => Policy::Only(Way::Apop),
            Auth::Plain => Policy::Only(Way::Plain),
            Auth::ScramSha256 => Policy::Only(Way::ScramSha256),
            Auth::Xoauth2 => Policy::Only(Way::Xoauth2),
            Auth::Oauthbearer => Policy::Only(Way::Oauthbearer),
        }
    }
}

impl Way {
    /// Returns the name that `--auth` has for it.
    fn name(self) -> &'static str {
        match self {
            Way::ScramSha256 => "scram-sha-256",
            Way::Apop => "apop",
            Way::Plain => "plain",
            Way::User => "user",
            Way::Oauthbearer => "oauthbearer",
            Way::Xoauth2 => "xoauth2",
        }
    }
}

/// An attempt that was refused.
struct Refused {
    how: Refusal,
    failure: Failure,
}

/// `Ok(None)` is a login.
type Attempt = Result<Option<Refused>, Failure>;

/// Logs in. `digest` is APOP's, if the greeting had a timestamp.
pub(super) async fn log_in<S: AsyncRead + AsyncWrite + Unpin>(
    connection: &mut Connection<S>,
    options: &Options,
    digest: Option<ApopDigest>,
) -> Result<(), Failure> {
    let user = (Text::new(&options.account.user)?, Secret::new(&options.password)?);
    let policy = options.auth.policy();
    let offers = offers(connection.client(), digest.is_some(), user);
    let (mut tried, mut last): (Vec<Way>, Option<Refused>) = (Vec::new(), None);
    loop {
        let way = match next(policy, offers, &tried, last.as_ref().map(|refused| refused.how)) {
            Next::Try(way) => way,
            end => return Err(ended(end, last, &tried)),
        };
        tried.push(way);
        let mut login = Login { connection, options, user, with_initial: policy != Policy::Best };
        match login.attempt(way, digest).await? {
            None => return Ok(()),
            refused => last = refused,
        }
    }
}

fn ended(end: Next, last: Option<Refused>, tried: &[Way]) -> Failure {
    match (end, last) {
        (Next::StopWithHint, Some(Refused { failure, .. })) => {
            let tried: Vec<_> = tried.iter().map(|way| way.name()).collect();
            failure.with_hint(&format!(
                "check the name and the password, or choose another way to log in with --auth (tried: {})",
                tried.join(", ")
            ))
        }
        (_, Some(Refused { failure, .. })) => failure,
        (_, None) => Failure::new(
            Exit::Login,
            "no way to log in that the server offers can carry this name and password: choose one with --auth",
        ),
    }
}

/// Returns what the server offers, without the ways that cannot carry these credentials.
fn offers(client: &Client, has_timestamp: bool, (name, password): (Text<'_>, Secret<'_>)) -> Offers {
    let capabilities = client.capabilities();
    let name_fits = fits_line(capabilities, name.as_bytes());
    let is_utf8 = name.to_str().is_some() && str::from_utf8(password.expose()).is_ok();
    Offers {
        scram: is_utf8 && capabilities.has_mechanism(Mechanism::SCRAM_SHA_256),
        apop: name_fits && has_timestamp && !client.is_tls(),
        plain: is_utf8 && capabilities.has_mechanism(Mechanism::PLAIN),
        user: name_fits && fits_line(capabilities, password.expose()),
        auth_resp_code: capabilities.has(Feature::AuthRespCode),
    }
}

/// Returns whether USER and PASS can carry this (RFC 6856 section 2.2). A server without UTF8 gets the bytes as they are.
fn fits_line(capabilities: &Capabilities, bytes: &[u8]) -> bool {
    let is_allowed = !capabilities.has(Feature::Utf8)
        || capabilities.has(Feature::Utf8User) && str::from_utf8(bytes).is_ok();
    (bytes.is_ascii() || is_allowed) && !bytes.iter().any(u8::is_ascii_control)
}

/// What an attempt needs.
struct Login<'l, S> {
    connection: &'l mut Connection<S>,
    options: &'l Options,
    user: (Text<'l>, Secret<'l>),
    /// Send the first message with AUTH. Without it a server that does not know the mechanism has not seen the password.
    with_initial: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Login<'_, S> {
    async fn attempt(&mut self, way: Way, digest: Option<ApopDigest>) -> Attempt {
        let (name, password) = self.user;
        let account = &self.options.account;
        match way {
            Way::User => match self.command(Command::User(name), Refusal::BeforeProof).await? {
                None => self.command(Command::Pass(password), Refusal::AfterProof).await,
                refused => Ok(refused),
            },
            Way::Apop => {
                let cause = "APOP needs a timestamp in the greeting, and a session without STLS: choose another --auth";
                let digest = digest.ok_or_else(|| Failure::new(Exit::Login, cause))?;
                self.command(Command::Apop { name, digest }, Refusal::AfterProof).await
            }
            Way::ScramSha256 => {
                let is_utf8 =
                    || Failure::new(Exit::Login, "SCRAM-SHA-256 needs a name and a password in UTF-8");
                let password = str::from_utf8(password.expose()).map_err(|_| is_utf8())?;
                let name = name.to_str().ok_or_else(is_utf8)?;
                let (exchange, first) =
                    Exchange::new(name, password).map_err(|error| Failure::new(Exit::Login, error))?;
                self.authenticate(way, &sasl::Message::new(&first), Script::Scram(exchange)).await
            }
            Way::Plain => {
                let first = sasl::plain(Text::EMPTY, name, password)?;
                self.authenticate(way, &first, Script::Plain).await
            }
            Way::Xoauth2 => self.authenticate(way, &sasl::xoauth2(name, password)?, Script::Token(b"")).await,
            Way::Oauthbearer => {
                let host = Text::try_from(account.host.as_str())?;
                let first = sasl::oauthbearer(name, Some(host), Some(account.port), password)?;
                self.authenticate(way, &first, Script::Token(b"\x01")).await
            }
        }
    }

    /// Sends one command. `how` says whether a refusal comes before the proof or after it.
    async fn command(&mut self, command: Command<'_>, how: fn(Cause) -> Refusal) -> Attempt {
        let ticket = self.connection.sender().send(command)?;
        loop {
            match self.connection.next().await?.0 {
                Event::Refused(_, status) => return Ok(Some(refused(ticket.verb.keyword(), status, how))),
                event if event.completes() => return Ok(None),
                _ => {}
            }
        }
    }

    /// Sends AUTH and goes through its exchange.
    async fn authenticate(&mut self, way: Way, first: &sasl::Message<'_>, mut script: Script) -> Attempt {
        let mechanism = mechanism(way);
        let mut buffer = vec![0; first.encoded_len()];
        let initial =
            Some(first.encode_into(&mut buffer)?).filter(|_| self.with_initial || way == Way::ScramSha256);
        // What was not sent with AUTH is the response to the first challenge, whatever that is: some servers prompt in words.
        let mut unsaid = match self.connection.sender().send(Command::Auth { mechanism, initial }) {
            Err(SendError::InitialResponse | SendError::InitialResponseTooLong { .. }) => {
                self.connection.sender().send(Command::Auth { mechanism, initial: None })?;
                Some(first)
            }
            sent => sent.map(|_| initial.is_none().then_some(first))?,
        };
        let (mut distrust, mut report) = (None, None);
        loop {
            let (event, mut sender) = self.connection.next().await?;
            match event {
                Event::Challenge(step, _) | Event::MalformedChallenge(step, _) if unsaid.is_some() => {
                    sender.respond_message(step, unsaid.take().unwrap_or(first))?;
                }
                Event::Challenge(step, challenge) => match script.answer(challenge, &mut report) {
                    Ok(Some(response)) => sender.respond_message(step, &sasl::Message::new(&response))?,
                    Ok(None) => sender.cancel(step)?,
                    Err(error) => {
                        sender.cancel(step)?;
                        distrust = Some(Failure::new(Exit::Login, error));
                    }
                },
                Event::MalformedChallenge(step, _) => sender.cancel(step)?,
                Event::AuthAccepted(..) if !script.is_satisfied() => {
                    let cause = "the server has not proved that it knows the password";
                    return Err(Failure::new(Exit::Login, cause));
                }
                Event::AuthAccepted(done, _) => {
                    sender.verified(done)?;
                    return Ok(None);
                }
                Event::Refused(_, status) => {
                    if let Some(failure) = distrust {
                        return Ok(Some(Refused { how: Refusal::Distrust, failure }));
                    }
                    let is_proven = unsaid.is_none() && script.has_sent_proof();
                    let how = if is_proven { Refusal::AfterProof } else { Refusal::BeforeProof };
                    let mut refused = refused(&format!("AUTH {mechanism}"), status, how);
                    if let Some(report) = report {
                        refused.failure = refused.failure.with_hint(&format!("the server reports {report}"));
                    }
                    return Ok(Some(refused));
                }
                _ => {}
            }
        }
    }
}

fn refused(what: &str, status: StatusText<'_>, how: fn(Cause) -> Refusal) -> Refused {
    let cause = match status.code() {
        Some(ResponseCode::Auth) => Cause::Credentials,
        Some(code) if code.retry() == Some(Retry::Later) => Cause::Later,
        _ => Cause::Other,
    };
    Refused { how: how(cause), failure: Failure::refused(Exit::Login, what, status) }
}

fn mechanism(way: Way) -> Mechanism<'static> {
    match way {
        Way::ScramSha256 => Mechanism::SCRAM_SHA_256,
        Way::Oauthbearer => Mechanism::OAUTHBEARER,
        Way::Xoauth2 => Mechanism::XOAUTH2,
        Way::Plain | Way::User | Way::Apop => Mechanism::PLAIN,
    }
}

/// What the client says after its first message.
enum Script {
    Plain,
    Scram(Exchange),
    /// A server that refuses a token reports why in a challenge, and wants this as the response.
    Token(&'static [u8]),
}

impl Script {
    /// Returns the response to a challenge, or `None` if there is none and the exchange has to be cancelled.
    fn answer(
        &mut self,
        challenge: Base64<'_>,
        report: &mut Option<String>,
    ) -> crate::Result<Option<Vec<u8>>> {
        let mut buffer = vec![0; challenge.as_bytes().len()];
        let challenge = sasl::decode(challenge, &mut buffer)?;
        match self {
            Script::Plain => Ok(Some(Vec::new())),
            Script::Token(response) => {
                let text = String::from_utf8_lossy(challenge).trim().to_owned();
                *report = Some(text).filter(|text| !text.is_empty());
                Ok(Some((*response).to_vec()))
            }
            // A refusal in SCRAM's own words (RFC 5802 section 7).
            Script::Scram(_) if challenge.starts_with(b"e=") => {
                *report = Some(challenge.escape_ascii().to_string());
                Ok(None)
            }
            Script::Scram(exchange) => exchange.step(challenge).map(Some),
        }
    }

    /// Returns whether the server, given the first message, was sent the password or what is computed from it.
    fn has_sent_proof(&self) -> bool {
        match self {
            Script::Scram(exchange) => exchange.has_sent_proof(),
            Script::Plain | Script::Token(_) => true,
        }
    }

    /// Returns whether the server's `+OK` can be believed.
    fn is_satisfied(&self) -> bool {
        !matches!(self, Script::Scram(exchange) if !exchange.server_is_proven())
    }
}
