//! What all formats write: verdicts with the baseline applied, and texts that are safe to show.

use super::baseline::Known;
use crate::check::{Legal, Offence};
use crate::engine::log::{Log, Side};
use crate::engine::mark::{self, Shown};
use crate::ledger::{self, Row};
use crate::run::{Outcome, Results, Verdict};
use std::time::Duration;

/// The offences of a check that are shown with a dialogue.
const DIALOGUES: usize = 4;

/// A run, as reports show it.
#[derive(Clone, Debug)]
pub struct Report {
    /// What was tested, as the user named it.
    pub target: String,
    pub took: Duration,
    /// Warnings, inconclusive checks and stale lines count as failures.
    pub strict: bool,
    pub entries: Vec<Entry>,
    /// The lines of the baseline that no red check needs.
    pub stale: Vec<Known>,
}

/// A check and its verdict.
#[derive(Clone, Debug)]
pub struct Entry {
    pub id: &'static str,
    /// What the check asks, in one sentence.
    pub asks: &'static str,
    pub rows: Vec<&'static Row>,
    /// The options that the check needs.
    pub needs: Vec<&'static str>,
    pub legal: &'static [Legal],
    /// The legal answer that was seen.
    pub seen: Option<&'static str>,
    pub kind: Kind,
    /// What was seen, in one line.
    pub said: String,
    /// The reason of the baseline.
    pub known: Option<String>,
    pub faults: Vec<Fault>,
    pub took: Duration,
}

/// The kind of a verdict.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Ok,
    Fail,
    Warn,
    Unsupported,
    Inconclusive,
}

impl Kind {
    pub const ALL: [Kind; 5] = [Kind::Fail, Kind::Warn, Kind::Inconclusive, Kind::Unsupported, Kind::Ok];

    /// Returns the word of machines' formats.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Kind::Ok => "ok",
            Kind::Fail => "fail",
            Kind::Warn => "warn",
            Kind::Unsupported => "unsupported",
            Kind::Inconclusive => "inconclusive",
        }
    }
}

/// An offence.
#[derive(Clone, Debug)]
pub struct Fault {
    pub why: String,
    /// The session, as an index into the log.
    pub session: usize,
    /// Who sent the byte.
    pub side: Side,
    /// The offset of the byte in what this side sent in this session.
    pub at: u64,
    /// The dialogue around it. Only the first few offences of a check have one.
    pub lines: Vec<Line>,
}

/// A line of a dialogue.
#[derive(Clone, Debug)]
pub struct Line {
    pub kind: Speaker,
    /// The offset of its first byte in what this side sent.
    pub at: Option<u64>,
    /// In ASCII, without control characters.
    pub text: String,
    /// What was sent, with the line end. Passwords are masked.
    pub bytes: Vec<u8>,
    /// The column of the mark in `text`.
    pub mark: Option<usize>,
}

/// Who or what a line of a dialogue is from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Speaker {
    Client,
    Server,
    /// Something that happened.
    Event,
    /// Lines that are left out.
    Skipped,
}

impl Report {
    /// Makes the report of a run.
    #[must_use]
    pub fn new(results: &Results) -> Report {
        Report {
            target: printable(&results.target),
            took: results.took,
            strict: false,
            entries: results.outcomes.iter().map(|outcome| Entry::new(outcome, &results.log)).collect(),
            stale: Vec::new(),
        }
    }

    /// Applies a baseline. A line is stale if its check is green, or is not part of a `complete` run.
    pub fn apply(&mut self, baseline: &[Known], complete: bool) {
        for line in baseline {
            match self.entries.iter_mut().find(|entry| entry.id == line.check) {
                Some(entry) if entry.kind == Kind::Ok => self.stale.push(line.clone()),
                Some(entry) => entry.known = Some(printable(&line.reason)),
                None if complete => self.stale.push(line.clone()),
                None => {}
            }
        }
        for line in &mut self.stale {
            *line = Known { check: printable(&line.check), reason: printable(&line.reason) };
        }
    }

    /// Returns whether this entry counts as a failure.
    #[must_use]
    pub fn fails(&self, entry: &Entry) -> bool {
        let red = match entry.kind {
            Kind::Fail => true,
            Kind::Warn | Kind::Inconclusive => self.strict,
            Kind::Ok | Kind::Unsupported => false,
        };
        red && entry.known.is_none()
    }

