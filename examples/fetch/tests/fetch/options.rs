//! The program's options, and the files that it writes.

use crate::kit::{GREETING, Server, Session, plain};
use crate::scripted::{Scripted, program, run, run_in, self_signed, server_config, usual};
use pop3_proto_fetch::tls::Fingerprint;
use pop3_proto_fetch::{Exit, Layout, Store};
use rustls::ALL_VERSIONS;
use std::fs;
use std::os::unix::fs::symlink;
use std::time::{Duration, Instant};
use tempfile::tempdir;

#[test]
fn the_password_comes_from_a_command() {
    let server = Scripted::answering(usual);
    let folder = tempdir().unwrap();
    let url = server.url("pop3");
    let command = r"printf 'p\344ss word\r\nsecond line\n'";
    let (output, errors) = program(&folder, &[&url, "--password-command", command]);
    assert!(output.status.success(), "{errors}");
    assert_eq!(server.heard("PASS")[0], r"PASS p\xe4ss word");

    for command in ["echo tanstaaf; exit 7", "true"] {
        let (output, errors) = program(&folder, &[&url, "--password-command", command]);
        assert_eq!(output.status.code(), Some(2));
        assert!(errors.contains("password") && !errors.contains("tanstaaf"), "{errors}");
    }
    let both = ["--password-command", "true", "--password-stdin"];
    assert_eq!(program(&folder, &[&[url.as_str()], &both[..]].concat()).0.status.code(), Some(2));
}

#[test]
fn the_password_of_the_environment_keeps_its_bytes() {
    use std::os::unix::ffi::OsStrExt as _;
    let (server, folder) = (Scripted::answering(usual), tempdir().unwrap());
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_fetch"))
        .args([&server.url("pop3"), "--password-env", "SECRET", "--out"])
        .arg(folder.path())
        .env("SECRET", std::ffi::OsStr::from_bytes(b"p\xE4ss"))
        .output()
        .unwrap();
    assert!(output.status.success());
    assert_eq!(server.heard("PASS")[0], r"PASS p\xe4ss");
}

#[test]
fn a_fingerprint_is_an_option() {
    let (certificate, key) = self_signed(true, &["mail.example.com"]);
    let server = Scripted::tls(server_config(certificate.clone(), &key, ALL_VERSIONS), || {
        Box::new(|command| usual(command).map(String::from))
    });
    let (folder, url) = (tempdir().unwrap(), server.url("pop3s"));
    let fingerprint = Fingerprint::of(&certificate).to_string();
    let (output, errors) = program(&folder, &[&url, "--fingerprint", &fingerprint]);
    assert!(output.status.success(), "{errors}");
    for wrong in [
        &[url.as_str(), "--fingerprint", "sha256:12"][..],
        &[&server.url("pop3"), "--fingerprint", &fingerprint],
    ] {
        assert_eq!(program(&folder, wrong).0.status.code(), Some(2));
    }
}

#[test]
fn a_limit_bounds_the_messages_of_a_run() {
    let server = Scripted::answering(plain);
    let mut folder = tempdir().unwrap();
    for (stored, known) in [(1, 0), (1, 1), (0, 2)] {
        let run = run_in(folder, &server.url("pop3"), |options| options.limit = 1);
        run.done.unwrap();
        assert_eq!((run.tally.stored, run.tally.known), (stored, known));
        folder = run.folder;
    }
    let (output, _) = program(&tempdir().unwrap(), &[&server.url("pop3"), "--limit", "1"]);
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("1 fetched"));
}

/// A limit applies to all sessions of a run together.
#[test]
fn a_limit_survives_a_broken_session() {
    let breaks: Session = |command| if command == "QUIT" { None } else { plain(command) };
    let server = Server::start([breaks, plain]);
    let run = run(&format!("pop3://mrose@{}", server.address()), |options| {
        options.limit = 1;
        options.delete = true;
    });
    run.done.unwrap();
    assert_eq!(run.tally.stored, 1);
    assert_eq!(server.heard("RETR"), ["RETR 1"]);
}

#[test]
fn a_message_is_deleted_when_its_days_have_passed() {
    let server = Scripted::answering(plain);
    let url = server.url("pop3");
    let keep = |options: &mut pop3_proto_fetch::Options| {
        options.delete = true;
        options.keep_days = Some(2);
    };
    let first = run(&url, keep);
    assert_eq!((first.tally.stored, first.tally.deleted), (2, 0));
    let second = run_in(first.folder, &url, keep);
    assert_eq!((second.tally.known, second.tally.deleted), (2, 0));
    assert!(server.heard("DELE").is_empty());

    // Two days later, for the first of them.
    let since = fs::read_dir(second.folder.path()).unwrap().map(|entry| entry.unwrap().path());
    let since = since.into_iter().find(|path| path.to_string_lossy().contains(".fetch.since-")).unwrap();
    let lines = fs::read_to_string(&since).unwrap();
    let aged = lines.lines().map(|line| {
        let (seconds, rest) = line.split_once('\t').unwrap();
        let seconds: u64 = seconds.parse().unwrap();
        format!("{}\t{rest}\n", if rest.ends_with("\ta") { seconds - 2 * 24 * 60 * 60 } else { seconds })
    });
    fs::write(&since, aged.collect::<String>()).unwrap();
    assert_eq!(run_in(second.folder, &url, keep).tally.deleted, 1);
    assert_eq!(server.heard("DELE"), ["DELE 1"]);
}

