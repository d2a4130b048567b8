//! A machine with its two buffers, as one value. A driver only has to read, to write and to wait.
//!
//! `client` and `server` are the connections; their `poll` returns an event together with a `sender` or a
//! `responder`. `event` keeps a server's question while the buffer is lent out, and gives it again after an answer
//! that failed. `io` moves bytes between the buffers and a stream of std.

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
