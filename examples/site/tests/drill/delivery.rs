//! A deliverer is killed, or the maildrop is being moved.

use crate::client::{Client, is_in_use, is_temporary};
use crate::nodes::Node;
use crate::site::{Site, USER, wait_until};
use crate::wire::{ARRIVE, FORGET, Fault, Wire};
use std::io::Write as _;

/// The exit code that makes an MTA try again later.
const TRY_AGAIN: i32 = 75;

/// Starts a node that collects each body without a message at once. Its database is at this port.
fn collector(site: &Site, store: u16) -> Node {
    Node::start(site.program(store), &["--delivery-hours", "0", "--keep-days", "0"])
}

fn loose(site: &Site) -> i64 {
    site.value("SELECT count(*) FROM loose")
}

fn assert_all_is_collected(site: &Site) {
    let _node = collector(site, site.postgres.port());
    wait_until("the row is forgotten", || loose(site) == 0);
    assert_eq!((site.files(), site.messages()), (vec![], 0));
}

#[test]
fn a_deliverer_that_is_killed_while_it_reads_leaves_nothing() {
    let site = Site::new(30);
    let mut deliverer = site.begin(&["deliver", USER], site.postgres.port());
    deliverer.stdin.as_mut().unwrap().write_all(b"Subject: half").unwrap();
    wait_until("the body is announced", || loose(&site) == 1);
    deliverer.kill().unwrap();
    deliverer.wait().unwrap();
    assert_all_is_collected(&site);
}

#[test]
fn a_deliverer_of_a_long_message_that_is_killed_while_it_reads_leaves_nothing() {
    let site = Site::new(30);
    let mut deliverer = site.begin(&["deliver", USER], site.postgres.port());
    // Longer than what it holds in memory.
    let text = "x".repeat(99) + "\n";
    deliverer.stdin.as_mut().unwrap().write_all(text.repeat(200_000).as_bytes()).unwrap();
    wait_until("a part of the body is written", || !site.files().is_empty());
    deliverer.kill().unwrap();
    deliverer.wait().unwrap();
    assert_all_is_collected(&site);
}

#[test]
fn a_deliverer_that_is_killed_before_the_message_arrives_leaves_nothing() {
    let site = Site::new(30);
    let wire = Wire::start(site.postgres.port());
    wire.arm(ARRIVE, Fault::HoldStatement);
    let mut deliverer = site.begin(&["deliver", USER], wire.port());
    deliverer.stdin.take().unwrap().write_all(b"Subject: hello\n\nHello\n").unwrap();
    wire.wait();
    deliverer.kill().unwrap();
    deliverer.wait().unwrap();
    assert_eq!((site.files().len(), loose(&site)), (1, 1));
    assert_all_is_collected(&site);
}

#[test]
fn a_delivery_whose_result_was_lost_succeeds_once() {
    let site = Site::new(30);
    let wire = Wire::start(site.postgres.port());
    for fault in [Fault::LoseResult, Fault::LoseStatement] {
        wire.arm(ARRIVE, fault);
        let mut deliverer = site.begin(&["deliver", USER], wire.port());
        deliverer.stdin.take().unwrap().write_all(b"Subject: hello\n\nHello\n").unwrap();
        wire.wait();
        wire.release();
        assert_eq!(deliverer.wait().unwrap().code(), Some(0), "{fault:?}");
    }
    let node = site.node();
    assert_eq!(site.mail(&node), ["Subject: hello\r\n\r\nHello\r\n"; 2]);
}

#[test]
fn a_delivery_is_deferred_while_the_database_is_down() {
    let mut site = Site::new(30);
    site.postgres.stop();
    assert_eq!(site.try_run(&["deliver", USER], "Subject: hello\n\nHello\n"), Some(TRY_AGAIN));
    site.postgres.start_again();
    assert_eq!((site.messages(), loose(&site)), (0, 0));
}

#[test]
fn a_delivery_is_deferred_while_the_object_store_is_down() {
    let site = Site::new(30);
    // A short message is written at the end, and a long one in parts.
    for text in ["Hello\n".to_owned(), ("x".repeat(99) + "\n").repeat(200_000)] {
        let mut deliverer = site.begin(&["deliver", USER], site.postgres.port());
        wait_until("the body is announced", || loose(&site) > 0);
        site.execute("DELETE FROM loose");
        std::fs::remove_dir_all(site.bodies()).unwrap();
        std::fs::write(site.bodies(), "not a folder").unwrap();
        // It may end before it has read everything.
        deliverer.stdin.take().unwrap().write_all(text.as_bytes()).ok();
        assert_eq!(deliverer.wait().unwrap().code(), Some(TRY_AGAIN));
        std::fs::remove_file(site.bodies()).unwrap();
    }
    assert_eq!(site.messages(), 0);
}

#[test]
fn a_collector_that_is_killed_leaves_the_rest_to_another() {
    let site = Site::new(30);
    site.deliver("Subject: hello\n\nHello\n");
    let node = site.node();
    let mut client = Client::log_in(&node).unwrap();
    client.ask("DELE 1");
    assert_eq!(client.ask("QUIT"), "+OK bye");
    assert_eq!((site.files().len(), loose(&site)), (1, 1));
    let wire = Wire::start(site.postgres.port());
    wire.arm(FORGET, Fault::HoldStatement);
    let mut killed = collector(&site, wire.port());
    wire.wait();
    killed.kill();
    assert_eq!((site.files().len(), loose(&site)), (0, 1));
    assert_all_is_collected(&site);
}

#[test]
fn a_maildrop_that_is_being_moved_is_in_use_and_deliveries_are_deferred() {
    let site = Site::new(30);
    site.deliver("Subject: before\n\nHello\n");
    let node = site.node();
    let mut open = Client::log_in(&node).unwrap();
    open.ask("DELE 1");
    site.execute("UPDATE maildrop SET moved = true");
    // A session that was there before removes nothing.
    let refusal = open.ask("QUIT");
    assert!(is_temporary(&refusal), "{refusal}");
    let refusal = Client::log_in(&node).err().unwrap();
    assert!(is_in_use(&refusal), "{refusal}");
    assert_eq!(site.try_run(&["deliver", USER], "Subject: during\n\nHello\n"), Some(TRY_AGAIN));
    assert_eq!(site.messages(), 1);
    site.execute("UPDATE maildrop SET moved = false");
    let mut client = Client::log_in_when_free(&node);
    assert_eq!(client.retrieve(1).unwrap(), "Subject: before\r\n\r\nHello\r\n");
}
