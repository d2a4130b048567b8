//! The database vanishes at each statement: before it runs, before its result arrives, or without breaking the connection.

use crate::client::{Client, is_temporary};
use crate::nodes::Node;
use crate::site::{Site, USER, wait_until};
use crate::wire::{ACCOUNT, ACQUIRE, ANNOUNCE, ARRIVE, COMMIT, Fault, RELEASE, RENEW, SNAPSHOT, Wire};
use std::io::Write as _;
use std::thread::scope;

const FIRST: &str = "Subject: first\r\n\r\nHello\r\n";
const SECOND: &str = "Subject: second\r\n\r\nHello\r\n";

/// A site with one message, and a network to its database that fails at a statement, after which it carries nothing until it is released.
struct Stage {
    site: Site,
    wire: Wire,
    statement: &'static str,
    fault: Fault,
}

impl Stage {
    fn arm(&self) {
        self.wire.arm(self.statement, self.fault);
    }

    fn node(&self) -> Node {
        Node::start(self.site.program(self.wire.port()), &[])
    }
}

/// Plays each fault at each of these statements. Most of the time passes in waiting, so the statements take their turns at once.
fn each(statements: &[&'static str], play: impl Fn(&Stage) + Sync) {
    let play = &play;
    scope(|scope| {
        for statement in statements {
            scope.spawn(move || {
                let site = Site::new(2);
                let wire = Wire::start(site.postgres.port());
                let mut stage = Stage { site, wire, statement, fault: Fault::LoseStatement };
                for fault in [Fault::LoseStatement, Fault::LoseResult, Fault::HoldResult] {
                    stage.fault = fault;
                    stage.site.execute("DELETE FROM message");
                    stage.site.deliver(FIRST);
                    play(&stage);
                    stage.wire.release();
                    // What was not answered is not done later, and the maildrop opens again.
                    let (left, node) = (stage.site.messages(), stage.node());
                    let mut client = log_in(&node);
                    assert_eq!(i64::from(client.count()), left, "{statement}, {fault:?}");
                    assert_eq!(client.ask("QUIT"), "+OK bye");
                }
            });
        }
    });
}

/// Logs in as soon as the lease has ended and the node has reached its database again.
fn log_in(node: &Node) -> Client {
    let mut opened = None;
    wait_until("a login works", || {
        opened = Client::log_in(node).ok();
        opened.is_some()
    });
    opened.unwrap()
}

#[test]
fn at_each_statement_of_a_login_the_answer_is_temporary_and_nothing_is_lost() {
    each(&[ACCOUNT, ACQUIRE, SNAPSHOT], |stage| {
        let node = stage.node();
        stage.arm();
        let refusal = Client::log_in(&node).err().unwrap();
        assert!(is_temporary(&refusal), "{:?}: {refusal}", stage.fault);
        stage.wire.release();
        let mut client = log_in(&node);
        assert_eq!(client.retrieve(1).unwrap(), FIRST);
        assert_eq!(client.ask("QUIT"), "+OK bye");
    });
}

#[test]
fn at_each_statement_of_a_session_the_answer_to_quit_is_true() {
    each(&[RENEW, COMMIT], |stage| {
        let node = stage.node();
        let mut client = Client::log_in(&node).unwrap();
        client.ask("DELE 1");
        stage.arm();
        if stage.statement == RENEW {
            stage.wire.wait();
        }
        let answer = client.ask("QUIT");
        assert!(is_temporary(&answer), "{:?}: {answer}", stage.fault);
        // The result of the removal was lost, and it is not reported as done.
        let is_removed = stage.statement == COMMIT && stage.fault != Fault::LoseStatement;
        assert_eq!(stage.site.messages(), i64::from(!is_removed), "{:?}", stage.fault);
    });
}

#[test]
fn at_the_end_of_a_session_without_quit_the_maildrop_is_locked_for_one_lease_at_most() {
    each(&[RELEASE], |stage| {
        let node = stage.node();
        let client = Client::log_in(&node).unwrap();
        stage.arm();
        drop(client);
        stage.wire.wait();
        stage.wire.release();
        // The node still runs, and does not renew the lease of a session that has ended.
        assert_eq!(log_in(&stage.site.node()).ask("QUIT"), "+OK bye");
        assert_eq!(stage.site.messages(), 1);
    });
}

#[test]
fn at_each_statement_of_a_delivery_the_mta_tries_again_and_the_message_is_there() {
    each(&[ACCOUNT, ANNOUNCE, ARRIVE], |stage| {
        stage.arm();
        let mut deliverer = stage.site.begin(&["deliver", USER], stage.wire.port());
        deliverer.stdin.take().unwrap().write_all(SECOND.as_bytes()).unwrap();
        assert_eq!(deliverer.wait().unwrap().code(), Some(75), "{:?}", stage.fault);
        stage.site.deliver(SECOND);
        let mail = stage.site.mail(&stage.site.node());
        // If the result of the arrival was lost, it is there twice.
        let copies = if stage.statement == ARRIVE && stage.fault != Fault::LoseStatement { 2 } else { 1 };
        assert_eq!(mail, [&[FIRST][..], &vec![SECOND; copies]].concat(), "{:?}", stage.fault);
    });
}
