//! A Maildir as a maildrop: `new/` and `cur/`, a file for each message, `tmp/` for what is being delivered.
//!
//! A message keeps the part of its file name before the `:`, its base name, when a mail program moves it from `new/` to
//! `cur/` or changes its flags. So the base name gives the unique-id, and finds the file again.

use pop3_proto::server::{Entry, Maildrop, Refusal, Slot};
use pop3_proto::{MessageNumber, OctetCount, OwnedUniqueId, UniqueId};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A Maildir, which one session at a time has open.
#[derive(Debug)]
pub struct Maildir {
    root: PathBuf,
    in_use: AtomicBool,
}

impl Maildir {
    /// The Maildir at `root`, which must have its folders.
    pub fn new(root: impl Into<PathBuf>) -> io::Result<Arc<Self>> {
        let maildir = Maildir { root: root.into(), in_use: AtomicBool::new(false) };
        maildir.files()?;
        Ok(Arc::new(maildir))
    }

    /// Opens it for one session. The inner result is `Err` where another session has it.
    ///
    /// A file that cannot be read is left out and named on stderr: it is no reason to withhold the others.
    pub fn open(self: &Arc<Self>) -> io::Result<Result<OpenMaildir, Refusal>> {
        let Some(lock) = Lock::take(self) else { return Ok(Err(Refusal::InUse)) };
        let (mut slots, mut files) = (Vec::new(), Vec::new());
        for file in self.files()? {
            match octets(&file.path) {
                // All messages are read once at each login. A larger server would remember their sizes by base name.
                Ok(octets) => {
                    slots.push(Slot::new(octets, unique_id(&file.base)));
                    files.push(file);
                }
                Err(error) => eprintln!("{}: {error}", file.path.display()),
            }
        }
        Ok(Ok(OpenMaildir { slots, files, lock }))
    }

    /// The messages in the order of delivery: by the time that a base name begins with, then by base name.
    fn files(&self) -> io::Result<Vec<MessageFile>> {
        let mut files = Vec::new();
        // `new` first: a message that is moved to `cur` meanwhile is then seen twice rather than not at all.
        for folder in ["new", "cur"] {
            for entry in fs::read_dir(self.root.join(folder))? {
                let (name, path) = entry.map(|entry| (entry.file_name(), entry.path()))?;
                if !name.as_encoded_bytes().starts_with(b".") && path.is_file() {
                    files.push(MessageFile { base: base_name(&name).to_vec(), path });
                }
            }
        }
        // The sort is stable, so that of a message seen twice the path in `cur` comes last, and that one stays.
        files.sort_by(|a, b| (delivered(&a.base), &a.base).cmp(&(delivered(&b.base), &b.base)));
        files.dedup_by(|later, earlier| {
            let same = later.base == earlier.base;
            if same {
                earlier.path = std::mem::take(&mut later.path);
            }
            same
        });
        Ok(files)
    }
}

/// A message by its base name, and where it was last.
#[derive(Debug)]
struct MessageFile {
    base: Vec<u8>,
    path: PathBuf,
}

/// The lock of a Maildir, released when it is dropped.
#[derive(Debug)]
struct Lock(Arc<Maildir>);

impl Lock {
    fn take(maildir: &Arc<Maildir>) -> Option<Self> {
        let was_in_use = maildir.in_use.swap(true, Ordering::Acquire);
        (!was_in_use).then(|| Lock(Arc::clone(maildir)))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.0.in_use.store(false, Ordering::Release);
    }
}

/// A Maildir as one session sees it. Its lock is released when it is dropped, however the session ends.
#[derive(Debug)]
pub struct OpenMaildir {
    slots: Vec<Slot<OwnedUniqueId>>,
    files: Vec<MessageFile>,
    lock: Lock,
}

/// What the machine lists and marks.
impl Maildrop for OpenMaildir {
    fn count(&self) -> u32 {
        self.slots.count()
    }

