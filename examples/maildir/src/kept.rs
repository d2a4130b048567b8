//! The listing of the last login. The next one uses it if nothing came, went or was renamed since.

use crate::place::{FOLDERS, Root, Version, settled_before};
use crate::rows::{Places, Rows};
use crate::sizes;
use std::io;
use std::sync::Arc;

/// A larger listing is read again at each login, so that the users of a site do not fill its memory.
const MOST: usize = 1_000;

#[derive(Clone)]
pub(crate) struct Listing {
    pub(crate) rows: Arc<Rows>,
    pub(crate) places: Places,
}

/// All that a listing is made from: `new/`, `cur/` and the file of sizes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Versions([Version; 3]);

#[derive(Default)]
pub(crate) struct Kept(Option<(Versions, Listing)>);

impl Versions {
    pub(crate) fn of(root: &Root) -> io::Result<Self> {
        let [new, cur] = FOLDERS;
        Ok(Versions([root.version(new)?, root.version(cur)?, root.version(sizes::FILE)?]))
    }

    /// Returns whether the last change is so long ago that another one would show.
    fn are_quiet(&self) -> bool {
        let before = settled_before();
        self.0.iter().all(|version| version.changed.0 < before)
    }
}

impl Kept {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    pub(crate) fn get(&self, versions: Versions) -> Option<Listing> {
        let (kept, listing) = self.0.as_ref()?;
        (*kept == versions).then(|| listing.clone())
    }

    /// Keeps a listing that was read after these versions.
    pub(crate) fn set(&mut self, versions: Versions, listing: &Listing) {
        let is_kept = versions.are_quiet() && listing.rows.all().len() <= MOST;
        self.0 = is_kept.then(|| (versions, listing.clone()));
    }

    pub(crate) fn forget(&mut self) {
        self.0 = None;
    }
}
