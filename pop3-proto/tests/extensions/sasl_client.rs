//! AUTH on the client's side: the command, challenges, their limits and the end (RFC 5034 sections 3 and 4), and
//! deviations of real servers.

use pop3_proto::client::{ClientConfig, Feature, SendError};
use pop3_proto::{AnswerError, Base64, Limits, Mechanism, Profile, Quirk, SendBuf, State, TlsPolicy, Verb};
use pop3_proto_kit::{Guest, client};

const INSIDE: ClientConfig = ClientConfig::new(TlsPolicy::Implicit);
const STRICT: ClientConfig = INSIDE.with_profile(Profile::Strict);

fn with_limits(limits: Limits) -> ClientConfig {
    INSIDE.with_limits(limits)
}

fn guest() -> Guest {
    Guest::greeted(INSIDE)
}

/// Returns a client after AUTH and this response to it.
fn auth(config: ClientConfig, response: impl AsRef<[u8]>) -> Guest {
    let mut guest = Guest::greeted(config);
    guest.ask("AUTH PLAIN", response);
    guest
}

/// Returns a challenge or a response of this many bytes without its line end.
fn text(bytes: usize) -> String {
    "A".repeat(bytes)
}

// The command.

/// Also 5034.4.a and 1734.2.a: absent, empty, or base64.
#[test]
fn r5034_4_b_an_initial_response_is_absent_empty_or_base64() {
    for line in ["AUTH PLAIN", "AUTH EXTERNAL =", "AUTH PLAIN AHRlc3QAdGVzdA=="] {
        assert_eq!(guest().say(line), Ok(format!("{line}\r\n")));
    }
}

/// 255 octets with the line end, and not one more: 242 are left for PLAIN, 236 for OAUTHBEARER. Another limit leaves
/// more or less.
#[test]
fn r5034_4_o_an_initial_response_that_makes_the_line_too_long_is_refused() {
    for (name, fits, limit) in [
        ("PLAIN", 240, 255),
        ("OAUTHBEARER", 236, 255),
        ("XOAUTH2", 240, 255),
        ("M", 244, 255),
        ("ABCDEFGHIJKLM", 232, 255),
        ("PLAIN", 100, 113),
        ("PLAIN", 96, 112),
    ] {
        let mut guest = Guest::greeted(with_limits(Limits::DEFAULT.with_command_line(limit)));
        let long = guest.say(format!("AUTH {name} {}", text(fits + 4)));
        assert_eq!(long, Err(SendError::InitialResponseTooLong { limit: limit.into() }));
        assert_eq!(guest.sent(), "", "no byte was sent");
        let line = guest.say(format!("AUTH {name} {}", text(fits))).unwrap();
        assert!(line.len() <= limit.into() && line.len() + 4 > limit.into(), "{name}: {}", line.len());
    }
}

/// Also 5034.4.j: an initial response that did not fit follows the empty challenge, on its own line.
#[test]
fn r5034_4_o_the_two_line_form() {
    guest().talk(&[("AUTH PLAIN", "+ \r\n", "challenge"), (&text(1000), "+OK\r\n", "AUTH accepted")]);
}

/// Also 5034.3.c and ROB.31's other half: a server that did not list SASL gets no initial response.
#[test]
fn r5034_3_b_no_initial_response_to_a_server_without_sasl() {
    let mut refused = guest();
    refused.ask("CAPA", "-ERR\r\n");
    for mut guest in [refused, Guest::listed(INSIDE, &["TOP"]), Guest::listed(INSIDE, &[])] {
        assert_eq!(guest.say("AUTH PLAIN AAAA"), Err(SendError::InitialResponse));
        assert_eq!(guest.say("AUTH PLAIN").unwrap(), "AUTH PLAIN\r\n", "as RFC 1734 defines it");
    }
    assert!(Guest::listed(INSIDE, &["SASL PLAIN"]).send("AUTH PLAIN AAAA").is_ok());
}

/// Quirk 23: a mechanism that is not in the list may be tried.
#[test]
fn quirk_23_a_mechanism_that_is_not_listed_can_be_tried() {
    let mut guest = Guest::listed(INSIDE, &["SASL PLAIN LOGIN"]);
    assert!(!guest.client().capabilities().has_mechanism(Mechanism::XOAUTH2));
    assert!(guest.send("AUTH XOAUTH2 AAAA").is_ok());
}

