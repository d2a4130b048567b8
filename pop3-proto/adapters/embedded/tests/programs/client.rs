use core::time::Duration;
use embedded_io::{Read, Write};
use pop3_embedded::pop3_proto::client::{ClientConfig, Event};
use pop3_embedded::pop3_proto::{Command, Limits, MessageNumber, TlsPolicy, Verb};
use pop3_embedded::{Connection, Error};

const CONFIG: ClientConfig = ClientConfig::new(TlsPolicy::Implicit).with_limits(Limits::DEFAULT.with_sasl_line(512));

/// Passes the first message to `show`, piece by piece, and returns whether it was complete.
pub fn first<S: Read + Write>(tls: S, now: fn() -> Duration, mut show: impl FnMut(&[u8])) -> Result<bool, Error<S::Error>> {
    let mut pop3 = Connection::new(CONFIG, 1, tls, now, [0; 1024], [0; 512])?;
    let mut complete = false;
    while let Some((event, mut sender)) = pop3.next()? {
        sender.send(match event {
            Event::Greeting(_) => Command::User("mrose".try_into()?),
            Event::Ok(ticket, _) if ticket.verb == Verb::User => Command::Pass("tanstaaf".try_into()?),
            Event::Ok(..) => Command::Retr(MessageNumber::FIRST),
            Event::Body(_, bytes) => { show(bytes); continue }
            Event::End(..) => { complete = true; Command::Quit }
            Event::Refused(..) | Event::NoService(_) => Command::Quit,
            _ => continue,
        })?;
    }
    Ok(complete)
}
