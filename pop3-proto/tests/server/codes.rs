//! Response codes of a failed commit, and codes that a proxy passes on.

use super::*;
use pop3_proto::server::{Login, Phrase};
use pop3_proto::{AnswerError, MIN_SEND_BUF, ResponseCode, SendBuf};

type Machine = Server<Infos, ServerConfig<'static>>;

/// Also 3206.4.a and 1939.6.c: temporary and permanent trouble have their codes; other reasons have none.
#[test]
fn r3206_4_a_quit_says_why_messages_were_not_removed() {
    let uncoded = "-ERR some messages were not removed\r\n";
    for (why, answer) in [
        (Refusal::Temporary, "-ERR [SYS/TEMP] some messages were not removed\r\n"),
        (Refusal::Permanent, "-ERR [SYS/PERM] some messages were not removed\r\n"),
        (Refusal::Credentials, uncoded),
        (Refusal::NotAllowed, uncoded),
        (Refusal::InUse, uncoded),
        (Refusal::LoginDelay, uncoded),
        (Refusal::NeedsUtf8, uncoded),
        (Refusal::NoSuchMessage, uncoded),
        (Refusal::UnknownCommand, uncoded),
    ] {
        for (config, answer) in [(CLEAR, answer), (CLEAR.without_resp_codes(), uncoded)] {
            let mut server = machine(config, three(), LOGIN);
            let mut send = SendBuf::new(vec![]);
            let commit = ask!(server, &mut Input::more(b"QUIT\r\n"), &mut send, Commit);
            server.not_removed(commit, why).unwrap();
            assert!(matches!(
                server.poll(&mut Input::more(b""), &mut send),
                Ok(Step::Closed(CloseReason::Quit))
            ));
            assert_eq!(send.pending(), answer.as_bytes(), "{why:?}");
        }
    }
}

/// Returns a server that asks about a password.
fn login(config: ServerConfig<'static>) -> (Machine, Login) {
    let mut server = machine(config, three(), "USER mrose\r\n");
    let login = ask!(server, &mut Input::more(b"PASS x\r\n"), &mut SendBuf::new(vec![]), Login, _);
    (server, login)
}

fn refused(config: ServerConfig<'static>, code: &[u8]) -> String {
    let (mut server, login) = login(config);
    let mut send = SendBuf::new(vec![]);
    server.refuse_with_code(login, ResponseCode::new(code).unwrap(), &mut send).unwrap();
    assert!(matches!(server.poll(&mut Input::more(b""), &mut send), Ok(Step::NeedInput)));
    String::from_utf8(send.pending().to_vec()).unwrap()
}

/// Also 1939.4.g.
#[test]
fn r2449_8_e_a_login_is_refused_with_the_code_of_a_back_end() {
    for (code, answer) in [
        ("LIMIT", "-ERR [LIMIT] login failed\r\n"),
        ("X/Y[/z", "-ERR [X/Y[/z] login failed\r\n"),
        ("AUTH", "-ERR [AUTH] login failed\r\n"),
        ("in-use", "-ERR [IN-USE] maildrop in use by another session\r\n"),
        ("LOGIN-DELAY", "-ERR [LOGIN-DELAY] too soon after the last login\r\n"),
        ("SYS/TEMP", "-ERR [SYS/TEMP] temporary failure, try again later\r\n"),
        ("SYS/PERM", "-ERR [SYS/PERM] permanent fault, ask for help\r\n"),
        ("SYS", "-ERR [SYS] temporary failure, try again later\r\n"),
    ] {
        assert_eq!(refused(CLEAR, code.as_bytes()), answer);
        let (_, text) = answer.split_once("] ").unwrap();
        assert_eq!(refused(CLEAR.without_resp_codes(), code.as_bytes()), format!("-ERR {text}"));
    }
}

/// Every refusal counts as a failed login, unless its code is about the server or the maildrop.
#[test]
fn rob_17_a_refusal_with_a_code_counts_as_a_failed_login() {
    for (code, counts) in [
        ("LIMIT", true),
        ("AUTH", true),
        ("UTF8", true),
        ("IN-USE", false),
        ("LOGIN-DELAY", false),
        ("SYS/TEMP", false),
        ("SYS/PERM", false),
        ("SYS", false),
    ] {
        let (mut server, login) = login(CLEAR.with_limits(Limits::DEFAULT.with_failed_logins(1)));
        let mut send = SendBuf::new(vec![]);
        server.refuse_with_code(login, ResponseCode::new(code.as_bytes()).unwrap(), &mut send).unwrap();
        let step = server.poll(&mut Input::more(b""), &mut send);
        assert_eq!(matches!(step, Ok(Step::Closed(CloseReason::FailedLogins))), counts, "{code}");
        assert_eq!(matches!(step, Ok(Step::NeedInput)), !counts, "{code}");
        assert!(send.pending().starts_with(format!("-ERR [{code}] ").as_bytes()), "the code is passed on");
    }
}

/// Also 1939.3.m: the line is written completely, or not at all and the token is returned.
#[test]
fn r2449_8_e_a_code_that_does_not_fit_is_not_written() {
    let text = Phrase::LoginFailed.english().as_bytes().len();
    let longest = MIN_SEND_BUF - "-ERR [] \r\n".len() - text;
    for (octets, fits) in [(longest, true), (longest + 1, false), (5000, false)] {
        let (mut server, login) = login(CLEAR);
        let code = vec![b'X'; octets];
        let mut send = SendBuf::new(vec![]);
        let before = format!("{server:?}");
        match server.refuse_with_code(login, ResponseCode::new(&code).unwrap(), &mut send) {
            Ok(()) => assert_eq!((fits, send.pending().len()), (true, MIN_SEND_BUF)),
            Err(back) => {
                assert_eq!((fits, back.why), (false, AnswerError::TooLong { limit: MIN_SEND_BUF }));
                assert_eq!((format!("{server:?}"), send.pending()), (before, b"".as_slice()));
                server.refuse(back.token, Refusal::NotAllowed).unwrap();
            }
        }
    }
    let (mut server, login) = login(CLEAR);
    let mut buffer = [0; 20];
    let (mut out, before) = (SendBuf::new(&mut buffer[..]), format!("{server:?}"));
    let back = server.refuse_with_code(login, ResponseCode::InUse, &mut out).unwrap_err();
    assert!(matches!(back.why, AnswerError::BufferFull(_)));
    assert_eq!((format!("{server:?}"), out.pending()), (before, b"".as_slice()));
    server.refuse_with_code(back.token, ResponseCode::InUse, &mut SendBuf::new(vec![])).unwrap();
}
