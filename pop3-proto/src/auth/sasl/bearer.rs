use super::message::Part;
use super::{Message, SaslError, utf8};
use crate::{InvalidValue, Secret, Text};
use core::cell::Cell;

/// The end of each pair of key and value.
const SEPARATOR: u8 = 0x01;

/// Builds the message of XOAUTH2: a user and a bearer token, in the form of a vendor that is older than OAUTHBEARER.
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
/// Returns [`InvalidValue::Empty`] if the user is empty.
/// Returns [`SaslError::NotUtf8`] if the user is not UTF-8.
/// Returns [`InvalidValue::Control`] if the user contains a control character.
/// Returns [`InvalidValue::Octet`] if the token is not visible ASCII.
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

/// Builds the message of OAUTHBEARER (RFC 7628 section 3.1): the user, the host and port that the client connected to,
/// and the bearer token (RFC 6750). If the user is empty, the token names the user.
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
/// Returns [`SaslError::NotUtf8`] if the user is not UTF-8.
/// Returns [`InvalidValue::Control`] if the user contains a control character.
/// Returns [`InvalidValue::Zero`] if the port is 0.
/// Returns [`InvalidValue::Octet`] if the host or the token is not visible ASCII.
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

/// A client's message of XOAUTH2 or OAUTHBEARER (RFC 7628 section 3.1).
///
/// Unknown keys are ignored. If a message cannot be read, respond as to a refused token, with
/// [`oauth_error`](super::oauth_error), because clients send an empty `auth` to learn which scope they need (RFC 7628
/// section 4.3).
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
    /// The user to act as, in UTF-8. In OAUTHBEARER it may be empty; the token then names the user.
    pub user: Text<'a>,
    /// The token, in visible ASCII.
    pub token: Secret<'a>,
    /// The host that the client connected to. A server that knows its own name checks it (RFC 7628 section 3.2).
    pub host: Option<Text<'a>>,
    /// The port that the client connected to. A server that knows its own port checks it.
    pub port: Option<u16>,
}

impl<'a> Bearer<'a> {
    /// Reads the message of XOAUTH2.
    ///
    /// # Errors
    /// Returns [`InvalidValue::Empty`] if the user or the token is empty.
    /// Returns [`InvalidValue::Syntax`] if the scheme is not `Bearer`, if a known key is missing or occurs twice, or if the
    /// message has another form.
    /// Returns [`InvalidValue::Octet`] if the token is not visible ASCII.
    /// Returns [`InvalidValue::Control`] or [`SaslError::NotUtf8`] if the user is not UTF-8 text on one line.
    pub fn parse_xoauth2(message: &'a [u8]) -> Result<Self, SaslError> {
        let mut pairs = message;
        match next_pair(&mut pairs)? {
            (b"user", []) => Err(InvalidValue::Empty.into()),
            (b"user", user) => Self::read(utf8(user)?, pairs),
            _ => Err(InvalidValue::Syntax.into()),
        }
    }

    /// Reads the message of OAUTHBEARER, and decodes escapes in the user's name in place.
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
    /// Returns the errors of [`parse_xoauth2`](Self::parse_xoauth2), but accepts an empty user.
    /// Also returns [`InvalidValue::Syntax`] if the message asks for channel binding, if an escape is not `=2C` or `=3D`, or if
    /// the message is only 0x01, which a client sends after an error challenge.
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

/// The values of the known keys. A key that occurs twice is refused, because two readers could use different values.
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

/// Reads the first key and its value, and moves past the separator.
fn next_pair<'a>(rest: &mut &'a [u8]) -> Result<(&'a [u8], &'a [u8]), InvalidValue> {
    let (pair, tail) = split(rest, SEPARATOR)?;
    let (key, value) = split(pair, b'=')?;
    *rest = tail;
    let well_formed = !key.is_empty() && key.iter().all(u8::is_ascii_alphabetic);
    if well_formed { Ok((key, value)) } else { Err(InvalidValue::Syntax) }
}

fn split(octets: &[u8], at: u8) -> Result<(&[u8], &[u8]), InvalidValue> {
    let mut parts = octets.splitn(2, |octet| *octet == at);
    parts.next().zip(parts.next()).ok_or(InvalidValue::Syntax)
}

/// Returns the user of a GS2 header (RFC 5801 section 4). `y` (a client that supports channel binding) is treated as `n`.
fn gs2_user(header: &mut [u8]) -> Result<&[u8], InvalidValue> {
    match header {
        [b'n' | b'y', b',', b','] => Ok(&[]),
        [b'n' | b'y', b',', b'a', b'=', name @ .., b','] => unescape(name),
        _ => Err(InvalidValue::Syntax),
    }
}

/// Decodes `=2C` and `=3D` in a name, which must not be empty. It uses cells, because it reads and writes the same bytes.
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

/// Returns the token after `Bearer`, in any case, and at least one space (RFC 6750 section 2.1).
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

/// Parses a positive decimal number without leading zeros.
fn port_number(digits: &[u8]) -> Result<u16, InvalidValue> {
    if !matches!(digits, [b'1'..=b'9', ..]) {
        return Err(InvalidValue::Syntax);
    }
    let text = core::str::from_utf8(digits).map_err(|_| InvalidValue::Syntax)?;
    text.parse().map_err(|_| InvalidValue::Syntax)
}

/// Checks a user's name. It must not contain control characters, because they could be separators.
fn name(user: Text<'_>) -> Result<&[u8], SaslError> {
    let name = user.to_str().ok_or(SaslError::NotUtf8)?;
    if name.chars().any(char::is_control) { Err(InvalidValue::Control.into()) } else { Ok(name.as_bytes()) }
}

fn visible(octets: &[u8]) -> Result<&[u8], InvalidValue> {
    if octets.iter().all(u8::is_ascii_graphic) { Ok(octets) } else { Err(InvalidValue::Octet) }
}
