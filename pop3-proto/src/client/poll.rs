//! Reads responses: frames a line, derives its meaning from the oldest command in flight, and makes an event.

use super::event::{Closed, Event};
use super::{AsConfig, Capabilities, Client, Ending, Lines, ListedUniqueId, Source, Ticket, Turn, Welcome};
use crate::body::{Piece, Unstuff};
use crate::codec::{
    Capability, Digits, DropListing, Framed, LanguageListing, LineEnding, Response, ScanListing, State,
    StatusText, UniqueIdListing, Verb, frame, frame_crlf,
};
use crate::error::ConnectionError;
use crate::input::{Input, resume};
use crate::limits::Limit;
use crate::quirks::{Profile, Quirk, Quirks};
use crate::types::{InvalidValue, Mechanism, MessageNumber, Text, UniqueId};

/// An event, or `None` if the client needs more input.
pub(super) type Polled<'i> = Result<Option<Event<'i>>, ConnectionError>;

/// The result of the general step. Its type differs from the result of `poll`, and is larger. Otherwise the compiler
/// gives both the same place in memory and also builds a plain event there in parts. The move of the event then waits
/// until all parts are written, which takes most of the time of a row.
pub(crate) struct General<'i> {
    pub(crate) polled: Polled<'i>,
    /// The number of bytes that were read.
    read: usize,
}

