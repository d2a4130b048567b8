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

    /// Splits off a unique-id of this length and the CR LF after it. The length is a guess between 1 and
    /// [`MAX`](Self::MAX). If it is right, the processor knows the start of the next row before it has read this one.
    #[inline(always)]
    pub(crate) fn plain_of(length: u8, input: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (id, rest) = input.split_at_checked(length.into())?;
        let rest = rest.strip_prefix(b"\r\n")?;
        if is_graphic(id) { Some((UniqueId(id), rest)) } else { None }
    }

    /// Splits off the unique-id at the front of `input` and the CR LF after it.
    #[inline(always)]
    pub(crate) fn plain(input: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let length = count_graphic(input);
        if length == 0 || length > Self::MAX {
            return None;
        }
        let (id, rest) = input.split_at_checked(length)?;
        Some((UniqueId(id), rest.strip_prefix(b"\r\n")?))
    }
}

/// Returns whether all bytes are from 0x21 to 0x7E. The last block overlaps the block before it, so no byte is tested alone.
#[inline(always)]
fn is_graphic(octets: &[u8]) -> bool {
    if let Some(last) = octets.last_chunk::<16>() {
        let (mut most, mut rest) = (last.map(above_space), octets);
        while let Some((block, tail)) = rest.split_first_chunk::<16>() {
            most.iter_mut().zip(block).for_each(|(most, octet)| *most = (*most).max(above_space(*octet)));
            rest = tail;
        }
        most.iter().fold(true, |all, most| all & (*most <= above_space(0x7E)))
    } else if let (Some(first), Some(last)) = (octets.first_chunk(), octets.last_chunk()) {
        others(pair(u64::from_le_bytes(*first), u64::from_le_bytes(*last))) == 0
    } else if let (Some(first), Some(last)) = (octets.first_chunk(), octets.last_chunk()) {
        let (first, last) = (u32::from_le_bytes(*first), u32::from_le_bytes(*last));
        let both = u64::from(first) | u64::from(last) << 32;
        others(pair(both, both)) == 0
    } else {
        octets.iter().all(u8::is_ascii_graphic)
    }
}

/// Returns the distance from 0x21. Bytes below it are the farthest.
#[inline]
const fn above_space(octet: u8) -> u8 {
    octet.wrapping_sub(0x21)
}

#[inline]
fn pair(first: u64, last: u64) -> u128 {
    u128::from(first) | u128::from(last) << 64
}

/// Counts the bytes from 0x21 to 0x7E at the front of `input`, or returns more than [`UniqueId::MAX`].
#[inline(always)]
fn count_graphic(input: &[u8]) -> usize {
    // A window of whole blocks that is longer than any unique-id.
    let (mut rest, mut count) = (input.get(..80).unwrap_or(input), 0usize);
    while let Some((block, tail)) = rest.split_first_chunk::<16>() {
        if !block.iter().fold(true, |all, octet| all & octet.is_ascii_graphic()) {
            return count.wrapping_add(others(u128::from_le_bytes(*block)).trailing_zeros() as usize / 8);
        }
        count = count.wrapping_add(16);
        rest = tail;
    }
    count.wrapping_add(rest.iter().take_while(|octet| octet.is_ascii_graphic()).count())
}

/// Tests the 16 bytes of a word at once, and sets the top bit of each that is outside 0x21 to 0x7E. Bits above the
/// lowest one may be wrong, because borrows affect higher bytes. Only the lowest bit is used, or whether there is one.
#[inline]
const fn others(word: u128) -> u128 {
    const ONES: u128 = u128::from_ne_bytes([1; 16]);
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
