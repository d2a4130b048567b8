//! Unsolicited bytes. A client that sends only after `poll` has no more events has one outcome under all pairs of
//! cuts. A client that sends while it handles an event has two outcomes, which no client can prevent.

use super::{command, give, retr, shown};
use pop3_proto::client::{Event, SendError};
use pop3_proto::{ClientConnection, Command, ConnectionError, TlsPolicy};
use std::collections::BTreeSet;

/// The bytes received after each command; the last has two responses to one RETR.
const PHASES: [&[u8]; 4] =
    [b"+OK ready\r\n", b"+OK\r\n", b"+OK\r\n", b"+OK\r\none\r\n.\r\n+OK\r\nforged\r\n.\r\n"];

fn run(cuts: [usize; 2], inside: bool) -> Vec<String> {
    let mut pop3 = ClientConnection::new(TlsPolicy::Cleartext, 1);
    let (mut seen, mut body) = (Vec::new(), Vec::new());
    let mut commands = [command("USER a"), command("PASS b"), retr(1), retr(2)].into_iter();
    let mut next = || commands.next().unwrap_or(Command::Noop);
    for phase in PHASES {
        let mut at = 0;
        for end in [cuts[0].min(phase.len()), cuts[1].min(phase.len()), phase.len()] {
            give(pop3.recv_buf(), &phase[at..end]);
            at = end;
            loop {
                match pop3.poll() {
                    Ok(Some((Event::Body(_, octets), _))) => body.extend_from_slice(octets),
                    Ok(Some((event, mut sender))) => {
                        if !body.is_empty() {
                            seen.push(std::mem::take(&mut body).escape_ascii().to_string());
                        }
                        seen.push(shown(&event));
                        if inside && !matches!(event, Event::Begin(..)) {
                            seen.push(format!("{:?}", sender.send(next()).err()));
                        }
                    }
                    Ok(None) => break,
                    Err(fatal) => {
                        seen.push(format!("{fatal:?}"));
                        return seen;
                    }
                }
            }
        }
        if !inside {
            seen.push(format!("{:?}", pop3.sender().send(next()).err()));
        }
    }
    seen
}

fn outcomes(inside: bool) -> BTreeSet<Vec<String>> {
    let longest = PHASES[3].len();
    let pairs = (1..=longest).flat_map(|first| (first..=longest).map(move |second| [first, second]));
    pairs.map(|cuts| run(cuts, inside)).collect()
}

#[test]
fn law_5_a_client_that_sends_after_the_last_event_has_one_outcome() {
    let outcomes = outcomes(false);
    assert_eq!(outcomes.len(), 1, "{outcomes:?}");
    let outcome = outcomes.first().unwrap();
    assert_eq!(outcome.last().unwrap(), &format!("{:?}", ConnectionError::Unsolicited));
    assert!(!outcome.iter().any(|event| event.contains("forged")), "{outcome:?}");
}

#[test]
fn law_5_a_client_that_sends_inside_an_event_has_two_outcomes() {
    let outcomes = outcomes(true);
    assert_eq!(outcomes.len(), 2, "{outcomes:?}");
    let over = format!("{:?}", Some(SendError::Over));
    assert!(outcomes.iter().any(|outcome| outcome.contains(&over)));
}
