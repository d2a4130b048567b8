//! Tests the reports to `tracing`: see the suite.

use crate::driver::{Stream, run};
use crate::sockets::{Mail, mail};
use pop3_adapter_suite::told::{CLIENTS, MISTYPED, NAME, PASSWORD, TO_SERVER, Told, script};
use pop3_adapter_suite::{Link, Schedule};
use pop3_tokio::pop3_proto::client::Event;
use pop3_tokio::pop3_proto::login::Login;
use pop3_tokio::pop3_proto::server::{self, Credentials};
use pop3_tokio::pop3_proto::{Base64, Command, Mechanism, MessageNumber, ServerConfig, Text, TlsPolicy};
use pop3_tokio::{Connection, Error, Session};

async fn client(mut pop3: Connection<Stream>, login: Login<'_>) -> Result<(), Error> {
    pop3.log_in_with(login).await?;
    pop3.sender().send(Command::parse(MISTYPED.as_bytes()).unwrap())?;
    while let Some((event, mut sender)) = pop3.next().await? {
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
        let stream = Stream(Link::new(script(dialogue), true, Schedule::default()));
        let (told, result) = Told::by(|| run(client(Connection::new(stream, policy), login)));
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
    let stream = Stream(Link::new(script(dialogue), true, Schedule::default()));
    let (told, result) = Told::by(|| run(client(Connection::new(stream, TlsPolicy::Cleartext), login)));
    assert!(matches!(result, Err(Error::Connection(_))), "{result:?}");
    told.check(&["connection is over"]);
}

static CONFIG: ServerConfig<'_> = ServerConfig::new(TlsPolicy::Implicit).with_sasl(&[Mechanism::PLAIN]);

async fn serve() -> Result<Vec<&'static str>, Error> {
    let mut pop3 = Session::<_, Mail>::new(tokio::io::join(TO_SERVER.as_bytes(), tokio::io::sink()), &CONFIG);
    let mut logins = Vec::new();
    while let Some((event, mut responder)) = pop3.next().await? {
        match event {
            server::Event::Greet(greet) => responder.greet(greet, Text::from_static("<1.2@host.example>"))?,
            server::Event::User(user, _) => responder.accept_name(user)?,
            server::Event::Login(login, Credentials::Password(_)) => {
                logins.push("PASS");
                responder.accept(login, mail())?;
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
    let (told, logins) = Told::by(|| run(serve()));
    assert_eq!(logins.unwrap(), ["APOP", "AUTH", "AUTH", "PASS"]);
    told.check(&["session", "side=\"server\"", "event=\"login\"", "why=", "session is over"]);
}

#[test]
fn a_connection_traces_the_address_of_the_server() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let connect = Connection::connect(address, TlsPolicy::Cleartext);
    let (told, pop3) = Told::by(|| runtime.block_on(connect).map(drop));
    pop3.unwrap();
    told.check(&[&format!("peer={address}")]);
}
