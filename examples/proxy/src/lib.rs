//! A POP3 proxy. A server connection takes the login in front, a client connection logs in at the back end, and from then on bytes are
//! relayed unchanged.
//!
//! - [`proxy`]: both connections joined, without a socket or a clock: all the rules of a proxy
//! - [`table`]: the back end of each user
//! - [`relay`]: the proxy on two streams of tokio
//! - [`listen`]: connections in front, and how many there may be
//! - [`tls`]: TLS in front, with certificates from files, or made up for a demonstration
//!
//! The proxy parses only the login. So it must not announce before login what a back end does not have after it, nor offer a state that
//! the back end would have to share: no LANG and no UTF8.

pub mod listen;
pub mod proxy;
pub mod relay;
pub mod table;
#[cfg(test)]
mod tests;
pub mod tls;

/// Any error: the example only reports them.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// A result with [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;