#[test]
fn r5034_3_f_mechanisms_compare_without_case_and_unknown_ones_are_passed_over() {
    let guest = Guest::listed(INSIDE, &["SASL plain X-NEW Scram-Sha-256"]);
    let capabilities = guest.client().capabilities();
    assert!(capabilities.has(Feature::Sasl));
    for (name, has) in [("PLAIN", true), ("SCRAM-SHA-256", true), ("X-NEW", false), ("LOGIN", false)] {
        assert_eq!(capabilities.has_mechanism(Mechanism::new(name.as_bytes()).unwrap()), has, "{name}");
    }
}

/// A list after login without SASL is no reason to end the session.
#[test]
fn amb_8_sasl_may_be_missing_after_login() {
    let mut guest = Guest::listed(INSIDE, &["SASL PLAIN"]);
    guest.talk(&[("AUTH PLAIN AAAA", "+OK\r\n", "AUTH accepted")]);
    guest.verify();
    assert!(guest.client().capabilities().is_before_login());
    guest.lists(&["TOP"]);
    assert_eq!(guest.client().state(), State::Transaction);
    assert!(guest.send("STAT").is_ok());
}

/// Also AMB.20 and 4422.3.a: from AUTH to its answer every line is a response, and the client sends no command.
#[test]
fn r5034_4_am_no_command_is_sent_while_auth_runs() {
    let mut guest = Guest::greeted(INSIDE.assume_pipelining());
    let nothing = |guest: &mut Guest, error| {
        for line in ["QUIT", "CAPA", "USER mrose", "AUTH PLAIN"] {
            assert_eq!(guest.send(line), Err(error));
        }
    };
    guest.send("AUTH PLAIN").unwrap();
    nothing(&mut guest, SendError::After(Verb::Auth));
    guest.hear("+ \r\n");
    nothing(&mut guest, SendError::CallersTurn);
    guest.respond("");
    nothing(&mut guest, SendError::After(Verb::Auth));
}

/// Also quirk 18: rows that name no mechanism are shown as they are.
#[test]
fn r1734_x_a_a_client_asks_for_the_mechanisms() {
    let mut guest = guest();
    guest.talk(&[
        (
            "AUTH",
            "+OK\r\nPLAIN\r\nSASL PLAIN LOGIN\r\n+APOP\r\n.\r\n",
            "AUTH begin; mechanism PLAIN; odd SASL PLAIN LOGIN; odd +APOP; AUTH end 3",
        ),
        ("AUTH", "-ERR\r\n", "AUTH refused"),
    ]);
    assert_eq!(guest.client().state(), State::Authorization);
}

// Challenges and responses.

/// Also 5034.4.g's other half: a challenge completes nothing.
#[test]
fn r5034_4_g_a_challenge_is_handed_out_undecoded() {
    let guest = auth(INSIDE, "+ VXNlciBOYW1l\r\n");
    assert!(guest.step.is_some() && !guest.client().is_idle());
    guest_hears("+ VXNlciBOYW1l\r\n", "challenge VXNlciBOYW1l");
}

fn guest_hears(response: &str, heard: &str) {
    guest().talk(&[("AUTH PLAIN", response, heard)]);
}

#[test]
fn r5034_4_j_an_empty_response_is_an_empty_line() {
    assert_eq!(auth(INSIDE, "+ \r\n").say(""), Ok("\r\n".into()));
}

/// Also 5034.4.i: `+` alone is an empty challenge.
#[test]
fn quirk_19_a_challenge_without_its_space() {
    let mut tolerant = guest();
    tolerant.talk(&[("AUTH PLAIN", "+\r\n", "challenge")]);
    assert!(tolerant.quirks().contains(Quirk::ChallengeSpacing));
    Guest::greeted(STRICT).talk(&[("AUTH PLAIN", "+\r\n", "fatal Strict(ChallengeSpacing)")]);
}

/// `+VXNl` has no delimiter, so it is not a challenge, and the client does not guess the missing part.
#[test]
fn rob_14_in_auth_a_line_that_is_not_a_status_is_fatal() {
    for line in ["+VXNl\r\n", "VXNl\r\n", "\r\n", "* OK\r\n", "+OKAY\r\n"] {
        guest_hears(line, "fatal NotPop3");
    }
}

#[test]
fn r5034_5_b_a_challenge_answers_only_auth() {
    for challenge in ["+ \r\n", "+ VXNlciBOYW1l\r\n", "+\r\n"] {
        assert_eq!(Guest::new(INSIDE).hear(challenge), ["fatal NotPop3"], "a greeting");
        for line in ["USER mrose", "CAPA", "AUTH", "QUIT"] {
            guest().talk(&[(line, challenge, "fatal NotPop3")]);
        }
    }
}

