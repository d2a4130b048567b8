//! Writes replies one line at a time. Each line is written completely or not at all, so a reply of any length can be
//! resumed.

use super::check::is_implementation;
use super::config::PerUser;
use super::phrase::Phrase;
use super::{AsConfig, Body, CloseReason, Maildrop, Refusal, Server, ServerConfig, Totals, Turn};
use crate::codec::{
    Capability, Digits, DropListing, LanguageListing, Mechanisms, Response, ResponseCode, ScanListing, State,
    StatusText, UniqueIdListing,
};
use crate::sink::{BufferFull, MIN_SEND_BUF, Sink};
use crate::types::{Mechanism, MessageNumber, Text};

/// A reply that is being written, and the step after it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reply {
    pub(super) what: What,
    pub(super) then: Then,
}

/// The content of a reply.
#[derive(Clone, Copy, Debug)]
pub(super) enum What {
    Ok(Phrase),
    Err(Phrase),
    /// `-ERR` for this reason, with or without its response code.
    Refused {
        refusal: Refusal,
        coded: bool,
    },
    /// `-ERR` to QUIT, with or without the response code of this reason.
    NotRemoved {
        why: Refusal,
        coded: bool,
    },
    /// `+OK` to STAT.
    Stat,
    /// `+OK` to `LIST n`.
    Scan(MessageNumber),
    /// `+OK` to `UIDL n`.
    UniqueId(MessageNumber),
    /// `+OK` to RETR, or to TOP with its number of lines.
    Message(Extent<u64>),
    /// `+OK` to `LANG tag`.
    Language,
    /// A listing. `next` is the row to write, from 1, or 0 for the status line.
    Rows {
        rows: Rows,
        next: u32,
    },
    /// The end of a message.
    EndMark(EndMark),
}

/// The part of a message that is sent, and the size in the status line. `T` describes where TOP ends.
#[derive(Clone, Copy, Debug)]
pub(super) enum Extent<T> {
    /// The whole message, with exactly this size.
    Exact(u64),
    /// The whole message, with an estimated size.
    Estimated(u64),
    /// The headers and some lines of the body.
    Top(T),
}

/// The listings.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Rows {
    ScanListing,
    UniqueIds,
    Capabilities,
    Languages,
    Mechanisms,
}

/// The step after a reply.
#[derive(Clone, Copy, Debug)]
pub(super) enum Then {
    /// The server reads the next command.
    Read,
    /// The TLS handshake begins.
    StartTls,
    /// The message is sent.
    Body,
    /// The end of a message follows, of which no byte was sent.
    EndMark(EndMark),
    /// The session ends.
    Close(CloseReason),
}

/// The end of a message: a missing line end of its last line, an empty line if TOP did not reach the end of the
/// headers, and the dot.
#[derive(Clone, Copy, Debug)]
pub(super) struct EndMark {
    pub(super) line_end: bool,
    pub(super) blank_line: bool,
}

impl Reply {
    pub(super) const fn ok(phrase: Phrase, then: Then) -> Self {
        Reply { what: What::Ok(phrase), then }
    }

    pub(super) const fn err(phrase: Phrase, then: Then) -> Self {
        Reply { what: What::Err(phrase), then }
    }

    /// Makes `-ERR` with the code of this refusal if the server announces codes (RFC 2449 section 8, RFC 3206 section
    /// 6).
    pub(super) fn refusal(refusal: Refusal, config: &ServerConfig<'_>, then: Then) -> Self {
        Reply { what: What::Refused { refusal, coded: config.resp_codes }, then }
    }

    /// Makes `-ERR` to QUIT.
    pub(super) const fn not_removed(why: Refusal, coded: bool) -> Self {
        Reply { what: What::NotRemoved { why, coded }, then: Then::Close(CloseReason::Quit) }
    }

    pub(super) const fn stat() -> Self {
        Reply { what: What::Stat, then: Then::Read }
    }

    pub(super) const fn scan(message: MessageNumber) -> Self {
        Reply { what: What::Scan(message), then: Then::Read }
    }

    pub(super) const fn unique_id(message: MessageNumber) -> Self {
        Reply { what: What::UniqueId(message), then: Then::Read }
    }

    pub(super) const fn language() -> Self {
        Reply { what: What::Language, then: Then::Read }
    }

    pub(super) const fn rows(rows: Rows) -> Self {
        Reply { what: What::Rows { rows, next: 0 }, then: Then::Read }
    }

    /// Makes the status line before a message.
    pub(super) const fn message(extent: Extent<u64>) -> Self {
        Reply { what: What::Message(extent), then: Then::Body }
    }

    pub(super) const fn end_mark(mark: EndMark) -> Self {
        Reply { what: What::EndMark(mark), then: Then::Read }
    }
}

