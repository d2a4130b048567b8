//! Limits that the crate is compared with: the fastest operations of the machine, and simple loops over octets.
//!
//! Most of them do less than the work and have no result of it, so they return the right one.

use crate::measure::Run;
use crate::samples::{MESSAGES, STATUS, Sample};
use memchr::memmem::Finder;
use pop3_proto_benches::CHUNK;
use std::fmt::Write;
use std::hint::black_box;

/// Finds each LF.
pub(crate) fn line_split(sample: &Sample) -> Run<'_> {
    Box::new(|| {
        memchr::memchr_iter(b'\n', &sample.bytes).for_each(|place| _ = black_box(place));
        sample.said
    })
}

/// Finds the lines of a dialogue, for each session.
pub(crate) fn line_split_sessions(sample: &Sample) -> Run<'_> {
    Box::new(|| {
        for _ in 0..MESSAGES {
            memchr::memchr_iter(b'\n', black_box(&sample.bytes)).for_each(|place| _ = black_box(place));
        }
        sample.said
    })
}

/// Searches for CRLF and a dot.
pub(crate) fn memmem_scan(sample: &Sample) -> Run<'_> {
    let finder = Finder::new("\r\n.");
    Box::new(move || {
        finder.find_iter(&sample.bytes).for_each(|place| _ = black_box(place));
        sample.said
    })
}

/// Copies all at once.
pub(crate) fn memcpy(sample: &Sample) -> Run<'_> {
    let mut copy = vec![0; sample.bytes.len()];
    Box::new(move || {
        copy.copy_from_slice(black_box(&sample.bytes));
        black_box(&copy);
        sample.said
    })
}

/// Copies read by read to one buffer, as reading from a socket does.
pub(crate) fn memcpy_reads(sample: &Sample) -> Run<'_> {
    let mut copy = vec![0; CHUNK];
    Box::new(move || {
        for read in black_box(&sample.bytes).chunks(CHUNK) {
            copy[..read.len()].copy_from_slice(read);
            black_box(&copy);
        }
        sample.said
    })
}

/// Copies the messages of a session.
pub(crate) fn memcpy_messages(sample: &Sample) -> Run<'_> {
    let mut copy = vec![0; sample.bytes.len()];
    Box::new(move || {
        for _ in 0..MESSAGES {
            copy.copy_from_slice(black_box(&sample.bytes));
            black_box(&copy);
        }
        sample.said
    })
}

/// Writes the rows of a listing with `core::fmt`.
pub(crate) fn format_rows(sample: &Sample) -> Run<'_> {
    let sizes = sample.sizes();
    let mut text = String::new();
    Box::new(move || {
        text.clear();
        for (size, n) in black_box(&sizes).iter().zip(1..) {
            write!(text, "{n} {size}\r\n").expect("a String takes all");
        }
        black_box(&text);
        sample.said
    })
}

/// Looks at each octet of a payload and counts those of the message. It could stop and continue after any octet, as reads need it.
pub(crate) fn unstuff_loop(sample: &Sample) -> Run<'_> {
    let payload = &sample.bytes[STATUS.len()..];
    Box::new(|| (unstuffed(black_box(payload)), 0))
}

#[inline(never)]
fn unstuffed(payload: &[u8]) -> u64 {
    let (mut recent, mut octets) = (u64::from_be_bytes(*b"\0\0\0\0\0\0\r\n"), 0);
    for octet in payload {
        recent = recent << 8 | u64::from(*octet);
        if recent << 24 == u64::from_be_bytes(*b"\r\n.\r\n\0\0\0") {
            return octets - 1;
        }
        octets += u64::from(recent << 40 != u64::from_be_bytes(*b"\r\n.\0\0\0\0\0"));
    }
    panic!("no terminator")
}

/// Copies each octet of a message into a buffer that is sent when it may be full, as a simple program does.
pub(crate) fn stuff_loop(sample: &Sample) -> Run<'_> {
    let mut buffer = vec![0; CHUNK];
    Box::new(move || (stuffed(black_box(&sample.bytes), &mut buffer), 0))
}

#[inline(never)]
fn stuffed(message: &[u8], buffer: &mut [u8]) -> u64 {
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
        sent += black_box(&buffer[..end]).len() as u64;
    }
    let terminator = if last == b'\n' { ".\r\n" } else { "\r\n.\r\n" };
    sent + black_box(terminator).len() as u64
}

/// Finds each LF with memchr and copies the lines with CRLF, and checks nothing: dots at the front of a line stay single.
pub(crate) fn lf_loop(sample: &Sample) -> Run<'_> {
    let mut out = Vec::with_capacity(2 * CHUNK);
    Box::new(move || {
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', &sample.bytes) {
            out.extend_from_slice(&sample.bytes[start..end]);
            out.extend_from_slice(b"\r\n");
            start = end + 1;
            if out.len() >= CHUNK {
                black_box(&out);
                out.clear();
            }
        }
        black_box(&out);
        out.clear();
        sample.said
    })
}
