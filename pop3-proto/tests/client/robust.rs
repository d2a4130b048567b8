use super::{CLEAR, Guest, PIPED, STRICT, in_both};
use pop3_proto::client::{Feature, SendError, Source};
use pop3_proto::{Mechanism, Quirk, State};

/// Also ROB.9: leading zeros are read, and never sent.
#[test]
fn rob_8_numbers_over_their_type_are_odd_rows() {
    let rows = "1 18446744073709551615\r\n2 18446744073709551616\r\n4294967296 1\r\n0 1\r\n.\r\n";
    let events = Guest::opened(CLEAR).ask("LIST", format!("+OK\r\n{rows}"));
    let expected = [
        "LIST begin",
        "1 has 18446744073709551615",
        "odd 2 18446744073709551616",
        "odd 4294967296 1",
        "odd 0 1",
        "LIST end 4",
    ];
    assert_eq!(events, expected);
    in_both("STAT", "+OK 007 00\r\n", &["7 messages, 0 octets"], &[Quirk::LeadingZeros], &["odd 007 00"]);
    // A number that wraps around would be 1.
    let rows = "4294967297 1\r\n1 18446744073709551617\r\n.\r\n";
    let events = Guest::opened(CLEAR).ask("LIST", format!("+OK\r\n{rows}"));
    assert_eq!(events[1..], ["odd 4294967297 1", "odd 1 18446744073709551617", "LIST end 2"]);
    for text in ["4294967297 1", "1 18446744073709551617"] {
        assert_eq!(Guest::opened(CLEAR).ask("STAT", format!("+OK {text}\r\n")), [format!("odd {text}")]);
    }
    let mut session = Guest::opened(CLEAR);
    session.send("RETR 007").unwrap();
    assert_eq!(session.sent(), "RETR 7\r\n");
}

/// Also quirks 7 and 11: the session stays in step.
#[test]
fn rob_10_an_odd_row_does_not_end_a_listing() {
    for config in [CLEAR, STRICT] {
        let mut session = Guest::opened(config);
        let events = session.ask("LIST", "+OK\r\n1 5\r\nrubbish\r\n\r\n2\r\n..\r\n3 6\r\n.\r\n");
        let expected =
            ["LIST begin", "1 has 5", "odd rubbish", "odd", "odd 2", "odd .", "3 has 6", "LIST end 6"];
        assert_eq!(events, expected);
        assert!(session.quirks().contains(Quirk::MalformedRow));
        assert_eq!(session.ask("NOOP", "+OK\r\n"), ["NOOP ok"]);
    }
    for line in ["LIST", "UIDL", "CAPA", "LANG"] {
        let mut session = Guest::opened(CLEAR);
        let events = session.ask(line, "+OK\r\n\r\n\x7f\r\n.\r\n");
        assert_eq!(events[1..], ["odd".to_owned(), "odd \\x7f".to_owned(), format!("{line} end 2")]);
    }
}

/// Also quirk 9.
#[test]
fn rob_11_spaces_too_many_are_taken_as_one() {
    let rows = "+OK\r\n1   a\r\n2\tb \r\n.\r\n";
    let tolerant = ["UIDL begin", "1 is a", "2 is b", "UIDL end 2"];
    let strict = ["UIDL begin", "odd 1   a", "odd 2\\tb ", "UIDL end 2"].map(str::trim_end);
    in_both("UIDL", rows, &tolerant, &[Quirk::Spacing], &strict);
}

/// Also quirk 13.
#[test]
fn rob_12_a_unique_id_outside_the_range_is_delivered_as_bytes() {
    let long = "x".repeat(71);
    for (id, shown) in [
        (long.as_str(), long.as_str()),
        ("two words", "two words"),
        ("caf\u{e9}", "caf\\xc3\\xa9"),
        ("\u{1}", "\\x01"),
    ] {
        for (line, head, tail) in [("UIDL", "+OK\r\n1 ", "\r\n.\r\n"), ("UIDL 1", "+OK 1 ", "\r\n")] {
            let answer = format!("{head}{id}{tail}");
            let mut session = Guest::opened(CLEAR);
            assert!(session.ask(line, &answer).contains(&format!("1 is odd {shown}")), "{line} {id}");
            assert!(session.quirks().contains(Quirk::UniqueIdRange));
            let mut session = Guest::opened(STRICT);
            assert!(session.ask(line, &answer).contains(&format!("odd 1 {shown}")), "{line} {id}");
        }
    }
    let most = "x".repeat(70);
    let events = Guest::opened(STRICT).ask("UIDL 1", format!("+OK 1 {most}\r\n"));
    assert_eq!(events, [format!("1 is {most}")]);
}

