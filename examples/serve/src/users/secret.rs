//! A random secret of the site. Without it, a client cannot distinguish the salt of a user from the salt of an unknown
//! name.

use crate::Result;
use crate::files::{self, Access, PRIVATE};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ring::rand::{SecureRandom as _, SystemRandom};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

pub(super) type Secret = [u8; 32];

/// Returns a new secret.
pub(super) fn random() -> Result<Secret> {
    let mut secret = Secret::default();
    SystemRandom::new().fill(&mut secret).map_err(|_| "no random numbers")?;
    Ok(secret)
}

/// Returns the secret that is stored next to the users. Creates it if it is missing.
pub(super) fn next_to(users: &Path) -> Result<Secret> {
    let path = files::with_suffix(users, ".secret");
    if let Some(secret) = read(&path)? {
        return Ok(secret);
    }
    make(users, &path).map_err(|error| format!("the secret is missing and cannot be created: {error}").into())
}

/// Two processes may get here at once. The second one then reads the secret of the first.
fn make(users: &Path, path: &Path) -> Result<Secret> {
    let _lock = super::lock(users)?;
    if let Some(secret) = read(path)? {
        return Ok(secret);
    }
    let secret = random()?;
    let text = BASE64_STANDARD.encode(secret) + "\n";
    // Owned by the user who serves these users, if this process may give a file away. Otherwise owned by
    // this process's user.
    let given = fs::metadata(users)
        .map_err(Into::into)
        .and_then(|users| files::replace(path, text.as_bytes(), &Access::OwnerOf(&users, PRIVATE)));
    given.or_else(|_| files::replace(path, text.as_bytes(), &Access::Mode(PRIVATE)))?;
    Ok(secret)
}

fn read(path: &Path) -> Result<Option<Secret>> {
    let Some((text, metadata)) = files::read_own(path)? else { return Ok(None) };
    let told = |error: &str| format!("{}: {error}", path.display());
    if metadata.mode() & 0o027 != 0 {
        return Err(told("other users may read this file, which must be secret: chmod 600 FILE").into());
    }
    let octets = BASE64_STANDARD.decode(text.trim_ascii()).unwrap_or_default();
    let secret = octets.try_into();
    let wrong = |_| told("not a secret of 32 bytes in base64: remove this file to get a new one").into();
    secret.map(Some).map_err(wrong)
}
