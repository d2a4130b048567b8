//! The engine of `pop3-conform` against any bytes of a server, next to a reader that has all of them.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use md5::{Digest as _, Md5};
use pop3_conform::check::Offence;
use pop3_conform::engine::mark::{Shown, dialogue};
use pop3_conform::engine::session::Shared;
use pop3_conform::engine::{
    Dial, Heard, Log, Response, Session, Side, Stop, Tail, Transport, md5 as own, scram,
};
use pop3_proto_fuzz::client::line;
use pop3_proto_fuzz::source::cuts;
use pop3_proto_fuzz::wire::{Letters, Parts};
use pop3_proto_kit::Cuts;
use std::cell::RefCell;
use std::io::{self, ErrorKind};
use std::rc::Rc;
use std::time::Duration;

/// What is masked: one secret begins another, and one overlaps itself.
const SECRETS: [&[u8]; 3] = [b"Secret7", b"Secret7more", b"ZaZaZ"];
/// The most bytes of a response, if it is limited.
const FEW: usize = 300;
/// More bytes than any session reads.
const MOST: usize = 1 << 20;
/// The most bytes of one read, if the server never ends.
const CHUNK: usize = 64;

/// Runs on a first line of commands, then the bytes of the server, in which 0xFF means that nothing more arrives in time.
pub fn run(data: &[u8]) {
    let parts = Parts::of(data);
    let case = Case::of(&parts);
    check_lines(&case.wire);
    // Byte by byte, each command is sent as early as possible.
    let (expected, gates) = case.play(Cuts::Each(1), None);
    assert_eq!(expected.said, case.read(), "a simple reader");
    for cuts in cuts(parts.seed) {
        let (seen, _) = case.play(cuts, Some(&gates));
        assert_eq!(seen.said, expected.said, "{cuts:?}");
        // If the engine gives up, it depends on the cuts how much was received.
        if case.most > FEW {
            assert_eq!(seen.log, expected.log, "{cuts:?}");
        }
    }
}

/// How a server ends.
#[derive(Clone, Copy, PartialEq, Debug)]
enum End {
    Close,
    Silence,
    Failure,
    /// It never ends.
    Flood,
}

struct Case {
    wire: Vec<u8>,
    /// The places at which nothing arrives in time, once.
    pauses: Vec<usize>,
    end: End,
    most: usize,
    calls: Vec<Call>,
}

#[derive(Clone, PartialEq, Debug)]
enum Call {
    Ask(String),
    /// A password, which the log does not show.
    Pass,
    StartTls,
    Finish,
    UntilClose,
}

impl Case {
    fn of(parts: &Parts<'_>) -> Case {
        let phases: Vec<&[u8]> = parts.wire.split(|octet| *octet == 0xff).collect();
        let mut pauses: Vec<usize> = Vec::new();
        for phase in &phases[..phases.len() - 1] {
            pauses.push(pauses.last().unwrap_or(&0) + phase.len());
        }
        let end = [End::Close, End::Silence, End::Failure, End::Flood][usize::from(parts.config & 3)];
        let is_limited = parts.config & 4 != 0 || end == End::Flood;
        let call = |(letter, digit): (u8, Option<u8>)| match letter {
            b'p' => Some(Call::Pass),
            b'*' => Some(Call::StartTls),
            b'f' => Some(Call::Finish),
            b'e' => Some(Call::UntilClose),
            _ => line(letter, digit.unwrap_or(1).into()).map(Call::Ask),
        };
        let calls = Letters(parts.letters).filter_map(call).collect();
        Case { wire: phases.concat(), pauses, end, most: if is_limited { FEW } else { usize::MAX }, calls }
    }

