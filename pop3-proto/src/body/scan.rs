//! Finds the lines that must be changed. They are usually either adjacent or many lines apart, and the search must be fast
//! for both: it checks the nearest line end first, and then blocks. In received bodies, it first looks for any dot.

use super::{CR, DOT, LF};
use crate::LineEnding;
use memchr::memchr;

/// The number of bytes that are checked together while hits are rare.
const BLOCK: usize = 128;
/// The same number after the last block, and inside a block with a hit.
const SMALL: usize = 16;

/// Decides whether an LF is a hit, from the bytes before and after it.
trait Hit: Fn(u8, u8) -> bool + Copy {}
impl<F: Fn(u8, u8) -> bool + Copy> Hit for F {}

/// Splits off a line of up to nine bytes that a dot follows, and drops the dot. For lines this short, a call to a search
/// would take longer.
#[inline(always)]
pub(super) fn short_line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let near: &[u8; 10] = bytes.first_chunk()?;
    let at = near.windows(3).position(|octets| matches!(octets, [CR, LF, DOT]))?;
    let (line, tail) = bytes.split_at_checked(at.wrapping_add(2))?;
    Some((line, tail.get(1..)?))
}

/// Returns the dot of the first line that begins with one. It follows another dotted line, so dots are probably near. The
/// first byte is not the end of a line.
#[inline(never)]
pub(super) fn dotted_line(bytes: &[u8], ending: LineEnding) -> Option<usize> {
    after_line_end(bytes, ending, |bytes| find(bytes, |_, next| next == DOT))
}

/// Does the same as [`dotted_line`] for bytes without an earlier dotted line. They may contain no dots, as in base64.
#[inline(never)]
pub(super) fn first_dotted_line(bytes: &[u8], ending: LineEnding) -> Option<usize> {
    after_line_end(bytes, ending, find_rare)
}

#[inline(always)]
fn after_line_end(bytes: &[u8], ending: LineEnding, find: impl Fn(&[u8]) -> Option<usize>) -> Option<usize> {
    let mut start = 0_usize;
    loop {
        let line_feed = start.wrapping_add(find(bytes.get(start..)?)?);
        // Checked here and not in each block, because a bare LF before a dot is rare.
        if ending == LineEnding::Lf || bytes.get(line_feed.wrapping_sub(1)) == Some(&CR) {
            return Some(line_feed.wrapping_add(1));
        }
        start = line_feed;
    }
}

/// Returns the first LF, except the first byte, that a dot follows. A search for one byte is the fastest, so it looks for
/// dots while they are rare, and then by blocks.
#[inline(always)]
fn find_rare(bytes: &[u8]) -> Option<usize> {
    const RARE: usize = 512;
    let mut start = 1_usize;
    loop {
        let tail = start.wrapping_add(1);
        let dot = tail.wrapping_add(memchr(DOT, bytes.get(tail..)?)?);
        let line_feed = dot.wrapping_sub(1);
        if bytes.get(line_feed) == Some(&LF) {
            return Some(line_feed);
        }
        if dot.wrapping_sub(start) < RARE {
            return by_blocks(bytes, dot, |_, next| next == DOT);
        }
        start = dot;
    }
}

/// Returns the first LF, except the first byte, with a dot after it or no CR before it.
#[inline(always)]
pub(super) fn line_to_change(bytes: &[u8]) -> Option<usize> {
    find(bytes, |before, next| (before != CR) | (next == DOT)).or_else(|| match bytes {
        [before @ .., octet, LF] if *octet != CR => Some(before.len().wrapping_add(1)),
        _ => None,
    })
}

/// Counts the LFs without a CR before them. It ignores the first byte.
pub(super) fn bare_line_feeds(bytes: &[u8]) -> usize {
    let mut rest = bytes;
    let mut count = 0_usize;
    let bare = |(before, octet): (&u8, &u8)| (*octet == LF) & (*before != CR);
    while let (Some(before), Some(octets)) = (chunk::<BLOCK>(rest, 0), chunk::<BLOCK>(rest, 1)) {
        let found = before.iter().zip(octets).fold(0_u8, |sum, pair| sum.wrapping_add(u8::from(bare(pair))));
        count = count.wrapping_add(usize::from(found));
        rest = rest.get(BLOCK..).unwrap_or_default();
    }
    let tail = rest.get(1..).unwrap_or_default();
    rest.iter().zip(tail).filter(|pair| bare(*pair)).count().wrapping_add(count)
}

