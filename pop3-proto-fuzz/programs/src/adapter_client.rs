//! The clients of the adapters against any bytes of a server, next to a connection without an adapter.

use crate::drivers::{Async, Blocking, Embedded, Played, Tokio, schedules};
use pop3_adapter_suite::{Adapter as _, ClientProgram, Ended, Link, Reference, Schedule};
use pop3_proto::{ClientConfig, Command};
use pop3_proto_fuzz::client;
use pop3_proto_fuzz::wire::Parts;

/// Runs on a first line of commands, each sent after the response to the one before, then the bytes of the server.
pub fn run(data: &[u8]) {
    let parts = Parts::of(data);
    // Byte by byte, the client sends as soon as it can. What follows arrives after it has sent.
    let alone = Link::to_bytes(parts.wire, None, Schedule::default());
    let expected = play(Run::REFERENCE, &alone, &parts, 0);
    let gates = alone.used();
    for adapter in Run::ADAPTERS {
        for (schedule, retries) in schedules(parts.seed) {
            if is_login(&parts) && retries > 0 {
                continue; // a login does not go on after an error
            }
            let link = Link::to_bytes(parts.wire, Some(&gates), schedule);
            assert_eq!(play(adapter, &link, &parts, retries), expected, "{}, {schedule:?}", adapter.name);
        }
        // Bytes that arrive before a command do not answer it.
        let link = Link::to_bytes(parts.wire, Some(&[]), schedules(parts.seed)[1].0);
        play(adapter, &link, &parts, 0);
    }
}

/// The two sessions of a client.
#[derive(Clone, Copy)]
struct Run {
    name: &'static str,
    commands: fn(Link, ClientConfig, &mut ClientProgram) -> Ended,
    login: fn(Link, ClientConfig, &mut Vec<String>) -> Ended,
}

impl Run {
    const REFERENCE: Run = Run { name: "alone", commands: Reference::client, login: Reference::log_in };
    const ADAPTERS: [Run; 4] = [
        Run { name: "blocking", commands: Blocking::client, login: Blocking::log_in },
        Run { name: "tokio", commands: Tokio::client, login: Tokio::log_in },
        Run { name: "embedded", commands: Embedded::client, login: Embedded::log_in },
        Run { name: "embedded, async", commands: Async::client, login: Async::log_in },
    ];
}

/// Returns whether the client logs in and sends QUIT, in place of the commands.
const fn is_login(parts: &Parts<'_>) -> bool {
    parts.config & 32 != 0
}

fn play(run: Run, link: &Link, parts: &Parts<'_>, retries: usize) -> Played {
    let config = client::config(parts.config);
    if is_login(parts) {
        let mut log = Vec::new();
        let ended = (run.login)(link.clone(), config, &mut log);
        return Played::new(log, ended, link);
    }
    let commands: Vec<_> = parts.letters.iter().filter_map(|letter| command(*letter)).collect();
    let mut program = ClientProgram::new(&commands, retries);
    program.at_once = 1 + usize::from(parts.seed % 3);
    let ended = (run.commands)(link.clone(), config, &mut program);
    Played::new(program.log, ended, link)
}

/// Returns the command for a letter.
fn command(letter: u8) -> Option<Command<'static>> {
    let line: &[u8] = match letter {
        b'u' => b"USER mrose",
        b'p' => b"PASS secret",
        b'B' => b"AUTH LOGIN",
        b'm' => b"AUTH",
        b'x' => b"STLS",
        b'c' => b"CAPA",
        b's' => b"STAT",
        b'l' => b"LIST",
        b'i' => b"UIDL",
        b'I' => b"UIDL 1",
        b'r' => b"RETR 1",
        b't' => b"TOP 1 2",
        b'd' => b"DELE 1",
        b'n' => b"NOOP",
        b'q' => b"QUIT",
        _ => return None,
    };
    Some(Command::parse(line).expect("a line of the table"))
}
