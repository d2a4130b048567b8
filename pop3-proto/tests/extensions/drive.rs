//! What drives a machine in the tests of this folder: a client that is told what the server says, and a server with a small application.

use pop3_proto::client::{self, Event, SendError, Ticket};
use pop3_proto::server::{
    self, Ask, CloseReason, Credentials, Entry, Maildrop, MessageInfo, Refusal, Server, Step, UserPolicy,
};
use pop3_proto::{
    Client, Command, ConnectionError, Input, MessageNumber, OwnedUniqueId, SendBuf, StatusText, Text,
    UniqueId,
};
use std::format;
use std::string::{String, ToString};
use std::sync::Arc;
use std::vec::Vec;

/// A client, and what it has not read of what its server said.
pub(crate) struct Peer {
    pub(crate) client: Client,
    unread: Vec<u8>,
}

impl Peer {
    /// A client that was greeted.
    pub(crate) fn new(config: impl Into<client::ClientConfig>) -> Self {
        let mut peer = Peer { client: Client::new(config, 1), unread: Vec::new() };
        assert_eq!(peer.hears("+OK ready\r\n"), ["greeting: ready"]);
        peer
    }

    /// A client that is logged in.
    pub(crate) fn logged_in(config: impl Into<client::ClientConfig>) -> Self {
        let mut peer = Peer::new(config);
        peer.log_in();
        peer
    }

    pub(crate) fn log_in(&mut self) {
        self.asks("USER mrose", "+OK\r\n");
        self.asks("PASS secret", "+OK\r\n");
    }

    /// Sends a command; what goes on the wire is the line itself.
    pub(crate) fn sends(&mut self, line: &str) -> Result<Ticket, SendError> {
        let command = Command::parse(line.as_bytes()).unwrap();
        let mut send = SendBuf::new(vec![]);
        let sent = self.client.send(&command, &mut send);
        let wire = if sent.is_ok() { format!("{line}\r\n") } else { String::new() };
        assert_eq!(send.pending(), wire.as_bytes());
        sent
    }

    /// What the client makes of these octets, in short.
    pub(crate) fn tries(&mut self, octets: impl AsRef<[u8]>) -> Result<Vec<String>, ConnectionError> {
        self.unread.extend_from_slice(octets.as_ref());
        let mut input = Input::more(&self.unread);
        let mut events = Vec::new();
        while let Some(event) = self.client.poll(&mut input)? {
            events.push(short(&event));
            if let Event::StartTls(token) = event {
                self.client.tls_started(token, Input::more(b"")).unwrap();
            } else if matches!(event, Event::Closed(_)) {
                break;
            }
        }
        let read = self.unread.len() - input.remaining();
        self.unread.drain(..read);
        Ok(events)
    }

    pub(crate) fn hears(&mut self, octets: impl AsRef<[u8]>) -> Vec<String> {
        self.tries(octets).unwrap()
    }

    /// Sends a command and hears its answer.
    pub(crate) fn asks(&mut self, line: &str, answer: impl AsRef<[u8]>) -> Vec<String> {
        self.sends(line).unwrap();
        self.hears(answer)
    }

    /// CAPA, answered with these lines.
    pub(crate) fn lists(&mut self, capabilities: &[&str]) {
        self.asks(
            "CAPA",
            format!("+OK\r\n{}\r\n.\r\n", capabilities.join("\r\n")).replace("\r\n\r\n", "\r\n"),
        );
    }
}

fn status(status: &StatusText<'_>) -> String {
    match status.code() {
        Some(code) => format!("[{code}] {}", status.text()),
        None => status.text().to_string(),
    }
}

