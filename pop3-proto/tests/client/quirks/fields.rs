//! Status lines, listings and capabilities.

use super::super::{CLEAR, Guest, STRICT, in_both};
use pop3_proto::Quirk;
use pop3_proto::client::{Feature, Source, Support};

#[test]
fn quirk_1_ok_without_text() {
    for config in [CLEAR, STRICT] {
        let mut session = Guest::new(config);
        assert_eq!(session.hear("+OK\r\n"), ["greeting"]);
        session.ask("USER mrose", "+OK\r\n");
        assert_eq!(session.ask("PASS x", "+OK\r\n"), ["PASS ok"]);
        assert_eq!(
            session.ask("RETR 1", "+OK\r\nx\r\n.\r\n"),
            ["RETR 1 begin", "body x\\r\\n", "RETR 1 end 3"]
        );
        assert!(session.quirks().is_empty());
    }
}

#[test]
fn quirk_2_err_without_text() {
    for config in [CLEAR, STRICT] {
        let mut session = Guest::opened(config);
        assert_eq!(session.ask("RETR 1", "-ERR\r\n"), ["RETR 1 refused"]);
        assert_eq!(session.ask("DELE 1", "-ERR \r\n"), ["DELE 1 refused"]);
        assert!(session.quirks().is_empty());
    }
}

/// Also ROB.1: tolerated and noted, or refused.
#[test]
fn quirk_3_status_in_lower_case() {
    in_both("NOOP", "+ok\r\n", &["NOOP ok"], &[Quirk::StatusCase], &["fatal Strict(StatusCase)"]);
    in_both("NOOP", "-err no\r\n", &["NOOP refused no"], &[Quirk::StatusCase], &["fatal Strict(StatusCase)"]);
    assert_eq!(Guest::new(CLEAR).hear("+Ok ready\r\n"), ["greeting ready"]);
    assert_eq!(Guest::new(STRICT).hear("+Ok ready\r\n"), ["fatal Strict(StatusCase)"]);
}

#[test]
fn quirk_4_plus_err_is_not_a_status() {
    for config in [CLEAR, STRICT] {
        let mut session = Guest::greeted(config);
        session.ask("USER mrose", "+OK\r\n");
        assert_eq!(session.ask("PASS x", "+ERR mailbox locked\r\n"), ["fatal NotPop3"]);
        assert_eq!(session.client().state(), pop3_proto::State::Authorization, "the client is not logged in");
        assert_eq!(Guest::greeted(config).ask("AUTH PLAIN AAAA", "+ERR no\r\n"), ["fatal NotPop3"]);
    }
}

#[test]
fn quirk_5_words_of_other_protocols() {
    for line in ["* BYE shutting down", "421 timeout", "* OK Gimap ready", "500 what"] {
        for config in [CLEAR, STRICT] {
            assert_eq!(Guest::new(config).hear(format!("{line}\r\n")), ["fatal NotPop3"]);
            assert_eq!(Guest::opened(config).ask("STAT", format!("{line}\r\n")), ["fatal NotPop3"]);
            assert_eq!(
                Guest::opened(config).hear(format!("{line}\r\n")),
                ["fatal Unsolicited"],
                "while idle"
            );
        }
    }
}

#[test]
fn quirk_6_stat_with_text_negative_or_wrong() {
    in_both(
        "STAT",
        "+OK 2 320 octets\r\n",
        &["2 messages, 320 octets"],
        &[Quirk::ExtraText],
        &["odd 2 320 octets"],
    );
    in_both(
        "STAT",
        "+OK 2 -2147483648\r\n",
        &["odd 2 -2147483648"],
        &[Quirk::MalformedRow],
        &["odd 2 -2147483648"],
    );
    let mut session = Guest::opened(STRICT);
    session.ask("STAT", "+OK 1 5\r\n");
    assert_eq!(session.ask("LIST", "+OK\r\n1 5\r\n2 6\r\n.\r\n").len(), 4, "the count is not compared");
}

