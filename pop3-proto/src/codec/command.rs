//! The commands that a client sends (RFC 1939, 2449, 2595, 5034, 6856).

use super::grammar::{Notes, digits, end, note, plain_number, spaces, token};
use super::{Decoded, Digits, Keyword, Verb};
use crate::limits::Limits;
use crate::quirks::{Quirk, Quirks};
use crate::sink::{BufferFull, Sink, length};
use crate::types::{ApopDigest, Base64, LanguageRange, Mechanism, MessageNumber, Secret, Text};
use core::fmt;
use nom::{Parser, combinator::opt, sequence::preceded};

/// A command, borrowed from its line.
///
/// ```
/// use pop3_proto::{Command, MessageNumber, SendBuf};
///
/// let command = Command::parse(b"retr 2").unwrap();
/// assert_eq!(command, Command::Retr(MessageNumber::new(2).unwrap()));
///
/// let mut buffer = [0; 64];
/// let mut out = SendBuf::new(&mut buffer[..]);
/// command.encode(&mut out).unwrap();
/// assert_eq!(out.pending(), b"RETR 2\r\n");
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Command<'a> {
    /// `USER name` names the user (RFC 1939 section 7).
    User(Text<'a>),
    /// `PASS password` gives the password (RFC 1939 section 7).
    Pass(Secret<'a>),
    /// `APOP name digest` logs in with a digest (RFC 1939 section 7).
    Apop {
        /// The mailbox.
        name: Text<'a>,
        /// The MD5 digest of timestamp and secret.
        digest: ApopDigest,
    },
    /// `AUTH mechanism [initial-response]` starts a SASL exchange (RFC 5034 section 4).
    Auth {
        /// The SASL mechanism.
        mechanism: Mechanism<'a>,
        /// The initial response, if there is one. An empty initial response is sent as `=`, and differs from `None`.
        initial: Option<Base64<'a>>,
    },
    /// `AUTH` alone lists the mechanisms. This is an old form that some servers still support.
    AuthList,
    /// `STLS` starts TLS (RFC 2595 section 4).
    Stls,
    /// `UTF8` turns on UTF-8 mode (RFC 6856 section 2).
    Utf8,
    /// `CAPA` lists the capabilities (RFC 2449 section 5).
    Capa,
    /// `LANG [range]` selects a language, or lists the languages if there is no range (RFC 6856 section 3).
    Lang(Option<LanguageRange<'a>>),
    /// `STAT` returns the number of messages and their total size (RFC 1939 section 5).
    Stat,
    /// `LIST [message]` returns the size of one message, or of each (RFC 1939 section 5).
    List(Option<MessageNumber>),
    /// `RETR message` returns a message (RFC 1939 section 5).
    Retr(MessageNumber),
    /// `DELE message` marks a message for deletion (RFC 1939 section 5).
    Dele(MessageNumber),
    /// `NOOP` has no effect (RFC 1939 section 5).
    Noop,
    /// `RSET` clears all marks (RFC 1939 section 5).
    Rset,
    /// `TOP message lines` returns the headers and some lines of the body (RFC 1939 section 7).
    Top {
        /// The message.
        message: MessageNumber,
        /// The number of body lines. A decimal number that is too large becomes the largest value.
        lines: u64,
    },
    /// `UIDL [message]` returns the unique-id of one message, or of each (RFC 1939 section 7).
    Uidl(Option<MessageNumber>),
    /// `QUIT` ends the session and removes marked messages (RFC 1939 sections 4 and 6).
    Quit,
    /// A command that the crate does not know. It may be a mistyped PASS, so `Debug` hides both parts.
    Other {
        /// The first word.
        keyword: Keyword<'a>,
        /// The rest of the line after one space, if there is any.
        arguments: Option<Secret<'a>>,
    },
}

/// Why a line is not a command. It contains no byte of the line.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum CommandError {
    /// The line is empty.
    Empty,
    /// The line does not begin with a word of printable ASCII.
    Keyword,
    /// An argument is missing.
    Missing,
    /// There are more arguments than the command takes.
    Surplus,
    /// An argument is not a number, for example because it has a sign or a letter.
    Number,
    /// The number is 0 or greater than 4,294,967,295, so no message has it.
    NoSuchMessage,
    /// An argument contains a bare CR or a NUL.
    Control,
    /// The argument is not the name of a SASL mechanism.
    Mechanism,
    /// The initial response is not base64.
    Base64,
    /// The argument is not an APOP digest.
    Digest,
    /// The argument is not a language range.
    Language,
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CommandError::Empty => "the line is empty",
            CommandError::Keyword => "the line does not begin with a keyword",
            CommandError::Missing => "an argument is missing",
            CommandError::Surplus => "there are too many arguments",
            CommandError::Number => "the argument is not a number",
            CommandError::NoSuchMessage => "no message has this number",
            CommandError::Control => "an argument contains CR or NUL",
            CommandError::Mechanism => "the argument is not the name of a mechanism",
            CommandError::Base64 => "the initial response is not base64",
            CommandError::Digest => "the argument is not an APOP digest",
            CommandError::Language => "the argument is not a language range",
        })
    }
}