/// An event in a few words: what it is, the command that it answers, what it says.
pub(crate) fn short(event: &Event<'_>) -> String {
    let name = |ticket: &Ticket| match ticket.message {
        Some(message) => format!("{} {}", ticket.verb.keyword(), message.get()),
        None => ticket.verb.keyword().to_string(),
    };
    match event {
        Event::Greeting(greeting) => format!("greeting: {}", status(&greeting.status)),
        Event::NoService(text) => format!("no service: {}", status(text)),
        Event::Ok(ticket, text) => format!("{} ok: {}", name(ticket), status(text)),
        Event::Refused(ticket, text) => format!("{} refused: {}", name(ticket), status(text)),
        Event::Begin(ticket, text) => format!("{} begins: {}", name(ticket), status(text)),
        Event::End(ticket, amount) => format!("{} ends: {amount}", name(ticket)),
        Event::DropListing(_, listing) => format!("drop {} {}", listing.count, listing.octets),
        Event::ScanListing(_, listing) => format!("scan {} {}", listing.message.get(), listing.octets),
        Event::UniqueId(_, id) if id.unique_id().is_some() => format!("id {} {id}", id.message),
        Event::UniqueId(_, id) => format!("odd id {} {id}", id.message),
        Event::Capability(_, capability) => format!("{capability:?}"),
        Event::Language(_, listing) => format!("language {} {}", listing.tag, listing.name),
        Event::Malformed(ticket, octets) => format!("{} odd: {}", name(ticket), octets.escape_ascii()),
        Event::Body(_, octets) => format!("body {}", octets.escape_ascii()),
        Event::Closed(client::Closed { deletions, .. }) => format!("closed: {deletions:?}"),
        Event::StartTls(_) => "start TLS".into(),
        other => format!("{other:?}"),
    }
}

/// A maildrop whose even messages hold UTF-8, each of 100 octets.
#[derive(Debug)]
pub(crate) struct Mail {
    slots: Vec<MessageInfo<OwnedUniqueId>>,
    utf8: bool,
}

impl Mail {
    pub(crate) fn new(count: usize, utf8: bool) -> Self {
        let id =
            |number: usize| OwnedUniqueId::from(UniqueId::new(format!("id-{number}").as_bytes()).unwrap());
        Mail { slots: (1..=count).map(|number| MessageInfo::new(100, id(number))).collect(), utf8 }
    }
}

impl Maildrop for Mail {
    fn count(&self) -> u32 {
        self.slots.count()
    }

    fn entry(&self, message: MessageNumber) -> Result<Entry<'_>, Refusal> {
        match message.get() % 2 {
            0 if !self.utf8 => Err(Refusal::NeedsUtf8),
            _ => self.slots.entry(message),
        }
    }

    fn mark(&mut self, message: MessageNumber) -> Result<(), Refusal> {
        self.slots.mark(message)
    }

    fn unmark_all(&mut self) {
        self.slots.unmark_all();
    }
}

/// A server and its application, whose answers can be changed.
pub(crate) struct Host {
    pub(crate) server: Server<Mail, Arc<server::ServerConfig<'static>>>,
    pub(crate) greeting: &'static str,
    pub(crate) name: Result<(), Refusal>,
    pub(crate) login: Result<UserPolicy, Refusal>,
    pub(crate) fetch: Result<(), Refusal>,
    pub(crate) body: &'static [u8],
    pub(crate) other: Result<&'static str, Refusal>,
    pub(crate) names: Vec<Vec<u8>>,
    pub(crate) passwords: Vec<Vec<u8>>,
    pub(crate) closed: Option<CloseReason>,
    unread: Vec<u8>,
}

impl Host {
    pub(crate) fn new(config: server::ServerConfig<'static>) -> Self {
        Host {
            server: Server::new(Arc::new(config), 1),
            greeting: "ready",
            name: Ok(()),
            login: Ok(UserPolicy::default()),
            fetch: Ok(()),
            body: b"Subject: hello\r\n\r\n.body\r\n",
            other: Ok("done"),
            names: Vec::new(),
            passwords: Vec::new(),
            closed: None,
            unread: Vec::new(),
        }
    }

