//! The server's part of SCRAM-SHA-256: its record of a password, and its side of the exchange, through rsasl.

#![allow(missing_debug_implementations)] // types that hold connections, mail or secrets are not for printing

use crate::Result;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::{digest, hmac, pbkdf2};
use rsasl::callback::{Context, Request, SessionCallback, SessionData};
use rsasl::config::SASLConfig;
use rsasl::mechanisms::scram::properties::ScramStoredPassword;
use rsasl::mechname::Mechname;
use rsasl::prelude::{SASLServer, Session, SessionError, State, Validation};
use rsasl::property::{AuthId, AuthzId};
use rsasl::validate::{Validate, ValidationError};
use std::fmt;
use std::mem;
use std::num::NonZeroU32;
use std::str::FromStr;
use subtle::ConstantTimeEq as _;

/// The PBKDF2 rounds for new verifiers. RFC 7677 section 4 requires at least 4096.
pub const ITERATIONS: NonZeroU32 = NonZeroU32::new(10_000).unwrap();

/// The server's record of a password: enough to check it, not enough to log in with (RFC 5802 section 3).
///
/// Its text has the form of RFC 5803 and PostgreSQL: `SCRAM-SHA-256$ITERATIONS:SALT$STORED_KEY:SERVER_KEY`.
#[derive(Clone)]
pub struct Verifier {
    iterations: NonZeroU32,
    salt: Vec<u8>,
    stored_key: [u8; 32],
    server_key: [u8; 32],
}

/// The number of bytes in a new salt.
const SALT: usize = 16;

impl Verifier {
    /// The [`shape`](Self::shape) of a new verifier with the usual number of rounds.
    pub const SHAPE: (NonZeroU32, usize) = (ITERATIONS, SALT);

    /// Returns a verifier for a new password, with a new salt.
    pub fn new(password: &[u8], iterations: NonZeroU32) -> Result<Self> {
        let mut salt = vec![0; SALT];
        SystemRandom::new().fill(&mut salt).map_err(|_| "no random numbers")?;
        Ok(Self::with_salt(password, iterations, salt))
    }

    /// Returns a verifier for which no password is right, in place of one that is unavailable.
    pub(crate) fn nobody() -> Self {
        Self::of_nobody(ITERATIONS, vec![0; SALT])
    }

    fn with_salt(password: &[u8], iterations: NonZeroU32, salt: Vec<u8>) -> Self {
        let mut salted = [0; 32];
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, iterations, &salt, password, &mut salted);
        let client_key = hmac_sha256(&salted, b"Client Key");
        let mut stored_key = [0; 32];
        stored_key.copy_from_slice(digest::digest(&digest::SHA256, &client_key).as_ref());
        Verifier { iterations, salt, stored_key, server_key: hmac_sha256(&salted, b"Server Key") }
    }

    /// Returns a verifier for an unknown name, for which no password is right. A check takes as long as with any verifier of this
    /// shape.
    ///
    /// The salt must be the same each time for the same name, as a user's salt is, and only someone who knows a secret may be able to
    /// compute it.
    #[must_use]
    pub fn of_nobody(iterations: NonZeroU32, salt: Vec<u8>) -> Self {
        // No input is known whose digest is all zeroes.
        Verifier { salt, stored_key: [0; 32], server_key: [0; 32], iterations }
    }

    /// Returns the part of a verifier, apart from the salt itself, that a client learns: the rounds, and the
    /// length of the salt.
    #[must_use]
    pub fn shape(&self) -> (NonZeroU32, usize) {
        (self.iterations, self.salt.len())
    }

    /// Returns whether this is the password. It takes time, and always the same time.
    #[must_use]
    pub fn is_for(&self, password: &[u8]) -> bool {
        let given = Self::with_salt(password, self.iterations, self.salt.clone());
        given.stored_key.ct_eq(&self.stored_key).into()
    }

    /// Adds everything to a digest that tells verifiers apart.
    pub(crate) fn add_to(&self, digest: &mut hmac::Context) {
        let Verifier { iterations, salt, stored_key, server_key } = self;
        digest.update(&iterations.get().to_be_bytes());
        digest.update(stored_key);
        digest.update(server_key);
        digest.update(&(salt.len() as u64).to_be_bytes());
        digest.update(salt);
    }
}

fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut octets = [0; 32];
    octets.copy_from_slice(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message).as_ref());
    octets
}

/// Shows no details, because a verifier allows trying passwords against it.
impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verifier(..)")
    }
}

/// Writes the text to store.
impl fmt::Display for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [salt, stored_key, server_key] =
            [&self.salt[..], &self.stored_key, &self.server_key].map(|octets| BASE64_STANDARD.encode(octets));
        write!(f, "SCRAM-SHA-256${}:{salt}${stored_key}:{server_key}", self.iterations)
    }
}

impl FromStr for Verifier {
    type Err = crate::Error;

    fn from_str(text: &str) -> Result<Self> {
        let parts: Vec<&str> = text.split(['$', ':']).collect();
        let ["SCRAM-SHA-256", iterations, salt, stored_key, server_key] = parts[..] else {
            return Err(NOT_A_VERIFIER.into());
        };
        let salt = BASE64_STANDARD.decode(salt).map_err(|_| NOT_A_VERIFIER)?;
        let iterations = iterations.parse().map_err(|_| NOT_A_VERIFIER)?;
        let verifier =
            Verifier { iterations, salt, stored_key: key(stored_key)?, server_key: key(server_key)? };
        // Other separators, or a sign before the number, are not this format.
        if verifier.to_string() == text { Ok(verifier) } else { Err(NOT_A_VERIFIER.into()) }
    }
}

