use crate::input::{Input, to_front};
use crate::sink::{Full, MIN_SINK, Sink};
use core::fmt;

/// Where a buffer keeps its octets: an array, a slice, a `Vec`, or a type of yours.
pub trait Storage: AsRef<[u8]> + AsMut<[u8]> {
    /// Makes it at least `octets` long, if it can grow.
    fn grow(&mut self, octets: usize) {
        let _ = octets;
    }

    /// Frees what it can.
    fn shrink(&mut self) {}

    /// How long it may become.
    fn limit(&self) -> usize {
        self.as_ref().len()
    }
}

impl<const N: usize> Storage for [u8; N] {}
impl Storage for &mut [u8] {}

#[cfg(feature = "alloc")]
impl Storage for alloc::vec::Vec<u8> {
    fn grow(&mut self, octets: usize) {
        if self.len() < octets {
            self.resize(octets, 0);
        }
    }

    fn shrink(&mut self) {
        *self = alloc::vec::Vec::new();
    }

    fn limit(&self) -> usize {
        usize::MAX
    }
}

/// A buffer is smaller than what a machine needs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BufferTooSmall {
    /// What it needs.
    pub needed: usize,
    /// What there is.
    pub given: usize,
}

impl fmt::Display for BufferTooSmall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a buffer of {} octets where {} are needed", self.given, self.needed)
    }
}

impl core::error::Error for BufferTooSmall {}

/// What was received and not read yet.
pub struct RecvBuf<B> {
    storage: B,
    start: usize,
    end: usize,
    eof: bool,
    /// An event that was found and not taken yet lies in it at certain places.
    pinned: bool,
    /// What is made room for at least, and at once.
    least: usize,
    read: usize,
}

impl<B: Storage> RecvBuf<B> {
    pub(super) fn new(storage: B, least: usize, read: usize) -> Result<Self, BufferTooSmall> {
        let given = storage.limit();
        if given < least {
            return Err(BufferTooSmall { needed: least, given });
        }
        Ok(RecvBuf { storage, start: 0, end: 0, eof: false, pinned: false, least, read })
    }

    /// The octets that were received and not read yet.
    pub fn unread(&self) -> &[u8] {
        self.storage.as_ref().get(self.start..self.end).unwrap_or_default()
    }

    /// Drops the first `count` of them.
    pub fn consume(&mut self, count: usize) {
        self.start = self.start.saturating_add(count).min(self.end);
    }

    /// Where the next octets go. Never empty while the machine goes on.
    pub fn spare_mut(&mut self) -> &mut [u8] {
        let wanted = self.least.max(self.end.saturating_sub(self.start).saturating_add(self.read));
        self.storage.grow(wanted);
        let buffer = self.storage.as_mut();
        let moves = self.start == self.end || self.end == buffer.len() || self.start > buffer.len() / 2;
        if moves && !self.pinned {
            to_front(buffer, self.start, self.end);
            self.end = self.end.saturating_sub(self.start);
            self.start = 0;
        }
        buffer.get_mut(self.end..).unwrap_or_default()
    }

    /// What a read into `spare_mut` returned: 0 is the end of the stream.
    pub fn received(&mut self, count: usize) {
        self.eof |= count == 0;
        self.end = self.end.saturating_add(count).min(self.storage.as_ref().len());
    }

    /// Whether the stream has ended.
    pub const fn is_eof(&self) -> bool {
        self.eof
    }

    pub(super) fn shrink(&mut self) {
        if self.start == self.end && !self.pinned {
            self.storage.shrink();
            (self.start, self.end) = (0, 0);
        }
    }

    #[inline(always)]
    pub(super) fn with<'s, R>(&'s mut self, read: impl FnOnce(&mut Input<'s>) -> R) -> R {
        let unread = self.storage.as_ref().get(self.start..self.end).unwrap_or_default();
        let mut input = if self.eof { Input::last(unread) } else { Input::more(unread) };
        let result = read(&mut input);
        self.start = self.end.saturating_sub(input.remaining());
        result
    }

    /// Whether octets that were read have to stay where they are.
    pub(super) const fn pin(&mut self, pinned: bool) {
        self.pinned = pinned;
    }

    /// Where the storage begins.
    pub(super) fn base(&self) -> usize {
        self.storage.as_ref().as_ptr() as usize
    }

    pub(super) fn all(&self) -> &[u8] {
        self.storage.as_ref()
    }

    pub(super) fn input(&self) -> Input<'_> {
        if self.eof { Input::last(self.unread()) } else { Input::more(self.unread()) }
    }
}

/// What is to be sent.
pub struct SendBuf<B> {
    storage: B,
    start: usize,
    end: usize,
    limit: usize,
}

impl<B: Storage> SendBuf<B> {
    pub(super) fn new(storage: B, limit: usize) -> Result<Self, BufferTooSmall> {
        let limit = storage.limit().min(limit.max(MIN_SINK));
        if limit < MIN_SINK {
            return Err(BufferTooSmall { needed: MIN_SINK, given: limit });
        }
        Ok(SendBuf { storage, start: 0, end: 0, limit })
    }

    /// The octets to send.
    pub fn pending(&self) -> &[u8] {
        self.storage.as_ref().get(self.start..self.end).unwrap_or_default()
    }

    /// The first `count` of them are on their way.
    pub fn sent(&mut self, count: usize) {
        self.start = self.start.saturating_add(count).min(self.end);
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
    }

    pub(super) fn shrink(&mut self) {
        if self.start == self.end {
            self.storage.shrink();
        }
    }
}

impl<B: Storage> Sink for SendBuf<B> {
    fn put(&mut self, parts: &[&[u8]]) -> Result<(), Full> {
        let needed = parts.iter().fold(0usize, |sum, part| sum.saturating_add(part.len()));
        if needed > self.room() {
            return Err(Full { needed, capacity: self.limit });
        }
        if needed > self.limit.saturating_sub(self.end) {
            to_front(self.storage.as_mut(), self.start, self.end);
            self.end = self.end.saturating_sub(self.start);
            self.start = 0;
        }
        self.storage.grow(self.end.saturating_add(needed).next_power_of_two().min(self.limit));
        let mut spare = self.storage.as_mut().get_mut(self.end..).unwrap_or_default();
        for part in parts {
            let Some((to, rest)) = spare.split_at_mut_checked(part.len()) else { break };
            to.copy_from_slice(part);
            spare = rest;
        }
        self.end = self.end.saturating_add(needed);
        Ok(())
    }

    fn room(&self) -> usize {
        self.limit.saturating_sub(self.pending().len())
    }

    fn capacity(&self) -> usize {
        self.limit
    }
}

impl<B: Storage> fmt::Debug for RecvBuf<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecvBuf").field("unread", &self.unread().len()).field("eof", &self.eof).finish()
    }
}

impl<B: Storage> fmt::Debug for SendBuf<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendBuf").field("pending", &self.pending().len()).finish_non_exhaustive()
    }
}
