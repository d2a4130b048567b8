//! The checks of `pop3-conform` against a server that sends anything in place of some responses.

use pop3_conform::check::{Check, Why};
use pop3_conform::engine::{Dial, Transport};
use pop3_conform::lab::Lab;
use pop3_conform::lab::between::InMemory;
use pop3_conform::lab::world::{PASSWORD, SECOND_PASSWORD};
use pop3_conform::report::{FORMATS, Report, Style};
use pop3_conform::run::{self, Results, Verdict};
use pop3_conform::{checks, engine::mark};
use pop3_proto_fuzz::source::random;
use pop3_proto_kit::Cuts;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;
use std::time::Duration;

/// More reads than any check needs.
const MOST_READS: usize = 100_000;

/// Runs on a first line with the id of a check, then what the server sends in place of each response, with 0xFF after each. If it is empty, the
/// good server answers. 0xFE is the end of the stream, and 0xFD means that nothing arrives in time.
pub fn run(data: &[u8]) {
    let (line, responses) = first_line(data);
    let check = chosen(line, checks::find, checks::all());
    let expected = play(check, responses, Cuts::Whole);
    test(&expected);
    let seed = line.iter().fold(responses.len() as u8, |sum, octet| sum.wrapping_add(*octet));
    let cuts = random(seed);
    let seen = play(check, responses, cuts);
    // The verdict of this check depends on what has arrived before the handshake. It does not wait for more.
    if check.id != "stls.injected" {
        assert_eq!(seen.outcomes[0].verdict, expected.outcomes[0].verdict, "{}, {cuts:?}", check.id);
    }
}

/// Returns the first line, and the rest.
pub(crate) fn first_line(data: &[u8]) -> (&[u8], &[u8]) {
    let end = data.iter().position(|octet| *octet == b'\n').unwrap_or(data.len());
    (&data[..end], data.get(end + 1..).unwrap_or_default())
}

/// Returns the one with this id, or any other one.
pub(crate) fn chosen<T>(
    id: &[u8],
    find: fn(&str) -> Option<&'static T>,
    all: impl Iterator<Item = &'static T>,
) -> &'static T {
    let sum: usize = id.iter().map(|octet| usize::from(*octet)).sum();
    let all: Vec<&T> = all.collect();
    std::str::from_utf8(id).ok().and_then(find).unwrap_or(all[sum % all.len()])
}

fn play(check: &'static Check, responses: &[u8], cuts: Cuts) -> Results {
    let parts = responses.split(|octet| *octet == 0xff).map(<[u8]>::to_vec).collect();
    let script = Rc::new(RefCell::new(Script { parts, cuts, reads: 0 }));
    let dial = Hostile { good: InMemory::new(None), script };
    thread_local!(static FACTS: Rc<pop3_conform::lab::Facts> = Rc::new(InMemory::facts()));
    let mut lab = Lab::new(Box::new(dial), FACTS.with(Rc::clone));
    run::run("fuzz", &[check], &mut lab, |_| {})
}

/// Checks a verdict and its reports.
fn test(results: &Results) {
    let verdict = &results.outcomes[0].verdict;
    if let Verdict::Inconclusive(Why::Kit(fault)) = verdict {
        let is_servers = fault.contains("is refusal");
        assert!(is_servers, "{}: {fault}", results.outcomes[0].check.id);
    }
    for offence in verdict.offences() {
        assert!(offence.session < results.log.sessions.len(), "{offence:?}");
        assert!(!mark::dialogue(&results.log, offence).lines.is_empty(), "{offence:?} without a dialogue");
    }
    let report = Report::new(results);
    for (name, write) in FORMATS {
        let mut text = Vec::new();
        write(&report, Style::default(), &mut text).expect("memory");
        let text = String::from_utf8(text).expect("text");
        for secret in [PASSWORD, SECOND_PASSWORD] {
            assert!(!shows(&text, secret), "{name} shows {secret}: {text}");
        }
    }
}

/// Returns whether a text has a secret. A tab before the rest of one is escaped, and ends in its first letter.
fn shows(text: &str, secret: &str) -> bool {
    text.match_indices(secret).any(|(at, _)| !text[..at].ends_with('\\'))
}

/// What the server sends, over all sessions.
struct Script {
    parts: VecDeque<Vec<u8>>,
    cuts: Cuts,
    reads: usize,
}

struct Hostile {
    good: InMemory,
    script: Rc<RefCell<Script>>,
}

impl Dial for Hostile {
    fn dial(&mut self) -> io::Result<Box<dyn Transport>> {
        let script = Rc::clone(&self.script);
        let mut stream =
            Stream { good: self.good.dial()?, script, output: Vec::new(), at: 0, is_over: false };
        stream.answer();
        Ok(Box::new(stream))
    }

    fn pause(&mut self, _: u32) {}

    fn idle(&mut self, _: Duration) {}

    fn fill(&mut self) -> Result<(), String> {
        self.good.fill()
    }
}

struct Stream {
    good: Box<dyn Transport>,
    script: Rc<RefCell<Script>>,
    output: Vec<u8>,
    at: usize,
    /// The stream ends after the output.
    is_over: bool,
}

impl Stream {
    /// Queues the next response: the good server's, or another.
    fn answer(&mut self) {
        let part = self.script.borrow_mut().parts.pop_front().unwrap_or_default();
        let mut good = Vec::new();
        while matches!(self.good.receive(&mut good), Ok(1..)) {}
        match part.split_last() {
            None => self.output.append(&mut good),
            Some((0xfe, part)) => {
                self.output.extend_from_slice(part);
                self.is_over = true;
            }
            Some((0xfd, part)) => self.output.extend_from_slice(part),
            Some(_) => self.output.extend_from_slice(&part),
        }
    }
}

impl Transport for Stream {
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        for line in bytes.split_inclusive(|octet| *octet == b'\n') {
            self.good.send(line)?;
            if line.ends_with(b"\n") && !self.is_over {
                self.answer();
            }
        }
        Ok(())
    }

    fn receive(&mut self, into: &mut Vec<u8>) -> io::Result<usize> {
        let mut script = self.script.borrow_mut();
        script.reads += 1;
        assert!(script.reads < MOST_READS, "the check reads for ever");
        let left = self.output.len() - self.at;
        if left == 0 {
            return if self.is_over { Ok(0) } else { self.good.receive(into) };
        }
        let count = script.cuts.next(self.at, left);
        into.extend_from_slice(&self.output[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }

    fn finish(&mut self) {
        self.good.finish();
    }

    fn start_tls(self: Box<Self>) -> io::Result<Box<dyn Transport>> {
        let Stream { good, script, output, at, is_over } = *self;
        Ok(Box::new(Stream { good: good.start_tls()?, script, output, at, is_over }))
    }
}
