//! Generated input, the same in each run.

use std::fmt::Write;

/// How many kinds of command [`commands`] alternates between.
pub const MIX: usize = 8;

/// Returns `count` command lines, mixed as in a session.
#[must_use]
pub fn commands(count: usize) -> Vec<u8> {
    lines(count, |n, line| match n % MIX {
        0 => write!(line, "RETR {n}"),
        1 => write!(line, "DELE {n}"),
        2 => write!(line, "LIST {n}"),
        3 => write!(line, "TOP {n} 10"),
        4 => write!(line, "UIDL {n}"),
        5 => write!(line, "STAT"),
        6 => write!(line, "NOOP"),
        _ => write!(line, "USER user{n}@example.org"),
    })
}

/// Returns `count` status lines: with and without text, with and without a response code.
#[must_use]
pub fn status_lines(count: usize) -> Vec<u8> {
    lines(count, |n, line| match n % 4 {
        0 => write!(line, "+OK message {n} deleted"),
        1 => write!(line, "+OK"),
        2 => write!(line, "-ERR no such message"),
        _ => write!(line, "-ERR [SYS/TEMP] try again later"),
    })
}

/// Returns the size of message `n` in a listing.
#[must_use]
pub const fn size(n: usize) -> u64 {
    n as u64 * 7919 % 100_000
}

/// Returns a response to LIST with `count` rows.
#[must_use]
pub fn scan_listing(count: usize) -> Vec<u8> {
    listing(lines(count, |n, line| write!(line, "{n} {}", size(n))))
}

/// Returns a response to UIDL with `count` rows, whose unique-ids have 16 bytes.
#[must_use]
pub fn unique_id_listing(count: usize) -> Vec<u8> {
    listing(lines(count, |n, line| write!(line, "{n} {:08x}5f3a9b1c", n * 7919)))
}

fn listing(rows: Vec<u8>) -> Vec<u8> {
    [b"+OK listing follows\r\n", rows.as_slice(), b".\r\n"].concat()
}

fn lines(count: usize, write: impl Fn(usize, &mut String) -> std::fmt::Result) -> Vec<u8> {
    let mut lines = String::new();
    for n in 1..=count {
        write(n, &mut lines).expect("a String takes all");
        lines.push_str("\r\n");
    }
    lines.into_bytes()
}

/// The kind of lines in a message.
#[derive(Clone, Copy, Debug)]
pub enum Lines {
    /// Text in 76 columns. One line of a hundred begins with a dot.
    Text,
    /// Base64 in 76 columns, without dots.
    Base64,
    /// Text in 76 columns, every line of which begins with a dot.
    Dotted,
    /// Lines that consist of a dot.
    Dot,
}

/// Returns a message of about `octets` octets: a header of one field, then lines of this kind.
#[must_use]
pub fn message(octets: usize, lines: Lines) -> Vec<u8> {
    let text = "The quick brown fox jumps over the lazy dog, then back, and so on, for long.";
    let dotted = text.replacen('T', ".", 1);
    let base64 = "VGhlIHF1aWNrIGJyb3duIGZveCBqdW1wcyBvdmVyIHRoZSBsYXp5IGRvZywgdGhlbiBiYWNrLCAv";
    let mut message = String::from("Subject: a bench\r\n\r\n");
    for n in 1.. {
        message.push_str(match lines {
            Lines::Text if n % 100 == 0 => &dotted,
            Lines::Text => text,
            Lines::Base64 => base64,
            Lines::Dotted => &dotted,
            Lines::Dot => ".",
        });
        message.push_str("\r\n");
        if message.len() >= octets {
            break;
        }
    }
    message.into_bytes()
}

/// Returns the payload for a message: byte-stuffed, with its terminator.
#[must_use]
pub fn stuffed(message: &[u8]) -> Vec<u8> {
    let mut payload = Vec::with_capacity(message.len());
    for line in message.split_inclusive(|octet| *octet == b'\n') {
        if line.starts_with(b".") {
            payload.push(b'.');
        }
        payload.extend_from_slice(line);
    }
    payload.extend_from_slice(b".\r\n");
    payload
}

/// Returns the message as a store keeps it whose lines end in LF.
#[must_use]
pub fn bare_lf(message: &[u8]) -> Vec<u8> {
    message.iter().copied().filter(|octet| *octet != b'\r').collect()
}
