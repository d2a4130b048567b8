//! A POP3 proxy. A server machine takes the login in front, a client machine logs in behind, and from then on octets are passed on as
//! they are.
//!
//! - [`proxy`]: both machines joined over buffers, without a socket or a clock: what there is to know about a proxy
//! - [`table`]: which back end has whose mail
//! - [`relay`]: the proxy on two streams of tokio
//! - [`listen`]: connections in front, and how many there may be
//! - [`tls`]: TLS in front, with certificates from files, or made up for a demonstration
//!
//! Nothing but the login is parsed, so the proxy must not announce before login what a back end does not have after it, nor offer what
//! would have to be told to the back end: no LANG and no UTF8.

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
