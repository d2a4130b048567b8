//! Lines, one by one: commands, status lines, listings.

use crate::limits;
use crate::measure::Who::{Limit, Ours, Peer};
use crate::measure::{Amount, Measured, Work};
use crate::peers::{codec, rfc, sawp};
use pop3_proto::server::MessageInfo;
use pop3_proto::{Command, Decoded, Limits, Response, SendBuf, UniqueId, Verb};
use pop3_proto_benches::{CHUNK, client, input, server};
use std::fmt::Write;
use std::hint::black_box;
use std::time::Duration;

const LINES: usize = 10_000;

pub(crate) fn commands(name: &'static str, each: Duration) -> Measured {
    let input = input::commands(LINES);
    Work::new(name, Amount::Items(LINES, "command"))
        .row(Ours, "pop3-proto", LINES, || decode_commands(&input))
        .row(Limit, "memchr line split", LINES, || limits::memchr_lines(&input))
        .row(Peer, "rfc1939, told which comes", LINES, || rfc::commands_told(&input))
        .times(1.3, 1.8)
        .row(Peer, "rfc1939, by the first four octets", LINES, || rfc::commands(&input))
        .times(1.3, 1.8)
        .row(Peer, "pop3-codec", LINES, || codec::commands(&input))
        .times(2.0, 2.5)
        .row(Peer, "sawp-pop3", LINES, || sawp::commands(&input))
        .measure(each)
}

pub(crate) fn decode_commands(mut input: &[u8]) -> usize {
    let mut found = 0;
    while let Decoded::Complete { consumed, value } = Command::decode(input, &Limits::DEFAULT) {
        black_box(&value);
        input = input.get(consumed..).unwrap_or_default();
        found += 1;
    }
    found
}

pub(crate) fn status_lines(name: &'static str, each: Duration) -> Measured {
    let input = input::status_lines(LINES);
    Work::new(name, Amount::Items(LINES, "line"))
        .row(Ours, "pop3-proto", LINES, || decode_responses(&input))
        .row(Limit, "memchr line split", LINES, || limits::memchr_lines(&input))
        .row(Peer, "rfc1939", LINES, || rfc::status_lines(&input))
        .row(Peer, "pop3-codec", LINES, || codec::status_lines(&input))
        .row(Peer, "sawp-pop3", LINES, || sawp::status_lines(&input))
        .measure(each)
}

fn decode_responses(mut input: &[u8]) -> usize {
    let mut found = 0;
    while let Decoded::Complete { consumed, value } =
        Response::decode(input, Some(Verb::Dele), &Limits::DEFAULT)
    {
        black_box(&value);
        input = input.get(consumed..).unwrap_or_default();
        found += 1;
    }
    found
}

pub(crate) fn list(name: &'static str, each: Duration) -> Measured {
    let answer = input::scan_listing(LINES);
    let said = (LINES as u64, (1..=LINES).map(input::size).sum::<u64>());
    let (mut client, mut pop3) = (client::logged_in(), client::connected());
    Work::new(name, Amount::Items(LINES, "entry"))
        .row(Ours, "pop3-proto", said, || client::list(&mut client, &answer, CHUNK))
        .row(Ours, "pop3-proto, a connection", said, || client::list_connected(&mut pop3, &answer, CHUNK))
        .row(Limit, "memchr line split", LINES + 2, || limits::memchr_lines(&answer))
        .row(Peer, "rfc1939, whole answer", said, || rfc::list(&answer))
        .times(3.0, 3.5)
        .row(Peer, "pop3-codec, whole answer", said, || codec::list(&answer))
        .times(3.0, 3.5)
        .row(Peer, "sawp-pop3, whole answer", said, || sawp::list(&answer))
        .times(3.0, 3.5)
        .measure(each)
}

pub(crate) fn uidl(name: &'static str, each: Duration) -> Measured {
    let answer = input::unique_id_listing(LINES);
    let said = (LINES as u64, 16 * LINES as u64);
    let mut client = client::logged_in();
    Work::new(name, Amount::Items(LINES, "entry"))
        .row(Ours, "pop3-proto", said, || client::uidl(&mut client, &answer, CHUNK))
        .row(Limit, "memchr line split", LINES + 2, || limits::memchr_lines(&answer))
        .row(Peer, "rfc1939, whole answer", said, || rfc::uidl(&answer))
        .times(2.0, 2.5)
        .row(Peer, "pop3-codec, whole answer", said, || codec::uidl(&answer))
        .times(2.0, 2.5)
        .row(Peer, "sawp-pop3, whole answer", said, || sawp::uidl(&answer))
        .times(2.0, 2.5)
        .measure(each)
}

/// The server's side: what is written is dropped.
pub(crate) fn list_out(name: &'static str, each: Duration) -> Measured {
    let id = UniqueId::new(b"id").expect("it is one");
    let slots: Vec<_> = (1..=LINES).map(|n| MessageInfo::new(input::size(n), id)).collect();
    let rows: String = slots.iter().zip(1..).map(|(slot, n)| format!("{n} {}\r\n", slot.octets())).collect();
    let mut buffer = vec![0; CHUNK];
    let mut out = SendBuf::new(&mut buffer[..]);
    let mut server = server::logged_in(slots.clone());
    let mut status = 0;
    server::ask(&mut server, b"LIST 1\r\n", CHUNK, &mut out, |octets| status += octets.len());
    let mut octets = 0;
    server::ask(&mut server, b"LIST\r\n", CHUNK, &mut out, |pending| octets += pending.len());
    assert!(octets > rows.len(), "{octets}");

    let mut text = String::with_capacity(rows.len());
    let mut copy = vec![0; rows.len()];
    Work::new(name, Amount::Items(LINES, "entry"))
        .row(Ours, "pop3-proto", octets, || {
            let mut octets = 0;
            server::ask(&mut server, b"LIST\r\n", CHUNK, &mut out, |pending| {
                octets += black_box(pending).len();
            });
            octets
        })
        .row(Limit, "memcpy of the rows", Some(b'\n'), || limits::memcpy(rows.as_bytes(), &mut copy))
        .row(Peer, "core::fmt to a String", rows.len(), || {
            text.clear();
            for (slot, n) in black_box(&slots).iter().zip(1..) {
                write!(text, "{n} {}\r\n", slot.octets()).expect("a String takes all");
            }
            black_box(&text).len()
        })
        .measure(each)
}
