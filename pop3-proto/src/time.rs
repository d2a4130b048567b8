//! The clock that runs the timers of both machines.

use core::fmt;
use core::time::Duration;

/// A timer that `tick` runs.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Timer {
    /// Client: runs from the connection to the complete greeting.
    Greeting,
    /// Client: runs from a command to its response, and starts over with each line or part of a message.
    Answer,
    /// Both sides: runs during the TLS handshake.
    Tls,
    /// Server: runs while a peer is in AUTHORIZATION.
    Login,
    /// Server: runs from one complete command to the next (RFC 1939 section 3).
    Autologout,
    /// Server: runs while the sink has no room, and from the first slice of a message until the driver reports all slices as
    /// [sent](crate::Server::body_sent). It starts over whenever a byte is sent.
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

/// The remaining time of one timer.
///
/// The machines read no clock, so an event between two ticks has no time. The driver ticks before each wait. The
/// time between two ticks is therefore charged to the timer that ran at the first tick, unless an event has
/// restarted that timer since.
// Packed, here and below, because padding would make each machine eight bytes larger.
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

    /// Subtracts the time since the last tick if the timer ran throughout, and returns the rest. `None` means that the
    /// timer expired.
    const fn charge(&mut self, passed: u64, ran: bool) -> Option<u32> {
        if ran && !self.rearmed {
            let left = (self.left as u64).saturating_sub(passed);
            self.left = if left < self.left as u64 { left as u32 } else { self.left };
        }
        self.rearmed = false;
        if self.left == 0 { None } else { Some(self.left) }
    }
}

/// The time of the last tick, the timer that ran then, and the remaining time of the timer that runs now.
// It has the fields of a `Countdown` but not the type, which would take eight bytes more.
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

    /// Restarts the timer that runs. The time since the last tick does not count.
    pub(crate) const fn rearm(&mut self, span: u32) {
        (self.left, self.rearmed) = (span, true);
    }

    /// Charges the time since the last tick to `running`, the timer that runs now, if it ran then. Returns the time of
    /// the next call, which is later than `now`, or the timer that expired.
    pub(crate) fn tick(&mut self, now: Duration, running: Option<Timer>) -> Result<Option<Duration>, Timer> {
        let mut countdown = Countdown { left: self.left, rearmed: self.rearmed };
        let next = running.map_or(Ok(None), |timer| self.charge(now, timer, &mut countdown));
        (self.left, self.rearmed) = (countdown.left, countdown.rearmed);
        self.ticked(now, running);
        next
    }

    /// Does the same while the login timer runs, which has its own countdown, alone or together with `above`.
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

    /// Charges the time since the last tick to the timer, if it ran then. The login timer also runs while the output timer does; any
    /// other timer starts over after the output timer. The returned time is later than `now`, or `None` if no later time exists.
    fn charge(
        &self,
        now: Duration,
        timer: Timer,
        countdown: &mut Countdown,
    ) -> Result<Option<Duration>, Timer> {
        let ran = match self.running {
            Some(Timer::Output) => true,
            before => before == Some(timer),
        };
        match countdown.charge(millis(now).saturating_sub(self.last), ran) {
            // The value fits 32 bits, so no processor needs a 64-bit division.
            Some(left) => Ok(now.checked_add(Duration::from_millis(left.into()))),
            None => Err(timer),
        }
    }

    fn ticked(&mut self, now: Duration, running: Option<Timer>) {
        self.running = running;
        self.last = millis(now).max(self.last);
    }
}

/// Rounds down to milliseconds. A duration that a `u64` cannot hold becomes its largest value.
fn millis(span: Duration) -> u64 {
    span.as_secs().saturating_mul(1000).saturating_add(span.subsec_millis().into())
}
