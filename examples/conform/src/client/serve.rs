//! One connection of a client with the twisted server, and the record of it. It does no I/O.

use super::files::Files;
use super::{Flood, Offers, Scenario, Tls};
use crate::check::Edit;
use crate::engine::Transport;
use crate::engine::log::find;
use crate::lab::between::{Between, Bites};
use crate::lab::world::World;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;

/// The bytes of a line that may arrive without its end.
const LONGEST: usize = 1 << 16;
/// The bytes of a flood that one call returns.
const CHUNK: usize = 16 << 10;

/// What was said in one connection.
#[derive(Clone, Default, Debug)]
pub struct Session {
    pub greeting: Vec<u8>,
    pub exchanges: Vec<Exchange>,
    /// The messages of the mailbox when the session began.
    pub originals: Vec<Vec<u8>>,
    pub tls: bool,
}

/// One line of the client, and what the server sent after it.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// The line with its end, as it arrived.
    pub line: Vec<u8>,
    /// It arrived inside TLS.
    pub tls: bool,
    /// It was sent before the response to the line before it could be read.
    pub early: bool,
    pub answer: Vec<u8>,
    /// The offset of the answer in what the server sent.
    pub at: u64,
    /// DELE of a message that was not in the files at that moment.
    pub unstored: bool,
}

impl Exchange {
    /// Returns the line without its end.
    #[must_use]
    pub fn text(&self) -> String {
        let line = self.line.strip_suffix(b"\n").unwrap_or(&self.line);
        String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line)).into_owned()
    }

    /// Returns the keyword, in capitals.
    #[must_use]
    pub fn verb(&self) -> String {
        self.text().split(' ').next().unwrap_or_default().to_ascii_uppercase()
    }

    /// Returns the message number of a command.
    #[must_use]
    pub fn number(&self) -> Option<u64> {
        self.text().split(' ').nth(1)?.parse().ok()
    }

    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.answer.starts_with(b"+OK")
    }
}

/// What all connections of a run share.
pub struct Stage {
    pub world: World,
    pub scenario: &'static Scenario,
    pub bites: Bites,
    pub files: Box<dyn Files>,
    pub sessions: RefCell<Vec<Session>>,
    /// The bytes of a flood.
    pub flood: u64,
    /// A flood is not sent to its end.
    pub busy: Cell<bool>,
}

impl std::fmt::Debug for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stage").field("scenario", &self.scenario.check.id).finish_non_exhaustive()
    }
}

impl Stage {
    #[must_use]
    pub fn new(scenario: &'static Scenario, files: Box<dyn Files>, flood: u64) -> Rc<Stage> {
        let world = World::new();
        (scenario.mail)(&world);
        let sessions = RefCell::default();
        Rc::new(Stage {
            world,
            scenario,
            bites: Bites::default(),
            files,
            sessions,
            flood,
            busy: Cell::new(false),
        })
    }

    /// Begins a connection.
    #[must_use]
    pub fn connect(self: &Rc<Self>) -> Serve {
        let index = self.sessions.borrow().len();
        let originals = self.world.texts();
        self.sessions.borrow_mut().push(Session { originals, ..Session::default() });
        let between = Between::new(self.world.connect(), self.scenario.edit, Rc::clone(&self.bites));
        let mut serve = Serve {
            stage: Rc::clone(self),
            between,
            index,
            chunks: VecDeque::new(),
            flood: None,
            partial: Vec::new(),
            sent: 0,
            over: false,
        };
        let greeting = serve.collect("greeting");
        serve.session(|session| session.greeting = greeting);
        serve
    }
}

/// One connection.
#[derive(Debug)]
pub struct Serve {
    stage: Rc<Stage>,
    between: Between,
    index: usize,
    chunks: VecDeque<Vec<u8>>,
    flood: Option<(Vec<u8>, u64)>,
    partial: Vec<u8>,
    sent: u64,
    over: bool,
}

impl Serve {
    fn session<T>(&self, look: impl FnOnce(&mut Session) -> T) -> Option<T> {
        self.stage.sessions.borrow_mut().get_mut(self.index).map(look)
    }

