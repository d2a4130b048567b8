//! PIPELINING (RFC 2449 section 6.6): the commands that a client sends ahead, and how a server reads them.

use super::{greeted, guest, logged_in, opened};
use pop3_proto::client::{ClientConfig, SendError};
use pop3_proto::server::{self, CloseReason, Refusal, Step};
use pop3_proto::{Input, MIN_SEND_BUF, SendBuf, State, TlsPolicy, Verb};
use pop3_proto_kit::{Guest, LOGIN, infos, machine};

fn pipelining() -> Guest {
    let mut peer = guest(TlsPolicy::Cleartext);
    peer.lists(&["USER", "PIPELINING", "STLS", "UTF8", "LANG", "SASL PLAIN"]);
    peer
}

/// Also 1939.3.c.
#[test]
fn r2449_6_6_a_a_client_sends_ahead_if_pipelining_is_announced() {
    let mut peer = opened(TlsPolicy::Cleartext);
    peer.send("STAT").unwrap();
    assert_eq!(peer.send("NOOP").map(drop), Err(SendError::NotPipelined));
    assert_eq!(peer.hear("+OK 1 2\r\n"), ["1 messages, 2 octets"]);
    peer.lists(&["PIPELINING"]);
    peer.send("STAT").unwrap();
    peer.send("NOOP").unwrap();
    assert_eq!(peer.hear("+OK 1 2\r\n+OK\r\n"), ["1 messages, 2 octets", "NOOP ok"]);
    // The announcement is valid only as long as its list.
    peer.lists(&["UIDL"]);
    peer.send("STAT").unwrap();
    assert_eq!(peer.send("NOOP").map(drop), Err(SendError::NotPipelined));
    // The caller may override it.
    let mut peer = opened(ClientConfig::new(TlsPolicy::Cleartext).assume_pipelining());
    peer.send("STAT").unwrap();
    peer.send("NOOP").unwrap();
}

#[test]
fn r2449_6_6_c_answers_belong_to_commands_in_order() {
    let mut peer = pipelining();
    peer.log_in();
    for line in ["STAT", "LIST", "LIST 1", "UIDL", "UIDL 2", "RETR 1", "TOP 1 0", "DELE 2", "NOOP", "RSET"] {
        peer.send(line).unwrap();
    }
    let answers = "+OK 2 300\r\n+OK\r\n1 100\r\n2 200\r\n.\r\n+OK 1 100\r\n+OK\r\n1 a\r\n.\r\n+OK 2 b\r\n\
                   +OK\r\n+OK no answer\r\n-ERR nor this\r\n.\r\n+OK\r\n\r\n.\r\n+OK\r\n+OK\r\n+OK\r\n";
    let expected = [
        "2 messages, 300 octets",
        "LIST begin",
        "1 has 100",
        "2 has 200",
        "LIST end 2",
        "1 has 100",
        "UIDL begin",
        "1 is a",
        "UIDL end 1",
        "2 is b",
        "RETR 1 begin",
        "body +OK no answer\\r\\n-ERR nor this\\r\\n",
        "RETR 1 end 30",
        "TOP 1 begin",
        "body \\r\\n",
        "TOP 1 end 2",
        "DELE 2 ok",
        "NOOP ok",
        "RSET ok",
    ];
    assert_eq!(peer.hear(answers), expected);
    assert!(peer.client().is_idle());
}

