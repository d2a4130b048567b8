//! Which messages of this run go wrong, so that they do not withhold the others.

use super::listing::Listing;
use pop3_proto::{MessageNumber, Verb};
use std::collections::{HashMap, HashSet};

/// A message that broke this many connections is left alone for the rest of the run.
const PATIENCE: u8 = 2;

/// Tells messages apart in all sessions of a run, in which their numbers change.
pub(super) type Key = Vec<u8>;

#[derive(Default, Debug)]
pub(super) struct Trouble {
    /// How many connections broke while the response to this command for this message was due.
    breaks: HashMap<(Verb, Key), u8>,
    /// Messages that are not to be fetched in this run, and why.
    given_up: HashMap<Key, String>,
    /// The messages that failed, and were not tried again since.
    failed: HashSet<Key>,
}

/// The unique-id. A server without them has only numbers; no unique-id holds a line end.
pub(super) fn key(listing: &Listing, number: MessageNumber) -> Key {
    listing.id(number).map_or_else(|| format!("\n{number}").into(), Vec::from)
}

impl Trouble {
    /// The connection broke before this command was answered.
    pub(super) fn broke(&mut self, verb: Verb, key: Key) {
        *self.breaks.entry((verb, key)).or_default() += 1;
    }

    pub(super) fn give_up(&mut self, key: Key, why: String) {
        self.given_up.insert(key, why);
    }

    pub(super) fn fail(&mut self, key: Key) {
        self.failed.insert(key);
    }

    /// This is tried once more.
    pub(super) fn forgive(&mut self, key: &[u8]) {
        self.failed.remove(key);
    }

    /// With how many messages something is wrong.
    pub(super) fn failed(&self) -> usize {
        self.failed.len()
    }

    /// The messages for which to send this command, those last that broke a connection; and those for which not to, with the reasons.
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
