//! The passive reader of both directions, against the transcripts, torn sessions, and any other bytes on a wire.

mod doubts;
mod limits;
mod monitor;
mod noise;
mod probe;
mod secrets;
mod sessions;
mod torn;
#[cfg(feature = "sasl")]
mod users;

use pop3_proto::client::Event;
use pop3_proto::tap::{Seen, Side, Tap};
use pop3_proto::{Command, Input, Limits, Response, SendBuf};

/// The events of a tap in one session.
#[derive(Default, PartialEq, Eq, Debug)]
struct Log {
    /// All events in order, with the pieces of a body joined, without the places of commands in the session.
    notes: Vec<String>,
    /// The lines of these events, without their ends, or `None` for a hidden line.
    lines: Vec<(Side, Option<Vec<u8>>)>,
    body: Vec<u8>,
}

/// A tap and the unread bytes of either side.
struct Watch {
    tap: Tap,
    log: Log,
    unread: [Vec<u8>; 2],
    /// The transport is seen from inside TLS.
    sees_tls: bool,
}

impl Watch {
    fn new(tap: Tap) -> Self {
        Watch { tap, log: Log::default(), unread: [Vec::new(), Vec::new()], sees_tls: false }
    }

    fn from_start() -> Self {
        Watch::new(Tap::new(Limits::DEFAULT))
    }

    /// Passes the next bytes of this side, in pieces that end at these offsets.
    fn feed(&mut self, side: Side, octets: &[u8], cuts: &[usize]) {
        let mut start = 0;
        for end in cuts.iter().copied().chain([octets.len()]) {
            self.piece(side, &octets[start..end]);
            start = end;
        }
    }

    fn piece(&mut self, side: Side, octets: &[u8]) {
        let mut bytes = std::mem::take(&mut self.unread[side as usize]);
        bytes.extend_from_slice(octets);
        let mut input = Input::more(&bytes);
        // At most one event for each byte, and one that reports that the tap is out of step.
        for _ in 0..bytes.len() + 4 {
            let seen = match side {
                Side::Client => self.tap.client(&mut input),
                Side::Server => self.tap.server(&mut input),
            };
            let Some(seen) = seen else {
                assert!(
                    input.remaining() < self.tap.min_recv_buf(),
                    "{} octets are left unread",
                    input.remaining()
                );
                self.unread[side as usize] = input.unread().to_vec();
                return;
            };
            let encrypted = matches!(seen, Seen::Encrypted);
            self.log.take(side, seen);
            if encrypted && self.sees_tls {
                self.tap.tls_started();
            }
        }
        panic!("the tap goes round in circles");
    }

    fn client(&mut self, octets: impl AsRef<[u8]>) {
        self.feed(Side::Client, octets.as_ref(), &[]);
    }

    fn server(&mut self, octets: impl AsRef<[u8]>) {
        self.feed(Side::Server, octets.as_ref(), &[]);
    }

    /// Returns the events since the last call.
    fn notes(&mut self) -> Vec<String> {
        self.log.flush();
        std::mem::take(&mut self.log.notes)
    }

    fn end(mut self) -> Log {
        self.log.flush();
        self.log
    }
}

impl Log {
    fn take(&mut self, side: Side, seen: Seen<'_>) {
        if let Seen::Answer(Event::Body(_, octets)) = &seen {
            assert!(!octets.is_empty());
            self.body.extend_from_slice(octets);
            return;
        }
        self.flush();
        self.notes.push(without_sequence(&format!("{seen:?}")));
        match seen {
            Seen::Command(command) => self.command(&command),
            Seen::Unknown(line) => self.line(side, line.expose()),
            Seen::Response(base64) => self.line(side, base64.as_bytes()),
            Seen::Cancel => self.line(side, b"*"),
            Seen::Challenge(base64) => self.line(side, &[b"+ ", base64.as_bytes()].concat()),
            Seen::MalformedChallenge(text) => self.line(side, &[b"+ ", text].concat()),
            Seen::NotACommand(_) | Seen::Encrypted | Seen::LongLine(_) => self.lines.push((side, None)),
            Seen::Answer(event) => self.answer(event),
            Seen::InStep | Seen::OutOfStep(_) | Seen::Ambiguous(..) | Seen::NotTls(_) => {}
            Seen::ProxyHeader(line) => self.line(side, line.expose()),
            other => panic!("{other:?}"),
        }
    }

