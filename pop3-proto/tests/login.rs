//! `login`: a client logs in by the best way.

use pop3_proto::client::{Event, SendError, TlsRefusal};
#[cfg(feature = "sasl")]
use pop3_proto::login::Scram;
use pop3_proto::login::{Cause, Login, LoginError, Way, WhyNot};
use pop3_proto::script::{Cuts, Script};
use pop3_proto::{ClientConfig, ClientConnection, Secret, Text, TlsPolicy};

/// A login against a script, which must be said to its end.
fn log_in(script: &str, config: impl Into<ClientConfig>, mut login: Login<'_>) -> Result<Way, LoginError> {
    let script = Script::parse(script).unwrap();
    let mut stream = script.server().cut(Cuts::Everywhere);
    let mut pop3 = ClientConnection::new(config, 1);
    let result = 'login: loop {
        while let Some((event, mut sender)) = pop3.poll().unwrap() {
            match login.handle(event, &mut sender) {
                Ok(None) => {}
                Ok(Some(way)) => break 'login Ok(way),
                Err(error) => break 'login Err(error),
            }
        }
        pop3.write_to(&mut stream).unwrap();
        pop3.read_from(&mut stream).unwrap();
    };
    pop3.write_to(&mut stream).unwrap();
    stream.finish().unwrap_or_else(|mismatch| panic!("{mismatch}"));
    result
}

fn user<'l>() -> Login<'l> {
    named("mrose", b"tanstaaf")
}

fn named<'l>(name: &'l str, password: &'l [u8]) -> Login<'l> {
    Login::new(Text::try_from(name).unwrap(), Secret::new(password).unwrap())
}

#[cfg(feature = "sasl")]
const GREETED: &str = "S: +OK ready\nC: CAPA\nS: +OK\nS: USER\nS: SASL PLAIN SCRAM-SHA-256\nS: .\n";

#[test]
fn user_and_pass_are_the_last_way() {
    let script = "S: +OK ready\nC: CAPA\nS: -ERR what?\nC: USER mrose\nS: +OK\nC: PASS tanstaaf\nS: +OK";
    assert_eq!(log_in(script, TlsPolicy::Cleartext, user()), Ok(Way::User));
}

#[cfg(feature = "sasl")]
#[test]
fn plain_waits_for_the_challenge() {
    let script = format!("{GREETED}C: AUTH PLAIN\nS: + \nC: AG1yb3NlAHRhbnN0YWFm\nS: +OK");
    assert_eq!(log_in(&script, TlsPolicy::Cleartext, user()), Ok(Way::Plain));
}

#[cfg(feature = "sasl")]
#[test]
fn another_way_follows_before_the_password_was_shown_and_not_after_it() {
    let before =
        format!("{GREETED}C: AUTH PLAIN\nS: -ERR what?\nC: USER mrose\nS: +OK\nC: PASS tanstaaf\nS: +OK");
    assert_eq!(log_in(&before, TlsPolicy::Cleartext, user()), Ok(Way::User));
    let after = format!("{GREETED}C: AUTH PLAIN\nS: + \nC: AG1yb3NlAHRhbnN0YWFm\nS: -ERR no");
    let refused = LoginError::Refused { way: Way::Plain, cause: Cause::Other, ask: true };
    assert_eq!(log_in(&after, TlsPolicy::Cleartext, user()), Err(refused));
}

#[cfg(feature = "apop")]
#[test]
fn apop_is_taken_with_a_timestamp() {
    let script = "S: +OK POP3 server ready <1896.697170952@dbc.mtview.ca.us>\nC: CAPA\nS: -ERR
        C: APOP mrose c4c9334bac560ecc979e58001b3e22fb\nS: +OK";
    assert_eq!(log_in(script, TlsPolicy::Cleartext, user()), Ok(Way::Apop));
}

#[test]
fn a_server_in_trouble_gets_no_second_attempt() {
    let script =
        "S: +OK ready\nC: CAPA\nS: -ERR\nC: USER mrose\nS: +OK\nC: PASS tanstaaf\nS: -ERR [IN-USE] no";
    let refused = LoginError::Refused { way: Way::User, cause: Cause::Later, ask: false };
    assert_eq!(log_in(script, TlsPolicy::Cleartext, user()), Err(refused));
}

