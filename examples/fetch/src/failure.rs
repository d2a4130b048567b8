use super::connection::{Broken, Cause};
use super::shown::Shown;
use pop3_proto::{ConnectionError, ResponseCode, Retry, StatusText};
use std::error::Error;
use std::fmt;
use std::io;

/// Why `fetch` could not fetch mail.
#[derive(Debug)]
pub struct Failure {
    pub exit: Exit,
    cause: Box<dyn Error + Send + Sync>,
    pub(super) again: Again,
    /// Whether the login was refused because it followed the previous one too soon.
    pub(super) too_soon: bool,
    /// The server sent something unasked, so it is not certain which response belongs to which command.
    pub(super) out_of_step: bool,
}

/// Whether another session may succeed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Again {
    No,
    /// The server asks the client to try again later.
    Later,
    /// Another session may succeed if this one had logged in: the connection broke.
    OnceLoggedIn,
    /// The next session takes another path.
    Otherwise,
}

/// The program's exit codes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Exit {
    /// Some messages could not be fetched or deleted; all the rest were.
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

    /// Adds a hint after the cause.
    pub(super) fn with_hint(self, hint: &str) -> Self {
        let cause = self.cause.to_string();
        let cause = cause.trim_end_matches('.'); // many servers end their texts with a full stop
        Failure { cause: format!("{cause}: {hint}").into(), ..self }
    }

    /// Returns this failure without text that must not reach a terminal.
    pub(super) fn shown(self, shown: &Shown) -> Self {
        Failure { cause: shown.text(&self.cause.to_string()).into(), ..self }
    }

    pub(super) fn usage(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Failure::new(Exit::Usage, error)
    }

    pub(super) fn broken(cause: &str) -> Self {
        Failure { again: Again::OnceLoggedIn, ..Failure::new(Exit::Connection, cause) }
    }

    /// Returns a failure for a message that is too large, whose connection was cut.
    pub(super) fn cut_off(cause: String) -> Self {
        Failure { again: Again::Otherwise, ..Failure::new(Exit::Messages, cause) }
    }

    /// Returns a failure for a listing that is too large.
    pub(super) fn too_much(cause: &str) -> Self {
        Failure::new(Exit::Connection, cause)
    }

    /// Marks a failure as one that another session may avoid, regardless of its cause.
    pub(super) fn of_this_session(self) -> Self {
        Failure { again: Again::OnceLoggedIn, ..self }
    }

    /// Marks a failure that the next session avoids, and adds how it does so.
    pub(super) fn with_another_try(self, how: &str) -> Self {
        let cause = format!("{}, {how}", self.cause).into();
        Failure { cause, again: Again::Otherwise, ..self }
    }

    pub(super) fn storage(error: io::Error) -> Self {
        Failure::new(Exit::Storage, error)
    }

    /// Returns a failure of the connection. A server that stopped responding or closed may come back; a server that breaks the protocol
    /// or has a wrong certificate will do so again.
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

    /// Returns a failure for a refusal. Retry only if the response code says that the server may accept later, because repeated wrong
    /// passwords lock the user out.
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

/// Makes a failure of the connection.
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
