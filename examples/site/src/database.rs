//! The small data in PostgreSQL.

use crate::Result;
use crate::id::{Id, Token};
use crate::listing::Listing;
use crate::operations::{Ages, Arrival, Lease, Maildrop, Rows};
use crate::sql;
use deadpool_postgres::{Object, Pool, PoolError};
use futures_util::TryStreamExt as _;
use std::time::Duration;
use tokio::time::timeout;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Row, RowStream};

/// How long the database may take for one statement. A listing may have a million rows.
const SHORT: Duration = Duration::from_secs(5);
const LONG: Duration = Duration::from_secs(30);

/// How much longer it may take for each message that is removed: ten times as long as it takes.
const REMOVAL: Duration = Duration::from_micros(40);

/// How many leases one statement renews or ends, and how many bodies one collection chooses.
const LEASES: usize = 1000;
const DOOMED: i64 = 500;

/// The database of a site.
#[derive(Clone)]
pub struct Database {
    pool: Pool,
    /// Milliseconds.
    lease: f64,
    /// Whether statements are prepared once for each connection, which no pooler before version 1.21 of pgbouncer can do.
    named: bool,
}

/// An account, and the model for names that do not exist.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Accounts {
    /// The verifier's text, and the maildrop. The text is empty if the account is closed.
    pub account: Option<(String, Maildrop)>,
    /// The verifier's text.
    pub model: String,
}

/// A value and its type. With the type, a statement without a name takes one round trip.
pub(crate) type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

impl Database {
    /// Returns the database that these connections lead to.
    #[must_use]
    pub fn new(pool: Pool, lease: Duration, named: bool) -> Self {
        Database { pool, lease: lease.as_secs_f64() * 1000.0, named }
    }

    /// Returns a connection.
    ///
    /// # Errors
    /// Returns an error if the database refuses it, or does not answer in time.
    pub async fn connection(&self) -> Result<Object> {
        self.pool.get().await.map_err(|error| match error {
            PoolError::Timeout(_) => "the database did not accept a connection in time".into(),
            error => error.into(),
        })
    }

    /// Returns the account with this name.
    ///
    /// # Errors
    /// Returns an error if the database failed, or if it has no model because it is not a site's.
    pub async fn account(&self, name: &str) -> Result<Accounts> {
        let mut accounts = Accounts::default();
        for row in self.query(sql::ACCOUNT, &[(&name, Type::TEXT)]).await? {
            let (found, verifier): (&str, String) = (row.try_get(0)?, row.try_get(1)?);
            match found {
                "" => accounts.model = verifier,
                _ => accounts.account = Some((verifier, row.try_get(2)?)),
            }
        }
        match accounts.model.is_empty() {
            true => Err("no model for unknown names: run `site init`".into()),
            false => Ok(accounts),
        }
    }

    /// Returns the unique-ids of the imported messages of a maildrop.
    ///
    /// # Errors
    /// Returns an error if the database failed.
    pub async fn imported(&self, maildrop: Maildrop) -> Result<Vec<String>> {
        column(&self.query(sql::IMPORTED, &[(&maildrop, Type::INT8)]).await?)
    }

    /// Returns which of these bodies belong to a message or wait to be collected.
    ///
    /// # Errors
    /// Returns an error if the database failed.
    pub async fn known(&self, ids: &[Id]) -> Result<Vec<Id>> {
        let rows = self.query_for(LONG, sql::KNOWN, &[(&ids, Type::UUID_ARRAY)]).await?;
        column(&rows)
    }

    async fn query(&self, sql: &'static str, parameters: &[Parameter<'_>]) -> Result<Vec<Row>> {
        self.query_for(SHORT, sql, parameters).await
    }

    /// Runs a statement in one round trip, and returns its rows.
    async fn query_for(
        &self,
        time: Duration,
        sql: &'static str,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<Row>> {
        self.with_connection(time, async |connection| {
            Ok(self.stream(connection, sql, parameters).await?.try_collect().await?)
        })
        .await
    }

    /// A connection that failed, or that did not answer in time, is closed. The next statement must not get its result.
    async fn with_connection<T>(
        &self,
        time: Duration,
        work: impl AsyncFnOnce(&Object) -> Result<T>,
    ) -> Result<T> {
        let connection = self.connection().await?;
        let result = timeout(time, work(&connection)).await;
        match result {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => {
                drop(Object::take(connection));
                Err(error)
            }
            Err(_) => {
                drop(Object::take(connection));
                Err(format!("the database did not answer in {} s", time.as_secs()).into())
            }
        }
    }

    async fn stream(
        &self,
        connection: &Object,
        sql: &'static str,
        parameters: &[Parameter<'_>],
    ) -> Result<RowStream> {
        if !self.named {
            return Ok(connection.query_typed_raw(sql, parameters.iter().cloned()).await?);
        }
        let (values, types): (Vec<_>, Vec<_>) = parameters.iter().cloned().unzip();
        let statement = connection.prepare_typed_cached(sql, &types).await?;
        Ok(connection.query_raw(&statement, values).await?)
    }
}

