//! A Maildir as one session sees it, with its lock.
//!
//! It is small, because a server holds one for each session. A message takes 32 bytes, its base name, and its unique-id if it
//! differs from the base name. The location of a message is a number, because most messages are in few places (a folder, and
//! flags).

use crate::Maildir;
use crate::listing::{Found, LeftOut, list};
use crate::message::Message;
use crate::names::{order, unique_id};
use crate::place::{FOLDERS, Folder, Folders, Opened, Root, read_cached};
use crate::sizes::{self, Size, Sizes};
use pop3_proto::server::{Entry, Maildrop, Refusal};
use pop3_proto::{AsUniqueId as _, MessageNumber, UniqueId};
use std::fmt;
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many of the known places are tried for a moved message before the folders are listed.
const TRIED: u32 = 8;
/// In how many places to look for a file.
const LOOKED_AT: usize = 100;

/// An open Maildir with its lock, which is released when the last clone is dropped.
#[derive(Clone)]
pub struct Mailbox(Arc<Inner>);

struct Inner {
    maildir: Maildir,
    _lock: OwnedFd,
    /// Whether opening a file does not wait for a network.
    is_local: bool,
    /// In the order of delivery.
    rows: Box<[Row]>,
    /// The base name of each message, and after it the unique-id if that differs from the base name.
    names: Box<[u8]>,
    places: Mutex<Places>,
}

/// A message. A file name has at most 255 bytes.
struct Row {
    length: u64,
    added: u32,
    stamp: u32,
    /// The index in `names` at which its base name begins.
    base: u32,
    /// An index into `places`: its last known place.
    place: AtomicU32,
    base_length: u8,
    /// 0 if the base name is the unique-id.
    id_length: u8,
    marked: AtomicBool,
    /// Whether it was missing from a listing that no change disturbed.
    gone: AtomicBool,
}

/// Folders with flags. The name of a message's file is its base name followed by the flags.
#[derive(Default)]
struct Places(Vec<(u8, Box<[u8]>)>);

impl Maildir {
    /// Opens a Maildir for one session. The inner result is `Err` if another session has it open.
    ///
    /// A file that cannot be read is left out and reported. The remaining messages are still listed.
    ///
    /// # Errors
    /// Returns an error if the folders cannot be read, or if `pop3.lock` cannot be locked.
    pub fn open(&self) -> io::Result<Result<Mailbox, Refusal>> {
        // The location of the root stays the same for the session, as the lock does.
        let real: Arc<Path> = std::fs::canonicalize(&self.root).map_err(io::Error::other)?.into();
        let root = Root::open(&real)?;
        let Some(lock) = root.lock()? else { return Ok(Err(Refusal::InUse)) };
        let folders = root.folders()?;
        let mut left_out = LeftOut::default();
        let files = list(&folders, &mut left_out)?;
        let kept = Sizes::read(&root, files.len());
        let known = kept.rows();
        let mut builder = Builder { rows: Vec::with_capacity(files.len()), ..Builder::default() };
        let mut counted = 0;
        for found in files {
            let size = match known.get(found.base()) {
                Some(size) => Ok(*size),
                None => {
                    counted += 1;
                    folders[usize::from(found.folder)]
                        .read(&found.name)
                        .and_then(|mut file| sizes::count(&mut file))
                }
            };
            if let Err(error) = size.and_then(|size| builder.add(&found, size)) {
                left_out.add(found.folder, &found.name, &error);
            }
        }
        let maildir = if real == self.root { self.clone() } else { Maildir::new(real, self.report) };
        let mailbox = builder.build(maildir, lock, folders.iter().all(Folder::is_local));
        if counted > 0 || known.len() > mailbox.0.rows.len() {
            if let Err(error) = sizes::keep(&root, mailbox.0.rows.iter().map(|row| mailbox.0.size(row))) {
                self.report(format_args!("the sizes cannot be stored: {error}"));
            }
        }
        if !left_out.is_empty() {
            self.report(format_args!("{left_out}"));
        }
        Ok(Ok(mailbox))
    }
}

/// Collects messages one by one.
#[derive(Default)]
struct Builder {
    rows: Vec<Row>,
    names: Vec<u8>,
    places: Places,
}

