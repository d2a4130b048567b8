use super::{CR, DOT, LF, scan};
use crate::LineEnding;

/// A part of a body that is received.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Piece<'i> {
    /// Octets of the message, never none: a slice of what was received.
    Data(&'i [u8]),
    /// The end mark, which is no part of the message.
    End,
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
    #[inline]
    pub fn next<'i>(&mut self, input: &mut &'i [u8]) -> Option<Piece<'i>> {
        if self.is_ended() || input.is_empty() {
            return None;
        }
        // A plain slice comes back in registers; the piece, which the compiler can take apart here, would
        // not.
        match self.slice(input) {
            [] => self.is_ended().then_some(Piece::End),
            data => Some(Piece::Data(data)),
        }
    }

    /// Whether the end mark was seen.
    #[must_use]
    pub const fn is_ended(&self) -> bool {
        matches!(self.state, State::End)
    }

    /// The next data; none where the end mark comes first or `input` holds none.
    fn slice<'i>(&mut self, input: &mut &'i [u8]) -> &'i [u8] {
        if self.state == State::LineStart {
            if let Some(behind) = input.strip_prefix(b".") {
                self.state = State::Dot;
                *input = behind;
            }
        }
        let (state, behind, data): (_, &[u8], &[u8]) = match (self.state, *input) {
            (State::Dot, []) => return &[],
            (State::Dot, [CR]) => (State::DotCr, &[], &[]),
            (State::Dot, [CR, LF, behind @ ..]) | (State::DotCr, [LF, behind @ ..]) => {
                (State::End, behind, &[])
            }
            (State::Dot, [LF, behind @ ..]) if self.ending == LineEnding::Lf => (State::End, behind, &[]),
            (State::DotCr, behind) => (State::Cr, behind, b"\r"),
            _ => return self.data(input),
        };
        self.state = state;
        *input = behind;
        data
    }

    /// Data up to where the next dot is to be dropped, which goes with it; or all of `input`, which is not
    /// empty.
    fn data<'i>(&mut self, input: &mut &'i [u8]) -> &'i [u8] {
        let bytes = *input;
        let (data, behind) = bytes.split_at_checked(self.dotted_line(bytes)).unwrap_or((bytes, &[]));
        match behind.split_first() {
            Some((_dot, behind)) => {
                *input = behind;
                self.state = State::Dot;
            }
            None => {
                *input = &[];
                self.state = self.behind(data);
            }
        }
        data
    }

    /// Where in `bytes`, behind the first octet, the first line begins that has a dot; their length where
    /// there is none.
    fn dotted_line(&self, bytes: &[u8]) -> usize {
        if let [LF, DOT, ..] = bytes {
            if self.ends_line(&[]) {
                return 1;
            }
        }
        let mut start = 0_usize;
        while let Some(offset) = scan::dotted_line(bytes.get(start..).unwrap_or_default()) {
            let line_feed = start.wrapping_add(offset);
            if self.ends_line(bytes.get(..line_feed).unwrap_or_default()) {
                return line_feed.wrapping_add(1);
            }
            start = line_feed;
        }
        bytes.len()
    }

    /// Whether an LF ends a line when it comes behind `before`, which comes behind the octets so far.
    fn ends_line(&self, before: &[u8]) -> bool {
        match (self.ending, before.last()) {
            (LineEnding::Lf, _) => true,
            (LineEnding::Crlf, Some(octet)) => *octet == CR,
            (LineEnding::Crlf, None) => self.state == State::Cr,
        }
    }

    /// The state behind `data`.
    fn behind(&self, data: &[u8]) -> State {
        match data.split_last() {
            Some((&LF, before)) if self.ends_line(before) => State::LineStart,
            Some((&CR, _)) => State::Cr,
            _ => State::Text,
        }
    }
}
