//! The dialogue on stderr, without secrets and without the octets of messages.

use crate::client::Watcher;
use pop3_proto::client::Event;
use pop3_proto::tap::{Seen, Side, Tap};
use pop3_proto::{Command, Input, Limits};

/// Prints what both sides say.
pub(super) fn watcher() -> Watcher {
    let mut trace = Trace { tap: Tap::new(Limits::DEFAULT), client: Vec::new(), server: Vec::new() };
    Box::new(move |side, octets| trace.see(side, octets, &mut |line| eprintln!("{line}")))
}

struct Trace {
    tap: Tap,
    /// What the tap has not read yet.
    client: Vec<u8>,
    server: Vec<u8>,
}

impl Trace {
    fn see(&mut self, side: Side, octets: &[u8], print: &mut dyn FnMut(String)) {
        let unread = if side == Side::Client { &mut self.client } else { &mut self.server };
        unread.extend_from_slice(octets);
        let mut input = Input::more(unread);
        loop {
            let before = input.unread();
            let seen = match side {
                Side::Client => self.tap.client(&mut input),
                Side::Server => self.tap.server(&mut input),
            };
            let Some(seen) = seen else { break };
            let line = &before[..before.len() - input.remaining()];
            if let Some(told) = told(&seen, line) {
                print(told);
            }
            if matches!(seen, Seen::Encrypted) {
                self.tap.tls_started(); // what the watcher is given is the plaintext
            }
        }
        let read = unread.len() - input.remaining();
        unread.drain(..read);
    }
}

fn told(seen: &Seen<'_>, line: &[u8]) -> Option<String> {
    let line = shown(line);
    Some(match seen {
        Seen::Command(Command::Pass(_)) => "C: PASS ********".into(),
        Seen::Command(Command::Apop { name, .. }) => format!("C: APOP {} ********", shown(name.as_bytes())),
        Seen::Command(Command::Auth { mechanism, initial: Some(_) }) => {
            format!("C: AUTH {mechanism} ********")
        }
        Seen::Command(_) | Seen::Cancel => format!("C: {line}"),
        Seen::Response(_) | Seen::Unknown(_) | Seen::NotACommand(_) | Seen::LongLine(Side::Client) => {
            "C: ********".into()
        }
        Seen::Challenge(_) | Seen::OddChallenge(_) => "S: + ********".into(),
        Seen::Answer(Event::Body(..)) => return None,
        Seen::Answer(Event::End(ticket, octets)) if ticket.message.is_some() => {
            format!("S: ({octets} octets)\nS: .")
        }
        Seen::Answer(_) => format!("S: {line}"),
        Seen::Encrypted => "(TLS)".into(),
        Seen::LongLine(Side::Server) => "S: (a very long line)".into(),
        Seen::OutOfStep(cause) => format!("(out of step: {cause:?})"),
        Seen::InStep => "(in step again)".into(),
        _ => return None,
    })
}

/// A line that can do nothing to a terminal.
fn shown(line: &[u8]) -> String {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    String::from_utf8_lossy(line).replace(char::is_control, "\u{fffd}")
}
