use super::mailbox::Place;
use super::sizes::Size;
use pop3_proto::OctetCount;
use std::fs::File;
use std::io::{self, Read as _};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncBufRead, AsyncRead, ReadBuf};
use tokio::task::{JoinHandle, spawn_blocking};

/// What is read of a file at once.
const CHUNK: u64 = 64 * 1024;
/// A message that is being sent. Its end comes only if as many octets went out as were listed.
pub struct Message {
    part: Part,
    /// How much of the part was taken.
    taken: usize,
    next: Option<JoinHandle<io::Result<Part>>>,
}

/// Some octets of a message, and where there is more, what is needed to read on.
struct Part {
    octets: Vec<u8>,
    rest: Option<Rest>,
}

struct Rest {
    file: File,
    left: u64,
    count: OctetCount,
    /// What RETR is to send in all.
    listed: u64,
    place: Place,
}

impl Message {
    /// Opens a message and reads the first part, so that a short one is known to be whole before a word of it is sent. It blocks.
    pub(super) fn open(file: File, size: Size, place: Place) -> io::Result<Self> {
        if file.metadata()?.len() != size.length {
            return Err(place.changed());
        }
        let rest = Rest { file, left: size.length, count: OctetCount::new(), listed: size.octets, place };
        Ok(Message { part: rest.read()?, taken: 0, next: None })
    }
}

impl Rest {
    fn read(mut self) -> io::Result<Part> {
        let mut octets = vec![0; self.left.min(CHUNK) as usize];
        self.file.read_exact(&mut octets)?; // fails where somebody cut the file
        self.count.add(&octets);
        self.left -= octets.len() as u64;
        if self.left == 0 && self.count.finish() != self.listed {
            return Err(self.place.changed());
        }
        Ok(Part { octets, rest: (self.left > 0).then_some(self) })
    }
}

impl AsyncBufRead for Message {
    fn poll_fill_buf(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let Message { part, taken, next } = self.get_mut();
        if *taken == part.octets.len() {
            if let Some(rest) = part.rest.take() {
                *next = Some(spawn_blocking(|| rest.read()));
            }
            if let Some(reading) = next {
                *part = ready!(Pin::new(reading).poll(context))??;
                (*taken, *next) = (0, None);
            }
        }
        Poll::Ready(Ok(&part.octets[*taken..]))
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
