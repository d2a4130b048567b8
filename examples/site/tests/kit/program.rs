//! Programs that end with their test.

use rustix::process::{Pid, Signal, kill_process};
use std::ffi::OsStr;
use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a program may take to start, and to end.
const START: Duration = Duration::from_secs(20);

/// A program that runs until this is dropped. The kernel ends it with the thread that started it, so it does not outlive a test
/// that is killed.
pub(crate) struct Program {
    child: Child,
    end: Signal,
}

impl Program {
    /// Starts a program that ends at this signal. It writes its errors to a file.
    pub(crate) fn start(
        program: &Path,
        arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
        end: Signal,
        errors: &Path,
    ) -> Self {
        let mut command = as_user(program, end);
        let errors = File::options().append(true).create(true).open(errors).unwrap();
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(errors);
        Program { child: command.spawn().unwrap(), end }
    }

    /// Waits until the program works. Returns false if it has ended instead.
    pub(crate) fn wait_until(&mut self, works: impl Fn() -> bool) -> bool {
        let end = Instant::now() + START;
        while Instant::now() < end && self.child.try_wait().unwrap().is_none() {
            if works() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        false
    }

    /// Sends a signal that ends the program, and waits for the end.
    pub(crate) fn end_by(&mut self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        // A child that was not waited for keeps its number, so the signal reaches no other process.
        if self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            kill_process(pid, signal).ok();
            self.child.wait().ok();
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.end_by(self.end);
    }
}

/// Runs a program to its end.
pub(crate) fn run(program: &Path, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) {
    let output = as_user(program, Signal::KILL).args(arguments).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {errors}", program.display());
}

/// Gives a folder to the user who runs the programs.
pub(crate) fn give(folder: &Path) {
    if is_root() {
        let status = Command::new("chown").arg("postgres:postgres").arg(folder).status().unwrap();
        assert!(status.success(), "cannot give {} to the user postgres", folder.display());
    }
}

/// PostgreSQL and pgbouncer do not run as root.
fn as_user(program: &Path, end: Signal) -> Command {
    let mut command = Command::new("setpriv");
    if is_root() {
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]);
    }
    let signal = if end == Signal::QUIT { "QUIT" } else { "KILL" };
    command.arg(format!("--pdeathsig={signal}")).arg("--").arg(program).current_dir("/");
    command
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
