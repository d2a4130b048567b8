//! Reading answers: frame, tell by the oldest command in flight what is due, make an event of it.

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

/// An event, or `None` where more input is needed.
pub(super) type Polled<'i> = Result<Option<Event<'i>>, ConnectionError>;

/// What the general step says. Not the same as what `poll` returns, and larger: else the compiler gives both one place
/// in memory, a plain event is built there in parts too, and whoever moves it waits for all of them to be written. That
/// is most of the time of a row.
pub(crate) struct General<'i> {
    pub(crate) polled: Polled<'i>,
    /// How many octets were read.
    read: usize,
}

impl<C: AsConfig> Client<C> {
    /// Reads the next event; `None` asks for more input, or for the caller's turn.
    ///
    /// Call it until it returns `None`, then send, then wait for input. If octets are left over when the server owes
    /// nothing more, the event comes first; from then on nothing can be sent, and the next call returns the error. After
    /// [`Event::Closed`] every call returns `None`, and [`is_closed`](Self::is_closed) is true.
    ///
    /// # Errors
    /// [`ConnectionError`], the same from then on: the peer broke a rule or the stream ended inside an answer.
    /// [`deletions`](Self::deletions) still tells what became of the messages marked for deletion.
    // Thin, so that the loop of a driver can take it in: inlining it is worth a third of the time of a
    // listing.
    #[inline(always)]
    pub fn poll<'i>(&mut self, input: &mut Input<'i>) -> Polled<'i> {
        match self.plain(input) {
            Some(event) => Ok(Some(event)),
            None => self.general(input).polled,
        }
    }

    /// Whatever may come, in any turn.
    #[inline(never)]
    pub(crate) fn general<'i>(&mut self, input: &mut Input<'i>) -> General<'i> {
        let before = input.remaining();
        let mut general = General { polled: Ok(None), read: 0 };
        match self.fatal {
            Some(fatal) => general.polled = Err(fatal),
            // Right where it is returned.
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

    /// Whether [`poll`](Self::poll) would consume nothing and ask for input, given these octets: what an
    /// adapter that owns both buffer and machine asks before it reads (see
    /// [I/O](crate::guide::io#wrap-a-connection-in-your-own-type)). `eof` is whether the stream has ended.
    /// If it returns false, `poll` has an event or a fatal error, or the session is over.
    ///
    /// Asking changes nothing that `poll` does, whatever the octets are.
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
        // Each octet is searched once here and once by `poll`.
        let searched = resume(self.searched, unread).max(resume(self.asked, unread));
        let framed = self.frame(unread, searched, limit, ending);
        self.asked = position(&framed, unread);
        matches!(framed, Framed::Incomplete)
    }

    /// Whether octets that are no line make an event; the start of what may be an end mark does not yet.
    fn has_event(&self, unread: &[u8]) -> bool {
        match self.turn {
            Turn::Body { mut unstuff, .. } if unread.len() <= b".\r".len() => {
                unstuff.next_piece(&mut &*unread).is_some()
            }
            _ => !unread.is_empty(),
        }
    }

    // Not in line, so that its event is made where it is returned.
    #[inline(never)]
    fn step<'i>(&mut self, input: &mut Input<'i>) -> Polled<'i> {
        if self.state == State::Closed {
            return Ok((self.ending != Ending::Told).then(|| self.over(None)));
        }
        match self.turn {
            Turn::Rows { ending, count, listed } => self.row(input, ending, count, listed),
            Turn::Body { unstuff, octets } => self.body(input, unstuff, octets),
            Turn::Status | Turn::Cancelled if self.expects_status() => self.status(input),
            // Refused service, and gone: nothing was left to say but QUIT.
            Turn::Status
                if self.greeting == Welcome::Refused && input.is_last() && input.remaining() == 0 =>
            {
                Ok(Some(self.over(None)))
            }
            _ => self.unasked(input),
        }
    }

    /// Whether the server has nothing to say before the caller does something.
    pub(super) fn is_quiet(&self) -> bool {
        match self.turn {
            _ if self.state == State::Closed => false,
            Turn::Rows { .. } | Turn::Body { .. } => false,
            Turn::Challenge | Turn::Verdict | Turn::Handshake => true,
            Turn::Status | Turn::Cancelled => !self.expects_status(),
        }
    }

    /// Whether the server owes something.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.is_closed() && (self.is_parting() || !self.is_quiet())
    }

    /// Whether the last event was given.
    pub(crate) const fn has_told(&self) -> bool {
        self.fatal.is_none() && matches!(self.ending, Ending::Told)
    }

    /// The last event.
    pub(super) fn over<'i>(&mut self, answer: Option<(Ticket, StatusText<'i>)>) -> Event<'i> {
        (self.state, self.ending) = (State::Closed, Ending::Told);
        let deletions = self.deletions();
        Event::Closed(Closed { deletions, answer })
    }

    fn expects_status(&self) -> bool {
        self.state == State::Greeting || !self.in_flight.is_empty()
    }

    /// The limit of the line that is due, and how it ends; `None` where octets are due, or nothing is.
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

    /// The one look-ahead step: frames the line that is due and remembers how far it looked.
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

    /// Takes the line that is due; `None` while it is incomplete.
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

    /// A status line or a challenge.
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

    /// The one rule for line ends: the first line of the session, and the first inside TLS, decides; CR LF is
    /// for good.
    pub(super) fn decide_lines(&mut self, ending: LineEnding) -> Result<(), ConnectionError> {
        match (self.lines, ending) {
            (Lines::Decided(LineEnding::Crlf), LineEnding::Lf) => return Err(ConnectionError::BareLf),
            (_, LineEnding::Lf) => self.tolerate_one(Quirk::BareLf)?,
            (_, LineEnding::Crlf) => {}
        }
        self.lines = Lines::Decided(ending);
        Ok(())
    }

    /// Whether all that is due is the answer to QUIT: some servers just close.
    fn awaits_quit(&self) -> bool {
        self.in_flight.oldest().is_some_and(|ticket| ticket.verb == Verb::Quit)
    }

    fn closed_unanswered<'i>(&mut self) -> Polled<'i> {
        self.tolerate_one(Quirk::QuitUnanswered)?;
        self.complete();
        Ok(Some(self.over(None)))
    }

    /// A row of a listing, or its end mark.
    // As `step`.
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

    /// The next octets of a message, or its end mark.
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
            // What may be the start of the end mark stays unread until it is known for what it is.
            None => Ok(None),
        }
    }

    /// As much of `data` as the limit leaves; where that is not all of it, the session ends behind it, so
    /// that what is delivered does not depend on how the input was cut.
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

    /// An event of what a row or a one-line answer says, or an odd one; by the strict profile what was
    /// tolerated is odd too.
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

    /// The oldest command is answered.
    pub(super) const fn complete(&mut self) {
        self.in_flight.pop();
        self.turn = Turn::Status;
    }
}

