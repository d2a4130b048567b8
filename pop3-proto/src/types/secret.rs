use super::{InvalidValue, Text};
use core::fmt;

/// A password or another secret that fits on one line: at least one byte, and no CR, LF or NUL.
///
/// `Debug` prints the same text for every secret, in every build profile. There is no `Display`, no `Deref` and no
/// comparison. Only [`expose`](Self::expose) returns the bytes.
///
/// ```
/// use pop3_proto::Secret;
///
/// let secret = Secret::new(b" tan staaf ").unwrap(); // spaces are part of it (RFC 1939 section 7)
/// assert_eq!(format!("{secret:?}"), "Secret(..)");
/// assert_eq!(secret.expose(), b" tan staaf ");
/// # let typed = String::from("tanstaaf");
/// assert_eq!(Secret::try_from(&typed)?.expose(), b"tanstaaf"); // from a `&String`, a `&str` or bytes
/// # Ok::<(), pop3_proto::InvalidValue>(())
/// ```
#[doc(alias = "password")]
#[derive(Clone, Copy)]
pub struct Secret<'a>(Text<'a>);

impl<'a> Secret<'a> {
    /// Checks a secret.
    ///
    /// # Errors
    /// Returns [`InvalidValue::Empty`] if there are no bytes.
    /// Returns [`InvalidValue::Control`] if the bytes contain CR, LF or NUL.
    pub const fn new(octets: &'a [u8]) -> Result<Self, InvalidValue> {
        match Text::new(octets) {
            Ok(text) if text.is_empty() => Err(InvalidValue::Empty),
            Ok(text) => Ok(Secret(text)),
            Err(error) => Err(error),
        }
    }

    /// Returns the bytes of the secret. Copies of them are no longer protected, so keep them out of logs.
    #[must_use]
    pub const fn expose(&self) -> &'a [u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Secret<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}