/// A prompt in plain text is reported, and may be answered, only in the first round.
#[test]
fn quirk_20_a_first_challenge_that_is_not_base64_may_be_answered() {
    let mut guest = guest();
    guest.talk(&[
        ("AUTH PLAIN", "+ Username:\r\n", "odd challenge Username:"),
        ("AAAA", "+ Password:\r\n", "odd challenge Password:"),
    ]);
    assert!(guest.quirks().contains(Quirk::ChallengeText));
    must_cancel(&mut guest, "odd challenge Password:");
}

/// The challenge cannot be answered, so the client asks again, and accepts a cancel.
fn must_cancel(guest: &mut Guest, again: &str) {
    let step = guest.step.take().unwrap();
    assert_eq!(guest.pop3.sender().respond(step, Base64::EMPTY), Err(AnswerError::MustCancel));
    assert_eq!(guest.sent(), "");
    assert_eq!(guest.hear(""), [again]);
    guest.talk(&[("*", "-ERR cancelled\r\n", "AUTH refused cancelled")]);
}

/// Also 4648.3.a, on the whole line: the part before a control byte is not a challenge by itself.
#[test]
fn r5034_4_r_base64_that_does_not_decode_is_answered_by_a_cancel() {
    for bad in ["=AAA", "AAA=BBB", "AA A=", "AAAAA", "=", "AAAA\rAAAA", "AAAA\0", "AB=="] {
        let shown = bad.split(char::is_control).next().unwrap();
        let odd = format!("odd challenge {shown}");
        let mut later = auth(INSIDE, "+ \r\n");
        later.say("").unwrap();
        assert_eq!(later.hear(format!("+ {bad}\r\n")), [odd.as_str()]);
        must_cancel(&mut later, &odd);
        let mut strict = Guest::greeted(STRICT);
        let heard = strict.ask("AUTH PLAIN", format!("+ {bad}\r\n"));
        if bad.contains(char::is_control) {
            assert_eq!(heard, ["fatal Strict(ControlInText)"]);
        } else {
            assert_eq!(heard, [odd.as_str()]);
            must_cancel(&mut strict, &odd);
        }
    }
}

/// Also 4422.3.5.a: `-ERR` is expected after `*`, and the session then continues. Any other response is out of step.
#[test]
fn r5034_4_k_a_client_cancels_with_a_star() {
    for (response, heard) in [
        ("-ERR cancelled\r\n", "AUTH refused cancelled"),
        ("+ AAAA\r\n", "fatal Unsolicited"),
        ("+OK welcome\r\n", "fatal Unsolicited"),
    ] {
        let mut guest = auth(INSIDE, "+ AAAA\r\n");
        guest.talk(&[("*", response, heard)]);
        assert_eq!(guest.client().state(), State::Authorization);
        assert_eq!(guest.send("USER mrose").is_ok(), !heard.starts_with("fatal"));
    }
}

/// Quirk 21: a server that refuses the initial response gets the two-line form.
#[test]
fn quirk_21_an_initial_response_is_refused_and_then_sent_on_its_own_line() {
    Guest::listed(INSIDE, &["SASL XOAUTH2"]).talk(&[
        ("AUTH XOAUTH2 AAAA", "-ERR Protocol error\r\n", "AUTH refused Protocol error"),
        ("AUTH XOAUTH2", "+ \r\n", "challenge"),
        ("AAAA", "+OK\r\n", "AUTH accepted"),
    ]);
}

// Limits.

/// Also 5034.4.u: the limit for SASL lines includes the line end, and is exact in both directions; the default is 12
/// KiB.
#[test]
fn r5034_4_v_lines_of_an_exchange_have_their_own_limit() {
    for (config, limit) in [
        (with_limits(Limits::DEFAULT.with_sasl_line(1000)), 1000),
        (with_limits(Limits::DEFAULT.with_sasl_line(600)), 600),
        (INSIDE, 12_288),
    ] {
        let mut guest = auth(config, format!("+ {}\r\n", text(limit - 4)));
        let step = guest.step.take().unwrap();
        let long = text(limit);
        let refused = guest.pop3.sender().respond(step, Base64::new(long.as_bytes()).unwrap());
        assert_eq!(refused, Err(AnswerError::TooLong { limit }));
        guest.hear("");
        guest.respond(text(limit - 4));
        assert_eq!(guest.hear(format!("+ {}\r\n", text(limit))), ["fatal OverLimit(SaslLine)"]);
    }
}

