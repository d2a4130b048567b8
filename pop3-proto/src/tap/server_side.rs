use super::{Ambiguity, Cause, Doubt, FromClient, FromServer, Line, Listing, Seen, Side, Tap, Tls};
use crate::body::{Piece, Unstuff};
use crate::client::{Event, Greeting, Ticket, read_line, read_row};
use crate::codec::{LineEnding, Response, Shape, State, StatusText, Verb};
use crate::input::Input;
use crate::quirks::{Quirk, Quirks};
use crate::types::{ApopTimestamp, Base64, Text};

impl Tap {
    pub(super) fn next_of_server<'i>(&mut self, input: &mut Input<'i>) -> Option<Seen<'i>> {
        match &mut self.from_server {
            FromServer::Greeting => self.greeting(input),
            FromServer::Status => self.status(input),
            FromServer::Rows(listing) => {
                let listing = *listing;
                self.row(input, listing)
            }
            FromServer::Body { unstuff, octets, doubt } => {
                let (unstuff, octets, doubt) = (*unstuff, *octets, *doubt);
                self.body(input, unstuff, octets, doubt)
            }
            FromServer::End(amount) => {
                let amount = *amount;
                self.end(amount)
            }
            FromServer::Lost { owed: Some(_), .. } => {
                self.pass_over_responses(input);
                None
            }
            FromServer::Lost { answered, .. } => {
                *answered |= !input.take(input.remaining()).is_empty();
                None
            }
            FromServer::Tls(tls) => match &mut self.from_client {
                // Known already, and the client may send nothing more.
                FromClient::Tls(client @ Tls::Plaintext) => {
                    client.pass_over(Side::Client, &mut Input::more(b""))
                }
                _ => tls.pass_over(Side::Server, input),
            },
        }
    }

    /// Counts the lines that may begin a response, while the tap does not know which commands they answer. There are
    /// never fewer such lines than responses.
    fn pass_over_responses(&mut self, input: &mut Input<'_>) {
        loop {
            let begins = |line: &[u8]| {
                [&b"+OK"[..], b"-ERR", b"+ "].iter().any(|status| line.starts_with(status)) || line == b"+"
            };
            let begins = match self.line(Side::Server, LineEnding::Lf, input) {
                Some(Line::Whole(line, _)) => begins(line),
                // It is not taken yet.
                Some(Line::Long) => begins(input.unread()),
                None => return,
            };
            if let FromServer::Lost { owed: Some(owed), .. } = &mut self.from_server {
                *owed = owed.saturating_sub(begins.into());
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
            return self.lost(if self.overflow > 0 { Cause::QueueFull } else { Cause::Unsolicited });
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
        let doubt = Doubt::NONE;
        self.ending = ending;
        match ticket.verb.shape(ticket.message.is_some()) {
            Shape::Rows => self.from_server = FromServer::Rows(Listing { count: 0, doubt }),
            Shape::Body => {
                self.from_server = FromServer::Body { unstuff: Unstuff::new(ending), octets: 0, doubt };
            }
            Shape::Line | Shape::Exchange => return self.done(ticket, status),
        }
        self.learn_state(ticket.verb);
        Seen::Answer(Event::Begin(ticket, status))
    }

    fn done<'i>(&mut self, ticket: Ticket, status: StatusText<'i>) -> Seen<'i> {
        self.complete(ticket);
        self.learn_state(ticket.verb);
        if ticket.verb == Verb::Stls {
            let pipelined = !self.in_flight.is_empty() || self.overflow > 0;
            self.from_client = FromClient::Tls(if pipelined { Tls::Plaintext } else { Tls::Due });
            self.from_server = FromServer::Tls(Tls::Due);
            return Seen::Encrypted;
        }
        Seen::Answer(match read_line(ticket, status.text()) {
            Some(Ok((said, _))) => said.event(ticket),
            Some(Err(_)) => Event::Malformed(ticket, status.text().as_bytes()),
            None => Event::Ok(ticket, status),
        })
    }

    /// Learns the state from an accepted command. QUIT ends the session whether it is accepted or not.
    fn learn_state(&mut self, verb: Verb) {
        self.state = match (verb, verb.states()) {
            (Verb::Pass | Verb::Apop | Verb::Auth, _) => Some(State::Transaction),
            (Verb::Quit, _) => Some(State::Closed),
            (_, [state]) => Some(*state),
            _ => self.state,
        };
    }

    fn row<'i>(&mut self, input: &mut Input<'i>, listing: Listing) -> Option<Seen<'i>> {
        let Listing { count, doubt } = listing;
        let ticket = self.in_flight.oldest()?;
        let before = input.unread();
        let line = self.line(Side::Server, self.ending, input);
        if let Some(Line::Whole(b".", _)) = line {
            return self.ended(ticket, count, doubt);
        }
        let doubt = doubt.read(taken(before, input));
        self.from_server = FromServer::Rows(Listing { count, doubt });
        let row = match line? {
            Line::Long => return Some(Seen::LongLine(Side::Server)),
            Line::Whole(row, _) => row.strip_prefix(b".").unwrap_or(row),
        };
        self.from_server = FromServer::Rows(Listing { count: count.saturating_add(1), doubt });
        Some(Seen::Answer(match read_row(ticket, row) {
            Ok((said, _)) => said.event(ticket),
            Err(_) => Event::Malformed(ticket, row),
        }))
    }

    fn body<'i>(
        &mut self,
        input: &mut Input<'i>,
        mut unstuff: Unstuff,
        octets: u64,
        doubt: Doubt,
    ) -> Option<Seen<'i>> {
        let ticket = self.in_flight.oldest()?;
        let before = input.unread();
        let data = match input.advance(|unread| unstuff.next(unread)) {
            Some(Piece::End) => return self.ended(ticket, octets, doubt),
            Some(Piece::Data(data)) => Some(data),
            None => None,
        };
        let doubt = doubt.read(taken(before, input));
        let octets = octets.saturating_add(data.map_or(0, <[u8]>::len) as u64);
        self.from_server = FromServer::Body { unstuff, octets, doubt };
        Some(Seen::Answer(Event::Body(ticket, data?)))
    }

    /// The terminator was read. The end of the response is reported after a doubt about it.
    fn ended<'i>(&mut self, ticket: Ticket, amount: u64, doubt: Doubt) -> Option<Seen<'i>> {
        self.from_server = FromServer::End(amount);
        let ambiguity = match self.ending {
            LineEnding::Lf => Some(Ambiguity::BareLfStatus),
            LineEnding::Crlf => doubt.found(),
        };
        match ambiguity {
            Some(ambiguity) => Some(Seen::Ambiguous(ticket, ambiguity)),
            None => self.end(amount),
        }
    }

    fn end<'i>(&mut self, amount: u64) -> Option<Seen<'i>> {
        let ticket = self.in_flight.oldest()?;
        self.complete(ticket);
        Some(Seen::Answer(Event::End(ticket, amount)))
    }

    /// The response to this command, the oldest, is complete.
    fn complete(&mut self, ticket: Ticket) {
        self.in_flight.pop();
        self.from_server = FromServer::Status;
        if ticket.verb == Verb::Auth {
            self.from_client = FromClient::Command;
        }
    }

    fn lost<'i>(&mut self, cause: Cause) -> Option<Seen<'i>> {
        let owed = (cause == Cause::QueueFull).then_some(self.overflow);
        self.lose(cause, true, owed);
        self.take_cause()
    }
}

/// The bytes that were taken from `before`.
fn taken<'i>(before: &'i [u8], input: &Input<'i>) -> &'i [u8] {
    before.get(..before.len().saturating_sub(input.remaining())).unwrap_or_default()
}

/// The text before a NUL or a bare CR is not what the server sent.
fn challenge(text: Text<'_>, quirks: Quirks) -> Seen<'_> {
    match Base64::new(text.as_bytes()) {
        Ok(challenge) if !quirks.contains(Quirk::ControlInText) => Seen::Challenge(challenge),
        _ => Seen::MalformedChallenge(text.as_bytes()),
    }
}
