//! The code that the benches share: generated input, the same in each run, and drivers of the machines.

pub mod client;
pub mod clock;
pub mod input;
pub mod server;

/// The default number of bytes that a driver reads or writes at once.
pub const CHUNK: usize = 16 * 1024;
