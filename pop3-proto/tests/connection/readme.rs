//! The two programs of the README, against scripts that are cut everywhere.

use pop3_proto::script::{Cuts, Script};

#[rustfmt::skip]
mod a_client {
    use pop3_proto::{ClientConnection, Command, MessageNumber, TlsPolicy, Verb, client::Event};
    use std::error::Error;
    use std::io::{Read, Write};

    pub(super) fn first(mut socket: impl Read + Write, name: &str, password: &str) -> Result<Vec<u8>, Box<dyn Error>> {
        let mut pop3 = ClientConnection::new(TlsPolicy::Cleartext, 1);
        let mut message = Vec::new();
        while !pop3.is_closed() {
            while let Some((event, mut sender)) = pop3.poll()? {
                let next = match event {
                    Event::Greeting(_) => Command::User(name.try_into()?),
                    Event::Ok(ticket, _) if ticket.verb == Verb::User => Command::Pass(password.try_into()?),
                    Event::Ok(..) => Command::Retr(MessageNumber::FIRST),
                    Event::Body(_, octets) => { message.extend_from_slice(octets); continue }
                    Event::End(..) => Command::Quit,
                    Event::Refused(_, status) | Event::NoService(status) => return Err(status.to_string().into()),
                    _ => continue,
                };
                sender.send(next)?;
            }
            pop3.write_to(&mut socket)?;
            pop3.read_from(&mut socket)?;
        }
        Ok(message)
    }
}

#[rustfmt::skip]
mod a_server {
    use pop3_proto::server::{Credentials, Event, MessageInfo, ServerConfig};
    use pop3_proto::{OctetCount, ServerConnection, Text, TlsPolicy, UniqueId};
    use std::error::Error;
    use std::io::{Read, Write};

    static CONFIG: ServerConfig<'_> = ServerConfig::new(TlsPolicy::Cleartext);

    pub(super) fn serve(mut socket: impl Read + Write, password: &[u8], mail: &[u8]) -> Result<(), Box<dyn Error>> {
        let mut pop3 = ServerConnection::new(&CONFIG, 1);
        let mut body: &[u8] = &[];
        while !pop3.is_closed() {
            while let Some((event, mut responder)) = pop3.poll()? {
                match event {
                    Event::Greet(greet) => responder.greet(greet, Text::from_static("ready"))?,
                    Event::User(user, _) => responder.accept_name(user)?,
                    Event::Login(login, Credentials::Password(given)) if given.expose() == password => {
                        responder.accept(login, vec![MessageInfo::new(OctetCount::of(mail), UniqueId::new(b"1")?)])?;
                    }
                    Event::Fetch(fetch) => { body = mail; responder.send_body(fetch)? }
                    Event::Body if body.is_empty() => _ = responder.finish_body()?,
                    Event::Body => body = &body[responder.write_body(body)?..],
                    Event::Commit(commit) => responder.removed(commit)?,
                    other => responder.decline(other)?,
                }
            }
            pop3.write_to(&mut socket)?;
            pop3.read_from(&mut socket)?;
        }
        Ok(())
    }
}

const SESSION: &str = "
    S: +OK ready
    C: USER mrose
    S: +OK send PASS
    C: PASS secret
    S: +OK maildrop open
    C: RETR 1
    S: +OK 5 octets
    S: one
    S: .
    C: QUIT
    S: +OK bye
    * connection closes";

#[test]
fn the_client_of_the_readme_fetches_a_message() {
    let script = Script::parse(SESSION).unwrap();
    for cuts in Cuts::singles(script.server().octets()) {
        let mut server = script.server().cut(cuts);
        assert_eq!(a_client::first(&mut server, "mrose", "secret").unwrap(), b"one\r\n");
        server.finish().unwrap();
    }
}

#[test]
fn the_client_of_the_readme_reports_a_refusal() {
    for (text, said) in [
        ("S: -ERR come back later", "come back later"),
        ("S: +OK\nC: USER mrose\nS: +OK\nC: PASS secret\nS: -ERR [AUTH] no", "no"),
    ] {
        let script = Script::parse(text).unwrap();
        let error = a_client::first(script.server(), "mrose", "secret").unwrap_err().to_string();
        assert!(error.ends_with(said), "{error}");
    }
}

#[test]
fn the_server_of_the_readme_serves_a_message() {
    let script = Script::parse(SESSION).unwrap();
    for cuts in Cuts::singles(script.client().octets()) {
        let mut client = script.client().cut(cuts);
        a_server::serve(&mut client, b"secret", b"one\n").unwrap();
        client.finish().unwrap();
    }
}

#[test]
fn the_server_of_the_readme_declines_a_wrong_password() {
    let script = Script::parse(
        "S: +OK ready
         C: USER mrose
         S: +OK send PASS
         C: PASS guess
         S: -ERR [AUTH] login failed
         C: QUIT
         S: +OK bye
         * connection closes",
    )
    .unwrap();
    let mut client = script.client();
    a_server::serve(&mut client, b"secret", b"one\n").unwrap();
    client.finish().unwrap();
}
