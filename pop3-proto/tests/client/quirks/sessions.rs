//! Messages, and how sessions continue and end.

use super::super::{CLEAR, Guest, PIPED, STRICT, in_both};
use pop3_proto::client::{Deletions, Feature};
use pop3_proto::{Capability, Quirk, State};

#[test]
fn quirk_29_no_line_end_before_the_end_mark() {
    let mut session = Guest::opened(CLEAR);
    assert_eq!(session.ask("RETR 1", "+OK\r\nlast words.\r\n"), ["RETR 1 begin", "body last words.\\r\\n"]);
    assert_eq!(session.wait(120), "TimedOut(Answer)");
    let mut session = Guest::opened(CLEAR);
    session.send("RETR 1").unwrap();
    assert_eq!(session.last("+OK\r\nlast words.\r\n").last().unwrap(), "fatal UnexpectedEof");
}

#[test]
fn quirk_30_an_end_mark_over_several_reads() {
    let answer = "+OK\r\nx\r\n.\r\n";
    for first in 0..answer.len() {
        for second in first..answer.len() {
            let mut session = Guest::opened(STRICT);
            session.send("RETR 1").unwrap();
            let cuts = [&answer[..first], &answer[first..second], &answer[second..]];
            let events: Vec<String> = cuts.iter().flat_map(|cut| session.hear(cut)).collect();
            assert_eq!(events.last().unwrap(), "RETR 1 end 3");
            let body: String = events.iter().filter_map(|event| event.strip_prefix("body ")).collect();
            assert_eq!(body, "x\\r\\n");
        }
    }
}

#[test]
fn quirk_31_all_in_one_read_and_then_the_stream_ends() {
    let mut session = Guest::opened(PIPED);
    session.send("RETR 1").unwrap();
    session.send("NOOP").unwrap();
    let events = session.last("+OK\r\nx\r\n.\r\n+OK\r\n");
    assert_eq!(events, ["RETR 1 begin", "body x\\r\\n", "RETR 1 end 3", "NOOP ok", "fatal UnexpectedEof"]);
    let mut session = Guest::opened(CLEAR);
    let events = session.ask("RETR 1", "+OK\r\nx\r\n.\r\nmore");
    assert_eq!(events[2..], ["RETR 1 end 3", "fatal Unsolicited"], "the message is still complete");
}

/// Also ROB.34: RFC 1939 removes the first dot of a line, whether the server stuffed it or not.
#[test]
fn quirk_32_a_server_that_does_not_stuff() {
    let events = Guest::opened(CLEAR).ask("RETR 1", "+OK\r\n.foo\r\n.\r\n");
    assert_eq!(events, ["RETR 1 begin", "body foo\\r\\n", "RETR 1 end 5"]);
}

/// Also ROB.6 and AMB.6.
#[test]
fn quirk_33_lines_of_a_message_have_no_limit() {
    for length in [1024, 2048, 4096, 8191, 65_536, 100_000] {
        let line = "x".repeat(length);
        let mut session = Guest::opened(STRICT);
        let events = session.ask("RETR 1", format!("+OK\r\n{line}\r\n.\r\n"));
        assert_eq!(events[2], format!("RETR 1 end {}", length + 2));
    }
}

/// Also ROB.7.
#[test]
fn quirk_34_messages_hold_any_bytes() {
    let all: Vec<u8> = (0..=255).collect();
    let mut session = Guest::opened(STRICT);
    let events = session.ask("RETR 1", [b"+OK\r\n", &*all, b"\r\n.\r\n"].concat());
    assert_eq!(events[1], format!("body {}\\r\\n", all.escape_ascii()));
    assert!(session.quirks().is_empty());
}

#[test]
fn quirk_35_sizes_that_are_wrong_or_large() {
    let mut session = Guest::opened(STRICT);
    assert_eq!(session.ask("LIST 1", "+OK 1 4294967400\r\n"), ["1 has 4294967400"]);
    assert_eq!(session.ask("RETR 1", "+OK 4294967400 octets\r\nx\r\n.\r\n")[2], "RETR 1 end 3");
}

