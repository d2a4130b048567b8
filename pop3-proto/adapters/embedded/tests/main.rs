//! The client and the server over streams in memory.

mod client;
mod driver;
mod kit;
mod readme;
mod server;
mod sockets;
mod suite;