/// Does not quote the text, which may be a misplaced password.
const NOT_A_VERIFIER: &str = "not a verifier of SCRAM-SHA-256";

fn key(text: &str) -> Result<[u8; 32]> {
    let octets = BASE64_STANDARD.decode(text).map_err(|_| NOT_A_VERIFIER)?;
    octets.try_into().map_err(|_| NOT_A_VERIFIER.into())
}

/// The server's side of an exchange.
pub struct Exchange {
    /// `None` after a failure, because rsasl panics if it is used again.
    session: Option<Session<Name>>,
    is_first: bool,
    verified: Option<String>,
}

/// The result of a client's response.
#[derive(Debug)]
pub enum Progress {
    /// The next challenge.
    Challenge(Vec<u8>),
    /// The client is this user.
    Verified(String),
    Failed,
}

impl Exchange {
    /// Returns an exchange in which `verifier_of` finds the verifier of a name, or [a
    /// substitute](Verifier::of_nobody).
    pub fn new(verifier_of: impl Fn(&[u8]) -> Verifier + Send + Sync + 'static) -> Result<Self> {
        let config = SASLConfig::builder().with_defaults().with_callback(Callback(verifier_of))?;
        let session = SASLServer::new(config).start_suggested(Mechname::parse(b"SCRAM-SHA-256")?)?;
        Ok(Exchange { session: Some(session), is_first: true, verified: None })
    }

    /// Returns whether the next step finds the verifier, which may block.
    pub(crate) fn is_first(&self) -> bool {
        self.is_first
    }

    /// Takes a response. The last one is empty, to the challenge in which the server proves itself (RFC 5034 section 4).
    pub fn step(&mut self, response: &[u8]) -> Progress {
        if let Some(name) = self.verified.take() {
            return if response.is_empty() { Progress::Verified(name) } else { Progress::Failed };
        }
        self.go_on(response).map_or(Progress::Failed, Progress::Challenge)
    }

    fn go_on(&mut self, response: &[u8]) -> Option<Vec<u8>> {
        let is_first = mem::replace(&mut self.is_first, false);
        let mut session = self.session.take().filter(|_| is_sound(response, is_first))?;
        let mut challenge = Vec::new();
        let state = session.step(Some(response), &mut challenge).ok()?;
        self.verified = session.validation();
        // After a wrong proof there is no name. The challenge would report it (`e=`), but POP3 has -ERR for
        // that.
        if matches!(state, State::Finished(_)) && self.verified.is_none() {
            return None;
        }
        self.session = Some(session);
        Some(challenge)
    }
}

/// Returns whether rsasl can read this. Version 2.3 panics if an attribute is not a letter and a `=`, and does not check a name.
fn is_sound(message: &[u8], is_first: bool) -> bool {
    let mut parts = message.split(|octet| *octet == b',').enumerate();
    parts.all(|(place, part)| match (place, part) {
        (0, _) | (1, []) if is_first => true, // `n,,`: no channel binding, and no other user to act for
        (2, [b'n', b'=', name @ ..]) if is_first => is_escaped(name),
        (_, part) => part.get(1) == Some(&b'='),
    })
}

/// Returns whether each `=` in a name begins an escape. Otherwise the login must fail (RFC 5802 section 5.1).
fn is_escaped(name: &[u8]) -> bool {
    let mut escapes = name.split(|octet| *octet == b'=').skip(1);
    escapes.all(|escape| escape.starts_with(b"2C") || escape.starts_with(b"3D"))
}

/// The value that [`Session`] reports at the end: the user's name.
struct Name;

impl Validation for Name {
    type Value = String;
}

struct Callback<F>(F);

impl<F: Fn(&[u8]) -> Verifier + Send + Sync> SessionCallback for Callback<F> {
    fn callback(
        &self,
        _: &SessionData,
        context: &Context<'_>,
        request: &mut Request<'_>,
    ) -> Result<(), SessionError> {
        let name = unescaped(context.get_ref::<AuthId>().unwrap_or_default());
        let Verifier { iterations, salt, stored_key, server_key } = (self.0)(name.as_bytes());
        request.satisfy::<ScramStoredPassword<'_>>(&ScramStoredPassword::new(
            iterations.get(),
            &salt,
            &stored_key,
            &server_key,
        ))?;
        Ok(())
    }

    /// Called once the proof is right. No user may act for another.
    fn validate(
        &self,
        _: &SessionData,
        context: &Context<'_>,
        validate: &mut Validate<'_>,
    ) -> Result<(), ValidationError> {
        let name = context.get_ref::<AuthId>().unwrap_or_default();
        if context.get_ref::<AuthzId>().is_none_or(|other| other == name) {
            validate.with::<Name, _>(|| Ok(unescaped(name)))?;
        }
        Ok(())
    }
}

/// Unescapes a name: `,` and `=` are escaped (RFC 5802 section 5.1), which rsasl 2.3 leaves unchanged.
fn unescaped(name: &str) -> String {
    name.replace("=2C", ",").replace("=3D", "=")
}