impl Builder {
    fn add(&mut self, found: &Found, size: Size) -> io::Result<()> {
        let base = found.base();
        let id = unique_id(base);
        let id = id.as_unique_id();
        let id = if id.as_bytes() == base { &[] } else { id.as_bytes() };
        let too_long = |_| io::Error::from(ErrorKind::InvalidInput);
        self.rows.push(Row {
            length: size.length,
            added: size.added,
            stamp: size.stamp,
            base: self.names.len().try_into().map_err(|_| ErrorKind::OutOfMemory)?,
            place: self.places.number(found).into(),
            base_length: base.len().try_into().map_err(too_long)?,
            id_length: id.len().try_into().map_err(too_long)?,
            marked: false.into(),
            gone: false.into(),
        });
        self.names.extend_from_slice(base);
        self.names.extend_from_slice(id);
        Ok(())
    }

    fn build(self, maildir: Maildir, lock: OwnedFd, is_local: bool) -> Mailbox {
        let Builder { rows, names, places } = self;
        let (rows, names, places) = (rows.into(), names.into(), Mutex::new(places));
        Mailbox(Arc::new(Inner { maildir, _lock: lock, is_local, rows, names, places }))
    }
}

impl Places {
    /// Returns the number of this file's place. If there are very many places, a place may get a second number, because
    /// searching all of them for each message would take too long.
    fn number(&mut self, found: &Found) -> u32 {
        let is_it = |(folder, flags): &(u8, Box<[u8]>)| *folder == found.folder && **flags == *found.flags();
        let number = self.0.iter().take(LOOKED_AT).position(is_it).unwrap_or_else(|| {
            self.0.push((found.folder, found.flags().into()));
            self.0.len() - 1
        });
        number as u32
    }
}

impl Mailbox {
    /// Opens a message. This may block.
    ///
    /// # Errors
    /// Returns [`ErrorKind::NotFound`] if the message is gone, and another error if it differs from the listed one or cannot be
    /// read.
    pub fn message(&self, number: MessageNumber) -> io::Result<Message> {
        let row = self.0.rows.get(number.index()).ok_or(ErrorKind::NotFound)?;
        Message::open(self.0.find(row)?, self.0.size(row).1, self.clone())
    }

    /// Opens a message if that does not have to wait for anything. Otherwise returns `None`, and [`message`](Self::message) returns the
    /// message or the error.
    #[must_use]
    pub fn message_if_cached(&self, number: MessageNumber) -> Option<Message> {
        let row = self.0.rows.get(number.index()).filter(|_| self.0.is_local)?;
        let opened = read_cached(&self.0.path(row)?)?;
        Message::open_soon(opened, self.0.size(row).1, self.clone())
    }

    /// Returns whether any message is marked.
    #[must_use]
    pub fn has_marked(&self) -> bool {
        self.0.marked().next().is_some()
    }

    /// Removes the marked messages, and returns whether all of them are permanently removed. This may block.
    #[must_use]
    pub fn remove_marked(&self) -> bool {
        let removed = self.0.remove_marked();
        if let Err(error) = &removed {
            self.0.maildir.report(format_args!("not all marked messages are removed: {error}"));
        }
        removed.is_ok()
    }

    /// Notes that a message differs from the listed one, so the next session counts all messages again.
    pub(crate) fn forget_sizes(&self) {
        let maildir = &self.0.maildir;
        if let Err(error) = Root::open(&maildir.root).and_then(|root| sizes::forget(&root)) {
            maildir.report(format_args!("the sizes cannot be removed: {error}"));
        }
    }
}

impl Inner {
    fn base(&self, row: &Row) -> &[u8] {
        &self.names[row.base as usize..][..usize::from(row.base_length)]
    }

    fn size(&self, row: &Row) -> (&[u8], Size) {
        let Row { length, added, stamp, .. } = *row;
        (self.base(row), Size { length, added, stamp })
    }

    fn marked(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| row.marked.load(Relaxed))
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns folder and name of a message that is in this place.
    fn file(&self, row: &Row, place: u32) -> io::Result<(u8, Vec<u8>)> {
        let places = self.places();
        let (folder, flags) = places.0.get(place as usize).ok_or(ErrorKind::NotFound)?;
        Ok((*folder, [self.base(row), flags].concat()))
    }

    /// Returns the whole path of a message.
    fn path(&self, row: &Row) -> Option<Vec<u8>> {
        let places = self.places();
        let (folder, flags) = places.0.get(row.place.load(Relaxed) as usize)?;
        let (root, base) = (self.maildir.root.as_os_str().as_bytes(), self.base(row));
        let mut path = Vec::with_capacity(root.len() + base.len() + flags.len() + 5);
        for part in [root, b"/", FOLDERS[usize::from(*folder)].as_bytes(), b"/", base, flags] {
            path.extend_from_slice(part);
        }
        Some(path)
    }

