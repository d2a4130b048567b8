//! The server machine against any bytes, answers and sink sizes.

use crate::naive;
use crate::source::{Chunks, Cuts, Random};
use crate::wire::{Parts, Watched};
use pop3_proto::server::{
    Ask, CloseReason, Credentials, Language, MessageInfo, Phrase, Refusal, ServerConfig, Step, Utf8,
};
use pop3_proto::{
    AnswerError, Base64, BufferFull, Command, ConnectionError, Expire, LanguageTag, Limits, MIN_SEND_BUF,
    Mechanism, OctetCount, Profile, RecvBuf, SendBuf, Server, StuffMode, Text, TlsPolicy, UniqueId, Verb,
};

/// The messages of every session, over and over.
const MESSAGES: [&[u8]; 4] =
    [b"Subject: one\n\n.\n..dots\nlast", b"", b"A: b\r\nC: d\r\n\r\n1\r\n.2\r\n3\r\n", b".\r\n\n\r.\n\n"];

/// How many messages there are: enough that a listing is longer than the smallest sink.
pub(crate) const COUNT: u32 = 24;

/// The octets of a message, by its number.
pub(crate) fn message(number: u32) -> &'static [u8] {
    MESSAGES[(number as usize - 1) % MESSAGES.len()]
}

pub(crate) fn maildrop() -> Vec<MessageInfo<UniqueId<'static>>> {
    const ID: &[u8; 70] = b"whqtswO00WBw418f9t5JxYwZ/../QhdPYR:00WBw1Ph7x7~!whqtswO00WBw418f9t5JxY";
    let id = |number: u32| UniqueId::new(&ID[number as usize..]).expect("a unique-id");
    (1..=COUNT).map(|number| MessageInfo::new(OctetCount::of(message(number)), id(number))).collect()
}

/// A first line of answers, then what the client sends; the octet 0xFE in it stands for a finished TLS handshake.
pub fn run(data: &[u8]) {
    let parts = Parts::of(data);
    let expected = Play::new(&parts, Cuts::Whole, Watched::heap(1 << 16)).run(&parts);
    check_answers(&parts, &expected);
    for cuts in Cuts::all(parts.seed) {
        let room = MIN_SEND_BUF + usize::from(parts.seed) * 3;
        let send = Play::new(&parts, cuts, Watched::heap(room)).run(&parts);
        assert_eq!(send, expected, "law 5: {cuts:?}, {room} octets");
        let mut buffer = [0; MIN_SEND_BUF];
        let out = Play::new(&parts, cuts, Watched::slice(&mut buffer)).run(&parts);
        assert_eq!(out, expected, "law 5: {cuts:?}, the smallest sink");
    }
}

const SASL: &[Mechanism<'_>] = &[Mechanism::PLAIN, Mechanism::LOGIN, Mechanism::OAUTHBEARER];
const LANGUAGES: &[Language<'_>] = &[
    Language::ENGLISH,
    Language { tag: LanguageTag::from_static("de"), name: Text::from_static("Deutsch"), say: &german },
];

fn german(phrase: Phrase) -> Text<'static> {
    match phrase {
        Phrase::Bye => Text::from_static("auf Wiedersehen"),
        other => other.english(),
    }
}

fn config(octet: u8) -> ServerConfig<'static> {
    let tls = [TlsPolicy::Cleartext, TlsPolicy::Opportunistic, TlsPolicy::Required, TlsPolicy::Implicit];
    let mut config = ServerConfig::new(tls[usize::from(octet & 3)]);
    if octet & 4 != 0 {
        config = config
            .with_sasl(SASL)
            .with_sasl_cleartext(SASL)
            .with_utf8(Utf8::MessagesAndUsers)
            .with_languages(LANGUAGES);
    }
    if octet & 8 != 0 {
        config = config.with_profile(Profile::Strict).with_bodies(StuffMode::Verbatim);
    }
    if octet & 16 != 0 {
        let limits = Limits::DEFAULT
            .with_command_line(64)
            .with_sasl_line(64)
            .with_bad_commands(255, 255)
            .with_failed_logins(255);
        config = config
            .with_limits(limits)
            .with_other_commands()
            .with_login_delay(60, true)
            .with_expire(Expire::Days(3), false);
    }
    config
}

