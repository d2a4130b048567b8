//! A site in a temporary folder, with one user, and its program.

use crate::client::Client;
use crate::kit::{Postgres, connect};
use crate::nodes::Node;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::types::FromSqlOwned;

/// The user, and the password.
pub(crate) const USER: &str = "mrose";
pub(crate) const PASSWORD: &str = "tanstaaf";

/// How long anything may take that a test waits for.
const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until a condition is true.
#[track_caller]
pub(crate) fn wait_until(what: &str, condition: impl FnMut() -> bool) {
    assert!(is_true_within(PATIENCE, condition), "in vain: {what}");
}

/// Returns whether a condition becomes true within a time.
pub(crate) fn is_true_within(time: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + time;
    while !condition() {
        if Instant::now() > end {
            return false;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    true
}

/// A site without a node.
pub(crate) struct Site {
    pub(crate) postgres: Postgres,
    folder: TempDir,
    /// How many seconds a lease lasts.
    lease: u32,
    runtime: Runtime,
}

impl Site {
    /// Makes a site whose leases last this many seconds.
    pub(crate) fn new(lease: u32) -> Self {
        let postgres = Postgres::start(&[]);
        let folder = tempfile::Builder::new().prefix("site-drill").tempdir().unwrap();
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let site = Site { postgres, folder, lease, runtime };
        site.run(&["init"], "");
        site.run(&["user", "add", USER], &format!("{PASSWORD}\n"));
        site
    }

    /// Returns the program with the options of this site. The kernel ends it with the thread that calls this, at the latest.
    pub(crate) fn program(&self, store: u16) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig=KILL", "--", env!("CARGO_BIN_EXE_site")]);
        command.env("SITE_STORE", crate::kit::url(store)).env("SITE_LEASE", self.lease.to_string());
        command.env("SITE_BODIES", format!("file://{}", self.bodies().display()));
        command
    }

    /// Runs a command of the program with this input. Returns its exit code.
    pub(crate) fn try_run(&self, arguments: &[&str], input: &str) -> Option<i32> {
        let mut child = self.begin(arguments, self.postgres.port());
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait().unwrap().code()
    }

    #[track_caller]
    fn run(&self, arguments: &[&str], input: &str) {
        assert_eq!(self.try_run(arguments, input), Some(0), "{arguments:?}");
    }

    /// Begins a command that reads more input. Its database is at this port.
    pub(crate) fn begin(&self, arguments: &[&str], store: u16) -> Child {
        let mut command = self.program(store);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().unwrap()
    }

    /// Delivers a message to the user.
    #[track_caller]
    pub(crate) fn deliver(&self, message: &str) {
        self.run(&["deliver", USER], message);
    }

    /// Starts a node.
    pub(crate) fn node(&self) -> Node {
        Node::start(self.program(self.postgres.port()), &[])
    }

    /// Returns the bodies that the user finds at a login to this node, in order.
    pub(crate) fn mail(&self, node: &Node) -> Vec<String> {
        let mut client = Client::log_in(node).unwrap();
        let count = client.count();
        let mail = (1..=count).map(|number| client.retrieve(number).unwrap()).collect();
        assert_eq!(client.ask("QUIT"), "+OK bye");
        mail
    }

    /// Returns the value that a query has.
    pub(crate) fn value<T: FromSqlOwned>(&self, query: &str) -> T {
        self.runtime.block_on(async {
            connect(self.postgres.port()).await.query_one(query, &[]).await.unwrap().get(0)
        })
    }

    /// Runs a statement.
    pub(crate) fn execute(&self, statement: &str) {
        self.runtime.block_on(async {
            connect(self.postgres.port()).await.batch_execute(statement).await.unwrap();
        });
    }

    /// Returns how many messages there are.
    pub(crate) fn messages(&self) -> i64 {
        self.value("SELECT count(*) FROM message")
    }

    /// Returns how many leases have not ended.
    pub(crate) fn leases(&self) -> i64 {
        self.value("SELECT count(*) FROM maildrop WHERE expires > now()")
    }

    /// Returns the folder of the bodies.
    pub(crate) fn bodies(&self) -> PathBuf {
        self.folder.path().join("bodies")
    }

    /// Returns the files in the folder of the bodies.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        find(&self.bodies(), &mut files);
        files
    }
}

fn find(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => find(&path, files),
            false => files.push(path),
        }
    }
}
