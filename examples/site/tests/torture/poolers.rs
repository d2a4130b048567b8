//! Why a site has no locks of sessions, and no named statements behind an old pooler.

use crate::kit::{Pooler, Postgres, connect, pool};
use pop3_proto_site::id::Token;
use pop3_proto_site::operations::{Lease, Rows as _};
use pop3_proto_site::{Database, sql};
use std::process::Command;
use std::time::Duration;

#[tokio::test]
async fn an_advisory_lock_belongs_to_two_clients_of_a_pooler_at_once() {
    const LOCK: &str = "SELECT pg_try_advisory_lock(1)";
    let postgres = Postgres::start(&[]);
    let pooler = Pooler::start(postgres.port(), 1);
    for _ in 0..2 {
        let client = connect(pooler.port()).await;
        assert!(client.query_typed(LOCK, &[]).await.unwrap()[0].get::<_, bool>(0));
    }
    // Both clients are gone, and the lock is still there.
    let direct = connect(postgres.port()).await;
    assert!(!direct.query_typed(LOCK, &[]).await.unwrap()[0].get::<_, bool>(0));
}

#[tokio::test]
async fn named_statements_need_a_pooler_that_knows_them() {
    let postgres = Postgres::start(&[]);
    connect(postgres.port()).await.batch_execute(sql::SCHEMA).await.unwrap();
    let pooler = Pooler::start(postgres.port(), 2);
    let database = |named| Database::new(pool(pooler.port(), 1), Duration::from_secs(30), named);
    let (named, unnamed) = (database(true), database(false));
    let lease = Lease { maildrop: 1, token: Token::new().unwrap() };
    assert!(!named.acquire(lease).await.unwrap(), "there is no such maildrop");
    // The only connection to the database is busy now, so the next statement gets another one.
    let other = connect(pooler.port()).await;
    other.batch_execute("BEGIN").await.unwrap();
    assert!(!unnamed.acquire(lease).await.unwrap());
    match named.acquire(lease).await {
        Ok(_) => assert!(version() >= (1, 21), "an old pooler knows named statements"),
        Err(error) => assert!(version() < (1, 21) || is_unprepared(&*error), "{error}"),
    }
}

/// Returns whether PostgreSQL does not know the statement. A new pooler can be configured to not know it either.
fn is_unprepared(error: &(dyn std::error::Error + 'static)) -> bool {
    let error = error.downcast_ref::<tokio_postgres::Error>();
    error.and_then(tokio_postgres::Error::code).is_some_and(|code| code.code() == "26000")
}

/// Returns the version of pgbouncer.
fn version() -> (u32, u32) {
    let output = Command::new("/usr/sbin/pgbouncer").arg("--version").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let version = text.lines().next().and_then(|line| line.strip_prefix("PgBouncer ")).unwrap();
    let mut numbers = version.split('.').map(|number| number.parse().unwrap());
    (numbers.next().unwrap(), numbers.next().unwrap())
}
