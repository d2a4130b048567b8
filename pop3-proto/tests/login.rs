//! `login`: a client logs in by the best way.

use pop3_proto::client::{Event, SendError, TlsRefusal};
#[cfg(feature = "sasl")]
use pop3_proto::login::Scram;
use pop3_proto::login::{Cause, Login, LoginError, Way, WhyNot};
use pop3_proto::script::{Cuts, Script};
use pop3_proto::{ClientConfig, ClientConnection, Command, Secret, Text, TlsPolicy};

/// Runs a login against a script, which must be played to its end.
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

/// Neither the name nor the password goes out, and USER and PASS follow.
#[cfg(feature = "sasl")]
#[test]
fn r5034_4_r_a_login_cancels_a_challenge_that_is_not_base64() {
    for words in ["Username:", "=AAA", "AAAAA"] {
        let script = format!(
            "{GREETED}C: AUTH PLAIN\nS: + {words}\nC: *\nS: -ERR cancelled\nC: USER mrose\nS: +OK\nC: PASS tanstaaf\nS: +OK"
        );
        assert_eq!(log_in(&script, TlsPolicy::Cleartext, user()), Ok(Way::User));
    }
}

#[cfg(feature = "apop")]
#[test]
fn apop_is_taken_with_a_timestamp() {
    let script = "S: +OK POP3 server ready <1896.697170952@dbc.mtview.ca.us>\nC: CAPA\nS: -ERR
        C: APOP mrose c4c9334bac560ecc979e58001b3e22fb\nS: +OK";
    assert_eq!(log_in(script, TlsPolicy::Cleartext, user()), Ok(Way::Apop));
}

/// The digest was made with the password, so the server could try passwords.
#[cfg(feature = "apop")]
#[test]
fn no_way_follows_a_refusal_of_apop() {
    let script = "S: +OK POP3 server ready <1896.697170952@dbc.mtview.ca.us>\nC: CAPA\nS: -ERR
        C: APOP mrose c4c9334bac560ecc979e58001b3e22fb\nS: -ERR no";
    let refused = LoginError::Refused { way: Way::Apop, cause: Cause::Other, ask: true };
    assert_eq!(log_in(script, TlsPolicy::Cleartext, user()), Err(refused));
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
    let script = "S: +OK ready <1896@example>\nC: CAPA\nS: +OK\nS: USER\nS: UTF8\nS: .";
    let error = log_in(script, TlsPolicy::Cleartext, named("mros\u{e9}", b"\xff")).unwrap_err();
    let LoginError::NoWay(obstacles) = error else { panic!("{error:?}") };
    assert_eq!(obstacles.of(Way::User), Some(WhyNot::DoesNotFit));
    let apop = if cfg!(feature = "apop") { WhyNot::DoesNotFit } else { WhyNot::NotBuilt };
    assert_eq!(obstacles.of(Way::Apop), Some(apop));
    assert!(Way::ScramSha256.to_string() == "SCRAM-SHA-256" && obstacles.of(Way::Plain).is_some());
    let shown = error.to_string();
    assert!(shown.contains("USER (it cannot carry the credentials)"), "{shown}");
    assert!(!shown.contains("mros"), "{shown}");
}

