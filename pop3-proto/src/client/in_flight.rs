use crate::codec::Verb;
use crate::types::MessageNumber;
use core::fmt;

/// Which command an event answers: [`send`](super::Client::send) gives it out, and each event of the answer has it.
///
/// ```
/// use pop3_proto::{Client, Command, Input, SendBuf, TlsPolicy, Verb, client::Event};
///
/// let mut client = Client::new(TlsPolicy::Cleartext, 1);
/// let mut send = SendBuf::new(vec![]);
/// client.poll(&mut Input::more(b"+OK ready\r\n")).unwrap();
/// let ticket = client.send(&Command::Capa, &mut send).unwrap();
/// assert_eq!((ticket.verb, ticket.message), (Verb::Capa, None));
/// assert_eq!(ticket.to_string(), "CAPA");
///
/// let answer = client.poll(&mut Input::more(b"-ERR what?\r\n")).unwrap();
/// assert!(matches!(answer, Some(Event::Refused(of, _)) if of == ticket));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Ticket {
    /// The command.
    pub verb: Verb,
    /// The message that it names, where it names one.
    pub message: Option<MessageNumber>,
    sequence: u32,
}

impl Ticket {
    /// The place of the command in its session, from 0; it wraps after 4,294,967,295.
    #[must_use]
    pub const fn sequence(&self) -> u32 {
        self.sequence
    }
}

/// The command as it is named in messages: with its message number, and no other argument.
impl fmt::Display for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.message {
            Some(message) => write!(f, "{} {message}", self.verb),
            None => self.verb.fmt(f),
        }
    }
}

/// The commands that were sent and not answered, the oldest first. That it is bounded keeps client and server
/// from waiting for each other with full buffers.
pub(crate) struct InFlight {
    verbs: [Verb; InFlight::MOST as usize],
    messages: [Option<MessageNumber>; InFlight::MOST as usize],
    /// The place in its session of the oldest.
    oldest: u32,
    count: u8,
}

impl InFlight {
    pub(crate) const MOST: u8 = 16;

    pub(crate) const fn new() -> Self {
        InFlight {
            verbs: [Verb::Noop; Self::MOST as usize],
            messages: [None; Self::MOST as usize],
            oldest: 0,
            count: 0,
        }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(crate) const fn is_full(&self) -> bool {
        self.count == Self::MOST
    }

    pub(crate) fn oldest(&self) -> Option<Ticket> {
        self.iter().next()
    }

    pub(crate) fn newest(&self) -> Option<Ticket> {
        self.ticket(self.count.checked_sub(1)?)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Ticket> + '_ {
        (0..self.count).filter_map(|place| self.ticket(place))
    }

    /// Adds a command behind the others; the caller has seen that there is room.
    pub(crate) fn push(&mut self, verb: Verb, message: Option<MessageNumber>) -> Ticket {
        let sequence = self.oldest.wrapping_add(u32::from(self.count));
        let ticket = Ticket { verb, message, sequence };
        let slot = slot(sequence);
        if let (Some(verb), Some(message)) = (self.verbs.get_mut(slot), self.messages.get_mut(slot)) {
            (*verb, *message) = (ticket.verb, ticket.message);
            self.count = self.count.saturating_add(1);
        }
        ticket
    }

    /// The oldest was answered.
    pub(crate) const fn pop(&mut self) {
        self.oldest = self.oldest.wrapping_add(1);
        self.count = self.count.saturating_sub(1);
    }

    /// None will be answered any more.
    pub(crate) const fn clear(&mut self) {
        self.oldest = self.oldest.wrapping_add(self.count as u32);
        self.count = 0;
    }

    fn ticket(&self, place: u8) -> Option<Ticket> {
        if place >= self.count {
            return None;
        }
        let sequence = self.oldest.wrapping_add(u32::from(place));
        let slot = slot(sequence);
        Some(Ticket { verb: *self.verbs.get(slot)?, message: *self.messages.get(slot)?, sequence })
    }
}

const fn slot(sequence: u32) -> usize {
    (sequence & (InFlight::MOST as u32 - 1)) as usize
}

/// The commands by their places in the session.
impl fmt::Debug for InFlight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter().map(|ticket| (ticket.sequence, Named(ticket)))).finish()
    }
}

/// A ticket as a message names it.
struct Named(Ticket);

impl fmt::Debug for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}
