//! A mailbox and a store that record what was done to them.

use pop3_proto::server::MessageInfo;
use pop3_proto::{MessageNumber, OctetCount, Secret, Text, UniqueId};
use pop3_proto_bare_metal::{Account, Mailbox, Store};
use std::collections::BTreeMap;
use std::time::Duration;

pub fn account(password: &str) -> Account<'_> {
    Account { name: Text::from_static("mrose"), password: Secret::new(password.as_bytes()).unwrap() }
}

pub fn no_clock() -> Duration {
    Duration::ZERO
}

/// Messages by number. A removed message disappears.
#[derive(Clone, Default, Debug)]
pub struct Memory {
    pub messages: BTreeMap<u32, Vec<u8>>,
    /// Whether messages cannot be removed.
    pub stuck: bool,
}

impl Memory {
    /// Returns messages that are short, empty, full of dots, without a line ending, and larger than all
    /// buffers.
    pub fn new() -> Self {
        let large: String = (0..500).map(|line| format!(".{line} of a message that is large\r\n")).collect();
        let texts = ["Subject: one\r\n\r\nHello.\r\n", "", ".\r\n..\r\n.", "no line end", &large];
        let messages = (1..).zip(texts).map(|(number, text)| (number, text.into())).collect();
        Memory { messages, stuck: false }
    }

    pub fn slots(&self) -> Vec<MessageInfo<UniqueId<'static>>> {
        let id = |number: u32| UniqueId::new(&b"abcdefgh"[number as usize..][..1]).unwrap();
        self.messages
            .iter()
            .map(|(number, text)| MessageInfo::new(OctetCount::of(text), id(*number)))
            .collect()
    }

    /// Returns the messages as a client receives them, each with a line ending at its end.
    pub fn sent(&self) -> BTreeMap<u32, Vec<u8>> {
        let mut messages = self.messages.clone();
        messages
            .values_mut()
            .filter(|text| !text.is_empty() && !text.ends_with(b"\n"))
            .for_each(|text| text.extend(b"\r\n"));
        messages
    }
}

impl Mailbox for Memory {
    fn knows(&self, name: &[u8]) -> bool {
        name == b"mrose"
    }

    fn admits(&self, password: &[u8]) -> bool {
        password == b"tanstaaf"
    }

    fn message(&self, message: MessageNumber) -> Option<&[u8]> {
        self.messages.get(&message.get()).map(Vec::as_slice)
    }

    fn remove(&mut self, message: MessageNumber) -> bool {
        !self.stuck && self.messages.remove(&message.get()).is_some()
    }
}

/// The received messages.
#[derive(Default, Debug)]
pub struct Kept {
    pub partial: BTreeMap<u32, Vec<u8>>,
    pub complete: BTreeMap<u32, Vec<u8>>,
    /// Whether none of them is safe.
    pub unsafe_here: bool,
}

impl Store for Kept {
    fn add(&mut self, message: MessageNumber, octets: &[u8]) {
        self.partial.entry(message.get()).or_default().extend(octets);
    }

    fn complete(&mut self, message: MessageNumber) -> bool {
        let octets = self.partial.remove(&message.get()).unwrap_or_default();
        self.complete.insert(message.get(), octets);
        !self.unsafe_here
    }
}
