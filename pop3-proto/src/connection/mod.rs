//! A machine with its two buffers, as one value: a driver has only to read, to write and to wait.
//!
//! `client` and `server` are the connections; `sender` and `responder` are what their
//! `poll` returns beside an event. `event` keeps a server's question, so that it can be given after the buffer was lent out, and given again after
//! an answer that failed. `io` moves bytes between the buffers and a stream of std.

mod client;
mod event;
#[cfg(feature = "std")]
mod io;
mod responder;
mod sender;
mod server;

pub use client::ClientConnection;
pub use event::Event;
#[cfg(feature = "std")]
pub use io::NothingDue;
pub use responder::Responder;
pub use sender::Sender;
pub use server::ServerConnection;
