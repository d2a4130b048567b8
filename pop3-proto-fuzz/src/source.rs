//! The source of choices: the bytes of an input, or a seed in it.

use arbitrary::Unstructured;
use pop3_proto_kit::Cuts;

/// Choices taken from the input. When it is used up, each choice is the first possible one.
#[derive(Debug)]
pub struct Choices<'a>(Unstructured<'a>);

impl<'a> Choices<'a> {
    pub fn new(data: &'a [u8]) -> Self {
        Choices(Unstructured::new(data))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn byte(&mut self) -> u8 {
        self.0.arbitrary().unwrap_or(0)
    }

    pub fn flag(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    /// Returns a number from 0 to below `end`.
    pub fn below(&mut self, end: u8) -> u8 {
        self.byte() % end
    }

    /// Returns a number of any size, with small ones and powers of two more often.
    pub fn number(&mut self) -> u64 {
        match self.below(4) {
            0 => self.byte().into(),
            1 => 1u64.checked_shl(self.byte().into()).unwrap_or(u64::MAX),
            2 => 1u64.checked_shl(self.byte().into()).unwrap_or(0).wrapping_sub(1),
            _ => self.0.arbitrary().unwrap_or(u64::MAX),
        }
    }

    /// Returns at most `most` bytes.
    pub fn octets(&mut self, most: u8) -> &'a [u8] {
        let length = usize::from(self.byte()).min(most.into()).min(self.0.len());
        self.0.bytes(length).unwrap_or_default()
    }
}

/// Returns the cuts for every property: all at once, byte by byte, and two patterns of `seed`.
pub fn cuts(seed: u8) -> [Cuts; 4] {
    [Cuts::Whole, Cuts::Each(1), random(seed), random(!seed)]
}

/// Returns the cuts for one byte.
pub fn random(seed: u8) -> Cuts {
    Cuts::Random((u64::from(seed) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
}
