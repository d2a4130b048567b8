//! What becomes of the leases of a node.

use crate::model::Row;
use crate::nodes::{Settings, Simulation};
use crate::roles::{LEASE, Role, Visit};
use crate::schedule::Action;
use crate::variants::Variant;
use pop3_proto_site::id::Token;
use pop3_proto_site::operations::{Lease, Maildrop};

fn site() -> Simulation {
    Simulation::new(Settings { seed: 1, nodes: 2, maildrops: 3, variant: Variant::Right })
}

/// Opens a maildrop for ten leases on the first node.
fn open(simulation: &mut Simulation, maildrop: Maildrop) {
    let visit = Visit { maildrop, reads: false, stays: 10 * LEASE.unsigned_abs(), marks: None };
    let task = u32::try_from(maildrop).unwrap();
    simulation.perform(Action::Begin { task, node: 0, role: Role::Session(visit) });
    simulation.answer_all();
}

fn rows(simulation: &Simulation) -> Vec<Row> {
    simulation.world.lock().unwrap().model.maildrops.values().cloned().collect()
}

fn now(simulation: &Simulation) -> i64 {
    simulation.world.lock().unwrap().model.now
}

/// Lets time pass in small steps, while the network is good.
fn pass(simulation: &mut Simulation, milliseconds: i64) {
    for _ in 0..milliseconds / 10 {
        simulation.perform(Action::Pass(10));
        simulation.answer_all();
    }
}

#[test]
fn a_session_keeps_its_maildrop_for_longer_than_a_lease() {
    let mut simulation = site();
    open(&mut simulation, 1);
    let holder = rows(&simulation)[0].holder;
    pass(&mut simulation, 3 * LEASE);
    simulation.perform(Action::Begin {
        task: 9,
        node: 1,
        role: Role::Session(Visit { maildrop: 1, reads: false, stays: 0, marks: None }),
    });
    simulation.answer_all();
    assert_eq!(rows(&simulation)[0].holder, holder);
}

#[test]
fn a_killed_node_leaves_its_maildrops_in_use_for_one_lease_at_most() {
    let mut simulation = site();
    open(&mut simulation, 1);
    pass(&mut simulation, 3 * LEASE);
    simulation.perform(Action::Kill(0));
    let now = now(&simulation);
    let expires = rows(&simulation)[0].expires.unwrap();
    assert!(expires > now && expires <= now + LEASE, "{now} {expires}");
    pass(&mut simulation, 3 * LEASE);
    assert_eq!(rows(&simulation)[0].expires, Some(expires), "a killed node renews nothing");
}

#[test]
fn a_drained_node_leaves_no_lease() {
    let mut simulation = site();
    (1..=3).for_each(|maildrop| open(&mut simulation, maildrop));
    assert!(rows(&simulation).iter().all(|row| row.expires.is_some()));
    simulation.perform(Action::Drain(0));
    simulation.answer_all();
    assert!(rows(&simulation).iter().all(|row| row.expires.is_none()));
}

#[test]
fn sessions_that_end_all_the_time_do_not_delay_the_renewal() {
    let mut simulation = site();
    open(&mut simulation, 1);
    let keeper = simulation.keeper(0);
    for number in 0..3 * LEASE {
        // A session ends before each result arrives, so the keeper always has something to release.
        let token = Token::with_random(i128::from(number).to_be_bytes());
        drop(keeper.hold(Lease { maildrop: 2, token }));
        simulation.perform(Action::Pass(1));
        simulation.answer_one();
        let now = now(&simulation);
        assert!(rows(&simulation)[0].expires > Some(now), "the lease ended after {now} ms");
    }
}
