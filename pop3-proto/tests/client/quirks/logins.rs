//! AUTH, PASS and APOP.

use super::super::{CLEAR, Guest, STRICT, quirks};
use pop3_proto::client::SendError;
use pop3_proto::{AnswerError, Base64, Quirk, ResponseCode, State};

#[test]
fn quirk_18_auth_alone_lists_mechanisms() {
    for config in [CLEAR, STRICT] {
        let mut session = Guest::greeted(config);
        let events = session.ask("AUTH", "+OK\r\nPLAIN\r\nCRAM-MD5\r\nSASL PLAIN LOGIN\r\n+APOP\r\n.\r\n");
        let expected = [
            "AUTH begin",
            "mechanism PLAIN",
            "mechanism CRAM-MD5",
            "odd SASL PLAIN LOGIN",
            "odd +APOP",
            "AUTH end 4",
        ];
        assert_eq!(events, expected);
        assert_eq!(session.ask("AUTH", "-ERR\r\n"), ["AUTH refused"]);
        assert_eq!(session.client().state(), State::Authorization);
    }
}

#[test]
fn quirk_19_a_challenge_without_its_space() {
    let mut session = Guest::greeted(CLEAR);
    assert_eq!(session.ask("AUTH PLAIN", "+\r\n"), ["challenge"]);
    assert_eq!(session.quirks(), quirks(&[Quirk::ChallengeSpacing]));
    session.respond("AAAA");
    assert_eq!(session.sent(), "AAAA\r\n");
    assert_eq!(session.hear("+OK\r\n"), ["AUTH accepted"]);
    assert_eq!(Guest::greeted(STRICT).ask("AUTH PLAIN", "+\r\n"), ["fatal Strict(ChallengeSpacing)"]);
    assert_eq!(Guest::greeted(CLEAR).ask("AUTH PLAIN", "+\n"), ["fatal BareLf"]);
    assert_eq!(Guest::greeted(CLEAR).ask("AUTH PLAIN", "+AAAA\r\n"), ["fatal NotPop3"]);
}

/// Also ROB.33: `+OK` where `+` was expected ends the exchange.
#[test]
fn quirk_20_a_first_challenge_that_is_not_base64() {
    let mut session = Guest::greeted(CLEAR);
    assert_eq!(session.ask("AUTH LOGIN", "+ Username:\r\n"), ["odd challenge Username:"]);
    assert_eq!(session.quirks(), quirks(&[Quirk::ChallengeText]));
    session.respond("AAAA");
    assert_eq!(session.hear("+ Password:\r\n"), ["odd challenge Password:"]);
    let step = session.step.take().unwrap();
    let unanswered = session.pop3.sender().respond(step, Base64::EMPTY).unwrap_err();
    assert_eq!(unanswered, AnswerError::MustCancel, "the second one can only be cancelled");
    session.sent();
    assert_eq!(session.hear(""), ["odd challenge Password:"], "the connection asks again");
    session.respond("*");
    assert_eq!(session.sent(), "*\r\n");
    assert_eq!(session.hear("-ERR cancelled\r\n"), ["AUTH refused cancelled"]);

    let mut session = Guest::greeted(STRICT);
    session.ask("AUTH LOGIN", "+ Username:\r\n");
    let step = session.step.take().unwrap();
    let unanswered = session.pop3.sender().respond(step, Base64::EMPTY).unwrap_err();
    assert_eq!(unanswered, AnswerError::MustCancel);
    assert_eq!(Guest::greeted(CLEAR).ask("AUTH NTLM", "+OK\r\n"), ["AUTH accepted"]);
}

#[test]
fn quirk_21_an_initial_response_that_is_refused() {
    let mut session = Guest::greeted(CLEAR);
    assert_eq!(session.ask("AUTH XOAUTH2 AAAA", "-ERR protocol error\r\n"), ["AUTH refused protocol error"]);
    assert_eq!(session.ask("AUTH XOAUTH2", "+ \r\n"), ["challenge"]);
    session.respond("AAAA");
    assert_eq!(session.sent(), "AAAA\r\n");
    assert_eq!(session.hear("+OK\r\n"), ["AUTH accepted"]);
}

#[test]
fn quirk_22_an_error_that_comes_as_a_challenge() {
    let mut session = Guest::greeted(CLEAR);
    assert_eq!(
        session.ask("AUTH XOAUTH2 AAAA", "+ eyJzdGF0dXMiOiI0MDAifQ==\r\n"),
        ["challenge eyJzdGF0dXMiOiI0MDAifQ=="]
    );
    session.respond("");
    assert_eq!(session.sent(), "\r\n");
    assert_eq!(session.hear("-ERR no\r\n"), ["AUTH refused no"]);
    assert_eq!(session.client().state(), State::Authorization);
}

#[test]
fn quirk_23_a_mechanism_that_is_not_listed_can_be_tried() {
    let mut session = Guest::greeted(STRICT);
    session.ask("CAPA", "+OK\r\nSASL PLAIN\r\n.\r\n");
    assert!(session.send("AUTH XOAUTH2 AAAA").is_ok());
}

#[test]
fn quirk_24_a_server_that_closes_on_a_bad_password() {
    let start = || {
        let mut session = Guest::greeted(CLEAR);
        session.ask("USER mrose", "+OK\r\n");
        session.send("PASS wrong").unwrap();
        session
    };
    let mut session = start();
    assert_eq!(session.last(""), ["fatal UnexpectedEof"]);
    assert_eq!(
        session.client().state(),
        State::Authorization,
        "so the caller knows that the login is not answered"
    );
    let mut session = start();
    let events = session.hear("-ERR no\r\n+OK pop3 server signing off\r\n");
    assert_eq!(events, ["PASS refused no", "fatal Unsolicited"]);
}

/// Texts are for people; the meaning of a refusal is in its response code.
#[test]
fn quirk_25_the_text_of_a_refusal_is_not_read() {
    for text in ["maildrop lock busy", "Mailbox in use", "wait a while", "unavailable"] {
        let mut session = Guest::greeted(STRICT);
        session.ask("USER mrose", "+OK\r\n");
        assert_eq!(session.ask("PASS x", format!("-ERR {text}\r\n")), [format!("PASS refused {text}")]);
        assert_eq!(session.send("PASS x").unwrap_err(), SendError::NoUser);
    }
    assert!(ResponseCode::new(b"IN-USE").unwrap().retry().is_some());
}

/// Also ROB.26: `greeting` tests the syntax of timestamps.
#[test]
fn quirk_26_odd_timestamps_are_ignored() {
    let apop = "APOP mrose c4c9334bac560ecc979e58001b3e22fb";
    for greeting in ["+OK <1>", "+OK <no at sign>", "+OK << 1@x>", "+OK <1@x", "+OK ready"] {
        let mut session = Guest::new(CLEAR);
        session.hear(format!("{greeting}\r\n"));
        assert_eq!(session.send(apop).unwrap_err(), SendError::NoTimestamp, "{greeting}");
    }
    let mut session = Guest::new(CLEAR);
    session.hear("-ERR <1@x>\r\n");
    assert_eq!(session.send(apop).unwrap_err(), SendError::NoService);
}
