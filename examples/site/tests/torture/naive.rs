//! Rules that look right and are wrong. Each test plays an order of events that breaks one promise with the naive rule, and none with the
//! rules of a site.

use crate::history::{AUDIT, History};
use crate::judge::judge;
use crate::kit::{Postgres, Promise, connect, pool};
use crate::log::{self, Event, Log, now, number};
use crate::session::body;
use pop3_proto_site::id::{Id, Token};
use pop3_proto_site::operations::{Ages, Arrival, Bodies as _, Lease, Maildrop, Rows};
use pop3_proto_site::{Clock, Database, Delivery, Listing, Objects, Removal, Result, Site, collect, sql};
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tokio_postgres::Client;
use tokio_postgres::types::Type;

const MAILDROP: Maildrop = 1;
const LEASE: Duration = Duration::from_millis(200);

/// The rules that a node follows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Rules {
    Right,
    /// The lease is checked before the commit, not in it.
    NoFence,
    /// A body is deleted before its row.
    BodyFirst,
    /// Lease and snapshot are one statement.
    OneStatement,
    /// A login whose result was lost is tried again with the same token.
    SameToken,
    /// Bodies are collected by their age.
    AgeGc,
    /// A snapshot does not check who holds the maildrop.
    NoHolderCheck,
}

/// The point where a node stops, until the test lets it continue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Point {
    Login,
    Snapshot,
    Commit,
    Arrival,
}

/// The database of a node with its rules.
struct Naive {
    rows: Database,
    bodies: Objects,
    client: Client,
    rules: Rules,
    stop: Mutex<Option<Point>>,
    has_stopped: Notify,
    go: Notify,
    /// The login that is on its way until the test lets it arrive.
    late: Mutex<Option<Lease>>,
    /// What the one statement listed.
    listing: Mutex<Option<Listing>>,
}

const ONE_STATEMENT: &str = "WITH lease AS (UPDATE maildrop SET holder = $2, expires = now() + interval '1 s' \
    WHERE id = $1 AND NOT moved AND expires <= now() RETURNING holder) \
    SELECT id, octets FROM message WHERE maildrop = $1 UNION ALL SELECT holder, -1 FROM lease ORDER BY 1";

impl Naive {
    /// Returns whether the test has asked to stop at this point, once.
    fn stops_at(&self, point: Point) -> bool {
        self.stop.lock().unwrap().take_if(|stop| *stop == point).is_some()
    }

    /// Stops at this point, if the test has asked for it.
    async fn pass(&self, point: Point) {
        if self.stops_at(point) {
            self.has_stopped.notify_one();
            self.go.notified().await;
        }
    }

    async fn list(&self, statement: &str, lease: Lease) -> Result<(bool, Listing)> {
        let parameters: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 2] =
            [(&lease.maildrop, Type::INT8), (&lease.token, Type::UUID)];
        let (mut is_held, mut listing) = (false, Listing::default());
        for row in self.client.query_typed(statement, &parameters).await? {
            match u64::try_from(row.get::<_, i64>(1)) {
                Ok(octets) => listing.push(row.get(0), octets, None)?,
                Err(_) => is_held = true,
            }
        }
        Ok((is_held, listing))
    }

    async fn check_then_remove(&self, lease: Lease, ids: &[Id]) -> Result<bool> {
        let Lease { maildrop, token } = lease;
        const CHECK: &str = "SELECT 1 FROM maildrop WHERE id = $1 AND holder = $2 AND expires > now()";
        if self.client.query(CHECK, &[&maildrop, &token]).await?.is_empty() {
            return Ok(false);
        }
        self.pass(Point::Commit).await;
        const REMOVE: &str = "WITH gone AS (DELETE FROM message WHERE maildrop = $1 AND id = ANY ($2) RETURNING id) \
            INSERT INTO loose (id, state) SELECT id, 'g' FROM gone";
        self.client.execute(REMOVE, &[&maildrop, &ids]).await?;
        self.rows.release(&[lease]).await?;
        Ok(true)
    }
}

