//! Random ids: of messages, and of the sessions that hold a maildrop.

use crate::Result;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bytes::BytesMut;
use object_store::path::Path;
use postgres_types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use ring::rand::{SecureRandom as _, SystemRandom};
use std::error::Error as StdError;
use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

/// The length of the unique-id of a message that has no other: 16 bytes in base64.
pub const TEXT: usize = 22;

/// A 128-bit id. PostgreSQL's type for it is `uuid`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Uuid([u8; 16]);

/// The id of a message and of its body: a UUID of version 7, so the order of ids is the order of delivery.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, ToSql, FromSql)]
#[postgres(transparent)]
pub struct Id(Uuid);

/// The number of one login. The session with the newest one holds the maildrop.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, ToSql, FromSql)]
#[postgres(transparent)]
pub struct Token(Uuid);

impl Id {
    /// Returns a new id for a message that is delivered now.
    ///
    /// # Errors
    /// Returns an error if the system has no random numbers.
    pub fn new() -> Result<Self> {
        Self::at(now())
    }

    /// Returns a new id for a message that was delivered at this time, in milliseconds since 1970. Two ids of one time have a random
    /// order.
    ///
    /// # Errors
    /// Returns an error if the system has no random numbers.
    pub fn at(milliseconds: u64) -> Result<Self> {
        Ok(Self::with_random(milliseconds, random()?))
    }

    /// Returns the id of this time with these random bits, of which 74 are used.
    #[must_use]
    pub fn with_random(milliseconds: u64, random: [u8; 16]) -> Self {
        let mut octets = random;
        octets[..6].copy_from_slice(&milliseconds.to_be_bytes()[2..]);
        octets[6] = octets[6] & 0x0f | 0x70;
        octets[8] = octets[8] & 0x3f | 0x80;
        Id(Uuid(octets))
    }

    /// Returns the id as text. It is the unique-id of a message that was not imported with another one.
    #[must_use]
    pub fn text(self) -> [u8; TEXT] {
        let mut text = [0; TEXT];
        // It fits: 16 bytes become 22 characters.
        let _ = BASE64_URL_SAFE_NO_PAD.encode_slice(self.0.0, &mut text);
        text
    }

    /// Returns the id with this text.
    #[must_use]
    pub fn of_text(text: &[u8; TEXT]) -> Option<Self> {
        let octets = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        octets.try_into().ok().map(|octets| Id(Uuid(octets)))
    }

    /// Returns where the body is in the object store. The folder is the last byte, which is random, so all folders grow alike.
    #[must_use]
    pub fn path(self) -> Path {
        let text = self.to_string();
        Path::from(format!("{}/{text}", &text[30..]))
    }

    /// Returns the id of the body at a path.
    #[must_use]
    pub fn of_path(path: &Path) -> Option<Self> {
        let name = path.filename()?;
        let number = (name.len() == 32).then(|| u128::from_str_radix(name, 16).ok())??;
        let id = Id(Uuid(number.to_be_bytes()));
        (id.path() == *path).then_some(id)
    }
}

impl Token {
    /// Returns a new token.
    ///
    /// # Errors
    /// Returns an error if the system has no random numbers.
    pub fn new() -> Result<Self> {
        random().map(Self::with_random)
    }

    /// Returns the token with these random bits.
    #[must_use]
    pub fn with_random(random: [u8; 16]) -> Self {
        Token(Uuid(random))
    }
}

/// Returns the time in milliseconds since 1970.
#[must_use]
pub fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}

/// Returns random bytes.
pub(crate) fn random<const COUNT: usize>() -> Result<[u8; COUNT]> {
    let mut octets = [0; COUNT];
    SystemRandom::new().fill(&mut octets).map_err(|_| "the system has no random numbers")?;
    Ok(octets)
}

/// Writes 32 hexadecimal digits.
impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl ToSql for Uuid {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        out.extend_from_slice(&self.0);
        Ok(IsNull::No)
    }

    fn accepts(r#type: &Type) -> bool {
        *r#type == Type::UUID
    }

    to_sql_checked!();
}

impl FromSql<'_> for Uuid {
    fn from_sql(_: &Type, raw: &[u8]) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(Uuid(raw.try_into()?))
    }

    fn accepts(r#type: &Type) -> bool {
        *r#type == Type::UUID
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_time_and_survive_each_form() {
        let ids = [0, 1, 1_700_000_000_000, (1 << 48) - 1].map(|time| Id::with_random(time, [0xa5; 16]));
        assert!(ids.is_sorted());
        for id in ids {
            assert_eq!(Id::of_text(&id.text()), Some(id));
            assert_eq!(Id::of_path(&id.path()), Some(id));
        }
        assert_eq!(ids[2].to_string(), "018bcfe56800".to_owned() + "75a5a5a5a5a5a5a5a5a5");
    }

    #[test]
    fn a_path_of_another_file_has_no_id() {
        let id = Id::with_random(1, [7; 16]);
        for path in ["x", "ab/cd", &format!("00/{id}"), &id.to_string(), &format!("{}/tail", id.path())] {
            assert_eq!(Id::of_path(&Path::from(path)), None, "{path}");
        }
    }
}
