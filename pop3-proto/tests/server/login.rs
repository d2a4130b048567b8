//! Greeting and AUTHORIZATION: RFC 1939 sections 4 and 7, USER, PASS and APOP.

use super::*;
use pop3_proto::State;

const APOP: &str = "APOP mrose c4c9334bac560ecc979e58001b3e22fb\r\n";
const TIMESTAMP: &str = "ready <1896.697170952@dbc.mtview.ca.us>";
const FAILED: &str = "-ERR [AUTH] login failed\r\n";
const STATE: &str = "-ERR not in this state\r\n";
const OPEN: &str = "+OK maildrop open\r\n";

/// Returns a host in AUTHORIZATION, after the greeting.
fn greeted(config: ServerConfig<'static>, greeting: &'static str) -> Host {
    let mut host = Host::three(config);
    host.greeting = greeting.into();
    assert_eq!(host.say(""), format!("+OK {greeting}\r\n"));
    host
}

/// Also 1939.4.a: the greeting is one line.
#[test]
fn r1939_3_b_the_server_speaks_first() {
    let mut host = Host::three(CLEAR);
    assert_eq!(host.server().state(), State::Greeting);
    assert_eq!(host.say(""), "+OK ready\r\n");
    assert_eq!(host.server().state(), State::Authorization);
    assert_eq!(host.say(""), "");
}

#[test]
fn r1939_3_b_early_bytes_are_not_read_before_the_greeting() {
    let mut server: Server<Infos, ServerConfig<'_>> = Server::new(CLEAR, 1);
    let mut buffer = [0; 1024];
    let mut out = SendBuf::new(&mut buffer[..]);
    let mut input = Input::more(b"QUIT\r\n");
    let greet = ask!(server, &mut input, &mut out, Greet);
    assert!(matches!(server.poll(&mut input, &mut out), Ok(Step::Waiting)));
    assert_eq!(input.remaining(), 6);
    server.greet(greet, Text::from_static("ready"), &mut out).unwrap();
    assert!(matches!(server.poll(&mut input, &mut out), Ok(Step::Closed(CloseReason::Quit))));
    assert_eq!(pending(&mut out), "+OK ready\r\n+OK bye\r\n");
}

