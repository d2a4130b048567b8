//! Status lines: the first line of each answer, and the challenges of AUTH (RFC 1939 section 3, RFC 2449
//! section 3, RFC 5034 section 4).

use super::grammar::{Notes, note};
use super::{Decoded, ResponseCode, Verb};
use crate::limits::Limits;
use crate::quirks::{Quirk, Quirks};
use crate::sink::{BufferFull, Sink};
use crate::types::{InvalidValue, Text};
use core::fmt;

/// The first line of an answer.
///
/// The wire never says whether more lines follow: that is fixed by the command that was sent
/// ([`Verb::is_multi_line`]), so the reader is told which it was; `None` is the greeting.
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
    /// `+OK`
    #[doc(alias = "+OK")]
    Ok(StatusText<'a>),
    /// `-ERR`
    #[doc(alias = "-ERR")]
    Err(StatusText<'a>),
    /// `+`, inside AUTH only: a challenge, which should be base64
    Continue(Text<'a>),
}

/// What stands behind `+OK` or `-ERR`: a response code and a text, either of which may be missing.
///
/// It borrows the input, and holds what a peer said, so it is no error by itself. Its `Display` makes one, if what the
/// server says may be seen where yours goes; take the code out before where your caller goes by it.
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
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct StatusText<'a> {
    code: Option<ResponseCode<'a>>,
    text: Text<'a>,
}

/// A line that is no status line: the stream is out of step, or the peer speaks another protocol.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ResponseError;

impl fmt::Display for ResponseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("neither +OK nor -ERR")
    }
}

impl core::error::Error for ResponseError {}

impl<'a> Response<'a> {
    /// Reads one framed line, without its line end, as the answer to `verb`. Harmless deviations are taken as
    /// they are meant.
    ///
    /// # Errors
    /// [`ResponseError`] where it is neither `+OK` nor `-ERR`, nor, in answer to AUTH, `+`.
    pub fn parse(line: &'a [u8], verb: Option<Verb>) -> Result<Self, ResponseError> {
        Self::read(line, verb, &mut Quirks::default())
    }

    /// Reads the first line of `input` as the answer to `verb`.
    #[inline]
    pub fn decode(input: &'a [u8], verb: Option<Verb>, limits: &Limits) -> Decoded<Self, ResponseError> {
        let limit = if verb == Some(Verb::Auth) { limits.sasl_line } else { limits.status_line };
        if let Some((value, consumed)) = Self::plain(input) {
            if consumed <= usize::from(limit) {
                return Decoded::Complete { consumed, value };
            }
        }
        // Not returned by `general`, so that what is read above does not go through the same memory.
        let mut decoded = Decoded::Incomplete;
        Self::general(input, verb, limit, &mut decoded);
        decoded
    }

    #[inline(never)]
    fn general(input: &'a [u8], verb: Option<Verb>, limit: u16, decoded: &mut Decoded<Self, ResponseError>) {
        *decoded = super::decode(input, limit, |line| Self::parse(line, verb));
    }

    /// Writes the line, or nothing where it does not fit.
    ///
    /// # Errors
    /// [`BufferFull`]
    pub fn encode(&self, out: &mut dyn Sink) -> Result<(), BufferFull> {
        match self {
            Response::Ok(status) => status.encode(b"+OK", out),
            Response::Err(status) => status.encode(b"-ERR", out),
            Response::Continue(challenge) => out.put(&[b"+ ", challenge.as_bytes(), b"\r\n"]),
        }
    }

    /// The line at the front of `input`, where it is as nearly all are and nothing about it is to be noted, and how many
    /// octets it has with its line end: the end is found and the text checked in one pass.
    #[inline]
    pub(crate) fn plain(input: &'a [u8]) -> Option<(Self, usize)> {
        let (ok, rest) = match input {
            [b'+', b'O', b'K', rest @ ..] => (true, rest),
            [b'-', b'E', b'R', b'R', rest @ ..] => (false, rest),
            _ => return None,
        };
        let (status, rest) = match rest {
            [b'\r', b'\n', rest @ ..] => (StatusText::default(), rest),
            [b' ', rest @ ..] => match Text::front(rest) {
                (text, [b'\r', b'\n', rest @ ..]) => (StatusText::split(text), rest),
                _ => return None,
            },
            _ => return None,
        };
        let consumed = input.len().wrapping_sub(rest.len());
        Some((if ok { Response::Ok(status) } else { Response::Err(status) }, consumed))
    }

    /// Reads a line and records what was tolerated.
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

/// What stands behind the status indicator, if the line begins with this one.
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

/// A missing delimiter is never guessed, but for the code in a greeting, where the RFC's own grammar leaves
/// it out.
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

/// As it stands on the wire, with what could move a terminal's cursor escaped.
impl fmt::Display for StatusText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            Some(code) if self.text.is_empty() => write!(f, "[{code}]"),
            Some(code) => write!(f, "[{code}] {}", self.text),
            None => self.text.fmt(f),
        }
    }
}

impl<'a> StatusText<'a> {
    /// A code and a text.
    ///
    /// # Errors
    /// [`InvalidValue::Syntax`] where there is no code and the text begins with a bracket as one does (RFC 2449
    /// section 6.4).
    pub fn new(code: Option<ResponseCode<'a>>, text: Text<'a>) -> Result<Self, InvalidValue> {
        match text.as_bytes() {
            [b'[', ..] if code.is_none() => Err(InvalidValue::Syntax),
            _ => Ok(StatusText { code, text }),
        }
    }

    /// The response code.
    #[must_use]
    pub const fn code(&self) -> Option<ResponseCode<'a>> {
        self.code
    }

    /// The text behind the code: words for a person, never to be acted on.
    #[must_use]
    pub const fn text(&self) -> Text<'a> {
        self.text
    }

    /// Splits a text that begins with a response code; a bracket anywhere else is text.
    #[inline]
    fn split(text: Text<'a>) -> Self {
        match text.as_bytes() {
            [b'[', inner @ ..] => Self::coded(text, inner).unwrap_or(StatusText { code: None, text }),
            _ => StatusText { code: None, text },
        }
    }

    /// A code, its closing bracket and a text.
    fn coded(text: Text<'a>, inner: &'a [u8]) -> Option<Self> {
        let (code, rest) = inner.split_at_checked(inner.iter().position(|octet| *octet == b']')?)?;
        let code = Some(ResponseCode::new(code).ok()?);
        let space = usize::from(rest.get(1) == Some(&b' '));
        Some(StatusText {
            code,
            text: text
                .behind(text.as_bytes().len().wrapping_sub(rest.len()).wrapping_add(1).wrapping_add(space)),
        })
    }

    fn encode(&self, indicator: &[u8], out: &mut dyn Sink) -> Result<(), BufferFull> {
        let space: &[u8] = if self.text.is_empty() { b"" } else { b" " };
        match &self.code {
            Some(code) => {
                out.put(&[indicator, b" [", code.as_bytes(), b"]", space, self.text.as_bytes(), b"\r\n"])
            }
            None => out.put(&[indicator, space, self.text.as_bytes(), b"\r\n"]),
        }
    }
}
