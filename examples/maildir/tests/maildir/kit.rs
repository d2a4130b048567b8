//! Maildirs in a temporary folder, and all kinds of files.

use pop3_proto::MessageNumber;
use pop3_proto::server::Maildrop;
use pop3_proto_maildir::{Mailbox, Maildir};
use rustix::fs::{CWD, FileType, Mode};
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::time::Duration;

/// A folder in the system's folder for temporary files, removed at the end. It has a Maildir and a file outside it.
pub(crate) struct Site(PathBuf);

impl Site {
    pub(crate) fn with(files: &[(&str, &[u8])]) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let site = Site(std::env::temp_dir().join(format!("pop3-maildir-{}-{count}", std::process::id())));
        for folder in ["new", "cur", "tmp"] {
            fs::create_dir_all(site.path(folder)).unwrap();
        }
        fs::write(site.other(), "somebody else's\n").unwrap();
        for (name, text) in files {
            fs::write(site.path(name), text).unwrap();
        }
        site
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.0
    }

    /// Returns a path in the Maildir.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join("Maildir").join(name)
    }

    /// Returns a file outside the Maildir.
    pub(crate) fn other(&self) -> PathBuf {
        self.0.join("other")
    }

    pub(crate) fn maildir(&self) -> Maildir {
        Maildir::new(self.path(""), |line| eprintln!("{line}"))
    }

    pub(crate) fn open(&self) -> Mailbox {
        self.maildir().open().unwrap().unwrap()
    }

    /// Checks that the file outside is unchanged.
    pub(crate) fn is_other_unchanged(&self) -> bool {
        fs::read(self.other()).unwrap() == b"somebody else's\n"
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Every kind of file except a regular one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Fifo,
    Socket,
    Device,
    Folder,
    LinkToFile,
    LinkToNothing,
    LinkToFifo,
    LinkToZero,
    LinkToItself,
}

pub(crate) const KINDS: [Kind; 9] = [
    Kind::Fifo,
    Kind::Socket,
    Kind::Device,
    Kind::Folder,
    Kind::LinkToFile,
    Kind::LinkToNothing,
    Kind::LinkToFifo,
    Kind::LinkToZero,
    Kind::LinkToItself,
];

impl Kind {
    /// Creates it. Returns false if only root can do so.
    pub(crate) fn put(self, site: &Site, path: &Path) -> bool {
        match self {
            Kind::Fifo => make(FileType::Fifo, path).unwrap(),
            Kind::Socket => drop(UnixListener::bind(path).unwrap()),
            Kind::Device => return make(FileType::CharacterDevice, path).is_ok(),
            Kind::Folder => fs::create_dir(path).unwrap(),
            Kind::LinkToFile => symlink(site.other(), path).unwrap(),
            Kind::LinkToNothing => symlink(site.folder().join("nothing"), path).unwrap(),
            Kind::LinkToFifo => {
                let fifo = site.folder().join("fifo");
                let _ = make(FileType::Fifo, &fifo); // it may exist already
                symlink(fifo, path).unwrap();
            }
            Kind::LinkToZero => symlink("/dev/zero", path).unwrap(),
            Kind::LinkToItself => symlink(path, path).unwrap(),
        }
        true
    }
}

fn make(kind: FileType, path: &Path) -> io::Result<()> {
    // The numbers of /dev/zero.
    let device = if kind == FileType::CharacterDevice { rustix::fs::makedev(1, 5) } else { 0 };
    Ok(rustix::fs::mknodat(CWD, path, kind, Mode::RUSR | Mode::WUSR, device)?)
}

/// Runs this on another thread, and fails if it takes long, most likely because it hangs.
pub(crate) fn in_time<T: Send + 'static>(what: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, result) = mpsc::channel();
    std::thread::spawn(move || done.send(what()));
    result.recv_timeout(Duration::from_secs(20)).expect("it hangs")
}

pub(crate) fn number(number: u32) -> MessageNumber {
    MessageNumber::new(number).unwrap()
}

/// Returns size and unique-id of each message.
pub(crate) fn listing(mailbox: &Mailbox) -> Vec<(u64, String)> {
    (1..=mailbox.count())
        .map(|message| {
            let entry = mailbox.entry(number(message)).unwrap();
            (entry.octets, entry.id.to_string())
        })
        .collect()
}

pub(crate) fn text(mailbox: &Mailbox, message: u32) -> io::Result<String> {
    let mut text = String::new();
    mailbox.message(number(message))?.read_to_string(&mut text)?;
    Ok(text)
}

pub(crate) fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
