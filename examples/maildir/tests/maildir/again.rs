//! What a login lists after one that listed the same Maildir, when nothing had changed for seconds.

use crate::kit::{Site, in_time, listing, names, number, text};
use pop3_proto::server::{Maildrop, Refusal};
use pop3_proto_maildir::Maildir;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::symlink;
use std::sync::{Mutex, PoisonError};
use std::thread::{self, sleep};
use std::time::Duration;

/// A change to a Maildir, and the listing after it.
type Change = (&'static str, fn(&Site), &'static [(u64, &'static str)]);

fn rename(site: &Site, from: &str, to: &str) {
    fs::rename(site.path(from), site.path(to)).unwrap();
}

fn write(site: &Site, name: &str, text: &str) {
    fs::write(site.path(name), text).unwrap();
}

const CHANGES: [Change; 9] = [
    ("nothing", |_| {}, &[(5, "1.a"), (5, "2.b")]),
    ("a message comes", |site| write(site, "new/3.c", "three\n"), &[(5, "1.a"), (5, "2.b"), (7, "3.c")]),
    ("a message goes", |site| fs::remove_file(site.path("new/1.a")).unwrap(), &[(5, "2.b")]),
    ("the last of a folder goes", |site| fs::remove_file(site.path("cur/2.b:2,S")).unwrap(), &[(5, "1.a")]),
    ("a message is moved", |site| rename(site, "new/1.a", "cur/1.a:2,S"), &[(5, "1.a"), (5, "2.b")]),
    ("a message gets a flag", |site| rename(site, "cur/2.b:2,S", "cur/2.b:2,RS"), &[(5, "1.a"), (5, "2.b")]),
    (
        "a message of the same size replaces another, under a new name",
        |site| {
            write(site, "tmp/4.d", "abc\n");
            fs::remove_file(site.path("new/1.a")).unwrap();
            rename(site, "tmp/4.d", "new/4.d");
        },
        &[(5, "2.b"), (5, "4.d")],
    ),
    (
        "a message becomes a link",
        |site| {
            fs::remove_file(site.path("new/1.a")).unwrap();
            symlink(site.other(), site.path("new/1.a")).unwrap();
        },
        &[(5, "2.b")],
    ),
    (
        "a folder is replaced",
        |site| {
            fs::rename(site.path("new"), site.folder().join("old")).unwrap();
            fs::create_dir(site.path("new")).unwrap();
        },
        &[(5, "2.b")],
    ),
];

/// A Maildir that was listed once.
fn listed() -> (Site, Maildir) {
    let site = Site::with(&[("new/1.a", b"one\n"), ("cur/2.b:2,S", b"two\n")]);
    let maildir = site.maildir();
    drop(maildir.open().unwrap().unwrap());
    (site, maildir)
}

/// Maildirs that were listed twice, the second time without a change for seconds.
struct ListedAgain {
    small: Mutex<Vec<(Site, Maildir)>>,
    long: Maildir,
    with_a_file_left_out: Maildir,
}

impl ListedAgain {
    fn take(&self) -> (Site, Maildir) {
        let mut small = self.small.lock().unwrap_or_else(PoisonError::into_inner);
        small.pop().expect("enough Maildirs for all tests")
    }
}

type Test = fn(&ListedAgain);

/// All tests share one wait.
#[test]
fn after_seconds_without_a_change() {
    let small: Vec<_> = (0..2 * CHANGES.len() + 7).map(|_| listed()).collect();
    let long = Site::with(&[]);
    for number in 0..=1_000 {
        write(&long, &format!("new/{number}.a"), "text\n");
    }
    let left_out = Site::with(&[("new/1.a", b"one\n")]);
    fs::create_dir(left_out.path("cur/folder")).unwrap();
    let listed = ListedAgain {
        small: Mutex::new(small),
        long: long.maildir(),
        with_a_file_left_out: left_out.maildir(),
    };
    let list_all = || {
        let small = listed.small.lock().unwrap();
        let all = small.iter().map(|(_, maildir)| maildir);
        for maildir in all.chain([&listed.long, &listed.with_a_file_left_out]) {
            drop(maildir.open().unwrap().unwrap());
        }
    };
    list_all();
    sleep(Duration::from_millis(3100));
    list_all();
    let tests: [(&str, Test); 7] = [
        ("a_login_lists_the_current_messages", a_login_lists_the_current_messages),
        ("a_message_with_other_text", a_message_with_other_text_or_size_is_refused_and_listed_again),
        ("sizes_that_another_process_removed", sizes_that_another_process_removed_are_counted_again),
        ("marks_and_removals", marks_and_removals_are_of_one_session),
        ("a_login_that_waits_for_nothing", a_login_that_waits_for_nothing_lists_the_same),
        ("no_change_is_missed", no_change_is_missed_by_a_login_that_waits_for_nothing),
        ("a_long_listing", a_long_listing_is_not_kept_nor_one_with_a_file_left_out),
    ];
    thread::scope(|scope| {
        for (name, test) in tests {
            let listed = &listed;
            thread::Builder::new().name(name.into()).spawn_scoped(scope, move || test(listed)).unwrap();
        }
    });
}

fn a_login_lists_the_current_messages(listed: &ListedAgain) {
    for (change, apply, expected) in CHANGES {
        let (site, maildir) = listed.take();
        apply(&site);
        let mailbox = in_time(move || maildir.open().unwrap().unwrap());
        let expected: Vec<_> = expected.iter().map(|(octets, id)| (*octets, (*id).to_owned())).collect();
        assert_eq!(listing(&mailbox), expected, "{change}");
        for message in 1..=mailbox.count() {
            assert!(text(&mailbox, message).is_ok(), "{change}");
        }
    }
}

fn a_message_with_other_text_or_size_is_refused_and_listed_again(listed: &ListedAgain) {
    for changed in ["one\ntwo\n", "one", "o\ne\n"] {
        // the last one is as long
        let (site, maildir) = listed.take();
        write(&site, "new/1.a", changed);
        let mailbox = maildir.open().unwrap().unwrap();
        assert!(mailbox.message_if_cached(number(1)).is_none());
        assert_eq!(mailbox.message(number(1)).unwrap_err().kind(), ErrorKind::InvalidData, "{changed:?}");
        drop(mailbox);
        assert_eq!(text(&maildir.open().unwrap().unwrap(), 1).unwrap(), changed);
    }
}

fn sizes_that_another_process_removed_are_counted_again(listed: &ListedAgain) {
    let (site, maildir) = listed.take();
    write(&site, "new/1.a", "one\ntwo\n");
    fs::remove_file(site.path("pop3.sizes")).unwrap();
    assert_eq!(listing(&maildir.open().unwrap().unwrap())[0].0, 10);
}

fn marks_and_removals_are_of_one_session(listed: &ListedAgain) {
    let (site, maildir) = listed.take();
    let mut mailbox = maildir.open().unwrap().unwrap();
    mailbox.mark(number(1)).unwrap();
    drop(mailbox);
    let mut mailbox = maildir.open().unwrap().unwrap();
    assert!(!mailbox.has_marked());
    rename(&site, "new/1.a", "cur/1.a:2,S");
    assert_eq!(text(&mailbox, 1).unwrap(), "one\n");
    mailbox.mark(number(1)).unwrap();
    assert_eq!(mailbox.remove_marked(), Ok(()));
    assert_eq!(names(&site.path("cur")), ["2.b:2,S"]);
    drop(mailbox);
    assert_eq!(listing(&maildir.open().unwrap().unwrap()), [(5, "2.b".into())]);
}

fn a_login_that_waits_for_nothing_lists_the_same(listed: &ListedAgain) {
    let (_site, changed_now) = self::listed();
    drop(changed_now.open().unwrap().unwrap());
    assert!(changed_now.open_if_cached().is_none(), "another message could come within the same tick");
    let (site, maildir) = listed.take();
    let Some(opened) = maildir.open_if_cached() else {
        return eprintln!("not tested: this system cannot tell");
    };
    let mut mailbox = opened.unwrap();
    assert_eq!(listing(&mailbox), [(5, "1.a".into()), (5, "2.b".into())]);
    assert_eq!(maildir.open_if_cached().unwrap().unwrap_err(), Refusal::InUse);
    assert_eq!(site.maildir().open().unwrap().unwrap_err(), Refusal::InUse);
    assert_eq!(text(&mailbox, 1).unwrap(), "one\n");
    mailbox.mark(number(2)).unwrap();
    assert_eq!(mailbox.remove_marked(), Ok(()));
    drop(mailbox);
    // The folder has changed.
    assert!(maildir.open_if_cached().is_none());
    assert_eq!(listing(&maildir.open().unwrap().unwrap()), [(5, "1.a".into())]);
}

fn no_change_is_missed_by_a_login_that_waits_for_nothing(listed: &ListedAgain) {
    for (change, apply, _) in CHANGES.into_iter().skip(1) {
        let (site, maildir) = listed.take();
        apply(&site);
        assert!(maildir.open_if_cached().is_none(), "{change}");
    }
    for name in ["pop3.lock", "cur"] {
        let (site, maildir) = listed.take();
        fs::rename(site.path(name), site.folder().join("old")).unwrap();
        symlink(site.folder().join("old"), site.path(name)).unwrap();
        assert!(maildir.open_if_cached().is_none(), "{name} is a link");
    }
}

fn a_long_listing_is_not_kept_nor_one_with_a_file_left_out(listed: &ListedAgain) {
    assert!(listed.long.open_if_cached().is_none());
    assert!(listed.with_a_file_left_out.open_if_cached().is_none());
}
