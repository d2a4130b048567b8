//! Tests the program `serve`: several at once, signals, and its output.

use crate::kit::{connector, rest, say};
use pop3_proto_serve::users;
use rustls::pki_types::ServerName;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

const SERVE: &str = env!("CARGO_BIN_EXE_serve");

/// A folder with users and a certificate, and a server that uses them.
struct Program {
    folder: TempDir,
    child: Child,
}

impl Drop for Program {
    fn drop(&mut self) {
        self.child.kill().ok(); // if a test failed
        self.child.wait().ok();
    }
}

impl Program {
    fn start() -> Self {
        Self::start_with(&[])
    }

    fn start_with(more: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        users::add(&path("users"), "mrose", "tanstaaf", &path("Maildir")).unwrap();
        certify(folder.path(), "first.pem");
        let child = Command::new(SERVE)
            .args([
                "--listen",
                "127.0.0.1:0",
                "--listen-tls",
                "127.0.0.1:0",
                "--allow-plain",
                "--grace",
                "20",
            ])
            .args(more)
            .args([OsStr::new("--users"), path("users").as_os_str()])
            .args([OsStr::new("--cert"), path("cert.pem").as_os_str()])
            .args([OsStr::new("--key"), path("key.pem").as_os_str()])
            .stdout(File::create(path("out")).unwrap())
            .stderr(File::create(path("log")).unwrap())
            .spawn()
            .unwrap();
        let program = Program { folder, child };
        program.wait_for("out", "(TLS)\n", 1);
        program
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Waits until a file contains this text this many times.
    fn wait_for(&self, file: &str, text: &str, times: usize) -> String {
        let start = Instant::now();
        loop {
            let told = fs::read_to_string(self.path(file)).unwrap();
            if told.matches(text).count() >= times {
                return told;
            }
            assert!(start.elapsed() < Duration::from_secs(30), "no {text:?} in {told}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn address(&self, tls: bool) -> SocketAddr {
        let out = fs::read_to_string(self.path("out")).unwrap();
        let line =
            out.lines().find(|line| line.starts_with("listening") && line.ends_with("(TLS)") == tls).unwrap();
        line.split(' ').nth(2).unwrap().parse().unwrap()
    }

    fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }

    async fn log_in(&self, name: &str, password: &str) -> (TcpStream, bool) {
        let mut stream = TcpStream::connect(self.address(false)).await.unwrap();
        let answer = say(&mut stream, &format!("USER {name}\r\nPASS {password}\r\n"), 3).await;
        (stream, answer.contains("maildrop open"))
    }

    /// Returns whether TLS shows this certificate.
    async fn shows(&self, certificate: &str) -> bool {
        let connector = connector(&self.path(certificate));
        let stream = TcpStream::connect(self.address(true)).await.unwrap();
        connector.connect(ServerName::try_from("localhost").unwrap(), stream).await.is_ok()
    }

    fn end(&mut self) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(start.elapsed() < Duration::from_secs(30), "it does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Writes a new certificate and its key, and a copy to trust.
fn certify(folder: &Path, copy: &str) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(folder.join("cert.pem"), made.cert.pem()).unwrap();
    fs::write(folder.join(copy), made.cert.pem()).unwrap();
    fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
}

fn add_user(folder: &Path, name: &str, password: &OsStr) -> Child {
    Command::new(SERVE)
        .args(["--add-user", name, "--password-env", "PASSWORD"])
        .args([OsStr::new("--users"), folder.join("users").as_os_str()])
        .args([OsStr::new("--maildir"), folder.join(name).as_os_str()])
        .env("PASSWORD", password)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn ten_users_who_are_added_at_once_are_all_there() {
    let folder = tempfile::tempdir().unwrap();
    let names: Vec<_> = (0..10).map(|number| format!("user{number}")).collect();
    let adding: Vec<_> =
        names.iter().map(|name| add_user(folder.path(), name, OsStr::new("sekret"))).collect();
    for child in adding {
        let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
        assert!(status.success() && stdout.is_empty(), "{}", String::from_utf8_lossy(&stderr));
    }
    let text = fs::read_to_string(folder.path().join("users")).unwrap();
    let mut there: Vec<_> = text.lines().map(|line| line.split('\t').next().unwrap()).collect();
    there.sort_unstable();
    assert_eq!(there, names);
    let read = users::Users::read(&folder.path().join("users")).unwrap();
    assert!(names.iter().all(|name| read.is_right(name.as_bytes(), b"sekret")));
}

#[tokio::test]
async fn sighup_reads_users_and_certificate_again() {
    let mut program = Program::start();
    let (mut session, _) = program.log_in("mrose", "tanstaaf").await;
    assert!(program.shows("first.pem").await);
    assert!(!program.log_in("another", "sekret").await.1);

    users::add(&program.path("users"), "another", "sekret", &program.path("other")).unwrap();
    certify(program.folder.path(), "second.pem");
    assert!(program.shows("first.pem").await, "the new certificate appeared before SIGHUP");
    program.signal("-HUP");
    program.wait_for("log", "reloaded the certificate", 1);
    program.wait_for("log", "reloaded the users", 1);
    assert!(program.log_in("another", "sekret").await.1);
    assert!(program.shows("second.pem").await && !program.shows("first.pem").await);
    assert_eq!(say(&mut session, "NOOP\r\n", 1).await, "+OK no operation\r\n", "the session has ended");

    // The grace period is for SIGTERM, even if SIGHUP arrives meanwhile.
    program.signal("-TERM");
    program.signal("-HUP");
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(program.child.try_wait().unwrap().is_none(), "it did not wait");
    assert_eq!(say(&mut session, "QUIT\r\n", 1).await, "+OK bye\r\n");
    drop(session);
    assert!(program.end().success());
    program.wait_for("log", "all sessions have ended", 1);
}

#[tokio::test]
async fn what_cannot_be_reloaded_stays_and_is_reported() {
    let program = Program::start();
    let whole = fs::read_to_string(program.path("users")).unwrap();
    let mut times = 0;
    let mut hang_up = || {
        times += 1;
        program.signal("-HUP");
        program.wait_for("log", "cannot reload the users: the old users stay", times);
        program.wait_for("log", "cannot reload the certificate: the old certificate stays", times)
    };
    // A renewal that has written only the certificate so far; half a user.
    let first = fs::read(program.path("key.pem")).unwrap();
    certify(program.folder.path(), "second.pem");
    fs::write(program.path("key.pem"), first).unwrap();
    fs::write(program.path("users"), &whole[..whole.len() - 2]).unwrap();
    let log = hang_up();
    assert!(log.contains("ERROR") && log.contains("users: the last line is incomplete"), "{log}");
    // Half a key; no users at all.
    fs::write(program.path("key.pem"), "-----BEGIN PRIVATE KEY-----\nc2Vr\n").unwrap();
    fs::remove_file(program.path("users")).unwrap();
    hang_up();
    // Files that nobody ever writes to.
    fs::remove_file(program.path("key.pem")).unwrap();
    for name in ["key.pem", "users"] {
        assert!(Command::new("mkfifo").arg(program.path(name)).status().unwrap().success());
    }
    let log = hang_up();
    assert!(
        log.contains("not a regular file") && !log.contains("c2Vr") && !log.contains("SCRAM-SHA"),
        "{log}"
    );
    assert!(program.log_in("mrose", "tanstaaf").await.1);
    assert!(program.shows("first.pem").await);
    // Everything is complete again.
    fs::remove_file(program.path("users")).unwrap();
    fs::remove_file(program.path("key.pem")).unwrap();
    fs::write(program.path("users"), whole).unwrap();
    certify(program.folder.path(), "third.pem");
    program.signal("-HUP");
    program.wait_for("log", "reloaded the certificate", 1);
    program.wait_for("log", "reloaded the users", 1);
    assert!(program.shows("third.pem").await);
}

/// The header's address is in the log, and a header from elsewhere is not.
#[tokio::test]
async fn the_log_has_the_clients_address() {
    let program = Program::start_with(&["--proxy-from", "127.0.0.2/32", "--proxy-from", "127.0.0.1/32"]);
    let mut stream = TcpStream::connect(program.address(false)).await.unwrap();
    say(&mut stream, "PROXY TCP4 192.0.2.7 127.0.0.1 49152 110\r\nUSER mrose\r\nPASS wrong\r\nQUIT\r\n", 4)
        .await;
    let mut stream = TcpStream::connect(program.address(false)).await.unwrap();
    stream.write_all(b"NOOP\r\n").await.unwrap();
    program.wait_for("log", "no session", 1);
    let log = program.wait_for("log", "a login failed", 1);
    assert!(log.contains("address=192.0.2.7") && log.contains("no session address=127.0.0.1 "), "{log}");
    assert_eq!(log.matches("not a PROXY header").count(), 1, "{log}");
}

#[test]
fn a_network_that_cannot_be_read_ends_the_program() {
    for network in ["", "127.0.0.1/33", "localhost/8", "::1/129"] {
        let output = Command::new(SERVE).args(["--demo", "--proxy-from", network]).output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && told.contains("--proxy-from"), "{told}");
    }
}

#[test]
fn no_error_shows_a_password() {
    let folder = tempfile::tempdir().unwrap();
    let long = "hunter2".repeat(2000);
    for password in [&b"hunter2\xff"[..], b"hunter2\n", b"", long.as_bytes()] {
        let child = add_user(folder.path(), "mrose", OsStr::from_bytes(password));
        let output = child.wait_with_output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && told.starts_with("serve: "), "{told}");
        assert!(!told.contains("hunter2"), "{told}");
        assert!(told.contains("mrose") || told.contains("not UTF-8"), "the error names no user: {told}");
    }
    // The password in place of the variable's name.
    let output = Command::new(SERVE)
        .args(["--user", "mrose", "--maildir", "/nowhere", "--password-env", "hunter2"])
        .output()
        .unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(
        !output.status.success() && told.contains("--password-env") && !told.contains("hunter2"),
        "{told}"
    );
}

#[test]
fn a_password_that_cannot_be_sent_is_refused_at_the_start() {
    let output = Command::new(SERVE)
        .args(["--user", "mrose", "--maildir", "/nowhere", "--password-env", "PASSWORD"])
        .args(["--allow-plain", "--listen", "127.0.0.1:0"])
        .env("PASSWORD", "p".repeat(10_000))
        .output()
        .unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("the password of \"mrose\" is too long"), "{told}");
    assert!(!output.status.success() && output.stdout.is_empty());
}

/// The server ends after its grace period, although a client stays connected.
#[tokio::test]
async fn the_sample_mailbox_has_its_own_folder() {
    let folder = tempfile::tempdir().unwrap();
    let child = Command::new(SERVE)
        .args(["--demo", "--listen", "127.0.0.1:0", "--grace", "0"])
        .env("TMPDIR", folder.path())
        .stdout(File::create(folder.path().join("out")).unwrap())
        .stderr(File::create(folder.path().join("log")).unwrap())
        .spawn()
        .unwrap();
    let mut program = Program { folder, child };
    program.wait_for("out", "listening on", 1);
    let demo = program.path(&format!("pop3-proto-serve-{}", program.child.id()));
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&demo).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o700);
    let (mut session, logged_in) = program.log_in("mrose", "tanstaaf").await;
    assert!(logged_in);
    program.signal("-TERM");
    assert!(program.end().success());
    assert!(rest(&mut session).await.is_empty() && !demo.exists());
}
