use crate::words;
use pop3_proto::server::{
    AsConfig, BodyError, CloseReason, Commit, Credentials, Event, Fetch, Greet, Login, Maildrop, MessageInfo,
    Refusal, Responder, ServerConfig, StartTls, User as UserToken, UserPolicy,
};
use pop3_proto::{
    AnswerError, Base64, MessageNumber, OctetCount, OwnedUniqueId, ServerConnection, Text, TlsPolicy,
    UniqueId,
};
use std::collections::VecDeque;

/// The maildrop of most tests.
pub type Infos = Vec<MessageInfo<OwnedUniqueId>>;

/// The application of a server: its data, its answers, and the questions that it was asked.
#[derive(Clone, Debug)]
pub struct App {
    pub greeting: String,
    /// Without users every login is accepted.
    pub users: Vec<User>,
    pub messages: Vec<Message>,
    /// The refusals.
    pub refuse_greeting: Option<Refusal>,
    pub refuse_name: Option<Refusal>,
    /// Refuses a login with the right credentials; wrong credentials are always refused.
    pub refuse_login: Option<Refusal>,
    pub refuse_fetch: Option<Refusal>,
    pub refuse_other: Option<Refusal>,
    /// Whether an unknown name is refused before the password.
    pub refuses_unknown_names: bool,
    /// The challenges of AUTH, one after the other; an initial response answers the first.
    pub challenges: Vec<String>,
    pub policy: UserPolicy,
    /// The messages that cannot be removed.
    pub stuck: Vec<u32>,
    /// The reactions to the next questions, one after the other; the fields above decide about all later questions.
    pub whims: VecDeque<Whim>,
    pub bodies: Bodies,
    /// The questions, in [`words`].
    pub asked: Vec<String>,
    /// The same, in their `Debug` form.
    pub shown: Vec<String>,
    /// The messages that were removed, which happens only at Commit.
    pub removed: Vec<u32>,
    name: Vec<u8>,
    /// The number of messages of the exchange that were received.
    rounds: usize,
    /// The message that is being sent, how many bytes of it were sent, and whether to give it up.
    sending: Option<(usize, usize, Whim)>,
    /// The reaction to the open question.
    whim: Whim,
    /// Whether the question is asked again because its answer found no room.
    again: bool,
}

/// A reaction of the application to any question.
#[derive(Clone, Copy, PartialEq, Default, Debug)]
pub enum Whim {
    /// The fields of [`App`] decide.
    #[default]
    Fields,
    Refuse(Refusal),
    /// Asks for one more message of AUTH.
    Challenge,
    /// Answers after closing the session, which is too late.
    Late,
    /// Loses the question, or gives up inside the message, and closes.
    Close,
}

impl Whim {
    const fn refusal(self) -> Option<Refusal> {
        match self {
            Whim::Refuse(refusal) => Some(refusal),
            _ => None,
        }
    }
}

/// The credentials of a user; an empty field is never accepted.
#[derive(Clone, Default, Debug)]
pub struct User {
    pub name: String,
    pub password: String,
    /// For the greeting's timestamp.
    pub digest: String,
    /// The last response of AUTH.
    pub response: String,
}

/// A message of the store.
#[derive(Clone, Default, Debug)]
pub struct Message {
    pub id: String,
    pub octets: u64,
    /// The text, or `None` for a message that cannot be read.
    pub text: Option<Vec<u8>>,
}

/// How messages are sent: this many bytes at a time.
#[derive(Clone, Copy, Debug)]
pub enum Bodies {
    /// With `write_body`.
    Copied(usize),
    /// With `body_slice`.
    Lent(usize),
}

/// The driver's next step after an answer.
pub(crate) enum Then {
    GoOn,
    /// Sends these bytes after those that are pending.
    Lent(Vec<u8>),
    StartTls(StartTls),
    Closed(CloseReason),
    /// There was no room, so the question is asked again.
    Room,
}

