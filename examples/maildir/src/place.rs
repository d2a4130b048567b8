//! Opens files. No other part of this package does.
//!
//! The owner of a Maildir can put anything into it, but the program may run as another user and serves other users too. So no
//! open can block (as for a FIFO without a writer), and no link below the root is followed, for reading or for writing. The type
//! of a file is checked on the open descriptor, because a moment later the name may refer to another file.
//!
//! A name that is not a regular file counts as [`ErrorKind::NotFound`]: there is no message by that name.

#[cfg(target_os = "linux")]
use rustix::fs::ResolveFlags;
use rustix::fs::{AtFlags, CWD, Dir, FileType, FlockOperation, Mode, OFlags, Stat};
use rustix::io::{Errno, retry_on_intr};
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The folders of messages. A message's folder is an index into this array. `new` comes first in listings too, so a message that
/// is moved meanwhile is seen twice, not missed.
pub(crate) const FOLDERS: [&str; 2] = ["new", "cur"];

/// The file that is locked while a session of any process has the Maildir open.
const LOCK: &str = "pop3.lock";

/// The flags with which every file below the root is opened.
const SAFE: OFlags = OFlags::NOFOLLOW.union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);
/// The flags with which the root is opened. Only the names of its files are needed, so it need not be
/// readable.
#[cfg(target_os = "linux")]
const ROOT: OFlags = OFlags::PATH.union(FOLDER);
#[cfg(not(target_os = "linux"))]
const ROOT: OFlags = OFlags::RDONLY.union(FOLDER);
/// The flags with which folders are opened.
const FOLDER: OFlags = OFlags::DIRECTORY.union(OFlags::CLOEXEC);
/// The numbers of file systems on a disk or in memory, from statfs(2): ext, XFS, Btrfs, tmpfs, overlayfs, F2FS, ZFS.
#[cfg(target_os = "linux")]
const LOCAL: [u64; 7] =
    [0xEF53, 0x5846_5342, 0x9123_683E, 0x0102_1994, 0x794C_7630, 0xF2F5_2010, 0x2FC1_2FC1];
/// The limits on a path that is opened only if it is in the system's cache.
#[cfg(target_os = "linux")]
const CACHED: ResolveFlags = ResolveFlags::CACHED;
#[cfg(not(target_os = "linux"))]
const CACHED: () = ();
/// The same for a path below the root.
#[cfg(target_os = "linux")]
const BELOW: ResolveFlags =
    CACHED.union(ResolveFlags::BENEATH).union(ResolveFlags::NO_XDEV).union(ResolveFlags::NO_SYMLINKS);
#[cfg(not(target_os = "linux"))]
const BELOW: () = ();
const OWNER_ONLY: Mode = Mode::RUSR.union(Mode::WUSR);

/// The root of a Maildir, which may be a link. It stays the same folder for as long as it is kept, whatever its name stands for then.
#[derive(Debug)]
pub(crate) struct Root(OwnedFd);

/// `new/` or `cur/`.
#[derive(Debug)]
pub(crate) struct Folder(OwnedFd);

/// Both folders, in the order of [`FOLDERS`].
pub(crate) type Folders = [Folder; 2];

/// A regular file, open for reading.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) file: File,
    pub(crate) length: u64,
    /// The time of the last change, as a number to compare. It is even.
    pub(crate) stamp: u32,
    /// The second of the last change.
    pub(crate) modified: i64,
}

/// A change within the tick of a clock leaves the time as it was. No file system has a longer tick.
pub(crate) const TICK: Duration = Duration::from_secs(2);

/// Returns the second before which a change is settled: it is so long ago that another one would have another time.
pub(crate) fn settled_before() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    now.saturating_sub(TICK).as_secs() as i64
}

/// Which file it is, and when it was changed for the last time. Nobody can set the second time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Version {
    file: (u64, u64),
    modified: (i64, i64),
    pub(crate) changed: (i64, i64),
}

