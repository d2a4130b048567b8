//! Responses that a client reads. They are made in pieces, and the time to make them does not count.

use crate::{DOT, block, times};
use pop3_proto::client::Event;
use pop3_proto::{Command, MessageNumber};
use pop3_proto_benches::{CHUNK, client, clock};
use std::io::Write;
use std::iter::once;

pub(crate) fn body(kib: u64) -> f64 {
    receive(&BODY, kib, CHUNK)
}

pub(crate) fn body_by_octet(kib: u64) -> f64 {
    receive(&BODY, kib, 1)
}

pub(crate) fn list(entries: u64) -> f64 {
    receive(&LIST, entries, CHUNK)
}

pub(crate) fn list_by_octet(entries: u64) -> f64 {
    receive(&LIST, entries, 1)
}

pub(crate) fn uidl(entries: u64) -> f64 {
    receive(&UIDL, entries, CHUNK)
}

/// Responses of many parts to one command.
struct Answers {
    command: Command<'static>,
    /// Writes the n-th part.
    part: fn(&mut Vec<u8>, u64),
    /// The number in the client's last event for one part.
    counts: u64,
}

const BODY: Answers = Answers {
    command: Command::Retr(MessageNumber::FIRST),
    part: |piece, _| {
        let block = block();
        let (before, dotted) = block.split_at(DOT);
        [before, b".", dotted].into_iter().for_each(|octets| piece.extend_from_slice(octets));
    },
    counts: 1024,
};

const LIST: Answers = Answers {
    command: Command::List(None),
    part: |piece, n| write!(piece, "{n} {}\r\n", 10_000 + n % 90_000).expect("a Vec takes all"),
    counts: 1,
};

/// Returns the total length of the rows of such a listing.
pub(crate) fn list_octets(entries: u64) -> u64 {
    let powers = (0..).map(|zeros| 10_u64.pow(zeros)).take_while(|power| *power <= entries);
    powers.map(|power| entries - power + 1).sum::<u64>() + entries * " 12345\r\n".len() as u64
}

const UIDL: Answers = Answers {
    command: Command::Uidl(None),
    part: |piece, n| write!(piece, "{n} {n:08x}5f3a9b1c\r\n").expect("a Vec takes all"),
    counts: 1,
};

/// The size of a piece, which stays in the second-level cache.
const PIECE: usize = 256 * 1024;

enum Line {
    Status,
    Part(u64),
    End,
}

/// Returns the time of one response of this number of parts.
fn receive(answers: &Answers, parts: u64, chunk: usize) -> f64 {
    let times = times(parts);
    let answer = || once(Line::Status).chain((1..=parts).map(Line::Part)).chain(once(Line::End));
    let mut lines = (0..times).flat_map(|_| answer());
    let mut client = client::logged_in();
    // One command more than there are responses, because responses that no command asked for are an error.
    (0..2).for_each(|_| client::send(&mut client, &answers.command));
    let (mut ended, mut time) = (0, 0.0);
    let mut piece = Vec::with_capacity(PIECE + CHUNK);
    while write_piece(&mut piece, &mut lines, answers.part) {
        time += clock::time(|| {
            client::read(&mut client, &piece, chunk, |client, event| {
                if let Event::End(_, counted) = event {
                    assert_eq!(counted, parts * answers.counts);
                    client::send(client, &answers.command);
                    ended += 1;
                }
            });
        });
    }
    assert_eq!(ended, times);
    time / times as f64
}

/// Makes the next piece of lines. The piece is empty at the end.
fn write_piece(
    piece: &mut Vec<u8>,
    lines: &mut impl Iterator<Item = Line>,
    part: fn(&mut Vec<u8>, u64),
) -> bool {
    piece.clear();
    while piece.len() < PIECE {
        match lines.next() {
            None => break,
            Some(Line::Status) => piece.extend_from_slice(b"+OK\r\n"),
            Some(Line::Part(n)) => part(piece, n),
            Some(Line::End) => piece.extend_from_slice(b".\r\n"),
        }
    }
    !piece.is_empty()
}
