use super::message::Part;
use super::{Message, SaslError, utf8};
use crate::{InvalidValue, Secret, Text};
use core::cell::Cell;

/// What ends each pair of key and value.
const SEPARATOR: u8 = 0x01;

/// The message of XOAUTH2: a user and a bearer token, in a vendor's form that came before OAUTHBEARER.
///
/// ```
/// use pop3_proto::{Secret, Text, sasl};
///
/// let token = Secret::new(b"ya29.vF9dft4q").unwrap();
/// let message = sasl::xoauth2(Text::from_static("someuser@example.com"), token)?;
/// # let mut encoded = [0; 128];
/// # let mut decoded = [0; 128];
/// # let decoded = sasl::decode(message.encode_into(&mut encoded)?, &mut decoded)?;
/// # assert_eq!(decoded, b"user=someuser@example.com\x01auth=Bearer ya29.vF9dft4q\x01\x01");
/// # Ok::<(), sasl::SaslError>(())
/// ```
///
/// # Errors
/// [`SaslError::NotUtf8`] or [`InvalidValue::Control`] for the user, [`InvalidValue::Empty`] without one;
/// [`InvalidValue::Octet`] for a token that is not visible ASCII.
#[doc(alias = "XOAUTH2")]
pub fn xoauth2<'a>(user: Text<'a>, token: Secret<'a>) -> Result<Message<'a>, SaslError> {
    let user = name(user)?;
    if user.is_empty() {
        return Err(InvalidValue::Empty.into());
    }
    Ok(Message::of([
        Part::Octets(b"user="),
        Part::Octets(user),
        Part::Octets(b"\x01auth=Bearer "),
        Part::Octets(visible(token.expose())?),
        Part::Octets(b"\x01\x01"),
    ]))
}

/// The message of OAUTHBEARER (RFC 7628 section 3.1): a user, whom the token names where it is empty; the
/// host and port that the client connected to; the bearer token (RFC 6750).
///
/// ```
/// use pop3_proto::{Secret, Text, sasl};
///
/// let token = Secret::new(b"vF9dft4q").unwrap();
/// let host = Text::from_static("pop.example.com");
/// let message = sasl::oauthbearer(Text::from_static("user@example.com"), Some(host), Some(995), token)?;
/// # let mut encoded = [0; 128];
/// # let mut decoded = [0; 128];
/// # let decoded = sasl::decode(message.encode_into(&mut encoded)?, &mut decoded)?;
/// # let pairs = b"n,a=user@example.com,\x01host=pop.example.com\x01port=995\x01auth=Bearer vF9dft4q\x01\x01";
/// # assert_eq!(decoded, pairs);
/// # Ok::<(), sasl::SaslError>(())
/// ```
///
/// # Errors
/// [`SaslError::NotUtf8`] or [`InvalidValue::Control`] for the user, [`InvalidValue::Zero`] for port 0,
/// [`InvalidValue::Octet`] for a host or token that is not visible ASCII.
#[doc(alias = "OAUTHBEARER")]
pub fn oauthbearer<'a>(
    user: Text<'a>,
    host: Option<Text<'a>>,
    port: Option<u16>,
    token: Secret<'a>,
) -> Result<Message<'a>, SaslError> {
    let nothing = Part::Octets(&[]);
    let user = name(user)?;
    let [host_key, host] = match host {
        Some(host) => [Part::Octets(b"\x01host="), Part::Octets(visible(host.as_bytes())?)],
        None => [nothing, nothing],
    };
    let [port_key, port] = match port {
        Some(0) => return Err(InvalidValue::Zero.into()),
        Some(port) => [Part::Octets(b"\x01port="), Part::Port(port)],
        None => [nothing, nothing],
    };
    Ok(Message::of([
        Part::Octets(if user.is_empty() { b"n," } else { b"n,a=" }),
        Part::Name(user),
        Part::Octets(b","),
        host_key,
        host,
        port_key,
        port,
        Part::Octets(b"\x01auth=Bearer "),
        Part::Octets(visible(token.expose())?),
        Part::Octets(b"\x01\x01"),
    ]))
}

