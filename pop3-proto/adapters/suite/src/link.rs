//! A stream in memory: the peer follows a script, and a schedule decides what each call does.

use crate::seed::Random;
use pop3_proto::script::{Peer, Script};
use std::io::{self, ErrorKind, Read, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// More calls than any session needs: an adapter that makes them waits for an event that never comes.
const MOST_CALLS: usize = 200_000;

/// A stream to a peer in memory. Clones are the same stream.
#[derive(Clone, Debug)]
pub struct Link(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    peer: Peer<'static>,
    schedule: Schedule,
    random: Random,
    calls: usize,
    /// How many bytes the peer has said.
    said: usize,
    /// Bytes that were written and not flushed.
    held: Vec<u8>,
    mismatch: Option<String>,
}

/// What a stream does beside moving bytes.
#[derive(Clone, Copy, Default, Debug)]
pub struct Schedule {
    /// Short reads and writes, and calls that move nothing for now; 0 has none.
    pub seed: u64,
    /// This call fails once, counted from 0.
    pub error_at: Option<usize>,
    /// The stream ends after the peer has said so many bytes.
    pub end_after: Option<usize>,
    /// The peer falls silent after it has said so many bytes.
    pub silent_after: Option<usize>,
    /// Futures are dropped whenever they wait.
    pub drops_always: bool,
}

/// Why a call moved nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// Nothing for now: call again at once.
    NotNow,
    /// Nothing for ever.
    Silent,
    /// The call failed.
    Error(ErrorKind),
}

impl Link {
    /// The server of this script, or its client.
    #[must_use]
    pub fn new(script: &'static Script, is_server: bool, schedule: Schedule) -> Self {
        let peer = if is_server { script.server() } else { script.client() };
        let random = Random::new(schedule.seed);
        Link(Arc::new(Mutex::new(State {
            peer,
            schedule,
            random,
            calls: 0,
            said: 0,
            held: Vec::new(),
            mismatch: None,
        })))
    }

    /// Reads what the peer says.
    ///
    /// # Errors
    /// Returns the [`Fault`] that the schedule wants.
    pub fn read(&self, to: &mut [u8]) -> Result<usize, Fault> {
        let mut state = self.state();
        state.called()?;
        let Schedule { end_after, silent_after, .. } = state.schedule;
        let room = state.peer.pending().len().min(to.len());
        let mut most = state.short(room);
        if let Some(end) = end_after {
            most = most.min(end - state.said);
            if end == state.said {
                return Ok(0);
            }
        }
        if let Some(silent) = silent_after {
            most = most.min(silent - state.said);
            if silent == state.said {
                return Err(Fault::Silent);
            }
        }
        if most == 0 && !state.peer.closes() && state.peer.finish().is_err() {
            return Err(Fault::NotNow); // the peer waits
        }
        to[..most].copy_from_slice(&state.peer.pending()[..most]);
        state.peer.sent(most);
        state.said += most;
        Ok(most)
    }

    /// Writes to a buffer of the stream, as TLS does. The peer gets it with [`flush`](Self::flush).
    ///
    /// # Errors
    /// Returns the [`Fault`] that the schedule wants.
    pub fn write(&self, from: &[u8]) -> Result<usize, Fault> {
        let mut state = self.state();
        state.called()?;
        let count = state.short(from.len());
        state.held.extend_from_slice(&from[..count]);
        Ok(count)
    }

    /// Hands what was written to the peer.
    ///
    /// # Errors
    /// Returns the [`Fault`] that the schedule wants, and an error if the peer expects other bytes.
    pub fn flush(&self) -> Result<(), Fault> {
        let mut state = self.state();
        state.called()?;
        let held = std::mem::take(&mut state.held);
        if let Err(mismatch) = state.peer.received(&held) {
            state.mismatch = Some(mismatch.to_string());
            return Err(Fault::Error(ErrorKind::InvalidData));
        }
        Ok(())
    }

    /// Does the handshake.
    ///
    /// # Panics
    /// If the script has none here, or bytes are not flushed.
    pub fn start_tls(&self) {
        let mut state = self.state();
        assert!(state.held.is_empty(), "the handshake starts before all is flushed");
        state.peer.tls_started().unwrap_or_else(|mismatch| panic!("{mismatch}"));
    }

    /// Decides whether a future that waits is dropped.
    #[must_use]
    pub fn drops(&self) -> bool {
        let mut state = self.state();
        state.schedule.drops_always || state.schedule.seed != 0 && state.random.below(3) == 0
    }

    /// Returns how many calls were made.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.state().calls
    }

    /// Returns whether the schedule ends the stream early.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.state().schedule.end_after.is_some()
    }

    /// Returns how the peer's expectations were not met. `is_over` means that the session went to its end, so that nothing may be missing.
    #[must_use]
    pub fn mismatch(&self, is_over: bool) -> Option<String> {
        let state = self.state();
        let missing = || state.peer.finish().err().map(|mismatch| mismatch.to_string()).filter(|_| is_over);
        state.mismatch.clone().or_else(missing)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// One more call.
    fn called(&mut self) -> Result<(), Fault> {
        let call = self.calls;
        self.calls += 1;
        assert!(self.calls < MOST_CALLS, "the adapter waits for ever");
        if self.schedule.error_at == Some(call) {
            return Err(Fault::Error(ErrorKind::BrokenPipe));
        }
        if self.schedule.drops_always && self.random.below(2) == 0
            || self.schedule.seed != 0 && self.random.below(4) == 0
        {
            return Err(Fault::NotNow);
        }
        Ok(())
    }

    /// Returns how much of this is moved.
    fn short(&mut self, most: usize) -> usize {
        if self.schedule.seed == 0 || most == 0 { most } else { 1 + self.random.below(most.min(40)) }
    }
}

impl From<Fault> for io::Error {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::NotNow => ErrorKind::WouldBlock.into(),
            Fault::Silent => ErrorKind::TimedOut.into(),
            Fault::Error(kind) => kind.into(),
        }
    }
}

impl Read for Link {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        Ok(Link::read(self, to)?)
    }
}

impl Write for Link {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        Ok(Link::write(self, from)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(Link::flush(self)?)
    }
}
