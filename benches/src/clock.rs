//! The time that this thread ran, so that what else a shared machine does is in no figure.

use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds since some start.
#[must_use]
pub fn now() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

/// How many nanoseconds `run` takes.
pub fn time(run: impl FnOnce()) -> f64 {
    let start = now();
    run();
    now() - start
}
