//! The ways to log in.

use super::failure::{Exit, Failure};
use super::talk::run_one;
use crate::client::Connection;
use crate::scram::client::Exchange;
use clap::ValueEnum;
use pop3_proto::client::{Event, Feature, SendError, Support};
use pop3_proto::{ApopDigest, Base64, Client, Command, Mechanism, Secret, Text, sasl};
use tokio::io::{AsyncRead, AsyncWrite};

/// How to log in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Auth {
    /// The safest way that the server offers
    Auto,
    /// USER and PASS
    User,
    /// A digest over the greeting's timestamp
    Apop,
    Plain,
    #[value(name = "scram-sha-256")]
    ScramSha256,
    /// The password is an access token
    Xoauth2,
}

impl Auth {
    /// Inside TLS the password is safe from listeners, and APOP's MD5 has nothing to add; in clear it is better than nothing.
    fn choose(self, client: &Client, has_timestamp: bool) -> Self {
        let capabilities = client.capabilities();
        match self {
            Auth::Auto if capabilities.has_mechanism(Mechanism::SCRAM_SHA_256) => Auth::ScramSha256,
            Auth::Auto if has_timestamp && !client.is_tls() => Auth::Apop,
            Auth::Auto if capabilities.support(Feature::User) != Support::No => Auth::User,
            Auth::Auto => Auth::Plain,
            chosen => chosen,
        }
    }
}

/// Logs in. `digest` is APOP's, where the greeting had a timestamp.
pub(super) async fn log_in<S: AsyncRead + AsyncWrite + Unpin>(
    connection: &mut Connection<S>,
    auth: Auth,
    (user, password): (&str, &str),
    digest: Option<ApopDigest>,
) -> Result<(), Failure> {
    let (name, secret) = (Text::try_from(user)?, Secret::try_from(password)?);
    match auth.choose(connection.client(), digest.is_some()) {
        Auth::User => {
            run_one(connection, Exit::Login, &Command::User(name)).await?;
            run_one(connection, Exit::Login, &Command::Pass(secret)).await
        }
        Auth::Apop => {
            let digest = digest.ok_or_else(|| {
                Failure::new(Exit::Login, "APOP takes a greeting with a timestamp, and STLS takes that away")
            })?;
            run_one(connection, Exit::Login, &Command::Apop { name, digest }).await
        }
        Auth::ScramSha256 => {
            let (exchange, first) =
                Exchange::new(user, password).map_err(|error| Failure::new(Exit::Login, error))?;
            let first = sasl::Message::new(&first);
            authenticate(connection, Mechanism::SCRAM_SHA_256, &first, Some(exchange)).await
        }
        Auth::Xoauth2 => {
            let first = sasl::xoauth2(name, secret)?;
            authenticate(connection, Mechanism::XOAUTH2, &first, None).await
        }
        Auth::Plain | Auth::Auto => {
            let first = sasl::plain(Text::EMPTY, name, secret)?;
            authenticate(connection, Mechanism::PLAIN, &first, None).await
        }
    }
}

/// One AUTH; `scram` answers challenges, and has the last word.
async fn authenticate<S: AsyncRead + AsyncWrite + Unpin>(
    connection: &mut Connection<S>,
    mechanism: Mechanism<'_>,
    first: &sasl::Message<'_>,
    mut scram: Option<Exchange>,
) -> Result<(), Failure> {
    let mut buffer = vec![0; first.encoded_len()];
    let initial = Some(first.encode_into(&mut buffer)?);
    // What was not said with AUTH is the response to the first challenge, whatever that is: some servers prompt in words.
    let mut unsaid = match connection.handle().send(&Command::Auth { mechanism, initial }) {
        Err(SendError::InitialResponse | SendError::InitialResponseTooLong { .. }) => {
            connection.handle().send(&Command::Auth { mechanism, initial: None })?;
            Some(first)
        }
        sent => sent.map(|_| None)?,
    };
    let mut doubt = None;
    loop {
        let (event, mut handle) = connection.next().await?;
        match event {
            Event::Challenge(step, _) | Event::OddChallenge(step, _) if unsaid.is_some() => {
                handle.respond(step, unsaid.take().unwrap_or(first))?;
            }
            Event::Challenge(step, challenge) => match answer(challenge, scram.as_mut()) {
                Ok(response) => handle.respond(step, &sasl::Message::new(&response))?,
                Err(error) => {
                    handle.cancel(step)?;
                    doubt = Some(Failure::new(Exit::Login, error));
                }
            },
            Event::OddChallenge(step, _) => handle.cancel(step)?,
            Event::AuthAccepted(..) if scram.as_ref().is_some_and(|scram| !scram.server_is_proven()) => {
                return Err(Failure::new(
                    Exit::Login,
                    "the server has not proved that it knows the password",
                ));
            }
            Event::AuthAccepted(done, _) => return Ok(handle.client.verified(done)?),
            Event::Refused(_, status) => {
                return Err(doubt.unwrap_or_else(|| Failure::refused(Exit::Login, "the login", status)));
            }
            _ => {}
        }
    }
}

/// XOAUTH2 has a challenge that says what is wrong with the token, and wants no more than an answer. The others have none.
fn answer(challenge: Base64<'_>, scram: Option<&mut Exchange>) -> crate::Result<Vec<u8>> {
    let Some(scram) = scram else { return Ok(Vec::new()) };
    let mut buffer = vec![0; challenge.as_bytes().len()];
    scram.step(sasl::decode(challenge, &mut buffer)?)
}
