//! Stores messages, and the state file that lists them.
//!
//! A message becomes a file in three steps, and each step is on the disk before the next begins. First, its octets are written, under a
//! name that mail programs ignore. Then a line with its unique-id and its future name is added to the state file. Then the file is
//! renamed. So only the last line about a new message can refer to a file without its name, and then only the renaming is missing. The
//! program can be stopped at any time without losing a message or storing one twice.

use super::files;
use super::known::{self, Known, Note};
use super::plan::Line;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, BufWriter, ErrorKind, Read as _, Write as _};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// The layout of a folder of messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Layout {
    /// `1.eml`, `2.eml` and so on
    Eml,
    Maildir,
}

/// The prefix of the names of state files.
const STATE: &str = ".fetch-";
/// A state file that will replace another.
const NEW_STATE: &str = ".fetch.new";
/// A state file may have this many superfluous lines, plus as many as it has necessary lines.
const SPARE_LINES: usize = 1000;

/// A folder for one account. No other process fetches into it meanwhile.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    layout: Layout,
    state: File,
    known: Known,
    /// The number of the last file.
    last: u64,
    open: Option<Partial>,
    _lock: files::Lock,
}

/// A message that is being written.
#[derive(Debug)]
struct Partial {
    name: OsString,
    file: BufWriter<File>,
}

