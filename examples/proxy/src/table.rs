//! The back end of each user.

use crate::{Error, Result};
use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, PoisonError};

/// Users and the addresses of their back ends.
#[derive(Clone, Default, Debug)]
pub struct Table {
    backends: HashMap<Vec<u8>, String>,
    /// The usual back end: the one with most users.
    usual: Option<String>,
    /// The code of that back end's last refusal of a password, and `None` in it if there was no code.
    usual_code: Arc<Mutex<Option<Option<Vec<u8>>>>>,
    /// Generates passwords that no user has.
    random: RandomState,
}

impl Table {
    /// Reads a user from each line, `NAME HOST:PORT`. The name may contain spaces. Empty lines and lines that begin with `#` are
    /// ignored.
    pub fn parse(text: &str) -> Result<Self> {
        let mut table = Table::default();
        let mut users: Vec<(&str, usize)> = Vec::new(); // of each back end, in the order of the lines
        for (line, number) in text.lines().map(str::trim).zip(1..) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let entry = line.rsplit_once(' ').map(|(name, address)| (name.trim_end(), address));
            let Some((name, address)) = entry.filter(|(_, address)| address.contains(':')) else {
                return Err(Error::from(format!("line {number} cannot be read: write NAME HOST:PORT")));
            };
            if table.backends.insert(name.into(), address.into()).is_some() {
                return Err(Error::from(format!(
                    "line {number} repeats an earlier name: remove one of the lines"
                )));
            }
            match users.iter_mut().find(|(backend, _)| *backend == address) {
                Some((_, count)) => *count += 1,
                None => users.push((address, 1)),
            }
        }
        let usual = users.iter().rev().max_by_key(|(_, count)| *count); // if several have the same count, the first one in the table
        table.usual = usual.map(|(address, _)| (*address).to_owned());
        Ok(table)
    }

    /// Returns the back end of this user.
    #[must_use]
    pub fn backend(&self, name: &[u8]) -> Option<&str> {
        self.backends.get(name).map(String::as_str)
    }

    /// Returns the usual back end, or `None` if there are no users.
    #[must_use]
    pub fn usual_backend(&self) -> Option<&str> {
        self.usual.as_deref()
    }

    /// Stores the code of a refusal, or its absence, if this is the usual back end.
    pub(crate) fn refused(&self, address: &str, code: Option<&[u8]>) {
        if self.usual.as_deref() == Some(address) {
            *self.usual_code.lock().unwrap_or_else(PoisonError::into_inner) = Some(code.map(<[u8]>::to_vec));
        }
    }

    /// Returns the code with which the usual back end refuses passwords, or `AUTH` until it has refused one.
    pub(crate) fn usual_code(&self) -> Option<Vec<u8>> {
        let code = self.usual_code.lock().unwrap_or_else(PoisonError::into_inner).clone();
        code.unwrap_or_else(|| Some(b"AUTH".to_vec()))
    }

    /// Returns a password that is wrong for any name: a number that cannot be guessed outside this process.
    #[must_use]
    pub fn wrong_password(&self, name: &[u8]) -> String {
        format!("{:016x}", self.random.hash_one(name))
    }
}
