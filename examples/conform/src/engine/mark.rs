//! The lines of a session around an offence, with a mark under the byte.

use super::log::{Log, Record, Side};
use crate::check::Offence;
use std::fmt;

/// The lines before the marked one that are shown.
const BEFORE: usize = 6;
/// The columns of a line that are shown.
const WIDTH: usize = 100;

/// A part of a session, for a reader.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Dialogue {
    pub lines: Vec<Shown>,
}

/// A line of a dialogue.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Shown {
    Line {
        side: Side,
        /// The offset of its first byte in what this side sent.
        at: u64,
        /// The line without CR LF. Control characters and bytes that are not ASCII are escaped.
        text: String,
        /// The column of the mark.
        mark: Option<usize>,
    },
    /// Something that happened, such as `the server closes`.
    Event(&'static str),
    /// This number of lines is left out.
    Skipped(usize),
}

/// Returns the dialogue of an offence: the command, its response up to the byte, and a few lines before.
#[must_use]
pub fn dialogue(log: &Log, offence: &Offence) -> Dialogue {
    let Some(record) = log.sessions.get(offence.session) else { return Dialogue { lines: Vec::new() } };
    let mut lines = whole(record, offence);
    let marked = lines.iter().position(|line| matches!(line, Shown::Line { mark: Some(_), .. }));
    // Without a marked byte, the end of the session is what is wrong.
    let end = marked.unwrap_or(lines.len().saturating_sub(1));
    lines.truncate(end + 1);
    let is_client = |line: &Shown| matches!(line, Shown::Line { side: Side::Client, .. });
    let command = lines.iter().rposition(is_client).unwrap_or(0);
    // Of a long response: its first line, and the last ones before the mark.
    let response = lines.split_off(command);
    let mut lines = without_long(lines, 1);
    lines.drain(..lines.len().saturating_sub(BEFORE));
    lines.extend(without_long(response, 3));
    Dialogue { lines }
}

/// Leaves out the inner lines of long responses, but for the first one and the last `tail`.
fn without_long(lines: Vec<Shown>, tail: usize) -> Vec<Shown> {
    let is_server = |line: &Shown| matches!(line, Shown::Line { side: Side::Server, .. });
    let mut kept = Vec::new();
    for run in lines.chunk_by(|one, next| is_server(one) && is_server(next)) {
        let inner = 1..run.len().saturating_sub(tail);
        match inner.len() > 1 && is_server(&run[0]) {
            true => {
                kept.push(run[0].clone());
                kept.push(Shown::Skipped(inner.len()));
                kept.extend_from_slice(&run[inner.end..]);
            }
            false => kept.extend_from_slice(run),
        }
    }
    kept
}

/// Returns all lines of a session.
fn whole(record: &Record, offence: &Offence) -> Vec<Shown> {
    let mut lines = Vec::new();
    let mut events = record.events.iter().peekable();
    for (index, piece) in record.pieces.iter().enumerate() {
        while let Some((_, event)) = events.next_if(|(before, _)| *before <= index) {
            lines.push(Shown::Event(event));
        }
        let mut at = piece.at;
        for line in piece.bytes.split_inclusive(|byte| *byte == b'\n') {
            let end = at + line.len() as u64;
            let is_marked = piece.side == offence.side && (at..end).contains(&offence.at);
            let mark = is_marked.then(|| (offence.at - at) as usize);
            let (text, mark) = shown(line, mark);
            lines.push(Shown::Line { side: piece.side, at, text, mark });
            at = end;
        }
    }
    lines.extend(events.map(|(_, event)| Shown::Event(event)));
    lines
}

/// Escapes a line and cuts it around the mark. The line end is shown if it is not CR LF, or if it is marked.
fn shown(line: &[u8], mark: Option<usize>) -> (String, Option<usize>) {
    let visible = match line.strip_suffix(b"\r\n") {
        Some(text) if mark.is_none_or(|mark| mark < text.len()) => text,
        _ => line,
    };
    let (mut text, mut column) = (String::new(), None);
    for (index, byte) in visible.iter().enumerate() {
        if mark == Some(index) {
            column = Some(text.len());
        }
        match byte {
            b'"' | b'\'' => text.push(char::from(*byte)),
            byte => text.extend(byte.escape_ascii().map(char::from)),
        }
    }
    let from = column.map_or(0, |column| column.saturating_sub(WIDTH * 3 / 4));
    if from == 0 && text.len() <= WIDTH {
        return (text, column);
    }
    let cut = text.get(from..text.len().min(from + WIDTH)).unwrap_or_default();
    let (before, after) =
        (if from > 0 { "..." } else { "" }, if from + WIDTH < text.len() { "..." } else { "" });
    (format!("{before}{cut}{after}"), column.map(|column| column - from + before.len()))
}

impl fmt::Display for Dialogue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.lines {
            match line {
                Shown::Line { side, text, mark, .. } => {
                    let who = if *side == Side::Client { 'C' } else { 'S' };
                    writeln!(f, "{who}: {text}")?;
                    if let Some(mark) = mark {
                        writeln!(f, "   {:mark$}^", "")?;
                    }
                }
                Shown::Event(event) => writeln!(f, "* {event}")?,
                Shown::Skipped(count) => writeln!(f, "   ({count} lines)")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::log::Piece;

    #[test]
    fn a_mark_is_under_its_byte() {
        let piece = |side, at, bytes: &str| Piece { side, at, bytes: bytes.into() };
        let record = Record {
            pieces: vec![
                piece(Side::Server, 0, "+OK ready\r\n"),
                piece(Side::Client, 0, "LIST 4294967297\r\n"),
                piece(Side::Server, 11, "+OK \"1\" 169\n"),
            ],
            ..Record::default()
        };
        let log = Log { sessions: vec![record] };
        let shown = |at| dialogue(&log, &Offence::new("", 0, at)).to_string();
        assert_eq!(shown(11), "S: +OK ready\nC: LIST 4294967297\nS: +OK \"1\" 169\\n\n   ^\n");
        assert_eq!(shown(22), "S: +OK ready\nC: LIST 4294967297\nS: +OK \"1\" 169\\n\n              ^\n");
    }

    #[test]
    fn long_responses_are_cut_before_the_mark_and_before_its_command() {
        let piece = |side, at, bytes: &str| Piece { side, at, bytes: bytes.into() };
        let listing = "+OK\r\n1 1\r\n2 2\r\n3 3\r\n4 4\r\n5 5\r\n.\r\n";
        let record = Record {
            pieces: vec![
                piece(Side::Client, 0, "LIST\r\n"),
                piece(Side::Server, 0, listing),
                piece(Side::Client, 6, "UIDL\r\n"),
                piece(Side::Server, 33, listing),
            ],
            ..Record::default()
        };
        let log = Log { sessions: vec![record] };
        let shown = dialogue(&log, &Offence::new("", 0, 58)).to_string();
        let before = "C: LIST\nS: +OK\n   (5 lines)\nS: .\n";
        assert_eq!(shown, format!("{before}C: UIDL\nS: +OK\n   (2 lines)\nS: 3 3\nS: 4 4\nS: 5 5\n   ^\n"));
    }
}
