//! Listings: the lines of the responses to STAT, LIST, UIDL and LANG (RFC 1939 sections 5 and 7, RFC 6856 section 3).

use super::Digits;
use super::grammar::{Notes, Parsed, end, fail, note, number, plain_number, plain_size, spaces, token};
use crate::quirks::{Quirk, Quirks};
use crate::sink::{BufferFull, Sink};
use crate::types::{InvalidValue, LanguageTag, MessageNumber, Text, UniqueId};
use nom::{
    Parser,
    combinator::map_res,
    sequence::{separated_pair, terminated},
};

/// The response to STAT: the number of messages and their total size (RFC 1939 section 5).
///
/// ```
/// use pop3_proto::DropListing;
///
/// assert_eq!(DropListing::parse(b"2 320"), Ok(DropListing { count: 2, octets: 320 }));
/// ```
#[doc(alias = "STAT")]
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct DropListing {
    /// The number of messages that are not marked as deleted.
    pub count: u32,
    /// The total size of these messages.
    pub octets: u64,
}

impl DropListing {
    /// Parses the text after `+OK `. It ignores any text after the numbers.
    ///
    /// # Errors
    /// Returns [`InvalidValue::Syntax`] if the text does not begin with two numbers.
    pub fn parse(text: &[u8]) -> Result<Self, InvalidValue> {
        Self::read(text, &mut Quirks::default())
    }

    pub(crate) fn read(text: &[u8], quirks: &mut Quirks) -> Result<Self, InvalidValue> {
        noted(quirks, |notes| {
            let count = map_res(number(notes), u32::try_from);
            whole(terminated(separated_pair(count, spaces(notes), number(notes)), extra(notes)).parse(text))
        })
        .map(|(count, octets)| DropListing { count, octets })
    }

    pub(crate) fn encode(&self, start: &[u8], out: &mut dyn Sink) -> Result<(), BufferFull> {
        let (count, octets) = (Digits::new(self.count), Digits::new(self.octets));
        out.put(&[start, count.as_bytes(), b" ", octets.as_bytes(), b"\r\n"])
    }
}

/// One line of LIST: a message and its size (RFC 1939 section 5).
///
/// ```
/// use pop3_proto::{MessageNumber, ScanListing};
///
/// let listing = ScanListing { message: MessageNumber::FIRST, octets: 120 };
/// assert_eq!(ScanListing::parse(b"1 120"), Ok(listing));
/// ```
#[doc(alias = "LIST")]
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ScanListing {
    /// The message.
    pub message: MessageNumber,
    /// The size as RETR sends it, without byte-stuffing.
    pub octets: u64,
}

impl ScanListing {
    /// Parses a line without its line end. It ignores any text after the numbers.
    ///
    /// # Errors
    /// Returns [`InvalidValue::Syntax`] if the line does not begin with two numbers.
    pub fn parse(line: &[u8]) -> Result<Self, InvalidValue> {
        Self::read(line, &mut Quirks::default())
    }

    /// Splits off the row at the front of `input` if it has the exact form of the RFC.
    #[inline(always)]
    pub(crate) fn plain(input: &[u8]) -> Option<(Self, &[u8])> {
        let mut rest = input;
        let message = plain_message(&mut rest)?;
        let (octets, rest) = plain_size(rest)?;
        Some((ScanListing { message, octets }, rest))
    }

    pub(crate) fn read(line: &[u8], quirks: &mut Quirks) -> Result<Self, InvalidValue> {
        noted(quirks, |notes| {
            whole(
                terminated(separated_pair(message(notes), spaces(notes), number(notes)), extra(notes))
                    .parse(line),
            )
        })
        .map(|(message, octets)| ScanListing { message, octets })
    }

    pub(crate) fn encode(&self, start: &[u8], out: &mut dyn Sink) -> Result<(), BufferFull> {
        let (message, octets) = (Digits::new(self.message.get()), Digits::new(self.octets));
        out.put(&[start, message.as_bytes(), b" ", octets.as_bytes(), b"\r\n"])
    }
}

/// One line of UIDL: a message and its unique-id (RFC 1939 section 7).
///
/// ```
/// use pop3_proto::{MessageNumber, UniqueId, UniqueIdListing};
///
/// let listing = UniqueIdListing::parse(b"2 QhdPYR:00WBw1Ph7x7").unwrap();
/// assert_eq!(listing.message.get(), 2);
/// assert_eq!(listing.id, UniqueId::new(b"QhdPYR:00WBw1Ph7x7").unwrap());
/// ```
#[doc(alias = "UIDL")]
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct UniqueIdListing<'a> {
    /// The message.
    pub message: MessageNumber,
    /// The unique-id.
    pub id: UniqueId<'a>,
}

impl<'a> UniqueIdListing<'a> {
    /// Parses a line without its line end.
    ///
    /// # Errors
    /// Returns [`InvalidValue`] if the line or the unique-id is not valid.
    pub fn parse(line: &'a [u8]) -> Result<Self, InvalidValue> {
        let (message, id) = Self::read(line, &mut Quirks::default())?;
        Ok(UniqueIdListing { message, id: UniqueId::new(id)? })
    }