impl Root {
    /// Opens the root if the system has its path in its cache, and else returns `None`.
    pub(crate) fn open_cached(path: &Path) -> Option<Self> {
        open_cached(CWD, path, ROOT, CACHED).ok().map(Root)
    }

    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let root = retry_on_intr(|| rustix::fs::openat(CWD, path, ROOT, Mode::empty()));
        root.map(Root).map_err(|error| not_about_a_message(error.into()))
    }

    pub(crate) fn folders(&self) -> io::Result<Folders> {
        Ok([self.folder(0)?, self.folder(1)?])
    }

    /// Opens a message if the system has its path in its cache, and else returns `None`, as for anything that is not a regular file and
    /// for any other trouble. So this does not wait for a disk. No part of the path may be a link or on another file system.
    pub(crate) fn read_cached(&self, path: &[u8]) -> Option<Opened> {
        checked(open_cached(&self.0, path, OFlags::RDONLY | SAFE, BELOW).ok()?).ok()
    }

    /// Returns whether the root is known to be on a disk of this machine. To open a file on any other may have to wait for a network, or for
    /// another program, even if the system knows the file's path.
    #[cfg(target_os = "linux")]
    pub(crate) fn is_local(&self) -> bool {
        rustix::fs::fstatfs(&self.0).is_ok_and(|stat| LOCAL.contains(&(stat.f_type as u64 & 0xFFFF_FFFF)))
    }

    #[cfg(not(target_os = "linux"))]
    pub(crate) fn is_local(&self) -> bool {
        false
    }

    /// Returns what shows a change of a file or folder with this name. It follows no link.
    pub(crate) fn version(&self, name: &str) -> io::Result<Version> {
        let stat = rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW)?;
        Ok(Version {
            file: (stat.st_dev as u64, stat.st_ino as u64),
            modified: (stat.st_mtime as i64, stat.st_mtime_nsec as i64),
            changed: (stat.st_ctime as i64, stat.st_ctime_nsec as i64),
        })
    }

    pub(crate) fn folder(&self, folder: u8) -> io::Result<Folder> {
        let name = FOLDERS[usize::from(folder)];
        open(&self.0, name.as_bytes(), OFlags::RDONLY | FOLDER | OFlags::NOFOLLOW)
            .map(Folder)
            .map_err(|error| named(name, error))
    }

    /// Locks the Maildir for as long as the result is kept. Returns `None` if another session has locked it.
    pub(crate) fn lock(&self) -> io::Result<Option<OwnedFd>> {
        let opened = open(&self.0, LOCK.as_bytes(), OFlags::WRONLY | OFlags::CREATE | SAFE);
        let locked = opened.and_then(locked);
        locked.map_err(|error| named(LOCK, error))
    }

    /// Does the same if the system has the path of the lock in its cache. Otherwise, and after any error, the outer result is `None`.
    pub(crate) fn lock_cached(&self) -> Option<Option<OwnedFd>> {
        let opened = open_cached(&self.0, LOCK.as_bytes(), OFlags::WRONLY | SAFE, BELOW);
        locked(opened.ok()?).ok()
    }

    pub(crate) fn read(&self, name: &str) -> io::Result<Opened> {
        read(&self.0, name.as_bytes())
    }

    /// Creates a file, and replaces any file that has this name.
    pub(crate) fn create(&self, name: &str) -> io::Result<File> {
        self.remove(name)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | SAFE;
        Ok(open(&self.0, name.as_bytes(), flags)?.into())
    }

    pub(crate) fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        Ok(rustix::fs::renameat(&self.0, from, &self.0, to)?)
    }

    /// Removes a file, if it exists.
    pub(crate) fn remove(&self, name: &str) -> io::Result<()> {
        match rustix::fs::unlinkat(&self.0, name, AtFlags::empty()) {
            Err(Errno::NOENT) => Ok(()),
            done => Ok(done?),
        }
    }
}

impl Folder {
    pub(crate) fn read(&self, name: &[u8]) -> io::Result<Opened> {
        read(&self.0, name)
    }

