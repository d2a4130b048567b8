//! Two machines, their applications and the connection between them, as one value. It is created again by repeating
//! its actions.
//!
//! The kit's guest and host cannot be used here, except their application's data. They answer as soon as they are
//! asked, and continue until neither can. The search must leave every question open for a while, try each answer to
//! it, and move single bytes in between. It also tells states apart by the machines alone, because a connection's
//! buffers would multiply the states.

mod actions;

pub(in crate::explore) use actions::Action;

use super::log::Log;
use pop3_proto::client::{self, Client, Event, SaslDone, SaslStep};
use pop3_proto::server::{self, Ask, CloseReason, Commit, Fetch, Greet, Login, Server, Step, User};
use pop3_proto::{ConnectionError, Input, MessageNumber, SendBuf, TlsPolicy};
use pop3_proto_kit::{App, Infos};
use std::hash::{DefaultHasher, Hash, Hasher};

/// The session of two machines.
#[derive(Clone)]
pub(in crate::explore) struct Scenario {
    pub(in crate::explore) name: &'static str,
    pub(in crate::explore) client: client::ClientConfig,
    pub(in crate::explore) server: server::ServerConfig<'static>,
    /// The lines that the client's application sends, one after the other.
    pub(in crate::explore) commands: &'static [&'static str],
    /// The number of commands that are sent and answered before the search begins.
    pub(in crate::explore) opening: usize,
    pub(in crate::explore) app: App,
    pub(in crate::explore) server_sink: usize,
}

impl Scenario {
    pub(in crate::explore) fn new(name: &'static str, commands: &'static [&'static str]) -> Self {
        let app = App::of(&[&b"a\r\n"[..], b".\nb"]);
        Scenario {
            name,
            client: client::ClientConfig::new(TlsPolicy::Cleartext),
            server: server::ServerConfig::new(TlsPolicy::Cleartext),
            commands,
            opening: 0,
            app,
            server_sink: 16 * 1024,
        }
    }
}

/// The answer that the client's application owes.
#[derive(Debug)]
enum Owed {
    Response(SaslStep),
    Verdict(SaslDone),
    Handshake(client::StartTls),
}

/// The open question of the server.
#[derive(Debug)]
enum Asked {
    Greet(Greet),
    User(User),
    Login(Login),
    Fetch(Fetch),
    Commit(Commit),
    StartTls(server::StartTls),
}

/// Both machines, the bytes on their way between them, and the data of their applications.
pub(in crate::explore) struct World<'s> {
    pub(in crate::explore) scenario: &'s Scenario,
    pub(in crate::explore) client: Client,
    pub(in crate::explore) server: Server<Infos, server::ServerConfig<'static>>,
    /// The bytes on their way: each side's sink is its end of the connection.
    up: SendBuf<Vec<u8>>,
    down: SendBuf<Vec<u8>>,
    client_unread: Vec<u8>,
    server_unread: Vec<u8>,
    /// Whether the reader knows that the stream is over.
    up_ended: bool,
    down_ended: bool,
    pub(in crate::explore) cut: bool,
    /// The next command to send.
    next: usize,
    owed: Option<Owed>,
    asked: Option<Asked>,
    /// The open message, and how many of its bytes were written.
    body: Option<(MessageNumber, usize)>,
    pub(in crate::explore) log: Log,
    /// All bytes that arrived at the client, and all bytes that the server has read.
    pub(in crate::explore) heard: Vec<u8>,
    pub(in crate::explore) read: Vec<u8>,
    /// How many bytes of `read` are from before the maildrop was opened.
    pub(in crate::explore) opened_at: Option<usize>,
    /// The messages that were removed, and whether the store reported that it removed all.
    pub(in crate::explore) removed: Vec<u32>,
    pub(in crate::explore) committed: Option<bool>,
    pub(in crate::explore) client_over: Option<Option<ConnectionError>>,
    pub(in crate::explore) server_over: Option<Result<CloseReason, ConnectionError>>,
}

impl<'s> World<'s> {
    pub(in crate::explore) fn new(scenario: &'s Scenario) -> Self {
        let mut world = World {
            scenario,
            client: Client::new(scenario.client, 1),
            server: Server::new(scenario.server, 7),
            up: SendBuf::with_limit(vec![], 512),
            down: SendBuf::with_limit(vec![], scenario.server_sink),
            client_unread: Vec::new(),
            server_unread: Vec::new(),
            up_ended: false,
            down_ended: false,
            cut: false,
            next: 0,
            owed: None,
            asked: None,
            body: None,
            log: Log::default(),
            heard: Vec::new(),
            read: Vec::new(),
            opened_at: None,
            removed: Vec::new(),
            committed: None,
            client_over: None,
            server_over: None,
        };
        world.settle();
        while world.next < scenario.opening || !world.client.is_idle() {
            assert!(world.go_on(), "the opening is stuck: {}", world.shown());
        }
        world
    }

