//! The runtime of a server.

use crate::Result;
use std::future::Future;
use tokio::runtime::Runtime;

/// Runs a server until this future ends, and then ends everything that still runs, including a call of a store
/// that hangs.
///
/// [`Shutdown::end`](super::Shutdown::end) waits for such calls, for as long as its grace period lasts. A runtime that is dropped
/// would wait for them forever.
///
/// # Errors
/// Returns the future's error, or an error if there is no runtime.
pub fn run<T>(server: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = Runtime::new()?;
    let result = runtime.block_on(server);
    runtime.shutdown_background();
    result
}
