//! AUTH on the server's side: how an exchange ends, and the state after it (RFC 5034 section 4).

use super::sasl_server::{CLEAR, CONFIG, FAILED, OPEN, STATE, asked, host, lines, refusing};
use pop3_proto::server::{Ask, CloseReason, Refusal, ServerConfig, Step};
use pop3_proto::{
    AnswerError, Base64, ConnectionError, Input, Limits, SendBuf, State, Timer, Timers, TlsPolicy,
};
use pop3_proto_kit::{infos, machine};
use std::time::Duration;

/// Returns the lines of a client in AUTH LOGIN with this number of challenges, and the responses before the outcome.
fn rounds(count: usize) -> (Vec<&'static str>, String, String) {
    let said = [vec!["AUTH LOGIN"], vec!["BBBB"; count]].concat();
    (vec!["AAAA"; count], lines(&said), "+ AAAA\r\n".repeat(count))
}

/// `+OK` is sent only after the maildrop is open, so every accepted user has one.
#[test]
fn r5034_4_x_success_is_ok_and_transaction() {
    for count in 0..3 {
        let (challenges, said, answers) = rounds(count);
        let mut host = host(CONFIG, &challenges);
        assert_eq!(host.server().state(), State::Authorization);
        assert_eq!(host.say(said), format!("{answers}{OPEN}"));
        assert_eq!(host.server().state(), State::Transaction);
        assert!(host.server().maildrop().is_some());
    }
}

/// Also 4422.3.5.a: a server aborts with a refusal, after any round, and with a code if one gives the reason.
#[test]
fn r5034_4_w_failure_at_any_step_is_err() {
    for count in 0..3 {
        for (refusal, answer) in [
            (Refusal::Credentials, FAILED),
            (Refusal::InUse, "-ERR [IN-USE] maildrop in use by another session\r\n"),
            (Refusal::NotAllowed, "-ERR not allowed here\r\n"),
        ] {
            let (challenges, said, answers) = rounds(count);
            let mut host = refusing(CONFIG, &challenges, refusal);
            assert_eq!(host.say(said), format!("{answers}{answer}"));
            assert_eq!(host.server().state(), State::Authorization);
            assert!(host.server().maildrop().is_none());
            assert_eq!(host.say("STAT\r\n"), STATE);
        }
    }
    // These the server refuses itself.
    let long = "A".repeat(12_288);
    for step in [
        &["AUTH NTLM"][..],
        &["AUTH PLAIN A"],
        &["AUTH PLAIN", "*"],
        &["AUTH PLAIN", "A"],
        &["AUTH PLAIN", &long],
    ] {
        let mut host = refusing(CONFIG, &["AAAA"], Refusal::Credentials);
        let said = host.say(lines(step));
        assert!(said.lines().last().is_some_and(|line| line.starts_with("-ERR ")), "{step:?}: {said}");
        assert_eq!(host.say("STAT\r\n"), STATE);
    }
}

/// After a refusal, a cancel, bad base64, a line that is too long, or an unknown mechanism, a name given before is
/// still valid for PASS, and AUTH can be tried again.
#[test]
fn r5034_4_y_after_a_failed_auth_it_is_as_if_there_was_none() {
    let long = "A".repeat(12_288);
    for failure in [
        &["AUTH LOGIN", "BBBB"][..],
        &["AUTH PLAIN", "*"],
        &["AUTH PLAIN", "???"],
        &["AUTH PLAIN", &long],
        &["AUTH GSSAPI"],
        &["AUTH PLAIN =AAA"],
        &["AUTH NO,NAME"],
    ] {
        let mut host = refusing(CONFIG, &[""], Refusal::Credentials);
        assert_eq!(host.say("USER mrose\r\n"), "+OK send PASS\r\n");
        assert!(host.say(lines(failure)).lines().last().unwrap().starts_with("-ERR"));
        let passes = host.say(lines(&["PASS secret", "PASS secret"]));
        assert_eq!(passes, format!("{FAILED}{STATE}"), "the first PASS has used the name up");
        host.refuse_login = None;
        assert_eq!(host.say("AUTH PLAIN AAAA\r\n"), OPEN);
    }
}

/// A failed AUTH does not provide a name for PASS.
#[test]
fn r5034_4_y_a_failed_auth_is_not_a_name() {
    let mut host = refusing(CONFIG, &["AAAA"], Refusal::Credentials);
    let said = host.say(lines(&["AUTH LOGIN", "BBBB", "PASS secret"]));
    assert_eq!(said, format!("+ AAAA\r\n{FAILED}{STATE}"));
}

/// The application gives one reason for a wrong name and a wrong password, so the words and the code are the same.
/// The name and the number of attempts make no difference either.
#[test]
fn r4422_3_6_a_wrong_name_and_wrong_password_look_alike() {
    let mut host = refusing(CONFIG, &["AAAA", "AAAA"], Refusal::Credentials);
    assert_eq!(
        host.say(lines(&["AUTH LOGIN", "BBBB", "BBBB"])),
        format!("{}{FAILED}", "+ AAAA\r\n".repeat(2))
    );
    for name in ["USER mrose", "USER other", "USER mrose"] {
        let mut host = refusing(CONFIG, &[], Refusal::Credentials);
        assert_eq!(host.say(lines(&[name, "PASS x"])), format!("+OK send PASS\r\n{FAILED}"));
    }
    for name in ["USER mrose", "USER other"] {
        assert_eq!(host.say(lines(&[name, "PASS x"])), format!("+OK send PASS\r\n{FAILED}"));
    }
}

