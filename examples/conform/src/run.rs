//! Runs checks, and turns what they saw into verdicts.

use crate::check::{Check, Finding, Needs, Offence, Probe, Seen, Why};
use crate::checks::{self, dialogues};
use crate::engine::{Log, Stop};
use crate::lab::Lab;
use crate::ledger::{self, Weight};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// What a check comes to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// This legal answer was seen.
    Green(&'static str),
    /// A binding row is violated.
    Fail(Vec<Offence>),
    /// A recommendation is not followed.
    Warn(Vec<Offence>),
    /// The server need not have this.
    Unsupported(&'static str),
    /// There is no verdict.
    Inconclusive(Why),
}

impl Verdict {
    /// Returns whether an offence was seen.
    #[must_use]
    pub const fn is_red(&self) -> bool {
        matches!(self, Verdict::Fail(_) | Verdict::Warn(_))
    }

    #[must_use]
    pub const fn is_green(&self) -> bool {
        matches!(self, Verdict::Green(_))
    }

    /// Returns the word of a report.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Verdict::Green(_) => "ok",
            Verdict::Fail(_) => "FAIL",
            Verdict::Warn(_) => "warn",
            Verdict::Unsupported(_) => "unsupported",
            Verdict::Inconclusive(_) => "inconclusive",
        }
    }

    /// Returns the offences, in order. Reports show the first as a dialogue.
    #[must_use]
    pub fn offences(&self) -> &[Offence] {
        match self {
            Verdict::Fail(offences) | Verdict::Warn(offences) => offences,
            _ => &[],
        }
    }
}

/// A check and its verdict.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub check: &'static Check,
    pub verdict: Verdict,
    pub took: Duration,
}

/// The result of a run: what all reports are made of.
#[derive(Clone, Debug)]
pub struct Results {
    /// What was tested, as the user named it.
    pub target: String,
    pub outcomes: Vec<Outcome>,
    pub log: Log,
    pub took: Duration,
}

impl Results {
    /// Adds what was found at the same time in another lab. The checks are in the order of reports again.
    #[must_use]
    pub fn with(mut self, mut other: Results) -> Results {
        let sessions = self.log.sessions.len();
        for outcome in &mut other.outcomes {
            if let Verdict::Fail(offences) | Verdict::Warn(offences) = &mut outcome.verdict {
                offences.iter_mut().for_each(|offence| offence.session += sessions);
            }
        }
        self.log.sessions.append(&mut other.log.sessions);
        self.outcomes.append(&mut other.outcomes);
        let place = |check: &Check| checks::all().position(|other| std::ptr::eq(other, check));
        self.outcomes.sort_by_key(|outcome| place(outcome.check));
        self.took = self.took.max(other.took);
        self
    }

    /// Returns the number of checks with this word.
    #[must_use]
    pub fn count(&self, word: &str) -> usize {
        self.outcomes.iter().filter(|outcome| outcome.verdict.word() == word).count()
    }
}

