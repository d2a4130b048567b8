//! Tests the reports to `tracing`: see the suite.

use pop3_adapter_suite::told::{CLIENTS, MISTYPED, NAME, PASSWORD, TO_SERVER, Told, script};
use pop3_blocking::pop3_proto::client::Event;
use pop3_blocking::pop3_proto::login::Login;
use pop3_blocking::pop3_proto::server::{self, Credentials};
use pop3_blocking::pop3_proto::{Base64, Command, Mechanism, MessageNumber, ServerConfig, Text, TlsPolicy};
use pop3_blocking::{Connection, Error, NoTimeouts, Session};
use std::io::{self, Read, Write};

fn client(mut pop3: Connection<impl pop3_blocking::Stream>, login: Login<'_>) -> Result<(), Error> {
    pop3.log_in_with(login)?;
    pop3.sender().send(Command::parse(MISTYPED.as_bytes()).unwrap())?;
    while let Some((event, mut sender)) = pop3.next()? {
        match event {
            Event::Refused(..) => _ = sender.send(Command::Retr(MessageNumber::new(7).unwrap()))?,
            Event::End(..) => _ = sender.send(Command::Quit)?,
            _ => {}
        }
    }
    Ok(())
}

#[test]
fn law_9_a_client_traces_commands_and_no_secret() {
    for (way, policy, dialogue) in CLIENTS {
        let login = Login::new(NAME.try_into().unwrap(), PASSWORD.try_into().unwrap()).only(way);
        let stream = NoTimeouts(script(dialogue).server());
        let (told, result) = Told::by(|| client(Connection::new(stream, policy), login));
        result.unwrap();
        told.check(&[
            "session",
            "side=\"client\"",
            "event=\"greeting\"",
            "command=\"RETR\"",
            "message=7",
            "event=\"closed\"",
        ]);
    }
}

#[test]
fn law_9_a_failed_login_is_traced_without_the_words_of_the_server() {
    let dialogue = "S: +OK\nC: CAPA\nS: -ERR\nC: USER mrose\nS: +OK\nC: PASS hunter2\nS: hunter2 is wrong";
    let login = Login::new(NAME.try_into().unwrap(), PASSWORD.try_into().unwrap());
    let stream = NoTimeouts(script(dialogue).server());
    let (told, result) = Told::by(|| client(Connection::new(stream, TlsPolicy::Cleartext), login));
    assert!(matches!(result, Err(Error::Connection(_))), "{result:?}");
    told.check(&["connection is over"]);
}

/// A client that sends everything at once.
struct Client(&'static [u8]);

impl Read for Client {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        self.0.read(to)
    }
}

impl Write for Client {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        Ok(from.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

static CONFIG: ServerConfig<'_> = ServerConfig::new(TlsPolicy::Implicit).with_sasl(&[Mechanism::PLAIN]);

fn serve() -> Result<Vec<&'static str>, Error> {
    let mut pop3 = Session::<_, crate::kit::Mail>::new(NoTimeouts(Client(TO_SERVER.as_bytes())), &CONFIG);
    let mut logins = Vec::new();
    while let Some((event, mut responder)) = pop3.next()? {
        match event {
            server::Event::Greet(greet) => responder.greet(greet, Text::from_static("<1.2@host.example>"))?,
            server::Event::User(user, _) => responder.accept_name(user)?,
            server::Event::Login(login, Credentials::Password(_)) => {
                logins.push("PASS");
                responder.accept(login, crate::kit::mail())?;
            }
            server::Event::Login(login, Credentials::Sasl { initial: None, .. }) => {
                responder.challenge(login, Base64::EMPTY)?;
            }
            event => {
                if let server::Event::Login(_, credentials) = &event {
                    logins.push(if matches!(credentials, Credentials::Apop { .. }) {
                        "APOP"
                    } else {
                        "AUTH"
                    });
                }
                responder.decline(event)?;
            }
        }
    }
    Ok(logins)
}

#[test]
fn law_9_a_server_traces_questions_and_no_secret() {
    let (told, logins) = Told::by(serve);
    assert_eq!(logins.unwrap(), ["APOP", "AUTH", "AUTH", "PASS"]);
    told.check(&["session", "side=\"server\"", "event=\"login\"", "why=", "session is over"]);
}

#[test]
fn a_connection_traces_the_address_of_the_server() {
    let (address, server) = crate::kit::once(drop);
    let (told, pop3) = Told::by(|| Connection::connect(address, TlsPolicy::Cleartext).map(drop));
    pop3.unwrap();
    told.check(&[&format!("peer={address}")]);
    server.join().unwrap();
}
