//! The table of commands and states, which both machines, their tests and the diagrams use.

use crate::types::{InvalidValue, from_borrowed};
use core::fmt;

/// The states of a session (RFC 1939 section 3); the guide has a
/// [picture](crate::guide#the-states-of-a-session).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum State {
    /// The server has not sent its greeting.
    Greeting,
    /// The client has not logged in.
    Authorization,
    /// A maildrop is open.
    Transaction,
    /// The client sent QUIT in TRANSACTION, and the server removes marked messages.
    Update,
    /// The session is over.
    Closed,
}

/// Prints the name of the state in the RFC.
///
/// ```
/// use pop3_proto::State;
///
/// assert_eq!(State::Transaction.to_string(), "TRANSACTION");
/// ```
impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            State::Greeting => "GREETING",
            State::Authorization => "AUTHORIZATION",
            State::Transaction => "TRANSACTION",
            State::Update => "UPDATE",
            State::Closed => "CLOSED",
        })
    }
}

/// The name of a command. [`Other`](Self::Other) is a command that the crate does not know.
///
/// ```
/// use pop3_proto::{State, Verb};
///
/// assert!(Verb::Retr.is_valid_in(State::Transaction));
/// assert!(!Verb::Retr.is_valid_in(State::Authorization));
/// assert_eq!(Verb::Quit.states(), [State::Authorization, State::Transaction]);
/// assert!(Verb::Uidl.is_multi_line(false) && !Verb::Uidl.is_multi_line(true)); // for all, for one message
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Verb {
    /// USER names the user who logs in (RFC 1939 section 7).
    User,
    /// PASS gives the password (RFC 1939 section 7).
    Pass,
    /// APOP gives the name and a digest (RFC 1939 section 7).
    Apop,
    /// AUTH starts a SASL exchange (RFC 5034).
    Auth,
    /// AUTH without a mechanism is an old way to list the mechanisms.
    AuthList,
    /// STLS starts TLS on this connection (RFC 2595 section 4).
    Stls,
    /// UTF8 turns on UTF-8 mode (RFC 6856 section 2).
    Utf8,
    /// CAPA lists the capabilities of the server (RFC 2449 section 5).
    Capa,
    /// LANG selects the language of the server's texts (RFC 6856 section 3).
    Lang,
    /// LANG without a range lists the languages.
    LangList,
    /// STAT returns the number of messages and their total size (RFC 1939 section 5).
    Stat,
    /// LIST returns the size of one message, or of each (RFC 1939 section 5).
    List,
    /// RETR returns a message (RFC 1939 section 5).
    Retr,
    /// DELE marks a message for deletion (RFC 1939 section 5).
    Dele,
    /// NOOP has no effect (RFC 1939 section 5).
    Noop,
    /// RSET clears all marks (RFC 1939 section 5).
    Rset,
    /// TOP returns the headers of a message and some lines of its body (RFC 1939 section 7).
    Top,
    /// UIDL returns the unique-id of one message, or of each (RFC 1939 section 7).
    Uidl,
    /// QUIT ends the session and removes marked messages (RFC 1939 sections 4 and 6).
    Quit,
    /// A command that the crate does not know.
    Other,
}

/// The framing of a positive response.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Shape {
    /// One line.
    Line,
    /// A line, then rows up to the terminator.
    Rows,
    /// A line, then a message up to the terminator.
    Body,
    /// Challenges, then one line.
    Exchange,
}

/// Which commands may follow a command before its response.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Barrier {
    /// Any command may follow.
    None,
    /// No command may follow.
    Last,
    /// No command may follow, and all earlier commands must have been answered.
    Alone,
}

/// One row of the table.
struct Row {
    keyword: &'static str,
    states: &'static [State],
    /// The framing of a positive response, without and with a message number.
    shape: (Shape, Shape),
    barrier: Barrier,
}

const AUTHZ: &[State] = &[State::Authorization];
const TRANS: &[State] = &[State::Transaction];
const BOTH: &[State] = &[State::Authorization, State::Transaction];

const LINE: (Shape, Shape) = (Shape::Line, Shape::Line);
const ROWS: (Shape, Shape) = (Shape::Rows, Shape::Rows);
/// Rows for all messages, and a line for one message.
const LIST: (Shape, Shape) = (Shape::Rows, Shape::Line);
const BODY: (Shape, Shape) = (Shape::Body, Shape::Body);
const EXCHANGE: (Shape, Shape) = (Shape::Exchange, Shape::Exchange);

