use super::{CLEAR, Guest, PIPED, STRICT};
use pop3_proto::State;
use pop3_proto::client::{Deletions, SendError};

fn with_one_mark(config: pop3_proto::client::ClientConfig) -> Guest {
    let mut session = Guest::opened(config);
    assert_eq!(session.client().deletions(), Deletions::NoneAsked);
    assert_eq!(session.ask("DELE 1", "+OK marked\r\n"), ["DELE 1 ok marked"]);
    assert_eq!(session.client().deletions(), Deletions::Pending);
    session
}

/// Also 1939.6.b: the server removes no message before QUIT.
#[test]
fn r1939_6_g_deletions_are_done_when_quit_was_answered_ok() {
    let mut session = with_one_mark(CLEAR);
    session.send("QUIT").unwrap();
    assert_eq!(session.client().state(), State::Update);
    assert_eq!(session.client().deletions(), Deletions::Unknown);
    assert_eq!(session.hear("+OK bye\r\n"), ["closed Committed"]);
    assert_eq!(session.client().deletions(), Deletions::Committed);
    assert_eq!(session.client().state(), State::Closed);
}

#[test]
fn r1939_6_b_a_session_that_ends_before_quit_removes_nothing() {
    let mut session = with_one_mark(CLEAR);
    assert_eq!(session.last(""), ["fatal UnexpectedEof"]);
    assert_eq!(session.client().deletions(), Deletions::Pending);
    assert_eq!(session.send("QUIT").unwrap_err(), SendError::Over);
    let mut session = with_one_mark(CLEAR);
    session.send("RETR 2").unwrap();
    assert_eq!(session.last("+OK\r\nhalf"), ["RETR 2 begin", "body half", "fatal UnexpectedEof"]);
    assert_eq!(session.client().deletions(), Deletions::Pending);
}

/// Also 1939.6.e and quirk 45.
#[test]
fn amb_28_quit_refused_is_refused_in_part_and_unanswered_is_unknown() {
    let mut session = with_one_mark(CLEAR);
    assert_eq!(session.ask("QUIT", "-ERR some deleted messages not removed\r\n"), ["closed RefusedInPart"]);
    assert_eq!(session.client().state(), State::Closed);
    for octets in ["", "+", "+OK", "+OK bye\r"] {
        let mut session = with_one_mark(CLEAR);
        session.send("QUIT").unwrap();
        assert_eq!(session.last(octets), ["closed Unknown"], "{octets}");
        assert_eq!(session.client().deletions(), Deletions::Unknown);
        let mut session = with_one_mark(STRICT);
        session.send("QUIT").unwrap();
        assert_eq!(session.last(octets), ["fatal Strict(QuitUnanswered)"], "{octets}");
        assert_eq!(session.client().deletions(), Deletions::Unknown);
    }
    let mut session = with_one_mark(CLEAR);
    assert_eq!(session.ask("QUIT", "* BYE\r\n"), ["fatal NotPop3"]);
    assert_eq!(session.client().deletions(), Deletions::Unknown);
}

#[test]
fn r1939_6_h_after_the_response_to_quit_the_machine_is_terminal() {
    let mut session = with_one_mark(CLEAR);
    assert_eq!(session.ask("QUIT", "+OK\r\n-ERR no\r\n+OK"), ["closed Committed"]);
    for _ in 0..3 {
        assert!(session.hear("-ERR not at all\r\n").is_empty());
        assert!(session.last("").is_empty());
        assert!(session.client().is_closed());
    }
    assert_eq!(session.client().deletions(), Deletions::Committed);
    assert_eq!(session.send("NOOP").unwrap_err(), SendError::Over);
    assert_eq!(session.send("QUIT").unwrap_err(), SendError::Over);
    assert!(!session.pop3.is_waiting() && !session.pop3.is_ready());
}

#[test]
fn r1939_5_rset_b_rset_clears_all_marks() {
    let mut session = with_one_mark(CLEAR);
    session.ask("DELE 2", "+OK\r\n");
    session.send("RSET").unwrap();
    assert_eq!(session.client().deletions(), Deletions::Pending, "not answered yet");
    assert_eq!(session.hear("-ERR no\r\n"), ["RSET refused no"]);
    assert_eq!(session.client().deletions(), Deletions::Pending);
    assert_eq!(session.ask("RSET", "+OK\r\n"), ["RSET ok"]);
    assert_eq!(session.client().deletions(), Deletions::NoneAsked);
    session.ask("DELE 2", "+OK\r\n");
    assert_eq!(session.client().deletions(), Deletions::Pending);
    session.ask("RSET", "+OK\r\n");
    assert_eq!(session.ask("QUIT", "+OK\r\n"), ["closed NoneAsked"]);
    assert_eq!(session.client().deletions(), Deletions::NoneAsked);
}

#[test]
fn r1939_5_dele_b_a_refused_dele_marks_no_message() {
    let mut session = Guest::opened(CLEAR);
    session.send("DELE 9").unwrap();
    assert_eq!(session.client().deletions(), Deletions::Pending, "it may have been accepted");
    assert_eq!(session.hear("-ERR no such message\r\n"), ["DELE 9 refused no such message"]);
    assert_eq!(session.client().deletions(), Deletions::NoneAsked);
    assert_eq!(session.ask("QUIT", "-ERR\r\n"), ["closed NoneAsked"]);
}

/// The fate of marks when DELE, RSET and QUIT are sent at once, for each answer.
#[test]
fn r1939_6_g_marks_in_flight_count_as_long_as_their_answer_is_out() {
    let start = |lines: &[&str]| {
        let mut session = Guest::opened(PIPED);
        for line in lines {
            session.send(line).unwrap();
        }
        session
    };
    let mut session = start(&["DELE 1", "QUIT"]);
    assert_eq!(session.client().deletions(), Deletions::Unknown);
    assert_eq!(session.hear("-ERR\r\n"), ["DELE 1 refused"]);
    assert_eq!(session.client().deletions(), Deletions::NoneAsked);

    let mut session = start(&["DELE 1", "QUIT"]);
    assert_eq!(session.hear("+OK\r\n"), ["DELE 1 ok"]);
    assert_eq!(session.client().deletions(), Deletions::Unknown);
    assert_eq!(session.last(""), ["closed Unknown"]);

    let mut session = start(&["DELE 1", "QUIT"]);
    assert_eq!(session.last(""), ["fatal UnexpectedEof"]);
    assert_eq!(session.client().deletions(), Deletions::Unknown);

    let mut session = start(&["DELE 1", "RSET", "DELE 2", "QUIT"]);
    assert_eq!(session.hear("+OK\r\n+OK\r\n"), ["DELE 1 ok", "RSET ok"]);
    assert_eq!(session.hear("+OK\r\n+OK\r\n"), ["DELE 2 ok", "closed Committed"]);

    let mut session = start(&["DELE 1", "RSET", "QUIT"]);
    assert_eq!(session.hear("+OK\r\n+OK\r\n+OK\r\n"), ["DELE 1 ok", "RSET ok", "closed NoneAsked"]);
}

#[test]
fn quit_before_login_asks_for_nothing() {
    for answer in ["+OK\r\n", "-ERR\r\n"] {
        let mut session = Guest::greeted(CLEAR);
        session.send("QUIT").unwrap();
        assert_eq!(session.client().state(), State::Authorization);
        assert_eq!(session.hear(answer), ["closed NoneAsked"]);
        assert_eq!(session.client().state(), State::Closed);
    }
}
