use super::storage::{BufferTooSmall, Storage};
use crate::input::to_front;
use crate::sink::{BufferFull, MIN_SEND_BUF, Sink, copy, length};
use core::fmt;

/// The bytes that wait to be sent.
///
/// A connection has one, and lends it with `send_buf`. If you drive a machine without a connection, create your own
/// with [`new`](Self::new). It is the [`Sink`] of the machine: write [`pending`](Self::pending) to your transport and
/// report how many bytes it took with [`sent`](Self::sent), or let `write_to` do both (feature `std`).
///
/// ```
/// use pop3_proto::{ClientConnection, Command, TlsPolicy};
/// use std::io::Write;
///
/// # let mut pop3 = ClientConnection::new(TlsPolicy::Implicit, 1);
/// # pop3.recv_buf().spare_mut()[..5].copy_from_slice(b"+OK\r\n");
/// # pop3.recv_buf().received(5);
/// # pop3.poll()?;
/// pop3.sender().send(Command::Quit)?;
/// let mut transport = Vec::new();
/// while pop3.wants_write() {
///     let count = transport.write(pop3.send_buf().pending())?;
///     pop3.send_buf().sent(count);
/// }
/// assert_eq!(transport, b"QUIT\r\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct SendBuf<B> {
    storage: B,
    start: usize,
    end: usize,
    limit: usize,
}

impl<B: Storage> SendBuf<B> {
    /// The size in bytes to which a growing storage grows, unless you choose another limit: 16 KiB. A buffer without
    /// a limit would switch back-pressure off.
    pub const LIMIT: usize = 16 * 1024;

    /// Returns an empty buffer of at least [`MIN_SEND_BUF`](crate::MIN_SEND_BUF) bytes, for a machine without a
    /// connection. A storage that can grow grows to [`LIMIT`](Self::LIMIT).
    ///
    /// ```
    /// use pop3_proto::{SendBuf, Sink};
    ///
    /// let mut send = SendBuf::new(vec![]);
    /// send.put(&[b"STAT\r\n"]).unwrap();
    /// assert_eq!(send.pending(), b"STAT\r\n");
    /// send.sent(4); // a short write
    /// assert_eq!(send.pending(), b"\r\n");
    ///
    /// let mut array = [0; 512]; // without a heap
    /// let mut send = SendBuf::new(&mut array);
    /// send.put(&[b"STAT\r\n"]).unwrap();
    /// ```
    pub fn new(storage: B) -> Self {
        Self::with_limit(storage, Self::LIMIT)
    }

    /// Does the same as [`new`](Self::new), but a storage that can grow grows to `limit` bytes, or to
    /// [`MIN_SEND_BUF`](crate::MIN_SEND_BUF) if that is more.
    pub fn with_limit(storage: B, limit: usize) -> Self {
        let limit = limit.max(MIN_SEND_BUF).max(storage.as_ref().len()).min(storage.limit());
        SendBuf { storage, start: 0, end: 0, limit }
    }

    /// Returns a buffer for a machine that writes lines of up to `least` bytes.
    pub(crate) fn for_machine(storage: B, least: usize) -> Result<Self, BufferTooSmall> {
        let given = storage.limit();
        if given < least {
            return Err(BufferTooSmall { needed: least, given, is_recv: false });
        }
        Ok(Self::with_limit(storage, Self::LIMIT.max(least)))
    }

    /// Does the same, for a storage that is known to grow.
    #[cfg(feature = "alloc")]
    pub(crate) const fn with_enough(storage: B, least: usize) -> Self {
        let limit = if least > Self::LIMIT { least } else { Self::LIMIT };
        SendBuf { storage, start: 0, end: 0, limit }
    }

    /// Returns the bytes to send.
    pub fn pending(&self) -> &[u8] {
        self.storage.as_ref().get(self.start..self.end).unwrap_or_default()
    }

    /// Reports that the first `count` pending bytes were sent, or all if there are fewer.
    pub fn sent(&mut self, count: usize) {
        self.start = self.start.saturating_add(count);
        if self.start >= self.end {
            self.clear();
        }
    }

    /// Drops all pending bytes, after they were sent or if the peer is gone.
    pub const fn clear(&mut self) {
        (self.start, self.end) = (0, 0);
    }

    /// Returns whether no bytes are pending.
    pub(crate) const fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Frees the memory if no bytes are pending, because an idle connection needs none.
    pub fn shrink(&mut self) {
        if self.is_empty() {
            self.storage.shrink();
        }
    }

    /// Appends all parts if they fit at the end, in one pass: bytes after the end do not count, so parts that were copied
    /// before one did not fit change nothing.
    fn append(&mut self, parts: &[&[u8]]) -> bool {
        let storage = self.storage.as_mut();
        let most = self.limit.min(storage.len());
        let mut spare = storage.get_mut(self.end..most).unwrap_or_default();
        let room = spare.len();
        for part in parts {
            let Some((to, rest)) = spare.split_at_mut_checked(part.len()) else { return false };
            copy(part, to);
            spare = rest;
        }
        self.end = self.end.saturating_add(room.saturating_sub(spare.len()));
        true
    }

