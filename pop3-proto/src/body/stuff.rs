use super::{CR, DOT, LF, scan};
use crate::Sink;
use core::fmt;

/// What [`Stuff`] does about a bare LF: one without a CR before it.
///
/// It never sends one, since some clients take it for the end of a line, and then a dot behind it for a
/// stuffed one or for the end mark.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum StuffMode {
    /// A bare LF is sent as CRLF: for stores whose lines end in LF, as Maildir's do. Lines that end in CRLF
    /// are left as they are.
    Convert,
    /// A bare LF is refused: for messages that are known to hold CRLF only and are to be sent as they are.
    Verbatim,
}

/// A message that was to be sent verbatim has a bare LF, which is not sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BareLf;

impl fmt::Display for BareLf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the message has an LF without a CR before it")
    }
}

impl core::error::Error for BareLf {}

/// The sending end of byte-stuffing (RFC 1939 section 3): doubles the dots that begin lines and ends the
/// body.
///
/// The message comes in chunks of any size. [`next`](Self::next) lends slices of them, for vectored writes;
/// [`copy`](Self::copy) copies them to a [`Sink`]. Both may be used on one message.
///
/// ```
/// use pop3_proto::{Stuff, StuffMode};
///
/// let mut stuff = Stuff::new(StuffMode::Convert);
/// let mut message: &[u8] = b"Subject: dots\n\n.\n";
/// let mut wire = Vec::new();
/// while let Some(slice) = stuff.next(&mut message)? {
///     wire.extend_from_slice(slice);
/// }
/// wire.extend_from_slice(stuff.finish());
/// assert_eq!(wire, b"Subject: dots\r\n\r\n..\r\n.\r\n");
/// assert_eq!(stuff.octets(), 20); // what LIST says
/// # Ok::<(), pop3_proto::BareLf>(())
/// ```
#[doc(alias = "dot-stuffing")]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stuff {
    octets: u64,
    mode: StuffMode,
    state: State,
}

/// What the octets so far say about the next one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// It is the first of a line.
    LineStart,
    /// It follows a CR.
    Cr,
    /// None of these; or it is the first of a line and its dot was sent once.
    Text,
    /// There is none, and a line end was added.
    Finished,
}

impl Stuff {
    /// An encoder for one message.
    #[must_use]
    pub const fn new(mode: StuffMode) -> Self {
        Stuff { octets: 0, mode, state: State::LineStart }
    }

