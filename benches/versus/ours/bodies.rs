//! Messages and whole sessions.

use super::lines::command;
use crate::measure::Run;
use crate::samples::{LINES, MESSAGES, STATUS, Sample};
use pop3_proto::client::Event;
use pop3_proto::server::MessageInfo;
use pop3_proto::{
    Command, Decoded, LineEnding, MessageNumber, Piece, SendBuf, Server, Stuff, StuffMode, UniqueId, Unstuff,
};
use pop3_proto_benches::{CHUNK, client, server};
use pop3_proto_instructions::Pair;
use std::hint::black_box;

/// Reads a message with this number of octets in each read. `f` gets its slices.
#[inline(always)]
fn message<'s>(sample: &'s Sample, read: usize, mut hear: impl FnMut(&[u8]) + 's) -> Run<'s> {
    let mut client = client::logged_in();
    Box::new(move || {
        let (mut delivered, mut counted) = (0, None);
        client::send(&mut client, &Command::Retr(MessageNumber::FIRST));
        client::read(&mut client, &sample.bytes, read, |_, event| match event {
            Event::Body(_, octets) => {
                delivered += octets.len() as u64;
                hear(octets);
            }
            Event::End(_, octets) => counted = Some(octets),
            _ => {}
        });
        assert_eq!(counted, Some(delivered));
        (delivered, 0)
    })
}

pub(crate) fn message_lent(sample: &Sample) -> Run<'_> {
    message_in_reads::<CHUNK>(sample)
}

pub(crate) fn message_in_reads<const READ: usize>(sample: &Sample) -> Run<'_> {
    message(sample, READ, |octets| _ = black_box(octets))
}

/// Collects slices, and drops them when there are as many as a read has.
fn collect(copy: &mut Vec<u8>, octets: &[u8]) {
    if copy.len() + octets.len() > CHUNK {
        black_box(&*copy);
        copy.clear();
    }
    copy.extend_from_slice(octets);
}

pub(crate) fn message_copied(sample: &Sample) -> Run<'_> {
    let mut copy = Vec::with_capacity(CHUNK);
    message(sample, CHUNK, move |octets| collect(&mut copy, octets))
}

pub(crate) fn message_connected(sample: &Sample) -> Run<'_> {
    let mut pop3 = client::connected();
    Box::new(move || {
        let mut delivered = 0;
        client::send_connected(&mut pop3, Command::Retr(MessageNumber::FIRST));
        client::read_connected(&mut pop3, &sample.bytes, |event| {
            if let Event::Body(_, octets) = event {
                delivered += black_box(octets).len() as u64;
            }
        });
        (delivered, 0)
    })
}

/// The payload without a session.
#[inline(always)]
fn payload<'s>(sample: &'s Sample, mut hear: impl FnMut(&[u8]) + 's) -> Run<'s> {
    Box::new(move || {
        let (mut unstuff, mut octets) = (Unstuff::new(LineEnding::Crlf), 0);
        for mut read in sample.bytes[STATUS.len()..].chunks(CHUNK) {
            while let Some(Piece::Data(data)) = unstuff.next(&mut read) {
                octets += data.len() as u64;
                hear(data);
            }
        }
        assert!(unstuff.is_ended());
        (octets, 0)
    })
}

pub(crate) fn payload_lent(sample: &Sample) -> Run<'_> {
    payload(sample, |octets| _ = black_box(octets))
}

pub(crate) fn payload_copied(sample: &Sample) -> Run<'_> {
    let mut copy = Vec::with_capacity(CHUNK);
    payload(sample, move |octets| collect(&mut copy, octets))
}

/// A maildrop of messages of one size.
fn slots(count: usize, octets: u64) -> Slots {
    Vec::leak(vec![MessageInfo::new(octets, UniqueId::new(b"id").expect("it is one")); count])
}

/// Not in a `Vec`, which is a maildrop only with the feature `alloc`.
type Slots = &'static mut [MessageInfo<UniqueId<'static>>];
type Sender = Server<Slots>;

pub(crate) fn stuff_lent(sample: &Sample) -> Run<'_> {
    Box::new(|| {
        let (mut stuff, mut rest, mut sent) = (Stuff::new(StuffMode::Convert), sample.bytes.as_slice(), 0);
        while let Some(slice) = stuff.next(&mut rest).expect("bare LF is converted") {
            sent += black_box(slice).len();
        }
        ((sent + stuff.finish().len()) as u64, 0)
    })
}