impl Store {
    /// Opens the folder, or creates it if it is missing. `key` names the account.
    pub fn open(folder: &Path, layout: Layout, key: &str) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        if layout == Layout::Maildir {
            for part in ["tmp", "new", "cur"] {
                fs::create_dir_all(folder.join(part))?;
            }
        }
        let lock = files::Lock::take(&folder.join(".fetch.lock"))?;
        let path = folder.join(format!("{STATE}{key}"));
        let state = files::open_append(&path)?;
        sync(folder)?;
        let mut store = Store {
            folder: folder.into(),
            layout,
            state,
            known: Known::default(),
            last: 0,
            open: None,
            _lock: lock,
        };
        store.settle()?;
        store.read_state(&path)?;
        store.last = store.last.max(store.last_number()?);
        Ok(store)
    }

    /// Returns whether more than this many copies of the message with this unique-id are stored.
    #[must_use]
    pub fn has(&self, id: &[u8], copies: usize) -> bool {
        self.known.entries(id).len() > copies
    }

    /// Returns whether no stored message may still be on the server.
    #[must_use]
    pub fn is_new(&self) -> bool {
        self.known.is_empty()
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn known(&self) -> &Known {
        &self.known
    }

    pub(super) fn known_mut(&mut self) -> &mut Known {
        &mut self.known
    }

    /// Writes lines to the state file. They are on the disk when this returns.
    pub(super) fn write_down(&mut self, lines: Vec<Line>) -> io::Result<()> {
        if lines.is_empty() {
            return Ok(());
        }
        let octets: Vec<_> = lines.iter().map(|(id, name, note)| known::line(id, name, *note)).collect();
        self.state.write_all(&octets.concat())?;
        self.state.sync_data()?;
        lines.iter().for_each(|(id, name, note)| self.known.apply(id, name, *note));
        Ok(())
    }

    /// Begins a message. Discards an incomplete one.
    pub fn begin(&mut self) -> io::Result<()> {
        self.last += 1;
        let name = match self.layout {
            Layout::Eml => format!("{}.eml", self.last).into(),
            Layout::Maildir => maildir_name(self.last),
        };
        let file = BufWriter::with_capacity(64 * 1024, files::create_new(&self.unnamed(&name))?);
        self.open = Some(Partial { name, file });
        Ok(())
    }

    pub fn write(&mut self, octets: &[u8]) -> io::Result<()> {
        self.open.as_mut().map_or(Ok(()), |open| open.file.write_all(octets))
    }

    /// Completes a message. When this returns, the message is safely stored, under the returned name. `id` is empty if the server has
    /// no unique-ids. `size` is the listed size.
    pub fn finish(&mut self, id: &[u8], utf8: bool, size: Option<u64>) -> io::Result<OsString> {
        let open = self.open.take().ok_or_else(|| io::Error::other("no message was begun"))?;
        let Partial { name, file } = open;
        file.into_inner()?.sync_all()?;
        sync(&self.unnamed_folder())?;
        self.write_down(vec![(id.into(), name.clone(), Note::Stored { utf8, size })])?;
        self.known
            .entries_mut(id)
            .iter_mut()
            .filter(|entry| entry.name == name)
            .for_each(|entry| entry.met = true);
        self.give_name(&name)?;
        Ok(name)
    }

    /// Removes a finished message that proved to be incomplete. Returns how many octets it had.
    pub(super) fn take_back(&mut self, id: &[u8], name: &OsStr) -> io::Result<u64> {
        self.write_down(vec![(id.into(), name.into(), Note::Forgotten)])?;
        let path = self.named_folder().join(name);
        let octets = fs::symlink_metadata(&path).map_or(0, |file| file.len());
        match fs::remove_file(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(octets), // a mail program may have moved it
        }
    }

    /// Discards an incomplete message, which is useless.
    pub fn forget(&mut self) -> io::Result<()> {
        let Some(open) = self.open.take() else { return Ok(()) };
        self.last -= 1;
        fs::remove_file(self.unnamed(&open.name))
    }

    /// Gives the last file of each account its name, if the renaming is missing. Otherwise the next file of another account could
    /// get that name.
    fn settle(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            if !entry.file_name().as_bytes().starts_with(STATE.as_bytes()) {
                continue;
            }
            let mut state = Vec::new();
            files::open_read(&entry.path())?.read_to_end(&mut state)?;
            let mut last = None;
            for record in known::records(&state) {
                let (_, name, note) = record?;
                if matches!(note, Note::Stored { .. }) {
                    last = Some(name);
                }
            }
            match last {
                Some(name) if self.unnamed(&name).exists() => self.give_name(&name)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn read_state(&mut self, path: &Path) -> io::Result<()> {
        let mut state = Vec::new();
        self.state.read_to_end(&mut state)?;
        self.state.set_len(known::whole(&state).len() as u64)?; // no file was renamed after an incomplete line
        let mut lines = 0;
        for record in known::records(&state) {
            let (id, name, note) = record?;
            self.last = self.last.max(number(&name));
            self.known.apply(id, &name, note);
            lines += 1;
        }
        if lines > 2 * self.known.iter().count() + SPARE_LINES { self.shorten_state(path) } else { Ok(()) }
    }

    /// Replaces the state file by a shorter one with the same meaning.
    fn shorten_state(&mut self, path: &Path) -> io::Result<()> {
        let new = self.folder.join(NEW_STATE);
        match fs::remove_file(&new) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut state = OpenOptions::new().append(true).create_new(true).open(&new)?;
        state.write_all(&self.known.lines())?;
        state.sync_all()?;
        fs::rename(&new, path)?;
        self.state = state;
        sync(&self.folder)
    }

    /// Returns whether a stored message may be the listed one with this size, or `None` if nothing shows it. Some servers list sizes
    /// that count line endings in their own way.
    pub(super) fn resembles(&self, name: &OsStr, size: u64) -> Option<bool> {
        let path = self.named_folder().join(name);
        let octets = fs::symlink_metadata(&path).ok().filter(fs::Metadata::is_file)?.len();
        if octets == size {
            return Some(true);
        }
        let lines = count_lines(&path).ok()?;
        if octets.abs_diff(size) <= lines { None } else { Some(false) }
    }

    fn give_name(&self, name: &OsString) -> io::Result<()> {
        let folder = self.named_folder();
        fs::rename(self.unnamed(name), folder.join(name))?;
        sync(&folder)
    }

    /// If the program is stopped, it leaves this file here. The next run overwrites it; in a Maildir, a mail program that cleans up
    /// removes it.
    fn unnamed(&self, name: &OsString) -> PathBuf {
        let name = match self.layout {
            Layout::Eml => OsString::from_vec([b".", name.as_bytes(), b".part"].concat()),
            Layout::Maildir => name.clone(),
        };
        self.unnamed_folder().join(name)
    }

    fn unnamed_folder(&self) -> PathBuf {
        match self.layout {
            Layout::Eml => self.folder.clone(),
            Layout::Maildir => self.folder.join("tmp"),
        }
    }

    fn named_folder(&self) -> PathBuf {
        match self.layout {
            Layout::Eml => self.folder.clone(),
            Layout::Maildir => self.folder.join("new"),
        }
    }

    fn last_number(&self) -> io::Result<u64> {
        fs::read_dir(self.named_folder())?
            .try_fold(0, |last, entry| Ok(last.max(number(&entry?.file_name()))))
    }
}

/// Returns the number in `5.eml`.
fn number(name: &OsString) -> u64 {
    let number = name.to_str().and_then(|name| name.strip_suffix(".eml")?.parse().ok());
    number.unwrap_or_default()
}

/// Returns a name that no other message has, on any machine that delivers into this Maildir.
fn maildir_name(number: u64) -> OsString {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let system = rustix::system::uname();
    let host = system.nodename().to_string_lossy().replace(['/', ':', '\t', '\n'], "_");
    let (seconds, micros) = (now.as_secs(), now.subsec_micros());
    format!("{seconds}.M{micros}P{}Q{number}.{host}", std::process::id()).into()
}

fn count_lines(path: &Path) -> io::Result<u64> {
    let mut file = BufReader::new(File::open(path)?);
    let mut lines = 0;
    loop {
        let octets = file.fill_buf()?;
        let count = octets.len();
        lines += octets.iter().filter(|octet| **octet == b'\n').count() as u64;
        if count == 0 {
            return Ok(lines);
        }
        file.consume(count);
    }
}

/// Returns once the names in a folder are on the disk.
fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
