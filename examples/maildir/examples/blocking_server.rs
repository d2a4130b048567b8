//! Serves a Maildir: `blocking_server ADDR MAILDIR USER PASSWORD`
//!
//! Each connection has a thread. The Maildir has one session at a time; the server adds `pop3.lock` and `pop3.sizes` to it. Messages
//! are removed only when the client sends QUIT. The password is sent in cleartext: use this only on loopback, or on a network that
//! is private by other means.

use pop3_proto::server::{Credentials, Event, Login, Refusal, Responder, ServerConfig};
use pop3_proto::{ServerConnection, Text, TlsPolicy};
use pop3_proto_basics::Result;
use pop3_proto_basics::blocking::{Socket, unless_late};
use pop3_proto_maildir::{Mailbox, Maildir, Message, refusal};
use std::io::{BufRead as _, ErrorKind, Read as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// TOP, UIDL, PIPELINING and response codes are offered by default.
static CONFIG: ServerConfig<'_> = ServerConfig::new(TlsPolicy::Cleartext)
    .with_implementation(Text::from_static("pop3-proto blocking_server"));

/// How many connections may be open at once, because each has a thread.
const MOST: usize = 100;

/// The part that all connections share.
struct Host {
    maildir: Maildir,
    user: String,
    password: String,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match &arguments[..] {
        [address, maildir, user, password] => listen(address, maildir, user, password),
        _ => Err("usage: blocking_server ADDR MAILDIR USER PASSWORD".into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("blocking_server: {error}");
            ExitCode::FAILURE
        }
    }
}

fn listen(address: &str, maildir: &str, user: &str, password: &str) -> Result<()> {
    let maildir = Maildir::new(Path::new(maildir), |line| eprintln!("{line}"));
    maildir.check()?;
    let host = Arc::new(Host { maildir, user: user.into(), password: password.into() });
    let listener = TcpListener::bind(address)?;
    println!("listening on {}", listener.local_addr()?);
    for (id, stream) in (1..).zip(listener.incoming()) {
        match stream {
            Ok(_) if Arc::strong_count(&host) > MOST => {} // close it at once
            Ok(stream) => {
                let host = Arc::clone(&host);
                std::thread::spawn(move || {
                    if let Err(error) = serve(&host, stream, id) {
                        eprintln!("connection {id}: {error}");
                    }
                });
            }
            Err(error) => {
                eprintln!("accept: {error}");
                std::thread::sleep(Duration::from_millis(100)); // no file descriptor may be left
            }
        }
    }
    Ok(())
}

/// Runs a session to its end. Drops the maildrop, and with it the lock, before the client reads the last response, so the client can
/// log in again at once.
fn serve(host: &Host, stream: TcpStream, id: u64) -> Result<()> {
    let mut socket = Socket::new(stream)?;
    let mut pop3 = ServerConnection::new(&CONFIG, id);
    let mut session = Session { host, name: Vec::new(), message: None };
    loop {
        while let Some((event, responder)) = pop3.poll()? {
            session.answer(event, responder)?;
        }
        if pop3.is_closed() {
            return farewell(pop3, socket);
        }
        socket.set_until(pop3.tick(socket.now())?); // fails if the client was silent for too long
        // Responses are sent before more is read. A client that does not read them is not read from, so the memory that it can
        // make this server use is bounded by the buffers.
        unless_late(match pop3.wants_write() {
            true => pop3.write_to(&mut socket),
            false => pop3.read_from(&mut socket).map(drop),
        })?;
    }
}

/// The application, for one session.
struct Session<'h> {
    host: &'h Host,
    /// The name that the client gave with USER. The connection does not keep it.
    name: Vec<u8>,
    /// The message that is being sent.
    message: Option<Message>,
}

