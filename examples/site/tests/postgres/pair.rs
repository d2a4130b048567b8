//! PostgreSQL and the model of the simulation, with the same rows.

use crate::kit::{Postgres, connect, pool};
use crate::model::{Loose, Message, Model, Outcome, Row, State, Statement};
use deadpool_postgres::Pool;
use fastrand::Rng;
use pop3_proto_site::id::{Id, Token};
use pop3_proto_site::operations::{Ages, Arrival, Lease, Maildrop, Rows as _};
use pop3_proto_site::{Database, sql};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;
use tokio_postgres::Client;

/// Times are multiples of this, in milliseconds, and are compared in multiples of it. A test takes far less.
const UNIT: i64 = 10 * 60 * 1000;
const LEASE: i64 = 6 * UNIT;

/// Both databases, and the values that the statements take.
pub(crate) struct Pair {
    pub(crate) rng: Rng,
    pub(crate) model: Model,
    pub(crate) database: Database,
    client: Client,
    few: Few,
}

/// How many maildrops and ids the statements take. The fewer, the more they meet.
#[derive(Clone, Copy)]
pub(crate) struct Few {
    pub(crate) maildrops: i64,
    pub(crate) ids: u64,
}

/// The rows of all tables.
pub(crate) type Tables = (BTreeMap<Maildrop, Row>, BTreeMap<(Maildrop, Id), Message>, BTreeMap<Id, Loose>);

impl Pair {
    /// Makes new tables.
    pub(crate) async fn new(postgres: &Postgres, seed: u64, few: Few) -> Self {
        let client = connect(postgres.port()).await;
        let tables = "DROP SCHEMA public CASCADE; CREATE SCHEMA public;".to_owned() + sql::SCHEMA;
        client.batch_execute(&tables).await.unwrap();
        let insert = "INSERT INTO maildrop (id) SELECT generate_series(1, $1::bigint)";
        client.execute(insert, &[&few.maildrops]).await.unwrap();
        let database = database(pool(postgres.port(), 8), seed);
        let model = Model::new(1..=few.maildrops, LEASE);
        Pair { rng: Rng::with_seed(seed), model, database, client, few }
    }

