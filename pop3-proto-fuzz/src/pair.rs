//! Client against server over a cable under any schedule, and both against a model of the maildrop.

use crate::client::lines;
use crate::naive;
use crate::server::{COUNT, app, message};
use crate::wire::Parts;
use pop3_proto::client::{ClientConfig, Deletions};
use pop3_proto::server::{CloseReason, ServerConfig};
use pop3_proto::{Command, MIN_SEND_BUF, Mechanism, MessageNumber, TlsPolicy};
use pop3_proto_kit::{App, Bodies, Host, Memory, Player, SMALL, User, words};

/// Runs on a first line of calls, then the schedule. Each byte of the schedule chooses which side receives,
/// and how many bytes.
pub fn run(data: &[u8]) {
    let parts = Parts::of(data);
    let mut lines = lines(parts.letters);
    // The features that the model lacks.
    lines.retain(|line| !["STLS", "UTF8", "XTND", "LANG", "APOP"].contains(&&line[1..5]));
    lines.push("&QUIT".into());
    let steps: Vec<&str> = lines.iter().map(String::as_str).collect();
    let mut pair = Pair::new(&parts, &steps);
    for octet in parts.wire {
        let count = usize::from(octet >> 2);
        match octet & 3 {
            0 => _ = pair.down(count),
            1 => _ = pair.up(count),
            3 if parts.config & 1 != 0 && count == 0 => {
                pair.cut();
                break;
            }
            2 => {
                pair.up(count);
                pair.down(count);
            }
            _ => {
                pair.down(usize::MAX);
                pair.up(usize::MAX);
            }
        }
    }
    pair.finish();
}

