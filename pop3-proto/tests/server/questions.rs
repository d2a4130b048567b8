//! Questions and answers: every token, every refusal, and its exact line.

use super::*;
use pop3_proto::server::{Fetch, Greet, Login, User};
use pop3_proto::{AnswerError, MIN_SEND_BUF, Mechanism, State};

static PLAIN: &[Mechanism<'static>] = &[Mechanism::PLAIN];
const OFFER: ServerConfig<'_> = PATIENT.with_sasl_cleartext(PLAIN).with_other_commands();

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

/// Returns the line of a refusal; `coded` are the refusals that have a code here.
fn line(refusal: Refusal, coded: &[Refusal]) -> String {
    let (_, code, text) = REFUSALS.into_iter().find(|(other, ..)| *other == refusal).unwrap();
    let code = if coded.contains(&refusal) { code } else { "" };
    format!("-ERR {code}{text}\r\n")
}

const SYSTEM: &[Refusal] = &[Refusal::Temporary, Refusal::Permanent];

fn greeted(config: ServerConfig<'static>) -> Host {
    let mut host = Host::three(config);
    host.greeting = "ready <1896.697170952@dbc.mtview.ca.us>".into();
    host.say("");
    host
}

/// Also 2449.8.1.1.a, 2449.8.1.2.a, 3206.4.a, 3206.5.a, AMB.27: the same for PASS, APOP and AUTH.
#[test]
fn r2449_8_1_2_a_a_refused_login_has_a_code() {
    let logins = [
        "USER mrose\r\nPASS a\r\n",
        "APOP mrose c4c9334bac560ecc979e58001b3e22fb\r\n",
        "AUTH PLAIN AG1yb3NlAGE=\r\n",
        "AUTH PLAIN\r\nAG1yb3NlAGE=\r\n",
    ];
    for login in logins {
        for (refusal, _, text) in REFUSALS {
            let mut host = greeted(OFFER);
            host.refuse_login = Some(refusal);
            let coded = &REFUSALS.map(|(refusal, ..)| refusal)[..6];
            assert!(host.say(login).ends_with(&line(refusal, coded)), "{login}, {refusal:?}");
            assert_eq!((host.server().state(), host.end), (State::Authorization, None));
            let mut host = greeted(OFFER.without_resp_codes());
            host.refuse_login = Some(refusal);
            let answer = host.say(login);
            assert_eq!(answer.lines().last(), Some(format!("-ERR {text}").as_str()), "{login}");
        }
    }
}

/// Also 3206.5.b: the answer to USER does not reveal whether the user exists.
#[test]
fn r2449_8_1_1_b_a_refused_name_reports_only_trouble() {
    for (refusal, _, text) in REFUSALS {
        let mut host = greeted(OFFER);
        host.refuse_name = Some(refusal);
        assert_eq!(host.say("USER nobody\r\n"), line(refusal, SYSTEM));
        let mut host = greeted(OFFER.without_resp_codes());
        host.refuse_name = Some(refusal);
        assert_eq!(host.say("USER nobody\r\n"), format!("-ERR {text}\r\n"));
    }
}

#[test]
fn a_refused_message_says_why() {
    for (refusal, ..) in REFUSALS {
        for command in ["RETR 1\r\n", "TOP 1 0\r\n"] {
            let mut host = Host::three(OFFER).login();
            host.refuse_fetch = Some(refusal);
            assert_eq!(host.say(command), line(refusal, &[SYSTEM, &[Refusal::NeedsUtf8]].concat()));
            host.refuse_fetch = None;
            assert!(host.say(command).ends_with("\r\n.\r\n"), "and can be asked for again");
        }
    }
}

#[test]
fn r1939_4_c_a_refused_greeting_is_the_end() {
    let mut server: Server<Infos, ServerConfig<'_>> = Server::new(CLEAR, 1);
    let mut buffer = [0; MIN_SEND_BUF];
    let mut out = SendBuf::new(&mut buffer[..]);
    let mut input = Input::more(b"QUIT\r\n");
    let greet = ask!(server, &mut input, &mut out, Greet);
    server.refuse(greet, Refusal::Temporary).unwrap();
    for _ in 0..2 {
        assert!(matches!(server.poll(&mut input, &mut out), Ok(Step::Closed(CloseReason::Refused))));
    }
    assert_eq!(pending(&mut out), "-ERR [SYS/TEMP] temporary failure, try again later\r\n");
    assert_eq!((input.remaining(), server.state()), (6, State::Closed));
}

/// The questions of one session, in their order, with a server and an input that continues.
struct Asked<'i> {
    server: Server<Infos, ServerConfig<'static>>,
    input: Input<'i>,
}

