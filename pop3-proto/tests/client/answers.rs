use super::{CLEAR, Guest, STRICT, in_both};
use pop3_proto::client::{Feature, SendError, Support};
use pop3_proto::{Quirk, State};

/// Also 1939.5.stat.b: text after the numbers is ignored.
#[test]
fn r1939_5_stat_d_a_drop_listing_is_two_numbers() {
    for config in [CLEAR, STRICT] {
        let mut session = Guest::opened(config);
        assert_eq!(session.ask("STAT", "+OK 2 320\r\n"), ["2 messages, 320 octets"]);
        assert_eq!(session.ask("STAT", "+OK 0 0\r\n"), ["0 messages, 0 octets"]);
        assert!(session.quirks().is_empty());
    }
    let more = ["2 messages, 320 octets"];
    in_both("STAT", "+OK 2 320 (1 new)\r\n", &more, &[Quirk::ExtraText], &["odd 2 320 (1 new)"]);
    in_both("STAT", "+OK 2  320\r\n", &more, &[Quirk::Spacing], &["odd 2  320"]);
}

/// An answer whose end is known is never fatal, whatever text it has.
#[test]
fn r1939_5_stat_b_an_answer_that_is_not_a_drop_listing_is_malformed() {
    for text in ["", "2", "two messages", "-1 5", "1 -5", "4294967296 1", "1 99999999999999999999"] {
        for config in [CLEAR, STRICT] {
            let mut session = Guest::opened(config);
            assert_eq!(session.ask("STAT", format!("+OK {text}\r\n")), [format!("odd {text}").trim_end()]);
            assert!(session.quirks().contains(Quirk::MalformedRow));
            assert_eq!(session.ask("NOOP", "+OK\r\n"), ["NOOP ok"]);
        }
    }
}

/// Also 1939.5.list.d and 1939.3.v.
#[test]
fn r1939_5_list_c_a_listing_has_a_row_for_each_message() {
    let mut session = Guest::opened(STRICT);
    let events = session.ask("LIST", "+OK 2 messages (320 octets)\r\n1 120\r\n2 200\r\n.\r\n");
    assert_eq!(events, ["LIST begin 2 messages (320 octets)", "1 has 120", "2 has 200", "LIST end 2"]);
    assert_eq!(session.ask("LIST", "+OK\r\n.\r\n"), ["LIST begin", "LIST end 0"]);
    assert_eq!(session.ask("LIST 2", "+OK 2 200\r\n"), ["2 has 200"]);
    assert_eq!(session.ask("LIST 3", "-ERR no such message\r\n"), ["LIST 3 refused no such message"]);
    assert!(session.client().is_idle());
}

#[test]
fn r1939_5_list_i_the_text_of_the_status_line_is_not_data() {
    for text in ["99 messages", "1 120", ".", "", "-1", "[IN-USE] 5"] {
        let mut session = Guest::opened(CLEAR);
        let events = session.ask("LIST", format!("+OK {text}\r\n7 5\r\n.\r\n"));
        assert_eq!(events[1..], ["7 has 5", "LIST end 1"], "{text}");
    }
}

/// Also 1939.5.list.e: numbers are reported unchanged, with gaps, out of order, and above the number of messages.
#[test]
fn r1939_5_stat_f_a_count_does_not_bound_the_numbers() {
    let mut session = Guest::opened(STRICT);
    session.ask("STAT", "+OK 1 5\r\n");
    let events = session.ask("LIST", "+OK\r\n9 5\r\n3 6\r\n3 7\r\n4294967295 8\r\n.\r\n");
    assert_eq!(events, ["LIST begin", "9 has 5", "3 has 6", "3 has 7", "4294967295 has 8", "LIST end 4"]);
    assert_eq!(
        session.ask("RETR 9", "+OK\r\nabc\r\n.\r\n"),
        ["RETR 9 begin", "body abc\\r\\n", "RETR 9 end 5"]
    );
}

/// Also 1939.5.list.g, AMB.31.
#[test]
fn r1939_5_list_g_what_follows_the_size_is_ignored() {
    let row = ["LIST begin", "1 has 120", "LIST end 1"];
    let odd = ["LIST begin", "odd 1 120 250", "LIST end 1"];
    in_both("LIST", "+OK\r\n1 120 250\r\n.\r\n", &row, &[Quirk::ExtraText], &odd);
    in_both("LIST 1", "+OK 1 120 octets\r\n", &["1 has 120"], &[Quirk::ExtraText], &["odd 1 120 octets"]);
}

