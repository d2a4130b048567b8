//! AUTH on the server's side: the command, challenges, responses and the end (RFC 5034 sections 3 to 5), and
//! deviations of real clients.

use pop3_proto::server::{Ask, CloseReason, Credentials, Login, Refusal, Server, ServerConfig, Step};
use pop3_proto::{AnswerError, Base64, Input, Limits, Mechanism, Profile, Quirk, SendBuf, TlsPolicy};
use pop3_proto_kit::{Host, Infos, LOGIN, infos, machine};

pub(super) const CLEAR: &[Mechanism<'static>] = &[Mechanism::PLAIN, Mechanism::LOGIN, Mechanism::CRAM_MD5];
pub(super) const CONFIG: ServerConfig<'_> =
    ServerConfig::new(TlsPolicy::Cleartext).with_sasl_cleartext(CLEAR);
const STRICT: ServerConfig<'_> = CONFIG.with_profile(Profile::Strict);

pub(super) const OPEN: &str = "+OK maildrop open\r\n";
pub(super) const FAILED: &str = "-ERR [AUTH] login failed\r\n";
const SYNTAX: &str = "-ERR syntax error\r\n";
pub(super) const STATE: &str = "-ERR not in this state\r\n";

/// Texts that are not base64, whatever other decoders return.
const BAD: [&str; 11] =
    ["=AAA", "AAA=BBB", "AA A=", "AAAAA", "=", "AB==", "AAAA ", "AA\rAA", "AA\0A", "A-_A", "===="];

/// Returns a host after the greeting that accepts every login after these challenges.
pub(super) fn host(config: ServerConfig<'static>, challenges: &[&str]) -> Host {
    let mut host = Host::new(config, &["abc"]);
    host.challenges = challenges.iter().map(ToString::to_string).collect();
    assert_eq!(host.say(""), "+OK ready\r\n");
    host.asked.clear();
    host
}

/// Returns a host that waits for a response.
fn challenged(config: ServerConfig<'static>) -> Host {
    let mut host = host(config, &[""]);
    assert_eq!(host.say("AUTH PLAIN\r\n"), "+ \r\n");
    host.asked.clear();
    host
}

/// Returns a host that refuses every login.
pub(super) fn refusing(config: ServerConfig<'static>, challenges: &[&str], why: Refusal) -> Host {
    let mut host = host(config, challenges);
    host.refuse_login = Some(why);
    host
}

/// The lines that a client sends in a row.
pub(super) fn lines(lines: &[&str]) -> String {
    lines.iter().map(|line| format!("{line}\r\n")).collect()
}

/// Returns the machine after `wire`, and the login that it asks about.
pub(super) fn asked(
    config: ServerConfig<'static>,
    wire: &str,
) -> (Server<Infos, ServerConfig<'static>>, Login) {
    let before = &wire[..wire.trim_end().rfind('\n').map_or(0, |end| end + 1)];
    let mut server = machine(config, infos(&["abc"]), before);
    let mut input = Input::more(&wire.as_bytes()[before.len()..]);
    match server.poll(&mut input, &mut SendBuf::new(vec![])) {
        Ok(Step::Ask(Ask::Login(login, _))) => (server, login),
        step => panic!("{step:?}"),
    }
}

// The command.

/// Also 5034.4.a: absent, empty and base64 are three different things. And 5034.5.a: words in any letter case, while
/// base64 keeps its own.
#[test]
fn r5034_4_c_an_initial_response_is_absent_empty_or_base64() {
    for (line, question) in [
        ("AUTH PLAIN", "Sasl PLAIN"),
        ("AUTH PLAIN =", "Sasl PLAIN ="),
        ("AUTH PLAIN AHRlc3QAdGVzdA==", "Sasl PLAIN AHRlc3QAdGVzdA=="),
    ] {
        let mut host = host(CONFIG, &[]);
        assert_eq!(host.say(lines(&[line])), OPEN);
        assert_eq!(host.asked, [question]);
    }
    let (_, login) = asked(CONFIG, "AUTH PLAIN\r\n");
    assert!(login.is_auth() && !login.utf8());
}

#[test]
fn r5034_5_a_words_match_in_any_case_and_base64_keeps_its_own() {
    for line in ["auth plain aHRl", "Auth Plain aHRl", "AUTH PLAIN aHRl"] {
        let mut server = machine(CONFIG, infos(&["abc"]), "");
        let wire = lines(&[line]);
        let Ok(Step::Ask(Ask::Login(_, Credentials::Sasl { mechanism, initial: Some(initial) }))) =
            server.poll(&mut Input::more(wire.as_bytes()), &mut SendBuf::new(vec![]))
        else {
            panic!()
        };
        assert_eq!((mechanism, initial.as_bytes()), (Mechanism::PLAIN, b"aHRl".as_slice()));
    }
}

/// The tolerant profile accepts and records them; the strict profile refuses them.
#[test]
fn r1734_3_a_several_spaces_and_tabs() {
    for line in ["AUTH  PLAIN", "AUTH\tPLAIN", "AUTH \t PLAIN", "AUTH PLAIN  AAAA"] {
        let mut tolerant = host(CONFIG, &[]);
        assert_eq!(tolerant.say(lines(&[line])), OPEN);
        assert!(tolerant.server().quirks().contains(Quirk::Spacing));
        assert_eq!(host(STRICT, &[]).say(lines(&[line])), SYNTAX);
    }
}

const LIST: &str = "+OK mechanism list follows\r\nPLAIN\r\nLOGIN\r\nCRAM-MD5\r\n.\r\n";

/// Also quirk 18: the list of mechanisms, as before CAPA.
#[test]
fn r1734_x_a_auth_alone_lists_the_mechanisms() {
    assert_eq!(host(CONFIG, &[]).say("AUTH\r\n"), LIST);
    let none = host(ServerConfig::new(TlsPolicy::Cleartext), &[]).say("AUTH\r\n");
    assert!(none.starts_with("-ERR"), "there are no mechanisms");
}

#[test]
fn quirk_47_auth_and_a_space_is_auth_alone() {
    let mut tolerant = host(CONFIG, &[]);
    assert_eq!(tolerant.say("AUTH \r\n"), LIST);
    assert!(tolerant.server().quirks().contains(Quirk::Spacing));
    assert_eq!(host(STRICT, &[]).say("AUTH \r\n"), SYNTAX);
}

/// Quirk 48: a client tries it although it is not offered.
#[test]
fn quirk_48_auth_that_is_not_offered() {
    let mut host = host(ServerConfig::new(TlsPolicy::Cleartext), &[]);
    assert!(host.say("AUTH PLAIN AHRlc3QAdGVzdA==\r\n").starts_with("-ERR"));
    assert_eq!(host.asked, [] as [&str; 0]);
}

#[test]
fn r5034_4_f_a_mechanism_that_is_not_offered_is_refused_at_once() {
    let mut host = host(CONFIG, &[]);
    let names = ["AUTH GSSAPI", "AUTH XOAUTH2 AAAA", "AUTH PLAIN-PLUS", "AUTH P"];
    assert_eq!(host.say(lines(&names)), "-ERR no such mechanism\r\n".repeat(4));
    let mut host = challenged(CONFIG);
    host.say("*\r\n");
    assert_eq!(host.say(lines(&["AUTH NOT,A,NAME", "AUTH PLAIN AAAA more"])), SYNTAX.repeat(2));
}

/// Also 5034.3.a, 5034.4.d, 5034.3.e and 4422.3.8.a: AUTH is over after a login of any kind, and still announced.
#[test]
fn r5034_4_e_no_auth_but_in_authorization() {
    const ROW: &str = "SASL PLAIN LOGIN CRAM-MD5";
    for login in ["AUTH PLAIN AAAA\r\n", LOGIN] {
        let mut host = host(CONFIG, &[]);
        assert!(host.lists("CAPA").contains(&ROW.into()), "5034.3.a");
        assert!(host.say(login).ends_with(OPEN));
        assert!(host.lists("CAPA").contains(&ROW.into()));
        let refused = host.say(lines(&["AUTH PLAIN AAAA", "AUTH PLAIN", "AUTH"]));
        assert_eq!(refused, STATE.repeat(3));
        assert_eq!(host.say("STAT\r\n"), "+OK 1 5\r\n");
    }
}

/// Accepted up to the limit of SASL lines, whole or in pieces. The strict profile refuses lines longer than RFC 2449
/// allows. Also 1939.3.f.
#[test]
fn r5034_4_p_a_long_auth_line_is_tolerated() {
    for octets in [240, 244, 1000, 12_272] {
        let wire = format!("auth plain {}\r\n", "A".repeat(octets));
        let mut tolerant = host(CONFIG, &[]);
        let answers: Vec<u8> =
            wire.as_bytes().chunks(97).flat_map(|piece| tolerant.exchange(piece, false)).collect();
        assert_eq!(String::from_utf8(answers).unwrap(), OPEN);
        assert_eq!(tolerant.asked, [format!("Sasl PLAIN {}", "A".repeat(octets)).replace("PLAIN", "plain")]);
        assert_eq!(tolerant.server().quirks().contains(Quirk::LongAuthLine), wire.len() > 255);
        let answer = if wire.len() <= 255 { OPEN } else { SYNTAX };
        assert_eq!(host(STRICT, &[]).say(&wire), answer);
    }
    let wire = format!("auth plain {}\r\nCAPA\r\n", "A".repeat(12_276));
    let said = host(CONFIG, &[]).say(wire);
    assert!(
        said.starts_with("-ERR line too long\r\n+OK capa"),
        "the rest of the line is not a command: {said}"
    );
}

#[test]
fn r5034_4_p_an_auth_line_of_255_octets_is_not_long() {
    for (octets, long) in [(240, false), (244, true)] {
        let config = ServerConfig::new(TlsPolicy::Cleartext).with_sasl_cleartext(&[Mechanism::XOAUTH2]);
        let mut host = host(config, &[]);
        assert_eq!(host.say(format!("AUTH XOAUTH2 {}\r\n", "A".repeat(octets))), OPEN);
        assert_eq!(host.server().quirks().contains(Quirk::LongAuthLine), long, "{octets}");
    }
}

/// Only AUTH has this tolerance, and only if it is offered.
#[test]
fn r5034_4_p_no_other_line_is_longer() {
    for (config, start) in [(CONFIG, "USER"), (ServerConfig::new(TlsPolicy::Required), "AUTH PLAIN")] {
        let long = host(config, &[]).say(format!("{start} {}\r\n", "A".repeat(300)));
        assert_eq!(long, "-ERR line too long\r\n");
    }
}

// Challenges and responses.

/// Also 5034.4.h, 5034.5.b and 5802.5.k: the client goes first and is asked with an empty challenge; the server goes
/// first; the server's last message is a challenge, and it accepts after the empty response.
#[test]
fn r5034_4_g_a_challenge_is_plus_space_base64() {
    type Case<'c> = (&'c [&'c str], &'c [&'c str], &'c str, &'c [&'c str]);
    let cases: &[Case<'_>] = &[
        (&[""], &["AUTH PLAIN", "AHRlcw=="], "+ \r\n", &["Sasl PLAIN", "Response AHRlcw=="]),
        (&["VXNlciBOYW1l"], &["AUTH LOGIN", ""], "+ VXNlciBOYW1l\r\n", &["Sasl LOGIN", "Response "]),
        (
            &["cj1u", "dj1w"],
            &["AUTH CRAM-MD5", "Yz1i", ""],
            "+ cj1u\r\n+ dj1w\r\n",
            &["Sasl CRAM-MD5", "Response Yz1i", "Response "],
        ),
    ];
    for (challenges, said, answers, asked) in cases {
        let mut host = host(CONFIG, challenges);
        assert_eq!(host.say(lines(said)), format!("{answers}{OPEN}"));
        assert_eq!(host.asked, *asked);
    }
}

/// Also 4422.3.a: the application learns that there is no initial response, asks, and gets the client's first message
/// as a response.
#[test]
fn r5034_4_m_a_client_that_goes_first_is_asked_with_an_empty_challenge() {
    let mut host = challenged(CONFIG);
    assert_eq!(host.say("AHRlc3QAdGVzdA==\r\n"), OPEN);
    assert_eq!(host.asked, ["Response AHRlc3QAdGVzdA=="]);
}

/// The server's last message is a challenge; the `+OK` carries no message.
#[test]
fn r5034_4_z_the_last_word_of_a_server_is_a_challenge() {
    let mut host = host(CONFIG, &["cj1u", "dj1w"]);
    for (line, answer) in [("AUTH CRAM-MD5", "+ cj1u\r\n"), ("Yz1i", "+ dj1w\r\n"), ("", OPEN)] {
        assert_eq!(host.say(lines(&[line])), answer);
    }
}

/// Also 4422.3.b: the application, which knows its mechanism, learns that there was an initial response and refuses.
#[test]
fn r5034_4_n_an_initial_response_where_the_server_goes_first() {
    for (line, question) in
        [("AUTH CRAM-MD5 =", "Sasl CRAM-MD5 ="), ("AUTH CRAM-MD5 AAAA", "Sasl CRAM-MD5 AAAA")]
    {
        let mut host = refusing(CONFIG, &[], Refusal::Credentials);
        assert_eq!(host.say(lines(&[line])), FAILED);
        assert_eq!(host.asked, [question]);
    }
}

/// Also laws 4 and 7: a challenge that does not fit leaves everything unchanged.
#[test]
fn law_4_a_challenge_that_cannot_go_out_gives_its_token_back() {
    let (mut server, login) =
        asked(CONFIG.with_limits(Limits::DEFAULT.with_sasl_line(100)), "AUTH PLAIN\r\n");
    let mut out = SendBuf::new(vec![]);
    let long = [b'A'; 100];
    let unanswered = server.challenge(login, Base64::new(&long).unwrap(), &mut out).unwrap_err();
    assert_eq!(unanswered.why, AnswerError::TooLong { limit: 100 });
    let mut buffer = [0; 9];
    let mut full = SendBuf::new(&mut buffer[..]);
    let text = Base64::from_static("AAAAAAAA");
    let unanswered = server.challenge(unanswered.token, text, &mut full).unwrap_err();
    assert!(matches!(unanswered.why, AnswerError::BufferFull(full) if full.needed == 12));
    let mut other = Server::<Infos, _>::new(CONFIG, 2);
    let unanswered = other.challenge(unanswered.token, text, &mut out).unwrap_err();
    assert_eq!(unanswered.why, AnswerError::OtherConnection);
    assert_eq!(out.pending(), b"");
    server.challenge(unanswered.token, Base64::new(&long[..96]).unwrap(), &mut out).unwrap();
    assert_eq!(out.pending().len(), 100);
}

/// `+ ` and the line end count, exactly.
#[test]
fn r5034_4_v_the_limit_of_a_challenge_counts_its_line() {
    for (limit, taken) in [(100, true), (99, false)] {
        let config = CONFIG.with_limits(Limits::DEFAULT.with_sasl_line(limit));
        let (mut server, login) = asked(config, "AUTH PLAIN\r\n");
        let challenge = [b'A'; 96];
        let challenge = Base64::new(&challenge).unwrap();
        assert_eq!(server.challenge(login, challenge, &mut SendBuf::new(vec![])).is_ok(), taken);
    }
}

/// Also 5034.5.b.
#[test]
fn law_7_only_auth_is_answered_with_a_challenge() {
    let (mut server, login) = asked(CONFIG, LOGIN);
    assert!(!login.is_auth());
    let unanswered = server.challenge(login, Base64::EMPTY, &mut SendBuf::new(vec![])).unwrap_err();
    assert_eq!(unanswered.why, AnswerError::Stale);
    server.accept(unanswered.token, infos(&["abc"])).unwrap();
}

/// Also AMB.19 (`=`), 5034.4.a, 5034.4.s and 4648.3.a: after bad base64, as an initial response or a later one, the
/// server sends `-ERR` and the exchange is over.
#[test]
fn r5034_4_q_base64_that_does_not_decode_ends_the_exchange() {
    for text in BAD {
        let mut later = challenged(CONFIG);
        assert_eq!(later.say(lines(&[text])), SYNTAX, "{text:?}");
        assert!(later.say("CAPA\r\n").starts_with("+OK"), "commands again");
        if !["=", "AAAA "].contains(&text) {
            assert_eq!(host(CONFIG, &[]).say(format!("AUTH PLAIN {text}\r\n")), SYNTAX, "{text:?}");
        }
        assert_eq!(later.asked, [] as [&str; 0]);
    }
}

#[test]
fn amb_19_an_equals_sign_is_empty_in_the_command_only() {
    assert_eq!(challenged(CONFIG).say("=\r\n"), SYNTAX);
    let mut host = challenged(CONFIG);
    assert_eq!(host.say("\r\n"), OPEN);
    assert_eq!(host.asked, ["Response "]);
}

/// The exchange is over, and the next one starts from nothing.
#[test]
fn sec_aborted_sasl_leaves_no_state() {
    for line in ["*", "????", "AAA"] {
        let mut host = challenged(CONFIG);
        assert!(host.say(lines(&[line])).starts_with("-ERR"));
        assert!(host.say("AAAA\r\n").starts_with("-ERR"), "a response is not a command");
        host.challenges = vec!["AAAA".into()];
        assert_eq!(host.say(lines(&["AUTH LOGIN", "BBBB"])), format!("+ AAAA\r\n{OPEN}"));
        assert_eq!(host.asked, ["Sasl LOGIN", "Response BBBB"]);
    }
}

#[test]
fn r5034_4_l_a_star_cancels() {
    for line in ["*\r\n", "*\n"] {
        let mut host = challenged(CONFIG);
        assert_eq!(host.say(line), "-ERR cancelled\r\n");
        assert_eq!(host.server().quirks().contains(Quirk::BareLf), line == "*\n");
        host.challenges.clear();
        assert_eq!(host.say("AUTH LOGIN\r\n"), OPEN);
    }
    for line in ["**", " *"] {
        assert_eq!(challenged(CONFIG).say(lines(&[line])), SYNTAX);
    }
}

/// These lines are well-formed base64, and not commands.
#[test]
fn r5034_4_an_every_line_is_a_response() {
    for word in ["QUIT", "NOOP", "CAPA", "STLS", "STAT", "RSET", "UTF8", "quit"] {
        let mut host = challenged(CONFIG);
        host.refuse_login = Some(Refusal::Credentials);
        assert_eq!(host.say(lines(&[word])), FAILED);
        assert_eq!(host.asked, [format!("Response {word}")]);
        assert!(host.say("CAPA\r\n").starts_with("+OK"));
    }
    for line in ["USER mrose", "LIST 1"] {
        assert_eq!(challenged(CONFIG).say(lines(&[line])), SYNTAX);
    }
}

/// LF alone ends a response too. The strict profile refuses it, and the exchange is over in both profiles.
#[test]
fn rob_2_a_bare_lf_ends_a_response() {
    let mut host = challenged(CONFIG);
    assert_eq!(host.say("AAAA\n"), OPEN);
    assert!(host.server().quirks().contains(Quirk::BareLf));
    assert_eq!(challenged(STRICT).say("AAAA\n"), SYNTAX);
}

/// Also 5034.4.u: 12,288 octets with the line end by default. A longer line is skipped, answered once, and not read
/// as a command.
#[test]
fn r5034_4_v_a_response_has_its_own_limit() {
    assert_eq!(challenged(CONFIG).say(lines(&[&"A".repeat(12_284)])), OPEN);
    let long = lines(&[&"A".repeat(12_288), "CAPA"]);
    for chunk in [1, 7, 4096, 20_000] {
        let mut host = challenged(CONFIG);
        let said: Vec<u8> =
            long.as_bytes().chunks(chunk).flat_map(|piece| host.exchange(piece, false)).collect();
        assert!(said.starts_with(b"-ERR line too long\r\n+OK capability"), "{}", said.escape_ascii());
    }
}

#[test]
fn rob_30_an_end_inside_an_exchange_commits_nothing() {
    for wire in ["", "AAAA", "*"] {
        let mut host = challenged(CONFIG);
        assert_eq!((host.last(wire).as_str(), host.end), ("", Some(Ok(CloseReason::End))));
        assert_eq!(host.asked, [] as [&str; 0]);
    }
}

/// Also AMB.20: a response that is too early waits for its challenge in the caller's buffer.
#[test]
fn law_5_a_response_in_the_same_read_as_auth() {
    let mut server = machine(CONFIG, infos(&["abc"]), "");
    let mut out = SendBuf::new(vec![]);
    let mut input = Input::more(b"AUTH PLAIN\r\nAAAA\r\n");
    let Ok(Step::Ask(Ask::Login(login, _))) = server.poll(&mut input, &mut out) else { panic!() };
    assert_eq!(input.remaining(), 6);
    server.challenge(login, Base64::EMPTY, &mut out).unwrap();
    let Ok(Step::Ask(Ask::Login(_, Credentials::Response(response)))) = server.poll(&mut input, &mut out)
    else {
        panic!()
    };
    assert_eq!(response.as_bytes(), b"AAAA");
}