/// What a client says in XOAUTH2 or OAUTHBEARER (RFC 7628 section 3.1).
///
/// Keys that are not known are ignored. A message that cannot be read is best answered like a token that was
/// refused, by [`oauth_error`](super::oauth_error): clients send an empty `auth` to learn which scope they
/// need (RFC 7628 section 4.3).
///
/// ```
/// use pop3_proto::{Text, sasl::Bearer};
///
/// let bearer = Bearer::parse_xoauth2(b"user=mrose\x01auth=Bearer vF9dft4q\x01\x01")?;
/// assert_eq!(bearer.user, Text::from_static("mrose"));
/// assert_eq!(bearer.token.expose(), b"vF9dft4q");
/// # Ok::<(), pop3_proto::sasl::SaslError>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Bearer<'a> {
    /// Whom to act as, UTF-8; in OAUTHBEARER it may be empty, for whom the token names.
    pub user: Text<'a>,
    /// The token, visible ASCII.
    pub token: Secret<'a>,
    /// The host that the client connected to; a server that knows its name checks it (RFC 7628 section 3.2).
    pub host: Option<Text<'a>>,
    /// The port that the client connected to; likewise.
    pub port: Option<u16>,
}

impl<'a> Bearer<'a> {
    /// Reads the message of XOAUTH2.
    ///
    /// # Errors
    /// [`InvalidValue::Empty`] without a user or a token, [`InvalidValue::Syntax`] for another scheme than `Bearer`,
    /// for a known key that is missing or comes twice and wherever the form is not kept, [`InvalidValue::Octet`]
    /// for a token that is not visible ASCII, [`InvalidValue::Control`] or [`SaslError::NotUtf8`] for the user.
    pub fn parse_xoauth2(message: &'a [u8]) -> Result<Self, SaslError> {
        let mut pairs = message;
        match next_pair(&mut pairs)? {
            (b"user", []) => Err(InvalidValue::Empty.into()),
            (b"user", user) => Self::read(utf8(user)?, pairs),
            _ => Err(InvalidValue::Syntax.into()),
        }
    }

    /// Reads the message of OAUTHBEARER, and resolves the escapes in the user's name where they are.
    ///
    /// ```
    /// use pop3_proto::{Text, sasl::Bearer};
    ///
    /// let mut message = *b"n,a=rose=2Cm,\x01port=110\x01auth=Bearer vF9dft4q\x01\x01";
    /// let bearer = Bearer::parse_oauthbearer(&mut message)?;
    /// assert_eq!(bearer.user, Text::from_static("rose,m"));
    /// assert_eq!(bearer.port, Some(110));
    /// # Ok::<(), pop3_proto::sasl::SaslError>(())
    /// ```
    ///
    /// # Errors
    /// As for [`parse_xoauth2`](Self::parse_xoauth2), where the user may be empty. [`InvalidValue::Syntax`] also
    /// for channel binding, for an escape other than `=2C` and `=3D`, and for a message of 0x01 alone, which
    /// has its place after an error challenge only.
    pub fn parse_oauthbearer(message: &'a mut [u8]) -> Result<Self, SaslError> {
        let end = message.iter().position(|octet| *octet == SEPARATOR).unwrap_or(message.len());
        let (header, rest) = message.split_at_mut_checked(end).ok_or(InvalidValue::Syntax)?;
        match rest {
            [SEPARATOR, pairs @ ..] => Self::read(utf8(gs2_user(header)?)?, pairs),
            _ => Err(InvalidValue::Syntax.into()),
        }
    }

    fn read(user: Text<'a>, pairs: &'a [u8]) -> Result<Self, SaslError> {
        let Pairs { auth, host, port } = Pairs::read(pairs)?;
        let token = Secret::new(visible(bearer_token(auth.ok_or(InvalidValue::Syntax)?)?)?)?;
        let host = host.map(|host| Text::new(visible(host)?)).transpose()?;
        let port = port.map(port_number).transpose()?;
        Ok(Bearer { user, token, host, port })
    }
}

/// The values of the keys that are known. One that comes twice is refused: two readers could pick different
/// ones.
#[derive(Default)]
struct Pairs<'a> {
    auth: Option<&'a [u8]>,
    host: Option<&'a [u8]>,
    port: Option<&'a [u8]>,
}

impl<'a> Pairs<'a> {
    fn read(mut rest: &'a [u8]) -> Result<Self, InvalidValue> {
        let mut pairs = Pairs::default();
        while rest != [SEPARATOR] {
            let (key, value) = next_pair(&mut rest)?;
            if pairs.slot(key).is_some_and(|slot| slot.replace(value).is_some()) {
                return Err(InvalidValue::Syntax);
            }
        }
        Ok(pairs)
    }

