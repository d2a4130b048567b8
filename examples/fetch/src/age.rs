//! How long messages have been stored here, for `--keep-days`.
//!
//! The file `.fetch.since-KEY`, next to the state file, has a line for each message that is stored here and that the server still lists:
//! the time (in seconds after 1970), its size and its unique-id. If the file is lost, the days begin again, so nothing is deleted too
//! early.

use super::files;
use std::collections::HashMap;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

const DAY: u64 = 24 * 60 * 60;
const FILE: &str = ".fetch.since-";

/// The time since when each message is stored, by unique-id and size.
#[derive(Debug)]
pub(super) struct Ages {
    path: PathBuf,
    since: HashMap<(Vec<u8>, u64), u64>,
}

impl Ages {
    /// Reads the file in this folder, if it exists.
    pub(super) fn open(folder: &Path, key: &str) -> io::Result<Self> {
        let path = folder.join(format!("{FILE}{key}"));
        let mut lines = Vec::new();
        match files::open_read(&path) {
            Ok(mut file) => drop(file.read_to_end(&mut lines)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        // If a line cannot be read, the days of its message begin again.
        let since = lines.split(|byte| *byte == b'\n').filter_map(read).collect();
        Ok(Ages { path, since })
    }

    /// Records which messages are stored and listed at this time, in seconds, and forgets the rest.
    pub(super) fn update<'m>(
        &mut self,
        now: u64,
        stored: impl Iterator<Item = (&'m [u8], u64)>,
    ) -> io::Result<()> {
        let since = |key: &(Vec<u8>, u64)| self.since.get(key).copied().unwrap_or(now).min(now);
        let stored = stored.map(|(id, octets)| (id.to_vec(), octets));
        let updated: HashMap<_, _> = stored.map(|key| (key.clone(), since(&key))).collect();
        if updated == self.since {
            return Ok(());
        }
        let lines = updated.iter().map(|((id, octets), since)| line(*since, *octets, id));
        let mut name = self.path.clone().into_os_string();
        name.push(".new");
        let mut file = files::create_new(Path::new(&name))?;
        file.write_all(&lines.collect::<Vec<_>>().concat())?;
        file.sync_all()?;
        fs::rename(&name, &self.path)?;
        self.since = updated;
        Ok(())
    }

    /// Returns whether this message has been stored for `days` days.
    pub(super) fn is_ripe(&self, (id, octets): (&[u8], u64), days: u32, now: u64) -> bool {
        let since = self.since.get(&(id.to_vec(), octets));
        since.is_some_and(|since| now.saturating_sub(*since) >= DAY * u64::from(days))
    }
}

fn line(since: u64, octets: u64, id: &[u8]) -> Vec<u8> {
    [format!("{since}\t{octets}\t").as_bytes(), id, b"\n"].concat()
}

/// The unique-id is last because it may contain tabs.
fn read(line: &[u8]) -> Option<((Vec<u8>, u64), u64)> {
    let mut parts = line.splitn(3, |byte| *byte == b'\t');
    let mut number = || std::str::from_utf8(parts.next()?).ok()?.parse().ok();
    let (since, octets) = (number()?, number()?);
    Some(((parts.next()?.to_vec(), octets), since))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_from_the_first_time_over_all_runs() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Ages::open(folder.path(), "mrose@here").unwrap();
        let (a, b) = ((&b"a"[..], 5), (&b"b\tc\xff"[..], 5));
        open().update(1000, [a].into_iter()).unwrap();
        open().update(1000 + DAY, [a, b].into_iter()).unwrap();
        let ages = open();
        assert!(ages.is_ripe(a, 2, 1000 + 2 * DAY) && !ages.is_ripe(a, 2, 999 + 2 * DAY));
        assert!(!ages.is_ripe(b, 2, 1000 + 2 * DAY) && ages.is_ripe(b, 2, 1000 + 3 * DAY));
        assert!(ages.is_ripe(b, 0, 0));
        assert!(!ages.is_ripe((b"a", 6), 0, u64::MAX), "another size is another message");
    }

    #[test]
    fn a_message_that_is_no_longer_listed_starts_over() {
        let folder = tempfile::tempdir().unwrap();
        let mut ages = Ages::open(folder.path(), "mrose@here").unwrap();
        let a = (&b"a"[..], 5);
        ages.update(0, [a].into_iter()).unwrap();
        ages.update(DAY, [].into_iter()).unwrap();
        ages.update(2 * DAY, [a].into_iter()).unwrap();
        assert!(!ages.is_ripe(a, 1, 2 * DAY) && ages.is_ripe(a, 1, 3 * DAY));
    }

    /// A clock that was set back must not make a message older than it is.
    #[test]
    fn a_clock_that_was_ahead_costs_days_and_no_message() {
        let folder = tempfile::tempdir().unwrap();
        let mut ages = Ages::open(folder.path(), "mrose@here").unwrap();
        let a = (&b"a"[..], 5);
        ages.update(9 * DAY, [a].into_iter()).unwrap();
        ages.update(DAY, [a].into_iter()).unwrap();
        assert!(!ages.is_ripe(a, 1, DAY) && ages.is_ripe(a, 1, 2 * DAY));
    }
}
