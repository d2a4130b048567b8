use super::log::Log;
use crate::harness::{App, MailSlots};
use pop3_proto::client::{self, Client, Event, SaslDone, SaslStep, SendError, Ticket};
use pop3_proto::server::{
    self, Announce, Ask, Commit, Fetch, Greet, Login, Refusal, Server, Step, User, Why,
};
use pop3_proto::{Base64, Command, Fatal, Input, MessageNumber, Outbox, Text, TlsPolicy, octets};
use std::hash::{DefaultHasher, Hash, Hasher};

/// What two machines have to say to each other.
#[derive(Clone)]
pub(super) struct Scenario {
    pub(super) name: &'static str,
    pub(super) client: client::Config,
    pub(super) server: server::Config,
    /// What the client's application sends, one line after the other.
    pub(super) commands: &'static [&'static str],
    /// So many of them are sent and answered before the search begins.
    pub(super) opening: usize,
    pub(super) app: App,
    pub(super) server_sink: usize,
}

impl Scenario {
    pub(super) fn new(name: &'static str, commands: &'static [&'static str]) -> Self {
        let mut app = App::new();
        app.messages = vec![b"a\r\n".to_vec(), b".\nb".to_vec()];
        Scenario {
            name,
            client: client::Config::new(TlsPolicy::Cleartext),
            server: server::Config::new(TlsPolicy::Cleartext),
            commands,
            opening: 0,
            app,
            server_sink: 16 * 1024,
        }
    }
}

/// One step of one side, or of the cable between them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Action {
    /// Octets arrive at the server.
    Up(Amount),
    /// Octets arrive at the client.
    Down(Amount),
    /// The server sees that the client has hung up.
    UpEnds,
    /// The client sees that the server has hung up.
    DownEnds,
    /// What is on its way to the server is lost, and the stream ends there.
    CutUp,
    CutDown,
    /// The client's application sends its next command.
    Send,
    /// It answers the challenge.
    Respond,
    CancelSasl,
    /// It agrees with what AUTH came to.
    Verify,
    /// Both do the handshake.
    Handshake,
    /// The server's application answers its question.
    Accept,
    Refuse,
    Challenge,
    /// It hands over the message that is open.
    Body(Amount),
    FinishBody,
    /// It cannot.
    Abort,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Amount {
    Octet,
    All,
}

impl Amount {
    fn of(self, pending: usize) -> usize {
        if self == Amount::Octet { pending.min(1) } else { pending }
    }
}

/// What the client's application owes.
#[derive(Debug)]
enum Owed {
    Response(SaslStep),
    Verdict(SaslDone),
    Handshake(client::StartTls),
}

/// What the server's application was asked.
#[derive(Debug)]
enum Asked {
    Greet(Greet),
    User(User),
    Login(Login),
    Fetch(Fetch),
    Commit(Commit),
    StartTls(server::StartTls),
}

/// Both machines, what is on its way between them, and what their applications know.
pub(super) struct World<'s> {
    pub(super) scenario: &'s Scenario,
    pub(super) client: Client,
    pub(super) server: Server<MailSlots, server::Config>,
    /// What is on its way: each side's sink is its end of the cable.
    up: Outbox,
    down: Outbox,
    client_unread: Vec<u8>,
    server_unread: Vec<u8>,
    /// Whether the reader was told that the stream is over.
    up_ended: bool,
    down_ended: bool,
    pub(super) cut: bool,
    /// The next command to send.
    next: usize,
    owed: Option<Owed>,
    asked: Option<Asked>,
    /// The message that is open, and how much of it was handed over.
    body: Option<(MessageNumber, usize)>,
    pub(super) log: Log,
    /// All octets that arrived at the client, and all that the server has read.
    pub(super) heard: Vec<u8>,
    pub(super) read: Vec<u8>,
    /// How much of `read` came before the maildrop was opened.
    pub(super) opened_at: Option<usize>,
    /// What was removed, and whether the store said that this was all.
    pub(super) removed: Vec<u32>,
    pub(super) committed: Option<bool>,
    pub(super) client_over: Option<Option<Fatal>>,
    pub(super) server_over: Option<Result<Why, Fatal>>,
}

