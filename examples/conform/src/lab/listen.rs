//! The good server, with a twist in front, on a socket: for programs of others.

use super::between::Between;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};

/// Why a conversation ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ended {
    /// The server closed, or the client did.
    Closed,
    /// The response to STLS is sent: the handshake is next, then [`Between::tls_started`], then [`converse`] over the TLS stream.
    Tls,
}

/// Serves one connection until it ends, in whatever order the client sends its commands. Set timeouts on the stream first.
///
/// # Errors
/// Returns the error of the stream, such as a timeout.
pub fn converse(stream: &mut (impl Read + Write), between: &mut Between) -> io::Result<Ended> {
    let mut chunk = [0; 4096];
    loop {
        loop {
            let output = between.take_output();
            if output.is_empty() {
                break;
            }
            stream.write_all(&output)?;
        }
        stream.flush()?;
        if between.is_closed() {
            return Ok(Ended::Closed);
        }
        if between.wants_tls() {
            return Ok(Ended::Tls);
        }
        match stream.read(&mut chunk)? {
            0 => between.end(),
            count => between.receive(&chunk[..count]),
        }
    }
}

/// Closes a connection so that the client receives everything that was sent, also if it is still sending.
pub fn close(stream: &TcpStream) {
    let _ = stream.shutdown(Shutdown::Write);
    let mut rest = stream;
    let _ = io::copy(&mut rest, &mut io::sink());
}
