//! The code that the targets for the machines share: the form of their inputs, and a send buffer that checks its
//! contents.

use pop3_proto::{BufferFull, Input, SendBuf, Sink};

/// An input in two parts, so a person can read a seed: a first line of one-letter instructions, then the bytes of the wire.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'a> {
    /// Chooses a configuration.
    pub config: u8,
    /// Chooses cuts and sizes.
    pub seed: u8,
    pub letters: &'a [u8],
    pub wire: &'a [u8],
}

/// Returns the bytes of the wire, and the positions of TLS handshakes, each of which is a byte 0xFE in the
/// input.
pub fn walls(wire: &[u8]) -> (Vec<u8>, Vec<usize>) {
    let phases: Vec<&[u8]> = wire.split(|octet| *octet == 0xfe).collect();
    let mut ends: Vec<usize> = phases
        .iter()
        .scan(0, |end, phase| {
            *end += phase.len();
            Some(*end)
        })
        .collect();
    ends.pop();
    (phases.concat(), ends)
}

impl<'a> Parts<'a> {
    pub fn of(data: &'a [u8]) -> Self {
        let end = data.iter().position(|octet| *octet == b'\n').unwrap_or(data.len());
        let (line, wire) = data.split_at(end);
        let (config, line) = line.split_first().map_or((0, line), |(octet, rest)| (*octet, rest));
        let (seed, letters) = line.split_first().map_or((0, line), |(octet, rest)| (*octet, rest));
        Parts { config, seed, letters, wire: wire.get(1..).unwrap_or_default() }
    }
}

/// The letters of a first line, each with the digit after it.
#[derive(Debug)]
pub struct Letters<'a>(pub &'a [u8]);

impl Iterator for Letters<'_> {
    type Item = (u8, Option<u8>);

    fn next(&mut self) -> Option<Self::Item> {
        let (letter, later) = self.0.split_first()?;
        let digit = later.first().filter(|digit| matches!(digit, b'1'..=b'9')).map(|digit| digit - b'0');
        self.0 = &later[usize::from(digit.is_some())..];
        Some((*letter, digit))
    }
}

/// Returns the unread bytes as an input, the last one if the stream has ended.
pub(crate) const fn input(unread: &[u8], eof: bool) -> Input<'_> {
    if eof { Input::last(unread) } else { Input::more(unread) }
}

/// Encodes to a vector with room for anything that a target encodes.
pub(crate) fn encoded(encode: impl FnOnce(&mut dyn Sink) -> Result<(), BufferFull>) -> Vec<u8> {
    let mut out = SendBuf::with_limit(vec![], 1 << 20);
    encode(&mut out).expect("a mebibyte is enough");
    out.pending().to_vec()
}

/// A send buffer over a slice, and all bytes that were ever sent from it.
pub(crate) struct Watched<'b> {
    sink: SendBuf<&'b mut [u8]>,
    pub(crate) sent: Vec<u8>,
}

impl<'b> Watched<'b> {
    pub(crate) fn slice(buffer: &'b mut [u8]) -> Self {
        Watched { sink: SendBuf::new(buffer), sent: Vec::new() }
    }

    pub(crate) fn pending(&self) -> &[u8] {
        self.sink.pending()
    }

    /// Sends at most `count` bytes.
    pub(crate) fn send(&mut self, count: usize) {
        let count = count.min(self.pending().len());
        self.sent.extend_from_slice(&self.sink.pending()[..count]);
        self.sink.sent(count);
    }

    pub(crate) fn send_all(&mut self) {
        self.send(usize::MAX);
    }
}

impl Sink for Watched<'_> {
    /// Writes all parts or none, unchanged, and never beyond the capacity.
    fn put(&mut self, parts: &[&[u8]]) -> Result<(), BufferFull> {
        let (before, room) = (self.pending().len(), self.room());
        let put = self.sink.put(parts);
        let piece = parts.concat();
        assert_eq!(put.is_ok(), piece.len() <= room, "a piece is taken where it fits");
        let added = if put.is_ok() { piece.as_slice() } else { b"" };
        assert_eq!(self.pending().get(before..), Some(added), "all or nothing");
        assert!(self.pending().len() <= self.capacity(), "over capacity");
        put
    }

    fn room(&self) -> usize {
        self.sink.room()
    }

    fn capacity(&self) -> usize {
        self.sink.capacity()
    }
}
