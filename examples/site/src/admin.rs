//! The administrator's work: tables, accounts, checks and figures.

use crate::Result;
use crate::database::{Database, Parameter};
use crate::id::{Id, now, random};
use crate::node::stored_name;
use crate::objects::Objects;
use crate::operations::{Bodies as _, Maildrop};
use crate::sql;
use deadpool_postgres::Object;
use pop3_proto_serve::passwords;
use pop3_proto_serve::scram::{ITERATIONS, Verifier};
use std::fmt;
use tokio::io::AsyncReadExt as _;
use tokio_postgres::Row;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;

/// The largest difference between the clocks of a node and of the database that is not reported. Ids have the node's time, leases have
/// the database's.
const CLOCKS: u64 = 1000;

/// Creates the tables, if the database has none.
///
/// # Errors
/// Returns an error if the database failed, or if it has tables of another version.
pub async fn init(database: &Database) -> Result<()> {
    let mut connection = database.connection().await?;
    if version(&connection).await?.is_none() {
        let model = Verifier::new(&random::<32>()?, ITERATIONS)?.to_string();
        let transaction = connection.transaction().await?;
        transaction.batch_execute(sql::SCHEMA).await?;
        transaction.execute("INSERT INTO account (name, verifier) VALUES ('', $1)", &[&model]).await?;
        transaction.commit().await?;
    }
    check_version(&connection).await
}

/// Returns the version of the tables, or `None` if there are none.
async fn version(connection: &Object) -> Result<Option<i32>> {
    let there = "SELECT to_regclass('site') IS NOT NULL";
    if !connection.query_typed(there, &[]).await?.first().is_some_and(|row| row.get(0)) {
        return Ok(None);
    }
    let rows = connection.query_typed("SELECT version FROM site", &[]).await?;
    Ok(rows.first().map(|row| row.try_get(0)).transpose()?)
}

/// Checks that the database has the tables of a site.
///
/// # Errors
/// Returns an error if it does not.
pub async fn check_tables(database: &Database) -> Result<()> {
    check_version(&database.connection().await?).await
}

async fn check_version(connection: &Object) -> Result<()> {
    match version(connection).await? {
        Some(sql::VERSION) => Ok(()),
        None => Err("the database has no tables of a site: run `site init`".into()),
        Some(other) => Err(format!(
            "the tables have version {other}, and this program needs {}: use the program of that version",
            sql::VERSION
        )
        .into()),
    }
}

