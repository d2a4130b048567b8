//! Capabilities: the lines of CAPA (RFC 2449 sections 5 and 6, and the RFCs that add to them).

use super::Digits;
use crate::quirks::{Quirk, Quirks};
use crate::sink::{BufferFull, Sink};
use crate::types::{InvalidValue, Mechanism, Text};
use core::fmt;

/// One line of CAPA, with its arguments.
///
/// Tags are read in any letter case. An unknown tag, and a known tag with an invalid argument, become
/// [`Other`](Self::Other). Surplus arguments are ignored.
///
/// ```
/// use pop3_proto::{Capability, Expire};
///
/// let expire = Capability::Expire { policy: Expire::Days(60), user: false };
/// assert_eq!(Capability::parse(b"EXPIRE 60"), Ok(expire));
/// assert!(matches!(Capability::parse(b"X-TIMESTAMP yes"), Ok(Capability::Other(_))));
/// ```
#[doc(alias = "CAPA")]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Capability<'a> {
    /// `TOP`: the server has the command TOP.
    Top,
    /// `USER`: the server has the commands USER and PASS.
    User,
    /// `SASL mechanisms`: the server has the command AUTH with these mechanisms (RFC 5034 section 3).
    Sasl(Mechanisms<'a>),
    /// `RESP-CODES`: a text that begins with `[` is a response code.
    RespCodes,
    /// `LOGIN-DELAY seconds [USER]`: the smallest time between two logins.
    LoginDelay {
        /// The delay in seconds. If `user` is set, it is the largest delay of all users.
        seconds: u32,
        /// The delay depends on the user, and the exact value follows after login.
        user: bool,
    },
    /// `PIPELINING`: the client may send several commands before the server responds.
    Pipelining,
    /// `EXPIRE policy [USER]`: how long messages stay.
    Expire {
        /// The time. If `user` is set, it is the shortest time of all users.
        policy: Expire,
        /// The time depends on the user, and the exact value follows after login.
        user: bool,
    },
    /// `UIDL`: the server has the command UIDL.
    Uidl,
    /// `IMPLEMENTATION words`: the name of the server's software. Do not base decisions on it.
    Implementation(Text<'a>),
    /// `STLS`: the server has the command STLS (RFC 2595 section 4).
    Stls,
    /// `AUTH-RESP-CODE`: the server reports every problem with credentials by the code AUTH (RFC 3206 section 6).
    AuthRespCode,
    /// `UTF8 [USER]`: the server has the command UTF8 (RFC 6856 section 2).
    Utf8 {
        /// Names and passwords may be UTF-8.
        user: bool,
    },
    /// `LANG`: the server has the command LANG (RFC 6856 section 3).
    Lang,
    /// Any other capability, unchanged.
    Other(OtherCapability<'a>),
}

/// How long messages stay on the server at least (RFC 2449 section 6.7). `Never` is greater than any number of days.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Expire {
    /// The server may remove a message after this number of days. 0 means as soon as it was retrieved.
    Days(u32),
    /// The server never removes a message by itself.
    Never,
}

/// The mechanisms of a SASL capability.
///
/// ```
/// use pop3_proto::{Capability, Mechanism};
///
/// let Ok(Capability::Sasl(mechanisms)) = Capability::parse(b"SASL PLAIN SCRAM-SHA-256") else { panic!() };
/// assert!(mechanisms.contains(Mechanism::PLAIN));
/// assert_eq!(mechanisms.iter().count(), 2);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Mechanisms<'a>(Names<'a>);

#[derive(Clone, Copy, Debug)]
enum Names<'a> {
    /// The line that a server sent.
    Line(Text<'a>),
    /// The list that a server will send.
    List { list: &'a [Mechanism<'a>], tls: bool },
}

/// A capability that the crate does not know: a tag, and the rest of its line.
#[derive(Clone, Copy, Eq, Debug)]
pub struct OtherCapability<'a> {
    tag: Text<'a>,
    arguments: Text<'a>,
}

impl<'a> Capability<'a> {
    /// Reads one line, without its line end.
    ///
    /// # Errors
    /// Returns [`InvalidValue`] if the line does not begin with a tag of printable ASCII, or if it contains a NUL or a
    /// bare CR.
    pub fn parse(line: &'a [u8]) -> Result<Self, InvalidValue> {
        Self::read(line, &mut Quirks::default())
    }

