//! The state to which each command leads, as the client machine reports it.

use pop3_proto::client::Event;
use pop3_proto::{
    ApopDigest, Client, Command, Input, Keyword, Mechanism, MessageNumber, Secret, SendBuf, State, Text,
    TlsPolicy, Verb,
};

/// The state after a command is sent, the state after it is accepted, and whether it started TLS.
#[derive(Clone, Copy)]
pub(super) struct Move {
    pub(super) verb: Verb,
    pub(super) sent: State,
    pub(super) accepted: State,
    pub(super) tls: bool,
}

/// Returns the effect of each command that is valid in this state, in the table's order.
pub(super) fn moves(from: State) -> Vec<Move> {
    Verb::ALL.iter().copied().filter(|verb| verb.is_valid_in(from)).map(|verb| go(from, verb)).collect()
}

/// Returns the commands that can be sent after a greeting of `-ERR`.
pub(super) fn behind_a_refusal() -> Vec<Verb> {
    let can_be_sent = |verb: &Verb| {
        let mut client = Client::new(TlsPolicy::Cleartext, 1);
        hear(&mut client, "-ERR");
        client.send(&command(*verb), &mut SendBuf::new(vec![])).is_ok()
    };
    Verb::ALL.iter().copied().filter(can_be_sent).collect()
}

fn go(from: State, verb: Verb) -> Move {
    let mut client = client(from, verb == Verb::Pass);
    client.send(&command(verb), &mut SendBuf::new(vec![])).unwrap();
    let sent = client.state();
    hear(&mut client, if verb.is_multi_line(false) { "+OK\r\n." } else { "+OK" });
    Move { verb, sent, accepted: client.state(), tls: client.is_tls() }
}

/// Returns a client in this state. PASS needs an accepted name.
fn client(state: State, named: bool) -> Client {
    let mut client = Client::new(TlsPolicy::Cleartext, 1);
    hear(&mut client, "+OK <1.2@host>");
    let login = [Verb::User, Verb::Pass];
    let before = if state == State::Transaction { 2 } else { usize::from(named) };
    for verb in &login[..before] {
        client.send(&command(*verb), &mut SendBuf::new(vec![])).unwrap();
        hear(&mut client, "+OK");
    }
    assert_eq!(client.state(), state);
    client
}

/// Reads the server's lines, and does the caller's part.
fn hear(client: &mut Client, said: &str) {
    let said = format!("{said}\r\n");
    let mut input = Input::more(said.as_bytes());
    while let Some(event) = client.poll(&mut input).unwrap() {
        match event {
            Event::AuthAccepted(done, _) => client.verified(done).unwrap(),
            Event::StartTls(start) => client.tls_started(start, Input::more(b"")).unwrap(),
            Event::Closed(_) => break,
            _ => {}
        }
    }
}

fn command(verb: Verb) -> Command<'static> {
    let (name, message) = (Text::from_static("mrose"), MessageNumber::FIRST);
    match verb {
        Verb::User => Command::User(name),
        Verb::Pass => Command::Pass(Secret::new(b"tanstaaf").unwrap()),
        Verb::Apop => Command::Apop { name, digest: ApopDigest::new([0; 16]) },
        Verb::Auth => Command::Auth { mechanism: Mechanism::PLAIN, initial: None },
        Verb::AuthList => Command::AuthList,
        Verb::Stls => Command::Stls,
        Verb::Utf8 => Command::Utf8,
        Verb::Capa => Command::Capa,
        Verb::Lang | Verb::LangList => Command::Lang(None),
        Verb::Stat => Command::Stat,
        Verb::List => Command::List(None),
        Verb::Retr => Command::Retr(message),
        Verb::Dele => Command::Dele(message),
        Verb::Noop => Command::Noop,
        Verb::Rset => Command::Rset,
        Verb::Top => Command::Top { message, lines: 0 },
        Verb::Uidl => Command::Uidl(None),
        Verb::Quit => Command::Quit,
        Verb::Other => Command::Other { keyword: Keyword::new(b"XTND").unwrap(), arguments: None },
        other => panic!("no line for {other:?}"),
    }
}
