//! Concurrent sessions, deliveries, and names.

use crate::kit::{Site, listing, number, text};
use pop3_proto::server::{Maildrop, Refusal};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

#[test]
fn both_folders_in_the_order_of_delivery_and_nothing_else() {
    let site = Site::with(&[
        ("new/1000.c", b"three\n"),
        ("cur/999.b:2,S", b"two\r\n"),
        ("cur/99.a:2,", b"one"),
        ("cur/.hidden", b"x"),
        ("tmp/98.t", b"x"),
    ]);
    fs::create_dir(site.path("cur/97.folder")).unwrap();
    let expected = [(5, "99.a"), (5, "999.b"), (7, "1000.c")].map(|(octets, id)| (octets, id.to_string()));
    assert_eq!(listing(&site.open()), expected);
}

#[test]
fn one_session_at_a_time() {
    let site = Site::with(&[("new/1.a", b"one\n")]);
    let (maildir, as_another_process_would) = (site.maildir(), site.maildir());
    let first = maildir.open().unwrap().unwrap();
    for maildir in [&maildir, &as_another_process_would] {
        assert_eq!(maildir.open().unwrap().unwrap_err(), Refusal::InUse);
    }
    let message = first.message(number(1)).unwrap();
    drop(first);
    assert_eq!(maildir.open().unwrap().unwrap_err(), Refusal::InUse, "a message is still being read");
    drop(message);
    assert!(maildir.open().unwrap().is_ok());
}

#[test]
fn a_login_that_fails_leaves_no_lock() {
    let site = Site::with(&[]);
    fs::remove_dir(site.path("new")).unwrap();
    assert!(site.maildir().open().is_err());
    fs::create_dir(site.path("new")).unwrap();
    assert!(site.maildir().open().unwrap().is_ok());
}

#[test]
fn a_message_that_is_delivered_during_a_session_is_in_the_next() {
    let site = Site::with(&[("new/2.b", b"two\n")]);
    let mut mailbox = site.open();
    fs::write(site.path("tmp/1.a"), "one\n").unwrap();
    fs::rename(site.path("tmp/1.a"), site.path("new/1.a")).unwrap();
    assert_eq!(listing(&mailbox), [(5, "2.b".into())]);
    assert_eq!(text(&mailbox, 1).unwrap(), "two\n");
    mailbox.mark(number(1)).unwrap();
    assert_eq!(mailbox.remove_marked(), Ok(()));
    drop(mailbox);
    assert_eq!(listing(&site.open()), [(5, "1.a".into())]);
}

#[test]
fn any_name_of_a_file_is_the_name_of_a_message() {
    let site = Site::with(&[]);
    let names: [&[u8]; 7] =
        [b"1.a:2,", b"2.b", b"3.c:", b"4.d:1,x:2,S", b"5.\xff\xfe:2,\xff", b"6.a b\nc:2,S", &[b'7'; 255]];
    for name in names {
        fs::write(site.path("cur").join(Path::new(OsStr::from_bytes(name))), "text\n").unwrap();
    }
    let mut ids = Vec::new();
    for _ in ["counted", "kept"] {
        let mailbox = site.open();
        assert_eq!(mailbox.count(), 7);
        for message in 1..=7 {
            assert_eq!(text(&mailbox, message).unwrap(), "text\n");
        }
        ids.push(listing(&mailbox));
    }
    assert_eq!(ids[0], ids[1]);
    let mut mailbox = site.open();
    for message in 1..=7 {
        mailbox.mark(number(message)).unwrap();
    }
    assert_eq!(mailbox.remove_marked(), Ok(()));
    assert_eq!(fs::read_dir(site.path("cur")).unwrap().count(), 0);
}

#[test]
fn rset_clears_the_marks() {
    let site = Site::with(&[("new/1.a", b"one\n"), ("new/2.b", b"two\n")]);
    let mut mailbox = site.open();
    assert!(!mailbox.has_marked());
    mailbox.mark(number(1)).unwrap();
    assert!(mailbox.has_marked() && mailbox.entry(number(1)).unwrap().marked);
    mailbox.unmark_all();
    assert!(!mailbox.has_marked() && mailbox.remove_marked().is_ok());
    assert_eq!(mailbox.mark(number(3)), Err(Refusal::NoSuchMessage));
    assert_eq!(listing(&mailbox).len(), 2);
}

#[test]
fn thousands_of_messages_are_removed_though_some_were_moved_or_are_gone() {
    const COUNT: usize = 2_000;
    let site = Site::with(&[]);
    let path = |message: usize| site.path(&format!("new/{}.x", 10_000 + message));
    for message in 0..COUNT {
        fs::write(path(message), "text\n").unwrap();
    }
    let mut mailbox = site.open();
    for message in (0..COUNT).filter(|message| message % 10 != 9) {
        mailbox.mark(number(message as u32 + 1)).unwrap();
    }
    for message in (0..COUNT).step_by(7) {
        match message % 2 {
            0 => fs::remove_file(path(message)).unwrap(),
            _ => fs::rename(path(message), site.path(&format!("cur/{}.x:2,S", 10_000 + message))).unwrap(),
        }
    }
    // It may be gone and a folder is in its place.
    fs::remove_file(path(1)).unwrap();
    fs::create_dir(path(1)).unwrap();
    assert_eq!(mailbox.remove_marked(), Ok(()));
    drop(mailbox);
    let left = listing(&site.open()).into_iter().map(|(_, id)| id);
    let kept =
        (0..COUNT).filter(|message| message % 10 == 9).map(|message| format!("{}.x", 10_000 + message));
    assert!(left.eq(kept));
}
