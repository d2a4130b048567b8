//! LANG, both sides (RFC 6856 section 3, RFC 4647 section 2.1).

use super::{Mail, greeted, guest, opened};
use pop3_proto::server::{Language, Phrase, ServerConfig};
use pop3_proto::{LanguageRange, LanguageTag, MIN_SEND_BUF, Quirk, Text, TlsPolicy};
use pop3_proto_kit::Host;

fn german(phrase: Phrase) -> Text<'static> {
    match phrase {
        Phrase::LanguageSelected => const { Text::from_static("Sprache gewählt") },
        Phrase::NoSuchLanguage => const { Text::from_static("keine solche Sprache") },
        Phrase::UnknownCommand => const { Text::from_static("unbekannter Befehl") },
        Phrase::Nothing => const { Text::from_static("nichts geschehen") },
        other => other.english(),
    }
}

fn canadian(phrase: Phrase) -> Text<'static> {
    match phrase {
        Phrase::LanguageSelected => const { Text::from_static("langue choisie") },
        other => other.english(),
    }
}

const LANGUAGES: &[Language<'_>] = &[
    Language { tag: LanguageTag::from_static("de"), name: Text::from_static("Deutsch"), say: &german },
    Language {
        tag: LanguageTag::from_static("fr-CA"),
        name: Text::from_static("français canadien"),
        say: &canadian,
    },
    Language { tag: LanguageTag::from_static("i-klingon"), name: Text::EMPTY, say: &Phrase::english },
    Language::ENGLISH,
];

fn host() -> Host<Mail> {
    greeted(ServerConfig::new(TlsPolicy::Opportunistic).with_languages(LANGUAGES))
}

/// Also 6856.3.a, 6856.3.g.
#[test]
fn r6856_3_f_the_languages_are_listed_one_a_line_in_both_states() {
    let rows = ["de Deutsch", "fr-CA français canadien", "i-klingon", "en English"];
    let mut host = host();
    assert_eq!(host.lists("LANG"), rows);
    host.say("USER mrose\r\nPASS secret\r\n");
    assert_eq!(host.lists("lang"), rows);
    let mut without = greeted(ServerConfig::new(TlsPolicy::Cleartext));
    assert_eq!(without.say("LANG\r\n"), "-ERR unknown command\r\n");
}

/// Also 6856.3.h: in UTF-8, without UTF8 mode.
#[test]
fn r6856_3_c_texts_follow_the_language() {
    let mut host = host();
    assert_eq!(host.say("BOGUS\r\n"), "-ERR unknown command\r\n");
    assert_eq!(host.say("LANG de\r\n"), "+OK de Sprache gewählt\r\n");
    assert_eq!(host.say("BOGUS\r\n"), "-ERR unbekannter Befehl\r\n");
    host.say("USER mrose\r\nPASS secret\r\n");
    assert_eq!(host.say("NOOP\r\n"), "+OK nichts geschehen\r\n", "in TRANSACTION too");
    assert_eq!(host.say("RSET\r\n"), "+OK all messages are unmarked\r\n", "untranslated phrases are English");
    assert_eq!(host.say("LANG en\r\nNOOP\r\n"), "+OK en language selected\r\n+OK no operation\r\n");
}

/// Also 4647.2.1.a: a range matches a tag if it equals the tag, or its beginning up to a hyphen, in any letter case.
#[test]
fn r6856_3_b_a_range_matches_by_prefix_and_in_any_case() {
    for (range, tag) in [
        ("de", Some("de")),
        ("DE", Some("de")),
        ("fr", Some("fr-CA")),
        ("FR-ca", Some("fr-CA")),
        ("i", Some("i-klingon")),
        ("fr-C", None),
        ("fr-CA-x-y", None),
        ("d", None),
        ("deu", None),
        ("*", Some("de")),
    ] {
        let answer = host().say(format!("LANG {range}\r\n"));
        match tag {
            Some(tag) => assert!(answer.starts_with(&format!("+OK {tag} ")), "{range}: {answer}"),
            None => assert_eq!(answer, "-ERR no such language\r\n", "{range}"),
        }
    }
}

