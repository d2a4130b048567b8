//! The edge where bytes come in: [`Input`], a cursor over what the peer sent, and [`Inbox`], a driver's read
//! buffer.

use crate::sink::copy;
use core::{cell::Cell, fmt};

/// A cursor over the caller's unread bytes.
///
/// The machines read from it and hand out slices of it; consuming is a by-product of reading. The lifetime is
/// that of the caller's buffer, so that what a machine returns never borrows the machine.
///
/// ```
/// use pop3_proto::Input;
///
/// let input = Input::more(b"+OK ready\r\n");
/// assert_eq!(input.remaining(), 11);
/// assert!(!input.is_last());
/// assert!(Input::last(b"").is_last());
/// ```
pub struct Input<'i> {
    unread: &'i [u8],
    last: bool,
}

impl<'i> Input<'i> {
    /// Bytes behind which more may follow.
    #[must_use]
    pub const fn more(unread: &'i [u8]) -> Self {
        Input { unread, last: false }
    }

    /// The last bytes of the stream: the peer has closed. An empty slice alone never says so.
    #[must_use]
    pub const fn last(unread: &'i [u8]) -> Self {
        Input { unread, last: true }
    }

    /// How many octets are left: what the driver keeps for the next call.
    #[must_use]
    pub const fn remaining(&self) -> usize {
        self.unread.len()
    }

    /// The octets that were not read yet.
    #[must_use]
    pub const fn unread(&self) -> &'i [u8] {
        self.unread
    }

    /// Whether the stream ends behind these octets.
    #[must_use]
    pub const fn is_last(&self) -> bool {
        self.last
    }

    /// Takes `count` octets, or all where fewer are left.
    pub(crate) fn take(&mut self, count: usize) -> &'i [u8] {
        let (taken, rest) = self.unread.split_at_checked(count).unwrap_or((self.unread, &[]));
        self.unread = rest;
        taken
    }

    /// Lets `read` advance over the unread octets.
    pub(crate) fn advance<R>(&mut self, read: impl FnOnce(&mut &'i [u8]) -> R) -> R {
        read(&mut self.unread)
    }
}

/// Where the search for a line end goes on, if it has come as far as `searched`: a place beyond the unread octets was one in
/// others, and is worth nothing.
pub(crate) fn resume(searched: u16, unread: &[u8]) -> usize {
    let searched = usize::from(searched);
    if searched > unread.len() { 0 } else { searched }
}

/// Shows lengths only: what a client sends may be a password.
impl fmt::Debug for Input<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Input").field("remaining", &self.remaining()).field("last", &self.last).finish()
    }
}

/// A driver's read buffer, over an array, a `&mut [u8]` or a `Vec<u8>`.
///
/// A buffer of `hold()` octets (asked of the machine) never fills up with octets that the machine leaves
/// unread, so that a full buffer is never mistaken for the end of the stream. Twice that size keeps moving
/// bytes to the front rare.
///
/// ```
/// use pop3_proto::Inbox;
///
/// let mut inbox = Inbox::new([0; 64]);
/// inbox.spare()[..5].copy_from_slice(b"+OK\r\n"); // what a socket's `read` does
/// inbox.filled(5);
/// assert_eq!(inbox.unread(), b"+OK\r\n");
/// assert_eq!(inbox.with(|input| input.remaining()), 5);
/// ```
pub struct Inbox<B> {
    buffer: B,
    start: usize,
    end: usize,
    ended: bool,
}

impl<B: AsRef<[u8]> + AsMut<[u8]>> Inbox<B> {
    /// An empty inbox over `buffer`, all of whose octets are room.
    pub const fn new(buffer: B) -> Self {
        Inbox { buffer, start: 0, end: 0, ended: false }
    }

    /// Lends the unread octets to `read` and drops what it consumed.
    ///
    /// What `read` returns may borrow the buffer (an event does), not the cursor.
    pub fn with<'s, R>(&'s mut self, read: impl FnOnce(&mut Input<'s>) -> R) -> R {
        let unread = self.buffer.as_ref().get(self.start..self.end).unwrap_or_default();
        let mut input = Input { unread, last: self.ended };
        let result = read(&mut input);
        self.start = self.end.saturating_sub(input.remaining());
        result
    }

    /// The octets that were received and not read yet.
    pub fn unread(&self) -> &[u8] {
        self.buffer.as_ref().get(self.start..self.end).unwrap_or_default()
    }

    /// Drops the first `count` unread octets, or all where fewer are there: for a driver that takes them
    /// elsewhere than to a machine, as a proxy does behind login.
    pub fn consume(&mut self, count: usize) {
        self.start = self.start.saturating_add(count).min(self.end);
    }

