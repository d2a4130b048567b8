//! The tests that every adapter passes.
//!
//! An adapter implements [`Adapter`]: it runs two programs of the suite over a [`Link`], a stream in memory. The functions here run it over many
//! schedules and compare what its programs saw with what the [`Reference`] saw. `POP3_SEED=17 cargo test` repeats one schedule.

mod link;
mod program;
mod reference;
mod scenarios;
pub mod seed;
pub mod told;

pub use link::{Fault, Link, Schedule};
pub use program::{ClientProgram, Config, Ended, MESSAGES, Mail, ServerProgram, Then};
pub use reference::Reference;
pub use scenarios::{ClientScenario, ServerScenario, client_scenarios, server_scenarios};

use pop3_proto::{ClientConfig, ConnectionError, Timer};

/// An adapter under test.
pub trait Adapter {
    /// Timers are those of the real clock, so that the ten minutes of the autologout timer are too long for a test.
    const HAS_REAL_CLOCK: bool = false;

    /// Runs a client until its session ends.
    ///
    /// Give each event to [`ClientProgram::handle`] and do what it returns; after TLS has started, call [`ClientProgram::send`]. If `next` fails,
    /// go on if [`ClientProgram::retries`] returns true. Drop futures that wait if [`Link::drops`] returns true.
    fn client(link: Link, config: ClientConfig, program: &mut ClientProgram) -> Ended;

    /// Runs a server until its session ends, in the same way. Lend the message to the adapter (`&mut program.body`), so that the rest is known if
    /// it is interrupted.
    fn server(link: Link, config: Config, program: &mut ServerProgram) -> Ended;
}

/// What a session was for its program, and for its peer.
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
    fn run<A: Adapter>(&self, schedule: Schedule, retries: usize) -> (Outcome, usize);
    /// How many bytes the peer says.
    fn said(&self) -> usize;
}

impl Scenario for ClientScenario {
    fn name(&self) -> &'static str {
        self.name
    }

    fn run<A: Adapter>(&self, schedule: Schedule, retries: usize) -> (Outcome, usize) {
        let link = Link::new(self.script, true, schedule);
        let mut program = ClientProgram::new(&self.commands, retries);
        let is_hasty = schedule.silent_after.is_some();
        let config = if is_hasty { self.config.with_timers(scenarios::hasty()) } else { self.config };
        let ended = A::client(link.clone(), config, &mut program);
        (Outcome::new(program.log, ended, &link), link.calls())
    }

    fn said(&self) -> usize {
        self.script.octets(pop3_proto::script::Side::Server).len()
    }
}

impl Scenario for ServerScenario {
    fn name(&self) -> &'static str {
        self.name
    }

    fn run<A: Adapter>(&self, schedule: Schedule, retries: usize) -> (Outcome, usize) {
        let link = Link::new(self.script, false, schedule);
        let mut program = ServerProgram { retries, ..ServerProgram::default() };
        let config = if schedule.silent_after.is_some() { self.config_in_haste } else { self.config };
        let ended = A::server(link.clone(), config, &mut program);
        (Outcome::new(program.log, ended, &link), link.calls())
    }

    fn said(&self) -> usize {
        self.script.octets(pop3_proto::script::Side::Client).len()
    }
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
    };
}

/// Short reads and writes, spurious wake-ups, and futures that are dropped.
///
/// # Panics
/// If the adapter fails.
pub fn any_schedule<A: Adapter>() {
    for_all!(scenario => compare::<A>(scenario, Schedule::default(), Schedule::default()));
    seed::for_each(200, |seed| {
        let schedule = Schedule { seed, ..Schedule::default() };
        for_all!(scenario => compare::<A>(scenario, schedule, Schedule::default()));
    });
}

/// Every future is dropped at every await.
///
/// # Panics
/// If the adapter fails.
pub fn every_drop<A: Adapter>() {
    let schedule = Schedule { drops_always: true, ..Schedule::default() };
    for_all!(scenario => compare::<A>(scenario, schedule, Schedule::default()));
}

/// Each call of the stream fails: the program learns it, and if it goes on, nothing is lost.
///
/// # Panics
/// If the adapter fails.
pub fn every_error<A: Adapter>() {
    for_all!(scenario => {
        let (expected, calls) = scenario.run::<A>(Schedule::default(), 0);
        for call in 0..calls {
            let schedule = Schedule { error_at: Some(call), ..Schedule::default() };
            let (failed, _) = scenario.run::<A>(schedule, 0);
            assert_eq!(failed.ended, Ended::Io(std::io::ErrorKind::BrokenPipe), "{}, call {call}", scenario.name());
            let (retried, _) = scenario.run::<A>(schedule, 1);
            assert_eq!(retried, expected, "{}, again after call {call}", scenario.name());
        }
    });
}

/// The stream ends after each byte.
///
/// # Panics
/// If the adapter fails.
pub fn every_end<A: Adapter>() {
    for_all!(scenario => for end in 0..=scenario.said() {
        let plain = Schedule { end_after: Some(end), ..Schedule::default() };
        compare::<A>(scenario, plain, plain);
        seed::for_each(2, |seed| compare::<A>(scenario, Schedule { seed, ..plain }, plain));
    });
}

/// The peer falls silent in the middle of each line, and a timer ends the session.
///
/// # Panics
/// If the adapter fails.
pub fn every_silence<A: Adapter>() {
    for_all!(scenario => for silent in (0..scenario.said()).step_by(29) {
        let plain = Schedule { silent_after: Some(silent), ..Schedule::default() };
        let (expected, _) = scenario.run::<Reference>(plain, 0);
        if A::HAS_REAL_CLOCK && expected.ended == Ended::Connection(ConnectionError::TimedOut(Timer::Autologout)) {
            continue;
        }
        // Again if this process was stopped for longer than a timer takes.
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

    /// Neither can hold what both need: the library has no such dependency and returns no such error.
    #[test]
    fn both_adapters_of_std_have_the_same_trace_and_the_same_errors() {
        let blocking =
            [include_str!("../../blocking/src/trace.rs"), include_str!("../../blocking/src/error.rs")];
        let tokio = [include_str!("../../tokio/src/trace.rs"), include_str!("../../tokio/src/error.rs")];
        assert_eq!(blocking, tokio);
    }

    #[test]
    fn the_reference_passes() {
        any_schedule::<Reference>();
        every_end::<Reference>();
        every_silence::<Reference>();
    }
}
