use super::message::Part;
use super::{Message, SaslError, utf8};
use crate::{InvalidValue, Secret, Text};

/// Builds the message of PLAIN (RFC 4616 section 2). It logs in as `authcid` with `password`, and asks to act as
/// `authzid`, or as `authcid` if `authzid` is empty.
///
/// ```
/// use pop3_proto::{Secret, Text, sasl};
///
/// let test = Text::from_static("test");
/// let message = sasl::plain(Text::EMPTY, test, Secret::new(b"test").unwrap())?;
/// let mut buffer = [0; 64];
/// assert_eq!(message.encode_into(&mut buffer)?.as_bytes(), b"AHRlc3QAdGVzdA==");
/// # Ok::<(), sasl::SaslError>(())
/// ```
///
/// # Errors
/// Returns [`SaslError::NotUtf8`] if one of the three is not UTF-8.
/// Returns [`InvalidValue::Empty`] if `authcid` is empty.
#[doc(alias = "PLAIN")]
pub fn plain<'a>(
    authzid: Text<'a>,
    authcid: Text<'a>,
    password: Secret<'a>,
) -> Result<Message<'a>, SaslError> {
    let parts = [utf8(authzid.as_bytes())?, not_empty(utf8(authcid.as_bytes())?)?, utf8(password.expose())?];
    let [authzid, authcid, password] = parts.map(|part| Part::Octets(part.as_bytes()));
    Ok(Message::of([authzid, Part::Octets(b"\0"), authcid, Part::Octets(b"\0"), password]))
}

/// A client's message of PLAIN (RFC 4616 section 2).
///
/// The server must check that `password` is correct for `authcid`, and then that `authcid` may act as `authzid`.
///
/// ```
/// use pop3_proto::{Text, sasl::Plain};
///
/// let plain = Plain::parse(b"\0mrose\0tanstaaf")?;
/// assert!(plain.authzid.is_empty());
/// assert_eq!(plain.authcid, Text::from_static("mrose"));
/// assert_eq!(plain.password.expose(), b"tanstaaf");
/// # Ok::<(), pop3_proto::sasl::SaslError>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Plain<'a> {
    /// The user to act as, or an empty text to act as `authcid` (RFC 4422 section 3.4.1).
    pub authzid: Text<'a>,
    /// The user that the password belongs to. It is never empty.
    pub authcid: Text<'a>,
    /// The password.
    pub password: Secret<'a>,
}

impl<'a> Plain<'a> {
    /// Reads the message, and checks that all parts are UTF-8.
    ///
    /// A part may have any length: every server must accept 255 octets, and tokens are longer. The limit of the line
    /// ([`Limits::with_sasl_line`](crate::Limits::with_sasl_line)) bounds the message.
    ///
    /// CR and LF are refused although the RFC's grammar allows them. Programs pass names to other protocols, in which a
    /// line end starts a new command.
    ///
    /// # Errors
    /// Returns [`InvalidValue::Syntax`] if there are not exactly two NULs.
    /// Returns [`InvalidValue::Empty`] if `authcid` or the password is empty.
    /// Returns [`InvalidValue::Control`] if a part contains CR or LF.
    /// Returns [`SaslError::NotUtf8`] if a part is not UTF-8.
    pub fn parse(message: &'a [u8]) -> Result<Self, SaslError> {
        let mut parts = message.split(|octet| *octet == 0);
        match [parts.next(), parts.next(), parts.next(), parts.next()] {
            [Some(authzid), Some(authcid), Some(password), None] => Ok(Plain {
                authzid: utf8(authzid)?,
                authcid: not_empty(utf8(authcid)?)?,
                password: Secret::new(utf8(password)?.as_bytes())?,
            }),
            _ => Err(InvalidValue::Syntax.into()),
        }
    }
}

fn not_empty(text: Text<'_>) -> Result<Text<'_>, InvalidValue> {
    if text.is_empty() { Err(InvalidValue::Empty) } else { Ok(text) }
}
