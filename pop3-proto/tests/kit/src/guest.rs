use crate::memory::{crowd, uncrowd};
use crate::{Memory, words};
use pop3_proto::client::{Client, ClientConfig, Event, SaslDone, SaslStep, SendError, StartTls, Ticket};
use pop3_proto::{Base64, ClientConnection, Command, ConnectionError, Quirks};
use std::time::Duration;

/// A client, and the tokens that it gave out last.
pub struct Guest {
    pub pop3: ClientConnection<Memory, Memory>,
    pub step: Option<SaslStep>,
    pub done: Option<SaslDone>,
    pub start: Option<StartTls>,
    /// The number of bytes received.
    received: usize,
    now: Duration,
}

/// More bytes than a test sends at once. Each session clears this memory, so it costs time.
pub(crate) const ROOM: usize = 3 << 16;

/// The events of a client.
#[derive(Debug)]
pub enum Heard {
    /// In [`words`].
    Event(String),
    Body(Vec<u8>),
    Fatal(ConnectionError),
}

impl Guest {
    /// Returns a guest before the greeting.
    pub fn new(config: impl Into<ClientConfig>) -> Self {
        Guest::sized(config, Memory::growing(16 * 1024))
    }

    /// Returns a guest before the greeting, with this memory for sending.
    pub fn sized(config: impl Into<ClientConfig>, memory: Memory) -> Self {
        Guest::over(config, Memory::at_once(ROOM), memory)
    }

    /// Returns a guest before the greeting, with this memory for receiving and for sending.
    pub fn over(config: impl Into<ClientConfig>, recv: Memory, send: Memory) -> Self {
        let pop3 = ClientConnection::with_buffers(config.into(), 1, recv, send).unwrap();
        Guest { pop3, step: None, done: None, start: None, received: 0, now: Duration::ZERO }
    }

    /// Returns a guest in AUTHORIZATION, with a timestamp for APOP.
    pub fn greeted(config: impl Into<ClientConfig>) -> Self {
        let mut guest = Guest::new(config);
        guest.hear("+OK ready <1896.697170952@dbc.mtview.ca.us>\r\n");
        guest
    }

    /// Returns a guest in AUTHORIZATION, after a response to CAPA with these rows.
    pub fn listed(config: impl Into<ClientConfig>, rows: &[&str]) -> Self {
        let mut guest = Guest::greeted(config);
        guest.lists(rows);
        guest
    }

    /// Returns a guest in TRANSACTION.
    pub fn opened(config: impl Into<ClientConfig>) -> Self {
        let mut guest = Guest::greeted(config);
        guest.log_in();
        guest
    }

    pub fn log_in(&mut self) {
        self.ask("USER mrose", "+OK\r\n");
        assert_eq!(self.ask("PASS tanstaaf", "+OK open\r\n"), ["PASS ok open"]);
    }

    /// Sends CAPA and receives these rows.
    pub fn lists(&mut self, rows: &[&str]) {
        let rows: String = rows.iter().map(|row| format!("{row}\r\n")).collect();
        self.ask("CAPA", format!("+OK\r\n{rows}.\r\n"));
    }

    /// Sends STLS and completes the handshake.
    pub fn start_tls(&mut self) {
        assert_eq!(self.ask("STLS", "+OK begin TLS\r\n"), ["start TLS"]);
        self.handshake();
    }

    /// Reports that the handshake succeeded.
    pub fn handshake(&mut self) {
        self.pop3.tls_started(self.start.take().unwrap()).unwrap();
    }

    /// Agrees that AUTH succeeded.
    pub fn verify(&mut self) {
        self.pop3.sender().verified(self.done.take().unwrap()).unwrap();
    }

    /// Sends the command of this line.
    pub fn send(&mut self, line: impl AsRef<[u8]>) -> Result<Ticket, SendError> {
        self.pop3.sender().send(Command::parse(line.as_ref()).unwrap())
    }

    /// Answers the last challenge; `*` cancels.
    pub fn respond(&mut self, response: impl AsRef<[u8]>) {
        let step = self.step.take().unwrap();
        match response.as_ref() {
            b"*" => self.pop3.sender().cancel(step).unwrap(),
            response => self.pop3.sender().respond(step, Base64::new(response).unwrap()).unwrap(),
        }
    }

    /// Sends the command of this line, or answers the open challenge, and returns the bytes sent.
    pub fn say(&mut self, line: impl AsRef<[u8]>) -> Result<String, SendError> {
        self.sent();
        match self.step {
            Some(_) => self.respond(line),
            None => self.send(line).map(drop)?,
        }
        Ok(self.sent())
    }

    /// Runs rounds: the client's line, the server's response, and the client's events.
    pub fn talk(&mut self, rounds: &[(&str, &str, &str)]) {
        for (line, response, heard) in rounds {
            assert_eq!(self.say(line), Ok(format!("{line}\r\n")));
            assert_eq!(self.hear(response).join("; "), *heard, "{line}: {response}");
        }
    }

    /// Returns the bytes sent since the last call.
    pub fn sent(&mut self) -> String {
        let sent = String::from_utf8_lossy(self.pop3.send_buf().pending()).into_owned();
        self.pop3.send_buf().clear();
        sent
    }

