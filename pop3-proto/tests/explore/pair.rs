//! Client and server as a pair: breadth first over all schedules of short sessions.
//!
//! A state consists of both machines, the bytes on their way between them, and the data of both applications. From
//! each state the search tries every action: one byte or all bytes arrive, an application acts, the connection is
//! cut. The machines cannot be copied because their tokens must not be copied. So the search creates a state again by
//! repeating all actions that led to it.
//!
//! `POP3_EXPLORE=deep` explores longer sessions too, and all orders of the steps after a cut:
//!
//! ```text
//! POP3_EXPLORE=deep cargo test -p pop3-proto --release --test tests explore -- --nocapture
//! ```

use super::invariants::{check, stat_is_the_sum_of_list};
use super::world::{Action, Scenario, World};
use pop3_proto::{Limits, MIN_SEND_BUF, Mechanism, TlsPolicy, client, server};
use std::collections::{HashSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// How a state was reached: the state before it, and the action there.
type Reached = Option<(usize, Action)>;

#[derive(Default)]
struct Visited {
    reached: Vec<Reached>,
    fingerprints: HashSet<u64>,
    steps: usize,
    ends: usize,
    probed: usize,
}

impl Visited {
    /// Returns the actions that lead to this state.
    fn path(&self, mut state: usize) -> Vec<Action> {
        let mut path = Vec::new();
        while let Some((before, action)) = self.reached[state] {
            path.push(action);
            state = before;
        }
        path.reverse();
        path
    }
}

fn deep() -> bool {
    std::env::var_os("POP3_EXPLORE").is_some_and(|value| value == "deep")
}

fn again<'s>(scenario: &'s Scenario, path: &[Action]) -> World<'s> {
    let mut world = World::new(scenario);
    for action in path {
        world.act(*action);
    }
    world
}

/// Visits all states of this session.
fn explore(scenario: &Scenario) -> Visited {
    let deep = deep();
    let mut visited = Visited::default();
    let mut queue = VecDeque::new();
    let first = World::new(scenario);
    visited.fingerprints.insert(first.fingerprint());
    visited.reached.push(None);
    queue.push_back((0, first.enabled(deep)));
    while let Some((state, actions)) = queue.pop_front() {
        let path = visited.path(state);
        let mut moved = false;
        let mut is_final = actions.is_empty();
        for action in actions {
            let mut world = None;
            let tried = catch_unwind(AssertUnwindSafe(|| {
                let world = world.insert(again(scenario, &path));
                is_final |= world.is_final();
                let changed = world.act(action);
                if changed {
                    check(world);
                }
                changed
            }));
            visited.steps += 1;
            let changed =
                tried.unwrap_or_else(|panic| explain(scenario, &path, action, world.as_ref(), panic));
            moved |= changed;
            let Some(world) = world.filter(|_| changed) else { continue };
            if visited.fingerprints.insert(world.fingerprint()) {
                visited.reached.push(Some((state, action)));
                queue.push_back((visited.reached.len() - 1, world.enabled(deep)));
                visited.ends += usize::from(world.is_final());
                let mut path = path.clone();
                path.push(action);
                let tried = catch_unwind(AssertUnwindSafe(|| {
                    visited.probed += usize::from(is_probed(scenario, &path));
                    comes_to_an_end(world);
                }));
                tried.unwrap_or_else(|panic| explain(scenario, &path, action, None, panic));
            }
        }
        assert!(moved || is_final, "no action is possible: {path:?}\n{}", again(scenario, &path).shown());
    }
    visited
}

/// Prints how the search reached a state that breaks an invariant.
fn explain(
    scenario: &Scenario,
    path: &[Action],
    action: Action,
    world: Option<&World<'_>>,
    panic: Box<dyn std::any::Any + Send>,
) -> ! {
    eprintln!("{}: after {path:?}, {action:?}:", scenario.name);
    if let Some(world) = world {
        eprintln!("{}", world.shown());
    }
    resume_unwind(panic)
}

