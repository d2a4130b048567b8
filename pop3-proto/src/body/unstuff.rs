use super::{CR, DOT, LF, scan};
use crate::LineEnding;
use crate::types::Shown;
use core::fmt;

/// A part of a received body.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Piece<'i> {
    /// Bytes of the message: a slice of the input, which is never empty.
    Data(&'i [u8]),
    /// The terminator, which is not part of the message.
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

/// The receiver of byte-stuffing (RFC 1939 section 3). It removes the added dots and finds the terminator.
///
/// Pass it the bytes after the status line. It needs no buffer and copies no bytes: it consumes its input up to the
/// terminator, and returns slices of it.
///
/// ```
/// use pop3_proto::{LineEnding, Piece, Unstuff};
///
/// let mut unstuff = Unstuff::new(LineEnding::Crlf);
/// let mut input: &[u8] = b"Subject: dots\r\n\r\n..\r\n.\r\n+OK\r\n";
/// assert_eq!(unstuff.next(&mut input), Some(Piece::Data(b"Subject: dots\r\n\r\n")));
/// assert_eq!(unstuff.next(&mut input), Some(Piece::Data(b".\r\n")));
/// assert_eq!(unstuff.next(&mut input), Some(Piece::End));
/// assert_eq!(input, b"+OK\r\n"); // the next response stays unread
/// ```
#[doc(alias = "dot-stuffing")]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unstuff {
    ending: LineEnding,
    state: State,
}

/// The position of the next byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// At the start of a line.
    LineStart,
    /// After a dot at the start of a line. The dot is dropped.
    Dot,
    /// After such a dot and a CR. The CR is not delivered yet.
    DotCr,
    /// After a CR that was delivered.
    Cr,
    /// At any other place in the message.
    Text,
    /// After the terminator.
    End,
}

impl Unstuff {
    /// Makes a decoder for one body, whose first byte begins a line.
    ///
    /// [`Crlf`](LineEnding::Crlf) is the standard form: a bare LF is data, and so is a dot after it.
    /// [`Lf`](LineEnding::Lf) is for a server whose status lines also end in a bare LF. A CR before the LF is then data,
    /// except in the terminator. A reader that accepted both forms in one body could be made to see a terminator that the
    /// server never sent.
    #[must_use]
    pub const fn new(ending: LineEnding) -> Self {
        Unstuff { ending, state: State::LineStart }
    }

    /// Returns the next piece of the body, and consumes it from the front of `input`.
    ///
    /// `None` means that `input` is consumed. Call this again with the next bytes. After [`Piece::End`], it consumes no more
    /// bytes and always returns `None`.
    ///
    /// How the data is split into pieces depends on the reads, but the bytes of all pieces together do not. Each byte is
    /// examined a bounded number of times.
    // If every line is dotted, a piece is a line, and passing it on would take most of the time. State and piece stay in
    // registers as long as this is inlined and the called functions take and return values.
    #[inline(always)]
    pub fn next<'i>(&mut self, input: &mut &'i [u8]) -> Option<Piece<'i>> {
        if let Some((data, rest)) = self.after_dot(input) {
            *input = rest;
            return Some(Piece::Data(data));
        }
        let (state, piece, rest) = self.seam(input);
        (self.state, *input) = (state, rest);
        piece
    }

    /// Returns the next data and the rest of the input. Returns `None`, and changes nothing, before what may be the terminator and
    /// if there is no data.
    #[inline(always)]
    pub(crate) fn plain<'i>(&mut self, input: &'i [u8]) -> Option<(&'i [u8], &'i [u8])> {
        if let Some(found) = self.after_dot(input) {
            return Some(found);
        }
        match (self.state, input) {
            // The general step reads it, so it is not searched twice.
            (State::Dot, [CR, ..]) => None,
            _ => match self.seam(input) {
                (state, Some(Piece::Data(data)), rest) => {
                    self.state = state;
                    Some((data, rest))
                }
                _ => None,
            },
        }
    }

    /// Reads the rest of a line whose dot was dropped, or more, which does not begin like the terminator. If every line is dotted,
    /// this reads all of them.
    #[inline(always)]
    fn after_dot<'i>(&mut self, input: &'i [u8]) -> Option<(&'i [u8], &'i [u8])> {
        match (self.state, self.ending, input.first()) {
            (State::Dot, LineEnding::Crlf, Some(octet)) if *octet != CR => {}
            _ => return None,
        }
        // The state stays the same.
        if let Some(line) = scan::short_line(input) {
            return Some(line);
        }
        let (state, data, rest) = self.data(input, scan::dotted_line(input, self.ending));
        self.state = state;
        Some((data, rest))
    }

    /// Does the same, but is not inlined, for input with few bytes or lines.
    pub(crate) fn next_piece<'i>(&mut self, input: &mut &'i [u8]) -> Option<Piece<'i>> {
        let (state, piece, rest) = self.seam(input);
        (self.state, *input) = (state, rest);
        piece
    }

    /// Returns whether the terminator was reached.
    #[must_use]
    pub const fn is_ended(&self) -> bool {
        matches!(self.state, State::End)
    }

    /// Returns the next piece from any state, the state after it, and the rest.
    #[inline(never)]
    fn seam(self, bytes: &[u8]) -> (State, Option<Piece<'_>>, &[u8]) {
        let (state, bytes) = match (self.state, bytes) {
            (State::LineStart, [DOT, tail @ ..]) => (State::Dot, tail),
            (state, _) => (state, bytes),
        };
        match (state, bytes) {
            (State::End, _) | (_, []) => (state, None, bytes),
            (State::Dot, [CR]) => (State::DotCr, None, &[]),
            (State::Dot, [CR, LF, tail @ ..]) | (State::DotCr, [LF, tail @ ..]) => {
                (State::End, Some(Piece::End), tail)
            }
            (State::Dot, [LF, tail @ ..]) if self.ending == LineEnding::Lf => {
                (State::End, Some(Piece::End), tail)
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

    /// Returns the data before `dot`, which is dropped, or all of `bytes`, which must not be empty. Also returns the state
    /// after the data, and the rest.
    #[inline(always)]
    fn data(self, bytes: &[u8], dot: Option<usize>) -> (State, &[u8], &[u8]) {
        match dot.and_then(|at| bytes.split_at_checked(at)) {
            Some((data, [_dot, rest @ ..])) => (State::Dot, data, rest),
            _ => (self.state_after(bytes), bytes, &[]),
        }
    }

    /// Returns whether an LF ends a line if it follows `before`, which follows the earlier bytes.
    fn ends_line(self, before: &[u8]) -> bool {
        match (self.ending, before.last()) {
            (LineEnding::Lf, _) => true,
            (LineEnding::Crlf, Some(octet)) => *octet == CR,
            (LineEnding::Crlf, None) => self.state == State::Cr,
        }
    }

    /// Returns the state after `data`.
    #[inline(never)]
    fn state_after(self, data: &[u8]) -> State {
        match data.split_last() {
            Some((&LF, before)) if self.ends_line(before) => State::LineStart,
            Some((&CR, _)) => State::Cr,
            _ => State::Text,
        }
    }
}
