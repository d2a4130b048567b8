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

/// How many octets the message has that was sent as this, with its status line: the loop over single octets that one writes first.
pub(crate) fn unstuff_loop(answer: &[u8]) -> u64 {
    let status = 1 + answer.iter().position(|octet| *octet == b'\n').expect("a status line");
    let (mut octets, mut last) = (0, b'\n');
    let mut rest = answer[status..].iter();
    while let Some(mut octet) = rest.next() {
        if last == b'\n' && *octet == b'.' {
            if rest.as_slice().starts_with(b"\r\n") {
                return octets;
            }
            octet = rest.next().expect("an end mark");
        }
        octets += 1;
        last = *octet;
    }
    panic!("no end mark")
}

/// How many octets go out, copied to a buffer one by one and sent whenever it is full: the loop that one writes first.
pub(crate) fn stuff_loop(message: &[u8], buffer: &mut Vec<u8>) -> usize {
    let (mut sent, mut last) = (0, b'\n');
    for octet in message {
        if *octet == b'\n' && last != b'\r' {
            buffer.push(b'\r');
        } else if *octet == b'.' && last == b'\n' {
            buffer.push(b'.');
        }
        buffer.push(*octet);
        last = *octet;
        if buffer.len() >= buffer.capacity() - 2 {
            sent += send(buffer);
        }
    }
    if last != b'\n' {
        buffer.extend_from_slice(b"\r\n");
    }
    buffer.extend_from_slice(b".\r\n");
    sent + send(buffer)
}

fn send(buffer: &mut Vec<u8>) -> usize {
    let octets = black_box(&*buffer).len();
    buffer.clear();
    octets
}
