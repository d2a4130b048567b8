use crate::types::{LanguageTag, Text};

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
                    $(Phrase::$name => const { Text::literal($english) },)+
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
///         Phrase::Bye => const { Text::literal("auf Wiedersehen") },
///         other => other.english(),
///     }
/// }
/// const GERMAN: Language =
///     Language { tag: LanguageTag::literal("de"), name: Text::literal("Deutsch"), say: german };
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Language {
    /// Its tag.
    pub tag: LanguageTag<'static>,
    /// Its name in itself.
    pub name: Text<'static>,
    /// The phrases that it has; English for the others. One that would not fit a status line, or begins with
    /// `[`, is said in English.
    pub say: fn(Phrase) -> Text<'static>,
}

impl Language {
    /// English, which every server speaks unless a client asks for another language.
    pub const ENGLISH: Language =
        Language { tag: LanguageTag::literal("en"), name: Text::literal("English"), say: Phrase::english };

    /// A phrase, in English where the translation is too long for a status line or would read as a response
    /// code.
    pub(super) fn phrase(&self, phrase: Phrase) -> Text<'static> {
        let text = (self.say)(phrase);
        let fits = text.as_bytes().len() <= LONGEST && !text.as_bytes().starts_with(b"[");
        if fits { text } else { phrase.english() }
    }
}

/// What a phrase may have so that 512 octets hold it with the longest that goes before it.
const LONGEST: usize = 440;
