use core::time::Duration;
use embedded_io::{Read, Write};
use pop3_embedded::pop3_proto::server::{Credentials, Event, MessageInfo, ServerConfig};
use pop3_embedded::pop3_proto::{MessageNumber, OctetCount, Text, TlsPolicy, UniqueId};
use pop3_embedded::{Error, Session};

static CONFIG: ServerConfig<'_> = ServerConfig::new(TlsPolicy::Implicit);

/// Serves two messages, from flash for example, and calls `remove` for each one that the client deletes.
pub fn serve<S: Read + Write>(
    (id, tls): (u64, S),
    now: fn() -> Duration,
    mail: [&[u8]; 2],
    mut remove: impl FnMut(MessageNumber),
) -> Result<(), Error<S::Error>> {
    let (one, two) = (UniqueId::new(b"1")?, UniqueId::new(b"2")?);
    let mut listed = [(mail[0], one), (mail[1], two)].map(|(mail, id)| MessageInfo::new(OctetCount::of(mail), id));
    let (mut listed, mut known) = (Some(&mut listed[..]), false);
    let mut pop3 = Session::new(&CONFIG, id, tls, now, [0; 512], [0; 1024])?;
    while let Some((event, mut responder)) = pop3.next()? {
        match event {
            Event::Greet(greet) => responder.greet(greet, Text::from_static("ready"))?,
            Event::User(user, name) => { known = name.as_bytes() == b"mrose"; responder.accept_name(user)? }
            Event::Login(login, Credentials::Password(given)) if known && given.expose() == b"tanstaaf" => {
                match listed.take() {
                    Some(listed) => responder.accept(login, listed)?,
                    None => responder.close(),
                }
            }
            Event::Fetch(fetch) => {
                let message = mail[fetch.message().index()];
                pop3.send_message(fetch, message)?;
            }
            Event::Commit(commit) => { responder.marked().for_each(&mut remove); responder.removed(commit)? }
            other => responder.decline(other)?, // a wrong password, and anything else
        }
    }
    Ok(())
}
