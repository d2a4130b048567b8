//! A Maildir as one session sees it, with its lock.
//!
//! It is small, as a server holds as many as there are sessions: a message takes 24 octets and its file's name.

use super::message::Message;
use super::sizes::{self, Size, Sizes};
use pop3_proto::server::{Entry, Maildrop, Refusal};
use pop3_proto::{AsUniqueId as _, MessageNumber, UniqueId};
use pop3_proto_basics::maildir::{base_name, delivered, unique_id};
use rustix::fs::{FlockOperation, flock};
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The file that is locked while a session, of this process or of another, has the Maildir open.
const LOCK: &str = "pop3.lock";
/// Where messages are, by `Row::folder`. `new` first: a message that is moved meanwhile is then seen twice rather than not at all.
const FOLDERS: [&str; 2] = ["new", "cur"];

/// A Maildir that is open.
pub struct Mailbox {
    place: Place,
    rows: Box<[Row]>,
    /// File names one behind the other, and behind a name the unique-id where that is not its base name.
    names: Box<[u8]>,
}

/// Where it is, and the lock on it, which is released when the last one who works there is done.
#[derive(Clone)]
pub(super) struct Place {
    root: Arc<Path>,
    _lock: Arc<File>,
}

/// A message. A file name has at most 255 octets.
struct Row {
    length: u64,
    added: u32,
    name: u32,
    name_length: u8,
    base_length: u8,
    /// 0 where the base name is the unique-id.
    id_length: u8,
    folder: u8,
    marked: bool,
}

/// A file: the name of the message, and where it was last.
pub(super) struct Found {
    folder: u8,
    name: OsString,
}

impl Mailbox {
    /// Opens a Maildir for one session. The inner result is `Err` where another session has it.
    ///
    /// A file that cannot be read is left out: it is no reason to withhold the others.
    pub fn open(root: &Arc<Path>) -> io::Result<Result<Self, Refusal>> {
        let lock = File::options().create(true).append(true).mode(0o600).open(root.join(LOCK))?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Err(rustix::io::Errno::WOULDBLOCK) => return Ok(Err(Refusal::InUse)),
            locked => locked?,
        }
        let place = Place { root: Arc::clone(root), _lock: Arc::new(lock) };
        let kept = Sizes::read(root);
        let sizes = kept.rows();
        let files = place.files()?;
        let mut rows = Vec::with_capacity(files.len());
        let mut names = Vec::with_capacity(files.iter().map(|found| found.name.len()).sum());
        let mut counted = 0;
        for found in files {
            let known = sizes.get(found.base()).copied();
            counted += usize::from(known.is_none());
            match known.map_or_else(|| sizes::count(&place.path(&found)), Ok) {
                Ok(size) => rows.push(Row::new(&found, size, &mut names)?),
                Err(error) => tracing::warn!(file = %place.path(&found).display(), %error, "left out"),
            }
        }
        let mailbox = Mailbox { place, rows: rows.into(), names: names.into() };
        if counted > 0 || sizes.len() > mailbox.rows.len() {
            if let Err(error) = sizes::write(root, mailbox.rows.iter().map(|row| mailbox.size(row))) {
                tracing::warn!(root = %root.display(), %error, "the sizes cannot be kept");
            }
        }
        Ok(Ok(mailbox))
    }

    /// Opens a message.
    pub(super) fn message(&self, number: MessageNumber) -> io::Result<Message> {
        let row = self.rows.get(number.index()).ok_or(ErrorKind::NotFound)?;
        let file = self.place.at_its_path(&self.found(row), |path| File::open(path))?;
        Message::open(file, self.size(row).1, self.place.clone())
    }

    /// Removes what is marked, later and on another thread; whether all of it is gone, for good.
    pub(super) fn removal(&self) -> Option<impl FnOnce() -> bool + Send + use<>> {
        let place = self.place.clone();
        let marked: Vec<Found> =
            self.rows.iter().filter(|row| row.marked).map(|row| self.found(row)).collect();
        (!marked.is_empty()).then_some(move || {
            // All are tried, also behind one that fails. One that is not there any more is gone too.
            let removed =
                marked.iter().map(|found| match place.at_its_path(found, |path| fs::remove_file(path)) {
                    Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
                    _ => Ok(()),
                });
            let synced = FOLDERS.iter().map(|folder| File::open(place.root.join(folder))?.sync_all());
            removed.chain(synced).fold(true, |all, done| match done {
                Ok(()) => all,
                Err(error) => {
                    tracing::error!(root = %place.root.display(), %error, "not removed");
                    false
                }
            })
        })
    }

    fn found(&self, row: &Row) -> Found {
        let name = &self.names[row.name as usize..][..usize::from(row.name_length)];
        Found { folder: row.folder, name: OsStr::from_bytes(name).into() }
    }

    fn size(&self, row: &Row) -> (&[u8], Size) {
        let base = &self.names[row.name as usize..][..usize::from(row.base_length)];
        (base, Size { length: row.length, added: row.added })
    }
}