/// Also 1939.7.uidl.b.
#[test]
fn r1939_7_uidl_c_a_unique_id_listing_has_a_row_for_each_message() {
    let mut session = Guest::opened(STRICT);
    let events = session.ask("UIDL", "+OK\r\n1 whqtswO00WBw418f9t5JxYwZ\r\n2 QhdPYR:00WBw1Ph7x7\r\n.\r\n");
    assert_eq!(
        events,
        ["UIDL begin", "1 is whqtswO00WBw418f9t5JxYwZ", "2 is QhdPYR:00WBw1Ph7x7", "UIDL end 2"]
    );
    assert_eq!(session.ask("UIDL 2", "+OK 2 QhdPYR:00WBw1Ph7x7\r\n"), ["2 is QhdPYR:00WBw1Ph7x7"]);
    assert_eq!(session.ask("UIDL 3", "-ERR\r\n"), ["UIDL 3 refused"]);
}

/// Also quirk 12: the client does not identify messages by unique-id.
#[test]
fn r1939_7_uidl_h_two_copies_may_share_a_unique_id() {
    let mut session = Guest::opened(STRICT);
    let events = session.ask("UIDL", "+OK\r\n1 same\r\n2 same\r\n1 same\r\n.\r\n");
    assert_eq!(events, ["UIDL begin", "1 is same", "2 is same", "1 is same", "UIDL end 3"]);
    assert!(session.quirks().is_empty());
}

/// The number in the answer is that of the question.
#[test]
fn an_answer_about_another_message_is_odd() {
    for (line, answer, odd) in [
        ("LIST 1", "+OK 2 200\r\n", "odd 2 200"),
        ("UIDL 1", "+OK 2 abc\r\n", "odd 2 abc"),
        ("UIDL 1", "+OK\r\n", "odd"),
        ("LIST 1", "+OK\r\n", "odd"),
    ] {
        assert_eq!(Guest::opened(CLEAR).ask(line, answer), [odd], "{line} {answer}");
    }
}

/// Also 1939.3.t, 1939.3.u and AMB.17.
#[test]
fn r1939_3_u_a_dot_that_begins_a_line_is_removed() {
    let cases = [
        ("..\r\n", ".\\r\\n", 3),
        (".x\r\n", "x\\r\\n", 3),
        ("...\r\n", "..\\r\\n", 4),
        (". \r\n", " \\r\\n", 3),
        ("a\r\n\r\n..a.\r\n", "a\\r\\n\\r\\n.a.\\r\\n", 10),
    ];
    for (wire, message, octets) in cases {
        for line in ["RETR 1", "TOP 1 0"] {
            let name = line.get(..line.rfind(" 1").unwrap() + 2).unwrap();
            let mut session = Guest::opened(STRICT);
            let events = session.ask(line, format!("+OK\r\n{wire}.\r\n"));
            assert_eq!(
                events,
                [format!("{name} begin"), format!("body {message}"), format!("{name} end {octets}")]
            );
        }
    }
}

#[test]
fn r1939_3_v_a_message_of_no_octets_is_legal() {
    let mut session = Guest::opened(STRICT);
    assert_eq!(session.ask("RETR 1", "+OK\r\n.\r\n"), ["RETR 1 begin", "RETR 1 end 0"]);
    assert_eq!(session.ask("TOP 1 0", "+OK\r\n.\r\n"), ["TOP 1 begin", "TOP 1 end 0"]);
}

#[test]
fn r1939_3_o_a_refusal_is_one_line() {
    for line in ["LIST", "UIDL", "CAPA", "LANG", "RETR 1", "TOP 1 0"] {
        let mut session = Guest::opened(STRICT);
        let events = session.ask(line, "-ERR no\r\n");
        assert!(events.len() == 1 && events[0].ends_with("refused no"), "{line}: {events:?}");
        assert!(session.client().is_idle());
        assert_eq!(session.ask("NOOP", "+OK\r\n"), ["NOOP ok"]);
        assert_eq!(session.hear(".\r\n"), ["fatal Unsolicited"]);
    }
}

