//! UPDATE, and every other end: RFC 1939 section 6.

use super::*;
use pop3_proto::{MessageNumber, State, Timer};
use std::time::Duration;

const DIALOGUE: &str = "USER mrose\r\nPASS tanstaaf\r\nDELE 1\r\nLIST\r\nRETR 2\r\nTOP 3 1\r\nQUIT\r\n";

#[test]
fn r1939_6_a_quit_enters_update() {
    let mut server: Server<Infos, ServerConfig<'_>> = Server::new(CLEAR, 1);
    let mut buffer = [0; 1024];
    let mut out = SendBuf::new(&mut buffer[..]);
    let mut input = Input::more(b"USER mrose\r\nPASS a\r\nDELE 2\r\nQUIT\r\nNOOP\r\n");
    let greet = ask!(server, &mut input, &mut out, Greet);
    server.greet(greet, Text::EMPTY, &mut out).unwrap();
    let user = ask!(server, &mut input, &mut out, User, _);
    server.accept_name(user).unwrap();
    let login = ask!(server, &mut input, &mut out, Login, _);
    server.accept(login, infos(&["a", "b"])).unwrap();
    let commit = ask!(server, &mut input, &mut out, Commit);
    assert_eq!(server.state(), State::Update);
    assert!(server.maildrop().unwrap()[1].is_marked());
    pending(&mut out);
    assert!(matches!(server.poll(&mut input, &mut out), Ok(Step::Waiting)));
    assert_eq!(pending(&mut out), "");
    server.removed(commit).unwrap();
    assert!(matches!(server.poll(&mut input, &mut out), Ok(Step::Closed(CloseReason::Quit))));
    assert_eq!(pending(&mut out), "+OK bye\r\n");
    assert_eq!(server.state(), State::Closed);
    assert_eq!(input.unread(), b"NOOP\r\n");
}

/// Also 1939.6.e: only the application knows what is left.
#[test]
fn r1939_6_c_the_answer_to_quit_tells_whether_all_were_removed() {
    for (all_removed, answer) in [(true, "+OK bye\r\n"), (false, "-ERR some messages were not removed\r\n")] {
        let mut host = Host::three(CLEAR).login();
        if !all_removed {
            host.keep_all();
        }
        host.say("DELE 1\r\n");
        assert_eq!(host.say("QUIT\r\n"), answer);
        assert_eq!(
            (host.asked.as_slice(), host.end),
            (["Commit".to_string()].as_slice(), Some(Ok(CloseReason::Quit)))
        );
    }
}

#[test]
fn r1939_6_f_the_maildrop_can_be_taken_out_once_the_session_is_over() {
    assert!(machine(CLEAR, three(), LOGIN).take_maildrop().is_none(), "the session needs it");
    let mut server = machine(CLEAR, three(), [LOGIN, "DELE 2\r\nQUIT\r\n"].concat());
    assert_eq!(server.take_maildrop().unwrap().iter().filter(|info| info.is_marked()).count(), 1);
    assert!(server.take_maildrop().is_none());
    let mut server = machine(CLEAR, three(), LOGIN);
    server.tick(Duration::ZERO).unwrap();
    assert_eq!(server.tick(Duration::from_secs(9999)), Err(ConnectionError::TimedOut(Timer::Autologout)));
    assert!(server.take_maildrop().is_some(), "a fatal error also ends the session");
}

#[test]
fn r1939_6_a_the_marked_messages_are_listed_by_number() {
    let mut host = Host::three(CLEAR);
    assert_eq!(host.server().marked().count(), 0, "no maildrop yet");
    host = host.login();
    host.say("DELE 3\r\nDELE 1\r\n");
    assert_eq!(host.server().marked().map(MessageNumber::get).collect::<Vec<_>>(), [1, 3]);
    host.say("RSET\r\n");
    assert_eq!(host.server().marked().count(), 0);
}

/// The application removes the marked messages, and it sees the marks when it is asked.
#[test]
fn r1939_6_d_an_unmarked_message_is_not_marked_at_quit() {
    let mut host = Host::three(CLEAR).login();
    host.say("DELE 1\r\nDELE 2\r\nRSET\r\nDELE 3\r\nRETR 2\r\nQUIT\r\n");
    assert_eq!(host.removed, [3]);
}

