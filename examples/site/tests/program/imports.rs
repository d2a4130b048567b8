//! Imports of Maildirs.

use crate::world::World;
use std::fs;
use std::os::unix::fs::symlink;

const FILES: [(&str, &[u8]); 3] = [
    ("1700000003.M3.host:2,S", b"three\n"),
    ("1700000001.M1.host:2,", b"one\n"),
    ("1700000002.M2.host,S=4:2,F", b"two\n"),
];

fn closed() -> World {
    let world = World::new();
    assert_eq!(world.run(&["user", "add", "mrose", "--closed"]).code, Some(0));
    world
}

/// Opens the account, and returns what LIST and UIDL answer.
fn listed(world: &World) -> String {
    assert_eq!(world.run_with(&["user", "password", "mrose"], b"tanstaaf").code, Some(0));
    world.node().session("mrose", "LIST\r\nUIDL\r\n")
}

#[test]
fn a_maildir_keeps_its_order_and_its_base_names_as_unique_ids() {
    let world = closed();
    let maildir = world.maildir(&FILES);
    let imported = world.run(&["import", "mrose", maildir.to_str().unwrap()]);
    assert_eq!(imported.output, "imported 3 messages; 0 were there\n", "{}", imported.errors);
    let listed = listed(&world);
    assert!(listed.contains("\r\n1 5\r\n2 5\r\n3 7\r\n.\r\n"), "{listed}");
    let ids = "\r\n1 1700000001.M1.host\r\n2 1700000002.M2.host,S=4\r\n3 1700000003.M3.host\r\n.\r\n";
    assert!(listed.contains(ids), "{listed}");
}

#[test]
fn dovecots_list_decides_order_and_unique_ids() {
    let world = closed();
    let maildir = world.maildir(&FILES);
    let list = "3 V1275660208 N4 G1\n1 :1700000003.M3.host\n2 Pkept :1700000002.M2.host,S=4\n";
    fs::write(maildir.join("dovecot-uidlist"), list).unwrap();
    world.run(&["import", "mrose", maildir.to_str().unwrap()]);
    let listed = listed(&world);
    let ids = "\r\n1 000000014c0907b0\r\n2 kept\r\n3 1700000001.M1.host\r\n.\r\n";
    assert!(listed.contains(ids), "{listed}");
}

#[test]
fn a_second_import_brings_only_what_is_new() {
    let world = closed();
    let maildir = world.maildir(&FILES[..2]);
    let root = maildir.to_str().unwrap();
    world.run(&["import", "mrose", root]);
    world.maildir(&FILES);
    assert_eq!(world.run(&["import", "mrose", root]).output, "imported 1 messages; 2 were there\n");
    assert_eq!(world.run(&["import", "mrose", root]).output, "imported 0 messages; 3 were there\n");
    // The order is that of the times, not that of the imports.
    assert!(listed(&world).contains("\r\n2 1700000002.M2.host,S=4\r\n"));
}

#[test]
fn mail_that_comes_during_the_import_is_listed_after_it() {
    let world = closed();
    world.deliver("mrose", b"new mail\n");
    let maildir = world.maildir(&FILES);
    world.run(&["import", "mrose", maildir.to_str().unwrap()]);
    assert!(listed(&world).contains("\r\n4 10\r\n.\r\n"));
}

#[test]
fn ids_from_a_file_are_used_and_a_wrong_line_is_named() {
    let world = closed();
    let maildir = world.maildir(&FILES);
    let (root, ids) = (maildir.to_str().unwrap(), world.path().join("ids"));
    let import = || world.run(&["import", "mrose", root, "--ids", ids.to_str().unwrap()]);
    fs::write(&ids, "1700000001.M1.host\tfirst\n1700000002.M2.host,S=4 second\n").unwrap();
    assert!(import().errors.contains("ids: line 2"), "{}", import().errors);
    // An id that is the base name of another message would make two of them equal.
    fs::write(&ids, "1700000001.M1.host\t1700000003.M3.host\n").unwrap();
    assert!(import().errors.contains("two messages"), "{}", import().errors);
    fs::write(&ids, "1700000001.M1.host\tfirst\n").unwrap();
    assert_eq!(import().code, Some(0));
    assert!(listed(&world).contains(" first\r\n"));
}

#[test]
fn nothing_is_imported_if_not_everything_can_be() {
    let world = closed();
    let maildir = world.maildir(&FILES);
    symlink("/etc/passwd", maildir.join("cur/1700000004.M4.host:2,")).unwrap();
    let refused = world.run(&["import", "mrose", maildir.to_str().unwrap()]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.errors.contains("4 files, but only 3"), "{}", refused.errors);
    assert!(world.run(&["status"]).output.contains("messages\t0\n"));
}

#[test]
fn an_open_account_and_an_unknown_user_are_refused() {
    let world = World::new();
    world.add("mrose");
    let maildir = world.maildir(&FILES);
    let import = |user| world.run(&["import", user, maildir.to_str().unwrap()]);
    assert!(import("mrose").errors.contains("is open"));
    assert!(import("nobody").errors.contains("--closed"));
    assert!(world.run(&["import", "nobody", "/nowhere"]).code == Some(1));
}
