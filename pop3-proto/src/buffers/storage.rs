use core::fmt;

/// The memory of a [`RecvBuf`](super::RecvBuf) or a [`SendBuf`](super::SendBuf).
///
/// Arrays, slices and `Vec<u8>` implement it, and so does `&mut` of each. For your own type, such as a block of a pool, an
/// empty `impl` is enough:
///
/// ```
/// use pop3_proto::{ClientConnection, Limits, Storage, TlsPolicy, client::ClientConfig};
///
/// struct Block(&'static mut [u8]);
///
/// impl AsRef<[u8]> for Block {
///     fn as_ref(&self) -> &[u8] { self.0 }
/// }
///
/// impl AsMut<[u8]> for Block {
///     fn as_mut(&mut self) -> &mut [u8] { self.0 }
/// }
///
/// impl Storage for Block {}
///
/// let config = ClientConfig::new(TlsPolicy::Implicit).with_limits(Limits::DEFAULT.with_sasl_line(512));
/// let (recv, send) = (Block(Box::leak(Box::new([0; 1024]))), Block(Box::leak(Box::new([0; 512]))));
/// let pop3 = ClientConnection::with_buffers(config, 1, recv, send).unwrap();
/// # let _: ClientConnection<Block> = pop3;
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot store the bytes of a connection",
    note = "use `[u8; N]`, `&mut [u8]` or `Vec<u8>`, or implement `pop3_proto::Storage` for your own type"
)]
pub trait Storage: AsRef<[u8]> + AsMut<[u8]> + Send {
    /// Makes the storage at least `length` bytes long, if it can grow. The bytes in it keep their places.
    fn grow(&mut self, length: usize) {
        let _ = length;
    }

    /// Frees memory if possible. No byte in the storage is still needed.
    fn shrink(&mut self) {}

    /// Returns the length to which the storage can grow.
    fn limit(&self) -> usize {
        self.as_ref().len()
    }
}

impl Storage for [u8] {}

impl<const N: usize> Storage for [u8; N] {}

impl<T: Storage + ?Sized> Storage for &mut T {
    fn grow(&mut self, length: usize) {
        (**self).grow(length);
    }

    fn shrink(&mut self) {
        (**self).shrink();
    }

    fn limit(&self) -> usize {
        (**self).limit()
    }
}

#[cfg(feature = "alloc")]
impl Storage for alloc::boxed::Box<[u8]> {}

/// Grows as needed, up to the limit of its buffer.
#[cfg(feature = "alloc")]
impl Storage for alloc::vec::Vec<u8> {
    fn grow(&mut self, length: usize) {
        if self.len() < length {
            self.reserve_exact(length.saturating_sub(self.len()));
            self.resize(length, 0);
        }
    }

    fn shrink(&mut self) {
        *self = Self::new();
    }

    fn limit(&self) -> usize {
        isize::MAX as usize
    }
}

/// A buffer is too small for the machine that should use it.
///
/// ```
/// use pop3_proto::{ClientConnection, TlsPolicy, client::ClientConfig};
///
/// let config = ClientConfig::new(TlsPolicy::Implicit);
/// let error = ClientConnection::with_buffers(config, 1, [0; 64], [0; 64]).unwrap_err();
/// assert_eq!((error.given, error.needed), (64, 12_288)); // a line of AUTH: see `Limits::sasl_line`
/// assert_eq!(error.to_string(), "receive buffer of 64 bytes is too small: give it at least 12288, or lower a limit");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct BufferTooSmall {
    /// The number of bytes that the buffer needs.
    pub needed: usize,
    /// The number of bytes that it has.
    pub given: usize,
    /// Whether it is the receive buffer and not the send buffer.
    pub is_recv: bool,
}

impl fmt::Display for BufferTooSmall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let BufferTooSmall { needed, given, is_recv } = self;
        let name = if *is_recv { "receive" } else { "send" };
        write!(f, "{name} buffer of {given} bytes is too small: give it at least {needed}, or lower a limit")
    }
}

impl core::error::Error for BufferTooSmall {}