#[test]
fn quirk_7_list_rows_with_too_much_or_too_little() {
    let strict = ["LIST begin", "odd 1 5 250 x", "LIST end 1"];
    let tolerant = ["LIST begin", "1 has 5", "LIST end 1"];
    in_both("LIST", "+OK\r\n1 5 250 x\r\n.\r\n", &tolerant, &[Quirk::ExtraText], &strict);
    let odd = ["LIST begin", "odd 1", "LIST end 1"];
    in_both("LIST", "+OK\r\n1\r\n.\r\n", &odd, &[Quirk::MalformedRow], &odd);
    let odd = ["LIST begin", "odd 1 ", "LIST end 1"].map(str::trim_end);
    in_both("LIST", "+OK\r\n1 \r\n.\r\n", &odd, &[Quirk::MalformedRow], &odd);
}

#[test]
fn quirk_9_unique_ids_after_three_spaces() {
    let strict = ["UIDL begin", "odd 1   abc", "UIDL end 1"];
    let tolerant = ["UIDL begin", "1 is abc", "UIDL end 1"];
    in_both("UIDL", "+OK\r\n1   abc\r\n.\r\n", &tolerant, &[Quirk::Spacing], &strict);
}

#[test]
fn quirk_10_rows_that_begin_with_ok() {
    let odd = ["UIDL begin", "odd +OK 1 abc", "odd +OK 2 def", "UIDL end 2"];
    in_both("UIDL", "+OK\r\n+OK 1 abc\r\n+OK 2 def\r\n.\r\n", &odd, &[Quirk::MalformedRow], &odd);
}

#[test]
fn quirk_11_rows_without_a_unique_id() {
    let odd = ["UIDL begin", "odd 1", "odd 2", "odd", "UIDL end 3"];
    in_both("UIDL", "+OK\r\n1\r\n2 \r\n\r\n.\r\n", &odd, &[Quirk::MalformedRow], &odd);
}

#[test]
fn quirk_12_unique_ids_that_are_not_unique() {
    let same = ["UIDL begin", "1 is a", "2 is a", "UIDL end 2"];
    in_both("UIDL", "+OK\r\n1 a\r\n2 a\r\n.\r\n", &same, &[], &same);
}

#[test]
fn quirk_13_unique_ids_out_of_range() {
    let tolerant = ["UIDL begin", "1 is ../a", "2 is odd a b", "3 is odd \\xe9", "UIDL end 3"];
    let strict = ["UIDL begin", "1 is ../a", "odd 2 a b", "odd 3 \\xe9", "UIDL end 3"];
    in_both(
        "UIDL",
        b"+OK\r\n1 ../a\r\n2 a b\r\n3 \xe9\r\n.\r\n",
        &tolerant,
        &[Quirk::UniqueIdRange],
        &strict,
    );
}

#[test]
fn quirk_14_uidl_without_the_number() {
    in_both("UIDL 3", "+OK QhdPYR\r\n", &["3 is QhdPYR"], &[Quirk::NumberMissing], &["odd QhdPYR"]);
}

#[test]
fn quirk_15_uidl_top_and_pipelining_after_login_only() {
    let mut session = Guest::greeted(CLEAR);
    session.ask("CAPA", "+OK\r\nUSER\r\n.\r\n");
    session.ask("USER mrose", "+OK\r\n");
    session.ask("PASS x", "+OK\r\n");
    assert_eq!(session.client().capabilities().support(Feature::Uidl), Support::No);
    assert!(session.client().capabilities().is_before_login(), "so asking again may help");
    session.ask("CAPA", "+OK\r\nUSER\r\nUIDL\r\nTOP\r\nPIPELINING\r\n.\r\n");
    for feature in [Feature::Uidl, Feature::Top, Feature::Pipelining] {
        assert_eq!(session.client().capabilities().support(feature), Support::Yes);
    }
}

#[test]
fn quirk_16_servers_that_do_not_know_capa() {
    let mut session = Guest::greeted(STRICT);
    assert_eq!(session.ask("CAPA", "-ERR unknown\r\n"), ["CAPA refused unknown"]);
    assert_eq!(session.client().capabilities().source(), Source::Refused);
    assert_eq!(session.client().capabilities().support(Feature::Uidl), Support::Probe);
    let mut session = Guest::greeted(CLEAR);
    session.send("CAPA").unwrap();
    assert_eq!(session.wait(120), "TimedOut(Answer)", "it hangs");
    let mut session = Guest::greeted(CLEAR);
    session.send("CAPA").unwrap();
    assert_eq!(session.last(""), ["fatal UnexpectedEof"], "it hangs up");
}

