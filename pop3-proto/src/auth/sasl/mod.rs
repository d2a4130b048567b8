//! The messages of the SASL mechanisms without cryptography, built and read without a heap; feature `sasl`.
//!
//! | mechanism | defined in | the client builds | the server reads |
//! |---|---|---|---|
//! | PLAIN | RFC 4616 | [`plain`] | [`Plain::parse`] |
//! | LOGIN | no RFC; widely used | [`login_name`], [`login_password`] | [`Text::new`], [`Secret::new`](crate::Secret::new) |
//! | EXTERNAL | RFC 4422 appendix A | [`external`] | [`parse_external`] |
//! | ANONYMOUS | RFC 4505 | [`anonymous`] | [`parse_anonymous`] |
//! | OAUTHBEARER | RFC 7628 | [`oauthbearer`], [`OAUTHBEARER_ACK`] | [`Bearer::parse_oauthbearer`], [`oauth_error`] |
//! | XOAUTH2 | a vendor's documents | [`xoauth2`], [`XOAUTH2_ACK`] | [`Bearer::parse_xoauth2`], [`oauth_error`] |
//!
//! The client builds a [`Message`], which borrows its parts and encodes them as base64, into your slice or directly
//! into a sink. The server reads a [`Base64`], which [`decode`] decodes into your slice. For CRAM-MD5 and SCRAM, use a
//! SASL library and pass its messages through [`Message::new`] and [`decode`].
//!
//! All of these mechanisms except EXTERNAL and ANONYMOUS send a password or an equivalent token. Use them only inside
//! TLS ([`Mechanism::is_cleartext`](crate::Mechanism::is_cleartext)). Your application prepares names and passwords by
//! SASLprep (RFC 4013), and decides whether one user may act as another.
//!
//! ```
//! use pop3_proto::{Secret, Text, sasl};
//!
//! let password = Secret::new(b"tanstaaf").unwrap();
//! let message = sasl::plain(Text::EMPTY, Text::from_static("mrose"), password)?;
//! let mut encoded = [0; 64];
//! let response = message.encode_into(&mut encoded)?; // for the client machine
//!
//! let mut decoded = [0; 64];
//! let plain = sasl::Plain::parse(sasl::decode(response, &mut decoded)?)?; // of the server machine
//! assert_eq!(plain.authcid, Text::from_static("mrose"));
//! assert_eq!(plain.password.expose(), b"tanstaaf");
//! # Ok::<(), sasl::SaslError>(())
//! ```

mod bearer;
mod error;
mod identity;
mod login;
mod message;
mod plain;
mod refusal;
#[cfg(test)]
mod tests;

pub use bearer::{Bearer, oauthbearer, xoauth2};
pub use error::SaslError;
pub use identity::{anonymous, external, parse_anonymous, parse_external};
pub use login::{LOGIN_NAME_PROMPT, LOGIN_PASSWORD_PROMPT, login_name, login_password};
pub use message::Message;
pub use plain::{Plain, plain};
pub use refusal::{OAUTHBEARER_ACK, XOAUTH2_ACK, oauth_error};

use crate::{Base64, Text, types::base64};

/// The name of the POP3 service, which mechanisms such as GSSAPI need (RFC 5034 section 4).
///
/// ```
/// assert_eq!(format!("{}@pop.example.org", pop3_proto::sasl::SERVICE), "pop@pop.example.org");
/// ```
pub const SERVICE: &str = "pop";

/// Decodes a challenge or a response into your slice (RFC 4648 section 4).
///
/// The slice then contains the decoded secret; overwrite it when you no longer need it. The result is mutable,
/// because [`Bearer::parse_oauthbearer`] decodes escapes in place.
///
/// ```
/// use pop3_proto::{Base64, sasl};
///
/// let mut buffer = [0; 9];
/// let prompt = Base64::new(b"VXNlcm5hbWU6").unwrap();
/// assert_eq!(sasl::decode(prompt, &mut buffer)?, b"Username:");
/// # Ok::<(), sasl::SaslError>(())
/// ```
///
/// # Errors
/// Returns [`SaslError::TooSmall`], and writes nothing, if the slice is too small. Three quarters of the length of the
/// text are always enough.
pub fn decode<'b>(text: Base64<'_>, buffer: &'b mut [u8]) -> Result<&'b mut [u8], SaslError> {
    let needed = decoded_len(text.as_bytes());
    let (to, _) = buffer.split_at_mut_checked(needed).ok_or(SaslError::TooSmall { needed })?;
    base64::decode(text, to);
    Ok(to)
}

/// Encodes any message into your slice (RFC 4648 section 4).
///
/// ```
/// use pop3_proto::sasl;
///
/// let mut buffer = [0; 4];
/// assert_eq!(sasl::encode(b"\x01", &mut buffer)?.as_bytes(), b"AQ==");
/// assert_eq!(sasl::encode(b"four", &mut buffer), Err(sasl::SaslError::TooSmall { needed: 8 }));
/// # Ok::<(), sasl::SaslError>(())
/// ```
///
/// # Errors
/// Returns [`SaslError::TooSmall`], and writes nothing, if the slice is too small.
pub fn encode<'b>(message: &[u8], buffer: &'b mut [u8]) -> Result<Base64<'b>, SaslError> {
    Message::new(message).encode_into(buffer)
}

const fn decoded_len(text: &[u8]) -> usize {
    let padding = match text {
        [.., b'=', b'='] => 2,
        [.., b'='] => 1,
        _ => 0,
    };
    (text.len() / 4).saturating_mul(3).saturating_sub(padding)
}

/// Checks that bytes are UTF-8 text on one line.
fn utf8(octets: &[u8]) -> Result<Text<'_>, SaslError> {
    let text = Text::new(octets)?;
    text.to_str().map(|_| text).ok_or(SaslError::NotUtf8)
}