pub(crate) fn stuff_copied(sample: &Sample) -> Run<'_> {
    let mut buffer = vec![0; CHUNK];
    Box::new(move || {
        let mut out = SendBuf::new(&mut buffer[..]);
        let (mut stuff, mut rest, mut sent) = (Stuff::new(StuffMode::Convert), sample.bytes.as_slice(), 0);
        while !rest.is_empty() {
            let taken = stuff.copy(rest, &mut out).expect("bare LF is converted");
            rest = &rest[taken..];
            sent += black_box(out.pending()).len();
            out.clear();
        }
        ((sent + stuff.finish().len()) as u64, 0)
    })
}

/// Sends a message from the question to the terminator: `write` sends its octets.
#[inline(always)]
fn send<'s>(
    sample: &'s Sample,
    write: impl Fn(&mut Sender, &mut &'s [u8], &mut SendBuf<&mut [u8]>) -> usize + 's,
) -> Run<'s> {
    let mut server = server::logged_in(slots(1, sample.units as u64));
    let mut buffer = vec![0; CHUNK];
    Box::new(move || {
        let mut out = SendBuf::new(&mut buffer[..]);
        server::open(&mut server, sample.units as u64, &mut out);
        let (mut rest, mut sent) = (sample.bytes.as_slice(), 0);
        while !rest.is_empty() {
            sent += write(&mut server, &mut rest, &mut out);
        }
        ((sent + server::finish(&mut server, &mut out)) as u64, 0)
    })
}

pub(crate) fn server_lent(sample: &Sample) -> Run<'_> {
    send(sample, |server, rest, _| {
        let mut sent = 0;
        while let Some(slice) = server.body_slice(rest).expect("a message is open") {
            sent += black_box(slice).len();
        }
        sent
    })
}

pub(crate) fn server_copied(sample: &Sample) -> Run<'_> {
    send(sample, |server, rest, out| {
        let taken = server.write_body(rest, out).expect("a message is open");
        *rest = &rest[taken..];
        let sent = black_box(out.pending()).len();
        out.clear();
        sent
    })
}

/// Answers commands; how many octets that takes goes into `black_box`.
fn answer(server: &mut Sender, commands: &[u8], chunk: usize) -> u64 {
    let mut buffer = [0; CHUNK];
    let mut octets = 0;
    server::ask(server, commands, chunk, &mut SendBuf::new(&mut buffer[..]), |pending| {
        octets += black_box(pending).len() as u64;
    });
    octets
}

/// Writes a listing.
fn written<'s>(sample: &'s Sample, command: &'static [u8]) -> Run<'s> {
    let id = UniqueId::new(b"1a2b3c4d5f3a9b1c").expect("it is one");
    let slots: Vec<_> = sample.sizes().into_iter().map(|octets| MessageInfo::new(octets, id)).collect();
    let mut server = server::logged_in(Vec::leak(slots));
    Box::new(move || {
        assert!(answer(&mut server, command, CHUNK) > 5 * LINES as u64);
        sample.said
    })
}

pub(crate) fn list_written(sample: &Sample) -> Run<'_> {
    written(sample, b"LIST\r\n")
}

pub(crate) fn uidl_written(sample: &Sample) -> Run<'_> {
    written(sample, b"UIDL\r\n")
}

pub(crate) fn commands_answered<const READ: usize>(sample: &Sample) -> Run<'_> {
    let mut server = server::logged_in(slots(1, 1024));
    Box::new(move || (answer(&mut server, &sample.bytes, READ), 0))
}

/// Both machines: login, then RETR and DELE of each message with 16 commands in flight, then QUIT.
pub(crate) fn fetched(sample: &Sample) -> Run<'_> {
    let slots = slots(MESSAGES, sample.bytes.len() as u64);
    Box::new(move || (Pair::new(&sample.bytes, slots).run(&mut [0; 512], &mut [0; CHUNK]), 0))
}

/// The two commands of each message decoded.
pub(crate) fn fetched_commands(sample: &Sample) -> Run<'_> {
    let commands: String = (1..=MESSAGES).map(|n| format!("RETR {n}\r\nDELE {n}\r\n")).collect();
    Box::new(move || {
        let (mut input, mut found) = (commands.as_bytes(), 0);
        while let Decoded::Complete { consumed, value } = command(input) {
            black_box(&value);
            input = input.get(consumed..).unwrap_or_default();
            found += 1;
        }
        assert_eq!(found, 2 * MESSAGES);
        sample.said
    })
}

/// Both machines: login and QUIT.
pub(crate) fn logins(_: &Sample) -> Run<'_> {
    let (mut to_server, mut to_client) = ([0; 512], [0; CHUNK]);
    Box::new(move || {
        let session = |_| Pair::new(b"", black_box(&mut [])).run(&mut to_server, &mut to_client);
        ((0..MESSAGES).map(session).sum(), 0)
    })
}
