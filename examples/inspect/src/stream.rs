//! One direction of a TCP connection: segments in, bytes in order out.
//!
//! A passive observer does not know which of two different segments the receiver has read. It knows more once the receiver
//! acknowledges: what was acknowledged was received, and later copies are ignored. So bytes leave here when the receiver has
//! acknowledged them. What two segments contradict each other about is a gap, as is what the capture lost.

use crate::time::Time;
use std::collections::BTreeMap;
use std::ops::Range;

/// What leaves a stream.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Chunk {
    /// The next bytes, and when the packet with them was seen.
    Bytes(Vec<u8>, Time),
    /// This number of bytes is unknown.
    Missing(u64),
}

/// What a segment did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Effect {
    /// It is stored, or contains no new bytes.
    Stored,
    /// It contradicts an earlier segment that is not acknowledged.
    Conflict,
    /// It is further ahead than a receiver's window can be.
    TooFar,
}

/// Segments of one direction that are not acknowledged.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    /// The sequence number of the next byte that leaves, once any packet was seen.
    sequence: Option<u32>,
    /// The place of that byte in the stream.
    next: u64,
    /// The first place after all that was seen.
    highest: u64,
    /// The first place that the receiver has not acknowledged.
    acknowledged: u64,
    /// Bytes by their place. They do not overlap.
    pieces: BTreeMap<u64, Piece>,
    /// Places whose bytes are contradictory, not overlapping.
    conflicts: BTreeMap<u64, u64>,
    buffered: usize,
    /// The place of the end.
    end: Option<u64>,
    /// The sequence number of its first byte, if its SYN was seen.
    first: Option<u32>,
    /// A packet of the sender was seen, not only acknowledgements of the receiver.
    is_seen: bool,
}

#[derive(Debug)]
struct Piece {
    bytes: Vec<u8>,
    time: Time,
}

/// How many separate contradictions are stored. More of them are joined.
const MOST_CONFLICTS: usize = 64;

impl Stream {
    /// The largest window of TCP (RFC 7323 section 2.3), and so the farthest that a valid byte can be ahead.
    pub(crate) const WINDOW: u64 = 1 << 30;

    /// Sets where the stream begins, unless that is known.
    fn begin(&mut self, sequence: u32) {
        self.sequence.get_or_insert(sequence);
    }

    /// A SYN was seen: this is the sequence number of the first byte.
    pub(crate) fn open(&mut self, sequence: u32) {
        self.begin(sequence);
        self.first.get_or_insert(sequence);
    }

    /// Returns whether the SYN was seen, and gave this sequence number to the first byte.
    pub(crate) fn began_with(&self, sequence: u32) -> bool {
        self.first == Some(sequence)
    }

    /// Returns whether any packet of the sender was seen.
    pub(crate) fn is_seen(&self) -> bool {
        self.is_seen
    }

    /// Returns how many bytes it stores, with what the bookkeeping takes.
    pub(crate) fn buffered(&self) -> usize {
        const PIECE: usize = 64;
        self.buffered + PIECE * (self.pieces.len() + self.conflicts.len())
    }

    /// Returns whether the sender has finished, the receiver knows, and everything has left.
    pub(crate) fn is_over(&self) -> bool {
        self.end.is_some_and(|end| self.next >= end && self.acknowledged > end)
    }

    /// The place of a sequence number: the one that is nearest to the next byte. `None` if it is before the start.
    fn place(&self, sequence: u32) -> Option<i64> {
        let distance = sequence.wrapping_sub(self.sequence?) as i32;
        Some(self.next as i64 + i64::from(distance))
    }

    /// Stores a segment.
    pub(crate) fn segment(&mut self, sequence: u32, bytes: &[u8], is_last: bool, time: Time) -> Effect {
        self.begin(sequence);
        self.is_seen = true;
        let Some(start) = self.place(sequence) else { return Effect::Stored };
        let end = start + bytes.len() as i64;
        if end > (self.next + Self::WINDOW) as i64 {
            return Effect::TooFar;
        }
        if is_last && end >= self.next as i64 && self.end.is_none() {
            self.end = Some(end as u64);
        }
        if end <= self.next as i64 {
            return Effect::Stored; // the receiver has these bytes already
        }
        if bytes.is_empty() && self.end.is_some_and(|last| end as u64 > last) {
            return Effect::Stored; // an acknowledgement after the end
        }
        let old = (self.next as i64 - start).max(0);
        let (start, bytes) = ((start + old) as u64, &bytes[old as usize..]);
        self.highest = self.highest.max(start + bytes.len() as u64);
        self.insert(start, bytes, time)
    }