impl<'i> Asked<'i> {
    fn new(config: ServerConfig<'static>, id: u64, lines: &'static [u8]) -> (Self, Greet) {
        let mut asked = Asked { server: Server::new(config, id), input: Input::more(lines) };
        let greet = ask!(asked.server, &mut asked.input, &mut SendBuf::new([0; 4096]), Greet);
        (asked, greet)
    }

    fn step(&mut self) -> Step<'i> {
        self.server.poll(&mut self.input, &mut SendBuf::new([0; 4096])).unwrap()
    }

    fn user(config: ServerConfig<'static>, id: u64, lines: &'static [u8]) -> (Self, User) {
        let (mut asked, greet) = Self::new(config, id, lines);
        asked.server.greet(greet, Text::EMPTY, &mut SendBuf::new([0; 4096])).unwrap();
        let Step::Ask(Ask::User(user, _)) = asked.step() else { panic!() };
        (asked, user)
    }

    fn login(config: ServerConfig<'static>, id: u64) -> (Self, Login) {
        let (mut asked, user) = Self::user(config, id, b"USER mrose\r\nPASS a\r\nRETR 2\r\nQUIT\r\n");
        asked.server.accept_name(user).unwrap();
        let Step::Ask(Ask::Login(login, _)) = asked.step() else { panic!() };
        (asked, login)
    }

    fn fetch(config: ServerConfig<'static>, id: u64) -> (Self, Fetch) {
        let (mut asked, login) = Self::login(config, id);
        asked.server.accept(login, infos(&["a", "b"])).unwrap();
        let Step::Ask(Ask::Fetch(fetch)) = asked.step() else { panic!() };
        (asked, fetch)
    }
}

/// While a question is open, the server reads, writes and asks nothing.
#[test]
fn law_7_a_question_waits_for_its_answer() {
    let (mut asked, fetch) = Asked::fetch(CLEAR, 9);
    let left = asked.input.remaining();
    for _ in 0..3 {
        assert!(matches!(asked.step(), Step::Waiting));
    }
    assert_eq!(asked.input.remaining(), left);
    assert_eq!((fetch.connection(), fetch.message().get(), fetch.top()), (9, 2, None));
    asked.server.send_body_of(fetch, 3).unwrap();
    assert!(matches!(asked.step(), Step::NeedBody));
    assert!(matches!(asked.step(), Step::NeedBody));
}

/// Another connection's token is returned, and is still valid there.
#[test]
fn law_7_a_token_of_another_connection_is_not_taken() {
    let (mut one, first) = Asked::user(CLEAR, 1, b"USER a\r\n");
    let (mut two, second) = Asked::user(CLEAR, 2, b"USER a\r\n");
    let back = two.server.accept_name(first).unwrap_err();
    assert_eq!((back.why, back.token.connection()), (AnswerError::OtherConnection, 1));
    let back = two.server.refuse(back.token, Refusal::Credentials).unwrap_err();
    assert_eq!(back.why, AnswerError::OtherConnection);
    one.server.accept_name(back.token).unwrap();
    two.server.accept_name(second).unwrap();
    let (mut one, login) = Asked::login(CLEAR, 1);
    let (mut two, other) = Asked::login(CLEAR, 2);
    let back = one.server.accept(other, infos(&["x"])).unwrap_err();
    assert_eq!((back.why, back.maildrop.len()), (AnswerError::OtherConnection, 1));
    assert!(one.server.maildrop().is_none());
    two.server.accept(back.token, back.maildrop).unwrap();
    one.server.refuse(login, Refusal::InUse).unwrap();
}

