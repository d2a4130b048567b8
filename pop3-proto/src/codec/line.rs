//! Framing: where a line ends. Everything else reads whole lines.

use memchr::memchr;

/// How a line ends: CR LF as RFC 1939 section 3 wants it, or LF alone.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum LineEnding {
    /// CR LF
    Crlf,
    /// LF alone
    Lf,
}

/// What the front of a buffer holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Framed<'a> {
    /// A whole line: its octets without the line end, and how many there are with it.
    Line { content: &'a [u8], ending: LineEnding, consumed: usize },
    /// No line end within the limit yet.
    Incomplete,
    /// More octets than the limit, line end included.
    TooLong,
}

/// Frames a line that ends at the first LF; a CR before it is dropped. A bare CR never ends a line.
///
/// The first `searched` octets are known to hold no line end, so that input which arrives octet by octet
/// stays linear.
#[inline]
pub(crate) fn frame(input: &[u8], searched: usize, limit: usize) -> Framed<'_> {
    match line_feed(input.get(searched..).unwrap_or_default()) {
        Some(offset) => line(input, searched.saturating_add(offset), limit),
        None => unfinished(input, limit),
    }
}

/// Frames a line that ends at the first CR LF; an LF without its CR is an octet like any other.
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

/// The line whose LF lies at `position`.
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

/// Where the first LF lies. Most lines are short: 16 octets are looked at in one step, which costs less than
/// a call of `memchr`; but not on a small processor, for which it is many steps.
#[inline]
fn line_feed(octets: &[u8]) -> Option<usize> {
    if cfg!(not(target_pointer_width = "64")) {
        return memchr(b'\n', octets);
    }
    const ONES: u128 = u128::MAX / 255;
    let Some((block, behind)) = octets.split_first_chunk() else { return memchr(b'\n', octets) };
    // An LF becomes 0. Less one, an octet has its top bit set anew if it was 0; borrows go upwards, so that
    // the lowest is always right.
    let block = u128::from_le_bytes(*block) ^ (ONES * b'\n' as u128);
    match block.wrapping_sub(ONES) & !block & (ONES << 7) {
        0 => memchr(b'\n', behind).map(|offset| offset.saturating_add(16)),
        found => Some(found.trailing_zeros() as usize / 8),
    }
}
