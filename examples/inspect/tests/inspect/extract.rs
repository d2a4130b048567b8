//! Messages as files.

use super::{capture_of, inspect_with, logged_in};
use inspect::make::{Capture, SERVER as S};
use inspect::{Options, Store, StoreLimits};
use std::fs;
use std::path::Path;

const COMPLETE: &str = "Subject: complete\r\n\r\n.\r\nend\r\n";

/// A complete message, one that is ambiguous, and one whose end is missing.
fn messages() -> Capture {
    let mut talk = logged_in();
    talk.client("RETR 1\r\n").server("+OK\r\nSubject: complete\r\n\r\n..\r\nend\r\n.\r\n");
    talk.client("RETR 2\r\n").server("+OK\r\nSubject: two ends\r\n\n.\nhidden\r\n.\r\n");
    talk.client("RETR 3\r\n").server("+OK\r\nSubject: torn\r\n").skip(S, 9).server("end\r\n.\r\n");
    capture_of(talk)
}

fn store(folder: &Path, limits: StoreLimits) -> Option<Store> {
    Some(Store::open(folder, limits).unwrap())
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn only_complete_messages_get_a_name() {
    let folder = tempfile::tempdir().unwrap();
    let log = inspect_with(&messages(), Options::default(), store(folder.path(), StoreLimits::DEFAULT));
    let files = log.files();
    let reasons: Vec<_> =
        files.iter().map(|file| (file["stored"].as_bool().unwrap(), file["reason"].as_str())).collect();
    assert_eq!(reasons, [(true, None), (false, Some("ambiguous")), (false, Some("incomplete"))]);
    assert_eq!(names(folder.path()), [files[0]["filename"].as_str().unwrap()]);
    let stored = fs::read(folder.path().join(&names(folder.path())[0])).unwrap();
    assert_eq!(String::from_utf8(stored).unwrap(), COMPLETE);
    assert_eq!(files[0]["size"], COMPLETE.len());
}

#[test]
fn an_existing_file_is_never_replaced_and_a_link_never_followed() {
    let folder = tempfile::tempdir().unwrap();
    let log = inspect_with(&messages(), Options::default(), None);
    let name = log.files()[0]["filename"].as_str().unwrap().to_owned();
    let outside = folder.path().join("outside");
    fs::write(&outside, "mine").unwrap();
    let inside = folder.path().join("inside");
    fs::create_dir(&inside).unwrap();
    std::os::unix::fs::symlink(&outside, inside.join(&name)).unwrap();
    // What the temporary files of this process are called.
    for number in 1..20 {
        let name = format!(".inspect-{}-{number}.part", std::process::id());
        std::os::unix::fs::symlink(&outside, inside.join(name)).unwrap();
    }
    let log = inspect_with(&messages(), Options::default(), store(&inside, StoreLimits::DEFAULT));
    assert!(log.files().iter().all(|file| file["stored"] == false));
    assert_eq!(fs::read_to_string(&outside).unwrap(), "mine");
}

#[test]
fn a_second_run_leaves_the_files_of_the_first() {
    let folder = tempfile::tempdir().unwrap();
    for (stored, reason) in [(true, None), (false, Some("exists"))] {
        let log = inspect_with(&messages(), Options::default(), store(folder.path(), StoreLimits::DEFAULT));
        assert_eq!(
            (log.files()[0]["stored"].as_bool(), log.files()[0]["reason"].as_str()),
            (Some(stored), reason)
        );
        assert_eq!(names(folder.path()).len(), 1);
    }
}

#[test]
fn stored_bytes_are_bounded() {
    let mut talk = logged_in();
    for message in 1..=9 {
        talk.client(format!("RETR {message}\r\n")).server("+OK\r\nSubject: 20 octets\r\n.\r\n");
    }
    let capture = capture_of(talk);
    let default = StoreLimits::DEFAULT;
    for (limits, count) in [
        (StoreLimits { files: 3, ..default }, 3),
        (StoreLimits { total: 100, ..default }, 5),
        (StoreLimits { message: 19, ..default }, 0),
        (StoreLimits { message: 20, ..default }, 9),
        (StoreLimits { open: 0, ..default }, 0),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let log = inspect_with(&capture, Options::default(), store(folder.path(), limits));
        assert_eq!(names(folder.path()).len(), count, "{limits:?}");
        let refused = log.files().iter().filter(|file| file["reason"] == "limit").count();
        assert_eq!(refused, 9 - count, "{limits:?}");
    }
}
