//! The CPU time of this thread, so other work on a shared machine does not affect the figures.

use rustix::time::{ClockId, clock_gettime};
use std::sync::OnceLock;

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
    (now() - start - cost()).max(1.0)
}

/// The clock's own time, which is a tenth of the shortest run.
fn cost() -> f64 {
    static COST: OnceLock<f64> = OnceLock::new();
    *COST.get_or_init(|| (0..1000).map(|_| -(now() - now())).fold(f64::INFINITY, f64::min))
}