impl<'s> World<'s> {
    pub(super) fn new(scenario: &'s Scenario) -> Self {
        let mut world = World {
            scenario,
            client: Client::new(scenario.client),
            server: Server::new(scenario.server, 7),
            up: Outbox::with_limit(512),
            down: Outbox::with_limit(scenario.server_sink),
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

    /// The state for a person, and for the set of those that were visited.
    pub(super) fn shown(&self) -> String {
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

    pub(super) fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.shown(), &self.heard, &self.read, self.cut).hash(&mut hasher);
        hasher.finish()
    }

    /// What may happen next. `Send` may turn out to be too early, which changes nothing.
    pub(super) fn enabled(&self, deep: bool) -> Vec<Action> {
        let mut actions = self.of_applications();
        let (up, down) = (self.up.pending().len(), self.down.pending().len());
        if !self.up_ended && self.server_over.is_none() {
            actions.extend((up > 0).then_some(Action::Up(Amount::All)));
            // Once something is cut, the order of what is left is worth less of the search.
            actions.extend((up > 1 && (deep || !self.cut)).then_some(Action::Up(Amount::Octet)));
            actions.extend((up == 0 && self.client_hangs_up()).then_some(Action::UpEnds));
            actions.push(Action::CutUp);
        }
        if !self.down_ended && self.client_over.is_none() {
            actions.extend((down > 0).then_some(Action::Down(Amount::All)));
            actions.extend((down > 1 && (deep || !self.cut)).then_some(Action::Down(Amount::Octet)));
            actions.extend((down == 0 && self.server_over.is_some()).then_some(Action::DownEnds));
            actions.push(Action::CutDown);
        }
        actions
    }

    fn of_applications(&self) -> Vec<Action> {
        let mut actions = Vec::new();
        match &self.asked {
            Some(Asked::Login(login)) if login.exchange() => {
                actions.extend([Action::Accept, Action::Refuse]);
                actions.extend((self.log.challenges < 2).then_some(Action::Challenge));
            }
            Some(Asked::StartTls(_)) => {
                let both = matches!(self.owed, Some(Owed::Handshake(_))) && self.client_over.is_none();
                actions.extend(both.then_some(Action::Handshake));
                actions.extend(self.up_ended.then_some(Action::Abort));
            }
            Some(_) => actions.extend([Action::Accept, Action::Refuse]),
            None => {}
        }
        if let (Some((message, at)), None) = (self.body, self.server_over) {
            match self.scenario.app.messages[message.index()].len() - at {
                0 => actions.push(Action::FinishBody),
                1 => actions.push(Action::Body(Amount::All)),
                _ => actions.extend([Action::Body(Amount::All), Action::Body(Amount::Octet)]),
            }
            actions.push(Action::Abort);
        }
        if self.client_over.is_none() {
            match &self.owed {
                Some(Owed::Response(_)) => actions.extend([Action::Respond, Action::CancelSasl]),
                Some(Owed::Verdict(_)) => actions.push(Action::Verify),
                Some(Owed::Handshake(_)) => {}
                None if self.log.greeted && self.next < self.scenario.commands.len() => {
                    actions.push(Action::Send);
                }
                None => {}
            }
        }
        actions
    }

    /// The session is over for the client, or it has nothing left to say or to hear.
    fn client_hangs_up(&self) -> bool {
        let done = self.next == self.scenario.commands.len() && self.owed.is_none();
        self.client_over.is_some() || (self.log.greeted && done && self.client.is_idle())
    }

    /// Nothing can happen any more, and nobody waits.
    pub(super) fn is_final(&self) -> bool {
        self.server_over.is_some() && self.client_over.is_some()
    }

    /// One step of a session in which all goes well; whether there was one.
    pub(super) fn go_on(&mut self) -> bool {
        let bad = |action: &Action| match action {
            Action::CutUp | Action::CutDown | Action::Refuse | Action::CancelSasl => true,
            // A handshake that nobody answers; a message can be sent.
            Action::Abort => self.body.is_some(),
            _ => false,
        };
        let challenge = self.log.challenges == 0 && self.scenario.opening == 0;
        let actions = self.enabled(false);
        let mut good: Vec<Action> = actions.into_iter().filter(|action| !bad(action)).collect();
        good.sort_by_key(|action| match action {
            Action::Challenge => !challenge,
            _ => false,
        });
        good.into_iter().any(|action| self.act(action))
    }

    /// Does this; whether it changed anything.
    pub(super) fn act(&mut self, action: Action) -> bool {
        match action {
            Action::Up(amount) => carry(&mut self.up, &mut self.server_unread, amount),
            Action::Down(amount) => {
                let before = self.client_unread.len();
                carry(&mut self.down, &mut self.client_unread, amount);
                self.heard.extend_from_slice(&self.client_unread[before..]);
            }
            Action::UpEnds => self.up_ended = true,
            Action::DownEnds => self.down_ended = true,
            Action::CutUp => (self.up_ended, self.cut) = (true, true),
            Action::CutDown => (self.down_ended, self.cut) = (true, true),
            Action::Send => {
                if !self.send() {
                    return false;
                }
            }
            Action::Respond | Action::CancelSasl | Action::Verify | Action::Handshake => self.pay(action),
            Action::Accept | Action::Refuse | Action::Challenge => self.answer(action),
            Action::Body(amount) => {
                let (message, at) = self.body.unwrap();
                let rest = &self.scenario.app.messages[message.index()][at..];
                let taken = self.server.write_body(&rest[..amount.of(rest.len())], &mut self.down).unwrap();
                self.body = Some((message, at + taken));
                if taken == 0 {
                    return false;
                }
            }
            Action::FinishBody => {
                self.body = None;
                self.server.finish_body().unwrap();
            }
            Action::Abort => {
                self.asked = None;
                self.server.close();
            }
        }
        self.settle();
        true
    }

    /// Whether the command is on its way, or can never be.
    fn send(&mut self) -> bool {
        match self.offer(self.scenario.commands[self.next]) {
            Err(SendError::Full(_)) => return false,
            Err(error) if error.is_not_now() => return false,
            _ => self.next += 1,
        }
        true
    }

    /// Sends this, if the client does.
    pub(super) fn offer(&mut self, line: &str) -> Result<Ticket, SendError> {
        let ticket = self.client.send(&Command::parse(line.as_bytes()).unwrap(), &mut self.up)?;
        self.log.sent.push(ticket);
        Ok(ticket)
    }

    fn pay(&mut self, action: Action) {
        match (self.owed.take().unwrap(), action) {
            (Owed::Response(step), Action::Respond) => {
                self.client.sasl(step, Base64::literal("AG1y"), &mut self.up).unwrap();
            }
            (Owed::Response(step), _) => self.client.sasl_cancel(step, &mut self.up).unwrap(),
            (Owed::Verdict(done), _) => self.client.verified(done).unwrap(),
            (Owed::Handshake(start), _) => {
                assert!(self.down.pending().is_empty() && self.up.pending().is_empty());
                self.client.tls_started(start, Input::more(&self.client_unread)).unwrap();
                let Some(Asked::StartTls(start)) = self.asked.take() else { panic!("no handshake is due") };
                self.server.tls_started(start, Input::more(&self.server_unread)).unwrap();
            }
        }
    }

    fn answer(&mut self, action: Action) {
        let accept = action == Action::Accept;
        let server = &mut self.server;
        match self.asked.take().unwrap() {
            Asked::Greet(greet) if accept => {
                server.greet(greet, Text::literal("hi"), &mut self.down).unwrap();
            }
            Asked::Greet(greet) => server.refuse(greet, Refusal::Temporary).unwrap(),
            Asked::User(user) if accept => server.accept_name(user).unwrap(),
            Asked::User(user) => server.refuse(user, Refusal::NotAllowed).unwrap(),
            Asked::Login(login) if accept => {
                server.accept(login, self.scenario.app.maildrop(), Announce::default()).unwrap();
                self.opened_at = Some(self.read.len());
            }
            Asked::Login(login) if action == Action::Challenge => {
                server.challenge(login, Base64::literal("Y2g="), &mut self.down).unwrap();
            }
            Asked::Login(login) => server.refuse(login, Refusal::Credentials).unwrap(),
            Asked::Fetch(fetch) if accept => {
                self.body = Some((fetch.message(), 0));
                let octets = octets(&self.scenario.app.messages[fetch.message().index()]);
                server.send_body(fetch, octets).unwrap();
            }
            Asked::Fetch(fetch) => server.refuse(fetch, Refusal::Temporary).unwrap(),
            // A store that fails removes the first of what is marked.
            Asked::Commit(commit) => {
                let slots = server.maildrop().unwrap();
                let marked = (1..).zip(slots).filter(|(_, slot)| slot.is_marked()).map(|(number, _)| number);
                self.removed = marked.take(if accept { usize::MAX } else { 1 }).collect();
                self.committed = Some(accept);
                server.committed(commit, accept).unwrap();
            }
            Asked::StartTls(_) => panic!("not a question"),
        }
    }

    /// Lets both machines go on until they need something.
    fn settle(&mut self) {
        self.run_server();
        self.run_client();
        // Nobody is there to read it.
        if self.up_ended || self.server_over.is_some() {
            self.up.sent(usize::MAX);
        }
        if self.down_ended || self.client_over.is_some() {
            self.down.sent(usize::MAX);
            self.run_server();
            self.down.sent(usize::MAX);
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
                        other @ Ask::Other(..) => panic!("{other:?}"),
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
                    assert!(!self.up_ended, "input is asked for behind the end");
                    false
                }
                // The octets go nowhere.
                Ok(Step::NeedSpace(full)) => {
                    assert!(!full.never_fits());
                    self.down_ended && {
                        self.down.sent(usize::MAX);
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
            let awaited = self.client.awaits();
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

    /// What the server says to STAT and LIST now; `None` where it would not read them next.
    pub(super) fn probe(mut self) -> Option<String> {
        let idle = self.server_over.is_none()
            && self.asked.is_none()
            && self.body.is_none()
            && !self.up_ended
            && self.server_unread.is_empty();
        if !idle || self.server.state() != pop3_proto::State::Transaction {
            return None;
        }
        self.down_ended = false;
        self.down.sent(usize::MAX);
        self.server_unread = b"STAT\r\n".to_vec();
        self.run_server();
        let mut said = self.down.pending().to_vec();
        self.down.sent(usize::MAX);
        self.server_unread = b"LIST\r\n".to_vec();
        self.run_server();
        said.extend_from_slice(self.down.pending());
        Some(String::from_utf8(said).unwrap())
    }
}

fn carry(from: &mut Outbox, to: &mut Vec<u8>, amount: Amount) {
    let count = amount.of(from.pending().len());
    to.extend_from_slice(&from.pending()[..count]);
    from.sent(count);
}