/// Also quirk 35: the client does not compare a body with the announced size.
#[test]
fn r1939_5_retr_c_the_end_mark_alone_ends_a_message() {
    for text in ["120 octets", "0", "999999999999 octets", ""] {
        let mut session = Guest::opened(STRICT);
        session.ask("LIST 1", "+OK 1 3\r\n");
        let events = session.ask("RETR 1", format!("+OK {text}\r\nabc\r\nd\r\n.\r\n"));
        assert_eq!(events[1..], ["body abc\\r\\nd\\r\\n", "RETR 1 end 8"], "{text}");
    }
}

#[test]
fn r1939_5_a_commands_come_in_any_order_and_again() {
    let mut session = Guest::opened(STRICT);
    for _ in 0..40 {
        assert_eq!(session.ask("NOOP", "+OK\r\n"), ["NOOP ok"]);
        assert_eq!(session.ask("RETR 1", "+OK\r\nx\r\n.\r\n").len(), 3);
        assert_eq!(session.ask("DELE 1", "+OK\r\n"), ["DELE 1 ok"]);
        assert_eq!(session.ask("STAT", "+OK 0 0\r\n"), ["0 messages, 0 octets"]);
        assert_eq!(session.ask("RSET", "+OK\r\n"), ["RSET ok"]);
        assert_eq!(session.ask("LIST", "+OK\r\n1 3\r\n.\r\n").len(), 3);
        assert_eq!(session.ask("TOP 1 0", "+OK\r\n\r\n.\r\n").len(), 3);
        assert_eq!(session.ask("UIDL 1", "+OK 1 x\r\n"), ["1 is x"]);
    }
    assert_eq!(session.client().state(), State::Transaction);
}

/// Also quirks 37 and 38.
#[test]
fn r1939_3_z_a_refusal_does_not_tell_which_feature_a_server_lacks() {
    let mut session = Guest::opened(CLEAR);
    assert_eq!(session.ask("TOP 1 0", "-ERR unknown command\r\n"), ["TOP 1 refused unknown command"]);
    assert_eq!(session.ask("UIDL", "-ERR unknown command\r\n"), ["UIDL refused unknown command"]);
    let capabilities = *session.client().capabilities();
    assert_eq!(capabilities.support(Feature::Top), Support::Probe);
    assert_eq!(capabilities.support(Feature::Uidl), Support::Probe);
    assert!(session.send("UIDL").is_ok());
}

/// Also 1957.a.
#[test]
fn r1939_9_a_texts_of_other_answers_mean_nothing() {
    for text in ["", " ", " 1 2", " .", " -ERR", " +OK"] {
        let mut session = Guest::opened(STRICT);
        for line in ["NOOP", "DELE 1", "RSET"] {
            let events = session.ask(line, format!("+OK{text}\r\n"));
            assert!(events[0].starts_with(&format!("{line} ok")), "{events:?}");
        }
        assert_eq!(session.ask("QUIT", format!("+OK{text}\r\n")), ["closed NoneAsked"]);
    }
}

#[test]
fn r1939_3_ag_one_command_is_in_flight_unless_pipelining_was_announced() {
    let mut session = Guest::opened(CLEAR);
    session.send("STAT").unwrap();
    assert_eq!(session.send("NOOP").unwrap_err(), SendError::NotPipelined);
    assert_eq!(session.sent(), "STAT\r\n");
    session.hear("+OK 0 0\r\n");
    session.ask("CAPA", "+OK\r\nPIPELINING\r\n.\r\n");
    session.send("STAT").unwrap();
    session.send("NOOP").unwrap();
    assert_eq!(session.hear("+OK 0 0\r\n+OK\r\n"), ["0 messages, 0 octets", "NOOP ok"]);
}

/// Also 1939.3.c: answers have the order of their commands.
#[test]
fn tickets_tell_answers_apart() {
    let mut session = Guest::opened(super::PIPED);
    let tickets = ["DELE 1", "DELE 2", "NOOP"].map(|line| session.send(line).unwrap());
    assert_eq!(tickets.map(|ticket| ticket.sequence()), [2, 3, 4]);
    assert_eq!(tickets[1].message.map(pop3_proto::MessageNumber::get), Some(2));
    assert_eq!(session.hear("+OK\r\n-ERR\r\n+OK\r\n"), ["DELE 1 ok", "DELE 2 refused", "NOOP ok"]);
}
