//! Proves the scenarios, in memory: two good clients are green in each, and each is red with the clients that are broken on purpose.

use super::broken::Flaw;
use super::run::{Job, play};
use super::{Ended, Scenario, good, judge, naive, scenarios};
use crate::pool;
use crate::prove::Proof;
use crate::run::Verdict;
use std::fmt::Write as _;

/// Judges a client of this process under a scenario. A watcher looks at the base scenario, and at that of deletion.
pub fn under(scenario: &'static Scenario, client: &dyn Fn(&Job) -> Ended) -> Verdict {
    if !scenario.watches {
        return judge::judge(scenario, &play(scenario, client));
    }
    let runs: Vec<_> = ["base", "delete.base"]
        .into_iter()
        .filter_map(scenarios::find)
        .map(|scenario| play(scenario, client))
        .collect();
    judge::watch(scenario, &runs.iter().map(|run| (0, run)).collect::<Vec<_>>())
}

/// Proves these scenarios. The matrix has a line for each broken client, with all scenarios in which it is red.
#[must_use]
pub fn prove(selected: &[&'static Scenario]) -> Proof {
    let mut proof = Proof { checks: selected.len(), twists: Flaw::ALL.len(), ..Proof::default() };
    proof.faults.extend(pool::map(selected, |scenario| with_good_clients(scenario)).into_iter().flatten());
    for (line, faults) in pool::map(Flaw::ALL, |(flaw, words)| with_broken_client(*flaw, words, selected)) {
        proof.matrix.push_str(&line);
        proof.faults.extend(faults);
    }
    proof
}

/// Returns what is wrong with a scenario, as far as good clients show it.
fn with_good_clients(scenario: &'static Scenario) -> Vec<String> {
    let id = scenario.check.id;
    let mut faults = Vec::new();
    let habits =
        Flaw::HABITS.iter().map(|(name, habit)| (*name, under(scenario, &|job| naive::run(*habit, job))));
    for (name, verdict) in std::iter::once(("the good client", under(scenario, &good::run))).chain(habits) {
        // A client that does nothing there is not judged, but the two plain ones are.
        let is_open = matches!(verdict, Verdict::Inconclusive(_)) && !name.starts_with("the ");
        if !verdict.is_green() && !is_open {
            faults.push(format!("{id}: not green with {name}: {verdict:?}"));
        }
    }
    if scenario.broken.is_empty() {
        faults.push(format!("{id}: no broken client is red"));
    }
    faults
}

/// Returns the line of a broken client in the matrix, and the faults that it shows.
fn with_broken_client(flaw: Flaw, words: &str, selected: &[&'static Scenario]) -> (String, Vec<String>) {
    let (mut red, mut open, mut faults) = (Vec::new(), Vec::new(), Vec::new());
    for scenario in selected {
        let id = scenario.check.id;
        let verdict = under(scenario, &|job| naive::run(flaw, job));
        match verdict.is_red() {
            true => red.push(id),
            false if scenario.broken.contains(&flaw) => {
                faults.push(format!("{id}: not red with {flaw:?}: {verdict:?}"));
            }
            false if !verdict.is_green() => open.push(id),
            false => {}
        }
    }
    if red.is_empty() && selected.len() == scenarios::all().count() {
        faults.push(format!("{flaw:?}: green everywhere"));
    }
    let mut line = format!("{flaw:?} {words:?}; red: {}", red.join(" "));
    if !open.is_empty() {
        let _ = write!(line, "; no verdict: {}", open.join(" "));
    }
    line.push('\n');
    (line, faults)
}
