//! A server with one message, and sockets to it.

use pop3_blocking::pop3_proto::server::{
    Credentials, Entry, Event, Maildrop, MessageInfo, Refusal, StartTls,
};
use pop3_blocking::pop3_proto::{MessageNumber, OctetCount, ServerConfig, Text, UniqueId};
use pop3_blocking::{Error, Session, Stream};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};

pub(crate) type Mail = Vec<MessageInfo<UniqueId<'static>>>;
pub(crate) const MESSAGE: &[u8] = b"Subject: one\n\n.dots\n";

/// Runs this for the next connection.
pub(crate) fn once<T: Send + 'static>(
    serve: impl FnOnce(TcpStream) -> T + Send + 'static,
) -> (SocketAddr, JoinHandle<T>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (address, thread::spawn(move || serve(listener.accept().unwrap().0)))
}

pub(crate) fn mail() -> Mail {
    vec![MessageInfo::new(OctetCount::of(MESSAGE), UniqueId::new(b"1").unwrap())]
}

/// Serves until the session is over, or until TLS has to start.
pub(crate) fn serve<S: Stream>(
    pop3: &mut Session<S, Mail, &'static ServerConfig<'static>>,
    message: &[u8],
) -> Result<Option<StartTls>, Error> {
    while let Some((event, mut responder)) = pop3.next()? {
        match event {
            Event::Greet(greet) => responder.greet(greet, Text::from_static("ready"))?,
            Event::User(user, _) => responder.accept_name(user)?,
            Event::Login(login, Credentials::Password(given)) if given.expose() == b"tanstaaf" => {
                responder.accept(login, mail())?;
            }
            Event::Fetch(fetch) => _ = pop3.send_message(fetch, message)?,
            Event::Commit(commit) => responder.removed(commit)?,
            Event::StartTls(start) => return Ok(Some(start)),
            other => responder.decline(other)?,
        }
    }
    Ok(None)
}

/// A maildrop that reports when it is dropped.
pub(crate) struct Locked(pub(crate) std::sync::mpsc::Sender<()>);

impl Drop for Locked {
    fn drop(&mut self) {
        self.0.send(()).ok();
    }
}

impl Maildrop for Locked {
    fn count(&self) -> u32 {
        0
    }

    fn entry(&self, _: MessageNumber) -> Result<Entry<'_>, Refusal> {
        Err(Refusal::NoSuchMessage)
    }

    fn mark(&mut self, _: MessageNumber) -> Result<(), Refusal> {
        Err(Refusal::NoSuchMessage)
    }

    fn unmark_all(&mut self) {}
}
