use super::{FromClient, Outcome, Seen, Side, Span, Tap, Transaction};
use crate::client::{Event, InFlight, Ticket};
use crate::codec::Verb;
use crate::input::Input;
use crate::limits::Limits;
use crate::types::MessageNumber;

/// What a [`Monitor`] reports.
#[derive(Debug)]
pub enum Report<'i> {
    /// One side said this, at this place in its stream. The place of a line of the client does not include the rest of a
    /// torn line before it. The place of anything else includes bytes that the tap passed over before.
    Seen(Seen<'i>, Span),
    /// A transaction is over. It follows the event that ended it.
    Done(Transaction),
}

/// A [`Tap`] that also matches commands with responses, measures them, and knows their places in both streams.
///
/// Call [`next`](Self::next) for the side that spoke until it returns `None`. Give the bytes that it leaves unread again,
/// together with the next bytes of that side. [`needed`](Self::needed) tells how many there must be.
///
/// It allocates nothing, and takes less than 900 bytes. Commands that are more than 16 ahead of their responses are
/// reported as [`Outcome::Untold`].
///
/// ```
/// use pop3_proto::{Input, Limits, Verb, tap::{Monitor, Outcome, Report, Side}};
///
/// let mut monitor = Monitor::new(Limits::DEFAULT);
/// let mut transactions = Vec::new();
/// for (side, bytes) in [
///     (Side::Server, &b"+OK ready\r\n"[..]),
///     (Side::Client, b"RETR 1\r\nDELE 1\r\n"),
///     (Side::Server, b"+OK\r\nSubject: hi\r\n\r\n..\r\n.\r\n-ERR no\r\n"),
/// ] {
///     let mut input = Input::more(bytes);
///     while let Some(report) = monitor.next(side, &mut input) {
///         if let Report::Done(transaction) = report {
///             transactions.push(transaction);
///         }
///     }
///     assert_eq!(monitor.needed(&input), None);
/// }
/// let [greeting, retr, dele] = transactions[..] else { panic!("{transactions:?}") };
/// assert_eq!((greeting.verb, greeting.outcome), (None, Outcome::Ok));
/// assert_eq!((retr.verb, retr.outcome, retr.payload), (Some(Verb::Retr), Outcome::Ok, 18));
/// assert_eq!((retr.command.start, retr.response.start, retr.response.len()), (0, 11, 27));
/// assert_eq!((dele.number, dele.outcome), (2, Outcome::Refused));
/// ```
#[derive(Debug)]
pub struct Monitor {
    tap: Tap,
    client: Stream,
    server: Stream,
    /// The commands that `tap` has in flight, in the same order.
    open: [Open; InFlight::MOST as usize],
    oldest: u8,
    count: u8,
    /// The number of the last command.
    number: u64,
    answer: Answer,
    /// Over, and not yet reported.
    done: Option<Transaction>,
    /// All open transactions are over with this outcome.
    closing: Option<Outcome>,
    is_guess: bool,
    is_inexact: bool,
}

const _: () = assert!(size_of::<Monitor>() <= 896);

/// One side's stream.
#[derive(Clone, Copy, Debug)]
struct Stream {
    /// How many bytes were read, or are known to be missing.
    read: u64,
    /// How many bytes the last call left unread.
    left: u64,
}

/// A command that is not answered.
#[derive(Clone, Copy, Debug)]
struct Open {
    number: u64,
    start: u64,
    length: u32,
    verb: Verb,
    message: Option<MessageNumber>,
}

/// The response to the oldest command, as far as it was read.
#[derive(Clone, Copy, Debug)]
struct Answer {
    place: Option<Span>,
    payload: u64,
    challenges: u32,
    is_ambiguous: bool,
}

impl Monitor {
    /// Returns a monitor that sees the session from its first byte.
    #[must_use]
    pub const fn new(limits: Limits) -> Self {
        Self::with_tap(Tap::new(limits))
    }

    /// Returns a monitor that joins a session somewhere in the middle: see [`Tap::joined_late`].
    #[must_use]
    pub const fn joined_late(limits: Limits) -> Self {
        Self::with_tap(Tap::joined_late(limits))
    }

    /// Returns a monitor for a session of which only the client's bytes are seen: see [`Tap::one_sided`].
    #[must_use]
    pub const fn one_sided(limits: Limits) -> Self {
        Self::with_tap(Tap::one_sided(limits))
    }

