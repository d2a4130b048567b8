//! The good server, in memory: the server of the crate, with a store of a few messages and two users.

use super::sasl::{Account, Exchange, Then};
use crate::corpus;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use pop3_proto::server::{
    Credentials, Event, Language, Login, MessageInfo, Phrase, Refusal, Responder, ServerConfig, StartTls,
    Utf8,
};
use pop3_proto::{
    ApopTimestamp, Base64, Expire, LanguageTag, Mechanism, OctetCount, OwnedUniqueId, Secret,
    ServerConnection, Text, TlsPolicy, UniqueId,
};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::{Arc, LazyLock};

pub const USER: &str = "mrose";
pub const PASSWORD: &str = "tanstaaf";
pub const SECOND_USER: &str = "jpostel";
pub const SECOND_PASSWORD: &str = "be liberal";

/// The users, in the order of the mailboxes.
pub(super) static ACCOUNTS: [Account; 2] =
    [Account { user: USER, password: PASSWORD }, Account { user: SECOND_USER, password: SECOND_PASSWORD }];

type Maildrop = Vec<MessageInfo<OwnedUniqueId>>;
type Pop3 = ServerConnection<Maildrop, Vec<u8>, Vec<u8>>;

static CONFIG: ServerConfig<'static> = ServerConfig::new(TlsPolicy::Opportunistic)
    .with_sasl(&[Mechanism::PLAIN, Mechanism::LOGIN, Mechanism::SCRAM_SHA_256, Mechanism::OAUTHBEARER])
    .with_sasl_cleartext(&[Mechanism::PLAIN, Mechanism::LOGIN, Mechanism::SCRAM_SHA_256])
    .with_utf8(Utf8::MessagesAndUsers)
    .with_languages(&[ENGLISH, GERMAN])
    .with_login_delay(0, false)
    .with_expire(Expire::Never, false)
    .with_implementation(Text::from_static("pop3-conform"));

const ENGLISH: Language<'_> = Language {
    tag: LanguageTag::from_static("en"),
    name: Text::from_static("English"),
    say: &Phrase::english,
};
const GERMAN: Language<'_> =
    Language { tag: LanguageTag::from_static("de"), name: Text::from_static("Deutsch"), say: &german };

fn german(phrase: Phrase) -> Text<'static> {
    match phrase {
        Phrase::UnknownCommand => const { Text::from_static("unbekannter Befehl") },
        Phrase::LanguageSelected => const { Text::from_static("Sprache gew\u{e4}hlt") },
        other => other.english(),
    }
}

static MESSAGES: LazyLock<Vec<Mail>> =
    LazyLock::new(|| corpus::messages().into_iter().map(Mail::new).collect());

/// A message that sessions share.
#[derive(Clone, Debug)]
struct Mail {
    id: String,
    text: Arc<[u8]>,
    /// Counted once, because sessions are many.
    octets: u64,
}

impl Mail {
    fn new(message: corpus::Message) -> Self {
        Mail { octets: OctetCount::of(&message.text), id: message.id, text: message.text.into() }
    }
}

/// The users and their mail. All sessions of a world share it.
#[derive(Clone, Debug)]
pub struct World(Rc<State>);

#[derive(Debug)]
struct State {
    boxes: [Mailbox; 2],
    sessions: Cell<u64>,
}

#[derive(Debug)]
struct Mailbox {
    user: &'static str,
    password: &'static str,
    messages: RefCell<Vec<Mail>>,
    locked: Cell<bool>,
}

impl Default for World {
    fn default() -> Self {
        World::new()
    }
}

impl World {
    /// Returns a world in which both users have the corpus.
    #[must_use]
    pub fn new() -> Self {
        let mailbox = |user, password| Mailbox {
            user,
            password,
            messages: RefCell::new(MESSAGES.clone()),
            locked: Cell::new(false),
        };
        World(Rc::new(State {
            boxes: [mailbox(USER, PASSWORD), mailbox(SECOND_USER, SECOND_PASSWORD)],
            sessions: Cell::new(0),
        }))
    }

    /// Gives both users the corpus again.
    pub fn fill(&self) {
        for mailbox in &self.0.boxes {
            *mailbox.messages.borrow_mut() = MESSAGES.clone();
        }
    }

    /// Leaves the first user with this number of messages.
    pub fn truncate(&self, count: usize) {
        self.0.boxes[0].messages.borrow_mut().truncate(count);
    }

