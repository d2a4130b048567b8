//! AUTH from the client's side: limits of an exchange, and how it ends (RFC 5034 section 4).

use super::sasl_kit::{Desk, auth, auth_with, pass, step, user};
use pop3_proto::client::{ClientConfig, Event, SendError};
use pop3_proto::{
    AnswerError, Base64, Command, ConnectionError, Input, Limit, Limits, Mechanism, MessageNumber, SendBuf,
    State, TlsPolicy, Verb,
};

const INSIDE: TlsPolicy = TlsPolicy::Implicit;

fn base64(text: &[u8]) -> Base64<'_> {
    Base64::new(text).unwrap()
}

/// AUTH and this answer to it; the one event.
fn answer<'i>(config: impl Into<ClientConfig>, wire: &'i [u8]) -> (Desk, Event<'i>) {
    let mut desk = Desk::greeted(config);
    desk.say(&auth(Mechanism::PLAIN)).unwrap();
    let event = desk.hear_one(wire);
    (desk, event)
}

/// Also 5034.4.u: the limit is that of SASL lines, with the line end, in both directions.
#[test]
fn r5034_4_v_lines_of_an_exchange_have_their_own_limit() {
    let config = ClientConfig::new(INSIDE).with_limits(Limits::DEFAULT.with_sasl_line(1000));
    let line = |octets: usize| [b"+ ".to_vec(), vec![b'A'; octets], b"\r\n".to_vec()].concat();
    let (mut desk, step) = Desk::challenged(config, &line(996));
    let unanswered = desk.client.respond(step, base64(&[b'A'; 1000]), &mut desk.out).unwrap_err();
    assert_eq!(unanswered.why, AnswerError::TooLong { limit: 1000 });
    desk.client.respond(unanswered.token, base64(&[b'A'; 996]), &mut desk.out).unwrap();
    assert_eq!(desk.said().len(), 998);
    let fatal = desk.hear(&line(1000)).unwrap_err();
    assert_eq!(fatal, ConnectionError::OverLimit(Limit::SaslLine));
}

/// The line end counts, to the octet.
#[test]
fn r5034_4_v_the_limit_counts_the_line_end() {
    for (limit, taken) in [(98, true), (97, false)] {
        let config = ClientConfig::new(INSIDE).with_limits(Limits::DEFAULT.with_sasl_line(limit));
        let (mut desk, step) = Desk::challenged(config, b"+ \r\n");
        assert_eq!(desk.client.respond(step, base64(&[b'A'; 96]), &mut desk.out).is_ok(), taken);
    }
}

#[test]
fn r5034_4_u_twelve_kib_unless_it_is_set_otherwise() {
    let line = |octets: usize| [b"+ ".to_vec(), vec![b'A'; octets], b"\r\n".to_vec()].concat();
    let (mut desk, step) = Desk::challenged(INSIDE, &line(12_284));
    desk.client.respond(step, base64(&[b'A'; 12_284]), &mut desk.out).unwrap();
    assert_eq!(desk.hear(&line(12_288)).unwrap_err(), ConnectionError::OverLimit(Limit::SaslLine));
}

#[test]
fn law_10_an_exchange_has_a_limit_of_rounds() {
    let mut desk = Desk::greeted(ClientConfig::new(INSIDE).with_limits(Limits::DEFAULT.with_sasl_rounds(3)));
    for _ in 0..2 {
        desk.say(&auth(Mechanism::PLAIN)).unwrap();
        for _ in 0..3 {
            let step = step(desk.hear_one(b"+ \r\n"));
            desk.client.respond(step, Base64::EMPTY, &mut desk.out).unwrap();
        }
        desk.hear(b"-ERR\r\n").unwrap(); // each exchange counts from 0
    }
    desk.say(&auth(Mechanism::PLAIN)).unwrap();
    for _ in 0..3 {
        let step = step(desk.hear_one(b"+ \r\n"));
        desk.client.respond(step, Base64::EMPTY, &mut desk.out).unwrap();
    }
    assert_eq!(desk.hear(b"+ \r\n").unwrap_err(), ConnectionError::OverLimit(Limit::SaslRounds));
}

#[test]
fn law_4_a_response_that_does_not_fit_changes_nothing() {
    let (mut desk, step) = Desk::challenged(INSIDE, b"+ \r\n");
    let mut buffer = [0; 8];
    let mut out = SendBuf::new(&mut buffer[..]);
    let unanswered = desk.client.respond(step, base64(b"AAAAAAAA"), &mut out).unwrap_err();
    assert!(matches!(unanswered.why, AnswerError::BufferFull(full) if full.never_fits()));
    assert!(out.pending().is_empty());
    desk.client.respond(unanswered.token, base64(b"AAAA"), &mut out).unwrap();
    assert_eq!(out.pending(), b"AAAA\r\n");
}

// The outcome.