/// Adds a user. Without a password the account is closed: mail is delivered, and nobody can log in.
///
/// # Errors
/// Returns an error if the name is taken, or if no client could send name or password.
pub async fn add_user(database: &Database, name: &str, password: Option<&str>) -> Result<()> {
    let name = checked_name(name)?;
    let verifier = password.map_or(Ok(String::new()), |password| verifier(&name, password))?;
    const ADD: &str = "WITH made AS (INSERT INTO maildrop DEFAULT VALUES RETURNING id) \
        INSERT INTO account (name, verifier, maildrop) SELECT $1, $2, id FROM made";
    let parameters: [Parameter<'_>; 2] = [(&name, Type::TEXT), (&verifier, Type::TEXT)];
    match database.connection().await?.query_typed(ADD, &parameters).await {
        Err(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => {
            Err(format!("there is already a user {name:?}").into())
        }
        added => Ok(added.map(drop)?),
    }
}

/// Changes a user's password, which also opens a closed account.
///
/// # Errors
/// Returns an error if there is no such user, or if no client could send the password.
pub async fn set_password(database: &Database, name: &str, password: &str) -> Result<()> {
    let name = checked_name(name)?;
    let verifier = verifier(&name, password)?;
    const SET: &str = "UPDATE account SET verifier = $2 WHERE name = $1 RETURNING 1";
    let parameters: [Parameter<'_>; 2] = [(&name, Type::TEXT), (&verifier, Type::TEXT)];
    match database.connection().await?.query_typed(SET, &parameters).await?.is_empty() {
        true => Err(format!("there is no user {name:?}").into()),
        false => Ok(()),
    }
}

fn checked_name(name: &str) -> Result<String> {
    match name.is_empty() || name.contains(char::is_control) {
        true => Err("the name is empty or has a control character".into()),
        false => Ok(stored_name(name.as_bytes())),
    }
}

fn verifier(name: &str, password: &str) -> Result<String> {
    Ok(passwords::verifier(name, password)?.to_string())
}

/// Checks everything that a site relies on, and returns what it found.
///
/// # Errors
/// Returns an error if something does not have what a site needs.
pub async fn check(database: &Database, bodies: &Objects) -> Result<Vec<String>> {
    let connection = database.connection().await.map_err(|error| format!("the database: {error}"))?;
    check_version(&connection).await?;
    let mut found = vec![format!("tables: version {}", sql::VERSION)];
    found.push(check_settings(&connection).await?);
    found.push(check_clock(&connection).await?);
    found.push(check_bodies(bodies).await.map_err(|error| format!("the object store: {error}"))?);
    Ok(found)
}

/// A lost commit would give one token to two sessions, and other isolation levels make statements fail.
async fn check_settings(connection: &Object) -> Result<String> {
    const NEEDED: [(&str, &[&str]); 3] = [
        ("default_transaction_isolation", &["read committed"]),
        ("synchronous_commit", &["on", "local", "remote_write", "remote_apply"]),
        ("fsync", &["on"]),
    ];
    for (setting, allowed) in NEEDED {
        let rows = connection.query_typed(&format!("SHOW {setting}"), &[]).await?;
        let value: String = rows.first().ok_or("the database does not show its settings")?.try_get(0)?;
        if !allowed.contains(&value.as_str()) {
            return Err(format!("{setting} is {value:?}: set it to {:?}", allowed[0]).into());
        }
    }
    Ok("settings: durable, read committed".into())
}

async fn check_clock(connection: &Object) -> Result<String> {
    const NOW: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint";
    let before = now();
    let rows = connection.query_typed(NOW, &[]).await?;
    let theirs = u64::try_from(rows.first().ok_or("the database has no time")?.try_get::<_, i64>(0)?)?;
    let difference = before.saturating_sub(theirs).max(theirs.saturating_sub(now()));
    match difference > CLOCKS {
        true => Err(format!("the clocks differ by {difference} ms: synchronize them").into()),
        false => Ok(format!("clocks: {difference} ms apart")),
    }
}

/// Writes a body, reads all of it and a part, deletes it twice, and looks for it.
async fn check_bodies(bodies: &Objects) -> Result<String> {
    let id = Id::new()?;
    let body = vec![b'x'; 100_000];
    let octets = bodies.put(id, &body[..]).await?;
    let mut read = Vec::new();
    bodies.open(id, octets).await?.read_to_end(&mut read).await?;
    if read != body {
        return Err("a body differs from what was written".into());
    }
    for what in ["an object", "an object that is missing"] {
        if bodies.delete(&[id]).await.is_empty() {
            return Err(format!("{what} cannot be deleted").into());
        }
    }
    match bodies.open(id, octets).await {
        Ok(_) => Err("a deleted object can still be read".into()),
        Err(_) => Ok("object store: reads what was written, by ranges too, and deletes".into()),
    }
}

/// The figures of a site.
pub struct Status(Row);

/// Counts what the database has.
///
/// # Errors
/// Returns an error if the database failed.
pub async fn status(database: &Database) -> Result<Status> {
    const COUNT: &str = "SELECT \
        (SELECT count(*) FROM account WHERE name <> ''), \
        (SELECT count(*) FROM account WHERE name <> '' AND verifier = ''), \
        (SELECT count(*) FROM message), \
        (SELECT coalesce(sum(octets), 0)::bigint FROM message), \
        (SELECT count(*) FROM maildrop WHERE expires > now()), \
        (SELECT count(*) FROM loose WHERE state = 'c'), \
        (SELECT count(*) FROM loose WHERE state = 'g'), \
        (SELECT count(*) FROM loose WHERE state = 'd')";
    let connection = database.connection().await?;
    check_version(&connection).await?;
    let row = connection.query_typed(COUNT, &[]).await?.pop();
    Ok(Status(row.ok_or("the database counted nothing")?))
}

/// Writes a line for each figure: its name, a tab, the number.
impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMES: [&str; 8] = [
            "accounts",
            "closed accounts",
            "messages",
            "octets",
            "open maildrops",
            "bodies coming",
            "bodies going",
            "bodies doomed",
        ];
        NAMES
            .iter()
            .enumerate()
            .try_for_each(|(at, name)| writeln!(f, "{name}\t{}", self.0.get::<_, i64>(at)))
    }
}

/// Returns the maildrop of a user whose account is closed, so nobody can see it while it is filled.
///
/// # Errors
/// Returns an error if there is no such user, or if the account is open.
pub async fn closed_maildrop(database: &Database, name: &str) -> Result<Maildrop> {
    match database.account(&checked_name(name)?).await?.account {
        Some((verifier, maildrop)) if verifier.is_empty() => Ok(maildrop),
        Some(_) => {
            Err(format!("the account of {name:?} is open: clients would see a part of the mail").into())
        }
        None => Err(format!("there is no user {name:?}: run `site user add {name} --closed`").into()),
    }
}
