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
/// byte begins a line. If the copy ends with a dot, it is that of the next line, and the message continues with the same dot.
///
/// It stops before a line that ends in CR LF, because such lines need no conversion, and before a line that may not fit.
pub(super) fn convert(message: &[u8], begins_line: bool, to: &mut [u8]) -> Converted {
    let window = message.get(..to.len()).unwrap_or(message);
    let (mut rest, mut written, mut dots) = (window, 0_usize, 0_usize);
    if let (true, [DOT, ..], [first, ..]) = (begins_line, rest, &mut *to) {
        *first = DOT;
        (written, dots) = (1, 1);
    }
    while let Some(line_feed) = memchr::memchr(LF, rest) {
        let Some((line, [_, tail @ ..])) = rest.split_at_checked(line_feed) else { break };
        let space = to.get_mut(written..).and_then(|space| space.split_at_mut_checked(line_feed));
        let Some((text, after)) = space else { break };
        let (false, Some(line_end)) = (line.last() == Some(&CR), after.first_chunk_mut()) else { break };
        copy(line, text);
        // The dot only counts if the next line begins with one. A branch here would often be predicted wrongly.
        *line_end = *b"\r\n.";
        let dot = usize::from(tail.first() == Some(&DOT));
        (rest, dots) = (tail, dots.wrapping_add(dot));
        written = written.wrapping_add(line_feed).wrapping_add(2).wrapping_add(dot);
    }
    Converted { taken: window.len().wrapping_sub(rest.len()), written, dots }
}
