//! A Maildir as one session sees it, with its lock.
//!
//! It is small, because a server holds one for each session. A message takes 32 bytes, its base name, and its unique-id if it
//! differs from the base name. The location of a message is a number, because most messages are in few places (a folder, and
//! flags).

use crate::kept::{Kept, Listing, Versions};
use crate::listing::{LeftOut, list};
use crate::message::Message;
use crate::names::order;
use crate::place::{FOLDERS, Folders, Opened, Root, settled_before};
use crate::rows::{Places, Row, Rows};
use crate::sizes::{self, Sizes};
use crate::{Maildir, refusal};
use pop3_proto::server::{Entry, Maildrop, Refusal};
use pop3_proto::{MessageNumber, UniqueId};
use std::fmt;
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

/// How many of the places that are in use are tried for a message that was moved, before the folders are listed.
const TRIED: u16 = 8;
/// How many threads remove many messages, and how many messages each of them has at least.
const REMOVERS: usize = 16;
const LEAST_SHARE: usize = 100;

/// An open Maildir with its lock, which is released when the last clone is dropped.
#[derive(Clone)]
pub struct Mailbox(Arc<Inner>);

struct Inner {
    maildir: Maildir,
    root: Root,
    _lock: OwnedFd,
    /// Whether opening a file does not wait for a network.
    is_local: bool,
    rows: Arc<Rows>,
    /// One for each row.
    states: Box<[State]>,
    places: Mutex<Places>,
}

/// What became of a message in this session.
struct State {
    /// The number of the place where it was last.
    place: AtomicU16,
    marked: AtomicBool,
    /// Whether it was missing from a listing that no change disturbed.
    gone: AtomicBool,
}

#[derive(Clone, Copy)]
struct Item<'m> {
    row: &'m Row,
    state: &'m State,
}

impl Maildir {
    /// Opens a Maildir for one session. The inner result is `Err` if another session has it open.
    ///
    /// A file that cannot be read is left out and reported. The remaining messages are still listed.
    ///
    /// # Errors
    /// Returns an error if the folders cannot be read, or if `pop3.lock` cannot be locked.
    pub fn open(&self) -> io::Result<Result<Mailbox, Refusal>> {
        let root = Root::open(&self.root)?;
        let Some(lock) = root.lock()? else { return Ok(Err(Refusal::InUse)) };
        // Without sizes there is no listing to keep, and what else is missing is reported below.
        let versions = Versions::of(&root).ok();
        let kept = versions.and_then(|versions| self.kept().get(versions));
        let listing = match kept {
            Some(listing) => listing,
            None => self.list(&root, versions)?,
        };
        let is_local = root.is_local();
        Ok(Ok(self.mailbox(root, lock, is_local, listing)))
    }

    /// Does the same if it does not have to wait for anything: if the listing of the last session is still right, and the Maildir is on a disk
    /// of this machine and in the system's cache. Otherwise returns `None`, and [`open`](Self::open) returns the mailbox or the error.
    #[must_use]
    pub fn open_if_cached(&self) -> Option<Result<Mailbox, Refusal>> {
        if self.kept().is_empty() {
            return None;
        }
        let root = Root::open_cached(&self.root).filter(Root::is_local)?;
        let Some(lock) = root.lock_cached()? else { return Some(Err(Refusal::InUse)) };
        let listing = self.kept().get(Versions::of(&root).ok()?)?;
        Some(Ok(self.mailbox(root, lock, true, listing)))
    }

    fn mailbox(&self, root: Root, lock: OwnedFd, is_local: bool, listing: Listing) -> Mailbox {
        let Listing { rows, places } = listing;
        let new = |row: &Row| State { place: row.place.into(), marked: false.into(), gone: false.into() };
        let (states, places) = (rows.all().iter().map(new).collect(), Mutex::new(places));
        Mailbox(Arc::new(Inner { maildir: self.clone(), root, _lock: lock, is_local, rows, states, places }))
    }

    /// Lists the messages, counts those whose size is not known, and keeps both for the next session.
    fn list(&self, root: &Root, versions: Option<Versions>) -> io::Result<Listing> {
        let folders = root.folders()?;
        let mut left_out = LeftOut::default();
        let files = list(&folders, &mut left_out)?;
        let kept = Sizes::read(root, files.len());
        let mut known = kept.known();
        let settled_before = settled_before();
        let (mut rows, mut places, mut counted) = (Rows::with_capacity(files.len()), Places::default(), 0);
        for found in files {
            let size = match known.get(found.order()) {
                Some(size) => Ok(size),
                None => {
                    counted += 1;
                    folders[usize::from(found.folder)]
                        .read(&found.name)
                        .and_then(|mut file| sizes::count(&mut file, settled_before))
                }
            };
            if let Err(error) = size.and_then(|size| rows.add(&found, size, &mut places)) {
                left_out.add(found.folder, &found.name, &error);
            }
        }
        rows.shrink();
        if counted > 0 || known.has_others() {
            if let Err(error) = sizes::keep(root, rows.all().iter().map(|row| (rows.base(row), row.size))) {
                self.report(format_args!("the sizes cannot be kept: {error}"));
            }
        }
        let listing = Listing { rows: Arc::new(rows), places };
        match versions {
            // A file that was left out may be readable later, and no time shows that.
            Some(versions) if counted == 0 && left_out.is_empty() => self.kept().set(versions, &listing),
            _ => self.kept().forget(),
        }
        if !left_out.is_empty() {
            self.report(format_args!("{left_out}"));
        }
        Ok(listing)
    }

