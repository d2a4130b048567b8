//! The edge where bytes go out: [`Sink`], all or nothing, with a cursor over a slice ([`Out`]) and a bounded
//! `Vec` ([`Outbox`]).

use crate::input::to_front;
use core::fmt;

/// The smallest legal sink, in octets: the longest line that a machine writes in one piece (RFC 1939 section
/// 3).
///
/// Two exceptions, both of the caller's own making and both told by [`Full::never_fits`]: a SASL line, and a
/// command line longer than this, want a sink that is large enough for them.
pub const MIN_SINK: usize = 512;

/// A piece did not fit in a sink, which is unchanged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Full {
    /// How many octets the piece has.
    pub needed: usize,
    /// How many octets the sink holds when it is empty.
    pub capacity: usize,
}

impl Full {
    /// Whether no amount of sending would make room: a mistake of the caller, who needs a larger sink.
    #[must_use]
    pub const fn never_fits(&self) -> bool {
        self.needed > self.capacity
    }
}

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Full { needed, capacity } = self;
        if self.never_fits() {
            write!(f, "{needed} octets never fit in a sink of {capacity}")
        } else {
            write!(f, "the sink has no room for {needed} octets now")
        }
    }
}

impl core::error::Error for Full {}

/// Where encoded bytes go: all or nothing.
///
/// Some callers ask for [`room`](Self::room) once and then write in several steps, a message's body or a SASL
/// line for example. So an implementation keeps this promise: **room that was told stays until something is put
/// into it.** After `room` has returned `n`, calls of [`put`](Self::put) succeed as long as their parts have `n`
/// bytes or fewer in all. A sink that breaks the promise gets a part of a line, with [`Full`] for the rest.
///
/// Never implemented for a bare `Vec`: a sink that is never full switches back-pressure off.
///
/// ```
/// use pop3_proto::{Out, Sink};
///
/// let mut buffer = [0; 8];
/// let mut out = Out::new(&mut buffer);
/// out.put(&[b"NOOP", b"\r\n"]).unwrap();
/// let full = out.put(&[b"QUIT\r\n"]).unwrap_err();
/// assert!(!full.never_fits());
/// assert_eq!(out.pending(), b"NOOP\r\n");
/// out.sent(6);
/// out.put(&[b"QUIT\r\n"]).unwrap();
/// ```
///
/// One of your own, over a `Vec` that never grows:
///
/// ```
/// use pop3_proto::{Command, Full, Sink};
///
/// struct Bounded(Vec<u8>);
///
/// impl Sink for Bounded {
///     fn put(&mut self, parts: &[&[u8]]) -> Result<(), Full> {
///         let needed = parts.iter().map(|part| part.len()).sum();
///         if needed > self.room() {
///             return Err(Full { needed, capacity: self.capacity() });
///         }
///         parts.iter().for_each(|part| self.0.extend_from_slice(part));
///         Ok(())
///     }
///
///     fn room(&self) -> usize {
///         self.0.capacity() - self.0.len()
///     }
///
///     fn capacity(&self) -> usize {
///         self.0.capacity()
///     }
/// }
///
/// let mut sink = Bounded(Vec::with_capacity(512));
/// Command::Noop.encode(&mut sink).unwrap();
/// assert_eq!(sink.0, b"NOOP\r\n");
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no sink",
    note = "a sink has a bound, so that a peer that does not read cannot fill memory: \
            use `pop3_proto::Outbox`, or `pop3_proto::Out` over a slice"
)]
pub trait Sink {
    /// Appends all `parts`, or nothing if they do not fit. They fit if they have [`room`](Self::room) bytes or fewer in
    /// all.
    ///
    /// # Errors
    /// Returns [`Full`] otherwise, with the sink unchanged.
    fn put(&mut self, parts: &[&[u8]]) -> Result<(), Full>;

    /// Returns how many bytes fit now, in one call of [`put`](Self::put) or in any number of calls.
    fn room(&self) -> usize;

    /// How many octets fit when it is empty.
    fn capacity(&self) -> usize;
}

impl<S: Sink + ?Sized> Sink for &mut S {
    fn put(&mut self, parts: &[&[u8]]) -> Result<(), Full> {
        (**self).put(parts)
    }

    fn room(&self) -> usize {
        (**self).room()
    }

    fn capacity(&self) -> usize {
        (**self).capacity()
    }
}

/// A sink over a slice, with a cursor: write what is [`pending`](Self::pending), then say how much was
/// [`sent`](Self::sent).
pub struct Out<'b> {
    buffer: &'b mut [u8],
    start: usize,
    end: usize,
}

impl<'b> Out<'b> {
    /// An empty sink over `buffer`, of at least [`MIN_SINK`] octets for a machine.
    pub const fn new(buffer: &'b mut [u8]) -> Self {
        Out { buffer, start: 0, end: 0 }
    }

