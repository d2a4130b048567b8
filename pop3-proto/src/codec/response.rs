//! Status lines: the first line of each response, and the challenges of AUTH (RFC 1939 section 3, RFC 2449 section 3,
//! RFC 5034 section 4).

use super::grammar::{Notes, note};
use super::response_code::Code;
use super::{Decoded, ResponseCode, Verb};
use crate::limits::Limits;
use crate::quirks::{Quirk, Quirks};
use crate::sink::{BufferFull, Sink};
use crate::types::{InvalidValue, Text};
use core::fmt;

/// The first line of a response.
///
/// The line does not tell whether more lines follow. That depends on the command ([`Verb::is_multi_line`]), so you pass
/// its verb, or `None` for the greeting.
///
/// ```
/// use pop3_proto::{Response, ResponseCode, Verb};
///
/// let Ok(Response::Err(status)) = Response::parse(b"-ERR [IN-USE] maildrop locked", Some(Verb::Pass)) else { panic!() };
/// assert_eq!(status.code(), Some(ResponseCode::InUse));
/// assert_eq!(status.text().as_bytes(), b"maildrop locked");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Response<'a> {
    /// `+OK`: the server accepted the command.
    #[doc(alias = "+OK")]
    Ok(StatusText<'a>),
    /// `-ERR`: the server refused the command.
    #[doc(alias = "-ERR")]
    Err(StatusText<'a>),
    /// `+`: a challenge inside AUTH, which should be base64.
    Continue(Text<'a>),
}

/// The response code and the text after `+OK` or `-ERR`. Either may be missing.
///
/// It borrows the input and contains text of a peer, so it is not an error type. Use its `Display` to make an error if the
/// server's text may be shown to your users. Keep the code if your caller depends on it.
///
/// ```
/// use pop3_proto::{ResponseCode, Retry, StatusText, Text};
///
/// fn refused(status: StatusText<'_>) -> Box<dyn std::error::Error> {
///     status.to_string().into()
/// }
///
/// let status = StatusText::new(Some(ResponseCode::InUse), Text::from_static("locked")).unwrap();
/// assert_eq!(refused(status).to_string(), "[IN-USE] locked");
/// assert_eq!(status.code().and_then(|code| code.retry()), Some(Retry::Later));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct StatusText<'a> {
    code: Code<'a>,
    text: Text<'a>,
}

/// The line is not a status line. The stream is out of step, or the peer speaks another protocol.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ResponseError;

impl fmt::Display for ResponseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected +OK or -ERR")
    }
}

impl core::error::Error for ResponseError {}

impl<'a> Response<'a> {
    /// Parses one line without its line end, as the response to `verb`. It accepts harmless deviations.
    ///
    /// # Errors
    /// Returns [`ResponseError`] if the line begins with neither `+OK` nor `-ERR`. In response to AUTH, `+` is also valid.
    pub fn parse(line: &'a [u8], verb: Option<Verb>) -> Result<Self, ResponseError> {
        Self::read(line, verb, &mut Quirks::default())
    }

    /// Decodes the first line of `input` as the response to `verb`.
    // Inlined, so that a value that is kept is written once, in its place. To move it would wait until all its parts are written.
    #[inline(always)]
    pub fn decode(input: &'a [u8], verb: Option<Verb>, limits: &Limits) -> Decoded<Self, ResponseError> {
        let limit = if verb == Some(Verb::Auth) { limits.sasl_line } else { limits.status_line };
        if let Some((value, consumed)) = Self::plain(input) {
            if consumed <= usize::from(limit) {
                return Decoded::Complete { consumed, value };
            }
        }
        // `general` does not return it, so the value that is read above does not pass through the same memory.
        let mut decoded = Decoded::Incomplete;
        Self::general(input, verb, limit, &mut decoded);
        decoded
    }

    #[inline(never)]
    fn general(input: &'a [u8], verb: Option<Verb>, limit: u16, decoded: &mut Decoded<Self, ResponseError>) {
        *decoded = super::decode(input, limit, |line| Self::parse(line, verb));
    }

    /// Writes the whole line, or nothing.
    ///
    /// # Errors
    /// Returns [`BufferFull`] if the line does not fit.
    pub fn encode(&self, out: &mut dyn Sink) -> Result<(), BufferFull> {
        match self {
            Response::Ok(status) => status.encode(b"+OK", out),
            Response::Err(status) => status.encode(b"-ERR", out),
            Response::Continue(challenge) => out.put(&[b"+ ", challenge.as_bytes(), b"\r\n"]),
        }
    }

    /// Reads the line at the front of `input` if it has the usual form, without any deviation, and returns its length with the
    /// line end. It finds the end and checks the text in one pass.
    #[inline(always)]
    pub(crate) fn plain(input: &'a [u8]) -> Option<(Self, usize)> {
        let (ok, rest) = match input {
            [b'+', b'O', b'K', rest @ ..] => (true, rest),
            [b'-', b'E', b'R', b'R', rest @ ..] => (false, rest),
            _ => return None,
        };
        let (status, rest) = match rest {
            [b'\r', b'\n', rest @ ..] => (StatusText::default(), rest),
            [b' ', rest @ ..] => match Text::front(rest)? {
                (text, [b'\r', b'\n', rest @ ..]) => (StatusText::split(text), rest),
                _ => return None,
            },
            _ => return None,
        };
        let consumed = input.len().wrapping_sub(rest.len());
        Some((if ok { Response::Ok(status) } else { Response::Err(status) }, consumed))
    }

