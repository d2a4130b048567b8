//! All scenarios, by file.

mod base;
mod bodies;
mod commands;
mod deletion;
mod ends;
mod listings;
mod login;
mod responses;
mod tls;

use super::Scenario;
use crate::corpus::Message;
use crate::lab::twist::Turn;
use crate::lab::world::World;

static FILES: &[&[Scenario]] = &[
    base::SCENARIOS,
    bodies::SCENARIOS,
    responses::SCENARIOS,
    listings::SCENARIOS,
    login::SCENARIOS,
    ends::SCENARIOS,
    deletion::SCENARIOS,
    tls::SCENARIOS,
    commands::SCENARIOS,
];

/// Returns all scenarios. The first is `base`: without it, no other is judged.
pub fn all() -> impl Iterator<Item = &'static Scenario> {
    FILES.iter().copied().flatten()
}

/// Returns the scenario with this id.
#[must_use]
pub fn find(id: &str) -> Option<&'static Scenario> {
    all().find(|scenario| scenario.check.id == id)
}

/// Returns the scenarios whose id, or one of whose rows, begins with one of these patterns; all, if there are none.
#[must_use]
pub fn select(only: &[String]) -> Vec<&'static Scenario> {
    let is = |scenario: &&Scenario| {
        only.is_empty()
            || only.iter().any(|start| {
                scenario.check.id.starts_with(start.as_str())
                    || scenario.check.rows.iter().any(|row| row.starts_with(start.as_str()))
            })
    };
    all().filter(is).collect()
}

/// Gives the mailbox messages with these bodies.
fn put(world: &World, bodies: &[&str]) {
    let message = |(number, body): (usize, &&str)| {
        let header = format!(
            "From: kit@example.org\r\nTo: you@example.org\r\nSubject: message {number}\r\n\
             Message-ID: <{number}@conform.example>\r\n\r\n"
        );
        Message { id: format!("id-{number}"), text: format!("{header}{body}").into_bytes() }
    };
    world.put((1..).zip(bodies).map(message).collect());
}

/// Three messages without anything special.
pub(super) fn plain(world: &World) {
    put(world, &["The first message.\r\n", "The second message.\r\n", "The third message.\r\n"]);
}

/// A message with this body, and two more.
fn with(world: &World, body: &str) {
    put(world, &[body, "The second message.\r\n", "The third message.\r\n"]);
}

/// Passes the command on, and sends this in place of the response.
fn instead(turn: &mut Turn<'_>, response: &[u8]) {
    turn.pass();
    turn.say(response);
}