/// Returns the first hit. It ignores the first and the last byte.
#[inline(always)]
fn find(bytes: &[u8], hit: impl Hit) -> Option<usize> {
    let line_feed = memchr(LF, bytes.get(1..)?)?.wrapping_add(1);
    match bytes.get(line_feed.wrapping_sub(1)..) {
        Some([before, _, next, ..]) if hit(*before, *next) => Some(line_feed),
        _ => by_blocks(bytes, line_feed, hit),
    }
}

/// Returns the first hit after offset `from`.
#[inline(never)]
fn by_blocks(bytes: &[u8], from: usize, hit: impl Hit) -> Option<usize> {
    let start = without::<SMALL>(bytes, without::<BLOCK>(bytes, from, hit), hit);
    let is_hit = |octets: &[u8]| matches!(octets, [before, LF, next] if hit(*before, *next));
    let offset = bytes.get(start..)?.windows(3).position(is_hit)?;
    Some(start.wrapping_add(offset).wrapping_add(1))
}

/// Returns `from` plus the length of all whole blocks without a hit that follow it.
///
/// With a fixed length, the compiler uses vector instructions without run-time detection of the CPU, and needs no bounds
/// checks.
#[inline(always)]
fn without<const N: usize>(bytes: &[u8], from: usize, hit: impl Hit) -> usize {
    let mut start = from;
    while let Some(rest) = bytes.get(start..) {
        let (Some(before), Some(octets), Some(next)) = (chunk(rest, 0), chunk(rest, 1), chunk(rest, 2))
        else {
            break;
        };
        if has::<N>(before, octets, next, hit) {
            break;
        }
        start = start.wrapping_add(N);
    }
    start
}

#[inline(always)]
fn has<const N: usize>(before: &[u8; N], octets: &[u8; N], next: &[u8; N], hit: impl Hit) -> bool {
    let triples = before.iter().zip(octets).zip(next);
    let any = triples
        .fold(0_u8, |any, ((before, octet), next)| any | u8::from((*octet == LF) & hit(*before, *next)));
    any != 0
}

#[inline(always)]
fn chunk<const N: usize>(bytes: &[u8], start: usize) -> Option<&[u8; N]> {
    bytes.get(start..)?.first_chunk()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body::tests::{all_words, long_words, words_at_borders};

    fn check(bytes: &[u8]) {
        let bare = |at: &usize| bytes[*at] == b'\n' && bytes[at - 1] != b'\r';
        let dotted = |at: &usize| bytes[*at..].starts_with(b"\n.");
        assert_eq!(line_to_change(bytes), (1..bytes.len()).find(|at| dotted(at) || bare(at)), "{bytes:?}");
        assert_eq!(bare_line_feeds(bytes), (1..bytes.len()).filter(bare).count(), "{bytes:?}");

        let dot = |at: Option<usize>| at.map(|line_feed| line_feed + 1);
        let any = dot((1..bytes.len()).find(dotted));
        let behind_crlf = dot((1..bytes.len()).find(|at| dotted(at) && !bare(at)));
        for dotted_line in [dotted_line, first_dotted_line] {
            assert_eq!(dotted_line(bytes, LineEnding::Lf), any, "{bytes:?}");
            assert_eq!(dotted_line(bytes, LineEnding::Crlf), behind_crlf, "{bytes:?}");
        }
        let near = behind_crlf.filter(|dot| *dot < 10 && bytes.len() >= 10);
        assert_eq!(short_line(bytes), near.map(|dot| (&bytes[..dot], &bytes[dot + 1..])), "{bytes:?}");
    }

    #[test]
    fn every_short_input() {
        all_words(8, check);
    }

    #[test]
    fn every_short_input_at_the_borders_of_blocks() {
        words_at_borders(4, check);
    }

    #[test]
    fn long_inputs_with_a_hit_at_every_offset() {
        long_words(check);
    }
}