#[test]
fn r6856_3_e_a_star_is_the_administrators_choice() {
    let mut host = host();
    host.say("LANG en\r\n");
    assert_eq!(host.say("LANG *\r\n"), "+OK de Sprache gewählt\r\n");
}

#[test]
fn r6856_3_d_a_failed_lang_keeps_the_language() {
    let mut host = host();
    host.say("LANG de\r\n");
    assert_eq!(host.say("LANG it\r\n"), "-ERR keine solche Sprache\r\n");
    assert_eq!(host.say("BOGUS\r\n"), "-ERR unbekannter Befehl\r\n");
    assert!(host.say("LANG de_AT\r\n").starts_with("-ERR"));
    assert_eq!(host.say("BOGUS\r\n"), "-ERR unbekannter Befehl\r\n");
}

#[test]
fn r4647_2_1_a_an_invalid_range_is_a_syntax_error() {
    for range in
        ["de_AT", "1a", "-de", "de-", "de--at", "abcdefghi", "de-abcdefghi", "*-CH", "de *", "de fr", "dé"]
    {
        let answer = host().say(format!("LANG {range}\r\n"));
        assert_eq!(answer, "-ERR syntax error\r\n", "{range}");
    }
    for range in ["abcdefgh", "a-12345678-b", "zh-Hant-TW"] {
        let (upper, lower) = (range.to_ascii_uppercase(), range.to_ascii_lowercase());
        assert_eq!(LanguageRange::new(upper.as_bytes()), LanguageRange::new(lower.as_bytes()));
        assert_eq!(LanguageRange::new(range.as_bytes()).unwrap().as_bytes(), range.as_bytes());
        assert_eq!(host().say(format!("LANG {range}\r\n")), "-ERR no such language\r\n");
    }
}

/// Also 6856.3.j: a LANG before TLS has no effect inside TLS.
#[test]
fn r2595_sec_c_tls_forgets_the_language() {
    let mut host = host();
    assert_eq!(host.say("LANG de\r\nBOGUS\r\n"), "+OK de Sprache gewählt\r\n-ERR unbekannter Befehl\r\n");
    host.say("STLS\r\n");
    assert!(host.server().is_tls());
    assert_eq!(host.say("BOGUS\r\n"), "-ERR unknown command\r\n");
}

/// Also 2449.6.4.b, 2449.4.c.
#[test]
fn r6856_3_c_a_phrase_that_is_too_long_or_reads_as_a_code_is_said_in_english() {
    fn odd(phrase: Phrase) -> Text<'static> {
        const { assert!(LONG.len() == 450) }
        match phrase {
            Phrase::UnknownCommand => const { Text::from_static("[SYS/PERM] go away") },
            Phrase::Syntax => const { Text::from_static("[") },
            Phrase::Nothing => Text::from_static(LONG),
            Phrase::Unmarked => Text::from_static(LONG.split_at(440).0),
            _ => Text::EMPTY,
        }
    }
    const LONG: &str = {
        const OCTETS: [u8; 450] = [b'l'; 450];
        match core::str::from_utf8(&OCTETS) {
            Ok(long) => long,
            Err(_) => panic!("ASCII"),
        }
    };
    const ODD: &[Language<'_>] = &[
        Language { tag: LanguageTag::from_static("x-odd"), name: Text::EMPTY, say: &odd },
        Language {
            tag: LanguageTag::from_static(
                "en-x-aaaaaaaa-bbbbbbbb-cccccccc-dddddddd-eeeeeeee-ffffffff-gggggggg-hhhhhhhh",
            ),
            name: Text::from_static(LONG),
            say: &|_| Text::from_static(LONG.split_at(440).0),
        },
    ];
    let mut host = greeted(ServerConfig::new(TlsPolicy::Cleartext).with_languages(ODD));
    assert_eq!(host.say("LANG x-odd\r\n"), "+OK x-odd\r\n", "a phrase may be empty");
    assert_eq!(host.say("BOGUS\r\nCAPA 1\r\n"), "-ERR unknown command\r\n-ERR syntax error\r\n");
    assert_eq!(host.say("USER mrose\r\nPASS secret\r\nNOOP\r\n"), "+OK\r\n+OK\r\n+OK no operation\r\n");
    assert_eq!(host.say("RSET\r\n").len(), "+OK \r\n".len() + 440);
    // No line is longer than a status line may be, whatever the tag and the name are.
    let lines = host.say("LANG\r\nLANG en\r\nLIST 9\r\nRETR 1\r\nNOOP\r\nQUIT\r\n");
    assert!(
        lines
            .contains("\r\nen-x-aaaaaaaa-bbbbbbbb-cccccccc-dddddddd-eeeeeeee-ffffffff-gggggggg-hhhhhhhh\r\n")
    );
    assert!(lines.split_inclusive("\r\n").all(|line| line.len() <= MIN_SEND_BUF), "{lines}");
}