    /// Plays the session, and returns the places at which something was sent.
    fn play(&self, cuts: Cuts, gates: Option<&[usize]>) -> (Seen, Vec<usize>) {
        let server = Rc::new(RefCell::new(Server {
            wire: self.wire.clone(),
            pauses: self.pauses.clone(),
            end: self.end,
            at: 0,
            cuts,
            gates: gates.map(<[usize]>::to_vec),
            used: Vec::new(),
        }));
        let secrets = SECRETS.map(<[u8]>::to_vec).to_vec();
        let shared = Shared { secrets: Rc::new(RefCell::new(secrets)), most: self.most, ..Shared::default() };
        let mut session = Session::open(&mut Network(&server), &shared).expect("a server in memory");
        let mut said = vec![Said::of(session.greeting())];
        said.extend(self.calls.iter().map(|call| self.call(call, &mut session)));
        drop(session);
        let log = shared.log.take();
        let server = server.borrow();
        // Other cuts have the same log, unless the engine gives up.
        if gates.is_none() || self.most <= FEW {
            self.check_log(&log, server.at);
        }
        // Each call reads at most one line too many, and in the end the close is waited for.
        let calls = self.calls.len() + 2;
        let most = calls.saturating_mul(self.most.saturating_mul(2).saturating_add(CHUNK));
        assert!(server.at <= most, "{} octets are kept", server.at);
        let log = format!("{:?}", log.sessions[0].pieces) + &format!("{:?}", log.sessions[0].events);
        (Seen { said, log }, server.used.clone())
    }

    fn call(&self, call: &Call, session: &mut Session) -> Said {
        match call {
            Call::Ask(command) => Said::of(session.ask(command)),
            Call::Pass => {
                session.send_shown(b"PASS Secret7more\r\n", b"PASS ***\r\n");
                Said::of(session.response("PASS ***"))
            }
            Call::StartTls => Said::Done(session.start_tls().map(|()| Vec::new())),
            Call::Finish => Said::Done(session.finish()),
            Call::UntilClose => Said::Done(session.until_close()),
        }
    }

    /// Checks the log against the first `received` bytes of the server.
    fn check_log(&self, log: &Log, received: usize) {
        let wire: Vec<u8> = (0..received).map(|at| self.octet(at)).collect();
        let record = &log.sessions[0];
        for line in &record.lines {
            let at = line.at as usize;
            let end: &[u8] = [&b"\r\n"[..], b"\n", b""][line.tail as usize];
            assert_eq!(&wire[at..at + line.octets()], [&line.bytes[..], end].concat(), "a line");
        }
        let masked = masked(&wire);
        let mut at = 0;
        for piece in record.pieces.iter().filter(|piece| piece.side == Side::Server) {
            let end = at + piece.bytes.len();
            assert_eq!((piece.at as usize, &*piece.bytes), (at, &masked[at..end]), "a piece");
            at = end;
        }
        assert_eq!(at, received, "all of it");
        for at in (0..=received).step_by(1 + received / 32) {
            check_mark(log, &masked, at);
        }
    }

    /// Returns a byte of the server, which repeats its last ones if it never ends.
    fn octet(&self, at: usize) -> u8 {
        self.wire.get(at).copied().unwrap_or_else(|| b"+OK\r\n"[(at - self.wire.len()) % 5])
    }
}

/// Checks the dialogue around this byte of the server.
fn check_mark(log: &Log, masked: &[u8], at: usize) {
    let shown = dialogue(log, &Offence::new("", 0, at as u64));
    let marks: Vec<(&str, usize)> = shown
        .lines
        .iter()
        .filter_map(|line| match line {
            Shown::Line { text, mark: Some(mark), .. } => Some((text.as_str(), *mark)),
            _ => None,
        })
        .collect();
    let octet = masked.get(at);
    assert_eq!(marks.len(), usize::from(octet.is_some()), "one mark");
    for (text, mark) in marks {
        let escaped: Vec<u8> = match octet.copied().unwrap_or_default() {
            quote @ (b'"' | b'\'') => vec![quote],
            octet => octet.escape_ascii().collect(),
        };
        assert!(text.as_bytes()[mark..].starts_with(&escaped[..1]), "{text} at {mark}");
    }
    let text = shown.to_string();
    assert!(text.bytes().all(|octet| matches!(octet, b' '..=b'~' | b'\n')), "{text:?}");
    for secret in SECRETS {
        assert!(!text.as_bytes().windows(secret.len()).any(|part| part == secret), "{text}");
    }
}

/// Masks each byte that is in a secret.
fn masked(wire: &[u8]) -> Vec<u8> {
    let mut masked = wire.to_vec();
    for secret in SECRETS {
        for at in 0..wire.len() {
            if wire[at..].starts_with(secret) {
                masked[at..at + secret.len()].fill(b'*');
            }
        }
    }
    masked
}

