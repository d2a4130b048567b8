//! What the counted workloads share with the benches: both machines in memory.

mod pair;

pub use pair::Pair;

/// How many octets are read at once.
pub const READ: usize = 16 * 1024;
