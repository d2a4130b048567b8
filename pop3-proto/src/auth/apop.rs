//! APOP digests (RFC 1939 section 7); feature `apop`, which is off by default.
//!
//! APOP does not send the password, but protects it badly. Inside TLS, a SASL mechanism is the better choice:
//!
//! - The digest is one round of MD5. Anyone who reads one session can guess passwords offline. Use long secrets, well
//!   beyond 8 characters.
//! - A malicious server chooses the timestamp. MD5 collisions between chosen timestamps reveal the first characters of
//!   the password one at a time (CVE-2007-1558 and similar attacks). [`ApopTimestamp`] is therefore strict: the
//!   timestamps that such collisions need are not message ids.
//! - The server must store every secret unencrypted.

use crate::{ApopDigest, ApopTimestamp, Secret};
use md5::{Digest, Md5};
use subtle::ConstantTimeEq;

/// Computes the digest that proves knowledge of `secret`: MD5 of the timestamp, with its angle brackets, followed
/// directly by the secret (RFC 1939 section 7).
///
/// ```
/// use pop3_proto::{ApopTimestamp, Secret, apop};
///
/// let timestamp = ApopTimestamp::new(b"<1896.697170952@dbc.mtview.ca.us>").unwrap();
/// let digest = apop::digest(timestamp, Secret::new(b"tanstaaf").unwrap());
/// assert_eq!(&digest.to_hex(), b"c4c9334bac560ecc979e58001b3e22fb");
/// ```
#[must_use]
pub fn digest(timestamp: ApopTimestamp<'_>, secret: Secret<'_>) -> ApopDigest {
    let md5 = Md5::new().chain_update(timestamp.as_bytes()).chain_update(secret.expose());
    ApopDigest::new(md5.finalize().into())
}

/// Returns whether `given` is the digest of this greeting's timestamp and the user's secret.
///
/// The comparison takes the same time wherever the digests differ, so response times reveal nothing about the
/// correct digest.
///
/// ```
/// use pop3_proto::{ApopDigest, ApopTimestamp, Secret, apop};
///
/// let timestamp = ApopTimestamp::new(b"<1896.697170952@dbc.mtview.ca.us>").unwrap();
/// let given = ApopDigest::parse(b"c4c9334bac560ecc979e58001b3e22fb").unwrap();
/// assert!(apop::verify(timestamp, Secret::new(b"tanstaaf").unwrap(), &given));
/// assert!(!apop::verify(timestamp, Secret::new(b"wrong").unwrap(), &given));
/// ```
#[must_use]
pub fn verify(timestamp: ApopTimestamp<'_>, secret: Secret<'_>, given: &ApopDigest) -> bool {
    digest(timestamp, secret).expose().ct_eq(given.expose()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    const TIMESTAMP: &[u8] = b"<1896.697170952@dbc.mtview.ca.us>";
    const SECRET: &[u8] = b"tanstaaf";

    fn example(secret: &[u8]) -> ApopDigest {
        digest(ApopTimestamp::new(TIMESTAMP).unwrap(), Secret::new(secret).unwrap())
    }

    #[test]
    fn r1939_7_apop_e_digest_covers_brackets_and_secret_without_separator() {
        let whole: Vec<u8> = [TIMESTAMP, SECRET].concat();
        assert_eq!(example(SECRET).expose()[..], Md5::digest(whole)[..]);
        assert_eq!(&example(SECRET).to_hex(), b"c4c9334bac560ecc979e58001b3e22fb");
    }

    #[test]
    fn r1939_7_apop_f_digest_is_sent_in_lower_case() {
        let hex = example(b"another secret").to_hex();
        assert!(hex.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')));
    }

    #[test]
    fn r1939_7_apop_k_either_case_verifies() {
        let timestamp = ApopTimestamp::new(TIMESTAMP).unwrap();
        let secret = Secret::new(SECRET).unwrap();
        let hex = example(SECRET).to_hex();
        for hex in [hex, hex.map(|digit| digit.to_ascii_uppercase())] {
            assert!(verify(timestamp, secret, &ApopDigest::parse(&hex).unwrap()));
        }
    }

    proptest! {
        #[test]
        fn r1939_7_apop_k_any_changed_bit_fails(octet in 0usize..16, bit in 0u8..8) {
            let mut octets = *example(SECRET).expose();
            octets[octet] ^= 1 << bit;
            let timestamp = ApopTimestamp::new(TIMESTAMP).unwrap();
            prop_assert!(!verify(timestamp, Secret::new(SECRET).unwrap(), &ApopDigest::new(octets)));
        }
    }
}
