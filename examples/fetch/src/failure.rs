use super::connection::{Broken, Cause};
use super::shown::Shown;
use pop3_proto::{ConnectionError, ResponseCode, Retry, StatusText};
use std::error::Error;
use std::fmt;
use std::io;

/// Why mail could not be fetched.
#[derive(Debug)]
pub struct Failure {
    pub exit: Exit,
    cause: Box<dyn Error + Send + Sync>,
    pub(super) again: Again,
    /// Whether it came too soon after the login before it.
    pub(super) too_soon: bool,
    /// The server said what nobody asked for, so that it is not certain which response was to which command.
    pub(super) out_of_step: bool,
}

/// Whether another session may go better.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Again {
    No,
    /// The server said so.
    Later,
    /// The connection broke.
    OnceLoggedIn,
    /// The next session does something else.
    Otherwise,
}

/// The program's exit codes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Exit {
    /// Some message could not be fetched, or not be deleted; all others were.
    Messages = 1,
    Usage = 2,
    Connection = 3,
    Login = 4,
    Storage = 5,
}

impl Failure {
    pub(super) fn new(exit: Exit, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Failure { exit, cause: cause.into(), again: Again::No, too_soon: false, out_of_step: false }
    }

    /// Says more, behind the cause.
    pub(super) fn with_hint(self, hint: &str) -> Self {
        let cause = self.cause.to_string();
        let cause = cause.trim_end_matches('.'); // servers end their sentences
        Failure { cause: format!("{cause}: {hint}").into(), ..self }
    }

    /// The same without what must not reach a terminal.
    pub(super) fn shown(self, shown: &Shown) -> Self {
        Failure { cause: shown.text(&self.cause.to_string()).into(), ..self }
    }

    pub(super) fn usage(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Failure::new(Exit::Usage, error)
    }

    pub(super) fn broken(cause: &str) -> Self {
        Failure { again: Again::OnceLoggedIn, ..Failure::new(Exit::Connection, cause) }
    }

    /// A message is too large, and its connection was cut.
    pub(super) fn cut_off(cause: String) -> Self {
        Failure { again: Again::Otherwise, ..Failure::new(Exit::Messages, cause) }
    }

    /// A listing is too large.
    pub(super) fn too_much(cause: &str) -> Self {
        Failure::new(Exit::Connection, cause)
    }

    /// Another session may go better, whatever the cause is.
    pub(super) fn of_this_session(self) -> Self {
        Failure { again: Again::OnceLoggedIn, ..self }
    }

    /// The next session avoids it, and how is in the text.
    pub(super) fn with_another_try(self, how: &str) -> Self {
        let cause = format!("{}, {how}", self.cause).into();
        Failure { cause, again: Again::Otherwise, ..self }
    }

    pub(super) fn storage(error: io::Error) -> Self {
        Failure::new(Exit::Storage, error)
    }

    /// Of the connection. A server that fell silent or went away may come back; one that breaks the protocol or has a wrong certificate
    /// will do so again.
    pub(super) fn of_connection(cause: Cause) -> Self {
        let of_tls =
            |error: &io::Error| matches!(error.get_ref(), Some(inner) if inner.is::<rustls::Error>());
        let why = cause.downcast_ref().map(|Broken { why, .. }| *why);
        let broke = match why {
            Some(why) => matches!(why, ConnectionError::UnexpectedEof | ConnectionError::TimedOut(_)),
            None => cause.downcast_ref::<io::Error>().is_some_and(|error| !of_tls(error)),
        };
        let out_of_step = matches!(
            why,
            Some(
                ConnectionError::NotPop3
                    | ConnectionError::Unsolicited
                    | ConnectionError::BareLf
                    | ConnectionError::OverLimit(_)
            )
        );
        let again = if broke { Again::OnceLoggedIn } else { Again::No };
        Failure { again, out_of_step, ..Failure::new(Exit::Connection, cause) }
    }

    /// The server said no. Only where its response code tells that it may say yes later is there a point in asking again: who tries a
    /// wrong password over and over is locked out.
    pub(super) fn refused(exit: Exit, what: &str, status: StatusText<'_>) -> Self {
        let code = status.code();
        let tag = code.map(|code| format!("[{code}] ")).unwrap_or_default();
        let later = code.and_then(|code| code.retry()) == Some(Retry::Later);
        Failure {
            exit,
            cause: format!("{what} was refused: {tag}{}", status.text()).into(),
            again: if later { Again::Later } else { Again::No },
            too_soon: code == Some(ResponseCode::LoginDelay),
            out_of_step: false,
        }
    }
}

/// Of the connection.
impl<E: Into<Cause>> From<E> for Failure {
    fn from(error: E) -> Self {
        Failure::of_connection(error.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cause.fmt(f)
    }
}
