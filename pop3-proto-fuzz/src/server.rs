//! The server against any bytes, answers and send buffers, driven by the kit's [`Host`].

use crate::naive;
use crate::source::cuts;
use crate::wire::{Parts, walls};
use pop3_proto::server::{CloseReason, Language, Phrase, Refusal, ServerConfig, Utf8};
use pop3_proto::{
    Command, ConnectionError, Expire, LanguageTag, Limits, MIN_SEND_BUF, Mechanism, Profile, StuffMode, Text,
    TlsPolicy, Verb,
};
use pop3_proto_kit::{App, Bodies, Cuts, Host, Memory, Message, Whim};

/// The messages of every session, repeated.
const MESSAGES: [&[u8]; 4] =
    [b"Subject: one\n\n.\n..dots\nlast", b"", b"A: b\r\nC: d\r\n\r\n1\r\n.2\r\n3\r\n", b".\r\n\n\r.\n\n"];

/// How many messages there are, so a listing is longer than the smallest send buffer.
pub(crate) const COUNT: u32 = 24;

/// Returns the bytes of a message, by its number.
pub(crate) fn message(number: u32) -> &'static [u8] {
    MESSAGES[(number as usize - 1) % MESSAGES.len()]
}

/// Returns an application with all messages, some with the longest possible unique-id, some with a shorter
/// one.
pub(crate) fn app() -> App {
    const ID: &str = "whqtswO00WBw418f9t5JxYwZ/../QhdPYR:00WBw1Ph7x7~!whqtswO00WBw418f9t5JxY";
    let message = |number: u32| {
        let id = ID[number as usize..].into();
        Message { id, ..Message::new(0, message(number)) }
    };
    let mut app = App::of(&[b""; 0]);
    app.messages = (1..=COUNT).map(message).collect();
    app
}

/// Runs on a first line of answers, then the bytes of the client, in which 0xFE means a finished TLS handshake.
pub fn run(data: &[u8]) {
    let parts = Parts::of(data);
    let config = config(parts.config);
    let pieces = 1 + usize::from(parts.seed) % 41;
    let large = Memory::growing(1 << 16);
    let expected = play(&parts, config, Cuts::Whole, large, Bodies::Copied(usize::MAX));
    check_answers(&parts, &expected);
    for cuts in cuts(parts.seed) {
        let memory = Memory::growing(MIN_SEND_BUF + usize::from(parts.seed) * 3);
        let seen = play(&parts, config, cuts, memory, Bodies::Lent(pieces));
        assert_eq!(seen, expected, "law 5: {cuts:?}, lent by {pieces}");
        let seen = play(&parts, config, cuts, Memory::fixed(MIN_SEND_BUF), Bodies::Copied(pieces));
        assert_eq!(seen, expected, "law 5: {cuts:?}, copied by {pieces} to the smallest send buffer");
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

pub fn config(octet: u8) -> ServerConfig<'static> {
    let tls = [TlsPolicy::Cleartext, TlsPolicy::Opportunistic, TlsPolicy::Required, TlsPolicy::Implicit];
    let small = Limits::DEFAULT.with_sasl_line(MIN_SEND_BUF as u16);
    let mut config = ServerConfig::new(tls[usize::from(octet & 3)]).with_limits(small);
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

/// Returns the answer for a letter: `x` closes first, `k` drops the question, `a` stops in a message, digits refuse, `c`
/// asks for more, any other letter accepts.
fn whim(letter: &u8) -> Whim {
    match letter {
        b'x' => Whim::Late,
        b'k' | b'a' => Whim::Close,
        b'c' => Whim::Challenge,
        b'1' => Whim::Refuse(Refusal::Credentials),
        b'2' => Whim::Refuse(Refusal::InUse),
        b'3' | b'n' => Whim::Refuse(Refusal::Temporary),
        b'4' => Whim::Refuse(Refusal::NeedsUtf8),
        b'5' => Whim::Refuse(Refusal::NoSuchMessage),
        _ => Whim::Fields,
    }
}

/// The parts of a session that are visible from outside.
#[derive(PartialEq, Debug)]
struct Seen {
    asked: Vec<String>,
    wire: Vec<u8>,
    end: Result<CloseReason, ConnectionError>,
    removed: Vec<u32>,
    state: String,
}

fn play(
    parts: &Parts<'_>,
    config: ServerConfig<'static>,
    cuts: Cuts,
    memory: Memory,
    bodies: Bodies,
) -> Seen {
    let mut app = app();
    app.greeting = "ready <1.2@example.org>".into();
    app.challenges.clear();
    app.whims = parts.letters.iter().map(whim).collect();
    app.bodies = bodies;
    let mut host = Host::with_app(config, app).tight(memory);
    let (input, walls) = walls(parts.wire);
    host.holds_tls = true;
    let mut wire = host.read(&input, &walls, cuts);
    let end = host.end.expect("it ends with its input");
    check_end(&input[..host.consumed()], &host, end);
    if end == Err(ConnectionError::PlaintextAfterStls) {
        forget_wall(&mut host.app.asked, &mut wire);
    }
    let state = format!("{:?} {:?}", host.server().state(), host.server().quirks());
    Seen { asked: host.app.asked, wire, end, removed: host.app.removed, state }
}

/// Checks that only cleartext after STLS is fatal, and that each commit follows QUIT in TRANSACTION.
fn check_end(consumed: &[u8], host: &Host, end: Result<CloseReason, ConnectionError>) {
    assert!(matches!(end, Ok(_) | Err(ConnectionError::PlaintextAfterStls)), "{end:?}");
    let commits = host.app.asked.iter().filter(|asked| *asked == "Commit").count();
    if commits > 0 {
        let login = |asked: &String| {
            ["Password", "Apop", "Sasl", "Response"].iter().any(|word| asked.starts_with(word))
        };
        let logged_in = host.app.asked.iter().any(login);
        assert!(commits == 1 && logged_in && ends_in_quit(consumed), "no commit without QUIT in TRANSACTION");
    }
    assert!(host.app.removed.is_empty() || (commits == 1 && end == Ok(CloseReason::Quit)));
}

fn ends_in_quit(consumed: &[u8]) -> bool {
    let last = consumed.split_inclusive(|octet| *octet == b'\n').next_back().unwrap_or_default();
    last.ends_with(b"\n") && last.trim_ascii().eq_ignore_ascii_case(b"QUIT")
}

/// The response to STLS may or may not have been written before the bytes after it arrived.
fn forget_wall(asked: &mut Vec<String>, wire: &mut Vec<u8>) {
    if asked.last().is_some_and(|asked| asked == "StartTls") {
        asked.pop();
        let end = wire.len().saturating_sub(2);
        let start = wire[..end].iter().rposition(|octet| *octet == b'\n').map_or(0, |at| at + 1);
        wire.truncate(start);
    }
}

/// Reads the output of a session along with its input. Each line must have a complete response, in order, and STAT
/// must be the sum of LIST.
fn check_answers(parts: &Parts<'_>, seen: &Seen) {
    let given_up = parts.letters.iter().any(|letter| matches!(letter, b'x' | b'k' | b'a'));
    if given_up || parts.config & 8 != 0 || seen.end.is_err() {
        return;
    }
    let closed = seen.end != Ok(CloseReason::End);
    let mut output = seen.wire.as_slice();
    assert!(is_status(line(&mut output)), "a greeting");
    let mut stat = None;
    let mut exchange = false;
    let handshakes = seen.asked.iter().filter(|asked| *asked == "StartTls").count();
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
                (text, taken.expect("a complete response"))
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
    assert!(output.is_empty(), "responses without a command: {}", output.escape_ascii());
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
