use super::{Cuts, Pipe, Size};
use pop3_proto::client::{Client, ClientConfig, Event, SaslDone, SaslStep, SendError, StartTls, Ticket};
use pop3_proto::{Base64, Command, ConnectionError, Input};
use std::time::Duration;

/// What a client does next, once it can.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Do<'s> {
    /// Sends a command when all before it are answered.
    Send(Command<'s>),
    /// Sends a command ahead of answers, as soon as the machine lets it.
    Ahead(Command<'s>),
    /// Answers the challenge.
    Respond(Base64<'s>),
    /// Cancels the exchange.
    Cancel,
    /// Agrees that the exchange succeeded.
    Verified,
    /// Has done the TLS handshake.
    TlsStarted,
}

/// What a client saw: events, with adjacent pieces of one body joined.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Seen {
    /// As its `Debug` shows it.
    Event(String),
    Body(Ticket, Vec<u8>),
    End(Ticket, u64),
    NotSent(SendError),
    ConnectionError(ConnectionError),
}

/// All that a server says to a client with these steps, and a gate at every send: the client is given what lies behind a gate
/// once it has seen all that lies before it and has sent what it sends there. A client that sends ahead of what it was
/// already given would have other outcomes, and rightly so (law 5).
pub(crate) struct Reading<'s> {
    config: ClientConfig,
    steps: &'s [Do<'s>],
    wire: &'s [u8],
    gates: Vec<usize>,
}

impl<'s> Reading<'s> {
    pub(crate) fn new(config: ClientConfig, steps: &'s [Do<'s>], wire: &'s [u8]) -> Self {
        let mut reading = Reading { config, steps, wire, gates: (0..wire.len()).collect() };
        // Octet by octet the client sends as soon as it can.
        reading.gates = reading.played(&Cuts::Each(1), Size::Heap(16 * 1024)).2;
        reading
    }

    /// What the client sees and writes if the wire, and then the end of the stream, comes in these pieces.
    pub(crate) fn play(&self, cuts: &Cuts, size: Size) -> (Vec<Seen>, Vec<u8>) {
        let (seen, output, gates) = self.played(cuts, size);
        assert_eq!(gates, self.gates, "it sends at other places: {cuts:?} {size:?}");
        (seen, output)
    }

    /// Also where in the wire it sent something.
    fn played(&self, cuts: &Cuts, size: Size) -> (Vec<Seen>, Vec<u8>, Vec<usize>) {
        let mut buffer = size.buffer();
        let mut side = ClientSide::new(self.config, self.steps, size.pipe(&mut buffer));
        let (mut cuts, mut at, mut output, mut gates) = (cuts.clone(), 0, Vec::new(), Vec::new());
        loop {
            let steps = side.steps.len();
            side.run();
            while !side.outgoing().is_empty() {
                output.extend_from_slice(side.outgoing());
                side.sent(side.outgoing().len());
                side.run();
            }
            if side.steps.len() < steps {
                gates.push(at);
            }
            if side.over || side.ended {
                return (side.seen, output, gates);
            }
            let gate = self.gates.iter().find(|gate| **gate > at).map_or(self.wire.len(), |gate| *gate);
            let count = cuts.next(at, gate - at);
            side.receive(&self.wire[at..at + count]);
            at += count;
            if at == self.wire.len() && count == 0 {
                side.end();
            }
        }
    }
}

/// A client machine, its steps and its buffers.
pub(crate) struct ClientSide<'s> {
    pub(crate) client: Client,
    steps: &'s [Do<'s>],
    sink: Box<dyn Pipe + 's>,
    unread: Vec<u8>,
    ended: bool,
    ready: bool,
    challenge: Option<SaslStep>,
    accepted: Option<SaslDone>,
    handshake: Option<StartTls>,
    pub(crate) seen: Vec<Seen>,
    over: bool,
}

