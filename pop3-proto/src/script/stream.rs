//! Lets a peer replace a socket.

use super::Peer;
use std::io;

/// Reads the bytes that the peer sends. Returns 0 when the dialogue is over or the connection closes.
///
/// ```
/// use pop3_proto::script::Script;
/// use std::io::{Read, Write};
///
/// let script = Script::parse("S: +OK ready\nC: QUIT\nS: +OK bye").unwrap();
/// let mut server = script.server();
/// let mut buffer = [0; 64];
/// assert_eq!(server.read(&mut buffer).unwrap(), 11);
///
/// // A second read would wait forever.
/// let error = server.read(&mut buffer).unwrap_err();
/// assert_eq!(error.to_string(), "line 2: the client sent nothing\n  script  C: QUIT");
///
/// server.write_all(b"QUIT\r\n").unwrap();
/// assert_eq!(server.read(&mut buffer).unwrap(), 9);
/// assert_eq!(server.read(&mut buffer).unwrap(), 0);
/// ```
///
/// # Errors
/// Returns the [`Mismatch`](super::Mismatch) with the missing line if the other side reads although it must write.
impl io::Read for Peer<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let pending = self.pending();
        let count = pending.len().min(buffer.len());
        buffer.iter_mut().zip(pending).for_each(|(to, octet)| *to = *octet);
        if pending.is_empty() && !self.closes() {
            self.finish().map_err(io::Error::other)?;
        }
        self.sent(count);
        Ok(count)
    }
}

/// Takes the bytes that the other side writes.
///
/// # Errors
/// Returns the [`Mismatch`](super::Mismatch) if they differ from the script.
impl io::Write for Peer<'_> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.received(octets).map_err(io::Error::other)?;
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
