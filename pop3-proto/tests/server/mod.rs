//! The server machine, requirement by requirement.

mod application_texts;
mod bodies;
mod codes;
mod commands;
mod hand_over;
mod lines;
mod listings;
mod login;
mod maildrops;
mod others;
mod questions;
mod resumed;
mod robust;
mod security;
mod sizes;
mod slices;
mod texts;
mod timers;
mod top;
mod transaction;
mod update;

use pop3_proto::server::{Ask, CloseReason, Credentials, Maildrop, MessageInfo, Refusal, ServerConfig, Step};
use pop3_proto::{
    Base64, ConnectionError, Input, Limits, OctetCount, OwnedUniqueId, SendBuf, Server, Sink, Text,
    TlsPolicy, UniqueId,
};

type Slots = Vec<MessageInfo<OwnedUniqueId>>;

const CLEAR: ServerConfig<'_> = ServerConfig::new(TlsPolicy::Cleartext);

/// As [`CLEAR`], for tables that are full of refusals.
const PATIENT: ServerConfig<'_> =
    CLEAR.with_limits(Limits::DEFAULT.with_bad_commands(255, 255).with_failed_logins(255));

/// A server with an application that answers by its fields.
struct Host<L: Maildrop = Slots> {
    server: Server<L, ServerConfig<'static>>,
    /// The octets of the client that are not read yet.
    unread: Vec<u8>,
    /// What was asked.
    asked: Vec<String>,
    end: Option<Result<CloseReason, ConnectionError>>,
    greeting: &'static str,
    refuse_name: Option<Refusal>,
    refuse_login: Option<Refusal>,
    /// Refuses the message that is asked for next.
    refuse_fetch: Option<Refusal>,
    maildrop: Option<L>,
    messages: Vec<Vec<u8>>,
    all_removed: bool,
    /// Octets of the sink, of one drain of it, and of one chunk of a message.
    room: usize,
    drain: usize,
    chunk: usize,
    /// Send messages with `body_slice`, and not with `write_body`.
    slices: bool,
}

/// A maildrop of these messages, with the unique-ids `id-1`, `id-2` and so on.
fn slots(messages: &[impl AsRef<[u8]>]) -> Slots {
    messages
        .iter()
        .enumerate()
        .map(|(index, message)| {
            let id = format!("id-{}", index + 1);
            MessageInfo::new(OctetCount::of(message.as_ref()), UniqueId::new(id.as_bytes()).unwrap().into())
        })
        .collect()
}

impl Host {
    fn new(config: ServerConfig<'static>, messages: &[impl AsRef<[u8]>]) -> Self {
        Host::over(config, slots(messages), messages)
    }

    /// Three messages of 120, 200 and 5 octets.
    fn three(config: ServerConfig<'static>) -> Self {
        Host::new(config, &[[b'x'; 118].as_slice(), &[b'y'; 198], b"abc"])
    }
}

impl<L: Maildrop> Host<L> {
    fn over(config: ServerConfig<'static>, maildrop: L, messages: &[impl AsRef<[u8]>]) -> Self {
        Host {
            server: Server::new(config, 7),
            unread: Vec::new(),
            asked: Vec::new(),
            end: None,
            greeting: "ready",
            refuse_name: None,
            refuse_login: None,
            refuse_fetch: None,
            maildrop: Some(maildrop),
            messages: messages.iter().map(|message| message.as_ref().to_vec()).collect(),
            all_removed: true,
            room: 4096,
            drain: usize::MAX,
            chunk: usize::MAX,
            slices: false,
        }
    }

    /// The client logs in.
    fn login(mut self) -> Self {
        assert_eq!(
            self.say("USER mrose\r\nPASS tanstaaf\r\n"),
            "+OK ready\r\n+OK send PASS\r\n+OK maildrop open\r\n"
        );
        self.asked.clear();
        self
    }

    /// What the server answers to these octets.
    fn say(&mut self, octets: impl AsRef<[u8]>) -> String {
        String::from_utf8(self.exchange(octets.as_ref(), false)).unwrap()
    }

    /// The stream ends behind these octets.
    fn last(&mut self, octets: impl AsRef<[u8]>) -> String {
        String::from_utf8(self.exchange(octets.as_ref(), true)).unwrap()
    }

    fn exchange(&mut self, octets: &[u8], last: bool) -> Vec<u8> {
        let mut unread = std::mem::take(&mut self.unread);
        unread.extend_from_slice(octets);
        let mut input = if last { Input::last(&unread) } else { Input::more(&unread) };
        let mut buffer = vec![0; self.room];
        let mut out = SendBuf::new(&mut buffer[..]);
        let mut sent = Vec::new();
        loop {
            match self.server.poll(&mut input, &mut out) {
                Ok(Step::Ask(ask)) => self.answer(ask, &input, &mut out),
                Ok(Step::NeedBody) => self.send_some(&mut out, &mut sent),
                Ok(Step::NeedSpace(full)) => {
                    assert!(!full.never_fits(), "{full}");
                    flush(&mut out, self.drain, &mut sent);
                }
                Ok(Step::NeedInput) => break,
                Ok(Step::Closed(why)) => {
                    self.end = Some(Ok(why));
                    break;
                }
                Ok(Step::Waiting) => panic!("every question is answered"),
                Err(fatal) => {
                    self.end = Some(Err(fatal));
                    break;
                }
            }
        }
        flush(&mut out, usize::MAX, &mut sent);
        self.unread = input.unread().to_vec();
        sent
    }

