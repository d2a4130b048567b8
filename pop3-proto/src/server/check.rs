//! Finds the values of a configuration that a server cannot announce.

use super::phrase::is_phrase;
use super::text::is_printable;
use super::{Language, Phrase, ServerConfig};
use crate::types::{Mechanism, Text, TlsPolicy};
use core::fmt;

/// A value in a [`ServerConfig`] that the server leaves out. [`ServerConfig::check`] returns it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum ConfigError {
    /// The words of IMPLEMENTATION are empty, longer than 490 bytes, not UTF-8, or contain a control character. The server does not
    /// announce IMPLEMENTATION.
    Implementation,
    /// There are more than 255 languages. A client cannot select the others.
    Languages,
    /// The name of the language at this index is not UTF-8, contains a control character, or does not fit the line. The server lists the
    /// tag without the name.
    LanguageName(usize),
    /// A phrase of the language at this index cannot be sent: see [`Translation`](super::Translation). The server says it in English.
    LanguagePhrase(usize, Phrase),
    /// The names of the mechanisms do not fit one line of 512 bytes, or there are more than 32. CAPA lists the first of them.
    Mechanisms,
    /// The mechanisms outside TLS contain OAUTHBEARER, which is only offered inside TLS (RFC 7628 section 3), or the policy is
    /// [`TlsPolicy::Required`], which offers none of them.
    MechanismsCleartext,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConfigError::Implementation => {
                f.write_str("the implementation cannot be announced: use 1 to 490 bytes of printable UTF-8")
            }
            ConfigError::Languages => f.write_str("too many languages: use at most 255"),
            ConfigError::LanguageName(index) => {
                write!(
                    f,
                    "the name of language {index} cannot be sent: use printable UTF-8 that fits the line"
                )
            }
            ConfigError::LanguagePhrase(index, phrase) => write!(
                f,
                "phrase {phrase:?} of language {index} cannot be sent: use at most 440 bytes of printable UTF-8 that do not begin with a bracket"
            ),
            ConfigError::Mechanisms => f.write_str("too many mechanisms for one line: use fewer"),
            ConfigError::MechanismsCleartext => {
                f.write_str("a mechanism is never offered outside TLS: remove it, or change the TLS policy")
            }
        }
    }
}

impl core::error::Error for ConfigError {}

impl ServerConfig<'_> {
    /// Checks that the server can send every value. Call this when your program starts, because a session silently leaves out values
    /// that it cannot send.
    ///
    /// ```
    /// use pop3_proto::server::{ConfigError, ServerConfig};
    /// use pop3_proto::{Text, TlsPolicy};
    ///
    /// let config = ServerConfig::new(TlsPolicy::Implicit);
    /// assert_eq!(config.with_implementation(Text::from_static("mail 1.0")).check(), Ok(()));
    /// assert_eq!(config.with_implementation(Text::from_static("mail\t1.0")).check(), Err(ConfigError::Implementation));
    /// ```
    ///
    /// # Errors
    /// Returns [`ConfigError`] for the first value that cannot be sent.
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.implementation.is_some_and(|words| !is_implementation(words)) {
            return Err(ConfigError::Implementation);
        }
        if ![self.sasl, self.sasl_cleartext].into_iter().all(fit_one_line) {
            return Err(ConfigError::Mechanisms);
        }
        let is_offered =
            self.tls != TlsPolicy::Required && !self.sasl_cleartext.contains(&Mechanism::OAUTHBEARER);
        if !is_offered && !self.sasl_cleartext.is_empty() {
            return Err(ConfigError::MechanismsCleartext);
        }
        if self.languages.len() > usize::from(u8::MAX) {
            return Err(ConfigError::Languages);
        }
        self.languages.iter().enumerate().try_for_each(|(index, language)| check_language(index, language))
    }
}

fn check_language(index: usize, language: &Language<'_>) -> Result<(), ConfigError> {
    if !language.has_printable_name() {
        return Err(ConfigError::LanguageName(index));
    }
    let is_unfit = |phrase: &&Phrase| language.say.phrase(**phrase).is_some_and(|text| !is_phrase(text));
    match Phrase::ALL.iter().find(is_unfit) {
        Some(phrase) => Err(ConfigError::LanguagePhrase(index, *phrase)),
        None => Ok(()),
    }
}

/// The greatest length of IMPLEMENTATION that always fits a line of 512 bytes.
const IMPLEMENTATION: usize = 490;

/// Returns whether IMPLEMENTATION can be announced with these words.
pub(super) fn is_implementation(words: Text<'_>) -> bool {
    (1..=IMPLEMENTATION).contains(&words.as_bytes().len()) && is_printable(words)
}

/// Returns whether one SASL capability holds all of these mechanisms.
fn fit_one_line(mechanisms: &[Mechanism<'_>]) -> bool {
    let names = mechanisms.iter().map(|mechanism| mechanism.as_bytes().len().saturating_add(1));
    mechanisms.len() <= 32 && names.fold("SASL\r\n".len(), usize::saturating_add) <= 512
}