/// The line end counts, exactly.
#[test]
fn r5034_4_v_the_limit_counts_the_line_end() {
    for (limit, taken) in [(98, true), (97, false)] {
        let mut guest = auth(with_limits(Limits::DEFAULT.with_sasl_line(limit)), "+ \r\n");
        let step = guest.step.take().unwrap();
        assert_eq!(guest.pop3.sender().respond(step, Base64::new(&[b'A'; 96]).unwrap()).is_ok(), taken);
    }
}

#[test]
fn r5034_4_u_twelve_kib_by_default() {
    let mut guest = auth(INSIDE, format!("+ {}\r\n", text(12_284)));
    assert_eq!(guest.say(text(12_284)).unwrap().len(), 12_286);
    assert_eq!(guest.hear(format!("+ {}\r\n", text(12_288))), ["fatal OverLimit(SaslLine)"]);
}

/// Each exchange counts from 0.
#[test]
fn law_10_an_exchange_has_a_limit_of_rounds() {
    let mut guest = Guest::greeted(with_limits(Limits::DEFAULT.with_sasl_rounds(3)));
    let (first, next) = (("AUTH PLAIN", "+ \r\n", "challenge"), ("", "+ \r\n", "challenge"));
    for _ in 0..2 {
        guest.talk(&[first, next, next, ("", "-ERR\r\n", "AUTH refused")]);
    }
    guest.talk(&[first, next, next, ("", "+ \r\n", "fatal OverLimit(SaslRounds)")]);
}

#[test]
fn law_4_a_response_that_does_not_fit_changes_nothing() {
    let mut client = client(INSIDE, &[]);
    let command = pop3_proto::Command::parse(b"AUTH PLAIN").unwrap();
    client.send(&command, &mut SendBuf::new(vec![])).unwrap();
    let mut input = pop3_proto::Input::more(b"+ \r\n");
    let Ok(Some(pop3_proto::client::Event::Challenge(step, _))) = client.poll(&mut input) else { panic!() };
    let mut buffer = [0; 8];
    let mut out = SendBuf::new(&mut buffer[..]);
    let unanswered = client.respond(step, Base64::from_static("AAAAAAAA"), &mut out).unwrap_err();
    assert!(matches!(unanswered.why, AnswerError::BufferFull(full) if full.never_fits()));
    assert!(out.pending().is_empty());
    client.respond(unanswered.token, Base64::from_static("AAAA"), &mut out).unwrap();
    assert_eq!(out.pending(), b"AAAA\r\n");
}

// The outcome.

/// After each number of rounds `-ERR` ends the exchange, and another login works. A name accepted earlier is still
/// valid for PASS.
#[test]
fn r5034_4_y_after_a_failed_auth_it_is_as_if_there_was_none() {
    for rounds in 0..3 {
        let mut guest = guest();
        guest.talk(&[("USER mrose", "+OK\r\n", "USER ok")]);
        let mut line = "AUTH LOGIN";
        for _ in 0..rounds {
            guest.talk(&[(line, "+ AAAA\r\n", "challenge AAAA")]);
            line = "AAAA";
        }
        guest.talk(&[(line, "-ERR no\r\n", "AUTH refused no"), ("PASS secret", "+OK\r\n", "PASS ok")]);
        assert_eq!(guest.client().state(), State::Transaction);
    }
}

/// The server's word alone does not begin TRANSACTION; until the mechanism agrees the client sends only QUIT.
#[test]
fn r5034_4_ao_an_accepted_auth_is_not_a_login_before_the_mechanism_agrees() {
    let mut guest = guest();
    guest.talk(&[("AUTH PLAIN", "+OK welcome\r\n", "AUTH accepted welcome")]);
    assert_eq!(guest.client().state(), State::Authorization);
    for line in ["STAT", "CAPA", "USER mrose", "AUTH PLAIN", "STLS"] {
        assert_eq!(guest.send(line), Err(SendError::CallersTurn));
    }
    guest.verify();
    assert_eq!(guest.client().state(), State::Transaction);
    assert!(guest.send("STAT").is_ok());
}

