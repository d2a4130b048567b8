//! A client connection over any stream, next to a client whose buffers are plain vectors.

use crate::client::{config, line};
use crate::stream::{self, Due, Pending, Received, Room};
use crate::wire::{Letters, Parts, input};
use pop3_proto::client::{Client, ClientConfig, Event, SaslDone, SaslStep, SendError, StartTls};
use pop3_proto::{
    AnswerError, Base64, ClientConnection, Command, ConnectionError, Input, MIN_SEND_BUF, Sink as _,
    Unanswered,
};
use pop3_proto_kit::words;
use std::time::Duration;

/// Runs on a first line of calls, then the bytes of the server.
pub fn run(data: &[u8]) {
    let parts = Parts::of(data);
    let mut both = Both::new(&parts);
    for (letter, digit) in Letters(parts.letters) {
        both.call(letter, digit);
        both.compare();
    }
    both.finish();
}

/// The tokens that one of the two holds.
#[derive(Default)]
struct Tokens {
    step: Option<SaslStep>,
    done: Option<SaslDone>,
    start: Option<StartTls>,
}

impl Tokens {
    /// Keeps the token of an event.
    fn keep(&mut self, event: Event<'_>) {
        match event {
            Event::Challenge(step, _) | Event::MalformedChallenge(step, _) => self.step = Some(step),
            Event::AuthAccepted(done, _) => self.done = Some(done),
            Event::StartTls(start) => self.start = Some(start),
            _ => {}
        }
    }
}

/// A client without a connection.
struct Simple {
    client: Client,
    unread: Vec<u8>,
    eof: bool,
    pending: Pending,
    tokens: Tokens,
    /// The last challenge, in words.
    challenge: String,
    /// Whether the answer to the challenge failed, so the next poll returns it again.
    due: bool,
    /// Whether `poll` has returned its last event, or an error.
    over: bool,
}

impl Simple {
    fn poll(&mut self) -> Result<Option<String>, ConnectionError> {
        if std::mem::take(&mut self.due) && self.unread.is_empty() && !self.client.is_closed() {
            return Ok(Some(self.challenge.clone()));
        }
        let Simple { client, unread, eof, tokens, challenge, over, .. } = self;
        let mut input = input(unread, *eof);
        let polled = client.poll(&mut input).map(|event| {
            let event = event?;
            let words = words::event(&event);
            if matches!(event, Event::Challenge(..) | Event::MalformedChallenge(..)) {
                challenge.clone_from(&words);
            }
            *over |= matches!(event, Event::Closed(_));
            tokens.keep(event);
            Some(words)
        });
        *over |= polled.is_err();
        let left = input.remaining();
        self.unread.drain(..self.unread.len() - left);
        polled
    }

    /// Lets the client see that bytes arrived before a call.
    fn look_ahead(&mut self) {
        let start = self.unread.get(..4).unwrap_or(&self.unread);
        let polled = self.client.poll(&mut Input::more(start));
        assert!(matches!(polled, Ok(None) | Err(_)), "four bytes are not an event");
    }

    /// Takes the result of an answer to a challenge.
    fn answered(&mut self, answered: Result<(), Unanswered<SaslStep>>) -> Result<(), AnswerError> {
        answered.map_err(|unanswered| {
            self.due |= !matches!(unanswered.why, AnswerError::Stale | AnswerError::OtherConnection);
            self.tokens.step = Some(unanswered.token);
            unanswered.why
        })
    }
}

/// The connection, and the simple client that gets the same bytes and calls.
struct Both<'w> {
    pop3: ClientConnection<Room, Room>,
    tokens: Tokens,
    simple: Simple,
    /// The bytes that the server has not yet sent.
    incoming: &'w [u8],
    now: Duration,
}