    const fn with_tap(tap: Tap) -> Self {
        Monitor {
            tap,
            client: Stream::NEW,
            server: Stream::NEW,
            open: [Open::NONE; InFlight::MOST as usize],
            oldest: 0,
            count: 0,
            number: 0,
            answer: Answer::NONE,
            done: None,
            closing: None,
            is_guess: false,
            is_inexact: false,
        }
    }

    /// Returns the tap that reads for this monitor.
    #[must_use]
    pub const fn tap(&self) -> &Tap {
        &self.tap
    }

    /// Returns how many commands were seen. The last of them has this [number](Transaction::number).
    #[must_use]
    pub const fn commands(&self) -> u64 {
        self.number
    }

    /// Returns how many bytes of this side were read, or are known to be missing.
    #[must_use]
    pub const fn offset(&self, side: Side) -> u64 {
        match side {
            Side::Client => self.client.read,
            Side::Server => self.server.read,
        }
    }

    /// Returns how many bytes the next call needs at least, with those that are unread now. `None` means that everything
    /// is read. It is never more than [`Tap::min_recv_buf`].
    #[must_use]
    pub const fn needed(&self, input: &Input<'_>) -> Option<usize> {
        match input.remaining() {
            0 => None,
            unread => Some(unread.saturating_add(1)),
        }
    }

