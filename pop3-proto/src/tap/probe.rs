use super::Side;
use crate::codec::Command;

/// What the first bytes of a connection are.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Probe {
    /// POP3: both sides speak it, and the first bytes are those of this side.
    Pop3(Side),
    /// Perhaps POP3, by one side alone: the first bytes may be those of this side. Other protocols begin in the same
    /// way (the client of FTP, the server of Redis).
    Likely(Side),
    /// Something else.
    Other,
    /// Not known yet: the first line is not complete.
    Unknown,
}

/// Returns whether a connection is POP3, and which side `one` is. Give the first bytes of both directions; either may be
/// empty. It never needs more than the first line of each, and no more than 512 bytes.
///
/// The status line of a server decides, because a client may begin with anything, so that nobody looks at what follows.
/// If both directions begin with one, `one` counts as the server: give the side first that accepted the connection, if
/// you know it.
///
/// TLS is [`Probe::Other`]. So is a connection that is seen from the middle of a message: pick such a session up by its
/// port, with [`Monitor::joined_late`](super::Monitor::joined_late).
///
/// ```
/// use pop3_proto::tap::{Probe, Side, probe};
///
/// assert_eq!(probe(b"", b""), Probe::Unknown);
/// assert_eq!(probe(b"+OK rea", b""), Probe::Likely(Side::Server));
/// assert_eq!(probe(b"+OK ready\r\n", b"CAPA\r\n"), Probe::Pop3(Side::Server));
/// assert_eq!(probe(b"USER mrose\r\n", b""), Probe::Likely(Side::Client));
/// assert_eq!(probe(b"USER mrose\r\n", b"220 FTP server\r\n"), Probe::Other);
/// assert_eq!(probe(b"nonsense\r\n", b"+OK ready\r\n"), Probe::Likely(Side::Client));
/// ```
#[must_use]
pub fn probe(one: &[u8], other: &[u8]) -> Probe {
    match (Guess::new(one), Guess::new(other)) {
        (Guess::Status, Guess::Command) => Probe::Pop3(Side::Server),
        (Guess::Command, Guess::Status) => Probe::Pop3(Side::Client),
        (Guess::Status, _) => Probe::Likely(Side::Server),
        (_, Guess::Status) => Probe::Likely(Side::Client),
        (Guess::Command, Guess::Nothing) => Probe::Likely(Side::Client),
        (Guess::Nothing, Guess::Command) => Probe::Likely(Side::Server),
        (Guess::Nothing, _) | (_, Guess::Nothing) => Probe::Unknown,
        _ => Probe::Other,
    }
}

/// What one direction looks like.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Guess {
    /// The status line of a server.
    Status,
    /// The command of a client.
    Command,
    /// Something else.
    Else,
    /// There are not enough bytes.
    Nothing,
}

impl Guess {
    fn new(bytes: &[u8]) -> Self {
        /// No first line of a client or of a server is longer.
        const LONGEST: usize = 512;
        if let Some(guess) = Self::server(bytes) {
            return guess;
        }
        match bytes.iter().take(LONGEST).position(|byte| *byte == b'\n') {
            Some(end) => Self::client(bytes.get(..end).unwrap_or_default()),
            None if bytes.len() >= LONGEST || !bytes.iter().all(|byte| is_text(*byte)) => Guess::Else,
            None => Guess::Nothing,
        }
    }

    /// Looks for a status; `None` if there is none. `+` alone is a challenge of AUTH, which is never first.
    fn server(bytes: &[u8]) -> Option<Self> {
        for status in [&b"+OK"[..], b"-ERR"] {
            if let Some(rest) = bytes.strip_prefix(status) {
                return Some(match rest.first() {
                    None => Guess::Nothing,
                    Some(b' ' | b'\t' | b'\r' | b'\n') => Guess::Status,
                    Some(_) => Guess::Else,
                });
            }
        }
        None
    }

    /// Looks for a command in a complete line, or for the header of a proxy before it.
    fn client(line: &[u8]) -> Self {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        match Command::parse(line) {
            Ok(Command::Other { .. }) if !line.starts_with(b"PROXY ") => Guess::Else,
            Ok(_) => Guess::Command,
            Err(_) => Guess::Else,
        }
    }
}

/// A byte of a first line; names may be UTF-8.
const fn is_text(byte: u8) -> bool {
    byte >= b' ' && byte != 0x7F || matches!(byte, b'\t' | b'\r')
}