impl Rows for Naive {
    async fn acquire(&self, lease: Lease) -> Result<bool> {
        if self.stops_at(Point::Login) {
            *self.late.lock().unwrap() = Some(lease);
            return Err("the result is lost".into());
        }
        if self.rules != Rules::OneStatement {
            return self.rows.acquire(lease).await;
        }
        let (is_held, listing) = self.list(ONE_STATEMENT, lease).await?;
        *self.listing.lock().unwrap() = Some(listing);
        Ok(is_held)
    }

    async fn snapshot(&self, lease: Lease) -> Result<Option<Listing>> {
        self.pass(Point::Snapshot).await;
        match self.rules {
            Rules::OneStatement => Ok(self.listing.lock().unwrap().take()),
            Rules::NoHolderCheck => {
                const LIST: &str =
                    "SELECT id, octets FROM message WHERE maildrop = $1 AND $2::uuid IS NOT NULL ORDER BY id";
                self.list(LIST, lease).await.map(|(_, listing)| Some(listing))
            }
            _ => self.rows.snapshot(lease).await,
        }
    }

    async fn renew(&self, leases: &[Lease]) -> Result<Vec<Token>> {
        self.rows.renew(leases).await
    }

    async fn release(&self, leases: &[Lease]) -> Result<()> {
        self.rows.release(leases).await
    }

    async fn commit(&self, lease: Lease, ids: &[Id]) -> Result<bool> {
        match self.rules {
            Rules::NoFence => return self.check_then_remove(lease, ids).await,
            Rules::BodyFirst => drop(self.bodies.delete(ids).await),
            _ => {}
        }
        self.pass(Point::Commit).await;
        self.rows.commit(lease, ids).await
    }

    async fn left(&self, maildrop: Maildrop, ids: &[Id]) -> Result<u64> {
        self.rows.left(maildrop, ids).await
    }

    async fn announce(&self, id: Id) -> Result<()> {
        match self.rules {
            Rules::AgeGc => Ok(()),
            _ => self.rows.announce(id).await,
        }
    }

    async fn arrive(&self, maildrop: Maildrop, arrival: Arrival<'_>) -> Result<bool> {
        self.pass(Point::Arrival).await;
        if self.rules != Rules::AgeGc {
            return self.rows.arrive(maildrop, arrival).await;
        }
        const INSERT: &str = "INSERT INTO message (maildrop, id, octets) VALUES ($1, $2, $3)";
        let octets = i64::try_from(arrival.octets)?;
        Ok(self.client.execute(INSERT, &[&maildrop, &arrival.id, &octets]).await? == 1)
    }

    async fn has_arrived(&self, maildrop: Maildrop, id: Id) -> Result<bool> {
        self.rows.has_arrived(maildrop, id).await
    }

    async fn doom(&self, ages: Ages) -> Result<Vec<Id>> {
        self.rows.doom(ages).await
    }

    async fn forget(&self, ids: &[Id]) -> Result<()> {
        self.rows.forget(ids).await
    }
}

/// A site with one maildrop and one message, and a log that the judge reads.
struct Stage {
    site: Arc<Site<Naive, Objects>>,
    log: Arc<Log>,
    folder: TempDir,
    port: u16,
}

