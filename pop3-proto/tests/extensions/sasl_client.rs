//! AUTH from the client's side: the command and its challenges (RFC 5034 sections 3 and 4), and what servers do instead.

use super::sasl_kit::{Desk, auth, auth_with, step, user};
use pop3_proto::client::{Config, Event, Feature, SendError};
use pop3_proto::{
    AnswerError, Base64, Command, Fatal, Limits, Mechanism, Profile, Quirk, State, TlsPolicy, Verb,
};

const INSIDE: TlsPolicy = TlsPolicy::Implicit;
const STRICT: Config = Config::new(INSIDE).profile(Profile::Strict);

fn base64(text: &[u8]) -> Base64<'_> {
    Base64::new(text).unwrap()
}

/// AUTH and this answer to it; the one event.
fn answer<'i>(config: impl Into<Config>, wire: &'i [u8]) -> (Desk, Event<'i>) {
    let mut desk = Desk::greeted(config);
    desk.say(&auth(Mechanism::PLAIN)).unwrap();
    let event = desk.hear_one(wire);
    (desk, event)
}

// The command.

/// Also 5034.4.a and 1734.2.a: none, an empty one, base64.
#[test]
fn r5034_4_b_an_initial_response_is_absent_empty_or_base64() {
    for (command, line) in [
        (auth(Mechanism::PLAIN), "AUTH PLAIN\r\n"),
        (auth_with(Mechanism::EXTERNAL, b""), "AUTH EXTERNAL =\r\n"),
        (auth_with(Mechanism::PLAIN, b"AHRlc3QAdGVzdA=="), "AUTH PLAIN AHRlc3QAdGVzdA==\r\n"),
    ] {
        assert_eq!(Desk::greeted(INSIDE).say(&command).unwrap(), line);
    }
}

/// 255 octets with the line end, and not one more: 242 are left for PLAIN, 236 for OAUTHBEARER.
#[test]
fn r5034_4_o_an_initial_response_that_makes_the_line_too_long_is_refused() {
    let text = [b'A'; 248];
    for (mechanism, fits) in [
        (Mechanism::PLAIN, 240),
        (Mechanism::OAUTHBEARER, 236),
        (Mechanism::XOAUTH2, 240),
        (Mechanism::new(b"M").unwrap(), 244),
        (Mechanism::new(b"ABCDEFGHIJKLM").unwrap(), 232),
    ] {
        let mut desk = Desk::greeted(INSIDE);
        let long = desk.say(&auth_with(mechanism, &text[..fits + 4]));
        assert_eq!(long, Err(SendError::InitialResponseTooLong { limit: 255 }));
        assert_eq!(desk.said(), "", "nothing went out");
        let line = desk.say(&auth_with(mechanism, &text[..fits])).unwrap();
        assert!(line.len() <= 255 && line.len() + 4 > 255, "{mechanism}: {}", line.len());
    }
}

#[test]
fn r5034_4_o_the_limit_in_force_decides_to_the_octet() {
    let limits = |octets| Config::new(INSIDE).limits(Limits::DEFAULT.command_line(octets));
    let command = auth_with(Mechanism::PLAIN, &[b'A'; 100]);
    assert!(Desk::greeted(limits(113)).say(&command).is_ok());
    let refused = Desk::greeted(limits(112)).say(&command);
    assert_eq!(refused, Err(SendError::InitialResponseTooLong { limit: 112 }));
}

/// Also 5034.4.j: what did not fit goes behind the empty challenge, on a line of its own.
#[test]
fn r5034_4_o_the_two_line_form() {
    let (mut desk, event) = answer(INSIDE, b"+ \r\n");
    let Event::Challenge(step, challenge) = event else { panic!() };
    assert!(challenge.is_empty());
    let long = [b'A'; 1000];
    desk.client.sasl(step, base64(&long), &mut desk.out).unwrap();
    assert_eq!(desk.said().as_bytes(), [&long[..], b"\r\n"].concat());
    assert!(matches!(desk.hear_one(b"+OK\r\n"), Event::AuthAccepted(..)));
}

/// Also 5034.3.c and ROB.31's other half: a server that did not list SASL gets no initial response.
#[test]
fn r5034_3_b_no_initial_response_to_a_server_without_sasl() {
    let initial = auth_with(Mechanism::PLAIN, b"AAAA");
    let mut refused = Desk::greeted(INSIDE);
    refused.say(&Command::Capa).unwrap();
    refused.hear(b"-ERR\r\n").unwrap();
    for mut desk in [refused, Desk::listed(INSIDE, "TOP\r\n"), Desk::listed(INSIDE, "")] {
        assert_eq!(desk.say(&initial), Err(SendError::InitialResponse));
        assert_eq!(desk.say(&auth(Mechanism::PLAIN)).unwrap(), "AUTH PLAIN\r\n", "as RFC 1734 has it");
    }
    assert!(Desk::listed(INSIDE, "SASL PLAIN\r\n").say(&initial).is_ok());
}