impl Row {
    fn new(found: &Found, Size { length, added }: Size, names: &mut Vec<u8>) -> io::Result<Self> {
        let too_long = |_| io::Error::from(ErrorKind::InvalidInput);
        let (name, base) = (found.name.as_bytes(), found.base());
        let start = u32::try_from(names.len()).map_err(|_| ErrorKind::OutOfMemory)?;
        names.extend_from_slice(name);
        let id = unique_id(base);
        let id = id.as_unique_id();
        let id_length = if id.as_bytes() == base { 0 } else { id.as_bytes().len() };
        if id_length > 0 {
            names.extend_from_slice(id.as_bytes());
        }
        Ok(Row {
            length,
            added,
            name: start,
            name_length: u8::try_from(name.len()).map_err(too_long)?,
            base_length: u8::try_from(base.len()).map_err(too_long)?,
            id_length: u8::try_from(id_length).map_err(too_long)?,
            folder: found.folder,
            marked: false,
        })
    }
}

impl Place {
    /// The messages in the order of delivery: by the time that a base name begins with, then by base name.
    fn files(&self) -> io::Result<Vec<Found>> {
        let mut files = Vec::new();
        for (folder, name) in (0..).zip(FOLDERS) {
            for entry in fs::read_dir(self.root.join(name))? {
                let entry = entry?;
                let name = entry.file_name();
                if !name.as_bytes().starts_with(b".") && !entry.file_type()?.is_dir() {
                    files.push(Found { folder, name });
                }
            }
        }
        // The sort is stable: of a message seen twice the one in `cur` comes last, and that one stays.
        files.sort_by(|a, b| (delivered(a.base()), a.base()).cmp(&(delivered(b.base()), b.base())));
        files.dedup_by(|later, earlier| {
            let same = later.base() == earlier.base();
            if same {
                std::mem::swap(later, earlier);
            }
            same
        });
        Ok(files)
    }

    /// A message is not what was listed: the next session counts all of them anew.
    pub(super) fn changed(&self) -> io::Error {
        sizes::forget(&self.root);
        io::Error::new(ErrorKind::InvalidData, "the message has changed")
    }

    fn path(&self, found: &Found) -> PathBuf {
        self.root.join(FOLDERS[usize::from(found.folder)]).join(&found.name)
    }

    /// Does something with a message's file, and where it was moved since, looks for it and tries once more.
    fn at_its_path<R>(&self, found: &Found, act: impl Fn(&Path) -> io::Result<R>) -> io::Result<R> {
        match act(&self.path(found)) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let moved = self.files()?.into_iter().find(|other| other.base() == found.base());
                moved.map_or(Err(error), |moved| act(&self.path(&moved)))
            }
            done => done,
        }
    }
}

impl Found {
    fn base(&self) -> &[u8] {
        base_name(&self.name)
    }
}

/// What the machine lists and marks.
impl Maildrop for Mailbox {
    fn count(&self) -> u32 {
        u32::try_from(self.rows.len()).unwrap_or(u32::MAX)
    }

    fn entry(&self, number: MessageNumber) -> Result<Entry<'_>, Refusal> {
        let row = self.rows.get(number.index()).ok_or(Refusal::NoSuchMessage)?;
        let (base, size) = self.size(row);
        let id = match usize::from(row.id_length) {
            0 => base,
            length => &self.names[row.name as usize + usize::from(row.name_length)..][..length],
        };
        let id = UniqueId::new(id).map_err(|_| Refusal::Permanent)?;
        Ok(Entry { octets: size.octets(), id, marked: row.marked })
    }

    fn mark(&mut self, number: MessageNumber) -> Result<(), Refusal> {
        self.rows.get_mut(number.index()).ok_or(Refusal::NoSuchMessage)?.marked = true;
        Ok(())
    }

    fn unmark_all(&mut self) {
        self.rows.iter_mut().for_each(|row| row.marked = false);
    }
}
