//! The code that the counted workloads share with the benches: both machines in memory.

mod pair;

pub use pair::Pair;
