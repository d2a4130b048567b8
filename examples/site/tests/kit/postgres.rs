//! A PostgreSQL that is thrown away.

use super::program::{Program, give, run};
use super::{free_port, url};
use rustix::process::Signal;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// PostgreSQL with an empty database, in a temporary folder, at a port of its own.
pub(crate) struct Postgres {
    // Dropped first: it writes to the folder.
    program: Program,
    port: u16,
    settings: Vec<String>,
    folder: TempDir,
}

impl Postgres {
    /// Starts PostgreSQL with settings such as `max_connections=50`. It ends with the thread that calls this, at the latest.
    pub(crate) fn start(settings: &[&str]) -> Self {
        let folder = folder();
        copy(&template(), Path::new(&data(folder.path())));
        let defaults = ["fsync=off", "max_connections=200"];
        let settings: Vec<String> = defaults.iter().chain(settings).map(ToString::to_string).collect();
        // Another program may take the port between the choice and the start.
        for _ in 0..5 {
            let port = free_port();
            if let Some(program) = start(folder.path(), port, &settings) {
                return Postgres { program, port, settings, folder };
            }
        }
        panic!("PostgreSQL does not start: {}", errors(folder.path()));
    }

    /// Returns the port.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Returns the URL of the database.
    pub(crate) fn url(&self) -> String {
        url(self.port)
    }

    /// Returns what PostgreSQL has logged.
    pub(crate) fn log(&self) -> String {
        errors(self.folder.path())
    }

    /// Ends PostgreSQL as an operator does. It writes everything, and breaks all connections.
    pub(crate) fn stop(&mut self) {
        self.program.end_by(Signal::INT);
    }

    /// Ends PostgreSQL as a crash does. It writes nothing more, and repeats its log when it starts again.
    pub(crate) fn crash(&mut self) {
        self.program.end_by(Signal::QUIT);
    }

    /// Starts PostgreSQL again after it was ended, with the same data at the same port.
    pub(crate) fn start_again(&mut self) {
        let program = start(self.folder.path(), self.port, &self.settings);
        self.program = program.unwrap_or_else(|| panic!("{}", errors(self.folder.path())));
    }
}

fn folder() -> TempDir {
    let folder = tempfile::Builder::new().prefix("site-postgres").tempdir().unwrap();
    give(folder.path());
    folder
}

/// Returns a folder with an empty database. It is made once, because `initdb` takes longer than most tests.
fn template() -> PathBuf {
    let template = Path::new(env!("CARGO_TARGET_TMPDIR")).join("empty-database-15");
    if !template.exists() {
        let folder = folder();
        let data = data(folder.path());
        let options = [
            "-U",
            "postgres",
            "-N",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C",
            "--wal-segsize=1",
            "-D",
            &data,
        ];
        run(&programs().join("initdb"), options);
        let copied = template.with_file_name(folder.path().file_name().unwrap());
        copy(Path::new(&data), &copied);
        // Another test may have been faster. Its template is as good.
        if std::fs::rename(&copied, &template).is_err() {
            std::fs::remove_dir_all(&copied).ok();
        }
    }
    template
}

/// Copies a folder with its owner.
fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap();
    assert!(status.success(), "cannot copy {}", from.display());
}

fn start(folder: &Path, port: u16, settings: &[String]) -> Option<Program> {
    let (data, port) = (data(folder), port.to_string());
    let mut arguments = vec!["-D", &data, "-k", folder.to_str().unwrap(), "-h", "127.0.0.1", "-p", &port];
    arguments.extend(settings.iter().flat_map(|setting| ["-c", setting]));
    let mut program =
        Program::start(&programs().join("postgres"), arguments, Signal::QUIT, &folder.join("errors"));
    let ready = || {
        let mut question = Command::new(programs().join("pg_isready"));
        question.args(["-q", "-h", "127.0.0.1", "-p", &port]).status().unwrap().success()
    };
    program.wait_until(ready).then_some(program)
}

fn data(folder: &Path) -> String {
    folder.join("data").to_str().unwrap().to_owned()
}

fn errors(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("errors")).unwrap_or_default()
}

/// Returns the folder of PostgreSQL's programs. Debian keeps those of each version apart.
fn programs() -> PathBuf {
    let debian = PathBuf::from("/usr/lib/postgresql/15/bin");
    if debian.join("postgres").exists() {
        return debian;
    }
    let output = Command::new("pg_config").arg("--bindir").output();
    let output = output.expect("PostgreSQL is not installed: run `.ci/need postgresql-15:pg_config`");
    PathBuf::from(String::from_utf8(output.stdout).unwrap().trim())
}
