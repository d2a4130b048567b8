//! A node as a process of its own: this program with another task.

use crate::kit::pool;
use crate::log::Log;
use crate::session::{AGES, LEASE, Watched, Worker};
use fastrand::Rng;
use pop3_proto_site::operations::Maildrop;
use pop3_proto_site::{Clock, Database, Keeper, Objects, Site};
use rustix::process::{Pid, Signal, kill_process};
use std::panic;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Builder;
use tokio::time::sleep;

/// The variable that holds the settings of a node.
const VARIABLE: &str = "SITE_TORTURE_NODE";

/// How many connections to the database a node has.
const CONNECTIONS: usize = 6;

/// What a node needs to know.
pub(crate) struct Settings {
    /// The port that leads to the database.
    pub(crate) port: u16,
    pub(crate) bodies: PathBuf,
    pub(crate) log: PathBuf,
    pub(crate) seed: u64,
    pub(crate) maildrops: Maildrop,
    pub(crate) workers: usize,
    /// Whether its statements are named.
    pub(crate) named: bool,
}

/// A node that runs. It is killed when this is dropped, and when the thread ends that started it.
pub(crate) struct Process(Child);

impl Process {
    pub(crate) fn start(settings: &Settings) -> Self {
        let Settings { port, bodies, log, seed, maildrops, workers, named } = settings;
        let (bodies, log) = (bodies.display(), log.display());
        let text = format!("{port} {bodies} {log} {seed} {maildrops} {workers} {named}");
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig=KILL", "--"]).arg(std::env::current_exe().unwrap());
        command.args(["--exact", "node::node", "--ignored", "--nocapture"]).env(VARIABLE, text);
        Process(command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap())
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.0.kill().ok();
        let status = self.0.wait().unwrap();
        // A node does not end by itself, so it has failed if it did.
        assert!(std::thread::panicking() || status.code().is_none(), "a node ended with {status}");
    }
}

#[test]
#[ignore = "the torture runs it in processes of their own"]
fn node() {
    let Ok(text) = std::env::var(VARIABLE) else { return };
    let [port, bodies, log, seed, maildrops, workers, named] = text.split(' ').collect::<Vec<_>>()[..] else {
        panic!()
    };
    let settings = Settings {
        port: port.parse().unwrap(),
        bodies: bodies.into(),
        log: log.into(),
        seed: seed.parse().unwrap(),
        maildrops: maildrops.parse().unwrap(),
        workers: workers.parse().unwrap(),
        named: named.parse().unwrap(),
    };
    // A panic in one task ends the node, so the torture notices it.
    let show = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        show(info);
        std::process::exit(101);
    }));
    Builder::new_current_thread().enable_all().build().unwrap().block_on(run(settings));
}

/// Runs until it is killed.
async fn run(settings: Settings) {
    let log = Arc::new(Log::create(&settings.log));
    let rows = Database::new(pool(settings.port, CONNECTIONS), LEASE, settings.named);
    let bodies = Objects::in_folder(&settings.bodies).unwrap();
    let site = Arc::new(Site { rows: Watched { rows, log: Arc::clone(&log) }, bodies, clock: Clock });
    let keeper = Keeper::default();
    let mut rng = Rng::with_seed(settings.seed);
    for _ in 0..settings.workers {
        let (site, keeper, log) = (Arc::clone(&site), keeper.clone(), Arc::clone(&log));
        let worker = Worker { site, keeper, log, maildrops: settings.maildrops, rng: rng.fork() };
        tokio::spawn(worker.run());
    }
    let collector = Arc::clone(&site);
    tokio::spawn(async move {
        loop {
            collector.collect(AGES).await.ok();
            sleep(Duration::from_millis(50)).await;
        }
    });
    keeper.run(&site.rows, &site.clock, LEASE).await;
}
