//! Other crates at the same work, used as they need it. `notes.md` lists what each leaves out.

use crate::measure::Run;
use crate::samples::{Said, Sample};
use std::hint::black_box;

/// How many lines there are.
fn count(lines: usize) -> Said {
    (lines as u64, 0)
}

pub(crate) mod rfc {
    use super::{Run, Sample, black_box, count};
    use rfc1939::{authorization, transaction};

    /// This peer has no parser for an arbitrary command, so the caller names the command.
    pub(crate) fn commands_told(sample: &Sample) -> Run<'_> {
        let words: Vec<_> = lines(&sample.bytes).map(word).collect();
        Box::new(move || {
            count(
                lines(&sample.bytes).zip(&words).filter(|(line, word)| command(word.as_ref(), line)).count(),
            )
        })
    }

    /// The first four octets name the command.
    pub(crate) fn commands(sample: &Sample) -> Run<'_> {
        Box::new(|| count(lines(&sample.bytes).filter(|line| command(word(line).as_ref(), line)).count()))
    }

    fn word(line: &[u8]) -> Option<[u8; 4]> {
        Some(line.first_chunk::<4>()?.map(|octet| octet.to_ascii_uppercase()))
    }

    #[inline(always)]
    fn command(word: Option<&[u8; 4]>, line: &[u8]) -> bool {
        match word {
            Some(b"RETR") => black_box(&transaction::command::retr(line)).is_some(),
            Some(b"DELE") => black_box(&transaction::command::dele(line)).is_some(),
            Some(b"LIST") => black_box(&transaction::command::list(line)).is_some(),
            Some(b"TOP ") => black_box(&transaction::command::top(line)).is_some(),
            Some(b"UIDL") => black_box(&transaction::command::uidl(line)).is_some(),
            Some(b"STAT") => black_box(&transaction::command::stat(line)).is_some(),
            Some(b"NOOP") => black_box(&transaction::command::noop(line)).is_some(),
            Some(b"USER") => black_box(&authorization::command::user(line)).is_some(),
            _ => false,
        }
    }

    pub(crate) fn status_lines(sample: &Sample) -> Run<'_> {
        Box::new(|| {
            let read = |line: &&[u8]| black_box(&transaction::response::dele(line)).is_some();
            count(lines(&sample.bytes).filter(read).count())
        })
    }

    pub(crate) fn list(sample: &Sample) -> Run<'_> {
        Box::new(|| {
            let list = transaction::response::list(&sample.bytes).expect("a listing");
            let rows = &black_box(&list).informations;
            (rows.len() as u64, rows.iter().map(|(_, octets)| *octets as u64).sum())
        })
    }

    pub(crate) fn uidl(sample: &Sample) -> Run<'_> {
        Box::new(|| {
            let list = transaction::response::uidl(&sample.bytes).expect("a listing");
            let rows = &black_box(&list).informations;
            (rows.len() as u64, rows.iter().map(|(_, id)| id.len() as u64).sum())
        })
    }

    /// Its parsers do not say where they stopped.
    fn lines(input: &[u8]) -> impl Iterator<Item = &[u8]> {
        let mut start = 0;
        memchr::memchr_iter(b'\n', input).map(move |end| {
            let line = &input[start..=end];
            start = end + 1;
            line
        })
    }
}

pub(crate) mod codec {
    use super::{Run, Sample, black_box, count};
    use pop3_codec::parse;

    pub(crate) fn commands(sample: &Sample) -> Run<'_> {
        Box::new(|| {
            let (mut input, mut found) = (sample.bytes.as_slice(), 0);
            while let Ok((rest, command)) = parse::command(input) {
                black_box(&command);
                input = rest;
                found += 1;
            }
            count(found)
        })
    }

    pub(crate) fn status_lines(sample: &Sample) -> Run<'_> {
        Box::new(|| {
            let (mut input, mut found) = (sample.bytes.as_slice(), 0);
            while let Ok((rest, response)) = parse::response_dele(input) {
                black_box(&response);
                input = rest;
                found += 1;
            }
            count(found)
        })
    }

    pub(crate) fn list(sample: &Sample) -> Run<'_> {
        Box::new(|| {
            let (_, response) = parse::response_list_all(&sample.bytes).expect("a listing");
            let rows = black_box(response).unwrap().body;
            (rows.len() as u64, rows.iter().map(|row| u64::from(row.message_size)).sum())
        })
    }

    pub(crate) fn uidl(sample: &Sample) -> Run<'_> {
        Box::new(|| {
            let (_, response) = parse::response_uidl_all(&sample.bytes).expect("a listing");
            let rows = black_box(response).unwrap().body;
            (rows.len() as u64, rows.iter().map(|row| row.message_uid.len() as u64).sum())
        })
    }

    /// It leaves the dots doubled, so the octets are counted without them.
    pub(crate) fn message(sample: &Sample) -> Run<'_> {
        Box::new(|| {
            let (_, response) = parse::response_retr(&sample.bytes).expect("a message");
            let lines = black_box(response).unwrap().body;
            let octets = |line: &String| line.len() as u64 + 2 - u64::from(line.starts_with('.'));
            (lines.iter().map(octets).sum(), 0)
        })
    }
}

