//! The application's texts: which of them a server sends, and which it refuses.

use super::*;
use pop3_proto::server::{AsConfig, ConfigError, Language, Phrase, Translation};
use pop3_proto::{AnswerError, LanguageTag, MIN_SEND_BUF, Mechanism, OtherCapability};
use std::sync::Arc;

/// Texts that a client could misread as a response code, or that move a terminal's cursor.
const UNFIT: &[&[u8]] = &[
    b"[x hi",
    b"[",
    b"[] hi",
    b"[x y] hi",
    b"[x/] hi",
    b"[x]hi",
    b" [x] hi",
    b"   [x hi",
    b"a\x1b[2J\x7f",
    b"\x7f",
    b"tab\there",
    b"\x01",
    b"\xc2\x9b2J",
    b"Gr\xfc\xdfe",
    b"[x] \x07",
];

const FIT: &[&[u8]] =
    &[b"", b"ready", b"[x] hi", b"[SYS/TEMP]", b"a [x hi", b"Gr\xc3\xbc\xc3\x9fe ~", b"[IN-USE] [x"];

/// Also AMB.2.
#[test]
fn r2449_6_4_b_a_greeting_that_reads_as_a_code_without_being_one_is_refused() {
    let mut buffer = [0; MIN_SEND_BUF];
    for unfit in UNFIT {
        let mut out = SendBuf::new(&mut buffer[..]);
        let mut server: Server<Infos, ServerConfig<'_>> = Server::new(CLEAR, 1);
        let greet = ask!(server, &mut Input::more(b""), &mut out, Greet);
        let before = format!("{server:?}");
        let back = server.greet(greet, Text::new(unfit).unwrap(), &mut out).unwrap_err();
        assert_eq!(back.why, AnswerError::Text, "{}", unfit.escape_ascii());
        assert_eq!((format!("{server:?}"), out.pending()), (before, b"".as_slice()));
        server.greet(back.token, Text::from_static("ready"), &mut out).unwrap();
        assert_eq!(pending(&mut out), "+OK ready\r\n");
    }
    for fit in FIT {
        let mut out = SendBuf::new(&mut buffer[..]);
        let mut server: Server<Infos, ServerConfig<'_>> = Server::new(CLEAR, 1);
        let greet = ask!(server, &mut Input::more(b""), &mut out, Greet);
        server.greet(greet, Text::new(fit).unwrap(), &mut out).unwrap();
        assert_eq!(pending(&mut out).into_bytes(), [b"+OK ", *fit, b"\r\n"].concat());
    }
}

/// Also 2449.6.4.b: the answer to a command that the crate does not know.
#[test]
fn amb_2_no_answer_of_the_application_has_a_control_character() {
    for unfit in UNFIT {
        let mut server = machine(CLEAR.with_other_commands(), three(), "");
        let mut buffer = [0; MIN_SEND_BUF];
        let mut out = SendBuf::new(&mut buffer[..]);
        let other = ask!(server, &mut Input::more(b"XTND\r\n"), &mut out, Other, _, _);
        let before = format!("{server:?}");
        let back = server.other(other, Text::new(unfit).unwrap(), &mut out).unwrap_err();
        assert_eq!(back.why, AnswerError::Text, "{}", unfit.escape_ascii());
        assert_eq!((format!("{server:?}"), out.pending()), (before, b"".as_slice()));
        server.other(back.token, Text::from_static("[x] done"), &mut out).unwrap();
        assert_eq!(pending(&mut out), "+OK [x] done\r\n");
    }
}

/// A translation that is built at run time: every phrase is the same.
struct Same(Vec<u8>);

impl Translation for Same {
    fn phrase(&self, _: Phrase) -> Option<Text<'_>> {
        Text::new(&self.0).ok()
    }
}

