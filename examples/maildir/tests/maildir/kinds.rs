//! Files that are not regular.

use crate::kit::{KINDS, Kind, Site, in_time, listing, names, number, text};
use pop3_proto::server::{Maildrop, Refusal};
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::symlink;

#[test]
fn only_regular_files_are_messages() {
    let site = Site::with(&[("new/1.a", b"one\n"), ("cur/2.b:2,S", b"two\n")]);
    for (place, kind) in (10..).zip(KINDS) {
        kind.put(&site, &site.path(&format!("new/{place}.x")));
        kind.put(&site, &site.path(&format!("cur/{place}.y:2,S")));
    }
    let maildir = site.maildir();
    let mailbox = in_time(move || maildir.open().unwrap().unwrap());
    assert_eq!(listing(&mailbox), [(5, "1.a".into()), (5, "2.b".into())]);
}

#[test]
fn a_message_that_is_replaced_after_login_is_gone_and_its_replacement_stays() {
    for kind in KINDS {
        let site = Site::with(&[("new/1.a", b"one\n"), ("new/2.b", b"two\n")]);
        let mut mailbox = site.open();
        let path = site.path("new/1.a");
        fs::remove_file(&path).unwrap();
        if !kind.put(&site, &path) {
            continue;
        }
        let other = mailbox.clone();
        let error = in_time(move || {
            assert!(other.message_if_cached(number(1)).is_none());
            other.message(number(1)).unwrap_err()
        });
        assert_eq!(error.kind(), ErrorKind::NotFound, "{kind:?}: {error}");
        assert_eq!(text(&mailbox, 2).unwrap(), "two\n");
        mailbox.mark(number(1)).unwrap();
        mailbox.mark(number(2)).unwrap();
        assert_eq!(in_time(move || mailbox.remove_marked()), Ok(()), "{kind:?}");
        assert_eq!(names(&site.path("new")), ["1.a"], "{kind:?}");
        assert!(site.is_other_unchanged());
    }
}

#[test]
fn a_folder_of_messages_is_a_folder() {
    for folder in ["new", "cur"] {
        for kind in KINDS.into_iter().filter(|kind| *kind != Kind::Folder).map(Some).chain([None]) {
            let site = Site::with(&[("new/1.a", b"one\n")]);
            fs::remove_dir_all(site.path(folder)).unwrap();
            if kind.is_some_and(|kind| !kind.put(&site, &site.path(folder))) {
                continue;
            }
            let maildir = site.maildir();
            assert!(maildir.check().is_err());
            let error = in_time(move || maildir.open().unwrap_err());
            assert!(error.to_string().starts_with(folder), "{kind:?}: {error}");
        }
        // A link to a folder is not a folder.
        let site = Site::with(&[]);
        fs::rename(site.path(folder), site.folder().join("elsewhere")).unwrap();
        symlink(site.folder().join("elsewhere"), site.path(folder)).unwrap();
        assert!(site.maildir().open().is_err());
    }
}

#[test]
fn the_root_may_be_a_link_and_tmp_may_be_anything() {
    let site = Site::with(&[("new/1.a", b"one\n")]);
    let link = site.folder().join("link");
    symlink(site.path(""), &link).unwrap();
    fs::remove_dir(site.path("tmp")).unwrap();
    symlink("/dev/zero", site.path("tmp")).unwrap();
    let mut mailbox = pop3_proto_maildir::Maildir::new(&*link, |_| {}).open().unwrap().unwrap();
    assert_eq!(text(&mailbox, 1).unwrap(), "one\n");
    // A session stays in the Maildir that it has locked, even if the link now leads elsewhere.
    fs::remove_file(&link).unwrap();
    symlink(site.folder(), &link).unwrap();
    assert_eq!(text(&mailbox, 1).unwrap(), "one\n");
    mailbox.mark(number(1)).unwrap();
    assert_eq!(mailbox.remove_marked(), Ok(()));
    assert!(names(&site.path("new")).is_empty());
}

