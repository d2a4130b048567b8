//! Tests POP3 code without a network, against a peer that follows a written dialogue.
//!
//! A dialogue looks like the examples in the RFCs: `C:` lines from the client and `S:` lines from the server,
//! in the order in which they are sent. [`Script::parse`] reads one. [`Script::server`] plays the server against
//! client code, and [`Script::client`] plays the client against server code. Both return a [`Peer`], which sends
//! its own lines in turn and compares the bytes that your code writes with the lines that it should write. At
//! the first difference, a [`Mismatch`] shows the line.
//!
//! ```
//! use pop3_proto::script::{Cuts, Script};
//! use pop3_proto::{ClientConnection, Command, TlsPolicy, client::Event};
//! use std::io::{Read, Write};
//!
//! // The code to test: it waits for the greeting, then quits.
//! fn knock(mut stream: impl Read + Write) -> Result<(), Box<dyn std::error::Error>> {
//!     let mut pop3 = ClientConnection::new(TlsPolicy::Cleartext, 1);
//!     while !pop3.is_closed() {
//!         while let Some((event, mut sender)) = pop3.poll()? {
//!             if let Event::Greeting(_) = event {
//!                 sender.send(Command::Quit)?;
//!             }
//!         }
//!         pop3.write_to(&mut stream)?;
//!         pop3.read_from(&mut stream)?;
//!     }
//!     Ok(())
//! }
//!
//! // A server that responds to QUIT, with its bytes cut at every place.
//! let script = Script::parse("
//!     S: +OK ready
//!     C: QUIT
//!     S: +OK bye
//!     * connection closes
//! ").unwrap();
//! for cuts in Cuts::singles(script.server().octets()) {
//!     let mut server = script.server().cut(cuts);
//!     knock(&mut server).unwrap();
//!     server.finish().unwrap();
//! }
//!
//! // A server that expects HELO.
//! let script = Script::parse("S: +OK ready\nC: HELO\nS: +OK").unwrap();
//! let error = knock(&mut script.server()).unwrap_err();
//! assert_eq!(error.to_string(), "\
//! line 2: the client sent something else
//!   script  C: HELO
//!   sent    C: QUIT
//!              ^");
//! ```
//!
//! # Format of a dialogue
//!
//! | line | meaning |
//! |---|---|
//! | `C: ` and text | the client sends the text and CR LF; several such lines in a row are pipelined commands |
//! | `S: ` and text | the server sends the text and CR LF; each line of a message or a listing is written like this |
//! | `* TLS starts` | the handshake; report it with [`Peer::tls_started`] before more lines are sent |
//! | `* connection closes` | the end of the stream and of the dialogue |
//! | `@ ` and text | a [note](Script::notes) to the program that reads the script, such as the users of a test server |
//! | `#` and text | a comment |
//!
//! In the text of a line, `\r`, `\n`, `\t`, `\0`, `\\` and `\x` with two hexadecimal digits stand for bytes that
//! are hard to see. A single `\` at the end means that the line has no CR LF: `S: +OK half\` continues with the
//! next `S:`, and `S: +OK ready\n\` ends in LF alone. Spaces before a line are ignored. Spaces at its end count;
//! write the last one as `\x20` if your editor removes it.
mod async_peer;
mod cuts;
mod mismatch;
mod parse;
mod peer;
#[cfg(feature = "std")]
mod stream;

pub use async_peer::AsyncPeer;
pub use cuts::Cuts;
pub use mismatch::Mismatch;
pub use parse::{ScriptError, ScriptProblem};
pub use peer::Peer;

pub use crate::types::Side;

use crate::types::Shown;

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// A dialogue, parsed from text. The [module](self) describes the format.
///
/// ```
/// use pop3_proto::script::{Script, Side};
///
/// let script = Script::parse("S: +OK ready\nC: QUIT\nS: +OK bye\n* connection closes\n").unwrap();
/// let commands: Vec<_> = script.lines().filter(|line| line.from == Side::Client).collect();
/// assert_eq!(commands.len(), 1);
/// assert_eq!((commands[0].number, commands[0].octets), (2, &b"QUIT\r\n"[..]));
/// ```
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Script {
    steps: Vec<Step>,
    client: Vec<u8>,
    server: Vec<u8>,
    notes: Vec<(usize, String)>,
}

