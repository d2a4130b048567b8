use super::failure::Failure;
use pop3_proto::client::Event;
use std::time::Duration;
use tokio::time::Instant;

/// In each of these spans the server has to complete a response, or to send [`LEAST`].
const SPAN: Duration = Duration::from_secs(5 * 60);
/// In octets. A row of a listing counts as [`ROW`].
const LEAST: u64 = 1024;
const ROW: u64 = 8;

/// Notices a server that is never silent for long, and still gets nowhere.
#[derive(Debug)]
pub(super) struct Pace {
    since: Instant,
    octets: u64,
}

impl Pace {
    pub(super) fn new(now: Instant) -> Self {
        Pace { since: now, octets: 0 }
    }

    /// The server said this.
    pub(super) fn heard(&mut self, event: &Event<'_>, now: Instant) -> Result<(), Failure> {
        self.octets += match event {
            event if event.completes() => LEAST,
            Event::Body(_, octets) => octets.len() as u64,
            _ => ROW,
        };
        if now.saturating_duration_since(self.since) < SPAN {
            return Ok(());
        }
        if self.octets < LEAST {
            return Err(Failure::broken("the server makes no progress"));
        }
        *self = Pace::new(now);
        Ok(())
    }
}
