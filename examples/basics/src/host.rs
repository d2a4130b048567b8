//! The smallest application around a server connection: one user, and a mailbox in memory.

use crate::Result;
use crate::sample::{Message, PASSWORD, PLAIN, USER};
use pop3_proto::server::{CloseReason, Credentials, Event, Login, MessageInfo, Refusal, Responder};
use pop3_proto::{Base64, OctetCount, ServerConnection, Storage, Text, UniqueId};

/// A maildrop: the size and the unique-id of each message.
pub type Maildrop = Vec<MessageInfo<UniqueId<'static>>>;

/// The parts of a server that its connection does not know, for one session.
#[derive(Debug)]
pub struct Host {
    /// The name that the client gave with USER. The connection does not keep it.
    name: Vec<u8>,
    /// The unsent bytes of the message that the client is fetching.
    sending: &'static [u8],
    messages: Vec<Message>,
}

impl Host {
    /// Returns a host that serves these messages.
    pub fn new(messages: &[Message]) -> Self {
        Host { name: Vec::new(), sending: &[], messages: messages.to_vec() }
    }

    /// Returns the messages that are there now. Marked messages are removed when the client sends QUIT.
    pub fn messages(&self) -> &[Message] {
        &self.messages
    }

    /// Answers events until the connection has to wait. Returns the reason if the session is over.
    pub fn serve<R: Storage, S: Storage>(
        &mut self,
        pop3: &mut ServerConnection<Maildrop, R, S>,
    ) -> Result<Option<CloseReason>> {
        while let Some((event, responder)) = pop3.poll()? {
            if let Event::Closed(why) = event {
                return Ok(Some(why));
            }
            self.answer(event, responder)?;
        }
        Ok(None)
    }

    /// Answers one event. Each answer uses up the token of its question, so you cannot answer twice.
    fn answer(&mut self, event: Event<'_>, mut responder: Responder<'_, Maildrop>) -> Result<()> {
        match event {
            Event::Greet(greet) => responder.greet(greet, Text::from_static("POP3 server ready"))?,
            // Refusing an unknown name reveals which names exist. A server on an open network accepts any name,
            // as `blocking_server` does.
            Event::User(user, name) if name.as_bytes() == USER.as_bytes() => {
                self.name = name.as_bytes().to_vec();
                responder.accept_name(user)?;
            }
            Event::Login(login, credentials) => self.log_in(login, credentials, responder)?,
            Event::Fetch(fetch) => {
                self.sending = self.messages[fetch.message().index()].text.as_bytes();
                responder.send_body(fetch)?;
            }
            Event::Body if self.sending.is_empty() => _ = responder.finish_body()?,
            Event::Body => self.sending = &self.sending[responder.write_body(self.sending)?..],
            // This is the only place that removes messages.
            Event::Commit(commit) => {
                // Start with the last message, so the other messages keep their places.
                let marked: Vec<_> = responder.marked().collect();
                for message in marked.iter().rev() {
                    self.messages.remove(message.index());
                }
                responder.removed(commit)?;
            }
            // Handle a different name. STLS and unknown commands are events only if the configuration offers
            // them.
            other => responder.decline(other)?,
        }
        Ok(())
    }

    fn log_in(
        &self,
        login: Login,
        credentials: Credentials<'_>,
        mut responder: Responder<'_, Maildrop>,
    ) -> Result<()> {
        let granted = match credentials {
            Credentials::Password(password) => {
                self.name == USER.as_bytes() && password.expose() == PASSWORD.as_bytes()
            }
            // In PLAIN the client begins. If it has not, send an empty challenge to ask for its response.
            Credentials::Sasl { initial: None, .. } => {
                return Ok(responder.challenge(login, Base64::EMPTY)?);
            }
            Credentials::Sasl { initial: Some(response), .. } | Credentials::Response(response) => {
                response == PLAIN
            }
            // APOP is not offered, because the greeting has no timestamp.
            _ => false,
        };
        if granted {
            let maildrop = self.messages.iter().map(message_info).collect::<Result<_>>()?;
            responder.accept(login, maildrop)?;
        } else {
            responder.refuse(login, Refusal::Credentials)?;
        }
        Ok(())
    }
}

/// Returns the row of a message. Its size is the number of octets that RETR sends, whatever line ends the text has in memory.
fn message_info(message: &Message) -> Result<MessageInfo<UniqueId<'static>>> {
    let id = UniqueId::new(message.id.as_bytes())?;
    Ok(MessageInfo::new(OctetCount::of(message.text.as_bytes()), id))
}
