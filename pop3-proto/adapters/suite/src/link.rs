//! A stream in memory. A schedule decides what each call does.

use crate::far::{Bytes, Far};
use crate::seed::Random;
use pop3_proto::script::Script;
use std::io::{self, ErrorKind, Read, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// More calls than any session needs. An adapter that makes them waits for an event that never happens.
const MOST_CALLS: usize = 200_000;

/// A stream to a peer in memory. Clones are the same stream.
#[derive(Clone, Debug)]
pub struct Link(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    peer: Far,
    schedule: Schedule,
    random: Random,
    calls: usize,
    /// How many bytes the peer has sent.
    said: usize,
    /// Bytes that were written and not flushed.
    held: Vec<u8>,
    /// Whether the last write or flush moved nothing for now.
    is_blocked: bool,
    /// How many bytes the peer had sent when TLS started.
    before_tls: Option<usize>,
    /// The attacker's bytes that have not been read yet.
    injected: &'static [u8],
    /// How many times a future has waited.
    waits: usize,
    /// Whether the last call of each kind had nothing to move, so the next one has.
    has_waited: [bool; 4],
    mismatch: Option<String>,
}

/// What a stream does in addition to moving bytes.
#[derive(Clone, Copy, Default, Debug)]
pub struct Schedule {
    /// The seed of short reads and writes, and of calls that move nothing for now. 0 means none.
    pub seed: u64,
    /// This call fails once, counted from 0.
    pub error_at: Option<usize>,
    /// The stream ends after the peer has sent this many bytes.
    pub end_after: Option<usize>,
    /// The peer stops responding after it has sent this many bytes.
    pub silent_after: Option<usize>,
    /// Futures are dropped whenever they wait.
    pub drops_always: bool,
    /// Every call waits once. The future that waits for the time of this number, counted from 0, is dropped.
    pub drops_at: Option<usize>,
    /// An attacker injects a line before TLS, after the peer has sent this many bytes.
    pub injected: Option<(usize, Injected)>,
}

/// When the attacker injects bytes that look like the peer's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Injected {
    /// They are received together with the line that leads to TLS.
    Together,
    /// They are received after it: between the event and the handshake.
    Later,
}

/// A response and a command, so neither side sees a protocol fault.
const INJECTED: &[u8] = b"+OK injected\r\nCAPA\r\n";

/// The kinds of calls.
#[derive(Clone, Copy, Debug)]
enum Call {
    Read,
    Write,
    Flush,
    Handshake,
}

/// Why a call moved nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// Nothing moves for now: call again at once.
    NotNow,
    /// Nothing will ever move.
    Silent,
    /// The call failed.
    Error(ErrorKind),
}

impl Link {
    /// Returns a stream to the server of this script, or to its client.
    #[must_use]
    pub fn new(script: &'static Script, is_server: bool, schedule: Schedule) -> Self {
        Self::to(Far::Script(if is_server { script.server() } else { script.client() }), schedule)
    }

    /// Returns a stream to a peer that sends these bytes and then ends. A read never goes over one of the `gates`: the bytes after it are
    /// received once everything is written. Without gates, each byte is received alone.
    #[must_use]
    pub fn to_bytes(wire: &[u8], gates: Option<&[usize]>, schedule: Schedule) -> Self {
        Self::to(Far::Bytes(Bytes::new(wire, gates)), schedule)
    }

    fn to(peer: Far, schedule: Schedule) -> Self {
        let random = Random::new(schedule.seed);
        Link(Arc::new(Mutex::new(State {
            peer,
            schedule,
            random,
            calls: 0,
            said: 0,
            held: Vec::new(),
            is_blocked: false,
            before_tls: None,
            injected: if schedule.injected.is_some() { INJECTED } else { b"" },
            waits: 0,
            has_waited: [false; 4],
            mismatch: None,
        })))
    }

    /// Reads bytes that the peer sends.
    ///
    /// # Errors
    /// Returns the [`Fault`] that the schedule requires.
    pub fn read(&self, to: &mut [u8]) -> Result<usize, Fault> {
        let mut state = self.state();
        state.called(Call::Read)?;
        if matches!(state.peer, Far::Bytes(_)) && (state.is_blocked || !state.held.is_empty()) {
            return Err(Fault::NotNow);
        }
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
        to[..most].copy_from_slice(&state.peer.pending()[..most]);
        state.peer.sent(most);
        state.said += most;
        let count = most + state.inject(&mut to[most..], most > 0);
        if count == 0 && state.peer.waits() {
            return Err(Fault::NotNow); // the peer waits
        }
        Ok(count)
    }

    /// Writes to a buffer of the stream, as TLS does. The peer receives it with [`flush`](Self::flush).
    ///
    /// # Errors
    /// Returns the [`Fault`] that the schedule requires.
    pub fn write(&self, from: &[u8]) -> Result<usize, Fault> {
        let mut state = self.state();
        state.called(Call::Write)?;
        let count = state.short(from.len());
        state.held.extend_from_slice(&from[..count]);
        Ok(count)
    }