    /// Returns whether the run failed.
    #[must_use]
    pub fn failed(&self) -> bool {
        self.entries.iter().any(|entry| self.fails(entry)) || (self.strict && !self.stale.is_empty())
    }

    /// Returns the number of verdicts of this kind that the baseline does not name.
    #[must_use]
    pub fn count(&self, kind: Kind) -> usize {
        self.entries.iter().filter(|entry| entry.kind == kind && entry.known.is_none()).count()
    }

    /// Returns the number of verdicts that the baseline names.
    #[must_use]
    pub fn known(&self) -> usize {
        self.entries.iter().filter(|entry| entry.known.is_some()).count()
    }
}

impl Entry {
    fn new(outcome: &Outcome, log: &Log) -> Entry {
        let Outcome { check, verdict, took } = outcome;
        let offences = verdict.offences();
        let (kind, said) = match verdict {
            Verdict::Green(legal) => (Kind::Ok, (*legal).to_owned()),
            Verdict::Unsupported(what) => (Kind::Unsupported, format!("not supported: {what}")),
            Verdict::Inconclusive(why) => (Kind::Inconclusive, why.to_string()),
            Verdict::Fail(_) => (Kind::Fail, first(offences)),
            Verdict::Warn(_) => (Kind::Warn, first(offences)),
        };
        let seen = match verdict {
            Verdict::Green(legal) => Some(*legal),
            _ => None,
        };
        Entry {
            id: check.id,
            asks: check.asks,
            rows: check.rows.iter().filter_map(|id| ledger::row(id)).collect(),
            needs: check.needs.names().collect(),
            legal: check.legal,
            seen,
            kind,
            said: printable(&said),
            known: None,
            faults: faults(offences, log),
            took: *took,
        }
    }

    /// Returns the section that the check belongs to in reports: that of its first row.
    #[must_use]
    pub fn section(&self) -> String {
        self.rows.first().map_or_else(|| "Other".to_owned(), |row| row.section())
    }
}

fn first(offences: &[Offence]) -> String {
    offences.first().map_or_else(String::new, |offence| offence.why.clone())
}

/// Makes the offences of a check ready to show.
#[must_use]
pub fn faults(offences: &[Offence], log: &Log) -> Vec<Fault> {
    let fault = |(index, offence): (usize, &Offence)| Fault {
        why: printable(&offence.why),
        session: offence.session,
        side: offence.side,
        at: offence.at,
        lines: if index < DIALOGUES { lines(offence, log) } else { Vec::new() },
    };
    offences.iter().enumerate().map(fault).collect()
}

fn lines(offence: &Offence, log: &Log) -> Vec<Line> {
    let line = |shown| match shown {
        Shown::Line { side, at, text, mark } => Line {
            kind: if side == Side::Client { Speaker::Client } else { Speaker::Server },
            at: Some(at),
            text,
            bytes: raw(log, offence.session, side, at),
            mark,
        },
        Shown::Event(event) => plain(Speaker::Event, event.to_owned()),
        Shown::Skipped(count) => plain(Speaker::Skipped, format!("{count} lines")),
    };
    mark::dialogue(log, offence).lines.into_iter().map(line).collect()
}

fn plain(kind: Speaker, text: String) -> Line {
    Line { kind, at: None, text, bytes: Vec::new(), mark: None }
}

/// Returns the line that begins at this offset.
fn raw(log: &Log, session: usize, side: Side, at: u64) -> Vec<u8> {
    let pieces = log.sessions.get(session).map_or(&[][..], |record| &record.pieces);
    let rest = pieces.iter().filter(|piece| piece.side == side).find_map(|piece| {
        let from = usize::try_from(at.checked_sub(piece.at)?).ok()?;
        piece.bytes.get(from..).filter(|rest| !rest.is_empty())
    });
    let line = rest.and_then(|rest| rest.split_inclusive(|byte| *byte == b'\n').next());
    line.unwrap_or_default().to_vec()
}

/// Escapes the characters that terminals obey, that XML forbids, or that change the direction of text.
#[must_use]
pub fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for char in text.chars() {
        let turns =
            matches!(char, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        let forbidden = matches!(char, '\u{2028}' | '\u{2029}' | '\u{fffe}' | '\u{ffff}');
        match char.is_control() || turns || forbidden {
            true => shown.extend(char.escape_default()),
            false => shown.push(char),
        }
    }
    shown
}
