//! The client of a transcript: it sends the transcript's commands in their turn. Its events, written as the server's
//! lines, must be the lines of the transcript.

use pop3_proto::client::{ClientConfig, Closed, Event};
use pop3_proto::script::{Peer, Script, Side};
use pop3_proto::{Response, SendBuf, TlsPolicy};
use pop3_proto_kit::{Guest, Heard};

/// The outcome of a session.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Played {
    /// `Closed(..)`, or the fatal error.
    pub(super) ended: String,
    /// The server's lines without their ends, recreated from the events.
    pub(super) lines: Vec<String>,
}

/// Stands for a status line without an event.
pub(super) const STATUS: &str = "+OK or -ERR";

/// Returns the server's lines without their ends, each with the number of bytes up to its end.
pub(super) fn server_lines(script: &Script) -> Vec<(&[u8], usize)> {
    let mut said = 0;
    let lines = script.octets(Side::Server).split_inclusive(|byte| *byte == b'\n');
    lines
        .filter(|line| line.ends_with(b"\n"))
        .map(|line| {
            said += line.len();
            (trim(line), said)
        })
        .collect()
}

/// Plays a complete dialogue. Panics if the client writes bytes that the transcript does not have.
pub(super) fn play(script: &Script, mut peer: Peer<'_>) -> Played {
    let tls = script.octets(Side::Client).windows(4).any(|word| word == b"STLS");
    let tls = if tls { TlsPolicy::Required } else { TlsPolicy::Cleartext };
    let mut guest = Guest::new(ClientConfig::new(tls).assume_pipelining());
    let mut commands = script.lines().filter(|line| line.from == Side::Client).map(|line| trim(line.octets));
    let (mut lines, mut body) = (Vec::new(), Vec::new());
    loop {
        match guest.take(said) {
            Some(Heard::Fatal(fatal)) => return Played { ended: format!("{fatal:?}"), lines },
            Some(Heard::Body(bytes)) => body.extend(bytes),
            Some(Heard::Event(line)) => {
                lines.extend(message(&std::mem::take(&mut body)));
                let (line, ended) =
                    line.split_once("; ").map_or((line.as_str(), None), |(l, e)| (l, Some(e)));
                lines.extend(Some(line.to_string()).filter(|line| !line.is_empty()));
                if let Some(ended) = ended {
                    return Played { ended: ended.into(), lines };
                }
            }
            None if peer.expected().is_empty() => match feed(&mut peer) {
                Some(bytes) => guest.receive(bytes),
                None => guest.end(),
            },
            None => drop(guest.send(commands.next().unwrap()).unwrap()),
        }
        if guest.step.is_some() {
            guest.respond(commands.next().unwrap());
        } else if guest.done.is_some() {
            guest.verify();
        } else if guest.start.is_some() {
            peer.tls_started().unwrap_or_else(|mismatch| panic!("{mismatch}"));
            guest.handshake();
        }
        peer.received(guest.pop3.send_buf().pending()).unwrap_or_else(|mismatch| panic!("{mismatch}"));
        guest.pop3.send_buf().clear();
    }
}

/// Returns the next bytes from the network, or `None` at the end of the stream.
pub(super) fn feed<'s>(peer: &mut Peer<'s>) -> Option<&'s [u8]> {
    let bytes = peer.pending();
    if bytes.is_empty() && !peer.closes() {
        peer.finish().unwrap_or_else(|mismatch| panic!("{mismatch}"));
    }
    peer.sent(bytes.len());
    Some(bytes).filter(|bytes| !bytes.is_empty())
}

/// Returns the line that an event stands for, escaped. The end of the session follows after a semicolon.
fn said(event: &Event<'_>) -> String {
    let status: &[u8] = if event.completes() { b"+OK " } else { b"" };
    let says = |bytes: &[u8]| [status, bytes].concat().escape_ascii().to_string();
    match event {
        Event::Greeting(greeting) => response(Response::Ok(greeting.status)),
        Event::Ok(_, status) | Event::Begin(_, status) | Event::AuthAccepted(_, status) => {
            response(Response::Ok(*status))
        }
        Event::NoService(status) | Event::Refused(_, status) => response(Response::Err(*status)),
        Event::End(..) => ".".into(),
        Event::DropListing(_, listing) => says(format!("{} {}", listing.count, listing.octets).as_bytes()),
        Event::ScanListing(_, listing) => {
            says(format!("{} {}", listing.message.get(), listing.octets).as_bytes())
        }
        Event::UniqueId(_, listing) => {
            says(&[format!("{} ", listing.message.get()).as_bytes(), listing.as_bytes()].concat())
        }
        Event::Capability(_, capability) => {
            let mut line = SendBuf::new(vec![]);
            capability.encode(&mut line).unwrap();
            says(trim(line.pending()))
        }
        Event::Language(_, language) => {
            says(&[language.tag.as_bytes(), b" ", language.name.as_bytes()].concat())
        }
        Event::Mechanism(_, mechanism) => says(mechanism.as_bytes()),
        Event::Malformed(_, bytes) => says(bytes),
        Event::Challenge(_, challenge) => format!("+ {}", challenge.as_bytes().escape_ascii()),
        Event::StartTls(_) => STATUS.into(),
        Event::Closed(Closed { deletions, answer, .. }) => {
            format!("{}; Closed({deletions:?})", answer.map_or("", |_| STATUS))
        }
        other => panic!("{other:?}"),
    }
}

fn response(response: Response<'_>) -> String {
    let mut line = SendBuf::new(vec![]);
    response.encode(&mut line).unwrap();
    trim(line.pending()).escape_ascii().to_string()
}

/// Returns the lines of a message as they were sent.
fn message(body: &[u8]) -> Vec<String> {
    let lines = body.split_inclusive(|byte| *byte == b'\n').map(|line| {
        assert!(line.ends_with(b"\n"), "a message without the end of its last line");
        let dot = if line.starts_with(b".") { "." } else { "" };
        format!("{dot}{}", trim(line).escape_ascii())
    });
    lines.collect()
}

/// Returns a line without its end.
fn trim(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}
