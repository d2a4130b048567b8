//! The server machine against the client of a transcript, with the maildrop that its notes describe.

use super::client_machine::feed;
use super::fixture::Fixture;
use pop3_proto::script::{Peer, Script};
use pop3_proto::server::{
    Ask, Commit, Credentials, Fetch, Greet, Login, MessageInfo, Refusal, ServerConfig, Step,
};
use pop3_proto::{Base64, Input, OwnedUniqueId, RecvBuf, SendBuf, Server, Text};
use std::sync::Arc;

/// What became of a session.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Played {
    /// Why it was closed, or the fatal error.
    pub(super) ended: String,
    /// The unique-ids of the messages that are gone.
    pub(super) removed: Vec<String>,
}

/// Plays a whole dialogue, with a sink of so many octets. Panics where the server writes something else than the transcript has.
pub(super) fn play(script: &Script, fixture: &Fixture, mut peer: Peer<'_>, sink: usize) -> Played {
    let mut app = App {
        server: Server::new(Arc::new(fixture.config()), 1),
        send: SendBuf::with_limit(vec![], sink),
        fixture,
        greeting: script.lines().next().unwrap().octets,
        name: String::new(),
        open: (0, 0),
        removed: Vec::new(),
    };
    let mut recv = RecvBuf::new(vec![0; app.server.min_recv_buf()]);
    let ended = loop {
        let step = recv.with(|input| app.step(input));
        peer.received(app.send.pending()).unwrap_or_else(|mismatch| panic!("{mismatch}"));
        app.send.clear();
        match step {
            Act::GoOn => {}
            Act::Read => feed(&mut peer, &mut recv),
            Act::Handshake(start) => {
                peer.tls_started().unwrap_or_else(|mismatch| panic!("{mismatch}"));
                app.server.tls_started(start, recv.input()).unwrap();
            }
            Act::Stop(how) => break how,
        }
    };
    Played { ended, removed: app.removed }
}

struct App<'f> {
    server: Server<Vec<MessageInfo<OwnedUniqueId>>, Arc<ServerConfig<'static>>>,
    send: SendBuf<Vec<u8>>,
    fixture: &'f Fixture,
    /// The first line of the transcript.
    greeting: &'f [u8],
    name: String,
    /// The message that is being sent, and how much of it was.
    open: (usize, usize),
    removed: Vec<String>,
}

/// What the driver has to do.
enum Act {
    GoOn,
    Read,
    Handshake(pop3_proto::server::StartTls),
    Stop(String),
}

impl App<'_> {
    fn step(&mut self, input: &mut Input<'_>) -> Act {
        match self.server.poll(input, &mut self.send) {
            Err(fatal) => return Act::Stop(format!("{fatal:?}")),
            Ok(Step::Closed(why)) => return Act::Stop(format!("{why:?}")),
            Ok(Step::NeedInput) => return Act::Read,
            Ok(Step::NeedSpace(full)) => assert!(!full.never_fits()),
            Ok(Step::NeedBody) => self.body(),
            Ok(Step::Waiting) => panic!("nothing was asked"),
            Ok(Step::Ask(Ask::StartTls(start))) => return Act::Handshake(start),
            Ok(Step::Ask(Ask::Greet(greet))) => self.greet(greet),
            Ok(Step::Ask(Ask::User(user, name))) => {
                self.name = name.to_str().unwrap().into();
                if self.fixture.refuses_names
                    && !self.fixture.users.iter().any(|(user, _)| *user == self.name)
                {
                    self.server.refuse(user, Refusal::Credentials).unwrap();
                } else {
                    self.server.accept_name(user).unwrap();
                }
            }
            Ok(Step::Ask(Ask::Login(login, credentials))) => self.login(login, credentials),
            Ok(Step::Ask(Ask::Fetch(fetch))) => self.fetch(fetch),
            Ok(Step::Ask(Ask::Commit(commit))) => self.commit(commit),
            Ok(Step::Ask(ask)) => panic!("{ask:?}"),
        }
        Act::GoOn
    }

    fn greet(&mut self, greet: Greet) {
        match self.greeting.strip_prefix(b"+OK ") {
            Some(text) => {
                let text = Text::new(text.strip_suffix(b"\r\n").unwrap()).unwrap();
                self.server.greet(greet, text, &mut self.send).unwrap();
            }
            None => self.server.refuse(greet, Refusal::Temporary).unwrap(),
        }
    }

    fn login(&mut self, login: Login, credentials: Credentials<'_>) {
        let right = match credentials {
            Credentials::Password(password) => {
                let is = |(user, secret): &(String, String)| {
                    *user == self.name && secret.as_bytes() == password.expose()
                };
                self.fixture.users.iter().any(is)
            }
            Credentials::Apop { name, digest } => {
                let is = |(user, hex): &(String, String)| {
                    user.as_bytes() == name.as_bytes() && hex.as_bytes() == digest.to_hex()
                };
                self.fixture.apop.as_ref().is_some_and(is)
            }
            Credentials::Sasl { initial: None, .. } => {
                return self.server.challenge(login, Base64::EMPTY, &mut self.send).unwrap();
            }
            Credentials::Sasl { initial: Some(response), .. } | Credentials::Response(response) => {
                self.fixture.plain.as_ref().is_some_and(|plain| plain.as_bytes() == response.as_bytes())
            }
            other => panic!("no answer to {other:?}"),
        };
        if right {
            self.server.accept(login, self.fixture.maildrop()).unwrap();
        } else {
            self.server.refuse(login, Refusal::Credentials).unwrap();
        }
    }

    fn fetch(&mut self, fetch: Fetch) {
        let index = fetch.message().index();
        match &self.fixture.messages[index].text {
            Some(text) => {
                self.open = (index, 0);
                self.server.send_body_of(fetch, text.len() as u64).unwrap();
            }
            None => self.server.refuse(fetch, Refusal::Permanent).unwrap(),
        }
    }

    fn body(&mut self) {
        let (index, sent) = self.open;
        let text = self.fixture.messages[index].text.as_deref().unwrap().as_bytes();
        if sent == text.len() || !self.server.wants_body() {
            self.server.finish_body().unwrap();
            return;
        }
        let taken = self.server.write_body(&text[sent..], &mut self.send).unwrap();
        self.open = (index, sent + taken);
    }

    fn commit(&mut self, commit: Commit) {
        let slots = self.server.maildrop().unwrap();
        let marked = self.fixture.messages.iter().zip(slots).filter(|(_, slot)| slot.is_marked());
        let ids: Vec<_> = marked.map(|(message, _)| message.id.clone()).collect();
        let (stuck, removed): (Vec<_>, Vec<_>) =
            ids.into_iter().partition(|id| self.fixture.stuck.contains(id));
        self.removed = removed;
        match stuck.is_empty() {
            true => self.server.removed(commit).unwrap(),
            false => self.server.not_removed(commit, Refusal::NoSuchMessage).unwrap(),
        }
    }
}
