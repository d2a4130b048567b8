//! The client machine against the server of a transcript: it sends the commands of the transcript when their turn has come, and its events,
//! written down as the lines that they stand for, are the lines that the server said.

use pop3_proto::client::{ClientConfig, Event, SaslDone, SaslStep, StartTls};
use pop3_proto::script::{Peer, Script, Side};
use pop3_proto::{Base64, Client, Command, Quirk, RecvBuf, Response, SendBuf, TlsPolicy};

/// What became of a session.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Played {
    /// `Closed(..)`, or the fatal error.
    pub(super) ended: String,
    /// The server's lines without their ends, as the events tell them; `None` for a status that no event shows.
    pub(super) lines: Vec<Option<Vec<u8>>>,
}

/// The server's lines without their ends, each with how many octets were said when it is whole.
pub(super) fn server_lines(script: &Script) -> Vec<(&[u8], usize)> {
    let mut said = 0;
    let lines = script.octets(Side::Server).split_inclusive(|octet| *octet == b'\n');
    lines
        .filter(|line| line.ends_with(b"\n"))
        .map(|line| {
            said += line.len();
            (trim(line), said)
        })
        .collect()
}

/// Plays a whole dialogue. Panics where the client writes something else than the transcript has.
pub(super) fn play(script: &Script, mut peer: Peer<'_>) -> Played {
    let tls = script.octets(Side::Client).windows(4).any(|word| word == b"STLS");
    let tls = if tls { TlsPolicy::Required } else { TlsPolicy::Cleartext };
    let mut driver = Driver {
        client: Client::new(ClientConfig::new(tls).assume_pipelining(), 1),
        send: SendBuf::new(vec![]),
        lines: Vec::new(),
        body: Vec::new(),
        said_quit: false,
    };
    let mut recv = RecvBuf::new(vec![0; driver.client.min_recv_buf()]);
    let mut commands = script.lines().filter(|line| line.from == Side::Client).map(|line| trim(line.octets));
    let ended = loop {
        let needs_input = driver.client.needs_input(recv.unread(), recv.is_eof());
        let unread = recv.unread().len();
        let act =
            recv.with(|input| driver.client.poll(input).map(|event| event.map(|event| driver.take(event))));
        assert!(!needs_input || (matches!(act, Ok(None)) && unread == recv.unread().len()));
        match act {
            Err(fatal) => break format!("{fatal:?}"),
            Ok(Some(Act::Stop(how))) => break how,
            Ok(Some(Act::GoOn)) => {}
            Ok(Some(Act::Respond(step))) => driver.respond(step, commands.next().unwrap()),
            Ok(Some(Act::Verify(done))) => driver.client.verified(done).unwrap(),
            Ok(Some(Act::Handshake(start))) => {
                peer.tls_started().unwrap_or_else(|mismatch| panic!("{mismatch}"));
                driver.client.tls_started(start, recv.input()).unwrap();
            }
            Ok(None) if peer.expected().is_empty() => feed(&mut peer, &mut recv),
            Ok(None) => {
                let command = Command::parse(commands.next().unwrap()).unwrap();
                driver.client.send(&command, &mut driver.send).unwrap();
                driver.said_quit |= command == Command::Quit;
            }
        }
        peer.received(driver.send.pending()).unwrap_or_else(|mismatch| panic!("{mismatch}"));
        driver.send.clear();
    };
    Played { ended, lines: driver.lines }
}

/// What the network brings: the next octets, or the end of the stream.
pub(super) fn feed(peer: &mut Peer<'_>, recv: &mut RecvBuf<Vec<u8>>) {
    let spare = recv.spare_mut();
    let count = peer.pending().len().min(spare.len());
    spare[..count].copy_from_slice(&peer.pending()[..count]);
    if count == 0 {
        assert!(!recv.is_eof(), "the machine goes on behind the end of the stream");
        if !peer.closes() {
            peer.finish().unwrap_or_else(|mismatch| panic!("{mismatch}"));
        }
        recv.received_eof();
    } else {
        recv.received(count);
    }
    peer.sent(count);
}