/// What is seen of a session from outside.
#[derive(PartialEq, Debug)]
struct Seen {
    log: Vec<String>,
    wire: Vec<u8>,
}

struct Play<'c, 'b, 'd> {
    server: Server<Vec<MessageInfo<UniqueId<'static>>>, &'c ServerConfig<'static>>,
    letters: &'d [u8],
    chunks: Chunks,
    random: Random,
    sink: Watched<'b>,
    consumed: usize,
    logged_in: bool,
    commits: u32,
    message: &'static [u8],
    log: Vec<String>,
}

impl<'b, 'd> Play<'static, 'b, 'd> {
    fn new(parts: &Parts<'d>, cuts: Cuts, sink: Watched<'b>) -> Self {
        // 64 of them at most, made once each.
        static CONFIGS: [std::sync::OnceLock<ServerConfig<'static>>; 256] =
            [const { std::sync::OnceLock::new() }; 256];
        let config = CONFIGS[usize::from(parts.config)].get_or_init(|| config(parts.config));
        Play {
            server: Server::new(config, 1),
            letters: parts.letters,
            chunks: cuts.chunks(),
            random: Random::new(parts.seed.into()),
            sink,
            consumed: 0,
            logged_in: false,
            commits: 0,
            message: b"",
            log: Vec::new(),
        }
    }

    fn run(mut self, parts: &Parts<'_>) -> Seen {
        let mut phases = parts.wire.split(|octet| *octet == 0xfe).peekable();
        while let Some(phase) = phases.next() {
            let ends = phases.peek().is_none() && parts.config & 32 != 0;
            if !self.phase(phase, ends) {
                break;
            }
        }
        self.sink.send_all();
        self.log.push(format!("{:?} {:?}", self.server.state(), self.server.quirks()));
        if let Some(maildrop) = self.server.into_maildrop() {
            self.log.push(format!("{:?}", maildrop.iter().map(MessageInfo::is_marked).collect::<Vec<_>>()));
        }
        if self.log.iter().any(|line| line == "wall") {
            // The answer to STLS may or may not have been written before the octets behind it came.
            let end = self.sink.sent.len().saturating_sub(2);
            let start =
                self.sink.sent[..end].iter().rposition(|octet| *octet == b'\n').map_or(0, |at| at + 1);
            if self.sink.sent[start..].starts_with(b"+OK")
                && self.log.iter().any(|line| line == "asked for TLS")
            {
                self.sink.sent.truncate(start);
            }
            self.log.retain(|line| line != "asked for TLS");
        }
        Seen { log: self.log, wire: self.sink.sent }
    }

    /// What comes between two TLS handshakes; whether the second one was done.
    fn phase(&mut self, wire: &[u8], ends: bool) -> bool {
        let mut recv = RecvBuf::new(vec![0; self.server.min_recv_buf()]);
        let mut undelivered = wire;
        self.consumed = 0;
        loop {
            let (server, sink) = (&mut self.server, &mut self.sink);
            let (before, written) = (recv.unread().len(), sink.total());
            let (step, remaining) = recv.with(|input| (server.poll(input, sink), input.remaining()));
            self.consumed += before - remaining;
            let moved = remaining < before || self.sink.total() > written;
            let step = match step {
                Ok(step) => step,
                Err(fatal) => return self.fatal(fatal),
            };
            match step {
                Step::NeedInput => {
                    assert!(remaining < self.server.min_recv_buf(), "the buffer never fills up");
                    assert!(!recv.is_eof(), "at the end of the stream something is said");
                    if undelivered.is_empty() && !ends {
                        return false;
                    }
                    self.deliver(&mut recv, &mut undelivered, ends);
                }
                Step::NeedSpace(full) => {
                    assert!(!full.never_fits(), "{full}");
                    assert!(moved || !self.sink.pending().is_empty(), "progress");
                    self.sink.send(self.random.below(700) + 1);
                }
                Step::NeedBody => self.body(),
                Step::Waiting => panic!("every question was answered"),
                Step::Closed(why) => return self.closed(why),
                Step::Ask(Ask::StartTls(token)) => {
                    self.log.push("asked for TLS".into());
                    assert!(recv.unread().is_empty(), "law 8: octets behind STLS");
                    if !undelivered.is_empty() {
                        self.deliver(&mut recv, &mut undelivered, ends);
                        if self.random.below(2) == 0 {
                            assert!(self.server.tls_started(token, recv.input()).is_ok());
                        }
                        let (server, sink) = (&mut self.server, &mut self.sink);
                        let polled = recv.with(|input| server.poll(input, sink).map(drop));
                        assert_eq!(polled, Err(ConnectionError::PlaintextAfterStls), "law 8");
                        self.log.push("wall".into());
                        return false;
                    }
                    assert!(self.server.tls_started(token, recv.input()).is_ok());
                    return true;
                }
                Step::Ask(ask) => self.answer(ask, &wire[..self.consumed]),
            }
        }
    }

    fn deliver(&mut self, recv: &mut RecvBuf<Vec<u8>>, undelivered: &mut &[u8], ends: bool) {
        let spare = recv.spare_mut();
        let count = self.chunks.next(undelivered.len()).min(spare.len());
        let (chunk, rest) = undelivered.split_at(count);
        spare[..count].copy_from_slice(chunk);
        if count > 0 {
            recv.received(count);
        }
        *undelivered = rest;
        // The end is seen with the last octets, or behind them.
        if rest.is_empty() && ends && (count == 0 || self.consumed % 2 == 0) {
            recv.received_eof();
        }
    }

    fn fatal(&mut self, fatal: ConnectionError) -> bool {
        assert_eq!(fatal, ConnectionError::PlaintextAfterStls, "nothing else that a client sends is fatal");
        self.log.push("wall".into());
        false
    }

    fn closed(&mut self, why: CloseReason) -> bool {
        assert!(self.commits <= 1);
        assert!(self.commits == 0 || why == CloseReason::Quit, "no commit without QUIT");
        self.log.push(format!("{why:?}"));
        false
    }

    fn letter(&mut self) -> u8 {
        let (letter, behind) =
            self.letters.split_first().map_or((b'y', self.letters), |(l, rest)| (*l, rest));
        self.letters = behind;
        letter
    }

    /// Answers by the next letter: `x` closes first, `k` drops the token, digits refuse, `c` challenges, the rest says yes.
    fn answer(&mut self, ask: Ask<'_>, consumed: &[u8]) {
        self.log.push(describe(&ask));
        let letter = self.letter();
        if letter == b'x' {
            self.server.close();
        }
        let stale = letter == b'x';
        let refusal = match letter {
            b'1' => Some(Refusal::Credentials),
            b'2' => Some(Refusal::InUse),
            b'3' => Some(Refusal::Temporary),
            b'4' => Some(Refusal::NeedsUtf8),
            b'5' => Some(Refusal::NoSuchMessage),
            _ => None,
        };
        if letter == b'k' {
            drop(ask);
            return self.server.close();
        }
        let why = match (ask, refusal) {
            (Ask::Greet(token), Some(refusal)) => self.server.refuse(token, refusal).err().map(|e| e.why),
            (Ask::User(token, _), Some(refusal)) => self.server.refuse(token, refusal).err().map(|e| e.why),
            (Ask::Login(token, _), Some(refusal)) => self.server.refuse(token, refusal).err().map(|e| e.why),
            (Ask::Fetch(token), Some(refusal)) => self.server.refuse(token, refusal).err().map(|e| e.why),
            (Ask::Other(token, ..), Some(refusal)) => self.server.refuse(token, refusal).err().map(|e| e.why),
            (Ask::Greet(token), None) => self.greet(token),
            (Ask::User(token, _), None) => self.server.accept_name(token).err().map(|e| e.why),
            (Ask::Login(token, _), None) if letter == b'c' && token.is_auth() => self.challenge(token),
            (Ask::Login(token, _), None) => {
                assert!(!self.logged_in, "one login a session");
                self.logged_in = !stale;
                let accepted = self.server.accept(token, maildrop());
                if let Err(unanswered) = &accepted {
                    assert_eq!(unanswered.maildrop.len(), COUNT as usize, "the maildrop comes back");
                }
                accepted.err().map(|e| e.why)
            }
            (Ask::Fetch(token), None) => {
                self.message = message(token.message().get());
                self.server.send_body(token).err().map(|e| e.why)
            }
            (Ask::Commit(token), _) => {
                assert!(ends_in_quit(consumed) && self.logged_in, "no commit without QUIT in TRANSACTION");
                self.commits += u32::from(!stale);
                let answered = match letter {
                    b'n' => self.server.not_removed(token, Refusal::Temporary),
                    _ => self.server.removed(token),
                };
                answered.err().map(|e| e.why)
            }
            (Ask::Other(token, ..), None) => {
                let answer = self.server.other(token, Text::from_static("done"), &mut self.sink);
                answer.err().map(|e| e.why)
            }
            // STLS is answered where it is asked.
            (ask, _) => unreachable!("{ask:?}"),
        };
        assert_eq!(why, stale.then_some(AnswerError::Stale));
    }

    /// Another connection's token is not taken; nor is an answer without room. Both come back and change nothing.
    fn greet(&mut self, token: pop3_proto::server::Greet) -> Option<AnswerError> {
        let text = Text::from_static("ready <1.2@example.org>");
        static OTHER: ServerConfig<'_> = ServerConfig::new(TlsPolicy::Cleartext);
        let mut other: Server<Vec<MessageInfo<UniqueId<'static>>>> = Server::new(&OTHER, 2);
        let Err(unanswered) = other.greet(token, text, &mut self.sink) else { panic!("another one's token") };
        assert_eq!(unanswered.why, AnswerError::OtherConnection);
        let mut nothing = [];
        let full = BufferFull { needed: "+OK \r\n".len() + text.as_bytes().len(), capacity: 0 };
        match self.server.greet(unanswered.token, text, &mut SendBuf::new(&mut nothing[..])) {
            Err(unanswered) if unanswered.why == AnswerError::BufferFull(full) => {
                self.server.greet(unanswered.token, text, &mut self.sink).err().map(|e| e.why)
            }
            Err(unanswered) => Some(unanswered.why),
            Ok(()) => panic!("no room for a greeting"),
        }
    }

    fn challenge(&mut self, token: pop3_proto::server::Login) -> Option<AnswerError> {
        match self.server.challenge(token, Base64::from_static("AAAA"), &mut self.sink) {
            Err(unanswered) if matches!(unanswered.why, AnswerError::BufferFull(_)) => {
                self.sink.send_all();
                self.server
                    .challenge(unanswered.token, Base64::from_static("AAAA"), &mut self.sink)
                    .err()
                    .map(|e| e.why)
            }
            answer => answer.err().map(|e| e.why),
        }
    }

    /// Sends the message by copies or by slices, in pieces of any size; `a` gives up in it.
    fn body(&mut self) {
        if self.letter() == b'a' {
            return self.server.close();
        }
        let slices = self.random.below(2) == 0;
        let mut rest = self.message;
        while !rest.is_empty() {
            // Where TOP has enough the application may stop, and need not.
            if !self.server.wants_body() && self.random.below(2) == 0 {
                break;
            }
            let (mut chunk, _) = rest.split_at(self.random.below(rest.len()) + 1);
            let given = chunk.len();
            let taken = if slices {
                self.sink.send_all();
                match self.server.body_slice(&mut chunk) {
                    Ok(slice) => {
                        let slice = slice.unwrap_or_default();
                        self.sink.sent.extend_from_slice(slice);
                        // In parts, more than there is, or never: the session is the same.
                        self.server.body_sent(self.random.below(slice.len() * 2 + 1), &self.sink);
                        given - chunk.len()
                    }
                    Err(_) => break,
                }
            } else {
                match self.server.write_body(chunk, &mut self.sink) {
                    Ok(0) => {
                        assert!(!self.sink.pending().is_empty(), "an empty sink takes something");
                        self.sink.send(self.random.below(700) + 1);
                        0
                    }
                    Ok(taken) => taken,
                    Err(_) => break,
                }
            };
            rest = &rest[taken..];
        }
        // A bare LF that is not to be sent leaves only one way.
        match rest.is_empty() || !self.server.wants_body() {
            true => {
                let sent = self.server.finish_body().expect("a body is open, and its size is right");
                assert!(!sent.is_misstated());
            }
            false => self.server.close(),
        }
    }
}

