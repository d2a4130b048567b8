//! What each TLS policy lets through, on both sides: RFC 2595 section 2, RFC 8314 sections 4 and 5.

use super::sasl_kit::{Desk, Host, auth, auth_with, pass, user};
use pop3_proto::client::{self, SendError, TlsRefusal};
use pop3_proto::server::{Ask, Credentials, Refusal, ServerConfig, Step};
use pop3_proto::{
    ApopDigest, Command, Input, Keyword, LanguageRange, Limits, Mechanism, MessageNumber, Text, TlsPolicy,
    Verb,
};

const ONE: MessageNumber = match MessageNumber::new(1) {
    Ok(one) => one,
    Err(_) => unreachable!(),
};

/// A command of each kind.
fn command(verb: Verb) -> Command<'static> {
    match verb {
        Verb::User => user("mrose"),
        Verb::Pass => pass("secret"),
        Verb::Apop => Command::Apop {
            name: Text::from_static("mrose"),
            digest: ApopDigest::parse(b"c4c9334bac560ecc979e58001b3e22fb").unwrap(),
        },
        Verb::Auth => auth(Mechanism::PLAIN),
        Verb::AuthList => Command::AuthList,
        Verb::Stls => Command::Stls,
        Verb::Utf8 => Command::Utf8,
        Verb::Capa => Command::Capa,
        Verb::Lang => Command::Lang(Some(LanguageRange::Preferred)),
        Verb::LangList => Command::Lang(None),
        Verb::Stat => Command::Stat,
        Verb::List => Command::List(None),
        Verb::Retr => Command::Retr(ONE),
        Verb::Dele => Command::Dele(ONE),
        Verb::Noop => Command::Noop,
        Verb::Rset => Command::Rset,
        Verb::Top => Command::Top { message: ONE, lines: 0 },
        Verb::Uidl => Command::Uidl(None),
        Verb::Quit => Command::Quit,
        Verb::Other => Command::Other { keyword: Keyword::new(b"XTND").unwrap(), arguments: None },
        other => panic!("no answer to {other:?}"),
    }
}

const LOGINS: [Verb; 4] = [Verb::User, Verb::Pass, Verb::Apop, Verb::Auth];

/// The mechanisms that RFC 5034, RFC 7628 and vendors have, whether they show a password or not.
const MECHANISMS: [Mechanism<'static>; 9] = [
    Mechanism::PLAIN,
    Mechanism::LOGIN,
    Mechanism::EXTERNAL,
    Mechanism::ANONYMOUS,
    Mechanism::CRAM_MD5,
    Mechanism::SCRAM_SHA_1,
    Mechanism::SCRAM_SHA_256,
    Mechanism::OAUTHBEARER,
    Mechanism::XOAUTH2,
];

/// The ways to a session in AUTHORIZATION outside TLS: nothing known, CAPA with and without STLS, CAPA refused, STLS refused.
fn desks(config: impl Into<client::ClientConfig> + Copy) -> [Desk; 5] {
    let mut refused = Desk::greeted(config);
    refused.say(&Command::Capa).unwrap();
    refused.hear(b"-ERR\r\n").unwrap();
    let mut no_stls = Desk::listed(config, "STLS\r\nUSER\r\nSASL PLAIN\r\n");
    no_stls.say(&Command::Stls).unwrap();
    no_stls.hear(b"-ERR\r\n").unwrap();
    [
        Desk::greeted(config),
        Desk::listed(config, "STLS\r\nUSER\r\nSASL PLAIN\r\n"),
        Desk::listed(config, "USER\r\nSASL PLAIN\r\n"),
        refused,
        no_stls,
    ]
}

/// Also 2595.2.2.a, 8314.5.a and 8314.5.d: exhaustive over the commands and over what a server may say first.
#[test]
fn r8314_5_b_below_the_required_level_only_discovery_and_stls() {
    for verb in Verb::ALL.iter().copied() {
        for mut desk in desks(TlsPolicy::Required) {
            let sent = desk.say(&command(verb));
            if matches!(verb, Verb::Capa | Verb::Stls | Verb::Quit) {
                assert!(sent.is_ok(), "{verb:?}");
            } else if verb.is_valid_in(desk.client.state()) {
                assert_eq!(sent, Err(SendError::Tls(TlsRefusal::Required)), "{verb:?}");
            } else {
                assert_eq!(sent, Err(SendError::State(desk.client.state())), "{verb:?}");
            }
            assert!(sent.is_ok() || desk.said().is_empty());
        }
    }
}

