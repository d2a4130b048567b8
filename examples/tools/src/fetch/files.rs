//! Opening files so that nothing is written through a link, and nothing that is opened can block.

use rustix::fs::OFlags;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Makes a new file. Whatever had the name, a link too, is removed and not written to.
pub(super) fn create_new(path: &Path) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    OpenOptions::new().write(true).create_new(true).open(path)
}

/// Opens a file to read it and to append to it, or makes it. Only a regular file will do.
pub(super) fn open_append(path: &Path) -> io::Result<File> {
    open(OpenOptions::new().read(true).append(true).create(true), path)
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