#[test]
fn quirk_36_top_that_is_cut_or_too_long_is_delivered_unchanged() {
    for message in ["", "a: b\r\n", "a: b\r\n\r\n1\r\n2\r\n3\r\n"] {
        let mut session = Guest::opened(STRICT);
        let events = session.ask("TOP 1 1", format!("+OK\r\n{message}.\r\n"));
        assert_eq!(events.last().unwrap(), &format!("TOP 1 end {}", message.len()));
    }
    let mut session = Guest::opened(STRICT);
    session.send("TOP 1 99999999").unwrap();
    assert_eq!(session.sent(), "TOP 1 99999999\r\n");
}

#[test]
fn quirk_37_without_top_retr_still_works() {
    let mut session = Guest::opened(STRICT);
    assert_eq!(session.ask("TOP 1 0", "-ERR unknown command\r\n"), ["TOP 1 refused unknown command"]);
    assert_eq!(session.ask("RETR 1", "+OK\r\nx\r\n.\r\n")[2], "RETR 1 end 3");
}

#[test]
fn quirk_38_without_uidl_the_session_continues() {
    let mut session = Guest::opened(STRICT);
    assert_eq!(session.ask("UIDL 1", "-ERR unknown command\r\n"), ["UIDL 1 refused unknown command"]);
    assert_eq!(session.ask("STAT", "+OK 1 5\r\n"), ["1 messages, 5 octets"]);
}

/// The server decides when it closes an idle session, so the client runs no timer.
#[test]
fn quirk_39_an_idle_client_waits_for_nothing() {
    let mut session = Guest::opened(CLEAR);
    assert_eq!(session.wait(1 << 30), "");
    assert_eq!(session.ask("NOOP", "+OK\r\n"), ["NOOP ok"], "a caller keeps the session open with NOOP");
    assert_eq!(session.last(""), ["fatal UnexpectedEof"]);
}

#[test]
fn quirk_40_a_retrieved_message_is_not_marked_by_the_client() {
    let mut session = Guest::opened(CLEAR);
    session.ask("CAPA", "+OK\r\nEXPIRE 0\r\n.\r\n");
    session.ask("RETR 1", "+OK\r\n.\r\n");
    assert_eq!(session.client().deletions(), Deletions::NoneAsked);
    assert_eq!(
        session.client().capabilities().expire(),
        Some(pop3_proto::Expire::Days(0)),
        "the caller can know"
    );
}

#[test]
fn quirk_41_capabilities_of_one_large_server() {
    let mut session = Guest::greeted(STRICT);
    let events = session.ask("CAPA", "+OK\r\nX-GOOGLE-RICO\r\nLOGIN-DELAY 300\r\n.\r\n");
    assert!(events[1].starts_with("Other") && events[1].contains("X-GOOGLE-RICO"));
    assert_eq!(session.client().capabilities().login_delay(), Some(300));
    assert!(!session.client().capabilities().has(Feature::Pipelining));
    assert!(matches!(Capability::parse(b"X-GOOGLE-RICO"), Ok(Capability::Other(_))));
}

#[test]
fn quirk_43_private_commands_with_one_line_of_answer() {
    for line in ["*ENV 1", "XOIP 10.0.0.1", "XTND XLST", "LAST"] {
        let mut session = Guest::opened(STRICT);
        session.send(line).unwrap();
        assert_eq!(session.sent(), format!("{line}\r\n"));
        assert_eq!(session.hear("+OK done\r\n"), [" ok done"]);
        assert_eq!(session.ask(line, "-ERR no\r\n"), [" refused no"]);
    }
    let mut session = Guest::greeted(STRICT);
    assert!(session.send("AUTH MSN").is_ok() && session.client().state() == State::Authorization);
}

/// Also AMB.28.
#[test]
fn quirk_45_quit_refused_or_unanswered() {
    in_both("QUIT", "-ERR some messages not removed\r\n", &["closed NoneAsked"], &[], &["closed NoneAsked"]);
    let mut session = Guest::opened(CLEAR);
    session.ask("DELE 1", "+OK\r\n");
    session.send("QUIT").unwrap();
    assert_eq!(session.last(""), ["closed Unknown"]);
    assert!(session.quirks().contains(Quirk::QuitUnanswered));
    let mut session = Guest::opened(STRICT);
    session.send("QUIT").unwrap();
    assert_eq!(session.last(""), ["fatal Strict(QuitUnanswered)"]);
}
