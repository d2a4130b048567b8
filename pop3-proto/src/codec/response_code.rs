//! Response codes: the word in brackets that may begin the text of a response (RFC 2449 section 8, RFC 3206, RFC 6856
//! section 5).

use crate::types::InvalidValue;
use core::fmt;

/// A response code. It ignores letter case, and unknown levels below a known one: `SYS/TEMP/DISK` is
/// [`SysTemp`](Self::SysTemp), and `SYS/DISK` is [`Sys`](Self::Sys).
///
/// ```
/// use pop3_proto::{ResponseCode, Retry};
///
/// let code = ResponseCode::new(b"in-use").unwrap();
/// assert_eq!(code, ResponseCode::InUse);
/// assert_eq!(code.retry(), Some(Retry::Later));
/// ```
#[doc(alias = "RESP-CODES")]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ResponseCode<'a> {
    /// `LOGIN-DELAY`: the login is too soon after the last one (RFC 2449 section 8.1.1).
    #[doc(alias = "LOGIN-DELAY")]
    LoginDelay,
    /// `IN-USE`: the maildrop is open in another session (RFC 2449 section 8.1.2).
    #[doc(alias = "IN-USE")]
    InUse,
    /// `SYS/TEMP`: the system has a problem that is likely to pass (RFC 3206 section 4).
    #[doc(alias = "SYS/TEMP")]
    SysTemp,
    /// `SYS/PERM`: the system has a problem that somebody must fix (RFC 3206 section 4).
    #[doc(alias = "SYS/PERM")]
    SysPerm,
    /// `SYS`: the system has a problem of an unknown kind.
    Sys,
    /// `AUTH`: the credentials are the problem (RFC 3206 section 5).
    Auth,
    /// `UTF8`: the message needs UTF-8 mode (RFC 6856 section 5).
    Utf8,
    /// Any other code.
    Other(OtherCode<'a>),
}

/// When the same request may succeed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Retry {
    /// Immediately, after a change: other credentials for `AUTH`, or a new session with UTF8 for `UTF8`.
    Now,
    /// Later, unchanged.
    Later,
    /// Only after somebody has fixed the server.
    Never,
}

/// The known codes without further levels, which is the most common form.
const KNOWN: &[ResponseCode<'static>] = &[
    ResponseCode::LoginDelay,
    ResponseCode::InUse,
    ResponseCode::SysTemp,
    ResponseCode::SysPerm,
    ResponseCode::Sys,
    ResponseCode::Auth,
    ResponseCode::Utf8,
];

impl<'a> ResponseCode<'a> {
    /// Parses a response code without its brackets.
    ///
    /// # Errors
    /// Returns [`InvalidValue`] if the bytes are not levels of printable ASCII, joined by `/`. A level has at least one
    /// byte.
    pub fn new(octets: &'a [u8]) -> Result<Self, InvalidValue> {
        if let Some(known) = KNOWN.iter().find(|code| code.as_bytes().eq_ignore_ascii_case(octets)) {
            return Ok(*known);
        }
        let other = OtherCode::new(octets)?;
        let mut levels = other.levels();
        let (first, second) = (levels.next().unwrap_or_default(), levels.next().unwrap_or_default());
        let first_is = |word: &[u8]| first.eq_ignore_ascii_case(word);
        Ok(match () {
            () if first_is(b"LOGIN-DELAY") => Self::LoginDelay,
            () if first_is(b"IN-USE") => Self::InUse,
            () if first_is(b"AUTH") => Self::Auth,
            () if first_is(b"UTF8") => Self::Utf8,
            () if first_is(b"SYS") && second.eq_ignore_ascii_case(b"TEMP") => Self::SysTemp,
            () if first_is(b"SYS") && second.eq_ignore_ascii_case(b"PERM") => Self::SysPerm,
            () if first_is(b"SYS") => Self::Sys,
            () => Self::Other(other),
        })
    }

    /// Returns the code as it is sent, without its brackets.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        match self {
            ResponseCode::LoginDelay => b"LOGIN-DELAY",
            ResponseCode::InUse => b"IN-USE",
            ResponseCode::SysTemp => b"SYS/TEMP",
            ResponseCode::SysPerm => b"SYS/PERM",
            ResponseCode::Sys => b"SYS",
            ResponseCode::Auth => b"AUTH",
            ResponseCode::Utf8 => b"UTF8",
            ResponseCode::Other(other) => other.0,
        }
    }

    /// Returns when the same request may succeed, or `None` if the code is unknown.
    #[must_use]
    pub const fn retry(&self) -> Option<Retry> {
        match self {
            ResponseCode::LoginDelay | ResponseCode::InUse | ResponseCode::SysTemp | ResponseCode::Sys => {
                Some(Retry::Later)
            }
            ResponseCode::Auth | ResponseCode::Utf8 => Some(Retry::Now),
            ResponseCode::SysPerm => Some(Retry::Never),
            ResponseCode::Other(_) => None,
        }
    }
}

