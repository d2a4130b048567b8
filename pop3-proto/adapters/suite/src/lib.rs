//! The tests that every adapter passes.
//!
//! An adapter implements [`Adapter`], which runs two programs of the suite over a [`Link`], a stream in memory. Its peer follows a script, or
//! sends any bytes. The functions here run it over many schedules, and compare the events of its programs with those of the [`Reference`]. `POP3_SEED=17 cargo test` repeats one schedule.

mod far;
mod link;
mod program;
mod reference;
mod scenarios;
pub mod seed;
pub mod told;

pub use link::{Fault, Injected, Link, Schedule};
pub use program::{ClientProgram, Config, Ended, MESSAGES, Mail, ServerProgram, Then};
pub use reference::Reference;
pub use scenarios::{
    ClientScenario, LoginScenario, ServerScenario, client_scenarios, login_scenarios, server_scenarios,
};

use pop3_proto::{ClientConfig, ConnectionError, Timer, TlsPolicy};

/// An adapter under test.
pub trait Adapter {
    /// Whether timers use the real clock, so the ten minutes of the autologout timer are too long for a test.
    const HAS_REAL_CLOCK: bool = false;

    /// Runs a client until its session ends.
    ///
    /// Give each event to [`ClientProgram::handle`] and do what it returns; after TLS has started, call [`ClientProgram::send`]. If `next` fails,
    /// continue if [`ClientProgram::retries`] returns true. Drop futures that wait if [`Link::drops`] returns true. Drop a future that starts TLS
    /// with another stream only if [`Link::drops_once`] does, and then return [`Ended::Dropped`].
    fn client(link: Link, config: ClientConfig, program: &mut ClientProgram) -> Ended;

    /// Runs a server until its session ends, in the same way. Lend the message to the adapter (`&mut program.body`), so the remaining bytes are
    /// known if it is interrupted.
    fn server(link: Link, config: Config, program: &mut ServerProgram) -> Ended;

    /// Logs a client in as [`USER`], sends QUIT, and notes the method and each later event, as `Debug` shows them. If the login fails, note
    /// the reason and close the connection. If its future is dropped because [`Link::drops_once`] returns true, note `dropped` and close.
    fn log_in(link: Link, config: ClientConfig, log: &mut Vec<String>) -> Ended;
}

/// The name and the password of the logins.
pub const USER: [&str; 2] = ["mrose", "tanstaaf"];

/// The results of a session, for its program and for its peer.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Outcome {
    log: Vec<String>,
    ended: Ended,
    mismatch: Option<String>,
}

impl Outcome {
    fn new(log: Vec<String>, ended: Ended, link: &Link) -> Self {
        let mismatch = link.mismatch(ended == Ended::Over && !link.is_cut());
        Outcome { log, ended, mismatch }
    }
}

/// One session of either side.
trait Scenario {
    fn name(&self) -> &'static str;
    fn run<A: Adapter>(&self, schedule: Schedule, retries: usize) -> (Outcome, Link);
    /// Returns how many bytes the peer sends.
    fn said(&self) -> usize;
    /// Returns whether the program can continue after an error of the stream.
    fn can_go_on(&self) -> bool {
        true
    }
}

impl Scenario for ClientScenario {
    fn name(&self) -> &'static str {
        self.name
    }

    fn run<A: Adapter>(&self, schedule: Schedule, retries: usize) -> (Outcome, Link) {
        let link = Link::new(self.script, true, schedule);
        let mut program = ClientProgram::new(&self.commands, retries);
        let config = in_time(self.config, schedule);
        let ended = A::client(link.clone(), config, &mut program);
        (Outcome::new(program.log, ended, &link), link)
    }

    fn said(&self) -> usize {
        self.script.octets(pop3_proto::script::Side::Server).len()
    }
}

impl Scenario for ServerScenario {
    fn name(&self) -> &'static str {
        self.name
    }

    fn run<A: Adapter>(&self, schedule: Schedule, retries: usize) -> (Outcome, Link) {
        let link = Link::new(self.script, false, schedule);
        let mut program = ServerProgram { retries, ..ServerProgram::default() };
        let config = if schedule.silent_after.is_some() { self.config_in_haste } else { self.config };
        let ended = A::server(link.clone(), config, &mut program);
        (Outcome::new(program.log, ended, &link), link)
    }

    fn said(&self) -> usize {
        self.script.octets(pop3_proto::script::Side::Client).len()
    }
}