/// One line of a dialogue.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Line<'s> {
    /// The number of the line in the script, from 1.
    pub number: usize,
    /// The side that sends the line.
    pub from: Side,
    /// The bytes on the wire, with the line end.
    pub octets: &'s [u8],
}

/// Shows the line as text.
impl fmt::Debug for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Line { number, from, octets } = self;
        f.debug_struct("Line")
            .field("number", number)
            .field("from", from)
            .field("octets", &Shown(octets))
            .finish()
    }
}

/// One step of the dialogue, and the number of its line in the script.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Step {
    number: usize,
    what: What,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum What {
    /// A line: a range of all bytes that the side sends.
    Says {
        from: Side,
        start: usize,
        end: usize,
    },
    TlsStarts,
    Closes,
}

impl Script {
    /// Plays the server of this dialogue, to test a client.
    #[must_use]
    pub fn server(&self) -> Peer<'_> {
        Peer::new(self, Side::Server)
    }

    /// Plays the client of this dialogue, to test a server.
    #[must_use]
    pub fn client(&self) -> Peer<'_> {
        Peer::new(self, Side::Client)
    }

    /// Returns the lines of both sides, in order.
    pub fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        self.steps.iter().filter_map(|step| self.line(step))
    }

    /// Returns the notes (lines that begin with `@`), each with its line number, from 1. They do not affect the
    /// dialogue.
    ///
    /// ```
    /// use pop3_proto::script::Script;
    ///
    /// let script = Script::parse("@ user mrose tanstaaf\nS: +OK ready").unwrap();
    /// assert_eq!(script.notes().next(), Some((1, "user mrose tanstaaf")));
    /// ```
    pub fn notes(&self) -> impl Iterator<Item = (usize, &str)> {
        self.notes.iter().map(|(number, text)| (*number, text.as_str()))
    }

    /// Returns all bytes that this side sends.
    ///
    /// ```
    /// use pop3_proto::script::{Script, Side};
    ///
    /// let script = Script::parse("S: +OK ready\nC: QUIT\nS: +OK bye").unwrap();
    /// assert_eq!(script.octets(Side::Server), b"+OK ready\r\n+OK bye\r\n");
    /// ```
    #[must_use]
    pub fn octets(&self, from: Side) -> &[u8] {
        match from {
            Side::Client => &self.client,
            Side::Server => &self.server,
        }
    }

    fn line(&self, step: &Step) -> Option<Line<'_>> {
        let What::Says { from, start, end } = step.what else { return None };
        let octets = self.octets(from).get(start..end).unwrap_or_default();
        Some(Line { number: step.number, from, octets })
    }
}

/// Shows the line in the format of a script. A space at the end is shown as `\x20`, because editors remove it.
///
/// ```
/// use pop3_proto::script::Script;
///
/// let script = Script::parse("S: +OK \\xE9t\\xE9 \\").unwrap();
/// assert_eq!(script.lines().next().unwrap().to_string(), "S: +OK \\xE9t\\xE9 \\");
/// ```
impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match self.from {
            Side::Client => "C:",
            Side::Server => "S:",
        };
        write!(f, "{mark} {}", Escaped::line(self.octets))
    }
}

/// Bytes in the format of a script.
struct Escaped<'o> {
    octets: &'o [u8],
    /// Follows the bytes: a space that editors would remove, or the mark of a missing CR LF.
    after: &'static str,
}

impl<'o> Escaped<'o> {
    /// A complete or incomplete line. Its CR LF is not shown.
    fn line(octets: &'o [u8]) -> Self {
        match octets.strip_suffix(b"\r\n") {
            Some([octets @ .., b' ']) => Escaped { octets, after: "\\x20" },
            Some(octets) => Escaped { octets, after: "" },
            None => Escaped { octets, after: "\\" },
        }
    }

    /// Bytes from the middle of a line.
    const fn part(octets: &'o [u8]) -> Self {
        Escaped { octets, after: "" }
    }
}

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for octet in self.octets {
            match octet {
                b'\r' => f.write_str("\\r")?,
                b'\n' => f.write_str("\\n")?,
                b'\t' => f.write_str("\\t")?,
                0 => f.write_str("\\0")?,
                b'\\' => f.write_str("\\\\")?,
                b' '..=b'~' => write!(f, "{}", char::from(*octet))?,
                octet => write!(f, "\\x{octet:02X}")?,
            }
        }
        f.write_str(self.after)
    }
}
