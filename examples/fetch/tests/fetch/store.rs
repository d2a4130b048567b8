//! The folder and its state file after the program was stopped at any point.

use pop3_proto_fetch::{Layout, Store};
use std::fs;
use std::path::Path;
use tempfile::{TempDir, tempdir};

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempdir().unwrap();
    for (name, octets) in files {
        fs::write(folder.path().join(name), octets).unwrap();
    }
    folder
}

fn open(folder: &TempDir) -> Store {
    Store::open(folder.path(), Layout::Eml, "me@here").unwrap()
}

fn put(store: &mut Store, id: &[u8], octets: &[u8]) {
    store.begin().unwrap();
    store.write(octets).unwrap();
    store.finish(id, false, None).unwrap();
}

fn names(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| !name.starts_with(".fetch")).collect();
    names.sort();
    names
}

#[test]
fn a_completely_written_message_gets_its_name() {
    let folder = folder(&[(".fetch-me@here", "a\t1.eml\n"), (".1.eml.part", "one")]);
    let store = open(&folder);
    assert!(store.has(b"a", 0) && !store.has(b"a", 1));
    assert_eq!(names(folder.path()), ["1.eml"]);
    assert_eq!(fs::read(folder.path().join("1.eml")).unwrap(), b"one");
}

#[test]
fn another_account_does_not_take_the_name() {
    let folder = folder(&[(".fetch-you@here", "a\t1.eml\n"), (".1.eml.part", "one")]);
    put(&mut open(&folder), b"a", b"two");
    assert_eq!(names(folder.path()), ["1.eml", "2.eml"]);
    assert_eq!(fs::read(folder.path().join("1.eml")).unwrap(), b"one");
}

#[test]
fn a_line_that_is_not_whole_counts_for_nothing() {
    for torn in ["b", "b\t", "b\t2", "b\t2.eml"] {
        let state = format!("a\t1.eml\n{torn}");
        let folder = folder(&[(".fetch-me@here", &state), ("1.eml", "one"), (".2.eml.part", "two")]);
        let mut store = open(&folder);
        assert!(store.has(b"a", 0) && !store.has(b"b", 0));
        put(&mut store, b"b", b"other");
        drop(store);
        assert!(open(&folder).has(b"b", 0));
        assert_eq!(names(folder.path()), ["1.eml", "2.eml"]);
        assert_eq!(fs::read(folder.path().join("2.eml")).unwrap(), b"other");
    }
}

#[test]
fn a_message_that_the_reader_removed_is_not_fetched_again() {
    let folder = folder(&[(".fetch-me@here", "a\t1.eml\nb\t2.eml\n"), (".3.eml.part", "half")]);
    let mut store = open(&folder);
    assert!(store.has(b"a", 0) && store.has(b"b", 0));
    put(&mut store, b"c", b"three");
    assert_eq!(names(folder.path()), ["3.eml"]);
}

#[test]
fn no_file_is_replaced() {
    let folder = folder(&[("7.eml", "somebody's"), ("notes.eml", "")]);
    let mut store = open(&folder);
    put(&mut store, b"a", b"");
    assert_eq!(names(folder.path()), ["7.eml", "8.eml", "notes.eml"]);
}

#[test]
fn unique_ids_may_hold_anything_but_a_line_end() {
    let folder = folder(&[]);
    let ids: [&[u8]; 4] = [b"a\tb", b"\xff\xfe", b" ", b"\\x41"];
    let mut store = open(&folder);
    ids.iter().for_each(|id| put(&mut store, id, b""));
    drop(store);
    let store = open(&folder);
    assert!(ids.iter().all(|id| store.has(id, 0)) && !store.has(b"a", 0));
}

#[test]
fn one_fetches_at_a_time() {
    let folder = folder(&[]);
    let store = open(&folder);
    let second = Store::open(folder.path(), Layout::Eml, "other@here").unwrap_err();
    assert!(second.to_string().starts_with("another `fetch` is using this folder"));
    drop(store);
    drop(open(&folder));
}

#[test]
fn a_maildir_has_the_message_in_new_and_no_leftovers() {
    let folder = folder(&[]);
    let mut store = Store::open(folder.path(), Layout::Maildir, "me@here").unwrap();
    put(&mut store, b"a", b"one");
    store.begin().unwrap();
    assert_eq!(names(&folder.path().join("tmp")).len(), 1);
    store.forget().unwrap();
    assert_eq!(names(folder.path()), ["cur", "new", "tmp"]);
    assert_eq!(names(&folder.path().join("new")).len(), 1);
    assert!(names(&folder.path().join("tmp")).is_empty());
}

#[test]
fn a_state_file_that_says_little_in_many_lines_gets_short() {
    let mut state = String::from("a\t1.eml\nb\tc\t2.eml\tstored utf8 5\nb\tc\t2.eml\tmarked\n");
    for number in 3..1200 {
        state += &format!("x\t{number}.eml\tstored ascii 7\nx\t{number}.eml\tforgotten\n");
    }
    let folder = folder(&[(".fetch-me@here", &state), ("elsewhere", "untouched")]);
    let path = |name| folder.path().join(name);
    std::os::unix::fs::symlink("elsewhere", path(".fetch.new")).unwrap(); // a link is not followed
    let mut store = open(&folder);
    assert!(store.has(b"a", 0) && store.has(b"b\tc", 0) && !store.has(b"x", 0));
    put(&mut store, b"d", b"four");
    drop(store);
    let mut lines: Vec<_> =
        fs::read_to_string(path(".fetch-me@here")).unwrap().lines().map(String::from).collect();
    lines.sort();
    let stored = "d\t1200.eml\tstored ascii";
    let expected = ["a\t1.eml\tstored ascii", "b\tc\t2.eml\tmarked", "b\tc\t2.eml\tstored utf8 5", stored];
    assert_eq!(lines, expected);
    assert_eq!(fs::read(path("elsewhere")).unwrap(), b"untouched");
    assert!(open(&folder).has(b"d", 0));
}
