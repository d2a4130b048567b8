use crate::app::Then;
use crate::guest::ROOM;
use crate::memory::{crowd, uncrowd};
use crate::{App, Cuts, Infos, Memory};
use pop3_proto::server::{CloseReason, Maildrop, Server, ServerConfig, StartTls};
use pop3_proto::{AnswerError, ConnectionError, MessageNumber, ServerConnection};
use std::ops::{Deref, DerefMut};

/// A server and its application, whose fields are also the host's.
pub struct Host<M: Maildrop = Infos> {
    pub pop3: ServerConnection<M, Memory, Memory, ServerConfig<'static>>,
    config: ServerConfig<'static>,
    pub app: App,
    /// The maildrop until the login. `prepare` then gets it, with `true` in UTF-8 mode.
    maildrop: Option<M>,
    pub prepare: fn(&mut M, bool),
    /// The number of bytes that are sent at once.
    pub drain: usize,
    /// Leaves the handshake to the test.
    pub holds_tls: bool,
    handshake: Option<StartTls>,
    /// Slices of a message, to send after the pending bytes.
    lent: Vec<u8>,
    /// The number of bytes received.
    received: usize,
    pub end: Option<Result<CloseReason, ConnectionError>>,
}

impl Host {
    pub fn new(config: ServerConfig<'static>, messages: &[impl AsRef<[u8]>]) -> Self {
        Host::with_app(config, App::of(messages))
    }

    /// Returns a host with three messages of 120, 200 and 5 octets.
    pub fn three(config: ServerConfig<'static>) -> Self {
        Host::new(config, &[[b'x'; 118].as_slice(), &[b'y'; 198], b"abc"])
    }

    pub fn with_app(config: ServerConfig<'static>, app: App) -> Self {
        let maildrop = app.maildrop();
        Host::opening(config, app, maildrop)
    }

    /// Runs a host that reads `wire` and then the end of the stream. Returns its questions, its output, how it ended,
    /// and the removed messages.
    pub fn alone(config: ServerConfig<'static>, app: &App, wire: &[u8], cuts: Cuts, memory: Memory) -> Alone {
        let mut host = Host::with_app(config, app.clone()).tight(memory);
        let output = host.read(wire, &[], cuts);
        (host.app.asked, output, host.end.unwrap(), host.app.removed)
    }
}

type Alone = (Vec<String>, Vec<u8>, Result<CloseReason, ConnectionError>, Vec<u32>);

impl<M: Maildrop> Host<M> {
    /// Returns a host over this maildrop, whose messages have these texts.
    pub fn over(config: ServerConfig<'static>, maildrop: M, messages: &[impl AsRef<[u8]>]) -> Self {
        Host::opening(config, App::of(messages), maildrop)
    }

    /// Returns a host over this maildrop.
    pub fn opening(config: ServerConfig<'static>, app: App, maildrop: M) -> Self {
        Host {
            pop3: connection(config, Memory::at_once(ROOM), Memory::growing(4096.max(config.min_send_buf()))),
            config,
            app,
            maildrop: Some(maildrop),
            prepare: |_, _| {},
            drain: usize::MAX,
            holds_tls: false,
            handshake: None,
            lent: Vec::new(),
            received: 0,
            end: None,
        }
    }

    /// Uses this memory for sending.
    pub fn sized(self, memory: Memory) -> Self {
        Host { pop3: connection(self.config, Memory::at_once(ROOM), memory), ..self }
    }

    /// Does the same, with the smallest possible memory for receiving.
    pub fn tight(self, memory: Memory) -> Self {
        let recv = Memory::fixed(self.config.min_recv_buf());
        Host { pop3: connection(self.config, recv, memory), ..self }
    }

    /// Reads `wire` and then the end of the stream, and returns the output. `walls` are places in the wire with a TLS
    /// handshake; the stream ends at a place where the server does not expect a handshake.
    pub fn read(&mut self, wire: &[u8], walls: &[usize], mut cuts: Cuts) -> Vec<u8> {
        self.holds_tls |= !walls.is_empty();
        let (mut at, mut walls) = (0, walls.iter());
        let mut wall = walls.next();
        let mut output = self.exchange(b"", false);
        while self.end.is_none() {
            let end = *wall.unwrap_or(&wire.len());
            if at == end && wall.is_some() && self.awaits_tls() {
                self.tls_started().unwrap();
                wall = walls.next();
                output.extend(self.exchange(b"", false));
                continue;
            }
            let count = cuts.next(at, end - at).min(self.room());
            let chunk = &wire[at..at + count];
            at += count;
            // The end of the stream is seen with the last bytes, or after them.
            let ends = at == end && (count == 0 || (wall.is_none() && count % 2 == 0));
            output.extend(self.exchange(chunk, ends));
            if count == 0 && self.end.is_none() {
                assert!(self.awaits_tls(), "the session did not end with the stream: {:?}", self.pop3);
                self.pop3.close();
            }
        }
        output
    }

    /// Logs the client in.
    pub fn login(mut self) -> Self {
        assert!(self.say("USER mrose\r\nPASS tanstaaf\r\n").ends_with("+OK maildrop open\r\n"));
        self.asked.clear();
        self
    }

    /// Returns the answers of the server to these bytes.
    pub fn say(&mut self, bytes: impl AsRef<[u8]>) -> String {
        String::from_utf8(self.exchange(bytes.as_ref(), false)).unwrap()
    }

    /// Does the same, and the stream ends after these bytes.
    pub fn last(&mut self, bytes: impl AsRef<[u8]>) -> String {
        String::from_utf8(self.exchange(bytes.as_ref(), true)).unwrap()
    }