    pub(crate) fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Mailbox {
    /// Opens a message. This may block.
    ///
    /// # Errors
    /// Returns [`ErrorKind::NotFound`] if the message is gone, and another error if it differs from the listed one or cannot be
    /// read.
    pub fn message(&self, number: MessageNumber) -> io::Result<Message> {
        let item = self.0.item(number).ok_or(ErrorKind::NotFound)?;
        Message::open(self.0.find(item)?, item.row.size, self.clone())
    }

    /// Opens a message if that does not have to wait for anything. Otherwise returns `None`, and [`message`](Self::message) returns the
    /// message or the error.
    #[must_use]
    pub fn message_if_cached(&self, number: MessageNumber) -> Option<Message> {
        let item = self.0.item(number).filter(|_| self.0.is_local)?;
        let opened = self.0.root.read_cached(&self.0.path(item)?)?;
        Message::open_soon(opened, item.row.size, self.clone())
    }

    /// Returns a message's base name: its file name up to the flags.
    #[must_use]
    pub fn base_name(&self, number: MessageNumber) -> Option<&[u8]> {
        self.0.item(number).map(|item| self.0.rows.base(item.row))
    }

    /// Returns whether any message is marked.
    #[must_use]
    pub fn has_marked(&self) -> bool {
        self.0.marked().next().is_some()
    }

    /// Removes the marked messages. This may block.
    ///
    /// # Errors
    /// Returns [`Refusal::Temporary`] if not all of them are permanently removed, and trying again can remove more. Returns
    /// [`Refusal::Permanent`] if trying again cannot help, because the folders may not be changed.
    pub fn remove_marked(&self) -> Result<(), Refusal> {
        self.0.remove_marked().map_err(|error| {
            self.0.maildir.report(format_args!("not all marked messages are removed: {error}"));
            refusal(&error)
        })
    }

    /// Notes that a message differs from the listed one, so the next session counts all messages again.
    pub(crate) fn forget_sizes(&self) {
        self.0.maildir.kept().forget();
        if let Err(error) = sizes::forget(&self.0.root) {
            self.0.maildir.report(format_args!("the sizes cannot be removed: {error}"));
        }
    }
}

impl Inner {
    fn item(&self, number: MessageNumber) -> Option<Item<'_>> {
        let index = number.index();
        Some(Item { row: self.rows.all().get(index)?, state: self.states.get(index)? })
    }

