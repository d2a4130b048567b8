use super::{Code, OtherCode, ResponseCode, Retry};
use crate::buffers::SendBuf;
use crate::codec::{Response, StatusText, Verb};
use crate::quirks::{Quirk, Quirks};
use crate::types::{InvalidValue, Text};
use proptest::prelude::*;
use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

const KNOWN: &[(&str, ResponseCode<'static>, Retry)] = &[
    ("LOGIN-DELAY", ResponseCode::LoginDelay, Retry::Later),
    ("IN-USE", ResponseCode::InUse, Retry::Later),
    ("SYS/TEMP", ResponseCode::SysTemp, Retry::Later),
    ("SYS/PERM", ResponseCode::SysPerm, Retry::Never),
    ("SYS", ResponseCode::Sys, Retry::Later),
    ("AUTH", ResponseCode::Auth, Retry::Now),
    ("UTF8", ResponseCode::Utf8, Retry::Now),
];

fn status<'a>(line: &'a str, verb: Option<Verb>) -> (bool, StatusText<'a>) {
    match Response::parse(line.as_bytes(), verb).unwrap() {
        Response::Ok(status) => (true, status),
        Response::Err(status) => (false, status),
        Response::Continue(_) => panic!("{line}"),
    }
}

fn encoded(response: Response<'_>) -> String {
    let mut buffer = [0; 1024];
    let mut out = SendBuf::new(&mut buffer[..]);
    response.encode(&mut out).unwrap();
    String::from_utf8(out.pending().to_vec()).unwrap()
}

/// Also 2449.8.1.1.a, 2449.8.1.2.a, 2449.8.1.2.b, 3206.4.a, 3206.4.c, 3206.4.d, 3206.5.a, 6856.5.a.
#[test]
fn r2449_8_a_each_code_is_read_and_written_on_both_answers() {
    for (word, code, retry) in KNOWN {
        assert_eq!((code.to_string().as_str(), code.as_bytes()), (*word, word.as_bytes()));
        assert_eq!(code.retry(), Some(*retry), "{word}");
        for ok in [true, false] {
            let wire = format!("{} [{word}] some text", if ok { "+OK" } else { "-ERR" });
            let (was_ok, status) = status(&wire, Some(Verb::Pass));
            assert_eq!(
                (was_ok, status.code(), status.text()),
                (ok, Some(*code), Text::from_static("some text"))
            );
            let written = if ok { Response::Ok(status) } else { Response::Err(status) };
            assert_eq!(encoded(written), format!("{wire}\r\n"));
        }
    }
}

/// Also 3206.4.b and quirk 44.
#[test]
fn r2449_8_b_codes_compare_in_any_letter_case() {
    for (word, code, _) in KNOWN {
        let mixed: String = word
            .chars()
            .enumerate()
            .map(|(at, c)| if at % 2 == 0 { c.to_ascii_lowercase() } else { c })
            .collect();
        for spelt in [word.to_ascii_lowercase(), mixed] {
            assert_eq!(ResponseCode::new(spelt.as_bytes()), Ok(*code), "{spelt}");
        }
    }
    assert_eq!(ResponseCode::new(b"sys/Temp/disk"), Ok(ResponseCode::SysTemp));
    assert_eq!(ResponseCode::new(b"auth/Expired"), Ok(ResponseCode::Auth));
    assert_eq!(ResponseCode::new(b"x-Shore/One"), ResponseCode::new(b"X-SHORE/one"));
}

#[test]
fn r2449_8_c_levels_that_are_not_known_are_left_out() {
    for (word, code, _) in KNOWN {
        for deeper in ["X", "disk/full", "1/2/3/4/5/6/7/8/9", "TEMPORARY"] {
            let spelt = format!("{word}/{deeper}");
            assert_eq!(ResponseCode::new(spelt.as_bytes()), Ok(*code), "{spelt}");
        }
    }
    let sys = ResponseCode::new(b"SYS/OVERLOAD").unwrap();
    assert_eq!((sys, sys.retry()), (ResponseCode::Sys, Some(Retry::Later)));
    // An unknown code has no retry advice, but a program that knows the code can read its levels.
    let Ok(code @ ResponseCode::Other(other)) = ResponseCode::new(b"REFERRAL/pop.example/110") else {
        panic!()
    };
    assert_eq!(code.retry(), None);
    assert_eq!(other.levels().collect::<Vec<_>>(), [b"REFERRAL".as_slice(), b"pop.example", b"110"]);
    assert_eq!(code.as_bytes(), b"REFERRAL/pop.example/110");
}

#[test]
fn r2449_3_d_anything_else_is_text() {
    for (inner, error) in [
        ("", InvalidValue::Empty),
        ("/", InvalidValue::Syntax),
        ("SYS/", InvalidValue::Syntax),
        ("/TEMP", InvalidValue::Syntax),
        ("SYS//TEMP", InvalidValue::Syntax),
        ("two words", InvalidValue::Octet),
        ("t\tab", InvalidValue::Octet),
        ("\u{7f}", InvalidValue::Octet),
        ("schön", InvalidValue::Octet),
    ] {
        assert_eq!(ResponseCode::new(inner.as_bytes()), Err(error), "{inner:?}");
        let line = format!("-ERR [{inner}] text");
        let status = status(&line, Some(Verb::Pass)).1;
        assert_eq!((status.code(), status.text().to_str()), (None, line.strip_prefix("-ERR ")), "{line}");
    }
    assert_eq!(OtherCode::new(b"A]B").err(), Some(InvalidValue::Octet));
    assert_eq!(status("-ERR [IN-USE text", Some(Verb::Pass)).1.code(), None, "no end, no code");
}

