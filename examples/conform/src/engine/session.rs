//! One connection to the server. It reads more than is legal, so that one fault of a server turns only one check red.

use super::log::{Heard, Kind, Log, Side, Tail, masked};
use super::{Dial, Transport};
use crate::check::{Finding, Why};
use std::cell::RefCell;
use std::io;
use std::rc::Rc;

/// Servers may hang up after more bad commands than this in one session.
pub const MOST_REFUSALS: u32 = 3;
/// The most bytes of one response.
const MOST_OCTETS: usize = 64 << 20;
/// How many bytes a line counts for apart from its own, because each is kept with its offset.
const LINE: usize = 64;

/// What sessions of one run share.
#[derive(Clone, Debug)]
pub struct Shared {
    pub log: Rc<RefCell<Log>>,
    /// What is masked.
    pub secrets: Rc<RefCell<Vec<Vec<u8>>>>,
    /// The most bytes of one response.
    pub most: usize,
}

impl Default for Shared {
    fn default() -> Self {
        Shared { log: Rc::default(), secrets: Rc::default(), most: MOST_OCTETS }
    }
}

/// The session has no response.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Stop {
    /// Nothing was received in time.
    Silent,
    /// The response to RETR or TOP began, and nothing more was received in time, after this number of octets of the message.
    Stalled {
        command: String,
        octets: u64,
    },
    /// The stream ended at this offset of what the server sent, after this number of refusals.
    Closed {
        session: usize,
        at: u64,
        refusals: u32,
    },
    Unreachable(String),
    /// The login was refused.
    Login,
    /// A fault of the kit.
    Kit(String),
}

impl From<Stop> for Finding {
    fn from(stop: Stop) -> Self {
        Finding::Open(match stop {
            Stop::Silent => Why::Silent,
            Stop::Stalled { command, octets } => Why::Stalled(command, octets),
            Stop::Closed { .. } => Why::Closed,
            Stop::Unreachable(error) => Why::Unreachable(error),
            Stop::Login => Why::Login,
            Stop::Kit(fault) => Why::Kit(fault),
        })
    }
}

/// How a response begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    /// `+OK`, in any letter case.
    Ok,
    /// `-ERR`, in any letter case.
    Err,
    /// `+ `: a challenge.
    Challenge,
    /// Something else.
    Other,
}

/// A response as it was received.
#[derive(Clone, Debug)]
pub struct Response {
    pub status: Status,
    pub line: Heard,
    /// The lines that follow, without the line of one dot.
    pub rows: Vec<Heard>,
}

impl Response {
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.status == Status::Ok
    }

    #[must_use]
    pub fn is_err(&self) -> bool {
        self.status == Status::Err
    }

    /// Returns the text after the status and its space.
    #[must_use]
    pub fn text(&self) -> String {
        let text = self.line.text();
        text.split_once(' ').map_or(String::new(), |(_, rest)| rest.to_owned())
    }

    /// Returns the message: each line ends in CR LF, and the dots that were added are removed.
    #[must_use]
    pub fn message(&self) -> Vec<u8> {
        let mut message = Vec::new();
        for row in &self.rows {
            message.extend_from_slice(row.bytes.strip_prefix(b".").unwrap_or(&row.bytes));
            message.extend_from_slice(match row.tail {
                Tail::CrLf => b"\r\n",
                _ => b"\n",
            });
        }
        message
    }
}

/// A session. It closes when it is dropped, and waits for the server's close, so that the maildrop is free.
pub struct Session {
    shared: Shared,
    id: usize,
    transport: Option<Box<dyn Transport>>,
    /// What was received, and where the unread part begins.
    buffer: Vec<u8>,
    read: usize,
    /// The offset of `buffer` in what the server sent.
    base: u64,
    /// The last bytes that were received, in which a secret may begin.
    tail: Vec<u8>,
    sent: u64,
    refusals: u32,
    /// What is in angle brackets in the greeting.
    timestamp: Option<String>,
    /// Shared by all sessions of a run: whether one is logged in.
    pub(crate) lock: Option<Rc<()>>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("id", &self.id)
            .field("refusals", &self.refusals)
            .finish_non_exhaustive()
    }
}

impl Session {
    /// Connects. The greeting is unread.
    ///
    /// # Errors
    /// Returns [`Stop::Unreachable`] if there is no connection.
    pub fn open(dial: &mut dyn Dial, shared: &Shared) -> Result<Session, Stop> {
        let transport = dial.dial().map_err(|error| Stop::Unreachable(error.to_string()))?;
        let mut log = shared.log.borrow_mut();
        log.sessions.push(super::log::Record::default());
        let id = log.sessions.len() - 1;
        drop(log);
        Ok(Session {
            shared: shared.clone(),
            id,
            transport: Some(transport),
            buffer: Vec::new(),
            read: 0,
            base: 0,
            tail: Vec::new(),
            sent: 0,
            refusals: 0,
            timestamp: None,
            lock: None,
        })
    }

