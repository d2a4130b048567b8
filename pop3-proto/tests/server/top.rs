//! TOP: RFC 1939 section 7, by whole lines.

use super::bodies::{lines, samples, wire};
use super::*;

const STATUS: &[u8] = b"+OK top of message follows\r\n";

/// Returns the lines of the answer: the headers with the empty line after them, which is added if it is missing, and
/// `count` more.
fn top(message: &[u8], count: usize) -> Vec<&[u8]> {
    let mut lines = lines(message);
    match lines.iter().position(|line| line.is_empty()) {
        Some(blank) => lines.truncate((blank + 1).saturating_add(count)),
        None => lines.push(b""),
    }
    lines
}

/// Also 1939.7.top.c, 1939.7.top.d, 1939.7.top.e, AMB.14 and quirk 53: every number of lines of every message,
/// however it is cut.
#[test]
fn r1939_7_top_b_headers_blank_line_and_the_first_lines() {
    for (chunk, room, drain, slices) in [
        (usize::MAX, 4096, usize::MAX, false),
        (usize::MAX, 512, 3, false),
        (usize::MAX, 600, 500, false),
        (1, 512, usize::MAX, false),
        (1, 512, usize::MAX, true),
        (5, 512, 13, true),
        (usize::MAX, 512, 1, true),
    ] {
        let mut host = through(Host::new(PATIENT, &samples()), chunk, room, drain, slices).login();
        for (message, number) in samples().iter().zip(1..) {
            if message.len() > 2000 && (chunk == 1 || drain < 100) {
                continue; // this takes long, and the short messages test the same
            }
            for count in (0..=lines(message).len().min(9)).chain([598, 599, 600, 601, usize::MAX]) {
                let sent = host.exchange(format!("TOP {number} {count}\r\n").as_bytes(), false);
                let expected = [STATUS, &wire(&top(message, count))].concat();
                assert!(sent == expected, "TOP {number} {count} in {chunk}: {}", sent.escape_ascii());
            }
        }
    }
}

#[test]
fn r1939_7_top_d_a_decimal_of_any_length() {
    let mut host = Host::new(PATIENT, &[b"A: b\r\n\r\n1\r\n2\r\n"]).login();
    for count in ["2", "0002", "4294967296", "18446744073709551616", &"9".repeat(200)] {
        let answer = host.say(format!("TOP 1 {count}\r\n"));
        assert_eq!(answer, "+OK top of message follows\r\nA: b\r\n\r\n1\r\n2\r\n.\r\n", "{count}");
    }
    assert_eq!(
        host.asked[2..],
        [
            "Fetch 1 Some(4294967296)",
            "Fetch 1 Some(18446744073709551615)",
            "Fetch 1 Some(18446744073709551615)"
        ]
    );
}

#[test]
fn r1939_7_top_a_two_numbers_are_required() {
    let mut host = Host::three(PATIENT).login();
    for line in ["TOP", "TOP ", "TOP 1", "TOP 1 ", "TOP 1 x", "TOP x 1", "TOP 1 -1", "TOP 1 1 1"] {
        assert_eq!(host.say(format!("{line}\r\n")), "-ERR syntax error\r\n", "{line}");
    }
    assert_eq!(host.asked, [] as [&str; 0]);
}

#[test]
fn the_application_may_stop_once_top_has_its_lines() {
    let message = [b"A: b\r\n\r\n1\r\n2\r\n".as_slice(), &b"rest\r\n".repeat(1000)].concat();
    for (line, needed) in
        [("TOP 1 0\r\n", 8), ("TOP 1 1\r\n", 11), ("TOP 1 2\r\n", 14), ("RETR 1\r\n", usize::MAX)]
    {
        let mut server = machine(CLEAR, infos(&[&message]), LOGIN);
        let mut buffer = [0; 16_384];
        let mut out = SendBuf::new(&mut buffer[..]);
        let mut input = Input::more(line.as_bytes());
        let fetch = ask!(server, &mut input, &mut out, Fetch);
        server.send_body(fetch).unwrap();
        assert!(server.wants_body());
        assert!(matches!(server.poll(&mut input, &mut out), Ok(Step::NeedBody)));
        for (octet, before) in message.chunks(1).zip(0..) {
            assert_eq!(server.wants_body(), before < needed, "{line}, {before}");
            assert_eq!(server.write_body(octet, &mut out), Ok(1), "bytes after the lines are dropped");
        }
        server.finish_body().unwrap();
        assert!(matches!(server.poll(&mut input, &mut out), Ok(Step::NeedInput)));
        let sent = pending(&mut out);
        let body = &message[..needed.min(message.len())];
        assert!(sent.ends_with(&format!("\r\n{}.\r\n", std::str::from_utf8(body).unwrap())), "{sent}");
    }
}

#[test]
fn a_slice_of_top_consumes_lines_that_were_not_requested() {
    let mut server = machine(CLEAR, infos(&["x"]), LOGIN);
    let mut buffer = [0; 512];
    let mut out = SendBuf::new(&mut buffer[..]);
    let fetch = ask!(server, &mut Input::more(b"TOP 1 1\r\n"), &mut out, Fetch);
    server.send_body_of(fetch, 0).unwrap();
    assert!(matches!(server.poll(&mut Input::more(b""), &mut out), Ok(Step::NeedBody)));
    let mut octets = b"A: b\r\n\r\n1\r\n2\r\n".as_slice();
    assert_eq!(server.body_slice(&mut octets), Ok(Some(b"A: b\r\n\r\n1\r\n".as_slice())));
    assert_eq!((octets, server.wants_body()), (b"".as_slice(), false));
    let mut octets = b"3\r\n".as_slice();
    assert_eq!((server.body_slice(&mut octets), octets), (Ok(None), b"".as_slice()));
}

/// Also 1939.8.d.
#[test]
fn r1939_8_d_top_can_be_switched_off() {
    let mut host = Host::three(CLEAR.without_top()).login();
    assert_eq!(host.say("TOP 1 0\r\n"), "-ERR unknown command\r\n");
    assert!(!host.say("CAPA\r\n").contains("TOP"));
    assert!(Host::three(CLEAR).login().say("CAPA\r\n").contains("\r\nTOP\r\n"));
}