/// Also quirk 14, AMB.13.
#[test]
fn rob_13_an_answer_to_uidl_may_lack_its_number() {
    in_both("UIDL 7", "+OK abc\r\n", &["7 is abc"], &[Quirk::NumberMissing], &["odd abc"]);
    for lone_number in ["7", "007", "7 "] {
        let (answer, odd) = (format!("+OK {lone_number}\r\n"), format!("odd {}", lone_number.trim_end()));
        in_both("UIDL 7", &answer, &[&odd], &[Quirk::MalformedRow], &[&odd]);
    }
    in_both("UIDL 7", "+OK 8\r\n", &["7 is 8"], &[Quirk::NumberMissing], &["odd 8"]);
    in_both("UIDL 7", "+OK two words\r\n", &["odd two words"], &[Quirk::MalformedRow], &["odd two words"]);
}

#[test]
fn rob_14_a_line_that_is_not_a_status_is_fatal_at_any_time() {
    for line in [
        "", " ", "OK", "+", "+ AAAA", "+ERR", "+OKfoo", "-ERRfoo", "* BYE", "421 x", ".", "1 120", "-OK",
        "++",
    ] {
        for config in [CLEAR, STRICT] {
            let mut session = Guest::opened(config);
            assert_eq!(session.ask("NOOP", format!("{line}\r\n+OK\r\n")), ["fatal NotPop3"], "{line}");
            assert_eq!(session.hear("+OK\r\n"), ["fatal NotPop3"]);
        }
    }
}

#[test]
fn rob_20_send_names_the_limit_and_writes_nothing() {
    let mut session = Guest::greeted(CLEAR);
    let user = |octets: usize| format!("USER {}", "x".repeat(octets - 7));
    assert_eq!(session.send(user(256)).unwrap_err(), SendError::TooLong { limit: 255 });
    assert_eq!(session.sent(), "");
    session.send(user(255)).unwrap();
    assert_eq!(session.sent().len(), 255);

    let limits = pop3_proto::Limits::DEFAULT.with_command_line(100);
    let mut session = Guest::greeted(CLEAR.with_limits(limits));
    assert_eq!(session.send(user(101)).unwrap_err(), SendError::TooLong { limit: 100 });
    assert!(session.send(user(100)).is_ok());
}

/// Also quirk 8.
#[test]
fn rob_29_a_stream_that_ends_inside_an_answer_is_never_complete() {
    let answers = [
        ("NOOP", "+OK\r\n"),
        ("LIST", "+OK\r\n1 5\r\n2 6\r\n.\r\n"),
        ("RETR 1", "+OK\r\na\r\n..\r\n\r\n.\r\n"),
        ("TOP 1 0", "+OK\r\na\r\n\r\n.\r\n"),
        ("CAPA", "+OK\r\nTOP\r\nPIPELINING\r\n.\r\n"),
    ];
    for (line, answer) in answers {
        for end in 0..answer.len() {
            let mut session = Guest::opened(STRICT);
            session.send(line).unwrap();
            let events = session.last(&answer[..end]);
            assert_eq!(events.last().unwrap(), "fatal UnexpectedEof", "{line} {end}");
            assert!(
                !events.iter().any(|event| event.contains(" end ") || event.ends_with(" ok")),
                "{events:?}"
            );
            assert_eq!(session.client().capabilities().source(), Source::NotAsked);
        }
    }
}

/// Also quirk 41 and AMB.8: a list received before login is marked as such, and a new list replaces it.
#[test]
fn rob_31_capabilities_can_be_asked_for_again_after_login() {
    let mut session = Guest::greeted(CLEAR);
    session.ask("CAPA", "+OK\r\nUSER\r\nSASL PLAIN XOAUTH2\r\nX-GOOGLE-RICO\r\n.\r\n");
    assert!(session.client().capabilities().has(Feature::Sasl));
    assert!(!session.client().capabilities().is_before_login());
    session.ask("USER mrose", "+OK\r\n");
    session.ask("PASS x", "+OK\r\n");
    assert!(session.client().capabilities().is_before_login());
    session.send("STAT").unwrap();
    assert_eq!(session.send("STAT").unwrap_err(), SendError::NotPipelined);
    session.hear("+OK 0 0\r\n");
    session.ask("CAPA", "+OK\r\nUSER\r\nPIPELINING\r\n.\r\n");
    let capabilities = *session.client().capabilities();
    assert!(!capabilities.is_before_login() && capabilities.has(Feature::Pipelining));
    assert!(!capabilities.has(Feature::Sasl), "the session continues without SASL");
    session.send("STAT").unwrap();
    session.send("STAT").unwrap();
}

