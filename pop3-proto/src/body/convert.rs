//! Converts line ends while it copies. In a message from a store whose lines end in LF, each line has a bare LF, so slices between
//! them are short, and a sink would take much of the time to take them one by one.

use super::{CR, DOT, LF};
use crate::sink::copy;

/// What was copied.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Converted {
    /// The number of bytes of the message: whole lines.
    pub(super) taken: usize,
    /// The number of bytes that they became.
    pub(super) written: usize,
    /// How many of these are added dots.
    pub(super) dots: usize,
}

/// Copies lines from the front of `message` to `to`, with CR LF for each LF and with doubled dots. `begins_line` means that the first
/// byte begins a line. A dot after the last line is doubled too, and the copy of the message continues with this dot.
///
/// It stops before a line that ends in CR LF, because such lines need no conversion, and before a line that may not fit.
pub(super) fn convert(message: &[u8], begins_line: bool, to: &mut [u8]) -> Converted {
    let mut done = Converted::default();
    if let (true, [DOT, ..], [first, ..]) = (begins_line, message, &mut *to) {
        *first = DOT;
        (done.written, done.dots) = (1, 1);
    }
    let window = message.get(..to.len()).unwrap_or(message);
    for line_feed in memchr::memchr_iter(LF, window) {
        let Some(line) = message.get(done.taken..line_feed).filter(|line| line.last() != Some(&CR)) else {
            break;
        };
        let space = to.get_mut(done.written..).and_then(|space| space.split_at_mut_checked(line.len()));
        let Some((text, tail)) = space else { break };
        let Some(line_end) = tail.first_chunk_mut() else { break };
        copy(line, text);
        // The dot only counts if the next line begins with one. A branch here would often be predicted wrongly.
        *line_end = *b"\r\n.";
        done.taken = line_feed.wrapping_add(1);
        let dots = usize::from(message.get(done.taken) == Some(&DOT));
        done.written = done.written.wrapping_add(line.len()).wrapping_add(2).wrapping_add(dots);
        done.dots = done.dots.wrapping_add(dots);
    }
    done
}