    /// Reads a line and records tolerated deviations.
    pub(crate) fn read(
        line: &'a [u8],
        verb: Option<Verb>,
        quirks: &mut Quirks,
    ) -> Result<Self, ResponseError> {
        read(line, verb, Notes::from_mut(quirks))
    }
}

fn read<'a>(line: &'a [u8], verb: Option<Verb>, notes: &Notes) -> Result<Response<'a>, ResponseError> {
    let (ok, rest) = if let Some(rest) = indicator(line, b"+OK", notes) {
        (true, rest)
    } else if let Some(rest) = indicator(line, b"-ERR", notes) {
        (false, rest)
    } else {
        return challenge(line, verb, notes);
    };
    let status = status(rest, verb, notes)?;
    Ok(if ok { Response::Ok(status) } else { Response::Err(status) })
}

fn challenge<'a>(line: &'a [u8], verb: Option<Verb>, notes: &Notes) -> Result<Response<'a>, ResponseError> {
    match line {
        [b'+', b' ', challenge @ ..] if verb == Some(Verb::Auth) => {
            Ok(Response::Continue(text(challenge, notes)))
        }
        b"+" if verb == Some(Verb::Auth) => {
            note(notes, Quirk::ChallengeSpacing);
            Ok(Response::Continue(Text::EMPTY))
        }
        _ => Err(ResponseError),
    }
}

/// Returns the rest of the line after this status indicator, or `None` if the line begins with another word.
#[inline]
fn indicator<'a>(line: &'a [u8], word: &[u8], notes: &Notes) -> Option<&'a [u8]> {
    line.strip_prefix(word).or_else(|| {
        let (start, rest) = line.split_at_checked(word.len())?;
        start.eq_ignore_ascii_case(word).then(|| {
            note(notes, Quirk::StatusCase);
            rest
        })
    })
}

/// Reads the text after the status indicator. The space before it must not be missing, except before the code in a
/// greeting, because the RFC's grammar leaves it out there.
#[inline]
fn status<'a>(rest: &'a [u8], verb: Option<Verb>, notes: &Notes) -> Result<StatusText<'a>, ResponseError> {
    match rest {
        [] => Ok(StatusText::default()),
        [b' ', octets @ ..] => Ok(StatusText::split(text(octets, notes))),
        [b'[', ..] if verb.is_none() => {
            note(notes, Quirk::GreetingSpacing);
            Ok(StatusText::split(text(rest, notes)))
        }
        _ => Err(ResponseError),
    }
}

fn text<'a>(octets: &'a [u8], notes: &Notes) -> Text<'a> {
    let (text, clipped) = Text::clipped(octets);
    if clipped {
        note(notes, Quirk::ControlInText);
    }
    text
}

impl fmt::Debug for StatusText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StatusText").field("code", &self.code()).field("text", &self.text).finish()
    }
}

/// Prints the code and the text as they were sent, and escapes bytes that could move a terminal's cursor.
impl fmt::Display for StatusText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code() {
            Some(code) if self.text.is_empty() => write!(f, "[{code}]"),
            Some(code) => write!(f, "[{code}] {}", self.text),
            None => self.text.fmt(f),
        }
    }
}

impl<'a> StatusText<'a> {
    /// Joins a code and a text.
    ///
    /// # Errors
    /// Returns [`InvalidValue::Syntax`] if there is no code and the text begins with `[`, because it would be read as a code
    /// (RFC 2449 section 6.4).
    pub fn new(code: Option<ResponseCode<'a>>, text: Text<'a>) -> Result<Self, InvalidValue> {
        match text.as_bytes() {
            [b'[', ..] if code.is_none() => Err(InvalidValue::Syntax),
            _ => Ok(StatusText { code: Code::new(code), text }),
        }
    }

    /// Returns the response code.
    #[must_use]
    pub const fn code(&self) -> Option<ResponseCode<'a>> {
        self.code.get()
    }

    /// Returns the text after the code. It is for people; programs must not depend on it.
    #[must_use]
    pub const fn text(&self) -> Text<'a> {
        self.text
    }

    /// Splits off a response code at the start of the text. A bracket at any other place is text.
    #[inline(always)]
    fn split(text: Text<'a>) -> Self {
        let none = StatusText { code: Code::default(), text };
        let [b'[', inner @ ..] = text.as_bytes() else { return none };
        match Code::usual(inner).or_else(|| any_code(inner)) {
            Some((code, rest)) => StatusText { code, text: text.after_code(rest) },
            None => none,
        }
    }

    fn encode(&self, indicator: &[u8], out: &mut dyn Sink) -> Result<(), BufferFull> {
        let space: &[u8] = if self.text.is_empty() { b"" } else { b" " };
        match self.code() {
            Some(code) => {
                out.put(&[indicator, b" [", code.as_bytes(), b"]", space, self.text.as_bytes(), b"\r\n"])
            }
            None => out.put(&[indicator, space, self.text.as_bytes(), b"\r\n"]),
        }
    }
}

/// Splits any code and its closing bracket.
#[inline(never)]
fn any_code(inner: &[u8]) -> Option<(Code<'_>, &[u8])> {
    let (code, rest) = inner.split_at_checked(inner.iter().position(|octet| *octet == b']')?)?;
    Some((Code::new(Some(ResponseCode::new(code).ok()?)), rest.get(1..)?))
}
