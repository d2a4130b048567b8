//! Messages that change, or cannot be read.

use crate::kit::{Site, listing, number, text};
use pop3_proto::server::Maildrop;
use std::fs::{self, File};
use std::io::{BufRead, ErrorKind, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, SystemTime};

/// More than one part.
const LINES: usize = 20_000;
const LINE: &str = "A line of text.\n";

fn big() -> String {
    LINE.repeat(LINES)
}

fn append(site: &Site, name: &str, text: &str) {
    File::options().append(true).open(site.path(name)).unwrap().write_all(text.as_bytes()).unwrap();
}

fn cut(site: &Site, name: &str, length: u64) {
    File::options().write(true).open(site.path(name)).unwrap().set_len(length).unwrap();
}

/// Makes a file one that nobody has changed for long.
fn make_old(site: &Site, name: &str) {
    File::open(site.path(name)).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
}

#[test]
fn sizes_are_what_retr_sends() {
    let big = big();
    let site = Site::with(&[("new/1.lf", b".\na\n"), ("new/2.empty", b""), ("new/3.big", big.as_bytes())]);
    for _ in ["counted", "kept"] {
        let mailbox = site.open();
        let sizes: Vec<u64> = listing(&mailbox).into_iter().map(|(octets, _)| octets).collect();
        assert_eq!(sizes, [6, 0, (big.len() + LINES) as u64]);
        assert_eq!(text(&mailbox, 2).unwrap(), "");
        assert_eq!(text(&mailbox, 3).unwrap(), big);
    }
}

#[test]
fn a_message_is_read_in_parts_of_64_kib_at_most() {
    for length in [0, 1, 61_439, 61_440, 61_441, 65_536, 122_880, 200_000] {
        let site = Site::with(&[("new/1.a", &vec![b'x'; length])]);
        let mut message = site.open().message(number(1)).unwrap();
        let mut read = 0;
        loop {
            let part = message.fill_buf().unwrap().len();
            assert!(part <= 64 * 1024);
            if part == 0 {
                break;
            }
            message.consume(part);
            read += part;
        }
        assert_eq!(read, length);
    }
}

#[test]
fn a_message_in_the_systems_cache_is_opened_at_once() {
    let big = big();
    let site = Site::with(&[("new/1.a", b"one\n"), ("cur/2.b:2,S", big.as_bytes())]);
    let mailbox = site.open();
    for (message, expected) in [(1, "one\n"), (2, &*big)] {
        assert_eq!(text(&mailbox, message).unwrap(), expected);
        let mut text = String::new();
        match mailbox.message_if_cached(number(message)) {
            Some(mut message) => assert_eq!(message.read_to_string(&mut text).unwrap(), expected.len()),
            None => return eprintln!("not tested: this system cannot tell"),
        }
        assert_eq!(text, expected);
    }
    fs::rename(site.path("new/1.a"), site.path("cur/1.a")).unwrap();
    assert!(mailbox.message_if_cached(number(1)).is_none());
    make_old(&site, "cur/2.b:2,S");
    assert!(mailbox.message_if_cached(number(2)).is_none(), "it has to be counted again");
}

/// Each of these messages differs from the listed one, even if it is as long.
#[test]
fn a_message_that_changed_since_login_is_refused_before_it_is_sent() {
    let small = |text: &str| text.replace('\n', " ");
    let big_but_one = |text: &str| text.replacen('\n', " ", 1);
    let texts = ["one\ntwo\nthree\n".to_owned(), big()];
    for (original, is_old) in texts.iter().flat_map(|text| [(text, false), (text, true)]) {
        for (change, changed) in [
            ("shorter", original[..original.len() - 1].to_owned()),
            ("longer", format!("{original}x")),
            ("empty", String::new()),
            ("as long, one line", small(original)),
            ("as long, a line less", big_but_one(original)),
        ] {
            let site = Site::with(&[("new/1.a", original.as_bytes()), ("new/2.b", b"two\n")]);
            if is_old {
                make_old(&site, "new/1.a");
            }
            let mailbox = site.open();
            let mut file = File::options().write(true).open(site.path("new/1.a")).unwrap();
            file.set_len(changed.len() as u64).unwrap();
            file.write_all(changed.as_bytes()).unwrap();
            // A clock may be coarser than this test is fast.
            file.set_modified(SystemTime::now() + Duration::from_secs(1)).unwrap();
            assert!(mailbox.message_if_cached(number(1)).is_none(), "{change}");
            let error = mailbox.message(number(1)).expect_err(change);
            assert_eq!(error.kind(), ErrorKind::InvalidData, "{change}");
            assert_eq!(text(&mailbox, 2).unwrap(), "two\n");
            // The next session lists it with its new size.
            drop(mailbox);
            assert_eq!(text(&site.open(), 1).unwrap(), changed, "{change}");
        }
    }
}