impl<L: Maildrop, C: AsConfig> Server<L, C> {
    /// Writes as much as fits, and sets the turn to the rest or to the next step.
    // The reply is read in place, here and below. A copy would wait until all its parts are written.
    pub(super) fn write(&mut self, sink: &mut dyn Sink) -> Result<(), BufferFull> {
        let Turn::Reply(Reply { what, .. }) = &self.turn else { return Ok(()) };
        match *what {
            What::Rows { rows, next: mut row } => {
                let written = self.write_rows(rows, &mut row, sink);
                if let Turn::Reply(Reply { what: What::Rows { next, .. }, .. }) = &mut self.turn {
                    *next = row;
                }
                written?;
            }
            _ => self.put(what, sink)?,
        }
        self.follow();
        Ok(())
    }

    /// Writes a reply that is not a listing.
    fn put(&self, what: &What, sink: &mut dyn Sink) -> Result<(), BufferFull> {
        match *what {
            What::Ok(phrase) => status(true, None, self.say(phrase), sink),
            What::Err(phrase) => status(false, None, self.say(phrase), sink),
            What::Refused { refusal, coded } => {
                let code = refusal.code().filter(|_| coded);
                status(false, code, self.say(refusal.phrase()), sink)
            }
            What::Stat => {
                let Totals { unmarked_count: count, unmarked_octets: octets, .. } = self.totals;
                DropListing { count, octets }.encode(b"+OK ", sink)
            }
            What::Scan(message) => self.write_one(Rows::ScanListing, message, sink),
            What::UniqueId(message) => self.write_one(Rows::UniqueIds, message, sink),
            What::NotRemoved { why, coded } => {
                status(false, why.code().filter(|_| coded), self.say(Phrase::NotRemoved), sink)
            }
            What::Message(Extent::Top(_)) => status(true, None, self.say(Phrase::TopFollows), sink),
            What::Message(Extent::Exact(octets) | Extent::Estimated(octets)) => {
                let text = self.say(Phrase::Octets);
                sink.put(&[b"+OK ", Digits::new(octets).as_bytes(), b" ", text.as_bytes(), b"\r\n"])
            }
            What::Language => self.write_language(sink),
            What::Rows { .. } => Ok(()),
            What::EndMark(mark) => {
                let line_end = |missing: bool| if missing { b"\r\n".as_slice() } else { b"" };
                sink.put(&[line_end(mark.line_end), line_end(mark.blank_line), b".\r\n"])
            }
        }
    }

    /// Sets the turn after a complete reply.
    fn follow(&mut self) {
        let Turn::Reply(reply) = &self.turn else { return };
        let config = self.config.as_config();
        match reply.then {
            Then::Read => {
                self.turned();
                self.turn = Turn::Command;
            }
            Then::StartTls => self.turn = Turn::StartTls,
            Then::Body => {
                if let What::Message(extent) = reply.what {
                    self.turn = Turn::Body(Body::new(&config, extent));
                }
            }
            Then::EndMark(mark) => self.turn = Turn::Reply(Reply::end_mark(mark)),
            Then::Close(why) => self.end(why),
        }
    }

    /// Writes the reply about one message. It existed when the command was read, but the application may refuse it
    /// now.
    fn write_one(&self, rows: Rows, message: MessageNumber, sink: &mut dyn Sink) -> Result<(), BufferFull> {
        match self.entry(message) {
            Ok(entry) if rows == Rows::UniqueIds => {
                UniqueIdListing { message, id: entry.id }.encode(b"+OK ", sink)
            }
            Ok(entry) => ScanListing { message, octets: entry.octets }.encode(b"+OK ", sink),
            Err(refusal) => status(false, None, self.say(refusal.phrase()), sink),
        }
    }

    fn write_language(&self, sink: &mut dyn Sink) -> Result<(), BufferFull> {
        let place = usize::from(self.language).saturating_sub(1);
        let Some(language) = self.config.as_config().languages.get(place) else { return Ok(()) };
        let text = self.say(Phrase::LanguageSelected);
        let length = language.tag.as_bytes().len().saturating_add(text.as_bytes().len());
        // The longest tag leaves no room for the longest phrase.
        let fits = length.saturating_add("+OK  \r\n".len()) <= MIN_SEND_BUF;
        let name = if fits { text } else { Text::EMPTY };
        LanguageListing { tag: language.tag, name }.encode(b"+OK ", sink)
    }

    /// Writes the status line, the rows from `next`, and the terminator. `next` advances with each written row.
    fn write_rows(&self, rows: Rows, next: &mut u32, sink: &mut dyn Sink) -> Result<(), BufferFull> {
        loop {
            let is_row = match *next {
                0 => status(true, None, self.say(rows.phrase()), sink).map(|()| true)?,
                row => self.write_row(rows, row, sink)?,
            };
            if !is_row {
                return sink.put(&[b".\r\n"]);
            }
            *next = next.saturating_add(1);
        }
    }

