//! A site in a simulation: the rules of `Site` and `Keeper` run as they are, over a database, an object store, a network and a clock of
//! which a seed decides everything. After each step, a judge checks what a site promises.
//!
//! `SEED=7` runs one seed, and `STEPS=1000000` runs that many steps. A failing seed prints the shortest schedule found that still fails.

mod events;
mod judge;
mod leases;
mod link;
#[path = "../model/mod.rs"]
mod model;
mod nodes;
#[path = "../kit/promise.rs"]
mod promise;
mod roles;
mod run;
mod schedule;
mod variants;
mod world;

use promise::Promise;
use run::{explain, run};
use std::time::Instant;
use variants::Variant;

/// How many steps a seed has, and how many steps a test runs.
const LENGTH: usize = 2_000;
const STEPS: usize = 1_000_000;

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is not a number: {text}")))
}

#[test]
fn a_site_keeps_its_promises_through_every_schedule() {
    let steps = number("STEPS").map_or(STEPS, |steps| usize::try_from(steps).unwrap());
    let runs: Vec<(u64, usize)> = match number("SEED") {
        Some(seed) => vec![(seed, if number("STEPS").is_some() { steps } else { LENGTH })],
        None => (1..=steps.div_ceil(LENGTH) as u64).map(|seed| (seed, LENGTH)).collect(),
    };
    let (mut events, mut total, begin) = (events::Events::default(), 0, Instant::now());
    for (seed, length) in &runs {
        let run = run(*seed, *length, Variant::Right);
        assert!(run.failure.is_none(), "{}", explain(&run));
        events.add(&run.events);
        total += run.schedule.len();
    }
    println!("{total} steps, {:.0} a second", total as f64 / begin.elapsed().as_secs_f64());
    for (event, count) in events.iter() {
        println!("{count:>9}  {event}");
        assert!(count > 0 || total < STEPS, "never happened: {event}");
    }
}

#[test]
fn a_seed_means_the_same_in_each_run() {
    for seed in 1..=20 {
        let [first, second] = [(); 2].map(|()| run(seed, LENGTH, Variant::Right));
        assert!(first.schedule == second.schedule, "seed {seed}");
    }
}

/// Each wrong rule, the promise that it breaks, and the maximum number of seeds that it takes.
const WRONG: [(Variant, Promise, u64); 12] = [
    (Variant::CheckFirst, Promise::Fenced, 100),
    (Variant::BodyFirst, Promise::Bodied, 100),
    (Variant::OneView, Promise::Current, 100),
    (Variant::ObjectAge, Promise::Bodied, 100),
    (Variant::SameToken, Promise::Unique, 100),
    (Variant::AnyHolder, Promise::Current, 100),
    (Variant::NothingAsked, Promise::Truthful, 100),
    (Variant::ArrivalAssumed, Promise::Delivered, 100),
    (Variant::ArrivalDenied, Promise::Refused, 100),
    (Variant::OneByOne, Promise::Whole, 100),
    (Variant::OtherSize, Promise::Sized, 100),
    (Variant::NothingForgotten, Promise::Recovers, 100),
];

#[test]
fn each_wrong_rule_is_found() {
    for (variant, promise, seeds) in WRONG {
        let breaks = |seed: &u64| {
            run(*seed, LENGTH, variant).failure.is_some_and(|failure| failure.promise == promise)
        };
        let first = (1..=seeds).find(breaks);
        let first = first.unwrap_or_else(|| panic!("{variant:?}: {seeds} seeds do not break {promise}"));
        let story = explain(&run(first, LENGTH, variant));
        println!("{story}");
        assert!(story.lines().count() < 100, "{variant:?}: the story is long: {story}");
    }
}
