//! The one rule for line ends: the first line of the session decides, and a choice of CR LF is permanent.

use super::{CLEAR, Guest, STRICT};
use pop3_proto::Quirk;

/// Returns a session in TRANSACTION whose lines end in LF.
fn lf() -> Guest {
    let mut session = Guest::new(CLEAR);
    assert_eq!(session.hear("+OK ready\n"), ["greeting ready"]);
    session.ask("USER mrose", "+OK\n");
    assert_eq!(session.ask("PASS x", "+OK\n"), ["PASS ok"]);
    session
}

/// Also ROB.3.
#[test]
fn quirk_27_a_session_may_have_bare_lf_throughout() {
    let mut session = lf();
    assert!(session.quirks().contains(Quirk::BareLf));
    assert_eq!(session.ask("LIST", "+OK\n1 5\n2 6\n.\n"), ["LIST begin", "1 has 5", "2 has 6", "LIST end 2"]);
    let events = session.ask("RETR 1", "+OK\na\n..b\n.\n");
    assert_eq!(events, ["RETR 1 begin", "body a\\n.b\\n", "RETR 1 end 5"]);
    assert_eq!(session.ask("QUIT", "+OK\n"), ["closed NoneAsked"]);
    assert_eq!(Guest::new(STRICT).hear("+OK ready\n"), ["fatal Strict(BareLf)"]);
}

#[test]
fn rob_3_in_lf_mode_lines_may_end_in_cr_lf_too() {
    let mut session = lf();
    assert_eq!(
        session.ask("LIST", "+OK\n1 5\r\n2 6\n.\r\n"),
        ["LIST begin", "1 has 5", "2 has 6", "LIST end 2"]
    );
    let events = session.ask("RETR 1", "+OK\na\r\nb\n.\r\n");
    assert_eq!(events, ["RETR 1 begin", "body a\\r\\nb\\n", "RETR 1 end 5"]);
}

#[test]
fn rob_3_the_first_cr_lf_of_a_status_line_ends_lf_mode_for_good() {
    let mut session = lf();
    let events = session.ask("RETR 1", "+OK\r\na\n.\nb\r\n.\r\n");
    assert_eq!(events, ["RETR 1 begin", "body a\\n.\\nb\\r\\n", "RETR 1 end 7"]);
    assert_eq!(session.ask("NOOP", "+OK\n"), ["fatal BareLf"]);

    let mut session = Guest::new(CLEAR);
    session.hear("+OK ready\n");
    session.ask("USER mrose", "-ERR\r\n");
    assert_eq!(session.ask("USER mrose", "+OK\n"), ["fatal BareLf"]);
}

#[test]
fn rob_3_rows_and_marks_do_not_end_lf_mode() {
    let mut session = lf();
    session.ask("LIST", "+OK\n1 5\r\n.\r\n");
    assert_eq!(session.ask("NOOP", "+OK\n"), ["NOOP ok"]);
}

/// Also ROB.3: a message cannot end itself.
#[test]
fn quirk_28_in_a_cr_lf_answer_a_dot_before_lf_is_data() {
    for config in [CLEAR, STRICT] {
        for inside in [".\n", "\n.\n", "a\n.\nb", "a\n.\r\nb", "\n.\n+OK\r\nx", "a\r.\n", ".\n.\n"] {
            let mut session = Guest::opened(config);
            let wire = format!("+OK\r\nfirst\r\n{inside}\r\n.\r\n");
            let events = session.ask("RETR 1", &wire);
            assert_eq!(events.len(), 3, "{inside:?} {events:?}");
            assert!(events[2].starts_with("RETR 1 end"), "{inside:?} {events:?}");
            assert_eq!(session.ask("NOOP", "+OK\r\n"), ["NOOP ok"]);
        }
        let mut session = Guest::opened(config);
        let events = session.ask("LIST", "+OK\r\n1 5\r\n.\n2 6\r\n.\r\n");
        assert_eq!(events, ["LIST begin", "1 has 5", "odd \\n2 6", "LIST end 2"]);
    }
}

