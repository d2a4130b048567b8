//! Attacks that other clients fell for: endless answers, truncated answers, and unsolicited bytes.

use super::{CLEAR, Guest, STRICT};
use pop3_proto::client::Event;
use pop3_proto::{Client, Command, Input, InvalidValue, Keyword, Limits, Secret, Text, TlsPolicy};
use proptest::prelude::*;

fn limited(limits: Limits) -> Guest {
    Guest::opened(CLEAR.with_limits(limits))
}

#[test]
fn sec_endless_line_is_fatal_and_names_its_limit() {
    let endless = "x".repeat(20_000);
    assert_eq!(Guest::new(CLEAR).hear(format!("+OK {endless}")), ["fatal OverLimit(StatusLine)"]);
    for (line, start, limit) in [
        ("NOOP", "+OK ", "StatusLine"),
        ("RETR 1", "+OK ", "StatusLine"),
        ("LIST", "+OK\r\n", "ListingLine"),
        ("UIDL", "+OK\r\n1 ", "ListingLine"),
        ("CAPA", "+OK\r\n", "ListingLine"),
    ] {
        let events = Guest::opened(CLEAR).ask(line, format!("{start}{endless}"));
        assert_eq!(events.last().unwrap(), &format!("fatal OverLimit({limit})"), "{line}");
    }
    assert_eq!(
        Guest::greeted(CLEAR).ask("AUTH PLAIN", format!("+ {endless}")),
        ["fatal OverLimit(SaslLine)"]
    );
}

/// Also 1939.3.m: a line may fill its limit but not exceed it, and the client never holds more than the limit.
#[test]
fn sec_endless_line_ends_at_the_limit_exactly() {
    let limits = Limits::DEFAULT.with_status_line(100).with_listing_line(80).with_sasl_line(90);
    for (line, start, limit) in
        [("NOOP", "+OK ", 100), ("LIST", "", 80), ("UIDL", "1 ", 80), ("AUTH PLAIN", "+ ", 90)]
    {
        for octets in [limit - 1, limit, limit + 1] {
            let config = CLEAR.with_limits(limits);
            let mut session =
                if line.starts_with("AUTH") { Guest::greeted(config) } else { Guest::opened(config) };
            session.send(line).unwrap();
            if matches!(line, "LIST" | "UIDL") {
                session.hear("+OK\r\n");
            }
            let sent = format!("{start}{}\r\n", "x".repeat(octets - start.len() - 2));
            let mut events = Vec::new();
            for octet in sent.bytes() {
                events.extend(session.hear([octet]));
                assert!(session.unread().len() <= limit);
                if !events.is_empty() {
                    break;
                }
            }
            assert_eq!(
                events[0].starts_with("fatal OverLimit"),
                octets > limit,
                "{line} {octets} {events:?}"
            );
        }
    }
}

#[test]
fn sec_endless_listing_ends_at_the_limit_of_rows() {
    for (rows, expected) in [(3, "LIST end 3"), (4, "fatal OverLimit(ListingRows)")] {
        let mut session = limited(Limits::DEFAULT.with_listing_rows(3));
        let events = session.ask("LIST", format!("+OK\r\n{}.\r\n", "1 5\r\n".repeat(rows)));
        assert_eq!(events.last().unwrap(), expected);
    }
    let mut session = limited(Limits::DEFAULT.with_listing_rows(3));
    let events = session.ask("CAPA", format!("+OK\r\n{}", "X\r\n".repeat(100)));
    assert_eq!(events.len(), 5, "odd rows and unknown ones count too");
    assert_eq!(events[4], "fatal OverLimit(ListingRows)");
}

#[test]
fn sec_endless_body_ends_at_the_limit_of_octets() {
    for (octets, expected) in
        [(9, "RETR 1 end 9"), (10, "RETR 1 end 10"), (11, "fatal OverLimit(BodyOctets)")]
    {
        for cut in [1, 2, 3, 100] {
            let mut session = limited(Limits::DEFAULT.with_body_octets(10));
            let wire = format!("+OK\r\n{}\r\n.\r\n", "x".repeat(octets - 2));
            session.send("RETR 1").unwrap();
            let events: Vec<String> =
                wire.as_bytes().chunks(cut).flat_map(|chunk| session.hear(chunk)).collect();
            let ended = events.iter().find(|event| event.contains("end") || event.contains("fatal")).unwrap();
            assert_eq!(ended, expected, "{octets} {cut}");
            let body: String = events.iter().filter_map(|event| event.strip_prefix("body ")).collect();
            let whole = format!("{}\\r\\n", "x".repeat(octets - 2));
            let within = if octets == 11 { whole.strip_suffix("\\n").unwrap() } else { &whole };
            assert_eq!(body, within, "ten octets are delivered, however they were cut");
        }
    }
}

#[test]
fn sec_endless_exchange_ends_at_the_limit_of_rounds() {
    let mut session = Guest::greeted(CLEAR.with_limits(Limits::DEFAULT.with_sasl_rounds(2)));
    assert_eq!(session.ask("AUTH X", "+ \r\n"), ["challenge"]);
    session.respond("");
    assert_eq!(session.hear("+ \r\n"), ["challenge"]);
    session.respond("");
    assert_eq!(session.hear("+ \r\n"), ["fatal OverLimit(SaslRounds)"]);
}

