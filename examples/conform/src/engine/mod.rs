//! Sessions with a server: everything is recorded, nothing is judged.

pub mod log;
pub mod mark;
pub mod md5;
pub mod scram;
pub mod session;
pub mod tcp;
pub mod tls;

pub use log::{Heard, Kind, Log, Side, Tail};
pub use session::{Response, Session, Status, Stop};

use std::io;
use std::time::Duration;

/// A connection. The same engine runs over TCP, over TLS, and in memory.
pub trait Transport {
    /// Sends all of these bytes.
    ///
    /// # Errors
    /// Returns the error of the connection.
    fn send(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Waits for more bytes and appends them. Returns their number; 0 is the end of the stream.
    ///
    /// # Errors
    /// Returns [`io::ErrorKind::TimedOut`] if none arrive in time. A connection in memory does not wait, because its peer is idle.
    fn receive(&mut self, into: &mut Vec<u8>) -> io::Result<usize>;

    /// Ends what this side sends.
    fn finish(&mut self);

    /// Does the handshake, and goes on inside TLS.
    ///
    /// # Errors
    /// Returns the error of the handshake.
    fn start_tls(self: Box<Self>) -> io::Result<Box<dyn Transport>>;
}

/// A way to the server.
pub trait Dial {
    /// Connects once more. The transport is ready for the greeting: with TLS from the first byte, the handshake is done.
    ///
    /// # Errors
    /// Returns the error of the connection.
    fn dial(&mut self) -> io::Result<Box<dyn Transport>>;

    /// Waits before attempt number `attempt`, because the server is busy. It decides nothing.
    fn pause(&mut self, attempt: u32);

    /// Sends nothing for this time. A server in memory has no clock.
    fn idle(&mut self, time: Duration);

    /// Fills the mailbox again, for a check that removes messages.
    ///
    /// # Errors
    /// Returns the reason if the mailbox could not be filled.
    fn fill(&mut self) -> Result<(), String>;
}