/// Also quirk 32 and quirk 34.
#[test]
fn rob_34_the_first_dot_of_any_line_goes() {
    let mut session = Guest::opened(CLEAR);
    let events = session.ask("RETR 1", "+OK\r\n.foo\r\n. \r\n\0\u{80}\r\n.\r\n");
    assert_eq!(events[1], "body foo\\r\\n \\r\\n\\x00\\xc2\\x80\\r\\n");
    assert!(session.quirks().is_empty());
}

/// Also 5034.4: the client guesses nothing.
#[test]
fn rob_33_ok_to_auth_ends_the_exchange() {
    let mut session = Guest::greeted(CLEAR);
    assert_eq!(session.ask("AUTH PLAIN", "+OK\r\n"), ["AUTH accepted"]);
    assert_eq!(session.client().state(), State::Authorization, "not before the mechanism agrees");
    assert_eq!(session.send("NOOP").unwrap_err(), SendError::CallersTurn);
    session.verify();
    assert_eq!(session.client().state(), State::Transaction);
}

/// Each timer is named when it runs out. No timer runs while no response is pending or the caller owes an answer.
#[test]
fn rob_36_the_caller_owns_the_clock() {
    assert_eq!(Guest::new(CLEAR).wait(60), "TimedOut(Greeting)");
    assert_eq!(Guest::greeted(CLEAR).wait(1 << 30), "");
    assert_eq!(Guest::opened(CLEAR).wait(1 << 30), "");
    let mut session = Guest::opened(CLEAR);
    session.send("NOOP").unwrap();
    assert_eq!(session.wait(119), "");
    let mut session = Guest::opened(CLEAR);
    session.send("NOOP").unwrap();
    assert_eq!(session.wait(120), "TimedOut(Answer)");
    assert_eq!(session.hear("+OK\r\n"), ["fatal TimedOut(Answer)"], "it is sticky");
    let mut session = Guest::greeted(CLEAR);
    session.ask("STLS", "+OK\r\n");
    assert_eq!(session.wait(60), "TimedOut(Tls)");
    let mut session = Guest::greeted(CLEAR);
    session.ask("AUTH PLAIN", "+ \r\n");
    assert_eq!(session.wait(1 << 30), "", "the caller owes a response");
    session.respond("AAAA");
    assert_eq!(session.wait(119), "", "it begins with the response");
    assert_eq!(session.wait(1), "TimedOut(Answer)");
}

#[test]
fn rob_36_progress_starts_the_timer_for_an_answer_over() {
    let mut session = Guest::opened(CLEAR);
    session.send("RETR 1").unwrap();
    session.hear("+OK\r\n");
    let tick =
        |session: &mut Guest, seconds| session.pop3.tick(std::time::Duration::from_secs(seconds)).is_ok();
    assert!(tick(&mut session, 0) && tick(&mut session, 119));
    session.hear("a");
    assert!(tick(&mut session, 121) && tick(&mut session, 240));
    assert!(!tick(&mut session, 241));
}

/// Also AMB.20.
#[test]
fn rob_37_a_login_is_answered_before_anything_else_goes_out() {
    let mut session = Guest::greeted(PIPED);
    session.send("AUTH PLAIN AAAA").unwrap();
    assert_eq!(session.send("USER a").unwrap_err(), SendError::After(pop3_proto::Verb::Auth));
    assert_eq!(session.sent(), "AUTH PLAIN AAAA\r\n");
}

#[test]
fn amb_18_mechanisms_of_several_lines_are_put_together() {
    let mut session = Guest::greeted(STRICT);
    session.ask("CAPA", "+OK\r\nSASL PLAIN\r\nSASL CRAM-MD5\r\n.\r\n");
    let capabilities = *session.client().capabilities();
    assert!(capabilities.has_mechanism(Mechanism::PLAIN) && capabilities.has_mechanism(Mechanism::CRAM_MD5));
    assert!(!capabilities.has_mechanism(Mechanism::LOGIN));
}

#[test]
fn amb_22_a_tag_after_err_is_text() {
    let mut session = Guest::greeted(STRICT);
    assert_eq!(session.ask("LANG uga", "-ERR en no such language\r\n"), ["LANG refused en no such language"]);
}