impl Verb {
    /// All commands.
    pub const ALL: &'static [Verb] = &[
        Verb::User,
        Verb::Pass,
        Verb::Apop,
        Verb::Auth,
        Verb::AuthList,
        Verb::Stls,
        Verb::Utf8,
        Verb::Capa,
        Verb::Lang,
        Verb::LangList,
        Verb::Stat,
        Verb::List,
        Verb::Retr,
        Verb::Dele,
        Verb::Noop,
        Verb::Rset,
        Verb::Top,
        Verb::Uidl,
        Verb::Quit,
        Verb::Other,
    ];

    #[rustfmt::skip]
    const fn row(self) -> Row {
        const fn row(keyword: &'static str, states: &'static [State], shape: (Shape, Shape), barrier: Barrier) -> Row {
            Row { keyword, states, shape, barrier }
        }
        match self {
            Verb::User     => row("USER", AUTHZ, LINE,     Barrier::None),
            Verb::Pass     => row("PASS", AUTHZ, LINE,     Barrier::Last),
            Verb::Apop     => row("APOP", AUTHZ, LINE,     Barrier::Last),
            Verb::Auth     => row("AUTH", AUTHZ, EXCHANGE, Barrier::Last),
            Verb::AuthList => row("AUTH", AUTHZ, ROWS,     Barrier::Last),
            Verb::Stls     => row("STLS", AUTHZ, LINE,     Barrier::Alone),
            Verb::Utf8     => row("UTF8", AUTHZ, LINE,     Barrier::Last),
            Verb::Capa     => row("CAPA", BOTH,  ROWS,     Barrier::Last),
            Verb::Lang     => row("LANG", BOTH,  LINE,     Barrier::Last),
            Verb::LangList => row("LANG", BOTH,  ROWS,     Barrier::Last),
            Verb::Stat     => row("STAT", TRANS, LINE,     Barrier::None),
            Verb::List     => row("LIST", TRANS, LIST,     Barrier::None),
            Verb::Retr     => row("RETR", TRANS, BODY,     Barrier::None),
            Verb::Dele     => row("DELE", TRANS, LINE,     Barrier::None),
            Verb::Noop     => row("NOOP", TRANS, LINE,     Barrier::None),
            Verb::Rset     => row("RSET", TRANS, LINE,     Barrier::None),
            Verb::Top      => row("TOP",  TRANS, BODY,     Barrier::None),
            Verb::Uidl     => row("UIDL", TRANS, LIST,     Barrier::None),
            Verb::Quit     => row("QUIT", BOTH,  LINE,     Barrier::Last),
            Verb::Other    => row("",     BOTH,  LINE,     Barrier::Last),
        }
    }

    /// Returns the word that is sent. It is empty for [`Other`](Self::Other).
    #[must_use]
    pub const fn keyword(self) -> &'static str {
        self.row().keyword
    }

    /// Returns the states in which the command is valid.
    #[must_use]
    pub const fn states(self) -> &'static [State] {
        self.row().states
    }

    /// Returns whether the command is valid in this state.
    #[must_use]
    pub fn is_valid_in(self, state: State) -> bool {
        self.states().contains(&state)
    }

    /// Returns whether lines up to the terminator follow a `+OK` to this command, sent with or without a message number.
    /// They never follow a `-ERR` (RFC 1939 section 3).
    #[must_use]
    pub const fn is_multi_line(self, message: bool) -> bool {
        matches!(self.shape(message), Shape::Rows | Shape::Body)
    }

    pub(crate) const fn shape(self, message: bool) -> Shape {
        let (without, with) = self.row().shape;
        if message { with } else { without }
    }

    pub(crate) const fn barrier(self) -> Barrier {
        self.row().barrier
    }

    /// Splits the keyword, in any letter case, from the rest of the line, which is empty or begins with a space.
    #[inline(always)] // so that reading a command continues in the branch of its keyword
    pub(super) fn split(line: &[u8]) -> Option<(Verb, &[u8])> {
        let Some((word, rest)) = line.split_first_chunk::<4>() else { return top(line) };
        if !ends_word(rest) {
            return top(line);
        }
        let verb = match key(word) {
            word::RETR => Verb::Retr,
            word::DELE => Verb::Dele,
            word::LIST => Verb::List,
            word::UIDL => Verb::Uidl,
            word::STAT => Verb::Stat,
            word::NOOP => Verb::Noop,
            word::RSET => Verb::Rset,
            word::QUIT => Verb::Quit,
            word::USER => Verb::User,
            word::PASS => Verb::Pass,
            word::APOP => Verb::Apop,
            word::AUTH => Verb::Auth,
            word::CAPA => Verb::Capa,
            word::STLS => Verb::Stls,
            word::LANG => Verb::Lang,
            word::UTF8 if word.ends_with(b"8") => Verb::Utf8,
            _ => return top(line),
        };
        Some((verb, rest))
    }

    /// Returns whether this word is a keyword.
    fn is_keyword(word: &[u8]) -> bool {
        Verb::split(word).is_some_and(|(_, rest)| rest.is_empty())
    }
}