    /// The unread octets as an input to look at: what `tls_started` wants to see.
    pub fn input(&self) -> Input<'_> {
        Input { unread: self.unread(), last: self.ended }
    }

    /// Where the next octets go; after filling some of it, call [`filled`](Self::filled). Empty only when the
    /// unread octets fill the whole buffer: then it is smaller than the machine's `hold()`, and a loop that went on would
    /// read nothing for ever.
    ///
    /// Unread octets are moved to the front when no room is left behind them or when most of the buffer lies
    /// before them, so that with a buffer of twice `hold()` moving stays linear in what is received.
    pub fn spare(&mut self) -> &mut [u8] {
        let buffer = self.buffer.as_mut();
        let capacity = buffer.len();
        if self.start == self.end || self.end == capacity || self.start > capacity / 2 {
            to_front(buffer, self.start, self.end);
            self.end = self.end.saturating_sub(self.start);
            self.start = 0;
        }
        buffer.get_mut(self.end..).unwrap_or_default()
    }

    /// The first `count` octets of [`spare`](Self::spare) hold new input. More than there was room for counts
    /// as all of it. 0 changes nothing: what a read said is told with [`received`](Self::received).
    pub fn filled(&mut self, count: usize) {
        self.end = self.end.saturating_add(count).min(self.buffer.as_ref().len());
    }

    /// What a read into [`spare`](Self::spare) said: so many octets came, and none is the end of the stream, unless
    /// there was no room to read into.
    ///
    /// ```
    /// use pop3_proto::Inbox;
    /// use std::io::Read;
    ///
    /// let mut socket: &[u8] = b"+OK\r\n";
    /// let mut inbox = Inbox::new([0; 64]);
    /// while !inbox.is_ended() {
    ///     let count = socket.read(inbox.spare())?;
    ///     inbox.received(count);
    /// }
    /// assert_eq!(inbox.unread(), b"+OK\r\n");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn received(&mut self, count: usize) {
        if count == 0 && !self.spare().is_empty() {
            self.ended();
        }
        self.filled(count);
    }

    /// The peer has closed: the stream ends behind the unread octets.
    pub const fn ended(&mut self) {
        self.ended = true;
    }

    /// Whether the stream has ended.
    #[must_use]
    pub const fn is_ended(&self) -> bool {
        self.ended
    }

    /// Gives the buffer back.
    pub fn into_buffer(self) -> B {
        self.buffer
    }
}

/// Moves the octets from `start` to `end` to the front: in blocks as long as the gap, which do not overlap, or octet by octet
/// if the gap is small. `copy_within` would keep a panic in code that is compiled for size.
pub(crate) fn to_front(buffer: &mut [u8], start: usize, end: usize) {
    const SMALL: usize = 64;
    if start < SMALL {
        let cells = Cell::from_mut(buffer).as_slice_of_cells();
        let moved = cells.get(start..end).unwrap_or_default();
        cells.iter().zip(moved).for_each(|(to, octet)| to.set(octet.get()));
        return;
    }
    let mut rest = buffer.get_mut(..end).unwrap_or_default();
    while let Some((to, from)) = rest.split_at_mut_checked(start) {
        let length = from.len().min(start);
        if let (Some(to), Some(from)) = (to.get_mut(..length), from.get(..length)) {
            copy(from, to);
        }
        rest = rest.get_mut(start..).unwrap_or_default();
    }
}

#[cfg(feature = "alloc")]
impl Inbox<alloc::vec::Vec<u8>> {
    /// Makes the buffer at least `capacity` octets long: it may start small, or empty, and grow up to the
    /// machine's `hold()`.
    pub fn grow(&mut self, capacity: usize) {
        if self.buffer.len() < capacity {
            self.buffer.resize(capacity, 0);
        }
    }

    /// Puts octets that were read elsewhere behind the unread ones: for a driver whose connections share a buffer to read
    /// into, so that none of its own is held while nothing comes. This one grows as it must.
    ///
    /// ```
    /// use pop3_proto::Inbox;
    ///
    /// let mut inbox = Inbox::new(Vec::new());
    /// inbox.append(b"+OK rea");
    /// inbox.append(b"dy\r\n");
    /// assert_eq!(inbox.unread(), b"+OK ready\r\n");
    /// ```
    pub fn append(&mut self, octets: &[u8]) {
        if self.buffer.len().saturating_sub(self.end) < octets.len() {
            to_front(&mut self.buffer, self.start, self.end);
            self.end = self.end.saturating_sub(self.start);
            self.start = 0;
            self.grow(self.end.saturating_add(octets.len()));
        }
        if let Some(room) = self.buffer.get_mut(self.end..).and_then(|room| room.get_mut(..octets.len())) {
            room.copy_from_slice(octets);
        }
        self.filled(octets.len());
    }

    /// Frees the buffer when nothing unread is in it: an idle connection needs none.
    pub fn shrink(&mut self) {
        if self.start == self.end {
            self.buffer = alloc::vec::Vec::new();
            self.start = 0;
            self.end = 0;
        }
    }
}

/// Shows lengths only: what a client sends may be a password.
impl<B: AsRef<[u8]> + AsMut<[u8]>> fmt::Debug for Inbox<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox").field("unread", &self.unread().len()).field("ended", &self.ended).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::to_front;
    use std::vec::Vec;

    #[test]
    fn what_is_unread_moves_to_the_front_from_anywhere() {
        let octets: Vec<u8> = (0..=255).cycle().take(700).collect();
        for start in (0..70).chain([100, 127, 128, 300, 349, 350, 351, 699, 700]) {
            for end in [start, start + 1, start + 63, start + 64, start + 65, 500, 699, 700] {
                let mut moved = octets.clone();
                to_front(&mut moved, start, end);
                let expected = octets.get(start..end).unwrap_or_default();
                assert_eq!(&moved[..expected.len()], expected, "{start}..{end}");
            }
        }
    }
}