impl core::error::Error for CommandError {}

impl<'a> Command<'a> {
    /// Parses one line without its line end. It accepts harmless deviations. An unknown keyword becomes
    /// [`Command::Other`].
    ///
    /// # Errors
    /// Returns [`CommandError`] if the line is not a valid command.
    pub fn parse(line: &'a [u8]) -> Result<Self, CommandError> {
        Self::read(line, &mut Quirks::default())
    }

    /// Decodes the first line of `input`.
    #[inline]
    pub fn decode(input: &'a [u8], limits: &Limits) -> Decoded<Self, CommandError> {
        super::decode(input, limits.command_line, Self::parse)
    }

    /// Writes the whole line, or nothing. No argument can add another line, because the values were checked.
    ///
    /// # Errors
    /// Returns [`BufferFull`] if the line does not fit.
    pub fn encode(&self, out: &mut dyn Sink) -> Result<(), BufferFull> {
        let mut result = Ok(());
        self.with_parts(&mut |parts| result = out.put(parts));
        result
    }

    /// Returns the number of bytes that [`encode`](Self::encode) writes, with the line end.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        let mut count = 0;
        self.with_parts(&mut |parts| count = length(parts));
        count
    }

    /// Returns the verb of the command.
    #[must_use]
    pub const fn verb(&self) -> Verb {
        match self {
            Command::User(_) => Verb::User,
            Command::Pass(_) => Verb::Pass,
            Command::Apop { .. } => Verb::Apop,
            Command::Auth { .. } => Verb::Auth,
            Command::AuthList => Verb::AuthList,
            Command::Stls => Verb::Stls,
            Command::Utf8 => Verb::Utf8,
            Command::Capa => Verb::Capa,
            Command::Lang(Some(_)) => Verb::Lang,
            Command::Lang(None) => Verb::LangList,
            Command::Stat => Verb::Stat,
            Command::List(_) => Verb::List,
            Command::Retr(_) => Verb::Retr,
            Command::Dele(_) => Verb::Dele,
            Command::Noop => Verb::Noop,
            Command::Rset => Verb::Rset,
            Command::Top { .. } => Verb::Top,
            Command::Uidl(_) => Verb::Uidl,
            Command::Quit => Verb::Quit,
            Command::Other { .. } => Verb::Other,
        }
    }

    /// Returns the message that the command names, if it names one.
    #[must_use]
    pub const fn message(&self) -> Option<MessageNumber> {
        match *self {
            Command::List(message) | Command::Uidl(message) => message,
            Command::Retr(message) | Command::Dele(message) | Command::Top { message, .. } => Some(message),
            _ => None,
        }
    }

    /// Reads a line and records tolerated deviations.
    pub(crate) fn read(line: &'a [u8], quirks: &mut Quirks) -> Result<Self, CommandError> {
        read(line, Notes::from_mut(quirks))
    }

    /// Passes the parts of the line to `write`. It is not generic, because each copy would add 400 bytes to a small program.
    fn with_parts(&self, write: &mut dyn FnMut(&[&[u8]])) {
        let word = self.verb().keyword().as_bytes();
        // Declared here, so an argument can borrow a value that its branch makes.
        let (number, count, hex);
        let (word, first, second): (_, Option<&[u8]>, Option<&[u8]>) = match self {
            Command::User(name) => (word, Some(name.as_bytes()), None),
            Command::Pass(password) => (word, Some(password.expose()), None),
            Command::Apop { name, digest } => {
                hex = digest.to_hex();
                (word, Some(name.as_bytes()), Some(&hex))
            }
            Command::Auth { mechanism, initial } => {
                let initial = initial
                    .as_ref()
                    .map(|initial| if initial.is_empty() { b"=" } else { initial.as_bytes() });
                (word, Some(mechanism.as_bytes()), initial)
            }
            Command::Lang(Some(range)) => (word, Some(range.as_bytes()), None),
            Command::List(Some(message))
            | Command::Uidl(Some(message))
            | Command::Retr(message)
            | Command::Dele(message) => {
                number = Digits::new(message.get());
                (word, Some(number.as_bytes()), None)
            }
            Command::Top { message, lines } => {
                (number, count) = (Digits::new(message.get()), Digits::new(*lines));
                (word, Some(number.as_bytes()), Some(count.as_bytes()))
            }
            Command::Other { keyword, arguments } => {
                (keyword.as_bytes(), arguments.as_ref().map(Secret::expose), None)
            }
            Command::AuthList
            | Command::Stls
            | Command::Utf8
            | Command::Capa
            | Command::Lang(None)
            | Command::Stat
            | Command::List(None)
            | Command::Noop
            | Command::Rset
            | Command::Uidl(None)
            | Command::Quit => (word, None, None),
        };
        match (first, second) {
            (Some(first), Some(second)) => write(&[word, b" ", first, b" ", second, CRLF]),
            (Some(first), None) => write(&[word, b" ", first, CRLF]),
            (None, _) => write(&[word, CRLF]),
        }
    }
}

