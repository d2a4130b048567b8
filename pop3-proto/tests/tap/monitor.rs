//! Transactions: commands with their responses, their lengths, and their places.

use super::sessions::{TRANSCRIPTS, lines};
use super::{Turn, turns};
use pop3_proto::tap::{Cause, Monitor, Outcome, Report, Side, Tap, Transaction};
use pop3_proto::{Input, Limits, Verb};

/// A monitor, what it left unread, and its transactions.
struct Watch {
    monitor: Monitor,
    unread: [Vec<u8>; 2],
    done: Vec<Transaction>,
}

impl Watch {
    fn new(monitor: Monitor) -> Self {
        Watch { monitor, unread: [Vec::new(), Vec::new()], done: Vec::new() }
    }

    /// The next bytes of this side, in pieces of this size.
    fn feed(&mut self, side: Side, bytes: &[u8], size: usize) {
        for piece in bytes.chunks(size) {
            let mut unread = std::mem::take(&mut self.unread[side as usize]);
            unread.extend_from_slice(piece);
            let mut input = Input::more(&unread);
            while let Some(report) = self.monitor.next(side, &mut input) {
                if let Report::Done(transaction) = report {
                    self.done.push(transaction);
                }
            }
            let needed = self.monitor.needed(&input);
            assert_eq!(needed, Some(input.remaining() + 1).filter(|_| input.remaining() > 0));
            assert!(needed.unwrap_or(0) <= self.monitor.tap().min_recv_buf());
            self.unread[side as usize] = input.unread().to_vec();
        }
    }

    fn gap(&mut self, side: Side, bytes: Option<u64>) {
        self.unread[side as usize].clear();
        self.monitor.gap(side, bytes);
    }

    fn end(mut self) -> Vec<Transaction> {
        self.monitor.end();
        while let Some(report) = self.monitor.next(Side::Client, &mut Input::more(b"")) {
            if let Report::Done(transaction) = report {
                self.done.push(transaction);
            }
        }
        self.done
    }
}

fn watch(turns: &[Turn], size: usize) -> Vec<Transaction> {
    let mut watch = Watch::new(Monitor::new(Limits::DEFAULT));
    turns.iter().for_each(|(side, bytes)| watch.feed(*side, bytes, size));
    watch.end()
}

#[test]
fn pipelined_commands_are_matched_in_order() {
    let done = watch(
        &turns(&[
            ('S', "+OK ready\r\n"),
            ('C', "USER mrose\r\nPASS tanstaaf\r\n"),
            ('S', "+OK\r\n+OK\r\n"),
            ('C', "LIST\r\nRETR 1\r\nDELE 2\r\nTOP 1 0\r\nXTND\r\n"),
            (
                'S',
                "+OK\r\n1 12\r\n2 9\r\n.\r\n+OK\r\nA: b\r\n\r\n..\r\n.\r\n-ERR no\r\n+OK\r\nA: b\r\n.\r\n-ERR what\r\n",
            ),
            ('C', "QUIT\r\n"),
        ]),
        usize::MAX,
    );
    let rows: Vec<_> = done.iter().map(|t| (t.number, t.verb, t.outcome, t.payload)).collect();
    assert_eq!(
        rows,
        [
            (0, None, Outcome::Ok, 0),
            (1, Some(Verb::User), Outcome::Ok, 0),
            (2, Some(Verb::Pass), Outcome::Ok, 0),
            (3, Some(Verb::List), Outcome::Ok, 2),
            (4, Some(Verb::Retr), Outcome::Ok, 11),
            (5, Some(Verb::Dele), Outcome::Refused, 0),
            (6, Some(Verb::Top), Outcome::Ok, 6),
            (7, Some(Verb::Other), Outcome::Refused, 0),
            (8, Some(Verb::Quit), Outcome::Unanswered, 0),
        ]
    );
    assert!(done.iter().all(|transaction| !transaction.is_guess && !transaction.is_inexact));
    assert_eq!((done[4].command.start, done[4].command.len()), (33, 8));
    assert_eq!((done[4].response.start, done[4].response.len()), (40, 20));
    assert!(done[8].response.is_empty());
    assert_eq!(done[5].message.unwrap().get(), 2);
}

