//! The mail that there is to fetch, and the smallest maildrop over it.

use pop3_proto::server::{Entry, Maildrop, Refusal};
use pop3_proto::{MessageNumber, UniqueId};
use std::sync::LazyLock;

/// How many messages a user has.
pub const EACH: u32 = 8;

/// A message as it is stored. All users' maildrops are made of the same few.
#[derive(Debug)]
pub struct Message {
    id: String,
    /// Its lines end in LF, as in a file.
    pub text: String,
    /// As a client gets it.
    pub received: String,
}

static STORE: LazyLock<Vec<Message>> = LazyLock::new(|| (1..=2 * EACH).map(Message::new).collect());

/// Writes the messages, which else the first session would have to wait for.
pub fn prepare() {
    LazyLock::force(&STORE);
}

impl Message {
    fn new(number: u32) -> Self {
        let line = format!("This is one of the lines of message {number}, and most of them are like it.\n");
        let lines = line.repeat(4 * number as usize);
        let text = format!("Subject: message {number}\n\n{lines}.\n..as you see\n");
        Message { id: format!("id-{number}"), received: text.replace('\n', "\r\n"), text }
    }

    /// Its size, as RETR sends it.
    pub fn octets(&self) -> u64 {
        self.received.len() as u64
    }
}

/// A user's message. No two neighbours have the same under one number, so that a session that got another's mail
/// would be found out.
pub fn message(user: u32, number: MessageNumber) -> Option<&'static Message> {
    let place = (user as usize).wrapping_add(number.index()) % STORE.len();
    STORE.get(place).filter(|_| number.get() <= EACH)
}

/// A maildrop of which the session holds no more than is its own: whose it is, and what is marked. Sizes and unique-ids
/// are read where they lie.
#[derive(Debug)]
pub struct Marks {
    user: u32,
    marked: u32,
}

impl Marks {
    /// The maildrop of this user, with nothing marked.
    pub const fn new(user: u32) -> Self {
        Marks { user, marked: 0 }
    }

    /// The marked messages, a bit each.
    pub const fn marked(&self) -> u32 {
        self.marked
    }
}

/// The bit of a message.
pub const fn bit(message: MessageNumber) -> u32 {
    1 << message.index()
}

impl Maildrop for Marks {
    fn count(&self) -> u32 {
        EACH
    }

    fn entry(&self, number: MessageNumber) -> Result<Entry<'_>, Refusal> {
        let message = message(self.user, number).ok_or(Refusal::NoSuchMessage)?;
        let id = UniqueId::new(message.id.as_bytes()).map_err(|_| Refusal::Permanent)?;
        Ok(Entry { octets: message.octets(), id, marked: self.marked & bit(number) != 0 })
    }

    fn mark(&mut self, message: MessageNumber) -> Result<(), Refusal> {
        self.marked |= bit(message);
        Ok(())
    }

    fn unmark_all(&mut self) {
        self.marked = 0;
    }
}