/// Quirk 23: a mechanism that is not in the list may be tried.
#[test]
fn quirk_23_a_mechanism_that_is_not_listed_can_be_tried() {
    let mut desk = Desk::listed(INSIDE, "SASL PLAIN LOGIN\r\n");
    assert!(!desk.client.capabilities().has_mechanism(Mechanism::XOAUTH2));
    assert!(desk.say(&auth_with(Mechanism::XOAUTH2, b"AAAA")).is_ok());
}

#[test]
fn r5034_3_f_mechanisms_compare_without_case_and_unknown_ones_are_passed_over() {
    let desk = Desk::listed(INSIDE, "SASL plain X-NEW Scram-Sha-256\r\n");
    let capabilities = desk.client.capabilities();
    assert!(capabilities.has(Feature::Sasl));
    assert!(capabilities.has_mechanism(Mechanism::PLAIN));
    assert!(capabilities.has_mechanism(Mechanism::SCRAM_SHA_256));
    assert!(!capabilities.has_mechanism(Mechanism::new(b"X-NEW").unwrap()), "it has no constant");
    assert!(!capabilities.has_mechanism(Mechanism::LOGIN));
}

/// A list after login without SASL is no reason to end the session.
#[test]
fn amb_8_sasl_may_be_missing_after_login() {
    let mut desk = Desk::listed(INSIDE, "SASL PLAIN\r\n");
    desk.say(&auth_with(Mechanism::PLAIN, b"AAAA")).unwrap();
    let Event::AuthAccepted(done, _) = desk.hear_one(b"+OK\r\n") else { panic!() };
    desk.client.verified(done).unwrap();
    assert!(desk.client.capabilities().is_before_login());
    desk.learn("TOP\r\n");
    assert_eq!(desk.client.state(), State::Transaction);
    assert!(desk.say(&Command::Stat).is_ok());
}

/// Also AMB.20 and 4422.3.a: from AUTH to its answer every line is a response, and nothing else goes out.
#[test]
fn r5034_4_am_nothing_is_sent_while_auth_runs() {
    let mut desk = Desk::greeted(Config::new(INSIDE).assume_pipelining());
    let others = [Command::Quit, Command::Capa, user("mrose"), auth(Mechanism::PLAIN)];
    desk.say(&auth(Mechanism::PLAIN)).unwrap();
    for command in &others {
        assert_eq!(desk.say(command), Err(SendError::Behind(Verb::Auth)));
    }
    let step = step(desk.hear_one(b"+ \r\n"));
    for command in &others {
        assert_eq!(desk.say(command), Err(SendError::CallersTurn));
    }
    desk.client.sasl(step, Base64::EMPTY, &mut desk.out).unwrap();
    for command in &others {
        assert_eq!(desk.say(command), Err(SendError::Behind(Verb::Auth)));
    }
}

// Challenges.

#[test]
fn r5034_4_g_a_challenge_is_handed_out_undecoded() {
    let (_, event) = answer(INSIDE, b"+ VXNlciBOYW1l\r\n");
    let Event::Challenge(_, challenge) = event else { panic!("{event:?}") };
    assert_eq!(challenge.as_bytes(), b"VXNlciBOYW1l");
    assert!(event.ticket().is_none());
}

#[test]
fn r5034_4_j_an_empty_response_is_an_empty_line() {
    let (mut desk, step) = Desk::challenged(INSIDE, b"+ \r\n");
    desk.client.sasl(step, Base64::EMPTY, &mut desk.out).unwrap();
    assert_eq!(desk.said(), "\r\n");
}

/// Also 5034.4.i: `+` alone is an empty challenge.
#[test]
fn quirk_19_a_challenge_without_its_space() {
    let (desk, event) = answer(INSIDE, b"+\r\n");
    let Event::Challenge(_, challenge) = event else { panic!("{event:?}") };
    assert!(challenge.is_empty());
    assert!(desk.client.quirks().contains(Quirk::ChallengeSpacing));

    let mut desk = Desk::greeted(STRICT);
    desk.say(&auth(Mechanism::PLAIN)).unwrap();
    assert_eq!(desk.hear(b"+\r\n").unwrap_err(), Fatal::Strict(Quirk::ChallengeSpacing));
}

/// `+VXNl` has no delimiter: it is no challenge, and what is missing is not guessed.
#[test]
fn rob_14_in_auth_a_line_that_is_no_status_is_fatal() {
    for line in [&b"+VXNl\r\n"[..], b"VXNl\r\n", b"\r\n", b"* OK\r\n", b"+OKAY\r\n"] {
        let mut desk = Desk::greeted(INSIDE);
        desk.say(&auth(Mechanism::PLAIN)).unwrap();
        assert_eq!(desk.hear(line).unwrap_err(), Fatal::NotPop3, "{:?}", line.escape_ascii());
    }
}

