//! The users that unknown names seem to be.

use crate::scram::Verifier;
use ring::hmac;
use std::collections::BTreeSet;
use std::num::NonZeroU32;

/// The rounds and the length of the salt: the part of a verifier that a client learns, apart from the salt itself.
pub type Shape = (NonZeroU32, usize);

/// Makes verifiers for unknown names, so a client cannot tell which names exist.
pub struct Nobody {
    secret: hmac::Key,
    /// The shapes of the users' verifiers.
    shapes: BTreeSet<Shape>,
}

impl Nobody {
    /// Takes a random secret of the site, and the [shapes](Verifier::shape) of its users' verifiers. All servers of a site must use the same
    /// secret, also after a restart. Otherwise the salt of an unknown name changes, and the salt of a user does not.
    #[must_use]
    pub fn new(secret: &[u8], shapes: impl IntoIterator<Item = Shape>) -> Self {
        let secret = hmac::Key::new(hmac::HMAC_SHA256, secret);
        Nobody { secret, shapes: shapes.into_iter().collect() }
    }

    /// Returns a verifier that no password fits. The same name always gets the same verifier, as a user does.
    ///
    /// Each name chooses the shape with the greatest digest. A new shape then changes the salts of few names, which looks like a new
    /// password.
    #[must_use]
    pub fn verifier(&self, name: &[u8]) -> Verifier {
        let digest = |(rounds, length): Shape| {
            self.digest(&[&rounds.get().to_be_bytes(), &(length as u64).to_be_bytes(), name])
        };
        let new = (digest(Verifier::SHAPE), Verifier::SHAPE); // without users there is only this shape
        let chosen = self.shapes.iter().map(|shape| (digest(*shape), *shape)).max();
        let (digest, (rounds, length)) = chosen.unwrap_or(new);
        let salt = (0_u64..).flat_map(|block| self.digest(&[&digest, &block.to_be_bytes()]));
        Verifier::of_nobody(rounds, salt.take(length).collect())
    }

    fn digest(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.secret);
        parts.iter().for_each(|part| context.update(part));
        let mut digest = [0; 32];
        digest.copy_from_slice(context.sign().as_ref());
        digest
    }
}
