use crate::{Cuts, Guest, Heard, Memory, words};
use pop3_proto::client::ClientConfig;
use pop3_proto::{Base64, Command};

/// A guest that has a list of lines to send, and what it heard.
///
/// A line is sent once all before it are answered, or ahead of the responses if it begins with `&`. While a challenge is
/// open, the next line answers it, and `*` cancels. The guest agrees with every AUTH and every handshake succeeds.
pub struct Player<'s> {
    pub guest: Guest,
    steps: &'s [&'s str],
    ready: bool,
    ended: bool,
    pub over: bool,
    /// In [`words`], adjacent slices of one message joined.
    pub heard: Vec<String>,
    /// The same, as its `Debug` shows it, without the slices of messages.
    pub shown: Vec<String>,
    body: Vec<u8>,
}

impl<'s> Player<'s> {
    pub fn new(config: ClientConfig, steps: &'s [&'s str], memory: Memory) -> Self {
        let guest = Guest::sized(config, memory);
        Player {
            guest,
            steps,
            ready: false,
            ended: false,
            over: false,
            heard: Vec::new(),
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
            while self.act() {}
            let shown = &mut self.shown;
            let heard = self.guest.take(|event| {
                shown.push(format!("{event:?}"));
                words::event(event)
            });
            if let Some(Heard::Body(bytes)) = heard {
                self.body.extend(bytes);
                continue;
            }
            if heard.is_some() && !self.body.is_empty() {
                self.heard.push(words::body(&std::mem::take(&mut self.body)));
            }
            match heard {
                Some(Heard::Event(event)) => {
                    self.ready |= event.starts_with("greeting") || event.starts_with("no service");
                    self.over = event.starts_with("closed");
                    self.heard.push(event);
                }
                Some(Heard::Fatal(fatal)) => {
                    self.over = true;
                    self.heard.push(format!("fatal {fatal:?}"));
                }
                Some(Heard::Body(_)) | None => return,
            }
        }
    }

    /// Does the pending step, or the next one if it can.
    fn act(&mut self) -> bool {
        if let Some(done) = self.guest.done.take() {
            return self.guest.pop3.sender().verified(done).is_ok();
        }
        if self.guest.start.is_some() {
            self.guest.handshake();
            return true;
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
        let command = Command::parse(line.as_bytes()).unwrap();
        match self.guest.pop3.sender().send(command) {
            Ok(_) => true,
            Err(error) if error.is_retryable() => false,
            Err(error) => {
                self.heard.push(format!("not sent {error:?}"));
                true
            }
        }
    }
}

/// All that a server says to a client with these lines, and a gate at every send: the client is given what follows a gate
/// once it has heard all that comes before it and has sent what it sends there. A client that sends ahead of what it was
/// already given would have other outcomes, and rightly so (law 5).
pub struct Reading<'s> {
    config: ClientConfig,
    steps: &'s [&'s str],
    wire: &'s [u8],
    gates: Vec<usize>,
}

impl<'s> Reading<'s> {
    pub fn new(config: ClientConfig, steps: &'s [&'s str], wire: &'s [u8]) -> Self {
        let mut reading = Reading { config, steps, wire, gates: (0..wire.len()).collect() };
        // Byte by byte the client sends as soon as it can.
        reading.gates = reading.played(Cuts::Each(1), Memory::growing(16 * 1024)).2;
        reading
    }

    /// What the client hears and writes if the wire, and then the end of the stream, comes in these pieces.
    pub fn play(&self, cuts: Cuts, memory: Memory) -> (Vec<String>, Vec<u8>) {
        let (heard, output, gates) = self.played(cuts, memory);
        assert_eq!(gates, self.gates, "it sends at other places: {cuts:?}");
        (heard, output)
    }

    /// Also where in the wire it sent something.
    fn played(&self, mut cuts: Cuts, memory: Memory) -> (Vec<String>, Vec<u8>, Vec<usize>) {
        let mut player = Player::new(self.config, self.steps, memory);
        let (mut at, mut output, mut gates) = (0, Vec::new(), Vec::new());
        loop {
            let steps = player.steps.len();
            player.run();
            while !player.outgoing().is_empty() {
                output.extend_from_slice(player.outgoing());
                player.sent(usize::MAX);
                player.run();
            }
            if player.steps.len() < steps {
                gates.push(at);
            }
            if player.over || player.ended {
                return (player.heard, output, gates);
            }
            let gate = self.gates.iter().find(|gate| **gate > at).map_or(self.wire.len(), |gate| *gate);
            let count = cuts.next(at, gate - at);
            player.guest.receive(&self.wire[at..at + count]);
            at += count;
            if count == 0 {
                player.end();
            }
        }
    }
}