/// The rest of a torn line is not part of the next command, whether both arrive together or not.
#[test]
fn law_5_the_place_of_a_command_after_a_torn_line_does_not_depend_on_cuts() {
    for size in [1, 2, 5, 7, usize::MAX] {
        let mut watch = Watch::new(Monitor::joined_late(Limits::DEFAULT));
        watch.feed(Side::Client, b"OOP\r\nSTAT\r\n", size);
        let done = watch.end();
        assert_eq!((done[0].command.start, done[0].command.end), (5, 11), "in pieces of {size}");
    }
}

/// The session ends inside a terminator.
#[test]
fn law_5_the_place_of_an_incomplete_response_does_not_depend_on_cuts() {
    for size in [1, 2, 5, usize::MAX] {
        let session = [('S', "+OK\r\n"), ('C', "RETR 1\r\n"), ('S', "+OK\r\nA: b\r\n.\r")];
        let done = watch(&turns(&session), size);
        assert_eq!(done[1].response.end, 18, "in pieces of {size}");
    }
}

/// The places of all commands and responses cover both streams, without a hole and without an overlap.
#[test]
fn places_cover_both_streams_of_every_transcript_at_every_cut() {
    for (name, text) in
        TRANSCRIPTS.iter().filter(|(name, _)| !["stls", "client_gone", "broken_off"].contains(name))
    {
        let turns = lines(text);
        let done = watch(&turns, usize::MAX);
        let length = |side| {
            turns.iter().filter(|(from, _)| *from == side).map(|(_, bytes)| bytes.len() as u64).sum::<u64>()
        };
        let mut server = 0;
        for transaction in done.iter().filter(|transaction| !transaction.response.is_empty()) {
            assert_eq!(transaction.response.start, server, "{name}: {transaction:?}");
            server = transaction.response.end;
        }
        assert_eq!(server, length(Side::Server), "{name}");
        let commands: u64 = done.iter().map(|transaction| transaction.command.len()).sum();
        let in_auth = done.iter().any(|transaction| transaction.challenges > 0);
        assert!(commands == length(Side::Client) || in_auth, "{name}");
        for size in 1..6 {
            assert_eq!(watch(&turns, size), done, "{name} in pieces of {size}");
        }
    }
}

#[test]
fn a_gap_of_known_length_keeps_the_places_right() {
    for bytes in [Some(100), None] {
        let mut watch = Watch::new(Monitor::new(Limits::DEFAULT));
        watch.feed(Side::Server, b"+OK ready\r\n", 1000);
        watch.feed(Side::Client, b"RETR 1\r\nNOOP\r\n", 1000);
        watch.feed(Side::Server, b"+OK\r\nSubject: on\r\n.", 1000);
        assert_eq!(watch.done.len(), 1);
        watch.gap(Side::Server, bytes);
        watch.feed(Side::Server, b"rest\r\n.\r\n+OK\r\n", 1000);
        watch.feed(Side::Client, b"STAT\r\n", 1000);
        watch.feed(Side::Server, b"+OK 1 2\r\n", 1000);
        let (known, done) = (bytes.unwrap_or(0), watch.end());
        let [_, retr, noop, stat] = done[..] else { panic!("{done:#?}") };
        assert_eq!((retr.outcome, retr.payload), (Outcome::Lost(Cause::Gap), 13));
        assert_eq!((noop.outcome, noop.response.len()), (Outcome::Lost(Cause::Gap), 0));
        assert_eq!((stat.outcome, stat.is_guess), (Outcome::Ok, true));
        assert_eq!(stat.response.start, 11 + 19 + known + 14);
        assert_eq!((retr.is_guess, stat.is_inexact), (false, bytes.is_none()));
    }
}