impl<'w> Both<'w> {
    fn new(parts: &Parts<'w>) -> Self {
        let config: ClientConfig = config(parts.config);
        let (recv, send) =
            (Room::new(config.min_recv_buf(), parts.seed), Room::new(MIN_SEND_BUF, !parts.seed));
        let pop3 = ClientConnection::with_buffers(config, 1, recv, send).expect("large enough");
        let mut both = Both {
            pop3,
            tokens: Tokens::default(),
            simple: Simple {
                client: Client::new(config, 1),
                unread: Vec::new(),
                eof: false,
                pending: Pending::new(0),
                tokens: Tokens::default(),
                challenge: String::new(),
                due: false,
                over: false,
            },
            incoming: parts.wire,
            now: Duration::ZERO,
        };
        both.simple.pending = Pending::new(both.pop3.send_buf().capacity());
        both
    }

    /// Does what a letter says.
    fn call(&mut self, letter: u8, digit: Option<u8>) {
        let count = digit.map_or(usize::MAX, usize::from);
        if let Some(calls) = stream::reads(letter, digit, self.incoming) {
            return self.read(calls);
        }
        if let Some(calls) = stream::writes(letter, count) {
            return self.write(calls);
        }
        match letter {
            b'.' => _ = self.poll(),
            b',' => while self.poll() {},
            b'?' => self.ask(),
            b'b' => {
                let count = stream::receive(self.pop3.recv_buf(), self.incoming, count);
                self.received(count);
            }
            b'%' => {
                stream::crowd(self.pop3.send_buf(), &mut self.simple.pending, digit.unwrap_or(0).into());
            }
            b'=' => self.respond(Some(b"AAAA")),
            b'+' => self.respond(Some(&[b'A'; MIN_SEND_BUF])),
            b'*' => self.respond(None),
            b'v' => self.verified(),
            b'h' => self.handshake(),
            b'@' => self.tick(digit.unwrap_or(0)),
            b'S' => self.pop3.shrink(),
            b'z' => {
                self.pop3.close();
                self.simple.client.close();
            }
            _ => {
                if let Some(line) = line(letter, digit.unwrap_or(1).into()) {
                    self.send(&line);
                }
            }
        }
    }

    /// Checks that the two are in the same state.
    fn compare(&mut self) {
        let (pop3, simple) = (&self.pop3, &self.simple);
        assert_eq!(pop3.pending(), simple.pending.bytes, "pending");
        assert_eq!(pop3.unread(), simple.unread, "unread");
        assert_eq!((pop3.is_eof(), pop3.is_closed()), (simple.eof, simple.over));
        assert_eq!(pop3.wants_write(), !simple.pending.bytes.is_empty());
        let state = |client: &Client| {
            let tickets: Vec<_> = client.in_flight().collect();
            format!("{:?} {} {:?} {tickets:?}", client.state(), client.is_tls(), client.deletions())
        };
        assert_eq!(state(pop3.client()), state(&simple.client));
    }

    fn poll(&mut self) -> bool {
        let range = self.pop3.unread().as_ptr_range();
        let polled = self.pop3.poll().map(|polled| {
            let (event, _) = polled?;
            if let Event::Body(_, bytes) = event {
                assert!(range.contains(&bytes.as_ptr()) || bytes == b"\r", "a copy");
            }
            let words = words::event(&event);
            self.tokens.keep(event);
            Some(words)
        });
        assert_eq!(polled, self.simple.poll());
        matches!(polled, Ok(Some(_)))
    }

    /// Checks that `is_ready` announces what `poll` returns.
    fn ask(&mut self) {
        let (ready, over) = (self.pop3.is_ready(), self.pop3.is_closed());
        assert_eq!(self.pop3.is_ready(), ready, "asking changes nothing");
        let polled = self.pop3.poll().map(|polled| {
            let (event, _) = polled?;
            let words = words::event(&event);
            self.tokens.keep(event);
            Some(words)
        });
        assert_eq!(polled, self.simple.poll());
        assert!(over || ready != matches!(polled, Ok(None)), "is_ready and poll disagree");
    }

