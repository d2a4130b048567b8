use super::message::Part;
use super::{Message, SaslError, utf8};
use crate::{InvalidValue, Secret, Text};

/// The message of PLAIN (RFC 4616 section 2): act as `authzid`, or as whoever logs in where that is empty;
/// log in as `authcid` with `password`.
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
/// [`SaslError::NotUtf8`] for any of the three, [`InvalidValue::Empty`] for an empty `authcid`.
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

/// What a client says in PLAIN (RFC 4616 section 2).
///
/// The server still has to check that `password` is right for `authcid`, then that `authcid` may act as
/// `authzid`.
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
    /// Whom to act as; empty for whoever logs in (RFC 4422 section 3.4.1).
    pub authzid: Text<'a>,
    /// Whose password it is; never empty.
    pub authcid: Text<'a>,
    /// The password.
    pub password: Secret<'a>,
}

impl<'a> Plain<'a> {
    /// Reads the message. All of it is UTF-8 afterwards.
    ///
    /// A part may have any length: every server must accept 255 octets, and tokens are longer. The line's limit
    /// ([`Limits::with_sasl_line`](crate::Limits::with_sasl_line)) bounds the message.
    ///
    /// CR and LF are refused although the RFC's grammar has them: names are handed on to other protocols,
    /// where a line end would begin a command.
    ///
    /// # Errors
    /// [`InvalidValue::Syntax`] without exactly two NULs, [`InvalidValue::Empty`] for a name or password without any octet,
    /// [`InvalidValue::Control`], [`SaslError::NotUtf8`].
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
