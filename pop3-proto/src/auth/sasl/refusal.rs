use super::message::Part;
use super::{Message, SaslError};
use crate::{Base64, InvalidValue};

/// How a client answers the error challenge of OAUTHBEARER, the single octet 0x01 (RFC 7628 section 3.2.3).
///
/// The server's `-ERR` comes after it. To decode the challenge is worth while first: it is JSON, handed out
/// as it is, and tells which scope to ask a token for.
///
/// ```
/// use pop3_proto::{Base64, sasl};
///
/// let challenge = Base64::new(b"eyJzdGF0dXMiOiJpbnZhbGlkX3Rva2VuIn0=").unwrap();
/// let mut buffer = [0; 64];
/// assert_eq!(sasl::decode(challenge, &mut buffer)?, br#"{"status":"invalid_token"}"#);
/// let answer = sasl::OAUTHBEARER_ACK;
/// assert_eq!(answer.as_bytes(), b"AQ==");
/// # Ok::<(), sasl::SaslError>(())
/// ```
pub const OAUTHBEARER_ACK: Base64<'static> = Base64::from_static("AQ==");

/// How a client answers the error challenge of XOAUTH2: with an empty line. `-ERR` comes after it.
///
/// ```
/// assert!(pop3_proto::sasl::XOAUTH2_ACK.is_empty());
/// ```
pub const XOAUTH2_ACK: Base64<'static> = Base64::EMPTY;

/// A server's error challenge in OAUTHBEARER and XOAUTH2: why the token was refused, as a JSON object (RFC
/// 7628 section 3.2.2).
///
/// The client answers it ([`OAUTHBEARER_ACK`], [`XOAUTH2_ACK`]), whatever it says, and the login is refused
/// then.
///
/// ```
/// use pop3_proto::sasl;
///
/// let message = sasl::oauth_error("invalid_token", Some("mail"), None)?;
/// let mut encoded = [0; 128];
/// let mut json = [0; 128];
/// assert_eq!(
///     sasl::decode(message.encode_into(&mut encoded)?, &mut json)?,
///     br#"{"status":"invalid_token","scope":"mail"}"#,
/// );
/// # Ok::<(), sasl::SaslError>(())
/// ```
///
/// # Errors
/// [`InvalidValue::Empty`] for an empty `status`; [`InvalidValue::Control`] for a control character and
/// [`InvalidValue::Octet`] for `"` or `\` in any text: no status, scope or URL holds one, so that nothing is ever
/// in need of escapes.
pub fn oauth_error<'a>(
    status: &'a str,
    scope: Option<&'a str>,
    openid_configuration: Option<&'a str>,
) -> Result<Message<'a>, SaslError> {
    if status.is_empty() {
        return Err(InvalidValue::Empty.into());
    }
    let [scope_key, scope] = member("\",\"scope\":\"", scope)?;
    let [configuration_key, configuration] = member("\",\"openid-configuration\":\"", openid_configuration)?;
    let [open, status] = member("{\"status\":\"", Some(status))?;
    let close = Part::Octets(b"\"}");
    Ok(Message::of([open, status, scope_key, scope, configuration_key, configuration, close]))
}

/// A key with the punctuation around it, and its value; nothing where there is no value.
fn member<'a>(key: &'a str, value: Option<&'a str>) -> Result<[Part<'a>; 2], InvalidValue> {
    let [key, value] = match value {
        None => ["", ""],
        Some(value) if value.chars().any(char::is_control) => return Err(InvalidValue::Control),
        Some(value) if value.contains(['"', '\\']) => return Err(InvalidValue::Octet),
        Some(value) => [key, value],
    };
    Ok([Part::Octets(key.as_bytes()), Part::Octets(value.as_bytes())])
}
