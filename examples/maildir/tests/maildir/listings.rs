//! How often a session lists a folder. One listing for each message would take hours for a large Maildir.

use crate::kit::{Site, names, number, text};
use pop3_proto::server::Maildrop;
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use rustix::io::Errno;
use std::fs;
use std::io::ErrorKind;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::Path;

/// Few enough that the system keeps all events.
const COUNT: usize = 1_000;

/// Counts how often a folder is listed: how often its entries are read after it was opened.
struct Listings(OwnedFd);

impl Listings {
    fn of(folder: &Path) -> Self {
        let events = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).unwrap();
        inotify::add_watch(&events, folder, WatchFlags::ACCESS | WatchFlags::OPEN).unwrap();
        Listings(events)
    }

    /// Returns the count since the last call.
    fn count(&self) -> usize {
        let (mut room, mut count) = ([MaybeUninit::uninit(); 4096], 0);
        let mut events = inotify::Reader::new(&self.0, &mut room);
        // Reads without an open between them are one event.
        let mut is_read = false;
        loop {
            let happened = match events.next() {
                Ok(event) => event.events(),
                Err(Errno::WOULDBLOCK) => return count,
                Err(error) => panic!("{error}"),
            };
            assert!(!happened.contains(ReadFlags::QUEUE_OVERFLOW), "the system has dropped events");
            if happened.contains(ReadFlags::ISDIR) {
                count += usize::from(happened.contains(ReadFlags::ACCESS) && !is_read);
                is_read = happened.contains(ReadFlags::ACCESS);
            }
        }
    }
}

fn name(message: usize) -> String {
    format!("{}.x", 10_000 + message)
}

fn rename(site: &Site, from: &str, to: &str) {
    fs::rename(site.path(from), site.path(to)).unwrap();
}

fn mark_all(mailbox: &mut impl Maildrop) {
    for message in 1..=mailbox.count() {
        mailbox.mark(number(message)).unwrap();
    }
}

#[test]
fn a_listing_is_counted() {
    let site = Site::with(&[("cur/1.a", b"one\n"), ("cur/2.b", b"two\n")]);
    drop(site.open());
    let listings = Listings::of(&site.path("cur"));
    for logins in [1, 3] {
        (0..logins).for_each(|_| drop(site.open()));
        assert_eq!(listings.count(), logins);
    }
}

#[test]
fn many_moved_messages_take_one_listing() {
    for is_read in [true, false] {
        let site = Site::with(&[]);
        for message in 0..COUNT {
            fs::write(site.path("new").join(name(message)), "text\n").unwrap();
        }
        let mut mailbox = site.open();
        for message in 0..COUNT {
            let (name, flags) = (name(message), ["", ":2,", ":2,S", ":2,RS"][message % 4]);
            rename(&site, &format!("new/{name}"), &format!("cur/{name}{flags}"));
        }
        let listings = Listings::of(&site.path("cur"));
        for message in 1..=COUNT as u32 {
            if is_read {
                assert_eq!(text(&mailbox, message).unwrap(), "text\n");
            }
        }
        mark_all(&mut mailbox);
        assert_eq!(mailbox.remove_marked(), Ok(()));
        assert_eq!(listings.count(), 1);
        assert!(names(&site.path("cur")).is_empty());
    }
}

#[test]
fn many_messages_that_are_moved_one_by_one_or_vanish_take_two_listings() {
    let site = Site::with(&[]);
    for message in 0..COUNT {
        fs::write(site.path("new").join(name(message)), "text\n").unwrap();
    }
    let mailbox = site.open();
    let listings = Listings::of(&site.path("cur"));
    for message in 0..COUNT / 2 {
        rename(&site, &format!("new/{}", name(message)), &format!("cur/{}:2,S", name(message)));
        assert_eq!(text(&mailbox, message as u32 + 1).unwrap(), "text\n");
    }
    for message in COUNT / 2..COUNT {
        fs::remove_file(site.path("new").join(name(message))).unwrap();
    }
    for message in COUNT / 2..COUNT {
        assert_eq!(mailbox.message(number(message as u32 + 1)).unwrap_err().kind(), ErrorKind::NotFound);
    }
    assert_eq!(listings.count(), 2);
}

/// Each message has different flags, before and after the session begins.
#[test]
fn many_places_take_one_listing() {
    let site = Site::with(&[]);
    let place = |message: usize, after: &str| format!("cur/{}:2,{message}{after}", name(message));
    for message in 0..COUNT {
        fs::write(site.path(&place(message, "")), "text\n").unwrap();
    }
    let mut mailbox = site.open();
    for message in 0..COUNT {
        rename(&site, &place(message, ""), &place(message, "F"));
    }
    let listings = Listings::of(&site.path("cur"));
    for message in 1..=COUNT as u32 {
        assert_eq!(text(&mailbox, message).unwrap(), "text\n");
    }
    mark_all(&mut mailbox);
    assert_eq!(mailbox.remove_marked(), Ok(()));
    assert_eq!(listings.count(), 1);
    assert!(names(&site.path("cur")).is_empty());
}