/// RFC 6856 section 2.2: a server with UTF8 takes other bytes than ASCII only if it lists UTF8 USER.
#[test]
fn user_and_pass_carry_other_bytes_than_ascii_as_the_server_allows() {
    for (listed, name, password, fits) in [
        ("", "mrose", &b"tanstaaf"[..], true),
        ("", "mros\u{e9}", b"tanstaaf", true),
        ("", "mrose", b"\xff", true),
        ("UTF8\r\n", "mrose", b"tanstaaf", true),
        ("UTF8\r\n", "mros\u{e9}", b"tanstaaf", false),
        ("UTF8\r\n", "mrose", b"\xc3\xa9", false),
        ("UTF8 USER\r\n", "mros\u{e9}", b"\xc3\xa9", true),
        ("UTF8 USER\r\n", "mrose", b"\xff", false),
        ("", "mr\tose", b"tanstaaf", false),
        ("", "mrose", b"tan\tstaaf", false),
    ] {
        let mut pop3 = ClientConnection::new(TlsPolicy::Cleartext, 1);
        let mut login = named(name, password);
        assert_eq!(answers(&mut pop3, &mut login, b"+OK ready\r\n").unwrap(), "CAPA\r\n");
        let capabilities = format!("+OK\r\n{listed}.\r\n");
        match answers(&mut pop3, &mut login, capabilities.as_bytes()) {
            Ok(sent) => assert!(fits && sent == format!("USER {name}\r\n"), "{listed:?} {sent:?}"),
            Err(LoginError::NoWay(obstacles)) => {
                assert_eq!(obstacles.of(Way::User), Some(WhyNot::DoesNotFit).filter(|_| !fits), "{listed:?}");
            }
            Err(error) => panic!("{listed:?}: {error:?}"),
        }
    }
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
    login.begin(None, &mut pop3.sender()).unwrap(); // before the greeting this has no effect
    assert!(!pop3.wants_write());
    pop3.read_from(&mut stream).unwrap();
    assert!(matches!(pop3.poll(), Ok(Some((Event::Greeting(_), _)))));
    login.begin(None, &mut pop3.sender()).unwrap();
    assert_eq!(pop3.send_buf().pending(), b"CAPA\r\n");
}

/// Plays both sides by hand, and returns what the client sends.
fn answers(
    pop3: &mut ClientConnection<Vec<u8>>,
    login: &mut Login<'_>,
    bytes: &[u8],
) -> Result<String, LoginError> {
    pop3.recv_buf().append(bytes);
    while let Some((event, mut sender)) = pop3.poll().unwrap() {
        login.handle(event, &mut sender)?;
    }
    let sent = String::from_utf8(pop3.pending().to_vec()).unwrap();
    pop3.send_buf().clear();
    Ok(sent)
}

/// A program that asks for the capabilities itself can log in with them, and a list that arrives later changes nothing.
#[test]
fn a_login_begins_with_the_capabilities_that_are_known() {
    for response in ["-ERR what?\r\n", "+OK\r\nUSER\r\n.\r\n"] {
        let mut pop3 = ClientConnection::new(TlsPolicy::Cleartext, 1);
        let mut login = user();
        pop3.recv_buf().append(b"+OK ready\r\n");
        assert!(matches!(pop3.poll(), Ok(Some((Event::Greeting(_), _)))));
        pop3.sender().send(Command::Capa).unwrap();
        assert_eq!(answers(&mut pop3, &mut login, response.as_bytes()).unwrap(), "CAPA\r\n");
        login.begin(None, &mut pop3.sender()).unwrap();
        assert_eq!(answers(&mut pop3, &mut login, b"").unwrap(), "USER mrose\r\n");
    }
}

#[test]
fn a_login_ignores_events_of_other_commands_and_ends_with_the_session() {
    let mut pop3 = ClientConnection::new(TlsPolicy::Cleartext, 1);
    let mut login = user();
    assert_eq!(answers(&mut pop3, &mut login, b"+OK ready\r\n").unwrap(), "CAPA\r\n");
    assert_eq!(answers(&mut pop3, &mut login, b"-ERR what?\r\n").unwrap(), "USER mrose\r\n");

    let mut other = ClientConnection::new(TlsPolicy::Cleartext, 2);
    other.recv_buf().append(b"+OK ready\r\n");
    assert!(matches!(other.poll(), Ok(Some((Event::Greeting(_), _)))));
    other.sender().send(Command::Capa).unwrap();
    other.recv_buf().append(b"+OK\r\n");
    let Ok(Some((begin @ Event::Begin(..), _))) = other.poll() else { panic!() };
    assert_eq!(login.handle(begin, &mut pop3.sender()), Ok(None));
    assert_eq!(answers(&mut pop3, &mut login, b"").unwrap(), "");

    pop3.close();
    assert_eq!(answers(&mut pop3, &mut login, b""), Err(LoginError::Ended));
}