    /// Returns the number of the session in the log.
    #[must_use]
    pub const fn id(&self) -> usize {
        self.id
    }

    /// Returns the offset of the next byte that the server sends.
    #[must_use]
    pub fn at(&self) -> u64 {
        self.base + self.read as u64
    }

    /// Returns the number of refusals so far.
    #[must_use]
    pub const fn refusals(&self) -> u32 {
        self.refusals
    }

    /// Sends a command and reads its response: more lines follow `+OK` if the command has them.
    ///
    /// # Errors
    /// Returns [`Stop`] if there is no complete response, or if it is one refusal too many for a session.
    pub fn ask(&mut self, command: &str) -> Result<Response, Stop> {
        self.send(command);
        self.response(command)
    }

    /// Sends a command and its line end, and reads nothing.
    pub fn send(&mut self, command: &str) {
        self.send_raw(format!("{command}\r\n").as_bytes());
    }

    /// Sends these bytes as they are. If the connection is broken, the next read reports it.
    pub fn send_raw(&mut self, bytes: &[u8]) {
        self.send_shown(bytes, bytes);
    }

    /// Sends bytes with a secret in them; the log shows `shown` in their place.
    pub fn send_shown(&mut self, bytes: &[u8], shown: &[u8]) {
        let at = self.sent;
        self.sent += bytes.len() as u64;
        self.record(|record, secrets| record.push(Side::Client, at, &masked(shown, secrets)));
        if let Some(transport) = &mut self.transport {
            // A server that has closed may still have sent something.
            let _ = transport.send(bytes);
        }
    }

    fn record(&self, add: impl FnOnce(&mut super::log::Record, &[Vec<u8>])) {
        if let Some(record) = self.shared.log.borrow_mut().sessions.get_mut(self.id) {
            add(record, &self.shared.secrets.borrow());
        }
    }

    /// Reads the greeting.
    ///
    /// # Errors
    /// Returns [`Stop`] if there is none.
    pub fn greeting(&mut self) -> Result<Response, Stop> {
        let line = self.line(Kind::Greeting, "")?;
        let text = line.text();
        let brackets = text.find('<').zip(text.rfind('>')).filter(|(start, end)| start < end);
        self.timestamp = brackets.map(|(start, end)| text[start..=end].to_owned());
        Ok(Response { status: status(&line.bytes), line, rows: Vec::new() })
    }

    /// Returns the timestamp of the greeting, with its angle brackets.
    #[must_use]
    pub fn timestamp(&self) -> Option<String> {
        self.timestamp.clone()
    }

    /// Reads the response to this command, which was sent before.
    ///
    /// # Errors
    /// Returns [`Stop`] if there is no complete response.
    pub fn response(&mut self, command: &str) -> Result<Response, Stop> {
        let (keyword, has_argument) = match command.split_once(' ') {
            Some((keyword, _)) => (keyword.to_ascii_uppercase(), true),
            None => (command.to_ascii_uppercase(), false),
        };
        let mut line = self.line(Kind::Status, &keyword)?;
        let status = status(&line.bytes);
        if status == Status::Challenge {
            line.kind = Kind::Challenge;
        }
        let kind = match keyword.as_str() {
            "RETR" | "TOP" => Some(Kind::Body),
            "CAPA" => Some(Kind::Row),
            "LIST" | "UIDL" | "AUTH" | "LANG" if !has_argument => Some(Kind::Row),
            _ => None,
        };
        if status == Status::Err {
            self.refusals += 1;
        }
        self.remember(line.clone());
        if self.refusals > MOST_REFUSALS {
            return Err(Stop::Kit(format!("{command:?} is refusal {} of one session", self.refusals)));
        }
        let mut rows = Vec::new();
        if let Some(kind) = kind.filter(|_| status == Status::Ok) {
            let (start, most) = (self.at(), self.shared.most);
            loop {
                if (self.at() - start) as usize + rows.len() * LINE > most {
                    return Err(Stop::Kit(format!("a response of more than {most} octets")));
                }
                match self.row(kind, &keyword, line.tail) {
                    Ok(Some(row)) => rows.push(row),
                    Ok(None) => break,
                    Err(Stop::Silent) if kind == Kind::Body => {
                        let octets = self.at() - start + self.unread().len() as u64;
                        return Err(Stop::Stalled { command: command.to_owned(), octets });
                    }
                    Err(stop) => return Err(stop),
                }
            }
        }
        Ok(Response { status, line, rows })
    }