/// Also ROB.32.
#[test]
fn quirk_17_capabilities_in_odd_words() {
    let rows = "PIPELINE\r\nLOGIN-DELAY 15 USER\r\nEXPIRE=7\r\nIMPLEMENTATION A B\r\nSASL LOPGIN AUTH=CRAM-MD5 CRAM_MD5 PLAIN\r\n";
    let mut session = Guest::greeted(CLEAR);
    let events = session.ask("CAPA", format!("+OK\r\n{rows}.\r\n"));
    assert_eq!((events.len(), events.last().unwrap().as_str()), (7, "CAPA end 5"));
    let capabilities = *session.client().capabilities();
    assert!(!capabilities.has(Feature::Pipelining), "a similar word is another word");
    assert!(capabilities.has_mechanism(pop3_proto::Mechanism::PLAIN));
    assert_eq!(capabilities.login_delay(), Some(15));
    assert_eq!(capabilities.expire(), Some(pop3_proto::Expire::Days(7)));
    assert!(session.quirks().contains(Quirk::CapabilityEquals));
    let mut session = Guest::greeted(STRICT);
    assert!(session.ask("CAPA", format!("+OK\r\n{rows}.\r\n")).contains(&"odd EXPIRE=7".to_string()));
    assert_eq!(session.client().capabilities().expire(), None);
}

#[test]
fn quirk_42_a_refusal_a_message_and_an_empty_line() {
    let refused = ["RETR 1 refused Download exceed"];
    in_both("RETR 1", "-ERR Download exceed\r\n", &refused, &[], &refused);
    for config in [CLEAR, STRICT] {
        assert_eq!(Guest::opened(config).ask("RETR 1", "\r\n"), ["fatal NotPop3"]);
    }
}

#[test]
fn quirk_44_codes_in_any_case_and_anywhere() {
    for config in [CLEAR, STRICT] {
        let mut session = Guest::new(config);
        assert_eq!(session.hear("+OK [sys/perm] x\r\n"), ["greeting [SYS/PERM] x"]);
        session.ask("USER mrose", "+OK [in-use] y\r\n");
        assert_eq!(
            session.ask("PASS x", "-ERR [in-use]\u{1b}[31mz\r\n"),
            ["PASS refused [IN-USE] \\x1b[31mz"]
        );
    }
}

/// Without RESP-CODES, a bracket may be plain text. The client notes such a code, and both profiles accept it.
#[test]
fn quirk_44_codes_that_nobody_announced() {
    for (capability, noted) in [("TOP", true), ("RESP-CODES", false)] {
        let mut session = Guest::greeted(CLEAR);
        session.ask("CAPA", format!("+OK\r\n{capability}\r\n.\r\n"));
        assert_eq!(session.ask("USER a", "-ERR [AUTH] x\r\n"), ["USER refused [AUTH] x"]);
        assert_eq!(session.quirks().contains(Quirk::UnannouncedCode), noted);
    }
    let mut session = Guest::greeted(CLEAR);
    assert_eq!(session.ask("USER a", "-ERR [AUTH] x\r\n"), ["USER refused [AUTH] x"]);
    assert!(session.quirks().is_empty(), "no list of capabilities is known");
}

/// Numbers in rows are only data: the client keeps none of them, whatever they are.
#[test]
fn quirk_46_numbers_are_given_as_they_are() {
    let mut session = Guest::opened(STRICT);
    session.ask("DELE 1", "+OK\r\n");
    let renumbered = session.ask("LIST", "+OK\r\n1 6\r\n.\r\n");
    assert_eq!(renumbered, ["LIST begin", "1 has 6", "LIST end 1"]);
    let still_there = session.ask("LIST", "+OK\r\n1 5\r\n2 6\r\n.\r\n");
    assert_eq!(still_there, ["LIST begin", "1 has 5", "2 has 6", "LIST end 2"]);
    assert_eq!(session.ask("RETR 1", "+OK\r\n.\r\n").len(), 2, "a marked number can be asked for");
    assert!(session.hear("").is_empty());
}
