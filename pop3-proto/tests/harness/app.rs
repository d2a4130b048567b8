use pop3_proto::server::{Ask, Credentials, Maildrop, MessageInfo, Refusal, Server, ServerConfig, StartTls};
use pop3_proto::{Base64, MessageNumber, OctetCount, OwnedUniqueId, Sink, Text, UniqueId};

pub(crate) type MailSlots = Vec<MessageInfo<OwnedUniqueId>>;

/// What a server's application knows and does: users, messages, refusals.
#[derive(Clone, Debug)]
pub(crate) struct App {
    pub(crate) greeting: &'static str,
    pub(crate) users: Vec<User>,
    /// The same for every user, as the store keeps them.
    pub(crate) messages: Vec<Vec<u8>>,
    pub(crate) refuse: Refuse,
    pub(crate) bodies: Bodies,
    /// Whether the store fails to remove what is marked.
    pub(crate) keeps: bool,
    /// The questions, as their `Debug` shows them.
    pub(crate) asked: Vec<String>,
    /// What was removed, which happens at Commit and never else.
    pub(crate) removed: Vec<u32>,
    name: Vec<u8>,
}

/// What a user logs in with.
#[derive(Clone, Debug)]
pub(crate) struct User {
    pub(crate) name: &'static str,
    pub(crate) password: &'static str,
    /// Over the greeting's timestamp.
    pub(crate) digest: &'static str,
    /// The message of PLAIN.
    pub(crate) plain: &'static str,
}

/// What is refused.
#[derive(Clone, Default, Debug)]
pub(crate) struct Refuse {
    pub(crate) greeting: Option<Refusal>,
    pub(crate) name: Option<Refusal>,
    /// With the right credentials; wrong ones always are.
    pub(crate) login: Option<Refusal>,
    pub(crate) message: Option<(u32, Refusal)>,
}

/// How messages are handed over: so many octets at a time.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Bodies {
    /// By `write_body`
    Copied(usize),
    /// By `body_slice`
    Lent(usize),
}

impl App {
    /// The user `mrose` and three messages, one of which needs stuffing.
    pub(crate) fn new() -> Self {
        App {
            greeting: "ready <1896.697170952@dbc.mtview.ca.us>",
            users: vec![User {
                name: "mrose",
                password: "tanstaaf",
                digest: "c4c9334bac560ecc979e58001b3e22fb",
                plain: "AG1yb3NlAHRhbnN0YWFm",
            }],
            messages: [
                &b"Subject: a\r\n\r\nOne\r\n"[..],
                b"Subject: b\n\n.\n..two\n.\rx\n",
                b"Subject: c\r\n\r\nno end",
            ]
            .map(<[u8]>::to_vec)
            .to_vec(),
            refuse: Refuse::default(),
            bodies: Bodies::Copied(7),
            keeps: false,
            asked: Vec::new(),
            removed: Vec::new(),
            name: Vec::new(),
        }
    }

    pub(crate) fn maildrop(&self) -> MailSlots {
        let id = |index: usize| OwnedUniqueId::from(UniqueId::new(format!("id-{index}").as_bytes()).unwrap());
        self.messages
            .iter()
            .enumerate()
            .map(|(index, body)| MessageInfo::new(OctetCount::of(body), id(index)))
            .collect()
    }

    /// The message as a client gets it: every line ended by CR LF.
    pub(crate) fn received(&self, message: MessageNumber) -> Vec<u8> {
        let mut stuff = pop3_proto::Stuff::new(pop3_proto::StuffMode::Convert);
        let (mut rest, mut wire) = (&self.messages[message.index()][..], Vec::new());
        while let Some(slice) = stuff.next(&mut rest).unwrap() {
            wire.extend_from_slice(slice);
        }
        wire.extend_from_slice(stuff.finish());
        let mut unstuff = pop3_proto::Unstuff::new(pop3_proto::LineEnding::Crlf);
        let (mut rest, mut plain) = (&wire[..], Vec::new());
        while let Some(pop3_proto::Piece::Data(data)) = unstuff.next(&mut rest) {
            plain.extend_from_slice(data);
        }
        plain
    }

