//! What ours is compared with where nobody else does the work: what the machine can do at best, and plain loops by the octet.

use memchr::memmem::Finder;
use std::hint::black_box;

/// How many lines there are.
pub(crate) fn memchr_lines(octets: &[u8]) -> usize {
    memchr::memchr_iter(b'\n', octets).map(black_box).count()
}

/// A search for the lines that begin with a dot.
pub(crate) fn memmem_dots() -> Finder<'static> {
    Finder::new("\r\n.")
}

/// How often it is found.
pub(crate) fn found(finder: &Finder<'_>, octets: &[u8]) -> usize {
    finder.find_iter(octets).map(black_box).count()
}

/// The last octet, once all are copied.
pub(crate) fn memcpy(from: &[u8], to: &mut [u8]) -> Option<u8> {
    to.copy_from_slice(black_box(from));
    black_box(to).last().copied()
}

/// How many octets the message has that was sent as this payload: a plain loop that could stop and go on behind any octet, as reads
/// want it.
#[inline(never)]
pub(crate) fn unstuff_loop(payload: &[u8]) -> u64 {
    let (mut recent, mut octets) = (u64::from_be_bytes(*b"\0\0\0\0\0\0\r\n"), 0);
    for octet in payload {
        recent = recent << 8 | u64::from(*octet);
        if recent << 24 == u64::from_be_bytes(*b"\r\n.\r\n\0\0\0") {
            return octets - 1;
        }
        octets += u64::from(recent << 40 != u64::from_be_bytes(*b"\r\n.\0\0\0\0\0"));
    }
    panic!("no end mark")
}

/// How many octets go out, copied one by one to a buffer that is sent whenever it may be full: the loop that one writes first.
#[inline(never)]
pub(crate) fn stuff_loop(message: &[u8], buffer: &mut [u8]) -> usize {
    let (mut sent, mut last) = (0, b'\n');
    for chunk in message.chunks(buffer.len() / 2) {
        let mut end = 0;
        for octet in chunk.iter().copied() {
            let before = match (last, octet) {
                (b'\r', b'\n') => None,
                (_, b'\n') => Some(b'\r'),
                (b'\n', b'.') => Some(b'.'),
                _ => None,
            };
            if let Some(before) = before {
                buffer[end] = before;
                end += 1;
            }
            buffer[end] = octet;
            end += 1;
            last = octet;
        }
        sent += black_box(&buffer[..end]).len();
    }
    let end_mark = if last == b'\n' { ".\r\n" } else { "\r\n.\r\n" };
    sent + black_box(end_mark).len()
}