    fn line(&mut self, side: Side, line: &[u8]) {
        self.lines.push((side, Some(line.to_vec())));
    }

    fn command(&mut self, command: &Command<'_>) {
        let mut line = SendBuf::new(vec![]);
        command.encode(&mut line).unwrap();
        self.line(Side::Client, trim(line.pending()));
    }

    fn status(&mut self, response: Response<'_>) {
        let mut line = SendBuf::new(vec![]);
        response.encode(&mut line).unwrap();
        self.line(Side::Server, trim(line.pending()));
    }

    fn answer(&mut self, event: Event<'_>) {
        let status: &[u8] = if event.completes() { b"+OK " } else { b"" };
        let mut says = |octets: &[u8]| self.line(Side::Server, &[status, octets].concat());
        match event {
            Event::Greeting(greeting) => self.status(Response::Ok(greeting.status)),
            Event::Ok(_, status) | Event::Begin(_, status) => self.status(Response::Ok(status)),
            Event::NoService(status) | Event::Refused(_, status) => self.status(Response::Err(status)),
            Event::End(..) => self.line(Side::Server, b"."),
            Event::DropListing(_, row) => says(format!("{} {}", row.count, row.octets).as_bytes()),
            Event::ScanListing(_, row) => says(format!("{} {}", row.message.get(), row.octets).as_bytes()),
            Event::UniqueId(_, row) => {
                says(&[format!("{} ", row.message.get()).as_bytes(), row.as_bytes()].concat());
            }
            Event::Capability(_, capability) => {
                let mut line = SendBuf::new(vec![]);
                capability.encode(&mut line).unwrap();
                says(trim(line.pending()));
            }
            Event::Language(_, row) => says(&[row.tag.as_bytes(), b" ", row.name.as_bytes()].concat()),
            Event::Mechanism(_, mechanism) => says(mechanism.as_bytes()),
            Event::Malformed(_, octets) => says(octets),
            other => panic!("{other:?}"),
        }
    }

    /// Returns the lines of a body, as they were sent.
    fn flush(&mut self) {
        let body = std::mem::take(&mut self.body);
        if body.is_empty() {
            return;
        }
        for line in body.split_inclusive(|octet| *octet == b'\n') {
            let dot: &[u8] = if line.starts_with(b".") { b"." } else { b"" };
            self.line(Side::Server, &[dot, trim(line)].concat());
        }
        self.notes.push(format!("Body({})", body.escape_ascii()));
    }
}

fn without_sequence(note: &str) -> String {
    let mut parts = note.split(", sequence: ");
    let first = parts.next().unwrap().to_string();
    parts.fold(first, |note, part| note + part.trim_start_matches(|digit: char| digit.is_ascii_digit()))
}

/// Returns a line without its end.
fn trim(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// A side, and all bytes that it sends before the other side does.
type Turn = (Side, Vec<u8>);

/// Returns a session of these turns: `C` marks the client's turns, and `S` the server's.
fn turns(text: &[(char, &str)]) -> Vec<Turn> {
    let side = |mark| if mark == 'C' { Side::Client } else { Side::Server };
    text.iter().map(|(mark, octets)| (side(*mark), octets.as_bytes().to_vec())).collect()
}

/// Returns all events of a tap for these turns.
fn watch(mut watch: Watch, turns: &[Turn]) -> Log {
    for (side, octets) in turns {
        watch.feed(*side, octets, &[]);
    }
    watch.end()
}
