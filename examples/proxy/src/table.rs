//! Which back end has whose mail.

use crate::{Error, Result};
use std::collections::HashMap;

/// Users and the addresses of their back ends.
#[derive(Clone, Default, Debug)]
pub struct Table(HashMap<Vec<u8>, String>);

impl Table {
    /// A user a line, `NAME HOST:PORT`. The name may hold spaces. Empty lines and lines that begin with `#` say nothing.
    pub fn parse(text: &str) -> Result<Self> {
        let mut table = Table::default();
        for (line, number) in text.lines().map(str::trim).zip(1..) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let entry = line.rsplit_once(' ').map(|(name, address)| (name.trim_end(), address));
            let Some((name, address)) = entry.filter(|(_, address)| address.contains(':')) else {
                return Err(Error::from(format!("line {number} is not NAME HOST:PORT")));
            };
            if table.0.insert(name.into(), address.into()).is_some() {
                return Err(Error::from(format!("line {number}: there is an earlier line for this name")));
            }
        }
        Ok(table)
    }

    /// The back end of this user.
    #[must_use]
    pub fn backend(&self, name: &[u8]) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}