/// Prints the command as it is sent, for a log: secrets as `********`, control bytes escaped, and no line end.
///
/// An unknown command is completely hidden, because it may be a mistyped PASS.
///
/// ```
/// use pop3_proto::Command;
///
/// let shown = |line: &str| Command::parse(line.as_bytes()).unwrap().to_string();
/// assert_eq!(shown("TOP 1 10"), "TOP 1 10");
/// assert_eq!(shown("PASS tanstaaf"), "PASS ********");
/// assert_eq!(shown("PASStanstaaf"), "********");
/// ```
impl fmt::Display for Command<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SECRET: &str = "********";
        match self {
            Command::Pass(_) => write!(f, "PASS {SECRET}"),
            Command::Apop { name, .. } => write!(f, "APOP {name} {SECRET}"),
            Command::Auth { mechanism, initial: Some(initial) } if !initial.is_empty() => {
                write!(f, "AUTH {mechanism} {SECRET}")
            }
            Command::Other { .. } => f.write_str(SECRET),
            open => {
                let mut result = Ok(());
                open.with_parts(&mut |parts| {
                    let parts = parts.iter().filter(|part| **part != CRLF);
                    result = parts.map(|part| Text::clipped(part).0).try_for_each(|part| part.fmt(f));
                });
                result
            }
        }
    }
}

const CRLF: &[u8] = b"\r\n";

fn read<'a>(line: &'a [u8], notes: &Notes) -> Result<Command<'a>, CommandError> {
    let (verb, rest) = Verb::split(line).unwrap_or((Verb::Other, line));
    match verb {
        Verb::User => name(argument(rest)?, notes).map(Command::User),
        Verb::Pass => password(argument(rest)?).map(Command::Pass),
        Verb::Apop => apop(argument(rest)?, notes),
        Verb::Auth | Verb::AuthList => auth(rest, notes),
        Verb::Lang | Verb::LangList => lang(rest, notes),
        Verb::List => optional_message(rest, notes).map(Command::List),
        Verb::Uidl => optional_message(rest, notes).map(Command::Uidl),
        Verb::Retr => message(rest, notes).map(Command::Retr),
        Verb::Dele => message(rest, notes).map(Command::Dele),
        Verb::Top => top(rest, notes),
        Verb::Stls => no_argument(rest, notes, Command::Stls),
        Verb::Utf8 => no_argument(rest, notes, Command::Utf8),
        Verb::Capa => no_argument(rest, notes, Command::Capa),
        Verb::Stat => no_argument(rest, notes, Command::Stat),
        Verb::Noop => no_argument(rest, notes, Command::Noop),
        Verb::Rset => no_argument(rest, notes, Command::Rset),
        Verb::Quit => no_argument(rest, notes, Command::Quit),
        Verb::Other => unknown(rest),
    }
}