/// A program may begin a login at the end of its own command, and then pass on the event of that command.
#[test]
fn the_event_with_which_a_login_begins_is_not_part_of_it() {
    let listing = &[(Command::Lang(None), "+OK\r\nen English\r\n.\r\n")][..];
    let other = &[(Command::Capa, "-ERR what?\r\n"), (Command::parse(b"XTND").unwrap(), "+OK\r\n")];
    for (commands, begun) in [(listing, "CAPA\r\n"), (other, "USER mrose\r\n")] {
        let mut pop3 = ClientConnection::new(TlsPolicy::Cleartext, 1);
        let mut login = user();
        pop3.recv_buf().append(b"+OK ready\r\n");
        assert!(matches!(pop3.poll(), Ok(Some((Event::Greeting(_), _)))));
        for (command, response) in commands {
            pop3.sender().send(*command).unwrap();
            pop3.send_buf().clear();
            pop3.recv_buf().append(response.as_bytes());
            while let Some((event, mut sender)) = pop3.poll().unwrap() {
                if matches!(&event, Event::End(..) | Event::Ok(..)) {
                    login.begin(None, &mut sender).unwrap();
                }
                assert_eq!(login.handle(event, &mut sender), Ok(None));
            }
        }
        assert_eq!(answers(&mut pop3, &mut login, b"").unwrap(), begun);
    }
}

#[cfg(feature = "sasl")]
#[test]
fn a_second_challenge_of_plain_gets_an_empty_line() {
    let script = format!("{GREETED}C: AUTH PLAIN\nS: + \nC: AG1yb3NlAHRhbnN0YWFm\nS: + \nC: \nS: +OK");
    assert_eq!(log_in(&script, TlsPolicy::Cleartext, user()), Ok(Way::Plain));
}

#[test]
fn law_9_a_login_shows_neither_name_nor_password() {
    let shown = format!("{:?}", user());
    assert!(!shown.contains("mrose") && !shown.contains("tanstaaf"), "{shown}");
}

/// Accepts `v=proof` as the server's proof.
#[cfg(feature = "sasl")]
#[derive(Default)]
struct Fake {
    /// How many exchanges were begun.
    begun: u32,
    sent: bool,
    proven: bool,
}