    /// Returns the number of messages that the first user has.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.boxes[0].messages.borrow().len()
    }

    /// Gives the first user these messages.
    pub fn put(&self, messages: Vec<corpus::Message>) {
        *self.0.boxes[0].messages.borrow_mut() = messages.into_iter().map(Mail::new).collect();
    }

    /// Changes the text of each message.
    pub fn rewrite(&self, mut change: impl FnMut(&[u8]) -> Vec<u8>) {
        for mailbox in &self.0.boxes {
            for mail in mailbox.messages.borrow_mut().iter_mut() {
                *mail = Mail::new(corpus::Message { id: mail.id.clone(), text: change(&mail.text) });
            }
        }
    }

    /// Returns the texts of the messages that the first user has now.
    #[must_use]
    pub fn texts(&self) -> Vec<Vec<u8>> {
        self.0.boxes[0].messages.borrow().iter().map(|mail| mail.text.to_vec()).collect()
    }

    /// Frees the maildrops, as if no session had them.
    pub fn unlock(&self) {
        for mailbox in &self.0.boxes {
            mailbox.locked.set(false);
        }
    }

    /// Begins a session. The first [`run`](Good::run) returns the greeting.
    #[must_use]
    pub fn connect(&self) -> Good {
        let id = self.0.sessions.get() + 1;
        self.0.sessions.set(id);
        Good {
            world: self.clone(),
            number: id,
            pop3: ServerConnection::new(&CONFIG, id),
            timestamp: format!("<{id}.1704067200@conform.example>"),
            name: Vec::new(),
            exchange: None,
            open: None,
            sending: (None, 0),
            start_tls: None,
            over: false,
        }
    }
}

/// One session of the good server.
#[derive(Debug)]
pub struct Good {
    world: World,
    number: u64,
    pop3: Pop3,
    timestamp: String,
    name: Vec<u8>,
    /// The state of the exchange inside AUTH.
    exchange: Option<Exchange>,
    /// The mailbox that this session has locked, and the messages in it at that time.
    open: Option<(usize, Vec<Mail>)>,
    /// The message that is sent, and how much of it is.
    sending: (Option<usize>, usize),
    start_tls: Option<StartTls>,
    over: bool,
}

impl Good {
    /// Returns the number of the session in its world, from 1 up.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// Returns the world of this session.
    #[must_use]
    pub const fn world(&self) -> &World {
        &self.world
    }

    /// Returns whether the server has closed. Its last output may be untaken.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        self.over
    }

    /// Returns whether the handshake is next.
    #[must_use]
    pub const fn wants_tls(&self) -> bool {
        self.start_tls.is_some()
    }

    /// Reports that the handshake is done, and returns what the server sends.
    pub fn tls_started(&mut self) -> Vec<u8> {
        if let Some(start) = self.start_tls.take() {
            if self.pop3.tls_started(start).is_err() {
                self.pop3.close();
            }
        }
        self.run()
    }

    /// Receives bytes, and returns what the server sends.
    pub fn receive(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.pop3.recv_buf().append(bytes);
        self.run()
    }

    /// Receives the end of the stream, and returns what the server sends.
    pub fn end(&mut self) -> Vec<u8> {
        self.pop3.recv_buf().received_eof();
        self.run()
    }

    /// Goes on until the server waits for input. Returns what it sends.
    pub fn run(&mut self) -> Vec<u8> {
        let mut output = Vec::new();
        loop {
            self.answer_all();
            let pending = self.pop3.send_buf().pending();
            if pending.is_empty() {
                return output;
            }
            output.extend_from_slice(pending);
            let count = pending.len();
            self.pop3.send_buf().sent(count);
        }
    }

    fn answer_all(&mut self) {
        let Good { world, pop3, timestamp, name, exchange, open, sending, start_tls, over, .. } = self;
        while !*over {
            let answered = match pop3.poll() {
                Ok(None) => return,
                Ok(Some((Event::Closed(_), _))) | Err(_) => {
                    *over = true;
                    release(world, open);
                    return;
                }
                Ok(Some((Event::StartTls(start), _))) => {
                    *start_tls = Some(start);
                    return;
                }
                Ok(Some((event, responder))) => {
                    Host { world, timestamp, name, exchange, open, sending }.answer(event, responder)
                }
            };
            // The good server gives answers that fit. If one does not, the session ends, and `prove` shows it.
            if answered.is_none() {
                pop3.close();
            }
        }
    }
}

impl Drop for Good {
    fn drop(&mut self) {
        release(&self.world, &mut self.open);
    }
}

fn release(world: &World, open: &mut Option<(usize, Vec<Mail>)>) {
    if let Some((mailbox, _)) = open.take() {
        world.0.boxes[mailbox].locked.set(false);
    }
}

/// The parts of a session that answer an event.
struct Host<'g> {
    world: &'g World,
    timestamp: &'g str,
    name: &'g mut Vec<u8>,
    exchange: &'g mut Option<Exchange>,
    open: &'g mut Option<(usize, Vec<Mail>)>,
    sending: &'g mut (Option<usize>, usize),
}