    /// Passes the written bytes to the peer.
    ///
    /// # Errors
    /// Returns the [`Fault`] that the schedule requires. Returns an error if the peer expects other bytes.
    pub fn flush(&self) -> Result<(), Fault> {
        let mut state = self.state();
        state.called(Call::Flush)?;
        let held = std::mem::take(&mut state.held);
        if let Err(mismatch) = state.peer.received(&held) {
            state.mismatch = Some(mismatch);
            return Err(Fault::Error(ErrorKind::InvalidData));
        }
        Ok(())
    }

    /// Does the handshake.
    ///
    /// # Errors
    /// Returns an error if there are still cleartext bytes in the stream, as TLS does. Returns the [`Fault`] that the schedule
    /// requires.
    ///
    /// # Panics
    /// Panics if the script does not start TLS here, or if bytes are not flushed.
    pub fn start_tls(&self) -> Result<(), Fault> {
        let mut state = self.state();
        assert!(state.held.is_empty(), "the handshake starts before all is flushed");
        if state.waits_first(Call::Handshake) {
            return Err(Fault::NotNow);
        }
        if !state.injected.is_empty() {
            return Err(Fault::Error(ErrorKind::InvalidData));
        }
        state.before_tls = Some(state.said);
        state.peer.tls_started()
    }

    /// Returns how many bytes the peer had sent when TLS started.
    #[must_use]
    pub fn before_tls(&self) -> Option<usize> {
        self.state().before_tls
    }

    /// Returns whether the stream changes to TLS in place, instead of being replaced by another one.
    #[must_use]
    pub fn upgrades_in_place(&self) -> bool {
        self.state().schedule.seed % 2 == 1
    }

    /// Returns whether to drop a future that waits, and that can be called again.
    #[must_use]
    pub fn drops(&self) -> bool {
        let is_dropped = self.drops_once();
        let mut state = self.state();
        is_dropped || state.schedule.drops_always || state.schedule.seed != 0 && state.random.below(3) == 0
    }

    /// Returns whether to drop a future that waits, and after which the session cannot continue: a login, or the start of TLS.
    #[must_use]
    pub fn drops_once(&self) -> bool {
        let mut state = self.state();
        let wait = state.waits;
        state.waits += 1;
        state.schedule.drops_at == Some(wait)
    }

    /// Returns how many times a future has waited.
    #[must_use]
    pub fn waits(&self) -> usize {
        self.state().waits
    }

    /// Returns whether all other clones of the stream are dropped.
    #[must_use]
    pub fn is_dropped(&self) -> bool {
        Arc::strong_count(&self.0) == 1
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

    /// Returns which expectations of the peer were not met. If `is_over`, the session ran to its end, so nothing may be missing.
    #[must_use]
    pub fn mismatch(&self, is_over: bool) -> Option<String> {
        let state = self.state();
        state.mismatch.clone().or_else(|| state.peer.missing().filter(|_| is_over))
    }

    /// Returns everything that a peer of [`to_bytes`](Self::to_bytes) has received.
    #[must_use]
    pub fn written(&self) -> Vec<u8> {
        match &self.state().peer {
            Far::Bytes(bytes) => bytes.heard().to_vec(),
            Far::Script(_) => Vec::new(),
        }
    }

    /// Returns the places of a peer's bytes at which something was written or a handshake was done, and the place that was read to.
    #[must_use]
    pub fn used(&self) -> Vec<usize> {
        match &self.state().peer {
            Far::Bytes(bytes) => bytes.used(),
            Far::Script(_) => Vec::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Counts one more call.
    fn called(&mut self, kind: Call) -> Result<(), Fault> {
        let called = self.moves(kind);
        if matches!(kind, Call::Write | Call::Flush) {
            self.is_blocked = called == Err(Fault::NotNow);
        }
        called
    }

    /// Decides whether a call may move something.
    fn moves(&mut self, kind: Call) -> Result<(), Fault> {
        let call = self.calls;
        self.calls += 1;
        assert!(self.calls < MOST_CALLS, "the adapter waits for ever");
        if self.schedule.error_at == Some(call) {
            return Err(Fault::Error(ErrorKind::BrokenPipe));
        }
        if self.waits_first(kind) {
            return Err(Fault::NotNow);
        }
        if self.schedule.drops_always && self.random.below(2) == 0
            || self.schedule.seed != 0 && self.random.below(4) == 0
        {
            return Err(Fault::NotNow);
        }
        Ok(())
    }

    /// Returns whether this call has to wait once.
    fn waits_first(&mut self, kind: Call) -> bool {
        let has_waited = &mut self.has_waited[kind as usize];
        *has_waited = self.schedule.drops_at.is_some() && !*has_waited;
        *has_waited
    }

    /// Adds the attacker's bytes if it is time for them, and returns how many fit. `speaks` means that the peer sends something in the same
    /// call.
    fn inject(&mut self, to: &mut [u8], speaks: bool) -> usize {
        let Some((after, when)) = self.schedule.injected else { return 0 };
        if self.said != after || speaks && when == Injected::Later {
            return 0;
        }
        let count = self.injected.len().min(to.len());
        to[..count].copy_from_slice(&self.injected[..count]);
        self.injected = &self.injected[count..];
        count
    }

    /// Returns how many bytes to move.
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