const SASL: &[Mechanism<'_>] = &[Mechanism::PLAIN, Mechanism::LOGIN];
static CONFIG: ServerConfig<'_> = ServerConfig::new(TlsPolicy::Cleartext)
    .with_sasl_cleartext(SASL)
    .with_limits(SMALL.with_bad_commands(255, 255).with_failed_logins(255));

/// Returns an application that accepts `mrose` with the right password, and any client that answers a
/// challenge.
fn store(removes: bool) -> App {
    let mut app = app();
    let user = |name: &str, password: &str, response: &str| User {
        name: name.into(),
        password: password.into(),
        response: response.into(),
        ..User::default()
    };
    app.users = vec![user("mrose", "secret", "AGEAYg=="), user("", "", "AAAA")];
    app.bodies = Bodies::Copied(usize::MAX);
    if !removes {
        app.keep_all();
    }
    app
}

/// Returns the unique-id of a message.
fn id(number: u32) -> String {
    app().messages[number as usize - 1].id.clone()
}

/// The maildrop and the login, as RFC 1939 defines them.
#[derive(Default)]
struct Model {
    named: bool,
    open: bool,
    marked: [bool; COUNT as usize],
    removes: bool,
}

impl Model {
    fn octets(&self, number: u32) -> Option<u64> {
        let index = number as usize - 1;
        (self.open && !*self.marked.get(index)?).then(|| naive::canonical(message(number)).len() as u64)
    }

    fn listing(&self) -> Vec<(u32, u64)> {
        (1..=COUNT).filter_map(|message| Some((message, self.octets(message)?))).collect()
    }

    /// Returns the client's events after it has sent this line, in the form of [`heard`].
    fn answer(&mut self, line: &str) -> Vec<String> {
        let command = Command::parse(line.as_bytes()).expect("a line that the client wrote");
        let verb = command.verb().keyword();
        let named = std::mem::take(&mut self.named);
        if let Some(number) = command.message().map(MessageNumber::get) {
            let name = format!("{verb} {number}");
            return match self.octets(number) {
                Some(octets) => self.answer_about(command, &name, number, octets),
                None => vec![format!("{name} refused")],
            };
        }
        let listing = self.listing();
        match command {
            Command::List(None) => {
                list(verb, listing.iter().map(|(number, octets)| format!("{number} has {octets}")))
            }
            Command::Uidl(None) => {
                list(verb, listing.iter().map(|(number, _)| format!("{number} is {}", id(*number))))
            }
            Command::AuthList | Command::Capa => {
                self.named = named;
                let mechanisms = SASL.iter().filter(|_| command == Command::AuthList);
                list(verb, mechanisms.map(|mechanism| format!("mechanism {mechanism}")))
            }
            Command::Stat => {
                let octets: u64 = listing.iter().map(|(_, octets)| octets).sum();
                vec![format!("{} messages, {octets} octets", listing.len())]
            }
            Command::Auth { initial, .. } => {
                self.open = true;
                let challenge = initial.is_none().then(|| "challenge".into());
                challenge.into_iter().chain(["AUTH accepted".into()]).collect()
            }
            Command::Quit => vec![format!("closed {:?}", self.deletions())],
            Command::Pass(password) if !named || password.expose() != b"secret" => {
                vec!["PASS refused".into()]
            }
            other => {
                self.named = verb == "USER";
                self.open |= verb == "PASS";
                if other == Command::Rset {
                    self.marked = Default::default();
                }
                vec![format!("{verb} ok")]
            }
        }
    }

    /// Does the same for a message that exists.
    fn answer_about(&mut self, command: Command<'_>, name: &str, number: u32, octets: u64) -> Vec<String> {
        let sent = match command {
            Command::Retr(_) => naive::canonical(message(number)),
            Command::Top { lines, .. } => naive::top(message(number), lines),
            Command::List(_) => return vec![format!("{number} has {octets}")],
            Command::Uidl(_) => return vec![format!("{number} is {}", id(number))],
            _ => {
                self.marked[number as usize - 1] = true;
                return vec![format!("{name} ok")];
            }
        };
        let body = (!sent.is_empty()).then(|| words::body(&sent));
        let end = format!("{name} end {}", sent.len());
        [format!("{name} begin")].into_iter().chain(body).chain([end]).collect()
    }

    fn deletions(&self) -> Deletions {
        match (self.marked.contains(&true), self.removes) {
            (false, _) => Deletions::NoneAsked,
            (true, true) => Deletions::Committed,
            (true, false) => Deletions::RefusedInPart,
        }
    }
}

fn list(verb: &str, rows: impl Iterator<Item = String>) -> Vec<String> {
    let rows: Vec<String> = rows.collect();
    let end = format!("{verb} end {}", rows.len());
    [vec![format!("{verb} begin")], rows, vec![end]].concat()
}

/// Returns the client's events, without the texts that a server may choose and without the rows of CAPA.
fn heard(player: &Player<'_>) -> Vec<String> {
    let mut heard: Vec<String> = Vec::new();
    for event in &player.heard {
        let in_capa = heard.last().is_some_and(|last| last == "CAPA begin");
        let is_row = in_capa && !["CAPA end", "fatal", "closed"].iter().any(|word| event.starts_with(word));
        if is_row || event.starts_with("greeting") || event.starts_with("not sent") {
            continue;
        }
        let frame = [" ok", " refused", " begin", " accepted"].iter();
        let text = frame.filter_map(|part| Some(event.find(part)? + part.len())).min();
        heard.push(match text {
            _ if event.starts_with("CAPA end") => "CAPA end 0".into(),
            Some(text) if !event.starts_with("body") => event[..text].into(),
            _ => event.clone(),
        });
    }
    heard
}

struct Pair<'s> {
    player: Player<'s>,
    host: Host,
    /// All bytes that the client wrote, and how many of them arrived.
    written: Vec<u8>,
    arrived: usize,
    removes: bool,
    is_cut: bool,
}