    /// Sends the command of this line and receives the response.
    pub fn ask(&mut self, line: impl AsRef<[u8]>, response: impl AsRef<[u8]>) -> Vec<String> {
        self.send(line).unwrap();
        self.pop3.send_buf().clear();
        self.hear(response)
    }

    /// Returns the events for these bytes of the server, in words.
    pub fn hear(&mut self, bytes: impl AsRef<[u8]>) -> Vec<String> {
        self.receive(bytes.as_ref());
        self.events()
    }

    /// Does the same, and the stream ends after these bytes.
    pub fn last(&mut self, bytes: impl AsRef<[u8]>) -> Vec<String> {
        self.receive(bytes.as_ref());
        self.end();
        self.events()
    }

    /// Returns how many bytes it can receive at once.
    pub fn room(&mut self) -> usize {
        self.pop3.recv_buf().spare_mut().len()
    }

    pub fn receive(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.pop3.recv_buf().spare_mut()[..bytes.len()].copy_from_slice(bytes);
            self.pop3.recv_buf().received(bytes.len());
            self.received += bytes.len();
        }
    }

    /// Returns how many bytes of the stream were read.
    pub fn consumed(&mut self) -> usize {
        self.received - self.unread().len()
    }

    /// Tries to send this line without any room, which fails.
    pub fn send_crowded(&mut self, line: impl AsRef<[u8]>) -> Result<Ticket, SendError> {
        let pending = crowd(self.pop3.send_buf());
        let sent = self.send(line);
        uncrowd(self.pop3.send_buf(), &pending);
        sent
    }

    pub fn end(&mut self) {
        self.pop3.recv_buf().received_eof();
    }

    /// Returns all events that are available now, with adjacent slices of a message joined.
    pub fn events(&mut self) -> Vec<String> {
        let (mut events, mut body) = (Vec::new(), Vec::new());
        loop {
            let heard = self.poll();
            if let Some(Heard::Body(bytes)) = heard {
                body.extend(bytes);
                continue;
            }
            if !body.is_empty() {
                events.push(words::body(&std::mem::take(&mut body)));
            }
            match heard {
                Some(Heard::Event(words)) => events.push(words),
                Some(Heard::Fatal(fatal)) => {
                    events.push(format!("fatal {fatal:?}"));
                    return events;
                }
                Some(Heard::Body(_)) | None => return events,
            }
        }
    }

    /// Returns the next event, and checks everything that is true of each event.
    pub fn poll(&mut self) -> Option<Heard> {
        self.take(words::event)
    }

    /// Does the same, and passes the event to `tell`.
    pub fn take(&mut self, tell: impl FnOnce(&Event<'_>) -> String) -> Option<Heard> {
        let over = self.pop3.is_closed();
        let ready = self.pop3.is_ready();
        assert_eq!(self.pop3.is_ready(), ready, "asking changes nothing");
        let (before, range) = (self.unread().len(), self.unread().as_ptr_range());
        let Guest { pop3, step, done, start, .. } = self;
        let polled = pop3.poll().map(|polled| polled.map(|(event, _)| event));
        assert!(over || ready != matches!(polled, Ok(None)), "is_ready and poll disagree");
        let heard = match polled {
            Ok(None) => None,
            Err(fatal) => Some(Heard::Fatal(fatal)),
            Ok(Some(Event::Body(_, bytes))) => {
                assert!(!bytes.is_empty() && (range.contains(&bytes.as_ptr()) || bytes == b"\r"), "a copy");
                Some(Heard::Body(bytes.to_vec()))
            }
            Ok(Some(event)) => {
                let words = tell(&event);
                match event {
                    Event::Challenge(token, _) | Event::MalformedChallenge(token, _) => *step = Some(token),
                    Event::AuthAccepted(token, _) => *done = Some(token),
                    Event::StartTls(token) => *start = Some(token),
                    _ => {}
                }
                Some(Heard::Event(words))
            }
        };
        match heard {
            Some(Heard::Fatal(fatal)) => self.check_fatal(fatal),
            None => self.check_idle(before),
            _ => {}
        }
        heard
    }

    /// Returns the bytes that were received and not read.
    pub fn unread(&mut self) -> &[u8] {
        self.pop3.recv_buf().unread()
    }

    fn check_fatal(&mut self, fatal: ConnectionError) {
        assert_eq!(self.pop3.poll().unwrap_err(), fatal, "an error stays");
        assert_eq!(self.pop3.tick(Duration::ZERO), Err(fatal));
        assert_eq!(self.pop3.sender().send(Command::Quit), Err(SendError::Over));
    }

    fn check_idle(&mut self, before: usize) {
        let unread = self.unread().len();
        assert_eq!(unread, before, "bytes were read, and there is no event: {:?}", self.pop3);
        let fits = unread < self.client().min_recv_buf() || self.pop3.is_closed();
        assert!(fits, "a buffer of the smallest size would fill up: {:?}", self.pop3);
    }

    pub const fn client(&self) -> &Client {
        self.pop3.client()
    }

    pub fn quirks(&self) -> Quirks {
        self.client().quirks()
    }

    /// Lets this many seconds pass, and returns the name of the timer that ran out, if any.
    pub fn wait(&mut self, seconds: u64) -> String {
        self.pop3.tick(self.now).unwrap();
        self.now += Duration::from_secs(seconds);
        match self.pop3.tick(self.now) {
            Ok(_) => String::new(),
            Err(fatal) => format!("{fatal:?}"),
        }
    }
}
