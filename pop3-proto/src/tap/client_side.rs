use super::{Cause, FromClient, FromServer, Line, Seen, Side, Tap};
use crate::codec::{Command, Keyword, LineEnding, Verb};
use crate::input::Input;
use crate::types::Base64;

impl Tap {
    pub(super) fn next_of_client<'i>(&mut self, input: &mut Input<'i>) -> Option<Seen<'i>> {
        match self.from_client {
            FromClient::Command => self.command(input),
            FromClient::Response => self.response(input),
            FromClient::Nothing => {
                input.take(input.remaining());
                None
            }
        }
    }

    fn command<'i>(&mut self, input: &mut Input<'i>) -> Option<Seen<'i>> {
        // A client speaks when it has its answers: with a whole command the server's next line is the answer to it.
        if matches!(self.from_server, FromServer::Lost(_)) {
            if !self.has_line(input) {
                return None;
            }
            self.from_server = FromServer::Status;
            self.server.searched = 0;
            return Some(Seen::InStep);
        }
        match self.line(Side::Client, LineEnding::Lf, input)? {
            Line::Long => {
                self.expect(&unknown_command());
                Some(Seen::LongLine(Side::Client))
            }
            Line::Whole(line, _) => Some(self.said(line)),
        }
    }

    /// Whether a whole line is there, or one that is over the limit.
    fn has_line(&mut self, input: &mut Input<'_>) -> bool {
        if self.client.skipping {
            let end = memchr::memchr(b'\n', input.unread());
            input.take(end.map_or(input.remaining(), |end| end.saturating_add(1)));
            self.client.skipping = end.is_none();
        }
        memchr::memchr(b'\n', input.unread()).is_some() || input.remaining() >= self.limits.hold()
    }

    fn said<'i>(&mut self, line: &'i [u8]) -> Seen<'i> {
        match Command::parse(line) {
            Ok(command) => {
                self.expect(&command);
                if command.verb() == Verb::Auth {
                    self.from_client = FromClient::Response;
                }
                Seen::Command(command)
            }
            Err(error) => {
                self.expect(&unknown_command());
                Seen::NotACommand(error)
            }
        }
    }

    /// Remembers that an answer to this command is due.
    fn expect(&mut self, command: &Command<'_>) {
        if self.in_flight.is_full() {
            self.lose(Cause::QueueFull);
        } else {
            self.in_flight.push(command);
        }
    }

    /// A line inside AUTH, whatever it looks like.
    fn response<'i>(&mut self, input: &mut Input<'i>) -> Option<Seen<'i>> {
        Some(match self.line(Side::Client, LineEnding::Lf, input)? {
            Line::Long => Seen::LongLine(Side::Client),
            Line::Whole(b"*", _) => Seen::Cancel,
            Line::Whole(line, _) => match Base64::new(line) {
                Ok(response) => Seen::Response(response),
                Err(_) => Seen::NotACommand(crate::CommandError::Base64),
            },
        })
    }
}

/// What stands in the queue for a line that is no command: its answer is one line.
fn unknown_command() -> Command<'static> {
    match Keyword::new(b"X") {
        Ok(keyword) => Command::Other { keyword, arguments: None },
        Err(_) => Command::Noop,
    }
}
