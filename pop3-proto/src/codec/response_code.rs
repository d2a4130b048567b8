//! Response codes: the bracketed word that may begin an answer's text (RFC 2449 section 8, RFC 3206, RFC 6856
//! section 5).

use crate::types::InvalidValue;
use core::fmt;

/// A response code. Letter case does not count, and levels that are not known below one that is are left out:
/// `SYS/TEMP/DISK` is [`SysTemp`](Self::SysTemp), `SYS/DISK` is [`Sys`](Self::Sys).
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
    /// `LOGIN-DELAY`: too soon after the last login (RFC 2449 section 8.1.1)
    #[doc(alias = "LOGIN-DELAY")]
    LoginDelay,
    /// `IN-USE`: the maildrop is open in another session (RFC 2449 section 8.1.2)
    #[doc(alias = "IN-USE")]
    InUse,
    /// `SYS/TEMP`: trouble in the system that is likely to pass (RFC 3206 section 4)
    #[doc(alias = "SYS/TEMP")]
    SysTemp,
    /// `SYS/PERM`: trouble in the system that needs somebody to mend it (RFC 3206 section 4)
    #[doc(alias = "SYS/PERM")]
    SysPerm,
    /// `SYS`: trouble in the system of an unknown kind
    Sys,
    /// `AUTH`: the credentials are the trouble (RFC 3206 section 5)
    Auth,
    /// `UTF8`: the message needs UTF-8 mode (RFC 6856 section 5)
    Utf8,
    /// Any other
    Other(OtherCode<'a>),
}

/// When the same request may succeed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Retry {
    /// At once, with something changed: other credentials for `AUTH`, a new session with UTF8 for `UTF8`.
    Now,
    /// After a while, as it is.
    Later,
    /// Not before somebody has mended the server.
    Never,
}

/// Those that the crate knows, as they nearly always come: without further levels.
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
    /// A response code, without its brackets.
    ///
    /// # Errors
    /// [`InvalidValue`] where it is not levels of printable ASCII, one octet or more each, joined by `/`.
    pub fn new(octets: &'a [u8]) -> Result<Self, InvalidValue> {
        // As they nearly always come.
        match octets {
            b"AUTH" => return Ok(Self::Auth),
            b"IN-USE" => return Ok(Self::InUse),
            b"SYS/TEMP" => return Ok(Self::SysTemp),
            b"SYS/PERM" => return Ok(Self::SysPerm),
            b"UTF8" => return Ok(Self::Utf8),
            b"LOGIN-DELAY" => return Ok(Self::LoginDelay),
            _ => {}
        }
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

    /// The word on the wire, without its brackets.
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

    /// When the same request may succeed, as far as the code tells.
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

    /// Its levels, the most general first.
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
