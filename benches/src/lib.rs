//! What the benches share: made-up input, the same in each run, and drivers of the machines.

pub mod client;
pub mod clock;
pub mod input;
pub mod server;

/// How many octets a driver reads, or writes, at once unless a bench says otherwise.
pub const CHUNK: usize = 16 * 1024;
