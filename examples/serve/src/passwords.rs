//! Reads passwords, checks them, and remembers the ones that were right.

use crate::Result;
use crate::prepare::{self, prepared};
use crate::scram::{ITERATIONS, Verifier};
use lru::LruCache;
use ring::hmac;
use ring::rand::SystemRandom;
use std::env::VarError;
use std::io::Read as _;
use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};
use subtle::ConstantTimeEq as _;

/// Reads a password from an environment variable, or from stdin until its end, without its last line ends. It is never an argument, which
/// everybody on the machine can read.
///
/// # Errors
/// Returns an error if the variable is not set or not UTF-8, or if stdin cannot be read. The error shows neither the password nor the contents
/// or name of the variable, because the name may be a misplaced password.
pub fn read(variable: Option<&str>) -> Result<String> {
    let Some(variable) = variable else {
        let mut line = String::new();
        std::io::stdin().read_to_string(&mut line)?;
        return Ok(line.trim_end_matches(['\r', '\n']).to_owned());
    };
    std::env::var(variable).map_err(|error| match error {
        VarError::NotPresent => "the variable that --password-env names is not set".into(),
        VarError::NotUnicode(_) => "the variable that --password-env names is not UTF-8".into(),
    })
}

/// Makes the verifier of a new password, with a new salt. It is for the prepared password, because clients of SCRAM prepare it too (RFC 5802
/// section 2.2).
///
/// # Errors
/// Returns the errors of [`prepare::check`]: no command can carry the password.
pub fn verifier(name: &str, password: &str) -> Result<Verifier> {
    prepare::check(name, password)?;
    let prepared = prepared(password.as_bytes());
    Verifier::new(prepared.as_deref().unwrap_or(password.as_bytes()), ITERATIONS)
}

/// Returns whether this is the verifier's password, as it was typed or as SASLprep prepares it. This takes milliseconds, and for one password
/// always the same time.
#[must_use]
pub fn fits(verifier: &Verifier, password: &[u8]) -> bool {
    verifier.is_for(password) || prepared(password).is_some_and(|password| verifier.is_for(&password))
}

/// The passwords that were right once, because PBKDF2 is slow and clients log in often. It has one password for each name, and forgets the names
/// that were not looked up for the longest time.
///
/// It keeps digests with a random key, of name, verifier and password. If a user's verifier changes, the old password is therefore forgotten.
///
/// ```
/// use pop3_proto_serve::passwords::{self, Remembered};
///
/// let remembered = Remembered::new(Remembered::MOST)?;
/// let (old, new) = (passwords::verifier("mrose", "tanstaaf")?, passwords::verifier("mrose", "sekret")?);
/// assert!(remembered.is_right(b"mrose", &old, b"tanstaaf"));
/// assert!(remembered.knows(b"mrose", &old, b"tanstaaf")); // without PBKDF2
/// assert!(!remembered.is_right(b"mrose", &new, b"tanstaaf"));
/// # Ok::<_, pop3_proto_serve::Error>(())
/// ```
pub struct Remembered {
    key: hmac::Key,
    digests: Mutex<LruCache<Vec<u8>, Digest>>,
}

type Digest = [u8; 32];

impl Remembered {
    /// The names of a large site.
    pub const MOST: NonZeroUsize = NonZeroUsize::new(100_000).unwrap();

    /// Remembers this many names at most.
    ///
    /// # Errors
    /// Returns an error if the system has no random numbers.
    pub fn new(most: NonZeroUsize) -> Result<Self> {
        let key =
            hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).map_err(|_| "no random numbers")?;
        let mut digests = LruCache::unbounded(); // `LruCache::new` allocates the memory for all names
        digests.resize(most);
        Ok(Remembered { key, digests: Mutex::new(digests) })
    }

    /// Returns whether this password [fits](fits) the verifier. Checks it only if it is not known. `name` must be the same for all ways to type
    /// the user's name, and for an unknown name the typed one.
    #[must_use]
    pub fn is_right(&self, name: &[u8], verifier: &Verifier, password: &[u8]) -> bool {
        let digest = self.digest(name, verifier, password);
        let right = self.has(name, &digest) || fits(verifier, password);
        if right {
            self.digests().put(name.to_vec(), digest);
        }
        right
    }

    /// Returns whether this password was right before, and is still remembered. This is fast.
    #[must_use]
    pub fn knows(&self, name: &[u8], verifier: &Verifier, password: &[u8]) -> bool {
        self.has(name, &self.digest(name, verifier, password))
    }

    fn has(&self, name: &[u8], digest: &Digest) -> bool {
        let known = self.digests().get(name).copied();
        // No input has a digest of zeros. An unknown name is compared with one too, so it takes the same time.
        known.unwrap_or_default().ct_eq(digest).into()
    }

    fn digest(&self, name: &[u8], verifier: &Verifier, password: &[u8]) -> Digest {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(&(name.len() as u64).to_be_bytes());
        context.update(name);
        verifier.add_to(&mut context);
        context.update(password);
        let mut digest = [0; 32];
        digest.copy_from_slice(context.sign().as_ref());
        digest
    }

    fn digests(&self) -> MutexGuard<'_, LruCache<Vec<u8>, Digest>> {
        self.digests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
