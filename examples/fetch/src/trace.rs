//! Prints the dialogue to stderr, without secrets and without the octets of messages.

use super::connection::Watcher;
use super::shown::Shown;
use pop3_proto::client::Event;
use pop3_proto::tap::{Seen, Side, Tap};
use pop3_proto::{Input, Limits};

/// Returns a watcher that prints the lines of both sides.
pub(super) fn watcher(shown: Shown) -> Watcher {
    let mut trace = Trace::new(shown);
    Box::new(move |side, octets| trace.see(side, octets, &mut |line| eprintln!("{line}")))
}

struct Trace {
    shown: Shown,
    tap: Tap,
    /// The bytes that the tap has not read yet.
    client: Vec<u8>,
    server: Vec<u8>,
}

impl Trace {
    fn new(shown: Shown) -> Self {
        Trace { shown, tap: Tap::new(Limits::DEFAULT), client: Vec::new(), server: Vec::new() }
    }

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
            let line = match &seen {
                // Show it anyway: it is not a response, and anyone who reads a trace looks for it.
                Seen::OutOfStep(_) => odd_line(before),
                _ => &before[..before.len() - input.remaining()],
            };
            if let Some(told) = told(&seen, &self.shown.line(line)) {
                print(told);
            }
            if matches!(seen, Seen::Encrypted) {
                self.tap.tls_started(); // the watcher receives plaintext
            }
        }
        let read = unread.len() - input.remaining();
        unread.drain(..read);
    }
}

fn odd_line(unread: &[u8]) -> &[u8] {
    unread.split_inclusive(|byte| *byte == b'\n').next().unwrap_or_default()
}

fn told(seen: &Seen<'_>, line: &str) -> Option<String> {
    Some(match seen {
        Seen::Command(command) => format!("C: {command}"),
        Seen::Cancel => "C: *".into(),
        Seen::Response(_) | Seen::Unknown(_) | Seen::NotACommand(_) | Seen::LongLine(Side::Client) => {
            "C: ********".into()
        }
        Seen::Challenge(_) | Seen::MalformedChallenge(_) => "S: + ********".into(),
        Seen::Answer(Event::Body(..)) => return None,
        Seen::Answer(Event::End(ticket, octets)) if ticket.message.is_some() => {
            format!("S: ({octets} octets)\nS: .")
        }
        Seen::Answer(_) => format!("S: {line}"),
        Seen::Encrypted => format!("S: {line}\n(TLS)"),
        Seen::LongLine(Side::Server) => "S: (a very long line)".into(),
        Seen::OutOfStep(cause) if line.is_empty() => format!("(out of step: {cause:?})"),
        Seen::OutOfStep(cause) => format!("S: {line}\n(out of step: {cause:?})"),
        Seen::InStep => "(in step again)".into(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Account, Options};

    const DIALOGUE: &[(Side, &str)] = &[
        (Side::Server, "+OK ready\r\n"),
        (Side::Client, "STLS\r\n"),
        (Side::Server, "+OK begin\r\n"),
        (Side::Client, "AUTH PLAIN AG1yb3NlAHRhbnN0YWFm\r\n"),
        (Side::Server, "-ERR no\r\n"),
        (Side::Client, "AUTH XOAUTH2\r\n"),
        (Side::Server, "+ \r\n"),
        (Side::Client, "dXNlcj1tcm9zZQFhdXRo\r\n"),
        (Side::Server, "-ERR no\r\n"),
        (Side::Client, "APOP mrose c4c9334bac560ecc979e58001b3e22fb\r\n"),
        (Side::Server, "-ERR \x1b[2Jno\r\n"),
        (Side::Client, "USER mrose\r\nPASS tanstaaf\r\n"),
        (Side::Server, "+OK\r\n+OK\r\n"),
        (Side::Client, "RETR 1\r\nRETR 2\r\n"),
        (Side::Server, "+OK here\r\nSubject: private\r\n\r\n..\r\n.\r\n-ERR gone\r\n"),
    ];

    const TRACE: &str = "\
S: +OK ready
C: STLS
S: +OK begin
(TLS)
C: AUTH PLAIN ********
S: -ERR no
C: AUTH XOAUTH2
S: + ********
C: ********
S: -ERR no
C: APOP mrose ********
S: -ERR \u{fffd}[2Jno
C: USER mrose
C: PASS ********
S: +OK
S: +OK
C: RETR 1
C: RETR 2
S: +OK here
S: (23 octets)
S: .
S: -ERR gone
";

    fn shown() -> Shown {
        let account = Account::parse("pop3://mrose@example.org", None).unwrap();
        Shown::new(&Options::new(account, b"tanstaaf".to_vec()))
    }

    #[test]
    fn the_trace_shows_everything_except_secrets_under_any_cut() {
        for size in [1, 2, 7, 1000] {
            let mut trace = Trace::new(shown());
            let mut told = String::new();
            for (side, octets) in DIALOGUE {
                for part in octets.as_bytes().chunks(size) {
                    trace.see(*side, part, &mut |line| told += &(line + "\n"));
                }
            }
            assert_eq!(told, TRACE, "{size} bytes at once");
        }
    }
}
