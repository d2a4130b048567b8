use pop3_proto::server::{Credentials, Event, MessageInfo};
use pop3_proto::{OctetCount, ServerConfig, ServerConnection, Text, TlsPolicy, UniqueId};
use std::{error::Error, io::{Read, Write}};

static CONFIG: ServerConfig = ServerConfig::new(TlsPolicy::Cleartext);

/// Serves one message to any client that knows the password.
fn serve(mut socket: impl Read + Write, password: &[u8], mail: &[u8]) -> Result<(), Box<dyn Error>> {
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
                Event::Commit(commit) => responder.removed(commit)?, // remove the marked messages first
                other => responder.decline(other)?, // for example a wrong password
            }
        }
        pop3.write_to(&mut socket)?;
        pop3.read_from(&mut socket)?;
    }
    Ok(())
}
