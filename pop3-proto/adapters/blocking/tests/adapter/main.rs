//! Tests `pop3-blocking`, over streams in memory and over sockets.

mod driver;
mod ends;
mod kit;
mod sockets;
mod suite;
#[cfg(feature = "rustls")]
mod tls;
#[cfg(feature = "tracing")]
mod trace;
mod traits;