impl App {
    /// Returns an application that accepts every login, with these messages.
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
            whims: VecDeque::new(),
            bodies: Bodies::Copied(usize::MAX),
            asked: Vec::new(),
            shown: Vec::new(),
            removed: Vec::new(),
            name: Vec::new(),
            rounds: 0,
            sending: None,
            whim: Whim::Fields,
            again: false,
        }
    }

    /// Returns an application with the user `mrose` and three messages, one of which needs stuffing.
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

    pub fn maildrop(&self) -> Infos {
        let id = |message: &Message| UniqueId::new(message.id.as_bytes()).unwrap().into();
        self.messages.iter().map(|message| MessageInfo::new(message.octets, id(message))).collect()
    }

    /// Returns the text of the message with this index.
    pub fn text(&self, index: usize) -> &[u8] {
        self.messages[index].text.as_deref().unwrap()
    }

    /// Returns the message as a client receives it: every line ends in CR LF.
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

    /// Returns whether the next question was not asked before.
    pub(crate) const fn is_new(&self) -> bool {
        !self.again && self.sending.is_none()
    }

    /// Answers a question, or returns the driver's next step.
    pub(crate) fn answer<M: Maildrop, C: AsConfig>(
        &mut self,
        event: Event<'_>,
        to: &mut Responder<'_, M, C>,
        open: &mut dyn FnMut(bool) -> M,
    ) -> Then {
        if !self.again {
            self.note(&event);
        }
        match event {
            Event::Body => return self.send(to),
            Event::StartTls(start) => return Then::StartTls(start),
            Event::Closed(why) => return Then::Closed(why),
            _ if self.again => {}
            _ => self.whim = self.whims.pop_front().unwrap_or_default(),
        }
        if let Whim::Close | Whim::Late = self.whim {
            to.close();
        }
        if self.whim == Whim::Close {
            return Then::GoOn;
        }
        let answered = self.give(event, to, open);
        self.again = matches!(answered, Err(AnswerError::BufferFull(_)));
        match answered {
            Err(AnswerError::BufferFull(full)) => {
                assert!(!full.never_fits(), "{full}");
                return Then::Room;
            }
            answered => assert_eq!(answered.err(), (self.whim == Whim::Late).then_some(AnswerError::Stale)),
        }
        Then::GoOn
    }

    fn note(&mut self, event: &Event<'_>) {
        if let Some(question) = words::question(event) {
            self.asked.push(question);
            self.shown.push(format!("{event:?}"));
        }
    }

    /// Gives the answer to a question.
    fn give<M: Maildrop, C: AsConfig>(
        &mut self,
        event: Event<'_>,
        to: &mut Responder<'_, M, C>,
        open: &mut dyn FnMut(bool) -> M,
    ) -> Result<(), AnswerError> {
        let refused = self.whim.refusal();
        match event {
            Event::Greet(greet) => match refused.or(self.refuse_greeting) {
                Some(refusal) => to.refuse(greet, refusal),
                None => self.greet(greet, to),
            },
            Event::User(user, name) => {
                self.name = name.as_bytes().to_vec();
                self.take_name(user, to)
            }
            Event::Login(login, credentials) => self.login(login, credentials, to, open),
            Event::Fetch(fetch) => self.fetch(fetch, to),
            Event::Commit(commit) => self.commit(commit, to),
            Event::Other(other, ..) => match refused.or(self.refuse_other) {
                Some(refusal) => to.refuse(other, refusal),
                None => to.other(other, Text::from_static("done")),
            },
            other => panic!("{other:?}"),
        }
    }

    /// Another connection's token is refused, and changes nothing.
    fn greet<M: Maildrop, C: AsConfig>(
        &self,
        greet: Greet,
        to: &mut Responder<'_, M, C>,
    ) -> Result<(), AnswerError> {
        let text = Text::new(self.greeting.as_bytes()).unwrap();
        assert_eq!(to.greet(foreign(), text), Err(AnswerError::OtherConnection));
        to.greet(greet, text)
    }

    fn take_name<M: Maildrop, C: AsConfig>(
        &self,
        user: UserToken,
        to: &mut Responder<'_, M, C>,
    ) -> Result<(), AnswerError> {
        let known = self.users.iter().any(|user| user.name.as_bytes() == self.name);
        let unknown = (self.refuses_unknown_names && !known).then_some(Refusal::Credentials);
        match self.whim.refusal().or(self.refuse_name).or(unknown) {
            Some(refusal) => to.refuse(user, refusal),
            None => to.accept_name(user),
        }
    }

    fn login<M: Maildrop, C: AsConfig>(
        &mut self,
        login: Login,
        credentials: Credentials<'_>,
        to: &mut Responder<'_, M, C>,
        open: &mut dyn FnMut(bool) -> M,
    ) -> Result<(), AnswerError> {
        match credentials {
            _ if self.again => {}
            Credentials::Sasl { initial, .. } => self.rounds = usize::from(initial.is_some()),
            Credentials::Response(_) => self.rounds += 1,
            _ => {}
        }
        if let Some(refusal) = self.whim.refusal() {
            return to.refuse(login, refusal);
        }
        let more = (self.whim == Whim::Challenge).then_some("AAAA");
        let challenge = more.or(self.challenges.get(self.rounds).map(String::as_str));
        if let Some(challenge) = challenge.filter(|_| login.is_auth()) {
            return to.challenge(login, Base64::new(challenge.as_bytes()).unwrap());
        }
        let known = self.users.is_empty() || self.users.iter().any(|user| user.is(&self.name, credentials));
        let wrong = (!known).then_some(Refusal::Credentials);
        match wrong.or(self.refuse_login) {
            Some(refusal) => to.refuse(login, refusal),
            None => {
                let maildrop = open(login.utf8());
                to.accept_with(login, maildrop, self.policy)
            }
        }
    }

    fn fetch<M: Maildrop, C: AsConfig>(
        &mut self,
        fetch: Fetch,
        to: &mut Responder<'_, M, C>,
    ) -> Result<(), AnswerError> {
        let index = fetch.message().index();
        let unreadable = self.messages[index].text.is_none().then_some(Refusal::Permanent);
        if let Some(refusal) = self.whim.refusal().or(self.refuse_fetch).or(unreadable) {
            return to.refuse(fetch, refusal);
        }
        let answered = to.send_body_of(fetch, OctetCount::of(self.text(index)));
        if answered.is_ok() {
            self.sending = Some((index, 0, self.whims.pop_front().unwrap_or_default()));
        }
        answered
    }

    fn commit<M: Maildrop, C: AsConfig>(
        &mut self,
        commit: Commit,
        to: &mut Responder<'_, M, C>,
    ) -> Result<(), AnswerError> {
        let marked: Vec<u32> = to.marked().map(MessageNumber::get).collect();
        let all_stuck = self.whim.refusal();
        let (stuck, removed): (Vec<_>, Vec<_>) =
            marked.into_iter().partition(|message| all_stuck.is_some() || self.stuck.contains(message));
        let refused = all_stuck.or((!stuck.is_empty()).then_some(Refusal::NoSuchMessage));
        match refused {
            None => to.removed(commit)?,
            Some(refusal) => to.not_removed(commit, refusal)?,
        }
        self.removed.extend(removed);
        Ok(())
    }

    /// Sends the next bytes of the message, or ends it.
    fn send<M: Maildrop, C: AsConfig>(&mut self, to: &mut Responder<'_, M, C>) -> Then {
        let (index, at, whim) = self.sending.take().unwrap();
        if whim == Whim::Close {
            to.close();
            return Then::GoOn;
        }
        let rest = &self.messages[index].text.as_deref().unwrap()[at..];
        if rest.is_empty() || !to.wants_body() {
            to.finish_body().unwrap();
            return Then::GoOn;
        }
        let (taken, then) = match self.bodies {
            Bodies::Copied(most) => match to.write_body(&rest[..rest.len().min(most)]) {
                Ok(0) => (Ok(0), Then::Room),
                taken => (taken, Then::GoOn),
            },
            Bodies::Lent(most) => {
                let chunk = &rest[..rest.len().min(most)];
                let (lent, ended) = lend(chunk, to);
                (ended.map(|()| chunk.len()), Then::Lent(lent))
            }
        };
        match taken {
            Ok(count) => self.sending = Some((index, at + count, whim)),
            Err(error) => {
                assert_eq!(error, BodyError::BareLf);
                to.close();
            }
        }
        then
    }
}