    /// Splits off the row at the front of `input` if it has the exact form of the RFC. `length` is the length of the
    /// unique-id before, which the ids of most listings share.
    #[inline(always)]
    pub(crate) fn plain(input: &'a [u8], length: &mut u8) -> Option<(Self, &'a [u8])> {
        let mut rest = input;
        let message = plain_message(&mut rest)?;
        if let Some((id, rest)) = UniqueId::plain_of(*length, rest) {
            return Some((UniqueIdListing { message, id }, rest));
        }
        let (id, rest) = UniqueId::plain(rest)?;
        *length = id.as_bytes().len() as u8;
        Some((UniqueIdListing { message, id }, rest))
    }

    /// Reads a line whose unique-id may be outside the RFC's range: the whole text after the number, without spaces at the
    /// end.
    pub(crate) fn read(
        line: &'a [u8],
        quirks: &mut Quirks,
    ) -> Result<(MessageNumber, &'a [u8]), InvalidValue> {
        noted(quirks, |notes| whole(separated_pair(message(notes), spaces(notes), rest(notes)).parse(line)))
    }

    pub(crate) fn encode(&self, start: &[u8], out: &mut dyn Sink) -> Result<(), BufferFull> {
        out.put(&[start, Digits::new(self.message.get()).as_bytes(), b" ", self.id.as_bytes(), b"\r\n"])
    }
}

/// One line of LANG without an argument: a language of the server's texts (RFC 6856 section 3).
///
/// ```
/// use pop3_proto::{LanguageListing, LanguageTag};
///
/// let listing = LanguageListing::parse("fr français".as_bytes()).unwrap();
/// assert_eq!(listing.tag, LanguageTag::from_static("fr"));
/// assert_eq!(listing.name.to_str(), Some("français"));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LanguageListing<'a> {
    /// The tag of the language.
    pub tag: LanguageTag<'a>,
    /// The name of the language in that language, in UTF-8. It may be empty.
    pub name: Text<'a>,
}

impl<'a> LanguageListing<'a> {
    /// Parses a line without its line end.
    ///
    /// # Errors
    /// Returns [`InvalidValue`] if the tag or the name is not valid.
    pub fn parse(line: &'a [u8]) -> Result<Self, InvalidValue> {
        let Ok((rest, tag)) = token(line) else { return Err(InvalidValue::Syntax) };
        let name = rest.strip_prefix(b" ").unwrap_or(rest);
        Ok(LanguageListing { tag: LanguageTag::new(tag)?, name: Text::new(name)? })
    }

    pub(crate) fn encode(&self, start: &[u8], out: &mut dyn Sink) -> Result<(), BufferFull> {
        let space: &[u8] = if self.name.is_empty() { b"" } else { b" " };
        out.put(&[start, self.tag.as_bytes(), space, self.name.as_bytes(), b"\r\n"])
    }
}

/// Reads a message number and the space after it.
#[inline]
fn plain_message(input: &mut &[u8]) -> Option<MessageNumber> {
    let number = plain_number::<9>(input)?;
    *input = input.strip_prefix(b" ")?;
    MessageNumber::new(number as u32).ok()
}

/// Runs a parser and records tolerated deviations.
fn noted<T>(
    quirks: &mut Quirks,
    read: impl FnOnce(&Notes) -> Result<T, InvalidValue>,
) -> Result<T, InvalidValue> {
    let notes = Notes::new(*quirks);
    let value = read(&notes)?;
    *quirks = notes.get();
    Ok(value)
}

fn whole<T>(parsed: Parsed<'_, T>) -> Result<T, InvalidValue> {
    match parsed {
        Ok(([], value)) => Ok(value),
        _ => Err(InvalidValue::Syntax),
    }
}

fn message<'a>(notes: &Notes) -> impl Parser<&'a [u8], Output = MessageNumber, Error = ()> {
    map_res(map_res(number(notes), u32::try_from), MessageNumber::new)
}

const EMPTY: &[u8] = &[];

/// Accepts any text after the last number that begins with a space or tab. If the text contains CR or LF, the row is not
/// valid.
fn extra<'a>(notes: &Notes) -> impl Parser<&'a [u8], Output = (), Error = ()> {
    move |input: &'a [u8]| match input {
        [] => Ok((input, ())),
        [b' ' | b'\t', ..] => {
            match end(notes).parse(input) {
                Ok(_) => {}
                Err(_) if Text::new(input).is_err() => return fail(),
                Err(_) => note(notes, Quirk::ExtraText),
            }
            Ok((EMPTY, ()))
        }
        _ => fail(),
    }
}

/// Reads the rest of the line without the spaces at its end. It must have at least one byte, and no CR or LF.
fn rest<'a>(notes: &Notes) -> impl Parser<&'a [u8], Output = &'a [u8], Error = ()> {
    move |input: &'a [u8]| {
        let mut trimmed = input;
        while let [before @ .., b' ' | b'\t'] = trimmed {
            trimmed = before;
        }
        if trimmed.len() < input.len() {
            note(notes, Quirk::Spacing);
        }
        let line_end = memchr::memchr2(b'\r', b'\n', trimmed);
        if trimmed.is_empty() || line_end.is_some() { fail() } else { Ok((EMPTY, trimmed)) }
    }
}
