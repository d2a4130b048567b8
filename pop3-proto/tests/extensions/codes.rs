//! Response codes in a session (RFC 2449 section 8, RFC 3206, RFC 6856 section 5).

use super::{greeted, guest, host_of, logged_in, opened};
use pop3_proto::client::{ClientConfig, Feature};
use pop3_proto::server::{self, Refusal};
use pop3_proto::{Command, Input, Mechanism, Profile, Quirk, ResponseCode, Retry, TlsPolicy, client::Event};
use pop3_proto_kit::Guest;

/// Returns when the refusal of this line allows a new attempt, or `None` without a code.
fn refused(peer: &mut Guest, line: &str, answer: &str) -> Option<Option<Retry>> {
    peer.send(line).unwrap();
    peer.receive(answer.as_bytes());
    let Ok(Some((Event::Refused(_, status), _))) = peer.pop3.poll() else { panic!("{answer}") };
    status.code().map(|code| code.retry())
}

/// Also 2449.6.5.f, 2449.8.1.2.b, 3206.4.c, 3206.4.d: the code decides what to do next.
#[test]
fn r2449_8_1_2_b_a_refused_login_says_when_to_try_again() {
    for (answer, retry) in [
        ("-ERR [LOGIN-DELAY] wait\r\n", Some(Retry::Later)),
        ("-ERR [IN-USE] open elsewhere\r\n", Some(Retry::Later)),
        ("-ERR [SYS/TEMP] disk\r\n", Some(Retry::Later)),
        ("-ERR [SYS/PERM] disk\r\n", Some(Retry::Never)),
        ("-ERR [auth] wrong\r\n", Some(Retry::Now)),
        ("-ERR [REFERRAL/pop.example] there\r\n", None),
        ("-ERR wrong\r\n", None),
        ("-ERR\r\n", None),
    ] {
        let mut peer = guest(TlsPolicy::Cleartext);
        peer.ask("USER mrose", "+OK\r\n");
        let code = refused(&mut peer, "PASS secret", answer);
        assert_eq!(code.flatten(), retry, "{answer}");
        // The session is unchanged, and the caller decides what to ask the user.
        peer.log_in();
    }
}

/// Also 2449.8.a, 2449.3.e and quirk 44.
#[test]
fn quirk_44_codes_in_any_case_on_any_answer_and_in_the_greeting() {
    let mut client = pop3_proto::Client::new(TlsPolicy::Cleartext, 1);
    let mut input = Input::more(b"+OK [in-use] \x1b[31mready <1.2@x> there\r\n");
    let Ok(Some(Event::Greeting(greeting))) = client.poll(&mut input) else { panic!() };
    assert_eq!(greeting.status.code(), Some(ResponseCode::InUse));
    assert_eq!(greeting.timestamp.unwrap().as_bytes(), b"<1.2@x>");
    // A displayed text never moves a terminal's cursor.
    assert_eq!(greeting.status.text().to_string(), r"\x1b[31mready <1.2@x> there");
    let mut peer = opened(TlsPolicy::Cleartext);
    assert_eq!(peer.ask("NOOP", "+OK [sys/perm] fine\r\n"), ["NOOP ok [SYS/PERM] fine"]);
    let answers = peer.ask("LIST", "+OK [Sys/Temp/Disk] soon\r\n.\r\n");
    assert_eq!(answers, ["LIST begin [SYS/TEMP] soon", "LIST end 0"]);
}

#[test]
fn quirk_44_a_greeting_of_err_may_have_a_code() {
    let mut client = pop3_proto::Client::new(TlsPolicy::Cleartext, 1);
    let Ok(Some(Event::NoService(status))) = client.poll(&mut Input::more(b"-ERR[SYS/TEMP] later\r\n"))
    else {
        panic!()
    };
    assert_eq!(
        (status.code(), status.code().unwrap().retry()),
        (Some(ResponseCode::SysTemp), Some(Retry::Later))
    );
    assert!(client.quirks().contains(Quirk::GreetingSpacing));
}

#[test]
fn r2449_6_4_c_a_code_that_was_not_announced_is_recorded() {
    let quirk = |capabilities: Option<&[&str]>, answer: &str| {
        let mut peer = opened(TlsPolicy::Cleartext);
        if let Some(capabilities) = capabilities {
            peer.lists(capabilities);
        }
        peer.ask("NOOP", answer);
        peer.client().quirks().contains(Quirk::UnannouncedCode)
    };
    for answer in ["+OK [SYS/TEMP] x\r\n", "-ERR [IN-USE] x\r\n", "-ERR [X-Y] x\r\n"] {
        assert!(quirk(Some(&["UIDL"]), answer), "{answer}");
        assert!(!quirk(Some(&["UIDL", "RESP-CODES"]), answer), "announced: {answer}");
        assert!(!quirk(None, answer), "no list is known: {answer}");
    }
    assert!(!quirk(Some(&["UIDL"]), "+OK x [SYS/TEMP]\r\n"), "text is not a code");
}

/// The strict profile does not end a session for it, because RFC 2449 allows such a text as plain words.
#[test]
fn r2449_6_4_c_the_strict_profile_hands_it_out_too() {
    let mut peer = opened(ClientConfig::new(TlsPolicy::Cleartext).with_profile(Profile::Strict));
    peer.lists(&["UIDL"]);
    assert_eq!(peer.ask("NOOP", "-ERR [IN-USE] x\r\n"), ["NOOP refused [IN-USE] x"]);
}

