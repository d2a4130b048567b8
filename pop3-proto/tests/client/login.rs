use super::{CLEAR, Guest, PIPED, STRICT};
use pop3_proto::client::SendError;
use pop3_proto::{State, TlsPolicy, client::ClientConfig};

const APOP: &str = "APOP mrose c4c9334bac560ecc979e58001b3e22fb";

/// Returns the lines that a client prepared by `to` may send.
fn may_follow(to: impl Fn() -> Guest) -> Vec<&'static str> {
    let lines = [
        "USER a",
        "PASS b",
        APOP,
        "AUTH PLAIN",
        "AUTH",
        "STLS",
        "UTF8",
        "CAPA",
        "LANG",
        "STAT",
        "DELE 1",
        "QUIT",
    ];
    lines.into_iter().filter(|line| to().send(line).is_ok()).collect()
}

#[test]
fn r1939_7_user_f_after_an_accepted_name_only_pass_and_quit_may_be_sent() {
    let named = || {
        let mut session = Guest::greeted(CLEAR);
        assert_eq!(session.ask("USER mrose", "+OK send PASS\r\n"), ["USER ok send PASS"]);
        assert_eq!(session.client().state(), State::Authorization);
        session
    };
    let follow = may_follow(named);
    for line in ["PASS b", "QUIT", "CAPA", "STLS", "UTF8", "LANG"] {
        assert!(follow.contains(&line), "{line}");
    }
    assert!(!follow.contains(&"STAT") && !follow.contains(&"DELE 1"));
    let mut session = named();
    assert_eq!(session.ask("PASS secret", "+OK maildrop open\r\n"), ["PASS ok maildrop open"]);
    assert_eq!(session.client().state(), State::Transaction);
}

#[test]
fn r1939_7_user_g_after_a_refused_name_another_try_or_quit_may_be_sent() {
    let refused = || {
        let mut session = Guest::greeted(CLEAR);
        assert_eq!(session.ask("USER mrose", "-ERR never heard of\r\n"), ["USER refused never heard of"]);
        session
    };
    let follow = may_follow(refused);
    for line in ["USER a", APOP, "AUTH PLAIN", "QUIT"] {
        assert!(follow.contains(&line), "{line}");
    }
    assert_eq!(refused().send("PASS b").unwrap_err(), SendError::NoUser);
    // A name that was accepted earlier is forgotten.
    let mut session = Guest::greeted(CLEAR);
    session.ask("USER mrose", "+OK send PASS\r\n");
    session.ask("USER frated", "-ERR never heard of\r\n");
    assert_eq!(session.send("PASS b").unwrap_err(), SendError::NoUser);
}

/// Also 1939.4.j: the session stays in AUTHORIZATION, and every way to log in may be tried.
#[test]
fn r1939_7_pass_d_after_a_refused_password_a_new_name_is_required() {
    let mut session = Guest::greeted(CLEAR);
    assert_eq!(session.send("PASS x").unwrap_err(), SendError::NoUser);
    session.ask("USER mrose", "+OK\r\n");
    assert_eq!(session.ask("PASS wrong", "-ERR [AUTH] no\r\n"), ["PASS refused [AUTH] no"]);
    assert_eq!(session.client().state(), State::Authorization);
    assert_eq!(session.send("PASS right").unwrap_err(), SendError::NoUser);
    assert_eq!(session.ask(APOP, "-ERR [IN-USE] locked\r\n"), ["APOP refused [IN-USE] locked"]);
    assert_eq!(session.client().state(), State::Authorization);
    session.ask("USER mrose", "+OK\r\n");
    session.ask("PASS right", "+OK\r\n");
    assert_eq!(session.client().state(), State::Transaction);
}

/// Also 1939.7.apop.d, 1939.7.apop.f.
#[test]
fn r1939_7_apop_h_no_timestamp_no_apop() {
    for greeting in ["ready", "<ready>", "ready <1896.697170952>", "0 < 1@2"] {
        let mut session = Guest::new(CLEAR);
        session.hear(format!("+OK {greeting}\r\n"));
        assert_eq!(session.send(APOP).unwrap_err(), SendError::NoTimestamp, "{greeting}");
        assert_eq!(session.sent(), "");
    }
    let mut session = Guest::greeted(CLEAR);
    session.send(APOP).unwrap();
    assert_eq!(session.sent(), "APOP mrose c4c9334bac560ecc979e58001b3e22fb\r\n");
    assert_eq!(session.hear("+OK maildrop has 1 message\r\n"), ["APOP ok maildrop has 1 message"]);
    assert_eq!(session.client().state(), State::Transaction);
}