#[test]
fn days_are_an_option_of_deletion() {
    let (server, folder) = (Scripted::answering(usual), tempdir().unwrap());
    let url = server.url("pop3");
    assert_eq!(program(&folder, &[&url, "--keep-days", "3"]).0.status.code(), Some(2));
    assert!(program(&folder, &[&url, "--keep-days", "3", "--delete"]).0.status.success());
    assert!(server.heard("DELE").is_empty());
    assert!(program(&folder, &[&url, "--keep-days", "0", "--delete"]).0.status.success());
    assert_eq!(server.heard("DELE"), ["DELE 1"]);
}

#[test]
fn days_without_unique_ids_are_refused() {
    let nameless: Session = |command| if command == "UIDL" { Some("-ERR\r\n") } else { plain(command) };
    let server = Server::start([nameless]);
    let run = run(&format!("pop3://mrose@{}", server.address()), |options| {
        options.delete = true;
        options.keep_days = Some(1);
    });
    assert_eq!(run.done.unwrap_err().exit, Exit::Usage);
    assert!(server.heard("DELE").is_empty());
}

#[test]
fn a_time_bounds_each_wait() {
    for silent in [GREETING, "LIST", "RETR 1"] {
        let server = Scripted::cleartext(move || {
            Box::new(move |command| {
                if command == silent {
                    std::thread::sleep(Duration::from_secs(30));
                }
                usual(command).map(String::from)
            })
        });
        let start = Instant::now();
        let (output, errors) =
            program(&tempdir().unwrap(), &[&server.url("pop3"), "--timeout", "1", "--retries", "0"]);
        assert_eq!(output.status.code(), Some(3), "{errors}");
        assert!(start.elapsed() < Duration::from_secs(10), "{silent}");
    }
    assert_eq!(
        program(&tempdir().unwrap(), &["pop3://m@127.0.0.1", "--timeout", "0"]).0.status.code(),
        Some(2)
    );
}

#[test]
fn a_server_that_never_shakes_hands_is_given_up() {
    let server = Scripted::cleartext(|| {
        std::thread::sleep(Duration::from_secs(30));
        Box::new(|_| None)
    });
    let fingerprint = Fingerprint::of(b"").to_string();
    let start = Instant::now();
    let arguments = [&server.url("pop3s"), "--timeout", "1", "--fingerprint", &fingerprint];
    let (_, errors) = program(&tempdir().unwrap(), &arguments);
    assert!(errors.contains("no TLS handshake"), "{errors}");
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[test]
fn files_are_never_written_through_a_link() {
    let (folder, elsewhere) = (tempdir().unwrap(), tempdir().unwrap());
    let target = elsewhere.path().join("precious");
    fs::write(&target, "precious").unwrap();
    // The program writes a partial message first. The link is removed, and its target is unchanged.
    symlink(&target, folder.path().join(".1.eml.part")).unwrap();
    let mut store = Store::open(folder.path(), Layout::Eml, "me@here").unwrap();
    store.begin().unwrap();
    store.write(b"mail").unwrap();
    drop(store);
    assert_eq!(fs::read_to_string(&target).unwrap(), "precious");

    // A hard link leads to another file too.
    fs::remove_file(folder.path().join(".1.eml.part")).unwrap();
    fs::hard_link(&target, folder.path().join(".1.eml.part")).unwrap();
    let mut store = Store::open(folder.path(), Layout::Eml, "me@here").unwrap();
    store.begin().unwrap();
    store.write(b"mail").unwrap();
    drop(store);
    assert_eq!(fs::read_to_string(&target).unwrap(), "precious");

    for name in [".fetch.lock", ".fetch-me@here", ".fetch-you@here"] {
        let folder = tempdir().unwrap();
        symlink(&target, folder.path().join(name)).unwrap();
        let error = Store::open(folder.path(), Layout::Eml, "me@here").unwrap_err().to_string();
        assert!(error.contains(name) && error.contains("is a link: remove it"), "{error}");
        assert_eq!(fs::read_to_string(&target).unwrap(), "precious");

        let dangling = elsewhere.path().join("new");
        fs::remove_file(folder.path().join(name)).unwrap();
        symlink(&dangling, folder.path().join(name)).unwrap();
        assert!(Store::open(folder.path(), Layout::Eml, "me@here").is_err());
        assert!(!dangling.exists(), "{name}");
    }
}

#[test]
fn a_lock_file_keeps_its_contents() {
    let folder = tempdir().unwrap();
    let lock = folder.path().join(".fetch.lock");
    fs::write(&lock, "a hard link, perhaps").unwrap();
    drop(Store::open(folder.path(), Layout::Eml, "me@here").unwrap());
    assert_eq!(fs::read_to_string(&lock).unwrap(), "a hard link, perhaps");
}

/// Opening a FIFO would wait forever.
#[test]
fn nothing_waits_for_a_file_that_is_not_a_file() {
    for name in [".fetch.lock", ".fetch-me@here", ".fetch-you@here"] {
        let folder = tempdir().unwrap();
        let fifo = folder.path().join(name);
        assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
        let error = Store::open(folder.path(), Layout::Eml, "me@here").unwrap_err().to_string();
        assert!(error.contains("is not a regular file"), "{error}");
    }
}

#[test]
fn the_state_file_stays_in_the_folder() {
    use pop3_proto_fetch::{Account, Tls};
    let parent = tempdir().unwrap();
    let folder = parent.path().join("mail");
    let account = Account { user: b"../x".into(), host: "../../y".into(), port: 1, tls: Tls::None };
    drop(Store::open(&folder, Layout::Eml, &account.key()).unwrap());
    assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 1);
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 2);
}
