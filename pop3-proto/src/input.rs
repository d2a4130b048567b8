//! [`Input`], a cursor over the bytes that a machine reads.

use crate::sink::copy;
use core::{cell::Cell, fmt};

/// A cursor over the caller's unread bytes.
///
/// The machines read from it and return slices of it; reading consumes the bytes. Its lifetime is that of the
/// caller's buffer, so a value that a machine returns never borrows the machine.
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
    /// Wraps bytes after which more may follow.
    #[must_use]
    pub const fn more(unread: &'i [u8]) -> Self {
        Input { unread, last: false }
    }

    /// Wraps the last bytes of the stream, because the peer has closed. An empty slice alone does not mean this.
    #[must_use]
    pub const fn last(unread: &'i [u8]) -> Self {
        Input { unread, last: true }
    }

    /// Returns the number of unread bytes. Keep them for the next call.
    #[must_use]
    pub const fn remaining(&self) -> usize {
        self.unread.len()
    }

    /// Returns the unread bytes.
    #[must_use]
    pub const fn unread(&self) -> &'i [u8] {
        self.unread
    }

    /// Returns whether the stream ends after these bytes.
    #[must_use]
    pub const fn is_last(&self) -> bool {
        self.last
    }

    /// Takes `count` bytes, or all if fewer are left.
    pub(crate) fn take(&mut self, count: usize) -> &'i [u8] {
        let (taken, rest) = self.unread.split_at_checked(count).unwrap_or((self.unread, &[]));
        self.unread = rest;
        taken
    }

    /// Lets `read` advance over the unread bytes.
    pub(crate) fn advance<R>(&mut self, read: impl FnOnce(&mut &'i [u8]) -> R) -> R {
        read(&mut self.unread)
    }
}

/// Returns where to continue the search for a line end, if the first `searched` bytes have none. A position beyond the unread
/// bytes belongs to earlier ones, so the search starts over.
pub(crate) fn resume(searched: u16, unread: &[u8]) -> usize {
    let searched = usize::from(searched);
    if searched > unread.len() { 0 } else { searched }
}

/// Shows only lengths, because a client may send a password.
impl fmt::Debug for Input<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Input").field("remaining", &self.remaining()).field("last", &self.last).finish()
    }
}

/// Moves the bytes from `start` to `end` to the front. It copies blocks as long as the gap, which do not overlap. If the gap is
/// small, it copies through a separate block. `copy_within` would leave a panic in code that is compiled for size.
pub(crate) fn to_front(buffer: &mut [u8], start: usize, end: usize) {
    const SMALL: usize = 64;
    if start < SMALL {
        to_front_by_blocks(buffer, start, end);
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

/// Copies forwards, so no byte is overwritten before it is read. A block is a number, because arrays that may overlap add a
/// `memmove` of 700 bytes on a microcontroller.
fn to_front_by_blocks(buffer: &mut [u8], start: usize, end: usize) {
    const BLOCK: usize = size_of::<u128>();
    let mut at = 0usize;
    while let Some(block) = buffer.get(start.saturating_add(at)..end).and_then(<[u8]>::first_chunk::<BLOCK>) {
        let block = u128::from_ne_bytes(*block);
        if let Some(to) = buffer.get_mut(at..).and_then(<[u8]>::first_chunk_mut) {
            *to = block.to_ne_bytes();
        }
        at = at.saturating_add(BLOCK);
    }
    let cells = Cell::from_mut(buffer).as_slice_of_cells();
    let rest = cells.get(start.saturating_add(at)..end).unwrap_or_default();
    cells.iter().skip(at).zip(rest).for_each(|(to, byte)| to.set(byte.get()));
}

#[cfg(test)]
mod tests {
    use super::to_front;
    use std::vec::Vec;

    #[test]
    fn unread_bytes_move_to_the_front_from_anywhere() {
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