/// Also law 8: a timestamp sent in cleartext has no meaning inside TLS.
#[test]
fn r1939_7_apop_h_a_timestamp_is_forgotten_at_tls() {
    let mut session = Guest::greeted(CLEAR);
    assert_eq!(session.ask("STLS", "+OK begin\r\n"), ["start TLS"]);
    session.handshake();
    assert_eq!(session.send(APOP).unwrap_err(), SendError::NoTimestamp);
}

/// Also AMB.27: a refusal is an event with its code, and the session continues.
#[test]
fn r1939_4_j_a_refused_login_leaves_the_session_open() {
    for code in ["AUTH", "IN-USE", "SYS/TEMP", "SYS/PERM", "LOGIN-DELAY"] {
        let mut session = Guest::greeted(STRICT);
        session.ask("USER mrose", "+OK\r\n");
        assert_eq!(
            session.ask("PASS x", format!("-ERR [{code}] no\r\n")),
            [format!("PASS refused [{code}] no")]
        );
        assert_eq!(session.client().state(), State::Authorization);
        assert_eq!(session.ask("QUIT", "+OK\r\n"), ["closed NoneAsked"]);
    }
}

#[test]
fn rob_38_both_answers_of_a_burst_are_read() {
    let mut session = Guest::greeted(PIPED);
    session.send("USER mrose").unwrap();
    session.send("PASS tanstaaf").unwrap();
    assert_eq!(session.sent(), "USER mrose\r\nPASS tanstaaf\r\n");
    assert_eq!(session.hear("-ERR no\r\n-ERR no\r\n"), ["USER refused no", "PASS refused no"]);
    assert_eq!(session.client().state(), State::Authorization);
    assert_eq!(session.send("PASS tanstaaf").unwrap_err(), SendError::NoUser);

    session.send("USER mrose").unwrap();
    session.send("PASS tanstaaf").unwrap();
    assert_eq!(session.hear("+OK\r\n"), ["USER ok"]);
    assert_eq!(session.client().state(), State::Authorization);
    assert_eq!(session.hear("+OK\r\n"), ["PASS ok"]);
    assert_eq!(session.client().state(), State::Transaction);
}

/// Also 1939.7.pass.b: spaces in a password are sent unchanged.
#[test]
fn amb_12_names_with_spaces_are_sent_by_the_tolerant_profile_only() {
    let mut session = Guest::greeted(CLEAR);
    session.send("USER two words").unwrap();
    assert_eq!(session.sent(), "USER two words\r\n");
    assert_eq!(Guest::greeted(STRICT).send("USER two words").unwrap_err(), SendError::Spaces);
    let apop = "APOP two words c4c9334bac560ecc979e58001b3e22fb";
    assert_eq!(Guest::greeted(STRICT).send(apop).unwrap_err(), SendError::Spaces);
    let mut session = Guest::greeted(STRICT);
    session.ask("USER mrose", "+OK\r\n");
    session.send("PASS  two words ").unwrap();
    assert_eq!(session.sent(), "PASS  two words \r\n");
}

/// Also 1939.3.h: 8-bit bytes are only for the tolerant profile, and for servers that do not ask for UTF-8.
#[test]
fn r1939_3_h_arguments_are_ascii_in_the_strict_profile() {
    for line in ["USER caf\u{e9}", "APOP caf\u{e9} c4c9334bac560ecc979e58001b3e22fb"] {
        assert_eq!(Guest::greeted(STRICT).send(line).unwrap_err(), SendError::NotAscii);
        assert!(Guest::greeted(CLEAR).send(line).is_ok());
    }
    for line in ["USER a\tb", "USER a\u{7f}", "USER \u{1}"] {
        assert_eq!(Guest::greeted(CLEAR).send(line).unwrap_err(), SendError::Control);
    }
}

#[test]
fn only_capa_stls_and_quit_go_out_in_cleartext_if_tls_is_required() {
    let greeted = || Guest::greeted(ClientConfig::new(TlsPolicy::Required));
    assert_eq!(may_follow(greeted), ["STLS", "CAPA", "QUIT"]);
}
