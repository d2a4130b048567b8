//! Bytes between the buffers and a blocking stream.

use super::{ClientConnection, ServerConnection};
use crate::buffers::{RecvBuf, SendBuf, Storage};
use crate::{client, server};
use core::fmt;
use std::io::{self, ErrorKind, Read, Write};

/// Reading would never end, because the peer does not have to send anything: first you must do something else.
///
/// [`ClientConnection::read_from`] and [`ServerConnection::read_from`] return it inside an [`io::Error`] instead of
/// waiting forever. So a loop that missed an event ends.
///
/// ```
/// use pop3_proto::{ClientConnection, NothingDue, TlsPolicy};
///
/// let mut pop3 = ClientConnection::new(TlsPolicy::Implicit, 1);
/// let mut stream: &[u8] = b"+OK ready\r\n";
/// assert_eq!(pop3.read_from(&mut stream)?, 11);
/// pop3.poll()?; // the greeting; this program sends no command after it
/// let error = pop3.read_from(&mut stream).unwrap_err();
/// assert!(error.get_ref().is_some_and(|error| error.is::<NothingDue>()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct NothingDue;

impl fmt::Display for NothingDue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no data is expected from the peer: send a command, answer the open question, or close")
    }
}

impl core::error::Error for NothingDue {}

impl From<NothingDue> for io::Error {
    fn from(error: NothingDue) -> Self {
        io::Error::other(error)
    }
}

impl<R: Storage, S: Storage, C: client::AsConfig> ClientConnection<R, S, C> {
    /// Reads once from the stream, if a response is pending, and returns how many bytes were received.
    ///
    /// It returns 0 without reading if `poll` has an event, if the session is over, or if bytes wait to be sent while
    /// no response is pending. It also returns 0 at the end of the stream, and the next `poll` reports the end.
    ///
    /// # Errors
    /// Returns [`NothingDue`] if no response is pending.
    /// Returns any error of the stream.
    pub fn read_from(&mut self, stream: &mut impl Read) -> io::Result<usize> {
        if self.is_closed() || self.is_ready() {
            return Ok(0);
        }
        if !self.is_waiting() {
            return if self.wants_write() { Ok(0) } else { Err(NothingDue.into()) };
        }
        read(self.recv_buf(), stream)
    }

    /// Writes all pending bytes to the stream and flushes it. After an error, the bytes that were not written are still
    /// pending.
    ///
    /// # Errors
    /// Returns any error of the stream.
    /// Returns [`ErrorKind::WriteZero`] if the stream takes no bytes.
    pub fn write_to(&mut self, stream: &mut impl Write) -> io::Result<()> {
        write(self.send_buf(), stream)
    }
}

impl<M, R, S, C> ServerConnection<M, R, S, C>
where
    M: server::Maildrop,
    R: Storage,
    S: Storage,
    C: server::AsConfig,
{
    /// Reads once from the stream, if the server waits for input, and returns how many bytes were received.
    ///
    /// It returns 0 without reading if `poll` has an event, if the session is over, or if bytes wait to be sent. It
    /// also returns 0 at the end of the stream, and the next `poll` reports the end.
    ///
    /// # Errors
    /// Returns [`NothingDue`] if the server waits for your answer instead.
    /// Returns any error of the stream.
    pub fn read_from(&mut self, stream: &mut impl Read) -> io::Result<usize> {
        if self.is_closed() || self.is_ready() {
            return Ok(0);
        }
        if self.is_stuck() {
            return Err(NothingDue.into());
        }
        if !self.wants_read() {
            return Ok(0);
        }
        read(self.recv_buf(), stream)
    }

    /// Writes all pending bytes to the stream and flushes it. After an error, the bytes that were not written are still
    /// pending.
    ///
    /// # Errors
    /// Returns any error of the stream.
    /// Returns [`ErrorKind::WriteZero`] if the stream takes no bytes.
    pub fn write_to(&mut self, stream: &mut impl Write) -> io::Result<()> {
        write(self.send_buf(), stream)
    }
}

fn read<B: Storage>(recv: &mut RecvBuf<B>, stream: &mut impl Read) -> io::Result<usize> {
    let spare = recv.spare_mut();
    let count = loop {
        match stream.read(spare) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => break result?,
        }
    };
    recv.received(count);
    Ok(count)
}

fn write<B: Storage>(send: &mut SendBuf<B>, stream: &mut impl Write) -> io::Result<()> {
    while !send.is_empty() {
        match stream.write(send.pending()) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(count) => send.sent(count),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    stream.flush()
}
