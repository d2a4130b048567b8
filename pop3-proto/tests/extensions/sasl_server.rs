//! AUTH from the server's side: the command, challenges and responses (RFC 5034 sections 3 to 5), and what clients do instead.

use super::sasl_kit::{Host, Maildrop};
use pop3_proto::server::{Ask, Config, Credentials, Refusal, Step, Why};
use pop3_proto::{AnswerError, Base64, Input, Limits, Mechanism, Out, Profile, Quirk, Server, TlsPolicy};

const CLEAR: &[Mechanism<'static>] = &[Mechanism::PLAIN, Mechanism::LOGIN, Mechanism::CRAM_MD5];
const CONFIG: Config<'_> = Config::new(TlsPolicy::Cleartext).sasl_in_clear(CLEAR);

/// What is no base64, whatever decoders elsewhere make of it.
const BAD: [&str; 11] =
    ["=AAA", "AAA=BBB", "AA A=", "AAAAA", "=", "AB==", "AAAA ", "AA\rAA", "AA\0A", "A-_A", "===="];

fn host() -> Host {
    Host::with_mechanisms(CLEAR)
}

/// A server that waits for a response.
fn challenged() -> Host {
    let mut host = host();
    let (login, _) = host.login(b"AUTH PLAIN\r\n");
    assert_eq!(host.challenge(login, b""), "+ \r\n");
    host
}

// The command.

/// Also 5034.4.a: none, an empty one and base64 are three things.
#[test]
fn r5034_4_c_an_initial_response_is_absent_empty_or_base64() {
    for (line, expected) in [
        (&b"AUTH PLAIN\r\n"[..], None),
        (b"AUTH PLAIN =\r\n", Some(&b""[..])),
        (b"AUTH PLAIN AHRlc3QAdGVzdA==\r\n", Some(b"AHRlc3QAdGVzdA==")),
    ] {
        let mut host = host();
        let (login, credentials) = host.login(line);
        let Credentials::Sasl { mechanism, initial } = credentials else { panic!() };
        assert_eq!(mechanism, Mechanism::PLAIN);
        assert_eq!(initial.map(|initial| initial.as_bytes()), expected);
        assert!(login.exchange() && !login.utf8());
    }
}

#[test]
fn r5034_5_a_words_match_in_any_case_and_base64_keeps_its_own() {
    for line in [&b"auth plain aHRl\r\n"[..], b"Auth Plain aHRl\r\n", b"AUTH PLAIN aHRl\r\n"] {
        let (_, credentials) = host().login(line);
        let Credentials::Sasl { mechanism, initial } = credentials else { panic!() };
        assert_eq!(mechanism, Mechanism::PLAIN);
        assert_eq!(initial.unwrap().as_bytes(), b"aHRl");
    }
}

/// Taken as they are meant, recorded, and refused by the strict profile.
#[test]
fn r1734_3_a_several_spaces_and_tabs() {
    for line in [&b"AUTH  PLAIN\r\n"[..], b"AUTH\tPLAIN\r\n", b"AUTH \t PLAIN\r\n", b"AUTH PLAIN  AAAA\r\n"] {
        let mut host = host();
        let _ = host.login(line);
        assert!(host.server.quirks().contains(Quirk::Spacing));
        assert!(Host::new(CONFIG.profile(Profile::Strict)).refuses(line));
    }
}

/// Also quirk 18: the list of mechanisms, as before CAPA.
#[test]
fn r1734_x_a_auth_alone_lists_the_mechanisms() {
    let mut host = host();
    assert_eq!(
        host.answers(b"AUTH\r\n"),
        "+OK mechanism list follows\r\nPLAIN\r\nLOGIN\r\nCRAM-MD5\r\n.\r\n"
    );
    assert!(Host::new(Config::new(TlsPolicy::Cleartext)).refuses(b"AUTH\r\n"), "there are none");
}

#[test]
fn quirk_47_auth_and_a_space_is_auth_alone() {
    let mut host = host();
    assert!(host.answers(b"AUTH \r\n").ends_with("\r\nPLAIN\r\nLOGIN\r\nCRAM-MD5\r\n.\r\n"));
    assert!(host.server.quirks().contains(Quirk::Spacing));
    assert!(Host::new(CONFIG.profile(Profile::Strict)).refuses(b"AUTH \r\n"));
}

/// Quirk 48: tried although there is none.
#[test]
fn quirk_48_auth_where_it_is_not_offered() {
    let mut host = Host::new(Config::new(TlsPolicy::Cleartext));
    assert!(host.refuses(b"AUTH PLAIN AHRlc3QAdGVzdA==\r\n"));
}

#[test]
fn r5034_4_f_a_mechanism_that_is_not_offered_is_refused_at_once() {
    for line in [&b"AUTH GSSAPI\r\n"[..], b"AUTH XOAUTH2 AAAA\r\n", b"AUTH PLAIN-PLUS\r\n", b"AUTH P\r\n"] {
        assert_eq!(host().answers(line), "-ERR no such mechanism\r\n");
    }
    assert!(host().refuses(b"AUTH NOT,A,NAME\r\n"));
    assert!(host().refuses(b"AUTH PLAIN AAAA more\r\n"));
}

/// Also 5034.3.a, 5034.4.d, 5034.3.e and 4422.3.8.a: AUTH is over after a login of any kind, and still announced.
#[test]
fn r5034_4_e_no_auth_but_in_authorization() {
    for auth in [true, false] {
        let mut host = host();
        let before = host.answers(b"CAPA\r\n");
        assert!(before.contains("\r\nSASL PLAIN LOGIN CRAM-MD5\r\n"), "5034.3.a");
        let (login, _) = if auth {
            host.login(b"AUTH PLAIN AAAA\r\n")
        } else {
            host.name(b"USER mrose\r\n");
            host.login(b"PASS x\r\n")
        };
        host.accept(login);
        assert!(host.answers(b"CAPA\r\n").contains("\r\nSASL PLAIN LOGIN CRAM-MD5\r\n"));
        for line in [&b"AUTH PLAIN AAAA\r\n"[..], b"AUTH PLAIN\r\n", b"AUTH\r\n"] {
            assert_eq!(host.answers(line), "-ERR not in this state\r\n");
        }
        assert_eq!(host.answers(b"STAT\r\n"), "+OK 0 0\r\n");
    }
}

/// Taken up to the limit of SASL lines, whole or octet by octet; the strict profile refuses what RFC 2449 does not allow. Also 1939.3.f.
#[test]
fn r5034_4_p_a_long_auth_line_is_tolerated() {
    let line = |octets: usize| [b"auth plain ".to_vec(), vec![b'A'; octets], b"\r\n".to_vec()].concat();
    for octets in [240, 244, 1000, 12_272] {
        let wire = line(octets);
        let mut host = host();
        for end in (0..wire.len()).step_by(97) {
            let mut input = Input::more(&wire[..end]);
            assert!(matches!(host.server.poll(&mut input, &mut host.out), Ok(Step::NeedInput)));
            assert_eq!(input.remaining(), end);
        }
        let (_, credentials) = host.login(&wire);
        let Credentials::Sasl { initial: Some(initial), .. } = credentials else { panic!() };
        assert_eq!(initial.as_bytes().len(), octets);
        assert_eq!(host.server.quirks().contains(Quirk::LongAuthLine), wire.len() > 255);
        let mut strict = Host::new(CONFIG.profile(Profile::Strict));
        let asked = matches!(strict.hear(&wire), Step::Ask(_));
        assert_eq!(asked, wire.len() <= 255);
        assert_eq!(strict.said(), if asked { "" } else { "-ERR syntax error\r\n" });
    }
    let mut host = host();
    assert_eq!(host.answers(&line(12_276)), "-ERR line too long\r\n");
    assert!(host.answers(b"CAPA\r\n").starts_with("+OK"), "the rest of the line is no command");
}

#[test]
fn r5034_4_p_an_auth_line_of_255_octets_is_not_long() {
    for (octets, long) in [(240, false), (244, true)] {
        let mut host = Host::with_mechanisms(&[Mechanism::XOAUTH2]);
        let wire = [b"AUTH XOAUTH2 ".to_vec(), vec![b'A'; octets], b"\r\n".to_vec()].concat();
        let _ = host.login(&wire);
        assert_eq!(host.server.quirks().contains(Quirk::LongAuthLine), long, "{} octets", wire.len());
    }
}

/// The tolerance is for AUTH alone, where it is offered.
#[test]
fn r5034_4_p_no_other_line_is_longer() {
    let long = [b"USER ".to_vec(), vec![b'A'; 300], b"\r\n".to_vec()].concat();
    assert_eq!(host().answers(&long), "-ERR line too long\r\n");
    let long = [b"AUTH PLAIN ".to_vec(), vec![b'A'; 300], b"\r\n".to_vec()].concat();
    assert_eq!(Host::new(Config::new(TlsPolicy::Required)).answers(&long), "-ERR line too long\r\n");
}

// Challenges.

/// Also 5034.4.h and 5034.5.b.
#[test]
fn r5034_4_g_a_challenge_is_plus_space_base64() {
    for (challenge, line) in [(&b""[..], "+ \r\n"), (b"VXNlciBOYW1l", "+ VXNlciBOYW1l\r\n")] {
        let mut host = host();
        let (login, _) = host.login(b"AUTH LOGIN\r\n");
        assert_eq!(host.challenge(login, challenge), line);
    }
}

/// Also 4422.3.a: the application learns that nothing came, asks, and gets the client's first message as a response.
#[test]
fn r5034_4_m_a_client_that_goes_first_is_asked_with_an_empty_challenge() {
    let mut host = challenged();
    let (login, response) = host.response(b"AHRlc3QAdGVzdA==\r\n");
    assert_eq!(response, b"AHRlc3QAdGVzdA==");
    assert!(host.accept(login).starts_with("+OK"));
}

/// Also 4422.3.b: the application, which knows its mechanism, learns that there was one and refuses.
#[test]
fn r5034_4_n_an_initial_response_where_the_server_goes_first() {
    for line in [&b"AUTH CRAM-MD5 =\r\n"[..], b"AUTH CRAM-MD5 AAAA\r\n"] {
        let mut host = host();
        let (login, Credentials::Sasl { initial: Some(_), .. }) = host.login(line) else { panic!() };
        assert!(host.refuse(login, Refusal::Credentials).starts_with("-ERR"));
    }
}

/// Also 5802.5.k: the last word of a server is a challenge; it accepts behind the empty response.
#[test]
fn r5034_4_z_the_last_word_of_a_server_is_a_challenge() {
    let mut host = host();
    let (login, _) = host.login(b"AUTH CRAM-MD5\r\n");
    host.challenge(login, b"cj1u");
    let (login, _) = host.response(b"Yz1i\r\n");
    assert_eq!(host.challenge(login, b"dj1w"), "+ dj1w\r\n");
    let (login, response) = host.response(b"\r\n");
    assert_eq!(response, b"");
    assert_eq!(host.accept(login), "+OK maildrop open\r\n", "nothing rides on it");
}

/// Also laws 4 and 7: a challenge that is not taken leaves everything as it was.
#[test]
fn law_4_a_challenge_that_cannot_go_out_gives_its_token_back() {
    let mut host = Host::new(CONFIG.limits(Limits::DEFAULT.sasl_line(100)));
    let (login, _) = host.login(b"AUTH PLAIN\r\n");
    let long = [b'A'; 100];
    let unanswered = host.server.challenge(login, Base64::new(&long).unwrap(), &mut host.out).unwrap_err();
    assert_eq!(unanswered.why, AnswerError::TooLong { limit: 100 });
    let mut buffer = [0; 9];
    let mut full = Out::new(&mut buffer);
    let text = Base64::new(b"AAAAAAAA").unwrap();
    let unanswered = host.server.challenge(unanswered.token, text, &mut full).unwrap_err();
    assert!(matches!(unanswered.why, AnswerError::Full(full) if full.needed == 12));
    let mut other = Server::<Maildrop, _>::new(CONFIG, 2);
    let unanswered = other.challenge(unanswered.token, text, &mut host.out).unwrap_err();
    assert_eq!(unanswered.why, AnswerError::NotHere);
    assert_eq!(host.said(), "");
    assert_eq!(host.challenge(unanswered.token, &long[..96]).len(), 100);
}

/// `+ ` and the line end count, to the octet.
#[test]
fn r5034_4_v_the_limit_of_a_challenge_counts_its_line() {
    for (limit, taken) in [(100, true), (99, false)] {
        let mut host = Host::new(CONFIG.limits(Limits::DEFAULT.sasl_line(limit)));
        let (login, _) = host.login(b"AUTH PLAIN\r\n");
        let text = [b'A'; 96];
        let challenged = host.server.challenge(login, Base64::new(&text).unwrap(), &mut host.out);
        assert_eq!(challenged.is_ok(), taken);
    }
}

/// Also 5034.5.b.
#[test]
fn law_7_only_auth_is_answered_with_a_challenge() {
    let mut host = host();
    host.name(b"USER mrose\r\n");
    let (login, _) = host.login(b"PASS x\r\n");
    assert!(!login.exchange());
    let unanswered = host.server.challenge(login, Base64::EMPTY, &mut host.out).unwrap_err();
    assert_eq!(unanswered.why, AnswerError::Stale);
    assert!(host.accept(unanswered.token).starts_with("+OK"));
}

// Responses.

/// Also AMB.19 (`=`), 5034.4.a, 5034.4.s and 4648.3.a: as an initial response and as a later one, `-ERR` and the exchange is over.
#[test]
fn r5034_4_q_base64_that_does_not_decode_ends_the_exchange() {
    for text in BAD {
        let response = format!("{text}\r\n");
        let mut host = challenged();
        assert_eq!(host.answers(response.as_bytes()), "-ERR syntax error\r\n", "{text:?}");
        assert!(host.answers(b"CAPA\r\n").starts_with("+OK"), "commands again");

        let initial = format!("AUTH PLAIN {text}\r\n");
        if !["=", "AAAA "].contains(&text) {
            assert_eq!(self::host().answers(initial.as_bytes()), "-ERR syntax error\r\n", "{text:?}");
        }
    }
}

#[test]
fn amb_19_an_equals_sign_is_empty_in_the_command_only() {
    let mut host = challenged();
    assert!(host.refuses(b"=\r\n"));
    let (_, response) = challenged().response(b"\r\n");
    assert_eq!(response, b"");
}

/// The login is over, and the next one starts from nothing.
#[test]
fn sec_aborted_sasl_leaves_nothing_behind() {
    for line in [&b"*\r\n"[..], b"????\r\n", b"AAA\r\n"] {
        let mut host = challenged();
        assert!(host.refuses(line));
        assert!(host.refuses(b"AAAA\r\n"), "a response is no command");
        let (login, credentials) = host.login(b"AUTH LOGIN\r\n");
        let Credentials::Sasl { mechanism, initial: None } = credentials else { panic!() };
        assert_eq!(mechanism, Mechanism::LOGIN);
        host.challenge(login, b"AAAA");
        assert_eq!(host.response(b"BBBB\r\n").1, b"BBBB");
    }
}

#[test]
fn r5034_4_l_a_star_cancels() {
    for line in [&b"*\r\n"[..], b"*\n"] {
        let mut host = challenged();
        assert_eq!(host.answers(line), "-ERR cancelled\r\n");
        assert_eq!(host.server.quirks().contains(Quirk::BareLf), line == b"*\n");
        let (login, credentials) = host.login(b"AUTH LOGIN\r\n");
        assert!(matches!(credentials, Credentials::Sasl { initial: None, .. }));
        assert!(host.accept(login).starts_with("+OK"));
    }
    assert!(challenged().refuses(b"**\r\n"));
    assert!(challenged().refuses(b" *\r\n"));
}

/// They are well-formed base64, and no commands.
#[test]
fn r5034_4_an_every_line_is_a_response() {
    for word in ["QUIT", "NOOP", "CAPA", "STLS", "STAT", "RSET", "UTF8", "quit"] {
        let mut host = challenged();
        let line = format!("{word}\r\n");
        let (login, response) = host.response(line.as_bytes());
        assert_eq!(response, word.as_bytes());
        assert_eq!(host.refuse(login, Refusal::Credentials), "-ERR [AUTH] login failed\r\n");
        assert!(host.answers(b"CAPA\r\n").starts_with("+OK"));
    }
    for line in [&b"USER mrose\r\n"[..], b"LIST 1\r\n"] {
        assert!(challenged().refuses(line));
    }
}

/// LF alone ends a response too; the strict profile refuses it, and the exchange is over either way.
#[test]
fn rob_2_a_bare_lf_ends_a_response() {
    let mut host = challenged();
    let _ = host.response(b"AAAA\n");
    assert!(host.server.quirks().contains(Quirk::BareLf));
    let mut host = Host::new(CONFIG.profile(Profile::Strict));
    let (login, _) = host.login(b"AUTH PLAIN\r\n");
    host.challenge(login, b"");
    assert_eq!(host.answers(b"AAAA\n"), "-ERR syntax error\r\n");
}

/// Also 5034.4.u: 12,288 octets with the line end, unless it is set otherwise; a longer line is skipped, answered once, and no command.
#[test]
fn r5034_4_v_a_response_has_its_own_limit() {
    let line = |octets: usize| [vec![b'A'; octets], b"\r\n".to_vec()].concat();
    assert_eq!(challenged().response(&line(12_284)).1.len(), 12_284);
    let mut long = line(12_288);
    long.extend_from_slice(b"CAPA\r\n");
    for chunk in [1, 7, 4096, 20_000] {
        let mut host = challenged();
        let mut unread = Vec::new();
        for piece in long.chunks(chunk) {
            unread.extend_from_slice(piece);
            let mut input = Input::more(&unread);
            assert!(matches!(host.server.poll(&mut input, &mut host.out), Ok(Step::NeedInput)));
            let kept = input.remaining();
            assert!(kept <= host.server.hold());
            unread.drain(..unread.len() - kept);
        }
        let said = host.said();
        assert!(said.starts_with("-ERR line too long\r\n+OK capability"), "{said}");
    }
}

#[test]
fn rob_30_an_end_inside_an_exchange_commits_nothing() {
    for wire in [&b""[..], b"AAAA", b"*"] {
        let mut host = challenged();
        let step = host.server.poll(&mut Input::last(wire), &mut host.out);
        assert!(matches!(step, Ok(Step::Closed(Why::End))));
        assert!(host.server.maildrop().is_none());
    }
}

/// Also AMB.20: a response that came too early waits for its challenge in the caller's buffer.
#[test]
fn law_5_a_response_in_the_same_read_as_auth() {
    let mut host = host();
    let mut input = Input::more(b"AUTH PLAIN\r\nAAAA\r\n");
    let Ok(Step::Ask(Ask::Login(login, _))) = host.server.poll(&mut input, &mut host.out) else { panic!() };
    assert_eq!(input.remaining(), 6);
    host.challenge(login, b"");
    let Ok(Step::Ask(Ask::Login(_, Credentials::Response(response)))) =
        host.server.poll(&mut input, &mut host.out)
    else {
        panic!()
    };
    assert_eq!(response.as_bytes(), b"AAAA");
}
