//! Serves a Maildir: `blocking_server ADDR MAILDIR USER PASSWORD`
//!
//! One thread for each connection, one session at a time for the Maildir, to which it adds `pop3.lock` and `pop3.sizes`. Messages
//! are removed when the client says QUIT, and never otherwise. The password travels in cleartext: for loopback, or a network that is
//! private by other means.

use pop3_proto::server::{Ask, Credentials, Login, Refusal, ServerConfig, Step};
use pop3_proto::{Server, Text, TlsPolicy};
use pop3_proto_basics::Result;
use pop3_proto_basics::blocking::Wire;
use pop3_proto_maildir::{Mailbox, Maildir, Message};
use std::io::{BufRead, ErrorKind, Read};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// TOP, UIDL, PIPELINING and response codes are offered unless one says otherwise.
static CONFIG: ServerConfig<'_> = ServerConfig::new(TlsPolicy::Cleartext)
    .with_implementation(Text::from_static("pop3-proto blocking_server"));

/// Connections at a time: each has a thread.
const MOST: usize = 100;

/// What all connections share.
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
            Ok(_) if Arc::strong_count(&host) > MOST => {} // closed at once
            Ok(stream) => {
                let host = Arc::clone(&host);
                std::thread::spawn(move || {
                    if let Err(error) = Session::run(&host, stream, id) {
                        eprintln!("connection {id}: {error}");
                    }
                });
            }
            Err(error) => {
                eprintln!("accept: {error}");
                std::thread::sleep(Duration::from_millis(100)); // no file descriptor left, say
            }
        }
    }
    Ok(())
}

/// One connection.
struct Session<'h> {
    host: &'h Host,
    server: Server<Mailbox>,
    wire: Wire,
    /// What USER gave. The machine does not keep it.
    name: Vec<u8>,
    /// The message that is being sent.
    message: Option<Message>,
}

impl<'h> Session<'h> {
    /// Runs a session to its end. However that comes, dropping the machine drops the maildrop, and with it the lock.
    fn run(host: &'h Host, stream: TcpStream, id: u64) -> Result<()> {
        let wire = Wire::new(stream, CONFIG.min_recv_buf())?;
        let mut session =
            Session { host, server: Server::new(&CONFIG, id), wire, name: Vec::new(), message: None };
        session.talk()?;
        let Session { server, wire, .. } = session;
        drop(server); // before the client reads the answer to QUIT, so that it can log in again at once
        farewell(wire)
    }

    fn talk(&mut self) -> Result<()> {
        loop {
            let Session { server, wire, .. } = self;
            // What this step borrows is the receive buffer, which is left alone until the step is dealt with.
            match wire.recv.with(|input| server.poll(input, &mut wire.send))? {
                // Answers are sent before more is read: a client that does not take them is not read from, and what it
                // makes this server hold stays below the sizes of the two buffers.
                Step::NeedInput => {
                    let until = server.tick(wire.now())?; // says so when the client has been silent for too long
                    if wire.is_pending() { wire.send(until)? } else { wire.receive(until)? }
                }
                Step::NeedSpace(_) => wire.send(server.tick(wire.now())?)?,
                Step::NeedBody => self.send_message()?,
                Step::Ask(Ask::User(user, name)) => {
                    // Any name will do: whether there is such a user is told with the password, or not at all.
                    self.name = name.as_bytes().to_vec();
                    server.accept_name(user)?;
                }
                Step::Ask(Ask::Login(login, Credentials::Password(password))) => {
                    let right = same(&self.name, self.host.user.as_bytes())
                        & same(password.expose(), self.host.password.as_bytes());
                    self.log_in(login, right)?;
                }
                Step::Ask(Ask::Login(login, _)) => self.log_in(login, false)?, // AUTH and APOP are not offered
                Step::Ask(Ask::Greet(greet)) => {
                    server.greet(greet, Text::from_static("ready"), &mut wire.send)?;
                }
                Step::Ask(Ask::Fetch(fetch)) => {
                    let maildrop = server.maildrop().ok_or("a message is asked for before login")?;
                    match maildrop.message(fetch.message()) {
                        Ok(message) => {
                            self.message = Some(message);
                            server.send_body(fetch)?;
                        }
                        Err(error) => {
                            eprintln!("message {}: {error}", fetch.message().get());
                            server.refuse(fetch, refusal(&error))?;
                        }
                    }
                }
                // The client said QUIT: the one place where messages are removed.
                Step::Ask(Ask::Commit(commit)) => {
                    let removed = server.maildrop().is_none_or(Mailbox::remove_marked);
                    match removed {
                        true => server.removed(commit)?,
                        false => server.not_removed(commit, Refusal::Temporary)?,
                    }
                }
                // STLS and unknown commands are not offered, so these are not asked; nor is a question left open.
                Step::Ask(_) | Step::Waiting => server.close(),
                Step::Closed(_) => return Ok(()),
            }
        }
    }

    fn log_in(&mut self, login: Login, right: bool) -> Result<()> {
        if !right {
            // Makes guessing slow. No timer of the session runs while it waits for an answer.
            std::thread::sleep(Duration::from_secs(1));
            return Ok(self.server.refuse(login, Refusal::Credentials)?);
        }
        match self.host.maildir.open() {
            Ok(Ok(maildrop)) => self.server.accept(login, maildrop)?,
            Ok(Err(refusal)) => self.server.refuse(login, refusal)?,
            Err(error) => {
                eprintln!("the Maildir: {error}");
                self.server.refuse(login, Refusal::Temporary)?;
            }
        }
        Ok(())
    }

    /// Sends the next part of the message that is open: what is read at once, as far as the send has room for it.
    fn send_message(&mut self) -> Result<()> {
        let Session { server, wire, message, .. } = self;
        let Some(open) = message else { return Err("no message is open".into()) };
        // An error ends the connection: nothing else tells the client that the message is cut.
        let octets = open.fill_buf()?;
        if octets.is_empty() || !server.wants_body() {
            *message = None;
            server.finish_body()?;
            return Ok(());
        }
        match server.write_body(octets, &mut wire.send)? {
            0 => wire.send(server.tick(wire.now())?)?,
            taken => open.consume(taken),
        }
        Ok(())
    }
}

/// Returns how a message is refused that cannot be opened.
fn refusal(error: &std::io::Error) -> Refusal {
    match error.kind() {
        ErrorKind::NotFound => Refusal::NoSuchMessage, // to try again would not help
        _ => Refusal::Temporary,
    }
}

/// Sends what is left, then waits a moment for the client to close: closing over octets that it sent and nobody read would take
/// the last answer from it.
fn farewell(mut wire: Wire) -> Result<()> {
    let deadline = wire.now() + Duration::from_secs(10); // the machine runs no timer any more
    while wire.is_pending() {
        if wire.now() >= deadline {
            return Err("the client does not take the last answer".into());
        }
        wire.send(Some(deadline))?;
    }
    wire.stream.shutdown(Shutdown::Write)?;
    wire.stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    let mut dropped = [0; 1024];
    while wire.now() < deadline && matches!(wire.stream.read(&mut dropped), Ok(1..)) {}
    Ok(())
}

/// Compares without telling by its time where two strings differ.
fn same(given: &[u8], right: &[u8]) -> bool {
    let differences = given.iter().zip(right).fold(0, |differences, (a, b)| differences | (a ^ b));
    (differences == 0) & (given.len() == right.len())
}
