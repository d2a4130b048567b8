use super::convert::{Converted, convert};
use super::{CR, DOT, LF, scan};
use crate::Sink;
use core::fmt;

/// How [`Stuff`] handles a bare LF, which is an LF without a CR before it.
///
/// It never sends a bare LF. Some clients mistake it for the end of a line, and then a dot after it for a stuffed dot or
/// for the terminator.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum StuffMode {
    /// Sends a bare LF as CR LF, for stores whose lines end in LF, such as a Maildir. Lines that end in CR LF are unchanged.
    Convert,
    /// Refuses a bare LF, for messages that only contain CR LF and must be sent unchanged.
    Verbatim,
}

/// The message contains a bare LF, although it must be sent verbatim. The bare LF was not sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BareLf;

impl fmt::Display for BareLf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the message has an LF without a CR before it")
    }
}

impl core::error::Error for BareLf {}

/// The sender of byte-stuffing (RFC 1939 section 3). It doubles the dots that begin lines, and ends the body.
///
/// Pass the message in chunks of any size. [`next`](Self::next) returns slices of them, for vectored writes.
/// [`copy`](Self::copy) copies them to a [`Sink`]. You may use both for one message.
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
/// assert_eq!(stuff.octets(), 20); // the size in LIST
/// # Ok::<(), pop3_proto::BareLf>(())
/// ```
#[doc(alias = "dot-stuffing")]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stuff {
    octets: u64,
    mode: StuffMode,
    state: State,
}

/// The position of the next byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// At the start of a line.
    LineStart,
    /// After a CR.
    Cr,
    /// At any other place, or at the start of a line whose dot was sent once.
    Text,
    /// After the end of the message, to which a line end was added.
    Finished,
}

impl Stuff {
    /// Makes an encoder for one message.
    #[must_use]
    pub const fn new(mode: StuffMode) -> Self {
        Stuff { octets: 0, mode, state: State::LineStart }
    }

