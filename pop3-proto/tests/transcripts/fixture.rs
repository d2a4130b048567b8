//! The notes of a transcript: which side plays it, the server's data, and how the session ends.

use pop3_proto::script::{Script, Side};
use pop3_proto::server::{Language, Phrase, Refusal, ServerConfig, Utf8};
use pop3_proto::{LanguageTag, Limits, MIN_SEND_BUF, Mechanism, Profile, Text, TlsPolicy};
use pop3_proto_kit::{App, Message, User};

/// Everything around the machines.
pub(super) struct Fixture {
    /// How the session of the client ends, or `None` if only the server plays the transcript.
    pub(super) client_ends: Option<String>,
    /// How the session of the server ends, or `None` if only the client plays the transcript.
    pub(super) server_ends: Option<String>,
    pub(super) config: ServerConfig<'static>,
    /// The messages that are removed at the end of the session.
    pub(super) removed: Vec<String>,
    /// The quirks that the server has noted, if a note names any.
    pub(super) quirks: Option<String>,
    app: App,
}

/// Lines of AUTH fit in the smallest send buffer.
const LIMITS: Limits = Limits::DEFAULT.with_sasl_line(MIN_SEND_BUF as u16);

impl Fixture {
    pub(super) fn of(script: &Script) -> Self {
        let mut fixture = Fixture {
            client_ends: None,
            server_ends: None,
            config: ServerConfig::new(TlsPolicy::Cleartext).with_limits(LIMITS),
            removed: Vec::new(),
            quirks: None,
            app: App::of(&[""; 0]),
        };
        // Users without a name in the file cannot log in.
        fixture.app.users.push(User::default());
        for (number, note) in script.notes() {
            assert!(fixture.read(note).is_some(), "line {number}: what is `@ {note}`?");
        }
        fixture
    }

    /// The application, whose greeting is the first line of the transcript.
    pub(super) fn app(&self, script: &Script) -> App {
        let mut app = self.app.clone();
        let greeting = script.lines().find(|line| line.from == Side::Server).unwrap();
        match greeting.octets.strip_prefix(b"+OK ") {
            Some(text) => app.greeting = String::from_utf8(text.trim_ascii_end().to_vec()).unwrap(),
            None => app.refuse_greeting = Some(Refusal::Temporary),
        }
        app
    }

    fn read(&mut self, note: &str) -> Option<()> {
        let app = &mut self.app;
        if let Some(line) = note.strip_prefix('|') {
            let message = app.messages.last_mut()?;
            let text = message.text.get_or_insert_default();
            text.extend(line.strip_prefix(' ').unwrap_or(line).as_bytes());
            text.extend(b"\r\n");
            message.octets = pop3_proto::OctetCount::of(text);
            return Some(());
        }
        let user = |name: &str| User { name: name.into(), ..User::default() };
        let words: Vec<&str> = note.split(' ').collect();
        match words[..] {
            ["client", "ends", how] => self.client_ends = Some(how.into()),
            ["server", "ends", how] => self.server_ends = Some(how.into()),
            ["server", "refuses", "names"] => app.refuses_unknown_names = true,
            ["server", "refuses", "name", why] => app.refuse_name = Some(refusal(why)?),
            ["server", "refuses", "login", why] => app.refuse_login = Some(refusal(why)?),
            ["server", "offers", ref what @ ..] => what.iter().try_for_each(|what| self.offer(what))?,
            ["server", "notes", ref quirks @ ..] => self.quirks = Some(format!("{{{}}}", quirks.join(", "))),
            ["user", name, ref password @ ..] => {
                app.users.push(User { password: password.join(" "), ..user(name) });
            }
            ["apop", name, digest] => app.users.push(User { digest: digest.into(), ..user(name) }),
            ["plain", response] => app.users.push(User { response: response.into(), ..User::default() }),
            ["challenges", ref challenges @ ..] => {
                app.challenges = challenges.iter().map(|word| word.replace('=', "")).collect();
            }
            ["message", id] => app.messages.push(Message { id: id.into(), ..Message::default() }),
            ["message", id, octets] => {
                app.messages.push(Message { id: id.into(), octets: octets.parse().ok()?, text: None });
            }
            ["removed", ref ids @ ..] => self.removed.extend(ids.iter().map(|id| (*id).into())),
            ["stuck", id] => {
                let index = app.messages.iter().position(|message| message.id == id)?;
                app.stuck.push(index as u32 + 1);
            }
            _ => return None,
        }
        Some(())
    }

    fn offer(&mut self, what: &str) -> Option<()> {
        let config = self.config;
        self.config = match what {
            "stls" => ServerConfig::new(TlsPolicy::Required).with_limits(LIMITS),
            "plain" => config.with_sasl(&[Mechanism::PLAIN]).with_sasl_cleartext(&[Mechanism::PLAIN]),
            "utf8" => config.with_utf8(Utf8::MessagesAndUsers),
            "lang" => config.with_languages(LANGUAGES),
            "strict" => config.with_profile(Profile::Strict),
            "patience" => config.with_limits(LIMITS.with_bad_commands(255, 255).with_failed_logins(255)),
            _ => return None,
        };
        Some(())
    }
}

fn refusal(word: &str) -> Option<Refusal> {
    Some(match word {
        "AUTH" => Refusal::Credentials,
        "IN-USE" => Refusal::InUse,
        "LOGIN-DELAY" => Refusal::LoginDelay,
        "SYS/TEMP" => Refusal::Temporary,
        "SYS/PERM" => Refusal::Permanent,
        "here" => Refusal::NotAllowed,
        _ => return None,
    })
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