    /// Writes the whole line, or nothing.
    ///
    /// # Errors
    /// Returns [`BufferFull`] if the line does not fit.
    pub fn encode(&self, out: &mut dyn Sink) -> Result<(), BufferFull> {
        let user = |user: bool| if user { b" USER".as_slice() } else { b"" };
        match self {
            Capability::Top => out.put(&[b"TOP\r\n"]),
            Capability::User => out.put(&[b"USER\r\n"]),
            Capability::Sasl(mechanisms) => mechanisms.encode(out),
            Capability::RespCodes => out.put(&[b"RESP-CODES\r\n"]),
            Capability::LoginDelay { seconds, user: differs } => {
                out.put(&[b"LOGIN-DELAY ", Digits::new(*seconds).as_bytes(), user(*differs), b"\r\n"])
            }
            Capability::Pipelining => out.put(&[b"PIPELINING\r\n"]),
            Capability::Expire { policy: Expire::Never, user: differs } => {
                out.put(&[b"EXPIRE NEVER", user(*differs), b"\r\n"])
            }
            Capability::Expire { policy: Expire::Days(days), user: differs } => {
                out.put(&[b"EXPIRE ", Digits::new(*days).as_bytes(), user(*differs), b"\r\n"])
            }
            Capability::Uidl => out.put(&[b"UIDL\r\n"]),
            Capability::Implementation(words) => out.put(&[b"IMPLEMENTATION ", words.as_bytes(), b"\r\n"]),
            Capability::Stls => out.put(&[b"STLS\r\n"]),
            Capability::AuthRespCode => out.put(&[b"AUTH-RESP-CODE\r\n"]),
            Capability::Utf8 { user: differs } => out.put(&[b"UTF8", user(*differs), b"\r\n"]),
            Capability::Lang => out.put(&[b"LANG\r\n"]),
            Capability::Other(other) => other.encode(out),
        }
    }

    /// Reads a line and records tolerated deviations.
    pub(crate) fn read(line: &'a [u8], quirks: &mut Quirks) -> Result<Self, InvalidValue> {
        let other = OtherCapability::parse(line)?;
        if let Some(known) = known(other.tag.as_bytes(), other.arguments) {
            if line.ends_with(b" ") || line.windows(2).any(|pair| pair == b"  ") {
                quirks.note(Quirk::Spacing);
            }
            return Ok(known);
        }
        // Some servers send `SASL=PLAIN`.
        let joined = memchr::memchr(b'=', line).and_then(|at| line.split_at_checked(at));
        let joined = joined.and_then(|(tag, rest)| known(tag, Text::new(rest.strip_prefix(b"=")?).ok()?));
        if joined.is_some() {
            quirks.note(Quirk::CapabilityEquals);
        }
        Ok(joined.unwrap_or(Capability::Other(other)))
    }
}

/// Returns the capability of a known tag, or `None` if the tag is unknown or its argument is not valid.
fn known<'a>(tag: &[u8], arguments: Text<'a>) -> Option<Capability<'a>> {
    let words = || arguments.as_bytes().split(|octet| *octet == b' ').filter(|word| !word.is_empty());
    let user = |at: usize| words().nth(at).is_some_and(|word| word.eq_ignore_ascii_case(b"USER"));
    let tag_is = |word: &[u8]| tag.eq_ignore_ascii_case(word);
    Some(match () {
        () if tag_is(b"TOP") => Capability::Top,
        () if tag_is(b"USER") => Capability::User,
        () if tag_is(b"SASL") => Capability::Sasl(Mechanisms(Names::Line(arguments))),
        () if tag_is(b"RESP-CODES") => Capability::RespCodes,
        () if tag_is(b"LOGIN-DELAY") => {
            Capability::LoginDelay { seconds: decimal(words().next()?)?, user: user(1) }
        }
        () if tag_is(b"PIPELINING") => Capability::Pipelining,
        () if tag_is(b"EXPIRE") => Capability::Expire { policy: expire(words().next()?)?, user: user(1) },
        () if tag_is(b"UIDL") => Capability::Uidl,
        () if tag_is(b"IMPLEMENTATION") && !arguments.is_empty() => Capability::Implementation(arguments),
        () if tag_is(b"STLS") => Capability::Stls,
        () if tag_is(b"AUTH-RESP-CODE") => Capability::AuthRespCode,
        () if tag_is(b"UTF8") => Capability::Utf8 { user: user(0) },
        () if tag_is(b"LANG") => Capability::Lang,
        () => return None,
    })
}

fn expire(word: &[u8]) -> Option<Expire> {
    if word.eq_ignore_ascii_case(b"NEVER") { Some(Expire::Never) } else { decimal(word).map(Expire::Days) }
}

