//! The one searcher. Runs between hits are mostly either a line or a message long, and it has to be fast on
//! both: it looks at some octets one by one, then at some lines, then at blocks.

use super::{CR, DOT, LF};
use memchr::memchr;

/// How many octets are looked at one by one: lines of a single dot are found before anything is set up.
const NEAR: usize = 8;
/// How many octets are looked at together where lines mostly are no hits.
const BLOCK: usize = 128;

/// Whether an LF is what is looked for, by the octet before it and the one behind it.
trait Hit: Fn(u8, u8) -> bool + Copy {}
impl<F: Fn(u8, u8) -> bool + Copy> Hit for F {}

/// The first LF with a dot behind it. The first octet is not looked at, and the caller looks for the CR
/// before the LF.
#[inline]
pub(super) fn dotted_line(bytes: &[u8]) -> Option<usize> {
    find(bytes, |_, next| next == DOT)
}

/// The first LF that has a dot behind it or no CR before it. The first octet and the last are not looked at.
#[inline]
pub(super) fn line_to_change(bytes: &[u8]) -> Option<usize> {
    find(bytes, |before, next| (before != CR) | (next == DOT))
}

/// How many LF have no CR before them. The first octet is not looked at.
pub(super) fn bare_line_feeds(bytes: &[u8]) -> usize {
    let mut rest = bytes;
    let mut count = 0_usize;
    let bare = |(before, octet): (&u8, &u8)| (*octet == LF) & (*before != CR);
    while let (Some(before), Some(octets)) = (chunk::<BLOCK>(rest, 0), chunk::<BLOCK>(rest, 1)) {
        let found = before.iter().zip(octets).fold(0_u8, |sum, pair| sum.wrapping_add(u8::from(bare(pair))));
        count = count.wrapping_add(usize::from(found));
        rest = rest.get(BLOCK..).unwrap_or_default();
    }
    let behind = rest.get(1..).unwrap_or_default();
    rest.iter().zip(behind).filter(|pair| bare(*pair)).count().wrapping_add(count)
}

#[inline(always)]
fn find(bytes: &[u8], hit: impl Hit) -> Option<usize> {
    by_octets(bytes, hit).or_else(|| by_lines(bytes, NEAR, hit))
}

#[inline(always)]
fn by_octets(bytes: &[u8], hit: impl Hit) -> Option<usize> {
    if chunk(bytes, 1).is_some_and(|word| !has_line_feed(*word)) {
        return None;
    }
    let behind = bytes.get(1..)?;
    let next = bytes.get(2..)?;
    let mut triples = bytes.iter().zip(behind).zip(next).take(NEAR);
    triples
        .position(|((before, octet), next)| *octet == LF && hit(*before, *next))
        .map(|at| at.wrapping_add(1))
}

/// Whether there is one in `word`, without a branch for each octet.
#[inline(always)]
fn has_line_feed(word: [u8; NEAR]) -> bool {
    const ONES: u64 = u64::from_ne_bytes([1; NEAR]);
    const HIGH: u64 = u64::from_ne_bytes([0x80; NEAR]);
    let zeros = u64::from_ne_bytes(word) ^ u64::from_ne_bytes([LF; NEAR]);
    zeros.wrapping_sub(ONES) & !zeros & HIGH != 0
}

/// A hit in the line that ends behind `from`, or else in what follows it.
#[inline(always)]
fn by_lines(bytes: &[u8], from: usize, hit: impl Hit) -> Option<usize> {
    let end = line_end(bytes, from)?;
    if is_hit(bytes, end, hit) { Some(end) } else { by_blocks(bytes, end, hit) }
}

fn by_blocks(bytes: &[u8], from: usize, hit: impl Hit) -> Option<usize> {
    let mut at = from;
    while let Some(block) = Block::at(bytes, at) {
        if block.has(hit) {
            break;
        }
        at = at.wrapping_add(BLOCK);
    }
    while let Some(end) = line_end(bytes, at) {
        if is_hit(bytes, end, hit) {
            return Some(end);
        }
        at = end;
    }
    None
}

/// The first LF behind offset `from`.
#[inline(always)]
fn line_end(bytes: &[u8], from: usize) -> Option<usize> {
    let start = from.wrapping_add(1);
    memchr(LF, bytes.get(start..)?).map(|offset| start.wrapping_add(offset))
}

/// Whether the LF at offset `at`, which is not the first octet, is a hit.
#[inline(always)]
fn is_hit(bytes: &[u8], at: usize, hit: impl Hit) -> bool {
    matches!(bytes.get(at.wrapping_sub(1)..), Some([before, _, next, ..]) if hit(*before, *next))
}

/// The same bytes three times: from one octet on, from the next and from the one behind that.
///
/// The fixed length is for the compiler: it makes vector instructions of a loop over it without asking the
/// CPU for its features, and sees that nothing is out of bounds.
struct Block<'a> {
    before: &'a [u8; BLOCK],
    octets: &'a [u8; BLOCK],
    next: &'a [u8; BLOCK],
}

impl<'a> Block<'a> {
    #[inline(always)]
    fn at(bytes: &'a [u8], start: usize) -> Option<Self> {
        let bytes = bytes.get(start..)?;
        Some(Block { before: chunk(bytes, 0)?, octets: chunk(bytes, 1)?, next: chunk(bytes, 2)? })
    }

    #[inline(always)]
    fn has(&self, hit: impl Hit) -> bool {
        let triples = self.before.iter().zip(self.octets).zip(self.next);
        let any = triples
            .fold(0_u8, |any, ((before, octet), next)| any | u8::from((*octet == LF) & hit(*before, *next)));
        any != 0
    }
}

#[inline(always)]
fn chunk<const N: usize>(bytes: &[u8], start: usize) -> Option<&[u8; N]> {
    bytes.get(start..)?.first_chunk()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body::tests::{all_words, long_words};

    fn check(bytes: &[u8]) {
        let dotted = |at: &usize| bytes[*at..].starts_with(b"\n.");
        assert_eq!(dotted_line(bytes), (1..bytes.len()).find(dotted), "{bytes:?}");

        let bare = |at: &usize| bytes[*at] == b'\n' && bytes[at - 1] != b'\r';
        let last = bytes.len().saturating_sub(1);
        assert_eq!(line_to_change(bytes), (1..last).find(|at| dotted(at) || bare(at)), "{bytes:?}");
        assert_eq!(bare_line_feeds(bytes), (1..bytes.len()).filter(bare).count(), "{bytes:?}");
    }

    #[test]
    fn every_short_input() {
        all_words(8, check);
    }

    #[test]
    fn long_inputs_with_a_hit_at_every_offset() {
        long_words(check);
    }
}
