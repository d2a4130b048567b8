//! Runs of a simulation, and the shortest schedule that still fails.

use crate::events::Events;
use crate::judge::Failure;
use crate::nodes::{Settings, Simulation};
use crate::roles::{LEASE, Role, Visit};
use crate::schedule::{Action, Chooser};
use crate::variants::Variant;

/// How a run ended.
pub(crate) struct Run {
    pub(crate) settings: Settings,
    pub(crate) schedule: Vec<Action>,
    pub(crate) failure: Option<Failure>,
    pub(crate) events: Events,
}

/// Runs a simulation of this many steps, and lets it recover.
pub(crate) fn run(seed: u64, steps: usize, variant: Variant) -> Run {
    let mut chooser = Chooser::new(seed, variant);
    let settings = chooser.settings();
    let mut simulation = Simulation::new(settings);
    while simulation.schedule.len() < steps && simulation.failure().is_none() {
        let action = chooser.choose(&simulation);
        simulation.perform(action);
    }
    if simulation.failure().is_none() {
        simulation.finish();
    }
    let events = simulation.world.lock().unwrap().judge.events.clone();
    Run { settings, failure: simulation.failure(), schedule: simulation.schedule, events }
}

/// Runs a schedule, and lets it recover if it has to. Returns how it failed, and what happened if somebody wants to read it.
fn replay(
    settings: Settings,
    schedule: &[Action],
    recovers: bool,
    story: Option<Vec<String>>,
) -> (Option<Failure>, Vec<String>) {
    let mut simulation = Simulation::new(settings);
    simulation.world.lock().unwrap().story = story;
    for action in schedule {
        simulation.perform(*action);
        if simulation.failure().is_some() {
            break;
        }
    }
    if recovers && simulation.failure().is_none() {
        simulation.finish();
    }
    let story = simulation.world.lock().unwrap().story.take();
    (simulation.failure(), story.unwrap_or_default())
}

/// Returns the story of the shortest schedule found that breaks the same promise.
pub(crate) fn explain(run: &Run) -> String {
    let Some(failure) = &run.failure else { return "no failure".into() };
    let fails = |schedule: &[Action], recovers: bool| {
        let (found, _) = replay(run.settings, schedule, recovers, None);
        found.is_some_and(|found| found.promise == failure.promise)
    };
    // Most failures need no recovery, and are easier to read without.
    let recovers = !fails(&run.schedule, false);
    let schedule = shrink(run.schedule.clone(), |schedule| fails(schedule, recovers));
    let (found, story) = replay(run.settings, &schedule, recovers, Some(Vec::new()));
    let text = found.map_or(String::new(), |failure| failure.text);
    let Settings { seed, nodes, maildrops, variant } = run.settings;
    format!(
        "seed {seed}, {variant:?}, {nodes} nodes, {maildrops} maildrops, {} of {} actions:\n{}\nBROKEN {}: {text}\n",
        schedule.len(),
        run.schedule.len(),
        story.join("\n"),
        failure.promise,
    )
}

/// Removes and simplifies actions for as long as the schedule fails.
fn shrink(mut schedule: Vec<Action>, still_fails: impl Fn(&[Action]) -> bool) -> Vec<Action> {
    loop {
        let before = schedule.clone();
        let mut size = schedule.len().div_ceil(2);
        while size > 0 {
            schedule = without_parts(schedule, size, &still_fails);
            size /= 2;
        }
        for at in 0..schedule.len() {
            for simpler in simpler(schedule[at]) {
                let complex = std::mem::replace(&mut schedule[at], simpler);
                if !still_fails(&schedule) {
                    schedule[at] = complex;
                }
            }
        }
        if schedule == before {
            return schedule;
        }
    }
}

fn without_parts(
    mut schedule: Vec<Action>,
    size: usize,
    still_fails: &impl Fn(&[Action]) -> bool,
) -> Vec<Action> {
    let mut at = 0;
    while at < schedule.len() {
        let end = schedule.len().min(at + size);
        let shorter = [&schedule[..at], &schedule[end..]].concat();
        match still_fails(&shorter) {
            true => schedule = shorter,
            false => at = end,
        }
    }
    schedule
}

/// Returns actions that do less.
fn simpler(action: Action) -> Vec<Action> {
    match action {
        Action::Begin { task, node, role } => {
            let mut simpler: Vec<Action> = (0..node).map(|node| Action::Begin { task, node, role }).collect();
            if let Role::Session(visit) = role {
                let all = visit.marks.map(|_| u8::MAX);
                for visit in [
                    Visit { stays: 0, ..visit },
                    Visit { reads: false, ..visit },
                    Visit { marks: all, ..visit },
                ] {
                    simpler.push(Action::Begin { task, node, role: Role::Session(visit) });
                }
            }
            simpler
        }
        Action::Apply(name) | Action::Answer(name) => vec![Action::Run(name)],
        Action::Pass(_) => vec![Action::Pass(LEASE + 1)],
        _ => Vec::new(),
    }
}
