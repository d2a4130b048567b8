use crate::words;
use pop3_proto::server::{
    AsConfig, CloseReason, Credentials, Event, Login, Maildrop, MessageInfo, Refusal, Responder, StartTls,
    UserPolicy,
};
use pop3_proto::{Base64, MessageNumber, OctetCount, OwnedUniqueId, Text, UniqueId};

/// The maildrop of most tests.
pub type Slots = Vec<MessageInfo<OwnedUniqueId>>;

/// The application of a server: what it knows, what it answers, and what it was asked.
#[derive(Clone, Debug)]
pub struct App {
    pub greeting: String,
    /// Without users everybody is let in.
    pub users: Vec<User>,
    pub messages: Vec<Message>,
    /// What is refused.
    pub refuse_greeting: Option<Refusal>,
    pub refuse_name: Option<Refusal>,
    /// With the right credentials; wrong ones always are.
    pub refuse_login: Option<Refusal>,
    pub refuse_fetch: Option<Refusal>,
    pub refuse_other: Option<Refusal>,
    /// Whether a name that is unknown is refused before the password.
    pub refuses_unknown_names: bool,
    /// What AUTH asks for, one after the other; an initial response answers the first.
    pub challenges: Vec<String>,
    pub policy: UserPolicy,
    /// The messages that cannot be removed.
    pub stuck: Vec<u32>,
    pub bodies: Bodies,
    /// The questions, in [`words`].
    pub asked: Vec<String>,
    /// The same, as their `Debug` shows them.
    pub shown: Vec<String>,
    /// What was removed, which happens at Commit and never else.
    pub removed: Vec<u32>,
    name: Vec<u8>,
    /// How many messages of the exchange were received.
    rounds: usize,
    /// The message that is sent, and how much of it was.
    sending: (usize, usize),
}

/// What a user logs in with; what is empty is not taken.
#[derive(Clone, Default, Debug)]
pub struct User {
    pub name: String,
    pub password: String,
    /// Over the greeting's timestamp.
    pub digest: String,
    /// The last response of AUTH.
    pub response: String,
}

/// A message of the store.
#[derive(Clone, Default, Debug)]
pub struct Message {
    pub id: String,
    pub octets: u64,
    /// A message without a text cannot be read.
    pub text: Option<Vec<u8>>,
}

/// How messages are handed over: this many bytes at a time.
#[derive(Clone, Copy, Debug)]
pub enum Bodies {
    /// By `write_body`.
    Copied(usize),
    /// By `body_slice`.
    Lent(usize),
}

/// What the driver does after an answer.
pub(crate) enum Then {
    GoOn,
    /// Sends these bytes after those that are pending.
    Lent(Vec<u8>),
    StartTls(StartTls),
    Closed(CloseReason),
}

impl App {
    /// Lets everybody in, to these messages.
    pub fn of(messages: &[impl AsRef<[u8]>]) -> Self {
        let message = |(index, text): (usize, &_)| Message::new(index, AsRef::as_ref(text));
        App {
            greeting: "ready".into(),
            users: Vec::new(),
            messages: messages.iter().enumerate().map(message).collect(),
            refuse_greeting: None,
            refuse_name: None,
            refuse_login: None,
            refuse_fetch: None,
            refuse_other: None,
            refuses_unknown_names: false,
            challenges: vec![String::new()],
            policy: UserPolicy::default(),
            stuck: Vec::new(),
            bodies: Bodies::Copied(usize::MAX),
            asked: Vec::new(),
            shown: Vec::new(),
            removed: Vec::new(),
            name: Vec::new(),
            rounds: 0,
            sending: (0, 0),
        }
    }

    /// Lets the user `mrose` in, to three messages, one of which needs stuffing.
    pub fn new() -> Self {
        let user = User {
            name: "mrose".into(),
            password: "tanstaaf".into(),
            digest: "c4c9334bac560ecc979e58001b3e22fb".into(),
            response: "AG1yb3NlAHRhbnN0YWFm".into(),
        };
        App {
            greeting: "ready <1896.697170952@dbc.mtview.ca.us>".into(),
            users: vec![user],
            bodies: Bodies::Copied(7),
            ..App::of(&[
                &b"Subject: a\r\n\r\nOne\r\n"[..],
                b"Subject: b\n\n.\n..two\n.\rx\n",
                b"Subject: c\r\n\r\nno end",
            ])
        }
    }

    pub fn maildrop(&self) -> Slots {
        let id = |message: &Message| UniqueId::new(message.id.as_bytes()).unwrap().into();
        self.messages.iter().map(|message| MessageInfo::new(message.octets, id(message))).collect()
    }

    /// The text of the message with this index.
    pub fn text(&self, index: usize) -> &[u8] {
        self.messages[index].text.as_deref().unwrap()
    }

    /// The message as a client receives it: every line ended by CR LF.
    pub fn received(&self, index: usize) -> Vec<u8> {
        let mut received = Vec::new();
        let mut before = b'\n';
        for byte in self.text(index) {
            if *byte == b'\n' && before != b'\r' {
                received.push(b'\r');
            }
            received.push(*byte);
            before = *byte;
        }
        if before != b'\n' {
            received.extend(b"\r\n");
        }
        received
    }

    /// Removes nothing at QUIT.
    pub fn keep_all(&mut self) {
        self.stuck = (1..).take(self.messages.len()).collect();
    }

