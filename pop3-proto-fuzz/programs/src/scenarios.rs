//! The judge of clients in `pop3-conform` against any bytes of a client.

use crate::checks::{chosen, first_line};
use pop3_conform::client::run::{Job, play};
use pop3_conform::client::serve::Trusts;
use pop3_conform::client::{Ended, Run, Scenario, judge, read, scenarios};
use pop3_conform::engine::Transport;
use pop3_conform::run::Verdict;
use pop3_proto_fuzz::source::cuts;
use pop3_proto_kit::Cuts;

/// More reads than any response needs, with a flood.
const MOST_READS: usize = 100_000;

/// Runs on a first line with the id of a scenario, then the bytes of the client. Between its lines, the client reads what there is. 0xFF connects once
/// more, 0xFE does the handshake of TLS, and 0xFD stores the message in the last response, or else all of it.
pub fn run(data: &[u8]) {
    let (line, wire) = first_line(data);
    let scenario = chosen(line, scenarios::find, scenarios::all());
    let (expected, verdict) = judged(scenario, wire, Cuts::Whole);
    check(&expected, &verdict);
    for cuts in cuts(line.len() as u8) {
        let (run, seen) = judged(scenario, wire, cuts);
        assert_eq!(seen, verdict, "{}, {cuts:?}", scenario.check.id);
        assert_eq!(lines(&run), lines(&expected), "{}, {cuts:?}", scenario.check.id);
    }
}

fn judged(scenario: &'static Scenario, wire: &[u8], cuts: Cuts) -> (Run, Verdict) {
    let run = play(scenario, |job| {
        for session in wire.split(|octet| *octet == 0xff) {
            talk(job, session, cuts);
        }
        Ended::Code(0)
    });
    let verdict = match scenario.watches {
        true => judge::watch(scenario, &[(0, &run)]),
        false => judge::judge(scenario, &run),
    };
    (run, verdict)
}

/// Runs one session of the client.
fn talk(job: &Job, session: &[u8], mut cuts: Cuts) {
    let mut wire = job.connect(Trusts::Everybody);
    let mut heard = hear(&mut *wire);
    for line in session.split_inclusive(|octet| matches!(octet, b'\n' | 0xfe | 0xfd)) {
        let (text, mark) = match line.split_last() {
            Some((mark @ (0xfe | 0xfd), text)) => (text, Some(*mark)),
            _ => (line, None),
        };
        let mut at = 0;
        while at < text.len() {
            let count = cuts.next(at, text.len() - at);
            // A server that has closed takes nothing more.
            let _ = wire.send(&text[at..at + count]);
            at += count;
        }
        match mark {
            Some(0xfe) => match wire.start_tls() {
                Ok(inside) => wire = inside,
                Err(_) => return,
            },
            Some(_) => job.shelf.store("message", &read::message(&heard).unwrap_or(heard)),
            None => {}
        }
        heard = hear(&mut *wire);
    }
    wire.finish();
    hear(&mut *wire);
}

/// Reads what the server sends now.
fn hear(wire: &mut dyn Transport) -> Vec<u8> {
    let mut heard = Vec::new();
    for _ in 0..MOST_READS {
        if !matches!(wire.receive(&mut heard), Ok(1..)) {
            return heard;
        }
    }
    panic!("the server sends for ever");
}

/// A line of the client, and the response.
type Exchange<'r> = (&'r [u8], &'r [u8]);

/// Returns what was recorded of each session: the lines of the client, and the responses.
fn lines(run: &Run) -> Vec<(&[u8], Vec<Exchange<'_>>)> {
    run.sessions
        .iter()
        .map(|session| {
            let exchanges = session.exchanges.iter();
            (&*session.greeting, exchanges.map(|exchange| (&*exchange.line, &*exchange.answer)).collect())
        })
        .collect()
}

/// Checks the record of a run, and that each offence is in it.
fn check(run: &Run, verdict: &Verdict) {
    for session in &run.sessions {
        let mut at = session.greeting.len() as u64;
        for exchange in &session.exchanges {
            assert!(exchange.at >= at, "responses follow each other");
            at = exchange.at + exchange.answer.len() as u64;
        }
    }
    for offence in verdict.offences() {
        assert!(offence.session < run.sessions.len(), "{offence:?}");
    }
}