/// How far the unread octets were searched, if this is what came of it.
fn position(framed: &Framed<'_>, unread: &[u8]) -> u16 {
    match framed {
        Framed::Incomplete => u16::try_from(unread.len()).unwrap_or_default(),
        Framed::Line { .. } | Framed::TooLong => 0,
    }
}

/// What a row, or a one-line answer, says.
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

/// Reads a row of the answer to this command.
pub(crate) fn read_row<'i>(ticket: Ticket, row: &'i [u8]) -> Result<(Said<'i>, Quirks), InvalidValue> {
    let mut quirks = Quirks::NONE;
    let said = match ticket.verb {
        Verb::List => ScanListing::read(row, &mut quirks).map(Said::Scan),
        Verb::Uidl => read_unique_id(row, &mut quirks),
        Verb::Capa => Capability::read(row, &mut quirks).map(Said::Capability),
        Verb::LangList => LanguageListing::parse(row).map(Said::Language),
        _ => Mechanism::new(row).map(Said::Mechanism),
    }?;
    Ok((said, quirks))
}

/// Reads a one-line answer whose text says something; `None` where it does not.
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

fn read_unique_id<'i>(row: &'i [u8], quirks: &mut Quirks) -> Result<Said<'i>, InvalidValue> {
    let (message, octets) = UniqueIdListing::read(row, quirks)?;
    if UniqueId::new(octets).is_err() {
        quirks.note(Quirk::UniqueIdRange);
    }
    Ok(Said::Id(message, octets))
}

/// Reads it as a row. Some servers leave the number out; others leave the unique-id out, and what is left is
/// the number.
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
    let said = read_unique_id(text, quirks)?;
    match said {
        Said::Id(message, _) => about(asked, message).map(|()| said),
        _ => Ok(said),
    }
}

/// Returns whether the text is this number and nothing else, with or without leading zeros.
fn is_number(text: &[u8], number: MessageNumber) -> bool {
    let mut digits = text;
    while let [b'0', rest @ ..] = digits {
        digits = rest;
    }
    digits == Digits::new(number.get()).as_bytes()
}

/// An answer about another message than the one that was asked for says nothing.
fn about(asked: MessageNumber, message: MessageNumber) -> Result<(), InvalidValue> {
    if asked == message { Ok(()) } else { Err(InvalidValue::Syntax) }
}
