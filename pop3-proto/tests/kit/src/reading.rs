use crate::{Cuts, Guest, Heard, Memory, words};
use pop3_proto::client::{ClientConfig, Event, SendError, Ticket};
use pop3_proto::{Base64, ConnectionError};
use std::collections::VecDeque;

/// A guest that has a list of lines to send, and what it heard.
///
/// A line is sent once all before it are answered, or ahead of the responses if it begins with `&`. While a challenge is
/// open, the next line answers it, and `*` cancels. The guest agrees with every AUTH and every handshake succeeds.
///
/// It checks that responses come in the order of the commands, that no command is answered by what was there before it, and
/// that a command without room changes nothing (law 4).
pub struct Player<'s> {
    pub guest: Guest,
    steps: &'s [&'s str],
    /// What answers every challenge, instead of the next line. A malformed challenge is then cancelled.
    pub response: Option<&'s str>,
    /// Leaves the handshake to the driver.
    pub holds_tls: bool,
    /// The commands that are not answered.
    tickets: VecDeque<Ticket>,
    /// How many steps were done.
    acts: usize,
    ready: bool,
    ended: bool,
    pub over: bool,
    /// In [`words`], adjacent slices of one message joined.
    pub heard: Vec<String>,
    /// How much of the stream was read when each of them was heard.
    pub places: Vec<usize>,
    /// The same, as its `Debug` shows it, without the slices of messages.
    pub shown: Vec<String>,
    /// What came of the message that is open.
    pub body: Vec<u8>,
}

impl<'s> Player<'s> {
    pub fn new(config: ClientConfig, steps: &'s [&'s str], memory: Memory) -> Self {
        Player::with_guest(Guest::sized(config, memory), steps)
    }

    /// With the least memory to receive into.
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

    /// Whether it hangs up: the session ended, or there is nothing left to do.
    pub fn is_finished(&self) -> bool {
        self.over || (self.steps.is_empty() && self.ready && self.is_idle())
    }

    fn is_idle(&self) -> bool {
        self.guest.client().is_idle() && self.guest.step.is_none() && self.guest.done.is_none()
    }

    /// Goes on until it needs something from the other side.
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

    /// Does the pending step, or the next one if it can.
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

    /// Whether the step is done: the command is on its way, or can never be.
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

/// Events are about the oldest command that is not answered.
fn check_order(tickets: &mut VecDeque<Ticket>, event: &Event<'_>) {
    if let Some(ticket) = event.ticket() {
        assert_eq!(Some(&ticket), tickets.front(), "{event:?}");
    }
    if event.completes() {
        tickets.pop_front();
    }
}

/// All that a server says to a client with these lines, and a gate at every send: the client is given what follows a gate
/// once it has heard all that comes before it and has sent what it sends there. A client that sends ahead of what it was
/// already given would have other outcomes, and rightly so (law 5). The client's buffer is of the least size.
pub struct Reading<'s> {
    config: ClientConfig,
    steps: &'s [&'s str],
    response: Option<&'s str>,
    wire: &'s [u8],
    /// Where a TLS handshake comes, if it is due there; otherwise the stream ends at the wall.
    walls: &'s [usize],
    gates: Vec<usize>,
}

/// What came of a reading.
pub struct Read<'s> {
    pub player: Player<'s>,
    /// What the client wrote.
    pub output: Vec<u8>,
    /// Where in the wire it sent something.
    gates: Vec<usize>,
}

impl<'s> Reading<'s> {
    pub fn new(config: ClientConfig, steps: &'s [&'s str], wire: &'s [u8]) -> Self {
        Reading::through_walls(config, steps, None, wire, &[])
    }

    /// The same through TLS handshakes at these places in the wire, and with one response to every challenge.
    pub fn through_walls(
        config: ClientConfig,
        steps: &'s [&'s str],
        response: Option<&'s str>,
        wire: &'s [u8],
        walls: &'s [usize],
    ) -> Self {
        let mut reading = Reading { config, steps, response, wire, walls, gates: Vec::new() };
        // Byte by byte the client sends as soon as it can.
        let every: Vec<usize> = (0..wire.len()).collect();
        reading.gates = reading.played(Cuts::Each(1), Memory::growing(16 * 1024), &every).gates;
        reading
    }

    /// What the client hears and writes if the wire, and then the end of the stream, comes in these pieces.
    pub fn play(&self, cuts: Cuts, memory: Memory) -> (Vec<String>, Vec<u8>) {
        let read = self.read(cuts, memory);
        (read.player.heard, read.output)
    }

    /// The same, with all that can be known of the client.
    pub fn read(&self, cuts: Cuts, memory: Memory) -> Read<'s> {
        let read = self.played(cuts, memory, &self.gates);
        assert_eq!(read.gates, self.gates, "it sends at other places: {cuts:?}");
        read
    }

    /// Without gates, so that the client may send after what it thinks is the response.
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
            // The end is seen with the last bytes, or after them.
            if count == 0 || (at == end && wall.is_none() && count % 2 == 0) {
                player.end();
            }
        }
    }
}

impl Read<'_> {
    /// Goes on until the client needs more than the first `at` bytes.
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

    /// Whether the client heard that TLS starts before it saw that cleartext follows depends on the cut.
    fn forget_wall(&mut self) {
        let Player { heard, places, .. } = &mut self.player;
        let fatal = format!("fatal {:?}", ConnectionError::PlaintextAfterStls);
        if heard.ends_with(&["start TLS".into(), fatal]) {
            heard.remove(heard.len() - 2);
            places.remove(places.len() - 2);
        }
    }
}
