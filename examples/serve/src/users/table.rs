//! The users at one moment, and the substitutes for unknown names.

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
    /// Maps a prepared name to the one name that is prepared to it, or to `None` if there are several.
    by_prepared: HashMap<Vec<u8>, Option<Vec<u8>>>,
    nobody: Nobody,
    /// The passwords that were right once, as keyed digests, because PBKDF2 is slow and clients log in often.
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

    /// Finds a user by the typed name, else by the prepared name. Looks up both for every name, so all names take the same time.
    /// Returns the user's own name too.
    pub(super) fn find(&self, name: &[u8]) -> Option<(&[u8], &User)> {
        let exact = self.by_name.get_key_value(name);
        let prepared = prepared(name);
        let similar = self.by_prepared.get(prepared.as_deref().unwrap_or(name));
        let similar = similar.and_then(|name| self.by_name.get_key_value(name.as_deref()?));
        exact.or(similar).map(|(name, user)| (&name[..], user))
    }

    /// Does the same as [`Users::verifier`](super::Users::verifier).
    pub(super) fn verifier(&self, name: &[u8]) -> Verifier {
        let nobody = self.nobody.verifier(name); // made for every name, so all take the same time
        self.find(name).map_or(nobody, |(_, user)| user.verifier.clone())
    }

    /// Does the same as [`Users::is_right`](super::Users::is_right).
    pub(super) fn is_right(&self, name: &[u8], password: &[u8]) -> bool {
        let name = self.find(name).map_or(name, |(own, _)| own); // one entry for each user, for every way to type the name
        let message = [&(name.len() as u64).to_be_bytes(), name, password].concat();
        let known = self.right.lock().unwrap_or_else(PoisonError::into_inner).get(name).copied();
        // No input has a digest of zeros. An unknown name is compared with one too, so it takes the same time.
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

/// The user that an unknown name seems to be.
struct Nobody {
    secret: Secret,
    /// The shapes of the users' verifiers.
    shapes: BTreeSet<Shape>,
}

/// The rounds and the length of the salt.
type Shape = (NonZeroU32, usize);

impl Nobody {
    fn among<'v>(verifiers: impl Iterator<Item = &'v Verifier>, secret: Secret) -> Self {
        Nobody { secret, shapes: verifiers.map(Verifier::shape).collect() }
    }

    /// Returns a verifier that no password fits. The same name always gets the same verifier, as a user does.
    ///
    /// Each name chooses the shape with the greatest digest. A new shape then changes the salts of few names, which looks like a new
    /// password.
    fn verifier(&self, name: &[u8]) -> Verifier {
        let digest = |(rounds, length): Shape| {
            let message = [&rounds.get().to_be_bytes()[..], &(length as u64).to_be_bytes(), name].concat();
            self.secret.digest(&message)
        };
        let new = (digest(Verifier::SHAPE), Verifier::SHAPE); // without users there is only this shape
        let chosen = self.shapes.iter().map(|shape| (digest(*shape), *shape)).max();
        let (digest, (rounds, length)) = chosen.unwrap_or(new);
        let salt =
            (0_u64..).flat_map(|block| self.secret.digest(&[&digest[..], &block.to_be_bytes()].concat()));
        Verifier::of_nobody(rounds, salt.take(length).collect())
    }
}
