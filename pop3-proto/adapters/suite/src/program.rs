//! The client and the server that every adapter runs.

use pop3_proto::client::{self, Sender};
use pop3_proto::server::{self, Credentials, Fetch, MessageInfo, Responder};
use pop3_proto::{AnswerError, Command, ConnectionError, OctetCount, ServerConfig, Text, UniqueId};
use std::collections::VecDeque;
use std::io::ErrorKind;

/// How a session ended for its program.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ended {
    /// `next` returned `None`.
    Over,
    /// `next` would wait forever.
    NothingDue,
    /// The deadline passed.
    Deadline,
    /// The stream failed.
    Io(ErrorKind),
    /// The peer broke a rule, or a timer ran out.
    Connection(ConnectionError),
    /// A future was dropped whose drop ends the connection.
    Dropped,
    /// Anything else.
    Other(String),
}

/// What an adapter has to do after an event.
#[derive(Debug)]
pub enum Then<T> {
    /// Ask for the next event.
    Next,
    /// Send the message in [`ServerProgram::body`].
    Send(Fetch),
    /// Start TLS.
    StartTls(T),
}

/// A client that sends a list of commands, each after the response to the previous one. It cancels each AUTH.
#[derive(Debug)]
pub struct ClientProgram {
    commands: VecDeque<Command<'static>>,
    /// How many commands it sends after each response.
    pub at_once: usize,
    /// The events, with the pieces of one message joined.
    pub log: Vec<String>,
    /// How many more times to continue after an error of the stream.
    pub retries: usize,
}

impl Ended {
    /// Returns whether each later call must end in the same way.
    #[must_use]
    pub const fn lasts(&self) -> bool {
        matches!(self, Ended::Connection(_))
    }
}

impl ClientProgram {
    /// Returns a client that sends these commands.
    #[must_use]
    pub fn new(commands: &[Command<'static>], retries: usize) -> Self {
        ClientProgram { commands: commands.iter().copied().collect(), at_once: 1, log: Vec::new(), retries }
    }

    /// Handles an event.
    pub fn handle(&mut self, event: client::Event<'_>, mut sender: Sender<'_>) -> Then<client::StartTls> {
        use client::Event;
        let goes_on = event.completes() || matches!(event, Event::Greeting(_));
        let is_closed = matches!(event, Event::Closed(_));
        let mut then = Then::Next;
        match event {
            Event::Body(_, bytes) => {
                let text = bytes.escape_ascii().to_string();
                match self.log.last_mut() {
                    Some(last) if last.starts_with("body ") => last.push_str(&text),
                    _ => self.log.push(format!("body {text}")),
                }
            }
            Event::StartTls(start) => {
                self.log.push("start TLS".into());
                then = Then::StartTls(start);
            }
            Event::Challenge(step, challenge) => {
                self.log.push(format!("challenge {challenge:?}"));
                self.note(sender.cancel(step));
            }
            Event::MalformedChallenge(step, bytes) => {
                self.log.push(format!("odd challenge {}", bytes.escape_ascii()));
                self.note(sender.cancel(step));
            }
            Event::AuthAccepted(done, status) => {
                self.log.push(format!("accepted {status:?}"));
                self.note(sender.verified(done));
            }
            event => self.log.push(format!("{event:?}")),
        }
        if goes_on && !is_closed && matches!(then, Then::Next) {
            self.send(&mut sender);
        }
        then
    }

    fn note(&mut self, answered: Result<(), AnswerError>) {
        if let Err(error) = answered {
            self.log.push(format!("not answered: {error:?}"));
        }
    }

    /// Sends the next commands, also after TLS has started. Notes those that cannot be sent.
    pub fn send(&mut self, sender: &mut Sender<'_>) {
        for command in self.commands.drain(..self.at_once.min(self.commands.len())) {
            if let Err(error) = sender.send(command) {
                self.log.push(format!("not sent: {error:?}"));
            }
        }
    }

    /// Returns whether to continue after an error.
    pub fn retries(&mut self, ended: &Ended) -> bool {
        let goes_on = matches!(ended, Ended::Io(_)) && self.retries > 0;
        self.retries = self.retries.saturating_sub(1);
        goes_on
    }
}

/// The messages of the server, in the form of its store.
pub const MESSAGES: [&[u8]; 2] = [b"Subject: one\n\n.dots\n..\nend\n", b"Subject: two\n\nbye\n"];

/// The listing of a user.
pub type Mail = Vec<MessageInfo<UniqueId<'static>>>;
/// How the server holds its configuration.
pub type Config = &'static ServerConfig<'static>;

/// A server with two messages for every user who knows the password.
#[derive(Debug, Default)]
pub struct ServerProgram {
    /// The rest of the message that is being sent.
    pub body: &'static [u8],
    /// The events, except those that ask for the next part of a message.
    pub log: Vec<String>,
    /// How many more times to continue after an error of the stream.
    pub retries: usize,
}

impl ServerProgram {
    /// Handles an event.
    ///
    /// # Panics
    /// Panics if an answer is not accepted.
    pub fn handle(
        &mut self,
        event: server::Event<'_>,
        mut responder: Responder<'_, Mail, Config>,
    ) -> Then<server::StartTls> {
        use server::Event;
        let answered = match event {
            Event::Greet(greet) => responder.greet(greet, Text::from_static("ready")),
            Event::User(user, name) => {
                self.log.push(format!("name {name}"));
                responder.accept_name(user)
            }
            Event::Login(login, Credentials::Password(given)) if given.expose() == b"tanstaaf" => {
                self.log.push("login".into());
                let ids = [b"one", b"two"].map(|id| UniqueId::new(id).expect("an id"));
                let mail = MESSAGES
                    .iter()
                    .zip(ids)
                    .map(|(message, id)| MessageInfo::new(OctetCount::of(message), id));
                responder.accept(login, mail.collect())
            }
            Event::Fetch(fetch) => {
                self.log.push(format!("fetch {}", fetch.message()));
                self.body = MESSAGES[fetch.message().index()];
                return Then::Send(fetch);
            }
            // Continues a message whose sending was interrupted.
            Event::Body if self.body.is_empty() || !responder.wants_body() => {
                responder.finish_body().expect("the size is right");
                Ok(())
            }
            Event::Body => {
                let taken = responder.write_body(self.body).expect("a message is open");
                self.body = &self.body[taken..];
                Ok(())
            }
            Event::Commit(commit) => {
                let marked: Vec<_> = responder.marked().collect();
                self.log.push(format!("commit {marked:?}"));
                responder.removed(commit)
            }
            Event::StartTls(start) => {
                self.log.push("start TLS".into());
                return Then::StartTls(start);
            }
            Event::Closed(why) => {
                self.log.push(format!("closed {why:?}"));
                Ok(())
            }
            other => {
                self.log.push("declined".into());
                responder.decline(other)
            }
        };
        answered.expect("the answer is taken");
        Then::Next
    }

    /// Returns whether to continue after an error.
    pub fn retries(&mut self, ended: &Ended) -> bool {
        let goes_on = matches!(ended, Ended::Io(_)) && self.retries > 0;
        self.retries = self.retries.saturating_sub(1);
        goes_on
    }
}
