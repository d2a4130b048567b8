//! The messages, and the smallest maildrop over them.

use pop3_proto::server::{Entry, Maildrop, Refusal};
use pop3_proto::{MessageNumber, UniqueId};
use std::sync::LazyLock;

/// How many messages a user has.
pub const EACH: u32 = 8;

/// A stored message. All users' maildrops consist of the same few messages.
#[derive(Debug)]
pub struct Message {
    id: String,
    /// Its lines end in LF, as in a file.
    pub text: String,
    /// The message as a client receives it.
    pub received: String,
}

static STORE: LazyLock<Vec<Message>> = LazyLock::new(|| (1..=2 * EACH).map(Message::new).collect());

/// Writes the messages, so the first session does not have to wait for them.
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

    /// Returns its size, as RETR sends it.
    pub fn octets(&self) -> u64 {
        self.received.len() as u64
    }
}

/// Returns a user's message. Neighbouring users have different messages under the same number, so a session that
/// received another user's mail would be detected.
pub fn message(user: u32, number: MessageNumber) -> Option<&'static Message> {
    let place = (user as usize).wrapping_add(number.index()) % STORE.len();
    STORE.get(place).filter(|_| number.get() <= EACH)
}

/// A maildrop for which the session holds only its own data: the user, and the marks. Sizes and unique-ids are read
/// from the shared messages.
#[derive(Debug)]
pub struct Marks {
    user: u32,
    marked: u32,
}

impl Marks {
    /// Returns the maildrop of this user, with nothing marked.
    pub const fn new(user: u32) -> Self {
        Marks { user, marked: 0 }
    }

    /// Returns the marked messages, one bit each.
    pub const fn marked(&self) -> u32 {
        self.marked
    }
}

/// Returns the bit of a message.
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
