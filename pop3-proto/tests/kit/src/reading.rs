use crate::{Cuts, Guest, Heard, Memory, words};
use pop3_proto::client::{ClientConfig, Event, SendError, Ticket};
use pop3_proto::{Base64, ConnectionError};
use std::collections::VecDeque;

/// A guest with a list of lines to send, and the events that it got.
///
/// A line is sent once all earlier lines are answered, or ahead of the responses if it begins with `&`. While a
/// challenge is open, the next line answers it, and `*` cancels. The guest agrees with every AUTH and every handshake
/// succeeds.
///
/// It checks that responses have the order of the commands, that bytes received before a command never answer it, and
/// that a command without room changes nothing (law 4).
pub struct Player<'s> {
    pub guest: Guest,
    steps: &'s [&'s str],
    /// The response to every challenge, instead of the next line. A malformed challenge is then cancelled.
    pub response: Option<&'s str>,
    /// Leaves the handshake to the driver.
    pub holds_tls: bool,
    /// The commands that are not yet answered.
    tickets: VecDeque<Ticket>,
    /// The number of steps done.
    acts: usize,
    ready: bool,
    ended: bool,
    pub over: bool,
    /// In [`words`], adjacent slices of one message joined.
    pub heard: Vec<String>,
    /// The number of bytes of the stream that were read at each event.
    pub places: Vec<usize>,
    /// The same events, in their `Debug` form, without the slices of messages.
    pub shown: Vec<String>,
    /// The received part of the open message.
    pub body: Vec<u8>,
}

impl<'s> Player<'s> {
    pub fn new(config: ClientConfig, steps: &'s [&'s str], memory: Memory) -> Self {
        Player::with_guest(Guest::sized(config, memory), steps)
    }

    /// Returns a player with the smallest possible memory for receiving.
    pub fn tight(config: ClientConfig, steps: &'s [&'s str], memory: Memory) -> Self {
        let recv = Memory::fixed(config.min_recv_buf());
        Player::with_guest(Guest::over(config, recv, memory), steps)
    }

    fn with_guest(guest: Guest, steps: &'s [&'s str]) -> Self {
        Player {
            guest,
            steps,
            response: None,
            holds_tls: false,
            tickets: VecDeque::new(),
            acts: 0,
            ready: false,
            ended: false,
            over: false,
            heard: Vec::new(),
            places: Vec::new(),
            shown: Vec::new(),
            body: Vec::new(),
        }
    }

    pub fn end(&mut self) {
        self.guest.end();
        self.ended = true;
    }

    pub const fn is_ended(&self) -> bool {
        self.ended
    }

    pub fn outgoing(&mut self) -> &[u8] {
        self.guest.pop3.send_buf().pending()
    }

    pub fn sent(&mut self, count: usize) {
        self.guest.pop3.send_buf().sent(count);
    }

    /// Returns whether it hangs up because the session ended or nothing is left to do.
    pub fn is_finished(&self) -> bool {
        self.over || (self.steps.is_empty() && self.ready && self.is_idle())
    }

    fn is_idle(&self) -> bool {
        self.guest.client().is_idle() && self.guest.step.is_none() && self.guest.done.is_none()
    }

    /// Continues until it needs something from the other side.
    pub fn run(&mut self) {
        while !self.over {
            while self.act() {
                self.acts += 1;
            }
            let (shown, tickets) = (&mut self.shown, &mut self.tickets);
            let heard = self.guest.take(|event| {
                shown.push(format!("{event:?}"));
                check_order(tickets, event);
                words::event(event)
            });
            if let Some(Heard::Body(bytes)) = heard {
                self.body.extend(bytes);
                continue;
            }
            if heard.is_some() && !self.body.is_empty() {
                let body = words::body(&std::mem::take(&mut self.body));
                self.hears(body);
            }
            match heard {
                Some(Heard::Event(event)) => {
                    self.ready |= event.starts_with("greeting") || event.starts_with("no service");
                    self.over = event.starts_with("closed");
                    self.hears(event);
                    assert!(self.over || self.guest.client().is_idle() == self.tickets.is_empty());
                }
                Some(Heard::Fatal(fatal)) => {
                    self.over = true;
                    self.hears(format!("fatal {fatal:?}"));
                }
                Some(Heard::Body(_)) | None => return,
            }
        }
    }

    fn hears(&mut self, words: String) {
        self.heard.push(words);
        self.places.push(self.guest.consumed());
    }

    /// Does the pending step, or the next step if possible.
    fn act(&mut self) -> bool {
        if let Some(done) = self.guest.done.take() {
            return self.guest.pop3.sender().verified(done).is_ok();
        }
        if self.guest.start.is_some() {
            if !self.holds_tls {
                self.guest.handshake();
            }
            return !self.holds_tls;
        }
        if let (Some(response), true) = (self.response, self.guest.step.is_some()) {
            let malformed = self.heard.last().is_some_and(|event| event.starts_with("odd challenge"));
            return self.respond(if malformed { "*" } else { response });
        }
        let Some((line, later)) = self.steps.split_first() else { return false };
        let acted = match line.strip_prefix('&') {
            _ if self.guest.step.is_some() => self.respond(line),
            Some(line) => self.ready && self.send(line),
            None => self.ready && self.is_idle() && self.send(line),
        };
        if acted {
            self.steps = later;
        }
        acted
    }

    fn respond(&mut self, line: &str) -> bool {
        let Some(step) = self.guest.step.take() else { return false };
        match line {
            "*" => self.guest.pop3.sender().cancel(step).is_ok(),
            line => self.guest.pop3.sender().respond(step, Base64::new(line.as_bytes()).unwrap()).is_ok(),
        }
    }

    /// Returns whether the step is done because the command is sent, or can never be sent.
    fn send(&mut self, line: &str) -> bool {
        let crowded = self.guest.send_crowded(line);
        match self.guest.send(line) {
            Ok(ticket) => {
                assert!(matches!(crowded, Err(SendError::BufferFull(_))), "law 4: {line}: {crowded:?}");
                let answered = self.tickets.is_empty() && !self.guest.unread().is_empty();
                assert!(!answered, "the response to {line} was there before");
                self.tickets.push_back(ticket);
                true
            }
            Err(error) => {
                assert_eq!(crowded, Err(error), "law 4: {line}");
                if !error.is_retryable() {
                    self.hears(format!("not sent {error:?}"));
                }
                !error.is_retryable()
            }
        }
    }
}

