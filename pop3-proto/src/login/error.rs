use super::{Cause, Obstacles, Way};
use crate::client::SendError;
use crate::error::AnswerError;
use core::fmt;

/// The reason why a login did not succeed. It contains no text of the server. Keep the text of
/// [`Event::Refused`](crate::client::Event::Refused) if you want to show it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum LoginError {
    /// The server refused service in its greeting.
    NoService,
    /// The server ended the session.
    Ended,
    /// The server offers no way that can carry the credentials. The value has the reason for each way.
    NoWay(Obstacles),
    /// The server refused the login.
    Refused {
        /// The last way that was tried.
        way: Way,
        /// The cause that the server gave.
        cause: Cause,
        /// Other ways may be left, but they would show the password or the token to a server that has just refused
        /// it. Ask the user, then call [`only`](super::Login::only).
        ask: bool,
    },
    /// The server could not prove that it knows the password. Do not trust anything it sends.
    Distrust(Way),
    /// A command cannot be sent, for example because the TLS policy forbids it.
    Send(SendError),
    /// A challenge cannot be answered.
    Answer(AnswerError),
}

impl fmt::Display for LoginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LoginError::NoService => f.write_str("the server refused service"),
            LoginError::Ended => f.write_str("the server ended the session"),
            LoginError::NoWay(obstacles) => write!(f, "there is no way to log in: {obstacles}"),
            LoginError::Refused { way, cause: Cause::Later, .. } => {
                write!(f, "the server refused the login by {way} for now: try again later")
            }
            LoginError::Refused { way, ask: true, .. } => {
                write!(f, "the server refused the login by {way}: check the credentials")
            }
            LoginError::Refused { way, .. } => write!(f, "the server refused the login by {way}"),
            LoginError::Distrust(way) => {
                write!(f, "the server did not prove in {way} that it knows the password")
            }
            LoginError::Send(_) => f.write_str("a command of the login cannot be sent"),
            LoginError::Answer(_) => f.write_str("a challenge of the login cannot be answered"),
        }
    }
}

impl core::error::Error for LoginError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            LoginError::Send(error) => Some(error),
            LoginError::Answer(error) => Some(error),
            _ => None,
        }
    }
}

impl From<SendError> for LoginError {
    fn from(error: SendError) -> Self {
        LoginError::Send(error)
    }
}

impl From<AnswerError> for LoginError {
    fn from(error: AnswerError) -> Self {
        LoginError::Answer(error)
    }
}