    /// The state in readable form, also for the set of visited states.
    pub(in crate::explore) fn shown(&self) -> String {
        format!(
            "{:?}\n{:?} {:?}\nup {:?}+{:?}{} down {:?}+{:?}{}, next {}, owed {:?}, asked {:?}, body {:?}, \
             removed {:?} {:?}, over {:?} {:?}\n{:?}",
            self.client,
            self.server,
            self.server.maildrop(),
            self.server_unread.escape_ascii().to_string(),
            self.up.pending().escape_ascii().to_string(),
            if self.up_ended { "|" } else { "" },
            self.client_unread.escape_ascii().to_string(),
            self.down.pending().escape_ascii().to_string(),
            if self.down_ended { "|" } else { "" },
            self.next,
            self.owed,
            self.asked,
            self.body,
            self.removed,
            self.committed,
            self.client_over,
            self.server_over,
            self.log,
        )
    }

    pub(in crate::explore) fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.shown(), &self.heard, &self.read, self.cut).hash(&mut hasher);
        hasher.finish()
    }

    /// Both sides are over.
    pub(in crate::explore) fn is_final(&self) -> bool {
        self.server_over.is_some() && self.client_over.is_some()
    }

    /// Runs both machines until they need something.
    fn settle(&mut self) {
        self.run_server();
        self.run_client();
        // The peer no longer reads.
        if self.up_ended || self.server_over.is_some() {
            self.up.clear();
        }
        if self.down_ended || self.client_over.is_some() {
            self.down.clear();
            self.run_server();
            self.down.clear();
        }
    }

    fn run_server(&mut self) {
        while self.server_over.is_none() && self.asked.is_none() {
            let unread = std::mem::take(&mut self.server_unread);
            let mut input = if self.up_ended { Input::last(&unread) } else { Input::more(&unread) };
            let step = self.server.poll(&mut input, &mut self.down);
            let (taken, left) = unread.split_at(unread.len() - input.remaining());
            self.read.extend_from_slice(taken);
            let goes_on = match step {
                Ok(Step::Ask(ask)) => {
                    self.asked = Some(match ask {
                        Ask::Greet(greet) => Asked::Greet(greet),
                        Ask::User(user, _) => Asked::User(user),
                        Ask::Login(login, _) => Asked::Login(login),
                        Ask::Fetch(fetch) => Asked::Fetch(fetch),
                        Ask::Commit(commit) => Asked::Commit(commit),
                        Ask::StartTls(start) => Asked::StartTls(start),
                        other => panic!("{other:?}"),
                    });
                    false
                }
                Ok(Step::Closed(why)) => {
                    self.server_over = Some(Ok(why));
                    self.body = None;
                    false
                }
                Err(fatal) => {
                    self.server_over = Some(Err(fatal));
                    false
                }
                Ok(Step::NeedInput) => {
                    assert!(!self.up_ended, "the server asks for input after the end");
                    false
                }
                // The bytes are dropped.
                Ok(Step::NeedSpace(full)) => {
                    assert!(!full.never_fits());
                    self.down_ended && {
                        self.down.clear();
                        true
                    }
                }
                Ok(Step::NeedBody) => false,
                Ok(Step::Waiting) => panic!("no question is open: {:?}", self.server),
            };
            self.server_unread = left.to_vec();
            if !goes_on {
                break;
            }
        }
    }

    fn run_client(&mut self) {
        while self.client_over.is_none() {
            let unread = std::mem::take(&mut self.client_unread);
            let needs = self.client.needs_input(&unread, self.down_ended);
            let awaited = self.client.in_flight().next();
            let mut input = if self.down_ended { Input::last(&unread) } else { Input::more(&unread) };
            let polled = self.client.poll(&mut input);
            assert_eq!(needs, matches!(polled, Ok(None)) && input.remaining() == unread.len());
            let goes_on = match polled {
                Ok(None) => input.remaining() < unread.len(),
                Ok(Some(event)) => {
                    self.log.note(&event, awaited);
                    match event {
                        Event::Challenge(step, _) => self.owed = Some(Owed::Response(step)),
                        Event::AuthAccepted(done, _) => self.owed = Some(Owed::Verdict(done)),
                        Event::StartTls(start) => self.owed = Some(Owed::Handshake(start)),
                        Event::Closed(_) => self.client_over = Some(None),
                        _ => {}
                    }
                    true
                }
                Err(fatal) => {
                    self.client_over = Some(Some(fatal));
                    false
                }
            };
            self.client_unread = unread[unread.len() - input.remaining()..].to_vec();
            if !goes_on {
                break;
            }
        }
    }

    /// Returns the server's answers to STAT and LIST now, or `None` if it would not read them next.
    pub(in crate::explore) fn probe(mut self) -> Option<String> {
        let idle = self.server_over.is_none()
            && self.asked.is_none()
            && self.body.is_none()
            && !self.up_ended
            && self.server_unread.is_empty();
        if !idle || self.server.state() != pop3_proto::State::Transaction {
            return None;
        }
        self.down_ended = false;
        self.down.clear();
        self.server_unread = b"STAT\r\n".to_vec();
        self.run_server();
        let mut said = self.down.pending().to_vec();
        self.down.clear();
        self.server_unread = b"LIST\r\n".to_vec();
        self.run_server();
        said.extend_from_slice(self.down.pending());
        Some(String::from_utf8(said).unwrap())
    }
}
