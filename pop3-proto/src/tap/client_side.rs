use super::{FromClient, FromServer, Line, Seen, Side, Tap};
use crate::codec::{Command, CommandError, Framed, LineEnding, Verb};
use crate::input::Input;
use crate::types::{Base64, MessageNumber, Secret};

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
        if self.is_back(input)? {
            self.from_server = FromServer::Status;
            self.server = super::Lines::NEW;
            return Some(Seen::InStep);
        }
        Some(match self.line(Side::Client, LineEnding::Lf, input)? {
            Line::Long => {
                self.expect(Verb::Other, None);
                Seen::LongLine(Side::Client)
            }
            Line::Whole(line, _) => self.said(line),
        })
    }

    /// Whether a whole command is there that the server's next line answers, although it was lost whose its
    /// lines are: a client speaks when it has its answers. `None` while there is no whole line.
    fn is_back(&mut self, input: &mut Input<'_>) -> Option<bool> {
        let was_skipping = self.client.skipping;
        let framed = self.look(Side::Client, LineEnding::Lf, input);
        if let FromServer::Lost { answered, .. } = &mut self.from_server {
            // What was passed over has an answer too, which is still to come.
            *answered &= !was_skipping || self.client.skipping;
        }
        if matches!(framed, Framed::Incomplete) {
            return None;
        }
        Some(matches!(self.from_server, FromServer::Lost { answered: true, .. }))
    }

    fn said<'i>(&mut self, line: &'i [u8]) -> Seen<'i> {
        match Command::parse(line) {
            Ok(Command::Other { .. }) => {
                self.expect(Verb::Other, None);
                Secret::new(line).map_or(Seen::NotACommand(CommandError::Control), Seen::Unknown)
            }
            Ok(command) => {
                let expected = self.expect(command.verb(), command.message());
                if expected && command.verb() == Verb::Auth {
                    self.from_client = FromClient::Response;
                }
                Seen::Command(command)
            }
            Err(error) => {
                self.expect(Verb::Other, None);
                Seen::NotACommand(error)
            }
        }
    }

    /// Remembers that an answer to this command is due, where it will be known for what it is.
    fn expect(&mut self, verb: Verb, message: Option<MessageNumber>) -> bool {
        let lost = matches!(self.from_server, FromServer::Lost { .. });
        self.overflow |= self.in_flight.is_full() && !lost;
        if lost || self.overflow {
            return false;
        }
        self.in_flight.push(verb, message);
        true
    }

    /// A line inside AUTH, whatever it looks like.
    fn response<'i>(&mut self, input: &mut Input<'i>) -> Option<Seen<'i>> {
        Some(match self.line(Side::Client, LineEnding::Lf, input)? {
            Line::Long => Seen::LongLine(Side::Client),
            Line::Whole(b"*", _) => Seen::Cancel,
            Line::Whole(line, _) => {
                Base64::new(line).map_or(Seen::NotACommand(CommandError::Base64), Seen::Response)
            }
        })
    }
}