#[test]
fn a_folder_that_becomes_a_link_after_login_is_not_followed() {
    let site = Site::with(&[("new/1.a", b"one\n"), ("cur/2.b", b"two\n")]);
    let mut mailbox = site.open();
    let elsewhere = site.folder().join("elsewhere");
    fs::rename(site.path("new"), &elsewhere).unwrap();
    symlink(&elsewhere, site.path("new")).unwrap();
    assert!(mailbox.message_if_cached(number(1)).is_none());
    // Not `NotFound`: the messages may come back.
    assert_ne!(mailbox.message(number(1)).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(text(&mailbox, 2).unwrap(), "two\n");
    mailbox.mark(number(1)).unwrap();
    assert_eq!(mailbox.remove_marked(), Err(Refusal::Temporary));
    assert_eq!(names(&elsewhere), ["1.a"]);
    fs::remove_file(site.path("new")).unwrap();
    assert_ne!(mailbox.message(number(1)).unwrap_err().kind(), ErrorKind::NotFound);
    fs::rename(&elsewhere, site.path("new")).unwrap();
    assert_eq!(mailbox.remove_marked(), Ok(()));
}

#[test]
fn the_lock_is_a_regular_file() {
    for kind in KINDS {
        let site = Site::with(&[("new/1.a", b"one\n")]);
        if !kind.put(&site, &site.path("pop3.lock")) {
            continue;
        }
        let maildir = site.maildir();
        let error = in_time(move || maildir.open().unwrap_err());
        assert!(error.to_string().starts_with("pop3.lock: "), "{kind:?}: {error}");
        assert!(site.is_other_unchanged() && !site.folder().join("nothing").exists());
    }
}

#[test]
fn sizes_are_read_from_and_written_to_regular_files_only() {
    for (name, kind) in KINDS.into_iter().flat_map(|kind| [("pop3.sizes", kind), ("pop3.sizes.new", kind)]) {
        let site = Site::with(&[("new/1.a", b"one\n")]);
        if !kind.put(&site, &site.path(name)) {
            continue;
        }
        let maildir = site.maildir();
        let mailbox = in_time(move || maildir.open().unwrap().unwrap());
        assert_eq!(listing(&mailbox), [(5, "1.a".into())], "{name} {kind:?}");
        assert!(site.is_other_unchanged() && !site.folder().join("nothing").exists(), "{name} {kind:?}");
        // A file that cannot be replaced stays, and sizes are counted at each login.
        let is_kept = fs::symlink_metadata(site.path("pop3.sizes")).is_ok_and(|file| file.is_file());
        assert_eq!(is_kept, kind != Kind::Folder, "{name} {kind:?}");
        if kind != Kind::Folder {
            assert!(!site.path("pop3.sizes.new").exists());
        }
    }
}

#[test]
fn no_link_gives_sizes_to_other_files() {
    let site = Site::with(&[("new/1.a", b"one\n")]);
    drop(site.open());
    let outside = site.folder().join("sizes");
    let rows = fs::read_to_string(site.path("pop3.sizes")).unwrap();
    fs::write(&outside, rows.replace("\n4 1 ", "\n4 4707 ")).unwrap();
    fs::remove_file(site.path("pop3.sizes")).unwrap();
    symlink(&outside, site.path("pop3.sizes")).unwrap();
    assert_eq!(listing(&site.open()), [(5, "1.a".into())]);
}

#[test]
fn a_file_of_sizes_that_is_huge_is_not_read() {
    let site = Site::with(&[("new/1.a", b"one\n")]);
    fs::File::create(site.path("pop3.sizes")).unwrap().set_len(1 << 40).unwrap();
    let maildir = site.maildir();
    assert_eq!(listing(&in_time(move || maildir.open().unwrap().unwrap())), [(5, "1.a".into())]);
}

#[test]
fn a_link_within_the_root_is_not_followed_either() {
    let site = Site::with(&[("new/1.a", b"one\n")]);
    let mailbox = site.open();
    fs::rename(site.path("new"), site.path("other")).unwrap();
    symlink("other", site.path("new")).unwrap();
    assert!(mailbox.message_if_cached(number(1)).is_none());
    assert_ne!(mailbox.message(number(1)).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn a_session_stays_in_the_maildir_that_it_has_locked() {
    let site = Site::with(&[("new/1.a", b"one\n")]);
    let mut mailbox = site.open();
    let moved = site.folder().join("moved");
    fs::rename(site.path(""), &moved).unwrap();
    fs::create_dir_all(site.path("new")).unwrap();
    fs::write(site.path("new/1.a"), "abc\n").unwrap();
    assert_eq!(text(&mailbox, 1).unwrap(), "one\n");
    mailbox.mark(number(1)).unwrap();
    assert_eq!(mailbox.remove_marked(), Ok(()));
    assert_eq!(names(&site.path("new")), ["1.a"]);
    assert!(names(&moved.join("new")).is_empty());
}
