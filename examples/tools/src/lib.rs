//! A mail fetcher and a server, and what they are made of. Each file can be read, and copied, by itself:
//!
//! - [`tls`] and [`scram`]: what rustls and rsasl are asked to do
//! - [`fetch`] and [`serve`]: the two programs

pub mod fetch;
pub mod scram;
pub mod serve;
pub mod tls;

/// Any error: the programs only report them.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// A result with [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;