    /// Returns the rows of the response to a command.
    pub fn lists(&mut self, command: &str) -> Vec<String> {
        let response = self.say(format!("{command}\r\n"));
        let rows = response.strip_suffix("\r\n.\r\n").unwrap_or_else(|| panic!("{command}: {response}"));
        let mut lines = rows.split("\r\n").map(String::from);
        assert!(lines.next().unwrap().starts_with("+OK"));
        lines.collect()
    }

    /// Returns the bytes that the server sends after these bytes, and after the end of the stream if they are the
    /// `last`.
    pub fn exchange(&mut self, bytes: &[u8], last: bool) -> Vec<u8> {
        self.receive(bytes);
        if last {
            self.end_stream();
        }
        let mut output = Vec::new();
        loop {
            self.run();
            let count = self.outgoing().len().min(self.drain);
            if count == 0 {
                return output;
            }
            output.extend_from_slice(&self.outgoing()[..count]);
            self.sent(count);
        }
    }

    pub fn receive(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.pop3.recv_buf().spare_mut()[..bytes.len()].copy_from_slice(bytes);
            self.pop3.recv_buf().received(bytes.len());
            self.received += bytes.len();
        }
    }

    /// Returns how many bytes it can receive at once.
    pub fn room(&mut self) -> usize {
        self.pop3.recv_buf().spare_mut().len()
    }

    /// Returns how many bytes of the stream were read.
    pub fn consumed(&mut self) -> usize {
        self.received - self.unread().len()
    }

    pub fn end_stream(&mut self) {
        self.pop3.recv_buf().received_eof();
    }

    /// Returns the bytes to send next.
    pub fn outgoing(&mut self) -> &[u8] {
        if self.pop3.wants_write() { self.pop3.send_buf().pending() } else { &self.lent }
    }

    pub fn sent(&mut self, count: usize) {
        if self.pop3.wants_write() {
            self.pop3.send_buf().sent(count);
        } else {
            let count = count.min(self.lent.len());
            self.lent.drain(..count);
            self.pop3.responder().body_sent(count);
        }
    }

    /// Returns whether the handshake must follow once the response to STLS is sent.
    pub const fn awaits_tls(&self) -> bool {
        self.handshake.is_some()
    }

    /// Reports that the handshake succeeded.
    pub fn tls_started(&mut self) -> Result<(), AnswerError> {
        self.pop3.tls_started(self.handshake.take().unwrap())
    }

    /// Continues until it needs the client or the test.
    pub fn run(&mut self) {
        while self.end.is_none() && self.lent.is_empty() {
            if self.handshake.is_some() && !self.holds_tls {
                // It begins once the response to STLS is sent.
                if self.pop3.wants_write() {
                    return;
                }
                self.tls_started().unwrap();
            }
            let ready = self.pop3.is_ready();
            // At first an answer finds no room. The same question is then asked again (law 4).
            let crowded = (ready && self.app.is_new()).then(|| crowd(self.pop3.send_buf()));
            let mut waits = false;
            match self.pop3.poll() {
                Ok(Some((event, mut responder))) => {
                    assert!(ready, "is_ready and poll disagree");
                    let mut open = |utf8| {
                        let mut maildrop = self.maildrop.take().unwrap();
                        (self.prepare)(&mut maildrop, utf8);
                        maildrop
                    };
                    match self.app.answer(event, &mut responder, &mut open) {
                        Then::GoOn => {}
                        Then::Lent(slices) => self.lent = slices,
                        Then::StartTls(start) => self.handshake = Some(start),
                        Then::Closed(why) => self.end_with(Ok(why)),
                        Then::Room => waits = crowded.is_none(),
                    }
                }
                Ok(None) => {
                    assert!(!ready, "is_ready and poll disagree");
                    return self.check_idle();
                }
                Err(fatal) => self.end_with(Err(fatal)),
            }
            if let Some(pending) = crowded {
                uncrowd(self.pop3.send_buf(), &pending);
            }
            if waits {
                return assert!(self.pop3.wants_write(), "an empty buffer has no room");
            }
        }
    }

    fn check_idle(&mut self) {
        let asked = self.handshake.is_some();
        assert_eq!(self.pop3.wants_answer(), asked, "every question was answered: {:?}", self.pop3);
        if self.pop3.wants_read() {
            let fits = self.unread().len() < self.server().min_recv_buf();
            assert!(fits && !self.pop3.recv_buf().is_eof(), "a buffer of the smallest size would fill up");
        } else {
            assert!(asked || self.pop3.wants_write(), "neither side can continue: {:?}", self.pop3);
        }
    }

    fn end_with(&mut self, end: Result<CloseReason, ConnectionError>) {
        self.end = Some(end);
        assert!(self.pop3.is_closed());
        assert_eq!(self.pop3.poll().map(|event| event.is_some()), end.map(|_| false), "the end stays");
    }

    /// Returns the bytes that were received and not read.
    pub fn unread(&mut self) -> &[u8] {
        self.pop3.recv_buf().unread()
    }

    pub const fn server(&self) -> &Server<M, ServerConfig<'static>> {
        self.pop3.server()
    }

    /// Returns the numbers of the messages that are marked.
    pub fn marked(&self) -> Vec<u32> {
        self.server().marked().map(MessageNumber::get).collect()
    }
}

fn connection<M: Maildrop>(
    config: ServerConfig<'static>,
    recv: Memory,
    send: Memory,
) -> ServerConnection<M, Memory, Memory, ServerConfig<'static>> {
    ServerConnection::with_buffers(config, 7, recv, send).unwrap()
}

impl<M: Maildrop> Deref for Host<M> {
    type Target = App;

    fn deref(&self) -> &App {
        &self.app
    }
}

impl<M: Maildrop> DerefMut for Host<M> {
    fn deref_mut(&mut self) -> &mut App {
        &mut self.app
    }
}
