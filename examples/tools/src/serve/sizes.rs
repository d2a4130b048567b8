//! The sizes of messages as RETR sends them, kept beside the messages: to count one means to read it.

use pop3_proto::OctetCount;
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::path::Path;

/// A row for each message: length of the file, octets that are added, base name.
const FILE: &str = "pop3.sizes";
const BESIDE: &str = "pop3.sizes.new";

/// The size of a message.
#[derive(Clone, Copy)]
pub(super) struct Size {
    /// What its file holds. A message never changes in a Maildir; one that did has, most likely, another length.
    pub(super) length: u64,
    /// How many octets more than that are sent, for line ends.
    pub(super) added: u32,
}

impl Size {
    /// What RETR sends.
    pub(super) fn octets(self) -> u64 {
        self.length.saturating_add(self.added.into())
    }
}

/// What was kept. A file that is missing or broken is the same as an empty one.
pub(super) struct Sizes(Vec<u8>);

impl Sizes {
    pub(super) fn read(root: &Path) -> Self {
        Sizes(fs::read(root.join(FILE)).unwrap_or_default())
    }

    pub(super) fn rows(&self) -> HashMap<&[u8], Size> {
        self.0.split(|octet| *octet == b'\n').filter_map(row).collect()
    }
}

fn row(line: &[u8]) -> Option<(&[u8], Size)> {
    let mut parts = line.splitn(3, |octet| *octet == b' ');
    let mut number = || std::str::from_utf8(parts.next()?).ok();
    let size = Size { length: number()?.parse().ok()?, added: number()?.parse().ok()? };
    Some((parts.next()?, size))
}

/// Keeps these. It need not survive a crash: a message without a row is counted anew.
pub(super) fn write<'a>(root: &Path, rows: impl Iterator<Item = (&'a [u8], Size)>) -> io::Result<()> {
    let mut text = Vec::new();
    for (base, Size { length, added }) in rows.filter(|(base, _)| !base.contains(&b'\n')) {
        write!(text, "{length} {added} ")?;
        text.extend_from_slice(base);
        text.push(b'\n');
    }
    fs::write(root.join(BESIDE), text)?;
    fs::rename(root.join(BESIDE), root.join(FILE))
}

/// Forgets all, as one was wrong.
pub(super) fn forget(root: &Path) {
    match fs::remove_file(root.join(FILE)) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            tracing::warn!(root = %root.display(), %error, "the sizes cannot be removed");
        }
        _ => {}
    }
}

/// Reads a message and counts.
pub(super) fn count(path: &Path) -> io::Result<Size> {
    let (mut file, mut count, mut length) = (File::open(path)?, OctetCount::new(), 0);
    let mut buffer = [0; 8 * 1024];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => {
                let added = u32::try_from(count.finish() - length).map_err(|_| ErrorKind::FileTooLarge)?;
                return Ok(Size { length, added });
            }
            Ok(read) => {
                count.add(&buffer[..read]);
                length += read as u64;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
