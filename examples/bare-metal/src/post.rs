//! The application of a server: one user, and messages in memory.

use pop3_proto::server::{Credentials, Event, MessageInfo, Refusal, Responder, ServerConfig};
use pop3_proto::{AnswerError, MessageNumber, Text, UniqueId};

/// The application around a server: the user who may log in, and the messages.
pub trait Mailbox {
    /// Returns whether this is the user's name. The client gets the same response in both cases.
    fn knows(&self, name: &[u8]) -> bool;

    /// Returns whether this is the user's password.
    fn admits(&self, password: &[u8]) -> bool;

    /// Returns the bytes of a message, which may be in flash. Nothing is copied. Its lines end in LF or in CR LF.
    fn message(&self, message: MessageNumber) -> Option<&[u8]>;

    /// Removes a message permanently. Returns `false` if it is still there.
    fn remove(&mut self, message: MessageNumber) -> bool;
}

/// The application of one session.
#[derive(Debug)]
pub struct Post<'m, 'i, M> {
    /// The rows of the listing. The server takes them at login.
    slots: Option<&'m mut [MessageInfo<UniqueId<'i>>]>,
    mailbox: &'m mut M,
    /// Whether USER gave the right name, which the server does not keep.
    known: bool,
}

/// The type through which answers are given.
type Answers<'c, 'm, 'i> = Responder<'c, &'m mut [MessageInfo<UniqueId<'i>>], &'static ServerConfig<'static>>;

impl<'m, 'i, M: Mailbox> Post<'m, 'i, M> {
    /// Returns the application over the messages in `slots`.
    pub const fn new(slots: &'m mut [MessageInfo<UniqueId<'i>>], mailbox: &'m mut M) -> Self {
        Post { slots: Some(slots), mailbox, known: false }
    }

    /// Returns the bytes of a message.
    pub fn message(&self, message: MessageNumber) -> Option<&[u8]> {
        self.mailbox.message(message)
    }

    /// Answers all events except that for a message.
    ///
    /// # Errors
    /// Returns [`AnswerError`] if the answer was not accepted.
    pub fn answer(
        &mut self,
        event: Event<'_>,
        responder: &mut Answers<'_, 'm, 'i>,
    ) -> Result<(), AnswerError> {
        match event {
            Event::Greet(greet) => responder.greet(greet, const { Text::from_static("ready") }),
            Event::User(user, name) => {
                self.known = self.mailbox.knows(name.as_bytes());
                responder.accept_name(user)
            }
            Event::Login(login, Credentials::Password(password)) => {
                // Check both, so an unknown name takes as long as a known one.
                let admitted = self.mailbox.admits(password.expose()) & self.known;
                match self.slots.take_if(|_| admitted) {
                    Some(slots) => responder.accept(login, slots),
                    None => responder.refuse(login, Refusal::Credentials),
                }
            }
            Event::Commit(commit) => match self.remove_marked(responder) {
                true => responder.removed(commit),
                false => responder.not_removed(commit, Refusal::Temporary),
            },
            other => responder.decline(other),
        }
    }

    fn remove_marked(&mut self, responder: &Answers<'_, 'm, 'i>) -> bool {
        // Try to remove every message.
        responder.marked().filter(|message| !self.mailbox.remove(*message)).count() == 0
    }
}
