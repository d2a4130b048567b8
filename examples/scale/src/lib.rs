//! A large number of sessions in one process, each with a client and a server. A waiting session has no
//! buffer.
//!
//! - [`mail`]: the messages, and the smallest maildrop over them
//! - [`session`]: both ends of one connection, and the parts that all connections share
//! - [`crowd`]: many of them, through the phases of their lives
//! - [`heap`]: the bytes on the heap, and the number of allocations

pub mod crowd;
pub mod heap;
pub mod mail;
pub mod session;

/// Any error. The examples only print it.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// A result with [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;
