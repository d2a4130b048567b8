use super::{InvalidValue, escaped};
use core::fmt;

/// The unique-id of a message: 1 to 70 octets from 0x21 to 0x7E, compared octet by octet (RFC 1939 section
/// 7).
///
/// It is opaque, and it is the peer's: never use one as a file name, it may hold `/` and `..`.
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
    /// The most octets that a unique-id may have.
    pub const MAX: usize = 70;

    /// A unique-id.
    ///
    /// # Errors
    /// [`InvalidValue::Empty`], [`InvalidValue::TooLong`] or [`InvalidValue::Octet`]
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

    /// The octets.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.0
    }

    /// A unique-id that was checked before.
    pub(crate) const fn checked(octets: &'a [u8]) -> Self {
        UniqueId(octets)
    }

    /// The unique-id at the front of `input`, up to the first octet that cannot be in one, and what is behind
    /// it.
    #[inline(always)]
    pub(crate) fn plain(input: &'a [u8]) -> Option<(Self, &'a [u8])> {
        // More octets than an id may have, so that one that is too long shows, and in whole words.
        let mut rest = input.get(..80).unwrap_or(input);
        let mut length = 0usize;
        while let Some((block, behind)) = rest.split_first_chunk::<16>() {
            if !block.iter().fold(true, |all, octet| all & octet.is_ascii_graphic()) {
                break;
            }
            length = length.wrapping_add(16);
            rest = behind;
        }
        while let Some((word, behind)) = rest.split_first_chunk() {
            let others = others(u64::from_le_bytes(*word));
            if others != 0 {
                length = length.wrapping_add(others.trailing_zeros() as usize / 8);
                return Self::split(input, length);
            }
            length = length.wrapping_add(8);
            rest = behind;
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

/// A bit for each octet of a word that is outside 0x21 to 0x7E, in its place: all eight are tested at once. It
/// is exact up to the first, which is all that counts, since borrows go upwards only.
#[inline]
const fn others(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    let below = word.wrapping_sub(ONES * 0x21);
    let del = (word ^ (ONES * 0x7F)).wrapping_sub(ONES);
    (word | below | del) & (ONES << 7)
}

/// What holds a unique-id: [`UniqueId`] itself, or one that owns its octets.
///
/// A [`MessageInfo`](crate::server::MessageInfo) takes any that does, so that a server without a heap can make them as it needs.
///
/// ```
/// use pop3_proto::{AsUniqueId, UniqueId};
///
/// struct Hash([u8; 32]); // in hexadecimal digits, say
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
    note = "a unique-id is checked: `UniqueId::new` borrows octets, `OwnedUniqueId::try_from` takes a `String`"
)]
pub trait AsUniqueId {
    /// The unique-id, borrowed.
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
