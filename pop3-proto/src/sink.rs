//! [`Sink`], the destination of output bytes. [`SendBuf`](crate::SendBuf) is the usual one.

use core::fmt;

/// The smallest size of a sink, in bytes: the longest line that a machine writes in one piece (RFC 1939 section 3).
///
/// SASL lines and command lines can be longer if you raise their limits. They need a larger sink;
/// [`BufferFull::never_fits`] reports this.
pub const MIN_SEND_BUF: usize = 512;

/// The bytes do not fit in a sink, which is unchanged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BufferFull {
    /// The number of bytes to write.
    pub needed: usize,
    /// The number of bytes that an empty sink holds.
    pub capacity: usize,
}

impl BufferFull {
    /// Returns whether the bytes would not even fit in an empty sink. Use a larger sink then.
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
            write!(f, "the buffer has no room for {needed} bytes now: send the pending bytes")
        }
    }
}

impl core::error::Error for BufferFull {}

/// The destination of encoded bytes. It takes all bytes of a call, or none.
///
/// Some callers call [`room`](Self::room) once and then write in several steps, for example the body of a message or a SASL
/// line. An implementation must therefore keep this promise: **reported room stays available until bytes are put into it.**
/// After `room` has returned `n`, calls of [`put`](Self::put) succeed as long as their parts have at most `n` bytes
/// together. A sink that breaks the promise receives a part of a line, and then returns [`BufferFull`].
///
/// `Vec` does not implement this trait, because a sink that is never full turns off back-pressure.
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
/// Your own sink, over a `Vec` that never grows:
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
    note = "use `pop3_proto::SendBuf` over an array, a slice or a `Vec`: \
            it is bounded, so a peer that does not read cannot fill the memory"
)]
pub trait Sink {
    /// Appends all `parts`, or nothing. They fit if they have at most [`room`](Self::room) bytes together.
    ///
    /// # Errors
    /// Returns [`BufferFull`], and leaves the sink unchanged, if they do not fit.
    fn put(&mut self, parts: &[&[u8]]) -> Result<(), BufferFull>;

    /// Returns how many bytes fit now, in one call of [`put`](Self::put) or in any number of calls.
    fn room(&self) -> usize;

    /// Returns how many bytes fit in the empty sink.
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

/// Copies all bytes. `copy_from_slice` leaves a panic for different lengths, in code that is compiled for size even after this comparison.
pub(crate) fn copy(from: &[u8], to: &mut [u8]) {
    // Every second part of a converted message is a line end, for which a call would cost more than the copy.
    if let ([first, second], [to_first, to_second]) = (from, &mut *to) {
        (*to_first, *to_second) = (*first, *second);
    } else if from.len() == to.len() {
        to.iter_mut().zip(from).for_each(|(to, byte)| *to = *byte);
    }
}

/// Returns the total length of all parts.
pub(crate) fn length(parts: &[&[u8]]) -> usize {
    parts.iter().fold(0, |sum, part| sum.saturating_add(part.len()))
}
