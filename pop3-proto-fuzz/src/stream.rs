//! The code that the targets for connections share: a stream whose next calls the input decides, and the simple side of the
//! comparison.

use pop3_proto::{BufferFull, RecvBuf, SendBuf, Sink, Storage};
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};

/// What a stream does with one call.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Call {
    /// It moves at most this many bytes.
    Move(usize),
    Fail(ErrorKind),
    /// It returns 0.
    Zero,
}

/// Returns the calls of one `read_from` for a letter. The last one returns. Without a digit, they read one line.
pub(crate) fn reads(letter: u8, digit: Option<u8>, incoming: &[u8]) -> Option<Vec<Call>> {
    let interrupted = Call::Fail(ErrorKind::Interrupted);
    let line = || incoming.iter().position(|octet| *octet == b'\n').map_or(usize::MAX, |end| end + 1);
    let count = || digit.map_or_else(line, usize::from);
    Some(match letter {
        b'<' => vec![Call::Move(count())],
        b'^' => vec![interrupted, interrupted, Call::Move(count())],
        b'&' => vec![Call::Move(usize::MAX)],
        b'~' => vec![Call::Fail(ErrorKind::WouldBlock)],
        b'!' => vec![interrupted, Call::Fail(ErrorKind::ConnectionReset)],
        b'$' => vec![Call::Zero],
        _ => return None,
    })
}

/// Returns the calls of one `write_to` for a letter. The stream takes everything after the last one.
pub(crate) fn writes(letter: u8, count: usize) -> Option<Vec<Call>> {
    let interrupted = Call::Fail(ErrorKind::Interrupted);
    let some = Call::Move(count);
    Some(match letter {
        b'>' => vec![some, interrupted, some],
        b'{' => vec![some, Call::Fail(ErrorKind::WouldBlock)],
        b'|' => vec![some, interrupted, some, Call::Fail(ErrorKind::BrokenPipe)],
        b'}' => vec![some, Call::Zero],
        _ => return None,
    })
}

struct Stream<'w> {
    calls: VecDeque<Call>,
    /// The bytes that the peer sends.
    incoming: &'w [u8],
    written: Vec<u8>,
    reads: usize,
}

impl Stream<'_> {
    fn next(&mut self) -> Call {
        self.calls.pop_front().unwrap_or(Call::Move(usize::MAX))
    }
}

impl Read for Stream<'_> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        assert!(!room.is_empty(), "a read without room looks like the end of the stream");
        self.reads += 1;
        match self.next() {
            Call::Fail(kind) => Err(kind.into()),
            Call::Zero => Ok(0),
            Call::Move(_) if self.incoming.is_empty() => Err(ErrorKind::WouldBlock.into()),
            Call::Move(count) => (&mut &self.incoming[..count.min(self.incoming.len())]).read(room),
        }
    }
}

