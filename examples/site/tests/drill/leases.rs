//! Two nodes, and one maildrop.

use crate::client::{Client, is_in_use, is_temporary};
use crate::nodes::Node;
use crate::site::{PASSWORD, Site, wait_until};
use rustix::process::Signal;
use std::time::{Duration, Instant};

#[test]
fn a_maildrop_that_another_node_holds_is_in_use_until_the_session_ends() {
    let site = Site::new(30);
    site.deliver("Subject: hello\n\nHello\n");
    let (first, second) = (site.node(), site.node());
    let mut holder = Client::log_in(&first).unwrap();
    for node in [&first, &second] {
        let refusal = Client::log_in(node).err().unwrap();
        assert!(is_in_use(&refusal), "{refusal}");
    }
    assert_eq!(holder.ask("QUIT"), "+OK bye");
    // QUIT ends the lease before it answers.
    let holder = Client::log_in(&second).unwrap();
    drop(holder);
    // The end of a connection ends the lease soon.
    Client::log_in_when_free(&first);
}

#[test]
fn a_killed_node_locks_a_maildrop_for_at_most_one_lease() {
    let site = Site::new(2);
    site.deliver("Subject: hello\n\nHello\n");
    let (mut first, second) = (site.node(), site.node());
    let mut client = Client::log_in(&first).unwrap();
    client.ask("DELE 1");
    first.kill();
    let killed = Instant::now();
    let left: f64 = site.value("SELECT extract(epoch FROM max(expires) - now())::float8 FROM maildrop");
    assert!(left > 0.0 && left <= 2.0, "{left} s");
    assert!(client.try_ask("NOOP").is_err());
    let refusal = Client::log_in(&second).err().unwrap();
    assert!(is_in_use(&refusal), "{refusal}");
    let mut client = Client::log_in_when_free(&second);
    // The lease ended after 2 s. The rest is for a machine that has other work.
    let time = killed.elapsed();
    assert!(time < Duration::from_secs(4), "{time:?}");
    assert_eq!(client.count(), 1);
}

#[test]
fn a_session_that_lost_its_lease_sends_nothing_and_removes_nothing() {
    let site = Site::new(1);
    site.deliver("Subject: first\n\nHello\n");
    site.deliver("Subject: second\n\nHello\n");
    let (first, second) = (site.node(), site.node());
    let mut paused = Client::log_in(&first).unwrap();
    paused.ask("DELE 1");
    first.signal(Signal::STOP);
    let mut other = Client::log_in_when_free(&second);
    first.signal(Signal::CONT);
    let mut refusal = String::new();
    wait_until("the node notices that the lease is lost", || match paused.retrieve(2) {
        Ok(_) => false,
        Err(response) => {
            refusal = response;
            true
        }
    });
    assert!(is_temporary(&refusal), "{refusal}");
    let refusal = paused.ask("QUIT");
    assert!(is_temporary(&refusal), "{refusal}");
    assert_eq!(site.messages(), 2);
    // The session that has the lease is not disturbed.
    other.ask("DELE 2");
    assert_eq!(other.ask("QUIT"), "+OK bye");
    assert_eq!(site.mail(&first), ["Subject: first\r\n\r\nHello\r\n"]);
}

#[test]
fn a_session_that_was_paused_keeps_the_maildrop_if_nobody_took_it() {
    let site = Site::new(1);
    site.deliver("Subject: first\n\nHello\n");
    let node = site.node();
    let mut paused = Client::log_in(&node).unwrap();
    paused.ask("DELE 1");
    node.signal(Signal::STOP);
    wait_until("the lease ends", || site.leases() == 0);
    node.signal(Signal::CONT);
    assert_eq!(paused.ask("QUIT"), "+OK bye");
    assert_eq!(site.messages(), 0);
}

#[test]
fn clients_that_leave_at_once_leave_no_lease_and_all_messages_or_none() {
    // A lease that is not released does not end during the test.
    let site = Site::new(3600);
    site.execute(
        "INSERT INTO maildrop (id) SELECT generate_series(101, 130);
        INSERT INTO account SELECT 'user' || n, verifier, n FROM account, generate_series(101, 130) n WHERE name <> '';
        INSERT INTO message (maildrop, id, octets)
            SELECT n, gen_random_uuid(), 10 FROM generate_series(101, 130) n, generate_series(1, 2)",
    );
    let mut node = Node::start(site.program(site.postgres.port()), &["--connections-per-address", "100"]);
    let commands = ["", "DELE 1\r\nDELE 2\r\n", "DELE 1\r\nDELE 2\r\nQUIT\r\n"];
    let mut waiting = Vec::new();
    for user in 101..=130 {
        let mut client = Client::connect(&node);
        client.send(&format!("USER user{user}\r\nPASS {PASSWORD}\r\n{}", commands[user % 3])).unwrap();
        // The others break the connection.
        if user % 2 == 0 {
            client.finish();
            waiting.push(client);
        }
    }
    wait_until("QUIT removes the messages of those who wait", || {
        site.value("SELECT count(*) = 0 FROM message WHERE maildrop % 6 = 2")
    });
    waiting.iter_mut().for_each(|client| drop(client.rest()));
    node.signal(Signal::TERM);
    assert!(node.wait().success());
    assert_eq!(site.leases(), 0);
    let parts = "SELECT count(*) FROM (SELECT 1 FROM message GROUP BY maildrop HAVING count(*) <> 2) AS part";
    assert_eq!(site.value::<i64>(parts), 0);
}
