//! How the client by hand reads and writes lines, listings and messages.

use super::{Done, Naive, Trouble};
use crate::client::broken::Flaw;
use crate::engine::log::find;

impl Naive<'_> {
    /// Sends a command and reads the status line of its response. What is there already answers nothing.
    pub(super) fn command(&mut self, command: &str) -> Done<(bool, String)> {
        let takes_surplus = matches!(self.flaw, Flaw::TakesSurplus | Flaw::RetriesLogin | Flaw::KeepsBuffer);
        if !self.buffer.is_empty() && !takes_surplus {
            return Err(Trouble::Other);
        }
        self.send(command)?;
        let status = self.line(b"\r\n")?;
        let text = status.get(3..).unwrap_or_default();
        match () {
            () if self.has(Flaw::NeedsText) && text.is_empty() => return Err(Trouble::Other),
            () if self.has(Flaw::NoCodes) && text.starts_with(b" [") => return Err(Trouble::Other),
            () if self.has(Flaw::ShortStatus) && status.len() > 256 => return Err(Trouble::Other),
            () => {}
        }
        let ok = self.is_ok(&status);
        if !ok && !status.starts_with(b"-ERR") {
            return Err(Trouble::Other);
        }
        Ok((ok, String::from_utf8_lossy(&status).into_owned()))
    }

    pub(super) fn is_ok(&self, status: &[u8]) -> bool {
        status == b"+OK"
            || status.starts_with(b"+OK ")
            || status.starts_with(b"+OK[")
            || (self.has(Flaw::PlusIsOk) && status.starts_with(b"+"))
    }

    pub(super) fn send(&mut self, command: &str) -> Done<()> {
        let end = if self.has(Flaw::BareLf) { "\n" } else { "\r\n" };
        let wire = self.wire.as_mut().ok_or(Trouble::Other)?;
        wire.send(format!("{command}{end}").as_bytes()).map_err(|_| Trouble::Other)
    }

    pub(super) fn rows(&mut self) -> Done<Vec<String>> {
        let mut rows = Vec::new();
        loop {
            let row = match self.line(b"\r\n") {
                Err(Trouble::Eof) if self.has(Flaw::EofEnds) => return Ok(rows),
                row => row?,
            };
            match row.as_slice() {
                b"." if rows.is_empty() && self.has(Flaw::EmptyListing) => return Err(Trouble::Crash),
                b"." => return Ok(rows),
                row => rows.push(String::from_utf8_lossy(row.strip_prefix(b".").unwrap_or(row)).into_owned()),
            }
        }
    }

    pub(super) fn body(&mut self) -> Done<Vec<u8>> {
        let end: &[u8] = if self.has(Flaw::LfDotEnds) { b"\n" } else { b"\r\n" };
        let mut text = Vec::new();
        for index in 0.. {
            let line = match self.line(end) {
                Ok(line) => line,
                Err(trouble) => {
                    text.extend(std::mem::take(&mut self.buffer));
                    if self.has(Flaw::StoresHalf) {
                        self.job.shelf.store("half", &text);
                    }
                    return if self.has(Flaw::EofEnds) { Ok(text) } else { Err(trouble) };
                }
            };
            let line = line.strip_suffix(b"\r").filter(|_| self.has(Flaw::LfDotEnds)).unwrap_or(&line);
            let is_end = line == b"." && !(self.has(Flaw::EmptyDot) && index == 0);
            if is_end && index == 0 && self.has(Flaw::StoresDot) {
                text.extend_from_slice(b".\r\n");
            }
            if is_end || (self.has(Flaw::StatusInBody) && line.starts_with(b"-ERR")) {
                break;
            }
            let line = match self.has(Flaw::KeepsDots) {
                true => line,
                false if self.has(Flaw::KeepsSingleDots) && !line.starts_with(b"..") => line,
                false => line.strip_prefix(b".").unwrap_or(line),
            };
            self.add(line, &mut text);
        }
        Ok(text)
    }

    /// Adds a line to a message.
    fn add(&self, line: &[u8], text: &mut Vec<u8>) {
        let replaced = |from: u8, to: &[u8]| line.split(|byte| *byte == from).collect::<Vec<_>>().join(to);
        let line = match self.flaw {
            Flaw::DropsLf => replaced(b'\n', b""),
            Flaw::CrEndsLine => replaced(b'\r', b"\r\n"),
            Flaw::NulCuts => line.split(|byte| *byte == 0).next().unwrap_or_default().to_vec(),
            Flaw::AsciiOnly => line.iter().map(|byte| if byte.is_ascii() { *byte } else { b'?' }).collect(),
            Flaw::ShortLines => line.chunks(1000).collect::<Vec<_>>().join(&b"\r\n"[..]),
            Flaw::TrimsLines => line.trim_ascii_end().to_vec(),
            Flaw::DropsBlank if line.is_empty() && text.ends_with(b"\r\n\r\n") => return,
            _ => line.to_vec(),
        };
        text.extend(line);
        text.extend_from_slice(b"\r\n");
    }

    /// Reads a line, without its end.
    pub(super) fn line(&mut self, end: &[u8]) -> Done<Vec<u8>> {
        loop {
            if let Some(found) = find(&self.buffer, end) {
                let line = self.buffer.drain(..found + end.len()).take(found).collect();
                return Ok(line);
            }
            let wire = self.wire.as_mut().ok_or(Trouble::Other)?;
            match wire.receive(&mut self.buffer) {
                Ok(0) => return Err(Trouble::Eof),
                Ok(_) if self.has(Flaw::NeedsWholeReads) && find(&self.buffer, end).is_none() => {
                    return Ok(std::mem::take(&mut self.buffer));
                }
                Ok(_) => {}
                // Also a server that is silent: it gives up.
                Err(_) => return Err(Trouble::Other),
            }
        }
    }
}