    /// Returns what this side says next, or a transaction that is over; `None` asks for more bytes.
    pub fn next<'i>(&mut self, side: Side, input: &mut Input<'i>) -> Option<Report<'i>> {
        if let Some(done) = self.take_done() {
            return Some(Report::Done(done));
        }
        // Otherwise the place of a command would depend on whether the torn line before it arrived together with it.
        let torn = if side == Side::Client { self.tap.torn_end(input.unread()) } else { 0 };
        let before = Before {
            start: self.offset(side).saturating_add(torn),
            remaining: input.remaining(),
            newest: self.tap.in_flight.newest(),
            in_auth: self.tap.from_client == FromClient::Response,
        };
        let seen = match side {
            Side::Client => self.tap.client(input),
            Side::Server => self.tap.server(input),
        };
        let taken = before.remaining.saturating_sub(input.remaining()) as u64;
        let stream = self.stream(side);
        stream.read = stream.read.saturating_add(taken);
        stream.left = input.remaining() as u64;
        let place = Span { start: before.start.min(stream.read), end: stream.read };
        let Some(seen) = seen else {
            // The start of a terminator belongs to the response, also if the session ends there.
            if side == Side::Server && self.answer.place.is_some() {
                self.answer.grow(place);
            }
            return None;
        };
        self.note(&seen, place, &before);
        Some(Report::Seen(seen, place))
    }

    /// Reports that bytes of this side are missing before the next ones, with their number if it is known. Drop the bytes
    /// that the last call for this side left unread; the monitor counts them.
    ///
    /// The next call reports [`Seen::OutOfStep`], then every transaction that was open.
    pub const fn gap(&mut self, side: Side, bytes: Option<u64>) {
        self.tap.gap(side);
        let stream = match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        };
        stream.read = stream.read.saturating_add(stream.left);
        stream.left = 0;
        match bytes {
            Some(bytes) => stream.read = stream.read.saturating_add(bytes),
            None => self.is_inexact = true,
        }
    }

    /// Reports that the session is over. Then [`next`](Self::next), with any side and no bytes, returns each transaction
    /// that is still open.
    pub const fn end(&mut self) {
        // A loss that is not reported yet closes them too.
        if self.closing.is_none() && !self.tap.has_cause() {
            self.closing = Some(Outcome::Unanswered);
        }
    }

    /// For programs that see into TLS, after [`Seen::Encrypted`]: reports that the next bytes of both sides are the
    /// plaintext. Places in the streams count on.
    pub const fn tls_started(&mut self) {
        self.tap.tls_started();
    }

    const fn stream(&mut self, side: Side) -> &mut Stream {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }

    fn take_done(&mut self) -> Option<Transaction> {
        if let Some(done) = self.done.take() {
            return Some(done);
        }
        let outcome = self.closing?;
        let done = self.close(outcome);
        if done.is_none() {
            self.closing = None;
            self.answer = Answer::NONE;
        }
        done
    }

    /// Records what this event means for the transactions.
    fn note(&mut self, seen: &Seen<'_>, place: Span, before: &Before) {
        match seen {
            Seen::Command(command) => self.command(command.verb(), command.message(), place, before),
            Seen::Unknown(_) | Seen::NotACommand(_) | Seen::LongLine(Side::Client) if !before.in_auth => {
                self.command(Verb::Other, None, place, before);
            }
            Seen::Answer(event) => self.event(event, place),
            Seen::Challenge(_) | Seen::MalformedChallenge(_) => {
                self.answer.grow(place);
                self.answer.challenges = self.answer.challenges.saturating_add(1);
            }
            Seen::Ambiguous(..) => {
                self.answer.grow(place);
                self.answer.is_ambiguous = true;
            }
            Seen::LongLine(Side::Server) => {
                self.answer.grow(place);
                self.answer.payload = self.answer.payload.saturating_add(1);
            }
            Seen::Encrypted => {
                self.answer.grow(place);
                self.done = self.close(Outcome::Ok);
                self.closing = Some(Outcome::Unanswered);
            }
            Seen::OutOfStep(cause) => self.closing = Some(Outcome::Lost(*cause)),
            Seen::InStep | Seen::ProxyHeader(_) => self.is_guess = true,
            _ => {}
        }
    }

    fn command(&mut self, verb: Verb, message: Option<MessageNumber>, place: Span, before: &Before) {
        self.number = self.number.saturating_add(1);
        let length = u32::try_from(place.len()).unwrap_or(u32::MAX);
        let open = Open { number: self.number, start: place.start, length, verb, message };
        if self.tap.in_flight.newest() == before.newest {
            self.done = Some(self.transaction(open, Outcome::Untold, Answer::NONE));
            return;
        }
        let slot = self.slot(self.count);
        if let Some(slot) = self.open.get_mut(slot) {
            *slot = open;
            self.count = self.count.saturating_add(1);
        }
    }

    fn event(&mut self, event: &Event<'_>, place: Span) {
        let greeting = match event {
            Event::Greeting(_) => Some(Outcome::Ok),
            Event::NoService(_) => Some(Outcome::Refused),
            _ => None,
        };
        if let Some(outcome) = greeting {
            let answer = Answer { place: Some(place), ..Answer::NONE };
            self.done = Some(self.transaction(Open::NONE, outcome, answer));
            return;
        }
        self.answer.grow(place);
        let more = match event {
            Event::Refused(..) => return self.done = self.close(Outcome::Refused),
            event if event.completes() => return self.done = self.close(Outcome::Ok),
            Event::Begin(..) => 0,
            Event::Body(_, octets) => octets.len() as u64,
            _ => 1,
        };
        self.answer.payload = self.answer.payload.saturating_add(more);
    }

    /// Ends the oldest transaction.
    fn close(&mut self, outcome: Outcome) -> Option<Transaction> {
        self.count = self.count.checked_sub(1)?;
        let open = *self.open.get(self.slot(0))?;
        self.oldest = self.oldest.wrapping_add(1);
        let answer = core::mem::replace(&mut self.answer, Answer::NONE);
        Some(self.transaction(open, outcome, answer))
    }

    /// The slot of a command, counted from the oldest.
    const fn slot(&self, place: u8) -> usize {
        (self.oldest.wrapping_add(place) & (InFlight::MOST - 1)) as usize
    }

    fn transaction(&self, open: Open, outcome: Outcome, answer: Answer) -> Transaction {
        Transaction {
            number: open.number,
            verb: (open.number > 0).then_some(open.verb),
            message: open.message,
            outcome,
            command: Span { start: open.start, end: open.start.saturating_add(open.length.into()) },
            response: answer.place.unwrap_or_default(),
            payload: answer.payload,
            challenges: answer.challenges,
            is_ambiguous: answer.is_ambiguous,
            is_guess: self.is_guess,
            is_inexact: self.is_inexact,
        }
    }
}

/// The monitor before a call.
struct Before {
    start: u64,
    remaining: usize,
    newest: Option<Ticket>,
    in_auth: bool,
}

impl Stream {
    const NEW: Stream = Stream { read: 0, left: 0 };
}

impl Open {
    const NONE: Open = Open { number: 0, start: 0, length: 0, verb: Verb::Other, message: None };
}

impl Answer {
    const NONE: Answer = Answer { place: None, payload: 0, challenges: 0, is_ambiguous: false };

    fn grow(&mut self, place: Span) {
        let start = self.place.map_or(place.start, |answer| answer.start);
        self.place = Some(Span { start, end: place.end });
    }
}