/// Each command of a burst in turn is refused; all other commands are answered as usual.
#[test]
fn r2449_6_6_c_one_refused_command_never_disturbs_the_next_answer() {
    let burst: &[(&str, &str, &[&str])] = &[
        ("STAT", "+OK 2 300\r\n", &["2 messages, 300 octets"]),
        ("LIST", "+OK\r\n1 100\r\n.\r\n", &["LIST begin", "1 has 100", "LIST end 1"]),
        ("LIST 1", "+OK 1 100\r\n", &["1 has 100"]),
        ("UIDL", "+OK\r\n1 a\r\n.\r\n", &["UIDL begin", "1 is a", "UIDL end 1"]),
        ("RETR 1", "+OK\r\n-ERR\r\n.\r\n", &["RETR 1 begin", "body -ERR\\r\\n", "RETR 1 end 6"]),
        ("TOP 2 0", "+OK\r\n.\r\n", &["TOP 2 begin", "TOP 2 end 0"]),
        ("DELE 1", "+OK\r\n", &["DELE 1 ok"]),
        ("NOOP", "+OK\r\n", &["NOOP ok"]),
    ];
    for refused in 0..burst.len() {
        let mut peer = pipelining();
        peer.log_in();
        let (mut answers, mut expected) = (String::new(), Vec::new());
        for (place, (line, answer, events)) in burst.iter().enumerate() {
            peer.send(line).unwrap();
            if place == refused {
                answers.push_str("-ERR [SYS/TEMP] no\r\n");
                let name = line.strip_suffix(" 0").unwrap_or(line);
                expected.push(format!("{name} refused [SYS/TEMP] no"));
            } else {
                answers.push_str(answer);
                expected.extend(events.iter().map(ToString::to_string));
            }
        }
        assert_eq!(peer.hear(&answers), expected, "refused: {}", burst.get(refused).unwrap().0);
    }
}

/// Also 2449.6.6.d, ROB.37.
#[test]
fn r2449_6_6_d_the_queue_is_bounded() {
    let mut peer = pipelining();
    peer.log_in();
    for _ in 0..16 {
        peer.send("NOOP").unwrap();
    }
    assert_eq!(peer.send("NOOP").map(drop), Err(SendError::QueueFull));
    assert_eq!(peer.hear("+OK\r\n").len(), 1);
    peer.send("STAT").unwrap();
    assert_eq!(peer.send("NOOP").map(drop), Err(SendError::QueueFull));
}

/// Also 2595.4.g, AMB.20 and the column Pipe of the command table.
#[test]
fn rob_37_no_command_is_sent_after_a_barrier() {
    for (line, verb) in [
        ("PASS secret", Verb::Pass),
        ("AUTH PLAIN", Verb::Auth),
        ("AUTH", Verb::AuthList),
        ("CAPA", Verb::Capa),
        ("UTF8", Verb::Utf8),
        ("LANG en", Verb::Lang),
        ("LANG", Verb::LangList),
        ("STLS", Verb::Stls),
        ("QUIT", Verb::Quit),
    ] {
        let mut peer = pipelining();
        if verb == Verb::Pass {
            peer.send("USER mrose").unwrap();
        }
        peer.send(line).unwrap();
        for next in ["USER x", "QUIT", "CAPA", "STLS"] {
            assert_eq!(peer.send(next).map(drop), Err(SendError::After(verb)), "{next} after {line}");
        }
    }
    for (line, verb) in [("CAPA", Verb::Capa), ("LANG", Verb::LangList), ("QUIT", Verb::Quit)] {
        let mut peer = pipelining();
        peer.log_in();
        peer.send("RETR 1").unwrap();
        peer.send(line).unwrap();
        assert_eq!(peer.send("NOOP").map(drop), Err(SendError::After(verb)));
    }
    // STLS is not sent after other commands either.
    let mut peer = pipelining();
    peer.send("USER mrose").unwrap();
    assert_eq!(peer.send("STLS").map(drop), Err(SendError::Alone));
}

/// Also 1939.7.user.g: the name is refused after the password was sent.
#[test]
fn rob_38_both_answers_of_a_pipelined_login_count() {
    let mut peer = pipelining();
    peer.send("USER mrose").unwrap();
    peer.send("PASS secret").unwrap();
    assert_eq!(peer.hear("-ERR who?\r\n"), ["USER refused who?"]);
    assert_eq!(peer.client().state(), State::Authorization);
    assert_eq!(peer.send("STAT").map(drop), Err(SendError::After(Verb::Pass)));
    assert_eq!(peer.hear("-ERR no\r\n"), ["PASS refused no"]);
    assert_eq!(peer.send("STAT").map(drop), Err(SendError::State(State::Authorization)));
    assert_eq!(peer.send("PASS again").map(drop), Err(SendError::NoUser), "a new login begins with USER");
    peer.send("USER mrose").unwrap();
    peer.send("PASS secret").unwrap();
    assert_eq!(peer.hear("+OK\r\n+OK\r\n"), ["USER ok", "PASS ok"]);
    assert_eq!(peer.client().state(), State::Transaction);
}

