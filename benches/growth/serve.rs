//! Responses that a server writes. The output is dropped.

use crate::{block, times};
use pop3_proto::server::{Entry, Maildrop, Refusal};
use pop3_proto::{MessageNumber, SendBuf, Server, UniqueId};
use pop3_proto_benches::{CHUNK, clock, server};
use std::hint::black_box;

/// A maildrop of this number of messages that takes no memory. Messages are never marked.
struct Numbers(u32);

impl Maildrop for Numbers {
    fn count(&self) -> u32 {
        self.0
    }

    fn entry(&self, message: MessageNumber) -> Result<Entry<'_>, Refusal> {
        let id = UniqueId::new(b"1a2b3c4d5f3a9b1c").expect("it is one");
        Ok(Entry { octets: u64::from(10_000 + message.get() % 90_000), id, marked: false })
    }

    fn mark(&mut self, _message: MessageNumber) -> Result<(), Refusal> {
        Err(Refusal::Permanent)
    }

    fn unmark_all(&mut self) {}
}

fn logged_in(messages: u64) -> Server<Numbers> {
    server::logged_in(Numbers(u32::try_from(messages).expect("a u32")))
}

pub(crate) fn list(entries: u64) -> f64 {
    answer(b"LIST\r\n", entries, times(entries), entries)
}

pub(crate) fn uidl(entries: u64) -> f64 {
    answer(b"UIDL\r\n", entries, times(entries), entries)
}

pub(crate) fn stat(messages: u64) -> f64 {
    answer(b"STAT\r\n", messages, 10_000, 0)
}

/// Returns the time of one response of at least this number of rows.
fn answer(command: &[u8], messages: u64, times: u64, rows: u64) -> f64 {
    let mut server = logged_in(messages);
    let mut buffer = vec![0; CHUNK];
    let mut out = SendBuf::new(&mut buffer[..]);
    let mut octets = 0;
    let start = clock::now();
    for _ in 0..times {
        server::ask(&mut server, command, CHUNK, &mut out, |pending| {
            octets += black_box(pending).len() as u64;
        });
    }
    let time = clock::now() - start;
    assert!(octets >= times * (rows * 5 + 5), "{octets}");
    time / times as f64
}

/// Sends a message, copied to a sink of 16 KiB.
pub(crate) fn body_copied(kib: u64) -> f64 {
    send(kib, |server, mut rest, out| {
        while !rest.is_empty() {
            let taken = server.write_body(rest, out).expect("a message is open");
            if taken < rest.len() {
                black_box(out.pending());
                out.clear();
            }
            rest = &rest[taken..];
        }
    })
}

/// Sends a message as slices of it.
pub(crate) fn body_lent(kib: u64) -> f64 {
    send(kib, |server, mut rest, _| {
        while let Some(slice) = server.body_slice(&mut rest).expect("a message is open") {
            black_box(slice);
        }
    })
}

fn send(kib: u64, mut write: impl FnMut(&mut Server<Numbers>, &[u8], &mut SendBuf<&mut [u8]>)) -> f64 {
    let (times, block) = (times(kib), block());
    let mut server = logged_in(1);
    let mut buffer = vec![0; CHUNK];
    let mut out = SendBuf::new(&mut buffer[..]);
    let start = clock::now();
    for _ in 0..times {
        server::open(&mut server, kib * 1024, &mut out);
        for _ in 0..kib {
            write(&mut server, &block, &mut out);
        }
        out.clear();
        server::finish(&mut server, &mut out);
    }
    (clock::now() - start) / times as f64
}
