//! Many sessions at once, through the phases of their lives.

use crate::session::{KEEP_ALIVE, Session, Shared};
use crate::{Result, heap, mail};
use fastrand::Rng;
use pop3_proto::MessageNumber;
use std::time::Duration;

/// How often the driver checks which session needs a turn.
const ROUND: Duration = Duration::from_secs(60);

/// The sessions, one for each user.
#[derive(Debug)]
pub struct Crowd<'b> {
    sessions: Vec<Session>,
    shared: Shared<'b>,
    allocations: u64,
}

impl<'b> Crowd<'b> {
    /// Returns no sessions yet, with room for as many as `shared` has users.
    pub fn new(shared: Shared<'b>) -> Self {
        Crowd { sessions: Vec::with_capacity(shared.removed.len()), shared, allocations: 0 }
    }

    /// Returns the allocations during the sessions' turns, by the machines or by the code that answers them.
    pub const fn allocations(&self) -> u64 {
        self.allocations
    }

    /// Returns how many messages were removed.
    pub fn removed(&self) -> u32 {
        self.shared.removed.iter().map(|bits| bits.count_ones()).sum()
    }

    /// Connects and logs in all users, spread evenly over the time after which the first one has to send
    /// again.
    pub fn log_in(&mut self, mut progress: impl FnMut()) -> Result<u64> {
        let users = self.shared.removed.len();
        for user in 0..users {
            self.shared.now = KEEP_ALIVE.mul_f64(user as f64 / users as f64);
            let before = heap::allocations();
            let session = Session::open(u32::try_from(user)?, &mut self.shared)?;
            self.allocations += heap::allocations() - before;
            self.sessions.push(session);
            progress();
        }
        Ok(users as u64)
    }

    /// Lets time pass. In each round, the sessions send whose time has come. Returns how often that happened.
    pub fn idle(&mut self, span: Duration, mut progress: impl FnMut()) -> Result<u64> {
        let end = self.shared.now + span;
        let mut turns = 0;
        while self.shared.now < end {
            self.shared.now += ROUND;
            let now = self.shared.now;
            for user in 0..self.sessions.len() {
                if self.sessions[user].is_due(now) {
                    self.turn(user, |session, _, shared| session.keep_alive(shared))?;
                    turns += 1;
                }
            }
            progress();
        }
        Ok(turns)
    }

    /// Makes `count` randomly picked sessions fetch and mark a message.
    pub fn fetch(&mut self, count: usize, rng: &mut Rng, mut progress: impl FnMut()) -> Result<u64> {
        let mut picked = rng.choose_multiple(0..self.sessions.len(), count);
        rng.shuffle(&mut picked);
        for user in picked {
            let number = MessageNumber::new(rng.u32(1..=mail::EACH))?;
            self.turn(user, |session, user, shared| session.fetch(user, number, shared))?;
            progress();
        }
        Ok(count as u64)
    }

    /// Sends QUIT in all sessions.
    pub fn quit(&mut self, mut progress: impl FnMut()) -> Result<u64> {
        for user in 0..self.sessions.len() {
            self.turn(user, |session, user, shared| session.quit(user, shared))?;
            progress();
        }
        Ok(self.sessions.len() as u64)
    }

    fn turn(
        &mut self,
        user: usize,
        turn: impl FnOnce(&mut Session, u32, &mut Shared<'b>) -> Result<()>,
    ) -> Result<()> {
        let before = heap::allocations();
        turn(&mut self.sessions[user], u32::try_from(user)?, &mut self.shared)?;
        self.allocations += heap::allocations() - before;
        Ok(())
    }
}