fn is_probed(scenario: &Scenario, path: &[Action]) -> bool {
    let said = again(scenario, path).probe();
    if let Some(said) = &said {
        stat_is_the_sum_of_list(said);
    }
    said.is_some()
}

/// From here on nothing fails, so both sides must end.
fn comes_to_an_end(mut world: World<'_>) {
    for _ in 0..100 {
        if !world.go_on() {
            assert!(world.is_final(), "stuck: {}", world.shown());
            return check(&world);
        }
    }
    panic!("no end: {}", world.shown());
}

const PIPED: client::ClientConfig = client::ClientConfig::new(TlsPolicy::Cleartext).assume_pipelining();
const FEW_LOGINS: Limits = Limits::DEFAULT.with_failed_logins(2);

fn sessions() -> Vec<Scenario> {
    let clear = server::ServerConfig::new(TlsPolicy::Cleartext).with_limits(FEW_LOGINS);
    let opened = |name, commands| Scenario { opening: 2, server: clear, ..Scenario::new(name, commands) };
    let piped = |name, commands| Scenario { client: PIPED, ..opened(name, commands) };
    let mut sessions = vec![
        Scenario { server: clear, ..Scenario::new("login", &["USER u", "PASS p", "QUIT"]) },
        opened("plain", &["USER u", "PASS p", "LIST", "DELE 1", "QUIT"]),
        opened("message", &["USER u", "PASS p", "RETR 2", "DELE 2", "QUIT"]),
        opened("taken back", &["USER u", "PASS p", "DELE 1", "RSET", "STAT", "QUIT"]),
        opened("twice", &["USER u", "PASS p", "DELE 2", "DELE 2", "QUIT"]),
        opened("no QUIT", &["USER u", "PASS p", "DELE 1"]),
        piped("pipelined", &["USER u", "PASS p", "DELE 1", "STAT", "QUIT"]),
        Scenario {
            server_sink: MIN_SEND_BUF,
            ..piped("pipelined, small sink", &["USER u", "PASS p", "STAT", "QUIT"])
        },
        Scenario {
            client: client::ClientConfig::new(TlsPolicy::Opportunistic),
            server: server::ServerConfig::new(TlsPolicy::Opportunistic)
                .with_limits(FEW_LOGINS)
                .without_top()
                .without_uidl(),
            ..Scenario::new("tls", &["STLS", "USER u", "QUIT"])
        },
        Scenario {
            server: clear.with_sasl_cleartext(&[Mechanism::PLAIN]).with_limits(FEW_LOGINS),
            ..Scenario::new("auth", &["AUTH PLAIN", "STAT", "QUIT"])
        },
    ];
    if deep() {
        sessions.extend([
            Scenario {
                server: clear,
                client: PIPED,
                ..Scenario::new("all", &["USER u", "PASS p", "LIST", "RETR 1", "DELE 1", "QUIT"])
            },
            piped(
                "many",
                &["USER u", "PASS p", "LIST", "DELE 1", "RETR 2", "RSET", "STAT", "DELE 2", "QUIT"],
            ),
            Scenario {
                server_sink: MIN_SEND_BUF,
                ..piped(
                    "many, small sink",
                    &["USER u", "PASS p", "STAT", "RETR 1", "DELE 1", "LIST", "TOP 2 0", "QUIT"],
                )
            },
        ]);
    }
    sessions
}

#[test]
fn explore_a_pair_under_every_schedule() {
    let mut all = 0;
    for scenario in sessions() {
        let start = std::time::Instant::now();
        let visited = explore(&scenario);
        let states = visited.reached.len();
        println!(
            "{}: {states} states, {} steps, {} ends, {} probed, {:?}",
            scenario.name,
            visited.steps,
            visited.ends,
            visited.probed,
            start.elapsed()
        );
        assert!(visited.ends > 0 && states > 50, "{}: the search is too small", scenario.name);
        all += states;
    }
    println!("{all} states visited, every invariant checked in each");
}
