/// How a stream of bytes is cut into reads.
#[derive(Clone, Debug)]
pub(crate) enum Cuts {
    /// All that there is.
    Whole,
    /// So many octets at a time.
    Each(usize),
    /// At these offsets from the start of the stream, in rising order.
    At(Vec<usize>),
    /// 1 to 16 octets, pseudo-random from this seed, which is not 0.
    Random(u64),
}

impl Cuts {
    /// How many octets the next read gives, of `available` from `offset` on.
    pub(crate) fn next(&mut self, offset: usize, available: usize) -> usize {
        let most = match self {
            Cuts::Whole => available,
            Cuts::Each(octets) => *octets,
            Cuts::At(offsets) => {
                offsets.iter().find(|cut| **cut > offset).map_or(available, |cut| cut - offset)
            }
            Cuts::Random(seed) => {
                *seed ^= *seed << 13;
                *seed ^= *seed >> 7;
                *seed ^= *seed << 17;
                (*seed % 16) as usize + 1
            }
        };
        most.min(available)
    }

    /// Every schedule that a stream of `length` octets is worth: whole, octet by octet, by twos and threes, at every single place, and
    /// some at random.
    pub(crate) fn all(length: usize) -> impl Iterator<Item = Cuts> {
        [Cuts::Whole, Cuts::Each(1), Cuts::Each(2), Cuts::Each(3)]
            .into_iter()
            .chain((1..length).map(|cut| Cuts::At(vec![cut])))
            .chain((1..=8).map(|seed| Cuts::Random(seed * 0x1e37_79b9_7f4a_7c15)))
    }

    /// Every pair of places.
    pub(crate) fn pairs(length: usize) -> impl Iterator<Item = Cuts> {
        (1..length)
            .flat_map(move |first| (first + 1..length).map(move |second| Cuts::At(vec![first, second])))
    }
}