#[test]
fn r4422_3_6_b_a_failed_auth_leaves_tls_unchanged() {
    let mut host =
        refusing(ServerConfig::new(TlsPolicy::Required).with_sasl(CLEAR), &["AAAA"], Refusal::Credentials);
    host.say("STLS\r\n");
    assert_eq!(host.say(lines(&["AUTH LOGIN", "BBBB"])), format!("+ AAAA\r\n{FAILED}"));
    assert!(host.server().is_tls());
    host.refuse_login = None;
    assert_eq!(host.say("AUTH PLAIN AAAA\r\n"), OPEN);

    let mut guest = pop3_proto_kit::Guest::greeted(TlsPolicy::Required);
    guest.start_tls();
    guest.talk(&[("AUTH PLAIN", "-ERR\r\n", "AUTH refused")]);
    assert!(guest.client().is_tls());
}

/// However the login fails, the last failure is reported, and the session ends without a maildrop.
#[test]
fn rob_17_failed_exchanges_are_counted() {
    let config = CONFIG.with_limits(Limits::DEFAULT.with_failed_logins(2).with_sasl_line(64));
    let long = "A".repeat(64);
    for last in ["*", "=", "????", &long, "BBBB"] {
        let mut host = refusing(config, &["AAAA"], Refusal::Credentials);
        host.say(lines(&["AUTH LOGIN", "BBBB", "AUTH LOGIN"]));
        assert_eq!(
            host.say(lines(&[last])).lines().last(),
            Some(if last == "BBBB" { FAILED.trim_end() } else { "-ERR too many failed logins" })
        );
        assert_eq!(host.end, Some(Ok(CloseReason::FailedLogins)));
        assert!(host.server().maildrop().is_none());
    }
}

/// Commands in the same burst are refused one by one, in their order.
#[test]
fn rob_39_commands_after_a_failed_login() {
    let mut host = refusing(CONFIG, &[], Refusal::Credentials);
    let said = host.say(lines(&["AUTH PLAIN AAAA", "STAT", "RETR 1", "DELE 1", "CAPA"]));
    assert!(said.starts_with(&format!("{FAILED}{}+OK capability", STATE.repeat(3))), "{said}");
}

/// Also ROB.38: PASS after a name that the application refuses is not a login.
#[test]
fn rob_39_pass_after_a_refused_name() {
    let mut host = host(CONFIG, &[]);
    host.refuse_name = Some(Refusal::Credentials);
    assert_eq!(host.say(lines(&["USER nobody", "PASS secret"])), format!("-ERR login failed\r\n{STATE}"));
}

/// The login timer runs while the server waits for a response, and stops while the application has the question.
#[test]
fn rob_36_an_exchange_takes_from_the_time_for_the_login() {
    let config = CONFIG.with_timers(Timers::DEFAULT.with_login(Duration::from_secs(60)));
    let mut server = machine(config, infos(&["abc"]), "");
    server.tick(Duration::ZERO).unwrap();
    let mut out = SendBuf::new(vec![]);
    let Ok(Step::Ask(Ask::Login(login, _))) = server.poll(&mut Input::more(b"AUTH PLAIN\r\n"), &mut out)
    else {
        panic!()
    };
    assert_eq!(server.tick(Duration::from_secs(10)), Ok(None));
    assert_eq!(server.tick(Duration::from_secs(500)), Ok(None));
    server.challenge(login, Base64::EMPTY, &mut out).unwrap();
    let due = server.tick(Duration::from_secs(500)).unwrap().unwrap();
    assert!(due > Duration::from_secs(500) && due <= Duration::from_secs(560), "{due:?}");
    assert_eq!(server.tick(due), Err(ConnectionError::TimedOut(Timer::Login)));
}

/// If a token was lost, `close` is the way out. After it no token is valid.
#[test]
fn law_7_no_answer_after_close() {
    let (mut server, login) = asked(CONFIG, "AUTH LOGIN\r\n");
    let mut out = SendBuf::new(vec![]);
    server.challenge(login, Base64::EMPTY, &mut out).unwrap();
    out.clear();
    let Ok(Step::Ask(Ask::Login(login, _))) = server.poll(&mut Input::more(b"BBBB\r\n"), &mut out) else {
        panic!()
    };
    server.close();
    let unanswered = server.challenge(login, Base64::EMPTY, &mut out).unwrap_err();
    assert_eq!(unanswered.why, AnswerError::Stale);
    let unanswered = server.accept(unanswered.token, infos(&["abc"])).unwrap_err();
    assert_eq!(unanswered.why, AnswerError::Stale);
    assert!(server.maildrop().is_none());
    assert!(matches!(server.poll(&mut Input::more(b""), &mut out), Ok(Step::Closed(CloseReason::Aborted))));
    assert_eq!(out.pending(), b"");
}