impl<C: AsConfig> Client<C> {
    /// Returns the next event. `None` means that the client needs more input, or your answer to an event.
    ///
    /// Call this until it returns `None`, then send, then wait for input. If bytes are left after the last expected
    /// response, the client returns the event first. After that, no command can be sent, and the next call returns
    /// the error. After [`Event::Closed`], every call returns `None`, and [`is_closed`](Self::is_closed) is true.
    ///
    /// # Errors
    /// Returns [`ConnectionError`] if the peer broke a rule, or if the stream ended inside a response. Every later
    /// call returns the same error. [`deletions`](Self::deletions) still returns what happened to the messages marked
    /// for deletion.
    // Small, so the compiler can inline it into the loop of a driver. This saves a third of the time of a listing.
    #[inline(always)]
    pub fn poll<'i>(&mut self, input: &mut Input<'i>) -> Polled<'i> {
        match self.plain(input) {
            Some(event) => Ok(Some(event)),
            None => self.general(input).polled,
        }
    }

    /// Handles any input, in any turn.
    #[inline(never)]
    pub(crate) fn general<'i>(&mut self, input: &mut Input<'i>) -> General<'i> {
        let before = input.remaining();
        let mut general = General { polled: Ok(None), read: 0 };
        match self.fatal {
            Some(fatal) => general.polled = Err(fatal),
            // The event is made in the place where it is returned.
            None => general.polled = self.step(input),
        }
        match &general.polled {
            Err(fatal) => self.fatal = Some(*fatal),
            Ok(Some(_)) => self.note_unread(input.unread()),
            Ok(None) => {}
        }
        general.read = before.wrapping_sub(input.remaining());
        if general.read > 0 {
            self.arm();
        }
        general
    }

    /// Returns whether [`poll`](Self::poll) would consume no bytes and need more input, given these bytes. An adapter
    /// that owns the buffer and the machine calls this before it reads (see
    /// [I/O](crate::guide::io#wrap-a-connection-in-your-own-type)). `eof` means that the stream has ended. If this
    /// returns false, `poll` has an event or a fatal error, or the session is over.
    ///
    /// A call never changes the events of `poll`, whatever bytes you pass.
    ///
    /// ```
    /// use pop3_proto::{Client, TlsPolicy};
    ///
    /// let mut client = Client::new(TlsPolicy::Cleartext, 1);
    /// assert!(client.needs_input(b"+OK rea", false));
    /// assert!(!client.needs_input(b"+OK ready\r\n", false));
    /// assert!(!client.needs_input(b"", true)); // `poll` says that the stream has ended
    /// ```
    #[must_use]
    pub fn needs_input(&mut self, unread: &[u8], eof: bool) -> bool {
        if self.is_closed() || eof {
            return false;
        }
        let (limit, ending) = match self.line_due() {
            Some(due) => due,
            None if !self.is_quiet() => return !self.has_event(unread),
            None if unread.is_empty() => return !self.is_parting(),
            None if !self.may_part(unread) => return false,
            None => (Limit::StatusLine, LineEnding::Lf),
        };
        // Each byte is searched once here and once by `poll`.
        let searched = resume(self.searched, unread).max(resume(self.asked, unread));
        let framed = self.frame(unread, searched, limit, ending);
        self.asked = position(&framed, unread);
        matches!(framed, Framed::Incomplete)
    }

    /// Returns whether bytes that are not a line make an event. The start of a possible terminator does not.
    fn has_event(&self, unread: &[u8]) -> bool {
        match self.turn {
            Turn::Body { mut unstuff, .. } if unread.len() <= b".\r".len() => {
                unstuff.next_piece(&mut &*unread).is_some()
            }
            _ => !unread.is_empty(),
        }
    }

    // Not inlined, so its event is made in the place where it is returned.
    #[inline(never)]
    fn step<'i>(&mut self, input: &mut Input<'i>) -> Polled<'i> {
        if self.state == State::Closed {
            return Ok((self.ending != Ending::Told).then(|| self.over(None)));
        }
        match self.turn {
            Turn::Rows { ending, count, listed } => self.row(input, ending, count, listed),
            Turn::Body { unstuff, octets } => self.body(input, unstuff, octets),
            Turn::Status | Turn::Cancelled if self.expects_status() => self.status(input),
            // The server refused service and closed. Only QUIT could have been sent.
            Turn::Status
                if self.greeting == Welcome::Refused && input.is_last() && input.remaining() == 0 =>
            {
                Ok(Some(self.over(None)))
            }
            _ => self.unasked(input),
        }
    }

    /// Returns whether the client expects no bytes before the caller acts, in a session that is not over.
    pub(super) fn is_quiet(&self) -> bool {
        match self.turn {
            Turn::Rows { .. } | Turn::Body { .. } => false,
            Turn::Challenge | Turn::Verdict | Turn::Handshake => true,
            Turn::Status | Turn::Cancelled => !self.expects_status(),
        }
    }

    /// Returns whether the client expects bytes from the server.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.is_closed() && (self.is_parting() || !self.is_quiet())
    }

    /// Returns whether the last event was returned.
    pub(crate) const fn has_told(&self) -> bool {
        self.fatal.is_none() && matches!(self.ending, Ending::Told)
    }

    /// Makes the last event.
    pub(super) fn over<'i>(&mut self, answer: Option<(Ticket, StatusText<'i>)>) -> Event<'i> {
        (self.state, self.ending) = (State::Closed, Ending::Told);
        let deletions = self.deletions();
        Event::Closed(Closed { deletions, answer })
    }

    fn expects_status(&self) -> bool {
        self.state == State::Greeting || !self.in_flight.is_empty()
    }

    /// Returns the limit and the line ending of the expected line, or `None` if the client expects a body or no
    /// bytes.
    fn line_due(&self) -> Option<(Limit, LineEnding)> {
        match self.turn {
            Turn::Rows { ending, .. } => Some((Limit::ListingLine, ending)),
            Turn::Status | Turn::Cancelled if self.expects_status() => {
                let auth = self.in_flight.oldest().is_some_and(|ticket| ticket.verb == Verb::Auth);
                Some((if auth { Limit::SaslLine } else { Limit::StatusLine }, LineEnding::Lf))
            }
            _ => None,
        }
    }

    /// Frames the expected line, and remembers how many bytes were searched. This is the only look-ahead.
    pub(super) fn look<'u>(&mut self, unread: &'u [u8], limit: Limit, ending: LineEnding) -> Framed<'u> {
        let framed = self.frame(unread, resume(self.searched, unread), limit, ending);
        self.searched = position(&framed, unread);
        framed
    }

    fn frame<'u>(&self, unread: &'u [u8], searched: usize, limit: Limit, ending: LineEnding) -> Framed<'u> {
        let limits = &self.config.as_config().limits;
        let most = usize::from(match limit {
            Limit::ListingLine => limits.listing_line,
            Limit::SaslLine => limits.sasl_line,
            _ => limits.status_line,
        });
        match ending {
            LineEnding::Crlf => frame_crlf(unread, searched, most),
            LineEnding::Lf => frame(unread, searched, most),
        }
    }

    /// Takes the expected line, or returns `None` while it is incomplete.
    fn take_line<'i>(
        &mut self,
        input: &mut Input<'i>,
    ) -> Result<Option<(&'i [u8], LineEnding)>, ConnectionError> {
        let Some((limit, ending)) = self.line_due() else { return Ok(None) };
        match self.look(input.unread(), limit, ending) {
            Framed::Line { content, ending, consumed } => {
                input.take(consumed);
                Ok(Some((content, ending)))
            }
            Framed::TooLong => Err(ConnectionError::OverLimit(limit)),
            Framed::Incomplete if input.is_last() => Err(ConnectionError::UnexpectedEof),
            Framed::Incomplete => Ok(None),
        }
    }

    /// Reads a status line or a challenge.
    fn status<'i>(&mut self, input: &mut Input<'i>) -> Polled<'i> {
        if let Some((response, consumed)) = Response::plain(input.unread()) {
            let oldest = self.in_flight.oldest();
            let limits = &self.config.as_config().limits;
            let auth = oldest.is_some_and(|ticket| ticket.verb == Verb::Auth);
            if consumed <= usize::from(if auth { limits.sasl_line } else { limits.status_line }) {
                input.take(consumed);
                self.searched = 0;
                self.lines = Lines::Decided(LineEnding::Crlf);
                return match oldest {
                    None => self.greeted(response),
                    Some(ticket) => {
                        self.answered(ticket, response, Quirks::NONE, LineEnding::Crlf, input.remaining())
                    }
                };
            }
        }
        let line = match self.take_line(input) {
            Err(ConnectionError::UnexpectedEof) if self.awaits_quit() => return self.closed_unanswered(),
            line => line?,
        };
        let Some((content, ending)) = line else { return Ok(None) };
        self.decide_lines(ending)?;
        let oldest = self.in_flight.oldest();
        let mut quirks = Quirks::NONE;
        let Ok(response) = Response::read(content, oldest.map(|ticket| ticket.verb), &mut quirks) else {
            return Err(ConnectionError::NotPop3);
        };
        self.tolerate(quirks)?;
        match oldest {
            None => self.greeted(response),
            Some(ticket) => self.answered(ticket, response, quirks, ending, input.remaining()),
        }
    }

    /// Decides the form of line ends: the first line of the session, and the first line inside TLS, decide. After CR
    /// LF, a bare LF is an error.
    pub(super) fn decide_lines(&mut self, ending: LineEnding) -> Result<(), ConnectionError> {
        match (self.lines, ending) {
            (Lines::Decided(LineEnding::Crlf), LineEnding::Lf) => return Err(ConnectionError::BareLf),
            (_, LineEnding::Lf) => self.tolerate_one(Quirk::BareLf)?,
            (_, LineEnding::Crlf) => {}
        }
        self.lines = Lines::Decided(ending);
        Ok(())
    }

    /// Returns whether only the response to QUIT is pending. Some servers close without it.
    fn awaits_quit(&self) -> bool {
        self.in_flight.oldest().is_some_and(|ticket| ticket.verb == Verb::Quit)
    }

    fn closed_unanswered<'i>(&mut self) -> Polled<'i> {
        self.tolerate_one(Quirk::QuitUnanswered)?;
        self.complete();
        Ok(Some(self.over(None)))
    }

    /// Reads a row of a listing, or its terminator.
    // Not inlined, for the same reason as `step`.
    #[inline(never)]
    fn row<'i>(
        &mut self,
        input: &mut Input<'i>,
        ending: LineEnding,
        count: u32,
        mut listed: Capabilities,
    ) -> Polled<'i> {
        let Some(ticket) = self.in_flight.oldest() else { return Err(ConnectionError::Unsolicited) };
        let Some((content, _)) = self.take_line(input)? else { return Ok(None) };
        if content == b"." {
            if ticket.verb == Verb::Capa {
                self.capabilities = listed.with_source(Source::Listed);
            }
            self.complete();
            return Ok(Some(Event::End(ticket, count.into())));
        }
        if count >= self.config.as_config().limits.listing_rows {
            return Err(ConnectionError::OverLimit(Limit::ListingRows));
        }
        let content = content.strip_prefix(b".").unwrap_or(content);
        let event = self.parsed(ticket, content, read_row(ticket, content));
        if let Event::Capability(_, capability) = &event {
            listed.add(capability);
        }
        self.turn = Turn::Rows { ending, count: count.saturating_add(1), listed };
        Ok(Some(event))
    }

    /// Reads the next bytes of a message, or its terminator.
    fn body<'i>(&mut self, input: &mut Input<'i>, mut unstuff: Unstuff, octets: u64) -> Polled<'i> {
        let Some(ticket) = self.in_flight.oldest() else { return Err(ConnectionError::Unsolicited) };
        let mut rest = input.unread();
        match unstuff.next_piece(&mut rest) {
            Some(Piece::Data(data)) => {
                input.advance(|unread| *unread = rest);
                self.turn = Turn::Body { unstuff, octets: octets.saturating_add(data.len() as u64) };
                self.within_limit(data, octets).map(|data| Some(Event::Body(ticket, data)))
            }
            Some(Piece::End) => {
                input.advance(|unread| *unread = rest);
                self.complete();
                Ok(Some(Event::End(ticket, octets)))
            }
            None if input.is_last() => Err(ConnectionError::UnexpectedEof),
            // The start of a possible terminator stays unread until more bytes decide.
            None => Ok(None),
        }
    }

    /// Returns the part of `data` that the limit allows. If it is not all of it, the session ends after it, so the
    /// delivered bytes do not depend on how the input was split.
    fn within_limit<'i>(&mut self, data: &'i [u8], octets: u64) -> Result<&'i [u8], ConnectionError> {
        let left = self.config.as_config().limits.body_octets.saturating_sub(octets);
        let fatal = ConnectionError::OverLimit(Limit::BodyOctets);
        match usize::try_from(left).ok().and_then(|left| data.get(..left)) {
            None => Ok(data),
            Some(within) if within.len() == data.len() => Ok(data),
            Some([]) => Err(fatal),
            Some(within) => {
                self.fatal = Some(fatal);
                Ok(within)
            }
        }
    }

    /// Makes the event of a row or a one-line response, or a malformed one. With the strict profile, a row with a
    /// deviation is malformed too.
    pub(super) fn parsed<'i>(
        &mut self,
        ticket: Ticket,
        octets: &'i [u8],
        read: Result<(Said<'i>, Quirks), InvalidValue>,
    ) -> Event<'i> {
        match read {
            Ok((said, quirks))
                if quirks.is_empty() || self.config.as_config().profile == Profile::Tolerant =>
            {
                self.quirks.note_all(quirks);
                said.event(ticket)
            }
            _ => {
                self.quirks.note(Quirk::MalformedRow);
                Event::Malformed(ticket, octets)
            }
        }
    }

    /// Completes the oldest command.
    pub(super) const fn complete(&mut self) {
        self.in_flight.pop();
        self.turn = Turn::Status;
    }
}