/// Also 1939.3.af.
#[test]
fn r1939_6_f_after_quit_no_command_is_read_and_the_lock_is_returned() {
    for all_removed in [true, false] {
        let mut host = Host::three(CLEAR).login();
        if !all_removed {
            host.keep_all();
        }
        host.say("QUIT\r\nSTAT\r\n");
        assert_eq!(host.unread(), b"STAT\r\n");
        assert_eq!(host.say("RSET\r\n"), "");
        assert_eq!(host.last(""), "");
        assert_eq!(host.end, Some(Ok(CloseReason::Quit)));
        assert!(host.server().maildrop().is_none());
    }
}

/// Also 1939.6.b and quirk 55: the stream ends at each byte of a dialogue.
#[test]
fn rob_30_an_end_anywhere_before_a_whole_quit_commits_nothing() {
    for cut in 0..DIALOGUE.len() {
        let mut host = Host::three(CLEAR);
        host.last(&DIALOGUE[..cut]);
        assert_eq!(host.end, Some(Ok(CloseReason::End)), "{cut}");
        assert!(!host.asked.contains(&"Commit".into()), "{cut}");
        assert_eq!(host.server().state(), State::Closed);
        assert!(host.server().maildrop().is_none(), "{cut}");
    }
    let mut host = Host::three(CLEAR);
    host.last(DIALOGUE);
    assert_eq!(host.asked.last().unwrap(), "Commit");
    assert_eq!(host.end, Some(Ok(CloseReason::Quit)));
}

#[test]
fn quirk_55_a_client_that_drops_removes_nothing() {
    for tail in ["", "QUIT", "QUIT\r", "QUI", "quit \r", "Q\nUIT", "XQUIT\r\n", "QUIT x\r\n", "\0QUIT\r\n"] {
        let mut host = Host::three(CLEAR).login();
        host.last(["DELE 1\r\n", tail].concat());
        assert_eq!(host.end, Some(Ok(CloseReason::End)), "{tail:?}");
        assert_eq!(host.asked, [] as [&str; 0], "{tail:?}");
    }
}

/// Also 1939.6.b, 1939.3.ad: the server asks for no removal, however the session ends.
#[test]
fn r1939_6_b_no_other_end_enters_update() {
    type End = fn(&mut Host<&mut [MessageInfo<OwnedUniqueId>]>);
    let ends: [(&str, End); 4] = [
        ("close", |host| host.pop3.close()),
        ("timer", |host| {
            host.pop3.tick(Duration::ZERO).unwrap();
            assert_eq!(
                host.pop3.tick(Duration::from_secs(600)),
                Err(ConnectionError::TimedOut(Timer::Autologout))
            );
        }),
        ("bad commands", |host| drop(host.say("X\r\n".repeat(20)))),
        ("end of stream", |host| drop(host.last("QUIT"))),
    ];
    for (name, end) in ends {
        let mut mail = three();
        let mut host = Host::over(CLEAR, &mut mail[..], &[""; 3]).login();
        host.say("DELE 1\r\n");
        end(&mut host);
        assert_eq!(host.say("QUIT\r\n"), "", "{name}");
        assert_eq!(host.asked, [] as [&str; 0], "{name}");
        assert!(host.end.is_some() && host.end != Some(Ok(CloseReason::Quit)), "{name}");
        assert_ne!(host.server().state(), State::Update, "{name}");
        drop(host);
        assert!(mail[0].is_marked(), "{name}");
    }
}

#[test]
fn r1939_6_b_a_broken_wall_of_tls_commits_nothing() {
    let mut host = Host::three(ServerConfig::new(TlsPolicy::Opportunistic));
    host.say("STLS\r\nQUIT\r\n");
    assert_eq!(host.end, Some(Err(ConnectionError::PlaintextAfterStls)));
    assert_eq!(host.last("QUIT\r\n"), "");
    assert!(!host.asked.contains(&"Commit".into()));
}

/// Also 1939.8.c: the application knows which messages were fetched, and may remove them only at QUIT.
#[test]
fn r1939_8_c_quit_is_where_fetched_messages_may_be_removed() {
    let mut host = Host::three(CLEAR).login();
    host.say("RETR 1\r\nRETR 2\r\nQUIT\r\n");
    assert_eq!(host.asked, ["Fetch 1 None", "Fetch 2 None", "Commit"]);
}
