//! What becomes of leases, one case at a time.

use crate::model::Row;
use crate::nodes::{Settings, Simulation};
use crate::roles::{LEASE, Role, Visit};
use crate::schedule::Action;
use crate::variants::Variant;
use crate::world::Name;
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
fn a_session_learns_within_a_third_of_a_lease_that_another_one_has_its_maildrop() {
    let mut simulation = site();
    let (lost, token) = (Token::with_random([1; 16]), Token::with_random([2; 16]));
    let held = simulation.keeper(0).hold(Lease { maildrop: 1, token: lost });
    simulation.world.lock().unwrap().model.maildrops.entry(1).and_modify(|row| row.holder = Some(token));
    pass(&mut simulation, LEASE / 3 + 10);
    assert!(held.is_lost());
}

#[test]
fn a_session_that_breaks_off_leaves_its_maildrop_at_once() {
    let mut simulation = site();
    let visit = Visit { maildrop: 1, reads: false, stays: 0, marks: None };
    simulation.perform(Action::Begin { task: 1, node: 0, role: Role::Session(visit) });
    simulation.answer_all();
    assert!(rows(&simulation)[0].holder.is_some());
    assert_eq!(rows(&simulation)[0].expires, None);
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
fn a_drained_node_releases_the_lease_of_a_session_that_hangs() {
    let mut simulation = site();
    let token = Token::with_random([1; 16]);
    let _hangs = simulation.keeper(0).hold(Lease { maildrop: 1, token });
    let row = Row { holder: Some(token), expires: Some(LEASE), moved: false };
    simulation.world.lock().unwrap().model.maildrops.insert(1, row);
    simulation.perform(Action::Drain(0));
    simulation.answer_all();
    assert_eq!(rows(&simulation)[0].expires, None);
}

#[test]
fn a_login_that_fails_leaves_its_maildrop_at_once() {
    let mut simulation = site();
    let visit = Visit { maildrop: 1, reads: false, stays: 0, marks: None };
    simulation.perform(Action::Begin { task: 1, node: 0, role: Role::Session(visit) });
    for _ in 0..2 {
        simulation.perform(Action::Run(Name::Awaited(1))); // acquire
        simulation.perform(Action::Lose(Name::Awaited(1))); // snapshot
        simulation.perform(Action::Run(Name::Awaited(1))); // release
    }
    assert_eq!(simulation.count(), 0);
    assert!(rows(&simulation)[0].holder.is_some());
    assert_eq!(rows(&simulation)[0].expires, None);
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