/// Also 6856.3.c, 6856.3.f.
#[test]
fn r6856_3_c_a_client_reads_the_tag_and_the_text() {
    let mut peer = guest(TlsPolicy::Cleartext);
    assert_eq!(peer.ask("LANG de", "+OK de-AT Sprache gewählt\r\n"), ["language de-AT Sprache gewählt"]);
    assert_eq!(peer.ask("LANG *", "+OK en\r\n"), ["language en"]);
    let rows = peer.ask("LANG", "+OK list\r\nen English\r\nfr-CA fran\u{e7}ais\r\nx-pig\r\n.\r\n");
    assert_eq!(
        rows,
        ["LANG begin list", "language en English", "language fr-CA français", "language x-pig", "LANG end 3"]
    );
    assert!(peer.client().quirks().is_empty());
}

/// Also 6856.3.d.
#[test]
fn amb_22_a_tag_after_err_is_text() {
    let mut peer = opened(TlsPolicy::Cleartext);
    assert_eq!(
        peer.ask("LANG uga", "-ERR es Idioma desconocido\r\n"),
        ["LANG refused es Idioma desconocido"]
    );
    assert_eq!(peer.ask("LANG", "-ERR no list\r\n"), ["LANG refused no list"], "the list may fail too");
    assert_eq!(peer.ask("NOOP", "+OK\r\n"), ["NOOP ok"]);
}

#[test]
fn r6856_3_h_ill_formed_text_breaks_nothing() {
    let mut peer = opened(TlsPolicy::Cleartext);
    assert_eq!(peer.ask("LANG de", b"+OK de \xff\xfe\r\n"), [r"language de \xff\xfe"]);
    assert_eq!(peer.ask("NOOP", b"+OK \xc3(\r\n"), [r"NOOP ok \xc3("]);
    assert_eq!(peer.ask("NOOP", b"-ERR \xe2\x82\r\n"), [r"NOOP refused \xe2\x82"]);
    let rows = peer.ask("LANG", b"+OK\r\nde \xff\r\nd\xc3\xa9 x\r\n\r\n.\r\n");
    assert_eq!(rows, ["LANG begin", r"language de \xff", r"odd d\xc3\xa9 x", "odd", "LANG end 3"]);
    // A selection that names no language is odd; the session continues.
    assert_eq!(peer.ask("LANG de", "+OK 12 fine\r\n"), ["odd 12 fine"]);
    assert!(peer.client().quirks().contains(Quirk::MalformedRow));
    assert_eq!(peer.ask("STAT", "+OK 1 2\r\n"), ["1 messages, 2 octets"]);
}