/// Also the row of CVE-2021-22946 and 2595.2.3.a: no state, order or pipeline has a way round it.
#[test]
fn sec_required_tls_is_not_skipped_by_a_client() {
    let config = client::ClientConfig::new(TlsPolicy::Required).assume_pipelining();
    for verb in LOGINS {
        for mut desk in desks(config) {
            assert_eq!(desk.say(&command(verb)), Err(SendError::Tls(TlsRefusal::Required)));
        }
    }
    for mechanism in MECHANISMS {
        for command in [auth(mechanism), auth_with(mechanism, b"AAAA")] {
            let refused = Desk::greeted(config).say(&command);
            assert_eq!(refused, Err(SendError::Tls(TlsRefusal::Required)));
        }
    }
    let error = SendError::Tls(TlsRefusal::Required);
    let cause = std::error::Error::source(&error).unwrap();
    assert_eq!(cause.to_string(), "TLS is required: send STLS first", "the cause is named");
}

#[test]
fn r8314_5_a_inside_tls_the_required_level_is_reached() {
    for policy in [TlsPolicy::Required, TlsPolicy::Implicit] {
        for command in [user("mrose"), auth_with(Mechanism::OAUTHBEARER, b"AAAA"), Command::AuthList] {
            let mut desk = Desk::greeted(policy);
            if policy == TlsPolicy::Required {
                desk.start_tls();
            }
            assert!(desk.say(&command).is_ok());
        }
    }
}

/// Also 2595.2.2.b: CAPA first, STLS where there is one, then login in clear where it was refused.
#[test]
fn r8314_5_c_an_opportunistic_client_tries_the_most_secure_way_first() {
    for verb in LOGINS {
        let mut desk = Desk::greeted(TlsPolicy::Opportunistic);
        assert_eq!(desk.say(&command(verb)), Err(SendError::Tls(TlsRefusal::CapaFirst)));
        desk.learn("STLS\r\nSASL PLAIN\r\n");
        assert_eq!(desk.say(&command(verb)), Err(SendError::Tls(TlsRefusal::StlsFirst)));
        desk.say(&Command::Stls).unwrap();
        desk.hear(b"-ERR\r\n").unwrap();
        let sent = desk.say(&command(verb));
        assert!(!matches!(sent, Err(SendError::Tls(_))), "{verb:?} {sent:?}");
    }
    for rows in ["", "SASL PLAIN\r\n"] {
        let mut desk = Desk::listed(TlsPolicy::Opportunistic, rows);
        assert!(desk.say(&user("mrose")).is_ok());
    }
}

/// A server without CAPA has no STLS (2595.4.a).
#[test]
fn r2595_2_2_b_an_opportunistic_client_logs_in_where_capa_is_unknown() {
    let mut desk = Desk::greeted(TlsPolicy::Opportunistic);
    desk.say(&Command::Capa).unwrap();
    desk.hear(b"-ERR\r\n").unwrap();
    assert!(desk.say(&user("mrose")).is_ok());
}

/// STLS that shows between USER and PASS is still used first.
#[test]
fn r2595_2_2_b_no_password_goes_out_once_stls_was_seen() {
    let mut desk = Desk::listed(TlsPolicy::Opportunistic, "USER\r\n");
    desk.say(&user("mrose")).unwrap();
    desk.hear(b"+OK\r\n").unwrap();
    desk.learn("STLS\r\n");
    assert_eq!(desk.say(&pass("secret")), Err(SendError::Tls(TlsRefusal::StlsFirst)));
}

/// Also 7628.3.a: OAUTHBEARER is for TLS under every policy, whatever was listed.
#[test]
fn r7628_3_a_no_client_sends_a_bearer_token_in_clear() {
    for policy in [TlsPolicy::Cleartext, TlsPolicy::Opportunistic] {
        for command in [auth(Mechanism::OAUTHBEARER), auth_with(Mechanism::OAUTHBEARER, b"AAAA")] {
            let mut desk = Desk::listed(policy, "SASL OAUTHBEARER PLAIN\r\n");
            assert_eq!(desk.say(&command), Err(SendError::Tls(TlsRefusal::Mechanism)));
            assert!(desk.say(&auth(Mechanism::PLAIN)).is_ok());
        }
        let mut desk = Desk::listed(policy, "SASL OAUTHBEARER\r\n");
        let name = Mechanism::new(b"oauthbearer").unwrap();
        assert_eq!(desk.say(&auth(name)), Err(SendError::Tls(TlsRefusal::Mechanism)));
        desk.start_tls();
        assert!(desk.say(&auth(name)).is_ok());
    }
}

