use crate::mailbox::Mailbox;
use crate::place::Opened;
use crate::sizes::{self, Size};
use pop3_proto::OctetCount;
use rustix::buffer::spare_capacity;
use rustix::io::retry_on_intr;
use std::cell::Cell;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, ErrorKind, Read, Seek as _};
use std::mem;

/// The maximum read from a file at once, not counting the byte after it that must not exist.
const PART: u64 = 60 * 1024;

thread_local! {
    /// The buffer of the last message that ended on this thread. A new one of this size is taken from memory that all threads
    /// share, where they wait for each other.
    static SPARE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// A message that is being sent. It ends with an error unless as many octets were sent as were listed.
///
/// Reading it reads an open regular file, in parts of 60 KiB. The Maildir stays locked meanwhile.
pub struct Message {
    mailbox: Mailbox,
    file: File,
    /// How much of the file is still to read.
    left: u64,
    /// `None` if the file is known to be the listed one.
    count: Option<OctetCount>,
    listed: u64,
    /// The bytes that were read and not consumed.
    part: Vec<u8>,
    consumed: usize,
}

impl Message {
    /// Checks that the file is the listed one, and reads its first part.
    ///
    /// A short message is read completely, and counted unless its length and time are enough. A longer one may change while it is sent, so it
    /// is always counted then. It is read twice if it was changed since it was listed.
    pub(crate) fn open(mut opened: Opened, size: Size, mailbox: Mailbox) -> io::Result<Self> {
        let (seems_same, is_short) = (size.seems_of(&opened), size.length <= PART);
        let mut is_same = opened.length == size.length;
        if is_same && !seems_same && !is_short {
            is_same = sizes::count(&mut opened, i64::MIN)?.octets() == size.octets();
            opened.file.rewind()?;
        }
        let is_certain = seems_same && is_short && size.is_settled();
        let (left, listed) = (size.length, size.octets());
        let (count, part) = ((!is_certain).then(OctetCount::new), SPARE.take());
        let mut message = Message { mailbox, file: opened.file, left, count, listed, part, consumed: 0 };
        if !is_same {
            return Err(message.changed());
        }
        message.read_part()?;
        Ok(message)
    }

    /// Does the same if that takes at most one read and the message is the listed one.
    pub(crate) fn open_soon(opened: Opened, size: Size, mailbox: Mailbox) -> Option<Self> {
        let is_soon_checked = opened.length == size.length && (size.length <= PART || size.seems_of(&opened));
        is_soon_checked.then(|| Self::open(opened, size, mailbox).ok()).flatten()
    }

    fn read_part(&mut self) -> io::Result<()> {
        let wanted = self.left.min(PART) as usize;
        self.consumed = 0;
        self.part.clear();
        // A byte more shows in the last part that the message has grown. A read that does not give it has met the end.
        self.part.reserve_exact(wanted + 1);
        while self.part.len() < wanted {
            if retry_on_intr(|| rustix::io::read(&self.file, spare_capacity(&mut self.part)))? == 0 {
                return Err(self.changed());
            }
        }
        let read = self.part.len() as u64;
        if read > self.left {
            return Err(self.changed());
        }
        self.left -= read;
        if let Some(count) = &mut self.count {
            count.add(&self.part);
            if self.left == 0 && count.finish() != self.listed {
                return Err(self.changed());
            }
        }
        Ok(())
    }

    fn changed(&mut self) -> io::Error {
        (self.left, self.consumed) = (0, 0);
        self.part.clear();
        self.mailbox.forget_sizes();
        io::Error::new(ErrorKind::InvalidData, "the message has changed")
    }
}

impl Drop for Message {
    fn drop(&mut self) {
        let mut part = mem::take(&mut self.part);
        part.clear();
        SPARE.try_with(|spare| spare.set(part)).ok(); // unless the thread is ending
    }
}

/// Shows no details, because it contains mail.
impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Message(..)")
    }
}

impl BufRead for Message {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.consumed == self.part.len() && self.left > 0 {
            self.read_part()?;
        }
        Ok(&self.part[self.consumed..])
    }

    fn consume(&mut self, count: usize) {
        self.consumed += count;
    }
}

impl Read for Message {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}
