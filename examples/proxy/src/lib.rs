//! A POP3 proxy. A server connection handles the login in front, a client connection logs in at the back end, and from then on bytes
//! are relayed unchanged.
//!
//! - [`proxy`]: both connections joined, without a socket or a clock, with all the rules of a proxy
//! - [`table`]: the back end of each user
//! - [`relay`]: the proxy on two streams of tokio
//! - [`listen`]: connections in front, and how many there may be
//! - [`tls`]: TLS in front, with certificates from files, or generated for a demonstration
//!
//! The proxy parses only the login. So before login it must not announce features that a back end lacks after login, or offer a state
//! that the back end would have to share: it offers neither LANG nor UTF8.

pub mod listen;
pub mod proxy;
pub mod relay;
pub mod table;
#[cfg(test)]
mod tests;
pub mod tls;

/// Any error. The example only prints it.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// A result with [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;
