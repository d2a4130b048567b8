//! Dialogues in which one side is played from a text: how POP3 code is tested without a network.
//!
//! A dialogue is what the RFCs print: lines `C:` of the client and `S:` of the server, in the order in which
//! they are said. [`Script::parse`] reads one. [`Script::server`] plays the server against client code, and
//! [`Script::client`] the client against server code: both give a [`Peer`], which says its own lines when
//! their turn has come, and compares what the other side writes with the lines that it should write. Where
//! they part, a [`Mismatch`] shows the line.
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
//! // A server that answers QUIT, however the network cuts its lines.
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
//! // A server that wants to be greeted back.
//! let script = Script::parse("S: +OK ready\nC: HELO\nS: +OK").unwrap();
//! let error = knock(&mut script.server()).unwrap_err();
//! assert_eq!(error.to_string(), "\
//! line 2: the client says something else
//!   script  C: HELO
//!   came    C: QUIT
//!              ^");
//! ```
//!
//! # The text
//!
//! | line | means |
//! |---|---|
//! | `C: ` and text | the client says the text and CR LF; several in a row are pipelined commands |
//! | `S: ` and text | the server says the text and CR LF; the lines of a message or a listing are lines like any other |
//! | `* TLS starts` | the handshake: both sides call [`Peer::tls_started`] or the like before anything more is said |
//! | `* connection closes` | the end of the stream, and of the dialogue |
//! | `@ ` and text | a [note](Script::notes) to whoever reads the script, as the users and messages of a test server |
//! | `#` and text | a comment |
//!
//! In the text of a line `\r`, `\n`, `\t`, `\0`, `\\` and `\x` with two hexadecimal digits stand for octets
//! that are hard to see. A single `\` at the end says that the line does not end here: `S: +OK half\` goes on
//! with the next `S:`, and `S: +OK ready\n\` ends in LF alone. Spaces before a line do not count; those at
//! its end do, where they can't be lost as `\x20`.
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

/// A dialogue, read from a text; see the [module](self) for how it is written.
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

/// One line that is said.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Line<'s> {
    /// Its place in the text, from 1.
    pub number: usize,
    /// Who says it.
    pub from: Side,
    /// What goes over the wire, with its line end.
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

/// One step of the dialogue, and its place in the text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Step {
    number: usize,
    what: What,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum What {
    /// A line: these octets of all that the side says.
    Says {
        from: Side,
        start: usize,
        end: usize,
    },
    TlsStarts,
    Closes,
}

impl Script {
    /// The server of this dialogue, to test a client with.
    #[must_use]
    pub fn server(&self) -> Peer<'_> {
        Peer::new(self, Side::Server)
    }

    /// The client of this dialogue, to test a server with.
    #[must_use]
    pub fn client(&self) -> Peer<'_> {
        Peer::new(self, Side::Client)
    }

    /// All lines that are said, in order.
    pub fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        self.steps.iter().filter_map(|step| self.line(step))
    }

    /// The notes, lines that begin with `@`, each with its place in the text, from 1. The dialogue does not
    /// heed them.
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

    /// All that this side says.
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

/// As it is written in a script; a space at the end, which editors drop, as `\x20`.
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

/// Octets as a script has them.
struct Escaped<'o> {
    octets: &'o [u8],
    /// What stands behind them: a space that could be lost, and whether there is no CR LF.
    behind: &'static str,
}

impl<'o> Escaped<'o> {
    /// A line, whose CR LF does not show, or what there is of one.
    fn line(octets: &'o [u8]) -> Self {
        match octets.strip_suffix(b"\r\n") {
            Some([octets @ .., b' ']) => Escaped { octets, behind: "\\x20" },
            Some(octets) => Escaped { octets, behind: "" },
            None => Escaped { octets, behind: "\\" },
        }
    }

    /// Octets in the middle of a line.
    const fn part(octets: &'o [u8]) -> Self {
        Escaped { octets, behind: "" }
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
        f.write_str(self.behind)
    }
}
