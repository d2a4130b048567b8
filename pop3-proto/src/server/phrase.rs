use super::text::{begins_as_code, is_printable};
use crate::sink::MIN_SEND_BUF;
use crate::types::{LanguageTag, Text};
use core::fmt;

macro_rules! phrases {
    ($($(#[doc = $doc:literal])+ $name:ident = $english:literal,)+) => {
        /// A text of a server's responses. It is for people; programs must not depend on it.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[non_exhaustive]
        pub enum Phrase {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Phrase {
            /// All phrases.
            pub const ALL: &'static [Phrase] = &[$(Phrase::$name,)+];

            /// Returns the phrase in English. The server uses it if there is no translation.
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
    /// The response to an accepted USER.
    NameAccepted = "send PASS",
    /// The response to an accepted login.
    LoggedIn = "maildrop open",
    /// The name or password is wrong, or the account may not log in.
    LoginFailed = "login failed",
    /// The login is not allowed on this connection.
    NotAllowed = "not allowed here",
    /// The maildrop is open in another session.
    InUse = "maildrop in use by another session",
    /// The login is too soon after the last one.
    LoginDelay = "too soon after the last login",
    /// The server has a problem that is likely to pass.
    Temporary = "temporary failure, try again later",
    /// The server has a problem that somebody must fix.
    Permanent = "permanent fault, ask for help",
    /// The message contains UTF-8.
    NeedsUtf8 = "this message needs UTF8 mode",
    /// No message has this number, or it is marked for deletion.
    NoSuchMessage = "no such message",
    /// The response to DELE.
    Marked = "marked for deletion",
    /// The response to RSET.
    Unmarked = "all messages are unmarked",
    /// The response to NOOP.
    Nothing = "no operation",
    /// The word after the number of octets, in the response to RETR.
    Octets = "octets",
    /// The response to TOP.
    TopFollows = "top of message follows",
    /// The response to LIST.
    ListingFollows = "scan listing follows",
    /// The response to UIDL.
    UniqueIdsFollow = "unique-id listing follows",
    /// The response to CAPA.
    CapabilitiesFollow = "capability list follows",
    /// The response to LANG without an argument.
    LanguagesFollow = "language list follows",
    /// The response to AUTH without a mechanism.
    MechanismsFollow = "mechanism list follows",
    /// The response to LANG with an argument.
    LanguageSelected = "language selected",
    /// The server does not have the language that LANG asks for.
    NoSuchLanguage = "no such language",
    /// The response to UTF8.
    Utf8On = "UTF8 mode on",
    /// The response to STLS.
    StartTls = "begin TLS",
    /// The login requires TLS.
    TlsRequired = "TLS first",
    /// AUTH names a mechanism that the server does not offer.
    NoSuchMechanism = "no such mechanism",
    /// The client cancelled AUTH.
    Cancelled = "cancelled",
    /// The response to QUIT.
    Bye = "bye",
    /// The response to QUIT if some messages could not be removed.
    NotRemoved = "some messages were not removed",
    /// The command does not exist, or is not offered now.
    UnknownCommand = "unknown command",
    /// The arguments of the command are not valid.
    Syntax = "syntax error",
    /// The command is not allowed in this state.
    WrongState = "not in this state",
    /// The line is too long.
    LineTooLong = "line too long",
    /// The client reached the limit of bad commands.
    TooManyBad = "too many bad commands",
    /// The client reached the limit of failed logins.
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
    /// The tag of the language.
    pub tag: LanguageTag<'c>,
    /// The name of the language, in this language. The server leaves it out if it is not printable or does not fit the line.
    pub name: Text<'c>,
    /// The translated phrases. The server uses English for all other phrases.
    pub say: &'c dyn Translation,
}

/// The phrases of a language: a function, or a table that is built at run time.
///
/// The server uses English if there is no translation, or if the translation is longer than 440 bytes, is not UTF-8, contains a control
/// character, or begins with `[` like a response code. [`ServerConfig::check`](super::ServerConfig::check) finds such phrases.
///
/// ```
/// use pop3_proto::server::{Language, Phrase, Server, ServerConfig, Translation};
/// use pop3_proto::{LanguageTag, Text, TlsPolicy};
///
/// /// Phrases from a file.
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

/// The greatest length of a phrase. With the longest text before it, it fits a line of 512 octets.
const LONGEST: usize = 440;