/// After each number of rounds `-ERR` ends the exchange, and another login works; a name given before is still good for PASS.
#[test]
fn r5034_4_y_after_a_failed_auth_it_is_as_if_there_was_none() {
    for rounds in 0..3 {
        let mut desk = Desk::greeted(INSIDE);
        desk.say(&user("mrose")).unwrap();
        desk.hear(b"+OK\r\n").unwrap();
        desk.say(&auth(Mechanism::LOGIN)).unwrap();
        for _ in 0..rounds {
            let step = step(desk.hear_one(b"+ AAAA\r\n"));
            desk.client.respond(step, base64(b"AAAA"), &mut desk.out).unwrap();
        }
        let Event::Refused(ticket, _) = desk.hear_one(b"-ERR no\r\n") else { panic!() };
        assert_eq!(ticket.verb, Verb::Auth);
        desk.said();
        assert_eq!(desk.say(&pass("secret")).unwrap(), "PASS secret\r\n");
        desk.hear(b"+OK\r\n").unwrap();
        assert_eq!(desk.client.state(), State::Transaction);
    }
}

/// The word of a server alone makes no TRANSACTION; until the mechanism agrees only QUIT goes out.
#[test]
fn r5034_4_ao_an_accepted_auth_is_no_login_before_the_mechanism_agrees() {
    let (mut desk, event) = answer(INSIDE, b"+OK welcome\r\n");
    let Event::AuthAccepted(done, status) = event else { panic!("{event:?}") };
    assert_eq!(status.text().as_bytes(), b"welcome");
    assert_eq!(desk.client.state(), State::Authorization);
    for command in [Command::Stat, Command::Capa, user("mrose"), auth(Mechanism::PLAIN), Command::Stls] {
        assert_eq!(desk.say(&command), Err(SendError::CallersTurn));
    }
    desk.client.verified(done).unwrap();
    assert_eq!(desk.client.state(), State::Transaction);
    assert!(desk.say(&Command::Stat).is_ok());
}

#[test]
fn r5034_4_ao_a_client_that_does_not_agree_can_only_quit() {
    let (mut desk, event) = answer(INSIDE, b"+OK\r\n");
    let Event::AuthAccepted(done, _) = event else { panic!() };
    assert_eq!(desk.say(&Command::Quit).unwrap(), "QUIT\r\n");
    let unanswered = desk.client.verified(done).unwrap_err();
    assert_eq!(unanswered.why, AnswerError::Stale);
    assert_eq!(desk.client.state(), State::Authorization);
    assert!(matches!(desk.hear_one(b"+OK bye\r\n"), Event::Closed(_)));
}

/// Octets behind an AUTH that waits for its verdict were asked for by nobody.
#[test]
fn r5034_4_ao_octets_behind_an_accepted_auth_are_fatal() {
    let mut desk = Desk::greeted(INSIDE);
    desk.say(&auth(Mechanism::PLAIN)).unwrap();
    assert_eq!(desk.hear(b"+OK\r\n+OK 1 2\r\n").unwrap_err(), ConnectionError::Unsolicited);
}

/// Tokens are good once, for the client whose turn it is.
#[test]
fn law_7_a_client_takes_no_old_token() {
    let (mut desk, step) = Desk::challenged(INSIDE, b"+ \r\n");
    let mut other = Desk::greeted(INSIDE);
    let unanswered = other.client.respond(step, Base64::EMPTY, &mut other.out).unwrap_err();
    assert_eq!(unanswered.why, AnswerError::Stale);
    let unanswered = other.client.cancel(unanswered.token, &mut other.out).unwrap_err();
    assert_eq!(unanswered.why, AnswerError::Stale);
    assert_eq!(other.said(), "");
    assert!(matches!(desk.hear(b"+OK\r\n"), Err(ConnectionError::Unsolicited)));
    let unanswered = desk.client.respond(unanswered.token, Base64::EMPTY, &mut desk.out).unwrap_err();
    assert_eq!(unanswered.why, AnswerError::Stale, "the session is over");
}

/// Also 5802.5.k: the server's last word is a challenge, the answer an empty line, and then comes `+OK`.
#[test]
fn r5034_4_z_the_last_word_of_a_server_is_a_challenge() {
    let mut desk = Desk::greeted(INSIDE);
    desk.say(&auth_with(Mechanism::SCRAM_SHA_256, b"bixuPXUscj1jbm9u")).unwrap();
    for (challenge, response) in [(&b"+ cj1u\r\n"[..], &b"Yz1i"[..]), (b"+ dj1w\r\n", b"")] {
        let step = step(desk.hear_one(challenge));
        desk.client.respond(step, base64(response), &mut desk.out).unwrap();
    }
    assert_eq!(desk.said(), "Yz1i\r\n\r\n");
    let Event::AuthAccepted(done, _) = desk.hear_one(b"+OK\r\n") else { panic!() };
    desk.client.verified(done).unwrap();
}

