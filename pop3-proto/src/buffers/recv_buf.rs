use super::storage::{BufferTooSmall, Storage};
use crate::input::{Input, to_front};
use core::fmt;

/// The bytes that were received and not yet read.
///
/// A connection has one, and lends it with `recv_buf`. If you drive a machine without a connection, create your own
/// with [`new`](Self::new). Give it the received bytes in one of two ways: read into [`spare_mut`](Self::spare_mut)
/// and report the count with [`received`](Self::received), as below, or let `read_from` do both (feature `std`).
///
/// ```
/// use pop3_proto::{ClientConnection, TlsPolicy, client::Event};
///
/// let mut pop3 = ClientConnection::new(TlsPolicy::Implicit, 1);
/// let mut transport: &[u8] = b"+OK ready\r\n";
/// let count = std::io::Read::read(&mut transport, pop3.recv_buf().spare_mut())?;
/// pop3.recv_buf().received(count);
/// assert!(matches!(pop3.poll()?, Some((Event::Greeting(_), _))));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct RecvBuf<B> {
    storage: B,
    start: usize,
    end: usize,
    eof: bool,
    /// Bytes that were read must keep their places, because an event that is given again consists of them.
    pinned: bool,
    /// The room that a growing storage makes for one read.
    read: usize,
    /// The length to which a storage may grow for a read.
    most: usize,
}

impl<B: Storage> RecvBuf<B> {
    /// Returns an empty buffer, for a machine without a connection. It uses all of `storage` and does not let it
    /// grow.
    ///
    /// A storage of `min_recv_buf()` bytes (ask the machine) never fills up with bytes that the machine leaves
    /// unread. So a full buffer is never mistaken for the end of the stream. With twice that size, bytes are seldom
    /// moved to the front.
    ///
    /// ```
    /// use pop3_proto::RecvBuf;
    ///
    /// let mut recv = RecvBuf::new([0; 64]);
    /// recv.spare_mut()[..5].copy_from_slice(b"+OK\r\n"); // what a socket's `read` does
    /// recv.received(5);
    /// assert_eq!(recv.unread(), b"+OK\r\n");
    /// assert_eq!(recv.with(|input| input.remaining()), 5);
    /// ```
    pub const fn new(storage: B) -> Self {
        Self::with_enough(storage, 0, 0)
    }

    /// Returns an empty buffer whose storage grows to `limit` bytes when there is something to read, and again after
    /// [`shrink`](Self::shrink). Use it for many connections of which most are idle.
    pub const fn with_limit(storage: B, limit: usize) -> Self {
        RecvBuf { storage, start: 0, end: 0, eof: false, pinned: false, read: limit, most: limit }
    }

    /// Returns a buffer for a machine that leaves up to `least` bytes unread.
    ///
    /// If its storage can grow, it grows by up to `read` bytes for each read, and to `least + read` in total.
    pub(crate) fn for_machine(storage: B, least: usize, read: usize) -> Result<Self, BufferTooSmall> {
        let given = storage.limit();
        if given < least {
            return Err(BufferTooSmall { needed: least, given, is_recv: true });
        }
        Ok(Self::with_enough(storage, least, read))
    }

    /// Does the same, for a storage that is known to grow.
    pub(crate) const fn with_enough(storage: B, least: usize, read: usize) -> Self {
        let most = least.saturating_add(read);
        RecvBuf { storage, start: 0, end: 0, eof: false, pinned: false, read, most }
    }

    /// Returns the bytes that were received and not yet read.
    pub fn unread(&self) -> &[u8] {
        self.storage.as_ref().get(self.start..self.end).unwrap_or_default()
    }

    /// Drops the first `count` unread bytes, or all if there are fewer. Proxies need this for the bytes after a
    /// login.
    pub fn consume(&mut self, count: usize) {
        self.start = self.start.saturating_add(count).min(self.end);
    }

    /// Returns the room for the next bytes.
    ///
    /// It is never empty while the connection waits for input. It may be empty if you receive more than the
    /// connection asks for: poll before the next read.
    pub fn spare_mut(&mut self) -> &mut [u8] {
        let unread = self.end.saturating_sub(self.start);
        self.storage.grow(unread.saturating_add(self.read).min(self.most));
        let buffer = self.storage.as_mut();
        // Moves are rare if the storage is larger than necessary, so the cost stays linear in the bytes received.
        let moves = self.start == self.end || self.end >= buffer.len() || self.start > buffer.len() / 2;
        if moves && !self.pinned {
            to_front(buffer, self.start, self.end);
            (self.start, self.end) = (0, unread);
        }
        buffer.get_mut(self.end..).unwrap_or_default()
    }

    /// Reports the result of a read into [`spare_mut`](Self::spare_mut): `count` new bytes. As with
    /// [`Read`](std::io::Read), 0 means that the stream has ended, unless there was no room to read into.
    ///
    /// A `count` above the room counts as all of the room.
    pub fn received(&mut self, count: usize) {
        let used = if self.pinned { self.end } else { self.end.saturating_sub(self.start) };
        if count == 0 && used < self.storage.as_ref().len() {
            self.eof = true;
        }
        self.end = self.end.saturating_add(count).min(self.storage.as_ref().len());
    }

    /// Reports that the stream has ended, for transports that also return 0 for "no bytes now".
    pub const fn received_eof(&mut self) {
        self.eof = true;
    }

    /// Returns whether the stream has ended.
    #[must_use]
    pub const fn is_eof(&self) -> bool {
        self.eof
    }

