//! A monitor of both sides of a session, next to the crate's client.

use crate::source::random;
use pop3_proto::client::{Client, ClientConfig, Event, SaslDone, SaslStep};
use pop3_proto::tap::{Cause, Monitor, Report, Seen, Side, Tap};
use pop3_proto::{Input, Limits, MIN_SEND_BUF, SendBuf, TlsPolicy};
use pop3_proto_kit::{Cuts, words};

/// The bytes of one side, or `None` for a gap.
type Turn<'d> = (Side, Option<&'d [u8]>);

/// The number of bytes that a gap has.
const GAP: u64 = 3;

/// The first byte chooses the start. The turns of the server and of the client follow, each up to a byte 0xFF. An empty turn
/// is a gap.
pub fn run(data: &[u8]) {
    let Some((start, data)) = data.split_first() else { return };
    let sides = [Side::Server, Side::Client].into_iter().cycle();
    let bytes = data.split(|octet| *octet == 0xff);
    let turns: Vec<Turn<'_>> = sides.zip(bytes.map(|bytes| (!bytes.is_empty()).then_some(bytes))).collect();
    let expected = watch(*start, &turns, Cuts::Whole);
    for cuts in [Cuts::Each(1), Cuts::Each(3), random(*start), random(!*start)] {
        assert_eq!(watch(*start, &turns, cuts), expected, "law 5: {cuts:?}");
    }
    if start % 3 == 0 {
        follow(&turns);
    }
}

fn monitor(start: u8, limits: Limits) -> Monitor {
    match start % 3 {
        0 => Monitor::new(limits),
        1 => Monitor::joined_late(limits),
        _ => Monitor::one_sided(limits),
    }
}

/// A monitor, and what it reported.
struct Watch {
    monitor: Monitor,
    sees_tls: bool,
    /// The unread bytes of each side, and how many bytes were given or are missing.
    unread: [Vec<u8>; 2],
    given: [u64; 2],
    /// The events, with each byte of a message as one.
    seen: Vec<String>,
    /// The transactions, with their numbers.
    done: Vec<(u64, String)>,
}

