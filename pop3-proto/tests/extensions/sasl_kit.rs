//! A client and a server, each alone with a wire that the test plays.

use pop3_proto::client::{self, Event, SaslStep, SendError};
use pop3_proto::server::{self, Ask, Credentials, Login, MessageInfo, Step};
use pop3_proto::{
    Base64, Client, Command, ConnectionError, Input, Mechanism, Secret, SendBuf, Server, Text, TlsPolicy,
    UniqueId,
};

pub(super) type Maildrop = Vec<MessageInfo<UniqueId<'static>>>;

/// A client and what it sends.
pub(super) struct Desk {
    pub(super) client: Client,
    pub(super) out: SendBuf<Vec<u8>>,
}

impl Desk {
    /// Before the greeting.
    pub(super) fn new(config: impl Into<client::ClientConfig>) -> Self {
        Desk { client: Client::new(config, 1), out: SendBuf::new(vec![]) }
    }

    /// Behind a greeting with a timestamp.
    pub(super) fn greeted(config: impl Into<client::ClientConfig>) -> Self {
        let mut desk = Desk::new(config);
        desk.hear(b"+OK ready <1.2@host>\r\n").unwrap();
        desk
    }

    /// With the answer to CAPA read, of these rows.
    pub(super) fn listed(config: impl Into<client::ClientConfig>, rows: &str) -> Self {
        let mut desk = Desk::greeted(config);
        desk.learn(rows);
        desk
    }

    pub(super) fn learn(&mut self, rows: &str) {
        self.say(&Command::Capa).unwrap();
        let answer = format!("+OK\r\n{rows}.\r\n");
        self.hear(answer.as_bytes()).unwrap();
    }

    /// All events of these octets.
    pub(super) fn hear<'i>(&mut self, wire: &'i [u8]) -> Result<Vec<Event<'i>>, ConnectionError> {
        let mut input = Input::more(wire);
        let mut events = Vec::new();
        while let Some(event) = self.client.poll(&mut input)? {
            let over = matches!(event, Event::Closed(_));
            events.push(event);
            if over {
                break;
            }
        }
        assert_eq!(input.remaining(), 0);
        Ok(events)
    }

    /// The one event of these octets.
    pub(super) fn hear_one<'i>(&mut self, wire: &'i [u8]) -> Event<'i> {
        let mut events = self.hear(wire).unwrap();
        assert_eq!(events.len(), 1, "{events:?}");
        events.remove(0)
    }

    /// Sends a command; what went out.
    pub(super) fn say(&mut self, command: &Command<'_>) -> Result<String, SendError> {
        self.client.send(command, &mut self.out)?;
        Ok(self.said())
    }

    /// What went out since it was asked last.
    pub(super) fn said(&mut self) -> String {
        drain(&mut self.out)
    }

    /// Behind AUTH and its first challenge.
    pub(super) fn challenged(config: impl Into<client::ClientConfig>, challenge: &[u8]) -> (Self, SaslStep) {
        let mut desk = Desk::greeted(config);
        desk.say(&auth(Mechanism::LOGIN)).unwrap();
        let step = step(desk.hear_one(challenge));
        (desk, step)
    }

    /// Goes through STLS, with nothing behind it.
    pub(super) fn start_tls(&mut self) {
        assert_eq!(self.say(&Command::Stls).unwrap(), "STLS\r\n");
        let Event::StartTls(start) = self.hear_one(b"+OK begin TLS\r\n") else { panic!() };
        self.client.tls_started(start, Input::more(b"")).unwrap();
    }
}

/// AUTH without an initial response.
pub(super) fn auth(mechanism: Mechanism<'_>) -> Command<'_> {
    Command::Auth { mechanism, initial: None }
}

/// AUTH with an initial response.
pub(super) fn auth_with<'a>(mechanism: Mechanism<'a>, initial: &'a [u8]) -> Command<'a> {
    Command::Auth { mechanism, initial: Some(Base64::new(initial).unwrap()) }
}

pub(super) fn user(name: &str) -> Command<'_> {
    Command::User(Text::new(name.as_bytes()).unwrap())
}

pub(super) fn pass(password: &str) -> Command<'_> {
    Command::Pass(Secret::new(password.as_bytes()).unwrap())
}

