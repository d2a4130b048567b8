use pop3_proto::client::SendError;
use pop3_proto::login::LoginError;
use pop3_proto::server::BodyError;
use pop3_proto::{AnswerError, ConnectionError, InvalidValue};
use std::{fmt, io};

/// Why a call failed. The [`source`](std::error::Error::source) is the cause.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The stream failed.
    Io(io::Error),
    /// The peer broke a rule or stopped responding, so the connection is over.
    Connection(ConnectionError),
    /// The deadline for the whole session has passed.
    Deadline,
    /// A command was not sent. The session continues.
    Send(SendError),
    /// An answer was not accepted. The session continues.
    Answer(AnswerError),
    /// The message does not have its listed size, or cannot be sent unchanged. The session is closed.
    Body(BodyError),
    /// The message could not be read from its store. The session is closed.
    Message(io::Error),
    /// The login failed. The session continues if the server refused.
    #[non_exhaustive]
    Login {
        /// The cause.
        why: LoginError,
        /// The text of the refusal, exactly as the server sent it. Empty if there was none.
        text: String,
    },
    /// A name, a password or another value cannot be sent.
    Value(InvalidValue),
    /// No data from the peer is expected, so a wait would never end.
    NothingDue,
}

macro_rules! from {
    ($($of:ty => $variant:ident)+) => {
        $(impl From<$of> for Error {
            fn from(error: $of) -> Self {
                Error::$variant(error)
            }
        })+
    };
}

from! {
    io::Error => Io
    ConnectionError => Connection
    SendError => Send
    AnswerError => Answer
    BodyError => Body
    InvalidValue => Value
}

impl Error {
    /// Returns a failed login, with the text of the refusal if the server refused.
    pub(crate) fn login(why: LoginError, text: String) -> Self {
        let has_text = matches!(why, LoginError::Refused { .. } | LoginError::NoService);
        Error::Login { why, text: if has_text { text } else { String::new() } }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Error::Io(_) => "the stream failed",
            Error::Connection(_) => "the connection is over",
            Error::Deadline => "the deadline of the session has passed",
            Error::Send(_) => "a command was not sent",
            Error::Answer(_) => "an answer was not accepted",
            Error::Body(_) => "the message was not sent completely",
            Error::Message(_) => "the message could not be read",
            Error::Login { text, .. } if !text.is_empty() => {
                return write!(f, "the login failed, and the server said: {text}");
            }
            Error::Login { .. } => "the login failed",
            Error::Value(_) => "a value cannot be sent",
            Error::NothingDue => {
                "no data is expected from the peer: send a command, answer the open question, or close"
            }
        })
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Io(error) | Error::Message(error) => Some(error),
            Error::Connection(error) => Some(error),
            Error::Send(error) => Some(error),
            Error::Answer(error) => Some(error),
            Error::Body(error) => Some(error),
            Error::Login { why, .. } => Some(why),
            Error::Value(error) => Some(error),
            Error::Deadline | Error::NothingDue => None,
        }
    }
}
