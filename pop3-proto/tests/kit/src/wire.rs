/// How a stream of bytes is cut into reads.
#[derive(Clone, Copy, Debug)]
pub enum Cuts {
    /// All that there is.
    Whole,
    /// This many bytes at a time.
    Each(usize),
    /// After this many bytes, and this many, counted from the start of the stream.
    At([usize; 2]),
    /// Mostly 1 to 7 bytes, at times up to 600, pseudo-random from this seed, which is not 0.
    Random(u64),
}

impl Cuts {
    /// How many bytes the next read gives, of `available` from `offset` on.
    pub fn next(&mut self, offset: usize, available: usize) -> usize {
        let most = match self {
            Cuts::Whole => available,
            Cuts::Each(bytes) => *bytes,
            Cuts::At(cuts) => cuts.iter().find(|cut| **cut > offset).map_or(available, |cut| cut - offset),
            Cuts::Random(seed) => {
                *seed ^= *seed << 13;
                *seed ^= *seed >> 7;
                *seed ^= *seed << 17;
                let most = if *seed % 4 == 0 { 600 } else { 7 };
                (*seed >> 32) as usize % most + 1
            }
        };
        most.min(available)
    }

    /// Every schedule that a stream of `length` bytes is worth: whole, byte by byte, by twos and threes, at every single
    /// place, and some at random.
    pub fn all(length: usize) -> impl Iterator<Item = Cuts> {
        [Cuts::Whole, Cuts::Each(1), Cuts::Each(2), Cuts::Each(3)]
            .into_iter()
            .chain((1..length).map(|cut| Cuts::At([cut, cut])))
            .chain((1..=8).map(|seed| Cuts::Random(seed * 0x1e37_79b9_7f4a_7c15)))
    }

    /// Every pair of places.
    pub fn pairs(length: usize) -> impl Iterator<Item = Cuts> {
        (1..length).flat_map(move |first| (first + 1..length).map(move |second| Cuts::At([first, second])))
    }
}

/// One direction of a cable.
pub struct Line {
    cuts: Cuts,
    breaks: Option<usize>,
    /// All that arrived.
    pub bytes: Vec<u8>,
    /// Where the bytes begin that arrived last.
    last: usize,
}

impl Line {
    /// The stream ends for the reader after `breaks` bytes, and the others are lost.
    pub const fn new(cuts: Cuts, breaks: Option<usize>) -> Self {
        Line { cuts, breaks, bytes: Vec::new(), last: 0 }
    }

    /// Takes the next bytes of those that wait to be sent, and returns how many.
    pub fn carry(&mut self, pending: &[u8]) -> usize {
        let count = self.cuts.next(self.bytes.len(), pending.len());
        let left = self.breaks.map_or(count, |end| end - self.bytes.len());
        self.last = self.bytes.len();
        self.bytes.extend_from_slice(&pending[..count.min(left)]);
        count
    }

    /// What the last call of [`carry`](Self::carry) brought.
    pub fn arrived(&self) -> &[u8] {
        &self.bytes[self.last..]
    }

    pub fn is_broken(&self) -> bool {
        self.breaks == Some(self.bytes.len())
    }
}
