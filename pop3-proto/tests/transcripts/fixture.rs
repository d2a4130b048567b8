//! What the notes of a transcript say: which machines it plays, what the server has, and how the session ends.

use pop3_proto::script::Script;
use pop3_proto::server::{Language, MessageInfo, Phrase, ServerConfig, Utf8};
use pop3_proto::{LanguageTag, Mechanism, OctetCount, OwnedUniqueId, Text, TlsPolicy, UniqueId};

/// The world around the machines.
#[derive(Default)]
pub(super) struct Fixture {
    /// How the session of the client machine ends; it does not play where nothing says so.
    pub(super) client_ends: Option<String>,
    /// How the session of the server machine ends; it does not play where nothing says so.
    pub(super) server_ends: Option<String>,
    pub(super) users: Vec<(String, String)>,
    /// A name and its digest.
    pub(super) apop: Option<(String, String)>,
    /// The response of PLAIN that is right.
    pub(super) plain: Option<String>,
    /// Unknown names are refused at once.
    pub(super) refuses_names: bool,
    pub(super) messages: Vec<Message>,
    /// The messages that are gone when the session is over.
    pub(super) removed: Vec<String>,
    /// Those that cannot be removed.
    pub(super) stuck: Vec<String>,
    offers: Vec<String>,
}

pub(super) struct Message {
    pub(super) id: String,
    octets: u64,
    pub(super) text: Option<String>,
}

impl Fixture {
    pub(super) fn of(script: &Script) -> Self {
        let mut fixture = Fixture::default();
        for (number, note) in script.notes() {
            assert!(fixture.read(note).is_some(), "line {number}: what is `@ {note}`?");
        }
        fixture
    }

    fn read(&mut self, note: &str) -> Option<()> {
        if let Some(line) = note.strip_prefix('|') {
            let message = self.messages.last_mut()?;
            let text = message.text.get_or_insert_default();
            text.push_str(line.strip_prefix(' ').unwrap_or(line));
            text.push_str("\r\n");
            message.octets = OctetCount::of(text.as_bytes());
            return Some(());
        }
        let words: Vec<&str> = note.split(' ').collect();
        match words[..] {
            ["client", "ends", how] => self.client_ends = Some(how.into()),
            ["server", "ends", how] => self.server_ends = Some(how.into()),
            ["server", "refuses", "names"] => self.refuses_names = true,
            ["server", "offers", ref what @ ..] => self.offers.extend(what.iter().map(|word| (*word).into())),
            ["user", name, ref password @ ..] => self.users.push((name.into(), password.join(" "))),
            ["apop", name, digest] => self.apop = Some((name.into(), digest.into())),
            ["plain", response] => self.plain = Some(response.into()),
            ["message", id] => self.messages.push(Message { id: id.into(), octets: 0, text: None }),
            ["message", id, octets] => {
                self.messages.push(Message { id: id.into(), octets: octets.parse().ok()?, text: None });
            }
            ["removed", ref ids @ ..] => self.removed.extend(ids.iter().map(|id| (*id).into())),
            ["stuck", id] => self.stuck.push(id.into()),
            _ => return None,
        }
        Some(())
    }

    pub(super) fn config(&self) -> ServerConfig<'static> {
        let tls = if self.offers("stls") { TlsPolicy::Required } else { TlsPolicy::Cleartext };
        let mut config = ServerConfig::new(tls);
        if self.offers("plain") {
            config = config.with_sasl(&[Mechanism::PLAIN]).with_sasl_cleartext(&[Mechanism::PLAIN]);
        }
        if self.offers("utf8") {
            config = config.with_utf8(Utf8::MessagesAndUsers);
        }
        if self.offers("lang") {
            config = config.with_languages(LANGUAGES);
        }
        config
    }

    pub(super) fn maildrop(&self) -> Vec<MessageInfo<OwnedUniqueId>> {
        let id = |message: &Message| UniqueId::new(message.id.as_bytes()).unwrap().into();
        self.messages.iter().map(|message| MessageInfo::new(message.octets, id(message))).collect()
    }

    fn offers(&self, what: &str) -> bool {
        self.offers.iter().any(|offer| offer == what)
    }
}

const LANGUAGES: &[Language<'_>] = &[
    Language::ENGLISH,
    Language { tag: LanguageTag::from_static("fr"), name: Text::from_static("français"), say: &french },
];

fn french(phrase: Phrase) -> Text<'static> {
    match phrase {
        Phrase::LanguageSelected => const { Text::from_static("langue choisie") },
        Phrase::Bye => const { Text::from_static("à bientôt") },
        other => other.english(),
    }
}
