use crate::InvalidValue;
use core::fmt;

/// Why a message could not be built, encoded, decoded or read. It contains no byte of the message.
///
/// ```
/// use pop3_proto::{InvalidValue, sasl::{Plain, SaslError}};
///
/// let error = Plain::parse(b"no NUL in here").unwrap_err();
/// assert_eq!(error, SaslError::InvalidValue(InvalidValue::Syntax));
/// assert_eq!(error.to_string(), "a SASL message, or a part of one, is not valid");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum SaslError {
    /// The slice is too small. It is unchanged.
    TooSmall {
        /// The number of bytes that it needs.
        needed: usize,
    },
    /// A text is not UTF-8, although it must be.
    NotUtf8,
    /// The message, or a part of it, breaks another rule of its mechanism.
    InvalidValue(InvalidValue),
}

impl fmt::Display for SaslError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SaslError::TooSmall { needed } => write!(f, "the slice for a SASL message needs {needed} bytes"),
            SaslError::NotUtf8 => f.write_str("a part of a SASL message is not UTF-8"),
            SaslError::InvalidValue(_) => f.write_str("a SASL message, or a part of one, is not valid"),
        }
    }
}

impl core::error::Error for SaslError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            SaslError::InvalidValue(rule) => Some(rule),
            _ => None,
        }
    }
}

impl From<InvalidValue> for SaslError {
    fn from(rule: InvalidValue) -> Self {
        SaslError::InvalidValue(rule)
    }
}
