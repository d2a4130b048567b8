//! The CPU time of this thread, so other work on a shared machine does not affect the figures.

use rustix::time::{ClockId, clock_gettime};

/// Returns nanoseconds since a fixed start.
#[must_use]
pub fn now() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

/// Returns how many nanoseconds `run` takes.
pub fn time(run: impl FnOnce()) -> f64 {
    let start = now();
    run();
    now() - start
}
