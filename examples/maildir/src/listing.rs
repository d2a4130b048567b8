use crate::names::{Order, base_name, order};
use crate::place::{FOLDERS, Folders};
use std::fmt;
use std::io;

/// The file of a message.
#[derive(Debug)]
pub(crate) struct Found {
    /// An index into [`FOLDERS`].
    pub(crate) folder: u8,
    pub(crate) name: Box<[u8]>,
    /// The length of the base name.
    base: usize,
    /// The second of delivery.
    delivered: u64,
}

impl Found {
    pub(crate) fn new(folder: u8, name: &[u8]) -> Self {
        let base = base_name(name);
        Found { folder, name: name.into(), base: base.len(), delivered: order(base).0 }
    }

    pub(crate) fn base(&self) -> &[u8] {
        &self.name[..self.base]
    }

    /// Returns the sort key, which is known already, because a sort compares each file many times.
    pub(crate) fn order(&self) -> Order<'_> {
        (self.delivered, self.base())
    }

    /// Returns the flags: the part of the name after the base name, with their `:`.
    pub(crate) fn flags(&self) -> &[u8] {
        &self.name[self.base..]
    }
}

/// Lists the messages in the order of delivery.
pub(crate) fn list(folders: &Folders, left_out: &mut LeftOut) -> io::Result<Vec<Found>> {
    let mut files = Vec::new();
    for (folder, open) in (0..).zip(folders) {
        open.each(|name, is_regular| match is_regular {
            true => files.push(Found::new(folder, name)),
            false => left_out.add(folder, name, &"not a regular file"),
        })?;
    }
    // If a message was seen twice, the entry in `cur` comes last, and that entry stays.
    files.sort_unstable_by(|a, b| (a.order(), a.folder).cmp(&(b.order(), b.folder)));
    files.dedup_by(|later, earlier| {
        let same = later.base() == earlier.base();
        if same {
            std::mem::swap(later, earlier);
        }
        same
    });
    Ok(files)
}

/// The files that are not listed. Only the first is named, so a folder full of such files does not fill the
/// log.
#[derive(Default, Debug)]
pub(crate) struct LeftOut {
    count: usize,
    first: String,
}

impl LeftOut {
    pub(crate) fn add(&mut self, folder: u8, name: &[u8], why: &dyn fmt::Display) {
        if self.count == 0 {
            self.first = format!("{}/{}: {why}", FOLDERS[usize::from(folder)], name.escape_ascii());
        }
        self.count += 1;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} left out: {}", self.count, self.first)
    }
}
