//! Messages that a mail program moves while a session has the Maildir open.

use crate::kit::{Site, listing, names, number, text};
use pop3_proto::server::Maildrop;
use std::fs;
use std::io::ErrorKind;

fn rename(site: &Site, from: &str, to: &str) {
    fs::rename(site.path(from), site.path(to)).unwrap();
}

#[test]
fn a_moved_message_is_found_and_removed() {
    let site = Site::with(&[("new/1.a", b"one\n"), ("new/2.b", b"two\n"), ("new/3.c", b"three\n")]);
    let mut mailbox = site.open();
    rename(&site, "new/1.a", "cur/1.a:2,S");
    assert_eq!(text(&mailbox, 1).unwrap(), "one\n");
    rename(&site, "cur/1.a:2,S", "cur/1.a:2,RS");
    assert_eq!(text(&mailbox, 1).unwrap(), "one\n");
    mailbox.mark(number(1)).unwrap();
    mailbox.mark(number(2)).unwrap();
    rename(&site, "cur/1.a:2,RS", "new/1.a");
    fs::remove_file(site.path("new/2.b")).unwrap(); // another program was faster
    assert_eq!(mailbox.remove_marked(), Ok(()));
    drop(mailbox);
    assert_eq!(listing(&site.open()), [(7, "3.c".into())]);
}

#[test]
fn a_message_that_comes_back_is_read_and_removed() {
    let site = Site::with(&[("new/1.a", b"one\n")]);
    let mut mailbox = site.open();
    rename(&site, "new/1.a", "tmp/1.a");
    assert_eq!(mailbox.message(number(1)).unwrap_err().kind(), ErrorKind::NotFound);
    rename(&site, "tmp/1.a", "new/1.a");
    assert_eq!(text(&mailbox, 1).unwrap(), "one\n");
    rename(&site, "new/1.a", "tmp/1.a");
    assert_eq!(mailbox.message(number(1)).unwrap_err().kind(), ErrorKind::NotFound);
    rename(&site, "tmp/1.a", "cur/1.a:2,");
    mailbox.mark(number(1)).unwrap();
    assert_eq!(mailbox.remove_marked(), Ok(()));
    assert!(names(&site.path("cur")).is_empty());
}

#[test]
fn a_message_seen_in_both_folders_is_one() {
    let site = Site::with(&[("new/1.a", b"one\n"), ("cur/1.a:2,S", b"one\n"), ("new/2.b", b"two\n")]);
    let mut mailbox = site.open();
    assert_eq!(mailbox.count(), 2);
    mailbox.mark(number(1)).unwrap();
    assert_eq!(mailbox.remove_marked(), Ok(()));
    assert_eq!(names(&site.path("new")), ["1.a", "2.b"], "the one in `cur` counts");
}