/// A response code, or none, whose parts are all defined and stay in registers. An `Option<ResponseCode>` would be moved through memory,
/// and the processor would wait for it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Code<'a> {
    kind: Kind,
    /// Empty unless the kind is [`Kind::Other`].
    other: OtherCode<'a>,
}

// Without padding, so that every byte of a value is written, and in words.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
enum Kind {
    None,
    LoginDelay,
    InUse,
    SysTemp,
    SysPerm,
    Sys,
    Auth,
    Utf8,
    Other,
}

impl Default for Code<'_> {
    fn default() -> Self {
        Code::new(None)
    }
}

impl<'a> Code<'a> {
    pub(super) const fn new(code: Option<ResponseCode<'a>>) -> Self {
        let kind = match code {
            None => Kind::None,
            Some(ResponseCode::LoginDelay) => Kind::LoginDelay,
            Some(ResponseCode::InUse) => Kind::InUse,
            Some(ResponseCode::SysTemp) => Kind::SysTemp,
            Some(ResponseCode::SysPerm) => Kind::SysPerm,
            Some(ResponseCode::Sys) => Kind::Sys,
            Some(ResponseCode::Auth) => Kind::Auth,
            Some(ResponseCode::Utf8) => Kind::Utf8,
            Some(ResponseCode::Other(other)) => return Code { kind: Kind::Other, other },
        };
        Code { kind, other: OtherCode(&[]) }
    }

    pub(super) const fn get(self) -> Option<ResponseCode<'a>> {
        Some(match self.kind {
            Kind::None => return None,
            Kind::LoginDelay => ResponseCode::LoginDelay,
            Kind::InUse => ResponseCode::InUse,
            Kind::SysTemp => ResponseCode::SysTemp,
            Kind::SysPerm => ResponseCode::SysPerm,
            Kind::Sys => ResponseCode::Sys,
            Kind::Auth => ResponseCode::Auth,
            Kind::Utf8 => ResponseCode::Utf8,
            Kind::Other => ResponseCode::Other(self.other),
        })
    }

    /// Splits a code in the form that nearly all servers send, and its closing bracket. A pattern for each is faster than a search for
    /// the bracket.
    #[inline(always)]
    pub(super) const fn usual(inner: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (kind, rest) = match inner {
            [b'A', b'U', b'T', b'H', b']', rest @ ..] => (Kind::Auth, rest),
            [b'U', b'T', b'F', b'8', b']', rest @ ..] => (Kind::Utf8, rest),
            [b'I', b'N', b'-', b'U', b'S', b'E', b']', rest @ ..] => (Kind::InUse, rest),
            [b'S', b'Y', b'S', b'/', b'T', b'E', b'M', b'P', b']', rest @ ..] => (Kind::SysTemp, rest),
            [b'S', b'Y', b'S', b'/', b'P', b'E', b'R', b'M', b']', rest @ ..] => (Kind::SysPerm, rest),
            [b'L', b'O', b'G', b'I', b'N', b'-', b'D', b'E', b'L', b'A', b'Y', b']', rest @ ..] => {
                (Kind::LoginDelay, rest)
            }
            _ => return None,
        };
        Some((Code { kind, other: OtherCode(&[]) }, rest))
    }
}

/// A response code that the crate does not know.
#[derive(Clone, Copy)]
pub struct OtherCode<'a>(&'a [u8]);

impl<'a> OtherCode<'a> {
    fn new(octets: &'a [u8]) -> Result<Self, InvalidValue> {
        if octets.is_empty() {
            Err(InvalidValue::Empty)
        } else if !octets.iter().all(|octet| octet.is_ascii_graphic() && *octet != b']') {
            Err(InvalidValue::Octet)
        } else if octets.split(|octet| *octet == b'/').any(<[u8]>::is_empty) {
            Err(InvalidValue::Syntax)
        } else {
            Ok(OtherCode(octets))
        }
    }

    /// Returns the levels, the most general first.
    pub fn levels(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.0.split(|octet| *octet == b'/')
    }
}

impl PartialEq<OtherCode<'_>> for OtherCode<'_> {
    fn eq(&self, other: &OtherCode<'_>) -> bool {
        self.0.eq_ignore_ascii_case(other.0)
    }
}

impl Eq for OtherCode<'_> {}

impl fmt::Debug for OtherCode<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        crate::types::escaped("OtherCode", self.0, f)
    }
}

impl fmt::Display for ResponseCode<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_bytes().escape_ascii().fmt(f)
    }
}

#[cfg(test)]
#[path = "response_code_tests.rs"]
mod tests;
