use super::{Escaped, Line, Side};
use alloc::string::ToString;
use alloc::vec::Vec;
use core::fmt;

/// The first difference between a script and the bytes that were sent.
///
/// It shows the line of the script and the line that was sent, with a mark below the first byte that differs.
/// It also shows passwords, because scripts are only for tests.
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
/// line 2: the client sent something else
///   script  C: USER mrose
///   sent    C: USER mr rose
///                     ^");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Mismatch {
    pub(super) line: Option<usize>,
    pub(super) problem: Problem,
    /// The side that is not played.
    pub(super) side: Side,
    /// The side that sends the line of the script.
    pub(super) due: Side,
    pub(super) expected: Vec<u8>,
    pub(super) came: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Problem {
    /// The bytes differ from the line.
    Differs,
    /// The played side must send this line first.
    TooEarly,
    /// TLS must start first.
    BeforeTls,
    /// The dialogue is over.
    Surplus,
    /// The line, or the rest of it, was not sent.
    Missing,
    /// The line of the played side was not read.
    Unread,
    /// TLS did not start.
    NoTls,
    /// TLS started although the script expects something else.
    Tls,
}

impl Mismatch {
    /// Returns the number of the line in the script, from 1, or `None` after its last line.
    #[must_use]
    pub const fn line(&self) -> Option<usize> {
        self.line
    }

    /// Returns the bytes of that line, or an empty slice if neither side sends it.
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

    /// Returns the bytes that were sent instead, up to the end of one line.
    #[must_use]
    pub fn came(&self) -> &[u8] {
        &self.came
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: ")?,
            None => f.write_str("after the last line: ")?,
        }
        self.headline(f)?;
        if matches!(self.problem, Problem::BeforeTls | Problem::NoTls) {
            f.write_str("\n  script  * TLS starts")?;
        } else if self.line.is_some() {
            write!(f, "\n  script  {}", line(self.due, &self.expected))?;
        }
        if !self.came.is_empty() {
            write!(f, "\n  sent    {}", line(self.side, &self.came))?;
        }
        if self.problem == Problem::Differs {
            write!(f, "\n          {:1$}^", "", "C: ".len().saturating_add(self.column()))?;
        }
        Ok(())
    }
}

/// Prints the same text as [`Display`](fmt::Display), because `unwrap` in a test prints this.
impl fmt::Debug for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Mismatch {
    fn headline(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = self.side;
        match self.problem {
            Problem::Differs => write!(f, "the {side} sent something else"),
            Problem::TooEarly => write!(f, "the {side} sent before its turn"),
            Problem::BeforeTls => write!(f, "the {side} sent before TLS started"),
            Problem::Surplus => write!(f, "the {side} sent more"),
            Problem::Missing if self.came.is_empty() => write!(f, "the {side} sent nothing"),
            Problem::Missing => write!(f, "the {side} stopped within the line"),
            Problem::Unread => write!(f, "the {side} did not read the whole line"),
            Problem::NoTls => f.write_str("TLS did not start"),
            Problem::Tls => f.write_str("TLS started"),
        }
    }

    /// Returns the column of the first byte that differs.
    fn column(&self) -> usize {
        let same = self.expected.iter().zip(&self.came).take_while(|(expected, came)| expected == came);
        Escaped::part(self.came.get(..same.count()).unwrap_or_default()).to_string().len()
    }
}

fn line(from: Side, octets: &[u8]) -> Line<'_> {
    Line { number: 0, from, octets }
}

impl core::error::Error for Mismatch {}
