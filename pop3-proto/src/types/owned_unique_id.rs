use super::{AsUniqueId, InvalidValue, UniqueId};
use alloc::{boxed::Box, string::String, vec::Vec};
use core::{borrow::Borrow, cmp::Ordering, fmt};

/// A unique-id that owns its bytes, for a maildrop in a `Vec`, or for a program that remembers fetched messages.
///
/// You can compare it with a [`UniqueId`], and look up a `UniqueId`'s bytes in a set or map without a copy. Feature
/// `serde` stores it as a string.
///
/// ```
/// use pop3_proto::{AsUniqueId, OwnedUniqueId, UniqueId};
/// use std::collections::HashSet;
///
/// let owned = OwnedUniqueId::from(UniqueId::new(b"a-1").unwrap());
/// assert_eq!(owned, UniqueId::new(b"a-1").unwrap());
/// assert_eq!(OwnedUniqueId::try_from(format!("a-{}", 1)), Ok(owned));
/// assert!(OwnedUniqueId::try_from("a 1").is_err());
///
/// let fetched = HashSet::from(["a-1", "a-2"].map(|id| OwnedUniqueId::try_from(id).unwrap()));
/// let listed = UniqueId::new(b"a-2").unwrap();
/// assert!(fetched.contains(listed.as_bytes()));
/// # let owned = OwnedUniqueId::try_from("a-1").unwrap();
/// # assert_eq!(owned.to_string(), "a-1");
/// # assert_eq!(format!("{owned:?}"), "UniqueId(\"a-1\")");
/// # assert_eq!(owned.as_unique_id().as_bytes(), owned.as_bytes());
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OwnedUniqueId(Box<[u8]>);

impl OwnedUniqueId {
    /// Returns the bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl AsUniqueId for OwnedUniqueId {
    fn as_unique_id(&self) -> UniqueId<'_> {
        UniqueId(&self.0)
    }
}

impl AsRef<[u8]> for OwnedUniqueId {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// The hash and the order equal those of the bytes.
impl Borrow<[u8]> for OwnedUniqueId {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl PartialEq<UniqueId<'_>> for OwnedUniqueId {
    fn eq(&self, other: &UniqueId<'_>) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl PartialEq<OwnedUniqueId> for UniqueId<'_> {
    fn eq(&self, other: &OwnedUniqueId) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl PartialOrd<UniqueId<'_>> for OwnedUniqueId {
    fn partial_cmp(&self, other: &UniqueId<'_>) -> Option<Ordering> {
        self.as_bytes().partial_cmp(other.as_bytes())
    }
}

impl PartialOrd<OwnedUniqueId> for UniqueId<'_> {
    fn partial_cmp(&self, other: &OwnedUniqueId) -> Option<Ordering> {
        self.as_bytes().partial_cmp(other.as_bytes())
    }
}

impl From<UniqueId<'_>> for OwnedUniqueId {
    fn from(id: UniqueId<'_>) -> Self {
        OwnedUniqueId(id.0.into())
    }
}

impl TryFrom<Vec<u8>> for OwnedUniqueId {
    type Error = InvalidValue;

    fn try_from(octets: Vec<u8>) -> Result<Self, InvalidValue> {
        UniqueId::new(&octets)?;
        Ok(OwnedUniqueId(octets.into()))
    }
}

impl TryFrom<String> for OwnedUniqueId {
    type Error = InvalidValue;

    fn try_from(text: String) -> Result<Self, InvalidValue> {
        text.into_bytes().try_into()
    }
}

impl TryFrom<&str> for OwnedUniqueId {
    type Error = InvalidValue;

    fn try_from(text: &str) -> Result<Self, InvalidValue> {
        UniqueId::try_from(text).map(Self::from)
    }
}

/// Prints the same text as a [`UniqueId`].
impl fmt::Debug for OwnedUniqueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.as_unique_id(), f)
    }
}

impl fmt::Display for OwnedUniqueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.as_unique_id(), f)
    }
}

#[cfg(feature = "serde")]
mod stored {
    use super::{OwnedUniqueId, UniqueId};
    use core::fmt;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

    /// Stores a string, because every unique-id is printable ASCII.
    ///
    /// ```
    /// use pop3_proto::OwnedUniqueId;
    ///
    /// let id = OwnedUniqueId::try_from("QhdPYR:00WBw1Ph7x7").unwrap();
    /// let stored = serde_json::to_string(&id)?;
    /// assert_eq!(stored, "\"QhdPYR:00WBw1Ph7x7\"");
    /// assert_eq!(serde_json::from_str::<OwnedUniqueId>(&stored)?, id);
    /// assert!(serde_json::from_str::<OwnedUniqueId>("\"two words\"").is_err());
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    impl Serialize for OwnedUniqueId {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            // A unique-id is ASCII, so this never falls back to the empty string.
            serializer.serialize_str(core::str::from_utf8(self.as_bytes()).unwrap_or_default())
        }
    }

    impl<'de> Deserialize<'de> for OwnedUniqueId {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_str(Checked)
        }
    }

    /// Takes a string, or the bytes that some formats store instead, and checks it.
    struct Checked;

    impl de::Visitor<'_> for Checked {
        type Value = OwnedUniqueId;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a unique-id of 1 to 70 printable ASCII characters")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<OwnedUniqueId, E> {
            self.visit_bytes(text.as_bytes())
        }

        fn visit_bytes<E: de::Error>(self, octets: &[u8]) -> Result<OwnedUniqueId, E> {
            UniqueId::new(octets).map(OwnedUniqueId::from).map_err(E::custom)
        }
    }
}