    fn read(&mut self, calls: Vec<stream::Call>) {
        let due = match () {
            () if self.pop3.is_closed() || self.pop3.is_ready() => Due::Nothing,
            () if self.pop3.is_waiting() => Due::Read,
            () if self.pop3.wants_write() => Due::Nothing,
            () => Due::Error,
        };
        let pop3 = &mut self.pop3;
        match stream::read(due, calls, self.incoming, |mut stream| pop3.read_from(&mut stream)) {
            Received::End => self.simple.eof = true,
            Received::Bytes(count) => self.received(count),
        }
    }

    fn received(&mut self, count: usize) {
        let (bytes, later) = self.incoming.split_at(count);
        self.simple.unread.extend_from_slice(bytes);
        self.incoming = later;
    }

    fn write(&mut self, calls: Vec<stream::Call>) {
        let pop3 = &mut self.pop3;
        let bytes = &mut self.simple.pending.bytes;
        let taken = stream::write(bytes, calls, |mut stream| pop3.write_to(&mut stream));
        bytes.drain(..taken);
    }

    /// Lets the simple client see what a call of `sender` lets the connection see.
    fn begin(&mut self) {
        let quiet = !self.pop3.is_waiting() && !self.simple.client.is_closed();
        if quiet && !self.simple.unread.is_empty() {
            self.simple.look_ahead();
        }
    }

    fn send(&mut self, line: &str) {
        self.begin();
        let command = Command::parse(line.as_bytes()).expect("a line of the table");
        let sent = self.pop3.sender().send(command);
        assert_eq!(sent, self.simple.client.send(&command, &mut self.simple.pending), "{line}");
        if self.simple.over {
            assert_eq!(sent, Err(SendError::Over));
        }
    }

    /// Answers the open challenge, or cancels.
    fn respond(&mut self, response: Option<&[u8]>) {
        if self.tokens.step.is_none() || self.simple.tokens.step.is_none() {
            return;
        }
        self.begin();
        let (Some(step), Some(own)) = (self.tokens.step.take(), self.simple.tokens.step.take()) else {
            return;
        };
        let Simple { client, pending, .. } = &mut self.simple;
        let (answered, expected) = match response.map(|response| Base64::new(response).expect("base64")) {
            Some(response) => {
                (self.pop3.sender().respond(step, response), client.respond(own, response, pending))
            }
            None => (self.pop3.sender().cancel(step), client.cancel(own, pending)),
        };
        assert_eq!(answered, self.simple.answered(expected));
    }

    fn verified(&mut self) {
        let Some(done) = self.tokens.done.take() else { return };
        self.begin();
        let verified = self.pop3.sender().verified(done);
        let own = self.simple.tokens.done.take().expect("the same tokens");
        assert_eq!(verified, self.simple.client.verified(own).map_err(|unanswered| unanswered.why));
    }

    fn handshake(&mut self) {
        let Some(start) = self.tokens.start.take() else { return };
        let started = self.pop3.tls_started(start);
        let own = self.simple.tokens.start.take().expect("the same tokens");
        let Simple { client, unread, eof, .. } = &mut self.simple;
        assert_eq!(
            started,
            client.tls_started(own, input(unread, *eof)).map_err(|unanswered| unanswered.why)
        );
    }

    fn tick(&mut self, seconds: u8) {
        self.now += Duration::from_secs(u64::from(seconds).pow(4));
        let ticked = self.pop3.tick(self.now);
        assert_eq!(ticked, self.simple.client.tick(self.now));
        assert!(ticked.is_err() || ticked.is_ok_and(|next| next.is_none_or(|next| next > self.now)));
        self.simple.over |= ticked.is_err();
    }

    /// Drives the connection as a program does, to its end.
    fn finish(&mut self) {
        while !self.pop3.is_closed() {
            self.call(b',', None);
            self.call(b'>', Some(7));
            let before = self.incoming.len();
            self.call(b'<', None);
            self.compare();
            if self.incoming.len() == before && !self.pop3.is_closed() && !self.pop3.is_ready() {
                // The server says nothing more, or it is the program's turn.
                self.call(if self.pop3.is_waiting() { b'$' } else { b'z' }, None);
            }
        }
        self.call(b'.', None);
        self.compare();
    }
}