/// Checks what the kit computes of single lines.
fn check_lines(wire: &[u8]) {
    for line in wire.split(|octet| *octet == b'\n').map(<[u8]>::trim_ascii_end) {
        let expected: String = Md5::digest(line).iter().map(|octet| format!("{octet:02x}")).collect();
        assert_eq!(own::hex(line), expected);
        let text = String::from_utf8_lossy(line);
        if let Some(scram::Challenge { nonce, salt, iterations }) = scram::Challenge::read(&text) {
            let salt = BASE64_STANDARD.encode(salt);
            let start = format!("r={nonce},s={salt},i={iterations}");
            let rest = text.strip_prefix(&start);
            assert!(
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(',')),
                "{text} is not {start}"
            );
        }
    }
}

/// The parts of a session that are visible from outside.
#[derive(PartialEq, Debug)]
struct Seen {
    said: Vec<Said>,
    log: String,
}

/// A line, how it ends, and its offset.
type Line = (Vec<u8>, Tail, u64);

/// The result of a call.
#[derive(Clone, PartialEq, Debug)]
enum Said {
    Response { line: Line, rows: Vec<Line> },
    Done(Result<Vec<u8>, Stop>),
}

impl Said {
    fn of(response: Result<Response, Stop>) -> Said {
        let line = |line: Heard| (line.bytes, line.tail, line.at);
        match response {
            Ok(Response { line: status, rows, .. }) => {
                Said::Response { line: line(status), rows: rows.into_iter().map(line).collect() }
            }
            Err(stop) => Said::Done(Err(stop)),
        }
    }
}

/// The server's end of a stream in memory.
struct Server {
    wire: Vec<u8>,
    pauses: Vec<usize>,
    end: End,
    at: usize,
    cuts: Cuts,
    /// The places of the bytes that arrive only after the client has sent something. `None` means that each byte arrives alone.
    gates: Option<Vec<usize>>,
    used: Vec<usize>,
}

struct Network<'s>(&'s Rc<RefCell<Server>>);

impl Dial for Network<'_> {
    fn dial(&mut self) -> io::Result<Box<dyn Transport>> {
        Ok(Box::new(Stream(Rc::clone(self.0))))
    }

    fn pause(&mut self, _: u32) {}

    fn idle(&mut self, _: Duration) {}

    fn fill(&mut self) -> Result<(), String> {
        Ok(())
    }
}

struct Stream(Rc<RefCell<Server>>);

impl Transport for Stream {
    fn send(&mut self, _: &[u8]) -> io::Result<()> {
        let mut server = self.0.borrow_mut();
        let at = server.at;
        server.used.push(at);
        Ok(())
    }

    fn receive(&mut self, into: &mut Vec<u8>) -> io::Result<usize> {
        let mut server = self.0.borrow_mut();
        let Server { wire, pauses, end, at, cuts, gates, .. } = &mut *server;
        if pauses.first() == Some(at) {
            pauses.remove(0);
            return Err(ErrorKind::TimedOut.into());
        }
        if *at >= wire.len() {
            match end {
                End::Close => return Ok(0),
                End::Silence => return Err(ErrorKind::TimedOut.into()),
                End::Failure => return Err(ErrorKind::ConnectionReset.into()),
                End::Flood => wire.extend_from_slice(b"+OK\r\n"),
            }
        }
        let gate = gates.as_ref().and_then(|gates| gates.iter().find(|gate| **gate > *at));
        let stop = [Some(&wire.len()), gate, pauses.first()].into_iter().flatten().min().copied();
        assert!(*at < MOST, "the server is read forever");
        let count = cuts.next(*at, (stop.unwrap_or(*at) - *at).min(CHUNK));
        into.extend_from_slice(&wire[*at..*at + count]);
        *at += count;
        Ok(count)
    }

    fn finish(&mut self) {
        self.send(b"").expect("memory");
    }

    fn start_tls(mut self: Box<Self>) -> io::Result<Box<dyn Transport>> {
        self.send(b"")?;
        Ok(self)
    }
}

/// The reader that has all bytes.
struct Reader<'c> {
    case: &'c Case,
    pauses: &'c [usize],
    at: usize,
    refusals: u32,
    is_closed: bool,
}

