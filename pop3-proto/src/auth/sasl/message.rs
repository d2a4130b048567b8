use super::SaslError;
use crate::{Base64, BufferFull, SendBuf, Sink, Text, types::base64};
use core::{convert::Infallible, fmt, slice};

/// A message of a SASL mechanism, before base64. It borrows its parts and never joins them in memory.
///
/// `Debug` hides the message. [`encode_into`](Self::encode_into) returns the [`Base64`] that the machines take.
/// [`put`](Self::put) writes a line without a second buffer.
///
/// ```
/// use pop3_proto::{Secret, sasl};
///
/// let message = sasl::login_password(Secret::new(b"tanstaaf").unwrap());
/// let mut buffer = [0; 12];
/// assert_eq!(message.encode_into(&mut buffer)?.as_bytes(), b"dGFuc3RhYWY=");
/// assert_eq!(format!("{message:?}"), "Message(..)");
/// # Ok::<(), sasl::SaslError>(())
/// ```
#[derive(Clone)]
pub struct Message<'a>([Part<'a>; PARTS]);

/// The number of parts of the longest message, OAUTHBEARER's with host and port.
const PARTS: usize = 10;

/// The number of bytes that are encoded at once: whole groups of three, so only the last group is padded.
const BLOCK: usize = 48;
/// The length of their text.
const ENCODED_BLOCK: usize = 64;

#[derive(Clone, Copy)]
pub(super) enum Part<'a> {
    Octets(&'a [u8]),
    /// A name with `,` and `=` escaped (RFC 5801 section 4).
    Name(&'a [u8]),
    Port(u16),
}

impl<'a> Message<'a> {
    /// Wraps the message of any mechanism, for example from a SASL library.
    ///
    /// ```
    /// use pop3_proto::sasl::Message;
    ///
    /// let first = Message::new(b"n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL");
    /// assert_eq!(first.encoded_len(), 48);
    /// ```
    #[must_use]
    pub const fn new(octets: &'a [u8]) -> Self {
        let mut parts = [Part::Octets(&[]); PARTS];
        let [first, ..] = &mut parts;
        *first = Part::Octets(octets);
        Message(parts)
    }

    /// Builds a message from at most [`PARTS`] parts, which the compiler checks.
    pub(super) fn of<const N: usize>(parts: [Part<'a>; N]) -> Self {
        const { assert!(N <= PARTS) };
        let mut message = Message::new(&[]);
        message.0.iter_mut().zip(parts).for_each(|(to, part)| *to = part);
        message
    }

    /// Returns the length of the message in base64.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        let octets = self.0.iter().fold(0usize, |sum, part| sum.saturating_add(part.octets()));
        octets.div_ceil(3).saturating_mul(4)
    }

    /// Encodes the message into your slice, as a response or a challenge for a machine.
    ///
    /// # Errors
    /// Returns [`SaslError::TooSmall`], and writes nothing, if the slice is too small.
    pub fn encode_into<'b>(&self, buffer: &'b mut [u8]) -> Result<Base64<'b>, SaslError> {
        let needed = self.encoded_len();
        let (to, _) = buffer.split_at_mut_checked(needed).ok_or(SaslError::TooSmall { needed })?;
        let mut out = SendBuf::new(&mut *to);
        self.for_each_chunk(|text| out.put(&[text])).map_err(|_| SaslError::TooSmall { needed })?;
        Ok(Base64::new(to)?)
    }

    /// Writes a line of `prefix`, the message in base64, and CR LF. It writes the whole line or nothing.
    ///
    /// The line is written in pieces, into room that was checked before. [`Sink`] describes why an implementation must
    /// keep that room available.
    ///
    /// The prefix is `+ ` with its space for a challenge, and empty for a response. For an empty message, CR LF follows
    /// the prefix directly (RFC 5034 section 4). An empty initial response is written as `=`, which you put in the
    /// prefix.
    ///
    /// ```
    /// use pop3_proto::{SendBuf, Text, sasl::Message};
    ///
    /// let mut buffer = [0; 512];
    /// let mut out = SendBuf::new(&mut buffer[..]);
    /// Message::new(b"Password:").put(Text::from_static("+ "), &mut out)?;
    /// assert_eq!(out.pending(), b"+ UGFzc3dvcmQ6\r\n");
    /// # Ok::<(), pop3_proto::BufferFull>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`BufferFull`], and leaves the sink unchanged, if the line does not fit.
    pub fn put(&self, prefix: Text<'_>, sink: &mut dyn Sink) -> Result<(), BufferFull> {
        let prefix = prefix.as_bytes();
        let needed = self.encoded_len().saturating_add(prefix.len()).saturating_add(2);
        if needed > sink.room() {
            return Err(BufferFull { needed, capacity: sink.capacity() });
        }
        sink.put(&[prefix])?;
        self.for_each_chunk(|text| sink.put(&[text]))?;
        sink.put(&[b"\r\n"])
    }

    /// Passes the base64 to `write` in pieces of at most 64 bytes. It does not call `write` for an empty message.
    ///
    /// ```
    /// use pop3_proto::sasl::Message;
    ///
    /// let mut text = Vec::new();
    /// Message::new(b"Username:").for_each_chunk(|chunk| {
    ///     text.extend_from_slice(chunk);
    ///     Ok::<(), core::convert::Infallible>(())
    /// })?;
    /// assert_eq!(text, b"VXNlcm5hbWU6");
    /// # Ok::<(), core::convert::Infallible>(())
    /// ```
    ///
    /// # Errors
    /// Returns the first error of `write`, and stops there.
    pub fn for_each_chunk<E>(&self, mut write: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        let mut block = Block { octets: [0; BLOCK], length: 0 };
        for part in &self.0 {
            part.for_each_slice(|octets| block.push(octets, &mut write))?;
        }
        block.flush(&mut write)
    }
}