/// Returns the answer to NOOP in the second of these languages.
fn noop(languages: &[Language<'_>]) -> String {
    let config = CLEAR.with_languages(languages);
    let mut server: Server<Infos, &ServerConfig<'_>> = Server::new(&config, 1);
    let mut buffer = [0; 4096];
    let mut out = SendBuf::new(&mut buffer[..]);
    let mut input = Input::more(b"LANG x-same\r\nUSER a\r\nPASS b\r\nNOOP\r\n");
    let greet = ask!(server, &mut input, &mut out, Greet);
    server.greet(greet, Text::EMPTY, &mut out).unwrap();
    let user = ask!(server, &mut input, &mut out, User, _);
    server.accept_name(user).unwrap();
    let login = ask!(server, &mut input, &mut out, Login, _);
    server.accept(login, Vec::new()).unwrap();
    assert!(matches!(server.poll(&mut input, &mut out), Ok(Step::NeedInput)));
    pending(&mut out).lines().last().unwrap().to_string()
}

/// Also 2449.6.4.b and AMB.2: a phrase never carries its own code, not even a known code.
#[test]
fn r6856_3_c_a_phrase_that_no_line_may_carry_is_said_in_english() {
    for text in UNFIT.iter().chain(&[b"[AUTH] x".as_slice(), b"[x]", &[b'L'; 441]]) {
        let same = Same(text.to_vec());
        let tag = LanguageTag::from_static("x-same");
        let languages = [Language::ENGLISH, Language { tag, name: Text::EMPTY, say: &same }];
        assert_eq!(noop(&languages), "+OK no operation", "{}", text.escape_ascii());
        let error = ConfigError::LanguagePhrase(1, Phrase::NameAccepted);
        assert_eq!(CLEAR.with_languages(&languages).check(), Err(error), "{}", text.escape_ascii());
    }
    for text in [b"nichts".as_slice(), b"r\xc3\xa4tselhaft", &[b'L'; 440]] {
        let same = Same(text.to_vec());
        let tag = LanguageTag::from_static("x-same");
        let languages = [Language::ENGLISH, Language { tag, name: Text::EMPTY, say: &same }];
        assert_eq!(noop(&languages), format!("+OK {}", std::str::from_utf8(text).unwrap()));
        assert_eq!(CLEAR.with_languages(&languages).check(), Ok(()));
    }
}

/// Also 6856.3.c: in this case the row has only the tag.
#[test]
fn amb_2_a_language_name_that_no_line_may_carry_is_left_out() {
    for name in [b"a\x1b[2J".as_slice(), b"\x7f", b"Fran\xe7ais", &[b'n'; 505]] {
        let languages = [Language {
            tag: LanguageTag::from_static("x-a"),
            name: Text::new(name).unwrap(),
            ..Language::ENGLISH
        }];
        let config = CLEAR.with_languages(&languages);
        assert_eq!(config.check(), Err(ConfigError::LanguageName(0)));
        assert_eq!(greeted(&config, b"LANG\r\n"), "+OK language list follows\r\nx-a\r\n.\r\n");
    }
    let bracket = [Language { name: Text::from_static("[x"), ..Language::ENGLISH }];
    assert_eq!(
        greeted(&CLEAR.with_languages(&bracket), b"LANG\r\n"),
        "+OK language list follows\r\nen [x\r\n.\r\n"
    );
}

/// Also 2449.6.9.a: CAPA omits what it cannot announce, and `check` reports it.
#[test]
fn amb_2_an_implementation_that_no_line_may_carry_is_not_announced() {
    for words in [b"a\x1b[2J".as_slice(), b"\x7f", b"M\xfcll", b"", &[b'n'; 491]] {
        let config = CLEAR.with_implementation(Text::new(words).unwrap());
        assert_eq!(config.check(), Err(ConfigError::Implementation));
        assert!(!greeted(&config, b"CAPA\r\n").contains("IMPLEMENTATION"), "{}", words.escape_ascii());
    }
    for words in [&[b'n'; 490][..], b"[x] M\xc3\xbcll"] {
        let config = CLEAR.with_implementation(Text::new(words).unwrap());
        assert_eq!(config.check(), Ok(()));
        assert!(greeted(&config, b"CAPA\r\n").contains("\r\nIMPLEMENTATION "), "{}", words.escape_ascii());
    }
    // Further capabilities are checked when they are created.
    for words in [b"a\x1b[2J".as_slice(), b"\x7f", b"M\xfcll"] {
        assert!(OtherCapability::new(Text::from_static("XTND"), Text::new(words).unwrap()).is_err());
        assert!(OtherCapability::new(Text::new(words).unwrap(), Text::EMPTY).is_err());
    }
}

#[test]
fn a_configuration_with_mechanisms_or_languages_that_are_not_announced_is_found() {
    let many = [Mechanism::new(b"ABCDEFGHIJKLMNOPQRST").unwrap(); 25];
    let fit = [Mechanism::new(b"ABCDEFGHIJKLMNOPQRST").unwrap(); 24];
    let short = [Mechanism::PLAIN; 33];
    let opportunistic = ServerConfig::new(TlsPolicy::Opportunistic);
    for (config, error) in [
        (CLEAR.with_sasl(&many), Some(ConfigError::Mechanisms)),
        (CLEAR.with_sasl(&fit), None),
        (CLEAR.with_sasl(&short), Some(ConfigError::Mechanisms)),
        (CLEAR.with_sasl_cleartext(&many), Some(ConfigError::Mechanisms)),
        (
            opportunistic.with_sasl_cleartext(&[Mechanism::OAUTHBEARER]),
            Some(ConfigError::MechanismsCleartext),
        ),
        (opportunistic.with_sasl(&[Mechanism::OAUTHBEARER]), None),
        (opportunistic.with_sasl_cleartext(&[Mechanism::PLAIN]), None),
        (
            ServerConfig::new(TlsPolicy::Required).with_sasl_cleartext(&[Mechanism::PLAIN]),
            Some(ConfigError::MechanismsCleartext),
        ),
        (CLEAR.with_languages(&[Language::ENGLISH; 255]), None),
        (CLEAR.with_languages(&[Language::ENGLISH; 256]), Some(ConfigError::Languages)),
    ] {
        assert_eq!(config.check().err(), error);
        if let Some(error) = error {
            assert!(!error.to_string().is_empty());
        }
    }
}

/// Returns the answers of a server to these commands after its greeting.
fn greeted(config: &ServerConfig<'_>, commands: &[u8]) -> String {
    let mut server: Server<Infos, &ServerConfig<'_>> = Server::new(config, 1);
    let mut buffer = [0; 2048];
    let mut out = SendBuf::new(&mut buffer[..]);
    let mut input = Input::more(commands);
    let greet = ask!(server, &mut input, &mut out, Greet);
    server.greet(greet, Text::EMPTY, &mut out).unwrap();
    pending(&mut out);
    assert!(matches!(server.poll(&mut input, &mut out), Ok(Step::NeedInput)));
    pending(&mut out)
}

/// A configuration that is built from values read at run time.
struct Settings {
    base: ServerConfig<'static>,
    mechanisms: Vec<Mechanism<'static>>,
    name: String,
}

impl AsConfig for Settings {
    fn as_config(&self) -> ServerConfig<'_> {
        self.base
            .with_sasl_cleartext(&self.mechanisms)
            .with_implementation(Text::try_from(&self.name).unwrap_or_default())
    }
}