#[test]
fn without_a_way_each_reason_is_given() {
    let script = "S: +OK ready\nC: CAPA\nS: +OK\nS: USER\nS: UTF8\nS: .";
    let error = log_in(script, TlsPolicy::Cleartext, named("mros\u{e9}", b"\xff")).unwrap_err();
    let LoginError::NoWay(obstacles) = error else { panic!("{error:?}") };
    assert_eq!(obstacles.of(Way::User), Some(WhyNot::DoesNotFit));
    assert!(Way::ScramSha256.to_string() == "SCRAM-SHA-256" && obstacles.of(Way::Plain).is_some());
    let shown = error.to_string();
    assert!(shown.contains("USER (it cannot carry the name or the password)"), "{shown}");
    assert!(!shown.contains("mros"), "{shown}");
}

#[test]
fn the_tls_policy_is_the_reason_if_it_forbids_the_login() {
    let script = "S: +OK ready\nC: CAPA\nS: +OK\nS: STLS\nS: .";
    let login = user().only(Way::User);
    let error = log_in(script, TlsPolicy::Required, login).unwrap_err();
    assert_eq!(error, LoginError::Send(SendError::Tls(TlsRefusal::Required)));
}

#[test]
fn a_greeting_can_refuse_and_a_session_can_end() {
    assert_eq!(log_in("S: -ERR busy", TlsPolicy::Cleartext, user()), Err(LoginError::NoService));
    let ended = "S: +OK ready\nC: CAPA\nS: -ERR\nC: USER mrose\nS: +OK\nC: PASS tanstaaf\nS: -ERR no";
    let refused = LoginError::Refused { way: Way::User, cause: Cause::Other, ask: true };
    assert_eq!(log_in(ended, TlsPolicy::Cleartext, user()), Err(refused));
}

#[test]
fn a_login_can_begin_after_the_greeting() {
    let script = Script::parse("S: +OK ready\nC: CAPA\nS: -ERR").unwrap();
    let mut stream = script.server();
    let mut pop3 = ClientConnection::new(TlsPolicy::Cleartext, 1);
    let mut login = user();
    login.begin(None, &mut pop3.sender()).unwrap(); // before the greeting this does nothing
    assert!(!pop3.wants_write());
    pop3.read_from(&mut stream).unwrap();
    assert!(matches!(pop3.poll(), Ok(Some((Event::Greeting(_), _)))));
    login.begin(None, &mut pop3.sender()).unwrap();
    assert_eq!(pop3.send_buf().pending(), b"CAPA\r\n");
}

#[test]
fn law_9_a_login_shows_neither_name_nor_password() {
    let shown = format!("{:?}", user());
    assert!(!shown.contains("mrose") && !shown.contains("tanstaaf"), "{shown}");
}

/// Takes the server's word for `v=proof`.
#[cfg(feature = "sasl")]
#[derive(Default)]
struct Fake {
    sent: bool,
    proven: bool,
}

#[cfg(feature = "sasl")]
impl Scram for Fake {
    fn first(&mut self) -> &[u8] {
        b"n,,n=mrose,r=x"
    }

    fn step(&mut self, challenge: &[u8]) -> Option<&[u8]> {
        match challenge {
            b"r=xy" => {
                self.sent = true;
                Some(b"p=proof")
            }
            b"v=proof" => {
                self.proven = true;
                Some(b"")
            }
            _ => None,
        }
    }

    fn has_sent_proof(&self) -> bool {
        self.sent
    }

    fn is_server_proven(&self) -> bool {
        self.proven
    }
}

#[cfg(feature = "sasl")]
#[test]
fn scram_ends_if_the_server_proves_nothing() {
    let said = format!(
        "{GREETED}C: AUTH SCRAM-SHA-256\nS: + \nC: biwsbj1tcm9zZSxyPXg=\nS: + cj14eQ==\nC: cD1wcm9vZg==\n"
    );
    let run = |rest: &str| {
        let mut scram = Fake::default();
        log_in(&format!("{said}{rest}"), TlsPolicy::Cleartext, user().with_scram(&mut scram))
    };
    assert_eq!(run("S: + dj1wcm9vZg==\nC: \nS: +OK"), Ok(Way::ScramSha256));
    assert_eq!(run("S: +OK"), Err(LoginError::Distrust(Way::ScramSha256)));
    assert_eq!(run("S: + dj14\nC: *\nS: -ERR"), Err(LoginError::Distrust(Way::ScramSha256)));
    let refused = LoginError::Refused { way: Way::ScramSha256, cause: Cause::Other, ask: true };
    assert_eq!(run("S: -ERR no"), Err(refused));
    assert_eq!(run("S: + ZT1vdGhlcg==\nC: *\nS: -ERR no"), Err(refused));
}
