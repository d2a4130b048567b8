//! Opens files so that nothing is written through a link, and no open blocks.

use rustix::fs::{FlockOperation, OFlags, flock};
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Creates a new file. An existing file or link with the name is removed, not written to.
pub(super) fn create_new(path: &Path) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    OpenOptions::new().write(true).create_new(true).open(path)
}

/// Opens or creates a file, for reading and appending. It must be a regular file.
pub(super) fn open_append(path: &Path) -> io::Result<File> {
    open(OpenOptions::new().read(true).append(true).create(true), path)
}

/// The lock of a folder, until it is dropped.
#[derive(Debug)]
pub(super) struct Lock(File);

impl Lock {
    /// Takes the lock on this file. Nothing is written to the file.
    pub(super) fn take(path: &Path) -> io::Result<Self> {
        let file = open_append(path)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Lock(file)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Err(io::Error::other(
                "another `fetch` is using this folder: wait for it, or use another folder",
            )),
            Err(error) => Err(error.into()),
        }
    }
}

impl Drop for Lock {
    /// Unlocks the file, because closing it is not enough while a process that is just starting has it too.
    fn drop(&mut self) {
        let _ = flock(&self.0, FlockOperation::Unlock);
    }
}

/// Opens a regular file for reading.
pub(super) fn open_read(path: &Path) -> io::Result<File> {
    open(OpenOptions::new().read(true), path)
}

fn open(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK; // without the second, opening a FIFO waits
    let file = options.custom_flags(flags.bits() as i32).open(path);
    let refused = |why: &str| io::Error::other(format!("{} {why}: remove it", path.display()));
    let file = file.map_err(|error| match fs::symlink_metadata(path) {
        Ok(found) if found.is_symlink() => refused("is a link"),
        _ => error,
    })?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(refused("is not a regular file")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropping_a_lock_frees_it_even_if_another_process_has_the_file_open() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let lock = Lock::take(&path).unwrap();
        assert!(Lock::take(&path).is_err());
        let child = lock.0.try_clone().unwrap(); // a process that is being started has it
        drop(lock);
        drop(Lock::take(&path).unwrap());
        drop(child);
    }
}