/// Returns the slices of a message, which borrow from it, as far as they can be sent.
fn lend<M: Maildrop, C: AsConfig>(
    chunk: &[u8],
    to: &mut Responder<'_, M, C>,
) -> (Vec<u8>, Result<(), BodyError>) {
    let (mut left, mut lent) = (chunk, Vec::new());
    loop {
        match to.body_slice(&mut left) {
            Ok(Some(slice)) => {
                let borrowed = chunk.as_ptr_range().contains(&slice.as_ptr());
                assert!(borrowed || [&b"\r\n"[..], b"\r\n."].contains(&slice), "a copy: {slice:?}");
                lent.extend_from_slice(slice);
            }
            ended => return (lent, ended.map(|_| ())),
        }
    }
}

/// Returns the first token of another connection.
fn foreign() -> Greet {
    static CONFIG: ServerConfig<'_> = ServerConfig::new(TlsPolicy::Cleartext);
    let mut other = ServerConnection::<Infos, Vec<u8>>::new(&CONFIG, 8);
    match other.poll() {
        Ok(Some((Event::Greet(greet), _))) => greet,
        polled => panic!("{polled:?}"),
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
            _ => false, // a mechanism without its response, and future kinds of credentials
        }
    }
}

impl Message {
    /// Returns the message with this index, and the unique-id `id-1`, `id-2` and so on.
    pub fn new(index: usize, text: &[u8]) -> Self {
        Message { id: format!("id-{}", index + 1), octets: OctetCount::of(text), text: Some(text.to_vec()) }
    }
}

/// Returns a maildrop of these messages, with the unique-ids `id-1`, `id-2` and so on.
pub fn infos(messages: &[impl AsRef<[u8]>]) -> Infos {
    App::of(messages).maildrop()
}