/// No value is leaked, because the settings are freed with the last server.
#[test]
fn a_configuration_is_made_at_run_time_and_freed() {
    let settings =
        Arc::new(Settings { base: CLEAR, mechanisms: vec![Mechanism::PLAIN], name: format!("mail {}", 7) });
    let mut servers: Vec<Server<Infos, Arc<Settings>>> =
        (0..3).map(|id| Server::new(Arc::clone(&settings), id)).collect();
    for server in &mut servers {
        let mut buffer = [0; 1024];
        let mut out = SendBuf::new(&mut buffer[..]);
        let mut input = Input::more(b"CAPA\r\n");
        let greet = ask!(server, &mut input, &mut out, Greet);
        server.greet(greet, Text::EMPTY, &mut out).unwrap();
        assert!(matches!(server.poll(&mut input, &mut out), Ok(Step::NeedInput)));
        let answer = pending(&mut out);
        assert!(
            answer.contains("SASL PLAIN\r\n") && answer.contains("IMPLEMENTATION mail 7\r\n"),
            "{answer}"
        );
    }
    assert_eq!(Arc::strong_count(&settings), 4);
    drop(servers);
    assert_eq!(Arc::strong_count(&settings), 1);
    fn sends<T: Send + Sync>(_: &T) {}
    sends(&settings);
}