impl Case {
    /// Returns what each call must return.
    fn read(&self) -> Vec<Said> {
        let mut reader = Reader { case: self, pauses: &self.pauses, at: 0, refusals: 0, is_closed: false };
        let greeting = match reader.line() {
            Ok(line) => Said::Response { line, rows: Vec::new() },
            Err(stop) => Said::Done(Err(stop)),
        };
        let calls = self.calls.iter().map(|call| match call {
            Call::Ask(command) => reader.response(command).unwrap_or_else(|stop| Said::Done(Err(stop))),
            Call::Pass => reader.response("PASS ***").unwrap_or_else(|stop| Said::Done(Err(stop))),
            Call::StartTls if reader.is_closed => Said::Done(Err(reader.closed(reader.at))),
            Call::StartTls => Said::Done(Ok(Vec::new())),
            Call::Finish | Call::UntilClose => Said::Done(reader.rest()),
        });
        std::iter::once(greeting).chain(calls.collect::<Vec<_>>()).collect()
    }
}

impl Reader<'_> {
    fn closed(&self, at: usize) -> Stop {
        Stop::Closed { session: 0, at: at as u64, refusals: self.refusals }
    }

    /// Returns why nothing more arrives after `end`, which is a pause or the end of the stream.
    fn stop(&mut self, end: usize) -> Stop {
        if let Some((_, later)) = self.pauses.split_first() {
            self.pauses = later;
            return Stop::Silent;
        }
        if self.case.end == End::Silence {
            return Stop::Silent;
        }
        self.is_closed = true;
        self.closed(end)
    }

    /// Returns where the next pause is, or the end of the stream.
    fn end(&self) -> usize {
        match (self.pauses.first(), self.case.end) {
            (Some(pause), _) => *pause,
            (None, End::Flood) => usize::MAX,
            (None, _) => self.case.wire.len(),
        }
    }

    fn line(&mut self) -> Result<Line, Stop> {
        let most = self.case.most;
        let start = self.at;
        for at in start.. {
            if at - start > most || (at - start == most && at < self.end()) {
                return Err(Stop::Kit(format!("a line of more than {most} octets")));
            }
            if at == self.end() {
                return Err(self.stop(at));
            }
            if self.case.octet(at) == b'\n' {
                self.at = at + 1;
                break;
            }
        }
        let mut bytes: Vec<u8> = (start..self.at - 1).map(|at| self.case.octet(at)).collect();
        let tail = if bytes.last() == Some(&b'\r') { Tail::CrLf } else { Tail::Lf };
        if tail == Tail::CrLf {
            bytes.pop();
        }
        Ok((bytes, tail, start as u64))
    }

    fn response(&mut self, command: &str) -> Result<Said, Stop> {
        let line = self.line()?;
        let status = line.0.split(|octet| *octet == b' ').next().unwrap_or_default().to_ascii_uppercase();
        let verb = command.split(' ').next().unwrap_or_default();
        let is_body = matches!(verb, "RETR" | "TOP");
        let is_listing = command == "CAPA" || matches!(command, "LIST" | "UIDL" | "AUTH" | "LANG");
        let mut rows = Vec::new();
        self.refusals += u32::from(status == b"-ERR");
        if self.refusals > 3 {
            return Err(Stop::Kit(format!("{command:?} is refusal {} of one session", self.refusals)));
        }
        if status != b"+OK" || !is_body && !is_listing {
            return Ok(Said::Response { line, rows });
        }
        let start = self.at;
        loop {
            if self.at - start + 64 * rows.len() > self.case.most {
                return Err(Stop::Kit(format!("a response of more than {} octets", self.case.most)));
            }
            let end = self.end();
            match self.line() {
                Ok((dot, tail, _)) if dot == b"." && (tail == Tail::CrLf || line.1 == Tail::Lf) => {
                    return Ok(Said::Response { line, rows });
                }
                Ok(row) => rows.push(row),
                Err(Stop::Silent) if is_body => {
                    let octets = (end - start) as u64;
                    return Err(Stop::Stalled { command: command.to_owned(), octets });
                }
                Err(stop) => return Err(stop),
            }
        }
    }

    /// Reads up to the close.
    fn rest(&mut self) -> Result<Vec<u8>, Stop> {
        let (start, most) = (self.at, self.case.most);
        let end = self.end();
        if end - start > most {
            return Err(Stop::Kit(format!("more than {most} octets before the close")));
        }
        match self.stop(end) {
            Stop::Closed { .. } => {
                self.at = end;
                Ok((start..end).map(|at| self.case.octet(at)).collect())
            }
            stop => Err(stop),
        }
    }
}