/// Returns how many unread bytes were searched, given the result.
fn position(framed: &Framed<'_>, unread: &[u8]) -> u16 {
    match framed {
        Framed::Incomplete => u16::try_from(unread.len()).unwrap_or_default(),
        Framed::Line { .. } | Framed::TooLong => 0,
    }
}

/// The value of a row or of a one-line response.
pub(crate) enum Said<'i> {
    Drop(DropListing),
    Scan(ScanListing),
    Id(MessageNumber, &'i [u8]),
    Capability(Capability<'i>),
    Language(LanguageListing<'i>),
    Mechanism(Mechanism<'i>),
}

impl<'i> Said<'i> {
    pub(crate) fn event(self, ticket: Ticket) -> Event<'i> {
        match self {
            Said::Drop(listing) => Event::DropListing(ticket, listing),
            Said::Scan(listing) => Event::ScanListing(ticket, listing),
            Said::Id(message, octets) => Event::UniqueId(ticket, ListedUniqueId::new(message, octets)),
            Said::Capability(capability) => Event::Capability(ticket, capability),
            Said::Language(listing) => Event::Language(ticket, listing),
            Said::Mechanism(mechanism) => Event::Mechanism(ticket, mechanism),
        }
    }
}

/// Reads a row of the response to this command.
pub(crate) fn read_row<'i>(ticket: Ticket, row: &'i [u8]) -> Result<(Said<'i>, Quirks), InvalidValue> {
    let mut quirks = Quirks::NONE;
    let said = match ticket.verb {
        Verb::List => ScanListing::read(row, &mut quirks).map(Said::Scan),
        Verb::Uidl => read_unique_id(row, &mut quirks).map(|(message, octets)| Said::Id(message, octets)),
        Verb::Capa => Capability::read(row, &mut quirks).map(Said::Capability),
        Verb::LangList => LanguageListing::parse(row).map(Said::Language),
        _ => Mechanism::new(row).map(Said::Mechanism),
    }?;
    Ok((said, quirks))
}

/// Reads a one-line response whose text has a value, or returns `None` if it has none.
pub(crate) fn read_line<'i>(
    ticket: Ticket,
    text: Text<'i>,
) -> Option<Result<(Said<'i>, Quirks), InvalidValue>> {
    let (mut quirks, octets) = (Quirks::NONE, text.as_bytes());
    let said = match (ticket.verb, ticket.message) {
        (Verb::Stat, _) => DropListing::read(octets, &mut quirks).map(Said::Drop),
        (Verb::List, Some(asked)) => ScanListing::read(octets, &mut quirks)
            .and_then(|listing| about(asked, listing.message).map(|()| Said::Scan(listing))),
        (Verb::Uidl, Some(asked)) => read_one_unique_id(asked, octets, &mut quirks),
        (Verb::Lang, _) => LanguageListing::parse(octets).map(Said::Language),
        _ => return None,
    };
    Some(said.map(|said| (said, quirks)))
}

