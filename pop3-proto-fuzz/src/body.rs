//! Byte-stuffing in both directions at any cuts, against [`naive`](crate::naive).

use crate::naive;
use crate::source::{cuts, random};
use crate::wire::Watched;
use pop3_proto::{BareLf, LineEnding, OctetCount, Piece, Stuff, StuffMode, Unstuff};
use pop3_proto_kit::Cuts;

/// Runs on an input whose first byte chooses the cuts. The rest is a message, and a received body.
pub fn run(data: &[u8]) {
    let Some((seed, data)) = data.split_first() else { return };
    for cuts in cuts(*seed) {
        receive(data, LineEnding::Crlf, cuts);
        receive(data, LineEnding::Lf, cuts);
        count(data, cuts);
        send_slices(data, StuffMode::Convert, cuts);
        send_slices(data, StuffMode::Verbatim, cuts);
        send_copies(data, StuffMode::Convert, cuts, *seed);
        send_copies(data, StuffMode::Verbatim, cuts, *seed);
        receive(&naive::stuff(data), LineEnding::Crlf, cuts);
    }
}

/// Checks that a received body equals the naive reader's. Every byte up to the terminator must be consumed, and no
/// byte after it.
fn receive(wire: &[u8], ending: LineEnding, mut cuts: Cuts) {
    let (expected, end) = naive::unstuff(wire, ending);
    let mut unstuff = Unstuff::new(ending);
    let mut message = Vec::new();
    let mut at = 0;
    while at < wire.len() && !unstuff.is_ended() {
        let mut input = &wire[at..at + cuts.next(at, wire.len() - at)];
        let given = input.len();
        while let Some(piece) = unstuff.next(&mut input) {
            match piece {
                Piece::Data(data) => {
                    assert!(!data.is_empty());
                    assert!(lies_in(data, wire) || data == b"\r", "law 1");
                    message.extend_from_slice(data);
                }
                Piece::End => assert!(unstuff.is_ended()),
            }
        }
        assert!(input.is_empty() || unstuff.is_ended());
        at += given - input.len();
    }
    assert_eq!(message, expected);
    assert_eq!(unstuff.is_ended(), end.is_some());
    assert_eq!(at, end.unwrap_or(wire.len()));
}

fn count(message: &[u8], mut cuts: Cuts) {
    let (mut count, mut rest) = (OctetCount::new(), message);
    while !rest.is_empty() {
        let (chunk, later) = rest.split_at(cuts.next(message.len() - rest.len(), rest.len()));
        count.add(chunk);
        rest = later;
    }
    assert_eq!(count.finish(), naive::canonical(message).len() as u64);
    assert_eq!(OctetCount::of(message), count.finish());
}

/// Returns the part of a message that is sent before a bare LF stops it, or the whole message.
fn expected(message: &[u8], mode: StuffMode) -> (Vec<u8>, Option<usize>) {
    match naive::bare_lf(message).filter(|_| mode == StuffMode::Verbatim) {
        None => (naive::stuff(message), None),
        Some(at) => {
            let wire = naive::stuff(&message[..at]);
            let unended = wire.strip_suffix(b".\r\n").unwrap_or(&wire);
            let added = !matches!(message[..at].last(), None | Some(b'\n'));
            (unended[..unended.len() - if added { 2 } else { 0 }].to_vec(), Some(at))
        }
    }
}

fn send_slices(message: &[u8], mode: StuffMode, mut cuts: Cuts) {
    let (expected, stop) = expected(message, mode);
    let (mut stuff, mut wire) = (Stuff::new(mode), Vec::new());
    let mut at = 0;
    while at < message.len() {
        let mut chunk = &message[at..at + cuts.next(at, message.len() - at)];
        let given = chunk.len();
        let sent = loop {
            match stuff.next(&mut chunk) {
                Ok(Some(slice)) => {
                    assert!(lies_in(slice, message) || matches!(slice, b"\r\n" | b"\r\n."), "law 1");
                    wire.extend_from_slice(slice);
                }
                sent => break sent,
            }
        };
        at += given - chunk.len();
        if sent.is_err() {
            assert_eq!((stuff.next(&mut chunk), Some(at)), (Err(BareLf), stop), "the error must repeat");
            assert_eq!(wire, expected);
            return;
        }
    }
    wire.extend_from_slice(stuff.finish());
    assert_eq!(stop, None);
    assert_eq!(wire, expected);
    assert_eq!(stuff.octets(), OctetCount::of(message), "sent as it was counted");
    assert!(stuff.finish().ends_with(b".\r\n"));
    assert_eq!(stuff.octets(), OctetCount::of(message), "finishing twice counts once");
}

fn send_copies(message: &[u8], mode: StuffMode, mut cuts: Cuts, seed: u8) {
    let (expected, stop) = expected(message, mode);
    let mut buffer = vec![0; 3 + usize::from(seed % 29)];
    let (mut stuff, mut sink) = (Stuff::new(mode), Watched::slice(&mut buffer));
    let (mut at, mut sends) = (0, random(seed));
    while at < message.len() {
        let chunk = &message[at..at + cuts.next(at, message.len() - at)];
        match stuff.copy(chunk, &mut sink) {
            Ok(0) => {
                assert!(!sink.pending().is_empty(), "an empty sink takes something");
                sink.send(sends.next(0, usize::MAX));
            }
            Ok(taken) => at += taken,
            Err(BareLf) => {
                sink.send_all();
                assert_eq!((at, &sink.sent), (stop.unwrap_or(usize::MAX), &expected));
                return;
            }
        }
    }
    sink.send_all();
    let wire = [sink.sent.as_slice(), stuff.finish()].concat();
    assert_eq!(stop, None);
    assert_eq!(wire, expected);
    assert_eq!(stuff.octets(), OctetCount::of(message));
}

/// Returns whether a slice is part of the caller's buffer.
pub(crate) fn lies_in(slice: &[u8], buffer: &[u8]) -> bool {
    buffer.as_ptr_range().start <= slice.as_ptr_range().start
        && slice.as_ptr_range().end <= buffer.as_ptr_range().end
}
