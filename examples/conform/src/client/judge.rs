//! Judges a run: harm on one side, and what the client reported on the other.

use super::serve::{Exchange, Session};
use super::{Ended, Expect, HARMLESS, REFUSED, Run, STORED, Scenario, Tls, read};
use crate::check::{Offence, Why};
use crate::engine::log::Side;
use crate::lab::world::PASSWORD;
use crate::ledger::{self, Weight};
use crate::run::Verdict;

/// Returns whether a file holds this message. Any header lines stand for an empty one, but not those of another message.
fn stores(file: &[u8], message: &[u8], originals: &[Vec<u8>]) -> bool {
    let is_of = |other: &Vec<u8>| lines(file).any(|line| lines(other).any(|known| known == line));
    read::same(file, message, true) && !(message.is_empty() && originals.iter().any(is_of))
}

/// Returns the lines that are not blank.
fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end).filter(|line| !line.is_empty())
}

/// What an offence counts as.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Counts {
    /// Harm: a failure, whatever the rows are.
    Failure,
    /// As the rows of the scenario say.
    AsRows,
    /// What the client reported: a warning.
    Warning,
}

/// Judges what happened under a scenario.
#[must_use]
pub fn judge(scenario: &Scenario, run: &Run) -> Verdict {
    let mut found = Found { run, offences: Vec::new() };
    let last = found.last();
    match &run.ended {
        Ended::Unsupported(reason) => {
            return Verdict::Unsupported(Box::leak(reason.clone().into_boxed_str()));
        }
        Ended::Signal(signal) => {
            found.add(Counts::Failure, format!("the client crashed: signal {signal}"), last);
        }
        Ended::Hung if run.sessions.len() > 2 => {
            return Verdict::Inconclusive(Why::Client(
                "connected again and again: the adapter must make one attempt",
            ));
        }
        // Time decides nothing: a slow client may still work on what it has read.
        Ended::Hung if run.busy || scenario.flood.is_some() => {
            return Verdict::Inconclusive(Why::Client("still read when its time was up: see --timeout"));
        }
        Ended::Hung => {
            found.add(
                Counts::Failure,
                "the client did not end, although nothing more was to come".to_owned(),
                last,
            );
        }
        Ended::Memory => found.add(Counts::AsRows, "the client used too much memory".to_owned(), last),
        Ended::Code(_) => {}
    }
    if found.offences.is_empty() && !bites(scenario, run) {
        return Verdict::Inconclusive(Why::Client("did nothing that shows it"));
    }
    found.files(scenario);
    found.commands(scenario);
    found.expected(scenario);
    found.verdict(scenario)
}

fn bites(scenario: &Scenario, run: &Run) -> bool {
    let twisted = scenario.edit.is_some() || scenario.flood.is_some() || scenario.cuts;
    !twisted || run.bites > 0
}

/// Looks at all sessions of a run, for a watcher.
#[must_use]
pub fn watch(scenario: &Scenario, runs: &[(usize, &Run)]) -> Verdict {
    let mut offences = Vec::new();
    let mut looked = false;
    for (first, run) in runs.iter().filter(|(_, run)| run.legal || !scenario.legal_only) {
        let mut found = Found { run, offences: Vec::new() };
        found.harm(scenario);
        looked |= run.sessions.iter().any(|session| !session.exchanges.is_empty());
        offences.extend(found.offences.into_iter().map(|(_, mut offence)| {
            offence.session += first;
            offence.why = format!("{} (in the scenario {})", offence.why, run.scenario);
            offence
        }));
    }
    match (offences.is_empty(), ledger::weight(scenario.check.rows)) {
        (true, _) if looked => Verdict::Green(super::WELL_FORMED),
        (true, _) => Verdict::Inconclusive(Why::Client("sent no command")),
        (false, Weight::Failure) => Verdict::Fail(offences),
        (false, _) => Verdict::Warn(offences),
    }
}

/// A byte: the session, who sent it, and the offset in what this side sent.
#[derive(Clone, Copy, Debug)]
struct Place {
    session: usize,
    side: Side,
    at: u64,
}

impl Place {
    /// A byte of the server.
    const fn answer(session: usize, at: u64) -> Self {
        Place { session, side: Side::Server, at }
    }

