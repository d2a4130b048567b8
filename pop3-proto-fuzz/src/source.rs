//! Where choices come from: the bytes of an input, or a seed in it.

use arbitrary::Unstructured;

/// Choices taken from the input. When it is used up, each is the first there is.
pub(crate) struct Choices<'a>(Unstructured<'a>);

impl<'a> Choices<'a> {
    pub(crate) fn new(data: &'a [u8]) -> Self {
        Choices(Unstructured::new(data))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.0.arbitrary().unwrap_or(0)
    }

    pub(crate) fn flag(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    /// A number from 0 up to, and without, `end`.
    pub(crate) fn below(&mut self, end: u8) -> u8 {
        self.byte() % end
    }

    /// A number of any size, small ones and powers of two more often.
    pub(crate) fn number(&mut self) -> u64 {
        match self.below(4) {
            0 => self.byte().into(),
            1 => 1u64.checked_shl(self.byte().into()).unwrap_or(u64::MAX),
            2 => 1u64.checked_shl(self.byte().into()).unwrap_or(0).wrapping_sub(1),
            _ => self.0.arbitrary().unwrap_or(u64::MAX),
        }
    }

    /// At most `most` octets.
    pub(crate) fn octets(&mut self, most: u8) -> &'a [u8] {
        let length = usize::from(self.byte()).min(most.into()).min(self.0.len());
        self.0.bytes(length).unwrap_or_default()
    }
}

/// A deterministic generator (SplitMix64): cuts and sizes that one seed octet stands for.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Random(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 up to, and without, `end`, which is not 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }
}

/// How a stream is cut into reads.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cuts {
    Whole,
    Single,
    Seeded(u8),
}

impl Cuts {
    /// What every property is tried with: all at once, octet by octet, and two patterns of `seed`.
    pub(crate) fn all(seed: u8) -> [Cuts; 4] {
        [Cuts::Whole, Cuts::Single, Cuts::Seeded(seed), Cuts::Seeded(!seed)]
    }

    pub(crate) fn chunks(self) -> Chunks {
        Chunks {
            cuts: self,
            random: Random::new(if let Cuts::Seeded(seed) = self { seed.into() } else { 0 }),
        }
    }
}

/// The lengths of successive reads.
pub(crate) struct Chunks {
    cuts: Cuts,
    random: Random,
}

impl Chunks {
    /// How much of `available` octets, which are some, comes next.
    pub(crate) fn next(&mut self, available: usize) -> usize {
        match self.cuts {
            Cuts::Whole => available,
            Cuts::Single => 1.min(available),
            // Mostly a few octets, at times many.
            Cuts::Seeded(_) => {
                let most = if self.random.below(4) == 0 { 600 } else { 7 };
                self.random.below(most).saturating_add(1).min(available)
            }
        }
    }
}
