use pop3_proto::{ClientConnection, Command, MessageNumber, TlsPolicy, Verb, client::Event};
use std::{error::Error, io::{Read, Write}};

/// Fetches the first message.
fn first(mut socket: impl Read + Write, name: &str, password: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut pop3 = ClientConnection::new(TlsPolicy::Cleartext, 1);
    let mut message = Vec::new();
    while !pop3.is_closed() {
        while let Some((event, mut sender)) = pop3.poll()? {
            let next = match event {
                Event::Greeting(_) => Command::User(name.try_into()?),
                Event::Ok(ticket, _) if ticket.verb == Verb::User => Command::Pass(password.try_into()?),
                Event::Ok(..) => Command::Retr(MessageNumber::FIRST),
                Event::Body(_, bytes) => { message.extend_from_slice(bytes); continue }
                Event::End(..) => Command::Quit, // only now is the message complete
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