/// Also ROB.29: see `robust` for every place where the stream can end.
#[test]
fn sec_silent_truncation_is_never_a_complete_message() {
    for whole in
        ["+OK\r\na\r\n", "+OK\r\na", "+OK\r\na\r\n.", "+OK\r\na\r\n.\r", "+OK\r\na.\r\n", "+OK\r\n..\r\n"]
    {
        for line in ["RETR 1", "TOP 1 5"] {
            let mut session = Guest::opened(CLEAR);
            session.send(line).unwrap();
            let events = session.last(whole);
            assert_eq!(events.last().unwrap(), "fatal UnexpectedEof");
            assert!(!events.iter().any(|event| event.contains(" end ")));
        }
    }
}

/// The end of the stream is a result in every state, so no driver can spin on it.
#[test]
fn sec_end_of_stream_is_defined_everywhere() {
    let ends = |mut session: Guest| session.last("");
    let after = |mut session: Guest, line: &str, answer: &str| {
        session.ask(line, answer);
        session
    };
    let opened = || Guest::opened(CLEAR);
    let sessions = [
        (Guest::new(CLEAR), "fatal UnexpectedEof"),
        (Guest::greeted(CLEAR), "fatal UnexpectedEof"),
        (opened(), "fatal UnexpectedEof"),
        (after(opened(), "STAT", ""), "fatal UnexpectedEof"),
        (after(opened(), "LIST", "+OK\r\n1 5\r\n"), "fatal UnexpectedEof"),
        (after(opened(), "RETR 1", "+OK\r\na"), "fatal UnexpectedEof"),
        (after(Guest::greeted(CLEAR), "AUTH PLAIN", "+ \r\n"), "fatal UnexpectedEof"),
        (after(Guest::greeted(CLEAR), "AUTH PLAIN", "+OK\r\n"), "fatal UnexpectedEof"),
        (after(Guest::greeted(CLEAR), "STLS", "+OK\r\n"), "fatal UnexpectedEof"),
        (after(opened(), "QUIT", ""), "closed NoneAsked"),
    ];
    for (place, (mut session, expected)) in sessions.into_iter().enumerate() {
        session.end();
        assert!(session.pop3.is_ready(), "{place}");
        assert_eq!(ends(session), [expected], "{place}");
    }
    let closed = after(opened(), "QUIT", "+OK\r\n");
    assert!(ends(after(opened(), "QUIT", "+OK\r\n")).is_empty());
    assert!(closed.client().is_closed() && closed.pop3.is_closed());
}

/// A row is only an event: the client never uses a number from a server as a size or an index.
#[test]
fn sec_amplification_by_number_allocates_nothing() {
    let mut session = Guest::opened(STRICT);
    assert_eq!(session.ask("STAT", "+OK 4294967295 18446744073709551615\r\n").len(), 1);
    let before = size_of_val(session.client());
    let events = session.ask("LIST", "+OK\r\n50000000 1\r\n4294967295 18446744073709551615\r\n.\r\n");
    assert_eq!(events, ["LIST begin", "50000000 has 1", "4294967295 has 18446744073709551615", "LIST end 2"]);
    assert_eq!(session.ask("UIDL", "+OK\r\n50000000 x\r\n.\r\n")[1], "50000000 is x");
    assert!(before <= 256 && session.client().min_recv_buf() == CLEAR.min_recv_buf());
}

#[test]
fn sec_unsolicited_bytes_are_fatal() {
    for octets in ["+OK\r\n", "-ERROR\r\n", "x", "\r\n", "\n", "\0"] {
        assert_eq!(Guest::greeted(CLEAR).hear(octets), ["fatal Unsolicited"]);
        let mut session = Guest::opened(CLEAR);
        assert_eq!(session.ask("NOOP", format!("+OK\r\n{octets}")), ["NOOP ok", "fatal Unsolicited"]);
        assert_eq!(session.hear(""), ["fatal Unsolicited"]);
        let mut session = Guest::greeted(CLEAR);
        assert_eq!(session.ask("AUTH PLAIN", format!("+ \r\n{octets}")), ["challenge", "fatal Unsolicited"]);
        let mut session = Guest::greeted(CLEAR);
        assert_eq!(
            session.ask("AUTH PLAIN", format!("+OK\r\n{octets}")),
            ["AUTH accepted", "fatal Unsolicited"]
        );
        let mut session = Guest::greeted(CLEAR);
        assert_eq!(session.ask("STLS", format!("+OK\r\n{octets}")), ["fatal PlaintextAfterStls"]);
    }
    assert_eq!(Guest::new(CLEAR).hear("+OK\r\n+OK\r\n"), ["greeting", "fatal Unsolicited"]);
    // A refusal that no command asked for is the server's farewell.
    assert_eq!(Guest::greeted(CLEAR).hear("-ERR\r\n"), ["farewell", "fatal Unsolicited"]);
}