    /// Lets `read` read the unread bytes, and drops the bytes that it took from the input.
    ///
    /// The result of `read` may borrow the buffer, as the events of a machine do.
    pub fn with<'s, R>(&'s mut self, read: impl FnOnce(&mut Input<'s>) -> R) -> R {
        let mut reading = self.read();
        let result = read(&mut reading.input);
        reading.done();
        result
    }

    /// Returns the storage. Unread bytes are lost.
    pub fn into_storage(self) -> B {
        self.storage
    }

    /// Begins to read.
    #[inline(always)]
    pub(crate) fn read(&mut self) -> Reading<'_> {
        let RecvBuf { storage, start, end, eof, .. } = self;
        let all = (*storage).as_ref();
        let unread = all.get(*start..*end).unwrap_or_default();
        let input = if *eof { Input::last(unread) } else { Input::more(unread) };
        Reading { all, input, start, end: *end }
    }

    /// Returns the unread bytes as an input, for `tls_started`. They stay in the buffer.
    pub fn input(&self) -> Input<'_> {
        if self.eof { Input::last(self.unread()) } else { Input::more(self.unread()) }
    }

    /// Sets whether bytes that were read keep their places.
    pub(crate) const fn pin(&mut self, pinned: bool) {
        self.pinned = pinned;
    }

    /// Frees the memory if all bytes were read, because an idle connection needs none. A `Vec` in a buffer of
    /// [`new`](Self::new) then has no room. Use [`with_limit`](Self::with_limit), which makes room again.
    pub fn shrink(&mut self) {
        if self.start == self.end && !self.pinned {
            self.storage.shrink();
            (self.start, self.end) = (0, 0);
        }
    }
}

#[cfg(feature = "alloc")]
impl RecvBuf<alloc::vec::Vec<u8>> {
    /// Receives these bytes, for transports that hand out the bytes that they read. The buffer grows as needed, so
    /// limit the number of bytes that you append before you poll.
    pub fn append(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        if self.storage.len().saturating_sub(self.end) < bytes.len() && !self.pinned {
            to_front(&mut self.storage, self.start, self.end);
            (self.start, self.end) = (0, self.end.saturating_sub(self.start));
        }
        self.storage.grow(self.end.saturating_add(bytes.len()));
        if let Some(room) = self.storage.get_mut(self.end..).and_then(|room| room.get_mut(..bytes.len())) {
            crate::sink::copy(bytes, room);
        }
        self.received(bytes.len());
    }
}

/// Shows lengths only, because the bytes may be a password.
impl<B: Storage> fmt::Debug for RecvBuf<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecvBuf")
            .field("unread", &self.unread().len())
            .field("eof", &self.eof)
            .finish_non_exhaustive()
    }
}

/// A buffer that is being read. [`done`](Self::done) drops the bytes that were taken from the input.
pub(crate) struct Reading<'r> {
    /// The complete storage, for the [`Place`]s in it.
    pub(crate) all: &'r [u8],
    pub(crate) input: Input<'r>,
    start: &'r mut usize,
    end: usize,
}

impl Reading<'_> {
    #[inline(always)]
    pub(crate) fn done(self) {
        *self.start = self.end.saturating_sub(self.input.remaining());
    }
}

/// The position in a [`RecvBuf`] of a part of a line that was read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    start: usize,
    length: usize,
}

impl Place {
    /// Returns the position of `part` in the storage `all`. The position of an empty part is 0.
    pub(crate) fn of(part: &[u8], all: &[u8]) -> Self {
        if part.is_empty() {
            return Place { start: 0, length: 0 };
        }
        Place { start: part.as_ptr().addr().wrapping_sub(all.as_ptr().addr()), length: part.len() }
    }

    /// Returns the bytes at this position.
    pub(crate) fn get(self, all: &[u8]) -> &[u8] {
        all.get(self.start..self.start.saturating_add(self.length)).unwrap_or_default()
    }
}

#[cfg(all(test, feature = "alloc"))]
mod tests {
    use super::RecvBuf;
    use std::{format, vec};

    #[test]
    fn unread_bytes_move_to_the_front_after_half_of_the_storage() {
        let mut recv = RecvBuf::new([0; 101]);
        assert_eq!(recv.spare_mut().len(), 101);
        recv.received(70);
        recv.consume(50);
        assert_eq!(recv.spare_mut().len(), 31);
        recv.consume(1);
        assert_eq!(recv.spare_mut().len(), 82);
    }

    #[test]
    fn appended_bytes_use_the_room_of_bytes_that_were_read() {
        let mut recv = RecvBuf::new(vec![]);
        recv.append(&[b'a'; 100]);
        recv.consume(90);
        recv.append(&[b'b'; 50]);
        assert_eq!(recv.unread(), [&[b'a'; 10][..], &[b'b'; 50]].concat());
        assert_eq!(recv.into_storage().len(), 100);
    }

    #[test]
    fn appended_bytes_leave_the_bytes_of_an_open_question_in_place() {
        let mut recv = RecvBuf::new(vec![]);
        recv.append(b"USER mrose\r\n");
        recv.consume(12);
        recv.pin(true);
        recv.append(&[b'x'; 100]);
        assert_eq!(recv.unread(), [b'x'; 100]);
        assert_eq!(recv.into_storage().get(..12), Some(&b"USER mrose\r\n"[..]));
    }

    #[test]
    fn only_an_empty_buffer_frees_its_memory() {
        let mut recv = RecvBuf::new(vec![]);
        recv.append(b"+OK\r\n");
        assert!(format!("{recv:?}").contains("unread: 5"), "{recv:?}");
        recv.shrink();
        assert_eq!(recv.unread(), b"+OK\r\n");
        recv.consume(5);
        recv.shrink();
        assert_eq!(recv.into_storage().capacity(), 0);
    }
}
