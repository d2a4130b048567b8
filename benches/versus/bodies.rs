//! Messages: received as events of a client, and sent byte-stuffed.

use crate::limits;
use crate::measure::Who::{Limit, Ours, Peer};
use crate::measure::{Amount, Measured, Work};
use crate::peers::{codec, sawp, smtp_data};
use pop3_proto::server::MessageInfo;
use pop3_proto::{OctetCount, SendBuf, Server, Stuff, StuffMode, UniqueId};
use pop3_proto_benches::input::{self, Lines};
use pop3_proto_benches::{CHUNK, client, server};
use std::hint::black_box;
use std::time::Duration;

/// In the second level cache.
const CACHED: usize = 256 * 1024;
/// Larger than any cache.
const MEMORY: usize = 64 * 1024 * 1024;

/// What else is read at once.
const READS: [(usize, &str); 3] = [(512, "512 B"), (4 * 1024, "4 KiB"), (64 * 1024, "64 KiB")];

pub(crate) fn receive_text(name: &'static str, each: Duration) -> Measured {
    let case = Received::new(CACHED, Lines::Text);
    let work = case.limits(case.ours(name));
    let work = case.memmem(work).times(0.5, 0.7);
    case.peers(case.smtp(work)).measure(each)
}

pub(crate) fn receive_base64(name: &'static str, each: Duration) -> Measured {
    let case = Received::new(CACHED, Lines::Base64);
    let work = case.limits(case.ours(name));
    let work = case.memmem(work).times(0.5, 0.7);
    case.peers(case.smtp(work)).measure(each)
}

pub(crate) fn receive_dotted(name: &'static str, each: Duration) -> Measured {
    let case = Received::new(CACHED, Lines::Dotted);
    let work = case.memmem(case.limits(case.ours(name)));
    case.peers(case.smtp(work).times(2.0, 2.5)).measure(each)
}

pub(crate) fn receive_dots(name: &'static str, each: Duration) -> Measured {
    let case = Received::new(CACHED, Lines::Dot);
    let work = case.byte_loop(case.ours(name)).times(0.9, 1.1);
    case.smtp(work).measure(each)
}

pub(crate) fn receive_text_from_memory(name: &'static str, each: Duration) -> Measured {
    receive_from_memory(name, each, Lines::Text)
}

pub(crate) fn receive_base64_from_memory(name: &'static str, each: Duration) -> Measured {
    receive_from_memory(name, each, Lines::Base64)
}

fn receive_from_memory(name: &'static str, each: Duration, lines: Lines) -> Measured {
    let case = Received::new(MEMORY, lines);
    let work = case.memcpy(case.ours(name)).times(0.75, 0.95);
    let work = case.memcpy_to_cache(work).times(0.75, 0.95);
    case.smtp(case.memmem(work)).measure(each)
}

/// A message as it is, and as an answer to RETR.
struct Received {
    octets: u64,
    answer: Vec<u8>,
    lines: usize,
}

const STATUS: &[u8] = b"+OK message follows\r\n";

impl Received {
    fn new(octets: usize, lines: Lines) -> Self {
        let message = input::message(octets, lines);
        let answer = [STATUS, &input::stuffed(&message)].concat();
        let lines = memchr::memchr_iter(b'\n', &answer).count();
        Received { octets: message.len() as u64, answer, lines }
    }

    fn payload(&self) -> &[u8] {
        &self.answer[STATUS.len()..]
    }

