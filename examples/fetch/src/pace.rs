use super::failure::Failure;
use pop3_proto::client::Event;
use std::time::Duration;
use tokio::time::Instant;

/// In each span of this length the server must complete a response, or send [`LEAST`].
const SPAN: Duration = Duration::from_secs(5 * 60);
/// In octets. A row of a listing counts as [`ROW`].
const LEAST: u64 = 1024;
const ROW: u64 = 8;

/// Detects a server that is never silent for long, but makes no progress.
#[derive(Debug)]
pub(super) struct Pace {
    since: Instant,
    octets: u64,
}

impl Pace {
    pub(super) fn new(now: Instant) -> Self {
        Pace { since: now, octets: 0 }
    }

    /// Notes an event that the server caused.
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

#[cfg(test)]
mod tests {
    use super::*;
    use pop3_proto::client::Ticket;
    use pop3_proto::{Client, Command, Input, SendBuf, TlsPolicy};

    fn ticket() -> Ticket {
        let mut client = Client::new(TlsPolicy::Cleartext, 1);
        client.poll(&mut Input::more(b"+OK\r\n")).unwrap();
        client.send(&Command::Capa, &mut SendBuf::new(vec![])).unwrap()
    }

    /// Returns whether a server that sends this each minute is tolerated for a day.
    fn lasts(say: impl Fn(&mut Pace, Instant) -> Result<(), Failure>) -> bool {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        (1..24 * 60).all(|minute| say(&mut pace, start + Duration::from_secs(60 * minute)).is_ok())
    }

    #[test]
    fn a_server_that_is_slow_lasts_and_one_that_drips_does_not() {
        let ticket = ticket();
        assert!(lasts(|pace, now| pace.heard(&Event::Body(ticket, &[b'x'; 300]), now)));
        assert!(!lasts(|pace, now| pace.heard(&Event::Body(ticket, b"x"), now)));
        assert!(!lasts(|pace, now| pace.heard(&Event::Malformed(ticket, b"what?"), now)));
        assert!(lasts(|pace, now| {
            (0..60).try_for_each(|_| pace.heard(&Event::Malformed(ticket, b"what?"), now))
        }));
        assert!(lasts(|pace, now| pace.heard(&Event::End(ticket, 1), now)));
    }
}