    fn entry(&self, message: MessageNumber) -> Result<Entry<'_>, Refusal> {
        self.slots.entry(message)
    }

    fn mark(&mut self, message: MessageNumber) -> Result<(), Refusal> {
        self.slots.mark(message)
    }

    fn unmark_all(&mut self) {
        self.slots.unmark_all();
    }
}

impl OpenMaildir {
    /// A message, to be read, and how many octets RETR sends of it.
    pub fn message(&self, message: MessageNumber) -> io::Result<(File, u64)> {
        let place = message.index();
        let (Some(file), Some(slot)) = (self.files.get(place), self.slots.get(place)) else {
            return Err(ErrorKind::NotFound.into());
        };
        Ok((self.at_its_path(file, |path| File::open(path))?, slot.octets()))
    }

    /// Removes what is marked; whether all of it is gone.
    pub fn remove_marked(&self) -> bool {
        let marked = self.files.iter().zip(&self.slots).filter(|(_, slot)| slot.is_marked());
        // All are tried, also behind one that fails. One that is not there any more is gone too.
        marked.fold(true, |all, (file, _)| match self.at_its_path(file, |path| fs::remove_file(path)) {
            Ok(()) => all,
            Err(error) if error.kind() == ErrorKind::NotFound => all,
            Err(error) => {
                eprintln!("{}: {error}", file.path.display());
                false
            }
        })
    }

    /// Does something with a message's file, and where it was moved since, looks for it and tries once more.
    fn at_its_path<R>(&self, file: &MessageFile, act: impl Fn(&Path) -> io::Result<R>) -> io::Result<R> {
        match act(&file.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let moved = self.lock.0.files()?.into_iter().find(|found| found.base == file.base);
                moved.map_or(Err(error), |moved| act(&moved.path))
            }
            done => done,
        }
    }
}

/// The octets that RETR sends of a file.
fn octets(path: &Path) -> io::Result<u64> {
    let (mut file, mut count, mut buffer) = (File::open(path)?, OctetCount::new(), [0; 16 * 1024]);
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(count.finish()),
            Ok(length) => count.add(&buffer[..length]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// A file's name without the flags: up to the `:`.
pub fn base_name(name: &OsStr) -> &[u8] {
    let name = name.as_encoded_bytes();
    name.split(|octet| *octet == b':').next().unwrap_or(name)
}

/// The seconds at which a message was delivered, as its base name begins with them.
pub fn delivered(base: &[u8]) -> u64 {
    let digits = base.iter().take_while(|octet| octet.is_ascii_digit());
    digits.fold(0, |seconds, digit| seconds.saturating_mul(10).saturating_add(u64::from(digit - b'0')))
}

/// What the unique-ids begin with that stand for base names of another form.
const HASHED: &str = "fnv1a128.";

/// The unique-id of a message, the same in each run: its base name where that is 1 to 70 octets from 0x21 to 0x7E, else the
/// base name's hash, FNV-1a of 128 bits in hexadecimal, behind [`HASHED`]. A base name that looks like such a hash is
/// hashed too, so that none has the unique-id of another.
pub fn unique_id(base: &[u8]) -> OwnedUniqueId {
    match UniqueId::new(base) {
        Ok(id) if !base.starts_with(HASHED.as_bytes()) => id.into(),
        _ => {
            let id = format!("{HASHED}{:032x}", fnv1a(base));
            UniqueId::new(id.as_bytes()).expect("41 octets of printable ASCII").into()
        }
    }
}

/// FNV-1a with 128 bits. It has to tell names apart that a mail program chose, not to withstand an attack.
fn fnv1a(octets: &[u8]) -> u128 {
    const OFFSET: u128 = 0x6c62272e07bb014262b821756295c58d;
    const PRIME: u128 = 0x0000000001000000000000000000013b;
    octets.iter().fold(OFFSET, |hash, octet| (hash ^ u128::from(*octet)).wrapping_mul(PRIME))
}

#[cfg(test)]
mod tests;