#[cfg(feature = "sasl")]
impl Scram for Fake {
    fn first(&mut self) -> &[u8] {
        self.begun += 1;
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
    let said =
        format!("{GREETED}C: AUTH SCRAM-SHA-256 biwsbj1tcm9zZSxyPXg=\nS: + cj14eQ==\nC: cD1wcm9vZg==\n");
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

/// The first message contains no proof. The refused exchange is not begun again for PLAIN.
#[cfg(feature = "sasl")]
#[test]
fn another_way_follows_a_refusal_of_scram_before_the_proof() {
    let mut scram = Fake::default();
    let script = format!(
        "{GREETED}C: AUTH SCRAM-SHA-256 biwsbj1tcm9zZSxyPXg=\nS: -ERR what?
        C: AUTH PLAIN\nS: + \nC: AG1yb3NlAHRhbnN0YWFm\nS: +OK"
    );
    let result = log_in(&script, TlsPolicy::Cleartext, user().with_scram(&mut scram));
    assert_eq!((result, scram.begun), (Ok(Way::Plain), 1));
}

/// Only the server's proof in SCRAM is missing then. Before the client's first message, the server had nothing to prove.
#[cfg(feature = "sasl")]
#[test]
fn a_challenge_that_is_not_base64_is_distrusted_only_in_the_exchange_of_scram() {
    let refused = |way, ask| Err(LoginError::Refused { way, cause: Cause::Other, ask });
    let plain =
        format!("{GREETED}C: AUTH PLAIN\nS: + \nC: AG1yb3NlAHRhbnN0YWFm\nS: + Password:\nC: *\nS: -ERR no");
    assert_eq!(log_in(&plain, TlsPolicy::Cleartext, user()), refused(Way::Plain, true));

    let mut scram = Fake::default();
    let first = "S: +OK ready\nC: CAPA\nS: -ERR\nC: AUTH SCRAM-SHA-256\nS: + Username:\nC: *\nS: -ERR no";
    let login = user().with_scram(&mut scram).only(Way::ScramSha256);
    assert_eq!(log_in(first, TlsPolicy::Cleartext, login), refused(Way::ScramSha256, false));

    let mut scram = Fake::default();
    let second =
        format!("{GREETED}C: AUTH SCRAM-SHA-256 biwsbj1tcm9zZSxyPXg=\nS: + Password:\nC: *\nS: -ERR no");
    let result = log_in(&second, TlsPolicy::Cleartext, user().with_scram(&mut scram));
    assert_eq!(result, Err(LoginError::Distrust(Way::ScramSha256)));
}

/// A message of SASL must be UTF-8, and PLAIN needs a name.
#[cfg(feature = "sasl")]
#[test]
fn credentials_that_a_mechanism_cannot_carry_are_the_reason_against_it() {
    let latin1 = Text::new(b"mros\xe9").unwrap();
    let mrose = Text::from_static("mrose");
    for (way, name, password, why) in [
        (Way::ScramSha256, latin1, &b"tanstaaf"[..], WhyNot::NotUtf8),
        (Way::ScramSha256, mrose, b"tanst\xe4\xe4f", WhyNot::NotUtf8),
        (Way::Plain, latin1, b"tanstaaf", WhyNot::NotUtf8),
        (Way::Plain, mrose, b"tanst\xe4\xe4f", WhyNot::NotUtf8),
        (Way::Plain, Text::EMPTY, b"tanstaaf", WhyNot::DoesNotFit),
    ] {
        let mut scram = Fake::default();
        let login = Login::new(name, Secret::new(password).unwrap()).only(way).with_scram(&mut scram);
        let Err(LoginError::NoWay(obstacles)) = log_in(GREETED, TlsPolicy::Cleartext, login) else {
            panic!("{way} was used")
        };
        assert_eq!(obstacles.of(way), Some(why), "{way}");
    }
}

#[cfg(feature = "sasl")]
#[test]
fn no_way_follows_a_server_that_proves_nothing() {
    let greeted = GREETED.replace("S: USER", "S: AUTH-RESP-CODE");
    let mut scram = Fake::default();
    let script = format!("{greeted}C: AUTH SCRAM-SHA-256 biwsbj1tcm9zZSxyPXg=\nS: + dj14\nC: *\nS: -ERR no");
    let result = log_in(&script, TlsPolicy::Cleartext, user().with_scram(&mut scram));
    assert_eq!(result, Err(LoginError::Distrust(Way::ScramSha256)));
}

#[cfg(feature = "sasl")]
#[test]
fn another_way_follows_a_refusal_that_is_not_about_the_credentials() {
    let greeted = GREETED.replace("S: USER", "S: RESP-CODES\nS: AUTH-RESP-CODE");
    let plain = format!("{greeted}C: AUTH PLAIN\nS: + \nC: AG1yb3NlAHRhbnN0YWFm\n");
    let other =
        format!("{plain}S: -ERR [SYS/PERM] not PLAIN\nC: USER mrose\nS: +OK\nC: PASS tanstaaf\nS: +OK");
    assert_eq!(log_in(&other, TlsPolicy::Cleartext, user()), Ok(Way::User));
    let credentials = format!("{plain}S: -ERR [AUTH] no");
    let refused = LoginError::Refused { way: Way::Plain, cause: Cause::Credentials, ask: true };
    assert_eq!(log_in(&credentials, TlsPolicy::Cleartext, user()), Err(refused));
}

#[cfg(feature = "sasl")]
#[test]
fn the_chosen_way_is_the_only_one_listed_or_not() {
    let script = "S: +OK ready\nC: CAPA\nS: +OK\nS: USER\nS: SASL LOGIN\nS: .\nC: AUTH PLAIN\nS: -ERR what?";
    let refused = LoginError::Refused { way: Way::Plain, cause: Cause::Other, ask: false };
    assert_eq!(log_in(script, TlsPolicy::Cleartext, user().only(Way::Plain)), Err(refused));
    let script = "S: +OK ready\nC: CAPA\nS: -ERR";
    let error = log_in(script, TlsPolicy::Cleartext, user().only(Way::Xoauth2)).unwrap_err();
    let LoginError::NoWay(obstacles) = error else { panic!("{error:?}") };
    assert_eq!(obstacles.of(Way::Xoauth2), Some(WhyNot::OtherSecret));
    assert_eq!(obstacles.of(Way::User), Some(WhyNot::Excluded));
    assert!(error.to_string().ends_with("XOAUTH2 (it takes a token and not a password, or the reverse)"));
}

#[cfg(feature = "apop")]
#[test]
fn apop_inside_tls_is_for_those_who_choose_it() {
    let greeted = "S: +OK POP3 server ready <1896.697170952@dbc.mtview.ca.us>\nC: CAPA\nS: -ERR\n";
    let apop = format!("{greeted}C: APOP mrose c4c9334bac560ecc979e58001b3e22fb\nS: +OK");
    assert_eq!(log_in(&apop, TlsPolicy::Implicit, user().only(Way::Apop)), Ok(Way::Apop));
    let best = format!("{greeted}C: USER mrose\nS: +OK\nC: PASS tanstaaf\nS: +OK");
    assert_eq!(log_in(&best, TlsPolicy::Implicit, user()), Ok(Way::User));
}

#[cfg(feature = "sasl")]
#[test]
fn an_initial_response_is_sent_on_request_if_the_server_can_take_it() {
    let login = || user().with_initial_response();
    let with = format!("{GREETED}C: AUTH PLAIN AG1yb3NlAHRhbnN0YWFm\nS: +OK");
    assert_eq!(log_in(&with, TlsPolicy::Cleartext, login()), Ok(Way::Plain));
    let after = format!("{GREETED}C: AUTH PLAIN AG1yb3NlAHRhbnN0YWFm\nS: -ERR no");
    let refused = LoginError::Refused { way: Way::Plain, cause: Cause::Other, ask: true };
    assert_eq!(log_in(&after, TlsPolicy::Cleartext, login()), Err(refused));

    let unlisted = "S: +OK ready\nC: CAPA\nS: -ERR\nC: AUTH PLAIN\nS: + \nC: AG1yb3NlAHRhbnN0YWFm\nS: +OK";
    assert_eq!(log_in(unlisted, TlsPolicy::Cleartext, login().only(Way::Plain)), Ok(Way::Plain));
    for length in [180, 300] {
        let password = "x".repeat(length);
        let message = encoded(format!("\0mrose\0{password}").as_bytes());
        let long = format!("{GREETED}C: AUTH PLAIN\nS: + \nC: {message}\nS: +OK");
        let login = named("mrose", password.as_bytes()).with_initial_response();
        assert_eq!(log_in(&long, TlsPolicy::Cleartext, login), Ok(Way::Plain), "{length}");
    }
}

#[cfg(feature = "sasl")]
fn encoded(message: &[u8]) -> String {
    let mut room = [0; 1024];
    String::from_utf8(pop3_proto::sasl::encode(message, &mut room).unwrap().as_bytes().to_vec()).unwrap()
}

#[cfg(feature = "sasl")]
fn with_token<'l>() -> Login<'l> {
    Login::with_token(Text::from_static("mrose"), Secret::new(b"vF9dft4q").unwrap())
}

#[cfg(feature = "sasl")]
const FOR_TOKENS: &str = "S: +OK ready\nC: CAPA\nS: +OK\nS: USER\nS: SASL PLAIN XOAUTH2 OAUTHBEARER\nS: .\n";

#[cfg(feature = "sasl")]
#[test]
fn a_token_goes_by_oauthbearer_inside_tls_and_else_by_xoauth2() {
    let bearer = encoded(b"n,a=mrose,\x01auth=Bearer vF9dft4q\x01\x01");
    let script = format!("{FOR_TOKENS}C: AUTH OAUTHBEARER\nS: + \nC: {bearer}\nS: +OK");
    assert_eq!(log_in(&script, TlsPolicy::Implicit, with_token()), Ok(Way::Oauthbearer));

    let bearer = encoded(b"n,a=mrose,\x01host=localhost\x01port=995\x01auth=Bearer vF9dft4q\x01\x01");
    let script = format!("{FOR_TOKENS}C: AUTH OAUTHBEARER {bearer}\nS: +OK");
    let login = with_token().with_server(Text::from_static("localhost"), 995).with_initial_response();
    assert_eq!(log_in(&script, TlsPolicy::Implicit, login), Ok(Way::Oauthbearer));

    let xoauth2 = encoded(b"user=mrose\x01auth=Bearer vF9dft4q\x01\x01");
    let script = format!("{FOR_TOKENS}C: AUTH XOAUTH2\nS: + \nC: {xoauth2}\nS: +OK");
    assert_eq!(log_in(&script, TlsPolicy::Cleartext, with_token()), Ok(Way::Xoauth2));
}

#[cfg(feature = "sasl")]
#[test]
fn xoauth2_follows_oauthbearer_only_before_the_token_was_sent() {
    let xoauth2 = encoded(b"user=mrose\x01auth=Bearer vF9dft4q\x01\x01");
    let script = format!(
        "{FOR_TOKENS}C: AUTH OAUTHBEARER\nS: -ERR what?\nC: AUTH XOAUTH2\nS: + \nC: {xoauth2}\nS: +OK"
    );
    assert_eq!(log_in(&script, TlsPolicy::Implicit, with_token()), Ok(Way::Xoauth2));

    let bearer = encoded(b"n,a=mrose,\x01auth=Bearer vF9dft4q\x01\x01");
    let script =
        format!("{FOR_TOKENS}C: AUTH OAUTHBEARER\nS: + \nC: {bearer}\nS: + e30=\nC: AQ==\nS: -ERR no");
    let refused = LoginError::Refused { way: Way::Oauthbearer, cause: Cause::Other, ask: true };
    assert_eq!(log_in(&script, TlsPolicy::Implicit, with_token()), Err(refused));
}

#[cfg(feature = "sasl")]
#[test]
fn a_refused_token_of_xoauth2_is_acknowledged_with_an_empty_line() {
    let xoauth2 = encoded(b"user=mrose\x01auth=Bearer vF9dft4q\x01\x01");
    let script =
        format!("{FOR_TOKENS}C: AUTH XOAUTH2\nS: + \nC: {xoauth2}\nS: + e30=\nC: \nS: -ERR [AUTH] no");
    let refused = LoginError::Refused { way: Way::Xoauth2, cause: Cause::Credentials, ask: false };
    assert_eq!(log_in(&script, TlsPolicy::Implicit, with_token().only(Way::Xoauth2)), Err(refused));
}

#[cfg(feature = "sasl")]
#[test]
fn a_token_never_goes_as_a_password() {
    let script = "S: +OK ready\nC: CAPA\nS: +OK\nS: USER\nS: SASL PLAIN OAUTHBEARER\nS: .";
    let error = log_in(script, TlsPolicy::Cleartext, with_token()).unwrap_err();
    let LoginError::NoWay(obstacles) = error else { panic!("{error:?}") };
    assert_eq!(obstacles.of(Way::Oauthbearer), Some(WhyNot::OutsideTls));
    assert_eq!(obstacles.of(Way::Plain), Some(WhyNot::Excluded));
    let expected =
        "there is no way to log in: OAUTHBEARER (it is only for TLS), XOAUTH2 (the server does not list it)";
    assert_eq!(error.to_string(), expected);
}

#[cfg(feature = "sasl")]
#[test]
fn a_login_tells_which_ways_were_tried() {
    let script = Script::parse(&format!("{GREETED}C: AUTH PLAIN\nS: -ERR\nC: USER mrose\nS: -ERR")).unwrap();
    let mut stream = script.server();
    let mut pop3 = ClientConnection::new(TlsPolicy::Cleartext, 1);
    let mut login = user();
    let mut tried = Vec::new();
    loop {
        while let Some((event, mut sender)) = pop3.poll().unwrap() {
            let refused = matches!(event, Event::Refused(..));
            tried.extend(login.tried().last().filter(|_| refused));
            login.handle(event, &mut sender).ok();
        }
        if tried.len() == 2 {
            break;
        }
        pop3.write_to(&mut stream).unwrap();
        pop3.read_from(&mut stream).unwrap();
    }
    assert_eq!(tried, [Way::Plain, Way::User]);
    assert!(login.tried().eq([Way::Plain, Way::User]));
}
