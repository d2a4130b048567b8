//! Time as a number, and the one clock that both machines run their timers on.

use core::fmt;
use core::time::Duration;

/// Milliseconds since a start that the driver picked: a moment for `tick`, a span in
/// [`Timers`](crate::Timers).
///
/// ```
/// use pop3_proto::Millis;
///
/// assert_eq!(Millis::seconds(2), Millis(2000));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct Millis(pub u64);

impl Millis {
    /// So many seconds.
    #[must_use]
    pub const fn seconds(seconds: u64) -> Self {
        Millis(seconds.saturating_mul(1000))
    }

    /// From this moment to a later one; none where that has passed. What a driver may wait until `tick` is due.
    ///
    /// ```
    /// use pop3_proto::Millis;
    /// use std::time::{Duration, Instant};
    ///
    /// let start = Instant::now();
    /// let now = || Millis::from(start.elapsed());
    /// assert_eq!(Millis(500).until(Millis(2000)), Duration::from_millis(1500));
    /// assert_eq!(now().until(Millis(0)), Duration::ZERO);
    /// ```
    #[must_use]
    pub const fn until(self, later: Millis) -> Duration {
        Duration::from_millis(later.0.saturating_sub(self.0))
    }
}

/// Parts of a millisecond are dropped; what a `u64` does not hold is its largest value.
impl From<Duration> for Millis {
    fn from(span: Duration) -> Self {
        Millis(u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
    }
}

/// The span, or the time from the driver's start to this moment.
///
/// ```
/// use pop3_proto::Millis;
/// use std::time::{Duration, Instant};
///
/// let start = Instant::now();
/// let deadline = start + Duration::from(Millis(1500)); // for a runtime that waits until, not for
/// assert_eq!(deadline - start, Duration::from_millis(1500));
/// ```
impl From<Millis> for Duration {
    fn from(span: Millis) -> Self {
        Duration::from_millis(span.0)
    }
}

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
    last: Millis,
    left: u32,
    rearmed: bool,
    running: Option<Timer>,
}

impl Clock {
    pub(crate) const fn new(span: u32) -> Self {
        Clock { last: Millis(0), left: span, rearmed: true, running: None }
    }

    /// Starts the timer that runs over: the time since the last tick does not count.
    pub(crate) const fn rearm(&mut self, span: u32) {
        (self.left, self.rearmed) = (span, true);
    }

    /// Charges the time since the last tick to `running`, the timer that runs now, if it ran then; gives the
    /// moment of the next call, which is later, or the timer that expired.
    pub(crate) fn tick(&mut self, now: Millis, running: Option<Timer>) -> Result<Option<Millis>, Timer> {
        let mut countdown = Countdown { left: self.left, rearmed: self.rearmed };
        let next = running.map_or(Ok(None), |timer| self.charge(now, timer, &mut countdown));
        (self.left, self.rearmed) = (countdown.left, countdown.rearmed);
        self.ticked(now, running);
        next
    }

    /// The same while the login's own timer runs, which has its own countdown: alone, or beneath `above`.
    pub(crate) fn tick_login(
        &mut self,
        now: Millis,
        login: &mut Countdown,
        above: Option<Timer>,
    ) -> Result<Option<Millis>, Timer> {
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
    fn charge(&self, now: Millis, timer: Timer, countdown: &mut Countdown) -> Result<Option<Millis>, Timer> {
        let ran = match self.running {
            Some(Timer::Output) if timer == Timer::Login => true,
            before => before == Some(timer),
        };
        match countdown.charge(now.0.saturating_sub(self.last.0), ran) {
            Some(left) => {
                let next = Millis(now.0.saturating_add(u64::from(left)));
                Ok(Some(next).filter(|next| *next > now))
            }
            None => Err(timer),
        }
    }

    fn ticked(&mut self, now: Millis, running: Option<Timer>) {
        self.running = running;
        self.last = Millis(now.0.max(self.last.0));
    }
}
