//! Reading the text of a dialogue.

use super::{Script, Side, Step, What};
use alloc::string::ToString;
use alloc::vec::Vec;
use core::fmt;

/// Why a text is not a dialogue.
///
/// ```
/// use pop3_proto::script::{Script, ScriptProblem};
///
/// let error = Script::parse("S: +OK ready\nQ: what?").unwrap_err();
/// assert_eq!((error.line, error.problem), (2, ScriptProblem::Beginning));
/// assert_eq!(error.to_string(), "line 2: must begin with `C:`, `S:`, `*`, `@` or `#`");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ScriptError {
    /// The number of the line, from 1.
    pub line: usize,
    /// The problem in this line.
    pub problem: ScriptProblem,
}

/// A problem in a line of a dialogue.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum ScriptProblem {
    /// The line does not begin with `C:`, `S:`, `*`, `@` or `#`.
    Beginning,
    /// The space after `C:` or `S:` is missing.
    Space,
    /// A backslash is followed by an unknown escape.
    Escape,
    /// `*` is followed by text other than `TLS starts` or `connection closes`.
    Direction,
    /// The line follows `* connection closes`.
    AfterEnd,
}

impl fmt::Display for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let problem = match self.problem {
            ScriptProblem::Beginning => "must begin with `C:`, `S:`, `*`, `@` or `#`",
            ScriptProblem::Space => "missing space after the colon",
            ScriptProblem::Escape => "unknown escape: use \\r, \\n, \\t, \\0, \\\\ or \\xNN",
            ScriptProblem::Direction => "expected `* TLS starts` or `* connection closes`",
            ScriptProblem::AfterEnd => "follows `* connection closes`: remove it",
        };
        write!(f, "line {}: {problem}", self.line)
    }
}

impl core::error::Error for ScriptError {}

impl Script {
    /// Parses a dialogue.
    ///
    /// ```
    /// use pop3_proto::script::Script;
    ///
    /// let script = Script::parse(r"
    ///     ## A server whose lines end in LF alone.
    ///     S: +OK ready\n\
    ///     C: QUIT
    ///     S: +OK bye\n\
    ///     * connection closes
    /// ");
    /// assert!(script.is_ok());
    /// ```
    ///
    /// # Errors
    /// Returns [`ScriptError`] with the first line that is not valid.
    pub fn parse(text: &str) -> Result<Self, ScriptError> {
        let mut script = Script::default();
        for (number, line) in (1..).zip(text.split(NEWLINE)) {
            script
                .read(number, line.strip_suffix('\r').unwrap_or(line).trim_start())
                .map_err(|problem| ScriptError { line: number, problem })?;
        }
        Ok(script)
    }

    fn read(&mut self, number: usize, line: &str) -> Result<(), ScriptProblem> {
        if let Some(text) = line.strip_prefix("C:") {
            self.says(number, Side::Client, text)
        } else if let Some(text) = line.strip_prefix("S:") {
            self.says(number, Side::Server, text)
        } else if let Some(direction) = line.strip_prefix('*') {
            match direction.trim() {
                "TLS starts" => self.step(number, What::TlsStarts),
                "connection closes" => self.step(number, What::Closes),
                _ => Err(ScriptProblem::Direction),
            }
        } else if let Some(note) = line.strip_prefix('@') {
            self.notes.push((number, note.strip_prefix(' ').unwrap_or(note).to_string()));
            Ok(())
        } else if line.is_empty() || line.starts_with('#') {
            Ok(())
        } else {
            Err(ScriptProblem::Beginning)
        }
    }

    fn says(&mut self, number: usize, from: Side, text: &str) -> Result<(), ScriptProblem> {
        let text = match text.strip_prefix(' ') {
            Some(text) => text,
            None if text.is_empty() => text,
            None => return Err(ScriptProblem::Space),
        };
        let octets = match from {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        };
        let start = octets.len();
        unescape(text, octets)?;
        let end = octets.len();
        self.step(number, What::Says { from, start, end })
    }

    fn step(&mut self, number: usize, what: What) -> Result<(), ScriptProblem> {
        if self.steps.last().is_some_and(|step| step.what == What::Closes) {
            return Err(ScriptProblem::AfterEnd);
        }
        self.steps.push(Step { number, what });
        Ok(())
    }
}

// Sets with one member, because the search for a single `char` leaves a panic in the compiled code.
const NEWLINE: [char; 1] = ['\n'];
const BACKSLASH: [char; 1] = ['\\'];

/// Appends the bytes of a line, and its CR LF unless the line ends in a single backslash.
fn unescape(text: &str, octets: &mut Vec<u8>) -> Result<(), ScriptProblem> {
    let mut parts = text.split(BACKSLASH);
    octets.extend(parts.next().unwrap_or_default().bytes());
    while let Some(part) = parts.next() {
        let mut characters = part.chars();
        let octet = match characters.next() {
            Some('r') => b'\r',
            Some('n') => b'\n',
            Some('t') => b'\t',
            Some('0') => 0,
            Some('x') => {
                let digits = characters.as_str().get(..2).ok_or(ScriptProblem::Escape)?;
                characters = characters.as_str().get(2..).unwrap_or_default().chars();
                hexadecimal(digits)?
            }
            Some(_) => return Err(ScriptProblem::Escape),
            // Two backslashes in a row, or one at the end of the line.
            None => match parts.next() {
                None => return Ok(()),
                Some(after) => {
                    octets.push(b'\\');
                    octets.extend(after.bytes());
                    continue;
                }
            },
        };
        octets.push(octet);
        octets.extend(characters.as_str().bytes());
    }
    octets.extend(b"\r\n");
    Ok(())
}

fn hexadecimal(digits: &str) -> Result<u8, ScriptProblem> {
    let plain = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    u8::from_str_radix(digits, 16).ok().filter(|_| plain).ok_or(ScriptProblem::Escape)
}
