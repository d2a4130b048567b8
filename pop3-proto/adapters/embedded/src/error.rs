use core::fmt;
use embedded_io::ErrorKind;
use pop3_proto::client::SendError;
use pop3_proto::login::LoginError;
use pop3_proto::server::BodyError;
use pop3_proto::{AnswerError, BufferTooSmall, ConnectionError, InvalidValue};

/// Why a call failed. `E` is the error of the stream.
///
/// After [`Send`](Self::Send), [`Answer`](Self::Answer), [`Login`](Self::Login), [`Value`](Self::Value) and [`NothingDue`](Self::NothingDue) the
/// session can continue. After any other error, drop the connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Error<E> {
    /// The stream failed.
    Io(E),
    /// The stream accepted no bytes (`Ok(0)`).
    WriteZero,
    /// The peer broke a rule, was silent for too long, or closed the connection too early.
    Connection(ConnectionError),
    /// The command was not sent.
    Send(SendError),
    /// The answer was not accepted. The next event is the question again.
    Answer(AnswerError),
    /// Bytes of a message were not accepted, or the message does not have its listed size.
    Body(BodyError),
    /// The source of a message failed. The session is closed, so the client sees that the message is incomplete.
    Message(ErrorKind),
    /// The login failed. The session can continue if the server refused.
    Login(LoginError),
    /// A value cannot be sent with POP3.
    Value(InvalidValue),
    /// A buffer is too small for the configuration.
    Buffer(BufferTooSmall),
    /// The deadline of the session has passed.
    Deadline,
    /// No data from the peer is expected: send a command, or answer the open question.
    NothingDue,
}

macro_rules! from {
    ($($of:ty => $variant:ident)+) => {
        $(impl<E> From<$of> for Error<E> {
            fn from(error: $of) -> Self {
                Error::$variant(error)
            }
        })+
    };
}

from! {
    ConnectionError => Connection
    SendError => Send
    AnswerError => Answer
    BodyError => Body
    LoginError => Login
    InvalidValue => Value
    BufferTooSmall => Buffer
}

impl<E> fmt::Display for Error<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Error::Io(_) => "the stream failed",
            Error::WriteZero => "the stream accepted no bytes",
            Error::Connection(_) => "the session failed",
            Error::Send(_) => "the command was not sent",
            Error::Answer(_) => "the answer was not accepted",
            Error::Body(_) => "the message was not sent completely",
            Error::Message(_) => "the source of the message failed",
            Error::Login(_) => "the login failed",
            Error::Value(_) => "a value cannot be sent with POP3",
            Error::Buffer(_) => "a buffer is too small for the configuration",
            Error::Deadline => "the deadline of the session has passed",
            Error::NothingDue => {
                "no data is expected from the peer: send a command, or answer the open question"
            }
        })
    }
}

impl<E: core::error::Error + 'static> core::error::Error for Error<E> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Error::Io(error) => Some(error),
            Error::Connection(error) => Some(error),
            Error::Send(error) => Some(error),
            Error::Answer(error) => Some(error),
            Error::Body(error) => Some(error),
            Error::Message(error) => Some(error),
            Error::Login(error) => Some(error),
            Error::Value(error) => Some(error),
            Error::Buffer(error) => Some(error),
            Error::WriteZero | Error::Deadline | Error::NothingDue => None,
        }
    }
}

/// Why TLS was not started. `E` is the error of the stream, and `H` that of the handshake. Drop the
/// connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum StartTlsError<E, H> {
    /// The session failed before the handshake or after it.
    Session(Error<E>),
    /// The handshake failed.
    Handshake(H),
}

impl<E, H> From<Error<E>> for StartTlsError<E, H> {
    fn from(error: Error<E>) -> Self {
        StartTlsError::Session(error)
    }
}

impl<E, H> fmt::Display for StartTlsError<E, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            StartTlsError::Session(_) => "the session failed while starting TLS",
            StartTlsError::Handshake(_) => "the TLS handshake failed",
        })
    }
}

impl<E, H> core::error::Error for StartTlsError<E, H>
where
    E: core::error::Error + 'static,
    H: core::error::Error + 'static,
{
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            StartTlsError::Session(error) => Some(error),
            StartTlsError::Handshake(error) => Some(error),
        }
    }
}

#[cfg(feature = "defmt")]
mod logged {
    use super::{Error, StartTlsError};
    use core::fmt::Debug;
    use defmt::{Debug2Format, Format, Formatter, write};

    /// Uses the output of `Debug`.
    impl<E: Debug> Format for Error<E> {
        fn format(&self, f: Formatter<'_>) {
            write!(f, "{}", Debug2Format(self));
        }
    }

    /// Uses the output of `Debug`.
    impl<E: Debug, H: Debug> Format for StartTlsError<E, H> {
        fn format(&self, f: Formatter<'_>) {
            write!(f, "{}", Debug2Format(self));
        }
    }
}
