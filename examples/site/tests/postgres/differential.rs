//! The same statements, one at a time, in PostgreSQL and in the model of the simulation.

use crate::kit::Postgres;
use crate::model::{Model, Outcome, Row, Statement};
use crate::pair::{Few, Pair, ask, rounded, run};
use std::collections::BTreeSet;

#[tokio::test]
async fn the_model_does_what_postgres_does() {
    let postgres = Postgres::start(&[]);
    let mut seen = BTreeSet::new();
    for seed in 1..=6 {
        let mut pair = Pair::new(&postgres, seed, Few { maildrops: 3, ids: 8 }).await;
        for number in 0..400 {
            step(&mut pair, &mut seen)
                .await
                .unwrap_or_else(|error| panic!("seed {seed}, step {number}: {error}"));
        }
    }
    for expected in SEEN {
        assert!(seen.contains(expected), "never happened: {expected}; seen: {seen:?}");
    }
}

/// What must have happened: a statement, the state of its maildrop, and the result.
const SEEN: [&str; 36] = [
    "acquire, new: true",
    "acquire, released: true",
    "acquire, expired: true",
    "acquire, held: false",
    "acquire, moved: false",
    "acquire, missing: false",
    "snapshot, held: no messages",
    "snapshot, held: messages",
    "snapshot, held: refused",
    "snapshot, expired: messages",
    "snapshot, released: messages",
    "snapshot, moved: messages",
    "snapshot, missing: refused",
    "renew: some",
    "renew: none",
    "release: done",
    "commit, held: true",
    "commit, held: false",
    "commit, held: error",
    "commit, expired: true",
    "commit, released: true",
    "commit, moved: false",
    "commit, missing: false",
    "left: none",
    "left: some",
    "announce: done",
    "arrive, held: true",
    "arrive, held: false",
    "arrive, held: error",
    "arrive, moved: false",
    "arrive, missing: false",
    "has arrived: true",
    "has arrived: false",
    "doom: some",
    "doom: none",
    "forget: done",
];

/// Runs a statement in both, or sets the same times in both.
async fn step(pair: &mut Pair, seen: &mut BTreeSet<String>) -> Result<(), String> {
    if pair.rng.u32(0..4) == 0 {
        pair.set_times().await;
        return Ok(());
    }
    let statement = pair.statement();
    let kind = kind(&statement, &pair.model);
    let (expected, got) = (run(&mut pair.model, &statement), ask(&pair.database, &statement).await);
    seen.insert(label(&kind, expected.as_ref()));
    if expected != got {
        return Err(format!("{statement:?}: the model has {expected:?}, PostgreSQL has {got:?}"));
    }
    let (expected, got) = (rounded(&pair.model), pair.tables().await);
    match expected == got {
        true => Ok(()),
        false => Err(format!("after {statement:?}: the model has {expected:?}, PostgreSQL has {got:?}")),
    }
}

/// Returns the kind of a statement, the state of its maildrop before it, and the kind of its result.
fn label(statement: &str, outcome: Option<&Outcome>) -> String {
    let result = match outcome {
        None => "error",
        Some(Outcome::Truth(true)) => "true",
        Some(Outcome::Truth(false)) => "false",
        Some(Outcome::Tokens(tokens)) if tokens.is_empty() => "none",
        Some(Outcome::Ids(ids)) if ids.is_empty() => "none",
        Some(Outcome::Count(0)) => "none",
        Some(Outcome::Count(_) | Outcome::Tokens(_) | Outcome::Ids(_)) => "some",
        Some(Outcome::Listing(None)) => "refused",
        Some(Outcome::Listing(Some(listing))) if listing.ids().count() == 0 => "no messages",
        Some(Outcome::Listing(Some(_))) => "messages",
        Some(Outcome::Done | Outcome::Body(_)) => "done",
    };
    format!("{statement}: {result}")
}

fn kind(statement: &Statement, model: &Model) -> String {
    let (name, maildrop) = match statement {
        Statement::Acquire(lease) => ("acquire", Some(lease.maildrop)),
        Statement::Snapshot(lease) => ("snapshot", Some(lease.maildrop)),
        Statement::Commit(lease, _) => ("commit", Some(lease.maildrop)),
        Statement::Arrive(maildrop, ..) => ("arrive", Some(*maildrop)),
        Statement::Renew(_) => ("renew", None),
        Statement::Release(_) => ("release", None),
        Statement::Left(..) => ("left", None),
        Statement::Announce(_) => ("announce", None),
        Statement::HasArrived(..) => ("has arrived", None),
        Statement::Doom(_) => ("doom", None),
        Statement::Forget(_) => ("forget", None),
    };
    let state = maildrop.map(|maildrop| match model.maildrops.get(&maildrop) {
        None => ", missing",
        Some(Row { moved: true, .. }) => ", moved",
        Some(Row { holder: None, .. }) => ", new",
        Some(Row { expires: None, .. }) => ", released",
        Some(row) if row.expires <= Some(model.now) => ", expired",
        Some(_) => ", held",
    });
    format!("{name}{}", state.unwrap_or_default())
}
