//! A Maildir as a maildrop: `new/` and `cur/` with a file for each message, `tmp/` for messages that are being delivered.
//!
//! - One session at a time has a Maildir open, also across processes: it locks `pop3.lock`.
//! - Sizes are counted once and kept in `pop3.sizes`. A short listing is kept in memory while the folders do not change.
//! - Only regular files in `new/` and `cur/` are messages. No link below the root is followed, and nothing is opened in a way that
//!   can block.
//! - A message that is not what was listed is refused. One that changes while it is sent ends in an error, and never looks whole.
//!
//! All functions that open, list, count or remove files may take as long as the disk does. A server that is not written with
//! threads calls them on threads of their own.

mod kept;
mod listing;
mod mailbox;
mod message;
mod names;
mod place;
mod rows;
mod sizes;

pub use mailbox::Mailbox;
pub use message::Message;

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

/// Takes a line for the log.
pub type Report = fn(fmt::Arguments<'_>);

/// A Maildir that may be opened. Clones share the listing that is kept for the next login.
#[derive(Clone)]
pub struct Maildir {
    root: Arc<Path>,
    report: Report,
    kept: Arc<Mutex<kept::Kept>>,
}

impl Maildir {
    /// The Maildir at `root`, which may be a link, unlike everything in it.
    #[must_use]
    pub fn new(root: impl Into<Arc<Path>>, report: Report) -> Self {
        Maildir { root: root.into(), report, kept: Arc::default() }
    }

    /// Returns the path of the root.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Checks that the folders are there.
    ///
    /// # Errors
    /// Returns an error if the root, `new/` or `cur/` cannot be opened.
    pub fn check(&self) -> io::Result<()> {
        place::Root::open(&self.root)?.folders().map(drop)
    }

    fn report(&self, what: fmt::Arguments<'_>) {
        (self.report)(format_args!("{}: {what}", self.root.display()));
    }
}

/// Shows no file names, which are not for logs.
impl fmt::Debug for Maildir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Maildir").field("root", &self.root).finish_non_exhaustive()
    }
}
