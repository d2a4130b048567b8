//! Runs scenarios: in memory, for the proof, or with a program.

use super::files::{Files as _, Shelf};
use super::serve::{Memory, Stage, Trusts};
use super::{Ended, Run, Scenario, Tls};
use crate::engine::Transport;
use std::rc::Rc;

/// The bytes of a flood in memory.
const FLOOD: u64 = 48 << 10;

/// What a client in this process works with.
#[derive(Debug)]
pub struct Job {
    stage: Rc<Stage>,
    pub shelf: Shelf,
    pub deletes: bool,
    pub tls: bool,
}

impl Job {
    /// Connects.
    #[must_use]
    pub fn connect(&self, trusts: Trusts) -> Box<dyn Transport> {
        Box::new(Memory { serve: self.stage.connect(), trusts })
    }
}

/// Runs a client of this process under a scenario.
pub fn play(scenario: &'static Scenario, client: impl FnOnce(&Job) -> Ended) -> Run {
    let shelf = Shelf::default();
    let stage = Stage::new(scenario, Box::new(shelf.clone()), FLOOD);
    let messages = stage.world.texts().len();
    let job = Job {
        stage: Rc::clone(&stage),
        shelf: shelf.clone(),
        deletes: scenario.deletes,
        tls: scenario.tls != Tls::No,
    };
    let ended = client(&job);
    drop(job);
    Run {
        sessions: stage.sessions.take(),
        files: shelf.read(),
        outside: shelf.outside(),
        ended,
        output: Vec::new(),
        bites: stage.bites.get(),
        messages,
        left: stage.world.texts().len(),
        busy: stage.busy.get(),
        legal: scenario.is_legal(),
        scenario: scenario.check.id,
    }
}
