//! Who may log in, with what, and to which Maildir.

use crate::Result;
use crate::scram::server::{ITERATIONS, Verifier};
use ring::hmac;
use ring::rand::SystemRandom;
use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// All users.
pub struct Users {
    by_name: HashMap<Vec<u8>, User>,
    /// What stands in for a user who is not there.
    model: Verifier,
    /// The passwords that were right once, as keyed digests: PBKDF2 is slow, and clients come often.
    right: Mutex<HashMap<Vec<u8>, [u8; 32]>>,
    key: hmac::Key,
}

struct User {
    verifier: Verifier,
    maildir: Arc<Path>,
}

impl Users {
    /// One user.
    pub fn one(name: &str, password: &str, maildir: &Path) -> Result<Self> {
        let verifier = Verifier::new(password.as_bytes(), ITERATIONS)?;
        Self::new([(name.into(), User { verifier, maildir: maildir.into() })].into())
    }

    /// The users of a file.
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path)?;
        let user = |line: &str| -> Result<(Vec<u8>, User)> {
            let (name, verifier, maildir) =
                fields(line).ok_or("a line is not NAME, VERIFIER, MAILDIR with tabs between")?;
            Ok((name.into(), User { verifier: verifier.parse()?, maildir: Path::new(maildir).into() }))
        };
        Self::new(text.lines().map(user).collect::<Result<_>>()?)
    }

    fn new(by_name: HashMap<Vec<u8>, User>) -> Result<Self> {
        // The same in each run, so that the salt of a user who is not there does not change either.
        let first = by_name.iter().min_by_key(|(name, _)| *name);
        let model =
            first.map_or_else(|| Verifier::new(b"", ITERATIONS), |(_, user)| Ok(user.verifier.clone()))?;
        let key =
            hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).map_err(|_| "no random numbers")?;
        Ok(Users { by_name, model, right: Mutex::default(), key })
    }

    /// What is kept of the password. For a name that nobody has, something that looks the same to a client and costs the same.
    pub fn verifier(&self, name: &[u8]) -> Verifier {
        match self.by_name.get(name) {
            Some(user) => user.verifier.clone(),
            None => self.model.of_nobody(name),
        }
    }

    /// Where the user's messages are.
    pub fn maildir(&self, name: &[u8]) -> Option<Arc<Path>> {
        Some(Arc::clone(&self.by_name.get(name)?.maildir))
    }

    /// Whether this is the user's password. It may take milliseconds.
    pub fn is_right(&self, name: &[u8], password: &[u8]) -> bool {
        let message = [&(name.len() as u64).to_be_bytes(), name, password].concat();
        let known = self.right.lock().unwrap_or_else(PoisonError::into_inner).get(name).copied();
        if known.is_some_and(|known| hmac::verify(&self.key, &message, &known).is_ok()) {
            return true;
        }
        let right = self.verifier(name).is_for(password);
        if right {
            let mut digest = [0; 32];
            digest.copy_from_slice(hmac::sign(&self.key, &message).as_ref());
            self.right.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_vec(), digest);
        }
        right
    }
}

fn fields(line: &str) -> Option<(&str, &str, &str)> {
    let (name, rest) = line.split_once('\t')?;
    let (verifier, maildir) = rest.split_once('\t')?;
    Some((name, verifier, maildir))
}

/// Writes a user into the file, in place of one with the same name, and makes the folders of the Maildir.
pub fn add(path: &Path, name: &str, password: &str, maildir: &Path) -> Result<()> {
    let maildir = std::path::absolute(maildir)?;
    let root = maildir.to_str().ok_or("the Maildir's path is not UTF-8")?;
    if name.is_empty() || name.contains(char::is_control) || root.contains(char::is_control) {
        return Err("a name or a path that does not fit in a line".into());
    }
    make_maildir(&maildir)?;
    let before = match fs::read_to_string(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        text => text?,
    };
    let others = before.lines().filter(|line| fields(line).is_none_or(|(other, ..)| other != name));
    let mut text: String = others.flat_map(|line| [line, "\n"]).collect();
    text += &format!("{name}\t{}\t{root}\n", Verifier::new(password.as_bytes(), ITERATIONS)?);
    replace(path, text.as_bytes())
}

/// Makes the folders of a Maildir, where they are missing.
pub fn make_maildir(root: &Path) -> Result<()> {
    for folder in ["new", "cur", "tmp"] {
        fs::create_dir_all(root.join(folder))?;
    }
    Ok(())
}

/// Replaces a file as a whole, or not at all. Nobody else may read it.
fn replace(path: &Path, octets: &[u8]) -> Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    file.write_all(octets)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok(File::open(folder)?.sync_all()?)
}
