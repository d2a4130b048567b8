//! Framing: finds the end of a line. All other code reads complete lines.

use memchr::memchr;

/// How a line ends: CR LF as RFC 1939 section 3 requires, or LF alone.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum LineEnding {
    /// CR LF.
    Crlf,
    /// LF alone.
    Lf,
}

/// The line at the front of a buffer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Framed<'a> {
    /// A complete line: its bytes without the line end, and its length with it.
    Line { content: &'a [u8], ending: LineEnding, consumed: usize },
    /// There is no line end yet, and the limit is not reached.
    Incomplete,
    /// The line, with its line end, is longer than the limit.
    TooLong,
}

/// Frames a line that ends at the first LF, and drops a CR before it. A bare CR never ends a line.
///
/// The first `searched` bytes contain no line end, so the search stays linear if bytes arrive one at a time.
#[inline]
pub(crate) fn frame(input: &[u8], searched: usize, limit: usize) -> Framed<'_> {
    match line_feed(input.get(searched..).unwrap_or_default()) {
        Some(offset) => line(input, searched.saturating_add(offset), limit),
        None => unfinished(input, limit),
    }
}

/// Frames a line that ends at the first CR LF. An LF without a CR is an ordinary byte.
#[inline]
pub(crate) fn frame_crlf(input: &[u8], searched: usize, limit: usize) -> Framed<'_> {
    let mut searched = searched;
    while let Some(offset) = line_feed(input.get(searched..).unwrap_or_default()) {
        let position = searched.saturating_add(offset);
        if input.get(..position).is_some_and(|before| before.ends_with(b"\r")) {
            return line(input, position, limit);
        }
        searched = position.saturating_add(1);
    }
    unfinished(input, limit)
}

/// Returns the line whose LF is at `position`.
#[inline]
fn line(input: &[u8], position: usize, limit: usize) -> Framed<'_> {
    let consumed = position.saturating_add(1);
    let before = input.get(..position).unwrap_or_default();
    if consumed > limit {
        return Framed::TooLong;
    }
    match before.strip_suffix(b"\r") {
        Some(content) => Framed::Line { content, ending: LineEnding::Crlf, consumed },
        None => Framed::Line { content: before, ending: LineEnding::Lf, consumed },
    }
}

fn unfinished(input: &[u8], limit: usize) -> Framed<'_> {
    if input.len() < limit { Framed::Incomplete } else { Framed::TooLong }
}

/// Returns the position of the first LF. Most lines are short, so it checks 16 bytes in one step, which is faster than a call
/// of `memchr`. On a small processor, this would take many steps.
#[inline]
fn line_feed(octets: &[u8]) -> Option<usize> {
    const ONES: u128 = u128::from_ne_bytes([1; 16]);
    let block = octets.split_first_chunk().filter(|_| cfg!(target_pointer_width = "64"));
    let Some((block, tail)) = block else { return memchr(b'\n', octets) };
    // The XOR turns LF into 0, and subtracting 1 then sets its top bit. A borrow only affects higher bytes, so the
    // lowest set bit is always right.
    let block = u128::from_le_bytes(*block) ^ (ONES * b'\n' as u128);
    match block.wrapping_sub(ONES) & !block & (ONES << 7) {
        0 => memchr(b'\n', tail).map(|offset| offset.saturating_add(16)),
        found => Some(found.trailing_zeros() as usize / 8),
    }
}
