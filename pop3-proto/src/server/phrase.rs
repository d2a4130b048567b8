use super::text::{begins_as_code, is_printable};
use crate::sink::MIN_SEND_BUF;
use crate::types::{LanguageTag, Text};
use core::fmt;

macro_rules! phrases {
    ($($(#[doc = $doc:literal])+ $name:ident = $english:literal,)+) => {
        /// What a server says to a person: the words of its answers, which no program may go by.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[non_exhaustive]
        pub enum Phrase {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Phrase {
            /// All that there are.
            pub const ALL: &'static [Phrase] = &[$(Phrase::$name,)+];

            /// The phrase in English: what a translation answers where it has none of its own.
            #[must_use]
            pub const fn english(self) -> Text<'static> {
                match self {
                    $(Phrase::$name => const { Text::from_static($english) },)+
                }
            }
        }
    };
}

phrases! {
    /// USER was taken
    NameAccepted = "send PASS",
    /// logged in
    LoggedIn = "maildrop open",
    /// wrong name, wrong password, or an account that may not log in
    LoginFailed = "login failed",
    /// the login is not allowed on this connection
    NotAllowed = "not allowed here",
    /// another session has the maildrop open
    InUse = "maildrop in use by another session",
    /// too soon after the last login
    LoginDelay = "too soon after the last login",
    /// trouble that is likely to pass
    Temporary = "temporary trouble, try again later",
    /// trouble that somebody has to mend
    Permanent = "lasting trouble, ask for help",
    /// the message holds UTF-8
    NeedsUtf8 = "this message needs UTF8 mode",
    /// no message has that number, or it is marked for deletion
    NoSuchMessage = "no such message",
    /// DELE
    Marked = "marked for deletion",
    /// RSET
    Unmarked = "nothing is marked any more",
    /// NOOP
    Nothing = "nothing done",
    /// behind the number of octets, in answer to RETR
    Octets = "octets",
    /// TOP
    TopFollows = "top of message follows",
    /// LIST
    ListingFollows = "scan listing follows",
    /// UIDL
    UniqueIdsFollow = "unique-id listing follows",
    /// CAPA
    CapabilitiesFollow = "capability list follows",
    /// LANG without an argument
    LanguagesFollow = "language list follows",
    /// AUTH without a mechanism
    MechanismsFollow = "mechanism list follows",
    /// LANG with an argument
    LanguageSelected = "language selected",
    /// LANG asks for one that the server has not
    NoSuchLanguage = "no such language",
    /// UTF8
    Utf8On = "UTF8 mode on",
    /// STLS
    StartTls = "begin TLS",
    /// login outside TLS, where it is required
    TlsRequired = "TLS first",
    /// AUTH names a mechanism that the server does not offer
    NoSuchMechanism = "no such mechanism",
    /// the client cancelled AUTH
    Cancelled = "cancelled",
    /// QUIT
    Bye = "bye",
    /// QUIT, and some messages could not be removed
    NotRemoved = "some messages were not removed",
    /// no such command, or none that is offered now
    UnknownCommand = "unknown command",
    /// the command's arguments are wrong
    Syntax = "syntax error",
    /// the command is not for this state
    WrongState = "not in this state",
    /// an over-long line
    LineTooLong = "line too long",
    /// the last bad command
    TooManyBad = "too many bad commands",
    /// the last failed login
    TooManyLogins = "too many failed logins",
}

/// A language that a server speaks (RFC 6856 section 3).
///
/// ```
/// use pop3_proto::{LanguageTag, Text, server::{Language, Phrase}};
///
/// fn german(phrase: Phrase) -> Text<'static> {
///     match phrase {
///         Phrase::Bye => const { Text::from_static("auf Wiedersehen") },
///         other => other.english(),
///     }
/// }
/// const GERMAN: Language =
///     Language { tag: LanguageTag::from_static("de"), name: Text::from_static("Deutsch"), say: &german };
/// ```
#[derive(Clone, Copy)]
pub struct Language<'c> {
    /// Its tag.
    pub tag: LanguageTag<'c>,
    /// Its name in itself. A name that is not printable, or does not fit a line after the tag, is left out.
    pub name: Text<'c>,
    /// The phrases that it has. The server says all other phrases in English.
    pub say: &'c dyn Translation,
}

/// The phrases of a language: a function, or a table that is made at run time.
///
/// The server says a phrase in English if there is no translation, or if it cannot send the translation: because the text is longer than 440
/// bytes, is not UTF-8, contains a control character, or begins like a response code, with `[`.
/// [`ServerConfig::check`](super::ServerConfig::check) finds such phrases.
///
/// ```
/// use pop3_proto::server::{Language, Phrase, Server, ServerConfig, Translation};
/// use pop3_proto::{LanguageTag, Text, TlsPolicy};
///
/// /// As read from a file.
/// struct Table(Vec<(Phrase, String)>);
///
/// impl Translation for Table {
///     fn phrase(&self, phrase: Phrase) -> Option<Text<'_>> {
///         let (_, text) = self.0.iter().find(|(key, _)| *key == phrase)?;
///         Text::try_from(text).ok()
///     }
/// }
///
/// let table = Table(vec![(Phrase::Bye, "auf Wiedersehen".into())]);
/// let languages = [Language { tag: LanguageTag::new(b"de")?, name: Text::new(b"Deutsch")?, say: &table }];
/// let config = ServerConfig::new(TlsPolicy::Implicit).with_languages(&languages);
/// let server: Server<core::convert::Infallible, &ServerConfig> = Server::new(&config, 1);
/// # Ok::<(), pop3_proto::InvalidValue>(())
/// ```
pub trait Translation: Sync {
    /// Returns the translation of a phrase, or `None` if there is none.
    fn phrase(&self, phrase: Phrase) -> Option<Text<'_>>;
}

/// A function that translates every phrase.
impl<F: Fn(Phrase) -> Text<'static> + Sync> Translation for F {
    fn phrase(&self, phrase: Phrase) -> Option<Text<'_>> {
        Some(self(phrase))
    }
}

impl<'c> Language<'c> {
    /// English, which every server speaks unless a client asks for another language.
    pub const ENGLISH: Language<'static> = Language {
        tag: LanguageTag::from_static("en"),
        name: Text::from_static("English"),
        say: &Phrase::english,
    };

    /// Returns a phrase, in English if the translation cannot be sent.
    pub(super) fn phrase(&self, phrase: Phrase) -> Text<'c> {
        self.say.phrase(phrase).filter(|text| is_phrase(*text)).unwrap_or(phrase.english())
    }

    /// Returns the name, or nothing if it cannot be sent after the tag.
    pub(super) fn printed_name(&self) -> Text<'c> {
        if self.has_printable_name() { self.name } else { Text::EMPTY }
    }

    pub(super) fn has_printable_name(&self) -> bool {
        let length = self.tag.as_bytes().len().saturating_add(self.name.as_bytes().len());
        length.saturating_add("+OK  \r\n".len()) <= MIN_SEND_BUF && is_printable(self.name)
    }
}

impl fmt::Debug for Language<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Language").field("tag", &self.tag).field("name", &self.name).finish_non_exhaustive()
    }
}

/// Returns whether a text can be sent as a phrase.
pub(super) fn is_phrase(text: Text<'_>) -> bool {
    text.as_bytes().len() <= LONGEST && is_printable(text) && !begins_as_code(text)
}

/// What a phrase may have so that 512 octets hold it with the longest that goes before it.
const LONGEST: usize = 440;