/// Reads a decimal number. A number over 32 bits becomes the largest value, because these are times to wait.
fn decimal(word: &[u8]) -> Option<u32> {
    word.iter().try_fold(0u32, |value, digit| {
        let digit = digit.is_ascii_digit().then(|| digit.wrapping_sub(b'0'))?;
        Some(value.saturating_mul(10).saturating_add(u32::from(digit)))
    })
}

impl<'a> Mechanisms<'a> {
    /// Wraps the mechanisms of a server.
    #[must_use]
    pub const fn new(list: &'a [Mechanism<'a>]) -> Self {
        Self::offered(list, true)
    }

    /// Wraps the mechanisms of a server. Outside TLS, it leaves out OAUTHBEARER, which requires TLS (RFC 7628 section 3).
    pub(crate) const fn offered(list: &'a [Mechanism<'a>], tls: bool) -> Self {
        Mechanisms(Names::List { list, tls })
    }

    /// Returns the names in order. Words that are not valid names are skipped.
    pub fn iter(&self) -> impl Iterator<Item = Mechanism<'a>> + use<'a> {
        let (line, list, tls): (&[u8], &[Mechanism<'a>], bool) = match self.0 {
            Names::Line(line) => (line.as_bytes(), &[], true),
            Names::List { list, tls } => (b"", list, tls),
        };
        let words = line.split(|octet| *octet == b' ').filter_map(|word| Mechanism::new(word).ok());
        words.chain(list.iter().copied().filter(move |name| tls || *name != Mechanism::OAUTHBEARER))
    }

    /// Returns whether this mechanism is listed.
    #[must_use]
    pub fn contains(&self, mechanism: Mechanism<'_>) -> bool {
        self.iter().any(|name| name == mechanism)
    }

    fn encode(&self, out: &mut dyn Sink) -> Result<(), BufferFull> {
        match self.0 {
            Names::Line(line) if line.is_empty() => out.put(&[b"SASL\r\n"]),
            Names::Line(line) => out.put(&[b"SASL ", line.as_bytes(), b"\r\n"]),
            Names::List { .. } => encode_list(self.iter(), out),
        }
    }
}

/// Writes the names that fit a line of 512 octets, and leaves out the rest, because a list cannot continue on another
/// line.
fn encode_list<'a>(list: impl Iterator<Item = Mechanism<'a>>, out: &mut dyn Sink) -> Result<(), BufferFull> {
    let mut parts: [&[u8]; 66] = [b""; 66];
    let mut room = 512usize.saturating_sub("SASL\r\n".len());
    let [first, names @ .., last] = &mut parts;
    (*first, *last) = (b"SASL", b"\r\n");
    for (pair, name) in names.chunks_exact_mut(2).zip(list) {
        let needed = name.as_bytes().len().saturating_add(1);
        let Some(left) = room.checked_sub(needed) else { break };
        room = left;
        if let [space, word] = pair {
            (*space, *word) = (b" ", name.as_bytes());
        }
    }
    out.put(&parts)
}

/// Compares the names and their order.
impl PartialEq<Mechanisms<'_>> for Mechanisms<'_> {
    fn eq(&self, other: &Mechanisms<'_>) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Mechanisms<'_> {}

impl<'a> OtherCapability<'a> {
    /// Checks your own capability, which a server then announces.
    ///
    /// # Errors
    /// Returns [`InvalidValue::Empty`] if the tag is empty.
    /// Returns [`InvalidValue::Octet`] if the tag or the arguments are not printable ASCII, or if the tag contains a dot.
    /// Returns [`InvalidValue::TooLong`] if the line would be longer than 512 octets.
    /// Returns [`InvalidValue::Syntax`] if the arguments are not words separated by one space, or if the crate knows the
    /// tag. The machine announces known capabilities itself.
    pub const fn new(tag: Text<'a>, arguments: Text<'a>) -> Result<Self, InvalidValue> {
        if tag.is_empty() {
            return Err(InvalidValue::Empty);
        }
        if tag.as_bytes().len().saturating_add(arguments.as_bytes().len()) > 509 {
            return Err(InvalidValue::TooLong);
        }
        let mut rest = tag.as_bytes();
        while let [octet, tail @ ..] = rest {
            if !octet.is_ascii_graphic() || *octet == b'.' {
                return Err(InvalidValue::Octet);
            }
            if *octet == b'=' && is_known(tag.as_bytes(), rest.len()) {
                return Err(InvalidValue::Syntax);
            }
            rest = tail;
        }
        if is_known(tag.as_bytes(), 0) {
            return Err(InvalidValue::Syntax);
        }
        match words(arguments.as_bytes()) {
            Ok(()) => Ok(OtherCapability { tag, arguments }),
            Err(error) => Err(error),
        }
    }

    /// Checks a capability that is written in the source, at compile time if used in a `const` or `static`.
    ///
    /// ```
    /// use pop3_proto::{OtherCapability, TlsPolicy, server::ServerConfig};
    ///
    /// const OURS: &[OtherCapability<'_>] = &[OtherCapability::from_static("X-ARCHIVE", "years 7")];
    /// static CONFIG: ServerConfig = ServerConfig::new(TlsPolicy::Required).with_capabilities(OURS);
    /// ```
    ///
    /// # Panics
    /// Panics if [`new`](Self::new) returns an error. In a `const` or `static`, this is a compiler error.
    #[must_use]
    pub const fn from_static(tag: &'static str, arguments: &'static str) -> OtherCapability<'static> {
        match OtherCapability::new(Text::from_static(tag), Text::from_static(arguments)) {
            Ok(capability) => capability,
            Err(_) => panic!("not a capability that a server may announce as its own"),
        }
    }

    /// Returns the first word of the line.
    #[must_use]
    pub const fn tag(&self) -> Text<'a> {
        self.tag
    }