/// Returns everything that a monitor reports if the turns arrive in these pieces.
fn watch(start: u8, turns: &[Turn<'_>], mut cuts: Cuts) -> (Vec<String>, Vec<(u64, String)>) {
    let small = Limits::DEFAULT.with_status_line(64).with_listing_line(64);
    let small = small.with_command_line(64).with_sasl_line(64);
    let limits = if start & 64 == 0 { Limits::DEFAULT } else { small };
    let mut watch = Watch {
        monitor: monitor(start, limits),
        sees_tls: start & 128 != 0,
        unread: [Vec::new(), Vec::new()],
        given: [0; 2],
        seen: Vec::new(),
        done: Vec::new(),
    };
    for (side, bytes) in turns {
        let Some(mut bytes) = *bytes else {
            watch.gap(*side);
            continue;
        };
        while !bytes.is_empty() {
            let (piece, later) = bytes.split_at(cuts.next(0, bytes.len()).max(1));
            watch.piece(*side, piece);
            bytes = later;
        }
    }
    watch.end()
}

impl Watch {
    fn piece(&mut self, side: Side, piece: &[u8]) {
        let mut bytes = std::mem::take(&mut self.unread[side as usize]);
        bytes.extend_from_slice(piece);
        self.given[side as usize] += piece.len() as u64;
        let mut input = Input::more(&bytes);
        // A byte ends at most one event and one transaction; a loss ends 16 transactions and is an event.
        for _ in 0..2 * bytes.len() + 40 {
            let Some(report) = self.monitor.next(side, &mut input) else {
                self.unread[side as usize] = input.unread().to_vec();
                return self.check(side);
            };
            self.take(report);
        }
        panic!("the monitor does not come to an end");
    }

    fn check(&self, side: Side) {
        let (unread, given) = (self.unread[side as usize].len(), self.given[side as usize]);
        assert!(unread < self.monitor.tap().min_recv_buf(), "{unread} bytes are left unread");
        assert_eq!(self.monitor.offset(side) + unread as u64, given, "each byte is counted once");
    }

    fn gap(&mut self, side: Side) {
        self.unread[side as usize].clear();
        self.given[side as usize] += GAP;
        self.monitor.gap(side, Some(GAP));
        self.check(side);
    }

    fn take(&mut self, report: Report<'_>) {
        match report {
            Report::Done(done) => self.done.push((done.number, format!("{done:?}"))),
            Report::Seen(seen, _) => {
                self.check_name(&seen);
                let is_encrypted = matches!(seen, Seen::Encrypted);
                note(&seen, &mut self.seen);
                if is_encrypted && self.sees_tls {
                    self.monitor.tls_started();
                }
            }
        }
    }

    /// Checks that nothing but the name of the user stays in the caller's memory.
    fn check_name(&self, seen: &Seen<'_>) {
        let mut scratch = [0; MIN_SEND_BUF];
        let in_response = matches!(seen, Seen::Response(_));
        let length = self.monitor.tap().user_name(seen, &mut scratch).map_or(0, |name| name.as_bytes().len());
        let kept = scratch.iter().filter(|byte| **byte != 0).count();
        assert!(kept <= length || !in_response, "a password stays in memory");
    }

    /// Ends the session. Every command has one transaction.
    fn end(mut self) -> (Vec<String>, Vec<(u64, String)>) {
        self.monitor.end();
        while let Some(report) = self.monitor.next(Side::Client, &mut Input::more(b"")) {
            self.take(report);
        }
        let mut numbers: Vec<u64> =
            self.done.iter().map(|(number, _)| *number).filter(|number| *number > 0).collect();
        numbers.sort_unstable();
        assert!(numbers.into_iter().eq(1..=self.monitor.commands()), "one transaction for each command");
        (self.seen, self.done)
    }
}

/// Adds an event in words.
fn note(seen: &Seen<'_>, to: &mut Vec<String>) {
    match seen {
        Seen::Answer(event) => answer(event, to),
        seen => to.push(format!("{seen:?}")),
    }
}

fn answer(event: &Event<'_>, to: &mut Vec<String>) {
    match event {
        Event::Body(_, bytes) => to.extend(bytes.iter().map(|byte| format!("byte {byte}"))),
        event => to.push(words::event(event)),
    }
}

/// The crate's client, which sends the commands that a tap sees and receives the server's bytes.
struct Follower {
    client: Client,
    unread: Vec<u8>,
    step: Option<SaslStep>,
    done: Option<SaslDone>,
    sent: SendBuf<Vec<u8>>,
}

/// Checks that a tap sees the events that a client gets from the same bytes, until one of them cannot continue.
fn follow(turns: &[Turn<'_>]) {
    let config = ClientConfig::new(TlsPolicy::Cleartext).assume_pipelining();
    let mut follower = Follower {
        client: Client::new(config, 1),
        unread: Vec::new(),
        step: None,
        done: None,
        sent: SendBuf::with_limit(vec![], 1 << 20),
    };
    let mut tap = Tap::new(Limits::DEFAULT);
    let mut unread = [Vec::new(), Vec::new()];
    for (side, bytes) in turns {
        let Some(bytes) = bytes else { return };
        unread[*side as usize].extend_from_slice(bytes);
        let mut input = Input::more(&unread[*side as usize]);
        let continues = match side {
            Side::Client => follower.follow_client(&mut tap, &mut input),
            Side::Server => follower.follow_server(&mut tap, &mut input, bytes),
        };
        if !continues {
            return;
        }
        let left = input.unread().to_vec();
        unread[*side as usize] = left;
    }
}

impl Follower {
    /// Sends what the tap sees. Returns whether the client could send it.
    fn follow_client(&mut self, tap: &mut Tap, input: &mut Input<'_>) -> bool {
        while let Some(seen) = tap.client(input) {
            self.sent.clear();
            let sent = match seen {
                Seen::Command(command) => self.client.send(&command, &mut self.sent).is_ok(),
                Seen::Response(response) => self
                    .step
                    .take()
                    .is_some_and(|step| self.client.respond(step, response, &mut self.sent).is_ok()),
                Seen::Cancel => {
                    self.step.take().is_some_and(|step| self.client.cancel(step, &mut self.sent).is_ok())
                }
                _ => false,
            };
            if !sent {
                return false;
            }
        }
        true
    }

    /// Compares the events of both. Returns whether both continue.
    fn follow_server(&mut self, tap: &mut Tap, input: &mut Input<'_>, bytes: &[u8]) -> bool {
        let (mut seen, mut lost, mut encrypted) = (Vec::new(), None, false);
        while let Some(report) = tap.server(input) {
            match report {
                Seen::Ambiguous(..) => {}
                Seen::OutOfStep(cause) => {
                    lost = Some(cause);
                    break;
                }
                Seen::Encrypted => {
                    encrypted = true;
                    break;
                }
                Seen::Challenge(challenge) => {
                    seen.push(format!("challenge {}", challenge.as_bytes().escape_ascii()).trim_end().into());
                }
                Seen::MalformedChallenge(text) => {
                    seen.push(format!("odd challenge {}", text.escape_ascii()).trim_end().into());
                }
                report => note(&report, &mut seen),
            }
        }
        self.unread.extend_from_slice(bytes);
        let (got, continues) = self.poll();
        if continues && lost.is_none() && !encrypted {
            assert_eq!(seen, got, "the tap and the client read the same");
            return true;
        }
        let length = seen.len().min(got.len());
        assert_eq!(seen[..length], got[..length], "the tap and the client read the same until one stops");
        // A client waits for the rest of a line that may be the server's last word.
        let is_parting = lost == Some(Cause::Unsolicited) && self.unread.first() == Some(&b'-');
        assert!(!continues || encrypted || is_parting, "the client continues after {lost:?}");
        assert!(continues || got.len() <= seen.len(), "the client sees more: {got:?} {seen:?}");
        false
    }

    /// Returns the events of the client, and whether it continues.
    fn poll(&mut self) -> (Vec<String>, bool) {
        let Follower { client, unread, step, done, .. } = self;
        let (mut got, mut input) = (Vec::new(), Input::more(unread));
        let continues = loop {
            match client.poll(&mut input) {
                Err(_) | Ok(Some(Event::Farewell(_) | Event::Closed(_) | Event::StartTls(_))) => break false,
                Ok(None) => break true,
                Ok(Some(event)) => {
                    match &event {
                        Event::AuthAccepted(_, status) => {
                            got.push(format!("AUTH ok {}", words::status(status)).trim_end().into());
                        }
                        event => answer(event, &mut got),
                    }
                    match event {
                        Event::Challenge(token, _) | Event::MalformedChallenge(token, _) => {
                            *step = Some(token);
                        }
                        Event::AuthAccepted(token, _) => *done = Some(token),
                        _ => {}
                    }
                }
            }
            // The program agrees at once.
            if let Some(token) = done.take() {
                if client.verified(token).is_err() {
                    break false;
                }
            }
        };
        let left = input.unread().to_vec();
        *unread = left;
        (got, continues)
    }
}
