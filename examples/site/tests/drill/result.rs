//! The statement of QUIT, or its result, is lost.

use crate::client::{Client, is_temporary};
use crate::nodes::Node;
use crate::site::{Site, wait_until};
use crate::wire::{COMMIT, Fault, Wire};

/// A site with two messages, a node whose database is at the end of a wire, and a session there that has marked the first message.
fn begin(lease: u32) -> (Site, Wire, Node, Client) {
    let site = Site::new(lease);
    site.deliver("Subject: first\n\nHello\n");
    site.deliver("Subject: second\n\nHello\n");
    let wire = Wire::start(site.postgres.port());
    let node = Node::start(site.program(wire.port()), &[]);
    let mut client = Client::log_in(&node).unwrap();
    client.ask("DELE 1");
    (site, wire, node, client)
}

#[test]
fn a_node_asks_again_when_the_result_was_lost() {
    let (site, wire, _node, mut client) = begin(30);
    wire.arm(COMMIT, Fault::LoseResult);
    client.send("QUIT").unwrap();
    wire.wait();
    assert_eq!(site.messages(), 1);
    wire.release();
    assert_eq!(client.line().unwrap(), "+OK bye");
}

#[test]
fn a_node_asks_again_when_the_statement_was_lost() {
    let (site, wire, _node, mut client) = begin(30);
    wire.arm(COMMIT, Fault::LoseStatement);
    client.send("QUIT").unwrap();
    wire.wait();
    assert_eq!(site.messages(), 2);
    wire.release();
    assert_eq!(client.line().unwrap(), "+OK bye");
    assert_eq!(site.messages(), 1);
}

#[test]
fn a_removal_whose_result_was_lost_is_reported_even_if_another_session_has_begun() {
    let (site, wire, _node, mut client) = begin(30);
    wire.arm(COMMIT, Fault::LoseResult);
    client.send("QUIT").unwrap();
    wire.wait();
    let other = site.node();
    let mut other = Client::log_in(&other).unwrap();
    assert_eq!(other.count(), 1);
    wire.release();
    assert_eq!(client.line().unwrap(), "+OK bye");
    assert_eq!(other.retrieve(1).unwrap(), "Subject: second\r\n\r\nHello\r\n");
}

#[test]
fn a_removal_that_did_not_happen_is_refused_if_another_session_has_begun() {
    let (site, wire, _node, mut client) = begin(1);
    wire.arm(COMMIT, Fault::LoseStatement);
    client.send("QUIT").unwrap();
    wire.wait();
    // No renewal passes, so the lease ends.
    let other = site.node();
    let mut other = Client::log_in_when_free(&other);
    assert_eq!(other.count(), 2);
    wire.release();
    let refusal = client.line().unwrap();
    assert!(is_temporary(&refusal), "{refusal}");
    assert_eq!(site.messages(), 2);
    assert_eq!(other.ask("QUIT"), "+OK bye");
}

#[test]
fn a_node_that_is_killed_before_it_answers_quit_has_removed_the_messages() {
    let (site, wire, mut node, mut client) = begin(30);
    wire.arm(COMMIT, Fault::HoldResult);
    client.send("QUIT").unwrap();
    wire.wait();
    node.kill();
    assert!(client.line().is_err(), "no response");
    let other = site.node();
    assert_eq!(site.mail(&other), ["Subject: second\r\n\r\nHello\r\n"]);
}

#[test]
fn a_database_that_stops_before_the_result_arrives_leaves_all_messages_or_none() {
    let (mut site, wire, _node, mut client) = begin(30);
    client.ask("DELE 2");
    wire.arm(COMMIT, Fault::HoldResult);
    client.send("QUIT").unwrap();
    wire.wait();
    site.postgres.crash();
    wire.release();
    let refusal = client.line().unwrap();
    assert!(is_temporary(&refusal), "{refusal}");
    site.postgres.start_again();
    let mut left = None;
    wait_until("the database answers", || {
        left = Some(site.messages());
        true
    });
    assert!(matches!(left, Some(0 | 2)), "{left:?} messages left");
}
