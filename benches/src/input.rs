//! Made-up input, the same in each run.

use std::fmt::Write;

/// How many kinds of command [`commands`] goes through in turn.
pub const MIX: usize = 8;

/// So many command lines, mixed as a session mixes them.
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

/// So many status lines: with text and without, with a response code and without.
#[must_use]
pub fn status_lines(count: usize) -> Vec<u8> {
    lines(count, |n, line| match n % 4 {
        0 => write!(line, "+OK message {n} deleted"),
        1 => write!(line, "+OK"),
        2 => write!(line, "-ERR no such message"),
        _ => write!(line, "-ERR [SYS/TEMP] try again later"),
    })
}

/// What message `n` of a listing says its size is.
#[must_use]
pub const fn size(n: usize) -> u64 {
    n as u64 * 7919 % 100_000
}

/// An answer to LIST with so many rows.
#[must_use]
pub fn scan_listing(count: usize) -> Vec<u8> {
    listing(lines(count, |n, line| write!(line, "{n} {}", size(n))))
}

/// An answer to UIDL with so many rows, whose unique-ids have 16 octets.
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

/// What the lines of a message are.
#[derive(Clone, Copy, Debug)]
pub enum Lines {
    /// Text in 76 columns; of a hundred lines, one begins with a dot.
    Text,
    /// Base64 in 76 columns: no dot at all.
    Base64,
    /// Text in 76 columns, every line of which begins with a dot.
    Dotted,
    /// Nothing but a dot.
    Dot,
}

/// A message of about so many octets: a header of one field, then such lines.
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

/// The payload that a message is sent as: byte-stuffed, with its end mark.
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

/// The message as a store keeps it whose lines end in LF.
#[must_use]
pub fn bare_lf(message: &[u8]) -> Vec<u8> {
    message.iter().copied().filter(|octet| *octet != b'\r').collect()
}
