//! What a server's application says: one user, and messages that lie in memory.

use crate::Error;
use pop3_proto::server::{Ask, CloseReason, Credentials, MessageInfo, Refusal, Step};
use pop3_proto::{Input, MessageNumber, Server, Sink, Text, UniqueId};

/// The application around a server: who may log in, and where the messages are.
pub trait Mailbox {
    /// Whether this is the user's name. It is answered the same whatever this says: who asks is to learn nothing from it.
    fn knows(&self, name: &[u8]) -> bool;

    /// Whether this is the user's password.
    fn admits(&self, password: &[u8]) -> bool;

    /// The octets of a message, where they lie, in flash as well: nothing is copied. Its lines may end in LF or in CR LF.
    fn message(&self, message: MessageNumber) -> Option<&[u8]>;

    /// Removes a message for good. `false`: it is still there.
    fn remove(&mut self, message: MessageNumber) -> bool;
}

/// What a [`Post`] waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wants {
    /// Octets from the client.
    Input,
    /// Room in the sink.
    Space,
    /// Nothing: send what the sink holds, and close.
    Nothing(CloseReason),
}

/// A server and its application, for one session.
#[derive(Debug)]
pub struct Post<'m, 'i, M> {
    pub server: Server<&'m mut [MessageInfo<UniqueId<'i>>]>,
    /// How the messages are listed: the machine gets it at login.
    slots: Option<&'m mut [MessageInfo<UniqueId<'i>>]>,
    mailbox: &'m mut M,
    /// Whether USER gave the right name. The machine keeps no name.
    known: bool,
    /// The message that is being sent, and how many octets of it were taken.
    open: (MessageNumber, usize),
}

impl<'m, 'i, M: Mailbox> Post<'m, 'i, M> {
    /// For the connection with this number, over the messages that `slots` lists.
    pub fn new(id: u64, slots: &'m mut [MessageInfo<UniqueId<'i>>], mailbox: &'m mut M) -> Self {
        Post {
            server: Server::new(&crate::SERVER, id),
            slots: Some(slots),
            mailbox,
            known: false,
            open: (MessageNumber::FIRST, 0),
        }
    }

    /// Reads commands and writes answers until it has to wait.
    pub fn run<E>(&mut self, input: &mut Input<'_>, sink: &mut dyn Sink) -> Result<Wants, Error<E>> {
        loop {
            match self.server.poll(input, sink)? {
                Step::NeedInput => return Ok(Wants::Input),
                Step::NeedSpace(_) => return Ok(Wants::Space),
                Step::Closed(why) => return Ok(Wants::Nothing(why)),
                Step::Ask(ask) => self.answer(ask, sink)?,
                Step::NeedBody => {
                    let (message, taken) = self.open;
                    // Only as much as fits is taken: the whole message may be handed in.
                    let rest = self.mailbox.message(message).and_then(|octets| octets.get(taken..));
                    match rest {
                        Some([]) => _ = self.server.finish_body()?,
                        Some(rest) => match self.server.write_body(rest, sink)? {
                            0 => return Ok(Wants::Space),
                            count => self.open.1 = taken.saturating_add(count),
                        },
                        // It is gone: only a connection that ends tells the client that the message is not whole.
                        None => self.server.close(),
                    }
                }
                // Every question is answered before the next `poll`, so this does not happen.
                Step::Waiting => self.server.close(),
            }
        }
    }

    fn answer<E>(&mut self, ask: Ask<'_>, sink: &mut dyn Sink) -> Result<(), Error<E>> {
        let server = &mut self.server;
        match ask {
            Ask::Greet(greet) => server.greet(greet, const { Text::from_static("ready") }, sink)?,
            Ask::User(user, name) => {
                self.known = self.mailbox.knows(name.as_bytes());
                server.accept_name(user)?;
            }
            Ask::Login(login, Credentials::Password(password)) => {
                // Both are asked, so that an unknown name takes as long as a known one.
                let admitted = self.mailbox.admits(password.expose()) & self.known;
                match self.slots.take_if(|_| admitted) {
                    Some(slots) => server.accept(login, slots)?,
                    None => server.refuse(login, Refusal::Credentials)?,
                }
            }
            Ask::Login(login, _) => server.refuse(login, Refusal::NotAllowed)?, // APOP and AUTH are not offered
            Ask::Fetch(fetch) => {
                self.open = (fetch.message(), 0);
                server.send_body(fetch)?;
            }
            Ask::Commit(commit) => {
                let mut done = true;
                let slots = server.maildrop().map_or(&[][..], |slots| slots);
                for (index, _) in slots.iter().enumerate().filter(|(_, slot)| slot.is_marked()) {
                    done &=
                        MessageNumber::from_index(index).is_some_and(|message| self.mailbox.remove(message));
                }
                match done {
                    true => server.removed(commit)?,
                    false => server.not_removed(commit, Refusal::Temporary)?,
                }
            }
            // STLS and unknown commands are asked about only if the configuration offers them.
            _ => server.close(),
        }
        Ok(())
    }
}