    /// The first row is of reads of 16 KiB.
    fn ours(&self, name: &'static str) -> Work<'_> {
        let mut work = Work::new(name, Amount::Octets(self.answer.len()));
        for (chunk, read) in [(CHUNK, "16 KiB")].into_iter().chain(READS) {
            let mut client = client::logged_in();
            work = work.row(Ours, format!("pop3-proto, reads of {read}"), self.octets, move || {
                client::retrieve(&mut client, &self.answer, chunk)
            });
        }
        work
    }

    fn limits<'w>(&'w self, work: Work<'w>) -> Work<'w> {
        let work = work.row(Limit, "memchr line split", self.lines, || limits::memchr_lines(&self.answer));
        self.byte_loop(self.memcpy(work))
    }

    fn memcpy<'w>(&'w self, work: Work<'w>) -> Work<'w> {
        let mut copy = vec![0; self.answer.len()];
        work.row(Limit, "memcpy", Some(b'\n'), move || limits::memcpy(&self.answer, &mut copy))
    }

    /// What reading from a socket does at least.
    fn memcpy_to_cache<'w>(&'w self, work: Work<'w>) -> Work<'w> {
        let mut copy = vec![0; CHUNK];
        work.row(Limit, "memcpy, read by read to one buffer", Some(b'\n'), move || {
            self.answer
                .chunks(CHUNK)
                .map(|read| limits::memcpy(read, &mut copy[..read.len()]))
                .last()
                .flatten()
        })
    }

    fn byte_loop<'w>(&'w self, work: Work<'w>) -> Work<'w> {
        work.row(Limit, "byte loop", self.octets, || limits::unstuff_loop(self.payload()))
    }

    fn memmem<'w>(&'w self, work: Work<'w>) -> Work<'w> {
        let finder = limits::memmem_dots();
        let dots = self.answer.windows(3).filter(|octets| octets == b"\r\n.").count();
        work.row(Limit, "memmem scan", dots, move || limits::found(&finder, &self.answer))
    }

    fn smtp<'w>(&'w self, work: Work<'w>) -> Work<'w> {
        let mut copy = Vec::with_capacity(CHUNK);
        work.row(Peer, "smtp-proto (SMTP's DATA)", self.octets, move || {
            smtp_data(self.payload(), CHUNK, &mut copy)
        })
    }

    fn peers<'w>(&'w self, work: Work<'w>) -> Work<'w> {
        let stuffed = (self.answer.len() - STATUS.len() - b".\r\n".len()) as u64;
        work.row(Peer, "sawp-pop3, whole answer", self.octets, || sawp::octets(&self.answer)).row(
            Peer,
            "pop3-codec, whole answer, dots left",
            stuffed,
            || codec::stuffed_octets(&self.answer),
        )
    }
}

pub(crate) fn send_text(name: &'static str, each: Duration) -> Measured {
    let case = Sent::new(input::message(CACHED, Lines::Text));
    let work = case.limits(case.ours(name));
    case.memmem(work).times(0.7, 0.9).measure(each)
}

pub(crate) fn send_base64(name: &'static str, each: Duration) -> Measured {
    let case = Sent::new(input::message(CACHED, Lines::Base64));
    let work = case.limits(case.ours(name));
    case.memmem(work).measure(each)
}

pub(crate) fn send_dotted(name: &'static str, each: Duration) -> Measured {
    let case = Sent::new(input::message(CACHED, Lines::Dotted));
    let work = case.limits(case.ours(name));
    case.memmem(work).measure(each)
}

pub(crate) fn send_dots(name: &'static str, each: Duration) -> Measured {
    let case = Sent::new(input::message(CACHED, Lines::Dot));
    case.byte_loop(case.ours(name)).measure(each)
}

pub(crate) fn send_bare_lf(name: &'static str, each: Duration) -> Measured {
    let case = Sent::new(input::bare_lf(&input::message(CACHED, Lines::Text)));
    let work = case.byte_loop(case.ours(name)).times(7.0, 12.0);
    case.memchr(case.memcpy(work)).measure(each)
}

pub(crate) fn send_text_from_memory(name: &'static str, each: Duration) -> Measured {
    let case = Sent::new(input::message(MEMORY, Lines::Text));
    case.memmem(case.memcpy(case.ours(name))).measure(each)
}

/// A message as a store keeps it, and how many octets it is sent as.
struct Sent {
    message: Vec<u8>,
    octets: u64,
    /// With dots doubled and the end mark.
    stuffed: usize,
}

impl Sent {
    fn new(message: Vec<u8>) -> Self {
        let lines = memchr::memchr_iter(b'\n', &message).count();
        let bare = if message.contains(&b'\r') { 0 } else { lines };
        let stuffed = input::stuffed(&message).len() + bare;
        Sent { octets: OctetCount::of(&message), message, stuffed }
    }