pub(crate) mod sawp {
    use super::{Run, Sample, black_box, count};
    use ::sawp::parser::{Direction, Parse};
    use sawp_pop3::{InnerMessage, POP3, Response};

    pub(crate) fn commands(sample: &Sample) -> Run<'_> {
        Box::new(|| {
            let (mut input, mut found) = (sample.bytes.as_slice(), 0);
            while let Ok((rest, Some(message))) = (POP3 {}).parse(input, Direction::ToServer) {
                black_box(&message);
                input = rest;
                found += 1;
            }
            count(found)
        })
    }

    /// Framed for it: after a status line it looks for a terminator through all that follows.
    pub(crate) fn status_lines(sample: &Sample) -> Run<'_> {
        Box::new(|| {
            let lines = sample.bytes.split_inclusive(|octet| *octet == b'\n');
            count(lines.filter(|line| black_box(&response(line)).data.is_empty()).count())
        })
    }

    /// Rows are lines to it: their numbers are read here, in the plainest way.
    pub(crate) fn list(sample: &Sample) -> Run<'_> {
        let digits = |octets: u64, digit: &u8| octets * 10 + u64::from(digit - b'0');
        let size = move |row: &Vec<u8>| {
            row.rsplit(|octet| *octet == b' ').next().map(|size| size.iter().fold(0, digits))
        };
        Box::new(move || {
            let rows = black_box(response(&sample.bytes)).data;
            (rows.len() as u64, rows.iter().filter_map(size).sum())
        })
    }

    pub(crate) fn uidl(sample: &Sample) -> Run<'_> {
        let id = |row: &Vec<u8>| row.rsplit(|octet| *octet == b' ').next().map(|id| id.len() as u64);
        Box::new(move || {
            let rows = black_box(response(&sample.bytes)).data;
            (rows.len() as u64, rows.iter().filter_map(id).sum())
        })
    }

    pub(crate) fn message(sample: &Sample) -> Run<'_> {
        Box::new(|| {
            let lines = black_box(response(&sample.bytes)).data;
            (lines.iter().map(|line| line.len() as u64 + 2).sum(), 0)
        })
    }

    fn response(input: &[u8]) -> Response {
        match (POP3 {}).parse(input, Direction::ToClient) {
            Ok((_, Some(message))) => match message.inner {
                InnerMessage::Response(response) => response,
                InnerMessage::Command(command) => panic!("{command:?}"),
            },
            other => panic!("{other:?}"),
        }
    }
}

pub(crate) mod smtp {
    use super::{Run, Sample, black_box};
    use crate::samples::STATUS;
    use pop3_proto_benches::CHUNK;
    use smtp_proto::request::receiver::{DataReceiver, DummyDataReceiver};

    /// SMTP's DATA, whose byte-stuffing is the same: copied, and the copy dropped after each read.
    pub(crate) fn copied(sample: &Sample) -> Run<'_> {
        let mut copy = Vec::with_capacity(CHUNK);
        Box::new(move || {
            let (mut receiver, mut octets) = (DataReceiver::new(), 0);
            for read in sample.bytes[STATUS.len()..].chunks(CHUNK) {
                copy.clear();
                let done = receiver.ingest(&mut read.iter(), &mut copy);
                octets += black_box(&copy).len() as u64;
                if done {
                    return (octets, 0);
                }
            }
            panic!("no terminator")
        })
    }

    /// It finds the end of the message, and hands nothing over.
    pub(crate) fn discarded(sample: &Sample) -> Run<'_> {
        Box::new(|| {
            let mut receiver = DummyDataReceiver::new_data(&DataReceiver::new());
            let found =
                sample.bytes[STATUS.len()..].chunks(CHUNK).any(|read| receiver.ingest(&mut read.iter()));
            assert!(found, "no terminator");
            sample.said
        })
    }
}