    fn slot(&mut self, key: &[u8]) -> Option<&mut Option<&'a [u8]>> {
        match key {
            b"auth" => Some(&mut self.auth),
            b"host" => Some(&mut self.host),
            b"port" => Some(&mut self.port),
            _ => None,
        }
    }
}

/// The first key and its value; leaves what is behind the separator.
fn next_pair<'a>(rest: &mut &'a [u8]) -> Result<(&'a [u8], &'a [u8]), InvalidValue> {
    let (pair, behind) = split(rest, SEPARATOR)?;
    let (key, value) = split(pair, b'=')?;
    *rest = behind;
    let well_formed = !key.is_empty() && key.iter().all(u8::is_ascii_alphabetic);
    if well_formed { Ok((key, value)) } else { Err(InvalidValue::Syntax) }
}

fn split(octets: &[u8], at: u8) -> Result<(&[u8], &[u8]), InvalidValue> {
    let mut parts = octets.splitn(2, |octet| *octet == at);
    parts.next().zip(parts.next()).ok_or(InvalidValue::Syntax)
}

/// The user of a GS2 header (RFC 5801 section 4). `y`, a client that could bind channels, is as good as `n`.
fn gs2_user(header: &mut [u8]) -> Result<&[u8], InvalidValue> {
    match header {
        [b'n' | b'y', b',', b','] => Ok(&[]),
        [b'n' | b'y', b',', b'a', b'=', name @ .., b','] => unescape(name),
        _ => Err(InvalidValue::Syntax),
    }
}

/// Resolves `=2C` and `=3D` in a name, which has an octet at least. Cells, because the text is read and
/// written in one place.
fn unescape(name: &mut [u8]) -> Result<&[u8], InvalidValue> {
    let cells = Cell::from_mut(&mut *name).as_slice_of_cells();
    let mut from = cells.iter().map(Cell::get);
    let mut length = 0usize;
    for to in cells {
        let octet = match from.next() {
            None => break,
            Some(b'=') => escaped(from.next(), from.next())?,
            Some(b',') => return Err(InvalidValue::Syntax),
            Some(octet) => octet,
        };
        to.set(octet);
        length = length.saturating_add(1);
    }
    name.get(..length).filter(|name| !name.is_empty()).ok_or(InvalidValue::Syntax)
}

const fn escaped(high: Option<u8>, low: Option<u8>) -> Result<u8, InvalidValue> {
    match (high, low) {
        (Some(b'2'), Some(b'C' | b'c')) => Ok(b','),
        (Some(b'3'), Some(b'D' | b'd')) => Ok(b'='),
        _ => Err(InvalidValue::Syntax),
    }
}

/// What is behind `Bearer`, in any case, and one space or more (RFC 6750 section 2.1).
fn bearer_token(auth: &[u8]) -> Result<&[u8], InvalidValue> {
    if auth.is_empty() {
        return Err(InvalidValue::Empty);
    }
    let (scheme, token) = split(auth, b' ')?;
    if !scheme.eq_ignore_ascii_case(b"Bearer") {
        return Err(InvalidValue::Syntax);
    }
    Ok(token.trim_ascii_start())
}

/// A positive decimal number without leading zeros.
fn port_number(digits: &[u8]) -> Result<u16, InvalidValue> {
    if !matches!(digits, [b'1'..=b'9', ..]) {
        return Err(InvalidValue::Syntax);
    }
    let text = core::str::from_utf8(digits).map_err(|_| InvalidValue::Syntax)?;
    text.parse().map_err(|_| InvalidValue::Syntax)
}

/// A user's name without control characters, which could be separators.
fn name(user: Text<'_>) -> Result<&[u8], SaslError> {
    let name = user.to_str().ok_or(SaslError::NotUtf8)?;
    if name.chars().any(char::is_control) { Err(InvalidValue::Control.into()) } else { Ok(name.as_bytes()) }
}

fn visible(octets: &[u8]) -> Result<&[u8], InvalidValue> {
    if octets.iter().all(u8::is_ascii_graphic) { Ok(octets) } else { Err(InvalidValue::Octet) }
}
