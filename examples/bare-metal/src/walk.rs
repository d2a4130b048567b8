//! What a client says: it logs in, fetches one message after the other, and deletes what was stored.

use pop3_proto::client::{Deletions, Event};
use pop3_proto::{Command, MessageNumber, Secret, Text, Verb};

/// Who logs in.
#[derive(Clone, Copy, Debug)]
pub struct Account<'a> {
    pub name: Text<'a>,
    pub password: Secret<'a>,
}

/// Where the messages go: flash, a display, a modem.
pub trait Store {
    /// The next octets of a message, byte-stuffing undone, in slices of the read buffer: nothing was copied.
    fn add(&mut self, message: MessageNumber, octets: &[u8]);

    /// The message is complete; before this is called it is not, whatever came. `true`: it is safe here, and may go there.
    fn complete(&mut self, message: MessageNumber) -> bool;
}

/// What a session brought.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fetched {
    /// How many messages were complete.
    pub messages: u32,
    /// What became of those that were deleted: gone only where it says [`Deletions::Committed`].
    pub deletions: Deletions,
}

/// The next command, from what came.
#[derive(Debug)]
pub struct Walk<'a, 's, S> {
    account: Account<'a>,
    store: &'s mut S,
    /// How many messages there are.
    count: u32,
    complete: u32,
    /// What the session was ended for.
    refused: Option<Option<Verb>>,
}

impl<'a, 's, S: Store> Walk<'a, 's, S> {
    /// For this account; the greeting starts it.
    pub const fn new(account: Account<'a>, store: &'s mut S) -> Self {
        Walk { account, store, count: 0, complete: 0, refused: None }
    }

    /// What to send now, if anything.
    pub fn next(&mut self, event: &Event<'_>) -> Option<Command<'a>> {
        match *event {
            Event::Greeting(_) => Some(Command::User(self.account.name)),
            Event::Ok(ticket, _) => match ticket.verb {
                Verb::User => Some(Command::Pass(self.account.password)),
                Verb::Pass => Some(Command::Stat),
                Verb::Dele => Some(self.behind(ticket.message?)),
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
                Some(if safe { Command::Dele(message) } else { self.behind(message) })
            }
            // One message that cannot be had, or not deleted, is no reason to leave the others.
            Event::Refused(ticket, _) if matches!(ticket.verb, Verb::Retr | Verb::Dele) => {
                Some(self.behind(ticket.message?))
            }
            Event::Refused(ticket, _) | Event::Malformed(ticket, _) => self.quit(Some(ticket.verb)),
            Event::NoService(_) => self.quit(None),
            _ => None,
        }
    }

    /// What became of it all, once the session is closed; or what was refused.
    pub fn finish(&self, deletions: Deletions) -> Result<Fetched, Option<Verb>> {
        match self.refused {
            Some(verb) => Err(verb),
            None => Ok(Fetched { messages: self.complete, deletions }),
        }
    }

    fn behind(&self, message: MessageNumber) -> Command<'a> {
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