impl Session<'_> {
    fn answer(&mut self, event: Event<'_>, mut responder: Responder<'_, Mailbox>) -> Result<()> {
        match event {
            Event::Greet(greet) => responder.greet(greet, Text::from_static("ready"))?,
            Event::User(user, name) => {
                // Accept any name: only the password shows whether there is such a user.
                self.name = name.as_bytes().to_vec();
                responder.accept_name(user)?;
            }
            Event::Login(login, Credentials::Password(password)) => {
                let right = same(&self.name, self.host.user.as_bytes())
                    & same(password.expose(), self.host.password.as_bytes());
                self.log_in(login, right, responder)?;
            }
            Event::Fetch(fetch) => {
                let maildrop = responder.maildrop().ok_or("a client asked for a message before login")?;
                match maildrop.message(fetch.message()) {
                    Ok(message) => {
                        self.message = Some(message);
                        responder.send_body(fetch)?;
                    }
                    Err(error) => {
                        eprintln!("message {}: {error}", fetch.message().get());
                        let why = match error.kind() {
                            ErrorKind::NotFound => Refusal::NoSuchMessage, // trying again would not help
                            _ => refusal(&error),
                        };
                        responder.refuse(fetch, why)?;
                    }
                }
            }
            Event::Body => self.send_message(responder)?,
            // The client sent QUIT. This is the only place that removes messages.
            Event::Commit(commit) => {
                match responder.maildrop().map_or(Ok(()), |maildrop| maildrop.remove_marked()) {
                    Ok(()) => responder.removed(commit)?,
                    Err(why) => responder.not_removed(commit, why)?,
                }
            }
            other => responder.decline(other)?, // AUTH, APOP, STLS and unknown commands are not offered
        }
        Ok(())
    }

    fn log_in(&self, login: Login, right: bool, mut responder: Responder<'_, Mailbox>) -> Result<()> {
        if !right {
            // This makes guessing slow. No timer of the session runs while it waits for an answer.
            std::thread::sleep(Duration::from_secs(1));
            return Ok(responder.refuse(login, Refusal::Credentials)?);
        }
        match self.host.maildir.open() {
            Ok(Ok(maildrop)) => responder.accept(login, maildrop)?,
            Ok(Err(refusal)) => responder.refuse(login, refusal)?,
            Err(error) => {
                eprintln!("the Maildir: {error}");
                responder.refuse(login, refusal(&error))?;
            }
        }
        Ok(())
    }

    /// Sends the next part of the message: the bytes of one read, as far as they fit.
    fn send_message(&mut self, mut responder: Responder<'_, Mailbox>) -> Result<()> {
        let message = self.message.as_mut().ok_or("no message is open")?;
        // An error ends the connection, because nothing else shows the client that the message is incomplete.
        let bytes = message.fill_buf()?;
        if bytes.is_empty() || !responder.wants_body() {
            self.message = None;
            responder.finish_body()?;
        } else {
            let taken = responder.write_body(bytes)?;
            message.consume(taken);
        }
        Ok(())
    }
}

/// Sends the pending bytes, then waits a moment for the client to close. Closing with unread bytes from the client would discard the
/// last response.
fn farewell(mut pop3: ServerConnection<Mailbox, Vec<u8>>, mut socket: Socket) -> Result<()> {
    socket.set_until(Some(socket.now() + Duration::from_secs(10))); // the session is over, so its timers no longer run
    pop3.write_to(&mut socket).map_err(|error| format!("the last response was not sent: {error}"))?;
    socket.stream.shutdown(Shutdown::Write)?;
    socket.set_until(Some(socket.now() + Duration::from_secs(1)));
    let mut dropped = [0; 1024];
    while matches!(socket.read(&mut dropped), Ok(1..)) {}
    Ok(())
}

/// Compares in a time that does not depend on where two strings differ.
fn same(given: &[u8], right: &[u8]) -> bool {
    let differences = given.iter().zip(right).fold(0, |differences, (a, b)| differences | (a ^ b));
    (differences == 0) & (given.len() == right.len())
}