    /// Answers a question, or says what the driver does first.
    pub(crate) fn answer<M: Maildrop, C: AsConfig>(
        &mut self,
        event: Event<'_>,
        to: &mut Responder<'_, M, C>,
        open: &mut dyn FnMut(bool) -> M,
    ) -> Then {
        if let Some(question) = words::question(&event) {
            self.asked.push(question);
            self.shown.push(format!("{event:?}"));
        }
        match event {
            Event::Greet(greet) => match self.refuse_greeting {
                Some(refusal) => to.refuse(greet, refusal).unwrap(),
                None => to.greet(greet, Text::new(self.greeting.as_bytes()).unwrap()).unwrap(),
            },
            Event::User(user, name) => {
                self.name = name.as_bytes().to_vec();
                let known = self.users.iter().any(|user| user.name.as_bytes() == self.name);
                let unknown = (self.refuses_unknown_names && !known).then_some(Refusal::Credentials);
                match self.refuse_name.or(unknown) {
                    Some(refusal) => to.refuse(user, refusal).unwrap(),
                    None => to.accept_name(user).unwrap(),
                }
            }
            Event::Login(login, credentials) => self.login(login, credentials, to, open),
            Event::Fetch(fetch) => {
                let index = fetch.message().index();
                let unreadable = self.messages[index].text.is_none().then_some(Refusal::Permanent);
                match self.refuse_fetch.or(unreadable) {
                    Some(refusal) => to.refuse(fetch, refusal).unwrap(),
                    None => {
                        self.sending = (index, 0);
                        to.send_body_of(fetch, OctetCount::of(self.text(index))).unwrap();
                    }
                }
            }
            Event::Body => return self.send(to),
            Event::Commit(commit) => {
                let marked: Vec<u32> = to.marked().map(MessageNumber::get).collect();
                let (stuck, removed): (Vec<_>, Vec<_>) =
                    marked.into_iter().partition(|message| self.stuck.contains(message));
                self.removed.extend(removed);
                match stuck.is_empty() {
                    true => to.removed(commit).unwrap(),
                    false => to.not_removed(commit, Refusal::NoSuchMessage).unwrap(),
                }
            }
            Event::StartTls(start) => return Then::StartTls(start),
            Event::Other(other, ..) => match self.refuse_other {
                Some(refusal) => to.refuse(other, refusal).unwrap(),
                None => to.other(other, Text::from_static("done")).unwrap(),
            },
            Event::Closed(why) => return Then::Closed(why),
            other => panic!("{other:?}"),
        }
        Then::GoOn
    }

    fn login<M: Maildrop, C: AsConfig>(
        &mut self,
        login: Login,
        credentials: Credentials<'_>,
        to: &mut Responder<'_, M, C>,
        open: &mut dyn FnMut(bool) -> M,
    ) {
        match credentials {
            Credentials::Sasl { initial, .. } => self.rounds = usize::from(initial.is_some()),
            Credentials::Response(_) => self.rounds += 1,
            _ => {}
        }
        let challenge = self.challenges.get(self.rounds).filter(|_| login.is_auth());
        if let Some(challenge) = challenge {
            return to.challenge(login, Base64::new(challenge.as_bytes()).unwrap()).unwrap();
        }
        let known = self.users.is_empty() || self.users.iter().any(|user| user.is(&self.name, credentials));
        let wrong = (!known).then_some(Refusal::Credentials);
        match wrong.or(self.refuse_login) {
            Some(refusal) => to.refuse(login, refusal).unwrap(),
            None => {
                let maildrop = open(login.utf8());
                to.accept_with(login, maildrop, self.policy).unwrap();
            }
        }
    }

    /// Hands over the next bytes of the message, or ends it.
    fn send<M: Maildrop, C: AsConfig>(&mut self, to: &mut Responder<'_, M, C>) -> Then {
        let (index, at) = self.sending;
        let rest = &self.messages[index].text.as_deref().unwrap()[at..];
        if rest.is_empty() || !to.wants_body() {
            to.finish_body().unwrap();
            return Then::GoOn;
        }
        match self.bodies {
            Bodies::Copied(most) => {
                let taken = to.write_body(&rest[..rest.len().min(most)]).unwrap();
                self.sending = (index, at + taken);
                Then::GoOn
            }
            Bodies::Lent(most) => {
                let chunk = &rest[..rest.len().min(most)];
                let (mut left, mut lent) = (chunk, Vec::new());
                while let Some(slice) = to.body_slice(&mut left).unwrap() {
                    let borrowed = chunk.as_ptr_range().contains(&slice.as_ptr());
                    assert!(borrowed || [&b"\r\n"[..], b"\r\n."].contains(&slice), "a copy: {slice:?}");
                    lent.extend_from_slice(slice);
                }
                self.sending = (index, at + chunk.len());
                Then::Lent(lent)
            }
        }
    }
}

impl Default for App {
    fn default() -> Self {
        App::new()
    }
}

impl User {
    fn is(&self, name: &[u8], credentials: Credentials<'_>) -> bool {
        let is = |ours: &str, theirs: &[u8]| !ours.is_empty() && ours.as_bytes() == theirs;
        match credentials {
            Credentials::Password(password) => is(&self.name, name) && is(&self.password, password.expose()),
            Credentials::Apop { name, digest } => {
                is(&self.name, name.as_bytes()) && is(&self.digest, &digest.to_hex())
            }
            Credentials::Sasl { initial: Some(response), .. } | Credentials::Response(response) => {
                is(&self.response, response.as_bytes())
            }
            _ => false, // a mechanism without its response, and credentials of kinds to come
        }
    }
}

impl Message {
    /// The message with this index, and the unique-id `id-1`, `id-2` and so on.
    pub fn new(index: usize, text: &[u8]) -> Self {
        Message { id: format!("id-{}", index + 1), octets: OctetCount::of(text), text: Some(text.to_vec()) }
    }
}

/// A maildrop of these messages, with the unique-ids `id-1`, `id-2` and so on.
pub fn slots(messages: &[impl AsRef<[u8]>]) -> Slots {
    App::of(messages).maildrop()
}
