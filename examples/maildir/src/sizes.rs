//! The sizes of messages as RETR sends them, stored next to the messages, because counting a message means reading
//! it.

use crate::names::{Order, order};
use crate::place::{Opened, Root};
use pop3_proto::OctetCount;
use std::io::{self, ErrorKind, Read, Write as _};
use std::iter::Peekable;

/// [`VERSION`], then a row for each message: length, added octets, stamp, base name.
pub(crate) const FILE: &str = "pop3.sizes";
const BESIDE: &str = "pop3.sizes.new";
/// The first line. A file that begins with anything else is not read.
const VERSION: &[u8] = b"sizes 3\n";
/// No row is longer: three numbers, and a file name.
const LONGEST_ROW: u64 = 20 + 10 + 10 + 3 + 255 + 1;

/// The size of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Size {
    /// The length of the file.
    pub(crate) length: u64,
    /// How many octets more than that are sent, for line ends.
    pub(crate) added: u32,
    /// [`Opened::stamp`] when the message was counted, and one more if it was settled then.
    pub(crate) stamp: u32,
}

impl Size {
    /// Returns whether this file is the one that was counted, as far as its length and time show.
    pub(crate) fn seems_of(self, opened: &Opened) -> bool {
        self.length == opened.length && self.stamp & !1 == opened.stamp
    }

    /// Returns whether the length and time show every change.
    pub(crate) fn is_settled(self) -> bool {
        self.stamp & 1 == 1
    }

    /// Returns how many octets RETR sends.
    pub(crate) fn octets(self) -> u64 {
        self.length.saturating_add(self.added.into())
    }
}

/// The stored sizes. A file that is missing, broken, or not a regular file counts as an empty one.
#[derive(Debug)]
pub(crate) struct Sizes(Vec<u8>);

impl Sizes {
    /// Reads the sizes for a Maildir of `count` messages. Twice as many rows are tolerated, because messages may have been
    /// removed since.
    pub(crate) fn read(root: &Root, count: usize) -> Self {
        let most = LONGEST_ROW.saturating_mul(2).saturating_mul(count as u64).saturating_add(4096);
        let mut text = Vec::new();
        let read = root.read(FILE).and_then(|opened| match opened.length <= most {
            true => {
                text.reserve_exact(opened.length as usize + 1);
                opened.file.take(most).read_to_end(&mut text)
            }
            false => Err(ErrorKind::FileTooLarge.into()),
        });
        if read.is_err() || !text.starts_with(VERSION) {
            text.clear();
        }
        Sizes(text)
    }

    /// Returns the sizes, to be asked for in the order of the messages, which is that of the file. So nothing is looked up in a table, which
    /// would cost more for each message of a large Maildir.
    pub(crate) fn known(&self) -> Known<'_> {
        let rows: Rows<'_> = Box::new(self.0.split(|byte| *byte == b'\n').filter_map(row));
        Known { rows: rows.peekable(), unused: 0 }
    }
}

pub(crate) struct Known<'s> {
    rows: Peekable<Rows<'s>>,
    unused: usize,
}

type Rows<'s> = Box<dyn Iterator<Item = (Order<'s>, Size)> + 's>;

impl Known<'_> {
    /// Returns the size of a message, after those of the messages before it.
    pub(crate) fn get(&mut self, message: Order<'_>) -> Option<Size> {
        while self.rows.next_if(|(row, _)| *row < message).is_some() {
            self.unused += 1;
        }
        self.rows.next_if(|(row, _)| *row == message).map(|(_, size)| size)
    }

    /// Returns whether there are rows of other messages than those that were asked for.
    pub(crate) fn has_others(mut self) -> bool {
        self.unused > 0 || self.rows.next().is_some()
    }
}

fn row(line: &[u8]) -> Option<(Order<'_>, Size)> {
    let mut parts = line.splitn(4, |byte| *byte == b' ');
    let mut number = || std::str::from_utf8(parts.next()?).ok();
    let size = Size {
        length: number()?.parse().ok()?,
        added: number()?.parse().ok()?,
        stamp: number()?.parse().ok()?,
    };
    Some((order(parts.next()?), size))
}

/// Stores these sizes. They need not survive a crash, because a message without a row is counted again.
pub(crate) fn keep<'a>(root: &Root, rows: impl Iterator<Item = (&'a [u8], Size)>) -> io::Result<()> {
    let mut text = VERSION.to_vec();
    for (base, Size { length, added, stamp }) in rows.filter(|(base, _)| !base.contains(&b'\n')) {
        write!(text, "{length} {added} {stamp} ")?;
        text.extend_from_slice(base);
        text.push(b'\n');
    }
    let kept = root.create(BESIDE).and_then(|mut file| file.write_all(&text));
    let kept = kept.and_then(|()| root.rename(BESIDE, FILE));
    if kept.is_err() {
        root.remove(BESIDE).ok(); // after a full disk, for example, half a file would waste space
    }
    kept
}

/// Forgets all sizes, because one was wrong. The next session counts all messages again.
pub(crate) fn forget(root: &Root) -> io::Result<()> {
    root.remove(FILE)
}

/// Reads a message and counts its octets. `settled_before` is from before it was opened.
pub(crate) fn count(opened: &mut Opened, settled_before: i64) -> io::Result<Size> {
    let (mut count, mut length, mut buffer) = (OctetCount::new(), 0, [0; 8 * 1024]);
    loop {
        match opened.file.read(&mut buffer) {
            Ok(0) => {
                let added = u32::try_from(count.finish() - length).map_err(|_| ErrorKind::FileTooLarge)?;
                let is_settled = opened.modified < settled_before;
                return Ok(Size { length, added, stamp: opened.stamp | u32::from(is_settled) });
            }
            // A file that grows as fast as it is read has no end.
            Ok(_) if length > opened.length => return Err(io::Error::other("the message is still growing")),
            Ok(read) => {
                count.add(&buffer[..read]);
                length += read as u64;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
