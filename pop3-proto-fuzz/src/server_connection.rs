//! A server connection over any stream and with any answers, next to a server whose buffers are plain vectors.

use crate::server::{app, config, message};
use crate::stream::{self, Due, Pending, Received, Room};
use crate::wire::{Letters, Parts, input};
use pop3_proto::server::{
    Ask, BodyError, Commit, Event, Fetch, Greet, Login, Other, Refusal, Server, ServerConfig, StartTls, Step,
    Unaccepted, User,
};
use pop3_proto::{
    AnswerError, Base64, ConnectionError, OctetCount, ServerConnection, Sink as _, State, Text, Unanswered,
};
use pop3_proto_kit::{Infos, words};
use std::time::Duration;

/// Runs on a first line of calls, then the bytes of the client.
pub fn run(data: &[u8]) {
    let parts = Parts::of(data);
    let mut both = Both::new(&parts);
    for (letter, digit) in Letters(parts.letters) {
        both.call(letter, digit);
        both.compare();
    }
    both.finish();
}

/// The token of a question.
enum Token {
    Greet(Greet),
    User(User),
    Login(Login),
    Fetch(Fetch),
    Commit(Commit),
    StartTls(StartTls),
    Other(Other),
}

impl Token {
    /// Returns the token of an event, if it is a question.
    fn of(event: Event<'_>) -> Option<Token> {
        Some(match event {
            Event::Greet(token) => Token::Greet(token),
            Event::User(token, _) => Token::User(token),
            Event::Login(token, _) => Token::Login(token),
            Event::Fetch(token) => Token::Fetch(token),
            Event::Commit(token) => Token::Commit(token),
            Event::StartTls(token) => Token::StartTls(token),
            Event::Other(token, ..) => Token::Other(token),
            _ => return None,
        })
    }
}