/// A gap right before the end is reported, and is what became of the commands.
#[test]
fn a_gap_before_the_end_is_reported() {
    let mut watch = Watch::new(Monitor::new(Limits::DEFAULT));
    watch.feed(Side::Server, b"+OK ready\r\n", 1000);
    watch.feed(Side::Client, b"NOOP\r\n", 1000);
    watch.gap(Side::Server, Some(5));
    let done = watch.end();
    assert_eq!(done[1].outcome, Outcome::Lost(Cause::Gap));
}

/// What was left unread before a gap counts too.
#[test]
fn the_start_of_a_line_before_a_gap_keeps_its_place() {
    let mut watch = Watch::new(Monitor::new(Limits::DEFAULT));
    watch.feed(Side::Server, b"+OK ready\r\n", 1000);
    watch.feed(Side::Client, b"NOOP\r\nRET", 1000);
    watch.gap(Side::Client, Some(3));
    watch.feed(Side::Client, b"STAT\r\n", 1000);
    assert_eq!(watch.monitor.offset(Side::Client), 6 + 3 + 3 + 6);
}

#[test]
fn one_side_alone_is_reported_as_such() {
    let session = b"USER mrose\r\nPASS tanstaaf\r\nRETR 1\r\n";
    let mut client = Watch::new(Monitor::one_sided(Limits::DEFAULT));
    client.feed(Side::Client, &session.repeat(20), 7);
    let done = client.end();
    assert_eq!(done.len(), 60);
    assert!(
        done.iter()
            .all(|transaction| transaction.outcome == Outcome::Untold && !transaction.command.is_empty())
    );
    assert_eq!(done[2].verb, Some(Verb::Retr));

    let mut server = Watch::new(Monitor::new(Limits::DEFAULT));
    server.feed(Side::Server, b"+OK ready\r\n+OK\r\n+OK\r\nmessage\r\n.\r\n", 7);
    assert_eq!(server.end().len(), 1, "the greeting");

    // The other side comes after all.
    let mut both = Watch::new(Monitor::one_sided(Limits::DEFAULT));
    both.feed(Side::Client, b"NOOP\r\n", 10);
    both.feed(Side::Server, b"+OK\r\n", 10);
    both.feed(Side::Client, b"STAT\r\n", 10);
    both.feed(Side::Server, b"+OK 1 2\r\n", 10);
    let done = both.end();
    assert_eq!((done[1].outcome, done[1].is_guess), (Outcome::Ok, true));
}

#[test]
fn a_thousand_commands_ahead_are_all_reported() {
    let mut watch = Watch::new(Monitor::new(Limits::DEFAULT));
    watch.feed(Side::Server, b"+OK ready\r\n", 1000);
    watch.feed(Side::Client, &b"DELE 1\r\n".repeat(1000), 1000);
    watch.feed(Side::Server, &b"+OK\r\n".repeat(1000), 1000);
    assert_eq!(watch.monitor.commands(), 1000);
    let done = watch.end();
    let with = |outcome| done.iter().filter(|transaction| transaction.outcome == outcome).count();
    assert_eq!((done.len(), with(Outcome::Ok), with(Outcome::Untold)), (1001, 17, 984));
    let mut numbers: Vec<_> = done.iter().map(|transaction| transaction.number).collect();
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq(0..=1000));
}