    /// Writes row `row`, from 1, and returns whether this row exists. A message or capability that is not listed has
    /// an empty row.
    fn write_row(&self, rows: Rows, row: u32, sink: &mut dyn Sink) -> Result<bool, BufferFull> {
        let index = usize::try_from(row).unwrap_or(usize::MAX).saturating_sub(1);
        let config = self.config.as_config();
        match rows {
            Rows::ScanListing | Rows::UniqueIds => {
                // The last possible number is not listed, because no row could follow it for the terminator.
                if row == u32::MAX || row > self.maildrop.as_ref().map_or(0, Maildrop::count) {
                    return Ok(false);
                }
                let Ok(message) = MessageNumber::new(row) else { return Ok(false) };
                match self.entry(message) {
                    Err(_) => {}
                    Ok(entry) if rows == Rows::UniqueIds => {
                        UniqueIdListing { message, id: entry.id }.encode(b"", sink)?;
                    }
                    Ok(entry) => ScanListing { message, octets: entry.octets }.encode(b"", sink)?,
                }
            }
            Rows::Capabilities => match (self.capability(row), index.checked_sub(CAPABILITIES)) {
                (Some(capability), _) => capability.encode(sink)?,
                (None, Some(beyond)) => match config.capabilities.get(beyond) {
                    Some(other) => Capability::Other(*other).encode(sink)?,
                    None => return Ok(false),
                },
                (None, None) => {}
            },
            Rows::Languages => match config.languages.get(index) {
                Some(language) => {
                    LanguageListing { tag: language.tag, name: language.printed_name() }.encode(b"", sink)?;
                }
                None => return Ok(false),
            },
            Rows::Mechanisms => match self.mechanisms().get(index) {
                Some(mechanism) if !self.tls && *mechanism == Mechanism::OAUTHBEARER => {}
                Some(mechanism) => sink.put(&[mechanism.as_bytes(), b"\r\n"])?,
                None => return Ok(false),
            },
        }
        Ok(true)
    }

    /// Returns the crate's own capabilities in order, if the server offers them now.
    fn capability(&self, row: u32) -> Option<Capability<'_>> {
        let config = self.config.as_config();
        let early = self.state == State::Authorization;
        match row {
            1 => config.top.then_some(Capability::Top),
            2 => config.uidl.then_some(Capability::Uidl),
            3 => (config.user && self.may_log_in()).then_some(Capability::User),
            4 => {
                let mechanisms = Mechanisms::offered(self.mechanisms(), self.tls);
                mechanisms.iter().next().map(|_| Capability::Sasl(mechanisms))
            }
            5 => (early && self.offers_stls()).then_some(Capability::Stls),
            6 => config.resp_codes.then_some(Capability::RespCodes),
            7 => config.resp_codes.then_some(Capability::AuthRespCode),
            8 => config.pipelining.then_some(Capability::Pipelining),
            9 => PerUser::now(config.login_delay, self.announce.login_delay, early)
                .map(|(seconds, user)| Capability::LoginDelay { seconds, user }),
            10 => PerUser::now(config.expire, self.announce.expire, early)
                .map(|(policy, user)| Capability::Expire { policy, user }),
            11 => config.utf8.map(|utf8| Capability::Utf8 { user: utf8 == super::Utf8::MessagesAndUsers }),
            12 => (!config.languages.is_empty()).then_some(Capability::Lang),
            13 => config
                .implementation
                .filter(|words| is_implementation(*words))
                .map(Capability::Implementation),
            _ => None,
        }
    }
}

/// The number of rows that [`Server::capability`] knows.
const CAPABILITIES: usize = 13;

impl Rows {
    const fn phrase(self) -> Phrase {
        match self {
            Rows::ScanListing => Phrase::ListingFollows,
            Rows::UniqueIds => Phrase::UniqueIdsFollow,
            Rows::Capabilities => Phrase::CapabilitiesFollow,
            Rows::Languages => Phrase::LanguagesFollow,
            Rows::Mechanisms => Phrase::MechanismsFollow,
        }
    }
}

/// Writes a status line.
fn status(
    ok: bool,
    code: Option<ResponseCode<'_>>,
    text: Text<'_>,
    sink: &mut dyn Sink,
) -> Result<(), BufferFull> {
    if code.is_none() && text.as_bytes().first().is_some_and(|first| *first != b'[') {
        return sink.put(&[if ok { b"+OK " } else { b"-ERR " }, text.as_bytes(), b"\r\n"]);
    }
    // No phrase begins with a bracket, so this never fails.
    let status = StatusText::new(code, text).unwrap_or_default();
    if ok { Response::Ok(status).encode(sink) } else { Response::Err(status).encode(sink) }
}