    /// The octets to send.
    #[must_use]
    pub fn pending(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// The first `count` pending octets are on their way; more than there are counts as all.
    pub const fn sent(&mut self, count: usize) {
        let start = self.start.saturating_add(count);
        if start < self.end {
            self.start = start;
        } else {
            self.start = 0;
            self.end = 0;
        }
    }

    /// Moves what is pending to the front, so that all room lies behind it.
    fn compact(&mut self) {
        to_front(self.buffer, self.start, self.end);
        self.end = self.end.saturating_sub(self.start);
        self.start = 0;
    }
}

impl Sink for Out<'_> {
    fn put(&mut self, parts: &[&[u8]]) -> Result<(), Full> {
        let needed = length(parts);
        if needed > self.room() {
            return Err(Full { needed, capacity: self.capacity() });
        }
        if needed > self.buffer.len().saturating_sub(self.end) {
            self.compact();
        }
        let mut spare = self.buffer.get_mut(self.end..).unwrap_or_default();
        for part in parts {
            let (to, rest) = spare.split_at_mut_checked(part.len()).unwrap_or_default();
            copy(part, to);
            spare = rest;
        }
        self.end = self.end.saturating_add(needed);
        Ok(())
    }

    fn room(&self) -> usize {
        self.buffer.len().saturating_sub(self.pending().len())
    }

    fn capacity(&self) -> usize {
        self.buffer.len()
    }
}

impl fmt::Debug for Out<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        debug(f, "Out", self.pending().len(), self.capacity())
    }
}

/// A sink that grows on the heap up to a limit.
///
/// ```
/// use pop3_proto::{Outbox, Sink};
///
/// let mut outbox = Outbox::new();
/// outbox.put(&[b"STAT\r\n"]).unwrap();
/// assert_eq!(outbox.pending(), b"STAT\r\n");
/// outbox.sent(4); // a short write
/// assert_eq!(outbox.pending(), b"\r\n");
/// ```
#[cfg(feature = "alloc")]
pub struct Outbox {
    buffer: alloc::vec::Vec<u8>,
    start: usize,
    limit: usize,
}

#[cfg(feature = "alloc")]
impl Outbox {
    /// The limit unless another is given: 16 KiB.
    pub const LIMIT: usize = 16 * 1024;

    /// An empty outbox that grows to [`LIMIT`](Self::LIMIT). It allocates with the first octet.
    #[must_use]
    pub const fn new() -> Self {
        Self::with_limit(Self::LIMIT)
    }

    /// An empty outbox that grows to `limit` octets, or to [`MIN_SINK`] if that is more.
    #[must_use]
    pub const fn with_limit(limit: usize) -> Self {
        let limit = if limit < MIN_SINK { MIN_SINK } else { limit };
        Outbox { buffer: alloc::vec::Vec::new(), start: 0, limit }
    }

    /// The octets to send.
    #[must_use]
    pub fn pending(&self) -> &[u8] {
        self.buffer.get(self.start..).unwrap_or_default()
    }

    /// The first `count` pending octets are on their way; more than there are counts as all.
    pub fn sent(&mut self, count: usize) {
        self.start = self.start.saturating_add(count);
        if self.start >= self.buffer.len() {
            self.buffer.clear();
            self.start = 0;
        }
    }

    /// Frees the memory when nothing is pending: an idle connection needs none.
    pub fn shrink(&mut self) {
        if self.pending().is_empty() {
            self.buffer = alloc::vec::Vec::new();
            self.start = 0;
        }
    }
}

#[cfg(feature = "alloc")]
impl Default for Outbox {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(feature = "alloc")]
impl Sink for Outbox {
    fn put(&mut self, parts: &[&[u8]]) -> Result<(), Full> {
        let needed = length(parts);
        if needed > self.room() {
            return Err(Full { needed, capacity: self.limit });
        }
        if needed > self.limit.saturating_sub(self.buffer.len()) {
            let length = self.buffer.len();
            to_front(&mut self.buffer, self.start, length);
            self.buffer.truncate(length.saturating_sub(self.start));
            self.start = 0;
        }
        // `Vec` grows by doubling; the last step is to end at the limit, not beyond it.
        let length = self.buffer.len().saturating_add(needed);
        if length > self.buffer.capacity() {
            let capacity = self.buffer.capacity().saturating_mul(2).max(length).min(self.limit);
            self.buffer.reserve_exact(capacity.saturating_sub(self.buffer.len()));
        }
        for part in parts {
            match part {
                [first, second] => self.buffer.extend_from_slice(&[*first, *second]),
                _ => self.buffer.extend_from_slice(part),
            }
        }
        Ok(())
    }

    fn room(&self) -> usize {
        self.limit.saturating_sub(self.pending().len())
    }

    fn capacity(&self) -> usize {
        self.limit
    }
}

#[cfg(feature = "alloc")]
impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        debug(f, "Outbox", self.pending().len(), self.limit)
    }
}

/// Shows lengths only: what a client sends may be a password.
fn debug(f: &mut fmt::Formatter<'_>, name: &str, pending: usize, capacity: usize) -> fmt::Result {
    f.debug_struct(name).field("pending", &pending).field("capacity", &capacity).finish()
}

/// Copies all of it. `copy_from_slice` alone keeps a panic for lengths that differ.
pub(crate) fn copy(from: &[u8], to: &mut [u8]) {
    // Every second part of a converted message is a line end, for which a call costs more than the copy.
    if let ([first, second], [to_first, to_second]) = (from, &mut *to) {
        (*to_first, *to_second) = (*first, *second);
    } else if from.len() == to.len() {
        to.copy_from_slice(from);
    }
}

/// The length of all parts together.
fn length(parts: &[&[u8]]) -> usize {
    parts.iter().fold(0, |sum, part| sum.saturating_add(part.len()))
}
