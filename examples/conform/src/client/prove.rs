//! Proves the scenarios, in memory: two good clients are green in each, and each is red with the clients that are broken on purpose.

use super::broken::Flaw;
use super::run::{Job, play};
use super::{Ended, Scenario, good, judge, naive, scenarios};
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
    for scenario in selected {
        let id = scenario.check.id;
        let habits =
            Flaw::HABITS.iter().map(|(name, habit)| (*name, under(scenario, &|job| naive::run(*habit, job))));
        for (name, verdict) in std::iter::once(("the good client", under(scenario, &good::run))).chain(habits)
        {
            // A client that does nothing there is not judged, but the two plain ones are.
            let is_open = matches!(verdict, Verdict::Inconclusive(_)) && !name.starts_with("the ");
            if !verdict.is_green() && !is_open {
                proof.faults.push(format!("{id}: not green with {name}: {verdict:?}"));
            }
        }
        if scenario.broken.is_empty() {
            proof.faults.push(format!("{id}: no broken client is red"));
        }
    }
    for (flaw, words) in Flaw::ALL {
        let (mut red, mut open) = (Vec::new(), Vec::new());
        for scenario in selected {
            let id = scenario.check.id;
            let verdict = under(scenario, &|job| naive::run(*flaw, job));
            match verdict.is_red() {
                true => red.push(id),
                false if scenario.broken.contains(flaw) => {
                    proof.faults.push(format!("{id}: not red with {flaw:?}: {verdict:?}"));
                }
                false if !verdict.is_green() => open.push(id),
                false => {}
            }
        }
        if red.is_empty() && selected.len() == scenarios::all().count() {
            proof.faults.push(format!("{flaw:?}: green everywhere"));
        }
        let _ = write!(proof.matrix, "{flaw:?} {words:?}; red: {}", red.join(" "));
        if !open.is_empty() {
            let _ = write!(proof.matrix, "; no verdict: {}", open.join(" "));
        }
        proof.matrix.push('\n');
    }
    proof
}
