//! A Maildir as a maildrop: `new/` and `cur/` with a file for each message, `tmp/` for messages that are being delivered.
//!
//! - Only one session at a time has a Maildir open, even across processes, because it locks `pop3.lock`.
//! - Sizes are counted once and stored in `pop3.sizes`.
//! - Only regular files in `new/` and `cur/` are messages. No link below the root is followed, and no open can block.
//! - A message that differs from the listed one is refused. If a message changes while it is sent, an error ends it, so it never
//!   looks complete.
//!
//! All functions that open, list, count or remove files may take as long as the disk does. A server without a thread for
//! each connection calls them on separate threads.

mod ids;
mod kept;
mod listing;
mod mailbox;
mod message;
mod names;
mod place;
mod rows;
mod sizes;

pub use ids::Ids;
pub use mailbox::Mailbox;
pub use message::Message;

use pop3_proto::server::Refusal;
use std::fmt;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::{Arc, Mutex};

/// Writes a line to the log.
pub type Report = fn(fmt::Arguments<'_>);

/// Returns the refusal for an error: [`Refusal::Permanent`] if somebody must fix something before trying again can help, as for a folder that
/// may not be written, and otherwise [`Refusal::Temporary`].
#[must_use]
pub fn refusal(error: &io::Error) -> Refusal {
    match error.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => Refusal::Permanent,
        _ => Refusal::Temporary,
    }
}

/// A Maildir that may be opened. Clones share the listing that is kept for the next login.
#[derive(Clone)]
pub struct Maildir {
    root: Arc<Path>,
    report: Report,
    kept: Arc<Mutex<kept::Kept>>,
}

impl Maildir {
    /// Returns the Maildir at `root`, which may be a link, unlike everything in it.
    #[must_use]
    pub fn new(root: impl Into<Arc<Path>>, report: Report) -> Self {
        Maildir { root: root.into(), report, kept: Arc::default() }
    }

    /// Returns the path of the root.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Checks that the folders exist.
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