/// Also 5034.5.a: in no list and refused outside TLS, though the configuration names it; there inside.
#[test]
fn r7628_3_a_no_server_takes_a_bearer_token_in_clear() {
    const BOTH: &[Mechanism<'static>] = &[Mechanism::OAUTHBEARER, Mechanism::CRAM_MD5];
    for policy in [TlsPolicy::Cleartext, TlsPolicy::Opportunistic] {
        let mut host = Host::new(ServerConfig::new(policy).with_sasl(BOTH).with_sasl_cleartext(BOTH));
        assert!(host.answers(b"CAPA\r\n").contains("\r\nSASL CRAM-MD5\r\n"));
        assert!(host.answers(b"AUTH\r\n").ends_with("follows\r\nCRAM-MD5\r\n.\r\n"));
        for line in [&b"AUTH OAUTHBEARER\r\n"[..], b"auth oauthbearer AAAA\r\n", b"AUTH OAUTHBEARER =\r\n"] {
            assert_eq!(host.answers(line), "-ERR no such mechanism\r\n");
        }
    }
    let mut host =
        Host::new(ServerConfig::new(TlsPolicy::Opportunistic).with_sasl(BOTH).with_sasl_cleartext(BOTH));
    host.start_tls();
    assert!(host.answers(b"CAPA\r\n").contains("\r\nSASL OAUTHBEARER CRAM-MD5\r\n"));
    let _ = host.login(b"AUTH OAUTHBEARER AAAA\r\n");
}

/// A list that would be empty once it is passed over is no list: CAPA says nothing of SASL.
#[test]
fn r7628_3_a_a_server_with_nothing_else_announces_no_sasl_in_clear() {
    const BEARER: &[Mechanism<'static>] = &[Mechanism::OAUTHBEARER];
    let mut host = Host::new(ServerConfig::new(TlsPolicy::Cleartext).with_sasl_cleartext(BEARER));
    assert!(!host.answers(b"CAPA\r\n").contains("SASL"));
}

/// The lines of all logins, for mechanisms too.
fn login_lines() -> Vec<String> {
    let mut lines = vec![
        "USER mrose\r\n".to_owned(),
        "PASS secret\r\n".to_owned(),
        "APOP mrose c4c9334bac560ecc979e58001b3e22fb\r\n".to_owned(),
    ];
    lines.extend(MECHANISMS.iter().map(|mechanism| format!("AUTH {mechanism}\r\n")));
    lines.extend(MECHANISMS.iter().map(|mechanism| format!("AUTH {mechanism} AAAA\r\n")));
    lines
}

/// Also 2595.2.2.a, 8314.5.b's mirror and CVE-2021-22946's: the application is never asked.
#[test]
fn r2595_2_3_a_a_server_that_requires_tls_looks_at_no_login_outside_it() {
    let config =
        ServerConfig::new(TlsPolicy::Required).with_sasl(&MECHANISMS).with_sasl_cleartext(&MECHANISMS);
    for line in login_lines() {
        let mut host = Host::new(config);
        assert_eq!(host.answers(line.as_bytes()), "-ERR TLS first\r\n", "{line}");
        host.start_tls();
        let step = host.hear(line.as_bytes());
        let asked = matches!(step, Step::Ask(Ask::User(..) | Ask::Login(..)));
        assert_eq!(asked, !line.starts_with("PASS") && !line.starts_with("APOP"), "{line}");
    }
}

/// What a server that requires TLS does answer outside it, exhaustive over the commands.
#[test]
fn r2595_2_3_a_outside_required_tls_no_command_reaches_the_application() {
    for verb in Verb::ALL.iter().copied() {
        let config =
            ServerConfig::new(TlsPolicy::Required).with_sasl(&MECHANISMS).with_sasl_cleartext(&MECHANISMS);
        let mut host = Host::new(config);
        let mut line = pop3_proto::SendBuf::new(vec![]);
        command(verb).encode(&mut line).unwrap();
        let step = host.hear(line.pending());
        match verb {
            Verb::Stls => assert!(matches!(step, Step::Ask(Ask::StartTls(_)))),
            Verb::Quit => assert!(matches!(step, Step::Closed(_))),
            _ => assert!(matches!(step, Step::NeedInput), "{verb:?} {step:?}"),
        }
        assert!(host.said().starts_with("-ERR") || !LOGINS.contains(&verb), "{verb:?}");
    }
}

/// The answer does not depend on name or password, as nobody looks at them; a name that the application would refuse looks like any other.
#[test]
fn r8314_4_d_refusals_in_clear_look_the_same() {
    let config = ServerConfig::new(TlsPolicy::Required).with_sasl(&[Mechanism::PLAIN]);
    let answers = |lines: &[&[u8]]| {
        let mut host = Host::new(config);
        lines.iter().map(|line| host.answers(line)).collect::<Vec<_>>()
    };
    let right = answers(&[b"USER mrose\r\n", b"PASS right\r\n", b"AUTH PLAIN AG1yb3NlAHJpZ2h0\r\n"]);
    let wrong = answers(&[b"USER nobody\r\n", b"PASS wrong\r\n", b"AUTH PLAIN AG5vYm9keQB3cm9uZw==\r\n"]);
    assert_eq!(right, wrong);
    assert!(right.iter().all(|answer| answer == "-ERR TLS first\r\n"));
}

/// For one user, by the application, before it looks at the password: its own refusal, without a code that tells more.
#[test]
fn r2595_2_3_b_a_refusal_for_one_user() {
    let mut host = Host::new(ServerConfig::new(TlsPolicy::Opportunistic));
    host.name(b"USER mrose\r\n");
    assert!(!host.server.is_tls());
    let (login, _) = host.login(b"PASS right\r\n");
    assert_eq!(host.refuse(login, Refusal::NotAllowed), "-ERR not allowed here\r\n");
}

/// Also 2595.9.a: the base protocol alone, where a host wants it.
#[test]
fn r2595_2_2_c_a_server_may_take_logins_in_clear() {
    for policy in [TlsPolicy::Cleartext, TlsPolicy::Opportunistic] {
        let mut host = Host::new(ServerConfig::new(policy));
        assert!(host.answers(b"CAPA\r\n").contains("\r\nUSER\r\n"));
        host.name(b"USER mrose\r\n");
        let (login, credentials) = host.login(b"PASS secret\r\n");
        assert!(matches!(credentials, Credentials::Password(_)));
        assert!(host.accept(login).starts_with("+OK"));
    }
    for command in [user("mrose"), auth(Mechanism::PLAIN)] {
        assert!(Desk::greeted(TlsPolicy::Cleartext).say(&command).is_ok());
    }
}

/// Also 4616.1.a: by default no mechanism outside TLS, whatever there is inside.
#[test]
fn r5034_4_aj_no_mechanism_outside_tls_unless_it_is_set_so() {
    for policy in [TlsPolicy::Cleartext, TlsPolicy::Opportunistic, TlsPolicy::Required] {
        let mut host = Host::new(ServerConfig::new(policy).with_sasl(&MECHANISMS));
        assert!(!host.answers(b"CAPA\r\n").contains("SASL"));
        assert!(host.answers(b"AUTH\r\n").ends_with("follows\r\n.\r\n"));
        assert!(host.refuses(b"AUTH PLAIN AAAA\r\n"));
    }
    let clear = ServerConfig::new(TlsPolicy::Opportunistic)
        .with_sasl(&MECHANISMS)
        .with_sasl_cleartext(&[Mechanism::CRAM_MD5]);
    let mut host = Host::new(clear);
    assert!(host.answers(b"CAPA\r\n").contains("\r\nSASL CRAM-MD5\r\n"));
    assert!(host.refuses(b"AUTH PLAIN AAAA\r\n"));
    let _ = host.login(b"AUTH CRAM-MD5\r\n");
}

/// A client that may warn knows what it needs to: whether the session is in TLS, and which mechanisms show the password.
#[test]
fn r2595_9_a_what_a_client_warns_by() {
    let desk = Desk::greeted(TlsPolicy::Cleartext);
    assert!(!desk.client.is_tls());
    for mechanism in MECHANISMS {
        let shows = [Mechanism::PLAIN, Mechanism::LOGIN, Mechanism::XOAUTH2, Mechanism::OAUTHBEARER];
        assert_eq!(mechanism.is_cleartext(), shows.contains(&mechanism));
    }
}

/// Refusals outside TLS are bad commands: a peer that keeps trying is closed on.
#[test]
fn rob_16_logins_in_clear_where_tls_is_required_are_bounded() {
    let mut host = Host::new(
        ServerConfig::new(TlsPolicy::Required).with_limits(Limits::DEFAULT.with_bad_commands(3, 9)),
    );
    let mut input = Input::more(b"PASS a\r\nPASS b\r\nPASS c\r\nPASS d\r\n");
    let step = host.server.poll(&mut input, &mut host.out).unwrap();
    assert!(matches!(step, Step::Closed(_)));
    assert_eq!(host.said(), "-ERR TLS first\r\n-ERR TLS first\r\n-ERR too many bad commands\r\n");
}
