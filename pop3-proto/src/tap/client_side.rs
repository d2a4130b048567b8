use super::{FromClient, FromServer, Line, Seen, Side, Tap, Tls};
use crate::codec::{Command, CommandError, Framed, LineEnding, State, Verb};
use crate::input::Input;
use crate::types::{Base64, MessageNumber, Secret};

impl Tap {
    pub(super) fn next_of_client<'i>(&mut self, input: &mut Input<'i>) -> Option<Seen<'i>> {
        match &mut self.from_client {
            FromClient::Command => self.command(input),
            FromClient::Response => self.response(input),
            FromClient::Tls(tls) => tls.pass_over(Side::Client, input),
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
            Line::Whole(line, _) => self.read_command(line),
        })
    }

    /// Returns whether the tap is out of step and a complete command is there that the server's next line answers:
    /// a client speaks when it has its responses. `None` while there is no complete line.
    fn is_back(&mut self, input: &mut Input<'_>) -> Option<bool> {
        let was_skipping = self.client.skipping;
        let framed = self.look(Side::Client, LineEnding::Lf, input);
        if let FromServer::Lost { answered, .. } = &mut self.from_server {
            // The torn line that was passed over has a response too, which still follows.
            *answered &= !was_skipping || self.client.skipping;
        }
        if matches!(framed, Framed::Incomplete) {
            return None;
        }
        Some(matches!(self.from_server, FromServer::Lost { answered: true, owed: None | Some(0), .. }))
    }

    fn read_command<'i>(&mut self, line: &'i [u8]) -> Seen<'i> {
        match Command::parse(line) {
            Ok(Command::Other { .. }) => {
                let Ok(line) = Secret::new(line) else { return self.not_a_command(CommandError::Control) };
                if self.is_proxy_header(line) {
                    return Seen::ProxyHeader(line);
                }
                self.expect(Verb::Other, None);
                Seen::Unknown(line)
            }
            Ok(command) => {
                let expected = self.expect(command.verb(), command.message());
                if let (true, Command::Auth { mechanism, initial }) = (expected, &command) {
                    self.sasl = super::Sasl::new(*mechanism, initial.is_some());
                    self.from_client = FromClient::Response;
                }
                Seen::Command(command)
            }
            Err(error) => self.not_a_command(error),
        }
    }

    fn not_a_command<'i>(&mut self, error: CommandError) -> Seen<'i> {
        self.expect(Verb::Other, None);
        Seen::NotACommand(error)
    }

    /// Returns whether this is the first line of the client, before the greeting, and the header of a proxy.
    fn is_proxy_header(&self, line: Secret<'_>) -> bool {
        self.state == Some(State::Greeting)
            && self.in_flight.is_empty()
            && line.expose().starts_with(b"PROXY ")
    }

    /// Records that a response to this command follows, and returns whether the tap will know it.
    fn expect(&mut self, verb: Verb, message: Option<MessageNumber>) -> bool {
        if let FromServer::Lost { owed, .. } = &mut self.from_server {
            *owed = owed.map(|owed| owed.saturating_add(1));
            return false;
        }
        if self.in_flight.is_full() || self.overflow > 0 {
            self.overflow = self.overflow.saturating_add(1);
            return false;
        }
        self.in_flight.push(verb, message);
        true
    }

    /// A line inside AUTH, whatever it looks like.
    fn response<'i>(&mut self, input: &mut Input<'i>) -> Option<Seen<'i>> {
        let line = self.line(Side::Client, LineEnding::Lf, input)?;
        self.sasl.count();
        Some(match line {
            Line::Long => Seen::LongLine(Side::Client),
            Line::Whole(b"*", _) => Seen::Cancel,
            Line::Whole(line, _) => {
                Base64::new(line).map_or(Seen::NotACommand(CommandError::Base64), Seen::Response)
            }
        })
    }
}

impl Tls {
    /// Passes over everything, and reports once if it does not begin as TLS does.
    pub(super) fn pass_over<'i>(&mut self, side: Side, input: &mut Input<'i>) -> Option<Seen<'i>> {
        /// The type of the record that begins a handshake (RFC 8446 section 5.1).
        const HANDSHAKE: u8 = 22;
        let is_tls = match (&self, input.unread()) {
            (Tls::Checked, _) => true,
            (Tls::Plaintext, _) => false,
            (Tls::Due, []) => return None,
            (Tls::Due, [first, ..]) => *first == HANDSHAKE,
        };
        *self = Tls::Checked;
        input.take(input.remaining());
        (!is_tls).then_some(Seen::NotTls(side))
    }
}