#[test]
fn stls_and_auth_are_reported_as_such() {
    let mut watch = Watch::new(Monitor::new(Limits::DEFAULT));
    watch.feed(Side::Server, b"+OK ready\r\n", 1000);
    watch.feed(Side::Client, b"AUTH LOGIN\r\n", 1000);
    watch.feed(Side::Server, b"+ VXNlcm5hbWU6\r\n", 1000);
    watch.feed(Side::Client, b"bXJvc2U=\r\n", 1000);
    watch.feed(Side::Server, b"+ UGFzc3dvcmQ6\r\n", 1000);
    watch.feed(Side::Client, b"no base64\r\n", 1000);
    watch.feed(Side::Server, b"-ERR no\r\n", 1000);
    watch.feed(Side::Client, b"STLS\r\nNOOP\r\n", 1000);
    watch.feed(Side::Server, b"+OK\r\n\x16\x03", 1000);
    let done = watch.end();
    let [_, auth, stls, noop] = done[..] else { panic!("{done:#?}") };
    assert_eq!((auth.verb, auth.challenges, auth.response.len()), (Some(Verb::Auth), 2, 41));
    assert_eq!((auth.command.len(), auth.outcome), (12, Outcome::Refused));
    assert_eq!((stls.outcome, stls.response.len()), (Outcome::Ok, 5));
    assert_eq!(noop.outcome, Outcome::Unanswered);
}

/// A program may see into TLS. The numbers of commands and the offsets continue.
#[test]
fn after_tls_has_started_the_plaintext_is_read() {
    let mut watch = Watch::new(Monitor::new(Limits::DEFAULT));
    watch.feed(Side::Server, b"+OK ready\r\n", 1000);
    watch.feed(Side::Client, b"STLS\r\n", 1000);
    watch.feed(Side::Server, b"+OK\r\n", 1000);
    watch.monitor.tls_started();
    watch.feed(Side::Client, b"CAPA\r\n", 1000);
    watch.feed(Side::Server, b"+OK\r\nUIDL\r\n.\r\n", 1000);
    assert_eq!(watch.monitor.commands(), 2);
    let done = watch.end();
    let [_, stls, capa] = done[..] else { panic!("{done:#?}") };
    assert_eq!((stls.outcome, capa.outcome, capa.payload), (Outcome::Ok, Outcome::Ok, 1));
    assert_eq!((capa.number, capa.command.start, capa.response.start), (2, 6, 16));
}

#[test]
fn a_doubt_about_a_response_and_a_row_over_the_limit_are_part_of_it() {
    let mut watch = Watch::new(Monitor::new(Limits::DEFAULT));
    watch.feed(Side::Server, b"+OK ready\r\n", 1000);
    watch.feed(Side::Client, b"RETR 1\r\nLIST\r\n", 1000);
    watch.feed(Side::Server, b"+OK\r\n.a\r\n.\r\n", 1000);
    let rows = format!("+OK\r\n1 {}\r\n2 9\r\n.\r\n", "x".repeat(2 * watch.monitor.tap().min_recv_buf()));
    watch.feed(Side::Server, rows.as_bytes(), usize::MAX);
    let done = watch.end();
    let [_, retr, list] = done[..] else { panic!("{done:#?}") };
    assert_eq!((retr.is_ambiguous, list.is_ambiguous), (true, false));
    assert_eq!((list.outcome, list.payload), (Outcome::Ok, 2));
    assert_eq!(list.response.len(), rows.len() as u64);
}

/// A monitor has no heap, and its tap reads the same as a tap alone.
#[test]
fn law_3_a_monitor_allocates_nothing() {
    use crate::counting::allocations;
    let turns = lines(TRANSCRIPTS.iter().find(|(name, _)| *name == "tutorial").unwrap().1);
    let (mut events, mut expected) = (0, 0);
    let allocated = allocations(|| {
        let (mut monitor, mut tap) = (Monitor::new(Limits::DEFAULT), Tap::new(Limits::DEFAULT));
        for (side, bytes) in &turns {
            let mut input = Input::more(bytes);
            while let Some(report) = monitor.next(*side, &mut input) {
                events += usize::from(matches!(report, Report::Seen(..)));
            }
            let mut input = Input::more(bytes);
            let mut next = || match side {
                Side::Client => tap.client(&mut input).is_some(),
                Side::Server => tap.server(&mut input).is_some(),
            };
            while next() {
                expected += 1;
            }
        }
    });
    assert_eq!((allocated, events), (0, expected));
}