#[test]
fn rob_3_a_row_with_a_bare_lf_in_a_cr_lf_answer_is_odd() {
    for config in [CLEAR, STRICT] {
        for (line, row) in [
            ("LIST", "1 5\n2 6"),
            ("LIST", "1 5 x\n2 6"),
            ("LIST", "1 5 \n"),
            ("UIDL", "1 a\n2 b"),
            ("UIDL", "1 a\n"),
            ("CAPA", "TOP\nUIDL"),
            ("LANG", "en a\nfr b"),
        ] {
            let mut session = Guest::opened(config);
            let events = session.ask(line, format!("+OK\r\n{row}\r\n.\r\n"));
            let odd = format!("odd {}", row.as_bytes().escape_ascii());
            assert_eq!(events, [format!("{line} begin"), odd, format!("{line} end 1")], "{line} {row:?}");
            assert!(session.quirks().contains(Quirk::MalformedRow));
        }
    }
}

#[test]
fn rob_3_a_status_line_with_a_bare_lf_in_a_cr_lf_session_is_fatal() {
    for config in [CLEAR, STRICT] {
        assert_eq!(Guest::opened(config).ask("NOOP", "+OK\n"), ["fatal BareLf"]);
        assert_eq!(Guest::opened(config).ask("RETR 1", "-ERR no\n"), ["fatal BareLf"]);
        assert_eq!(Guest::opened(config).ask("QUIT", "+OK\n"), ["fatal BareLf"]);
        assert_eq!(Guest::greeted(config).ask("AUTH PLAIN", "+ \n"), ["fatal BareLf"]);
    }
}

/// Also quirk 8 and ROB.29.
#[test]
fn quirk_8_a_dot_at_the_end_of_the_stream_is_an_unexpected_end() {
    for (line, rest) in
        [("LIST", "."), ("LIST", ".\r"), ("LIST", "1 5\r\n."), ("RETR 1", "."), ("RETR 1", "a\r\n.\r")]
    {
        for config in [CLEAR, STRICT] {
            let mut session = Guest::opened(config);
            session.send(line).unwrap();
            let events = session.last(format!("+OK\r\n{rest}"));
            assert_eq!(events.last().unwrap(), "fatal UnexpectedEof", "{line} {rest:?}");
            assert!(!events.iter().any(|event| event.contains("end ")), "{events:?}");
        }
        let mut session = lf();
        session.send(line).unwrap();
        assert_eq!(session.last(format!("+OK\n{rest}")).last().unwrap(), "fatal UnexpectedEof");
    }
}

/// A dot line before a bare LF does not end an answer with CR LF lines, even at the end of the stream.
#[test]
fn quirk_28_a_dot_before_a_bare_lf_at_the_end_of_the_stream_is_an_unexpected_end() {
    let mut session = Guest::opened(CLEAR);
    session.send("RETR 1").unwrap();
    assert_eq!(session.last("+OK\r\na\r\n.\n"), ["RETR 1 begin", "body a\\r\\n\\n", "fatal UnexpectedEof"]);
}

/// Also law 8: the first line inside TLS decides again, in both directions.
#[test]
fn rob_3_tls_ends_lf_mode_and_cr_lf_mode_alike() {
    for (before, inside, then) in [("\n", "\r\n", "\n"), ("\r\n", "\n", "\n"), ("\n", "\n", "\r\n")] {
        let mut session = Guest::new(CLEAR);
        session.hear(format!("+OK ready{before}"));
        assert_eq!(session.ask("STLS", format!("+OK{before}")), ["start TLS"]);
        session.handshake();
        assert!(session.quirks().is_empty(), "the quirks from before TLS are forgotten");
        assert_eq!(session.ask("USER a", format!("-ERR{inside}")), ["USER refused"]);
        assert_eq!(session.quirks().contains(Quirk::BareLf), inside == "\n");
        let expected = if (inside, then) == ("\r\n", "\n") { "fatal BareLf" } else { "USER ok" };
        assert_eq!(session.ask("USER a", format!("+OK{then}")), [expected]);
    }
}

#[test]
fn rob_2_a_bare_cr_never_ends_a_line() {
    let mut session = Guest::opened(CLEAR);
    assert!(session.ask("NOOP", "+OK \r+OK\r").is_empty());
    assert_eq!(session.hear("\n"), ["NOOP ok"]);
    assert!(session.quirks().contains(Quirk::ControlInText));
    let mut session = Guest::opened(CLEAR);
    assert_eq!(
        session.ask("RETR 1", "+OK\r\na\r.\r\r\n.\r\n"),
        ["RETR 1 begin", "body a\\r.\\r\\r\\n", "RETR 1 end 6"]
    );
}
