//! Handles bytes that no command asked for. They arrived before the next command is sent, so they cannot be its
//! response, and the session ends. If they are a line of `-ERR`, which tells why the server ends the session, the
//! client returns it as an event first.

use super::event::Event;
use super::poll::Polled;
use super::{AsConfig, Client, Ending, Turn};
use crate::codec::{Framed, LineEnding, Response, StatusText};
use crate::error::ConnectionError;
use crate::input::Input;
use crate::limits::Limit;
use crate::quirks::Quirks;

impl<C: AsConfig> Client<C> {
    /// Notes bytes that are unread while no response is pending. They cannot respond to a later command, so no
    /// command can be sent from now on.
    pub(crate) fn note_unread(&mut self, unread: &[u8]) {
        if !unread.is_empty() && !self.is_closed() && self.is_quiet() {
            match self.may_part(unread) {
                // The next `poll` reads it.
                true => self.part(),
                false => self.fatal = Some(self.unasked_octets()),
            }
        }
    }

    /// Waits for the rest of a line that may be the server's farewell, as for a response.
    fn part(&mut self) {
        if !self.is_parting() {
            self.ending = Ending::Parting;
            self.arm();
        }
    }

    /// Handles input while no response is pending. Any bytes are fatal, and so is the end of the stream. A line of
    /// `-ERR` is returned as an event first, because it tells why the server ends the session.
    pub(super) fn unasked<'i>(&mut self, input: &mut Input<'i>) -> Polled<'i> {
        match input.remaining() {
            0 if !self.is_parting() && input.is_last() => return Err(ConnectionError::UnexpectedEof),
            0 if !self.is_parting() => return Ok(None),
            _ => {}
        }
        if !self.may_part(input.unread()) {
            return Err(self.unasked_octets());
        }
        match self.look(input.unread(), Limit::StatusLine, LineEnding::Lf) {
            Framed::Line { content, ending, consumed } => {
                let status = self.farewell(content, ending)?;
                input.take(consumed);
                self.fatal = Some(ConnectionError::Unsolicited);
                Ok(Some(Event::Farewell(status)))
            }
            Framed::Incomplete if !input.is_last() => {
                self.part();
                Ok(None)
            }
            Framed::Incomplete | Framed::TooLong => Err(ConnectionError::Unsolicited),
        }
    }

    /// Reads the server's last line. It follows the same rules as any other line.
    fn farewell<'i>(
        &mut self,
        content: &'i [u8],
        ending: LineEnding,
    ) -> Result<StatusText<'i>, ConnectionError> {
        let mut quirks = Quirks::NONE;
        let response = Response::read(content, None, &mut quirks);
        let tolerated = self.decide_lines(ending).and_then(|()| self.tolerate(quirks));
        match (response, tolerated) {
            (Ok(Response::Err(status)), Ok(())) => Ok(status),
            _ => Err(ConnectionError::Unsolicited),
        }
    }

    /// Returns whether these unexpected bytes are, or may become, a line of `-ERR`.
    pub(super) fn may_part(&self, unread: &[u8]) -> bool {
        let start = unread.get(..4).unwrap_or(unread);
        !matches!(self.turn, Turn::Handshake)
            && !start.is_empty()
            && b"-ERR".get(..start.len()).is_some_and(|word| word.eq_ignore_ascii_case(start))
    }

    /// Returns the error for bytes that no command asked for.
    const fn unasked_octets(&self) -> ConnectionError {
        if matches!(self.turn, Turn::Handshake) {
            ConnectionError::PlaintextAfterStls
        } else {
            ConnectionError::Unsolicited
        }
    }
}