/// Returns the rest of the line after exactly one space. In names and passwords, further spaces are data.
fn argument(rest: &[u8]) -> Result<&[u8], CommandError> {
    rest.strip_prefix(b" ").filter(|argument| !argument.is_empty()).ok_or(CommandError::Missing)
}

/// A name is the whole rest of the line, because existing servers do this and clients rely on it.
fn name<'a>(octets: &'a [u8], notes: &Notes) -> Result<Text<'a>, CommandError> {
    if !octets.iter().all(u8::is_ascii_graphic) {
        odd_name(octets, notes);
    }
    Text::new(octets).map_err(|_| CommandError::Control)
}

#[cold]
fn odd_name(octets: &[u8], notes: &Notes) {
    if octets.contains(&b' ') {
        note(notes, Quirk::NameSpaces);
    }
    if octets.iter().any(|octet| !octet.is_ascii_graphic() && *octet != b' ') {
        note(notes, Quirk::NotPrintable);
    }
}

/// Spaces are part of a password, at its ends too (RFC 1939 section 7).
fn password(octets: &[u8]) -> Result<Secret<'_>, CommandError> {
    Secret::new(octets).map_err(|_| CommandError::Control)
}

/// The digest is the last word, so a name may contain spaces.
fn apop<'a>(octets: &'a [u8], notes: &Notes) -> Result<Command<'a>, CommandError> {
    let at = memchr::memrchr(b' ', octets).ok_or(CommandError::Missing)?;
    let (mailbox, digest) = octets.split_at_checked(at).ok_or(CommandError::Missing)?;
    let digest = digest.strip_prefix(b" ").unwrap_or(digest);
    if mailbox.is_empty() {
        return Err(CommandError::Missing);
    }
    if digest.iter().any(u8::is_ascii_uppercase) {
        note(notes, Quirk::DigestCase);
    }
    let digest = ApopDigest::parse(digest).map_err(|_| CommandError::Digest)?;
    Ok(Command::Apop { name: name(mailbox, notes)?, digest })
}

fn auth<'a>(rest: &'a [u8], notes: &Notes) -> Result<Command<'a>, CommandError> {
    if end(notes).parse(rest).is_ok() {
        return Ok(Command::AuthList);
    }
    let word = || preceded(spaces(notes), token);
    let (rest, (mechanism, initial)) =
        (word(), opt(word())).parse(rest).map_err(|_| CommandError::Mechanism)?;
    let mechanism = Mechanism::new(mechanism).map_err(|_| CommandError::Mechanism)?;
    let initial = match initial {
        None => None,
        Some(b"=") => Some(Base64::EMPTY),
        Some(text) => Some(Base64::new(text).map_err(|_| CommandError::Base64)?),
    };
    no_argument(rest, notes, Command::Auth { mechanism, initial })
}

fn lang<'a>(rest: &'a [u8], notes: &Notes) -> Result<Command<'a>, CommandError> {
    if end(notes).parse(rest).is_ok() {
        return Ok(Command::Lang(None));
    }
    let (rest, range) = preceded(spaces(notes), token).parse(rest).map_err(|_| CommandError::Language)?;
    let range = LanguageRange::new(range).map_err(|_| CommandError::Language)?;
    no_argument(rest, notes, Command::Lang(Some(range)))
}

fn top<'a>(rest: &'a [u8], notes: &Notes) -> Result<Command<'a>, CommandError> {
    let (rest, message) = one_number(rest, notes)?;
    let (rest, lines) = one_number(rest, notes)?;
    let lines = lines.unwrap_or(u64::MAX);
    no_argument(rest, notes, Command::Top { message: message_number(message)?, lines })
}

