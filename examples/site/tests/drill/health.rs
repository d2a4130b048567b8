//! What a load balancer sees, and the end of a node.

use crate::client::{Client, is_in_use, is_temporary};
use crate::nodes::Node;
use crate::site::Site;
use crate::wire::Wire;
use rustix::process::Signal;
use std::io::{Read as _, Write as _};
use std::time::Duration;

#[test]
fn a_node_without_a_database_is_live_and_not_ready() {
    let mut site = Site::new(2);
    let node = site.node();
    node.wait_for_status("/ready", 200);
    // First without a session, then with one.
    for has_session in [false, true] {
        let client = has_session.then(|| Client::log_in(&node).unwrap());
        site.postgres.stop();
        // It is ready for half a lease after the last answer. The rest is for a machine that has other work.
        let has_ended = node.has_status_within(Duration::from_secs(4), "/ready", 503);
        assert!(has_ended, "ready without a database (with a session: {has_session})");
        assert_eq!(node.status("/live"), 200);
        site.postgres.start_again();
        node.wait_for_status("/ready", 200);
        drop(client);
    }
}

#[test]
fn a_node_whose_database_does_not_answer_is_not_ready() {
    let site = Site::new(2);
    let wire = Wire::start(site.postgres.port());
    let node = Node::start(site.program(wire.port()), &[]);
    node.wait_for_status("/ready", 200);
    wire.freeze();
    assert!(node.has_status_within(Duration::from_secs(4), "/ready", 503));
    assert_eq!(node.status("/live"), 200);
    let refusal = Client::log_in(&node).err().unwrap();
    assert!(is_temporary(&refusal), "{refusal}");
    wire.release();
    node.wait_for_status("/ready", 200);
    Client::log_in_when_free(&node);
}

#[test]
fn a_node_ends_also_without_a_database() {
    let mut site = Site::new(30);
    let mut node = Node::start(site.program(site.postgres.port()), &["--grace", "0"]);
    let _open = Client::log_in(&node).unwrap();
    site.postgres.stop();
    node.signal(Signal::TERM);
    assert!(node.wait().success());
}

#[test]
fn a_node_that_ends_is_not_ready_while_it_accepts_connections_and_leaves_no_lease() {
    let site = Site::new(3600);
    let mut node = Node::start(site.program(site.postgres.port()), &["--drain", "3", "--grace", "1"]);
    node.wait_for_status("/ready", 200);
    let open = Client::log_in(&node).unwrap();
    assert_eq!(site.leases(), 1);
    node.signal(Signal::TERM);
    node.wait_for_status("/ready", 503);
    assert_eq!(node.status("/live"), 200);
    // A load balancer that has not noticed yet.
    let refusal = Client::log_in(&node).err().unwrap();
    assert!(is_in_use(&refusal), "{refusal}");
    // The session never ends by itself.
    assert!(node.wait().success());
    assert_eq!(site.leases(), 0);
    drop(open);
    let other = site.node();
    Client::log_in(&other).unwrap();
}

#[test]
fn the_health_port_survives_junk() {
    let site = Site::new(30);
    let node = site.node();
    node.wait_for_status("/ready", 200);
    assert_eq!(node.status("/"), 404);
    assert_eq!(node.status("/ready/"), 404);
    let post = node.answer(b"POST /ready HTTP/1.1\r\nHost: node\r\nContent-Length: 0\r\n\r\n");
    assert!(post.starts_with("HTTP/1.1 405 "), "{post}");
    for junk in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"QUIT\r\n\r\n",
        b"GET /ready\r\n\r\n",
        &[0; 4096],
    ] {
        let answer = node.answer(junk);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400 "), "{answer}");
    }
    let long = format!("GET /ready HTTP/1.1\r\nHost: {}\r\n\r\n", "x".repeat(1_000_000));
    let mut stream = node.health_connection();
    // It may close the connection before it has read everything.
    stream.write_all(long.as_bytes()).ok();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok();
    assert!(!answer.starts_with(b"HTTP/1.1 200 "));
    // A request that never ends delays nobody.
    let mut slow = node.health_connection();
    slow.write_all(b"GET /ready HTTP/1.1\r\n").unwrap();
    assert_eq!((node.status("/live"), node.status("/ready")), (200, 200));
}
