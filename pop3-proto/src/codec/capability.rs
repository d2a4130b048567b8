//! Capabilities: the lines of CAPA (RFC 2449 sections 5 and 6, and the RFCs that add to them).

use super::Digits;
use crate::quirks::{Quirk, Quirks};
use crate::sink::{BufferFull, Sink};
use crate::types::{InvalidValue, Mechanism, Text};
use core::fmt;

/// One line of CAPA, with its arguments.
///
/// Tags are read in any letter case. A known tag whose argument does not parse, and any tag that is not
/// known, is kept as it stands; surplus arguments are no error.
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
    /// `TOP`: the command TOP
    Top,
    /// `USER`: the commands USER and PASS
    User,
    /// `SASL mechanisms`: the command AUTH (RFC 5034 section 3)
    Sasl(Mechanisms<'a>),
    /// `RESP-CODES`: a text that begins with `[` is a response code
    RespCodes,
    /// `LOGIN-DELAY seconds [USER]`: the least time from one login to the next
    LoginDelay {
        /// Seconds, the most for any user where `user` is set.
        seconds: u32,
        /// It differs by user: the exact value comes after login.
        user: bool,
    },
    /// `PIPELINING`: commands may be sent ahead of answers
    Pipelining,
    /// `EXPIRE policy [USER]`: how long messages stay
    Expire {
        /// The least time for any user where `user` is set.
        policy: Expire,
        /// It differs by user: the exact value comes after login.
        user: bool,
    },
    /// `UIDL`: the command UIDL
    Uidl,
    /// `IMPLEMENTATION words`: which server this is; never to be acted on
    Implementation(Text<'a>),
    /// `STLS`: the command STLS (RFC 2595 section 4)
    Stls,
    /// `AUTH-RESP-CODE`: all trouble with credentials is told by AUTH (RFC 3206 section 6)
    AuthRespCode,
    /// `UTF8 [USER]`: the command UTF8 (RFC 6856 section 2)
    Utf8 {
        /// Names and passwords may be UTF-8.
        user: bool,
    },
    /// `LANG`: the command LANG (RFC 6856 section 3)
    Lang,
    /// Any other, as it stands
    Other(OtherCapability<'a>),
}

/// How long messages stay on the server at the least (RFC 2449 section 6.7). `Never` is more than any number
/// of days.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Expire {
    /// Days after which a message may be removed; 0: as soon as it was retrieved.
    Days(u32),
    /// The server removes nothing by itself.
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
    /// As a server wrote them.
    Line(Text<'a>),
    /// As a server is about to write them.
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
    /// [`InvalidValue`] where it does not begin with a tag of printable ASCII, or holds a NUL or a bare CR.
    pub fn parse(line: &'a [u8]) -> Result<Self, InvalidValue> {
        Self::read(line, &mut Quirks::default())
    }

    /// Writes the line, or nothing where it does not fit.
    ///
    /// # Errors
    /// [`BufferFull`]
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

    /// Reads a line and records what was tolerated.
    pub(crate) fn read(line: &'a [u8], quirks: &mut Quirks) -> Result<Self, InvalidValue> {
        let other = OtherCapability::parse(line)?;
        if let Some(known) = known(other.tag.as_bytes(), other.arguments) {
            if line.ends_with(b" ") || line.windows(2).any(|pair| pair == b"  ") {
                quirks.note(Quirk::Spacing);
            }
            return Ok(known);
        }
        // `SASL=PLAIN`: seen, and clear enough.
        let joined = memchr::memchr(b'=', line).and_then(|at| line.split_at_checked(at));
        let joined = joined.and_then(|(tag, rest)| known(tag, Text::new(rest.strip_prefix(b"=")?).ok()?));
        if joined.is_some() {
            quirks.note(Quirk::CapabilityEquals);
        }
        Ok(joined.unwrap_or(Capability::Other(other)))
    }
}

/// The capability of a tag that the crate knows, where its argument parses.
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

/// Decimal digits; what is over 32 bits counts as the largest value, since these are amounts to wait for.
fn decimal(word: &[u8]) -> Option<u32> {
    word.iter().try_fold(0u32, |value, digit| {
        let digit = digit.is_ascii_digit().then(|| digit.wrapping_sub(b'0'))?;
        Some(value.saturating_mul(10).saturating_add(u32::from(digit)))
    })
}

impl<'a> Mechanisms<'a> {
    /// The mechanisms of a server.
    #[must_use]
    pub const fn new(list: &'a [Mechanism<'a>]) -> Self {
        Self::offered(list, true)
    }

    /// Outside TLS without OAUTHBEARER, which is for TLS only (RFC 7628 section 3).
    pub(crate) const fn offered(list: &'a [Mechanism<'a>], tls: bool) -> Self {
        Mechanisms(Names::List { list, tls })
    }

    /// The names in their order; words that are no mechanism name are passed over.
    pub fn iter(&self) -> impl Iterator<Item = Mechanism<'a>> + use<'a> {
        let (line, list, tls): (&[u8], &[Mechanism<'a>], bool) = match self.0 {
            Names::Line(line) => (line.as_bytes(), &[], true),
            Names::List { list, tls } => (b"", list, tls),
        };
        let words = line.split(|octet| *octet == b' ').filter_map(|word| Mechanism::new(word).ok());
        words.chain(list.iter().copied().filter(move |name| tls || *name != Mechanism::OAUTHBEARER))
    }

    /// Whether this one is among them.
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

/// Names that would not fit the line's 512 octets, or that are more than any server has, are left out: there
/// is no continuation form.
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

/// The same names in the same order.
impl PartialEq<Mechanisms<'_>> for Mechanisms<'_> {
    fn eq(&self, other: &Mechanisms<'_>) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Mechanisms<'_> {}

impl<'a> OtherCapability<'a> {
    /// A capability of the server's own, to announce.
    ///
    /// # Errors
    /// [`InvalidValue::Empty`] and [`InvalidValue::Octet`] where the tag is empty or not printable ASCII without a dot,
    /// or the arguments are not; [`InvalidValue::TooLong`] where the line would be over 512 octets;
    /// [`InvalidValue::Syntax`] where the arguments are not words with one space between them, or where the crate
    /// has a capability of that tag: the machine announces those, where they are true.
    pub const fn new(tag: Text<'a>, arguments: Text<'a>) -> Result<Self, InvalidValue> {
        if tag.is_empty() {
            return Err(InvalidValue::Empty);
        }
        if tag.as_bytes().len().saturating_add(arguments.as_bytes().len()) > 509 {
            return Err(InvalidValue::TooLong);
        }
        let mut rest = tag.as_bytes();
        while let [octet, behind @ ..] = rest {
            if !octet.is_ascii_graphic() || *octet == b'.' {
                return Err(InvalidValue::Octet);
            }
            if *octet == b'=' && is_known(tag.as_bytes(), rest.len()) {
                return Err(InvalidValue::Syntax);
            }
            rest = behind;
        }
        if is_known(tag.as_bytes(), 0) {
            return Err(InvalidValue::Syntax);
        }
        match words(arguments.as_bytes()) {
            Ok(()) => Ok(OtherCapability { tag, arguments }),
            Err(error) => Err(error),
        }
    }

    /// A capability in the source, checked when it is compiled.
    ///
    /// ```
    /// use pop3_proto::{OtherCapability, TlsPolicy, server::ServerConfig};
    ///
    /// const OURS: &[OtherCapability<'_>] = &[OtherCapability::from_static("X-ARCHIVE", "years 7")];
    /// static CONFIG: ServerConfig = ServerConfig::new(TlsPolicy::Required).with_capabilities(OURS);
    /// ```
    ///
    /// # Panics
    /// Where [`new`](Self::new) refuses it; in a `const` or `static` that is an error of the compiler.
    #[must_use]
    pub const fn from_static(tag: &'static str, arguments: &'static str) -> OtherCapability<'static> {
        match OtherCapability::new(Text::from_static(tag), Text::from_static(arguments)) {
            Ok(capability) => capability,
            Err(_) => panic!("not a capability that a server may announce as its own"),
        }
    }

    /// The first word of the line.
    #[must_use]
    pub const fn tag(&self) -> Text<'a> {
        self.tag
    }

    /// The rest of the line behind one space.
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
        // A dot is in no tag; at the front it would be taken for byte-stuffing, or for the end mark.
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

/// Whether the octets but for the last `behind` are a known tag, in any letter case.
const fn is_known(octets: &[u8], behind: usize) -> bool {
    let mut tags: &[&str] = &TAGS;
    while let [tag, other_tags @ ..] = tags {
        let (mut tag, mut rest) = (tag.as_bytes(), octets);
        while let ([letter, more_letters @ ..], [octet, more_octets @ ..]) = (tag, rest) {
            if *letter != octet.to_ascii_uppercase() {
                break;
            }
            (tag, rest) = (more_letters, more_octets);
        }
        if tag.is_empty() && rest.len() == behind {
            return true;
        }
        tags = other_tags;
    }
    false
}

/// Whether these are words of printable ASCII with one space between them, or nothing (RFC 2449 section 3).
const fn words(octets: &[u8]) -> Result<(), InvalidValue> {
    let (mut rest, mut before) = (octets, b' ');
    while let [octet, behind @ ..] = rest {
        match *octet {
            b' ' if before == b' ' => return Err(InvalidValue::Syntax),
            b' ' => {}
            octet if octet.is_ascii_graphic() => {}
            _ => return Err(InvalidValue::Octet),
        }
        (before, rest) = (*octet, behind);
    }
    if before == b' ' && !octets.is_empty() { Err(InvalidValue::Syntax) } else { Ok(()) }
}

/// Tags compare in any letter case, arguments octet by octet.
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
