use super::{InvalidValue, escaped};
use core::fmt;

/// The unique-id of a message: 1 to 70 octets from 0x21 to 0x7E, compared byte by byte (RFC 1939 section 7).
///
/// The peer chooses it. Never use it as a file name, because it may contain `/` and `..`.
///
/// ```
/// use pop3_proto::{InvalidValue, UniqueId};
///
/// assert_eq!(UniqueId::new(b"whqtswO00WBw418f9t5JxYwZ").unwrap().as_bytes().len(), 24);
/// assert_eq!(UniqueId::new(b""), Err(InvalidValue::Empty));
/// assert_eq!(UniqueId::new(b"two words"), Err(InvalidValue::Octet));
/// assert_eq!(UniqueId::new(&[b'x'; 71]), Err(InvalidValue::TooLong));
/// ```
#[doc(alias = "UIDL")]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UniqueId<'a>(pub(super) &'a [u8]);

impl<'a> UniqueId<'a> {
    /// The greatest length of a unique-id, in octets.
    pub const MAX: usize = 70;

    /// Checks a unique-id.
    ///
    /// # Errors
    /// Returns [`InvalidValue::Empty`] if there are no bytes.
    /// Returns [`InvalidValue::TooLong`] if there are more than [`MAX`](Self::MAX).
    /// Returns [`InvalidValue::Octet`] if a byte is outside 0x21 to 0x7E.
    pub fn new(octets: &'a [u8]) -> Result<Self, InvalidValue> {
        if octets.is_empty() {
            Err(InvalidValue::Empty)
        } else if octets.len() > Self::MAX {
            Err(InvalidValue::TooLong)
        } else if !octets.iter().all(u8::is_ascii_graphic) {
            Err(InvalidValue::Octet)
        } else {
            Ok(UniqueId(octets))
        }
    }

    /// Returns the bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.0
    }

    /// Wraps a unique-id that was already checked.
    pub(crate) const fn checked(octets: &'a [u8]) -> Self {
        UniqueId(octets)
    }

    /// Splits off the unique-id at the front of `input`, which ends before the first byte that is not allowed in one.
    #[inline(always)]
    pub(crate) fn plain(input: &'a [u8]) -> Option<(Self, &'a [u8])> {
        // A window of whole words that is longer than any unique-id, so that a longer one is noticed.
        let mut rest = input.get(..80).unwrap_or(input);
        let mut length = 0usize;
        while let Some((block, tail)) = rest.split_first_chunk::<16>() {
            if !block.iter().fold(true, |all, octet| all & octet.is_ascii_graphic()) {
                break;
            }
            length = length.wrapping_add(16);
            rest = tail;
        }
        while let Some((word, tail)) = rest.split_first_chunk() {
            let others = others(u64::from_le_bytes(*word));
            if others != 0 {
                length = length.wrapping_add(others.trailing_zeros() as usize / 8);
                return Self::split(input, length);
            }
            length = length.wrapping_add(8);
            rest = tail;
        }
        let graphic = rest.iter().take_while(|octet| octet.is_ascii_graphic()).count();
        Self::split(input, length.wrapping_add(graphic))
    }

    #[inline(always)]
    fn split(input: &'a [u8], length: usize) -> Option<(Self, &'a [u8])> {
        if length == 0 || length > Self::MAX {
            return None;
        }
        let (id, rest) = input.split_at_checked(length)?;
        Some((UniqueId(id), rest))
    }
}

/// Tests the eight bytes of a word at once, and sets the top bit of each that is outside 0x21 to 0x7E. Bits above the
/// lowest one may be wrong, because borrows affect higher bytes. Only the lowest bit is used.
#[inline]
const fn others(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    let below = word.wrapping_sub(ONES * 0x21);
    let del = (word ^ (ONES * 0x7F)).wrapping_sub(ONES);
    (word | below | del) & (ONES << 7)
}

/// A type that holds a unique-id, such as [`UniqueId`] or [`OwnedUniqueId`](crate::OwnedUniqueId).
///
/// [`MessageInfo`](crate::server::MessageInfo) accepts any such type, so a server without a heap can use its own.
///
/// ```
/// use pop3_proto::{AsUniqueId, UniqueId};
///
/// struct Hash([u8; 32]); // for example hexadecimal digits
///
/// impl AsUniqueId for Hash {
///     fn as_unique_id(&self) -> UniqueId<'_> {
///         UniqueId::new(&self.0).expect("digits are within the range")
///     }
/// }
/// # assert_eq!(Hash([b'0'; 32]).as_unique_id().as_bytes().len(), 32);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not hold a unique-id",
    note = "make a checked unique-id: `UniqueId::new` borrows bytes, `OwnedUniqueId::try_from` takes a `String`"
)]
pub trait AsUniqueId {
    /// Borrows the unique-id.
    fn as_unique_id(&self) -> UniqueId<'_>;
}

impl AsUniqueId for UniqueId<'_> {
    fn as_unique_id(&self) -> UniqueId<'_> {
        *self
    }
}

impl AsRef<[u8]> for UniqueId<'_> {
    fn as_ref(&self) -> &[u8] {
        self.0
    }
}

impl fmt::Debug for UniqueId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        escaped("UniqueId", self.0, f)
    }
}

impl fmt::Display for UniqueId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.escape_ascii().fmt(f)
    }
}
