//! Messages that a mail program moves while a session has the Maildir open.

use crate::kit::{Site, listing, names, number, text};
use pop3_proto::server::Maildrop;
use std::fs;
use std::io::ErrorKind;
use std::time::{Duration, Instant};

fn rename(site: &Site, from: &str, to: &str) {
    fs::rename(site.path(from), site.path(to)).unwrap();
}

/// Returns how long one listing takes: a login whose sizes are known, the fastest of three.
fn listing_time(site: &Site) -> Duration {
    drop(site.open());
    let login = || {
        let start = Instant::now();
        drop(site.open());
        start.elapsed()
    };
    (0..3).map(|_| login()).min().unwrap()
}

/// Checks that something took no longer than this many listings, which is far below one listing for each
/// message.
fn assert_takes(start: Instant, listings: u32, listing: Duration) {
    let took = start.elapsed();
    assert!(took < listing * listings, "{took:?}, a listing takes {listing:?}");
}

fn mark_all(mailbox: &mut impl Maildrop) {
    for message in 1..=mailbox.count() {
        mailbox.mark(number(message)).unwrap();
    }
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
    assert!(mailbox.remove_marked());
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
    assert!(mailbox.remove_marked());
    assert!(names(&site.path("cur")).is_empty());
}

/// Before, each moved message cost a listing, at RETR and at QUIT.
#[test]
fn thousands_of_moved_messages_take_no_listing_each() {
    const COUNT: usize = 3_000;
    for is_read in [true, false] {
        let site = Site::with(&[]);
        let name = |message: usize| format!("new/{}.M{message}.example", 1_700_000_000 + message);
        for message in 0..COUNT {
            fs::write(site.path(&name(message)), "text\n").unwrap();
        }
        let listing = listing_time(&site);
        let mut mailbox = site.open();
        for message in 0..COUNT {
            let flags = ["", ":2,", ":2,S", ":2,RS"][message % 4];
            rename(&site, &name(message), &format!("{}{flags}", name(message).replace("new", "cur")));
        }
        let start = Instant::now();
        for message in 1..=COUNT as u32 {
            if is_read {
                assert_eq!(text(&mailbox, message).unwrap(), "text\n");
            }
        }
        mark_all(&mut mailbox);
        assert!(mailbox.remove_marked());
        assert_takes(start, 25, listing);
        assert!(names(&site.path("cur")).is_empty());
    }
}

#[test]
fn thousands_of_messages_that_are_moved_one_by_one_or_vanish_take_no_listing_each() {
    const COUNT: usize = 3_000;
    let site = Site::with(&[]);
    for message in 0..COUNT {
        fs::write(site.path(&format!("new/{}.x", 10_000 + message)), "text\n").unwrap();
    }
    let listing = listing_time(&site);
    let mailbox = site.open();
    let start = Instant::now();
    for message in 0..COUNT / 2 {
        let base = format!("{}.x", 10_000 + message);
        rename(&site, &format!("new/{base}"), &format!("cur/{base}:2,S"));
        assert_eq!(text(&mailbox, message as u32 + 1).unwrap(), "text\n");
    }
    for message in COUNT / 2..COUNT {
        fs::remove_file(site.path(&format!("new/{}.x", 10_000 + message))).unwrap();
    }
    for message in COUNT / 2..COUNT {
        assert_eq!(mailbox.message(number(message as u32 + 1)).unwrap_err().kind(), ErrorKind::NotFound);
    }
    assert_takes(start, 25, listing);
}

/// Each message has different flags.
#[test]
fn thousands_of_places_take_no_longer() {
    const COUNT: usize = 5_000;
    let site = Site::with(&[]);
    for message in 0..COUNT {
        fs::write(site.path(&format!("cur/{}.x", 10_000 + message)), "text\n").unwrap();
    }
    let listing = listing_time(&site);
    for message in 0..COUNT {
        let name = format!("cur/{}.x", 10_000 + message);
        rename(&site, &name, &format!("{name}:2,{message}"));
    }
    let mut mailbox = site.open();
    for message in 0..COUNT {
        let base = format!("cur/{}.x:2,", 10_000 + message);
        rename(&site, &format!("{base}{message}"), &format!("{base}{message}F"));
    }
    let start = Instant::now();
    for message in (1..=COUNT as u32).step_by(50) {
        assert_eq!(text(&mailbox, message).unwrap(), "text\n");
    }
    mark_all(&mut mailbox);
    assert!(mailbox.remove_marked());
    assert_takes(start, 25, listing);
    assert!(names(&site.path("cur")).is_empty());
}

#[test]
fn a_message_seen_in_both_folders_is_one() {
    let site = Site::with(&[("new/1.a", b"one\n"), ("cur/1.a:2,S", b"one\n"), ("new/2.b", b"two\n")]);
    let mut mailbox = site.open();
    assert_eq!(mailbox.count(), 2);
    mailbox.mark(number(1)).unwrap();
    assert!(mailbox.remove_marked());
    assert_eq!(names(&site.path("new")), ["1.a", "2.b"], "the one in `cur` counts");
}
