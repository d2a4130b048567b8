//! Very many sessions in one process: a client and a server each, and no buffer for one that waits.
//!
//! - [`mail`]: what there is to fetch, and the smallest maildrop over it
//! - [`session`]: both ends of one connection, and what all connections share
//! - [`crowd`]: many of them, through the phases of their lives
//! - [`heap`]: what is on the heap, and how often it was asked for more

pub mod crowd;
pub mod heap;
pub mod mail;
pub mod session;

/// Any error: the examples only report them.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// A result with [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;
