//! The one table of commands and states: what both machines, their tests and the diagrams go by.

use crate::types::{InvalidValue, from_borrowed};
use core::fmt;

/// The states of a session (RFC 1939 section 3); the guide has a
/// [picture](crate::guide#the-states-of-a-session).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum State {
    /// Before the greeting.
    Greeting,
    /// The client has yet to say who it is.
    Authorization,
    /// A maildrop is open.
    Transaction,
    /// QUIT was given in TRANSACTION: marked messages are being removed.
    Update,
    /// Over.
    Closed,
}

/// As the RFC writes it.
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

/// A command by its name. [`Other`](Self::Other) is any that the crate does not know.
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
    /// Who logs in (RFC 1939 section 7).
    User,
    /// The password (RFC 1939 section 7).
    Pass,
    /// Name and digest in one (RFC 1939 section 7).
    Apop,
    /// A SASL exchange (RFC 5034).
    Auth,
    /// AUTH without a mechanism: an old way to ask which there are.
    AuthList,
    /// TLS on this connection (RFC 2595 section 4).
    Stls,
    /// UTF-8 mode (RFC 6856 section 2).
    Utf8,
    /// What the server can do (RFC 2449 section 5).
    Capa,
    /// The language of the server's texts (RFC 6856 section 3).
    Lang,
    /// LANG without a range: which languages there are.
    LangList,
    /// How many messages, and their octets together (RFC 1939 section 5).
    Stat,
    /// The octets of one message, or of each (RFC 1939 section 5).
    List,
    /// A message (RFC 1939 section 5).
    Retr,
    /// Marks a message for deletion (RFC 1939 section 5).
    Dele,
    /// Nothing (RFC 1939 section 5).
    Noop,
    /// Takes all marks back (RFC 1939 section 5).
    Rset,
    /// The headers of a message and some lines of its body (RFC 1939 section 7).
    Top,
    /// The unique-id of one message, or of each (RFC 1939 section 7).
    Uidl,
    /// The end; what is marked is removed (RFC 1939 sections 4 and 6).
    Quit,
    /// Any that the crate does not know.
    Other,
}

/// How a success answer is framed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Shape {
    /// One line.
    Line,
    /// A line, then rows up to the end mark.
    Rows,
    /// A line, then a message up to the end mark.
    Body,
    /// Challenges, then one line.
    Exchange,
}

/// What may be sent behind a command before it is answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Barrier {
    /// Anything.
    None,
    /// Nothing.
    Last,
    /// Nothing, and it is sent behind nothing either.
    Alone,
}

/// One row of the table.
struct Row {
    keyword: &'static str,
    states: &'static [State],
    /// The success answer without a message number, and with one.
    shape: (Shape, Shape),
    barrier: Barrier,
}

const AUTHZ: &[State] = &[State::Authorization];
const TRANS: &[State] = &[State::Transaction];
const BOTH: &[State] = &[State::Authorization, State::Transaction];

const LINE: (Shape, Shape) = (Shape::Line, Shape::Line);
const ROWS: (Shape, Shape) = (Shape::Rows, Shape::Rows);
/// Rows for all messages, a line for one.
const LIST: (Shape, Shape) = (Shape::Rows, Shape::Line);
const BODY: (Shape, Shape) = (Shape::Body, Shape::Body);
const EXCHANGE: (Shape, Shape) = (Shape::Exchange, Shape::Exchange);

impl Verb {
    /// All that there are.
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

    /// The word on the wire; empty for [`Other`](Self::Other).
    #[must_use]
    pub const fn keyword(self) -> &'static str {
        self.row().keyword
    }

    /// The states in which the command is valid.
    #[must_use]
    pub const fn states(self) -> &'static [State] {
        self.row().states
    }

    /// Whether the command is valid in this state.
    #[must_use]
    pub fn is_valid_in(self, state: State) -> bool {
        self.states().contains(&state)
    }

    /// Whether a `+OK` to it, given with or without a message number, is followed by lines up to the end
    /// mark. A `-ERR` never is (RFC 1939 section 3).
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

    /// The command whose keyword a line begins with, in any letter case, and the rest of the line: nothing,
    /// or a space and more.
    #[inline(always)] // then the reader of a command goes on where its keyword was told
    pub(super) fn split(line: &[u8]) -> Option<(Verb, &[u8])> {
        let Some((word, rest)) = line.split_first_chunk::<4>() else { return top(line) };
        if !ends_word(rest) {
            return top(line);
        }
        // Bit 5 is what letters of either case differ in; no octet but the two of a letter becomes that
        // letter without it.
        let verb = match u32::from_be_bytes(*word) & 0xDFDF_DFDF {
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

    /// Whether this word is a keyword.
    fn is_keyword(word: &[u8]) -> bool {
        Verb::split(word).is_some_and(|(_, rest)| rest.is_empty())
    }
}

/// The word on the wire.
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

/// The one keyword of three letters.
fn top(line: &[u8]) -> Option<(Verb, &[u8])> {
    let (word, rest) = line.split_at_checked(3)?;
    (word.eq_ignore_ascii_case(b"TOP") && ends_word(rest)).then_some((Verb::Top, rest))
}

/// Whether a word before this has ended.
#[inline]
fn ends_word(rest: &[u8]) -> bool {
    matches!(rest, [] | [b' ' | b'\t', ..])
}

/// The keywords as one number each, without the bit of the letter case: one comparison tells two of them
/// apart.
mod word {
    macro_rules! words {
        ($($name:ident)+) => {
            $(pub(super) const $name: u32 = word(stringify!($name));)+
        };
    }
    words! { RETR DELE LIST UIDL STAT NOOP RSET QUIT USER PASS APOP AUTH CAPA STLS LANG UTF8 }

    const fn word(keyword: &str) -> u32 {
        match keyword.as_bytes().first_chunk() {
            Some(word) => u32::from_be_bytes(*word) & 0xDFDF_DFDF,
            None => panic!("four letters"),
        }
    }
}

/// The word of a command that the crate does not know: printable ASCII, and none of the words that it knows.
///
/// The RFC's keywords have 3 or 4 letters; any length is read here, so that a host can serve old and private
/// ones.
///
/// Somebody who mistypes PASS, or forgets its space, puts a password here. So its `Debug` is the same for every
/// word, and it has no `Display`. [`as_bytes`](Self::as_bytes) is the only way out.
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
    /// A keyword.
    ///
    /// # Errors
    /// [`InvalidValue::Empty`]; [`InvalidValue::Octet`] outside 0x21 to 0x7E; [`InvalidValue::Syntax`] where the crate has a
    /// command of that name.
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

    /// The word as it was given.
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
