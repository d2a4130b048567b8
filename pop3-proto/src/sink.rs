//! The edge where bytes go out: [`Sink`], all or nothing. [`SendBuf`](crate::SendBuf) is the usual one.

use core::fmt;

/// The smallest legal sink, in octets: the longest line that a machine writes in one piece (RFC 1939 section
/// 3).
///
/// Two exceptions, both of the caller's own making and both told by [`BufferFull::never_fits`]: a SASL line, and a
/// command line longer than this, want a sink that is large enough for them.
pub const MIN_SEND_BUF: usize = 512;

/// A piece did not fit in a sink, which is unchanged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BufferFull {
    /// How many octets the piece has.
    pub needed: usize,
    /// How many octets the sink holds when it is empty.
    pub capacity: usize,
}

impl BufferFull {
    /// Whether no amount of sending would make room: a mistake of the caller, who needs a larger sink.
    #[must_use]
    pub const fn never_fits(&self) -> bool {
        self.needed > self.capacity
    }
}

impl fmt::Display for BufferFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let BufferFull { needed, capacity } = self;
        if self.never_fits() {
            write!(f, "{needed} bytes never fit in a buffer of {capacity}: use a larger one")
        } else {
            write!(f, "the buffer has no room for {needed} bytes now: send what is pending")
        }
    }
}

impl core::error::Error for BufferFull {}

/// Where encoded bytes go: all or nothing.
///
/// Some callers ask for [`room`](Self::room) once and then write in several steps, a message's body or a SASL
/// line for example. So an implementation keeps this promise: **room that was told stays until something is put
/// into it.** After `room` has returned `n`, calls of [`put`](Self::put) succeed as long as their parts have `n`
/// bytes or fewer in all. A sink that breaks the promise gets a part of a line, with [`BufferFull`] for the rest.
///
/// Never implemented for a bare `Vec`: a sink that is never full switches back-pressure off.
///
/// ```
/// use pop3_proto::{SendBuf, Sink};
///
/// let mut buffer = [0; 8];
/// let mut out = SendBuf::new(&mut buffer[..]);
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
/// use pop3_proto::{Command, BufferFull, Sink};
///
/// struct Bounded(Vec<u8>);
///
/// impl Sink for Bounded {
///     fn put(&mut self, parts: &[&[u8]]) -> Result<(), BufferFull> {
///         let needed = parts.iter().map(|part| part.len()).sum();
///         if needed > self.room() {
///             return Err(BufferFull { needed, capacity: self.capacity() });
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
    message = "`{Self}` is not a sink",
    note = "a sink has a bound, so that a peer that does not read cannot fill memory: \
            use `pop3_proto::SendBuf`, over an array, a slice or a `Vec`"
)]
pub trait Sink {
    /// Appends all `parts`, or nothing if they do not fit. They fit if they have [`room`](Self::room) bytes or fewer in
    /// all.
    ///
    /// # Errors
    /// Returns [`BufferFull`] otherwise, with the sink unchanged.
    fn put(&mut self, parts: &[&[u8]]) -> Result<(), BufferFull>;

    /// Returns how many bytes fit now, in one call of [`put`](Self::put) or in any number of calls.
    fn room(&self) -> usize;

    /// How many octets fit when it is empty.
    fn capacity(&self) -> usize;
}

impl<S: Sink + ?Sized> Sink for &mut S {
    fn put(&mut self, parts: &[&[u8]]) -> Result<(), BufferFull> {
        (**self).put(parts)
    }

    fn room(&self) -> usize {
        (**self).room()
    }

    fn capacity(&self) -> usize {
        (**self).capacity()
    }
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
pub(crate) fn length(parts: &[&[u8]]) -> usize {
    parts.iter().fold(0, |sum, part| sum.saturating_add(part.len()))
}
