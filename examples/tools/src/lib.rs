//! What the mail fetcher and the server share: TLS, SCRAM, and the drivers under tokio.

pub mod client;
pub mod fetch;
pub mod scram;
pub mod serve;
pub mod server;
pub mod tls;

/// Any error: the programs only report them.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// A result with [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;