impl<'s> Pair<'s> {
    fn new(parts: &Parts<'_>, steps: &'s [&'s str]) -> Self {
        let mut config = ClientConfig::new(TlsPolicy::Cleartext).with_limits(SMALL);
        if parts.config & 2 != 0 {
            config = config.assume_pipelining();
        }
        let mut player = Player::tight(config, steps, Memory::fixed(MIN_SEND_BUF));
        player.response = Some("AAAA");
        let removes = parts.config & 4 != 0;
        let memory = Memory::growing(MIN_SEND_BUF + usize::from(parts.seed));
        let mut host = Host::with_app(CONFIG, store(removes)).tight(memory);
        host.run();
        Pair { player, host, written: Vec::new(), arrived: 0, removes, is_cut: false }
    }

    /// Delivers at most this many bytes to the server. Returns how many arrived.
    fn up(&mut self, most: usize) -> usize {
        self.player.run();
        let is_read = self.host.end.is_none(); // later bytes are lost
        let room = if is_read { self.host.room() } else { usize::MAX };
        let pending = self.player.outgoing();
        let count = pending.len().min(most).min(room);
        if is_read {
            self.host.receive(&pending[..count]);
            self.arrived += count;
        }
        self.written.extend_from_slice(&pending[..count]);
        self.player.sent(count);
        self.host.run();
        count
    }

    /// Delivers at most this many bytes to the client. Returns how many arrived.
    fn down(&mut self, most: usize) -> usize {
        self.host.run();
        let count = self.host.outgoing().len().min(most);
        let count = if self.player.over { count } else { count.min(self.player.guest.room()) };
        if !self.player.over {
            self.player.guest.receive(&self.host.outgoing()[..count]);
        }
        self.host.sent(count);
        self.player.run();
        count
    }

    /// Drops the bytes on their way, and ends both streams.
    fn cut(&mut self) {
        self.is_cut = true;
        self.host.end_stream();
        self.player.end();
    }

    /// Moves bytes until none move, and compares the events with the model.
    fn finish(mut self) {
        while !self.is_cut && self.up(usize::MAX) + self.down(usize::MAX) > 0 {}
        self.player.run();
        while self.host.end.is_none() {
            self.host.run();
            assert!(self.host.end.is_some() || self.is_cut, "no side can move, and the session is not over");
            let count = self.host.outgoing().len();
            self.host.sent(count);
        }
        assert!(self.player.over, "no side can move, and the session is not over");
        self.check();
    }

    fn check(&mut self) {
        let pending = self.player.outgoing().to_vec();
        self.written.extend(pending);
        let mut model = Model { removes: self.removes, ..Model::default() };
        let written = String::from_utf8(std::mem::take(&mut self.written)).expect("text");
        let lines = written.split_terminator("\r\n").filter(|line| *line != "AAAA");
        let expected: Vec<String> = lines.flat_map(|line| model.answer(line)).collect();
        let mut heard = heard(&self.player);
        if self.is_cut {
            let last = heard.pop().unwrap_or_default();
            let complete = last.starts_with("closed") && expected.last() == Some(&last);
            if complete {
                heard.push(last);
            } else {
                let unknown = ["fatal UnexpectedEof", "closed Unknown", "closed NoneAsked"];
                assert!(unknown.contains(&last.as_str()), "{last}");
            }
            // The last body may be incomplete.
            let part =
                if heard.last().is_some_and(|last| last.starts_with("body")) { heard.pop() } else { None };
            assert!(expected.starts_with(&heard), "{heard:?} {expected:?}");
            let whole = expected.get(heard.len());
            assert!(part.is_none_or(|part| whole.is_some_and(|whole| whole.starts_with(&part))));
        } else {
            assert_eq!(heard, expected);
        }
        self.check_removed(&model, &written);
    }

    /// Checks that only QUIT removes messages, and only those that the client marked.
    fn check_removed(&self, model: &Model, written: &str) {
        let marked: Vec<u32> = (1..=COUNT).filter(|number| model.marked[*number as usize - 1]).collect();
        let quit = written[..self.arrived].ends_with("QUIT\r\n");
        let removed = if quit && model.removes { marked } else { Vec::new() };
        assert_eq!(self.host.app.removed, removed, "what the client asked for");
        let end = self.host.end.expect("it is over").expect("nothing that this client sends is fatal");
        assert_eq!(end, if quit { CloseReason::Quit } else { CloseReason::End });
    }
}
