//! The parts that the examples of this package share. You can read and copy each file by itself:
//!
//! - [`blocking`]: a socket with a clock for the timers of a connection, and a client that uses it
//! - [`connect`]: connecting to a name that may have several addresses
//! - [`guests`]: how many connections there may be, in all and from one address
//! - [`host`]: the application around a server connection at its smallest, over a mailbox in memory
//! - [`sample`]: the mailbox in memory

pub mod blocking;
pub mod connect;
pub mod guests;
pub mod host;
pub mod sample;

/// Any error. The examples only print it.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// A result with [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;
