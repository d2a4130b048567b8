//! The layer between a client and the good server. It reads a command, passes it on, applies one twist and sends the response.
//!
//! It is reactive and does no I/O, so it also serves a foreign client on a socket.

use super::Facts;
use super::twist::{Memory, Moment, Turn};
use super::world::{Good, PASSWORD, SECOND_PASSWORD, SECOND_USER, USER, World};
use crate::check::{Edit, Needs, Twist};
use crate::corpus;
use crate::engine::{Dial, Transport};
use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

/// How often a twist changed something, over all sessions of a world.
pub type Bites = Rc<Cell<u64>>;

/// One session of the good server with a twist in front.
#[derive(Debug)]
pub struct Between {
    good: Good,
    edit: Option<Edit>,
    bites: Bites,
    memory: Memory,
    /// The start of a line whose end was not received.
    partial: Vec<u8>,
    /// What was received after STLS, before the handshake.
    early: Vec<u8>,
    output: Vec<u8>,
    hung_up: bool,
    ended: bool,
    inside_tls: bool,
}

/// The bytes of a command that may arrive without its line end. After more, the server hangs up.
const LONGEST: usize = 1 << 20;

impl Between {
    /// Begins a session. The greeting is the first output.
    #[must_use]
    pub fn new(good: Good, edit: Option<Edit>, bites: Bites) -> Self {
        let mut between = Between {
            good,
            edit,
            bites,
            memory: Memory::default(),
            partial: Vec::new(),
            early: Vec::new(),
            output: Vec::new(),
            hung_up: false,
            ended: false,
            inside_tls: false,
        };
        between.turn(Moment::Greeting, String::new(), b"");
        between
    }

    /// Receives bytes of the client.
    pub fn receive(&mut self, bytes: &[u8]) {
        if matches!(self.edit, Some(Edit::OnePiece)) && !bytes.ends_with(b"\n") {
            self.bites.set(self.bites.get() + 1);
            return;
        }
        self.partial.extend_from_slice(bytes);
        while let Some(end) = self.partial.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.partial.drain(..=end).collect();
            if self.is_closed() {
                return;
            }
            if self.good.wants_tls() {
                self.early.extend(line);
                continue;
            }
            let command = line.strip_suffix(b"\n").unwrap_or(&line);
            let command =
                String::from_utf8_lossy(command.strip_suffix(b"\r").unwrap_or(command)).into_owned();
            self.turn(Moment::Command, command, &line);
        }
        if self.partial.len() > LONGEST {
            self.partial.clear();
            self.hung_up = true;
            self.good.end();
        }
    }

    /// Receives the end of the stream.
    pub fn end(&mut self) {
        if !std::mem::replace(&mut self.ended, true) && !self.is_closed() {
            let partial = std::mem::take(&mut self.partial);
            self.turn(Moment::End, String::new(), &partial);
        }
    }

    /// The handshake is done.
    pub fn tls_started(&mut self) {
        self.inside_tls = true;
        let mut early = std::mem::take(&mut self.early);
        early.append(&mut self.partial);
        self.turn(Moment::Tls, String::new(), &early);
    }

    /// Returns whether the response to STLS was sent, and the handshake is next.
    #[must_use]
    pub const fn wants_tls(&self) -> bool {
        self.good.wants_tls()
    }

    /// Returns whether the handshake is done.
    #[must_use]
    pub const fn is_inside_tls(&self) -> bool {
        self.inside_tls
    }

    /// Returns whether nothing follows the output.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        self.hung_up || self.good.is_over()
    }

    /// Takes what is sent next: all of it, or a byte at a time under [`Edit::Drip`].
    pub fn take_output(&mut self) -> Vec<u8> {
        let count = match self.edit {
            Some(Edit::Drip) if self.output.len() > 1 => {
                self.bites.set(self.bites.get() + 1);
                1
            }
            _ => self.output.len(),
        };
        self.output.drain(..count).collect()
    }

    fn turn(&mut self, moment: Moment, command: String, line: &[u8]) {
        let command = if moment == Moment::Command { command } else { moment.name().to_owned() };
        let mut turn = Turn::new((moment, command), line, &mut self.good, &mut self.memory);
        turn.follows = !self.partial.is_empty();
        let done = turn.apply(self.edit);
        self.output.extend(done.output);
        self.bites.set(self.bites.get() + u64::from(done.bites));
        if done.hangs_up {
            self.hung_up = true;
            self.good.end();
        }
    }
}

/// The server under test of `prove`: a world with a twist, in memory.
#[derive(Debug)]
pub struct InMemory {
    pub world: World,
    pub twist: Option<Twist>,
    pub bites: Bites,
}

impl InMemory {
    /// A fresh world with this twist in front of its server.
    #[must_use]
    pub fn new(twist: Option<Twist>) -> Self {
        InMemory { world: World::new(), twist, bites: Bites::default() }
    }

    /// What the kit knows about this world: everything.
    #[must_use]
    pub fn facts() -> Facts {
        Facts {
            user: USER.to_owned(),
            password: PASSWORD.to_owned(),
            second: Some((SECOND_USER.to_owned(), SECOND_PASSWORD.to_owned())),
            bearer: Some(PASSWORD.to_owned()),
            stls: false,
            apop: false,
            given: Needs::MARKS
                .and(Needs::MANIFEST)
                .and(Needs::FILL)
                .and(Needs::FAILED_LOGINS)
                .and(Needs::SLOW)
                .and(Needs::SECOND_USER)
                .and(Needs::APOP)
                .and(Needs::BEARER)
                .and(Needs::CLEARTEXT),
            manifest: corpus::messages(),
        }
    }
}

impl Dial for InMemory {
    fn dial(&mut self) -> io::Result<Box<dyn Transport>> {
        let good = self.world.connect();
        Ok(Box::new(Between::new(good, self.twist.map(|twist| twist.edit), Rc::clone(&self.bites))))
    }

    fn pause(&mut self, _: u32) {}

    fn idle(&mut self, _: Duration) {}

    fn fill(&mut self) -> Result<(), String> {
        self.world.fill();
        Ok(())
    }
}

impl Transport for Between {
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.receive(bytes);
        Ok(())
    }

    fn receive(&mut self, into: &mut Vec<u8>) -> io::Result<usize> {
        let output = self.take_output();
        into.extend_from_slice(&output);
        match output.len() {
            0 if !self.is_closed() => Err(io::ErrorKind::TimedOut.into()),
            count => Ok(count),
        }
    }

    fn finish(&mut self) {
        self.end();
    }

    fn start_tls(mut self: Box<Self>) -> io::Result<Box<dyn Transport>> {
        if !self.wants_tls() {
            return Err(io::Error::other("the server does not begin TLS"));
        }
        self.tls_started();
        Ok(self)
    }
}
