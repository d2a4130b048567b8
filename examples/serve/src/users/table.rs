//! The users at one moment: who they are, and who nobody is.

use super::secret::Secret;
use crate::Result;
use crate::prepare::prepared;
use crate::scram::Verifier;
use pop3_proto_maildir::Maildir;
use ring::hmac;
use ring::rand::SystemRandom;
use std::collections::{BTreeSet, HashMap};
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};

pub(super) struct User {
    pub(super) verifier: Verifier,
    pub(super) maildir: Maildir,
}

/// All users.
pub(super) struct Table {
    by_name: HashMap<Vec<u8>, User>,
    /// From a prepared name to the one name that is prepared to it. `None` if there are several.
    by_prepared: HashMap<Vec<u8>, Option<Vec<u8>>>,
    nobody: Nobody,
    /// The passwords that were right once, as keyed digests: PBKDF2 is slow, and clients log in often.
    right: Mutex<HashMap<Vec<u8>, [u8; 32]>>,
    key: hmac::Key,
}

impl Table {
    pub(super) fn new(by_name: HashMap<Vec<u8>, User>, secret: Secret) -> Result<Self> {
        let mut by_prepared = HashMap::new();
        for name in by_name.keys() {
            let others = by_prepared.entry(prepared(name).unwrap_or_else(|| name.clone()));
            others.and_modify(|other| *other = None).or_insert_with(|| Some(name.clone()));
        }
        let nobody = Nobody::among(by_name.values().map(|user| &user.verifier), secret);
        let key =
            hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).map_err(|_| "no random numbers")?;
        Ok(Table { by_name, by_prepared, nobody, right: Mutex::default(), key })
    }

    pub(super) fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Finds a user by the name as it was typed, else by the prepared one. Both are looked up for every name, so that all take as long.
    /// Returns the user's own name too.
    pub(super) fn find(&self, name: &[u8]) -> Option<(&[u8], &User)> {
        let exact = self.by_name.get_key_value(name);
        let prepared = prepared(name);
        let similar = self.by_prepared.get(prepared.as_deref().unwrap_or(name));
        let similar = similar.and_then(|name| self.by_name.get_key_value(name.as_deref()?));
        exact.or(similar).map(|(name, user)| (&name[..], user))
    }

    /// As [`Users::verifier`](super::Users::verifier).
    pub(super) fn verifier(&self, name: &[u8]) -> Verifier {
        let nobody = self.nobody.verifier(name); // made for every name, so that all take as long
        self.find(name).map_or(nobody, |(_, user)| user.verifier.clone())
    }

    /// As [`Users::is_right`](super::Users::is_right).
    pub(super) fn is_right(&self, name: &[u8], password: &[u8]) -> bool {
        let name = self.find(name).map_or(name, |(own, _)| own); // one entry for each user, however the name is typed
        let message = [&(name.len() as u64).to_be_bytes(), name, password].concat();
        let known = self.right.lock().unwrap_or_else(PoisonError::into_inner).get(name).copied();
        // Nothing has a digest of zeros. It is compared with one for an unknown name too, which then takes as long.
        if hmac::verify(&self.key, &message, &known.unwrap_or_default()).is_ok() {
            return true;
        }
        let verifier = self.verifier(name);
        let right = verifier.is_for(password)
            || prepared(password).is_some_and(|password| verifier.is_for(&password));
        if right {
            let mut digest = [0; 32];
            digest.copy_from_slice(hmac::sign(&self.key, &message).as_ref());
            self.right.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_vec(), digest);
        }
        right
    }
}

/// The user that a name without a user seems to be.
struct Nobody {
    secret: Secret,
    /// What the users' verifiers look like.
    shapes: BTreeSet<Shape>,
}

/// Rounds and length of the salt.
type Shape = (NonZeroU32, usize);

impl Nobody {
    fn among<'v>(verifiers: impl Iterator<Item = &'v Verifier>, secret: Secret) -> Self {
        Nobody { secret, shapes: verifiers.map(Verifier::shape).collect() }
    }

    /// Returns a verifier that no password fits. The same name has the same one each time, as a user has.
    ///
    /// Each name chooses one of the shapes, the one with the greatest digest. A new shape then changes few names, and a salt with it: that
    /// looks like a new password.
    fn verifier(&self, name: &[u8]) -> Verifier {
        let digest = |(rounds, length): Shape| {
            let message = [&rounds.get().to_be_bytes()[..], &(length as u64).to_be_bytes(), name].concat();
            self.secret.digest(&message)
        };
        let new = (digest(Verifier::SHAPE), Verifier::SHAPE); // without a user there is no other shape
        let chosen = self.shapes.iter().map(|shape| (digest(*shape), *shape)).max();
        let (digest, (rounds, length)) = chosen.unwrap_or(new);
        let salt =
            (0_u64..).flat_map(|block| self.secret.digest(&[&digest[..], &block.to_be_bytes()].concat()));
        Verifier::of_nobody(rounds, salt.take(length).collect())
    }
}
