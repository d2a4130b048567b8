//! What happens next, by a seed.

use crate::nodes::{Settings, Simulation};
use crate::roles::{LEASE, Role, Visit};
use crate::variants::Variant;
use crate::world::Name;
use fastrand::Rng;
use std::fmt;

/// One step. Each names what it acts on, so it means the same in a schedule from which others were removed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Action {
    Begin {
        task: u32,
        node: usize,
        role: Role,
    },
    /// Runs an operation and delivers its result.
    Run(Name),
    Apply(Name),
    Answer(Name),
    /// Makes the sender give up.
    Lose(Name),
    /// Drops an operation that nobody waits for.
    Vanish(Name),
    /// Lets milliseconds pass.
    Pass(i64),
    Pause(usize),
    Resume(usize),
    Kill(usize),
    Drain(usize),
}

impl Action {
    /// Returns the operation that it acts on.
    pub(crate) fn name(self) -> Option<Name> {
        match self {
            Action::Run(name)
            | Action::Apply(name)
            | Action::Answer(name)
            | Action::Lose(name)
            | Action::Vanish(name) => Some(name),
            _ => None,
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Action::Begin { task, node, role } => write!(f, "task {task} begins on node {node}: {role}"),
            Action::Run(Name::Awaited(task)) => write!(f, "task {task}"),
            Action::Apply(Name::Awaited(task)) => write!(f, "task {task} gets its result later"),
            Action::Run(Name::Late(task, _)) | Action::Apply(Name::Late(task, _)) => {
                write!(f, "task {task} has given up, but it runs")
            }
            Action::Answer(Name::Awaited(task) | Name::Late(task, _)) => {
                write!(f, "task {task} gets its result")
            }
            Action::Lose(Name::Awaited(task) | Name::Late(task, _)) => write!(f, "task {task} gives up"),
            Action::Vanish(Name::Awaited(task) | Name::Late(task, _)) => {
                write!(f, "task {task} has given up, and it never runs")
            }
            Action::Pass(milliseconds) => write!(f, "{milliseconds} ms pass"),
            Action::Pause(node) => write!(f, "node {node} is paused"),
            Action::Resume(node) => write!(f, "node {node} goes on"),
            Action::Kill(node) => write!(f, "node {node} is killed and starts again"),
            Action::Drain(node) => write!(f, "node {node} is drained and starts again"),
        }
    }
}

/// Picks actions. How bad the network and the nodes are depends on the seed too.
pub(crate) struct Chooser {
    rng: Rng,
    settings: Settings,
    tasks: u32,
    /// How many tasks run at once.
    crowd: usize,
    /// Of 100 operations, how many are given up.
    lost: u32,
    /// Of 1000 actions, how many pause, resume or end a node.
    broken: u32,
    /// Of 100 actions, how many let time pass.
    slow: u32,
}

impl Chooser {
    pub(crate) fn new(seed: u64, variant: Variant) -> Self {
        let mut rng = Rng::with_seed(seed);
        let settings =
            Settings { seed, nodes: rng.usize(1..=4), maildrops: rng.choice([1, 2, 4, 8]).unwrap(), variant };
        let crowd = rng.choice([3, 6, 10, 16]).unwrap();
        let lost = rng.choice([0, 3, 10, 25, 50, 75]).unwrap();
        let broken = rng.choice([0, 2, 8, 25]).unwrap();
        let slow = rng.choice([2, 5, 15]).unwrap();
        Chooser { rng, settings, tasks: 0, crowd, lost, broken, slow }
    }

    pub(crate) fn settings(&self) -> Settings {
        self.settings
    }

    /// Returns an action that is possible now.
    pub(crate) fn choose(&mut self, simulation: &Simulation) -> Action {
        if self.rng.u32(0..1000) < self.broken {
            return self.break_node(simulation);
        }
        if self.rng.u32(0..100) < self.slow {
            return self.pass(simulation);
        }
        if simulation.count() < self.crowd && self.rng.u32(0..100) < 15 {
            return self.begin();
        }
        self.operate(simulation)
    }

    fn break_node(&mut self, simulation: &Simulation) -> Action {
        let node = self.rng.usize(0..self.settings.nodes);
        match self.rng.u32(0..10) {
            0..3 => Action::Kill(node),
            _ if simulation.is_paused(node) => Action::Resume(node),
            3 => Action::Drain(node),
            _ => Action::Pause(node),
        }
    }

    fn pass(&mut self, simulation: &Simulation) -> Action {
        let next = simulation.world.lock().unwrap().next_timer();
        Action::Pass(match self.rng.u32(0..100) {
            0..60 => next.unwrap_or(1).min(LEASE),
            60..95 => self.rng.i64(1..100),
            95..98 => self.rng.i64(1..2 * LEASE),
            _ => self.rng.i64(1..8 * LEASE),
        })
    }

    fn begin(&mut self) -> Action {
        self.tasks += 1;
        let maildrop = self.rng.i64(1..=self.settings.maildrops);
        let role = match self.rng.u32(0..100) {
            0..50 => Role::Delivery { maildrop, has_uid: self.rng.u32(0..8) == 0 },
            50..62 => Role::Collection,
            _ => Role::Session(self.visit(maildrop)),
        };
        Action::Begin { task: self.tasks, node: self.rng.usize(0..self.settings.nodes), role }
    }

    fn visit(&mut self, maildrop: i64) -> Visit {
        let stays = match self.rng.u32(0..10) {
            0..6 => 0,
            6..8 => self.rng.u64(1..300),
            _ => self.rng.u64(1..3000),
        };
        let marks = match self.rng.u32(0..10) {
            0..2 => None,
            2..6 => Some(u8::MAX),
            _ => Some(self.rng.u8(..)),
        };
        Visit { maildrop, reads: self.rng.bool(), stays, marks }
    }

    fn operate(&mut self, simulation: &Simulation) -> Action {
        let world = simulation.world.lock().unwrap();
        let all = || world.flights.iter().enumerate();
        // What nobody waits for may stay on its way for long.
        let is_late = self.rng.u32(0..100) < 4 && all().any(|(_, flight)| flight.is_abandoned);
        let mut flights: Vec<_> = all().filter(|(_, flight)| flight.is_abandoned == is_late).collect();
        // One of four tasks is slow, so much happens while it waits.
        flights.retain(|(_, flight)| flight.task % 4 > 0 || self.rng.u32(0..10) == 0);
        let Some((at, flight)) = self.rng.choice(flights) else {
            drop(world);
            return if simulation.count() < 2 * self.crowd { self.begin() } else { self.pass(simulation) };
        };
        let (name, percent) = (world.name(at), self.rng.u32(0..100));
        match flight.is_applied() {
            _ if is_late && percent < 70 => Action::Apply(name),
            _ if is_late => Action::Vanish(name),
            _ if percent < self.lost => Action::Lose(name),
            true => Action::Answer(name),
            false if percent >= 80 => Action::Apply(name),
            false => Action::Run(name),
        }
    }
}