fn message(rest: &[u8], notes: &Notes) -> Result<MessageNumber, CommandError> {
    plain_message(rest).map_or_else(|| any_message(rest, notes), Ok)
}

/// Reads the exact form of the RFC: one space and the number.
fn plain_message(rest: &[u8]) -> Option<MessageNumber> {
    let mut rest = rest.strip_prefix(b" ")?;
    let number = plain_number::<9>(&mut rest)?;
    if rest.is_empty() { MessageNumber::new(number as u32).ok() } else { None }
}

#[cold]
fn any_message(rest: &[u8], notes: &Notes) -> Result<MessageNumber, CommandError> {
    let (rest, number) = one_number(rest, notes)?;
    no_argument(rest, notes, ())?;
    message_number(number)
}

fn optional_message(rest: &[u8], notes: &Notes) -> Result<Option<MessageNumber>, CommandError> {
    if rest.is_empty() {
        return Ok(None);
    }
    match message(rest, notes) {
        Err(CommandError::Missing) => Ok(None),
        message => message.map(Some),
    }
}

/// Reads the next argument as a number, or as `None` if it does not fit 64 bits.
fn one_number<'a>(rest: &'a [u8], notes: &Notes) -> Result<(&'a [u8], Option<u64>), CommandError> {
    preceded(spaces(notes), digits(notes)).parse(rest).map_err(|_| match end(notes).parse(rest) {
        Ok(_) => CommandError::Missing,
        Err(_) => CommandError::Number,
    })
}

fn message_number(number: Option<u64>) -> Result<MessageNumber, CommandError> {
    let number = number.and_then(|number| u32::try_from(number).ok()).ok_or(CommandError::NoSuchMessage)?;
    MessageNumber::new(number).map_err(|_| CommandError::NoSuchMessage)
}

/// Checks that the line ends here. Every profile refuses surplus arguments.
fn no_argument<T>(rest: &[u8], notes: &Notes, value: T) -> Result<T, CommandError> {
    match end(notes).parse(rest) {
        Ok(_) => Ok(value),
        Err(_) if matches!(rest, [b' ' | b'\t', ..]) => Err(CommandError::Surplus),
        Err(_) => Err(CommandError::Number),
    }
}

/// Reads a line that does not begin with a known keyword.
fn unknown(line: &[u8]) -> Result<Command<'_>, CommandError> {
    let Ok((rest, keyword)) = token(line) else {
        return Err(if line.is_empty() { CommandError::Empty } else { CommandError::Keyword });
    };
    let keyword = Keyword::new(keyword).map_err(|_| CommandError::Keyword)?;
    let arguments = match rest {
        [] | [_] => None,
        [_, arguments @ ..] => Some(Secret::new(arguments).map_err(|_| CommandError::Control)?),
    };
    Ok(Command::Other { keyword, arguments })
}

/// Also compares secrets, for tests. The comparison does not run in constant time.
impl PartialEq<Command<'_>> for Command<'_> {
    fn eq(&self, other: &Command<'_>) -> bool {
        match (self, other) {
            (Command::User(a), Command::User(b)) => a == b,
            (Command::Pass(a), Command::Pass(b)) => a.expose() == b.expose(),
            (Command::Apop { name: a, digest: c }, Command::Apop { name: b, digest: d }) => {
                a == b && c.expose() == d.expose()
            }
            (Command::Auth { mechanism: a, initial: c }, Command::Auth { mechanism: b, initial: d }) => {
                a == b && c == d
            }
            (Command::Lang(a), Command::Lang(b)) => a == b,
            (Command::Top { message: a, lines: c }, Command::Top { message: b, lines: d }) => {
                a == b && c == d
            }
            (Command::Other { keyword: a, arguments: c }, Command::Other { keyword: b, arguments: d }) => {
                a == b && c.map(|c| c.expose()) == d.map(|d| d.expose())
            }
            _ => self.verb() == other.verb() && self.message() == other.message(),
        }
    }
}