    /// Receives bytes. `early` tells that they arrived before the response to the line before was sent.
    pub fn receive(&mut self, bytes: &[u8], mut early: bool) {
        self.partial.extend_from_slice(bytes);
        while let Some(end) = self.partial.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.partial.drain(..=end).collect();
            self.line(line, early);
            early = true;
        }
        if self.partial.len() > LONGEST {
            self.end();
        }
    }

    fn line(&mut self, line: Vec<u8>, early: bool) {
        if self.over {
            return;
        }
        let tls = self.between.is_inside_tls();
        let mut exchange = Exchange { line, tls, early, answer: Vec::new(), at: self.sent, unstored: false };
        if exchange.verb() == "DELE" {
            exchange.unstored = self.is_unstored(&exchange);
        }
        self.between.receive(&exchange.line);
        let command = exchange.text();
        exchange.answer = self.collect(&command);
        self.session(|session| session.exchanges.push(exchange));
    }

    fn is_unstored(&self, dele: &Exchange) -> bool {
        let Some(number) = dele.number() else { return false };
        let sessions = self.stage.sessions.borrow();
        let Some(session) = sessions.get(self.index) else { return false };
        let retrieved = session.exchanges.iter().rev().find_map(|exchange| {
            (exchange.verb() == "RETR" && exchange.number() == Some(number))
                .then(|| super::read::message(&exchange.answer))
        });
        let index = usize::try_from(number).unwrap_or(0).wrapping_sub(1);
        let original = || session.originals.get(index).cloned();
        match retrieved.unwrap_or_else(original) {
            Some(message) => {
                !self.stage.files.read().iter().any(|file| super::read::same(file, &message, true))
            }
            // It was not sent to its end, or it does not exist.
            None => retrieved_in(session, number) || index < session.originals.len(),
        }
    }

    /// Receives the end of the stream.
    pub fn end(&mut self) {
        if !std::mem::replace(&mut self.over, true) {
            let line = std::mem::take(&mut self.partial);
            if !line.is_empty() && !self.between.is_closed() {
                let (tls, at) = (self.between.is_inside_tls(), self.sent);
                let half = Exchange { line, tls, early: false, answer: Vec::new(), at, unstored: false };
                self.session(|session| session.exchanges.push(half));
            }
            self.between.end();
            self.collect("end");
        }
    }

    /// The handshake is done.
    pub fn tls_started(&mut self) {
        self.between.tls_started();
        self.session(|session| session.tls = true);
        self.collect("tls");
    }

    /// Returns whether the scenario, or one that looks at its sessions, judges commands that do not wait for a response.
    #[must_use]
    pub fn judges_early(&self) -> bool {
        self.stage.scenario.is_legal() || self.stage.scenario.harm.is_some()
    }

    #[must_use]
    pub fn wants_tls(&self) -> bool {
        self.between.wants_tls() && !self.between.is_closed() && self.chunks.is_empty()
    }

    /// Returns whether nothing follows the output.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.chunks.is_empty() && self.flood.is_none() && (self.over || self.between.is_closed())
    }

    /// Takes what is sent next, as one piece.
    pub fn take_output(&mut self) -> Vec<u8> {
        let in_pieces = self.stage.scenario.cuts || matches!(self.stage.scenario.edit, Some(Edit::Drip));
        if let Some(mut chunk) = self.chunks.pop_front() {
            if !in_pieces {
                chunk.extend(self.chunks.drain(..).flatten());
            }
            return chunk;
        }
        let Some((pattern, left)) = &mut self.flood else { return Vec::new() };
        let chunk = pattern.repeat(CHUNK.div_ceil(pattern.len()));
        *left = left.saturating_sub(chunk.len() as u64);
        if *left == 0 {
            self.flood = None;
            self.over = true;
            self.stage.busy.set(false);
        }
        chunk
    }

    /// Takes the output of the server for this command, and queues it.
    fn collect(&mut self, command: &str) -> Vec<u8> {
        if let Some(Flood { to, first, pattern }) = self.stage.scenario.flood {
            let start = to.trim_end_matches('*');
            let is = command.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start));
            if is && !self.over {
                self.stage.bites.set(self.stage.bites.get() + 1);
                self.flood = Some((pattern.into(), self.stage.flood));
                self.stage.busy.set(true);
                // The server's own answer is not sent.
                while !self.between.take_output().is_empty() {}
                self.chunks.push_back(first.into());
                self.sent += first.len() as u64;
                return first.into();
            }
        }
        let mut answer = Vec::new();
        loop {
            let output = self.between.take_output();
            if output.is_empty() {
                break;
            }
            answer.extend(output);
        }
        let answer = dressed(answer, command, self.stage.scenario);
        self.sent += answer.len() as u64;
        self.queue(&answer);
        answer
    }

    fn queue(&mut self, answer: &[u8]) {
        if answer.is_empty() {
            return;
        }
        match self.stage.scenario.edit {
            Some(Edit::Drip) => self.chunks.extend(answer.iter().map(|byte| vec![*byte])),
            _ if self.stage.scenario.cuts => {
                self.stage.bites.set(self.stage.bites.get() + 1);
                self.chunks.extend(answer.split_inclusive(|byte| *byte == b'\r').map(<[u8]>::to_vec));
            }
            _ => self.chunks.push_back(answer.to_vec()),
        }
    }
}

