use super::{Escaped, Line, Side};
use alloc::string::ToString;
use alloc::vec::Vec;
use core::fmt;

/// Where a dialogue and what really happened part.
///
/// It shows the line as the script has it and what came, with a mark below the first octet that differs.
/// Passwords are shown as everything else: a script is for tests.
///
/// ```
/// use pop3_proto::script::Script;
///
/// let script = Script::parse("S: +OK ready\nC: USER mrose\nS: +OK").unwrap();
/// let mut server = script.server();
/// server.sent(server.pending().len());
/// let mismatch = server.received(b"USER mr rose\r\n").unwrap_err();
/// assert_eq!(mismatch.line(), Some(2));
/// assert_eq!(mismatch.to_string(), "\
/// line 2: the client says something else
///   script  C: USER mrose
///   came    C: USER mr rose
///                     ^");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Mismatch {
    pub(super) line: Option<usize>,
    pub(super) problem: Problem,
    /// The side that is not played.
    pub(super) side: Side,
    /// Who says the line of the script.
    pub(super) due: Side,
    pub(super) expected: Vec<u8>,
    pub(super) came: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Problem {
    /// Other octets than the line has.
    Differs,
    /// The played side is to say this line first.
    TooEarly,
    /// TLS is to start first.
    BeforeTls,
    /// The dialogue is over.
    Surplus,
    /// The line, or the rest of it, did not come.
    Missing,
    /// The line of the played side was not read.
    Unread,
    /// TLS did not start.
    NoTls,
    /// TLS started where the script has none.
    Tls,
}

impl Mismatch {
    /// The line of the script where they part, from 1; `None` behind its last.
    #[must_use]
    pub const fn line(&self) -> Option<usize> {
        self.line
    }

    /// The octets of that line; none where it is no line that somebody says.
    ///
    /// ```
    /// use pop3_proto::script::Script;
    ///
    /// let script = Script::parse("S: +OK ready\nC: QUIT").unwrap();
    /// let mut server = script.server();
    /// server.sent(server.pending().len());
    /// let mismatch = server.received(b"NOOP\r\n").unwrap_err();
    /// assert_eq!((mismatch.expected(), mismatch.came()), (&b"QUIT\r\n"[..], &b"NOOP\r\n"[..]));
    /// ```
    #[must_use]
    pub fn expected(&self) -> &[u8] {
        &self.expected
    }

    /// The octets that came in place of it, as far as one line goes.
    #[must_use]
    pub fn came(&self) -> &[u8] {
        &self.came
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: ")?,
            None => f.write_str("behind the last line: ")?,
        }
        self.headline(f)?;
        if matches!(self.problem, Problem::BeforeTls | Problem::NoTls) {
            f.write_str("\n  script  * TLS starts")?;
        } else if self.line.is_some() {
            write!(f, "\n  script  {}", line(self.due, &self.expected))?;
        }
        if !self.came.is_empty() {
            write!(f, "\n  came    {}", line(self.side, &self.came))?;
        }
        if self.problem == Problem::Differs {
            write!(f, "\n          {:1$}^", "", "C: ".len().saturating_add(self.column()))?;
        }
        Ok(())
    }
}

/// As [`Display`](fmt::Display): it is what a test prints that unwraps.
impl fmt::Debug for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Mismatch {
    fn headline(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = self.side;
        match self.problem {
            Problem::Differs => write!(f, "the {side} says something else"),
            Problem::TooEarly => write!(f, "the {side} speaks before its turn"),
            Problem::BeforeTls => write!(f, "the {side} speaks before TLS"),
            Problem::Surplus => write!(f, "the {side} says more"),
            Problem::Missing if self.came.is_empty() => write!(f, "the {side} says nothing"),
            Problem::Missing => write!(f, "the {side} stops within the line"),
            Problem::Unread => write!(f, "the {side} does not read all of it"),
            Problem::NoTls => f.write_str("TLS does not start"),
            Problem::Tls => f.write_str("TLS starts"),
        }
    }

    /// Below which column of the text the first octet that differs begins.
    fn column(&self) -> usize {
        let same = self.expected.iter().zip(&self.came).take_while(|(expected, came)| expected == came);
        Escaped::part(self.came.get(..same.count()).unwrap_or_default()).to_string().len()
    }
}

fn line(from: Side, octets: &[u8]) -> Line<'_> {
    Line { number: 0, from, octets }
}

impl core::error::Error for Mismatch {}