    /// Returns the rest of the line after one space.
    #[must_use]
    pub const fn arguments(&self) -> Text<'a> {
        self.arguments
    }

    fn parse(line: &'a [u8]) -> Result<Self, InvalidValue> {
        let (tag, arguments) = match memchr::memchr(b' ', line).and_then(|at| line.split_at_checked(at)) {
            Some((tag, rest)) => (tag, rest.strip_prefix(b" ").unwrap_or(rest)),
            None => (line, [].as_slice()),
        };
        if tag.is_empty() {
            return Err(InvalidValue::Empty);
        }
        // A tag contains no dot. At the front, a dot would be mistaken for byte-stuffing or for the terminator.
        if tag.starts_with(b".") || !tag.iter().all(u8::is_ascii_graphic) {
            return Err(InvalidValue::Octet);
        }
        Ok(OtherCapability { tag: Text::new(tag)?, arguments: Text::new(arguments)? })
    }

    fn encode(&self, out: &mut dyn Sink) -> Result<(), BufferFull> {
        let space: &[u8] = if self.arguments.is_empty() { b"" } else { b" " };
        out.put(&[self.tag.as_bytes(), space, self.arguments.as_bytes(), b"\r\n"])
    }
}

/// The tags that [`known`] reads.
const TAGS: [&str; 13] = [
    "TOP",
    "USER",
    "SASL",
    "RESP-CODES",
    "LOGIN-DELAY",
    "PIPELINING",
    "EXPIRE",
    "UIDL",
    "IMPLEMENTATION",
    "STLS",
    "AUTH-RESP-CODE",
    "UTF8",
    "LANG",
];

/// Returns whether the bytes, without the last `after`, are a known tag in any letter case.
const fn is_known(octets: &[u8], after: usize) -> bool {
    let mut tags: &[&str] = &TAGS;
    while let [tag, other_tags @ ..] = tags {
        let (mut tag, mut rest) = (tag.as_bytes(), octets);
        while let ([letter, more_letters @ ..], [octet, more_octets @ ..]) = (tag, rest) {
            if *letter != octet.to_ascii_uppercase() {
                break;
            }
            (tag, rest) = (more_letters, more_octets);
        }
        if tag.is_empty() && rest.len() == after {
            return true;
        }
        tags = other_tags;
    }
    false
}

/// Checks that the bytes are words of printable ASCII separated by one space, or empty (RFC 2449 section 3).
const fn words(octets: &[u8]) -> Result<(), InvalidValue> {
    let (mut rest, mut before) = (octets, b' ');
    while let [octet, tail @ ..] = rest {
        match *octet {
            b' ' if before == b' ' => return Err(InvalidValue::Syntax),
            b' ' => {}
            octet if octet.is_ascii_graphic() => {}
            _ => return Err(InvalidValue::Octet),
        }
        (before, rest) = (*octet, tail);
    }
    if before == b' ' && !octets.is_empty() { Err(InvalidValue::Syntax) } else { Ok(()) }
}

/// Compares tags in any letter case, and arguments byte by byte.
impl PartialEq<OtherCapability<'_>> for OtherCapability<'_> {
    fn eq(&self, other: &OtherCapability<'_>) -> bool {
        self.tag.as_bytes().eq_ignore_ascii_case(other.tag.as_bytes()) && self.arguments == other.arguments
    }
}

impl fmt::Display for Expire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Expire::Days(days) => write!(f, "{days} days"),
            Expire::Never => f.write_str("never"),
        }
    }
}

#[cfg(test)]
#[path = "capability_tests.rs"]
mod tests;