    /// A server whose greeting is out.
    pub(crate) fn greeted(config: server::ServerConfig<'static>) -> Self {
        let mut host = Host::new(config);
        assert_eq!(host.says(""), "+OK ready\r\n");
        host
    }

    /// A server in TRANSACTION.
    pub(crate) fn logged_in(config: server::ServerConfig<'static>) -> Self {
        let mut host = Host::greeted(config);
        host.says("USER mrose\r\nPASS secret\r\n");
        host
    }

    /// What the server answers to these octets. TLS starts where it is asked for and nothing lies behind it.
    pub(crate) fn says(&mut self, octets: impl AsRef<[u8]>) -> String {
        self.tries(octets).unwrap()
    }

    pub(crate) fn tries(&mut self, octets: impl AsRef<[u8]>) -> Result<String, ConnectionError> {
        let mut octets = [core::mem::take(&mut self.unread).as_slice(), octets.as_ref()].concat();
        let mut input = Input::more(&octets);
        let mut send = SendBuf::with_limit(vec![], 1 << 20);
        loop {
            match self.server.poll(&mut input, &mut send)? {
                Step::NeedInput => break,
                Step::Closed(why) => {
                    self.closed = Some(why);
                    break;
                }
                Step::NeedBody => {
                    self.server.write_body(self.body, &mut send).unwrap();
                    self.server.finish_body().unwrap();
                }
                Step::Ask(ask) => self.answer(ask, &mut send),
                step @ (Step::NeedSpace(_) | Step::Waiting) => panic!("{step:?}"),
            }
        }
        let read = octets.len() - input.remaining();
        self.unread = octets.split_off(read);
        Ok(String::from_utf8(send.pending().to_vec()).unwrap())
    }

    fn answer(&mut self, ask: Ask<'_>, send: &mut SendBuf<Vec<u8>>) {
        let server = &mut self.server;
        match ask {
            Ask::Greet(token) => server.greet(token, Text::from_static(self.greeting), send).unwrap(),
            Ask::User(token, name) => {
                self.names.push(name.as_bytes().to_vec());
                match self.name {
                    Ok(()) => server.accept_name(token).unwrap(),
                    Err(refusal) => server.refuse(token, refusal).unwrap(),
                }
            }
            Ask::Login(token, credentials) => {
                match credentials {
                    Credentials::Password(password) => self.passwords.push(password.expose().to_vec()),
                    Credentials::Apop { name, .. } => self.names.push(name.as_bytes().to_vec()),
                    _ => {}
                }
                let mail = Mail::new(4, token.utf8());
                match self.login {
                    Ok(announce) => assert!(server.accept_with(token, mail, announce).is_ok()),
                    Err(refusal) => server.refuse(token, refusal).unwrap(),
                }
            }
            Ask::Fetch(token) => match self.fetch {
                Ok(()) => server.send_body_of(token, pop3_proto::OctetCount::of(self.body)).unwrap(),
                Err(refusal) => server.refuse(token, refusal).unwrap(),
            },
            Ask::Commit(token) => server.removed(token).unwrap(),
            Ask::StartTls(token) => server.tls_started(token, Input::more(b"")).unwrap(),
            Ask::Other(token, ..) => match self.other {
                Ok(text) => server.other(token, Text::from_static(text), send).unwrap(),
                Err(refusal) => server.refuse(token, refusal).unwrap(),
            },
        }
    }

    /// The lines between the status line and the end mark.
    pub(crate) fn lists(&mut self, command: &str) -> Vec<String> {
        let answer = self.says(format!("{command}\r\n"));
        let rows = answer.strip_suffix("\r\n.\r\n").unwrap_or_else(|| panic!("{command}: {answer}"));
        let mut lines = rows.split("\r\n").map(String::from);
        assert!(lines.next().unwrap().starts_with("+OK"));
        lines.collect()
    }
}
