//! Messages as files: complete ones under their name, and nothing else.
//!
//! A message is written to a temporary file, and renamed when it is complete and on the disk. Names are made of numbers, so
//! nothing of them comes from the network. All files are opened relative to the folder, must be new, and are never reached
//! through a link. An existing file is never replaced.

use rustix::fs::{AtFlags, CWD, Mode, OFlags, RenameFlags, openat, renameat_with, unlinkat};
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::path::Path;

/// Bounds on what is written.
#[derive(Clone, Copy, Debug)]
pub struct StoreLimits {
    /// Octets of one message.
    pub message: u64,
    /// Octets of all messages of a run.
    pub total: u64,
    /// Files of a run.
    pub files: u32,
    /// Messages that are written at the same time.
    pub open: u32,
}

impl StoreLimits {
    /// 64 MiB for a message, 4 GiB and 100,000 files in all, 128 at the same time.
    pub const DEFAULT: StoreLimits =
        StoreLimits { message: 64 << 20, total: 4 << 30, files: 100_000, open: 128 };
}

/// A folder for messages.
#[derive(Debug)]
pub struct Store {
    folder: OwnedFd,
    limits: StoreLimits,
    total: u64,
    files: u32,
    open: u32,
    started: u64,
}

/// A message that is written. End it with [`Store::finish`] or [`Store::abandon`].
#[derive(Debug)]
pub struct Part {
    file: File,
    temporary: String,
    size: u64,
    failed: Option<&'static str>,
}

impl Store {
    /// Opens the folder, and makes it if it is missing.
    ///
    /// # Errors
    /// If that is not possible.
    pub fn open(folder: &Path, limits: StoreLimits) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = openat(CWD, folder, flags, Mode::empty())?;
        Ok(Store { folder, limits, total: 0, files: 0, open: 0, started: 0 })
    }

    /// Begins a message.
    ///
    /// # Errors
    /// The reason, if no further message may be written, or if the folder does not take it.
    pub fn begin(&mut self) -> Result<Part, &'static str> {
        let Self { limits, .. } = *self;
        if self.files >= limits.files || self.open >= limits.open || self.total >= limits.total {
            return Err("limit");
        }
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        self.started += 1;
        let temporary = format!(".inspect-{}-{}.part", std::process::id(), self.started);
        let file = openat(&self.folder, &temporary, flags, Mode::RUSR | Mode::WUSR).map_err(|_| "error")?;
        self.open += 1;
        Ok(Part { file: file.into(), temporary, size: 0, failed: None })
    }

    /// Writes the next octets. After an error the part takes no more, and cannot be finished.
    pub fn write(&mut self, part: &mut Part, octets: &[u8]) {
        if part.failed.is_some() {
            return;
        }
        let count = octets.len() as u64;
        if part.size + count > self.limits.message || self.total + count > self.limits.total {
            part.failed = Some("limit");
        } else if part.file.write_all(octets).is_err() {
            part.failed = Some("error");
        } else {
            part.size += count;
            self.total += count;
        }
    }

    /// Gives a complete message its name.
    ///
    /// # Errors
    /// The reason why it has not got it.
    pub fn finish(&mut self, part: Part, name: &str) -> Result<(), &'static str> {
        let written = match part.failed {
            Some(reason) => Err(reason),
            None => part.file.sync_data().map_err(|_| "error"),
        };
        let renamed = written.and_then(|()| {
            renameat_with(&self.folder, &part.temporary, &self.folder, name, RenameFlags::NOREPLACE)
                .map_err(|error| if error == Errno::EXIST { "exists" } else { "error" })
        });
        if renamed.is_err() {
            self.abandon(part);
            return renamed;
        }
        self.open -= 1;
        self.files += 1;
        Ok(())
    }

    /// Removes a message that will not be complete.
    pub fn abandon(&mut self, part: Part) {
        self.open -= 1;
        self.total -= part.size;
        // If this fails, the next run cannot mistake it for a message.
        let _ = unlinkat(&self.folder, &part.temporary, AtFlags::empty());
    }
}