/// `+OK` where a challenge was due ends the exchange: it is for the driver to disagree, as its mechanism has sent nothing yet.
#[test]
fn rob_33_an_ok_for_a_challenge_ends_the_exchange() {
    let mut desk = Desk::greeted(INSIDE);
    desk.say(&auth(Mechanism::LOGIN)).unwrap();
    assert!(matches!(desk.hear_one(b"+OK\r\n"), Event::AuthAccepted(..)));
    assert_eq!(desk.client.state(), State::Authorization);
    assert!(desk.hear(b"").unwrap().is_empty());
}

/// Also 5034.4.d and 4422.3.8.a.
#[test]
fn r5034_4_e_no_auth_but_in_authorization() {
    let mut desk = Desk::new(INSIDE);
    assert_eq!(desk.say(&auth(Mechanism::PLAIN)), Err(SendError::State(State::Greeting)));
    let (mut desk, event) = answer(INSIDE, b"+OK\r\n");
    let Event::AuthAccepted(done, _) = event else { panic!() };
    desk.client.verified(done).unwrap();
    for command in [auth(Mechanism::PLAIN), auth_with(Mechanism::PLAIN, b"AAAA"), Command::AuthList] {
        assert_eq!(desk.say(&command), Err(SendError::State(State::Transaction)));
    }
    assert!(desk.say(&Command::Retr(MessageNumber::new(1).unwrap())).is_ok());
}

#[test]
fn rob_29_an_end_inside_an_exchange_is_unexpected() {
    for wire in [&b""[..], b"+", b"+ AAAA", b"+ \r\n"] {
        let mut desk = Desk::greeted(INSIDE);
        desk.say(&auth(Mechanism::PLAIN)).unwrap();
        let mut input = Input::last(wire);
        let end = loop {
            match desk.client.poll(&mut input) {
                Ok(Some(_)) => {}
                Ok(None) => panic!("it goes on"),
                Err(fatal) => break fatal,
            }
        };
        assert_eq!(end, ConnectionError::UnexpectedEof, "{:?}", wire.escape_ascii());
    }
}

/// Quirk 21: a server that refuses the initial response gets the two-line form.
#[test]
fn quirk_21_an_initial_response_is_refused_and_then_sent_on_its_own_line() {
    let mut desk = Desk::listed(INSIDE, "SASL XOAUTH2\r\n");
    desk.say(&auth_with(Mechanism::XOAUTH2, b"AAAA")).unwrap();
    assert!(matches!(desk.hear_one(b"-ERR Protocol error\r\n"), Event::Refused(..)));
    assert_eq!(desk.say(&auth(Mechanism::XOAUTH2)).unwrap(), "AUTH XOAUTH2\r\n");
    let step = step(desk.hear_one(b"+ \r\n"));
    desk.client.respond(step, base64(b"AAAA"), &mut desk.out).unwrap();
    assert_eq!(desk.said(), "AAAA\r\n");
}

/// Also quirk 18: rows that name no mechanism are shown as they are.
#[test]
fn r1734_x_a_a_client_asks_for_the_mechanisms() {
    let mut desk = Desk::greeted(INSIDE);
    assert_eq!(desk.say(&Command::AuthList).unwrap(), "AUTH\r\n");
    let events = desk.hear(b"+OK\r\nPLAIN\r\nSASL PLAIN LOGIN\r\n+APOP\r\n.\r\n").unwrap();
    assert!(matches!(events[0], Event::Begin(..)));
    assert!(matches!(events[1], Event::Mechanism(_, mechanism) if mechanism == Mechanism::PLAIN));
    assert!(matches!(events[2], Event::Malformed(_, b"SASL PLAIN LOGIN")));
    assert!(matches!(events[3], Event::Malformed(_, b"+APOP")));
    assert!(matches!(events[4], Event::End(_, 3)));
    assert_eq!(desk.client.state(), State::Authorization);
    desk.say(&Command::AuthList).unwrap();
    assert!(matches!(desk.hear_one(b"-ERR\r\n"), Event::Refused(..)));
}

/// Also ROB.37: both answers are read before the outcome is known; a refused name takes PASS with it.
#[test]
fn rob_38_pass_behind_a_name_that_is_refused() {
    let mut desk = Desk::greeted(ClientConfig::new(INSIDE).assume_pipelining());
    desk.say(&user("nobody")).unwrap();
    desk.say(&pass("secret")).unwrap();
    let events = desk.hear(b"-ERR\r\n-ERR\r\n").unwrap();
    assert_eq!(
        events.iter().map(|event| event.ticket().unwrap().verb).collect::<Vec<_>>(),
        [Verb::User, Verb::Pass]
    );
    assert_eq!(desk.client.state(), State::Authorization);
    assert_eq!(desk.say(&pass("secret")), Err(SendError::NoUser));
    for refused in [user("nobody"), pass("secret")] {
        let mut desk = Desk::greeted(INSIDE);
        desk.say(&user("mrose")).unwrap();
        desk.hear(b"+OK\r\n").unwrap();
        desk.say(&refused).unwrap();
        desk.hear(b"-ERR\r\n").unwrap();
        assert_eq!(desk.say(&pass("secret")), Err(SendError::NoUser), "no name is left");
    }
}