    fn answer(&mut self, ask: Ask<'_>, input: &Input<'_>, out: &mut SendBuf<&mut [u8]>) {
        let server = &mut self.server;
        let asked = match ask {
            Ask::Greet(greet) => {
                server.greet(greet, Text::from_static(self.greeting), out).unwrap();
                "Greet".into()
            }
            Ask::User(user, name) => {
                match self.refuse_name {
                    Some(refusal) => server.refuse(user, refusal).unwrap(),
                    None => server.accept_name(user).unwrap(),
                }
                format!("User {name}")
            }
            Ask::Login(login, credentials) => {
                let start = matches!(credentials, Credentials::Sasl { initial: None, .. });
                match self.refuse_login {
                    _ if start => server.challenge(login, Base64::EMPTY, out).unwrap(),
                    Some(refusal) => server.refuse(login, refusal).unwrap(),
                    None => server.accept(login, self.maildrop.take().unwrap()).unwrap(),
                }
                match credentials {
                    Credentials::Password(password) => {
                        format!("Password {}", password.expose().escape_ascii())
                    }
                    Credentials::Apop { name, .. } => format!("Apop {name}"),
                    Credentials::Sasl { .. } => "Sasl".into(),
                    Credentials::Response(_) => "Response".into(),
                }
            }
            Ask::Fetch(fetch) => {
                let asked = format!("Fetch {} {:?}", fetch.message(), fetch.top());
                match self.refuse_fetch.take() {
                    Some(refusal) => server.refuse(fetch, refusal).unwrap(),
                    None => {
                        let octets = OctetCount::of(&self.messages[fetch.message().index()]);
                        server.send_body_of(fetch, octets).unwrap();
                    }
                }
                asked
            }
            Ask::Commit(commit) => {
                match self.all_removed {
                    true => server.removed(commit).unwrap(),
                    false => server.not_removed(commit, Refusal::NoSuchMessage).unwrap(),
                }
                "Commit".into()
            }
            Ask::StartTls(start) => {
                server.tls_started(start, Input::more(input.unread())).unwrap();
                "StartTls".into()
            }
            Ask::Other(other, keyword, rest) => {
                server.other(other, Text::from_static("done"), out).unwrap();
                let rest = rest.map_or(&b""[..], |rest| rest.expose());
                format!("Other {} {}", keyword.as_bytes().escape_ascii(), rest.escape_ascii())
            }
        };
        self.asked.push(asked);
    }

    /// Sends the whole message that was asked for last, chunk by chunk.
    fn send_some(&mut self, out: &mut SendBuf<&mut [u8]>, sent: &mut Vec<u8>) {
        let asked = self.asked.last().unwrap();
        let number: usize = asked.split(' ').nth(1).unwrap().parse().unwrap();
        for mut chunk in self.messages[number - 1].chunks(self.chunk) {
            if !self.server.wants_body() {
                break;
            }
            if self.slices {
                flush(out, usize::MAX, sent);
                while let Some(slice) = self.server.body_slice(&mut chunk).unwrap() {
                    sent.extend_from_slice(slice);
                }
            }
            while !chunk.is_empty() {
                let taken = self.server.write_body(chunk, out).unwrap();
                chunk = &chunk[taken..];
                if !chunk.is_empty() {
                    flush(out, self.drain, sent);
                }
            }
        }
        self.server.finish_body().unwrap();
    }

    /// The numbers of the messages that are marked.
    fn marked(&self) -> Vec<u32> {
        let maildrop = self.server.maildrop().unwrap();
        let marked =
            |number: &u32| maildrop.entry((*number).try_into().unwrap()).is_ok_and(|entry| entry.marked);
        (1..=maildrop.count()).filter(marked).collect()
    }
}

/// The sink sends so many octets.
fn flush(out: &mut SendBuf<&mut [u8]>, count: usize, sent: &mut Vec<u8>) {
    let count = count.min(out.pending().len());
    sent.extend_from_slice(&out.pending()[..count]);
    out.sent(count);
}

/// The next question is this one; gives its token.
macro_rules! ask {
    ($server:expr, $input:expr, $out:expr, $kind:ident $(, $what:pat)*) => {
        match $server.poll($input, $out) {
            Ok(Step::Ask(Ask::$kind(token $(, $what)*))) => token,
            step => panic!("{step:?}"),
        }
    };
}
use ask;

/// A sink that is drained by the test.
fn pending(out: &mut SendBuf<&mut [u8]>) -> String {
    let mut sent = Vec::new();
    flush(out, usize::MAX, &mut sent);
    assert_eq!(out.room(), out.capacity());
    String::from_utf8(sent).unwrap()
}