    /// The first byte of a command of the client.
    fn command(number: usize, session: &Session, index: usize) -> Self {
        let before = session.exchanges.iter().take(index);
        let at = before.map(|exchange| exchange.line.len() as u64).sum();
        Place { session: number, side: Side::Client, at }
    }
}

struct Found<'r> {
    run: &'r Run,
    offences: Vec<(Counts, Offence)>,
}

impl Found<'_> {
    fn add(&mut self, counts: Counts, why: String, Place { session, side, at }: Place) {
        self.offences.push((counts, Offence { side, ..Offence::new(why, session, at) }));
    }

    fn last(&self) -> Place {
        let session = self.run.sessions.len().saturating_sub(1);
        let at =
            self.run.sessions.last().and_then(|session| session.exchanges.last()).map_or(0, |last| last.at);
        Place::answer(session, at)
    }

    /// Returns the place of the last such command about this message of the first session, or of the last command of all.
    fn place_about(&self, verb: &str, number: usize) -> Place {
        let wanted = self.run.sessions.first().and_then(|session| session.originals.get(number - 1));
        let about = self.exchanges().filter(|(_, session, _, exchange)| {
            let index = exchange.number().and_then(|number| usize::try_from(number).ok()?.checked_sub(1));
            let original = index.and_then(|index| session.originals.get(index));
            exchange.verb() == verb && original.is_some() && original == wanted
        });
        about.map(|(number, .., exchange)| Place::answer(number, exchange.at)).last().unwrap_or(self.last())
    }

    /// All exchanges: the number of the session, the session, and the place in it.
    fn exchanges(&self) -> impl Iterator<Item = (usize, &Session, usize, &Exchange)> {
        self.run.sessions.iter().enumerate().flat_map(|(number, session)| {
            let exchanges = session.exchanges.iter().enumerate();
            exchanges.map(move |(index, exchange)| (number, session, index, exchange))
        })
    }

    /// Each file must be a message that arrived completely.
    fn files(&mut self, scenario: &Scenario) {
        let complete: Vec<Vec<u8>> =
            self.retrieved().filter_map(|(_, exchange)| read::message(&exchange.answer)).collect();
        let originals = self.run.sessions.first().map_or(&[][..], |session| &session.originals);
        // A changed message is as bad as the rows say. A file of an exchange that failed is always harm.
        let counts = match scenario.expect {
            Expect::Success | Expect::Stored => Counts::AsRows,
            Expect::Error | Expect::Discarded | Expect::Harmless => Counts::Failure,
        };
        let unasked = scenario.unasked.and_then(read::message);
        for file in &self.run.files {
            if complete.iter().any(|message| stores(file, message, originals)) {
                continue;
            }
            // The server broke the order of responses, and a client cannot see that.
            if unasked.as_ref().is_some_and(|message| read::same(file, message, true)) {
                let why = "a response that nobody asked for is stored as a message".to_owned();
                self.add(Counts::Warning, why, self.place_of(file));
                continue;
            }
            let half = complete.iter().chain(originals).any(|message| read::same(file, message, false));
            let (counts, why) = match half {
                true => (
                    Counts::Failure,
                    "half a message, or one without its terminator, is stored as a message".to_owned(),
                ),
                false => (counts, self.difference(file)),
            };
            self.add(counts, why, self.place_of(file));
        }
        for name in &self.run.outside {
            self.add(
                Counts::Failure,
                format!("a file was written outside the folder: {name:?}"),
                self.last(),
            );
        }
    }

    /// The exchanges that fetch messages.
    fn retrieved(&self) -> impl Iterator<Item = (Place, &Exchange)> {
        let fetches = |exchange: &Exchange| matches!(exchange.verb().as_str(), "RETR" | "TOP");
        self.exchanges()
            .filter(move |(.., exchange)| fetches(exchange))
            .map(|(number, .., exchange)| (Place::answer(number, exchange.at), exchange))
    }

    /// Returns where the response that is most like a file differs from it.
    fn like(&self, file: &[u8]) -> Option<(Place, read::Alike)> {
        let likes = self.retrieved().map(|(place, exchange)| {
            let alike = read::alike(&exchange.answer, file);
            (Place { at: place.at + alike.answer as u64, ..place }, alike)
        });
        likes.max_by_key(|(_, alike)| alike.count)
    }

    fn place_of(&self, file: &[u8]) -> Place {
        self.like(file).map_or(self.last(), |(place, _)| place)
    }

    /// Tells how a file differs.
    fn difference(&self, file: &[u8]) -> String {
        let shown =
            |bytes: &[u8]| bytes.iter().copied().take(40).collect::<Vec<u8>>().escape_ascii().to_string();
        match self.like(file).map(|(_, alike)| alike).filter(|alike| alike.count > 0) {
            None => format!("a file is not a message as it was sent: it begins with \"{}\"", shown(file)),
            Some(alike) if alike.file >= file.len() => {
                "a file is not a message as it was sent: it ends at the mark".to_owned()
            }
            Some(alike) => {
                let there = shown(file.get(alike.file..).unwrap_or_default());
                format!("a file is not a message as it was sent: at the mark, it has \"{there}\"")
            }
        }
    }

    /// What no client may send.
    fn commands(&mut self, scenario: &Scenario) {
        let mut offences = Vec::new();
        for (number, session, index, exchange) in self.exchanges() {
            let place = Place::command(number, session, index);
            let outside = scenario.tls != Tls::No && !exchange.tls;
            if shows_password(exchange) && (scenario.no_password || outside) {
                let where_ = if scenario.no_password { "to this server" } else { "outside TLS" };
                offences.push((format!("a password was sent {where_}"), place));
            }
            if exchange.unstored {
                offences.push((format!("{}: this message is not stored", exchange.text()), place));
            }
            if needs_login(exchange) && !pipelined(session, index, exchange) && !logged_in(session, index) {
                offences.push((format!("{}: the login did not succeed", exchange.verb()), place));
            }
        }
        for (why, place) in offences {
            self.add(Counts::Failure, why, place);
        }
        self.harm(scenario);
    }

    /// What this scenario looks at.
    fn harm(&mut self, scenario: &Scenario) {
        let Some(harm) = scenario.harm else { return };
        let found: Vec<(String, Place)> = self
            .exchanges()
            .filter_map(|(number, session, index, exchange)| {
                Some((harm(session, index, exchange)?, Place::command(number, session, index)))
            })
            .collect();
        for (why, place) in found {
            self.add(Counts::AsRows, why, place);
        }
    }

    /// The messages that are missing, and the exit code.
    fn expected(&mut self, scenario: &Scenario) {
        let last = self.last();
        let (missing, arrived) = self.missing();
        let lacking = match scenario.expect {
            Expect::Success => &missing,
            Expect::Stored => &arrived,
            _ => &Vec::new(),
        };
        for number in lacking {
            let place = self.place_about("RETR", *number);
            self.add(Counts::AsRows, format!("message {number} is not stored"), place);
        }
        let stored = self.run.messages.saturating_sub(missing.len());
        if self.run.left + stored < self.run.messages {
            let place = missing.first().map_or(last, |number| self.place_about("DELE", *number));
            self.add(Counts::Failure, "a message was removed, and is not stored".to_owned(), place);
        }
        let missing = missing.len();
        if let (Expect::Discarded, Some(place), 1..) = (scenario.expect, self.login_inside_tls(), missing) {
            self.add(
                Counts::Failure,
                "bytes from before TLS were taken for a response inside it".to_owned(),
                place,
            );
        }
        let Ended::Code(code) = self.run.ended else { return };
        let all_is_well = self.offences.is_empty();
        match (scenario.expect, code) {
            (Expect::Success, 0) if scenario.deletes && self.run.left > 0 => {
                let left = self.run.left;
                self.add(Counts::AsRows, format!("{left} messages are stored, but not removed"), last);
            }
            (Expect::Success, code) if code != 0 && all_is_well => {
                self.add(
                    Counts::Warning,
                    format!("every message is stored, but the exit code is {code}"),
                    last,
                );
            }
            (Expect::Error | Expect::Discarded, 0) if missing > 0 => {
                let why = format!("the exit code is 0, although {missing} messages are not stored");
                self.add(Counts::Warning, why, last);
            }
            (Expect::Error, 0) if scenario.deletes && self.run.left > 0 => {
                let why = format!("the exit code is 0, although {} messages are not removed", self.run.left);
                self.add(Counts::Warning, why, last);
            }
            _ => {}
        }
    }

    /// Returns the place of the first command inside TLS that logs in.
    fn login_inside_tls(&self) -> Option<Place> {
        let is_login =
            |exchange: &Exchange| matches!(exchange.verb().as_str(), "USER" | "PASS" | "APOP" | "AUTH");
        let (number, session, index, _) =
            self.exchanges().find(|(.., exchange)| exchange.tls && is_login(exchange))?;
        Some(Place::command(number, session, index))
    }

    /// Returns the numbers of the messages that are not in the files as they arrived, and which of them did arrive. An empty message
    /// needs no file.
    ///
    /// The numbers are those of the first session. A later one may have others, because messages were removed.
    fn missing(&self) -> (Vec<usize>, Vec<usize>) {
        let originals = self.run.sessions.first().map_or(&[][..], |session| &session.originals);
        let mut stored = vec![(false, false); self.run.messages];
        for (_, session, _, exchange) in self.exchanges().filter(|(.., exchange)| exchange.verb() == "RETR") {
            let Some(message) = read::message(&exchange.answer) else { continue };
            let number = exchange.number().and_then(|number| usize::try_from(number).ok()).unwrap_or(0);
            let original = number.checked_sub(1).and_then(|index| session.originals.get(index));
            let index = originals.iter().position(|first| Some(first) == original);
            if let Some((stored, arrived)) = index.and_then(|index| stored.get_mut(index)) {
                *arrived = true;
                *stored |=
                    message.is_empty() || self.run.files.iter().any(|file| read::same(file, &message, true));
            }
        }
        let missing = (1..).zip(stored).filter(|(_, (stored, _))| !stored);
        let numbers = |(number, _)| number;
        (
            missing.clone().map(numbers).collect(),
            missing.filter(|(_, (_, arrived))| *arrived).map(numbers).collect(),
        )
    }

    fn verdict(self, scenario: &Scenario) -> Verdict {
        let binding = ledger::weight(scenario.check.rows) == Weight::Failure;
        let fails = |counts: &Counts| *counts == Counts::Failure || (*counts == Counts::AsRows && binding);
        let failed = self.offences.iter().any(|(counts, _)| fails(counts));
        let legal = match scenario.expect {
            Expect::Success | Expect::Stored => STORED,
            Expect::Error | Expect::Discarded if self.missing().0.is_empty() => STORED,
            Expect::Error | Expect::Discarded => REFUSED,
            Expect::Harmless => HARMLESS,
        };
        // The failures first: reports show the dialogue of the first offence.
        let mut offences = self.offences;
        offences.sort_by_key(|(counts, _)| !fails(counts));
        let offences: Vec<Offence> = offences.into_iter().map(|(_, offence)| offence).collect();
        match (offences.is_empty(), failed) {
            (true, _) => Verdict::Green(legal),
            (false, true) => Verdict::Fail(offences),
            (false, false) => Verdict::Warn(offences),
        }
    }
}

