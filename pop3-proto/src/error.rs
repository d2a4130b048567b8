//! The two kinds of errors: the peer broke the protocol ([`ConnectionError`]), or the caller made a mistake
//! ([`Unanswered`]). A refusal is not an error but an event.

use crate::limits::Limit;
use crate::quirks::Quirk;
use crate::sink::BufferFull;
use crate::time::Timer;
use core::fmt;

/// The peer broke a rule of the protocol, or fell silent. Its later bytes cannot be trusted. The error contains
/// no byte of the input.
///
/// Every later call returns the same error. Close the connection; a server removes no message.
///
/// ```
/// use pop3_proto::{Client, ConnectionError, Input, TlsPolicy};
///
/// let mut client = Client::new(TlsPolicy::Cleartext, 1);
/// let mut input = Input::more(b"220 mail.example.com ESMTP\r\n");
/// assert_eq!(client.poll(&mut input).unwrap_err(), ConnectionError::NotPop3);
/// assert_eq!(client.poll(&mut Input::more(b"+OK ready\r\n")).unwrap_err(), ConnectionError::NotPop3);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum ConnectionError {
    /// The peer exceeded this limit.
    OverLimit(Limit),
    /// The stream ended inside a response, or before a pending response.
    UnexpectedEof,
    /// The machine expected a status line and received another line. The peer is out of step, or speaks another
    /// protocol.
    NotPop3,
    /// The server sent bytes that no command asked for. If they are a line of `-ERR`, the client first returns
    /// the text as [`Event::Farewell`](crate::client::Event::Farewell).
    Unsolicited,
    /// A status line ends in LF alone, although earlier lines of the session ended in CR LF.
    BareLf,
    /// The peer sent unencrypted bytes after STLS, when only TLS may follow (RFC 2595 section 4).
    PlaintextAfterStls,
    /// The strict profile refuses this deviation.
    Strict(Quirk),
    /// The peer did not respond before this timer ran out.
    TimedOut(Timer),
}

impl fmt::Display for ConnectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConnectionError::OverLimit(limit) => write!(f, "peer exceeded the limit `{limit}`"),
            ConnectionError::UnexpectedEof => f.write_str("the stream ended before a response was complete"),
            ConnectionError::NotPop3 => f.write_str("expected a POP3 status line (+OK or -ERR)"),
            ConnectionError::Unsolicited => f.write_str("received bytes that no command asked for"),
            ConnectionError::BareLf => {
                f.write_str("a status line ends in LF in a session whose lines end in CR LF")
            }
            ConnectionError::PlaintextAfterStls => f.write_str("received unencrypted bytes after STLS"),
            ConnectionError::Strict(quirk) => write!(f, "refused by the strict profile: {quirk:?}"),
            ConnectionError::TimedOut(timer) => write!(f, "the {timer} timer ran out"),
        }
    }
}

impl core::error::Error for ConnectionError {}

/// An answer that failed. The machine and the sink are unchanged, and the error returns the token.
///
/// The same call succeeds after you have fixed the cause.
///
/// ```
/// use pop3_proto::server::{Ask, Server, ServerConfig, Step};
/// use pop3_proto::{AnswerError, Input, MIN_SEND_BUF, SendBuf, Text, TlsPolicy};
///
/// static CONFIG: ServerConfig = ServerConfig::new(TlsPolicy::Cleartext);
/// let mut server = Server::<core::convert::Infallible>::new(&CONFIG, 1);
/// let (mut small, mut large) = ([0; 8], [0; MIN_SEND_BUF]);
/// let mut out = SendBuf::new(&mut large[..]);
/// let Ok(Step::Ask(Ask::Greet(greet))) = server.poll(&mut Input::more(b""), &mut out) else { panic!() };
///
/// let unanswered = server.greet(greet, Text::from_static("ready"), &mut SendBuf::new(&mut small[..])).unwrap_err();
/// assert!(matches!(unanswered.why, AnswerError::BufferFull(_)));
/// server.greet(unanswered.token, Text::from_static("ready"), &mut out).unwrap();
/// assert_eq!(out.pending(), b"+OK ready\r\n");
/// ```
#[must_use = "its token is the only way to answer"]
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Unanswered<T> {
    /// The token or value that you passed.
    pub token: T,
    /// Why the answer failed.
    pub why: AnswerError,
}

/// Why an answer failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum AnswerError {
    /// The question is no longer open, because the session continued or ended.
    Stale,
    /// The token belongs to another connection.
    OtherConnection,
    /// The answer does not fit in the sink.
    BufferFull(BufferFull),
    /// The text or SASL message would make the line too long.
    TooLong {
        /// The limit in octets, including the line end.
        limit: usize,
    },
    /// The text contains a control character, is not UTF-8, or begins with a bracket but not with a response
    /// code. Change the text.
    Text,
    /// The challenge was not base64. You can only cancel the exchange (RFC 5034 section 4).
    MustCancel,
}

impl fmt::Display for AnswerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AnswerError::Stale => f.write_str("the question is no longer open"),
            AnswerError::OtherConnection => f.write_str("token belongs to another connection"),
            AnswerError::BufferFull(_) => f.write_str("the answer does not fit in the send buffer"),
            AnswerError::TooLong { limit } => write!(f, "the line would be longer than {limit} bytes"),
            AnswerError::Text => {
                f.write_str("the text is not printable, or reads as a response code: change it")
            }
            AnswerError::MustCancel => f.write_str("the exchange can only be cancelled"),
        }
    }
}

impl core::error::Error for AnswerError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            AnswerError::BufferFull(full) => Some(full),
            _ => None,
        }
    }
}

/// Shows only the cause, because the token may be a maildrop or contain a secret.
impl<T> fmt::Debug for Unanswered<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unanswered").field("why", &self.why).finish_non_exhaustive()
    }
}

impl<T> fmt::Display for Unanswered<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cannot send the answer")
    }
}

impl<T> core::error::Error for Unanswered<T> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        Some(&self.why)
    }
}

/// Drops the token, so `?` works if you do not need it.
impl<T> From<Unanswered<T>> for AnswerError {
    fn from(unanswered: Unanswered<T>) -> Self {
        unanswered.why
    }
}

impl<T> Unanswered<T> {
    pub(crate) fn because<R>(token: T, why: AnswerError) -> Result<R, Self> {
        Err(Unanswered { token, why })
    }
}
