//! The messages of the SASL mechanisms without cryptography, built and read without a heap; feature `sasl`.
//!
//! | mechanism | defined in | the client builds | the server reads |
//! |---|---|---|---|
//! | PLAIN | RFC 4616 | [`plain`] | [`Plain::parse`] |
//! | LOGIN | nowhere, in wide use | [`login_name`], [`login_password`] | [`Text::new`], [`Secret::new`](crate::Secret::new) |
//! | EXTERNAL | RFC 4422 appendix A | [`external`] | [`parse_external`] |
//! | ANONYMOUS | RFC 4505 | [`anonymous`] | [`parse_anonymous`] |
//! | OAUTHBEARER | RFC 7628 | [`oauthbearer`], [`OAUTHBEARER_ACK`] | [`Bearer::parse_oauthbearer`], [`oauth_error`] |
//! | XOAUTH2 | a vendor's documents | [`xoauth2`], [`XOAUTH2_ACK`] | [`Bearer::parse_xoauth2`], [`oauth_error`] |
//!
//! What is built is a [`Message`]: it borrows its parts and turns them into base64, in a slice that the
//! caller lends or straight in a sink. What is read is a [`Base64`] that [`decode`] puts in a slice that the
//! caller lends. CRAM-MD5 and SCRAM come from a SASL library, whose messages pass through [`Message::new`]
//! and [`decode`] just as well.
//!
//! All of these but EXTERNAL and ANONYMOUS show a password, or a token worth as much, to whoever reads the
//! wire: they belong inside TLS ([`Mechanism::is_cleartext`](crate::Mechanism::is_cleartext)). Preparing
//! names and passwords by SASLprep (RFC 4013) is left to the application, as is the question whether one user
//! may act as another.
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

/// The name of the POP3 service, as mechanisms such as GSSAPI ask for it (RFC 5034 section 4).
///
/// ```
/// assert_eq!(format!("{}@pop.example.org", pop3_proto::sasl::SERVICE), "pop@pop.example.org");
/// ```
pub const SERVICE: &str = "pop";

/// Decodes a challenge or a response into a slice that the caller lends (RFC 4648 section 4).
///
/// The slice then holds the secret in clear: how long it stays there is the caller's choice. What comes back
/// can be changed because [`Bearer::parse_oauthbearer`] resolves escapes where they are.
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
/// [`SaslError::TooSmall`], with nothing written. A slice three quarters as long as the text is large enough.
pub fn decode<'b>(text: Base64<'_>, buffer: &'b mut [u8]) -> Result<&'b mut [u8], SaslError> {
    let needed = decoded_len(text.as_bytes());
    let (to, _) = buffer.split_at_mut_checked(needed).ok_or(SaslError::TooSmall { needed })?;
    base64::decode(text, to);
    Ok(to)
}

/// Encodes any message into a slice that the caller lends (RFC 4648 section 4).
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
/// [`SaslError::TooSmall`], with nothing written.
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

/// Octets as UTF-8 text on one line.
fn utf8(octets: &[u8]) -> Result<Text<'_>, SaslError> {
    let text = Text::new(octets)?;
    text.to_str().map(|_| text).ok_or(SaslError::NotUtf8)
}