impl Write for Stream<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        assert!(!bytes.is_empty(), "a write of nothing");
        match self.next() {
            Call::Fail(kind) => Err(kind.into()),
            Call::Zero => Ok(0),
            Call::Move(count) => {
                let count = count.min(bytes.len());
                self.written.extend_from_slice(&bytes[..count]);
                Ok(count)
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What `read_from` does in the present state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Due {
    /// It returns 0 without a call of the stream.
    Nothing,
    /// It returns an error without a call of the stream, because nothing would end the wait.
    Error,
    Read,
}

/// The bytes of the peer that a connection has received.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Received {
    Bytes(usize),
    End,
}

/// Runs one `read_from` over these calls, checks its result, and returns what was received.
pub(crate) fn read(
    due: Due,
    calls: Vec<Call>,
    incoming: &[u8],
    read_from: impl FnOnce(&mut dyn Read) -> io::Result<usize>,
) -> Received {
    let last = *calls.last().expect("a call");
    let mut stream = Stream { calls: calls.into(), incoming, written: Vec::new(), reads: 0 };
    let result = read_from(&mut stream).map_err(|error| error.kind());
    assert_eq!(stream.reads > 0, due == Due::Read, "whether it reads: {due:?}");
    let blocked = matches!(last, Call::Move(_)) && incoming.is_empty();
    match (due, last) {
        (Due::Nothing, _) => assert_eq!(result, Ok(0)),
        (Due::Error, _) => assert_eq!(result, Err(ErrorKind::Other)),
        (Due::Read, Call::Fail(kind)) => assert_eq!(result, Err(kind)),
        (Due::Read, _) if blocked => assert_eq!(result, Err(ErrorKind::WouldBlock)),
        (Due::Read, Call::Zero) => {
            assert_eq!(result, Ok(0));
            return Received::End;
        }
        (Due::Read, Call::Move(most)) => {
            let count = result.expect("bytes that the stream has");
            assert!(count > 0 && count <= most.min(incoming.len()), "{count}");
            return Received::Bytes(count);
        }
    }
    Received::Bytes(0)
}

/// Passes bytes without a stream, as far as there is room, and returns how many.
pub(crate) fn receive(recv: &mut RecvBuf<Room>, incoming: &[u8], most: usize) -> usize {
    let room = recv.spare_mut();
    let count = most.min(room.len()).min(incoming.len());
    if count > 0 {
        room[..count].copy_from_slice(&incoming[..count]);
        recv.received(count);
    }
    count
}

/// Fills both send buffers up to this many bytes, so the next calls may fail.
pub(crate) fn crowd(send: &mut SendBuf<Room>, simple: &mut Pending, left: usize) {
    let filler = vec![b'?'; simple.room().saturating_sub(left)];
    assert_eq!(send.put(&[&filler]), Ok(()), "there is room");
    assert_eq!(simple.put(&[&filler]), Ok(()));
}

/// Runs one `write_to` over these calls. Checks its result, and that the stream took the pending bytes in order. Returns how
/// many it took.
pub(crate) fn write(
    pending: &[u8],
    calls: Vec<Call>,
    write_to: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> usize {
    let (taken, expected) = taken(&calls, pending.len());
    let mut stream = Stream { calls: calls.into(), incoming: b"", written: Vec::new(), reads: 0 };
    let result = write_to(&mut stream).map_err(|error| error.kind());
    assert_eq!((result, &*stream.written), (expected, &pending[..taken]));
    taken
}

/// Returns how many of `pending` bytes the stream takes, and the result.
fn taken(calls: &[Call], pending: usize) -> (usize, Result<(), ErrorKind>) {
    let mut left = pending;
    for call in calls {
        match call {
            _ if left == 0 => break,
            Call::Move(count) => left -= left.min(*count),
            Call::Fail(ErrorKind::Interrupted) => {}
            Call::Fail(kind) => return (pending - left, Err(*kind)),
            Call::Zero => return (pending - left, Err(ErrorKind::WriteZero)),
        }
    }
    (pending, Ok(()))
}

/// Memory that grows to at most `limit` bytes, and that a connection can free.
#[derive(Clone, Debug)]
pub(crate) struct Room {
    bytes: Vec<u8>,
    limit: usize,
}

impl Room {
    /// Returns memory for a buffer of at least `least` bytes: exactly that many, a few more, or as many as a fuzzer can fill
    /// quickly.
    pub(crate) const fn new(least: usize, seed: u8) -> Self {
        let spare = if seed % 4 == 0 { 1 << 11 } else { seed as usize / 4 };
        Room { bytes: Vec::new(), limit: least + spare }
    }
}

impl AsRef<[u8]> for Room {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl AsMut<[u8]> for Room {
    fn as_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }
}

impl Storage for Room {
    fn grow(&mut self, length: usize) {
        self.bytes.resize(length.min(self.limit).max(self.bytes.len()), b'#');
    }

    fn shrink(&mut self) {
        self.bytes = Vec::new();
    }

    fn limit(&self) -> usize {
        self.limit
    }
}

/// Pending bytes in a plain vector.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) bytes: Vec<u8>,
    capacity: usize,
}

impl Pending {
    pub(crate) const fn new(capacity: usize) -> Self {
        Pending { bytes: Vec::new(), capacity }
    }
}

impl Sink for Pending {
    fn put(&mut self, parts: &[&[u8]]) -> Result<(), BufferFull> {
        let needed = parts.concat();
        if needed.len() > self.room() {
            return Err(BufferFull { needed: needed.len(), capacity: self.capacity });
        }
        self.bytes.extend(needed);
        Ok(())
    }

    fn room(&self) -> usize {
        self.capacity - self.bytes.len()
    }

    fn capacity(&self) -> usize {
        self.capacity
    }
}
