//! The same statements, one at a time, in PostgreSQL and in the model of the simulation.

use crate::kit::{Postgres, connect, pool};
use crate::model::{Loose, Message, Model, Outcome, Row, State, Statement};
use fastrand::Rng;
use pop3_proto_site::id::{Id, Token};
use pop3_proto_site::operations::{Ages, Arrival, Lease, Maildrop, Rows as _};
use pop3_proto_site::{Database, sql};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio_postgres::Client;

/// Times are multiples of this, in milliseconds, and are compared in multiples of it. A test takes far less.
const UNIT: i64 = 10 * 60 * 1000;
const LEASE: i64 = 6 * UNIT;
const MAILDROPS: i64 = 3;

/// Both databases, and the values that the statements take.
struct Pair {
    rng: Rng,
    model: Model,
    database: Database,
    client: Client,
    /// What happened, as in [`SEEN`].
    seen: BTreeSet<String>,
}

/// The rows of all tables.
type Tables = (BTreeMap<Maildrop, Row>, BTreeMap<(Maildrop, Id), Message>, BTreeMap<Id, Loose>);

#[tokio::test]
async fn the_model_does_what_postgres_does() {
    let postgres = Postgres::start(&[]);
    connect(postgres.port()).await.batch_execute(sql::SCHEMA).await.unwrap();
    let mut seen = BTreeSet::new();
    for seed in 1..=10 {
        let mut pair = Pair::new(&postgres, seed).await;
        for step in 0..400 {
            pair.step().await.unwrap_or_else(|error| panic!("seed {seed}, step {step}: {error}"));
        }
        seen.append(&mut pair.seen);
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

impl Pair {
    async fn new(postgres: &Postgres, seed: u64) -> Self {
        let client = connect(postgres.port()).await;
        client.batch_execute("TRUNCATE maildrop, account, message, loose").await.unwrap();
        let insert = "INSERT INTO maildrop (id) SELECT generate_series(1, $1::bigint)";
        client.execute(insert, &[&MAILDROPS]).await.unwrap();
        let lease = Duration::from_millis(LEASE.unsigned_abs());
        let database = Database::new(pool(postgres.port(), 1), lease, seed % 2 == 0);
        let model = Model::new(1..=MAILDROPS, LEASE);
        Pair { rng: Rng::with_seed(seed), model, database, client, seen: BTreeSet::new() }
    }

    /// Runs a statement in both, or sets the same times in both.
    async fn step(&mut self) -> Result<(), String> {
        if self.rng.u32(0..4) == 0 {
            self.set_times().await;
            return Ok(());
        }
        let statement = self.statement();
        let kind = kind(&statement, &self.model);
        let (expected, got) = (self.model.run(&statement).ok(), self.ask(&statement).await);
        self.seen.insert(label(&kind, expected.as_ref()));
        if expected != got {
            return Err(format!("{statement:?}: the model has {expected:?}, PostgreSQL has {got:?}"));
        }
        let (expected, got) = (rounded(&self.model), self.tables().await);
        match expected == got {
            true => Ok(()),
            false => Err(format!("after {statement:?}: the model has {expected:?}, PostgreSQL has {got:?}")),
        }
    }

    fn statement(&mut self) -> Statement {
        match self.rng.u32(0..15) {
            0 | 1 => Statement::Acquire(self.lease()),
            2 | 14 => Statement::Snapshot(self.lease()),
            3 => Statement::Renew(self.leases()),
            4 => Statement::Release(self.leases()),
            5 | 13 => {
                let lease = self.lease();
                Statement::Commit(lease, self.ids_in(lease.maildrop))
            }
            6 => Statement::Left(self.maildrop(), self.ids()),
            7 => Statement::Announce(self.id()),
            8 | 9 => {
                let message = Message { octets: self.rng.u64(0..1 << 40), uid: self.uid() };
                Statement::Arrive(self.maildrop(), self.id(), message)
            }
            10 => Statement::HasArrived(self.maildrop(), self.id()),
            11 => {
                let mut age = || (3 + 6 * self.rng.u64(0..3)) * UNIT.unsigned_abs();
                Statement::Doom(Ages { coming: age(), going: age() })
            }
            _ => Statement::Forget(self.ids()),
        }
    }

    /// Runs a statement in PostgreSQL. Returns `None` if it failed.
    async fn ask(&self, statement: &Statement) -> Option<Outcome> {
        let database = &self.database;
        Some(match statement {
            Statement::Acquire(lease) => Outcome::Truth(database.acquire(*lease).await.ok()?),
            Statement::Snapshot(lease) => Outcome::Listing(database.snapshot(*lease).await.ok()?),
            Statement::Renew(leases) => {
                let mut tokens = database.renew(leases).await.ok()?;
                let maildrop = |token: &Token| {
                    self.model.maildrops.values().position(|row| row.holder.as_ref() == Some(token))
                };
                tokens.sort_by_key(maildrop);
                Outcome::Tokens(tokens)
            }
            Statement::Release(leases) => {
                database.release(leases).await.ok()?;
                Outcome::Done
            }
            Statement::Commit(lease, ids) => Outcome::Truth(database.commit(*lease, ids).await.ok()?),
            Statement::Left(maildrop, ids) => Outcome::Count(database.left(*maildrop, ids).await.ok()?),
            Statement::Announce(id) => {
                database.announce(*id).await.ok()?;
                Outcome::Done
            }
            Statement::Arrive(maildrop, id, message) => {
                let arrival = Arrival { id: *id, octets: message.octets, uid: message.uid.as_deref() };
                Outcome::Truth(database.arrive(*maildrop, arrival).await.ok()?)
            }
            Statement::HasArrived(maildrop, id) => {
                Outcome::Truth(database.has_arrived(*maildrop, *id).await.ok()?)
            }
            Statement::Doom(ages) => {
                let mut ids = database.doom(*ages).await.ok()?;
                ids.sort_by_key(|id| (self.model.loose.get(id).map(|loose| loose.since), *id));
                Outcome::Ids(ids)
            }
            Statement::Forget(ids) => {
                database.forget(ids).await.ok()?;
                Outcome::Done
            }
        })
    }

    /// Moves a maildrop or its lease, or lets a loose body grow old.
    async fn set_times(&mut self) {
        let (maildrop, id) = (self.rng.i64(1..=MAILDROPS), self.id());
        let units = self.rng.choice([-6, -1, 1, 6, 12]).unwrap();
        match self.rng.u32(0..3) {
            0 => {
                let moved = self.rng.u32(0..4) == 0;
                self.model.maildrops.entry(maildrop).and_modify(|row| row.moved = moved);
                let update = "UPDATE maildrop SET moved = $2 WHERE id = $1";
                self.client.execute(update, &[&maildrop, &moved]).await.unwrap();
            }
            1 => {
                self.model.maildrops.entry(maildrop).and_modify(|row| row.expires = Some(units * UNIT));
                let update = "UPDATE maildrop SET expires = now() + $2 * interval '1 ms' WHERE id = $1";
                self.client.execute(update, &[&maildrop, &((units * UNIT) as f64)]).await.unwrap();
            }
            _ => {
                let since = -units.abs() * UNIT;
                self.model.loose.entry(id).and_modify(|loose| loose.since = since);
                let update = "UPDATE loose SET since = now() + $2 * interval '1 ms' WHERE id = $1";
                self.client.execute(update, &[&id, &(since as f64)]).await.unwrap();
            }
        }
    }

    async fn tables(&self) -> Tables {
        let select = "SELECT id, holder, CASE WHEN expires > '-infinity' THEN \
            (extract(epoch FROM expires - now()) * 1000)::float8 END, moved FROM maildrop";
        let maildrops = self.rows(select).await.into_iter().map(|row| {
            let expires = row.get::<_, Option<f64>>(2).map(|expires| round(expires as i64));
            (row.get(0), Row { holder: row.get(1), expires, moved: row.get(3) })
        });
        let messages =
            self.rows("SELECT maildrop, id, octets, uid FROM message").await.into_iter().map(|row| {
                let octets = u64::try_from(row.get::<_, i64>(2)).unwrap();
                ((row.get(0), row.get(1)), Message { octets, uid: row.get(3) })
            });
        let select = "SELECT id, state, (extract(epoch FROM since - now()) * 1000)::float8 FROM loose";
        let loose = self.rows(select).await.into_iter().map(|row| {
            let state = match row.get::<_, i8>(1) as u8 {
                b'c' => State::Coming,
                b'g' => State::Going,
                _ => State::Doomed,
            };
            (row.get(0), Loose { state, since: round(row.get::<_, f64>(2) as i64) })
        });
        (maildrops.collect(), messages.collect(), loose.collect())
    }

    async fn rows(&self, select: &str) -> Vec<tokio_postgres::Row> {
        self.client.query_typed(select, &[]).await.unwrap()
    }

    // The values are few, so they meet.

    fn maildrop(&mut self) -> Maildrop {
        self.rng.i64(1..=MAILDROPS + 1) // the last does not exist
    }

    /// A lease of a session that holds a maildrop, or any other.
    fn lease(&mut self) -> Lease {
        let maildrop = self.maildrop();
        let holder = self.model.maildrops.get(&maildrop).and_then(|row| row.holder);
        let token = Token::with_random([self.rng.u8(0..6); 16]);
        Lease { maildrop, token: holder.filter(|_| self.rng.bool()).unwrap_or(token) }
    }

    fn leases(&mut self) -> Vec<Lease> {
        (0..self.rng.u32(0..4)).map(|_| self.lease()).collect()
    }

    /// The id of a loose body, of a message, or any other.
    fn id(&mut self) -> Id {
        let known: Vec<Id> = match self.rng.u32(0..3) {
            0 => self.model.loose.keys().copied().collect(),
            1 => self.model.messages.keys().map(|(_, id)| *id).collect(),
            _ => Vec::new(),
        };
        let any = Id::with_random(self.rng.u64(1..=8), [7; 16]);
        self.rng.choice(known).unwrap_or(any)
    }

    fn ids(&mut self) -> Vec<Id> {
        (0..self.rng.u32(0..4)).map(|_| self.id()).collect()
    }

    /// Returns ids, and perhaps all messages of a maildrop.
    fn ids_in(&mut self, maildrop: Maildrop) -> Vec<Id> {
        let mut ids = self.ids();
        if self.rng.bool() {
            ids.extend(self.model.of(maildrop).map(|(id, _)| id));
        }
        ids
    }

    fn uid(&mut self) -> Option<String> {
        let uids = [None, None, None, Some(1), Some(2), Some(70), Some(71), Some(0)];
        self.rng.choice(uids).flatten().map(|length| "u".repeat(length))
    }
}

/// Returns the tables of the model, with times that can be compared.
fn rounded(model: &Model) -> Tables {
    let mut model = model.clone();
    model.maildrops.values_mut().for_each(|row| row.expires = row.expires.map(round));
    model.loose.values_mut().for_each(|loose| loose.since = round(loose.since));
    (model.maildrops, model.messages, model.loose)
}

fn round(milliseconds: i64) -> i64 {
    (milliseconds + UNIT / 2).div_euclid(UNIT)
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