struct Driver {
    client: Client,
    send: SendBuf<Vec<u8>>,
    lines: Vec<Option<Vec<u8>>>,
    body: Vec<u8>,
    said_quit: bool,
}

/// What the driver has to do.
enum Act {
    GoOn,
    Respond(SaslStep),
    Verify(SaslDone),
    Handshake(StartTls),
    Stop(String),
}

impl Driver {
    /// Writes an event down.
    fn take(&mut self, event: Event<'_>) -> Act {
        let one_line = event.completes();
        let mut says = |octets: &[u8]| {
            let status: &[u8] = if one_line { b"+OK " } else { b"" };
            self.lines.push(Some([status, octets].concat()));
        };
        match event {
            Event::Greeting(greeting) => self.status(Response::Ok(greeting.status)),
            Event::Ok(_, status) | Event::Begin(_, status) => self.status(Response::Ok(status)),
            Event::NoService(status) | Event::Refused(_, status) => self.status(Response::Err(status)),
            Event::Body(_, octets) => self.body.extend_from_slice(octets),
            Event::End(..) => self.end(),
            Event::DropListing(_, listing) => {
                says(format!("{} {}", listing.count, listing.octets).as_bytes());
            }
            Event::ScanListing(_, listing) => {
                says(format!("{} {}", listing.message.get(), listing.octets).as_bytes());
            }
            Event::UniqueId(_, listing) => {
                says(&[format!("{} ", listing.message.get()).as_bytes(), listing.as_bytes()].concat());
            }
            Event::Capability(_, capability) => {
                let mut line = SendBuf::new(vec![]);
                capability.encode(&mut line).unwrap();
                says(trim(line.pending()));
            }
            Event::Language(_, language) => {
                says(&[language.tag.as_bytes(), b" ", language.name.as_bytes()].concat());
            }
            Event::Mechanism(_, mechanism) => says(mechanism.as_bytes()),
            Event::Malformed(_, octets) => says(octets),
            Event::Challenge(step, challenge) => {
                self.lines.push(Some([b"+ ", challenge.as_bytes()].concat()));
                return Act::Respond(step);
            }
            Event::AuthAccepted(done, status) => {
                self.status(Response::Ok(status));
                return Act::Verify(done);
            }
            Event::StartTls(start) => {
                self.lines.push(None);
                return Act::Handshake(start);
            }
            Event::Closed(pop3_proto::client::Closed { deletions, .. }) => {
                let quit_answered = self.said_quit && !self.client.quirks().contains(Quirk::QuitUnanswered);
                if quit_answered {
                    self.lines.push(None);
                }
                return Act::Stop(format!("Closed({deletions:?})"));
            }
            other => panic!("{other:?}"),
        }
        Act::GoOn
    }

    fn status(&mut self, response: Response<'_>) {
        let mut line = SendBuf::new(vec![]);
        response.encode(&mut line).unwrap();
        self.lines.push(Some(trim(line.pending()).to_vec()));
    }

    /// The lines of a message as they went over the wire, and the end mark.
    fn end(&mut self) {
        for line in self.body.split_inclusive(|octet| *octet == b'\n') {
            assert!(line.ends_with(b"\n"), "a message without the end of its last line");
            let dot: &[u8] = if line.starts_with(b".") { b"." } else { b"" };
            self.lines.push(Some([dot, trim(line)].concat()));
        }
        self.body.clear();
        self.lines.push(Some(b".".to_vec()));
    }

    fn respond(&mut self, step: SaslStep, line: &[u8]) {
        match line {
            b"*" => self.client.cancel(step, &mut self.send).unwrap(),
            _ => self.client.respond(step, Base64::new(line).unwrap(), &mut self.send).unwrap(),
        }
    }
}

/// A line without its end.
fn trim(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}
