//! Where messages go, and the state file that says which are there.
//!
//! A message becomes a file in three steps, each of them on the disk before the next: its octets, under a name that no mail program looks
//! at; a line in the state file, with its unique-id and the name that it gets; the name. So only the last line can be about a file
//! without its name, and then all that is missing is the name. Whenever the program is stopped, no message is lost and none is there twice.

use super::files;
use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read as _, Write as _};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// What a folder of messages looks like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Layout {
    /// `1.eml`, `2.eml` and so on
    Eml,
    Maildir,
}

/// What the names of state files begin with.
const STATE: &str = ".fetch-";

/// A folder for one account. Nobody else fetches into it meanwhile.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    layout: Layout,
    state: File,
    /// Unique-ids, and how many messages with each are there: a server may give copies of a message the same one (RFC 1939 section 7).
    had: HashMap<Vec<u8>, u32>,
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
    /// The folder is made where it is missing. `key` names the account.
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
            had: HashMap::new(),
            last: 0,
            open: None,
            _lock: lock,
        };
        store.settle()?;
        store.read_state()?;
        store.last = store.last.max(store.last_number()?);
        Ok(store)
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether this many copies, and one more, of the message with this unique-id are there.
    #[must_use]
    pub fn has(&self, id: &[u8], copies: u32) -> bool {
        self.had.get(id).is_some_and(|had| *had > copies)
    }

    /// Whether nothing was ever fetched into it.
    #[must_use]
    pub fn is_new(&self) -> bool {
        self.had.is_empty()
    }

    /// A message begins. One that did not come to its end is forgotten.
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

    /// The message is whole; behind this it is safely there. `id` is empty where the server has no unique-ids.
    pub fn finish(&mut self, id: &[u8]) -> io::Result<()> {
        let Some(Partial { name, file }) = self.open.take() else { return Ok(()) };
        file.into_inner()?.sync_all()?;
        sync(&self.unnamed_folder())?;
        self.state.write_all(&[id, b"\t", name.as_bytes(), b"\n"].concat())?;
        self.state.sync_data()?;
        self.give_name(&name)?;
        self.count(id);
        Ok(())
    }

    /// What came of a message that breaks off is of no use.
    pub fn forget(&mut self) -> io::Result<()> {
        let Some(open) = self.open.take() else { return Ok(()) };
        self.last -= 1;
        fs::remove_file(self.unnamed(&open.name))
    }

    /// Gives the last file of each account its name, where it was not given. Otherwise another account's next file could get that.
    fn settle(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            if !entry.file_name().as_bytes().starts_with(STATE.as_bytes()) {
                continue;
            }
            let mut state = Vec::new();
            files::open_read(&entry.path())?.read_to_end(&mut state)?;
            match records(&state)?.last() {
                Some((_, name)) if self.unnamed(name).exists() => self.give_name(name)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn read_state(&mut self) -> io::Result<()> {
        let mut state = Vec::new();
        self.state.read_to_end(&mut state)?;
        self.state.set_len(whole(&state).len() as u64)?; // no name was given behind a line that is not whole
        for (id, name) in records(&state)? {
            self.last = self.last.max(number(&name));
            self.count(id);
        }
        Ok(())
    }

    fn count(&mut self, id: &[u8]) {
        *self.had.entry(id.into()).or_default() += 1;
    }

    fn give_name(&self, name: &OsString) -> io::Result<()> {
        let folder = self.named_folder();
        fs::rename(self.unnamed(name), folder.join(name))?;
        sync(&folder)
    }

    /// What is left here by a program that was stopped is written over the next time, or in a Maildir removed by whoever tidies it up.
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

/// The lines of a state file that are whole.
fn whole(state: &[u8]) -> &[u8] {
    let end = state.iter().rposition(|octet| *octet == b'\n').map_or(0, |end| end + 1);
    &state[..end]
}

/// Unique-ids and names.
fn records(state: &[u8]) -> io::Result<Vec<(&[u8], OsString)>> {
    whole(state).split(|octet| *octet == b'\n').filter(|line| !line.is_empty()).map(record).collect()
}

fn record(line: &[u8]) -> io::Result<(&[u8], OsString)> {
    let tab = line.iter().rposition(|octet| *octet == b'\t');
    let tab = tab.ok_or_else(|| io::Error::other("the state file is damaged"))?;
    Ok((&line[..tab], OsString::from_vec(line[tab + 1..].into())))
}

/// The number in `5.eml`.
fn number(name: &OsString) -> u64 {
    let number = name.to_str().and_then(|name| name.strip_suffix(".eml")?.parse().ok());
    number.unwrap_or_default()
}

/// A name that no other message has, on any machine that delivers into this Maildir.
fn maildir_name(number: u64) -> OsString {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let system = rustix::system::uname();
    let host = system.nodename().to_string_lossy().replace(['/', ':', '\t', '\n'], "_");
    let (seconds, micros) = (now.as_secs(), now.subsec_micros());
    format!("{seconds}.M{micros}P{}Q{number}.{host}", std::process::id()).into()
}

/// The names in a folder are on the disk.
fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