impl Scenario for LoginScenario {
    fn name(&self) -> &'static str {
        self.name
    }

    fn run<A: Adapter>(&self, schedule: Schedule, _: usize) -> (Outcome, Link) {
        let link = Link::new(self.script, true, schedule);
        let mut log = Vec::new();
        let config = in_time(ClientConfig::new(TlsPolicy::Cleartext), schedule);
        let ended = A::log_in(link.clone(), config, &mut log);
        let over =
            if log.first().is_some_and(|first| first == DROPPED) { Ended::Dropped } else { ended.clone() };
        let mismatch = Outcome::new(Vec::new(), over, &link).mismatch;
        (Outcome { log, ended, mismatch }, link)
    }

    fn said(&self) -> usize {
        self.script.octets(pop3_proto::script::Side::Server).len()
    }

    fn can_go_on(&self) -> bool {
        false
    }
}

/// The note for a login whose future was dropped.
pub const DROPPED: &str = "dropped";

/// Returns the configuration, with timers that a test can wait for if the peer stops responding.
fn in_time(config: ClientConfig, schedule: Schedule) -> ClientConfig {
    if schedule.silent_after.is_some() { config.with_timers(scenarios::hasty()) } else { config }
}

/// Compares the adapter with the reference, over one schedule.
fn compare<A: Adapter>(scenario: &impl Scenario, schedule: Schedule, plain: Schedule) {
    let (expected, _) = scenario.run::<Reference>(plain, 0);
    let (outcome, _) = scenario.run::<A>(schedule, 0);
    assert_eq!(outcome, expected, "{}, {schedule:?}", scenario.name());
}

/// Runs this for each scenario of both sides.
macro_rules! for_all {
    ($scenario:ident => $test:expr) => {
        for $scenario in &client_scenarios() {
            $test
        }
        for $scenario in &server_scenarios() {
            $test
        }
        for $scenario in &login_scenarios() {
            $test
        }
    };
}

/// Runs short reads and writes, spurious wake-ups, and futures that are dropped.
///
/// # Panics
/// Panics if the adapter fails.
pub fn any_schedule<A: Adapter>() {
    for_all!(scenario => compare::<A>(scenario, Schedule::default(), Schedule::default()));
    seed::for_each(200, |seed| {
        let schedule = Schedule { seed, ..Schedule::default() };
        for_all!(scenario => compare::<A>(scenario, schedule, Schedule::default()));
    });
}

/// Drops every future at every await.
///
/// # Panics
/// Panics if the adapter fails.
pub fn every_drop<A: Adapter>() {
    let schedule = Schedule { drops_always: true, ..Schedule::default() };
    let mut drops = Drops::default();
    for_all!(scenario => {
        compare::<A>(scenario, schedule, Schedule::default());
        one_drop::<A>(scenario, &mut drops);
    });
    let Drops { harmless, handshakes, logins } = drops;
    let is_blocking = drops == Drops::default();
    assert!(is_blocking || harmless > 0 && handshakes > 1 && logins > 10, "{drops:?}");
}

/// How many futures of each kind were dropped.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
struct Drops {
    harmless: usize,
    handshakes: usize,
    logins: usize,
}

/// Drops one future, at each of the awaits. Then the session continues as if nothing had happened, or the future drops the connection, or the
/// login is half done and the connection is closed.
fn one_drop<A: Adapter>(scenario: &impl Scenario, drops: &mut Drops) {
    let at = |wait| Schedule { drops_at: Some(wait), ..Schedule::default() };
    let (expected, link) = scenario.run::<A>(at(usize::MAX), 0);
    compare::<A>(scenario, at(usize::MAX), Schedule::default());
    for wait in 0..link.waits() {
        let (dropped, link) = scenario.run::<A>(at(wait), 0);
        assert_eq!(dropped.mismatch, None, "{}, dropped at await {wait}", scenario.name());
        assert!(link.is_dropped(), "{}, dropped at await {wait}: somebody holds the stream", scenario.name());
        match (&dropped.ended, dropped.log.first()) {
            (Ended::Dropped, _) => {
                drops.handshakes += 1;
                assert!(expected.log.starts_with(&dropped.log));
            }
            (ended, Some(first)) if first == DROPPED => {
                drops.logins += 1;
                assert_eq!(*ended, Ended::Over);
                assert_eq!(dropped.log.len(), 2, "{dropped:?}");
            }
            _ => {
                drops.harmless += 1;
                assert_eq!(dropped, expected, "{}, dropped at await {wait}", scenario.name());
            }
        }
    }
}

/// Injects a line in cleartext, either with the line that leads to TLS or before the handshake. The session must fail, and must use nothing of
/// the injected line.
///
/// # Panics
/// Panics if the adapter fails.
pub fn every_injection<A: Adapter>() {
    let mut sessions = 0;
    for_all!(scenario => {
        let (whole, link) = scenario.run::<Reference>(Schedule::default(), 0);
        if let Some(after) = link.before_tls() {
            sessions += 1;
            let inject = |seed, when| {
                let schedule = Schedule { seed, injected: Some((after, when)), ..Schedule::default() };
                let (failed, _) = scenario.run::<A>(schedule, 0);
                is_before_tls(&failed, &whole);
                failed
            };
            inject(0, Injected::Later);
            let failed = inject(0, Injected::Together);
            assert_eq!(failed.ended, Ended::Connection(ConnectionError::PlaintextAfterStls));
            assert!(!failed.log.iter().any(|event| event == "start TLS"), "{failed:?}");
            seed::for_each(40, |seed| {
                inject(seed, Injected::Later);
                inject(seed, Injected::Together); // with short reads, part of it is received later
            });
        }
    });
    assert_eq!(sessions, 2, "a client's and a server's");
}

