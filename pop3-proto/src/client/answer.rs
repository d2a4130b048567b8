//! Applies a status line: makes its event, and changes the session.

use super::event::{Event, Greeting, SaslDone, SaslStep, StartTls};
use super::poll::{Polled, read_line};
use super::{AsConfig, Capabilities, Client, Feature, Quit, Source, Ticket, Tls, Turn, Welcome};
use crate::body::Unstuff;
use crate::codec::{LineEnding, Response, Shape, State, StatusText, Verb};
use crate::error::ConnectionError;
use crate::limits::Limit;
use crate::quirks::{Profile, Quirk, Quirks};
use crate::types::{ApopTimestamp, Base64, Text};

impl<C: AsConfig> Client<C> {
    /// Handles the first line of the session.
    pub(super) fn greeted<'i>(&mut self, response: Response<'i>) -> Polled<'i> {
        self.state = State::Authorization;
        match response {
            Response::Ok(status) => {
                let timestamp = ApopTimestamp::find(status.text().as_bytes());
                self.greeting = if timestamp.is_some() { Welcome::Timestamp } else { Welcome::Plain };
                Ok(Some(Event::Greeting(Greeting { status, timestamp })))
            }
            Response::Err(status) => {
                self.greeting = Welcome::Refused;
                Ok(Some(Event::NoService(status)))
            }
            Response::Continue(_) => Err(ConnectionError::NotPop3),
        }
    }

    /// Handles the status line of the oldest command, or a challenge, with its tolerated deviations. `unread`
    /// bytes follow it.
    pub(super) fn answered<'i>(
        &mut self,
        ticket: Ticket,
        response: Response<'i>,
        quirks: Quirks,
        ending: LineEnding,
        unread: usize,
    ) -> Polled<'i> {
        match response {
            Response::Continue(challenge) => self.challenged(challenge, quirks),
            Response::Err(status) => {
                self.note_code(status);
                self.refused(ticket, status)
            }
            Response::Ok(status) => {
                self.note_code(status);
                self.accepted(ticket, status, ending, unread)
            }
        }
    }

    /// Notes an unannounced code. Without RESP-CODES, a bracket may be plain text (RFC 2449 section 6.4).
    fn note_code(&mut self, status: StatusText<'_>) {
        let listed = self.capabilities.source() == Source::Listed;
        if status.code().is_some() && listed && !self.capabilities.has(Feature::RespCodes) {
            self.quirks.note(Quirk::UnannouncedCode);
        }
    }

    fn challenged<'i>(&mut self, text: Text<'i>, quirks: Quirks) -> Polled<'i> {
        if matches!(self.turn, Turn::Cancelled) {
            return Err(ConnectionError::Unsolicited);
        }
        if self.rounds >= self.config.as_config().limits.sasl_rounds {
            return Err(ConnectionError::OverLimit(Limit::SaslRounds));
        }
        let first = self.rounds == 0;
        self.rounds = self.rounds.saturating_add(1);
        // The part before a NUL or a bare CR is not the whole challenge.
        let whole = !quirks.contains(Quirk::ControlInText);
        let challenge = Base64::new(text.as_bytes()).ok().filter(|_| whole);
        let cancel_only =
            challenge.is_none() && !(first && self.config.as_config().profile == Profile::Tolerant);
        self.turn = Turn::Challenge;
        let step = SaslStep { mark: self.next_token(), cancel_only };
        Ok(Some(match challenge {
            Some(challenge) => Event::Challenge(step, challenge),
            None => {
                self.quirks.note(Quirk::ChallengeText);
                Event::MalformedChallenge(step, text.as_bytes())
            }
        }))
    }

    /// Handles `-ERR`. The command had no effect, except that a login is over, or that the connection ends.
    fn refused<'i>(&mut self, ticket: Ticket, status: StatusText<'i>) -> Polled<'i> {
        self.complete();
        match ticket.verb {
            Verb::User | Verb::Pass | Verb::Apop => self.named = false,
            Verb::Capa => self.capabilities = Capabilities::NONE.with_source(Source::Refused),
            Verb::Stls => self.tls = Tls::Refused,
            Verb::Quit => return self.closed(Quit::Refused, ticket, status),
            _ => {}
        }
        Ok(Some(Event::Refused(ticket, status)))
    }

    /// Handles `+OK`. The response begins, or is complete.
    fn accepted<'i>(
        &mut self,
        ticket: Ticket,
        status: StatusText<'i>,
        ending: LineEnding,
        unread: usize,
    ) -> Polled<'i> {
        match ticket.verb.shape(ticket.message.is_some()) {
            Shape::Rows => {
                self.turn = Turn::Rows { ending, count: 0, listed: Capabilities::NONE };
                Ok(Some(Event::Begin(ticket, status)))
            }
            Shape::Body => {
                self.turn = Turn::Body { unstuff: Unstuff::new(ending), octets: 0 };
                Ok(Some(Event::Begin(ticket, status)))
            }
            // The exchange was cancelled, so a server that accepts it now is out of step.
            Shape::Exchange if matches!(self.turn, Turn::Cancelled) => Err(ConnectionError::Unsolicited),
            Shape::Exchange => {
                self.complete();
                self.turn = Turn::Verdict;
                Ok(Some(Event::AuthAccepted(SaslDone { mark: self.next_token() }, status)))
            }
            Shape::Line => self.done(ticket, status, unread),
        }
    }

    /// Handles `+OK` to a command with a one-line response.
    fn done<'i>(&mut self, ticket: Ticket, status: StatusText<'i>, unread: usize) -> Polled<'i> {
        self.complete();
        match ticket.verb {
            Verb::User => self.named = true,
            Verb::Pass | Verb::Apop => self.logged_in(),
            Verb::Utf8 => self.utf8 = true,
            Verb::Dele => self.marked = true,
            Verb::Rset => self.marked = false,
            Verb::Quit => return self.closed(Quit::Ok, ticket, status),
            Verb::Stls if unread > 0 => return Err(ConnectionError::PlaintextAfterStls),
            Verb::Stls => {
                self.turn = Turn::Handshake;
                return Ok(Some(Event::StartTls(StartTls { mark: self.next_token() })));
            }
            _ => {}
        }
        Ok(Some(match read_line(ticket, status.text()) {
            Some(read) => self.parsed(ticket, status.text().as_bytes(), read),
            None => Event::Ok(ticket, status),
        }))
    }

    fn closed<'i>(&mut self, quit: Quit, ticket: Ticket, status: StatusText<'i>) -> Polled<'i> {
        self.quit = quit;
        Ok(Some(self.over(Some((ticket, status)))))
    }
}
