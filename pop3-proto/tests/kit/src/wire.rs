/// How a stream of bytes is cut into reads.
#[derive(Clone, Copy, Debug)]
pub enum Cuts {
    /// All available bytes.
    Whole,
    /// This many bytes at a time.
    Each(usize),
    /// After this many bytes, and this many, counted from the start of the stream.
    At([usize; 2]),
    /// Mostly 1 to 7 bytes, sometimes up to 600, pseudo-random from this seed, which is not 0.
    Random(u64),
}

impl Cuts {
    /// Returns how many bytes the next read gives, of `available` from `offset` on.
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

    /// Returns every useful schedule for a stream of `length` bytes: whole, byte by byte, by twos and threes, cut at
    /// every place, and some at random.
    pub fn all(length: usize) -> impl Iterator<Item = Cuts> {
        [Cuts::Whole, Cuts::Each(1), Cuts::Each(2), Cuts::Each(3)]
            .into_iter()
            .chain((1..length).map(|cut| Cuts::At([cut, cut])))
            .chain((1..=8).map(|seed| Cuts::Random(seed * 0x1e37_79b9_7f4a_7c15)))
    }

    /// Returns every pair of places.
    pub fn pairs(length: usize) -> impl Iterator<Item = Cuts> {
        (1..length).flat_map(move |first| (first + 1..length).map(move |second| Cuts::At([first, second])))
    }
}

/// One direction of a connection.
pub struct Line {
    cuts: Cuts,
    breaks: Option<usize>,
    /// All bytes that arrived.
    pub bytes: Vec<u8>,
    /// The start of the bytes that arrived last.
    last: usize,
}

impl Line {
    /// The stream ends for the reader after `breaks` bytes, and the remaining bytes are lost.
    pub const fn new(cuts: Cuts, breaks: Option<usize>) -> Self {
        Line { cuts, breaks, bytes: Vec::new(), last: 0 }
    }

    /// Takes the next of the bytes that wait to be sent, and returns how many.
    pub fn carry(&mut self, pending: &[u8]) -> usize {
        let count = self.cuts.next(self.bytes.len(), pending.len());
        let left = self.breaks.map_or(count, |end| end - self.bytes.len());
        self.last = self.bytes.len();
        self.bytes.extend_from_slice(&pending[..count.min(left)]);
        count
    }

    /// Returns the bytes that the last call of [`carry`](Self::carry) delivered.
    pub fn arrived(&self) -> &[u8] {
        &self.bytes[self.last..]
    }

    pub fn is_broken(&self) -> bool {
        self.breaks == Some(self.bytes.len())
    }
}