    /// Returns the next slice to send: a part of `input`, which advances, or a static slice. Returns `Ok(None)` if
    /// `input` is empty.
    ///
    /// To double a dot, one slice ends with it and the next begins with it. Pass the rest of `input` again unchanged.
    ///
    /// # Errors
    /// Returns [`BareLf`] if the next byte is a bare LF and the mode is [`Verbatim`](StuffMode::Verbatim). The
    /// encoder is unchanged: the bytes before it were already returned, and the next call returns the same error.
    // Inlined, so state and slice stay in registers. If every line is changed, a slice is at most a line.
    #[inline(always)]
    pub fn next<'c>(&mut self, input: &mut &'c [u8]) -> Result<Option<&'c [u8]>, BareLf> {
        let bytes = *input;
        let (taken, lent, state) = match (self.state, bytes) {
            (_, []) => return Ok(None),
            (State::LineStart | State::Finished, [DOT, ..]) => (0, 1, State::Text),
            (State::LineStart | State::Finished | State::Text, [LF, tail @ ..]) => {
                return self.line_end(input, tail).map(Some);
            }
            (State::Cr, [LF, DOT, ..]) => (1, 2, State::Text),
            _ => match scan::line_to_change(bytes) {
                None => (bytes.len(), bytes.len(), after(bytes)),
                // Doubles the dot after this line end.
                Some(at) if has_cr(bytes, at) => (at.saturating_add(1), at.saturating_add(2), State::Text),
                Some(at) => (at, at, State::Text),
            },
        };
        self.state = state;
        self.count(taken);
        *input = bytes.get(taken..).unwrap_or_default();
        Ok(Some(bytes.get(..lent).unwrap_or(bytes)))
    }

    /// Copies as much of `bytes` as fits in `sink`, and returns how many bytes it took. Pass the rest again. 0 means
    /// that the sink is full.
    ///
    /// A full sink may have room for two bytes, because a CR LF with the doubled dot after it is written in one
    /// piece.
    ///
    /// # Errors
    /// Returns [`BareLf`] if the first byte is a bare LF and the mode is [`Verbatim`](StuffMode::Verbatim). The
    /// encoder is unchanged: the bytes before it were already taken.
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
            if self.convert(&mut rest, sink) {
                continue;
            }
            // Copied field by field. A copy of the whole value would wait until all fields are written.
            let mut tail = Stuff { octets: self.octets, mode: self.mode, state: self.state };
            match tail.batch(&mut rest, sink) {
                Ok(true) => *self = tail,
                Ok(false) => break,
                Err(error) if rest.len() == bytes.len() => return Err(error),
                Err(_) => break,
            }
        }
        Ok(bytes.len().saturating_sub(rest.len()))
    }

    /// Returns the end of the body: the terminator, after a line end if the last line has none. An empty body has no
    /// lines.
    ///
    /// [`octets`](Self::octets) counts the added line end. A second call returns the same bytes.
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

    /// Returns whether the next byte begins a line, so the terminator needs no line end before it.
    pub(crate) const fn begins_line(&self) -> bool {
        matches!(self.state, State::LineStart)
    }

    /// Returns the number of octets sent, counted like the message's size (RFC 1939 section 11): with every added CR,
    /// and without the added dots and the terminator.
    #[must_use]
    pub const fn octets(&self) -> u64 {
        self.octets
    }

    const fn count(&mut self, octets: usize) {
        self.octets = self.octets.saturating_add(octets as u64);
    }

    /// Returns the line end that replaces a bare LF. It includes a dot after the LF, and the next slice begins with
    /// this dot.
    #[inline(always)]
    fn line_end<'c>(&mut self, input: &mut &'c [u8], tail: &'c [u8]) -> Result<&'c [u8], BareLf> {
        if self.mode == StuffMode::Verbatim {
            return Err(BareLf);
        }
        *input = tail;
        self.count(2);
        if tail.first() == Some(&DOT) {
            self.state = State::Text;
            Ok(b"\r\n.")
        } else {
            self.state = State::LineStart;
            Ok(b"\r\n")
        }
    }

    /// Moves lines that end in a bare LF to `sink`, through a small buffer. Returns whether it moved any.
    fn convert(&mut self, input: &mut &[u8], sink: &mut dyn Sink) -> bool {
        // On a small processor, this would only add size.
        if self.mode != StuffMode::Convert || cfg!(not(target_pointer_width = "64")) {
            return false;
        }
        // The first line end decides, before the buffer is cleared. Bytes beyond the room are not examined.
        let window = input.get(..sink.room().min(CONVERTED)).unwrap_or(input);
        if memchr::memchr(LF, window).is_none_or(|at| has_cr(window, at)) {
            return false;
        }
        let (mut buffer, before) = ([0; CONVERTED], input.len());
        while matches!(self.state, State::LineStart | State::Text) {
            let room = sink.room().min(CONVERTED);
            let Some(buffer) = buffer.get_mut(..room) else { break };
            let Converted { taken, written, dots } = convert(input, self.begins_line(), buffer);
            let (Some(converted), Some(rest)) = (buffer.get(..written), input.get(taken..)) else { break };
            if taken == 0 || sink.put(&[converted]).is_err() {
                break;
            }
            // If the dot of the next line was sent once, it must not be doubled again.
            self.state = if converted.ends_with(b".") { State::Text } else { State::LineStart };
            self.count(written.wrapping_sub(dots));
            *input = rest;
        }
        input.len() < before
    }

    /// Moves one batch of slices to `sink` in one piece, and returns whether it moved one. If not, discard `self`.
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

    /// Returns the next slice, with at most `room` bytes.
    fn fitting<'c>(&mut self, input: &mut &'c [u8], room: usize) -> Result<Option<&'c [u8]>, BareLf> {
        if room < LONGEST_STATIC {
            return Ok(None);
        }
        // A slice of the message is not longer than its source. Bytes beyond the room are not examined, so a small
        // sink costs no more time than a large one.
        let (window, _) = input.split_at_checked(room).unwrap_or((input, &[]));
        let mut rest = window;
        let slice = self.next(&mut rest)?;
        let taken = window.len().saturating_sub(rest.len());
        *input = input.get(taken..).unwrap_or_default();
        Ok(slice)
    }
}

/// The length of an added CR LF with a dot.
const LONGEST_STATIC: usize = 3;

/// The size of the buffer for bytes that are converted.
const CONVERTED: usize = 2048;

/// The number of slices that are copied to a sink at once: some lines, and little to clear for a short message.
const PARTS: usize = 8;

/// Returns whether there is a CR before offset `at`.
fn has_cr(bytes: &[u8], at: usize) -> bool {
    bytes.get(at.wrapping_sub(1)) == Some(&CR)
}

/// Returns the state after bytes that are sent unchanged.
const fn after(bytes: &[u8]) -> State {
    match bytes {
        // No bare LF is ever sent.
        [.., LF] => State::LineStart,
        [.., CR] => State::Cr,
        _ => State::Text,
    }
}