impl Rows for Database {
    async fn acquire(&self, lease: Lease) -> Result<bool> {
        let Lease { maildrop, token } = lease;
        let parameters: [Parameter<'_>; 3] =
            [(&maildrop, Type::INT8), (&token, Type::UUID), (&self.lease, Type::FLOAT8)];
        let tokens: Vec<Token> = column(&self.query(sql::ACQUIRE, &parameters).await?)?;
        match tokens[..] {
            [] => Ok(false),
            [holder] if holder == token => Ok(true),
            _ => Err(OTHER_RESULT.into()),
        }
    }

    async fn snapshot(&self, lease: Lease) -> Result<Option<Listing>> {
        let Lease { maildrop, token } = lease;
        let parameters: [Parameter<'_>; 2] = [(&maildrop, Type::INT8), (&token, Type::UUID)];
        self.with_connection(LONG, async |connection| {
            let mut rows = std::pin::pin!(self.stream(connection, sql::SNAPSHOT, &parameters).await?);
            let (mut listing, mut is_held) = (Listing::default(), false);
            while let Some(row) = rows.try_next().await? {
                match u64::try_from(row.try_get::<_, i64>(1)?) {
                    Ok(octets) => listing.push(row.try_get(0)?, octets, row.try_get(2)?)?,
                    Err(_) => is_held = row.try_get::<_, Token>(0)? == token,
                }
            }
            Ok(is_held.then_some(listing))
        })
        .await
    }

    async fn renew(&self, leases: &[Lease]) -> Result<Vec<Token>> {
        let mut held = Vec::with_capacity(leases.len());
        // Without a lease it asks too, because the node is ready only while the database answers.
        let none = leases.is_empty().then_some(leases);
        for leases in leases.chunks(LEASES).chain(none) {
            let (maildrops, tokens) = columns(leases);
            let parameters: [Parameter<'_>; 3] =
                [(&maildrops, Type::INT8_ARRAY), (&tokens, Type::UUID_ARRAY), (&self.lease, Type::FLOAT8)];
            held.extend(column::<Token>(&self.query(sql::RENEW, &parameters).await?)?);
        }
        Ok(held)
    }

    async fn release(&self, leases: &[Lease]) -> Result<()> {
        for leases in leases.chunks(LEASES) {
            let (maildrops, tokens) = columns(leases);
            let parameters: [Parameter<'_>; 2] =
                [(&maildrops, Type::INT8_ARRAY), (&tokens, Type::UUID_ARRAY)];
            self.query(sql::RELEASE, &parameters).await?;
        }
        Ok(())
    }

    async fn commit(&self, lease: Lease, ids: &[Id]) -> Result<bool> {
        let Lease { maildrop, token } = lease;
        let parameters: [Parameter<'_>; 3] =
            [(&maildrop, Type::INT8), (&token, Type::UUID), (&ids, Type::UUID_ARRAY)];
        let rows = self.query_for(time_for(ids), sql::COMMIT, &parameters).await?;
        let row = rows.first().ok_or(OTHER_RESULT)?;
        match row.try_get::<_, Token>(0)? == token {
            true => Ok(row.try_get(1)?),
            false => Err(OTHER_RESULT.into()),
        }
    }

    async fn left(&self, maildrop: Maildrop, ids: &[Id]) -> Result<u64> {
        let parameters: [Parameter<'_>; 2] = [(&maildrop, Type::INT8), (&ids, Type::UUID_ARRAY)];
        let rows = self.query_for(time_for(ids), sql::LEFT, &parameters).await?;
        let count: i64 = rows.first().ok_or(OTHER_RESULT)?.try_get(0)?;
        Ok(count.try_into()?)
    }

    async fn announce(&self, id: Id) -> Result<()> {
        self.query(sql::ANNOUNCE, &[(&id, Type::UUID)]).await.map(drop)
    }

    async fn arrive(&self, maildrop: Maildrop, arrival: Arrival<'_>) -> Result<bool> {
        let octets = i64::try_from(arrival.octets)?;
        let parameters: [Parameter<'_>; 4] = [
            (&maildrop, Type::INT8),
            (&arrival.id, Type::UUID),
            (&octets, Type::INT8),
            (&arrival.uid, Type::TEXT),
        ];
        Ok(!self.query(sql::ARRIVE, &parameters).await?.is_empty())
    }

    async fn has_arrived(&self, maildrop: Maildrop, id: Id) -> Result<bool> {
        let parameters: [Parameter<'_>; 2] = [(&maildrop, Type::INT8), (&id, Type::UUID)];
        Ok(!self.query(sql::ARRIVED, &parameters).await?.is_empty())
    }

    async fn doom(&self, ages: Ages) -> Result<Vec<Id>> {
        let (coming, going) = (ages.coming as f64, ages.going as f64);
        let parameters: [Parameter<'_>; 3] =
            [(&coming, Type::FLOAT8), (&going, Type::FLOAT8), (&DOOMED, Type::INT8)];
        column(&self.query(sql::DOOM, &parameters).await?)
    }

    async fn forget(&self, ids: &[Id]) -> Result<()> {
        self.query(sql::FORGET, &[(&ids, Type::UUID_ARRAY)]).await.map(drop)
    }
}

/// A pooler that confuses connections sends the result of another statement.
const OTHER_RESULT: &str = "the database sent the result of another statement";

fn column<'a, T: postgres_types::FromSql<'a>>(rows: &'a [Row]) -> Result<Vec<T>> {
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// Returns how long a statement about these messages may take. A client waits for it, so a few must not wait as long as a million.
fn time_for(ids: &[Id]) -> Duration {
    REMOVAL.saturating_mul(u32::try_from(ids.len()).unwrap_or(u32::MAX)).saturating_add(SHORT)
}

fn columns(leases: &[Lease]) -> (Vec<Maildrop>, Vec<Token>) {
    leases.iter().map(|lease| (lease.maildrop, lease.token)).unzip()
}