/// Also AMB.1, AMB.3, AMB.26, ROB.28.
#[test]
fn r2449_3_c_a_code_is_read_only_at_the_start_of_the_text() {
    let read = |line| {
        let (_, status) = status(line, None);
        (status.code(), status.text().to_str().unwrap())
    };
    assert_eq!(read("+OK words [IN-USE]"), (None, "words [IN-USE]"), "a bracket later is text");
    assert_eq!(read("+OK  [IN-USE] words"), (None, " [IN-USE] words"));
    assert_eq!(read("+OK ready [QUFNMVBSMDEx==]"), (None, "ready [QUFNMVBSMDEx==]"));
    assert_eq!(read("+OK [XCLIENT] ready"), (Some(ResponseCode::new(b"XCLIENT").unwrap()), "ready"));
    assert_eq!(read("-ERR [AUTH] [is] this"), (Some(ResponseCode::Auth), "[is] this"));
    assert_eq!(read("-ERR [AUTH]no space"), (Some(ResponseCode::Auth), "no space"));
    assert_eq!(read("-ERR [AUTH]"), (Some(ResponseCode::Auth), ""));
    assert_eq!(read("-ERR [AUTH]  two"), (Some(ResponseCode::Auth), " two"));
}

#[test]
fn amb_4_a_greeting_may_have_no_space_before_its_code() {
    let mut quirks = Quirks::NONE;
    let greeting = Response::read(b"+OK[SYS/TEMP] soon", None, &mut quirks).unwrap();
    let spaced = Response::parse(b"+OK [SYS/TEMP] soon", None).unwrap();
    assert_eq!(greeting, spaced);
    assert_eq!(quirks, [Quirk::GreetingSpacing].into_iter().collect());
    assert_eq!(encoded(greeting), "+OK [SYS/TEMP] soon\r\n", "it is written with its space");
    assert!(Response::parse(b"+OK[SYS/TEMP] soon", Some(Verb::Noop)).is_err(), "in the greeting only");
    assert!(Response::parse(b"+OKready", None).is_err(), "and for a code only");
}

/// Also 2449.6.4.a.
#[test]
fn r2449_6_4_b_plain_text_never_begins_as_a_code_would() {
    assert_eq!(StatusText::new(None, Text::from_static("[AUTH] words")), Err(InvalidValue::Syntax));
    assert_eq!(StatusText::new(None, Text::from_static("[none of these")), Err(InvalidValue::Syntax));
    let with_code = StatusText::new(Some(ResponseCode::Auth), Text::from_static("[is] this")).unwrap();
    assert_eq!(encoded(Response::Err(with_code)), "-ERR [AUTH] [is] this\r\n");
    assert!(StatusText::new(None, Text::from_static("words [AUTH]")).is_ok());
}

#[test]
fn r2449_8_d_the_text_is_there_without_its_code() {
    let status = status("-ERR [sys/temp] disk [full]", Some(Verb::Retr)).1;
    assert_eq!(status.text().to_string(), "disk [full]");
}

/// The short path for known codes returns what a search for the bracket finds, after any change of one byte and at every cut.
#[test]
fn r2449_8_b_the_usual_codes_equal_the_general_parser() {
    let mut usual = 0;
    let mut check = |inner: &[u8]| {
        let end = inner.iter().position(|octet| *octet == b']');
        let naive = end.and_then(|end| Some((ResponseCode::new(&inner[..end]).ok()?, &inner[end + 1..])));
        if let Some(split) = Code::usual(inner).map(|(code, rest)| (code.get().unwrap(), rest)) {
            assert_eq!(Some(split), naive, "{}", inner.escape_ascii());
            usual += 1;
        }
    };
    for (word, ..) in KNOWN {
        let text = format!("{word}] some text").into_bytes();
        (0..=text.len()).for_each(|end| check(&text[..end]));
        for (at, octet) in (0..word.len() + 2).flat_map(|at| (0..=u8::MAX).map(move |octet| (at, octet))) {
            let mut text = text.clone();
            text[at] = octet;
            check(&text);
        }
    }
    assert!(usual > 6 * 256, "{usual}");
    assert!(Code::usual(b"sys/temp] x").is_none());
}

proptest! {
    #[test]
    fn rob_25_codes_and_texts_survive_the_wire(
        levels in proptest::collection::vec("[!-.0-\\\\^-~]{1,8}", 1..6),
        text in "[ -~äß]{0,60}",
        ok: bool,
    ) {
        let word = levels.join("/");
        let code = ResponseCode::new(word.as_bytes()).unwrap();
        prop_assert_eq!(ResponseCode::new(code.as_bytes()), Ok(code));
        let status = StatusText::new(Some(code), Text::new(text.as_bytes()).unwrap()).unwrap();
        let response = if ok { Response::Ok(status) } else { Response::Err(status) };
        let wire = encoded(response);
        prop_assert_eq!(Response::parse(wire.trim_end_matches("\r\n").as_bytes(), None), Ok(response));
    }
}