impl Host<'_> {
    /// Answers one event, or returns `None` if the answer was not taken.
    fn answer(&mut self, event: Event<'_>, mut to: Responder<'_, Maildrop>) -> Option<()> {
        match event {
            Event::Greet(greet) => {
                let greeting = format!("ready {}", self.timestamp);
                to.greet(greet, Text::new(greeting.as_bytes()).ok()?).ok()
            }
            // To refuse an unknown name shows which names exist.
            Event::User(user, name) => {
                *self.name = name.as_bytes().to_vec();
                to.accept_name(user).ok()
            }
            Event::Login(login, credentials) => self.login(login, credentials, to),
            Event::Fetch(fetch) => {
                let index = fetch.message().index();
                let (_, messages) = self.open.as_ref()?;
                let octets = messages.get(index)?.octets;
                *self.sending = (Some(index), 0);
                to.send_body_of(fetch, octets).ok()
            }
            Event::Body => self.send(to),
            Event::Commit(commit) => {
                let (mailbox, messages) = self.open.as_ref()?;
                for marked in to.marked() {
                    let id = &messages.get(marked.index())?.id;
                    self.world.0.boxes[*mailbox].messages.borrow_mut().retain(|other| other.id != *id);
                }
                to.removed(commit).ok()
            }
            other => to.decline(other).ok(),
        }
    }

    fn send(&mut self, mut to: Responder<'_, Maildrop>) -> Option<()> {
        let (index, at) = *self.sending;
        let (_, messages) = self.open.as_ref()?;
        let rest = messages.get(index?)?.text.get(at..)?;
        if rest.is_empty() || !to.wants_body() {
            return to.finish_body().ok().map(drop);
        }
        self.sending.1 += to.write_body(rest).ok()?;
        Some(())
    }

    fn login(
        &mut self,
        login: Login,
        credentials: Credentials<'_>,
        to: Responder<'_, Maildrop>,
    ) -> Option<()> {
        let boxes = &self.world.0.boxes;
        let named = |name: &[u8]| boxes.iter().position(|mailbox| mailbox.user.as_bytes() == name);
        let who = match credentials {
            Credentials::Password(given) => {
                named(self.name).filter(|found| boxes[*found].password.as_bytes() == given.expose())
            }
            Credentials::Apop { name, digest } => named(name.as_bytes()).filter(|found| {
                let timestamp = ApopTimestamp::new(self.timestamp.as_bytes());
                let password = Secret::new(boxes[*found].password.as_bytes());
                matches!((timestamp, password), (Ok(timestamp), Ok(password))
                    if pop3_proto::apop::verify(timestamp, password, &digest))
            }),
            Credentials::Sasl { mechanism, initial } => {
                let initial = initial.map(decoded);
                return self.go_on(login, Exchange::begin(mechanism.as_bytes(), initial.as_deref()), to);
            }
            Credentials::Response(response) => {
                let next = self.exchange.take()?.next(&decoded(response));
                return self.go_on(login, next, to);
            }
            _ => None,
        };
        self.open(login, who, to)
    }

    /// Goes on inside AUTH.
    fn go_on(&mut self, login: Login, next: Then, mut to: Responder<'_, Maildrop>) -> Option<()> {
        match next {
            Then::Challenge(message, exchange) => {
                *self.exchange = Some(exchange);
                to.challenge(login, Base64::new(BASE64_STANDARD.encode(message).as_bytes()).ok()?).ok()
            }
            Then::Accept(who) => self.open(login, Some(who), to),
            Then::Refuse => to.refuse(login, Refusal::Credentials).ok(),
        }
    }

    /// Opens the mailbox of this user, if there is one.
    fn open(&mut self, login: Login, who: Option<usize>, mut to: Responder<'_, Maildrop>) -> Option<()> {
        let boxes = &self.world.0.boxes;
        let Some(who) = who else { return to.refuse(login, Refusal::Credentials).ok() };
        if boxes[who].locked.replace(true) {
            return to.refuse(login, Refusal::InUse).ok();
        }
        let messages = boxes[who].messages.borrow().clone();
        let info =
            |mail: &Mail| Some(MessageInfo::new(mail.octets, UniqueId::new(mail.id.as_bytes()).ok()?.into()));
        let maildrop: Maildrop = messages.iter().filter_map(info).collect();
        *self.open = Some((who, messages));
        to.accept(login, maildrop).ok()
    }
}

/// Returns the message. The machine has checked that it is base64.
fn decoded(message: Base64<'_>) -> Vec<u8> {
    BASE64_STANDARD.decode(message.as_bytes()).unwrap_or_default()
}