/// Prints the word that is sent.
///
/// ```
/// use pop3_proto::Verb;
///
/// assert_eq!(Verb::Retr.to_string(), "RETR");
/// assert_eq!(Verb::Other.to_string(), "another command");
/// ```
impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verb::Other => "another command",
            verb => verb.keyword(),
        })
    }
}

/// Reads TOP, the only keyword of three letters.
fn top(line: &[u8]) -> Option<(Verb, &[u8])> {
    let (word, rest) = line.split_at_checked(3)?;
    (word.eq_ignore_ascii_case(b"TOP") && ends_word(rest)).then_some((Verb::Top, rest))
}

/// Returns whether a word ends before these bytes.
#[inline]
fn ends_word(rest: &[u8]) -> bool {
    matches!(rest, [] | [b' ' | b'\t', ..])
}

/// Returns four letters as one number, so one comparison is enough. Upper and lower case differ only in bit 5, and no other byte
/// becomes a letter when this bit is cleared.
#[inline(always)]
const fn key(word: &[u8; 4]) -> u32 {
    u32::from_be_bytes(*word) & 0xDFDF_DFDF
}

/// The number of each keyword.
mod word {
    macro_rules! words {
        ($($name:ident $word:literal)+) => {
            $(pub(super) const $name: u32 = super::key($word);)+
        };
    }
    words! {
        RETR b"RETR" DELE b"DELE" LIST b"LIST" UIDL b"UIDL" STAT b"STAT" NOOP b"NOOP" RSET b"RSET" QUIT b"QUIT"
        USER b"USER" PASS b"PASS" APOP b"APOP" AUTH b"AUTH" CAPA b"CAPA" STLS b"STLS" LANG b"LANG" UTF8 b"UTF8"
    }
}

/// The keyword of a command that the crate does not know: printable ASCII, except the keywords that the crate knows.
///
/// Keywords in the RFC have 3 or 4 letters. This type accepts any length, so a server can support old and private
/// commands.
///
/// A mistyped PASS, or a missing space after it, puts a password here. `Debug` therefore prints the same text for every
/// keyword, and there is no `Display`. Only [`as_bytes`](Self::as_bytes) returns the word.
///
/// ```
/// use pop3_proto::Keyword;
///
/// assert_eq!(Keyword::new(b"XTND").unwrap().as_bytes(), b"XTND");
/// assert!(Keyword::new(b"quit").is_err());
/// assert_eq!(format!("{:?}", Keyword::new(b"passhunter2").unwrap()), "Keyword(..)");
/// ```
#[derive(Clone, Copy)]
pub struct Keyword<'a>(&'a [u8]);

impl<'a> Keyword<'a> {
    /// Checks a keyword.
    ///
    /// # Errors
    /// Returns [`InvalidValue::Empty`] if there are no bytes.
    /// Returns [`InvalidValue::Octet`] if a byte is outside 0x21 to 0x7E.
    /// Returns [`InvalidValue::Syntax`] if the crate knows a command with this name.
    pub fn new(octets: &'a [u8]) -> Result<Self, InvalidValue> {
        if octets.is_empty() {
            Err(InvalidValue::Empty)
        } else if !octets.iter().all(u8::is_ascii_graphic) {
            Err(InvalidValue::Octet)
        } else if Verb::is_keyword(octets) {
            Err(InvalidValue::Syntax)
        } else {
            Ok(Keyword(octets))
        }
    }

    /// Returns the word, in its original case.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.0
    }
}

from_borrowed! { Keyword }

impl PartialEq<Keyword<'_>> for Keyword<'_> {
    fn eq(&self, other: &Keyword<'_>) -> bool {
        self.0.eq_ignore_ascii_case(other.0)
    }
}

impl Eq for Keyword<'_> {}

impl fmt::Debug for Keyword<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keyword(..)")
    }
}