    /// Calls a function with the name of each file, and whether the file is a regular one. Hidden files are left out.
    pub(crate) fn each(&self, mut then: impl FnMut(&[u8], bool)) -> io::Result<()> {
        for entry in Dir::read_from(&self.0)? {
            let entry = entry?;
            if entry.file_name().to_bytes().starts_with(b".") {
                continue;
            }
            let is_regular = match entry.file_type() {
                FileType::Unknown => self.is_regular(entry.file_name()).unwrap_or(false),
                known => known == FileType::RegularFile,
            };
            then(entry.file_name().to_bytes(), is_regular);
        }
        Ok(())
    }

    /// Removes a message.
    pub(crate) fn remove(&self, name: &[u8]) -> io::Result<()> {
        if !self.is_regular(name)? {
            return Err(not_regular());
        }
        Ok(rustix::fs::unlinkat(&self.0, name, AtFlags::empty())?)
    }

    fn is_regular(&self, name: impl rustix::path::Arg) -> io::Result<bool> {
        let stat = rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW)?;
        Ok(FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile)
    }

    /// Returns the last time when a file was added, removed or renamed.
    pub(crate) fn changed(&self) -> io::Result<(i64, i64)> {
        let stat = rustix::fs::fstat(&self.0)?;
        Ok((stat.st_mtime, stat.st_mtime_nsec as i64))
    }

    /// Waits until all removals are on the disk.
    pub(crate) fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::fsync(&self.0)?)
    }
}

/// Opens a file if the system has its path in its cache, with these limits on the path.
#[cfg(target_os = "linux")]
fn open_cached(
    folder: impl AsFd,
    path: impl rustix::path::Arg,
    flags: OFlags,
    limits: ResolveFlags,
) -> io::Result<OwnedFd> {
    Ok(rustix::fs::openat2(folder, path, flags, Mode::empty(), limits)?)
}

#[cfg(not(target_os = "linux"))]
fn open_cached<T, P>(_: T, _: P, _: OFlags, (): ()) -> io::Result<OwnedFd> {
    Err(ErrorKind::Unsupported.into())
}

/// Locks an open file. Returns `None` if another session has locked it.
fn locked(lock: OwnedFd) -> io::Result<Option<OwnedFd>> {
    regular(&lock)?;
    match rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Err(Errno::WOULDBLOCK) => Ok(None),
        done => Ok(done.map(|()| Some(lock))?),
    }
}

fn open(folder: &OwnedFd, name: &[u8], flags: OFlags) -> io::Result<OwnedFd> {
    match retry_on_intr(|| rustix::fs::openat(folder, name, flags, OWNER_ONLY)) {
        // A link; a FIFO without a reader, a socket, or a device without a driver.
        Err(Errno::LOOP | Errno::NXIO | Errno::NODEV) => Err(not_regular()),
        opened => Ok(opened?),
    }
}

fn read(folder: &OwnedFd, name: &[u8]) -> io::Result<Opened> {
    checked(open(folder, name, OFlags::RDONLY | SAFE)?)
}

fn checked(file: OwnedFd) -> io::Result<Opened> {
    let stat = regular(&file)?;
    // A hash, because the size of a message is stored in few bytes.
    let stamp = ((stat.st_mtime as u32).wrapping_mul(0x9E37_79B1) ^ stat.st_mtime_nsec as u32) & !1;
    let (length, modified) = (stat.st_size.try_into().unwrap_or(0), stat.st_mtime as i64);
    Ok(Opened { file: file.into(), length, stamp, modified })
}

/// Checks an open descriptor.
fn regular(file: impl AsFd) -> io::Result<Stat> {
    let stat = rustix::fs::fstat(file)?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Ok(stat),
        _ => Err(not_regular()),
    }
}

/// Returns the error of a part of the Maildir that is not a message.
fn named(part: &str, error: io::Error) -> io::Error {
    let error = not_about_a_message(error);
    io::Error::new(error.kind(), format!("{part}: {error}"))
}

/// Returns the error with another kind than `NotFound`, because that kind is about a message.
fn not_about_a_message(error: io::Error) -> io::Error {
    match error.kind() {
        ErrorKind::NotFound => io::Error::other(error),
        _ => error,
    }
}

fn not_regular() -> io::Error {
    io::Error::new(ErrorKind::NotFound, "not a regular file")
}