/// Hides the message, because messages contain passwords.
impl fmt::Debug for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Message(..)")
    }
}

impl Part<'_> {
    fn octets(&self) -> usize {
        let mut count = 0usize;
        let Ok(()) = self.for_each_slice(|octets| {
            count = count.saturating_add(octets.len());
            Ok::<(), Infallible>(())
        });
        count
    }

    fn for_each_slice<E>(&self, mut f: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        match *self {
            Part::Octets(octets) => f(octets),
            Part::Name(name) => name.iter().try_for_each(|octet| match octet {
                b',' => f(b"=2C"),
                b'=' => f(b"=3D"),
                _ => f(slice::from_ref(octet)),
            }),
            Part::Port(port) => digits(port).try_for_each(|digit| f(&[digit])),
        }
    }
}

/// Returns decimal digits without leading zeros.
fn digits(mut number: u16) -> impl Iterator<Item = u8> {
    let mut digits = [b'0'; 5];
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
    digits.into_iter().skip_while(|digit| *digit == b'0')
}

/// Bytes that wait until a group of three is complete, across the borders of parts.
struct Block {
    octets: [u8; BLOCK],
    length: usize,
}

impl Block {
    fn push<E>(
        &mut self,
        mut octets: &[u8],
        write: &mut impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        while !octets.is_empty() {
            let spare = self.octets.get_mut(self.length..).unwrap_or_default();
            let count = octets.len().min(spare.len());
            spare.iter_mut().zip(octets).for_each(|(to, octet)| *to = *octet);
            octets = octets.get(count..).unwrap_or_default();
            self.length = self.length.saturating_add(count);
            if self.length == BLOCK {
                self.flush(write)?;
            }
        }
        Ok(())
    }

    fn flush<E>(&mut self, write: &mut impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        let octets = self.octets.get(..self.length).unwrap_or_default();
        let mut text = [0; ENCODED_BLOCK];
        let spare = base64::encode(octets, &mut text).len();
        self.length = 0;
        match text.get(..ENCODED_BLOCK.saturating_sub(spare)) {
            None | Some([]) => Ok(()),
            Some(text) => write(text),
        }
    }
}