    /// Opens a message, at another place if it was moved.
    fn find(&self, row: &Row) -> io::Result<Opened> {
        let root = Root::open(&self.maildir.root)?;
        let open = |place| {
            let (folder, name) = self.file(row, place)?;
            root.folder(folder)?.read(&name)
        };
        let place = row.place.load(Relaxed);
        if let Some(found) = unless_missing(open(place))? {
            return Ok(found);
        }
        // A mail program that moved it has most likely moved other messages to the same place.
        for other in (0..TRIED).filter(|other| *other != place) {
            if let Some(found) = unless_missing(open(other))? {
                row.place.store(other, Relaxed);
                return Ok(found);
            }
        }
        // Do not list again for other messages that disappeared with it.
        if !row.gone.load(Relaxed) {
            self.search(&root.folders()?)?;
        }
        match row.gone.load(Relaxed) {
            true => Err(ErrorKind::NotFound.into()),
            false => unless_missing(open(row.place.load(Relaxed)))?.ok_or_else(disturbed),
        }
    }

    /// Searches for all messages, and records where they are.
    fn search(&self, folders: &Folders) -> io::Result<()> {
        let changed = || Ok::<_, io::Error>([folders[0].changed()?, folders[1].changed()?]);
        let before = changed()?;
        let files = list(folders, &mut LeftOut::default())?;
        // A file that is renamed meanwhile may be missing from the listing, so a missing file proves nothing
        // then.
        let is_certain = changed()? == before;
        let mut places = self.places();
        // Rows and files are in the same order.
        let mut files = files.iter().peekable();
        for row in &self.rows {
            let base = self.base(row);
            while files.next_if(|found| order(found.base()) < order(base)).is_some() {}
            match files.next_if(|found| found.base() == base) {
                Some(found) => {
                    row.place.store(places.number(found), Relaxed);
                    row.gone.store(false, Relaxed);
                }
                None if is_certain => row.gone.store(true, Relaxed),
                None => {}
            }
        }
        Ok(())
    }

    /// Removes all marked messages. A failure does not stop the removal of the rest. The folders are listed
    /// at most once.
    fn remove_marked(&self) -> io::Result<()> {
        let folders = Root::open(&self.maildir.root)?.folders()?;
        let (mut missing, mut failure) = (Vec::new(), Ok(()));
        for row in self.marked() {
            match unless_missing(self.remove(row, &folders)) {
                Ok(Some(())) => {}
                Ok(None) => {
                    row.gone.store(false, Relaxed); // until the listing shows it again
                    missing.push(row);
                }
                Err(error) => failure = Err(error),
            }
        }
        if !missing.is_empty() {
            self.search(&folders)?;
        }
        for row in missing {
            // A message that another program has removed is gone too.
            if !row.gone.load(Relaxed) {
                match unless_missing(self.remove(row, &folders)) {
                    Ok(Some(())) => {}
                    Ok(None) => failure = Err(disturbed()),
                    Err(error) => failure = Err(error),
                }
            }
        }
        folders.iter().try_for_each(Folder::sync)?;
        failure
    }

    fn remove(&self, row: &Row, folders: &Folders) -> io::Result<()> {
        let (folder, name) = self.file(row, row.place.load(Relaxed))?;
        folders[usize::from(folder)].remove(&name)
    }
}

/// Shows no details, because file names do not belong in logs.
impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mailbox(..)")
    }
}

/// Turns the error for a missing file into `None`.
fn unless_missing<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        other => other.map(Some),
    }
}

fn disturbed() -> io::Error {
    io::Error::other("a message cannot be found while files are moved")
}

/// Gives the machine its messages, and marks them.
impl Maildrop for Mailbox {
    fn count(&self) -> u32 {
        u32::try_from(self.0.rows.len()).unwrap_or(u32::MAX)
    }

    fn entry(&self, number: MessageNumber) -> Result<Entry<'_>, Refusal> {
        let row = self.0.rows.get(number.index()).ok_or(Refusal::NoSuchMessage)?;
        let (base, size) = self.0.size(row);
        let id = match usize::from(row.id_length) {
            0 => base,
            length => &self.0.names[row.base as usize + base.len()..][..length],
        };
        let id = UniqueId::new(id).map_err(|_| Refusal::Permanent)?;
        Ok(Entry { octets: size.octets(), id, marked: row.marked.load(Relaxed) })
    }

    fn mark(&mut self, number: MessageNumber) -> Result<(), Refusal> {
        let row = self.0.rows.get(number.index()).ok_or(Refusal::NoSuchMessage)?;
        row.marked.store(true, Relaxed);
        Ok(())
    }

    fn unmark_all(&mut self) {
        self.0.rows.iter().for_each(|row| row.marked.store(false, Relaxed));
    }
}
