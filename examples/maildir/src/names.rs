//! Reads the parts of a message's file name.

use pop3_proto::{OwnedUniqueId, UniqueId};

/// Returns a file name without the flags: up to the `:`.
///
/// A message keeps this part, its base name, when a mail program moves it from `new/` to `cur/` or changes its flags.
pub(crate) fn base_name(name: &[u8]) -> &[u8] {
    name.split(|byte| *byte == b':').next().unwrap_or(name)
}

/// The sort key of messages: the second of delivery at the start of the base name, then the base name.
pub(crate) type Order<'n> = (u64, &'n [u8]);

/// Returns the sort key of a base name.
pub(crate) fn order(base: &[u8]) -> Order<'_> {
    let digits = base.iter().take_while(|byte| byte.is_ascii_digit());
    let delivered =
        digits.fold(0u64, |seconds, digit| seconds.saturating_mul(10).saturating_add((digit - b'0').into()));
    (delivered, base)
}

/// The prefix of unique-ids that are hashes of base names.
const HASHED: &str = "fnv1a128.";

/// Returns the unique-id of a message, the same in each run.
///
/// It is the base name if that has 1 to 70 bytes from 0x21 to 0x7E. Otherwise it is [`HASHED`] and the base name's hash, FNV-1a
/// of 128 bits in hexadecimal. A base name that looks like such a hash is hashed too, so no message gets the unique-id of
/// another.
pub(crate) fn unique_id(base: &[u8]) -> OwnedUniqueId {
    match UniqueId::new(base) {
        Ok(id) if !base.starts_with(HASHED.as_bytes()) => id.into(),
        _ => {
            let id = format!("{HASHED}{:032x}", fnv1a(base));
            UniqueId::new(id.as_bytes()).expect("41 bytes of printable ASCII").into()
        }
    }
}

/// Returns FNV-1a with 128 bits. It has to distinguish names that a mail program chose, not withstand an
/// attack.
fn fnv1a(bytes: &[u8]) -> u128 {
    const OFFSET: u128 = 0x6c62272e07bb014262b821756295c58d;
    const PRIME: u128 = 0x0000000001000000000000000000013b;
    bytes.iter().fold(OFFSET, |hash, byte| (hash ^ u128::from(*byte)).wrapping_mul(PRIME))
}

#[cfg(test)]
mod tests;