#[test]
fn r3206_6_b_whether_auth_tells_all_is_in_the_capabilities() {
    let mut peer = guest(TlsPolicy::Cleartext);
    peer.lists(&["RESP-CODES", "AUTH-RESP-CODE"]);
    assert!(peer.client().capabilities().has(Feature::AuthRespCode));
    peer.ask("USER mrose", "+OK\r\n");
    assert_eq!(refused(&mut peer, "PASS secret", "-ERR no\r\n"), None, "so the password is not the trouble");
    peer.lists(&["RESP-CODES"]);
    assert!(!peer.client().capabilities().has(Feature::AuthRespCode));
}

const REFUSALS: [(Refusal, &str, &str); 8] = [
    (Refusal::Credentials, "[AUTH] ", "login failed"),
    (Refusal::NotAllowed, "", "not allowed here"),
    (Refusal::InUse, "[IN-USE] ", "maildrop in use by another session"),
    (Refusal::LoginDelay, "[LOGIN-DELAY] ", "too soon after the last login"),
    (Refusal::Temporary, "[SYS/TEMP] ", "temporary failure, try again later"),
    (Refusal::Permanent, "[SYS/PERM] ", "permanent fault, ask for help"),
    (Refusal::NeedsUtf8, "[UTF8] ", "this message needs UTF8 mode"),
    (Refusal::NoSuchMessage, "", "no such message"),
];

fn config() -> server::ServerConfig<'static> {
    let config = server::ServerConfig::new(TlsPolicy::Cleartext).with_sasl_cleartext(&[Mechanism::PLAIN]);
    config.with_other_commands()
}

/// Returns the refusal of each question.
fn answers(config: server::ServerConfig<'static>, refusal: Refusal) -> [String; 6] {
    let host = || greeted(config);
    let mut greet = host_of(config);
    greet.refuse_greeting = Some(refusal);
    let mut user = host();
    user.refuse_name = Some(refusal);
    let (mut pass, mut auth) = (host(), host());
    (pass.refuse_login, auth.refuse_login) = (Some(refusal), Some(refusal));
    pass.say("USER mrose\r\n");
    let mut fetch = logged_in(config);
    fetch.refuse_fetch = Some(refusal);
    let mut other = host();
    other.refuse_other = Some(refusal);
    [
        greet.say(""),
        user.say("USER mrose\r\n"),
        pass.say("PASS x\r\n"),
        auth.say("AUTH PLAIN AGEAYg==\r\n"),
        fetch.say("RETR 1\r\n"),
        other.say("XTND x\r\n"),
    ]
}

/// Also 2449.8.1.1.a, 2449.8.1.1.b, 2449.8.1.2.a, 3206.4.a, 3206.4.e, 3206.5.a, 3206.5.b, 3206.5.c, 6856.5.a, AMB.27:
/// each code appears only in the responses that it is defined for.
#[test]
fn r2449_8_e_refusals_carry_their_codes_where_these_are_defined() {
    for (refusal, code, text) in REFUSALS {
        let login_only = matches!(refusal, Refusal::Credentials | Refusal::InUse | Refusal::LoginDelay);
        let message_only = refusal == Refusal::NeedsUtf8;
        let system = matches!(refusal, Refusal::Temporary | Refusal::Permanent);
        let line = |with: bool| format!("-ERR {}{text}\r\n", if with { code } else { "" });
        let expected = [
            line(system),
            line(system),
            line(system || login_only),
            line(system || login_only),
            line(system || message_only),
            line(system),
        ];
        assert_eq!(answers(config(), refusal), expected, "{refusal:?}");
    }
}

#[test]
fn r2449_8_e_without_the_announcement_there_are_no_codes() {
    for (refusal, _, text) in REFUSALS {
        for answer in answers(config().without_resp_codes(), refusal) {
            assert_eq!(answer, format!("-ERR {text}\r\n"));
        }
    }
}

/// Also 3206.5.b, 3206.6.c.
#[test]
fn r3206_6_a_auth_is_announced_and_on_each_refusal_of_credentials() {
    let mut host = greeted(config());
    let rows = host.lists("CAPA");
    assert!(rows.contains(&"RESP-CODES".into()) && rows.contains(&"AUTH-RESP-CODE".into()));
    let mut without_auth = greeted(server::ServerConfig::new(TlsPolicy::Cleartext));
    assert!(without_auth.lists("CAPA").contains(&"AUTH-RESP-CODE".into()), "PASS is refused with it too");
    host.refuse_login = Some(Refusal::Credentials);
    for login in ["USER a\r\nPASS b\r\n", "AUTH PLAIN AGEAYg==\r\n"] {
        assert!(host.say(login).contains("-ERR [AUTH] login failed\r\n"), "{login}");
    }
    // Problems that are not about credentials have no AUTH code: a bad line, a cancelled exchange, a wrong state.
    for line in ["PASS x", "AUTH PLAIN ???", "AUTH NTLM"] {
        let answer = host.say(format!("{line}\r\n"));
        assert!(answer.starts_with("-ERR") && !answer.contains('['), "{line}: {answer}");
    }
}

/// A refused name reveals nothing, whatever the reason.
#[test]
fn r3206_5_c_no_code_about_the_user_answers_user() {
    for refusal in [Refusal::Credentials, Refusal::InUse, Refusal::LoginDelay] {
        let mut host = greeted(config());
        host.refuse_name = Some(refusal);
        assert!(!host.say("USER mrose\r\n").contains('['), "{refusal:?}");
    }
}

/// Every line that a server writes fits its limit and does not read as a code.
#[test]
fn r2449_6_4_a_no_text_of_the_servers_own_begins_with_a_bracket() {
    for phrase in server::Phrase::ALL {
        let text = phrase.english();
        assert!(text.as_bytes().is_ascii() && !text.is_empty(), "{phrase:?}");
        assert!(!text.as_bytes().starts_with(b"[") && text.as_bytes().len() < 100, "{phrase:?}");
    }
    assert!(Command::parse(b"CAPA").is_ok());
}