#[test]
fn r5034_5_b_a_challenge_answers_nothing_but_auth() {
    let challenges = [&b"+ \r\n"[..], b"+ VXNlciBOYW1l\r\n", b"+\r\n"];
    for challenge in challenges {
        assert_eq!(Desk::new(INSIDE).hear(challenge).unwrap_err(), Fatal::NotPop3, "a greeting");
        for command in [user("mrose"), Command::Capa, Command::AuthList, Command::Quit] {
            let mut desk = Desk::greeted(INSIDE);
            desk.say(&command).unwrap();
            assert_eq!(desk.hear(challenge).unwrap_err(), Fatal::NotPop3, "{command:?}");
        }
    }
}

/// A prompt in clear is shown, and may be answered, in the first round only.
#[test]
fn quirk_20_a_first_challenge_that_is_no_base64_may_be_answered() {
    let (mut desk, event) = answer(INSIDE, b"+ Username:\r\n");
    let Event::OddChallenge(step, octets) = event else { panic!("{event:?}") };
    assert_eq!(octets, b"Username:");
    assert!(desk.client.quirks().contains(Quirk::ChallengeText));
    desk.client.sasl(step, base64(b"AAAA"), &mut desk.out).unwrap();
    assert_eq!(desk.said(), "AAAA\r\n");

    let Event::OddChallenge(step, _) = desk.hear_one(b"+ Password:\r\n") else { panic!() };
    let unanswered = desk.client.sasl(step, base64(b"AAAA"), &mut desk.out).unwrap_err();
    assert_eq!(unanswered.why, AnswerError::MustCancel);
    assert_eq!(desk.said(), "");
    desk.client.sasl_cancel(unanswered.token, &mut desk.out).unwrap();
    assert_eq!(desk.said(), "*\r\n");
}

/// Also 4648.3.a, on the whole line: what stands before a control octet is no challenge by itself.
#[test]
fn r5034_4_r_base64_that_does_not_decode_is_answered_by_a_cancel() {
    let bad: [&[u8]; 8] = [b"=AAA", b"AAA=BBB", b"AA A=", b"AAAAA", b"=", b"AAAA\rAAAA", b"AAAA\0", b"AB=="];
    for text in bad {
        for (config, first) in [(Config::new(INSIDE), false), (STRICT, true)] {
            let mut desk = Desk::greeted(config);
            desk.say(&auth(Mechanism::PLAIN)).unwrap();
            if !first {
                let step = step(desk.hear_one(b"+ \r\n"));
                desk.client.sasl(step, Base64::EMPTY, &mut desk.out).unwrap();
            }
            let wire = [b"+ ", text, b"\r\n"].concat();
            let heard = desk.hear(&wire);
            if let Err(fatal) = heard {
                assert_eq!(fatal, Fatal::Strict(Quirk::ControlInText), "{:?}", text.escape_ascii());
                continue;
            }
            let event = heard.unwrap().remove(0);
            assert!(matches!(event, Event::OddChallenge(..)), "{:?}", text.escape_ascii());
            let unanswered = desk.client.sasl(step(event), Base64::EMPTY, &mut desk.out).unwrap_err();
            assert_eq!(unanswered.why, AnswerError::MustCancel);
            desk.said();
            desk.client.sasl_cancel(unanswered.token, &mut desk.out).unwrap();
            assert_eq!(desk.said(), "*\r\n");
            assert!(matches!(desk.hear_one(b"-ERR cancelled\r\n"), Event::Refused(..)));
        }
    }
}

/// Also 4422.3.5.a: `-ERR` is due behind `*`; the session then goes on, and anything else is out of step.
#[test]
fn r5034_4_k_a_client_cancels_with_a_star() {
    for (wire, fatal) in [
        (&b"-ERR cancelled\r\n"[..], None),
        (b"+ AAAA\r\n", Some(Fatal::Unsolicited)),
        (b"+OK welcome\r\n", Some(Fatal::Unsolicited)),
    ] {
        let (mut desk, step) = Desk::challenged(INSIDE, b"+ AAAA\r\n");
        desk.client.sasl_cancel(step, &mut desk.out).unwrap();
        assert_eq!(desk.said(), "*\r\n");
        let heard = desk.hear(wire).map(|events| events.len());
        assert_eq!(heard, fatal.map_or(Ok(1), Err), "{:?}", wire.escape_ascii());
        assert_eq!(desk.client.state(), State::Authorization);
        assert_eq!(desk.say(&user("mrose")).is_ok(), fatal.is_none());
    }
}