/// A server that was closed, or timed out, accepts no answer.
#[test]
fn law_7_a_token_is_stale_once_the_session_continued() {
    let (mut asked, login) = Asked::login(CLEAR, 1);
    asked.server.close();
    let back = asked.server.accept(login, infos(&["a"])).unwrap_err();
    assert_eq!(back.why, AnswerError::Stale);
    assert_eq!(asked.server.refuse(back.token, Refusal::InUse).unwrap_err().why, AnswerError::Stale);
    assert!(matches!(asked.step(), Step::Closed(CloseReason::Aborted)));
    let (mut asked, fetch) = Asked::fetch(CLEAR, 1);
    asked.server.close();
    assert_eq!(asked.server.send_body_of(fetch, 1).unwrap_err().why, AnswerError::Stale);
    assert_eq!(asked.server.state(), State::Closed);
    let (mut asked, greet) = Asked::new(CLEAR, 1, b"");
    asked.server.close();
    let mut buffer = [0; MIN_SEND_BUF];
    let mut out = SendBuf::new(&mut buffer[..]);
    assert_eq!(asked.server.greet(greet, Text::EMPTY, &mut out).unwrap_err().why, AnswerError::Stale);
    assert_eq!(pending(&mut out), "");
}

/// The way out if a token was lost.
#[test]
fn a_lost_token_leaves_only_close() {
    let (mut asked, fetch) = Asked::fetch(CLEAR, 1);
    drop(fetch);
    assert!(matches!(asked.step(), Step::Waiting));
    asked.server.close();
    assert!(matches!(asked.step(), Step::Closed(CloseReason::Aborted)));
    asked.server.close();
    assert!(matches!(asked.step(), Step::Closed(CloseReason::Aborted)));
    assert!(asked.server.into_maildrop().is_some());
}

/// The line is written completely or not at all, and the same answer succeeds once there is room.
#[test]
fn law_4_an_answer_that_does_not_fit_comes_back() {
    let (mut asked, greet) = Asked::new(CLEAR, 1, b"");
    let mut buffer = [0; MIN_SEND_BUF];
    let mut out = SendBuf::new(&mut buffer[..]);
    out.put(&[&[b'-'; 500]]).unwrap();
    let text = Text::from_static("a greeting");
    let back = asked.server.greet(greet, text, &mut out).unwrap_err();
    assert!(matches!(back.why, AnswerError::BufferFull(full) if !full.never_fits()));
    assert_eq!((out.pending().len(), asked.server.state()), (500, State::Greeting));
    out.sent(500);
    asked.server.greet(back.token, text, &mut out).unwrap();
    assert_eq!(pending(&mut out), "+OK a greeting\r\n");

    let mut server = machine(OFFER, three(), "");
    let other = ask!(server, &mut Input::more(b"XTND\r\n"), &mut SendBuf::new([0; 512]), Other, _text, _rest);
    out.put(&[&[b'-'; 510]]).unwrap();
    let back = server.other(other, text, &mut out).unwrap_err();
    assert!(matches!(back.why, AnswerError::BufferFull(_)));
    out.sent(510);
    server.other(back.token, text, &mut out).unwrap();
    assert_eq!(pending(&mut out), "+OK a greeting\r\n");
}

#[test]
fn a_challenge_is_for_auth_only() {
    let (mut asked, login) = Asked::login(CLEAR, 1);
    assert!(!login.is_auth() && !login.utf8());
    let mut buffer = [0; MIN_SEND_BUF];
    let mut out = SendBuf::new(&mut buffer[..]);
    let back = asked.server.challenge(login, Base64::EMPTY, &mut out).unwrap_err();
    assert_eq!((back.why, pending(&mut out).as_str()), (AnswerError::Stale, ""));
    asked.server.refuse(back.token, Refusal::Credentials).unwrap();
}

#[test]
fn the_answers_to_a_host_command() {
    let mut server = machine(OFFER, three(), LOGIN);
    let mut buffer = [0; 1024];
    let mut out = SendBuf::new(&mut buffer[..]);
    for (refusal, ..) in REFUSALS {
        let other = ask!(server, &mut Input::more(b"XTND XLST\r\n"), &mut out, Other, _text, _rest);
        server.refuse(other, refusal).unwrap();
        assert!(matches!(server.poll(&mut Input::more(b""), &mut out), Ok(Step::NeedInput)));
        assert_eq!(pending(&mut out), line(refusal, SYSTEM));
    }
    let mut host = Host::three(OFFER).login();
    assert_eq!(host.say("XTND XLST\r\nSTAT\r\n"), "+OK done\r\n+OK 3 325\r\n");
}