    /// Answers a question. What cannot be answered at once comes back: a message to send, a handshake to do.
    pub(super) fn answer(
        &mut self,
        ask: Ask<'_>,
        server: &mut Server<MailSlots, ServerConfig<'_>>,
        sink: &mut dyn Sink,
    ) -> Option<Later> {
        self.asked.push(format!("{ask:?}"));
        match ask {
            Ask::Greet(greet) => match self.refuse.greeting {
                Some(refusal) => server.refuse(greet, refusal).unwrap(),
                None => server.greet(greet, self.greeting.try_into().unwrap(), sink).unwrap(),
            },
            Ask::User(user, name) => {
                self.name = name.as_bytes().to_vec();
                match self.refuse.name {
                    Some(refusal) => server.refuse(user, refusal).unwrap(),
                    None => server.accept_name(user).unwrap(),
                }
            }
            Ask::Login(login, credentials) => match self.check(credentials) {
                Checked::Challenge(challenge) => server.challenge(login, challenge, sink).unwrap(),
                Checked::Good if self.refuse.login.is_none() => {
                    server.accept(login, self.maildrop()).unwrap();
                }
                Checked::Good => server.refuse(login, self.refuse.login.unwrap()).unwrap(),
                Checked::Bad => server.refuse(login, Refusal::Credentials).unwrap(),
            },
            Ask::Fetch(fetch) => {
                let message = fetch.message();
                match self.refuse.message {
                    Some((number, refusal)) if number == message.get() => {
                        server.refuse(fetch, refusal).unwrap();
                    }
                    _ => {
                        let body = &self.messages[message.index()];
                        server.send_body_of(fetch, OctetCount::of(body)).unwrap();
                        return Some(Later::Body(body.clone()));
                    }
                }
            }
            Ask::Commit(commit) => {
                let maildrop = server.maildrop().unwrap();
                let numbers = MessageNumber::up_to(maildrop.count());
                let marked = numbers.filter(|number| maildrop.entry(*number).is_ok_and(|entry| entry.marked));
                if !self.keeps {
                    self.removed.extend(marked.map(MessageNumber::get));
                }
                match !self.keeps {
                    true => server.removed(commit).unwrap(),
                    false => server.not_removed(commit, Refusal::NoSuchMessage).unwrap(),
                }
            }
            Ask::StartTls(start) => return Some(Later::StartTls(start)),
            Ask::Other(other, _, _) => server.other(other, Text::from_static("as you say"), sink).unwrap(),
        }
        None
    }

    fn check(&mut self, credentials: Credentials<'_>) -> Checked {
        let right = |is_right: bool| if is_right { Checked::Good } else { Checked::Bad };
        match credentials {
            Credentials::Password(password) => right(self.users.iter().any(|user| {
                user.name.as_bytes() == self.name && user.password.as_bytes() == password.expose()
            })),
            Credentials::Apop { name, digest } => right(self.users.iter().any(|user| {
                user.name.as_bytes() == name.as_bytes() && user.digest.as_bytes() == digest.to_hex()
            })),
            Credentials::Sasl { initial: None, .. } => Checked::Challenge(Base64::EMPTY),
            Credentials::Sasl { initial: Some(response), .. } => right(self.is_plain(response)),
            // An empty response is asked for again, so that exchanges of any length can be had.
            Credentials::Response(response) if response.is_empty() => {
                Checked::Challenge(Base64::from_static("YWdhaW4="))
            }
            Credentials::Response(response) => right(self.is_plain(response)),
        }
    }

    fn is_plain(&self, response: Base64<'_>) -> bool {
        self.users.iter().any(|user| user.plain.as_bytes() == response.as_bytes())
    }
}

enum Checked {
    Good,
    Bad,
    Challenge(Base64<'static>),
}

/// What is done once the sink allows it.
pub(super) enum Later {
    Body(Vec<u8>),
    StartTls(StartTls),
}