    /// Makes room for `needed` bytes after those that are pending: moves these to the front, and lets the storage grow.
    /// Rarely needed, so it is not inlined into the code for each line.
    #[cold]
    fn reserve(&mut self, needed: usize) -> Result<(), BufferFull> {
        let full = |capacity| Err(BufferFull { needed, capacity });
        if needed > self.room() {
            return full(self.limit);
        }
        if needed > self.limit.saturating_sub(self.end) {
            to_front(self.storage.as_mut(), self.start, self.end);
            (self.start, self.end) = (0, self.end.saturating_sub(self.start));
        }
        let length = self.end.saturating_add(needed);
        if length > self.storage.as_mut().len() {
            self.storage.grow(length.checked_next_power_of_two().unwrap_or(length).min(self.limit));
            let grown = self.storage.as_mut().len();
            if length > grown {
                // The storage did not grow as promised, so its present size is its limit.
                self.limit = grown;
                return full(grown);
            }
        }
        Ok(())
    }
}

impl<B: Storage> Sink for SendBuf<B> {
    fn put(&mut self, parts: &[&[u8]]) -> Result<(), BufferFull> {
        while !self.append(parts) {
            self.reserve(length(parts))?;
        }
        Ok(())
    }

    fn room(&self) -> usize {
        self.limit.saturating_sub(self.end.saturating_sub(self.start))
    }

    fn capacity(&self) -> usize {
        self.limit
    }
}

/// Shows lengths only, because the bytes may be a password.
impl<B: Storage> fmt::Debug for SendBuf<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (pending, capacity) = (self.pending().len(), self.capacity());
        f.debug_struct("SendBuf")
            .field("pending", &pending)
            .field("capacity", &capacity)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::{BufferFull, MIN_SEND_BUF, SendBuf, Sink, Storage};
    use std::{vec, vec::Vec};

    /// Puts and sends parts of changing lengths, and compares with a list of pending bytes that never holds more than fits.
    fn check<B: Storage>(mut send: SendBuf<B>) {
        let bytes: Vec<u8> = (0..=255).cycle().take(MIN_SEND_BUF).collect();
        let (mut pending, capacity) = (Vec::new(), send.capacity());
        let (mut refused, mut number) = (0, 1_usize);
        for round in 0..2000 {
            number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223) % (1 << 31);
            let lengths = [number % 7, number / 7 % 300, 2 * (number % 2), number / 2100 % 11];
            let parts = lengths.map(|length| &bytes[round % 200..][..length]);
            let needed = lengths.iter().sum::<usize>();
            assert_eq!(send.room(), capacity - pending.len());
            let fits = pending.len() + needed <= capacity;
            assert_eq!(send.put(&parts), if fits { Ok(()) } else { Err(BufferFull { needed, capacity }) });
            match fits {
                true => pending.extend(parts.concat()),
                false => refused += 1,
            }
            assert_eq!(send.pending(), pending);
            let sent = (number / 9 % 330).min(pending.len());
            send.sent(sent);
            pending.drain(..sent);
        }
        assert!(refused > 50, "{refused}");
    }

    #[test]
    fn law_4_bytes_that_are_put_equal_a_list_of_them() {
        check(SendBuf::new([0; MIN_SEND_BUF]));
        check(SendBuf::new([0; MIN_SEND_BUF + 77]));
        check(SendBuf::with_limit(vec![], MIN_SEND_BUF));
        check(SendBuf::with_limit(vec![0; 5], 700));
    }

    /// It grows further than it was asked to.
    struct Generous(Vec<u8>);

    impl AsRef<[u8]> for Generous {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }

    impl AsMut<[u8]> for Generous {
        fn as_mut(&mut self) -> &mut [u8] {
            &mut self.0
        }
    }

    impl Storage for Generous {
        fn grow(&mut self, length: usize) {
            self.0.resize(self.0.len().max(length + 100), 0);
        }

        fn limit(&self) -> usize {
            4096
        }
    }

    #[test]
    fn only_an_empty_buffer_frees_its_memory() {
        let mut send = SendBuf::new(vec![]);
        send.put(&[b"NOOP\r\n"]).unwrap();
        assert!(std::format!("{send:?}").contains("pending: 6"), "{send:?}");
        send.shrink();
        assert_eq!(send.pending(), b"NOOP\r\n");
        send.clear();
        send.shrink();
        assert_eq!(send.storage.capacity(), 0);
    }

    #[test]
    fn law_3_a_storage_that_is_longer_than_the_limit_is_not_used_beyond_it() {
        check(SendBuf::with_limit(Generous(vec![]), 600));
    }
}
