//! An object store that speaks S3 fails.

use crate::bucket::{Bucket, Fault};
use crate::client::{Client, is_temporary};
use crate::nodes::Node;
use crate::site::{Site, USER};
use std::io::Write as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// A site with this message in a bucket, and a session.
fn begin(message: &str) -> (Site, Bucket, Node, Client) {
    let (site, bucket) = (Site::new(30), Bucket::start());
    let program = || bucket.give_to(site.program(site.postgres.port()));
    let mut deliverer = program().args(["deliver", USER]).stdin(Stdio::piped()).spawn().unwrap();
    deliverer.stdin.take().unwrap().write_all(message.as_bytes()).unwrap();
    assert!(deliverer.wait().unwrap().success());
    let node = Node::start(program(), &[]);
    let client = Client::log_in(&node).unwrap();
    (site, bucket, node, client)
}

fn long_message() -> String {
    let numbers = 0..100_000;
    numbers.map(|number| format!("line {number:08}\r\n")).collect()
}

#[test]
fn a_request_that_ends_early_is_continued_as_often_as_it_brings_something() {
    let message = long_message();
    let (_site, bucket, _node, mut client) = begin(&message);
    bucket.fail(Fault::Cut(100_000));
    assert!(client.retrieve(1).unwrap() == message, "the message differs");
    assert!(bucket.gets() > 10, "{} requests", bucket.gets());
    // From here on it brings nothing, so the connection is cut.
    bucket.fail(Fault::Stop(300_000));
    client.send("RETR 1").unwrap();
    let rest = client.rest();
    assert!(rest.len() < message.len() && !rest.ends_with(b"\r\n.\r\n"), "{} octets", rest.len());
}

#[test]
fn while_the_store_is_busy_or_silent_messages_are_refused_for_a_time() {
    let (_site, bucket, _node, mut client) = begin("Subject: hello\r\n\r\nHello\r\n");
    for (fault, least, most) in [(Fault::Busy, 0, 15), (Fault::Silent, 15, 40)] {
        bucket.fail(fault);
        let start = Instant::now();
        let refusal = client.ask("RETR 1");
        assert!(is_temporary(&refusal), "{fault:?}: {refusal}");
        let time = start.elapsed();
        assert!(
            Duration::from_secs(least) <= time && time <= Duration::from_secs(most),
            "{fault:?}: {time:?}"
        );
    }
    bucket.fail(Fault::None);
    assert_eq!(client.retrieve(1).unwrap(), "Subject: hello\r\n\r\nHello\r\n");
}
