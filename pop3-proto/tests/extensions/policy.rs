//! The commands that each TLS policy permits, on both sides: RFC 2595 section 2, RFC 8314 sections 4 and 5.

use super::hosted;
use pop3_proto::client::{self, SendError, TlsRefusal};
use pop3_proto::server::{CloseReason, Refusal, ServerConfig};
use pop3_proto::{Limits, Mechanism, TlsPolicy, Verb};
use pop3_proto_kit::Guest;

/// Returns a command of each kind.
fn command(verb: Verb) -> &'static str {
    match verb {
        Verb::User => "USER mrose",
        Verb::Pass => "PASS secret",
        Verb::Apop => "APOP mrose c4c9334bac560ecc979e58001b3e22fb",
        Verb::Auth => "AUTH PLAIN",
        Verb::AuthList => "AUTH",
        Verb::Stls => "STLS",
        Verb::Utf8 => "UTF8",
        Verb::Capa => "CAPA",
        Verb::Lang => "LANG *",
        Verb::LangList => "LANG",
        Verb::Stat => "STAT",
        Verb::List => "LIST",
        Verb::Retr => "RETR 1",
        Verb::Dele => "DELE 1",
        Verb::Noop => "NOOP",
        Verb::Rset => "RSET",
        Verb::Top => "TOP 1 0",
        Verb::Uidl => "UIDL",
        Verb::Quit => "QUIT",
        _ => "XTND",
    }
}

const LOGINS: [Verb; 4] = [Verb::User, Verb::Pass, Verb::Apop, Verb::Auth];

/// The mechanisms of RFC 5034, RFC 7628 and vendors, whether they reveal a password or not.
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

/// The ways to a session in AUTHORIZATION outside TLS: nothing known, CAPA with and without STLS, CAPA refused, STLS
/// refused.
fn desks(config: impl Into<client::ClientConfig> + Copy) -> [Guest; 5] {
    let mut refused = Guest::greeted(config);
    refused.ask("CAPA", "-ERR\r\n");
    let mut no_stls = Guest::listed(config, &["STLS", "USER", "SASL PLAIN"]);
    no_stls.say("STLS").unwrap();
    no_stls.hear("-ERR\r\n");
    [
        Guest::greeted(config),
        Guest::listed(config, &["STLS", "USER", "SASL PLAIN"]),
        Guest::listed(config, &["USER", "SASL PLAIN"]),
        refused,
        no_stls,
    ]
}

/// Also 2595.2.2.a, 8314.5.a and 8314.5.d: exhaustive over the commands and over the first responses of a server.
#[test]
fn r8314_5_b_below_the_required_level_only_discovery_and_stls() {
    for verb in Verb::ALL.iter().copied() {
        for mut desk in desks(TlsPolicy::Required) {
            let sent = desk.say(command(verb));
            if matches!(verb, Verb::Capa | Verb::Stls | Verb::Quit) {
                assert!(sent.is_ok(), "{verb:?}");
            } else if verb.is_valid_in(desk.client().state()) {
                assert_eq!(sent, Err(SendError::Tls(TlsRefusal::Required)), "{verb:?}");
            } else {
                assert_eq!(sent, Err(SendError::State(desk.client().state())), "{verb:?}");
            }
            assert!(sent.is_ok() || desk.sent().is_empty());
        }
    }
}

