use core::iter;

/// Where the octets that a [`Peer`](super::Peer) says are cut: a network may cut anywhere, and code that
/// takes a read for a line breaks there.
///
/// ```
/// use pop3_proto::script::{Cuts, Script};
///
/// let script = Script::parse("S: +OK ready").unwrap();
/// let mut server = script.server().cut(Cuts::At([5, 8]));
/// let mut pieces = Vec::new();
/// while !server.pending().is_empty() {
///     pieces.push(server.pending());
///     server.sent(server.pending().len());
/// }
/// assert_eq!(pieces, [b"+OK r", &b"ead"[..], b"y\r\n"]);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
#[non_exhaustive]
pub enum Cuts {
    /// Nowhere: all that may be said is said at once.
    #[default]
    None,
    /// Behind each octet.
    Everywhere,
    /// Behind so many octets, and so many, counted over all that the peer says.
    At([usize; 2]),
}

impl Cuts {
    /// No cut, one behind each octet, and each single cut, for a peer that says so many octets.
    ///
    /// ```
    /// use pop3_proto::script::Cuts;
    ///
    /// assert!(Cuts::singles(3).eq([Cuts::None, Cuts::Everywhere, Cuts::At([1, 1]), Cuts::At([2, 2])]));
    /// ```
    pub fn singles(octets: usize) -> impl Iterator<Item = Cuts> {
        [Cuts::None, Cuts::Everywhere].into_iter().chain((1..octets).map(|at| Cuts::At([at, at])))
    }

    /// Each pair of cuts, for a peer that says so many octets: their square, so for short dialogues.
    ///
    /// ```
    /// use pop3_proto::script::Cuts;
    ///
    /// assert!(Cuts::pairs(4).eq([Cuts::At([1, 2]), Cuts::At([1, 3]), Cuts::At([2, 3])]));
    /// ```
    pub fn pairs(octets: usize) -> impl Iterator<Item = Cuts> {
        (1..octets).flat_map(move |first| {
            iter::repeat(first)
                .zip(first.saturating_add(1)..octets)
                .map(|(first, second)| Cuts::At([first, second]))
        })
    }

    /// Where the piece that begins at `start` ends, if it would go on to `end`.
    pub(super) fn piece_end(self, start: usize, end: usize) -> usize {
        match self {
            Cuts::None => end,
            Cuts::Everywhere => end.min(start.saturating_add(1)),
            Cuts::At(cuts) => cuts.into_iter().filter(|cut| *cut > start).fold(end, usize::min),
        }
    }
}