    fn items(&self) -> impl Iterator<Item = Item<'_>> {
        self.rows.all().iter().zip(&self.states).map(|(row, state)| Item { row, state })
    }

    fn marked(&self) -> impl Iterator<Item = Item<'_>> {
        self.items().filter(|item| item.state.marked.load(Relaxed))
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns folder and name of a message that is in this place.
    fn file(&self, item: Item<'_>, place: u16) -> io::Result<(u8, Vec<u8>)> {
        let places = self.places();
        let (folder, flags) = places.get(place).ok_or(ErrorKind::NotFound)?;
        Ok((folder, [self.rows.base(item.row), flags].concat()))
    }

    /// Returns the path of a message below the root.
    fn path(&self, item: Item<'_>) -> Option<Vec<u8>> {
        let places = self.places();
        let (folder, flags) = places.get(item.state.place.load(Relaxed))?;
        let folder = FOLDERS[usize::from(folder)].as_bytes();
        Some([folder, b"/", self.rows.base(item.row), flags].concat())
    }

    /// Opens a message, at another place if it was moved.
    fn find(&self, item: Item<'_>) -> io::Result<Opened> {
        let (root, state) = (&self.root, item.state);
        let open = |place| {
            let (folder, name) = self.file(item, place)?;
            root.folder(folder)?.read(&name)
        };
        let place = state.place.load(Relaxed);
        if let Some(found) = unless_missing(open(place))? {
            return Ok(found);
        }
        // A mail program that moved it has most likely moved other messages to the same place.
        for other in (0..TRIED).filter(|other| *other != place) {
            if let Some(found) = unless_missing(open(other))? {
                state.place.store(other, Relaxed);
                return Ok(found);
            }
        }
        // Others that were gone with it are not listed once more.
        if !state.gone.load(Relaxed) {
            self.search(&root.folders()?)?;
        }
        match state.gone.load(Relaxed) {
            true => Err(ErrorKind::NotFound.into()),
            false => unless_missing(open(state.place.load(Relaxed)))?.ok_or_else(disturbed),
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
        for Item { row, state } in self.items() {
            let base = self.rows.base(row);
            let row_order = order(base);
            while files.next_if(|found| found.order() < row_order).is_some() {}
            match files.next_if(|found| found.base() == base) {
                Some(found) => {
                    state.place.store(places.number(found), Relaxed);
                    state.gone.store(false, Relaxed);
                }
                None if is_certain => state.gone.store(true, Relaxed),
                None => {}
            }
        }
        Ok(())
    }

    /// Removes all marked messages. A failure does not stop the removal of the rest. The folders are listed
    /// at most once.
    fn remove_marked(&self) -> io::Result<()> {
        let folders = self.root.folders()?;
        let marked: Vec<_> = self.marked().collect();
        let mut failure = Failure(Ok(()));
        let missing = self.remove_many(&marked, &folders, &mut failure);
        for item in &missing {
            item.state.gone.store(false, Relaxed); // until the listing says it again
        }
        if !missing.is_empty() {
            self.search(&folders)?;
        }
        // A message that somebody else has removed is gone too.
        for item in missing.into_iter().filter(|item| !item.state.gone.load(Relaxed)) {
            let removed = unless_missing(self.remove(item, &folders));
            failure.of(removed.and_then(|removed| removed.ok_or_else(disturbed)));
        }
        for folder in &folders {
            failure.of(folder.sync());
        }
        failure.0
    }

    /// Removes these messages, and returns those that are missing. Several threads remove many at once, because a removal may wait for a disk
    /// or a network.
    fn remove_many<'m>(
        &self,
        marked: &[Item<'m>],
        folders: &Folders,
        failure: &mut Failure,
    ) -> Vec<Item<'m>> {
        let remove = |items: &[Item<'m>]| {
            items.iter().map(|item| unless_missing(self.remove(*item, folders))).collect::<Vec<_>>()
        };
        let share = marked.len().div_ceil(REMOVERS).max(LEAST_SHARE);
        let removed: Vec<_> = thread::scope(|scope| {
            let mut shares = marked.chunks(share);
            let first = shares.next().unwrap_or_default();
            let others =
                shares.map(|share| (share, thread::Builder::new().spawn_scoped(scope, || remove(share))));
            let others: Vec<_> = others.collect();
            let mut removed = remove(first);
            for (share, thread) in others {
                // Without a thread, or if it failed, the messages are removed here.
                let done = thread.ok().and_then(|thread| thread.join().ok());
                removed.extend(done.unwrap_or_else(|| remove(share)));
            }
            removed
        });
        let is_missing = |(item, removed)| matches!(failure.of(removed), Some(None)).then_some(item);
        marked.iter().copied().zip(removed).filter_map(is_missing).collect()
    }

    fn remove(&self, item: Item<'_>, folders: &Folders) -> io::Result<()> {
        let (folder, name) = self.file(item, item.state.place.load(Relaxed))?;
        folders[usize::from(folder)].remove(&name)
    }
}

/// Shows no details, because file names do not belong in logs.
impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mailbox(..)")
    }
}

/// The failure of some of several steps. If trying again can help with any of them, it is one of those.
struct Failure(io::Result<()>);

impl Failure {
    /// Returns the result of a step, and keeps its error.
    fn of<T>(&mut self, step: io::Result<T>) -> Option<T> {
        step.map_err(|error| {
            if self.0.is_ok() || refusal(&error) == Refusal::Temporary {
                self.0 = Err(error);
            }
        })
        .ok()
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
        u32::try_from(self.0.states.len()).unwrap_or(u32::MAX)
    }

    fn entry(&self, number: MessageNumber) -> Result<Entry<'_>, Refusal> {
        let Item { row, state } = self.0.item(number).ok_or(Refusal::NoSuchMessage)?;
        let id = UniqueId::new(self.0.rows.id(row)).map_err(|_| Refusal::Permanent)?;
        Ok(Entry { octets: row.size.octets(), id, marked: state.marked.load(Relaxed) })
    }

    fn mark(&mut self, number: MessageNumber) -> Result<(), Refusal> {
        let item = self.0.item(number).ok_or(Refusal::NoSuchMessage)?;
        item.state.marked.store(true, Relaxed);
        Ok(())
    }

    fn unmark_all(&mut self) {
        self.0.states.iter().for_each(|state| state.marked.store(false, Relaxed));
    }
}