#[test]
fn a_message_that_changes_while_it_is_sent_ends_in_an_error() {
    let big = big();
    for change in ["shorter", "longer", "as long"] {
        let site = Site::with(&[("new/1.a", big.as_bytes())]);
        let mut message = site.open().message(number(1)).unwrap();
        message.read_exact(&mut [0; 100_000]).unwrap();
        match change {
            "shorter" => cut(&site, "new/1.a", 200_000),
            "longer" => append(&site, "new/1.a", "x"),
            _ => {
                cut(&site, "new/1.a", big.len() as u64 - 10);
                append(&site, "new/1.a", &"\n".repeat(10));
            }
        }
        let error = message.read_to_end(&mut Vec::new()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData, "{change}");
        // The session stays ended.
        assert_eq!(message.read(&mut [0; 9]).unwrap_or(0), 0);
    }
}

#[test]
fn a_large_message_whose_time_changed_is_sent_if_its_size_is_the_same() {
    let big = big();
    let site = Site::with(&[("new/1.a", big.as_bytes())]);
    let mailbox = site.open();
    make_old(&site, "new/1.a");
    assert_eq!(text(&mailbox, 1).unwrap(), big);
}

#[test]
fn a_message_that_vanished_is_gone() {
    let site = Site::with(&[("new/1.a", b"one\n"), ("new/2.b", b"two\n")]);
    let mut mailbox = site.open();
    fs::remove_file(site.path("new/1.a")).unwrap();
    for _ in 0..2 {
        assert_eq!(mailbox.message(number(1)).unwrap_err().kind(), ErrorKind::NotFound);
    }
    mailbox.mark(number(1)).unwrap();
    assert_eq!(mailbox.remove_marked(), Ok(()), "what is gone is removed");
}

#[test]
fn a_file_that_may_not_be_read_is_left_out() {
    let site = Site::with(&[("new/1.a", b"one\n"), ("new/2.b", b"two\n"), ("new/3.c", b"three\n")]);
    let forbid = |name| fs::set_permissions(site.path(name), fs::Permissions::from_mode(0o0)).unwrap();
    forbid("new/1.a");
    if File::open(site.path("new/1.a")).is_ok() {
        return; // root may read everything
    }
    let mailbox = site.open();
    assert_eq!(listing(&mailbox), [(5, "2.b".into()), (7, "3.c".into())]);
    forbid("new/2.b");
    assert_eq!(mailbox.message(number(1)).unwrap_err().kind(), ErrorKind::PermissionDenied);
}

#[test]
fn sizes_that_are_broken_or_of_another_version_are_counted_again() {
    let site = Site::with(&[("new/1.a", b"one\n")]);
    for text in ["4 9 1.a\n", "sizes 3\n4\n4 9 1.a\n4 x 1 1.a\n", "sizes 3\n\0\u{ff}", "sizes 2\n4 9 1 1.a\n"]
    {
        fs::write(site.path("pop3.sizes"), text).unwrap();
        assert_eq!(listing(&site.open()), [(5, "1.a".into())], "{text:?}");
    }
    // A wrong row is trusted, and the error is detected before the message is sent.
    fs::write(site.path("pop3.sizes"), "sizes 3\n4 9 1 1.a\n").unwrap();
    let mailbox = site.open();
    assert_eq!(listing(&mailbox), [(13, "1.a".into())]);
    assert_eq!(mailbox.message(number(1)).unwrap_err().kind(), ErrorKind::InvalidData);
    drop(mailbox);
    assert_eq!(listing(&site.open()), [(5, "1.a".into())]);
}
