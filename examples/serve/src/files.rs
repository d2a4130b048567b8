//! Files that the server reads as a whole, and files that it replaces as a whole.

use crate::Result;
use ring::rand::{SecureRandom as _, SystemRandom};
use rustix::fs::{FlockOperation, Gid, OFlags, Uid, fchown, flock};
use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The largest file to read.
const MOST: u64 = 64 << 20;
/// How long to wait for a lock.
const PATIENCE: Duration = Duration::from_secs(30);

/// The permissions of a file that only its owner may use.
pub(super) const PRIVATE: u32 = 0o600;
/// The permissions of a file that everybody may read.
pub(crate) const PUBLIC: u32 = 0o644;

/// Reads a regular file that the administrator names, which may be a link. A FIFO or a device is an error, because reading it could wait
/// forever.
pub(super) fn read(path: &Path) -> Result<(Vec<u8>, Metadata)> {
    open_and_read(path, OFlags::empty())
}

/// Reads a regular file that this program wrote, which is never a link. Returns `None` if there is no such file.
pub(super) fn read_own(path: &Path) -> Result<Option<(Vec<u8>, Metadata)>> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        _ => open_and_read(path, OFlags::NOFOLLOW).map(Some),
    }
}

fn open_and_read(path: &Path, flags: OFlags) -> Result<(Vec<u8>, Metadata)> {
    let told = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let flags = flags | OFlags::NONBLOCK | OFlags::NOCTTY;
    let mut options = OpenOptions::new();
    let file = options.read(true).custom_flags(flags.bits() as i32).open(path);
    let file = file.map_err(|error| match fs::symlink_metadata(path) {
        Ok(data) if data.is_symlink() && flags.contains(OFlags::NOFOLLOW) => {
            told(&"a link is not allowed here: replace it by a regular file")
        }
        _ => told(&error),
    })?;
    let metadata = file.metadata().map_err(|error| told(&error))?;
    if !metadata.is_file() {
        return Err(told(&"not a regular file").into());
    }
    let mut octets = Vec::new();
    file.take(MOST + 1).read_to_end(&mut octets).map_err(|error| told(&error))?;
    if octets.len() as u64 > MOST {
        return Err(told(&format_args!("larger than {MOST} bytes")).into());
    }
    Ok((octets, metadata))
}

/// Logs a warning if everybody on this machine may read the file.
pub(super) fn warn_if_public(path: &Path, metadata: &Metadata) {
    if metadata.mode() & 0o007 != 0 {
        tracing::warn!(path = %path.display(), "every user may read this file: chmod o= FILE");
    }
}

/// Returns the path with a suffix: `users` and `.lock` make `users.lock`.
pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut longer = path.as_os_str().to_owned();
    longer.push(suffix);
    longer.into()
}

/// A lock that one process or thread holds.
pub(super) struct Lock {
    _file: File,
}

/// Waits until this process alone holds the lock. The file stays, because removing it would let two processes hold two locks.
pub(super) fn lock(path: &Path) -> Result<Lock> {
    let told = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(PRIVATE).custom_flags(flags.bits() as i32);
    let file = options.open(path).map_err(|error| told(&error))?;
    let start = Instant::now();
    while let Err(error) = flock(&file, FlockOperation::NonBlockingLockExclusive) {
        let taken = matches!(error, rustix::io::Errno::WOULDBLOCK | rustix::io::Errno::INTR);
        if !taken {
            return Err(told(&error).into());
        }
        if start.elapsed() > PATIENCE {
            return Err(told(&"another process holds this lock").into());
        }
        sleep(Duration::from_millis(10));
    }
    Ok(Lock { _file: file })
}

/// The permissions of a file that is replaced.
pub(crate) enum Access<'m> {
    /// This process's user, with these permissions.
    Mode(u32),
    /// The owner of another file, with these permissions.
    OwnerOf(&'m Metadata, u32),
}

/// Replaces a file as a whole, or does nothing. It never writes through a link, and a reader never sees half of the new file.
pub(crate) fn replace(path: &Path, octets: &[u8], access: &Access<'_>) -> Result<()> {
    if fs::symlink_metadata(path).is_ok_and(|there| there.is_symlink()) {
        return Err(format!("{}: links are not replaced: name the file itself", path.display()).into());
    }
    let mut random = [0; 8];
    SystemRandom::new().fill(&mut random).map_err(|_| "no random numbers")?;
    let beside = with_suffix(path, &format!(".{:016x}.new", u64::from_ne_bytes(random)));
    write_new(&beside, octets, access)
        .and_then(|()| Ok(fs::rename(&beside, path)?))
        .and_then(|()| {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            Ok(File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?)
        })
        .map_err(|error| {
            fs::remove_file(&beside).ok();
            format!("{}: {error}", path.display()).into()
        })
}

fn write_new(path: &Path, octets: &[u8], access: &Access<'_>) -> Result<()> {
    // `create_new` follows no link, and no other user can open the file before it has its permissions.
    let mut file = OpenOptions::new().write(true).create_new(true).mode(PRIVATE).open(path)?;
    file.write_all(octets)?;
    let mode = match access {
        Access::Mode(mode) => mode,
        Access::OwnerOf(other, mode) => {
            let now = file.metadata()?;
            if (now.uid(), now.gid()) != (other.uid(), other.gid()) {
                fchown(&file, Some(Uid::from_raw(other.uid())), Some(Gid::from_raw(other.gid())))?;
            }
            mode
        }
    };
    file.set_permissions(Permissions::from_mode(*mode))?;
    Ok(file.sync_all()?)
}

/// Creates a folder that no other user may read. An existing folder or link is an error.
pub fn make_private_folder(path: &Path) -> Result<()> {
    Ok(DirBuilder::new().mode(0o700).create(path).map_err(|error| format!("{}: {error}", path.display()))?)
}
