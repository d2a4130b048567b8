use super::{Cause, FromClient, FromServer, Line, Seen, Side, Tap};
use crate::body::{Piece, Unstuff};
use crate::client::{Event, Greeting, Ticket, read_line, read_row};
use crate::codec::{LineEnding, Response, Shape, State, StatusText, Verb};
use crate::input::Input;
use crate::quirks::{Quirk, Quirks};
use crate::types::{ApopTimestamp, Base64, Text};

impl Tap {
    pub(super) fn next_of_server<'i>(&mut self, input: &mut Input<'i>) -> Option<Seen<'i>> {
        match self.from_server {
            FromServer::Greeting => self.greeting(input),
            FromServer::Status => self.status(input),
            FromServer::Rows { ending, count } => self.row(input, ending, count),
            FromServer::Body { unstuff, octets } => self.body(input, unstuff, octets),
            FromServer::Lost { ref mut answered, .. } => {
                *answered |= !input.take(input.remaining()).is_empty();
                None
            }
            FromServer::Nothing => {
                input.take(input.remaining());
                None
            }
        }
    }

    fn greeting<'i>(&mut self, input: &mut Input<'i>) -> Option<Seen<'i>> {
        let Line::Whole(line, _) = self.line(Side::Server, LineEnding::Lf, input)? else {
            return self.lost(Cause::LongLine);
        };
        self.state = Some(State::Authorization);
        self.from_server = FromServer::Status;
        match Response::parse(line, None) {
            Ok(Response::Ok(status)) => {
                let timestamp = ApopTimestamp::find(status.text().as_bytes());
                Some(Seen::Answer(Event::Greeting(Greeting { status, timestamp })))
            }
            Ok(Response::Err(status)) => Some(Seen::Answer(Event::NoService(status))),
            _ => self.lost(Cause::NotPop3),
        }
    }

    fn status<'i>(&mut self, input: &mut Input<'i>) -> Option<Seen<'i>> {
        if input.remaining() == 0 {
            return None;
        }
        let Some(ticket) = self.in_flight.oldest() else {
            return self.lost(if self.overflow { Cause::QueueFull } else { Cause::Unsolicited });
        };
        let Line::Whole(line, ending) = self.line(Side::Server, LineEnding::Lf, input)? else {
            return self.lost(Cause::LongLine);
        };
        let mut quirks = Quirks::NONE;
        match Response::read(line, Some(ticket.verb), &mut quirks) {
            Ok(Response::Continue(text)) => Some(challenge(text, quirks)),
            Ok(Response::Ok(status)) => Some(self.accepted(ticket, status, ending)),
            Ok(Response::Err(status)) => {
                self.complete(ticket);
                if ticket.verb == Verb::Quit {
                    self.learn_state(ticket.verb);
                }
                Some(Seen::Answer(Event::Refused(ticket, status)))
            }
            Err(_) => self.lost(Cause::NotPop3),
        }
    }

    fn accepted<'i>(&mut self, ticket: Ticket, status: StatusText<'i>, ending: LineEnding) -> Seen<'i> {
        match ticket.verb.shape(ticket.message.is_some()) {
            Shape::Rows => self.from_server = FromServer::Rows { ending, count: 0 },
            Shape::Body => self.from_server = FromServer::Body { unstuff: Unstuff::new(ending), octets: 0 },
            Shape::Line | Shape::Exchange => return self.done(ticket, status),
        }
        self.learn_state(ticket.verb);
        Seen::Answer(Event::Begin(ticket, status))
    }

    fn done<'i>(&mut self, ticket: Ticket, status: StatusText<'i>) -> Seen<'i> {
        self.complete(ticket);
        self.learn_state(ticket.verb);
        if ticket.verb == Verb::Stls {
            self.end();
            return Seen::Encrypted;
        }
        Seen::Answer(match read_line(ticket, status.text()) {
            Some(Ok((said, _))) => said.event(ticket),
            Some(Err(_)) => Event::Malformed(ticket, status.text().as_bytes()),
            None => Event::Ok(ticket, status),
        })
    }

    /// What an accepted command tells of the state; QUIT ends the session either way.
    fn learn_state(&mut self, verb: Verb) {
        self.state = match (verb, verb.states()) {
            (Verb::Pass | Verb::Apop | Verb::Auth, _) => Some(State::Transaction),
            (Verb::Quit, _) => Some(State::Closed),
            (_, [state]) => Some(*state),
            _ => self.state,
        };
    }

    fn row<'i>(&mut self, input: &mut Input<'i>, ending: LineEnding, count: u64) -> Option<Seen<'i>> {
        let ticket = self.in_flight.oldest()?;
        let row = match self.line(Side::Server, ending, input)? {
            Line::Long => return Some(Seen::LongLine(Side::Server)),
            Line::Whole(b".", _) => {
                self.complete(ticket);
                return Some(Seen::Answer(Event::End(ticket, count)));
            }
            Line::Whole(row, _) => row.strip_prefix(b".").unwrap_or(row),
        };
        self.from_server = FromServer::Rows { ending, count: count.saturating_add(1) };
        Some(Seen::Answer(match read_row(ticket, row) {
            Ok((said, _)) => said.event(ticket),
            Err(_) => Event::Malformed(ticket, row),
        }))
    }

    fn body<'i>(&mut self, input: &mut Input<'i>, mut unstuff: Unstuff, octets: u64) -> Option<Seen<'i>> {
        let ticket = self.in_flight.oldest()?;
        let piece = input.advance(|unread| unstuff.next(unread));
        let count = |data: &[u8]| octets.saturating_add(data.len() as u64);
        let octets = if let Some(Piece::Data(data)) = &piece { count(data) } else { octets };
        self.from_server = FromServer::Body { unstuff, octets };
        match piece? {
            Piece::Data(data) => Some(Seen::Answer(Event::Body(ticket, data))),
            Piece::End => {
                self.complete(ticket);
                Some(Seen::Answer(Event::End(ticket, octets)))
            }
        }
    }

    /// The oldest command, which is this one, is answered.
    fn complete(&mut self, ticket: Ticket) {
        self.in_flight.pop();
        self.from_server = FromServer::Status;
        if ticket.verb == Verb::Auth {
            self.from_client = FromClient::Command;
        }
    }

    fn lost<'i>(&mut self, cause: Cause) -> Option<Seen<'i>> {
        self.lose(cause);
        self.say_lost()
    }
}

/// What stands before a NUL or a bare CR is not what the server sent.
fn challenge(text: Text<'_>, quirks: Quirks) -> Seen<'_> {
    match Base64::new(text.as_bytes()) {
        Ok(challenge) if !quirks.contains(Quirk::ControlInText) => Seen::Challenge(challenge),
        _ => Seen::MalformedChallenge(text.as_bytes()),
    }
}