#[test]
fn r5034_4_ao_a_client_that_does_not_agree_can_only_quit() {
    let mut guest = auth(INSIDE, "+OK\r\n");
    assert_eq!(guest.say("QUIT").unwrap(), "QUIT\r\n");
    let done = guest.done.take().unwrap();
    assert_eq!(guest.pop3.sender().verified(done), Err(AnswerError::Stale));
    assert_eq!(guest.client().state(), State::Authorization);
    assert_eq!(guest.hear("+OK bye\r\n"), ["closed NoneAsked"]);
}

/// Bytes after the response to an AUTH are unsolicited until the mechanism agrees.
#[test]
fn r5034_4_ao_bytes_after_an_accepted_auth_are_fatal() {
    guest_hears("+OK\r\n+OK 1 2\r\n", "AUTH accepted; fatal Unsolicited");
}

/// A token is valid once, only for the client that waits for it.
#[test]
fn law_7_a_client_takes_no_old_token() {
    let mut over = auth(INSIDE, "+ \r\n");
    let mut other = guest();
    for cancels in [false, true] {
        let step = auth(INSIDE, "+ \r\n").step.unwrap();
        let mut sender = other.pop3.sender();
        let refused = if cancels { sender.cancel(step) } else { sender.respond(step, Base64::EMPTY) };
        assert_eq!(refused, Err(AnswerError::Stale));
    }
    assert_eq!(other.sent(), "");
    assert_eq!(over.hear("+OK\r\n"), ["fatal Unsolicited"]);
    let step = over.step.take().unwrap();
    assert_eq!(
        over.pop3.sender().respond(step, Base64::EMPTY),
        Err(AnswerError::Stale),
        "the session is over"
    );
}

/// Also 5802.5.k: the server's last message is a challenge, the answer is an empty line, and then the server sends
/// `+OK`.
#[test]
fn r5034_4_z_the_last_word_of_a_server_is_a_challenge() {
    let mut guest = guest();
    guest.talk(&[
        ("AUTH SCRAM-SHA-256 bixuPXUscj1jbm9u", "+ cj1u\r\n", "challenge cj1u"),
        ("Yz1i", "+ dj1w\r\n", "challenge dj1w"),
        ("", "+OK\r\n", "AUTH accepted"),
    ]);
    guest.verify();
}

/// `+OK` instead of a challenge ends the exchange. The driver may disagree, because its mechanism has sent no message yet.
#[test]
fn rob_33_an_ok_for_a_challenge_ends_the_exchange() {
    let mut guest = guest();
    guest.talk(&[("AUTH LOGIN", "+OK\r\n", "AUTH accepted")]);
    assert_eq!(guest.client().state(), State::Authorization);
    assert!(guest.hear("").is_empty());
}

/// Also 5034.4.d and 4422.3.8.a.
#[test]
fn r5034_4_e_no_auth_but_in_authorization() {
    assert_eq!(Guest::new(INSIDE).send("AUTH PLAIN"), Err(SendError::State(State::Greeting)));
    let mut guest = auth(INSIDE, "+OK\r\n");
    guest.verify();
    for line in ["AUTH PLAIN", "AUTH PLAIN AAAA", "AUTH"] {
        assert_eq!(guest.send(line), Err(SendError::State(State::Transaction)));
    }
    assert!(guest.send("RETR 1").is_ok());
}

#[test]
fn rob_29_an_end_inside_an_exchange_is_unexpected() {
    for wire in ["", "+", "+ AAAA", "+ \r\n"] {
        let mut guest = guest();
        guest.send("AUTH PLAIN").unwrap();
        assert_eq!(guest.last(wire).last().unwrap(), "fatal UnexpectedEof", "{wire:?}");
    }
}

/// Also ROB.37: both answers are read before the outcome is known; if the name is refused, PASS is refused with it.
#[test]
fn rob_38_pass_after_a_refused_name() {
    let mut piped = Guest::greeted(INSIDE.assume_pipelining());
    piped.send("USER nobody").unwrap();
    piped.send("PASS secret").unwrap();
    assert_eq!(piped.hear("-ERR\r\n-ERR\r\n"), ["USER refused", "PASS refused"]);
    assert_eq!(piped.client().state(), State::Authorization);
    assert_eq!(piped.send("PASS secret"), Err(SendError::NoUser));
    for refused in ["USER nobody", "PASS secret"] {
        let mut guest = guest();
        guest.ask("USER mrose", "+OK\r\n");
        guest.ask(refused, "-ERR\r\n");
        assert_eq!(guest.send("PASS secret"), Err(SendError::NoUser), "no name is left");
    }
}
