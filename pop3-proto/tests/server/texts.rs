//! The server's texts: every line fits 512 octets, and no line contains bytes from the client.

use super::*;
use pop3_proto::server::{Language, Phrase, Translation, Utf8};
use pop3_proto::{AnswerError, InvalidValue, LanguageTag, MIN_SEND_BUF, Mechanism};

static LONG: [u8; 600] = [b'L'; 600];

fn text(octets: usize) -> Text<'static> {
    Text::new(&LONG[..octets]).unwrap()
}

/// Returns the texts of one language, all built in this way.
const fn language(say: &'static dyn Translation) -> Language<'static> {
    Language { tag: LanguageTag::from_static("x-long"), name: Text::from_static("long"), say }
}

static LONGEST: &[Language<'_>] = &[language(&|_| text(440))];
static TOO_LONG: &[Language<'_>] = &[language(&|_| text(441))];
/// Fits a status line that has nothing else.
static FULL: &[Language<'_>] = &[language(&|_| text(512 - "-ERR \r\n".len()))];
static BRACKET: &[Language<'_>] = &[language(&|_| Text::from_static("[AUTH] text"))];
static EMPTY: &[Language<'_>] = &[language(&|_| Text::EMPTY)];
static MECHANISMS: &[Mechanism<'static>] = &[Mechanism::PLAIN];

/// Returns every answer that a server gives in a language, one or more lines each.
fn all_answers(languages: &'static [Language<'_>]) -> String {
    let config = ServerConfig::new(TlsPolicy::Implicit)
        .with_limits(Limits::DEFAULT.with_bad_commands(90, 90))
        .with_languages(languages)
        .with_sasl(MECHANISMS)
        .with_utf8(Utf8::Messages);
    let mut host = Host::three(config);
    host.say("");
    let mut answers = host.say("LANG x-long\r\nLANG x\r\nLANG\r\nUTF8\r\nAUTH\r\nAUTH X\r\nAUTH PLAIN\r\n*\r\nCAPA\r\nSTAT\r\nBAD\r\nRETR\r\n");
    for refusal in [
        Refusal::Credentials,
        Refusal::NotAllowed,
        Refusal::InUse,
        Refusal::LoginDelay,
        Refusal::Temporary,
        Refusal::Permanent,
    ] {
        let mut refused = Host::three(config);
        refused.say("LANG x-long\r\n");
        refused.refuse_login = Some(refusal);
        answers += &refused.say("USER a\r\nPASS b\r\n");
        refused.refuse_login = None;
        refused.refuse_fetch = Some(Refusal::NeedsUtf8);
        answers += &refused.say("USER a\r\nPASS b\r\nRETR 1\r\n");
    }
    answers += &host
        .say("USER a\r\nPASS b\r\nDELE 1\r\nRETR 1\r\nRETR 3\r\nTOP 3 0\r\nLIST\r\nUIDL\r\nNOOP\r\nRSET\r\n");
    answers += &host.say([&[b'x'; 300], b"\r\n".as_slice()].concat());
    host.keep_all();
    answers += &host.say("QUIT\r\n");
    assert_eq!(host.end, Some(Ok(CloseReason::Quit)));
    answers
}

/// Also 2449.4.c, 1939.3.e, AMB.6: with the longest texts.
#[test]
fn r1939_3_m_no_status_line_is_over_512_octets() {
    for languages in [LONGEST, TOO_LONG, FULL, BRACKET, EMPTY] {
        let answers = all_answers(languages);
        for line in answers.split_inclusive('\n') {
            assert!(line.len() <= 512 && line.ends_with("\r\n"), "{line}");
        }
    }
    assert!(all_answers(LONGEST).matches(&"L".repeat(440)).count() > 25);
}

/// Also 2449.3.c: a translation that would read as a response code, or does not fit, is replaced by English.
#[test]
fn r2449_3_c_no_phrase_is_mistaken_for_a_response_code() {
    let english = all_answers(&[const { language(&Phrase::english) }]);
    assert_eq!(all_answers(TOO_LONG), english);
    assert_eq!(all_answers(BRACKET), english);
}

/// Also 2449.3.b: `+OK` and `-ERR` alone, or with a response code alone.
#[test]
fn r2449_3_b_a_text_may_be_empty() {
    let answers = all_answers(EMPTY);
    assert!(answers.contains("+OK\r\n") && answers.contains("-ERR\r\n"), "{answers}");
    assert!(answers.contains("-ERR [AUTH]\r\n"), "{answers}");
    assert!(!answers.contains("+OK \r\n") && !answers.contains("-ERR \r\n"), "{answers}");
}

/// Old clients need both words. Only a translation may omit them.
#[test]
fn r1957_b_a_server_writes_a_space_and_some_text() {
    for phrase in Phrase::ALL {
        assert!(!phrase.english().is_empty(), "{phrase:?}");
    }
    for line in all_answers(&[const { language(&Phrase::english) }]).lines() {
        if let Some((_, text)) = line.split_once("+OK").or_else(|| line.split_once("-ERR")) {
            assert!(text.starts_with(' ') && text.len() > " ".len(), "{line}");
        }
    }
}

/// Also 1939.3.m: refused when it is given.
#[test]
fn sec_512_a_greeting_or_answer_of_the_application_fits_a_line_or_is_refused() {
    let mut buffer = [0; MIN_SEND_BUF];
    let mut out = SendBuf::new(&mut buffer[..]);
    for octets in [0, 1, 506, 507, 600] {
        let mut server: Server<Infos, ServerConfig<'_>> = Server::new(CLEAR, 1);
        let greet = ask!(server, &mut Input::more(b""), &mut out, Greet);
        let mut offers = machine(CLEAR.with_other_commands(), three(), "");
        let other = ask!(offers, &mut Input::more(b"XTND\r\n"), &mut SendBuf::new([0; 512]), Other, _, _);
        if octets <= 506 {
            server.greet(greet, text(octets), &mut out).unwrap();
            let sent = pending(&mut out);
            assert!(sent.len() <= 512 && sent.ends_with("\r\n"));
            offers.other(other, text(octets), &mut out).unwrap();
            assert_eq!(pending(&mut out), sent);
        } else {
            let back = server.greet(greet, text(octets), &mut out).unwrap_err();
            assert_eq!(back.why, AnswerError::TooLong { limit: 512 });
            server.greet(back.token, text(9), &mut out).unwrap();
            let back = offers.other(other, text(octets), &mut out).unwrap_err();
            assert_eq!(back.why, AnswerError::TooLong { limit: 512 });
            assert_eq!(pending(&mut out), "+OK LLLLLLLLL\r\n");
        }
    }
}

/// A language's name and the words of IMPLEMENTATION go into lines of listings.
#[test]
fn sec_512_no_row_of_a_listing_is_too_long_for_the_smallest_sink() {
    static NAMED: &[Language<'_>] = &[
        Language {
            tag: LanguageTag::from_static("x-a"),
            name: Text::from_static("a"),
            say: &Phrase::english,
        },
        Language { tag: LanguageTag::from_static("x-b"), name: const { long() }, say: &Phrase::english },
    ];
    const fn long() -> Text<'static> {
        match Text::new(&[b'N'; 600]) {
            Ok(text) => text,
            Err(_) => Text::EMPTY,
        }
    }
    let mut host = Host::three(CLEAR.with_languages(NAMED).with_implementation(const { long() }))
        .sized(Memory::fixed(MIN_SEND_BUF));
    let answer = host.say("LANG\r\nCAPA\r\n");
    assert!(answer.lines().all(|line| line.len() <= 510), "{answer}");
    assert!(answer.contains("\r\nx-a a\r\nx-b"), "{answer}");
}

/// Also ROB.18 and ROB.19: refused when it is created, for every use, and never stripped.
#[test]
fn sec_injection_no_text_of_the_application_holds_a_line_end() {
    for octets in [b"a\r\nb".as_slice(), b"\r", b"\n", b"\0", b"ready\r\n-ERR x", b"x\n", b"\rx"] {
        assert_eq!(Text::new(octets), Err(InvalidValue::Control));
        assert_eq!(Text::try_from(octets), Err(InvalidValue::Control));
        assert!(pop3_proto::Secret::new(octets).is_err());
        assert!(UniqueId::new(octets).is_err());
        assert!(LanguageTag::new(octets).is_err());
        assert!(Mechanism::new(octets).is_err());
        assert!(Base64::new(octets).is_err());
    }
}

/// Also ROB.18: the server never sends a client's bytes back.
#[test]
fn rob_18_no_response_holds_bytes_from_the_client() {
    let marker = "ZqX7";
    let lines = [
        "USER m",
        "PASS m",
        "APOP m c4c9334bac560ecc979e58001b3e22fb",
        "APOP m m",
        "AUTH m",
        "AUTH PLAIN m",
        "m",
        "m m",
        "LIST m",
        "RETR m",
        "DELE m",
        "TOP 1 m",
        "TOP m 1",
        "UIDL m",
        "STAT m",
        "NOOP m",
        "RSET m",
        "QUIT m",
        "CAPA m",
        "LANG m",
        "STLS m",
        "UTF8 m",
        "XTND m",
    ];
    let config = PATIENT.with_sasl_cleartext(MECHANISMS).with_languages(EMPTY).with_utf8(Utf8::Messages);
    let others = config.with_other_commands();
    for (login, config) in [(false, config), (false, others), (true, config), (true, others)] {
        let mut host = if login { Host::three(config).login() } else { Host::three(config) };
        for line in lines {
            let answer = host.say(format!("{}\r\n", line.replace('m', marker)));
            assert!(!answer.contains(marker), "{line}: {answer}");
        }
    }
    let answer = Host::three(PATIENT).login().say("LIST 0000003\r\nUIDL 0003\r\nRETR 03\r\n");
    assert_eq!(answer, "+OK 3 5\r\n+OK 3 id-3\r\n+OK 5 octets\r\nabc\r\n.\r\n");
}
