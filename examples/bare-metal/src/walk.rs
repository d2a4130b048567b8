//! The client's part of a session: it logs in, fetches one message after the other, and deletes the stored
//! ones.

use pop3_proto::client::{Deletions, Event};
use pop3_proto::{Command, MessageNumber, Secret, Text, Verb};

/// The user who logs in.
#[derive(Clone, Copy, Debug)]
pub struct Account<'a> {
    pub name: Text<'a>,
    pub password: Secret<'a>,
}

/// The destination of the messages: flash, a display, a modem.
pub trait Store {
    /// Adds the next bytes of a message, without byte-stuffing, as slices of the read buffer: nothing was
    /// copied.
    fn add(&mut self, message: MessageNumber, octets: &[u8]);

    /// Completes the message, which is incomplete until this is called. Returns `true` if it is safe here, so the server
    /// may remove it.
    fn complete(&mut self, message: MessageNumber) -> bool;
}

/// The result of a session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fetched {
    /// How many messages were complete.
    pub messages: u32,
    /// The state of the deletions. The messages are gone only if it is [`Deletions::Committed`].
    pub deletions: Deletions,
}

/// The client's side of a session, which chooses each command from the events.
#[derive(Debug)]
pub struct Walk<'a, 's, S> {
    account: Account<'a>,
    store: &'s mut S,
    /// How many messages there are.
    count: u32,
    complete: u32,
    /// Why the session was ended early.
    refused: Option<Option<Verb>>,
}

impl<'a, 's, S: Store> Walk<'a, 's, S> {
    /// Returns the client's part for this account. The greeting starts it.
    pub const fn new(account: Account<'a>, store: &'s mut S) -> Self {
        Walk { account, store, count: 0, complete: 0, refused: None }
    }

    /// Returns the command to send now, if any.
    pub fn next(&mut self, event: &Event<'_>) -> Option<Command<'a>> {
        match *event {
            Event::Greeting(_) => Some(Command::User(self.account.name)),
            Event::Ok(ticket, _) => match ticket.verb {
                Verb::User => Some(Command::Pass(self.account.password)),
                Verb::Pass => Some(Command::Stat),
                Verb::Dele => Some(self.command_after(ticket.message?)),
                _ => None,
            },
            Event::DropListing(_, listing) => {
                self.count = listing.count;
                Some(self.fetch(1))
            }
            Event::Body(ticket, octets) => {
                self.store.add(ticket.message?, octets);
                None
            }
            Event::End(ticket, _) => {
                let message = ticket.message?;
                self.complete = self.complete.saturating_add(1);
                let safe = self.store.complete(message);
                Some(if safe { Command::Dele(message) } else { self.command_after(message) })
            }
            // If one message cannot be fetched or deleted, continue with the rest.
            Event::Refused(ticket, _) if matches!(ticket.verb, Verb::Retr | Verb::Dele) => {
                Some(self.command_after(ticket.message?))
            }
            Event::Refused(ticket, _) | Event::Malformed(ticket, _) => self.quit(Some(ticket.verb)),
            Event::NoService(_) => self.quit(None),
            _ => None,
        }
    }

    /// Returns the result once the session is closed, or the refused command.
    pub fn finish(&self, deletions: Deletions) -> Result<Fetched, Option<Verb>> {
        match self.refused {
            Some(verb) => Err(verb),
            None => Ok(Fetched { messages: self.complete, deletions }),
        }
    }

    fn command_after(&self, message: MessageNumber) -> Command<'a> {
        self.fetch(message.get().saturating_add(1))
    }

    fn fetch(&self, number: u32) -> Command<'a> {
        match MessageNumber::new(number) {
            Ok(message) if number <= self.count => Command::Retr(message),
            _ => Command::Quit,
        }
    }

    fn quit(&mut self, verb: Option<Verb>) -> Option<Command<'a>> {
        self.refused = Some(verb);
        Some(Command::Quit)
    }
}
