use super::{Message, SaslError, utf8};
use crate::{InvalidValue, Text};

/// The greatest number of characters in an ANONYMOUS trace.
const TRACE: usize = 255;

/// Builds the message of EXTERNAL (RFC 4422 appendix A). It asks to act as `authzid`, or as the user that the TLS
/// certificate names if `authzid` is empty.
///
/// ```
/// use pop3_proto::{Base64, Text, sasl};
///
/// let message = sasl::external(Text::EMPTY)?;
/// assert_eq!(message.encode_into(&mut [])?, Base64::EMPTY);
/// # Ok::<(), sasl::SaslError>(())
/// ```
///
/// # Errors
/// Returns [`SaslError::NotUtf8`] if `authzid` is not UTF-8.
#[doc(alias = "EXTERNAL")]
pub fn external(authzid: Text<'_>) -> Result<Message<'_>, SaslError> {
    Ok(Message::new(utf8(authzid.as_bytes())?.as_bytes()))
}

/// Reads a client's message of EXTERNAL (RFC 4422 appendix A): the user to act as, or an empty text for the user that
/// the certificate names.
///
/// ```
/// use pop3_proto::{Text, sasl};
///
/// assert_eq!(sasl::parse_external(b"")?, Text::EMPTY);
/// assert_eq!(sasl::parse_external(b"mrose")?, Text::from_static("mrose"));
/// # Ok::<(), sasl::SaslError>(())
/// ```
///
/// # Errors
/// Returns [`SaslError::NotUtf8`] if the message is not UTF-8.
/// Returns [`InvalidValue::Control`] if it contains CR, LF or NUL.
pub fn parse_external(message: &[u8]) -> Result<Text<'_>, SaslError> {
    utf8(message)
}

/// Builds the message of ANONYMOUS (RFC 4505 section 2): a mail address or a word for the server's logs, or an empty
/// text.
///
/// ```
/// use pop3_proto::{Text, sasl};
///
/// let mut buffer = [0; 16];
/// let message = sasl::anonymous(Text::from_static("sirhc"))?;
/// assert_eq!(message.encode_into(&mut buffer)?.as_bytes(), b"c2lyaGM=");
/// # Ok::<(), sasl::SaslError>(())
/// ```
///
/// # Errors
/// Returns [`SaslError::NotUtf8`] if the trace is not UTF-8.
/// Returns [`InvalidValue::Control`] if it contains a control character.
/// Returns [`InvalidValue::TooLong`] if it has more than 255 characters.
#[doc(alias = "ANONYMOUS")]
pub fn anonymous(trace: Text<'_>) -> Result<Message<'_>, SaslError> {
    Ok(Message::new(parse_anonymous(trace.as_bytes())?.as_bytes()))
}

/// Reads a client's trace in ANONYMOUS (RFC 4505 section 2). It proves no identity, and may be empty.
///
/// ```
/// use pop3_proto::{Text, sasl};
///
/// assert_eq!(sasl::parse_anonymous(b"sirhc")?, Text::from_static("sirhc"));
/// assert!(sasl::parse_anonymous(b"\x1b[2J").is_err()); // it would go into a log
/// # Ok::<(), sasl::SaslError>(())
/// ```
///
/// # Errors
/// Returns the same errors as [`anonymous`].
pub fn parse_anonymous(message: &[u8]) -> Result<Text<'_>, SaslError> {
    let trace = core::str::from_utf8(message).map_err(|_| SaslError::NotUtf8)?;
    if trace.chars().any(char::is_control) {
        Err(InvalidValue::Control.into())
    } else if trace.chars().count() > TRACE {
        Err(InvalidValue::TooLong.into())
    } else {
        Ok(Text::new(message)?)
    }
}