    /// Reads a row; `None` is the end. LF ends the last line only if the status line ended so.
    fn row(&mut self, kind: Kind, keyword: &str, tail: Tail) -> Result<Option<Heard>, Stop> {
        let mut row = self.line(kind, keyword)?;
        if row.bytes == b"." && (row.tail == Tail::CrLf || tail == Tail::Lf) {
            row.kind = Kind::End;
        }
        self.remember(row.clone());
        Ok((row.kind != Kind::End).then_some(row))
    }

    fn remember(&self, line: Heard) {
        self.record(|record, _| record.lines.push(line));
    }

    /// Reads a line up to its LF. The greeting is remembered here, the others once it is known what they are.
    fn line(&mut self, kind: Kind, keyword: &str) -> Result<Heard, Stop> {
        let most = self.shared.most;
        let mut searched = self.read;
        let end = loop {
            let found = self.buffer[searched..].iter().position(|byte| *byte == b'\n');
            let end = found.map_or(self.buffer.len(), |found| searched + found + 1);
            if end - self.read > most {
                return Err(Stop::Kit(format!("a line of more than {most} octets")));
            }
            if found.is_some() {
                break end;
            }
            let dropped = self.receive()?;
            searched = end - dropped;
        };
        let whole = &self.buffer[self.read..end];
        let (bytes, tail) = match whole.strip_suffix(b"\r\n") {
            Some(bytes) => (bytes, Tail::CrLf),
            None => (whole.strip_suffix(b"\n").unwrap_or(whole), Tail::Lf),
        };
        let line = Heard {
            session: self.id,
            kind,
            command: keyword.to_owned(),
            bytes: bytes.to_vec(),
            tail,
            at: self.at(),
        };
        self.read = end;
        if kind == Kind::Greeting {
            self.remember(line.clone());
        }
        Ok(line)
    }

    /// Waits for more, and returns by how many bytes the buffer moved.
    fn receive(&mut self) -> Result<usize, Stop> {
        let moved = self.read;
        self.base += moved as u64;
        self.buffer.drain(..moved);
        self.read = 0;
        let before = self.buffer.len();
        let closed =
            Stop::Closed { session: self.id, at: self.base + before as u64, refusals: self.refusals };
        let Some(transport) = &mut self.transport else { return Err(closed) };
        match transport.receive(&mut self.buffer) {
            Ok(0) => {
                self.record(|record, _| record.event("the server closes"));
                self.transport = None;
                Err(closed)
            }
            Ok(_) => {
                self.record_received(before);
                Ok(moved)
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock) => {
                self.record(|record, _| record.event("nothing is received in time"));
                Err(Stop::Silent)
            }
            Err(_) => {
                self.record(|record, _| record.event("the connection breaks"));
                self.transport = None;
                Err(closed)
            }
        }
    }

    /// Records what was received after the first `before` bytes of the buffer.
    fn record_received(&mut self, before: usize) {
        let mut tail = std::mem::take(&mut self.tail);
        let bytes = &self.buffer[before..];
        let at = self.base + before as u64;
        let start = at - tail.len() as u64;
        tail.extend_from_slice(bytes);
        let mut longest = 0;
        self.record(|record, secrets| {
            record.push(Side::Server, at, bytes);
            record.mask(start, &tail, secrets);
            longest = secrets.iter().map(Vec::len).max().unwrap_or(0);
        });
        tail.drain(..tail.len().saturating_sub(longest));
        self.tail = tail;
    }

    /// Returns what was received and not read, without waiting.
    #[must_use]
    pub fn unread(&self) -> &[u8] {
        &self.buffer[self.read..]
    }

    /// Ends what this side sends, and waits for the server's close. Returns what the server still sent. The kit may wait for a close.
    ///
    /// # Errors
    /// Returns [`Stop::Silent`] if the server does not close in time.
    pub fn finish(&mut self) -> Result<Vec<u8>, Stop> {
        if let Some(transport) = &mut self.transport {
            transport.finish();
        }
        self.until_close()
    }

    /// Waits for the server's close. Returns what it still sent.
    ///
    /// # Errors
    /// Returns [`Stop::Silent`] if the server does not close in time.
    pub fn until_close(&mut self) -> Result<Vec<u8>, Stop> {
        let most = self.shared.most;
        loop {
            if self.unread().len() > most {
                return Err(Stop::Kit(format!("more than {most} octets before the close")));
            }
            match self.receive() {
                Ok(_) => {}
                Err(Stop::Closed { .. }) => {
                    let rest = self.buffer.split_off(self.read);
                    self.base += rest.len() as u64;
                    return Ok(rest);
                }
                Err(stop) => return Err(stop),
            }
        }
    }

