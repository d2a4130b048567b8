use super::message::Part;
use super::{Message, SaslError};
use crate::{Base64, InvalidValue};

/// A client's response to the error challenge of OAUTHBEARER: the single byte 0x01 (RFC 7628 section 3.2.3).
///
/// The server then sends `-ERR`. Decode the challenge first. It is JSON, which this crate returns unchanged, and it
/// names the scope that a token needs.
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

/// A client's response to the error challenge of XOAUTH2: an empty line. The server then sends `-ERR`.
///
/// ```
/// assert!(pop3_proto::sasl::XOAUTH2_ACK.is_empty());
/// ```
pub const XOAUTH2_ACK: Base64<'static> = Base64::EMPTY;

/// Builds a server's error challenge in OAUTHBEARER and XOAUTH2: a JSON object that says why the token was refused
/// (RFC 7628 section 3.2.2).
///
/// The client responds with [`OAUTHBEARER_ACK`] or [`XOAUTH2_ACK`]. Whatever it sends, the server then refuses the
/// login.
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
/// Returns [`InvalidValue::Empty`] if `status` is empty.
/// Returns [`InvalidValue::Control`] if a text contains a control character.
/// Returns [`InvalidValue::Octet`] if a text contains `"` or `\`. No status, scope or URL needs them, so escapes are
/// not supported.
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

/// Returns a key with the punctuation around it, and its value, or two empty parts if there is no value.
fn member<'a>(key: &'a str, value: Option<&'a str>) -> Result<[Part<'a>; 2], InvalidValue> {
    let [key, value] = match value {
        None => ["", ""],
        Some(value) if value.chars().any(char::is_control) => return Err(InvalidValue::Control),
        Some(value) if value.contains(['"', '\\']) => return Err(InvalidValue::Octet),
        Some(value) => [key, value],
    };
    Ok([Part::Octets(key.as_bytes()), Part::Octets(value.as_bytes())])
}
