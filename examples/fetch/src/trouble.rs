//! Records which messages fail in this run, so they do not block the rest.

use super::listing::Listing;
use pop3_proto::{MessageNumber, Verb};
use std::collections::{HashMap, HashSet};

/// How many connections a message may break before it is skipped for the rest of the run.
const PATIENCE: u8 = 2;

/// Identifies messages in all sessions of a run, because their numbers change.
pub(super) type Key = Vec<u8>;

#[derive(Default, Debug)]
pub(super) struct Trouble {
    /// How many connections broke while the response to this command for this message was pending.
    breaks: HashMap<(Verb, Key), u8>,
    /// Messages that this run will not fetch, and the reasons.
    given_up: HashMap<Key, String>,
    /// The messages that failed and have not been tried again since.
    failed: HashSet<Key>,
}

/// Returns the unique-id. A server without unique-ids has only numbers; no unique-id contains a line ending.
pub(super) fn key(listing: &Listing, number: MessageNumber) -> Key {
    listing.id(number).map_or_else(|| format!("\n{number}").into(), Vec::from)
}

impl Trouble {
    /// Notes that the connection broke before this command was answered.
    pub(super) fn broke(&mut self, verb: Verb, key: Key) {
        *self.breaks.entry((verb, key)).or_default() += 1;
    }

    pub(super) fn give_up(&mut self, key: Key, why: String) {
        self.given_up.insert(key, why);
    }

    pub(super) fn fail(&mut self, key: Key) {
        self.failed.insert(key);
    }

    /// Clears the failure of a message that is tried again.
    pub(super) fn forgive(&mut self, key: &[u8]) {
        self.failed.remove(key);
    }

    /// Returns how many messages have failed.
    pub(super) fn failed(&self) -> usize {
        self.failed.len()
    }

    /// Returns the messages for which to send this command, with those that broke a connection last; and those for which not to, with
    /// the reasons.
    pub(super) fn order<T>(
        &self,
        verb: Verb,
        messages: Vec<T>,
        key: impl Fn(&T) -> Key,
    ) -> (Vec<T>, Vec<(T, String)>) {
        let (mut first, mut last, mut never) = (Vec::new(), Vec::new(), Vec::new());
        for message in messages {
            let asked = (verb, key(&message));
            let breaks = self.breaks.get(&asked).copied().unwrap_or_default();
            match self.given_up.get(&asked.1) {
                Some(why) if verb == Verb::Retr => never.push((message, why.clone())),
                _ if breaks >= PATIENCE => {
                    never.push((message, format!("the connection broke {breaks} times at {verb}")));
                }
                _ if breaks > 0 => last.push(message),
                _ => first.push(message),
            }
        }
        first.append(&mut last);
        (first, never)
    }
}
