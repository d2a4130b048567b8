//! `pop3-tokio`, over streams in memory and over sockets.

mod sockets;
mod suite;
#[cfg(feature = "rustls")]
mod tls;
mod waits;