/// Runs these checks. Watchers are last, because they look at the sessions of the others. `done` is called after each check.
pub fn run(
    target: &str,
    checks: &[&'static Check],
    lab: &mut Lab,
    mut done: impl FnMut(&Outcome),
) -> Results {
    let began = Instant::now();
    let mut order: Vec<&'static Check> = checks.to_vec();
    order.sort_by_key(|check| (matches!(check.probe, Probe::Watch(_)), check.needs.rank()));
    if order.iter().any(|check| matches!(check.probe, Probe::Watch(_))) {
        // If it is not complete, the watchers look at what there is.
        let _ = walk(lab);
    }
    let mut outcomes = Vec::new();
    for check in order {
        let began = Instant::now();
        let verdict = verdict(check, judge(check, lab));
        let outcome = Outcome { check, verdict, took: began.elapsed() };
        done(&outcome);
        outcomes.push(outcome);
    }
    let place = |check: &Check| checks.iter().position(|other| std::ptr::eq(*other, check));
    outcomes.sort_by_key(|outcome| place(outcome.check));
    Results { target: target.to_owned(), outcomes, log: lab.log(), took: began.elapsed() }
}

/// Runs one check in this lab.
pub fn judge(check: &'static Check, lab: &mut Lab) -> Seen {
    if let Some(lack) = check.needs.lacks(lab.facts.given) {
        let absent = checks::absent::absent(check, lab).map(Finding::Absent);
        return Err(absent.unwrap_or(Finding::Open(Why::Needs(lack))));
    }
    let fills =
        check.needs.has(Needs::FILL) || (check.needs.has(Needs::MARKS) && lab.facts.given.has(Needs::FILL));
    if fills {
        lab.fill()?;
    }
    let seen = match check.probe {
        Probe::Ask(probe) => catch_unwind(AssertUnwindSafe(|| probe(lab)))
            .unwrap_or_else(|_| Err(Finding::Open(Why::Kit("the check panicked".to_owned())))),
        Probe::Play(dialogue) => dialogues::play(dialogue, lab),
        Probe::Watch(_) => watch(check, lab),
    };
    match seen {
        Ok(name) if !check.legal.iter().any(|legal| legal.name == name) => {
            Err(Finding::Open(Why::Kit(format!("{name:?} is not among the legal answers"))))
        }
        Err(Finding::Wrong(offences)) if offences.is_empty() => {
            Err(Finding::Open(Why::Kit("wrong, without an offence".to_owned())))
        }
        Err(Finding::Wrong(mut offences)) => {
            // They may quote the server.
            offences.iter_mut().for_each(|offence| offence.why = lab.masked(&offence.why));
            Err(Finding::Wrong(offences))
        }
        seen => seen,
    }
}

fn watch(check: &Check, lab: &Lab) -> Seen {
    let Probe::Watch(look) = check.probe else { return Err(Finding::Open(Why::Silent)) };
    let (mut offences, mut legal) = (Vec::new(), None);
    lab.each_line(|line| match look(line) {
        // The rarest legal answer is the one to name: the last in the list of the check.
        Ok(name) => {
            let place = |name: Option<&str>| check.legal.iter().position(|legal| Some(legal.name) == name);
            if place(name) > place(legal) {
                legal = name;
            }
        }
        Err((byte, why)) => offences.push(line.wrong(byte, why)),
    });
    match (offences.is_empty(), legal) {
        (false, _) => Err(Finding::Wrong(offences)),
        (true, Some(legal)) => Ok(legal),
        (true, None) => Err(Finding::Open(Why::Mailbox("no line that this check looks at"))),
    }
}

/// A session with each command that changes nothing, for the watchers.
pub(crate) fn walk(lab: &mut Lab) -> Result<(), Stop> {
    let mut session = lab.connect()?;
    session.ask("CAPA")?;
    session.ask("NOOP")?;
    drop(session);
    if lab.facts.user.is_empty() {
        return Ok(());
    }
    let mut session = lab.login()?;
    for command in ["CAPA", "STAT", "LIST", "LIST 1", "UIDL", "UIDL 1", "TOP 1 0", "RETR 1", "NOOP"] {
        if session.ask(command)?.is_err() && session.refusals() >= 3 {
            break;
        }
    }
    Ok(())
}

/// Turns what a check saw into a verdict: the level of its rows decides what an offence counts as.
#[must_use]
pub fn verdict(check: &Check, seen: Seen) -> Verdict {
    match seen {
        Ok(legal) => Verdict::Green(legal),
        Err(Finding::Absent(what)) => Verdict::Unsupported(what),
        Err(Finding::Open(why)) => Verdict::Inconclusive(why),
        Err(Finding::Wrong(offences)) => match ledger::weight(check.rows) {
            Weight::Failure => Verdict::Fail(offences),
            Weight::Warning | Weight::Nothing => Verdict::Warn(offences),
        },
    }
}
