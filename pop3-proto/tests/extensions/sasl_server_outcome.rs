//! AUTH from the server's side: how an exchange ends, and what is there behind it (RFC 5034 section 4).

use super::sasl_kit::{Desk, Host, Maildrop};
use pop3_proto::client::Event;
use pop3_proto::server::{Ask, CloseReason, Credentials, Refusal, ServerConfig, Step};
use pop3_proto::{
    AnswerError, Base64, ConnectionError, Input, Limits, Mechanism, State, Timer, Timers, TlsPolicy,
};
use std::time::Duration;

const MECHANISMS: &[Mechanism<'static>] = &[Mechanism::PLAIN, Mechanism::LOGIN];
const CONFIG: ServerConfig<'_> = ServerConfig::new(TlsPolicy::Cleartext).with_sasl_cleartext(MECHANISMS);

/// Through so many rounds of challenge and response; the login that is then open.
fn rounds(host: &mut Host, rounds: usize) -> pop3_proto::server::Login {
    let (mut login, _) = host.login(b"AUTH LOGIN\r\n");
    for _ in 0..rounds {
        host.challenge(login, b"AAAA");
        (login, _) = host.response(b"BBBB\r\n");
    }
    login
}

/// `+OK` comes once there is a maildrop, not before: whoever is let in has one.
#[test]
fn r5034_4_x_success_is_ok_and_transaction() {
    for count in 0..3 {
        let mut host = Host::new(CONFIG);
        let login = rounds(&mut host, count);
        assert_eq!(host.server.state(), State::Authorization);
        assert_eq!(host.said(), "");
        assert_eq!(host.accept(login), "+OK maildrop open\r\n");
        assert_eq!(host.server.state(), State::Transaction);
        assert!(host.server.maildrop().is_some());
    }
}

/// Also 4422.3.5.a: a refusal is how a server aborts, after any round; with a code where one tells why.
#[test]
fn r5034_4_w_failure_at_any_step_is_err() {
    for count in 0..3 {
        for (refusal, answer) in [
            (Refusal::Credentials, "-ERR [AUTH] login failed\r\n"),
            (Refusal::InUse, "-ERR [IN-USE] maildrop in use by another session\r\n"),
            (Refusal::NotAllowed, "-ERR not allowed here\r\n"),
        ] {
            let mut host = Host::new(CONFIG);
            let login = rounds(&mut host, count);
            assert_eq!(host.refuse(login, refusal), answer);
            assert_eq!(host.server.state(), State::Authorization);
            assert!(host.server.maildrop().is_none());
            assert!(host.refuses(b"STAT\r\n"));
        }
    }
}

/// By refusal, cancel, bad base64, a line that is too long, an unknown mechanism: a name given before is still good for PASS, and AUTH can be tried again.
#[test]
fn r5034_4_y_after_a_failed_auth_it_is_as_if_there_was_none() {
    let failures: [fn(&mut Host); 7] = [
        |host| {
            let login = rounds(host, 2);
            host.refuse(login, Refusal::Credentials);
        },
        |host| {
            let (login, _) = host.login(b"AUTH PLAIN\r\n");
            host.challenge(login, b"");
            host.answers(b"*\r\n");
        },
        |host| {
            let (login, _) = host.login(b"AUTH PLAIN\r\n");
            host.challenge(login, b"");
            host.answers(b"???\r\n");
        },
        |host| {
            let (login, _) = host.login(b"AUTH PLAIN\r\n");
            host.challenge(login, b"");
            assert!(host.refuses(&[[b'A'; 12_288].as_slice(), b"\r\n"].concat()));
        },
        |host| assert!(host.refuses(b"AUTH GSSAPI\r\n")),
        |host| assert!(host.refuses(b"AUTH PLAIN =AAA\r\n")),
        |host| assert!(host.refuses(b"AUTH NO,NAME\r\n")),
    ];
    for fail in failures {
        let mut host = Host::new(CONFIG);
        host.name(b"USER mrose\r\n");
        fail(&mut host);
        let (login, credentials) = host.login(b"PASS secret\r\n");
        assert!(matches!(credentials, Credentials::Password(_)));
        host.refuse(login, Refusal::Credentials);
        assert!(host.refuses(b"PASS secret\r\n"), "PASS has used the name up");
        let (login, _) = host.login(b"AUTH PLAIN AAAA\r\n");
        assert!(host.accept(login).starts_with("+OK"));
    }
}

/// Without a name before it a failed AUTH makes none.
#[test]
fn r5034_4_y_a_failed_auth_is_no_name() {
    let mut host = Host::new(CONFIG);
    let login = rounds(&mut host, 1);
    host.refuse(login, Refusal::Credentials);
    assert_eq!(host.answers(b"PASS secret\r\n"), "-ERR not in this state\r\n");
}

/// The same words and code, whichever of the two was wrong: the application says one thing for both.
#[test]
fn r4422_3_6_a_wrong_name_and_wrong_password_look_alike() {
    let refused = |auth: bool| {
        let mut host = Host::new(CONFIG);
        let login = if auth {
            rounds(&mut host, 2)
        } else {
            host.name(b"USER mrose\r\n");
            host.login(b"PASS x\r\n").0
        };
        host.refuse(login, Refusal::Credentials)
    };
    assert_eq!(refused(true), refused(false));
    // Nor does the name make a difference, or how often it was tried.
    let mut host = Host::new(CONFIG);
    let answers = [b"USER mrose\r\n", b"USER other\r\n", b"USER mrose\r\n"].map(|name| {
        let accepted = host.name(name);
        let login = host.login(b"PASS x\r\n").0;
        (accepted, host.refuse(login, Refusal::Credentials))
    });
    assert!(answers.iter().all(|answer| *answer == answers[0] && answer.1 == refused(false)), "{answers:?}");
}

#[test]
fn r4422_3_6_b_a_failed_auth_leaves_tls_as_it_is() {
    let mut host = Host::new(ServerConfig::new(TlsPolicy::Required).with_sasl(MECHANISMS));
    host.start_tls();
    let login = rounds(&mut host, 1);
    host.refuse(login, Refusal::Credentials);
    assert!(host.server.is_tls());
    let _ = host.login(b"AUTH PLAIN AAAA\r\n");

    let mut desk = Desk::greeted(TlsPolicy::Required);
    desk.start_tls();
    desk.say(&super::sasl_kit::auth(Mechanism::PLAIN)).unwrap();
    assert!(matches!(desk.hear_one(b"-ERR\r\n"), Event::Refused(..)));
    assert!(desk.client.is_tls());
}

/// In any way that it fails: the last one is told, and the session is over, without a maildrop.
#[test]
fn rob_17_failed_exchanges_are_counted() {
    let limits = Limits::DEFAULT.with_failed_logins(2).with_sasl_line(64);
    let long = [[b'A'; 64].as_slice(), b"\r\n"].concat();
    for last in [&b"*\r\n"[..], b"=\r\n", b"????\r\n", &long] {
        let mut host = Host::new(CONFIG.with_limits(limits));
        let login = rounds(&mut host, 1);
        host.refuse(login, Refusal::Credentials);
        let (login, _) = host.login(b"AUTH PLAIN\r\n");
        host.challenge(login, b"");
        assert!(matches!(host.hear(last), Step::Closed(CloseReason::FailedLogins)));
        assert_eq!(host.said(), "-ERR too many failed logins\r\n");
    }
    let mut host = Host::new(CONFIG.with_limits(limits));
    let login = rounds(&mut host, 1);
    host.refuse(login, Refusal::Credentials);
    let login = rounds(&mut host, 1);
    host.server.refuse(login, Refusal::Credentials).unwrap();
    assert!(matches!(host.hear(b""), Step::Closed(CloseReason::FailedLogins)));
}

/// Commands in the same burst are each refused, in their order.
#[test]
fn rob_39_commands_behind_a_failed_login() {
    let mut host = Host::new(CONFIG);
    let mut input = Input::more(b"AUTH PLAIN AAAA\r\nSTAT\r\nRETR 1\r\nDELE 1\r\nCAPA\r\n");
    let Ok(Step::Ask(Ask::Login(login, _))) = host.server.poll(&mut input, &mut host.out) else { panic!() };
    host.server.refuse(login, Refusal::Credentials).unwrap();
    assert!(matches!(host.server.poll(&mut input, &mut host.out), Ok(Step::NeedInput)));
    let said = host.said();
    let wrong = "-ERR not in this state\r\n".repeat(3);
    assert!(said.starts_with(&format!("-ERR [AUTH] login failed\r\n{wrong}+OK capability")), "{said}");
}

/// Also ROB.38: PASS behind a name that the application refuses is no login.
#[test]
fn rob_39_pass_behind_a_name_that_is_refused() {
    let mut host = Host::new(CONFIG);
    let mut input = Input::more(b"USER nobody\r\nPASS secret\r\n");
    let Ok(Step::Ask(Ask::User(user, _))) = host.server.poll(&mut input, &mut host.out) else { panic!() };
    host.server.refuse(user, Refusal::Credentials).unwrap();
    assert!(matches!(host.server.poll(&mut input, &mut host.out), Ok(Step::NeedInput)));
    assert_eq!(host.said(), "-ERR login failed\r\n-ERR not in this state\r\n");
}

/// The login timer runs while a response is waited for and stands while the application has the question.
#[test]
fn rob_36_an_exchange_takes_from_the_time_for_the_login() {
    let mut host = Host::new(CONFIG.with_timers(Timers::DEFAULT.with_login(Duration::from_secs(60))));
    host.server.tick(Duration::ZERO).unwrap();
    let (login, _) = host.login(b"AUTH PLAIN\r\n");
    assert_eq!(host.server.tick(Duration::from_secs(10)), Ok(None));
    assert_eq!(host.server.tick(Duration::from_secs(500)), Ok(None));
    host.challenge(login, b"");
    let due = host.server.tick(Duration::from_secs(500)).unwrap().unwrap();
    assert!(due > Duration::from_secs(500) && due <= Duration::from_secs(560), "{due:?}");
    assert_eq!(host.server.tick(due), Err(ConnectionError::TimedOut(Timer::Login)));
}

/// A token that was lost: the way out is `close`, after which no token is good.
#[test]
fn law_7_no_answer_behind_close() {
    let mut host = Host::new(CONFIG);
    let login = rounds(&mut host, 1);
    host.server.close();
    let unanswered = host.server.challenge(login, Base64::EMPTY, &mut host.out).unwrap_err();
    assert_eq!(unanswered.why, AnswerError::Stale);
    let accepted = host.server.accept(unanswered.token, Maildrop::new());
    let unanswered = accepted.unwrap_err();
    assert_eq!(unanswered.why, AnswerError::Stale);
    assert!(host.server.maildrop().is_none());
    assert!(matches!(host.hear(b""), Step::Closed(CloseReason::Aborted)));
    assert_eq!(host.said(), "");
}
