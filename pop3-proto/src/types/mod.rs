//! Values that are checked once, when they are made.

mod apop;
pub(crate) mod base64;
mod language;
mod mechanism;
mod number;
#[cfg(feature = "alloc")]
mod owned_unique_id;
mod secret;
mod side;
#[cfg(test)]
mod tests;
mod text;
mod tls_policy;
mod unique_id;

pub use apop::{ApopDigest, ApopTimestamp};
pub use base64::Base64;
pub use language::{LanguageRange, LanguageTag};
pub use mechanism::Mechanism;
pub use number::MessageNumber;
#[cfg(feature = "alloc")]
pub use owned_unique_id::OwnedUniqueId;
pub use secret::Secret;
pub use side::Side;
pub use text::Text;
pub use tls_policy::TlsPolicy;
pub use unique_id::{AsUniqueId, UniqueId};

use core::fmt;

/// Why bytes are not a valid value of a type. It names the rule, and contains no byte of the input.
///
/// ```
/// use pop3_proto::{InvalidValue, Secret, Text};
///
/// assert_eq!(Text::new(b"mrose\r\nQUIT"), Err(InvalidValue::Control));
/// assert_eq!(Secret::new(b"").unwrap_err().to_string(), "the value is empty");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum InvalidValue {
    /// The bytes contain CR, LF or NUL. These would end the line, or end the text in software written in C.
    Control,
    /// A byte is not allowed in this value.
    Octet,
    /// There are no bytes, and the value needs at least one.
    Empty,
    /// There are more bytes than this value may have.
    TooLong,
    /// The number is zero, and message numbers begin with 1.
    Zero,
    /// The bytes are allowed, but not in this order.
    Syntax,
}

impl fmt::Display for InvalidValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            InvalidValue::Control => "the value contains CR, LF or NUL",
            InvalidValue::Octet => "the value contains a byte that is not allowed here",
            InvalidValue::Empty => "the value is empty",
            InvalidValue::TooLong => "the value is too long",
            InvalidValue::Zero => "the value is zero",
            InvalidValue::Syntax => "the value is not well-formed",
        })
    }
}

impl core::error::Error for InvalidValue {}

/// Converts text to values that borrow, in addition to their own `new` for bytes.
macro_rules! from_borrowed {
    ($($name:ident)+) => {
        $(
            impl<'a> TryFrom<&'a [u8]> for $name<'a> {
                type Error = $crate::types::InvalidValue;

                fn try_from(octets: &'a [u8]) -> Result<Self, Self::Error> {
                    Self::new(octets)
                }
            }

            impl<'a> TryFrom<&'a str> for $name<'a> {
                type Error = $crate::types::InvalidValue;

                fn try_from(text: &'a str) -> Result<Self, Self::Error> {
                    Self::new(text.as_bytes())
                }
            }

            #[cfg(feature = "alloc")]
            impl<'a> TryFrom<&'a alloc::string::String> for $name<'a> {
                type Error = $crate::types::InvalidValue;

                fn try_from(text: &'a alloc::string::String) -> Result<Self, Self::Error> {
                    Self::new(text.as_bytes())
                }
            }
        )+
    };
}

pub(crate) use from_borrowed;

from_borrowed! { ApopTimestamp Base64 LanguageRange LanguageTag Mechanism Secret Text UniqueId }

/// Bytes that are shown as text with escapes, for the `Debug` of values that are not secret.
pub(crate) struct Shown<'a>(pub(crate) &'a [u8]);

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

/// Shows bytes as text with escapes, for the `Debug` of values that are not secret.
pub(crate) fn escaped(name: &str, octets: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "{name}(\"{}\")", octets.escape_ascii())
}
