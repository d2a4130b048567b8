//! Generated input, the same in each run.

use std::ops::RangeInclusive;

/// A generator of numbers (splitmix64).
#[derive(Debug)]
pub struct Random(u64);

impl Default for Random {
    fn default() -> Self {
        Random(1939)
    }
}

impl Random {
    /// Returns a number in this range.
    pub fn within(&mut self, range: RangeInclusive<u64>) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        range.start() + (bits ^ (bits >> 31)) % (range.end() - range.start() + 1)
    }

    /// Returns true for this number of calls in a thousand.
    pub fn permille(&mut self, so_many: u64) -> bool {
        self.within(1..=1000) <= so_many
    }

    /// Returns one of these.
    pub fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.within(0..=all.len() as u64 - 1) as usize]
    }

    /// Returns a number with this number of decimal digits.
    pub fn of_digits(&mut self, digits: u32) -> u64 {
        self.within(10_u64.pow(digits - 1)..=10_u64.pow(digits) - 1)
    }
}

/// The lines of a message.
#[derive(Clone, Debug)]
pub enum Lines {
    /// Base64 in 76 columns: no dot at all.
    Base64,
    /// Text with dots inside its lines, of this number of columns. Of a thousand lines, `dotted` begin with a dot.
    Text { columns: RangeInclusive<u64>, dotted: u64 },
    /// Only a dot.
    Dot,
}

impl Lines {
    /// Text in 76 columns.
    #[must_use]
    pub const fn text(dotted: u64) -> Self {
        Lines::Text { columns: 76..=76, dotted }
    }

    fn write(&self, random: &mut Random, message: &mut Vec<u8>) {
        const BASE64: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        const LETTERS: &[u8] = b"etaoinshrdlcumwfgypbvk";
        match self {
            Lines::Base64 => message.extend((0..76).map(|_| random.one_of(BASE64))),
            Lines::Dot => message.push(b'.'),
            Lines::Text { columns, dotted } => {
                let columns = random.within(columns.clone());
                message.extend((0..columns).map(|column| match column {
                    0 if random.permille(*dotted) => b'.',
                    1.. if random.permille(12) => b'.',
                    1.. if random.permille(160) => b' ',
                    _ => random.one_of(LETTERS),
                }));
            }
        }
        message.extend_from_slice(b"\r\n");
    }
}

/// A longer message repeats the same lines, because making them takes too long.
const MADE: usize = 1 << 20;

/// Returns a message of about this number of octets: a header of one field, then such lines.
#[must_use]
pub fn message(octets: usize, lines: &Lines) -> Vec<u8> {
    let mut random = Random::default();
    let mut message = b"Subject: a bench\r\n\r\n".to_vec();
    while message.len() < octets.min(MADE) {
        lines.write(&mut random, &mut message);
    }
    message.repeat((octets / MADE).max(1))
}

/// Returns the payload that a message is sent as: byte-stuffed, with its terminator.
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
