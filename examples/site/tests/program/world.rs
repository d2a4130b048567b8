//! A database, a folder for the bodies, and the program.

use crate::kit::{Postgres, connect};
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

pub(crate) const PASSWORD: &str = "tanstaaf";

/// A site with its tables.
pub(crate) struct World {
    pub(crate) postgres: Postgres,
    folder: TempDir,
}

/// What a run of the program left.
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) output: String,
    pub(crate) errors: String,
}

impl World {
    pub(crate) fn new() -> Self {
        let world = World::without_tables(&[]);
        assert_eq!(world.run(&["init"]).code, Some(0));
        world
    }

    pub(crate) fn without_tables(settings: &[&str]) -> Self {
        World { postgres: Postgres::start(settings), folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn bodies(&self) -> PathBuf {
        self.path().join("bodies")
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_site"));
        command.args(arguments).env("SITE_STORE", self.postgres.url()).env("PASSWORD", PASSWORD);
        command.env("SITE_BODIES", format!("file://{}", self.bodies().display())).env("SITE_LOG", "warn");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        self.run_with(arguments, b"")
    }

    /// Runs the program with this input.
    pub(crate) fn run_with(&self, arguments: &[&str], input: &[u8]) -> Run {
        run(self.command(arguments), input)
    }

    /// Changes the database without the program.
    pub(crate) fn sql(&self, statement: &str) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime
            .block_on(async { connect(self.postgres.port()).await.batch_execute(statement).await.unwrap() });
    }

    /// Adds a user with the usual password.
    pub(crate) fn add(&self, name: &str) {
        let added = self.run(&["user", "add", name, "--password-env", "PASSWORD"]);
        assert_eq!(added.code, Some(0), "{}", added.errors);
    }

    pub(crate) fn deliver(&self, name: &str, message: &[u8]) {
        let delivered = self.run_with(&["deliver", name], message);
        assert_eq!(delivered.code, Some(0), "{}", delivered.errors);
    }

    pub(crate) fn node(&self) -> Node {
        let mut command = self.command(&["node", "--listen", "127.0.0.1:0", "--allow-plain"]);
        let mut child = command.stderr(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = lines.next().expect("the node ended").unwrap();
        Node { address: line.strip_prefix("listening on ").unwrap().into(), child }
    }

    /// Writes a Maildir with these files in `cur`.
    pub(crate) fn maildir(&self, files: &[(&str, &[u8])]) -> PathBuf {
        let root = self.path().join("Maildir");
        for folder in ["new", "cur", "tmp"] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        for (name, message) in files {
            fs::write(root.join("cur").join(name), message).unwrap();
        }
        root
    }
}

pub(crate) fn run(mut command: Command, input: &[u8]) -> Run {
    let mut child = command.spawn().unwrap();
    // The program may end before it reads.
    child.stdin.take().unwrap().write_all(input).ok();
    let output = child.wait_with_output().unwrap();
    Run {
        code: output.status.code(),
        output: String::from_utf8(output.stdout).unwrap(),
        errors: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A running node, which is killed when this is dropped.
pub(crate) struct Node {
    pub(crate) address: String,
    child: Child,
}

impl Node {
    /// Sends commands at once, and returns everything that the node answers.
    pub(crate) fn say(&self, commands: &str) -> String {
        String::from_utf8_lossy(&self.say_bytes(commands)).into_owned()
    }

    fn say_bytes(&self, commands: &str) -> Vec<u8> {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream.write_all(commands.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        answer
    }

    /// Sends commands, reads the answers to them, and cuts the connection.
    pub(crate) fn say_and_leave(&self, commands: &str) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream.write_all(commands.as_bytes()).unwrap();
        let answers = commands.matches("\r\n").count() + 1; // and the greeting
        BufReader::new(stream)
            .lines()
            .take(answers)
            .for_each(|line| assert!(line.unwrap().starts_with("+OK")));
    }

    /// Logs in again until no other session has the maildrop, and lists it.
    pub(crate) fn wait_for_login(&self, name: &str) -> String {
        loop {
            let answer = self.session(name, "LIST\r\n");
            if !answer.contains("[IN-USE]") {
                return answer;
            }
        }
    }

    /// Logs in, sends commands and QUIT.
    pub(crate) fn session(&self, name: &str, commands: &str) -> String {
        String::from_utf8_lossy(&self.session_bytes(name, commands)).into_owned()
    }

    /// Does the same, and returns the bytes.
    pub(crate) fn session_bytes(&self, name: &str, commands: &str) -> Vec<u8> {
        self.say_bytes(&format!("USER {name}\r\nPASS {PASSWORD}\r\n{commands}QUIT\r\n"))
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
