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

    /// Makes room for `needed` bytes after those that are pending. Seldom needed, so not in line with what is done for each line.
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
        if length > self.storage.as_ref().len() {
            self.storage.grow(length.checked_next_power_of_two().unwrap_or(length).min(self.limit));
            let grown = self.storage.as_ref().len();
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
        let needed = length(parts);
        let length = self.end.saturating_add(needed);
        if length > self.limit || length > self.storage.as_ref().len() {
            self.reserve(needed)?;
        }
        let mut spare = self.storage.as_mut().get_mut(self.end..).unwrap_or_default();
        for part in parts {
            let (to, rest) = spare.split_at_mut_checked(part.len()).unwrap_or_default();
            copy(part, to);
            spare = rest;
        }
        self.end = self.end.saturating_add(needed);
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
