//! The users who may log in, their passwords, and their Maildirs.
//!
//! There are two more files next to a file of users. `FILE.secret` decides how an unknown name appears to a client. A writer
//! holds `FILE.lock`.

mod secret;
mod table;

use super::files::{self, Access, PRIVATE};
use super::passwords::{self, Remembered};
use super::prepare::form;
use crate::Result;
use crate::scram::Verifier;
use pop3_proto_maildir::Maildir;
use std::collections::HashMap;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use table::{Table, User};

/// All users, who may change while the server runs.
pub struct Users {
    table: RwLock<Arc<Table>>,
    remembered: Remembered,
    /// A reload holds this lock, so the newest users stay.
    file: Mutex<Option<PathBuf>>,
}

impl Users {
    /// Returns one user.
    ///
    /// # Errors
    /// Returns an error that names the user if no client could send the password.
    pub fn one(name: &str, password: &str, maildir: &Path) -> Result<Self> {
        let user = User { verifier: passwords::verifier(name, password)?, maildir: maildir_at(maildir) };
        Self::with(Table::new([(name.into(), user)].into(), &secret::random()?), None)
    }

    /// Returns the users of a file. Creates the file with the site's secret if it is missing.
    ///
    /// # Errors
    /// Returns an error that names the file and the line, and shows no part of a verifier.
    pub fn read(path: &Path) -> Result<Self> {
        Self::with(read(path)?, Some(path.into()))
    }

    fn with(table: Table, file: Option<PathBuf>) -> Result<Self> {
        let remembered = Remembered::new(Remembered::MOST)?;
        Ok(Users { table: RwLock::new(table.into()), remembered, file: Mutex::new(file) })
    }

    /// Reads the file again, and returns how many users there are now. Returns `None` if the users are not from a
    /// file.
    ///
    /// # Errors
    /// Returns the errors of [`read`](Self::read). The users are then unchanged.
    pub fn reload(&self) -> Result<Option<usize>> {
        let file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(path) = &*file else { return Ok(None) };
        let table = read(path)?;
        let count = table.len();
        *self.table.write().unwrap_or_else(PoisonError::into_inner) = table.into();
        Ok(Some(count))
    }

    /// Returns the verifier of a user. For an unknown name, returns one that looks the same to a client and takes the same time.
    pub fn verifier(&self, name: &[u8]) -> Verifier {
        self.table().verifier(name).1
    }

    /// Returns where the user's messages are.
    pub fn maildir(&self, name: &[u8]) -> Option<Maildir> {
        Some(self.table().find(name)?.1.maildir.clone())
    }

    /// Returns whether this is the user's password, as it was typed or prepared by SASLprep. This may take
    /// milliseconds.
    pub fn is_right(&self, name: &[u8], password: &[u8]) -> bool {
        let table = self.table();
        let (name, verifier) = table.verifier(name);
        self.remembered.is_right(name, &verifier, password)
    }

    /// Returns whether this was the user's password before, and still is. This does not take as long.
    pub fn knows(&self, name: &[u8], password: &[u8]) -> bool {
        let table = self.table();
        let (name, verifier) = table.verifier(name);
        self.remembered.knows(name, &verifier, password)
    }

    /// Returns the current users. The lock is not held while a password is checked.
    fn table(&self) -> Arc<Table> {
        Arc::clone(&self.table.read().unwrap_or_else(PoisonError::into_inner))
    }
}

fn read(path: &Path) -> Result<Table> {
    let (text, metadata) = read_text(path)?;
    files::warn_if_public(path, &metadata);
    let mut by_name = HashMap::new();
    for (line, number) in text.lines().zip(1..) {
        let (name, user) =
            parse(line).map_err(|error| format!("{}, line {number}: {error}", path.display()))?;
        by_name.insert(name, user);
    }
    Ok(Table::new(by_name, &secret::next_to(path)?))
}

/// Reads the lines of a file of users. An incomplete last line means that the file is still being written.
fn read_text(path: &Path) -> Result<(String, Metadata)> {
    let (octets, metadata) = files::read(path)?;
    let text = String::from_utf8(octets).map_err(|_| format!("{}: not UTF-8", path.display()))?;
    if !text.is_empty() && !text.ends_with('\n') {
        let error = "the last line is incomplete: end it with a line feed";
        return Err(format!("{}: {error}", path.display()).into());
    }
    Ok((text, metadata))
}

fn maildir_at(root: &Path) -> Maildir {
    Maildir::new(root, |line| tracing::warn!("{line}"))
}

fn parse(line: &str) -> Result<(Vec<u8>, User)> {
    let (name, verifier, maildir) = fields(line).ok_or("not NAME, VERIFIER, MAILDIR with tabs between")?;
    Ok((name.into(), User { verifier: verifier.parse()?, maildir: maildir_at(Path::new(maildir)) }))
}

fn fields(line: &str) -> Option<(&str, &str, &str)> {
    let (name, rest) = line.split_once('\t')?;
    let (verifier, maildir) = rest.split_once('\t')?;
    Some((name, verifier, maildir))
}

/// Writes a user to the file, in place of one with the same name, and makes the folders of the Maildir.
///
/// # Errors
/// Returns an error that names the user if no client could send the password. After any error the file is unchanged.
pub fn add(path: &Path, name: &str, password: &str, maildir: &Path) -> Result<()> {
    let maildir = std::path::absolute(maildir)?;
    let root = maildir.to_str().ok_or("the Maildir's path is not UTF-8")?;
    if name.is_empty() || name.contains(char::is_control) || root.contains(char::is_control) {
        return Err("a name or a path is empty or has a control character, which a line cannot hold".into());
    }
    let line = format!("{name}\t{}\t{root}\n", passwords::verifier(name, password)?);
    make_maildir(&maildir)?;
    {
        let _lock = lock(path)?;
        let there = fs::symlink_metadata(path).is_ok();
        let (before, metadata) =
            if there { read_text(path).map(|(text, data)| (text, Some(data)))? } else { <_>::default() };
        let text = with_line(&before, name, &line)?;
        let access = metadata.as_ref();
        let access = access.map_or(Access::Mode(PRIVATE), |data| Access::OwnerOf(data, data.mode() & 0o640));
        files::replace(path, text.as_bytes(), &access)?;
    }
    secret::next_to(path).map(drop)
}

/// Takes the lock for all files that are written next to the users, and for the users themselves.
fn lock(users: &Path) -> Result<files::Lock> {
    files::lock(&files::with_suffix(users, ".lock"))
}

/// Returns the lines with this user's line at the end, and without any other line of that name.
fn with_line(before: &str, name: &str, line: &str) -> Result<String> {
    let mut text = String::with_capacity(before.len() + line.len());
    for other in before.split_inclusive('\n') {
        match fields(other) {
            Some((same, ..)) if same == name => {}
            Some((similar, ..)) if form(similar.as_bytes()) == form(name.as_bytes()) => {
                return Err(
                    format!("{name:?} and {similar:?} would be one name: SASLprep makes them equal").into()
                );
            }
            _ => text.push_str(other),
        }
    }
    Ok(text + line)
}

/// Creates the missing folders of a Maildir.
pub fn make_maildir(root: &Path) -> Result<()> {
    for folder in ["new", "cur", "tmp"] {
        fs::create_dir_all(root.join(folder))?;
    }
    Ok(())
}
