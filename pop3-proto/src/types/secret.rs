use super::{InvalidValue, Text};
use core::fmt;

/// A password or another secret on one line: one octet or more, no CR, LF or NUL, and nothing that shows it.
///
/// Its `Debug` is the same for every secret, in every build profile; it has no `Display`, no `Deref` and no
/// comparison. [`expose`](Self::expose) is the only way out.
///
/// ```
/// use pop3_proto::Secret;
///
/// let secret = Secret::new(b" tan staaf ").unwrap(); // spaces are part of it (RFC 1939 section 7)
/// assert_eq!(format!("{secret:?}"), "Secret(..)");
/// assert_eq!(secret.expose(), b" tan staaf ");
/// # let typed = String::from("tanstaaf");
/// assert_eq!(Secret::try_from(&typed)?.expose(), b"tanstaaf"); // from a `&String`, a `&str` or octets
/// # Ok::<(), pop3_proto::InvalidValue>(())
/// ```
#[doc(alias = "password")]
#[derive(Clone, Copy)]
pub struct Secret<'a>(Text<'a>);

impl<'a> Secret<'a> {
    /// A secret.
    ///
    /// # Errors
    /// [`InvalidValue::Empty`], or [`InvalidValue::Control`] where it holds CR, LF or NUL.
    pub const fn new(octets: &'a [u8]) -> Result<Self, InvalidValue> {
        match Text::new(octets) {
            Ok(text) if text.is_empty() => Err(InvalidValue::Empty),
            Ok(text) => Ok(Secret(text)),
            Err(error) => Err(error),
        }
    }

    /// The octets of the secret. What becomes of them then is the caller's business: they show in whatever they
    /// are copied to.
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
