//! Tests `pop3-tokio`, over streams in memory and over sockets.

mod driver;
mod ends;
mod sockets;
mod suite;
#[cfg(feature = "rustls")]
mod tls;
#[cfg(feature = "tracing")]
mod trace;
mod traits;
mod waits;