fn read_unique_id<'i>(row: &'i [u8], quirks: &mut Quirks) -> Result<(MessageNumber, &'i [u8]), InvalidValue> {
    let (message, octets) = UniqueIdListing::read(row, quirks)?;
    if UniqueId::new(octets).is_err() {
        quirks.note(Quirk::UniqueIdRange);
    }
    Ok((message, octets))
}

/// Reads the text like a row. Some servers leave out the number. Others leave out the unique-id, so only the number
/// is left.
fn read_one_unique_id<'i>(
    asked: MessageNumber,
    text: &'i [u8],
    quirks: &mut Quirks,
) -> Result<Said<'i>, InvalidValue> {
    if is_number(text, asked) {
        return Err(InvalidValue::Syntax);
    }
    if let Ok(id) = UniqueId::new(text) {
        quirks.note(Quirk::NumberMissing);
        return Ok(Said::Id(asked, id.as_bytes()));
    }
    let (message, octets) = read_unique_id(text, quirks)?;
    about(asked, message).map(|()| Said::Id(message, octets))
}

/// Returns whether the text is only this number, with or without leading zeros.
fn is_number(text: &[u8], number: MessageNumber) -> bool {
    let mut digits = text;
    while let [b'0', rest @ ..] = digits {
        digits = rest;
    }
    digits == Digits::new(number.get()).as_bytes()
}

/// Checks that the response is about the requested message.
fn about(asked: MessageNumber, message: MessageNumber) -> Result<(), InvalidValue> {
    if asked == message { Ok(()) } else { Err(InvalidValue::Syntax) }
}
