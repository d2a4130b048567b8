//! The application around a server machine at its smallest: one user, and a mailbox in memory.

use crate::Result;
use crate::sample::{Message, PASSWORD, PLAIN, USER};
use pop3_proto::server::{Ask, CloseReason, Credentials, Login, MessageInfo, Refusal, ServerConfig, Step};
use pop3_proto::{Base64, Input, Server, Sink, Text, UniqueId};

/// A server with all that it needs to answer its machine's questions, for one session.
#[derive(Debug)]
pub struct Host {
    server: Server<Vec<MessageInfo<UniqueId<'static>>>>,
    /// The name that USER gave. The machine does not keep it.
    name: Vec<u8>,
    /// What is not sent yet of the message that the client fetches.
    sending: &'static [u8],
    messages: Vec<Message>,
}

/// What a [`Host`] waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wants {
    /// Octets from the client.
    Input,
    /// Room in the sink.
    Space,
    /// Nothing: the session is over.
    Nothing(CloseReason),
}

impl Host {
    /// A server for one session over these messages.
    pub fn new(config: &'static ServerConfig<'_>, messages: &[Message]) -> Self {
        Host { server: Server::new(config, 1), name: Vec::new(), sending: &[], messages: messages.to_vec() }
    }

    /// The messages that are there now: marked ones go when the client says QUIT.
    pub fn messages(&self) -> &[Message] {
        &self.messages
    }

    /// The machine, to look at.
    pub fn server(&self) -> &Server<Vec<MessageInfo<UniqueId<'static>>>> {
        &self.server
    }

    /// Reads commands and writes answers until it has to wait.
    pub fn run(&mut self, input: &mut Input<'_>, sink: &mut dyn Sink) -> Result<Wants> {
        loop {
            match self.server.poll(input, sink)? {
                Step::NeedInput => return Ok(Wants::Input),
                Step::NeedSpace(_) => return Ok(Wants::Space),
                Step::Closed(why) => return Ok(Wants::Nothing(why)),
                Step::Ask(ask) => self.answer(ask, sink)?,
                Step::Waiting => return Err("a question was left open".into()),
                Step::NeedBody if self.sending.is_empty() => _ = self.server.finish_body()?,
                Step::NeedBody => match self.server.write_body(self.sending, sink)? {
                    0 => return Ok(Wants::Space),
                    taken => self.sending = &self.sending[taken..],
                },
            }
        }
    }

    /// Answers what the machine cannot know. Each answer takes its question's token, so that none can be given twice.
    fn answer(&mut self, ask: Ask<'_>, sink: &mut dyn Sink) -> Result<()> {
        match ask {
            Ask::Greet(greet) => self.server.greet(greet, Text::from_static("POP3 server ready"), sink)?,
            // That an unknown name is told shows the world which names there are. A server on an open network accepts
            // any name, as `blocking_server` does.
            Ask::User(user, name) if name.as_bytes() == USER.as_bytes() => {
                self.name = name.as_bytes().to_vec();
                self.server.accept_name(user)?;
            }
            Ask::User(user, _) => self.server.refuse(user, Refusal::Credentials)?,
            Ask::Login(login, credentials) => self.login(login, credentials, sink)?,
            Ask::Fetch(fetch) => {
                self.sending = self.messages[fetch.message().index()].text.as_bytes();
                self.server.send_body(fetch)?;
            }
            // The one place where messages are removed.
            Ask::Commit(commit) => {
                // From behind, so that the others keep their places.
                let marked: Vec<_> = self.server.marked().collect();
                for message in marked.iter().rev() {
                    self.messages.remove(message.index());
                }
                self.server.removed(commit)?;
            }
            // STLS and unknown commands are asked about only if the configuration offers them.
            _ => return Err("a question that nobody expects".into()),
        }
        Ok(())
    }

    fn login(&mut self, login: Login, credentials: Credentials<'_>, sink: &mut dyn Sink) -> Result<()> {
        let granted = match credentials {
            Credentials::Password(password) => {
                self.name == USER.as_bytes() && password.expose() == PASSWORD.as_bytes()
            }
            // The client goes first in PLAIN. Where it has not, an empty challenge asks for its response.
            Credentials::Sasl { initial: None, .. } => {
                return Ok(self.server.challenge(login, Base64::EMPTY, sink)?);
            }
            Credentials::Sasl { initial: Some(response), .. } | Credentials::Response(response) => {
                response == PLAIN
            }
            // APOP is not offered, because the greeting has no timestamp.
            _ => false,
        };
        if granted {
            let slots = self.messages.iter().map(slot).collect::<Result<_>>()?;
            self.server.accept(login, slots)?;
        } else {
            self.server.refuse(login, Refusal::Credentials)?;
        }
        Ok(())
    }
}

/// How a message is listed. Its size is what RETR sends, whatever the line ends in memory are.
fn slot(message: &Message) -> Result<MessageInfo<UniqueId<'static>>> {
    let id = UniqueId::new(message.id.as_bytes())?;
    Ok(MessageInfo::new(pop3_proto::OctetCount::of(message.text.as_bytes()), id))
}