    fn insert(&mut self, start: u64, bytes: &[u8], time: Time) -> Effect {
        let end = start + bytes.len() as u64;
        let slice = |range: &Range<u64>| &bytes[(range.start - start) as usize..(range.end - start) as usize];
        let from = self.pieces.range(..=start).next_back().map_or(start, |(place, _)| *place);
        let (mut at, mut new, mut effect) = (start, Vec::new(), Effect::Stored);
        let mut contradictions = Vec::new();
        for (place, piece) in self.pieces.range(from..end) {
            let piece_end = place + piece.bytes.len() as u64;
            let both = start.max(*place)..end.min(piece_end);
            if both.is_empty() {
                continue;
            }
            new.push(at..both.start);
            at = both.end;
            let known = &piece.bytes[(both.start - place) as usize..(both.end - place) as usize];
            let mut different = known.iter().zip(slice(&both)).enumerate().filter(|(_, (a, b))| a != b);
            if let Some((first, _)) = different.next() {
                let last = different.next_back().map_or(first, |(last, _)| last);
                contradictions.push(both.start + first as u64..both.start + last as u64 + 1);
                effect = Effect::Conflict;
            }
        }
        new.push(at..end);
        for range in new.into_iter().filter(|range| !range.is_empty()) {
            self.buffered += slice(&range).len();
            self.pieces.insert(range.start, Piece { bytes: slice(&range).to_vec(), time });
        }
        contradictions.into_iter().for_each(|range| self.contradict(range));
        effect
    }

    /// Marks places as not known.
    pub(crate) fn contradict(&mut self, range: Range<u64>) {
        let Range { mut start, mut end } = range;
        let touching: Vec<u64> = self
            .conflicts
            .range(..=end)
            .filter(|(_, other)| **other >= start)
            .map(|(place, _)| *place)
            .collect();
        for place in touching {
            let other = self.conflicts.remove(&place).unwrap_or(place);
            (start, end) = (start.min(place), end.max(other));
        }
        self.conflicts.insert(start, end);
        if self.conflicts.len() > MOST_CONFLICTS {
            let (first, _) = self.conflicts.pop_first().unwrap_or((start, end));
            if let Some((_, second)) = self.conflicts.pop_first() {
                self.conflicts.insert(first, second);
            }
        }
    }

    /// Marks the bytes of this segment as not known, as far as they have not left.
    pub(crate) fn distrust(&mut self, sequence: u32, length: usize) {
        let Some(start) = self.place(sequence) else { return };
        let (start, end) = (start.max(self.next as i64), start + length as i64);
        if start < end {
            self.contradict(start as u64..end as u64);
        }
    }

    /// The receiver has acknowledged everything before this sequence number.
    pub(crate) fn acknowledge(&mut self, sequence: u32) {
        // Without a packet of the sender, this is where the part of the stream begins that can still be seen.
        self.begin(sequence);
        let place = self.place(sequence).unwrap_or(0);
        if place > self.acknowledged as i64 && place <= (self.next + Self::WINDOW) as i64 {
            self.acknowledged = place as u64;
        }
    }

    /// Returns the next chunk that the receiver has acknowledged.
    pub(crate) fn next_acknowledged(&mut self) -> Option<Chunk> {
        // An acknowledgement of bytes that were not seen may be forged. It counts once later bytes are seen.
        let end = self.acknowledged.min(self.highest);
        self.next_before(end)
    }

    /// Returns the next chunk, acknowledged or not.
    pub(crate) fn next_of_all(&mut self) -> Option<Chunk> {
        self.next_before(self.highest)
    }

    fn next_before(&mut self, end: u64) -> Option<Chunk> {
        if self.next >= end {
            return None;
        }
        let conflict = self.conflicts.first_key_value().map_or((end, end), |(start, end)| (*start, *end));
        let chunk = match self.pieces.first_entry() {
            _ if conflict.0 <= self.next => Chunk::Missing(conflict.1.min(end) - self.next),
            Some(first) if *first.key() == self.next => {
                let Piece { mut bytes, time } = first.remove();
                self.buffered -= bytes.len();
                let most = (end.min(conflict.0) - self.next) as usize;
                if bytes.len() > most {
                    let rest = bytes.split_off(most);
                    self.buffered += rest.len();
                    self.pieces.insert(self.next + most as u64, Piece { bytes: rest, time });
                }
                Chunk::Bytes(bytes, time)
            }
            Some(first) => Chunk::Missing((*first.key()).min(end) - self.next),
            None => Chunk::Missing(end - self.next),
        };
        self.advance(match &chunk {
            Chunk::Bytes(bytes, _) => bytes.len() as u64,
            Chunk::Missing(bytes) => *bytes,
        });
        Some(chunk)
    }

