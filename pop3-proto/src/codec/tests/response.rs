use super::{encoded, noting};
use crate::quirks::Quirk::{ChallengeSpacing, ControlInText, GreetingSpacing, StatusCase};
use crate::{
    InvalidValue, OtherCode, Quirk, Response, ResponseCode, ResponseError, Retry, StatusText, Text, Verb,
};

const GREETING: Option<Verb> = None;
const NOOP: Option<Verb> = Some(Verb::Noop);
const AUTH: Option<Verb> = Some(Verb::Auth);

fn status<'a>(code: Option<ResponseCode<'a>>, text: &'a [u8]) -> StatusText<'a> {
    StatusText::new(code, Text::new(text).unwrap()).unwrap()
}

fn ok(text: &[u8]) -> Response<'_> {
    Response::Ok(status(None, text))
}

fn err<'a>(code: ResponseCode<'a>, text: &'a [u8]) -> Response<'a> {
    Response::Err(status(Some(code), text))
}

/// A line, the command that it answers, its meaning, and the tolerated quirks.
type Case<'a> = (&'a [u8], Option<Verb>, Response<'a>, &'a [Quirk]);

fn all_read(cases: &[Case<'_>]) {
    for (line, verb, response, quirks) in cases {
        let read = noting(|quirks| Response::read(line, *verb, quirks));
        assert_eq!(read, (Ok(*response), quirks.iter().copied().collect()), "{}", line.escape_ascii());
    }
}

fn none_read(verbs: &[Option<Verb>], lines: &[&[u8]]) {
    for line in lines {
        for verb in verbs {
            assert_eq!(
                Response::parse(line, *verb),
                Err(ResponseError),
                "{} to {verb:?}",
                line.escape_ascii()
            );
        }
    }
}

/// Also ROB.15: a missing delimiter is never guessed.
#[test]
fn r1939_3_k_a_status_is_ok_or_err() {
    all_read(&[
        (b"+OK", NOOP, ok(b""), &[]),
        (b"+OK ", NOOP, ok(b""), &[]),
        (b"+OK ready", GREETING, ok(b"ready"), &[]),
        (b"-ERR no", NOOP, Response::Err(status(None, b"no")), &[]),
        (b"-ERR", NOOP, Response::Err(status(None, b"")), &[]),
    ]);
    let none: [&[u8]; 16] = [
        b"",
        b" ",
        b" +OK",
        b"+",
        b"+ ",
        b"+O",
        b"+OKfoo",
        b"+OK\t",
        b"-ER",
        b"-ERRfoo",
        b"+ERR no",
        b"-OK",
        b"OK",
        b"* BYE",
        b"421 timeout",
        b"+OK[IN-USE] x",
    ];
    none_read(&[NOOP], &none);
    none_read(&[GREETING], &none[..15]);
}

/// Also 1957.a, 1957.b, 2449.3.b and quirks 1 and 2.
#[test]
fn r1957_a_the_space_after_the_status_may_be_missing() {
    for line in [&b"+OK"[..], b"+OK ", b"-ERR", b"-ERR "] {
        let Ok(Response::Ok(status) | Response::Err(status)) = Response::parse(line, NOOP) else { panic!() };
        assert_eq!((status.code(), status.text()), (None, Text::EMPTY));
    }
    assert_eq!(encoded(|out| ok(b"").encode(out)), b"+OK\r\n");
    assert_eq!(encoded(|out| ok(b"ready").encode(out)), b"+OK ready\r\n");
}

/// Also quirk 3.
#[test]
fn rob_15_a_status_in_lower_case_is_noted() {
    all_read(&[
        (b"+ok ready", GREETING, ok(b"ready"), &[StatusCase]),
        (b"+Ok", NOOP, ok(b""), &[StatusCase]),
        (b"-err no", NOOP, Response::Err(status(None, b"no")), &[StatusCase]),
    ]);
    none_read(&[NOOP, GREETING], &[b"+okay", b"-errno"]);
}

/// Also 1939.3.n: the pending command decides the meaning of the same bytes.
#[test]
fn g_20_a_challenge_is_for_auth_only() {
    all_read(&[
        (b"+ ", AUTH, Response::Continue(Text::EMPTY), &[]),
        (b"+ AAAA", AUTH, Response::Continue(Text::from_static("AAAA")), &[]),
        (b"+  OK", AUTH, Response::Continue(Text::from_static(" OK")), &[]),
        (b"+", AUTH, Response::Continue(Text::EMPTY), &[ChallengeSpacing]),
        (b"+ a\0b", AUTH, Response::Continue(Text::from_static("a")), &[ControlInText]),
        (b"+OK", AUTH, ok(b""), &[]),
    ]);
    for verb in Verb::ALL.iter().filter(|verb| **verb != Verb::Auth) {
        none_read(&[Some(*verb)], &[b"+", b"+ ", b"+ AAAA"]);
    }
    none_read(&[AUTH, GREETING], &[b"+AAAA", b"+O", b"+\t"]);
}

/// Also AMB.26 and quirk 44.
#[test]
fn g_11_a_code_stands_in_brackets_at_the_start() {
    let code = |octets: &'static [u8]| ResponseCode::new(octets).unwrap();
    all_read(&[
        (b"-ERR [IN-USE] locked", NOOP, err(ResponseCode::InUse, b"locked"), &[]),
        (b"-ERR [in-use]locked", NOOP, err(ResponseCode::InUse, b"locked"), &[]),
        (b"-ERR [LOGIN-DELAY]", NOOP, err(ResponseCode::LoginDelay, b""), &[]),
        (b"-ERR [AUTH]  two", NOOP, err(ResponseCode::Auth, b" two"), &[]),
        (b"-ERR [SYS/TEMP/DISK] full", NOOP, err(ResponseCode::SysTemp, b"full"), &[]),
        (b"-ERR [SYS/DISK] full", NOOP, err(ResponseCode::Sys, b"full"), &[]),
        (b"-ERR [X/Y] z", NOOP, err(code(b"x/y"), b"z"), &[]),
        (b"-ERR [UTF8] [AUTH] z", NOOP, err(ResponseCode::Utf8, b"[AUTH] z"), &[]),
        (b"+OK [SYS/PERM] z", NOOP, Response::Ok(status(Some(ResponseCode::SysPerm), b"z")), &[]),
    ]);
}

/// Also AMB.1, AMB.3 and ROB.28.
#[test]
fn amb_3_a_bracket_anywhere_else_is_text() {
    let texts: [&[u8]; 9] = [
        b"ready [AUTH]",
        b" [AUTH] x",
        b"[",
        b"[]",
        b"[AUTH",
        b"[A B] x",
        b"[/AUTH] x",
        b"[SYS/] x",
        b"[\x80] x",
    ];
    for text in texts {
        let line = [b"+OK ", text].concat();
        for verb in [NOOP, GREETING] {
            let Ok(Response::Ok(status)) = Response::parse(&line, verb) else { panic!() };
            assert_eq!((status.code(), status.text().as_bytes()), (None, text), "{}", line.escape_ascii());
        }
    }
}

#[test]
fn amb_4_in_a_greeting_the_space_before_a_code_may_be_missing() {
    let in_use = status(Some(ResponseCode::InUse), b"x");
    all_read(&[
        (b"+OK[IN-USE] x", GREETING, Response::Ok(in_use), &[GreetingSpacing]),
        (b"-ERR[IN-USE] x", GREETING, Response::Err(in_use), &[GreetingSpacing]),
    ]);
    let (read, quirks) = noting(|quirks| Response::read(b"+OK[x y", GREETING, quirks));
    assert!(matches!(read, Ok(Response::Ok(status)) if status.text() == Text::from_static("[x y")));
    assert_eq!(quirks, [GreetingSpacing].into_iter().collect());
    assert_eq!(encoded(|out| Response::Ok(in_use).encode(out)), b"+OK [IN-USE] x\r\n");
    none_read(&[NOOP, AUTH], &[b"+OK[IN-USE] x", b"-ERR[IN-USE] x"]);
}

/// Also AMB.2: DEL, and any byte that does not end a line, is text.
#[test]
fn amb_2_a_text_ends_before_the_bytes_that_end_lines() {
    all_read(&[
        (b"+OK a\x7f\x1b[2J\xff", NOOP, ok(b"a\x7f\x1b[2J\xff"), &[]),
        (b"+OK a\0b", NOOP, ok(b"a"), &[ControlInText]),
        (b"-ERR \rb", NOOP, Response::Err(status(None, b"")), &[ControlInText]),
        (b"-ERR IN\0[AUTH] b", NOOP, Response::Err(status(None, b"IN")), &[ControlInText]),
    ]);
}

/// Also ROB.18: text that looks like a code cannot be sent as a plain text.
#[test]
fn rob_19_a_status_text_is_one_line_without_a_false_code() {
    for text in [&b"a\rb"[..], b"a\nb", b"a\0b"] {
        assert_eq!(Text::new(text), Err(InvalidValue::Control));
    }
    for text in ["[AUTH] x", "[AUTH x", "["] {
        assert_eq!(StatusText::new(None, Text::from_static(text)), Err(InvalidValue::Syntax));
    }
    assert!(StatusText::new(Some(ResponseCode::Auth), Text::from_static("[AUTH] x")).is_ok());
}

/// Also 1939.3.o: only a success has more lines.
#[test]
fn r1939_3_n_the_command_says_whether_more_lines_follow() {
    let with_rows = [Verb::AuthList, Verb::Capa, Verb::LangList, Verb::Retr, Verb::Top];
    for verb in Verb::ALL {
        let by_number = matches!(verb, Verb::List | Verb::Uidl);
        assert_eq!(verb.is_multi_line(true), with_rows.contains(verb), "{verb:?}");
        assert_eq!(verb.is_multi_line(false), by_number || with_rows.contains(verb), "{verb:?}");
    }
}

#[test]
fn r3206_codes_say_when_to_try_again() {
    let retry = |code: &'static [u8]| ResponseCode::new(code).unwrap().retry();
    assert_eq!(retry(b"IN-USE"), Some(Retry::Later));
    assert_eq!(retry(b"SYS/TEMP"), Some(Retry::Later));
    assert_eq!(retry(b"SYS/PERM"), Some(Retry::Never));
    assert_eq!(retry(b"AUTH"), Some(Retry::Now));
    assert_eq!(retry(b"X"), None);
    let Ok(ResponseCode::Other(other)) = ResponseCode::new(b"X/Y/Z") else { panic!() };
    assert!(OtherCode::levels(&other).eq([b"X", b"Y", b"Z"]));
}

/// The fast path returns the same value as the general path, with no quirk.
#[test]
fn law_5_a_plain_line_is_what_parse_reads() {
    let starts: [&[u8]; 9] =
        [b"+OK", b"-ERR", b"+ok", b"+", b"+OK ", b"-ERR ", b"+OK [", b"-ERR [IN-USE]", b"-ERR [SYS/TEMP] "];
    let pieces: [&[u8]; 13] = [
        b"",
        b" ",
        b"a",
        b"]",
        b"\t",
        b"\r",
        b"\n",
        b"\0",
        b"AUTH] x",
        b"SYS/PERM]",
        "\u{e9}".as_bytes(),
        b"abcdefgh",
        b"x/y] word",
    ];
    for start in starts {
        for first in pieces {
            for second in pieces {
                for third in pieces {
                    let input = [start, first, second, third, b"\r\n+OK next\r\n"].concat();
                    let line = &input[..input.windows(2).position(|end| end == b"\r\n").unwrap()];
                    if let Some((plain, consumed)) = Response::plain(&input) {
                        assert_eq!(consumed, line.len() + 2, "{}", input.escape_ascii());
                        let read = noting(|quirks| Response::read(line, Some(Verb::Noop), quirks));
                        assert_eq!(read, (Ok(plain), [].into_iter().collect()), "{}", line.escape_ascii());
                    } else {
                        let odd = line.iter().any(|octet| matches!(octet, 0 | b'\r' | b'\n'));
                        let shape =
                            [b"+OK ".as_slice(), b"-ERR "].iter().any(|start| line.starts_with(start));
                        assert!(odd || !shape, "{}", line.escape_ascii());
                    }
                }
            }
        }
    }
}