/// Events are about the oldest command without an answer.
fn check_order(tickets: &mut VecDeque<Ticket>, event: &Event<'_>) {
    if let Some(ticket) = event.ticket() {
        assert_eq!(Some(&ticket), tickets.front(), "{event:?}");
    }
    if event.completes() {
        tickets.pop_front();
    }
}

/// All bytes that a server sends to a client with these lines, with a gate at every send. The client gets the bytes
/// after a gate once it has the events of all earlier bytes and has sent its line there. A client that sends before
/// it has read all received bytes may have other outcomes, as law 5 permits. The client's buffer has the smallest
/// possible size.
pub struct Reading<'s> {
    config: ClientConfig,
    steps: &'s [&'s str],
    response: Option<&'s str>,
    wire: &'s [u8],
    /// The places of TLS handshakes; the stream ends at a place where the client does not expect a handshake.
    walls: &'s [usize],
    gates: Vec<usize>,
}

/// The outcome of a reading.
pub struct Read<'s> {
    pub player: Player<'s>,
    /// The bytes that the client wrote.
    pub output: Vec<u8>,
    /// The places in the wire at which it sent something.
    gates: Vec<usize>,
}

impl<'s> Reading<'s> {
    pub fn new(config: ClientConfig, steps: &'s [&'s str], wire: &'s [u8]) -> Self {
        Reading::through_walls(config, steps, None, wire, &[])
    }

    /// Does the same with TLS handshakes at these places in the wire, and with one response to every challenge.
    pub fn through_walls(
        config: ClientConfig,
        steps: &'s [&'s str],
        response: Option<&'s str>,
        wire: &'s [u8],
        walls: &'s [usize],
    ) -> Self {
        let mut reading = Reading { config, steps, response, wire, walls, gates: Vec::new() };
        // Byte by byte, the client sends as soon as it can.
        let every: Vec<usize> = (0..wire.len()).collect();
        reading.gates = reading.played(Cuts::Each(1), Memory::growing(16 * 1024), &every).gates;
        reading
    }

    /// Returns the client's events and output if the wire, followed by the end of the stream, arrives in these
    /// pieces.
    pub fn play(&self, cuts: Cuts, memory: Memory) -> (Vec<String>, Vec<u8>) {
        let read = self.read(cuts, memory);
        (read.player.heard, read.output)
    }

    /// Does the same, and returns everything known about the client.
    pub fn read(&self, cuts: Cuts, memory: Memory) -> Read<'s> {
        let read = self.played(cuts, memory, &self.gates);
        assert_eq!(read.gates, self.gates, "it sends at other places: {cuts:?}");
        read
    }

    /// Reads without gates, so the client may send after bytes that it mistakes for the response.
    pub fn rush(&self, cuts: Cuts, memory: Memory) -> Read<'s> {
        self.played(cuts, memory, &[])
    }

    fn played(&self, mut cuts: Cuts, memory: Memory, gates: &[usize]) -> Read<'s> {
        let mut player = Player::tight(self.config, self.steps, memory);
        (player.response, player.holds_tls) = (self.response, true);
        let mut read = Read { player, output: Vec::new(), gates: Vec::new() };
        let (mut at, mut walls) = (0, self.walls.iter());
        let mut wall = walls.next();
        loop {
            read.go_on(at);
            let player = &mut read.player;
            if player.over || player.ended {
                read.forget_wall();
                return read;
            }
            let end = *wall.unwrap_or(&self.wire.len());
            if at == end && wall.is_some() && player.guest.start.is_some() {
                player.guest.handshake();
                wall = walls.next();
                continue;
            }
            let gate = gates.iter().find(|gate| **gate > at).map_or(end, |gate| end.min(*gate));
            let count = cuts.next(at, gate - at).min(player.guest.room());
            player.guest.receive(&self.wire[at..at + count]);
            at += count;
            // The end of the stream is seen with the last bytes, or after them.
            if count == 0 || (at == end && wall.is_none() && count % 2 == 0) {
                player.end();
            }
        }
    }
}

impl Read<'_> {
    /// Continues until the client needs more than the first `at` bytes.
    fn go_on(&mut self, at: usize) {
        let before = self.player.acts;
        self.player.run();
        while !self.player.outgoing().is_empty() {
            self.output.extend_from_slice(self.player.outgoing());
            self.player.sent(usize::MAX);
            self.player.run();
        }
        if self.player.acts > before {
            self.gates.push(at);
        }
    }

    /// Removes the event that TLS starts if unencrypted bytes follow it, because the cut decides which of the two the
    /// client sees first.
    fn forget_wall(&mut self) {
        let Player { heard, places, .. } = &mut self.player;
        let fatal = format!("fatal {:?}", ConnectionError::PlaintextAfterStls);
        if heard.ends_with(&["start TLS".into(), fatal]) {
            heard.remove(heard.len() - 2);
            places.remove(places.len() - 2);
        }
    }
}