/// Also 2449.6.6.c: RETR after RETR while the first message still arrives.
#[test]
fn r2449_6_6_e_commands_go_out_while_a_long_answer_arrives() {
    let mut peer = pipelining();
    peer.log_in();
    peer.send("RETR 1").unwrap();
    assert_eq!(peer.hear("+OK\r\nhalf"), ["RETR 1 begin", "body half"]);
    peer.send("DELE 1").unwrap();
    peer.send("RETR 2").unwrap();
    let rest = " more\r\n.\r\n+OK\r\n+OK\r\n.\r\n";
    assert_eq!(
        peer.hear(rest),
        ["body  more\\r\\n", "RETR 1 end 11", "DELE 1 ok", "RETR 2 begin", "RETR 2 end 0"]
    );
}

/// Also 2449.6.6.f, 1939.3.c.
#[test]
fn r2449_6_6_b_a_server_answers_each_command_in_turn() {
    let lines = [
        "STAT", "LIST 1", "BOGUS", "RETR 1", "DELE 1", "LIST", "DELE 1", "NOOP", "RSET", "TOP 3 0", "STAT",
        "QUIT",
    ];
    let mut one_by_one = logged_in(server::ServerConfig::new(TlsPolicy::Cleartext));
    let expected: String = lines.iter().map(|line| one_by_one.say(format!("{line}\r\n"))).collect();
    let mut burst = logged_in(server::ServerConfig::new(TlsPolicy::Cleartext));
    assert_eq!(burst.say(lines.join("\r\n") + "\r\n"), expected);
    assert_eq!(burst.end, Some(Ok(CloseReason::Quit)));
    assert!(expected.ends_with("+OK bye\r\n"));
    // The server reads no bytes after QUIT.
    let mut behind = logged_in(server::ServerConfig::new(TlsPolicy::Cleartext));
    assert_eq!(behind.say("QUIT\r\nSTAT\r\nDELE 1\r\n"), "+OK bye\r\n");
}

/// The server reads no command while the send buffer may have too little room for its answer.
#[test]
fn r2449_6_6_f_further_commands_stay_unread_until_the_answer_is_sent() {
    let mut server = machine(server::ServerConfig::new(TlsPolicy::Cleartext), infos(&[[b'x'; 98]; 2]), LOGIN);
    let mut out = SendBuf::new([0; MIN_SEND_BUF]);
    let mut input = Input::more(b"NOOP\r\nSTAT\r\nRSET\r\n");
    for (answer, unread) in [("+OK no operation\r\n", "STAT\r\nRSET\r\n"), ("+OK 2 200\r\n", "RSET\r\n")] {
        for _ in 0..2 {
            let step = server.poll(&mut input, &mut out);
            assert!(matches!(step, Ok(Step::NeedSpace(_))), "{step:?}");
            assert_eq!((out.pending(), input.unread()), (answer.as_bytes(), unread.as_bytes()));
        }
        out.sent(answer.len());
    }
}

#[test]
fn rob_39_commands_after_a_failed_login_are_each_refused() {
    let mut host = greeted(server::ServerConfig::new(TlsPolicy::Cleartext));
    host.refuse_login = Some(Refusal::Credentials);
    let answers = host.say("USER mrose\r\nPASS wrong\r\nSTAT\r\nLIST\r\nDELE 1\r\nCAPA\r\n");
    let mut lines = answers.split("\r\n");
    let expected = [
        "+OK send PASS",
        "-ERR [AUTH] login failed",
        "-ERR not in this state",
        "-ERR not in this state",
        "-ERR not in this state",
        "+OK capability list follows",
    ];
    for expected in expected {
        assert_eq!(lines.next(), Some(expected));
    }
    assert_eq!(host.server().state(), State::Authorization);
}

/// The server answers a burst whether PIPELINING is announced or not. The announcement is a promise, not a switch.
#[test]
fn r2449_6_6_a_a_server_that_does_not_announce_it_answers_all_the_same() {
    let mut host = greeted(server::ServerConfig::new(TlsPolicy::Cleartext).without_pipelining());
    assert!(!host.lists("CAPA").contains(&"PIPELINING".into()));
    let answers = host.say("USER mrose\r\nPASS secret\r\nSTAT\r\nNOOP\r\n");
    assert_eq!(answers, "+OK send PASS\r\n+OK maildrop open\r\n+OK 2 200\r\n+OK no operation\r\n");
}