    /// Forgets everything before the new next byte.
    fn advance(&mut self, bytes: u64) {
        self.next += bytes;
        self.sequence = self.sequence.map(|sequence| sequence.wrapping_add(bytes as u32));
        while let Some(first) = self.pieces.first_entry().filter(|first| *first.key() < self.next) {
            let (place, Piece { mut bytes, time }) = first.remove_entry();
            self.buffered -= bytes.len();
            let old = (self.next - place) as usize;
            if old < bytes.len() {
                let rest = bytes.split_off(old);
                self.buffered += rest.len();
                self.pieces.insert(self.next, Piece { bytes: rest, time });
            }
        }
        while let Some(first) = self.conflicts.first_entry().filter(|first| *first.key() < self.next) {
            let (_, end) = first.remove_entry();
            if end > self.next {
                self.conflicts.insert(self.next, end);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: u32 = u32::MAX - 5; // it wraps soon

    fn stream() -> Stream {
        let mut stream = Stream::default();
        stream.begin(START);
        stream
    }

    fn put(stream: &mut Stream, place: u32, bytes: &str) -> Effect {
        stream.segment(START.wrapping_add(place), bytes.as_bytes(), false, Time::default())
    }

    /// All that was acknowledged, with `_` for a byte that is not known.
    fn read(stream: &mut Stream, acknowledged: u32) -> String {
        stream.acknowledge(START.wrapping_add(acknowledged));
        let mut text = String::new();
        while let Some(chunk) = stream.next_acknowledged() {
            match chunk {
                Chunk::Bytes(bytes, _) => text += std::str::from_utf8(&bytes).unwrap(),
                Chunk::Missing(bytes) => text += &"_".repeat(bytes as usize),
            }
        }
        text
    }

    #[test]
    fn order_copies_and_overlaps_do_not_matter() {
        let parts = [(0, "abc"), (3, "defg"), (5, "fghij"), (10, "k"), (2, "cdefghijk"), (0, "ab")];
        // Every order of the six.
        for number in 0..720usize {
            let (mut left, mut rest, mut stream) = (number, parts.to_vec(), stream());
            while !rest.is_empty() {
                let (place, bytes) = rest.remove(left % rest.len());
                left /= rest.len() + 1;
                assert_eq!(put(&mut stream, place, bytes), Effect::Stored);
            }
            assert_eq!(stream.buffered, 11);
            assert_eq!(read(&mut stream, 11), "abcdefghijk");
            assert_eq!(stream.buffered(), 0);
        }
    }

    #[test]
    fn bytes_leave_when_they_are_acknowledged() {
        let mut stream = stream();
        put(&mut stream, 0, "abcdef");
        assert_eq!(read(&mut stream, 0), "");
        assert_eq!(read(&mut stream, 4), "abcd");
        assert_eq!(put(&mut stream, 0, "XXXX"), Effect::Stored, "the receiver ignores it");
        assert_eq!(read(&mut stream, 6), "ef");
        assert_eq!(read(&mut stream, 100), "", "an acknowledgement of unseen bytes waits");
        put(&mut stream, 9, "jk");
        assert_eq!(read(&mut stream, 100), "___jk");
    }

    #[test]
    fn contradictions_are_not_known() {
        let mut stream = stream();
        put(&mut stream, 0, "abcdef");
        assert_eq!(put(&mut stream, 1, "bXdYe"), Effect::Conflict);
        assert_eq!(put(&mut stream, 8, "ij"), Effect::Stored);
        assert_eq!(put(&mut stream, 7, "hiJk"), Effect::Conflict);
        assert_eq!(read(&mut stream, 11), "ab____".to_owned() + "_hi_k");
    }

    #[test]
    fn many_contradictions_are_joined() {
        let mut stream = stream();
        put(&mut stream, 0, &"a".repeat(1000));
        for place in 0..500 {
            put(&mut stream, 2 * place, "b");
        }
        assert!(stream.conflicts.len() <= MOST_CONFLICTS);
        assert!(!read(&mut stream, 1000).contains('b'));
    }

    #[test]
    fn a_byte_out_of_every_window_is_refused() {
        let mut stream = stream();
        assert_eq!(put(&mut stream, 1 << 30, "a"), Effect::TooFar);
        assert_eq!(put(&mut stream, 1 << 29, "a"), Effect::Stored);
        assert_eq!(put(&mut stream, 1 << 31, "a"), Effect::Stored, "before the start");
        assert_eq!(stream.buffered, 1);
    }

    #[test]
    fn the_end_is_known() {
        let mut stream = stream();
        stream.segment(START, b"ab", true, Time::default());
        assert!(!stream.is_over());
        assert_eq!(read(&mut stream, 2), "ab");
        assert!(!stream.is_over(), "the end is not acknowledged");
        read(&mut stream, 3);
        assert!(stream.is_over());
    }
}
