//! Reading the text of a dialogue.

use super::{Script, Side, Step, What};
use alloc::string::ToString;
use alloc::vec::Vec;
use core::fmt;

/// Why a text is no dialogue.
///
/// ```
/// use pop3_proto::script::{Script, ScriptProblem};
///
/// let error = Script::parse("S: +OK ready\nQ: what?").unwrap_err();
/// assert_eq!((error.line, error.problem), (2, ScriptProblem::Beginning));
/// assert_eq!(error.to_string(), "line 2: begins with none of `C:`, `S:`, `*`, `@` and `#`");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ScriptError {
    /// The place in the text, from 1.
    pub line: usize,
    /// What is wrong there.
    pub problem: ScriptProblem,
}

/// What is wrong with a line of a dialogue.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum ScriptProblem {
    /// It is none of the kinds of lines that there are.
    Beginning,
    /// Behind `C:` or `S:` comes something other than a space.
    Space,
    /// Behind a backslash comes something that stands for no octet.
    Escape,
    /// Behind `*` comes neither `TLS starts` nor `connection closes`.
    Direction,
    /// Something is said after the connection was closed.
    AfterEnd,
}

impl fmt::Display for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let problem = match self.problem {
            ScriptProblem::Beginning => "begins with none of `C:`, `S:`, `*`, `@` and `#`",
            ScriptProblem::Space => "missing space after the colon",
            ScriptProblem::Escape => "a backslash with none of r, n, t, 0, \\ and xNN after it",
            ScriptProblem::Direction => "neither `* TLS starts` nor `* connection closes`",
            ScriptProblem::AfterEnd => "comes after the connection was closed",
        };
        write!(f, "line {}: {problem}", self.line)
    }
}

impl core::error::Error for ScriptError {}

impl Script {
    /// Reads a dialogue.
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
    /// [`ScriptError`] with the first line that is wrong.
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

// Sets of one, since the search for a single `char` keeps a panic in the compiled code.
const NEWLINE: [char; 1] = ['\n'];
const BACKSLASH: [char; 1] = ['\\'];

/// Adds the octets that the text of a line stands for, and its line end unless it says that there is none.
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
            // Two in a row, or one at the end of the line.
            None => match parts.next() {
                None => return Ok(()),
                Some(behind) => {
                    octets.push(b'\\');
                    octets.extend(behind.bytes());
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