    fn ours(&self, name: &'static str) -> Work<'_> {
        let mut lending = self.server();
        let mut copying = self.server();
        Work::new(name, Amount::Octets(self.message.len()))
            .row(Ours, "pop3-proto, slices (Stuff)", self.stuffed, || stuff(&self.message))
            .row(Ours, "pop3-proto, slices (Server::body_slice)", self.stuffed, move || {
                lend(&mut lending, &self.message, self.octets)
            })
            .row(Ours, "pop3-proto, copied (Server::write_body)", self.stuffed, move || {
                copy(&mut copying, &self.message, self.octets)
            })
    }

    fn server(&self) -> Server<Vec<MessageInfo<UniqueId<'static>>>> {
        server::logged_in(vec![MessageInfo::new(self.octets, UniqueId::new(b"id").expect("it is one"))])
    }

    fn limits<'w>(&'w self, work: Work<'w>) -> Work<'w> {
        self.memchr(self.byte_loop(self.memcpy(work)))
    }

    fn memcpy<'w>(&'w self, work: Work<'w>) -> Work<'w> {
        let mut copy = vec![0; self.message.len()];
        work.row(Limit, "memcpy", Some(b'\n'), move || limits::memcpy(&self.message, &mut copy))
    }

    fn byte_loop<'w>(&'w self, work: Work<'w>) -> Work<'w> {
        let mut buffer = vec![0; CHUNK];
        work.row(Limit, "byte loop, copying", self.stuffed, move || {
            limits::stuff_loop(&self.message, &mut buffer)
        })
    }

    fn memchr<'w>(&'w self, work: Work<'w>) -> Work<'w> {
        let lines = limits::memchr_lines(&self.message);
        work.row(Limit, "memchr line split", lines, || limits::memchr_lines(&self.message))
    }

    fn memmem<'w>(&'w self, work: Work<'w>) -> Work<'w> {
        let finder = limits::memmem_dots();
        let dots = limits::found(&finder, &self.message);
        work.row(Limit, "memmem scan", dots, move || limits::found(&finder, &self.message))
    }
}

fn stuff(message: &[u8]) -> usize {
    let (mut stuff, mut rest, mut sent) = (Stuff::new(StuffMode::Convert), message, 0);
    while let Some(slice) = stuff.next(&mut rest).expect("bare LF is converted") {
        sent += black_box(slice).len();
    }
    sent + stuff.finish().len()
}

type Sender = Server<Vec<MessageInfo<UniqueId<'static>>>>;

fn lend(server: &mut Sender, message: &[u8], octets: u64) -> usize {
    let mut buffer = [0; 1024];
    let mut out = SendBuf::new(&mut buffer[..]);
    server::open(server, octets, &mut out);
    let (mut rest, mut sent) = (message, 0);
    while let Some(slice) = server.body_slice(&mut rest).expect("a message is open") {
        sent += black_box(slice).len();
    }
    sent + server::finish(server, &mut out)
}

fn copy(server: &mut Sender, message: &[u8], octets: u64) -> usize {
    let mut buffer = [0; CHUNK];
    let mut out = SendBuf::new(&mut buffer[..]);
    server::open(server, octets, &mut out);
    let (mut rest, mut sent) = (message, 0);
    while !rest.is_empty() {
        let taken = server.write_body(rest, &mut out).expect("a message is open");
        rest = &rest[taken..];
        sent += black_box(out.pending()).len();
        out.clear();
    }
    sent + server::finish(server, &mut out)
}