fn retrieved_in(session: &Session, number: u64) -> bool {
    let retrieves = |exchange: &Exchange| exchange.verb() == "RETR" && exchange.number() == Some(number);
    session.exchanges.iter().any(retrieves)
}

/// Hides the capabilities and the timestamp that the scenario does not offer.
fn dressed(answer: Vec<u8>, command: &str, scenario: &Scenario) -> Vec<u8> {
    let mut answer = answer;
    if command.trim_end().eq_ignore_ascii_case("CAPA") {
        answer = announced(&answer, scenario);
    }
    if command == "greeting" && scenario.offers != Offers::Apop {
        if let (Some(from), Some(to)) = (find(&answer, b" <"), find(&answer, b"@conform.example>")) {
            answer.drain(from..to + "@conform.example>".len());
        }
    }
    answer
}

/// Leaves the capabilities that every client may know, and those of the scenario. The good server announces more, because
/// the checks of servers need it. A twist that doubles the line PIPELINING keeps one of them.
fn announced(answer: &[u8], scenario: &Scenario) -> Vec<u8> {
    let mut hides_pipelining = scenario.offers != Offers::Pipelining;
    let line = |line| -> &[u8] {
        match tag(line) {
            b"SASL" if scenario.offers == Offers::Sasl => b"SASL PLAIN\r\n",
            b"PIPELINING" if std::mem::take(&mut hides_pipelining) => b"",
            b"STLS" if scenario.tls == Tls::No => b"",
            b"SASL" | b"UTF8" | b"LANG" | b"LOGIN-DELAY" | b"EXPIRE" | b"IMPLEMENTATION" => b"",
            _ => line,
        }
    };
    answer.split_inclusive(|byte| *byte == b'\n').flat_map(line).copied().collect()
}

fn tag(line: &[u8]) -> &[u8] {
    line.split(u8::is_ascii_whitespace).next().unwrap_or_default()
}

/// Whose certificate a client in memory trusts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trusts {
    /// That of the host that it connects to.
    Host,
    /// That of any host, from the CA.
    AnyName,
    Everybody,
}

/// A connection in memory.
#[derive(Debug)]
pub struct Memory {
    pub serve: Serve,
    pub trusts: Trusts,
}

impl Transport for Memory {
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let early = !self.serve.chunks.is_empty();
        self.serve.receive(bytes, early);
        Ok(())
    }

    fn receive(&mut self, into: &mut Vec<u8>) -> io::Result<usize> {
        let output = self.serve.take_output();
        into.extend_from_slice(&output);
        match output.len() {
            0 if !self.serve.is_closed() => Err(io::ErrorKind::TimedOut.into()),
            count => Ok(count),
        }
    }

    fn finish(&mut self) {
        self.serve.end();
    }

    fn start_tls(mut self: Box<Self>) -> io::Result<Box<dyn Transport>> {
        let is_trusted = match self.serve.stage.scenario.tls {
            Tls::Untrusted => self.trusts == Trusts::Everybody,
            Tls::OtherName => self.trusts != Trusts::Host,
            Tls::No | Tls::Stls => true,
        };
        if !is_trusted {
            self.serve.end();
            return Err(io::Error::other("the certificate is not trusted"));
        }
        if !self.serve.wants_tls() {
            return Err(io::Error::other("the server does not begin TLS"));
        }
        self.serve.tls_started();
        Ok(self)
    }
}