/// Returns the event of a connection for a question of the machine.
fn event(ask: Ask<'_>) -> Event<'_> {
    match ask {
        Ask::Greet(token) => Event::Greet(token),
        Ask::User(token, name) => Event::User(token, name),
        Ask::Login(token, credentials) => Event::Login(token, credentials),
        Ask::Fetch(token) => Event::Fetch(token),
        Ask::Commit(token) => Event::Commit(token),
        Ask::StartTls(token) => Event::StartTls(token),
        Ask::Other(token, keyword, rest) => Event::Other(token, keyword, rest),
        other => panic!("{other:?}"),
    }
}

/// What a poll returns.
#[derive(Clone, PartialEq, Debug)]
enum Turn {
    Question(String),
    Body,
    Closed(String),
    Failed(ConnectionError),
    /// Nothing, for this reason.
    Waits(Wait),
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Wait {
    Input,
    Space,
    Answer,
    Over,
}

/// A server without a connection.
struct Simple {
    server: Server<Infos, ServerConfig<'static>>,
    unread: Vec<u8>,
    eof: bool,
    pending: Pending,
    token: Option<Token>,
    /// The last question, in words, while it was not returned or its answer failed.
    due: Option<String>,
    /// The question that is open.
    open: Option<String>,
    over: bool,
}

impl Simple {
    /// Runs the machine, unless a question is open that a poll returns.
    fn turn(&mut self) -> Turn {
        if let Some(words) = self.due.clone().filter(|_| self.open.is_some()) {
            return Turn::Question(words);
        }
        let mut bytes = input(&self.unread, self.eof);
        let turn = match self.server.poll(&mut bytes, &mut self.pending) {
            Ok(Step::Ask(ask)) => {
                let event = event(ask);
                let words = words::question(&event).expect("a question");
                self.token = Token::of(event);
                (self.due, self.open) = (Some(words.clone()), Some(words.clone()));
                Turn::Question(words)
            }
            Ok(Step::NeedBody) => Turn::Body,
            Ok(Step::NeedSpace(full)) => {
                assert!(!self.pending.bytes.is_empty() && !full.never_fits(), "an empty buffer has no room");
                Turn::Waits(Wait::Space)
            }
            Ok(Step::NeedInput) => Turn::Waits(Wait::Input),
            Ok(Step::Waiting) => Turn::Waits(Wait::Answer),
            Ok(Step::Closed(_)) if self.over => Turn::Waits(Wait::Over),
            Ok(Step::Closed(why)) => Turn::Closed(why.to_string()),
            Err(fatal) => Turn::Failed(fatal),
        };
        let left = bytes.remaining();
        self.unread.drain(..self.unread.len() - left);
        if matches!(turn, Turn::Closed(_) | Turn::Failed(_) | Turn::Waits(Wait::Over)) {
            self.open = None;
        }
        turn
    }

    /// Takes the result of an answer. If the question is open, the next poll returns it again.
    fn answered(
        &mut self,
        answered: Result<(), (Token, AnswerError)>,
        is_open: bool,
    ) -> Result<(), AnswerError> {
        match answered {
            Ok(()) => {
                (self.due, self.open) = (None, None);
                Ok(())
            }
            Err((token, why)) => {
                if is_open || !matches!(why, AnswerError::Stale | AnswerError::OtherConnection) {
                    self.due.clone_from(&self.open);
                }
                self.token = Some(token);
                Err(why)
            }
        }
    }
}

/// The connection, and the simple server that gets the same bytes and answers.
struct Both<'w> {
    pop3: ServerConnection<Infos, Room, Room, ServerConfig<'static>>,
    token: Option<Token>,
    simple: Simple,
    maildrop: Infos,
    /// The message that is sent, and how many of its bytes were taken.
    body: (&'static [u8], usize),
    /// The bytes that the client has not yet sent.
    incoming: &'w [u8],
    now: Duration,
}

impl<'w> Both<'w> {
    fn new(parts: &Parts<'w>) -> Self {
        let config = config(parts.config);
        let (recv, send) =
            (Room::new(config.min_recv_buf(), parts.seed), Room::new(config.min_send_buf(), !parts.seed));
        let mut pop3 = ServerConnection::with_buffers(config, 7, recv, send).expect("large enough");
        let simple = Simple {
            server: Server::new(config, 7),
            unread: Vec::new(),
            eof: false,
            pending: Pending::new(pop3.send_buf().capacity()),
            token: None,
            due: None,
            open: None,
            over: false,
        };
        let (maildrop, incoming) = (app().maildrop(), parts.wire);
        Both { pop3, token: None, simple, maildrop, body: (b"", 0), incoming, now: Duration::ZERO }
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
            b'.' => self.poll(),
            b'?' => self.ask(),
            b'R' => {
                let count = stream::receive(self.pop3.recv_buf(), self.incoming, count);
                self.received(count);
            }
            b'%' => {
                stream::crowd(self.pop3.send_buf(), &mut self.simple.pending, digit.unwrap_or(0).into());
            }
            b'a' | b'c' | b'C' | b'n' | b'o' => self.answer(letter, digit.unwrap_or(0)),
            b'b' => self.write_body(count),
            b'f' => self.finish_body(),
            b'k' => self.token = None,
            b'@' => self.tick(digit.unwrap_or(0)),
            b'S' => self.pop3.shrink(),
            b'z' => {
                self.pop3.close();
                self.simple.server.close();
                self.simple.open = None;
            }
            _ => {}
        }
    }

    /// Checks that the two are in the same state.
    fn compare(&mut self) {
        let (pop3, simple) = (&self.pop3, &self.simple);
        assert_eq!(pop3.pending(), simple.pending.bytes, "pending");
        assert_eq!(pop3.unread(), simple.unread, "unread");
        assert_eq!((pop3.is_eof(), pop3.is_closed()), (simple.eof, simple.over));
        assert_eq!(pop3.wants_write(), !simple.pending.bytes.is_empty());
        let state = |server: &Server<Infos, ServerConfig<'static>>| {
            (server.state(), server.is_tls(), server.is_utf8(), server.quirks())
        };
        assert_eq!(state(pop3.server()), state(&simple.server));
        assert!(!simple.over || pop3.server().maildrop().is_none(), "the lock is released");
        let is_open = simple.server.state() != State::Closed;
        assert!(!is_open || pop3.server().marked().eq(simple.server.marked()), "marks");
    }

    /// Compares the reason why a poll returned nothing, and returns what it returned.
    fn check_turn(&mut self, turn: Option<Turn>) -> Turn {
        let expected = self.simple.turn();
        let waits = (self.pop3.wants_read(), self.pop3.wants_answer());
        let Some(turn) = turn else {
            let is_blocked = self.pop3.wants_write();
            match expected {
                // A message that found no room waits until there is more.
                Turn::Body => assert!(is_blocked && waits == (false, false), "{waits:?}"),
                Turn::Waits(Wait::Input) => assert_eq!(waits, (!is_blocked, false)),
                Turn::Waits(Wait::Answer) => assert_eq!(waits, (false, true)),
                Turn::Waits(_) => assert_eq!(waits, (false, false)),
                other => panic!("nothing instead of {other:?}"),
            }
            return expected;
        };
        assert_eq!(turn, expected);
        turn
    }

    fn poll(&mut self) {
        let turn = match self.pop3.poll().map(|polled| polled.map(|(event, _)| event)) {
            Ok(None) => None,
            Ok(Some(Event::Body)) => Some(Turn::Body),
            Ok(Some(Event::Closed(why))) => Some(Turn::Closed(why.to_string())),
            Ok(Some(question)) => {
                let words = words::question(&question).expect("a question");
                self.token = Token::of(question);
                Some(Turn::Question(words))
            }
            Err(fatal) => Some(Turn::Failed(fatal)),
        };
        let turn = self.check_turn(turn);
        self.simple.due = None;
        self.simple.over |= matches!(turn, Turn::Closed(_) | Turn::Failed(_));
    }

    /// Checks that `is_ready` announces what `poll` returns.
    fn ask(&mut self) {
        let ready = self.pop3.is_ready();
        assert_eq!(self.pop3.is_ready(), ready, "asking changes nothing");
        let turn = self.simple.turn();
        assert!(turn == Turn::Body || ready != matches!(turn, Turn::Waits(_)), "{ready}: {turn:?}");
    }

    fn read(&mut self, calls: Vec<stream::Call>) {
        let due = if self.pop3.is_closed() { Due::Nothing } else { self.due() };
        let pop3 = &mut self.pop3;
        match stream::read(due, calls, self.incoming, |mut stream| pop3.read_from(&mut stream)) {
            Received::End => self.simple.eof = true,
            Received::Bytes(count) => self.received(count),
        }
    }

    /// Returns what a read does. Like a read, it runs the machine.
    fn due(&mut self) -> Due {
        let ready = self.pop3.is_ready();
        match self.simple.turn() {
            _ if ready => Due::Nothing,
            Turn::Waits(Wait::Answer) => Due::Error,
            Turn::Waits(Wait::Input) if !self.pop3.wants_write() => Due::Read,
            _ => Due::Nothing,
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

    /// Answers the open question: `a` accepts, `c` and `C` ask for more, `o` hands over, `n` refuses.
    fn answer(&mut self, how: u8, digit: u8) {
        let (Some(_), Some(_)) = (&self.token, &self.simple.token) else { return };
        let (Some(token), Some(own)) = (self.token.take(), self.simple.token.take()) else { return };
        // A challenge outside AUTH is called stale, and the question stays open.
        let is_open = matches!((&token, how), (Token::Login(login), b'c' | b'C') if !login.is_auth());
        let Simple { server, pending, unread, eof, .. } = &mut self.simple;
        let refusal = [Refusal::Credentials, Refusal::InUse, Refusal::Temporary, Refusal::NeedsUtf8];
        let refusal = refusal[usize::from(digit) % refusal.len()];
        let pop3 = &mut self.pop3;
        let mut to = pop3.responder();
        let text = Text::from_static("ready <1.2@example.org>");
        let (answered, expected) = match (token, own) {
            (Token::Greet(token), Token::Greet(own)) => match how {
                b'n' => (to.refuse(token, refusal), back(server.refuse(own, refusal), Token::Greet)),
                b'C' => {
                    let text = Text::from_static("[no code");
                    (to.greet(token, text), back(server.greet(own, text, pending), Token::Greet))
                }
                _ => (to.greet(token, text), back(server.greet(own, text, pending), Token::Greet)),
            },
            (Token::User(token), Token::User(own)) => match how {
                b'n' => (to.refuse(token, refusal), back(server.refuse(own, refusal), Token::User)),
                _ => (to.accept_name(token), back(server.accept_name(own), Token::User)),
            },
            (Token::Login(token), Token::Login(own)) => match how {
                b'n' => (to.refuse(token, refusal), back(server.refuse(own, refusal), Token::Login)),
                b'o' => (to.hand_over(token), back(server.hand_over(own), Token::Login)),
                b'c' | b'C' => {
                    let long = [b'A'; 1 << 17];
                    let challenge = Base64::new(if how == b'c' { b"AAAA" } else { &long }).expect("base64");
                    let expected = server.challenge(own, challenge, pending);
                    (to.challenge(token, challenge), back(expected, Token::Login))
                }
                _ => {
                    let maildrop = self.maildrop.clone();
                    let expected = server.accept(own, maildrop.clone());
                    let expected =
                        expected.map_err(|Unaccepted { token, why, .. }| (Token::Login(token), why));
                    (to.accept(token, maildrop), expected)
                }
            },
            (Token::Fetch(token), Token::Fetch(own)) => match how {
                b'n' => (to.refuse(token, refusal), back(server.refuse(own, refusal), Token::Fetch)),
                _ => {
                    let message = message(token.message().get());
                    let octets = OctetCount::of(message);
                    self.body = (message, 0);
                    (to.send_body_of(token, octets), back(server.send_body_of(own, octets), Token::Fetch))
                }
            },
            (Token::Commit(token), Token::Commit(own)) => match how {
                b'n' => {
                    let expected = server.not_removed(own, refusal);
                    (to.not_removed(token, refusal), back(expected, Token::Commit))
                }
                _ => (to.removed(token), back(server.removed(own), Token::Commit)),
            },
            (Token::Other(token), Token::Other(own)) => match how {
                b'n' => (to.refuse(token, refusal), back(server.refuse(own, refusal), Token::Other)),
                _ => (to.other(token, text), back(server.other(own, text, pending), Token::Other)),
            },
            (Token::StartTls(token), Token::StartTls(own)) => {
                let expected = server.tls_started(own, input(unread, *eof));
                (pop3.tls_started(token), back(expected, Token::StartTls))
            }
            _ => panic!("two questions"),
        };
        assert_eq!(answered, self.simple.answered(expected, is_open));
    }

    /// Passes at most this many bytes of the message.
    fn write_body(&mut self, most: usize) {
        let (message, at) = self.body;
        let rest = &message[at..];
        let rest = &rest[..rest.len().min(most)];
        let taken = self.pop3.responder().write_body(rest);
        assert_eq!(taken, self.simple.server.write_body(rest, &mut self.simple.pending));
        self.body.1 += taken.unwrap_or(0);
    }

    fn finish_body(&mut self) {
        let finished = self.pop3.responder().finish_body();
        assert_eq!(finished, self.simple.server.finish_body());
        let is_complete = self.body.1 == self.body.0.len();
        assert!(!is_complete || !matches!(finished, Err(BodyError::Size { .. })), "{finished:?}");
    }

    fn tick(&mut self, seconds: u8) {
        self.now += Duration::from_secs(u64::from(seconds).pow(4));
        let ticked = self.pop3.tick(self.now);
        assert_eq!(ticked, self.simple.server.tick(self.now));
        assert!(ticked.is_err() || ticked.is_ok_and(|next| next.is_none_or(|next| next > self.now)));
        if ticked.is_err() {
            (self.simple.over, self.simple.open) = (true, None);
        }
    }

    /// Serves the client to its end, as a program does.
    fn finish(&mut self) {
        while !self.pop3.is_closed() {
            let before = (self.incoming.len(), self.pop3.pending().len(), self.body);
            self.call(b'.', None);
            let asked = self.token.is_some();
            self.call(b'a', None);
            self.call(b'b', None);
            if self.body.1 == self.body.0.len() || !self.pop3.server().wants_body() {
                self.call(b'f', None);
            }
            self.call(b'>', Some(7));
            self.call(b'<', None);
            self.compare();
            if !asked && before == (self.incoming.len(), self.pop3.pending().len(), self.body) {
                // The client says nothing more, or a token is lost.
                let lost = self.pop3.wants_answer() || self.simple.eof || self.pop3.server().wants_body();
                self.call(if lost { b'z' } else { b'$' }, None);
            }
        }
        self.call(b'.', None);
        self.compare();
    }
}

/// Puts the token of an answer that failed back into its question.
fn back<T>(
    answered: Result<(), Unanswered<T>>,
    question: fn(T) -> Token,
) -> Result<(), (Token, AnswerError)> {
    answered.map_err(|Unanswered { token, why }| (question(token), why))
}
