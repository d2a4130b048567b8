use core::iter;

/// Where to cut the bytes that a [`Peer`](super::Peer) sends. A network may cut anywhere, so code that mistakes
/// one read for one line fails under some cut.
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
    /// No cuts. The peer sends as much as it may at once.
    #[default]
    None,
    /// A cut after each byte.
    Everywhere,
    /// Two cuts, at these numbers of bytes from the start of the stream.
    At([usize; 2]),
}

impl Cuts {
    /// Returns no cut, a cut after each byte, and every single cut, for a peer that sends `octets` bytes.
    ///
    /// ```
    /// use pop3_proto::script::Cuts;
    ///
    /// assert!(Cuts::singles(3).eq([Cuts::None, Cuts::Everywhere, Cuts::At([1, 1]), Cuts::At([2, 2])]));
    /// ```
    pub fn singles(octets: usize) -> impl Iterator<Item = Cuts> {
        [Cuts::None, Cuts::Everywhere].into_iter().chain((1..octets).map(|at| Cuts::At([at, at])))
    }

    /// Returns every pair of cuts for a peer that sends `octets` bytes. Their number grows with the square of
    /// `octets`, so use this for short dialogues.
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

    /// Returns where the piece from `start` ends: at the next cut, or at `end`.
    pub(super) fn piece_end(self, start: usize, end: usize) -> usize {
        match self {
            Cuts::None => end,
            Cuts::Everywhere => end.min(start.saturating_add(1)),
            Cuts::At(cuts) => cuts.into_iter().filter(|cut| *cut > start).fold(end, usize::min),
        }
    }
}
