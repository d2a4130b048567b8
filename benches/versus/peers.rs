//! Other crates at the same work, as they want to be used. `notes.md` says what each leaves out.

use ::sawp::parser::{Direction, Parse};
use sawp_pop3::{InnerMessage, POP3, Response};
use smtp_proto::request::receiver::DataReceiver;
use std::hint::black_box;

pub(crate) mod rfc {
    use super::black_box;
    use pop3_proto_benches::input::MIX;
    use rfc1939::{authorization, transaction};

    /// It has no parser for just any command: it is told which one comes.
    pub(crate) fn commands_told(input: &[u8]) -> usize {
        let words = [b"RETR", b"DELE", b"LIST", b"TOP ", b"UIDL", b"STAT", b"NOOP", b"USER"];
        lines(input).zip(1..).filter(|(line, n)| command(words[n % MIX], line)).count()
    }

    /// Told by the first four octets which one comes.
    pub(crate) fn commands(input: &[u8]) -> usize {
        let word = |line: &[u8]| Some(line.first_chunk::<4>()?.map(|octet| octet.to_ascii_uppercase()));
        lines(input).filter(|line| word(line).is_some_and(|word| command(&word, line))).count()
    }

    #[inline(always)]
    fn command(word: &[u8; 4], line: &[u8]) -> bool {
        match word {
            b"RETR" => black_box(&transaction::command::retr(line)).is_some(),
            b"DELE" => black_box(&transaction::command::dele(line)).is_some(),
            b"LIST" => black_box(&transaction::command::list(line)).is_some(),
            b"TOP " => black_box(&transaction::command::top(line)).is_some(),
            b"UIDL" => black_box(&transaction::command::uidl(line)).is_some(),
            b"STAT" => black_box(&transaction::command::stat(line)).is_some(),
            b"NOOP" => black_box(&transaction::command::noop(line)).is_some(),
            b"USER" => black_box(&authorization::command::user(line)).is_some(),
            _ => false,
        }
    }

    pub(crate) fn status_lines(input: &[u8]) -> usize {
        lines(input).filter(|line| black_box(&transaction::response::dele(line)).is_some()).count()
    }

    pub(crate) fn list(answer: &[u8]) -> (u64, u64) {
        let list = transaction::response::list(answer).expect("a listing");
        (list.informations.len() as u64, list.informations.iter().map(|(_, octets)| *octets as u64).sum())
    }

    pub(crate) fn uidl(answer: &[u8]) -> (u64, u64) {
        let list = transaction::response::uidl(answer).expect("a listing");
        (list.informations.len() as u64, list.informations.iter().map(|(_, id)| id.len() as u64).sum())
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
    use super::black_box;
    use pop3_codec::parse;

    pub(crate) fn commands(mut input: &[u8]) -> usize {
        let mut found = 0;
        while let Ok((rest, command)) = parse::command(input) {
            black_box(&command);
            input = rest;
            found += 1;
        }
        found
    }

    pub(crate) fn status_lines(mut input: &[u8]) -> usize {
        let mut found = 0;
        while let Ok((rest, answer)) = parse::response_dele(input) {
            black_box(&answer);
            input = rest;
            found += 1;
        }
        found
    }

    pub(crate) fn list(answer: &[u8]) -> (u64, u64) {
        let (_, answer) = parse::response_list_all(answer).expect("a listing");
        let rows = answer.unwrap().body;
        (rows.len() as u64, rows.iter().map(|row| u64::from(row.message_size)).sum())
    }

    pub(crate) fn uidl(answer: &[u8]) -> (u64, u64) {
        let (_, answer) = parse::response_uidl_all(answer).expect("a listing");
        let rows = answer.unwrap().body;
        (rows.len() as u64, rows.iter().map(|row| row.message_uid.len() as u64).sum())
    }

    /// The octets of the lines as it returns them: with their dots doubled.
    pub(crate) fn stuffed_octets(answer: &[u8]) -> u64 {
        let (_, answer) = parse::response_retr(answer).expect("a message");
        answer.unwrap().body.iter().map(|line| line.len() as u64 + 2).sum()
    }
}

pub(crate) mod sawp {
    use super::{Direction, InnerMessage, POP3, Parse, Response, black_box};

    pub(crate) fn commands(mut input: &[u8]) -> usize {
        let mut found = 0;
        while let Ok((rest, Some(message))) = (POP3 {}).parse(input, Direction::ToServer) {
            black_box(&message);
            input = rest;
            found += 1;
        }
        found
    }

    /// Framed for it: behind a status line it looks for an end mark through all that follows.
    pub(crate) fn status_lines(input: &[u8]) -> usize {
        input
            .split_inclusive(|octet| *octet == b'\n')
            .filter(|line| black_box(&response(line)).data.is_empty())
            .count()
    }

    /// Rows are lines to it: their numbers are read here, in the plainest way.
    pub(crate) fn list(answer: &[u8]) -> (u64, u64) {
        let rows = response(answer).data;
        let digits = |octets: u64, digit: &u8| octets * 10 + u64::from(digit - b'0');
        let size =
            |row: &Vec<u8>| row.rsplit(|octet| *octet == b' ').next().map(|size| size.iter().fold(0, digits));
        (rows.len() as u64, rows.iter().filter_map(size).sum())
    }

    pub(crate) fn uidl(answer: &[u8]) -> (u64, u64) {
        let rows = response(answer).data;
        let id = |row: &Vec<u8>| row.rsplit(|octet| *octet == b' ').next().map(|id| id.len() as u64);
        (rows.len() as u64, rows.iter().filter_map(id).sum())
    }

    pub(crate) fn octets(answer: &[u8]) -> u64 {
        response(answer).data.iter().map(|line| line.len() as u64 + 2).sum()
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

/// SMTP's DATA, whose byte-stuffing is the same: copied, and the copy dropped after each read.
pub(crate) fn smtp_data(payload: &[u8], chunk: usize, copy: &mut Vec<u8>) -> u64 {
    let (mut receiver, mut octets) = (DataReceiver::new(), 0);
    for read in payload.chunks(chunk) {
        copy.clear();
        let done = receiver.ingest(&mut read.iter(), copy);
        octets += black_box(&*copy).len() as u64;
        if done {
            return octets;
        }
    }
    panic!("no end mark")
}