    /// The next slice to send: of `input`, which advances, or a static one. `Ok(None)` says that `input` is
    /// empty.
    ///
    /// To double a dot, one slice ends with it and the next begins with it, so that `input` is to be handed
    /// in again as it was left.
    ///
    /// # Errors
    /// [`BareLf`] where one comes next and the mode is [`Verbatim`](StuffMode::Verbatim). Nothing has changed
    /// then: what comes before it was lent, and the next call says so again.
    // Inlined, so that state and slice stay in registers: where every line is changed a slice is a line or
    // less.
    #[inline(always)]
    pub fn next<'c>(&mut self, input: &mut &'c [u8]) -> Result<Option<&'c [u8]>, BareLf> {
        let bytes = *input;
        let (taken, lent, state) = match (self.state, bytes) {
            (_, []) => return Ok(None),
            (State::LineStart | State::Finished, [DOT, ..]) => (0, 1, State::Text),
            (State::LineStart | State::Finished | State::Text, [LF, behind @ ..]) => {
                return self.line_end(input, behind).map(Some);
            }
            (State::Cr, [LF, DOT, ..]) => (1, 2, State::Text),
            _ => match scan::line_to_change(bytes) {
                None => (bytes.len(), bytes.len(), after(bytes)),
                // To double the dot behind this line end.
                Some(at) if has_cr(bytes, at) => (at.saturating_add(1), at.saturating_add(2), State::Text),
                Some(at) => (at, at, State::Text),
            },
        };
        self.state = state;
        self.count(taken);
        *input = bytes.get(taken..).unwrap_or_default();
        Ok(Some(bytes.get(..lent).unwrap_or(bytes)))
    }

    /// Copies as much of `bytes` as `sink` has room for, and says how many octets were taken; hand in the
    /// others again. 0 of some says that the sink is full.
    ///
    /// A sink that is full may have room for two octets: a CRLF with the doubled dot behind it is written in
    /// one piece.
    ///
    /// # Errors
    /// [`BareLf`] where one comes first and the mode is [`Verbatim`](StuffMode::Verbatim). Nothing has
    /// changed then: what comes before it was taken.
    ///
    /// ```
    /// use pop3_proto::{SendBuf, Stuff, StuffMode};
    ///
    /// let mut buffer = [0; 512];
    /// let mut out = SendBuf::new(&mut buffer[..]);
    /// let mut stuff = Stuff::new(StuffMode::Verbatim);
    /// assert_eq!(stuff.copy(b".sig\r\n", &mut out), Ok(6));
    /// assert_eq!(out.pending(), b"..sig\r\n");
    /// ```
    pub fn copy(&mut self, bytes: &[u8], sink: &mut dyn Sink) -> Result<usize, BareLf> {
        let mut rest = bytes;
        while !rest.is_empty() {
            if self.lines(&mut rest, sink) {
                continue;
            }
            // Field by field: as a whole it would wait for all of them to be written.
            let mut behind = Stuff { octets: self.octets, mode: self.mode, state: self.state };
            match behind.batch(&mut rest, sink) {
                Ok(true) => *self = behind,
                Ok(false) => break,
                Err(error) if rest.len() == bytes.len() => return Err(error),
                Err(_) => break,
            }
        }
        Ok(bytes.len().saturating_sub(rest.len()))
    }

    /// What ends the body: the end mark, behind a line end where the last line has none. An empty body has no
    /// line.
    ///
    /// The line end that it adds is counted in [`octets`](Self::octets). A second call says the same.
    pub const fn finish(&mut self) -> &'static [u8] {
        match self.state {
            State::LineStart => b".\r\n",
            State::Finished => b"\r\n.\r\n",
            State::Cr | State::Text => {
                self.count(2);
                self.state = State::Finished;
                b"\r\n.\r\n"
            }
        }
    }

    /// Whether the next octet is the first of a line, so that the end mark needs no line end before it.
    pub(crate) const fn begins_line(&self) -> bool {
        matches!(self.state, State::LineStart)
    }

    /// How many octets of the message were sent, counted as its size is (RFC 1939 section 11): with every CR
    /// that was added, without the dots that were, and without the end mark.
    #[must_use]
    pub const fn octets(&self) -> u64 {
        self.octets
    }

    const fn count(&mut self, octets: usize) {
        self.octets = self.octets.saturating_add(octets as u64);
    }

    /// The line end that replaces a bare LF. A dot behind it goes along, and the next slice begins with it.
    #[inline(always)]
    fn line_end<'c>(&mut self, input: &mut &'c [u8], behind: &'c [u8]) -> Result<&'c [u8], BareLf> {
        if self.mode == StuffMode::Verbatim {
            return Err(BareLf);
        }
        *input = behind;
        self.count(2);
        if behind.first() == Some(&DOT) {
            self.state = State::Text;
            Ok(b"\r\n.")
        } else {
            self.state = State::LineStart;
            Ok(b"\r\n")
        }
    }

    /// Moves some whole lines to `sink`, each of which ends in a bare LF and has no dot to double: what a message is made
    /// of that comes from a store whose lines end so. Whether it moved any.
    #[inline(always)]
    fn lines(&mut self, input: &mut &[u8], sink: &mut dyn Sink) -> bool {
        if self.mode != StuffMode::Convert || !self.begins_line() {
            return false;
        }
        let mut places = memchr::memchr_iter(LF, input).peekable();
        // Known from its first line end, before there is anything to clear.
        if places.peek().is_none_or(|at| has_cr(input, *at)) {
            return false;
        }
        let mut parts: [&[u8]; 2 * LINES] = [&[]; 2 * LINES];
        let (mut gathered, mut taken, mut needed, room) = (0_usize, 0_usize, 0_usize, sink.room());
        for pair in parts.chunks_exact_mut(2) {
            let (Some(at), [text, line_end]) = (places.next(), pair) else { break };
            let Some(line) = input.get(taken..at) else { break };
            let with_end = needed.wrapping_add(line.len()).wrapping_add(2);
            if line.first() == Some(&DOT) || line.last() == Some(&CR) || with_end > room {
                break;
            }
            (*text, *line_end) = (line, b"\r\n");
            (taken, needed) = (at.wrapping_add(1), with_end);
            gathered = gathered.wrapping_add(2);
        }
        let parts = parts.get(..gathered).unwrap_or_default();
        if parts.is_empty() || sink.put(parts).is_err() {
            return false;
        }
        self.count(needed);
        *input = input.get(taken..).unwrap_or_default();
        true
    }

    /// Moves one batch of slices to `sink` in one piece; whether it took one. Where not, `self` is of no more
    /// use.
    fn batch(&mut self, input: &mut &[u8], sink: &mut dyn Sink) -> Result<bool, BareLf> {
        let mut parts: [&[u8]; PARTS] = [&[]; PARTS];
        let mut room = sink.room();
        let mut rest = *input;
        let mut gathered = 0_usize;
        for part in &mut parts {
            match self.fitting(&mut rest, room) {
                Ok(Some(slice)) => {
                    room = room.saturating_sub(slice.len());
                    gathered = gathered.saturating_add(1);
                    *part = slice;
                }
                Ok(None) => break,
                Err(error) if gathered == 0 => return Err(error),
                Err(_) => break,
            }
        }
        let parts = parts.get(..gathered).unwrap_or_default();
        let put = gathered > 0 && sink.put(parts).is_ok();
        if put {
            *input = rest;
        }
        Ok(put)
    }

    /// The next slice, of at most `room` octets.
    fn fitting<'c>(&mut self, input: &mut &'c [u8], room: usize) -> Result<Option<&'c [u8]>, BareLf> {
        if room < LONGEST_STATIC {
            return Ok(None);
        }
        // A slice of the message is no longer than what it is taken from. What lies beyond the room is not
        // looked at, so that a small sink costs no more time than a large one.
        let (window, _) = input.split_at_checked(room).unwrap_or((input, &[]));
        let mut rest = window;
        let slice = self.next(&mut rest)?;
        let taken = window.len().saturating_sub(rest.len());
        *input = input.get(taken..).unwrap_or_default();
        Ok(slice)
    }
}

/// A CRLF that was added, with a dot.
const LONGEST_STATIC: usize = 3;

/// How many lines are copied to a sink at once where each is converted.
const LINES: usize = 8;

/// How many slices are copied to a sink at once: some lines, without much to clear for a short message.
const PARTS: usize = 8;

/// Whether there is a CR before offset `at`.
fn has_cr(bytes: &[u8], at: usize) -> bool {
    bytes.get(at.wrapping_sub(1)) == Some(&CR)
}

/// The state behind octets that go as they are.
const fn after(bytes: &[u8]) -> State {
    match bytes {
        // None that is sent is bare.
        [.., LF] => State::LineStart,
        [.., CR] => State::Cr,
        _ => State::Text,
    }
}