impl<'s> ClientSide<'s> {
    pub(crate) fn new(config: ClientConfig, steps: &'s [Do<'s>], sink: Box<dyn Pipe + 's>) -> Self {
        ClientSide {
            client: Client::new(config, 1),
            steps,
            sink,
            unread: Vec::new(),
            ended: false,
            ready: false,
            challenge: None,
            accepted: None,
            handshake: None,
            seen: Vec::new(),
            over: false,
        }
    }

    pub(crate) fn receive(&mut self, octets: &[u8]) {
        self.unread.extend_from_slice(octets);
    }

    pub(crate) fn end(&mut self) {
        self.ended = true;
    }

    pub(crate) fn is_ended(&self) -> bool {
        self.ended
    }

    pub(crate) fn outgoing(&self) -> &[u8] {
        self.sink.pending()
    }

    pub(crate) fn sent(&mut self, count: usize) {
        self.sink.sent(count);
    }

    /// Whether it hangs up: the session ended, or there is nothing left to do.
    pub(crate) fn is_finished(&self) -> bool {
        self.over || (self.steps.is_empty() && self.ready && self.client.is_idle() && self.owes_nothing())
    }

    /// Goes on until it needs something from the other side.
    pub(crate) fn run(&mut self) {
        while !self.over {
            while self.act() {}
            if !self.poll() {
                break;
            }
        }
    }

    fn owes_nothing(&self) -> bool {
        self.challenge.is_none() && self.accepted.is_none() && self.handshake.is_none()
    }

    /// Does the next step if it can.
    fn act(&mut self) -> bool {
        let Some((step, later)) = self.steps.split_first() else { return false };
        let done = match step {
            Do::Send(command) => {
                self.ready && self.client.is_idle() && self.owes_nothing() && self.send(command)
            }
            Do::Ahead(command) => self.ready && self.send(command),
            Do::Respond(response) => self.challenge.take().is_some_and(|step| {
                mend(self.client.respond(step, *response, &mut *self.sink), &mut self.challenge)
            }),
            Do::Cancel => self
                .challenge
                .take()
                .is_some_and(|step| mend(self.client.cancel(step, &mut *self.sink), &mut self.challenge)),
            Do::Verified => self.accepted.take().is_some_and(|done| self.client.verified(done).is_ok()),
            Do::TlsStarted => self
                .handshake
                .take()
                .is_some_and(|start| self.client.tls_started(start, Input::more(&self.unread)).is_ok()),
        };
        if done {
            self.steps = later;
        }
        done
    }

    /// Whether the step is done: the command is on its way, or can never be.
    fn send(&mut self, command: &Command<'_>) -> bool {
        match self.client.send(command, &mut *self.sink) {
            Ok(_) => true,
            Err(SendError::BufferFull(full)) if !full.never_fits() => false,
            Err(
                SendError::After(_)
                | SendError::Alone
                | SendError::NotPipelined
                | SendError::QueueFull
                | SendError::CallersTurn,
            ) => false,
            Err(error) => {
                self.seen.push(Seen::NotSent(error));
                true
            }
        }
    }

    /// Reads one event; whether there is more to do without further input.
    fn poll(&mut self) -> bool {
        let unread = std::mem::take(&mut self.unread);
        let needs = self.client.needs_input(&unread, self.ended);
        let mut input = if self.ended { Input::last(&unread) } else { Input::more(&unread) };
        let polled = self.client.poll(&mut input);
        let left = input.remaining();
        let consumed = unread.len() - left;
        let idle = matches!(polled, Ok(None));
        assert!(!idle || consumed == 0, "octets were consumed, and there is no event: {:?}", self.client);
        assert_eq!(needs, idle, "needs_input and poll disagree: {:?}", self.client);
        assert!(
            !idle || left < self.client.min_recv_buf(),
            "a buffer of min_recv_buf() bytes would fill up: {:?}",
            self.client
        );
        let goes_on = match polled {
            Ok(None) => false,
            Ok(Some(event)) => {
                self.see(event, &unread);
                !self.over
            }
            Err(fatal) => {
                assert_eq!(self.client.poll(&mut Input::more(b"+OK\r\n")).unwrap_err(), fatal);
                assert_eq!(self.client.tick(Duration::ZERO), Err(fatal));
                assert_eq!(self.client.send(&Command::Quit, &mut *self.sink), Err(SendError::Over));
                self.seen.push(Seen::ConnectionError(fatal));
                self.over = true;
                false
            }
        };
        self.unread = unread[unread.len() - left..].to_vec();
        goes_on
    }

    fn see(&mut self, event: Event<'_>, input: &[u8]) {
        let shown = format!("{event:?}");
        match event {
            Event::Body(ticket, data) => {
                let borrowed = input.as_ptr_range().contains(&data.as_ptr());
                assert!(!data.is_empty() && (borrowed || data == b"\r"), "a copy: {data:?}");
                match self.seen.last_mut() {
                    Some(Seen::Body(before, body)) if *before == ticket => body.extend_from_slice(data),
                    _ => self.seen.push(Seen::Body(ticket, data.to_vec())),
                }
                return;
            }
            Event::End(ticket, amount) => {
                self.seen.push(Seen::End(ticket, amount));
                return;
            }
            Event::Greeting(_) | Event::NoService(_) => self.ready = true,
            Event::Challenge(step, _) | Event::MalformedChallenge(step, _) => self.challenge = Some(step),
            Event::AuthAccepted(done, _) => self.accepted = Some(done),
            Event::StartTls(start) => self.handshake = Some(start),
            Event::Closed(_) => self.over = true,
            _ => {}
        }
        self.seen.push(Seen::Event(shown));
    }
}

/// Whether an answer was taken; its token goes back where it was otherwise.
fn mend<T>(answered: Result<(), pop3_proto::Unanswered<T>>, token: &mut Option<T>) -> bool {
    match answered {
        Ok(()) => true,
        Err(unanswered) => {
            *token = Some(unanswered.token);
            false
        }
    }
}
