use crate::app::Then;
use crate::{App, Cuts, Memory, Slots};
use pop3_proto::server::{CloseReason, Maildrop, Server, ServerConfig, StartTls};
use pop3_proto::{AnswerError, ConnectionError, MessageNumber, ServerConnection};
use std::ops::{Deref, DerefMut};

/// A server and its application, whose fields are the host's.
pub struct Host<M: Maildrop = Slots> {
    pub pop3: ServerConnection<M, Vec<u8>, Memory, ServerConfig<'static>>,
    config: ServerConfig<'static>,
    pub app: App,
    /// The maildrop until the login, and the argument that it gets then: whether the session is in UTF-8 mode.
    maildrop: Option<M>,
    pub prepare: fn(&mut M, bool),
    /// The bytes that are sent at once.
    pub drain: usize,
    /// Leaves the handshake to the test.
    pub holds_tls: bool,
    handshake: Option<StartTls>,
    /// Slices of a message, to send after what is pending.
    lent: Vec<u8>,
    pub end: Option<Result<CloseReason, ConnectionError>>,
}

impl Host {
    pub fn new(config: ServerConfig<'static>, messages: &[impl AsRef<[u8]>]) -> Self {
        Host::with_app(config, App::of(messages))
    }

    /// Three messages of 120, 200 and 5 octets.
    pub fn three(config: ServerConfig<'static>) -> Self {
        Host::new(config, &[[b'x'; 118].as_slice(), &[b'y'; 198], b"abc"])
    }

    pub fn with_app(config: ServerConfig<'static>, app: App) -> Self {
        let maildrop = app.maildrop();
        Host::opening(config, app, maildrop)
    }

    /// A host that reads `wire` and then the end of the stream: what it was asked, what it wrote, how it ended, what was
    /// removed.
    pub fn alone(
        config: ServerConfig<'static>,
        app: &App,
        wire: &[u8],
        mut cuts: Cuts,
        memory: Memory,
    ) -> Alone {
        let mut host = Host::with_app(config, app.clone()).sized(memory);
        let (mut at, mut output) = (0, host.exchange(b"", false));
        while host.end.is_none() {
            let count = cuts.next(at, wire.len() - at);
            output.extend(host.exchange(&wire[at..at + count], count == 0));
            at += count;
        }
        (host.app.asked, output, host.end.unwrap(), host.app.removed)
    }
}

type Alone = (Vec<String>, Vec<u8>, Result<CloseReason, ConnectionError>, Vec<u32>);

impl<M: Maildrop> Host<M> {
    /// Over this maildrop, of these messages.
    pub fn over(config: ServerConfig<'static>, maildrop: M, messages: &[impl AsRef<[u8]>]) -> Self {
        Host::opening(config, App::of(messages), maildrop)
    }

    /// Over this maildrop.
    pub fn opening(config: ServerConfig<'static>, app: App, maildrop: M) -> Self {
        Host {
            pop3: connection(config, Memory::growing(4096.max(config.min_send_buf()))),
            config,
            app,
            maildrop: Some(maildrop),
            prepare: |_, _| {},
            drain: usize::MAX,
            holds_tls: false,
            handshake: None,
            lent: Vec::new(),
            end: None,
        }
    }

    /// With this memory to send from.
    pub fn sized(self, memory: Memory) -> Self {
        Host { pop3: connection(self.config, memory), ..self }
    }

    /// The client has logged in.
    pub fn login(mut self) -> Self {
        assert!(self.say("USER mrose\r\nPASS tanstaaf\r\n").ends_with("+OK maildrop open\r\n"));
        self.asked.clear();
        self
    }

    /// What the server answers to these bytes.
    pub fn say(&mut self, bytes: impl AsRef<[u8]>) -> String {
        String::from_utf8(self.exchange(bytes.as_ref(), false)).unwrap()
    }

    /// The same; the stream ends after these bytes.
    pub fn last(&mut self, bytes: impl AsRef<[u8]>) -> String {
        String::from_utf8(self.exchange(bytes.as_ref(), true)).unwrap()
    }

    /// The rows of the response to a command.
    pub fn lists(&mut self, command: &str) -> Vec<String> {
        let response = self.say(format!("{command}\r\n"));
        let rows = response.strip_suffix("\r\n.\r\n").unwrap_or_else(|| panic!("{command}: {response}"));
        let mut lines = rows.split("\r\n").map(String::from);
        assert!(lines.next().unwrap().starts_with("+OK"));
        lines.collect()
    }

    /// What the server sends after these bytes, and after the end of the stream if it is the `last` of it.
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
        self.pop3.recv_buf().append(bytes);
    }

    pub fn end_stream(&mut self) {
        self.pop3.recv_buf().received_eof();
    }

    /// What goes out next.
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

    /// Whether the response to STLS is on its way, and the handshake follows.
    pub const fn awaits_tls(&self) -> bool {
        self.handshake.is_some()
    }

    /// Has done the handshake.
    pub fn tls_started(&mut self) -> Result<(), AnswerError> {
        self.pop3.tls_started(self.handshake.take().unwrap())
    }

    /// Goes on until somebody else is needed.
    pub fn run(&mut self) {
        while self.end.is_none() && self.lent.is_empty() {
            if self.handshake.is_some() && !self.holds_tls {
                // It begins when the response to STLS was sent.
                if self.pop3.wants_write() {
                    return;
                }
                self.tls_started().unwrap();
            }
            let ready = self.pop3.is_ready();
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
                    }
                }
                Ok(None) => {
                    assert!(!ready, "is_ready and poll disagree");
                    return self.check_idle();
                }
                Err(fatal) => self.end_with(Err(fatal)),
            }
        }
    }

    fn check_idle(&mut self) {
        let asked = self.handshake.is_some();
        assert_eq!(self.pop3.wants_answer(), asked, "every question was answered: {:?}", self.pop3);
        if self.pop3.wants_read() {
            let fits = self.unread().len() < self.server().min_recv_buf();
            assert!(fits && !self.pop3.recv_buf().is_eof(), "a buffer of the least size would fill up");
        } else {
            assert!(asked || self.pop3.wants_write(), "nothing can go on: {:?}", self.pop3);
        }
    }

    fn end_with(&mut self, end: Result<CloseReason, ConnectionError>) {
        self.end = Some(end);
        assert!(self.pop3.is_closed());
        assert_eq!(self.pop3.poll().map(|event| event.is_some()), end.map(|_| false), "the end stays");
    }

    /// What was received and not read.
    pub fn unread(&mut self) -> &[u8] {
        self.pop3.recv_buf().unread()
    }

    pub const fn server(&self) -> &Server<M, ServerConfig<'static>> {
        self.pop3.server()
    }

    /// The numbers of the messages that are marked.
    pub fn marked(&self) -> Vec<u32> {
        self.server().marked().map(MessageNumber::get).collect()
    }
}

fn connection<M: Maildrop>(
    config: ServerConfig<'static>,
    memory: Memory,
) -> ServerConnection<M, Vec<u8>, Memory, ServerConfig<'static>> {
    ServerConnection::with_buffers(config, 7, Vec::new(), memory).unwrap()
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
