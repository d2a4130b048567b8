use crate::codec::Verb;
use crate::types::MessageNumber;
use core::fmt;

/// Identifies a command. [`send`](super::Client::send) returns it, and each event of the response contains it.
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
    /// The message that the command names, if it names one.
    pub message: Option<MessageNumber>,
    sequence: u32,
}

impl Ticket {
    /// Returns the position of the command in its session, from 0. It wraps after 4,294,967,295.
    #[must_use]
    pub const fn sequence(&self) -> u32 {
        self.sequence
    }
}

/// Prints the command with its message number, and without any other argument.
impl fmt::Display for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.message {
            Some(message) => write!(f, "{} {message}", self.verb),
            None => self.verb.fmt(f),
        }
    }
}

/// The commands without a complete response, the oldest first. Their number is bounded, so client and server cannot
/// wait for each other with full buffers.
pub(crate) struct InFlight {
    verbs: [Verb; InFlight::MOST as usize],
    messages: [Option<MessageNumber>; InFlight::MOST as usize],
    /// The position of the oldest command in the session.
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

    /// Adds a command at the end. The caller has checked that there is room.
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

    /// Removes the oldest command, whose response is complete.
    pub(crate) const fn pop(&mut self) {
        self.oldest = self.oldest.wrapping_add(1);
        self.count = self.count.saturating_sub(1);
    }

    /// Removes all commands, because no more responses will arrive.
    pub(crate) const fn clear(&mut self) {
        self.oldest = self.oldest.wrapping_add(self.count as u32);
        self.count = 0;
    }

    fn ticket(&self, place: u8) -> Option<Ticket> {
        let sequence = self.oldest.wrapping_add(u32::from(place));
        let slot = slot(sequence);
        Some(Ticket { verb: *self.verbs.get(slot)?, message: *self.messages.get(slot)?, sequence })
    }
}

const fn slot(sequence: u32) -> usize {
    (sequence & (InFlight::MOST as u32 - 1)) as usize
}

/// Shows the commands by their positions in the session.
impl fmt::Debug for InFlight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter().map(|ticket| (ticket.sequence, Named(ticket)))).finish()
    }
}

/// A ticket that is shown by its name.
struct Named(Ticket);

impl fmt::Debug for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}