/// A question with what it carries; secrets are spelled out, since they have to arrive whole.
fn describe(ask: &Ask<'_>) -> String {
    match ask {
        Ask::Login(_, Credentials::Password(secret)) => format!("PASS {}", secret.expose().escape_ascii()),
        Ask::Login(_, Credentials::Response(text)) => format!("response {}", text.as_bytes().escape_ascii()),
        Ask::Login(_, Credentials::Sasl { mechanism, initial }) => {
            format!("AUTH {mechanism:?} {:?}", initial.map(|text| text.as_bytes().to_vec()))
        }
        other => format!("{other:?}"),
    }
}

fn ends_in_quit(consumed: &[u8]) -> bool {
    let lines: Vec<&[u8]> = consumed.split_inclusive(|octet| *octet == b'\n').collect();
    let last = lines.last().copied().unwrap_or_default();
    consumed.ends_with(b"\n") && last.trim_ascii().eq_ignore_ascii_case(b"QUIT")
}

/// Reads the output of a session beside its input: an answer to each line, in order, each whole, STAT the sum of LIST.
fn check_answers(parts: &Parts<'_>, seen: &Seen) {
    let given_up = parts.letters.iter().any(|letter| matches!(letter, b'x' | b'k' | b'a'));
    if given_up || parts.config & 8 != 0 || seen.log.iter().any(|line| line == "wall") {
        return;
    }
    let closed = seen
        .log
        .iter()
        .any(|line| matches!(line.as_str(), "Quit" | "Refused" | "BadCommands" | "FailedLogins"));
    let mut output = seen.wire.as_slice();
    assert!(is_status(line(&mut output)), "a greeting");
    let mut stat = None;
    let mut exchange = false;
    let handshakes = seen.log.iter().filter(|line| *line == "asked for TLS").count();
    for phase in parts.wire.split(|octet| *octet == 0xfe).take(handshakes + 1) {
        for command in phase.split_inclusive(|octet| *octet == b'\n').filter(|line| line.ends_with(b"\n")) {
            if output.is_empty() {
                assert!(closed, "no answer to {}", command.escape_ascii());
                return;
            }
            let content = command.strip_suffix(b"\n").unwrap_or(command);
            let content = content.strip_suffix(b"\r").unwrap_or(content);
            let parsed = if exchange { None } else { Command::parse(content).ok() };
            let status = line(&mut output);
            exchange = status.starts_with(b"+ ");
            assert!(exchange || is_status(status), "{}", status.escape_ascii());
            let Some(parsed) = parsed.filter(|_| status.starts_with(b"+OK")) else { continue };
            let multi = parsed.verb().is_multi_line(parsed.message().is_some());
            let (text, taken) = if multi {
                let (text, taken) = naive::unstuff(output, pop3_proto::LineEnding::Crlf);
                (text, taken.expect("a whole answer"))
            } else {
                (Vec::new(), 0)
            };
            output = &output[taken..];
            match parsed {
                Command::Stat => {
                    stat = pop3_proto::DropListing::parse(&status["+OK ".len()..status.len() - 2]).ok();
                }
                Command::List(None) => check_sum(stat, &text),
                Command::Retr(number) => assert_eq!(text, naive::canonical(message(number.get()))),
                Command::Top { message: number, lines } => {
                    assert_eq!(text, naive::top(message(number.get()), lines));
                }
                _ if parsed.verb() != Verb::Noop => stat = None,
                _ => {}
            }
        }
    }
    assert!(output.is_empty(), "answers that nobody asked for: {}", output.escape_ascii());
}

fn check_sum(stat: Option<pop3_proto::DropListing>, rows: &[u8]) {
    let Some(stat) = stat else { return };
    let rows = rows.split_inclusive(|octet| *octet == b'\n').map(<[u8]>::trim_ascii_end);
    let rows: Vec<_> = rows.map(|row| pop3_proto::ScanListing::parse(row).expect("a row")).collect();
    assert_eq!(rows.len(), stat.count as usize, "STAT counts what LIST lists");
    assert_eq!(rows.iter().map(|row| row.octets).sum::<u64>(), stat.octets, "STAT sums what LIST lists");
}

fn line<'o>(output: &mut &'o [u8]) -> &'o [u8] {
    let end = output.iter().position(|octet| *octet == b'\n').map_or(output.len(), |at| at + 1);
    let (line, rest) = output.split_at(end);
    assert!(line.ends_with(b"\r\n") && line.len() <= 512, "a line: {}", line.escape_ascii());
    *output = rest;
    line
}

fn is_status(line: &[u8]) -> bool {
    line.starts_with(b"+OK") || line.starts_with(b"-ERR ")
}
