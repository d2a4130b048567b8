//! The one clock on which both machines run their timers.

use core::fmt;
use core::time::Duration;

/// The timers that `tick` runs, by name.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Timer {
    /// Client: from the connection to the whole greeting.
    Greeting,
    /// Client: from a command to its answer; re-armed by whatever is taken of it: a whole line, or part of a message.
    Answer,
    /// Both: the TLS handshake.
    Tls,
    /// Server: all the time that a peer spends in AUTHORIZATION.
    Login,
    /// Server: from one whole command to the next (RFC 1939 section 3).
    Autologout,
    /// Server: from the first time that the sink has no room until it takes something, and from the first slice of a message until the driver
    /// reports all slices as [sent](crate::Server::body_sent). It starts over whenever something is sent.
    Output,
}

impl fmt::Display for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Timer::Greeting => "greeting",
            Timer::Answer => "answer",
            Timer::Tls => "tls",
            Timer::Login => "login",
            Timer::Autologout => "autologout",
            Timer::Output => "output",
        })
    }
}

/// What is left of one timer.
///
/// The machines read no clock, so an event between two ticks has no time of its own. The driver ticks before
/// each wait; so the time between two ticks was spent in what the machine waited for at the first one, and is
/// charged to that timer, unless something since has re-armed it.
// Packed, here and below: the padding would make each machine eight bytes larger.
#[derive(Clone, Copy, Debug)]
#[repr(Rust, packed)]
pub(crate) struct Countdown {
    left: u32,
    rearmed: bool,
}

impl Countdown {
    pub(crate) const fn new(span: u32) -> Self {
        Countdown { left: span, rearmed: true }
    }

    /// Takes what passed since the last tick, if the timer ran all the while, and says what is left; nothing
    /// left is expiry.
    const fn charge(&mut self, passed: u64, ran: bool) -> Option<u32> {
        if ran && !self.rearmed {
            let left = (self.left as u64).saturating_sub(passed);
            self.left = if left < self.left as u64 { left as u32 } else { self.left };
        }
        self.rearmed = false;
        if self.left == 0 { None } else { Some(self.left) }
    }
}

/// The moment of the last tick, the timer that ran then, and what is left of the one that runs now.
// The fields of a `Countdown` lie in it one by one: as a whole they would take eight octets more.
#[derive(Clone, Copy, Debug)]
#[repr(Rust, packed)]
pub(crate) struct Clock {
    /// In milliseconds since the driver's start.
    last: u64,
    left: u32,
    rearmed: bool,
    running: Option<Timer>,
}

impl Clock {
    pub(crate) const fn new(span: u32) -> Self {
        Clock { last: 0, left: span, rearmed: true, running: None }
    }

    /// Starts the timer that runs over: the time since the last tick does not count.
    pub(crate) const fn rearm(&mut self, span: u32) {
        (self.left, self.rearmed) = (span, true);
    }

    /// Charges the time since the last tick to `running`, the timer that runs now, if it ran then; gives the
    /// moment of the next call, which is later, or the timer that expired.
    pub(crate) fn tick(&mut self, now: Duration, running: Option<Timer>) -> Result<Option<Duration>, Timer> {
        let mut countdown = Countdown { left: self.left, rearmed: self.rearmed };
        let next = running.map_or(Ok(None), |timer| self.charge(now, timer, &mut countdown));
        (self.left, self.rearmed) = (countdown.left, countdown.rearmed);
        self.ticked(now, running);
        next
    }

    /// The same while the login's own timer runs, which has its own countdown: alone, or beneath `above`.
    pub(crate) fn tick_login(
        &mut self,
        now: Duration,
        login: &mut Countdown,
        above: Option<Timer>,
    ) -> Result<Option<Duration>, Timer> {
        let next = self.charge(now, Timer::Login, login)?;
        match above {
            Some(_) => Ok(self.tick(now, above)?.min(next)),
            None => {
                self.ticked(now, Some(Timer::Login));
                Ok(next)
            }
        }
    }

    /// Charges the time since the last tick to the timer, if it ran then: the one for the login does beneath the output timer. The moment
    /// that it returns is later than `now`; after the last moment of all there is none.
    fn charge(
        &self,
        now: Duration,
        timer: Timer,
        countdown: &mut Countdown,
    ) -> Result<Option<Duration>, Timer> {
        let ran = match self.running {
            Some(Timer::Output) if timer == Timer::Login => true,
            before => before == Some(timer),
        };
        match countdown.charge(millis(now).saturating_sub(self.last), ran) {
            // A span that fits 32 bits, so that no processor needs a division of 64 bits.
            Some(left) => Ok(now.checked_add(Duration::from_millis(left.into()))),
            None => Err(timer),
        }
    }

    fn ticked(&mut self, now: Duration, running: Option<Timer>) {
        self.running = running;
        self.last = millis(now).max(self.last);
    }
}

/// Drops the parts of a millisecond. A span that a `u64` cannot hold becomes its largest value.
fn millis(span: Duration) -> u64 {
    span.as_secs().saturating_mul(1000).saturating_add(span.subsec_millis().into())
}