/// Checks that a session has failed before or in the handshake.
fn is_before_tls(failed: &Outcome, whole: &Outcome) {
    let stls = whole.log.iter().position(|event| event == "start TLS").expect("a handshake");
    assert!(failed.log.len() <= stls + 1 && whole.log.starts_with(&failed.log), "{failed:?}");
    let in_handshake = Ended::Io(std::io::ErrorKind::InvalidData);
    let before = Ended::Connection(ConnectionError::PlaintextAfterStls);
    assert!(failed.ended == in_handshake || failed.ended == before, "{failed:?}");
}

/// Makes each call of the stream fail. The program must see the error, and if it continues, no byte may be
/// lost.
///
/// # Panics
/// Panics if the adapter fails.
pub fn every_error<A: Adapter>() {
    for_all!(scenario => {
        let (expected, link) = scenario.run::<A>(Schedule::default(), 0);
        for call in 0..link.calls() {
            let schedule = Schedule { error_at: Some(call), ..Schedule::default() };
            let (failed, _) = scenario.run::<A>(schedule, 0);
            assert_eq!(failed.ended, Ended::Io(std::io::ErrorKind::BrokenPipe), "{}, call {call}", scenario.name());
            if !scenario.can_go_on() {
                continue;
            }
            let (retried, _) = scenario.run::<A>(schedule, 1);
            assert_eq!(retried, expected, "{}, again after call {call}", scenario.name());
        }
    });
}

/// Ends the stream after each byte.
///
/// # Panics
/// Panics if the adapter fails.
pub fn every_end<A: Adapter>() {
    for_all!(scenario => for end in 0..=scenario.said() {
        let plain = Schedule { end_after: Some(end), ..Schedule::default() };
        compare::<A>(scenario, plain, plain);
        seed::for_each(2, |seed| compare::<A>(scenario, Schedule { seed, ..plain }, plain));
    });
}

/// Makes the peer stop responding in the middle of each line, so a timer ends the session.
///
/// # Panics
/// Panics if the adapter fails.
pub fn every_silence<A: Adapter>() {
    for_all!(scenario => for silent in (0..scenario.said()).step_by(29) {
        let plain = Schedule { silent_after: Some(silent), ..Schedule::default() };
        let (expected, _) = scenario.run::<Reference>(plain, 0);
        if A::HAS_REAL_CLOCK && expected.ended == Ended::Connection(ConnectionError::TimedOut(Timer::Autologout)) {
            continue;
        }
        // Run it again if this process was stopped for longer than a timer takes.
        let passes = (0..3).any(|_| scenario.run::<A>(plain, 0).0 == expected);
        assert!(passes, "{}, silent after {silent}: expected {expected:?}", scenario.name());
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_scenario_runs_to_its_end() {
        for_all!(scenario => {
            let (outcome, _) = scenario.run::<Reference>(Schedule::default(), 0);
            assert_eq!(outcome.mismatch, None, "{}", scenario.name());
        });
    }

    /// The adapters cannot share this code, because the library has no such dependency and returns no such
    /// error.
    #[test]
    fn both_adapters_of_std_have_the_same_trace_and_the_same_errors() {
        let blocking =
            [include_str!("../../blocking/src/trace.rs"), include_str!("../../blocking/src/error.rs")];
        let tokio = [include_str!("../../tokio/src/trace.rs"), include_str!("../../tokio/src/error.rs")];
        assert_eq!(blocking, tokio);
    }

    /// Returns how many lines each program has, without hidden ones.
    fn programs(readme: &str) -> Vec<usize> {
        let blocks = readme.split("```rust\n").skip(1).filter_map(|rest| rest.split("```").next());
        blocks
            .map(|block| block.lines().filter(|line| *line != "#" && !line.starts_with("# ")).count())
            .collect()
    }

    #[test]
    fn each_readme_has_a_client_of_25_lines_and_a_server_of_40() {
        for readme in [
            include_str!("../../blocking/README.md"),
            include_str!("../../tokio/README.md"),
            include_str!("../../embedded/README.md"),
        ] {
            let programs = programs(readme);
            assert!(matches!(programs[..], [1..=25, 1..=40, ..]), "{programs:?}");
        }
    }

    #[test]
    fn the_reference_passes() {
        any_schedule::<Reference>();
        every_end::<Reference>();
        every_silence::<Reference>();
        every_injection::<Reference>();
    }
}
