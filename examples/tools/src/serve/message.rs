use super::mailbox::Place;
use super::sizes::Size;
use pop3_proto::OctetCount;
use std::fs::File;
use std::io::{self, ErrorKind, Read as _};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncBufRead, AsyncRead, ReadBuf};

/// What is read of a file at once.
const CHUNK: u64 = 64 * 1024;

/// A message that is being sent. Its end comes only if as many octets went out as were listed.
///
/// It is read where it is sent, by the runtime's own threads: most mail lies in the system's cache, and to let another thread read it there
/// costs more than to read it.
pub struct Message {
    place: Place,
    file: File,
    /// How much is still to be read.
    left: u64,
    count: OctetCount,
    /// What RETR is to send in all.
    listed: u64,
    /// What was read and not taken.
    part: Vec<u8>,
    taken: usize,
}

impl Message {
    /// Opens a message and reads the first part, so that a short one is known to be whole before a word of it is sent.
    pub(super) fn open(file: File, size: Size, place: Place) -> io::Result<Self> {
        let (left, listed, count) = (size.length, size.octets(), OctetCount::new());
        let mut message = Message { place, file, left, count, listed, part: Vec::new(), taken: 0 };
        message.read()?;
        Ok(message)
    }

    fn read(&mut self) -> io::Result<()> {
        // Of the last part one octet more, which is not to be there: so no call is needed to ask for the length.
        let wanted = self.left.min(CHUNK) as usize;
        let behind = usize::from(self.left <= CHUNK);
        self.part.resize(wanted + behind, 0);
        self.taken = 0;
        let mut read = 0;
        while read < wanted {
            match self.file.read(&mut self.part[read..]) {
                Ok(0) => return Err(self.place.changed()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                count => read += count?,
            }
        }
        if read > wanted {
            return Err(self.place.changed());
        }
        self.part.truncate(wanted);
        self.left -= self.part.len() as u64;
        self.count.add(&self.part);
        if self.left == 0 && self.count.finish() != self.listed {
            return Err(self.place.changed());
        }
        Ok(())
    }
}

impl AsyncBufRead for Message {
    fn poll_fill_buf(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let message = self.get_mut();
        if message.taken == message.part.len() && message.left > 0 {
            message.read()?;
        }
        Poll::Ready(Ok(&message.part[message.taken..]))
    }

    fn consume(self: Pin<&mut Self>, count: usize) {
        self.get_mut().taken += count;
    }
}

impl AsyncRead for Message {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let octets = ready!(self.as_mut().poll_fill_buf(context))?;
        let count = octets.len().min(buffer.remaining());
        buffer.put_slice(&octets[..count]);
        self.consume(count);
        Poll::Ready(Ok(()))
    }
}