    /// Returns a statement.
    pub(crate) fn statement(&mut self) -> Statement {
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

    /// Returns a statement that would change something now, if one is found.
    pub(crate) fn useful_statement(&mut self) -> Statement {
        for _ in 0..20 {
            let (statement, mut model) = (self.statement(), self.model.clone());
            run(&mut model, &statement);
            if rounded(&model) != rounded(&self.model) {
                return statement;
            }
        }
        self.statement()
    }

    /// Moves a maildrop or its lease, or lets a loose body grow old.
    pub(crate) async fn set_times(&mut self) {
        let (maildrop, id) = (self.rng.i64(1..=self.few.maildrops), self.id());
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

    /// Sets the rows of both to a random scene, in which each body is in one place.
    pub(crate) async fn set_scene(&mut self) {
        let (maildrop, holder) = (1, self.rng.choice([None, Some(1), Some(2), Some(2)]).unwrap());
        let row = Row {
            holder: holder.map(|number| Token::with_random([number; 16])),
            expires: self.rng.choice([None, Some(-UNIT), Some(6 * UNIT)]).unwrap(),
            moved: self.rng.u32(0..10) == 0,
        };
        self.model = Model::new([], LEASE);
        self.model.maildrops.insert(maildrop, row);
        for number in 1..=self.few.ids {
            let id = Id::with_random(number, [7; 16]);
            let states = [State::Coming, State::Coming, State::Going, State::Doomed];
            let (state, age) = (self.rng.choice(states).unwrap(), self.rng.choice([0, 6, 12]).unwrap());
            let place = self.rng.u32(0..5);
            if place < 2 {
                self.model.messages.insert((maildrop, id), Message { octets: number, uid: None });
            } else if place < 4 {
                self.model.loose.insert(id, Loose { state, since: -age * UNIT });
            }
        }
        self.write().await;
    }

    /// Writes the rows of the model to PostgreSQL.
    async fn write(&self) {
        let mut sql = "DELETE FROM message; DELETE FROM loose; DELETE FROM maildrop;".to_owned();
        let time = |time: i64| format!("now() + {time} * interval '1 ms'");
        for (id, Row { holder, expires, moved }) in &self.model.maildrops {
            let holder = holder.map_or("NULL".into(), |token| format!("'{}'", hex(token)));
            let expires = expires.map_or("'-infinity'".into(), time);
            write!(sql, "INSERT INTO maildrop VALUES ({id}, {holder}, {expires}, {moved});").unwrap();
        }
        for ((maildrop, id), Message { octets, .. }) in &self.model.messages {
            write!(sql, "INSERT INTO message VALUES ({maildrop}, '{id}', {octets});").unwrap();
        }
        for (id, Loose { state, since }) in &self.model.loose {
            let state = match state {
                State::Coming => 'c',
                State::Going => 'g',
                State::Doomed => 'd',
            };
            write!(sql, "INSERT INTO loose VALUES ('{id}', '{state}', {});", time(*since)).unwrap();
        }
        self.client.batch_execute(&sql).await.unwrap();
    }

    /// Returns the rows in PostgreSQL.
    pub(crate) async fn tables(&self) -> Tables {
        // At once, in one round trip.
        let (maildrops, messages, loose) = tokio::join!(
            self.rows(
                "SELECT id, holder, CASE WHEN expires > '-infinity' THEN \
                (extract(epoch FROM expires - now()) * 1000)::float8 END, moved FROM maildrop"
            ),
            self.rows("SELECT maildrop, id, octets, uid FROM message"),
            self.rows("SELECT id, state, (extract(epoch FROM since - now()) * 1000)::float8 FROM loose"),
        );
        let maildrops = maildrops.iter().map(|row| {
            let expires = row.get::<_, Option<f64>>(2).map(|expires| round(expires as i64));
            (row.get(0), Row { holder: row.get(1), expires, moved: row.get(3) })
        });
        let messages = messages.iter().map(|row| {
            let octets = u64::try_from(row.get::<_, i64>(2)).unwrap();
            ((row.get(0), row.get(1)), Message { octets, uid: row.get(3) })
        });
        let loose = loose.iter().map(|row| {
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
        self.rng.i64(1..=self.few.maildrops + 1) // the last does not exist
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
        let any = Id::with_random(self.rng.u64(1..=self.few.ids), [7; 16]);
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

/// Returns a token of the scene as text.
fn hex(token: Token) -> String {
    let number = (1..=2).find(|number| Token::with_random([*number; 16]) == token);
    format!("{:02x}", number.unwrap()).repeat(16)
}

/// Returns a database with the lease of the model. Every second seed names its statements.
pub(crate) fn database(pool: Pool, seed: u64) -> Database {
    Database::new(pool, Duration::from_millis(LEASE.unsigned_abs()), seed % 2 == 0)
}

/// Runs a statement in PostgreSQL. Returns `None` if it failed.
pub(crate) async fn ask(database: &Database, statement: &Statement) -> Option<Outcome> {
    let outcome = match statement {
        Statement::Acquire(lease) => Outcome::Truth(database.acquire(*lease).await.ok()?),
        Statement::Snapshot(lease) => Outcome::Listing(database.snapshot(*lease).await.ok()?),
        Statement::Renew(leases) => Outcome::Tokens(database.renew(leases).await.ok()?),
        Statement::Release(leases) => done(database.release(leases).await.ok()?),
        Statement::Commit(lease, ids) => Outcome::Truth(database.commit(*lease, ids).await.ok()?),
        Statement::Left(maildrop, ids) => Outcome::Count(database.left(*maildrop, ids).await.ok()?),
        Statement::Announce(id) => done(database.announce(*id).await.ok()?),
        Statement::Arrive(maildrop, id, message) => {
            let arrival = Arrival { id: *id, octets: message.octets, uid: message.uid.as_deref() };
            Outcome::Truth(database.arrive(*maildrop, arrival).await.ok()?)
        }
        Statement::HasArrived(maildrop, id) => {
            Outcome::Truth(database.has_arrived(*maildrop, *id).await.ok()?)
        }
        Statement::Doom(ages) => Outcome::Ids(database.doom(*ages).await.ok()?),
        Statement::Forget(ids) => done(database.forget(ids).await.ok()?),
    };
    Some(in_order(outcome))
}

fn done((): ()) -> Outcome {
    Outcome::Done
}

/// SQL returns rows in any order.
fn in_order(mut outcome: Outcome) -> Outcome {
    match &mut outcome {
        Outcome::Tokens(tokens) => tokens.sort_unstable(),
        Outcome::Ids(ids) => ids.sort_unstable(),
        _ => {}
    }
    outcome
}

/// Runs a statement in the model. Returns `None` if it failed.
pub(crate) fn run(model: &mut Model, statement: &Statement) -> Option<Outcome> {
    model.run(statement).ok().map(in_order)
}

/// Returns the tables of the model, with times that can be compared.
pub(crate) fn rounded(model: &Model) -> Tables {
    let mut model = model.clone();
    model.maildrops.values_mut().for_each(|row| row.expires = row.expires.map(round));
    model.loose.values_mut().for_each(|loose| loose.since = round(loose.since));
    (model.maildrops, model.messages, model.loose)
}

fn round(milliseconds: i64) -> i64 {
    (milliseconds + UNIT / 2).div_euclid(UNIT)
}
