use super::{CR, DOT, LF, scan};
use crate::LineEnding;
use crate::types::Shown;
use core::fmt;

/// A part of a body that is received.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Piece<'i> {
    /// Octets of the message, never none: a slice of what was received.
    Data(&'i [u8]),
    /// The end mark, which is no part of the message.
    End,
}

/// Shows the bytes as text.
impl fmt::Debug for Piece<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Piece::Data(data) => f.debug_tuple("Data").field(&Shown(data)).finish(),
            Piece::End => f.write_str("End"),
        }
    }
}

/// The receiving end of byte-stuffing (RFC 1939 section 3): takes the dots off and finds the end mark.
///
/// Hand it what follows the status line. It needs no buffer and copies nothing: it consumes every octet that
/// it is given, up to the end mark, and yields slices of them.
///
/// ```
/// use pop3_proto::{LineEnding, Piece, Unstuff};
///
/// let mut unstuff = Unstuff::new(LineEnding::Crlf);
/// let mut input: &[u8] = b"Subject: dots\r\n\r\n..\r\n.\r\n+OK\r\n";
/// assert_eq!(unstuff.next(&mut input), Some(Piece::Data(b"Subject: dots\r\n\r\n")));
/// assert_eq!(unstuff.next(&mut input), Some(Piece::Data(b".\r\n")));
/// assert_eq!(unstuff.next(&mut input), Some(Piece::End));
/// assert_eq!(input, b"+OK\r\n"); // the next answer is left alone
/// ```
#[doc(alias = "dot-stuffing")]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unstuff {
    ending: LineEnding,
    state: State,
}

/// What the octets so far say about the next one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// It is the first of a line.
    LineStart,
    /// It follows the dot that began a line and that is dropped.
    Dot,
    /// It follows such a dot and a CR; the CR is not delivered yet.
    DotCr,
    /// It follows a CR that was delivered.
    Cr,
    /// None of these.
    Text,
    /// It follows the end mark.
    End,
}

impl Unstuff {
    /// A decoder for one body, whose first octet begins a line.
    ///
    /// [`Crlf`](LineEnding::Crlf) is the protocol: a bare LF is data, and so is a dot behind it.
    /// [`Lf`](LineEnding::Lf) is for a server whose status lines end in a bare LF too; a CR before it is
    /// data, save in the end mark. To accept both in one body is how a message makes its reader see an end
    /// mark that the server never sent.
    #[must_use]
    pub const fn new(ending: LineEnding) -> Self {
        Unstuff { ending, state: State::LineStart }
    }

    /// The next piece of the body, taken off the front of `input`.
    ///
    /// `None` says that `input` was consumed; call again with what is received next. After [`Piece::End`]
    /// nothing is consumed any more and the answer is always `None`.
    ///
    /// How data is cut into pieces depends on how it was received; the octets of all pieces together do not.
    /// Each octet is looked at a bounded number of times.
    // Where every line is dotted a piece is a line, and most of its time would go into handing it over: state
    // and piece stay in registers as long as this is inlined and what it calls takes and gives values.
    #[inline(always)]
    pub fn next<'i>(&mut self, input: &mut &'i [u8]) -> Option<Piece<'i>> {
        let bytes = *input;
        let (state, data, rest) = match (self.state, self.ending, *bytes.first()?) {
            (State::Dot, LineEnding::Crlf, octet) if octet != CR => match scan::short_line(bytes) {
                Some((line, rest)) => (State::Dot, line, rest),
                None => self.data(bytes, scan::dotted_line(bytes, self.ending)),
            },
            _ => {
                let (state, piece, rest) = self.seam(bytes);
                self.state = state;
                *input = rest;
                return piece;
            }
        };
        self.state = state;
        *input = rest;
        Some(Piece::Data(data))
    }

    /// The same, out of line: for where there are few bytes, and not many lines.
    pub(crate) fn next_piece<'i>(&mut self, input: &mut &'i [u8]) -> Option<Piece<'i>> {
        let (state, piece, rest) = self.seam(input);
        (self.state, *input) = (state, rest);
        piece
    }

    /// Whether the end mark was seen.
    #[must_use]
    pub const fn is_ended(&self) -> bool {
        matches!(self.state, State::End)
    }

    /// Returns whether these bytes, which come next, begin with what is most likely the end mark.
    #[inline(always)]
    pub(crate) const fn begins_end_mark(self, bytes: &[u8]) -> bool {
        matches!((self.state, bytes), (State::Dot, [CR, ..]))
    }

    /// The next piece, whatever came before it; the state behind it, and what is left.
    #[inline(never)]
    fn seam(self, bytes: &[u8]) -> (State, Option<Piece<'_>>, &[u8]) {
        let (state, bytes) = match (self.state, bytes) {
            (State::LineStart, [DOT, behind @ ..]) => (State::Dot, behind),
            (state, _) => (state, bytes),
        };
        match (state, bytes) {
            (State::End, _) | (_, []) => (state, None, bytes),
            (State::Dot, [CR]) => (State::DotCr, None, &[]),
            (State::Dot, [CR, LF, behind @ ..]) | (State::DotCr, [LF, behind @ ..]) => {
                (State::End, Some(Piece::End), behind)
            }
            (State::Dot, [LF, behind @ ..]) if self.ending == LineEnding::Lf => {
                (State::End, Some(Piece::End), behind)
            }
            (State::DotCr, _) => (State::Cr, Some(Piece::Data(b"\r")), bytes),
            _ => {
                let dot = match bytes {
                    [LF, DOT, ..] if self.ends_line(&[]) => Some(1),
                    _ => scan::first_dotted_line(bytes, self.ending),
                };
                let (state, data, rest) = self.data(bytes, dot);
                (state, Some(Piece::Data(data)), rest)
            }
        }
    }

    /// Returns data up to `dot`, which is dropped; or all of `bytes`, which are not empty. Also the state after it, and
    /// what is left.
    #[inline(always)]
    fn data(self, bytes: &[u8], dot: Option<usize>) -> (State, &[u8], &[u8]) {
        match dot.and_then(|at| bytes.split_at_checked(at)) {
            Some((data, [_dot, rest @ ..])) => (State::Dot, data, rest),
            _ => (self.behind(bytes), bytes, &[]),
        }
    }

    /// Whether an LF ends a line when it comes behind `before`, which comes behind the octets so far.
    fn ends_line(self, before: &[u8]) -> bool {
        match (self.ending, before.last()) {
            (LineEnding::Lf, _) => true,
            (LineEnding::Crlf, Some(octet)) => *octet == CR,
            (LineEnding::Crlf, None) => self.state == State::Cr,
        }
    }

    /// The state behind `data`.
    #[inline(never)]
    fn behind(self, data: &[u8]) -> State {
        match data.split_last() {
            Some((&LF, before)) if self.ends_line(before) => State::LineStart,
            Some((&CR, _)) => State::Cr,
            _ => State::Text,
        }
    }
}