impl Stage {
    async fn new(postgres: &Postgres, rules: Rules) -> Self {
        let port = postgres.port();
        let client = connect(port).await;
        client.batch_execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public").await.unwrap();
        client.batch_execute(sql::SCHEMA).await.unwrap();
        client.batch_execute(AUDIT).await.unwrap();
        client.execute("INSERT INTO maildrop (id) VALUES ($1)", &[&MAILDROP]).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        for name in ["bodies", "logs"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        let bodies = Objects::in_folder(&folder.path().join("bodies")).unwrap();
        let rows = Naive {
            rows: Database::new(pool(port, 4), LEASE, false),
            bodies: bodies.clone(),
            client,
            rules,
            stop: Mutex::default(),
            has_stopped: Notify::new(),
            go: Notify::new(),
            late: Mutex::default(),
            listing: Mutex::default(),
        };
        let log = Arc::new(Log::create(&folder.path().join("logs/1")));
        let stage = Stage { site: Arc::new(Site { rows, bodies, clock: Clock }), log, folder, port };
        assert_eq!(stage.deliver().await, Delivery::Done);
        stage
    }

    async fn deliver(&self) -> Delivery {
        let id = Id::new().unwrap();
        self.log.write(&Event::Delivers(MAILDROP, number(id)));
        let delivery = self.site.deliver(MAILDROP, (id, None), &body(id)[..]).await.unwrap();
        self.log.delivered(MAILDROP, id, delivery);
        delivery
    }

    /// Logs in once.
    async fn try_open(&self) -> Option<(Lease, Vec<Id>)> {
        let began = now();
        let Some((lease, listing)) = self.site.open(MAILDROP).await.unwrap() else {
            self.log.write(&Event::InUse(MAILDROP));
            return None;
        };
        let ids: Vec<Id> = listing.ids().collect();
        self.log.opened(lease, began, &ids);
        Some((lease, ids))
    }

    /// Logs in as soon as the maildrop is free.
    async fn open(&self) -> (Lease, Vec<Id>) {
        loop {
            match self.try_open().await {
                Some(opened) => return opened,
                None => sleep(LEASE / 10).await,
            }
        }
    }

    /// Logs in with the token of the first attempt also in the second.
    async fn open_with_one_token(&self) -> (Lease, Vec<Id>) {
        let (began, rows) = (now(), &self.site.rows);
        let lease = Lease { maildrop: MAILDROP, token: Token::new().unwrap() };
        assert!(rows.acquire(lease).await.is_err());
        assert!(rows.acquire(lease).await.unwrap());
        let ids: Vec<Id> = rows.snapshot(lease).await.unwrap().unwrap().ids().collect();
        self.log.opened(lease, began, &ids);
        (lease, ids)
    }

    async fn quit(&self, lease: Lease, marked: &[Id]) -> Removal {
        self.log.removes(lease, marked);
        let removal = self.site.remove(lease, marked).await;
        self.log.told(lease, removal);
        removal
    }

    /// Runs `first` until it stops at a point, then `second`, and then the rest of the first.
    async fn interrupt<T, U>(
        &self,
        point: Point,
        first: impl Future<Output = T>,
        second: impl Future<Output = U>,
    ) -> (T, U) {
        *self.site.rows.stop.lock().unwrap() = Some(point);
        let second = async {
            timeout(Duration::from_secs(20), self.site.rows.has_stopped.notified()).await.unwrap();
            let second = second.await;
            self.site.rows.go.notify_one();
            second
        };
        tokio::join!(first, second)
    }

    /// Returns the promises that were broken.
    async fn broken(&self) -> Vec<Promise> {
        let database = connect(self.port).await;
        let history = History::read(&database, &self.folder.path().join("bodies")).await;
        let (broken, _) = judge(log::read(&self.folder.path().join("logs")), &history);
        broken.into_keys().collect()
    }
}

/// Plays an order of events with the rules of a site and with a naive rule, which breaks this promise.
async fn compare(naive: Rules, promise: Promise, play: impl AsyncFn(&Stage)) {
    let postgres = Postgres::start(&[]);
    for (rules, broken) in [(Rules::Right, vec![]), (naive, vec![promise])] {
        let stage = Stage::new(&postgres, rules).await;
        play(&stage).await;
        assert_eq!(stage.broken().await, broken, "{rules:?}");
    }
}

#[tokio::test]
async fn without_a_fence_a_session_removes_messages_that_another_holds() {
    compare(Rules::NoFence, Promise::Fenced, async |stage| {
        let (first, ids) = stage.open().await;
        let (removal, other) = stage.interrupt(Point::Commit, stage.quit(first, &ids), stage.open()).await;
        assert_eq!(removal == Removal::Done, stage.site.rows.rules == Rules::NoFence);
        assert_eq!(stage.quit(other.0, &[]).await, Removal::Done);
    })
    .await;
}

#[tokio::test]
async fn a_body_that_is_deleted_before_its_row_leaves_the_row_if_the_node_is_killed() {
    compare(Rules::BodyFirst, Promise::Bodied, async |stage| {
        let (lease, ids) = stage.open().await;
        *stage.site.rows.stop.lock().unwrap() = Some(Point::Commit);
        tokio::select! {
            _ = stage.quit(lease, &ids) => panic!("the commit did not stop"),
            () = stage.site.rows.has_stopped.notified() => {}
        }
    })
    .await;
}

#[tokio::test]
async fn lease_and_snapshot_in_one_statement_list_messages_that_the_last_session_removed() {
    compare(Rules::OneStatement, Promise::Current, async |stage| {
        let (first, ids) = stage.open().await;
        stage.log.removes(first, &ids);
        let mut node = connect(stage.port).await;
        let transaction = node.transaction().await.unwrap();
        transaction.query(sql::COMMIT, &[&first.maildrop, &first.token, &ids]).await.unwrap();
        let login = stage.open();
        let commit = async {
            const WAITING: &str = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
            let watcher = connect(stage.port).await;
            while watcher.query_one(WAITING, &[]).await.unwrap().get::<_, i64>(0) == 0 {
                sleep(LEASE / 20).await;
            }
            transaction.commit().await.unwrap();
            stage.log.told(first, Removal::Done);
        };
        tokio::join!(login, commit);
    })
    .await;
}

#[tokio::test]
async fn a_login_that_is_tried_again_with_the_same_token_lets_a_late_copy_begin_again() {
    compare(Rules::SameToken, Promise::Unique, async |stage| {
        let rows = &stage.site.rows;
        *rows.stop.lock().unwrap() = Some(Point::Login);
        let (lease, ids) = match rows.rules {
            Rules::Right => stage.open().await,
            _ => stage.open_with_one_token().await,
        };
        assert_eq!(stage.quit(lease, &ids).await, Removal::Done);
        let (other, _) = stage.open().await;
        assert_eq!(stage.quit(other, &[]).await, Removal::Done);
        let late = rows.late.lock().unwrap().take().unwrap();
        assert!(rows.acquire(late).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn bodies_that_are_collected_by_age_leave_rows_without_a_body() {
    compare(Rules::AgeGc, Promise::Bodied, async |stage| {
        // The rules of a site find the body in the database and keep it.
        let site =
            Site { rows: stage.site.rows.rows.clone(), bodies: stage.site.bodies.clone(), clock: Clock };
        let sweep = async {
            sleep(Duration::from_millis(20)).await; // older than 0
            collect::sweep(&site, Duration::ZERO).await.unwrap()
        };
        let (delivery, swept) = stage.interrupt(Point::Arrival, stage.deliver(), sweep).await;
        let is_naive = stage.site.rows.rules == Rules::AgeGc;
        assert_eq!((delivery, swept), (Delivery::Done, usize::from(is_naive)));
    })
    .await;
}

#[tokio::test]
async fn a_snapshot_that_does_not_check_the_holder_misses_messages() {
    compare(Rules::NoHolderCheck, Promise::Current, async |stage| {
        let other = async {
            let (lease, ids) = stage.open().await;
            assert_eq!(stage.quit(lease, &ids).await, Removal::Done);
        };
        let (opened, ()) = stage.interrupt(Point::Snapshot, stage.try_open(), other).await;
        assert_eq!(opened.is_some(), stage.site.rows.rules == Rules::NoHolderCheck);
    })
    .await;
}

#[tokio::test]
async fn a_delivery_whose_body_is_chosen_for_collection_is_refused() {
    let postgres = Postgres::start(&[]);
    let stage = Stage::new(&postgres, Rules::Right).await;
    let rows = &stage.site.rows;
    let choice = async {
        sleep(Duration::from_millis(20)).await; // older than 0
        rows.doom(Ages { coming: 0, going: 0 }).await.unwrap()
    };
    let (delivery, doomed) = stage.interrupt(Point::Arrival, stage.deliver(), choice).await;
    assert_eq!((delivery, doomed.len()), (Delivery::NotDone, 1));
    assert_eq!(stage.site.bodies.delete(&doomed).await, doomed);
    rows.forget(&doomed).await.unwrap();
    assert_eq!(stage.broken().await, []);
}
