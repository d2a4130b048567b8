//! Statements that run at the same time in PostgreSQL. There must be an order in which the model does the same one after another,
//! because the simulation runs them so.

use crate::kit::{Postgres, pool};
use crate::model::{Model, Outcome, State, Statement};
use crate::pair::{Few, Pair, Tables, ask, database, rounded, run};
use deadpool_postgres::Pool;
use pop3_proto_site::Database;
use pop3_proto_site::id::Id;
use std::collections::HashSet;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use tokio::time::sleep;

/// How many connections run statements, and how many each runs.
const CONNECTIONS: usize = 4;
const LENGTH: usize = 3;

/// A statement that ran.
#[derive(Debug)]
struct Ran {
    statement: Statement,
    outcome: Option<Outcome>,
    begin: Instant,
    end: Instant,
}

#[tokio::test]
async fn statements_at_the_same_time_have_an_order() {
    let postgres = Postgres::start(&[]);
    for seed in 1..=4 {
        let mut pair = Pair::new(&postgres, seed, Few { maildrops: 1, ids: 4 }).await;
        let slow = Slow::new(&postgres, seed);
        for round in 0..40 {
            pair.set_scene().await;
            let plans =
                (0..CONNECTIONS).map(|_| (0..LENGTH).map(|_| statement(&mut pair)).collect()).collect();
            let ran = slow.begin(statement(&mut pair)).await;
            let others = tokio::spawn(run_all(pair.database.clone(), plans));
            sleep(Duration::from_millis(3)).await;
            let ran = slow.end(ran).await;
            let mut histories = others.await.unwrap();
            histories.push(vec![ran]);
            let tables = pair.tables().await;
            assert!(
                has_order(&pair.model, &histories, &tables),
                "seed {seed}, round {round}: no order leads from\n{:?}\nby\n{}\nto\n{tables:?}",
                rounded(&pair.model),
                story(&histories),
            );
        }
    }
}

/// Returns a statement that a site could send now.
fn statement(pair: &mut Pair) -> Statement {
    match pair.useful_statement() {
        // It forgets only what was doomed before. What is doomed meanwhile would be forgotten in part, as far as the view shows it.
        Statement::Forget(mut ids) => {
            let state = |id: &Id| pair.model.loose.get(id).map(|loose| loose.state);
            ids.retain(|id| state(id) == Some(State::Doomed));
            Statement::Forget(ids)
        }
        other => other,
    }
}

/// A connection whose transactions last. Others wait for the rows that they change, and have an old view of the rest when they go on.
struct Slow {
    pool: Pool,
    database: Database,
}

impl Slow {
    fn new(postgres: &Postgres, seed: u64) -> Self {
        let pool = pool(postgres.port(), 1);
        Slow { pool: pool.clone(), database: database(pool, seed) }
    }

    async fn begin(&self, statement: Statement) -> Ran {
        let begin = Instant::now();
        self.pool.get().await.unwrap().batch_execute("BEGIN").await.unwrap();
        let outcome = ask(&self.database, &statement).await;
        Ran { statement, outcome, begin, end: begin }
    }

    /// If the statement failed, its connection is closed, and this does nothing on another.
    async fn end(&self, ran: Ran) -> Ran {
        self.pool.get().await.unwrap().batch_execute("COMMIT").await.unwrap();
        Ran { end: Instant::now(), ..ran }
    }
}

/// Runs each plan on a connection of its own.
async fn run_all(database: Database, plans: Vec<Vec<Statement>>) -> Vec<Vec<Ran>> {
    let mut connections = JoinSet::new();
    for plan in plans {
        let database = database.clone();
        connections.spawn(async move {
            let mut history = Vec::new();
            for statement in plan {
                let begin = Instant::now();
                let outcome = ask(&database, &statement).await;
                history.push(Ran { statement, outcome, begin, end: Instant::now() });
            }
            history
        });
    }
    connections.join_all().await
}

/// Writes what each connection did, with times in microseconds.
fn story(histories: &[Vec<Ran>]) -> String {
    let start = histories.iter().flatten().map(|ran| ran.begin).min();
    let time = |time: Instant| start.map_or(0, |start| (time - start).as_micros());
    let line = |(connection, ran): (usize, &Ran)| {
        let Ran { statement, outcome, begin, end } = ran;
        format!("{connection}: {:>6} to {:>6} {statement:?}: {outcome:?}\n", time(*begin), time(*end))
    };
    let all = histories.iter().enumerate().flat_map(|(at, history)| history.iter().map(move |ran| (at, ran)));
    all.map(line).collect()
}

/// Returns whether the statements have an order in which the model has the same results and leaves the same rows.
fn has_order(model: &Model, histories: &[Vec<Ran>], tables: &Tables) -> bool {
    let mut tried = HashSet::new();
    let mut open = vec![(model.clone(), vec![0; histories.len()])];
    while let Some((model, positions)) = open.pop() {
        if !tried.insert((positions.clone(), format!("{:?}", rounded(&model)))) {
            continue;
        }
        let next = |at: usize| histories[at].get(positions[at]);
        let first_end = (0..histories.len()).filter_map(next).map(|ran| ran.end).min();
        let Some(first_end) = first_end else {
            if rounded(&model) == *tables {
                return true;
            }
            continue;
        };
        for at in 0..histories.len() {
            // What began after the end of another statement comes after it.
            let Some(ran) = next(at).filter(|ran| ran.begin <= first_end) else { continue };
            let mut model = model.clone();
            if same(&mut model, ran) {
                let mut positions = positions.clone();
                positions[at] += 1;
                open.push((model, positions));
            }
        }
    }
    false
}

/// Runs a statement in the model. Returns whether it had the same result in PostgreSQL.
fn same(model: &mut Model, ran: &Ran) -> bool {
    let before = model.loose.clone();
    let outcome = run(model, &ran.statement);
    match (&outcome, &ran.outcome) {
        // It skips the rows that are locked.
        (Some(Outcome::Ids(all)), Some(Outcome::Ids(doomed))) => {
            for id in all.iter().filter(|id| !doomed.contains(id)) {
                model.loose.extend(before.get(id).map(|loose| (*id, *loose)));
            }
            doomed.iter().all(|id| all.contains(id))
        }
        _ => outcome == ran.outcome,
    }
}
