use pop3_proto::client::SendError;
use pop3_proto::login::LoginError;
use pop3_proto::server::BodyError;
use pop3_proto::{AnswerError, ConnectionError, InvalidValue};
use std::{fmt, io};

/// Why a call failed. The cause is the [`source`](std::error::Error::source).
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The stream failed.
    Io(io::Error),
    /// The peer broke a rule or fell silent, so the connection is over.
    Connection(ConnectionError),
    /// The deadline for the whole session has passed.
    Deadline,
    /// A command was not sent. The session goes on.
    Send(SendError),
    /// An answer was not taken. The session goes on.
    Answer(AnswerError),
    /// The message has another size than the client was told, or cannot be sent as it is. The session is closed.
    Body(BodyError),
    /// The message could not be read from its store. The session is closed.
    Message(io::Error),
    /// The login failed. The session goes on if the server refused.
    #[non_exhaustive]
    Login {
        /// The cause.
        why: LoginError,
        /// The text of the refusal, as the server sent it; empty if there was none.
        text: String,
    },
    /// A name, a password or another value cannot be sent.
    Value(InvalidValue),
    /// Nothing that the peer sends is due: a wait would never end.
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
    /// A failed login, with the text of the refusal if the server refused.
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
            Error::Answer(_) => "an answer was not taken",
            Error::Body(_) => "the message was not sent to its end",
            Error::Message(_) => "the message could not be read",
            Error::Login { text, .. } if !text.is_empty() => {
                return write!(f, "the login failed, and the server said: {text}");
            }
            Error::Login { .. } => "the login failed",
            Error::Value(_) => "a value cannot be sent",
            Error::NothingDue => "the peer owes nothing: send a command, answer the open question, or close",
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
