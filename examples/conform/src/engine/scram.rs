//! SCRAM-SHA-256 (RFC 5802, RFC 7677): the messages and proofs of one exchange, as both sides compute them.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ring::{digest, hmac, pbkdf2};
use std::cell::RefCell;
use std::num::NonZeroU32;

/// What a password and the server's first message come to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Keys([u8; 32]);

impl Keys {
    /// Derives the salted password. The password must be printable ASCII, because it is not prepared.
    #[must_use]
    pub fn new(password: &[u8], salt: &[u8], iterations: NonZeroU32) -> Keys {
        // A proof of the kit derives the same keys thousands of times.
        thread_local!(static LAST: RefCell<Option<(Vec<u8>, Keys)>> = const { RefCell::new(None) });
        let of = [password, salt, &iterations.get().to_be_bytes()].join(&[0][..]);
        LAST.with_borrow_mut(|last| match last {
            Some((known, keys)) if *known == of => keys.clone(),
            _ => {
                let mut salted = [0; 32];
                pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, iterations, salt, password, &mut salted);
                last.insert((of, Keys(salted))).1.clone()
            }
        })
    }

    /// Returns the client's proof for this exchange.
    #[must_use]
    pub fn proof(&self, exchange: &[u8]) -> Vec<u8> {
        let key = sign(&self.0, b"Client Key");
        let stored = digest::digest(&digest::SHA256, &key);
        key.iter().zip(sign(stored.as_ref(), exchange)).map(|(left, right)| left ^ right).collect()
    }

    /// Returns the server's signature for this exchange.
    #[must_use]
    pub fn signature(&self, exchange: &[u8]) -> Vec<u8> {
        sign(&sign(&self.0, b"Server Key"), exchange)
    }
}

fn sign(key: &[u8], message: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message).as_ref().to_vec()
}

/// The server's first message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Challenge {
    pub nonce: String,
    pub salt: Vec<u8>,
    pub iterations: NonZeroU32,
}

impl Challenge {
    /// Reads it: nonce, salt and iterations, in this order, then perhaps extensions.
    #[must_use]
    pub fn read(message: &str) -> Option<Challenge> {
        let mut parts = message.split(',');
        let nonce = parts.next()?.strip_prefix("r=")?.to_owned();
        let salt = BASE64_STANDARD.decode(parts.next()?.strip_prefix("s=")?).ok()?;
        let iterations = parts.next()?.strip_prefix("i=")?;
        // `parse` also reads a sign and leading zeros.
        let iterations =
            iterations.starts_with(|first| matches!(first, '1'..='9')).then_some(iterations)?.parse().ok()?;
        Some(Challenge { nonce, salt, iterations })
    }
}

/// Returns the client's last message without its proof, and the whole exchange up to there, which proof and signature are computed of.
#[must_use]
pub fn without_proof(client_first: &str, server_first: &str, nonce: &str) -> (String, Vec<u8>) {
    // `biws` is `n,,`: no channel binding.
    let last = format!("c=biws,r={nonce}");
    let exchange = format!("{client_first},{server_first},{last}").into_bytes();
    (last, exchange)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7677 section 3.
    #[test]
    fn the_example_of_the_rfc() {
        let client = "n=user,r=rOprNGfwEbeRWgbNEkqO";
        let server = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
        let challenge = Challenge::read(server).unwrap();
        let keys = Keys::new(b"pencil", &challenge.salt, challenge.iterations);
        let (_, exchange) = without_proof(client, server, &challenge.nonce);
        let proof = BASE64_STANDARD.encode(keys.proof(&exchange));
        assert_eq!(proof, "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
        let signature = BASE64_STANDARD.encode(keys.signature(&exchange));
        assert_eq!(signature, "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
    }

    #[test]
    fn iterations_are_decimal_digits() {
        let read = |iterations| Challenge::read(&format!("r=x,s=c2FsdA==,i={iterations}"));
        assert_eq!(read("4294967295,x=y").unwrap().iterations.get(), u32::MAX);
        for odd in ["", "0", "+4096", "04096", "4294967296", "4096 "] {
            assert_eq!(read(odd), None, "{odd:?}");
        }
    }
}