/// The password in base64, as AUTH sends it: alone, and in the two forms of PLAIN.
const ENCODED: [&str; 3] = ["dGFuc3RhYW", "AG1yb3NlAHRhbnN0YWFm", "bXJvc2UAbXJvc2UAdGFuc3RhYW"];

pub(super) fn shows_password(exchange: &Exchange) -> bool {
    let text = exchange.text();
    matches!(exchange.verb().as_str(), "PASS" | "APOP")
        || text.contains(PASSWORD)
        || ENCODED.iter().any(|encoded| text.contains(encoded))
}

/// RSET changes nothing without a login, so a client may send it before it gives up.
fn needs_login(exchange: &Exchange) -> bool {
    matches!(exchange.verb().as_str(), "STAT" | "LIST" | "UIDL" | "RETR" | "TOP" | "DELE")
}

/// Returns whether it was sent early, as PIPELINING allows: then its sender does not know the result of the login.
fn pipelined(session: &Session, index: usize, exchange: &Exchange) -> bool {
    exchange.early && super::watch::unannounced(session, index, exchange).is_none()
}

/// Returns whether the server has said that the client is logged in, before this exchange.
fn logged_in(session: &Session, before: usize) -> bool {
    let mut challenged = false;
    session.exchanges.iter().take(before).any(|exchange| {
        let is_login = challenged || matches!(exchange.verb().as_str(), "PASS" | "APOP" | "AUTH");
        challenged = exchange.answer.starts_with(b"+ ");
        is_login && exchange.is_ok()
    })
}