/// Also ROB.19: an argument cannot add a line.
#[test]
fn sec_injection_is_not_expressible() {
    for octets in [&b"a\r\nDELE 1"[..], b"a\nDELE 1", b"a\rb", b"a\0b", b"\r\n", b"\n"] {
        assert_eq!(Text::new(octets), Err(InvalidValue::Control));
        assert_eq!(Secret::new(octets).unwrap_err(), InvalidValue::Control);
        assert!(Keyword::new(octets).is_err());
        assert!(pop3_proto::Mechanism::new(octets).is_err() && pop3_proto::Base64::new(octets).is_err());
        assert!(pop3_proto::LanguageRange::new(octets).is_err());
    }
    let mut session = Guest::opened(CLEAR);
    let keyword = Keyword::new(b"XTND").unwrap();
    let arguments = Some(Secret::new(b"a\x01").unwrap());
    let sent = session.pop3.sender().send(Command::Other { keyword, arguments });
    assert_eq!(sent.unwrap_err(), pop3_proto::client::SendError::Control);
    assert_eq!(session.sent(), "");
}

/// If the rest of a long line is `.`, it ends nothing, whatever buffers and limits have that length.
#[test]
fn sec_length_edge_the_rest_of_a_long_line_is_not_a_terminator() {
    let edges =
        [1usize, 2, 64, 80, 128, 255, 256, 510, 511, 512, 513, 1023, 1024, 4096, 8191, 12_288, 65_536];
    for length in edges.into_iter().flat_map(|edge| edge.saturating_sub(3)..edge + 3) {
        let line = format!("{}.\r\n", "x".repeat(length.max(1)));
        let wire = format!("+OK\r\n{line}{line}.\r\n");
        for chunk in [1.max(length), length + 1, length + 2, wire.len()] {
            assert_eq!(message(&wire, chunk), (format!("{line}{line}"), true), "{length} {chunk}");
        }
    }
}

/// Returns the message of a response to RETR that arrives in chunks of this size, and whether it is complete.
fn message(wire: &str, chunk: usize) -> (String, bool) {
    let mut client = Client::new(TlsPolicy::Implicit, 1);
    let mut buffer = [0; 512];
    let mut out = pop3_proto::SendBuf::new(&mut buffer[..]);
    client.poll(&mut Input::more(b"+OK <1@x>\r\n")).unwrap();
    let digest = pop3_proto::ApopDigest::new([0; 16]);
    client.send(&Command::Apop { name: Text::from_static("a"), digest }, &mut out).unwrap();
    client.poll(&mut Input::more(b"+OK\r\n")).unwrap();
    client.send(&Command::Retr(pop3_proto::MessageNumber::FIRST), &mut out).unwrap();
    let (mut unread, mut body, mut ended) = (Vec::new(), Vec::new(), false);
    for part in wire.as_bytes().chunks(chunk) {
        unread.extend_from_slice(part);
        let mut input = Input::more(&unread);
        while let Some(event) = client.poll(&mut input).unwrap() {
            match event {
                Event::Body(_, data) => body.extend_from_slice(data),
                Event::End(_, octets) => ended = octets == body.len() as u64,
                _ => assert!(body.is_empty()),
            }
        }
        unread = input.unread().to_vec();
        let mark_begins = [&b"."[..], b".\r", b"\r"].contains(&&unread[..]);
        assert!(
            ended || unread.is_empty() || body.is_empty() || mark_begins,
            "a body leaves only a possible terminator"
        );
    }
    (String::from_utf8(body).unwrap(), ended)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// A listing row of any length whose rest is `.` is one row, or exceeds the limit; it is never a terminator.
    #[test]
    fn sec_length_edge_a_row_is_one_row_or_over_the_limit(length in 0..600usize, chunk in 1..700usize) {
        let mut session = Guest::opened(CLEAR);
        session.send("UIDL").unwrap();
        let wire = format!("+OK\r\n1 {}.\r\n2 y\r\n.\r\n", "x".repeat(length));
        let events: Vec<String> = wire.as_bytes().chunks(chunk).flat_map(|part| session.hear(part)).collect();
        if length + 5 > 512 {
            prop_assert_eq!(&events[..2], ["UIDL begin", "fatal OverLimit(ListingLine)"]);
        } else {
            prop_assert_eq!(events.len(), 4);
            prop_assert_eq!(&events[3], "UIDL end 2");
        }
    }

    /// Also ROB.23: no input from a server makes the client panic or loop forever.
    #[test]
    fn sec_any_bytes_end_the_session_or_ask_for_more(octets in prop::collection::vec(any::<u8>(), 0..200), line in 0..6usize) {
        let lines = ["STAT", "LIST", "UIDL 1", "RETR 1", "CAPA", "QUIT"];
        let mut session = Guest::opened(CLEAR);
        session.send(lines[line]).unwrap();
        let heard = session.hear(&octets).len();
        prop_assert!(heard <= octets.len() + 2);
        prop_assert!(session.last("").len() <= 2);
    }
}