/// The token of a challenge of either kind.
pub(super) fn step(event: Event<'_>) -> SaslStep {
    match event {
        Event::Challenge(step, _) | Event::MalformedChallenge(step, _) => step,
        other => panic!("{other:?}"),
    }
}

/// A server and what it sends.
pub(super) struct Host {
    pub(super) server: Server<Maildrop, server::ServerConfig<'static>>,
    pub(super) out: SendBuf<Vec<u8>>,
}

impl Host {
    /// Behind its greeting, which has a timestamp.
    pub(super) fn new(config: server::ServerConfig<'static>) -> Self {
        let mut host = Host { server: Server::new(config, 1), out: SendBuf::new(vec![]) };
        let Step::Ask(Ask::Greet(greet)) = host.hear(b"") else { panic!() };
        host.server.greet(greet, Text::from_static("ready <1.2@host>"), &mut host.out).unwrap();
        assert_eq!(host.said(), "+OK ready <1.2@host>\r\n");
        host
    }

    /// One whose mechanisms need no TLS.
    pub(super) fn with_mechanisms(mechanisms: &'static [Mechanism<'static>]) -> Self {
        Host::new(server::ServerConfig::new(TlsPolicy::Cleartext).with_sasl_cleartext(mechanisms))
    }

    /// The step that these octets lead to, all of them read.
    pub(super) fn hear<'i>(&mut self, wire: &'i [u8]) -> Step<'i> {
        let mut input = Input::more(wire);
        let step = self.server.poll(&mut input, &mut self.out).unwrap();
        assert_eq!(input.remaining(), 0);
        step
    }

    /// What the machine itself answers to these octets.
    pub(super) fn answers(&mut self, wire: &[u8]) -> String {
        let step = self.hear(wire);
        assert!(matches!(step, Step::NeedInput), "{step:?}");
        self.said()
    }

    /// Whether the machine itself refuses this.
    pub(super) fn refuses(&mut self, wire: &[u8]) -> bool {
        self.answers(wire).starts_with("-ERR")
    }

    /// The login that these octets ask for.
    pub(super) fn login<'i>(&mut self, wire: &'i [u8]) -> (Login, Credentials<'i>) {
        match self.hear(wire) {
            Step::Ask(Ask::Login(login, credentials)) => (login, credentials),
            step => panic!("{step:?}"),
        }
    }

    /// The response that this line is taken for.
    pub(super) fn response<'i>(&mut self, wire: &'i [u8]) -> (Login, &'i [u8]) {
        match self.login(wire) {
            (login, Credentials::Response(response)) => (login, response.as_bytes()),
            (_, credentials) => panic!("{credentials:?}"),
        }
    }

    /// Challenges; the line.
    pub(super) fn challenge(&mut self, login: Login, challenge: &[u8]) -> String {
        self.server.challenge(login, Base64::new(challenge).unwrap(), &mut self.out).unwrap();
        self.said()
    }

    /// Lets the client in; what it is told.
    pub(super) fn accept(&mut self, login: Login) -> String {
        self.server.accept(login, Maildrop::new()).unwrap();
        self.answers(b"")
    }

    /// What the client is told when this is refused.
    pub(super) fn refuse(&mut self, token: impl server::Refusable, refusal: server::Refusal) -> String {
        self.server.refuse(token, refusal).unwrap();
        self.answers(b"")
    }

    /// A name that the application takes.
    pub(super) fn name(&mut self, wire: &[u8]) -> String {
        let Step::Ask(Ask::User(user, _)) = self.hear(wire) else { panic!() };
        self.server.accept_name(user).unwrap();
        self.answers(b"")
    }

    /// Goes through STLS, with nothing behind it.
    pub(super) fn start_tls(&mut self) {
        let Step::Ask(Ask::StartTls(start)) = self.hear(b"STLS\r\n") else { panic!() };
        assert_eq!(self.said(), "+OK begin TLS\r\n");
        self.server.tls_started(start, Input::more(b"")).unwrap();
    }

    /// What went out since it was asked last.
    pub(super) fn said(&mut self) -> String {
        drain(&mut self.out)
    }
}

fn drain(out: &mut SendBuf<Vec<u8>>) -> String {
    let said = String::from_utf8(out.pending().to_vec()).unwrap();
    out.sent(said.len());
    said
}
