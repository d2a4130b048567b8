use super::{Message, SaslError};
use crate::{Base64, InvalidValue, Secret, Text};

/// A server's first challenge in LOGIN, `Username:`.
///
/// Servers use different words, so a client ignores the text. The first challenge asks for the name, and the second
/// ([`LOGIN_PASSWORD_PROMPT`]) for the password.
///
/// ```
/// use pop3_proto::sasl;
///
/// let mut buffer = [0; 16];
/// assert_eq!(sasl::decode(sasl::LOGIN_NAME_PROMPT, &mut buffer)?, b"Username:");
/// assert_eq!(sasl::decode(sasl::LOGIN_PASSWORD_PROMPT, &mut buffer)?, b"Password:");
/// # Ok::<(), sasl::SaslError>(())
/// ```
pub const LOGIN_NAME_PROMPT: Base64<'static> = Base64::from_static("VXNlcm5hbWU6");

/// A server's second challenge in LOGIN, `Password:`; see [`LOGIN_NAME_PROMPT`].
///
/// ```
/// assert_eq!(pop3_proto::sasl::LOGIN_PASSWORD_PROMPT.as_bytes(), b"UGFzc3dvcmQ6");
/// ```
pub const LOGIN_PASSWORD_PROMPT: Base64<'static> = Base64::from_static("UGFzc3dvcmQ6");

/// Builds a client's first response in LOGIN, which is only the name. No RFC defines this mechanism.
///
/// A server reads it with [`Text::new`].
///
/// ```
/// use pop3_proto::{Text, sasl};
///
/// let mut buffer = [0; 16];
/// let response = sasl::login_name(Text::from_static("mrose"))?.encode_into(&mut buffer)?;
///
/// let mut decoded = [0; 16];
/// assert_eq!(Text::new(sasl::decode(response, &mut decoded)?)?, Text::from_static("mrose"));
/// # Ok::<(), sasl::SaslError>(())
/// ```
///
/// # Errors
/// Returns [`InvalidValue::Empty`] if the name is empty.
#[doc(alias = "LOGIN")]
pub fn login_name(name: Text<'_>) -> Result<Message<'_>, SaslError> {
    if name.is_empty() { Err(InvalidValue::Empty.into()) } else { Ok(Message::new(name.as_bytes())) }
}

/// Builds a client's second response in LOGIN, which is only the password.
///
/// A server reads it with [`Secret::new`].
///
/// ```
/// use pop3_proto::{Secret, sasl};
///
/// let mut buffer = [0; 16];
/// let message = sasl::login_password(Secret::new(b"tanstaaf").unwrap());
/// assert_eq!(message.encode_into(&mut buffer)?.as_bytes(), b"dGFuc3RhYWY=");
/// # Ok::<(), sasl::SaslError>(())
/// ```
#[doc(alias = "LOGIN")]
#[must_use]
pub const fn login_password(password: Secret<'_>) -> Message<'_> {
    Message::new(password.expose())
}