/// Also the row of CVE-2021-22946 and 2595.2.3.a: no state, order or pipeline avoids the policy.
#[test]
fn sec_required_tls_is_not_skipped_by_a_client() {
    let config = client::ClientConfig::new(TlsPolicy::Required).assume_pipelining();
    for verb in LOGINS {
        for mut desk in desks(config) {
            assert_eq!(desk.say(command(verb)), Err(SendError::Tls(TlsRefusal::Required)));
        }
    }
    for mechanism in MECHANISMS {
        for command in [format!("AUTH {mechanism}"), format!("AUTH {mechanism} AAAA")] {
            let refused = Guest::greeted(config).say(&command);
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
        for command in ["USER mrose", "AUTH OAUTHBEARER AAAA", "AUTH"] {
            let mut desk = Guest::greeted(policy);
            if policy == TlsPolicy::Required {
                desk.start_tls();
            }
            assert!(desk.say(command).is_ok());
        }
    }
}

/// Also 2595.2.2.b: CAPA first, STLS if it is listed, then an unencrypted login if STLS was refused.
#[test]
fn r8314_5_c_an_opportunistic_client_tries_the_most_secure_way_first() {
    for verb in LOGINS {
        let mut desk = Guest::greeted(TlsPolicy::Opportunistic);
        assert_eq!(desk.say(command(verb)), Err(SendError::Tls(TlsRefusal::CapaFirst)));
        desk.lists(&["STLS", "SASL PLAIN"]);
        assert_eq!(desk.say(command(verb)), Err(SendError::Tls(TlsRefusal::StlsFirst)));
        desk.say("STLS").unwrap();
        desk.hear("-ERR\r\n");
        let sent = desk.say(command(verb));
        assert!(!matches!(sent, Err(SendError::Tls(_))), "{verb:?} {sent:?}");
    }
    for rows in [&[][..], &["SASL PLAIN"]] {
        let mut desk = Guest::listed(TlsPolicy::Opportunistic, rows);
        assert!(desk.say("USER mrose").is_ok());
    }
}

/// A server without CAPA has no STLS (2595.4.a).
#[test]
fn r2595_2_2_b_an_opportunistic_client_logs_in_where_capa_is_unknown() {
    let mut desk = Guest::greeted(TlsPolicy::Opportunistic);
    desk.say("CAPA").unwrap();
    desk.hear("-ERR\r\n");
    assert!(desk.say("USER mrose").is_ok());
}

/// STLS that is announced between USER and PASS must still be used first.
#[test]
fn r2595_2_2_b_no_password_goes_out_once_stls_was_seen() {
    let mut desk = Guest::listed(TlsPolicy::Opportunistic, &["USER"]);
    desk.say("USER mrose").unwrap();
    desk.hear("+OK\r\n");
    desk.lists(&["STLS"]);
    assert_eq!(desk.say("PASS secret"), Err(SendError::Tls(TlsRefusal::StlsFirst)));
}

/// Also 7628.3.a: OAUTHBEARER is only for TLS under every policy, whatever the server listed.
#[test]
fn r7628_3_a_no_client_sends_a_bearer_token_in_cleartext() {
    for policy in [TlsPolicy::Cleartext, TlsPolicy::Opportunistic] {
        for command in ["AUTH OAUTHBEARER", "AUTH OAUTHBEARER AAAA"] {
            let mut desk = Guest::listed(policy, &["SASL OAUTHBEARER PLAIN"]);
            assert_eq!(desk.say(command), Err(SendError::Tls(TlsRefusal::Mechanism)));
            assert!(desk.say("AUTH PLAIN").is_ok());
        }
        let mut desk = Guest::listed(policy, &["SASL OAUTHBEARER"]);
        assert_eq!(desk.say("AUTH oauthbearer"), Err(SendError::Tls(TlsRefusal::Mechanism)));
        desk.start_tls();
        assert!(desk.say("AUTH oauthbearer").is_ok());
    }
}

/// Also 5034.5.a: outside TLS it is not listed and is refused, although the configuration names it; inside TLS it is
/// listed.
#[test]
fn r7628_3_a_no_server_takes_a_bearer_token_in_cleartext() {
    const BOTH: &[Mechanism<'static>] = &[Mechanism::OAUTHBEARER, Mechanism::CRAM_MD5];
    for policy in [TlsPolicy::Cleartext, TlsPolicy::Opportunistic] {
        let mut host = hosted(ServerConfig::new(policy).with_sasl(BOTH).with_sasl_cleartext(BOTH));
        assert!(host.say("CAPA\r\n").contains("\r\nSASL CRAM-MD5\r\n"));
        assert!(host.say("AUTH\r\n").ends_with("follows\r\nCRAM-MD5\r\n.\r\n"));
        for line in ["AUTH OAUTHBEARER\r\n", "auth oauthbearer AAAA\r\n", "AUTH OAUTHBEARER =\r\n"] {
            assert_eq!(host.say(line), "-ERR no such mechanism\r\n");
        }
    }
    let mut host =
        hosted(ServerConfig::new(TlsPolicy::Opportunistic).with_sasl(BOTH).with_sasl_cleartext(BOTH));
    host.say("STLS\r\n");
    assert!(host.say("CAPA\r\n").contains("\r\nSASL OAUTHBEARER CRAM-MD5\r\n"));
    assert_eq!(host.say("AUTH OAUTHBEARER AAAA\r\n"), "+OK maildrop open\r\n");
}

/// If the list would be empty without it, CAPA does not announce SASL.
#[test]
fn r7628_3_a_a_server_with_no_other_mechanism_announces_no_sasl_in_cleartext() {
    const BEARER: &[Mechanism<'static>] = &[Mechanism::OAUTHBEARER];
    let mut host = hosted(ServerConfig::new(TlsPolicy::Cleartext).with_sasl_cleartext(BEARER));
    assert!(!host.say("CAPA\r\n").contains("SASL"));
}

/// The lines of all logins, also with mechanisms.
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
        let mut host = hosted(config);
        assert_eq!(host.say(&line), "-ERR TLS first\r\n", "{line}");
        host.say("STLS\r\n");
        assert_eq!(host.asked, ["StartTls"]);
        host.say(&line);
        assert_eq!(host.asked.len() == 2, !line.starts_with("PASS") && !line.starts_with("APOP"), "{line}");
    }
}

/// The commands that a server with required TLS answers outside TLS, exhaustive over the commands.
#[test]
fn r2595_2_3_a_outside_required_tls_no_command_reaches_the_application() {
    for verb in Verb::ALL.iter().copied() {
        let config =
            ServerConfig::new(TlsPolicy::Required).with_sasl(&MECHANISMS).with_sasl_cleartext(&MECHANISMS);
        let mut host = hosted(config);
        let said = host.say(format!("{}\r\n", command(verb)));
        let asked = if verb == Verb::Stls { &["StartTls"][..] } else { &[] };
        assert_eq!(host.asked, asked, "{verb:?}");
        assert_eq!(host.end.is_some(), verb == Verb::Quit, "{verb:?}");
        assert!(said.starts_with("-ERR") || !LOGINS.contains(&verb), "{verb:?}");
    }
}

/// The answer does not depend on the name or the password, because the server does not look at them. It is also the
/// same for a name that the application would refuse.
#[test]
fn r8314_4_d_refusals_in_cleartext_look_the_same() {
    let config = ServerConfig::new(TlsPolicy::Required).with_sasl(&[Mechanism::PLAIN]);
    let answers = |lines: &[&str]| {
        let mut host = hosted(config);
        lines.iter().map(|line| host.say(line)).collect::<Vec<_>>()
    };
    let right = answers(&["USER mrose\r\n", "PASS right\r\n", "AUTH PLAIN AG1yb3NlAHJpZ2h0\r\n"]);
    let wrong = answers(&["USER nobody\r\n", "PASS wrong\r\n", "AUTH PLAIN AG5vYm9keQB3cm9uZw==\r\n"]);
    assert_eq!(right, wrong);
    assert!(right.iter().all(|answer| answer == "-ERR TLS first\r\n"));
}

/// The application may require TLS for one user, before it looks at the password. It uses its own refusal, without a
/// code that reveals more.
#[test]
fn r2595_2_3_b_a_refusal_for_one_user() {
    let mut host = hosted(ServerConfig::new(TlsPolicy::Opportunistic));
    host.say("USER mrose\r\n");
    assert!(!host.server().is_tls());
    host.refuse_login = Some(Refusal::NotAllowed);
    assert_eq!(host.say("PASS right\r\n"), "-ERR not allowed here\r\n");
}

/// Also 2595.9.a: only the base protocol, if a host wants it.
#[test]
fn r2595_2_2_c_a_server_may_take_logins_in_cleartext() {
    for policy in [TlsPolicy::Cleartext, TlsPolicy::Opportunistic] {
        let mut host = hosted(ServerConfig::new(policy));
        assert!(host.say("CAPA\r\n").contains("\r\nUSER\r\n"));
        host.say("USER mrose\r\n");
        assert_eq!(host.say("PASS secret\r\n"), "+OK maildrop open\r\n");
        assert_eq!(host.asked, ["User mrose", "Password secret"]);
    }
    for command in ["USER mrose", "AUTH PLAIN"] {
        assert!(Guest::greeted(TlsPolicy::Cleartext).say(command).is_ok());
    }
}

/// Also 4616.1.a: by default no mechanism outside TLS, whatever is offered inside.
#[test]
fn r5034_4_aj_no_mechanism_outside_tls_by_default() {
    for policy in [TlsPolicy::Cleartext, TlsPolicy::Opportunistic, TlsPolicy::Required] {
        let mut host = hosted(ServerConfig::new(policy).with_sasl(&MECHANISMS));
        assert!(!host.say("CAPA\r\n").contains("SASL"));
        assert!(host.say("AUTH\r\n").ends_with("follows\r\n.\r\n"));
        assert!(host.say("AUTH PLAIN AAAA\r\n").starts_with("-ERR"));
    }
    let clear = ServerConfig::new(TlsPolicy::Opportunistic)
        .with_sasl(&MECHANISMS)
        .with_sasl_cleartext(&[Mechanism::CRAM_MD5]);
    let mut host = hosted(clear);
    assert!(host.say("CAPA\r\n").contains("\r\nSASL CRAM-MD5\r\n"));
    assert!(host.say("AUTH PLAIN AAAA\r\n").starts_with("-ERR"));
    assert_eq!(host.say("AUTH CRAM-MD5\r\n"), "+OK maildrop open\r\n");
}

/// A client that may warn can ask whether the session is in TLS, and which mechanisms reveal the password.
#[test]
fn r2595_9_a_a_client_can_warn_the_user() {
    let desk = Guest::greeted(TlsPolicy::Cleartext);
    assert!(!desk.client().is_tls());
    for mechanism in MECHANISMS {
        let shows = [Mechanism::PLAIN, Mechanism::LOGIN, Mechanism::XOAUTH2, Mechanism::OAUTHBEARER];
        assert_eq!(mechanism.is_cleartext(), shows.contains(&mechanism));
    }
}

/// Refusals outside TLS are bad commands, so the server closes the connection to a peer that keeps trying.
#[test]
fn rob_16_logins_in_cleartext_are_bounded_if_tls_is_required() {
    let mut host =
        hosted(ServerConfig::new(TlsPolicy::Required).with_limits(Limits::DEFAULT.with_bad_commands(3, 9)));
    let said = host.say("PASS a\r\nPASS b\r\nPASS c\r\nPASS d\r\n");
    assert_eq!(host.end, Some(Ok(CloseReason::BadCommands)));
    assert_eq!(said, "-ERR TLS first\r\n-ERR TLS first\r\n-ERR too many bad commands\r\n");
}
