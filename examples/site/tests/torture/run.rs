//! The torture.

use crate::history::{AUDIT, History};
use crate::judge::{Figures, judge};
use crate::kit::{Faults, Pooler, Postgres, Proxy, connect, pool};
use crate::log;
use crate::node::{Process, Settings};
use crate::session::LEASE;
use fastrand::Rng;
use pop3_proto_site::operations::{Ages, Maildrop};
use pop3_proto_site::{Clock, Database, Objects, Removal, Site, collect, sql};
use rustix::process::Signal;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::thread::{available_parallelism, sleep};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const NODES: usize = 4;
const MAILDROPS: Maildrop = 60;

/// How long a message from a node may be on its way after its connection broke.
const LATE: Duration = Duration::from_millis(2500);

/// One torture at a time.
static TURN: Mutex<()> = Mutex::new(());

#[test]
fn all_promises_hold_while_nodes_and_network_fail() {
    torture("direct", |_| None);
}

#[test]
fn all_promises_hold_through_a_pooler_while_nodes_and_network_fail() {
    torture("through pgbouncer", |port| Some(Pooler::start(port, 8)));
}

fn torture(label: &str, pooler: impl FnOnce(u16) -> Option<Pooler>) {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let seconds = variable("SITE_TORTURE_SECONDS").unwrap_or(20);
    let seed = variable("SITE_TORTURE_SEED").unwrap_or_else(|| fastrand::u64(..));
    let postgres = Postgres::start(&[]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(prepare(postgres.port()));
    let pooler = pooler(postgres.port());
    let port = pooler.as_ref().map_or(postgres.port(), Pooler::port);
    let proxy = Proxy::start(port, Faults { seed, bytes: 40_000, late: LATE });

    let mut cluster = Cluster::start(proxy.port(), pooler.is_some(), Rng::with_seed(seed));
    let end = Instant::now() + Duration::from_secs(seconds);
    while Instant::now() < end {
        sleep(Duration::from_millis(100));
        cluster.fail();
    }
    let Cluster { folder, kills, pauses, .. } = cluster.end();
    sleep(LATE + Duration::from_secs(1)); // what is on its way arrives

    let bodies = folder.path().join("bodies");
    let (swept, history) = runtime.block_on(async {
        let swept = recover(postgres.port(), &bodies).await;
        (swept, History::read(&connect(postgres.port()).await, &bodies).await)
    });
    let (broken, figures) = judge(log::read(&folder.path().join("logs")), &history);
    let cuts = proxy.cut();
    // Also if the test passes.
    let text = format!(
        "{label}, seed {seed}, {seconds} s: {kills} kills, {pauses} pauses, {cuts} cuts, {swept} swept, {figures:?}\n"
    );
    std::io::stderr().write_all(text.as_bytes()).ok();
    for (promise, (times, example)) in &broken {
        eprintln!("BROKEN {promise}: {times} times, {example}");
    }
    assert!(broken.is_empty(), "seed {seed}");
    assert_eq!(figures.orphans, 0, "bodies that no message needs are left");
    assert_something_happened(&[("kills", kills), ("pauses", pauses), ("cuts", cuts)], figures);
}

/// Checks that each maildrop opens after the failures, and collects all bodies without a message. Returns how many only a sweep finds.
async fn recover(port: u16, bodies: &Path) -> usize {
    let rows = Database::new(pool(port, 1), LEASE, false);
    let site = Site { rows, bodies: Objects::in_folder(bodies).unwrap(), clock: Clock };
    for maildrop in 1..=MAILDROPS {
        let (lease, _) = site.open(maildrop).await.unwrap().expect("each lease has ended");
        assert_eq!(site.remove(lease, &[]).await, Removal::Done);
    }
    while site.collect(Ages { coming: 0, going: 0 }).await.unwrap() > 0 {}
    collect::sweep(&site, Duration::ZERO).await.unwrap()
}

/// Checks that the torture was one.
fn assert_something_happened(faults: &[(&str, u64)], figures: Figures) {
    let Figures { sessions, in_use, delivered, removed, done, not_done, after_lost_result, .. } = figures;
    let events = [
        ("sessions", sessions),
        ("refused logins", in_use),
        ("deliveries", delivered),
        ("removed messages", removed),
        ("QUIT done", done),
        ("QUIT not done", not_done),
        ("told after a lost result", after_lost_result),
    ];
    for (name, count) in faults.iter().chain(&events) {
        assert!(*count > 0, "no {name}: run it for longer, with SITE_TORTURE_SECONDS");
    }
}

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().unwrap_or_else(|_| panic!("{name} is not a number")))
}

async fn prepare(port: u16) {
    let database = connect(port).await;
    database.batch_execute(sql::SCHEMA).await.unwrap();
    database.batch_execute(AUDIT).await.unwrap();
    let insert = "INSERT INTO maildrop (id) SELECT generate_series(1, $1::bigint)";
    database.execute(insert, &[&MAILDROPS]).await.unwrap();
}

/// Nodes that fail.
struct Cluster {
    port: u16,
    has_pooler: bool,
    folder: TempDir,
    rng: Rng,
    nodes: Vec<Node>,
    started: u64,
    kills: u64,
    pauses: u64,
}

struct Node {
    process: Process,
    /// When it continues.
    paused: Option<Instant>,
}

impl Cluster {
    fn start(port: u16, has_pooler: bool, rng: Rng) -> Self {
        let folder = tempfile::Builder::new().prefix("site-torture").tempdir().unwrap();
        for name in ["bodies", "logs"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        let mut cluster =
            Cluster { port, has_pooler, folder, rng, nodes: Vec::new(), started: 0, kills: 0, pauses: 0 };
        for _ in 0..NODES {
            let node = cluster.node();
            cluster.nodes.push(node);
        }
        cluster
    }

    fn node(&mut self) -> Node {
        self.started += 1;
        let settings = Settings {
            port: self.port,
            bodies: self.folder.path().join("bodies"),
            log: self.folder.path().join(format!("logs/{}", self.started)),
            seed: self.rng.u64(..),
            maildrops: MAILDROPS,
            // One processor does not have the time for more, and the nodes would only wait.
            workers: (6 * available_parallelism().map_or(1, usize::from)).min(12),
            // Half of the nodes, because no old pooler knows named statements.
            named: !self.has_pooler && self.started % 2 == 0,
        };
        Node { process: Process::start(&settings), paused: None }
    }

    /// Kills or pauses a node, or does nothing. Lets nodes continue whose pause is over.
    fn fail(&mut self) {
        for node in &mut self.nodes {
            if node.paused.take_if(|until| *until < Instant::now()).is_some() {
                node.process.signal(Signal::CONT);
            }
        }
        let chosen = self.rng.usize(0..NODES);
        if self.nodes[chosen].paused.is_some() {
            return;
        }
        match self.rng.u8(0..12) {
            0 => {
                self.kills += 1;
                self.nodes[chosen] = self.node();
            }
            1 | 2 => {
                self.pauses += 1;
                let node = &mut self.nodes[chosen];
                node.process.signal(Signal::STOP);
                node.paused = Some(Instant::now() + LEASE.mul_f64(1.0 + 2.0 * self.rng.f64()));
            }
            _ => {}
        }
    }

    /// Kills all nodes.
    fn end(mut self) -> Self {
        self.nodes.clear();
        self
    }
}
