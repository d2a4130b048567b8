use pop3_proto::server::{Language, Phrase};
use pop3_proto::{LanguageTag, Text};

/// The server's texts in German. They are in UTF-8, as LANG requires (RFC 6856 section 3).
pub(super) const GERMAN: Language<'_> =
    Language { tag: LanguageTag::from_static("de"), name: Text::from_static("Deutsch"), say: &phrase };

fn phrase(phrase: Phrase) -> Text<'static> {
    let text = match phrase {
        Phrase::NameAccepted => "weiter mit PASS",
        Phrase::LoggedIn => "Postfach offen",
        Phrase::LoginFailed => "Anmeldung gescheitert",
        Phrase::NotAllowed => "hier nicht erlaubt",
        Phrase::InUse => "das Postfach ist in einer anderen Sitzung offen",
        Phrase::LoginDelay => "zu bald nach der letzten Anmeldung",
        Phrase::Temporary => "vorübergehende Störung, bitte später noch einmal",
        Phrase::Permanent => "dauerhafte Störung, bitte um Hilfe fragen",
        Phrase::NeedsUtf8 => "diese Nachricht braucht UTF8",
        Phrase::NoSuchMessage => "diese Nachricht gibt es nicht",
        Phrase::Marked => "zum Löschen vorgemerkt",
        Phrase::Unmarked => "nichts ist mehr vorgemerkt",
        Phrase::Nothing => "nichts getan",
        Phrase::Octets => "Oktette",
        Phrase::TopFollows => "Anfang der Nachricht folgt",
        Phrase::ListingFollows => "Liste folgt",
        Phrase::UniqueIdsFollow => "Liste der Kennungen folgt",
        Phrase::CapabilitiesFollow => "Liste der Fähigkeiten folgt",
        Phrase::LanguagesFollow => "Liste der Sprachen folgt",
        Phrase::MechanismsFollow => "Liste der Verfahren folgt",
        Phrase::LanguageSelected => "Sprache gewählt",
        Phrase::NoSuchLanguage => "diese Sprache gibt es nicht",
        Phrase::Utf8On => "UTF8 ist an",
        Phrase::StartTls => "TLS beginnen",
        Phrase::TlsRequired => "erst TLS",
        Phrase::NoSuchMechanism => "dieses Verfahren gibt es nicht",
        Phrase::Cancelled => "abgebrochen",
        Phrase::Bye => "auf Wiedersehen",
        Phrase::NotRemoved => "einige Nachrichten wurden nicht gelöscht",
        Phrase::UnknownCommand => "unbekannter Befehl",
        Phrase::Syntax => "so ist der Befehl nicht zu lesen",
        Phrase::WrongState => "jetzt nicht",
        Phrase::LineTooLong => "die Zeile ist zu lang",
        Phrase::TooManyBad => "zu viele falsche Befehle",
        Phrase::TooManyLogins => "zu viele gescheiterte Anmeldungen",
        other => return other.english(),
    };
    Text::new(text.as_bytes()).unwrap_or_default()
}
