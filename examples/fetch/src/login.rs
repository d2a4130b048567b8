//! Logs in through [`Login`], which chooses the methods. If it fails, the error shows the server's text.

use super::Options;
use super::connection::Connection;
use super::failure::{Exit, Failure};
use crate::scram::Exchange;
use clap::ValueEnum;
use pop3_proto::client::Event;
use pop3_proto::login::{Login, LoginError, Way};
use pop3_proto::{ApopTimestamp, Base64, Secret, Text, Verb, sasl};
use tokio::io::{AsyncRead, AsyncWrite};

/// How to log in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Auth {
    /// The best method that the server offers, and the next one if that does not reveal the password
    Auto,
    /// USER and PASS
    User,
    /// A digest over the greeting's timestamp
    Apop,
    /// The password, in UTF-8
    Plain,
    /// Proofs of the password by both sides
    #[value(name = "scram-sha-256")]
    ScramSha256,
    /// The password is an access token
    Xoauth2,
    /// The password is an access token (RFC 7628); inside TLS only
    Oauthbearer,
}

impl Auth {
    /// Returns the only permitted method, if the user has chosen one.
    fn way(self) -> Option<Way> {
        match self {
            Auth::Auto => None,
            Auth::User => Some(Way::User),
            Auth::Apop => Some(Way::Apop),
            Auth::Plain => Some(Way::Plain),
            Auth::ScramSha256 => Some(Way::ScramSha256),
            Auth::Xoauth2 => Some(Way::Xoauth2),
            Auth::Oauthbearer => Some(Way::Oauthbearer),
        }
    }
}

/// Logs in. `timestamp` is from the greeting, if it had one and TLS has not started since.
pub(super) async fn log_in<S: AsyncRead + AsyncWrite + Unpin>(
    connection: &mut Connection<S>,
    options: &Options,
    timestamp: Option<&[u8]>,
) -> Result<(), Failure> {
    let (name, secret) = (Text::new(&options.account.user)?, Secret::new(&options.password)?);
    let mut scram = Exchange::new(name, secret);
    let mut login = match options.auth.way() {
        Some(Way::Xoauth2 | Way::Oauthbearer) => Login::with_token(name, secret),
        _ => Login::new(name, secret),
    };
    login = login
        .with_scram(&mut scram)
        .with_server(Text::try_from(options.account.host.as_str())?, options.account.port);
    // The server knows the method that the user has chosen, so the first message need not wait.
    if let Some(way) = options.auth.way() {
        login = login.only(way).with_initial_response();
    }
    let (mut told, timestamp) = (Told::default(), timestamp.and_then(|text| ApopTimestamp::new(text).ok()));
    let mut done = login.begin(timestamp, &mut connection.sender()).map(|()| None);
    while let Ok(None) = done {
        let (event, mut sender) = connection.next().await?;
        told.note(&event, login.tried().last());
        done = login.handle(event, &mut sender);
    }
    let tried = login.tried().map(|way| way.to_string().to_lowercase()).collect::<Vec<_>>().join(", ");
    done.map(drop).map_err(|error| told.explain(error, options.auth, &tried))
}

/// The server's text when it refused.
#[derive(Default)]
struct Told {
    refusal: Option<Failure>,
    /// The cause, which the server reports in a challenge before it refuses.
    report: Option<String>,
}

impl Told {
    fn note(&mut self, event: &Event<'_>, way: Option<Way>) {
        match (event, way) {
            (Event::Challenge(_, challenge), Some(way)) => self.report = report(way, *challenge),
            (Event::Refused(ticket, status), way) => {
                let what = match way {
                    Some(way) if ticket.verb == Verb::Auth => format!("AUTH {way}"),
                    _ => ticket.verb.keyword().into(),
                };
                let refusal = Failure::refused(Exit::Login, &what, *status);
                self.refusal = Some(match self.report.take() {
                    Some(report) => refusal.with_hint(&format!("the server reports {report}")),
                    None => refusal,
                });
            }
            _ => {}
        }
    }

    fn explain(self, error: LoginError, auth: Auth, tried: &str) -> Failure {
        match (error, self.refusal) {
            (LoginError::Refused { ask, .. }, Some(refusal)) => {
                let hint = format!(
                    "check the name and the password, or choose another way to log in with --auth (tried: {tried})"
                );
                if ask { refusal.with_hint(&hint) } else { refusal }
            }
            (LoginError::NoWay(_), _) if auth == Auth::Auto => {
                Failure::new(Exit::Login, error).with_hint("choose a way with --auth")
            }
            (LoginError::Ended, _) => Failure::broken("the server ended the session before the login"),
            (LoginError::Send(error), _) => error.into(),
            (LoginError::Answer(error), _) => error.into(),
            (error, _) => Failure::new(Exit::Login, error),
        }
    }
}

/// Returns the report in a challenge: why a token is refused, or a SCRAM error (RFC 5802 section 7).
fn report(way: Way, challenge: Base64<'_>) -> Option<String> {
    let mut buffer = vec![0; challenge.as_bytes().len()];
    let text = sasl::decode(challenge, &mut buffer).ok()?;
    match way {
        Way::Xoauth2 | Way::Oauthbearer => {
            Some(String::from_utf8_lossy(text).trim().to_owned()).filter(|text| !text.is_empty())
        }
        Way::ScramSha256 if text.starts_with(b"e=") => Some(text.escape_ascii().to_string()),
        _ => None,
    }
}