    /// Does the handshake after the response to STLS.
    ///
    /// # Errors
    /// Returns [`Stop::Unreachable`] if it fails.
    pub fn start_tls(&mut self) -> Result<(), Stop> {
        let Some(transport) = self.transport.take() else {
            return Err(Stop::Closed { session: self.id, at: self.at(), refusals: self.refusals });
        };
        let inside = transport.start_tls().map_err(|error| Stop::Unreachable(format!("TLS: {error}")))?;
        self.transport = Some(inside);
        self.record(|record, _| record.event("TLS begins"));
        Ok(())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.finish();
    }
}

fn status(line: &[u8]) -> Status {
    let word = line.split(|byte| *byte == b' ').next().unwrap_or_default();
    match word {
        word if word.eq_ignore_ascii_case(b"+OK") => Status::Ok,
        word if word.eq_ignore_ascii_case(b"-ERR") => Status::Err,
        b"+" => Status::Challenge,
        _ => Status::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::log::Piece;
    use std::collections::VecDeque;
    use std::time::Duration;

    /// A server that sends these pieces, without reading. An empty one means that nothing arrives in time.
    struct Pieces(VecDeque<&'static [u8]>);

    impl Transport for Pieces {
        fn send(&mut self, _: &[u8]) -> io::Result<()> {
            Ok(())
        }

        fn receive(&mut self, into: &mut Vec<u8>) -> io::Result<usize> {
            let Some(piece) = self.0.pop_front() else { return Ok(0) };
            into.extend_from_slice(piece);
            if piece.is_empty() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(piece.len()) }
        }

        fn finish(&mut self) {}

        fn start_tls(self: Box<Self>) -> io::Result<Box<dyn Transport>> {
            Ok(self)
        }
    }

    impl Dial for Pieces {
        fn dial(&mut self) -> io::Result<Box<dyn Transport>> {
            Ok(Box::new(Pieces(std::mem::take(&mut self.0))))
        }

        fn pause(&mut self, _: u32) {}

        fn idle(&mut self, _: Duration) {}

        fn fill(&mut self) -> Result<(), String> {
            Ok(())
        }
    }

    fn session(most: usize, pieces: &[&'static [u8]]) -> (Session, Shared) {
        let secrets = ["tanstaaf", "tanstaaf2", "ananan"].map(|secret| secret.as_bytes().to_vec());
        let shared = Shared { secrets: Rc::new(RefCell::new(secrets.into())), most, ..Shared::default() };
        (Session::open(&mut Pieces(pieces.iter().copied().collect()), &shared).unwrap(), shared)
    }

    fn each(bytes: &'static [u8]) -> Vec<&'static [u8]> {
        bytes.chunks(1).collect()
    }

    #[test]
    fn a_secret_is_masked_however_it_arrives() {
        const LINE: &[u8] = b"-ERR no tanstaaf, tanstaaf2, anananan\r\n";
        for pieces in [vec![LINE], each(LINE), vec![&LINE[..11], b"", &LINE[11..]]] {
            let (mut session, shared) = session(1000, &pieces);
            while matches!(session.ask("NOOP"), Err(Stop::Silent)) {}
            let log = shared.log.borrow();
            let server = log.sessions[0].pieces.iter().filter(|piece| piece.side == Side::Server);
            let shown: Vec<u8> = server.flat_map(|Piece { bytes, .. }| bytes.clone()).collect();
            assert_eq!(shown, b"-ERR no ********, *********, ********\r\n", "{}", pieces.len());
        }
    }

    #[test]
    fn a_response_is_limited_however_it_arrives() {
        const ROWS: &[u8] = b"+OK\r\n1 1\r\n2 2\r\n3 3\r\n4 4\r\n.\r\n";
        const LONG: &[u8] = b"+OK 0123456789\r\n";
        for pieces in [vec![ROWS], each(ROWS)] {
            let (mut session, _) = session(15 + 3 * LINE, &pieces);
            assert_eq!(
                session.ask("LIST").unwrap_err(),
                Stop::Kit("a response of more than 207 octets".into())
            );
        }
        for pieces in [vec![LONG], each(LONG)] {
            let (mut fits, _) = session(LONG.len(), &pieces);
            assert!(fits.ask("NOOP").is_ok());
            let (mut short, _) = session(LONG.len() - 1, &pieces);
            assert_eq!(short.ask("NOOP").unwrap_err(), Stop::Kit("a line of more than 15 octets".into()));
            let (mut short, _) = session(LONG.len() - 1, &pieces);
            let more = Stop::Kit("more than 15 octets before the close".into());
            assert_eq!(short.until_close(), Err(more));
        }
    }

    #[test]
    fn offsets_stay_right_after_the_close() {
        let (mut session, _) = session(1000, &[b"+OK ready\r\nhalf"]);
        session.greeting().unwrap();
        assert_eq!(session.until_close(), Ok(b"half".to_vec()));
        let closed = Stop::Closed { session: 0, at: 15, refusals: 0 };
        assert_eq!(session.ask("NOOP").unwrap_err(), closed);
    }
}
