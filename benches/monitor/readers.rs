//! Both parsers as an adapter of a monitor drives them.

use pop3_proto::tap::{Monitor, Outcome, Report, Side};
use pop3_proto::{Input, Limits, Verb};
use sawp::parser::{Direction, Parse};
use sawp_pop3::{InnerMessage, Keyword, POP3, Status};

/// A command with its response: whether it was accepted, and the octets of a message or the rows of a listing.
#[derive(PartialEq, Eq, Debug, Clone)]
pub(crate) struct Transaction {
    pub(crate) command: &'static str,
    pub(crate) accepted: bool,
    pub(crate) payload: u64,
}

pub(crate) trait Reader {
    fn read(&mut self, side: Side, bytes: &[u8]);
    fn end(self) -> Vec<Transaction>;
}

/// The tap.
pub(crate) struct Tap {
    monitor: Monitor,
    unread: [Vec<u8>; 2],
    done: Vec<Transaction>,
}

impl Tap {
    pub(crate) fn new() -> Self {
        Tap { monitor: Monitor::new(Limits::DEFAULT), unread: [Vec::new(), Vec::new()], done: Vec::new() }
    }
}

impl Reader for Tap {
    #[inline]
    fn read(&mut self, side: Side, bytes: &[u8]) {
        let unread = &mut self.unread[side as usize];
        let joined;
        let mut input = if unread.is_empty() {
            Input::more(bytes)
        } else {
            unread.extend_from_slice(bytes);
            joined = std::mem::take(unread);
            Input::more(&joined)
        };
        while let Some(report) = self.monitor.next(side, &mut input) {
            let Report::Done(done) = report else { continue };
            if matches!(done.outcome, Outcome::Ok | Outcome::Refused) {
                self.done.push(Transaction {
                    command: done.verb.map_or("", Verb::keyword),
                    accepted: done.outcome == Outcome::Ok,
                    payload: done.payload,
                });
            }
        }
        self.unread[side as usize].extend_from_slice(input.unread());
    }

    fn end(self) -> Vec<Transaction> {
        self.done
    }
}

/// `sawp-pop3`, with the responses matched in order.
#[derive(Default)]
pub(crate) struct Sawp {
    unread: [Vec<u8>; 2],
    commands: Vec<&'static str>,
    /// Responses, and how many lines they have; and how many octets these are.
    responses: Vec<(bool, u64, u64)>,
}

impl Sawp {
    fn parse(&mut self, side: Side, mut bytes: &[u8]) -> usize {
        let direction = || if side == Side::Client { Direction::ToServer } else { Direction::ToClient };
        let all = bytes.len();
        // An error may mean that bytes are missing: it is tried again with more.
        while let Ok((rest, Some(message))) = (POP3 {}).parse(bytes, direction()) {
            match message.inner {
                InnerMessage::Command(command) => self.commands.push(keyword(&command.keyword)),
                InnerMessage::Response(response) => {
                    let octets = response.data.iter().map(|line| line.len() as u64 + 2).sum();
                    self.responses.push((response.status == Status::OK, response.data.len() as u64, octets));
                }
            }
            bytes = rest;
            if bytes.is_empty() {
                break;
            }
        }
        all - bytes.len()
    }
}

impl Reader for Sawp {
    #[inline]
    fn read(&mut self, side: Side, bytes: &[u8]) {
        let mut unread = std::mem::take(&mut self.unread[side as usize]);
        let taken = if unread.is_empty() {
            let taken = self.parse(side, bytes);
            unread.extend_from_slice(&bytes[taken..]);
            0
        } else {
            unread.extend_from_slice(bytes);
            self.parse(side, &unread)
        };
        unread.drain(..taken);
        self.unread[side as usize] = unread;
    }

    fn end(self) -> Vec<Transaction> {
        let commands = [""].into_iter().chain(self.commands);
        let pairs = commands.zip(self.responses);
        pairs
            .map(|(command, (accepted, lines, octets))| {
                let payload = if matches!(command, "RETR" | "TOP") { octets } else { lines };
                Transaction { command, accepted, payload }
            })
            .collect()
    }
}

fn keyword(keyword: &Keyword) -> &'static str {
    match keyword {
        Keyword::QUIT => "QUIT",
        Keyword::STAT => "STAT",
        Keyword::LIST => "LIST",
        Keyword::RETR => "RETR",
        Keyword::DELE => "DELE",
        Keyword::NOOP => "NOOP",
        Keyword::RSET => "RSET",
        Keyword::TOP => "TOP",
        Keyword::UIDL => "UIDL",
        Keyword::USER => "USER",
        Keyword::PASS => "PASS",
        Keyword::APOP => "APOP",
        Keyword::CAPA => "CAPA",
        Keyword::STLS => "STLS",
        Keyword::AUTH => "AUTH",
        Keyword::SASL => "SASL",
        Keyword::Unknown(_) => "(unknown)",
    }
}
