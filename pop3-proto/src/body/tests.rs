//! Test data, and a test of both ends of byte-stuffing together.

mod stuff;
mod unstuff;

use super::{OctetCount, Piece, Stuff, StuffMode, Unstuff};
use crate::LineEnding;
use std::vec::Vec;

const LETTERS: [u8; 4] = *b".\r\na";

/// Calls `check` with all bodies of up to `longest` bytes. `a` stands for every byte without a special meaning.
pub(super) fn all_words(longest: u32, mut check: impl FnMut(&[u8])) {
    for length in 0..=longest {
        for number in 0..4_usize.pow(length) {
            let letter = |place| LETTERS[number >> (2 * place) & 3];
            check(&(0..length).map(letter).collect::<Vec<u8>>());
        }
    }
}

/// Calls `check` with all bodies of up to `longest` bytes, at each offset around the borders of blocks. A line end
/// comes first because blocks are counted from there.
pub(super) fn words_at_borders(longest: u32, mut check: impl FnMut(&[u8])) {
    for before in [0..3, 5..12, 12..19, 123..134, 141..148, 251..262].into_iter().flatten() {
        let line = ["x\r\n", &"a".repeat(before)].concat();
        all_words(longest, |word| {
            check(&[line.as_bytes(), word].concat());
            check(&[line.as_bytes(), word, b"more follows after all of it."].concat());
        });
    }
}

/// Calls `check` with long bodies: with something special at every offset of blocks and their remainders, with and
/// without a line before it, and pseudo-random bodies.
pub(super) fn long_words(mut check: impl FnMut(&[u8])) {
    for length in (0..40).chain([127, 128, 129, 132, 133, 145, 146, 250, 260, 261, 277, 280, 401, 402, 600]) {
        for start in 0..length {
            for something in ["\r\n.", "\n.", "\n", "\r\n", "\r", "."] {
                let mut word = std::vec![b'a'; length];
                word.splice(start..(start + something.len()).min(length), something.bytes());
                check(&word);
                word.splice(..start.min(2), b"\r\n".iter().copied().take(start));
                check(&word);
            }
        }
    }
    let mut random = 0x9e37_79b9_u32;
    let mut next = move |bound: u32| {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (random >> 16) % bound
    };
    for round in 0..2_000 {
        let rarely = 4 << (round % 8);
        let letter = |_| LETTERS.get(next(rarely) as usize).copied().unwrap_or(b'a');
        check(&(0..round % 777).map(letter).collect::<Vec<u8>>());
    }
}

/// Bytes that are stuffed and then unstuffed.
#[test]
fn stuffed_bytes_unstuff_to_the_original() {
    let there_and_back = |message: &[u8]| {
        let mut stuff = Stuff::new(StuffMode::Convert);
        let mut rest = message;
        let mut wire = Vec::new();
        let mut sent = Vec::new();
        while let Some(slice) = stuff.next(&mut rest).unwrap() {
            wire.extend_from_slice(slice);
        }
        wire.extend_from_slice(stuff.finish());
        let mut unstuff = Unstuff::new(LineEnding::Crlf);
        let mut rest = wire.as_slice();
        while let Some(Piece::Data(data)) = unstuff.next(&mut rest) {
            sent.extend_from_slice(data);
        }
        assert!(unstuff.is_ended() && rest.is_empty(), "{message:?}");
        assert_eq!(sent.len() as u64, stuff.octets(), "{message:?}");
        assert_eq!(sent.len() as u64, OctetCount::of(message), "{message:?}");
    };
    all_words(7, there_and_back);
    words_at_borders(4, there_and_back);
    long_words(there_and_back);
}