#[test]
fn r1939_4_d_each_way_to_log_in_can_be_the_only_one() {
    static PLAIN: &[pop3_proto::Mechanism<'static>] = &[pop3_proto::Mechanism::PLAIN];
    let cases = [
        (CLEAR, "ready", "USER mrose\r\nPASS tanstaaf\r\n"),
        (CLEAR.without_user(), TIMESTAMP, APOP),
        (CLEAR.without_user().with_sasl_cleartext(PLAIN), "ready", "AUTH PLAIN AG1yb3NlAHRhbnN0YWFm\r\n"),
    ];
    for (config, greeting, lines) in cases {
        let mut host = greeted(config, greeting);
        assert!(host.say(lines).ends_with(OPEN), "{lines}");
        assert_eq!(host.server().state(), State::Transaction);
    }
}

#[test]
fn r1939_4_e_login_and_maildrop_are_one_answer() {
    let mut host = Host::three(CLEAR);
    assert_eq!(host.say("USER mrose\r\n"), "+OK ready\r\n+OK send PASS\r\n");
    assert!(host.server().maildrop().is_none());
    assert_eq!(host.say("PASS tanstaaf\r\n"), OPEN);
    assert_eq!(host.server().maildrop().unwrap().len(), 3);
    assert_eq!(host.asked, ["Greet", "User mrose", "Password tanstaaf"]);
}

/// An application may keep its list of messages from one session to the next.
#[test]
fn r1939_4_f_a_session_begins_with_no_message_marked() {
    let kept = machine(CLEAR, three(), [LOGIN, "DELE 2\r\n"].concat()).into_maildrop().unwrap();
    assert!(kept[1].is_marked());
    let mut host = Host::over(CLEAR, kept, &[""; 3]).login();
    assert!(host.marked().is_empty());
    assert_eq!(
        host.say("STAT\r\nRSET\r\nSTAT\r\n"),
        "+OK 3 325\r\n+OK all messages are unmarked\r\n+OK 3 325\r\n"
    );
}

/// Also 1939.7.pass.e, 1939.4.j.
#[test]
fn r1939_4_g_a_maildrop_that_cannot_be_opened_is_a_refusal() {
    let mut host = greeted(CLEAR, "ready");
    for refusal in [Refusal::InUse, Refusal::Temporary, Refusal::Permanent, Refusal::Credentials] {
        host.refuse_login = Some(refusal);
        let answer = host.say("USER mrose\r\nPASS tanstaaf\r\n");
        assert!(answer.starts_with("+OK send PASS\r\n-ERR ["), "{answer}");
        assert_eq!(host.server().state(), State::Authorization);
        assert!(host.server().maildrop().is_none());
    }
    host.refuse_login = None;
    assert!(host.say("USER mrose\r\nPASS tanstaaf\r\n").ends_with(OPEN));
}

/// The lock is part of the maildrop, and a maildrop that is not accepted is returned before the server writes
/// anything.
#[test]
fn r1939_4_h_a_maildrop_that_was_not_taken_comes_back() {
    let mut server: Server<Infos, ServerConfig<'_>> = Server::new(CLEAR, 1);
    let mut buffer = [0; 1024];
    let mut out = SendBuf::new(&mut buffer[..]);
    let mut input = Input::more(b"USER mrose\r\nPASS a\r\n");
    let greet = ask!(server, &mut input, &mut out, Greet);
    server.greet(greet, Text::EMPTY, &mut out).unwrap();
    let user = ask!(server, &mut input, &mut out, User, _);
    server.accept_name(user).unwrap();
    let login = ask!(server, &mut input, &mut out, Login, _);
    server.close();
    let back = server.accept(login, infos(&["abc"])).unwrap_err();
    assert!(std::error::Error::source(&back).is_some(), "the error names its cause");
    assert_eq!(back.maildrop.len(), 1);
    assert!(server.into_maildrop().is_none());
}

/// Also ROB.17, 1939.4.i: the login that exceeds the limit is the last.
#[test]
fn rob_17_failed_logins_are_counted() {
    for limit in [1, 2, 5] {
        let mut host = greeted(CLEAR.with_limits(Limits::DEFAULT.with_failed_logins(limit)), TIMESTAMP);
        host.refuse_login = Some(Refusal::Credentials);
        for _ in 1..limit {
            assert_eq!(host.say(APOP), FAILED);
            assert_eq!(host.end, None);
        }
        assert_eq!(host.say([APOP, "STAT\r\n"].concat()), FAILED);
        assert_eq!(host.end, Some(Ok(CloseReason::FailedLogins)));
        assert_eq!(host.unread(), b"STAT\r\n");
    }
}

/// Also 3206.4.a: trouble on the server's side is not counted against the client.
#[test]
fn rob_17_only_what_speaks_of_the_credentials_is_counted() {
    use Refusal::{Credentials, InUse, LoginDelay, NotAllowed, Permanent, Temporary};
    for (refusal, counts) in [
        (Credentials, true),
        (NotAllowed, true),
        (InUse, false),
        (LoginDelay, false),
        (Temporary, false),
        (Permanent, false),
    ] {
        let mut host = greeted(CLEAR.with_limits(Limits::DEFAULT.with_failed_logins(2)), TIMESTAMP);
        host.refuse_login = Some(refusal);
        let said = host.say(APOP.repeat(3));
        assert_eq!(said.lines().count(), if counts { 2 } else { 3 }, "{refusal:?}: {said}");
        assert_eq!(host.end.is_some(), counts, "{refusal:?}");
    }
}

#[test]
fn r1939_4_n_quit_in_authorization() {
    for before in ["", "USER mrose\r\n"] {
        let mut host = greeted(CLEAR, "ready");
        host.say(before);
        assert_eq!(host.say("QUIT\r\nUSER mrose\r\n"), "+OK bye\r\n");
        assert_eq!(host.end, Some(Ok(CloseReason::Quit)));
        assert_eq!(host.unread(), b"USER mrose\r\n");
    }
    assert_eq!(greeted(CLEAR, "ready").say("QUIT now\r\n"), "-ERR syntax error\r\n");
}

/// Also 1939.4.o.
#[test]
fn r1939_4_o_quit_in_authorization_does_not_enter_update() {
    let mut host = greeted(CLEAR, "ready");
    host.say("USER mrose\r\nQUIT\r\n");
    assert_eq!(host.asked, ["Greet", "User mrose"]);
    assert_eq!(host.server().state(), State::Closed);
}

/// A second name right after an accepted one counts as a failed login.
#[test]
fn r1939_7_user_b_a_name_after_a_name_starts_over() {
    let mut host = greeted(CLEAR.with_limits(Limits::DEFAULT.with_failed_logins(2)), "ready");
    assert_eq!(
        host.say("USER a\r\nUSER b\r\nPASS x\r\n"),
        format!("+OK send PASS\r\n+OK send PASS\r\n{OPEN}")
    );
    assert_eq!(host.asked[2..], ["User b", "Password x"]);
    let mut host = greeted(CLEAR.with_limits(Limits::DEFAULT.with_failed_logins(2)), "ready");
    host.say("USER a\r\nUSER b\r\n");
    assert_eq!(host.say("USER c\r\n"), "-ERR too many failed logins\r\n");
    assert_eq!(host.end, Some(Ok(CloseReason::FailedLogins)));
}

/// Also 1939.7.user.d, 1939.7.user.e: the application decides.
#[test]
fn r1939_7_user_c_any_name_may_be_accepted() {
    let mut host = greeted(CLEAR, "ready");
    assert_eq!(host.say("USER frated\r\n"), "+OK send PASS\r\n");
    host.refuse_name = Some(Refusal::NotAllowed);
    assert_eq!(host.say("CAPA x\r\nUSER frated\r\n"), "-ERR syntax error\r\n-ERR not allowed here\r\n");
}

#[test]
fn amb_10_capa_keeps_the_name_and_all_else_drops_it() {
    let drops = [
        "NOOP\r\n",
        "STAT\r\n",
        "XTND\r\n",
        "\r\n",
        "PASS\r\n",
        "LANG *\r\n",
        "UTF8\r\n",
        "USER \r\n",
        "RETR 0\r\n",
    ];
    for line in drops {
        let mut host = greeted(PATIENT, "ready");
        let answer = host.say(format!("USER mrose\r\n{line}PASS tanstaaf\r\n"));
        assert!(answer.ends_with(STATE), "{line}: {answer}");
        assert_eq!(host.asked.len(), 2, "{line}");
    }
    for line in ["CAPA\r\n", "CAPA \r\n", "capa\r\n", "AUTH\r\n", "AUTH PLAIN\r\n", "AUTH PLAIN =x\r\n"] {
        let mut host = greeted(PATIENT, "ready");
        assert!(host.say(format!("USER mrose\r\n{line}PASS tanstaaf\r\n")).ends_with(OPEN), "{line}");
    }
}

#[test]
fn r1939_7_pass_d_any_pass_uses_the_name_up() {
    let mut host = greeted(CLEAR, "ready");
    host.refuse_login = Some(Refusal::Credentials);
    assert_eq!(host.say("USER mrose\r\nPASS a\r\nPASS b\r\n"), format!("+OK send PASS\r\n{FAILED}{STATE}"));
    assert_eq!(
        host.say("USER mrose\r\nPASS\r\nPASS b\r\n"),
        format!("+OK send PASS\r\n-ERR syntax error\r\n{STATE}")
    );
    assert_eq!(host.asked[1..], ["User mrose", "Password a", "User mrose"]);
}

/// Also 1939.7.pass.b, quirk 49.
#[test]
fn quirk_49_spaces_are_part_of_a_password() {
    for password in [" ", "a b", " a", "a ", "  a  b  ", "a\tb", "\u{e9}"] {
        let mut host = greeted(CLEAR, "ready");
        assert!(host.say(format!("USER mrose\r\nPASS {password}\r\n")).ends_with(OPEN));
        assert_eq!(host.asked[2], format!("Password {}", password.as_bytes().escape_ascii()));
    }
}

/// Also 1939.7.pass.a.
#[test]
fn amb_11_an_empty_password_is_a_missing_one() {
    for line in ["PASS\r\n", "PASS \r\n"] {
        let mut host = greeted(CLEAR, "ready");
        assert_eq!(host.say(["USER mrose\r\n", line].concat()), "+OK send PASS\r\n-ERR syntax error\r\n");
        assert_eq!(host.asked.len(), 2);
    }
}

/// Also 1939.7.user.a.
#[test]
fn amb_12_spaces_in_a_name_are_taken_and_noted() {
    for (profile, name, taken) in [
        (pop3_proto::Profile::Tolerant, "m rose ", true),
        (pop3_proto::Profile::Strict, "m rose ", false),
        (pop3_proto::Profile::Strict, "mrose", true),
    ] {
        let mut host = greeted(CLEAR.with_profile(profile), "ready");
        let answer = if taken { "+OK send PASS\r\n" } else { "-ERR syntax error\r\n" };
        assert_eq!(host.say(format!("USER {name}\r\n")), answer);
        assert_eq!(host.asked.get(1), taken.then(|| format!("User {name}")).as_ref());
        assert_eq!(
            host.server().quirks().contains(pop3_proto::Quirk::NameSpaces),
            taken && name.contains(' ')
        );
    }
}

/// Also 1939.7.apop.b, AMB.5.
#[test]
fn r1939_7_apop_a_offered_with_a_timestamp_only() {
    for greeting in ["ready", "ready <x>", "<a@b", "ready a@b", "< a@b>", "<a@b@c>", "<a>b@c>", "<x> <a@@b>"]
    {
        let mut host = greeted(CLEAR, greeting);
        assert_eq!(host.say(APOP), "-ERR unknown command\r\n", "{greeting}");
    }
    for greeting in [TIMESTAMP, "<a@b>", "<a@b> ready", "<x> <a@b>", "[x] <a@[b]>"] {
        assert_eq!(greeted(CLEAR, greeting).say(APOP), OPEN, "{greeting}");
    }
}

/// Also 1939.7.apop.k: the digest in either case.
#[test]
fn r1939_7_apop_d_a_name_and_a_digest() {
    for bad in
        ["APOP\r\n", "APOP mrose\r\n", "APOP mrose c4c9\r\n", "APOP  c4c9334bac560ecc979e58001b3e22fb\r\n"]
    {
        assert_eq!(greeted(CLEAR, TIMESTAMP).say(bad), "-ERR syntax error\r\n", "{bad}");
    }
    assert_eq!(greeted(CLEAR, TIMESTAMP).say(APOP.to_uppercase()), OPEN);
    let mut host = greeted(CLEAR, TIMESTAMP);
    assert_eq!(host.say(APOP.replace("mrose", "m rose")), OPEN);
    assert_eq!(host.asked[1], "Apop m rose");
}
