//! The capabilities that a server announces, by state, policy and user (RFC 2449 sections 5 and 6).

use super::{Mail, greeted, logged_in};
use pop3_proto::server::{Language, ServerConfig, UserPolicy, Utf8};
use pop3_proto::{Expire, Mechanism, OtherCapability, Text, TlsPolicy};
use pop3_proto_kit::Host;

const SASL: &[Mechanism<'static>] = &[Mechanism::PLAIN, Mechanism::OAUTHBEARER];
const IN_CLEAR: &[Mechanism<'static>] = &[Mechanism::SCRAM_SHA_256, Mechanism::OAUTHBEARER];
const OURS: &[OtherCapability<'static>] =
    &[OtherCapability::from_static("X-ARCHIVE", "7 years"), OtherCapability::from_static("XOIP", "")];

/// Every capability that a server can announce.
fn everything(tls: TlsPolicy) -> ServerConfig<'static> {
    ServerConfig::new(tls)
        .with_sasl(SASL)
        .with_sasl_cleartext(IN_CLEAR)
        .with_login_delay(900, true)
        .with_expire(Expire::Days(30), true)
        .with_utf8(Utf8::MessagesAndUsers)
        .with_languages(&[Language::ENGLISH])
        .with_implementation(Text::from_static("shore 2.1"))
        .with_capabilities(OURS)
}

/// Also 2449.5.b, 2449.5.g, 2449.5.h, 2449.6.1.a, 2449.6.2.a, 2449.6.3.a, 2449.6.6.a, 2449.6.8.a, 2449.6.9.a, 3206.6.c,
/// 6856.2.a, 6856.3.a, AMB.7, AMB.9, 2595.4.b, 2449.5.c.
#[test]
fn r2449_5_g_the_list_by_state_and_policy() {
    let common_before =
        ["RESP-CODES", "AUTH-RESP-CODE", "PIPELINING", "LOGIN-DELAY 900 USER", "EXPIRE 30 USER"];
    let common_after = ["RESP-CODES", "AUTH-RESP-CODE", "PIPELINING", "LOGIN-DELAY 900", "EXPIRE 30"];
    let tail = ["UTF8 USER", "LANG", "IMPLEMENTATION shore 2.1", "X-ARCHIVE 7 years", "XOIP"];
    let list = |login: &[&str], common: &[&str]| {
        [["TOP", "UIDL"].as_slice(), login, common, tail.as_slice()].concat().join("\n")
    };
    let (user, clear, inside) = ("USER", "SASL SCRAM-SHA-256", "SASL PLAIN OAUTHBEARER");
    for (policy, before, after) in [
        (TlsPolicy::Cleartext, [user, clear].as_slice(), [user, clear].as_slice()),
        (TlsPolicy::Opportunistic, &[user, clear, "STLS"], &[user, clear]),
        (TlsPolicy::Required, &["STLS"], &[]),
        (TlsPolicy::Implicit, &[user, inside], &[user, inside]),
    ] {
        let mut host = greeted(everything(policy));
        assert_eq!(host.lists("CAPA").join("\n"), list(before, &common_before), "{policy:?}");
        if policy == TlsPolicy::Required {
            continue;
        }
        host.say("USER mrose\r\nPASS secret\r\n");
        assert_eq!(host.lists("CAPA").join("\n"), list(after, &common_after), "{policy:?} after login");
    }
    for policy in [TlsPolicy::Opportunistic, TlsPolicy::Required] {
        let mut host = greeted(everything(policy));
        host.say("STLS\r\n");
        assert!(host.server().is_tls());
        assert_eq!(
            host.lists("CAPA").join("\n"),
            list(&[user, inside], &common_before),
            "{policy:?} inside TLS"
        );
        host.say("USER mrose\r\nPASS secret\r\n");
        assert_eq!(host.lists("CAPA").join("\n"), list(&[user, inside], &common_after));
    }
}

/// Also 2449.5.m: a server that offers almost nothing.
#[test]
fn r2449_5_m_the_list_may_be_empty() {
    let config = ServerConfig::new(TlsPolicy::Required).without_user().without_top().without_uidl();
    let config = config.without_pipelining().without_resp_codes();
    let mut host = greeted(config);
    assert_eq!(host.lists("CAPA"), ["STLS"]);
    let config = ServerConfig::new(TlsPolicy::Cleartext).without_user().without_top().without_uidl();
    let mut host = greeted(config.without_pipelining().without_resp_codes());
    assert_eq!(host.say("CAPA\r\n"), "+OK capability list follows\r\n.\r\n");
}

#[test]
fn r2449_5_a_capa_has_no_argument() {
    let mut host = greeted(ServerConfig::new(TlsPolicy::Cleartext));
    assert_eq!(host.say("CAPA TOP\r\n"), "-ERR syntax error\r\n");
}

/// Everything offered is announced, and everything else is refused.
#[test]
fn r2449_5_k_a_command_works_if_its_tag_is_listed() {
    for (config, tag, line) in [
        (ServerConfig::new(TlsPolicy::Cleartext).without_user(), "USER", "USER mrose"),
        (ServerConfig::new(TlsPolicy::Cleartext), "STLS", "STLS"),
        (ServerConfig::new(TlsPolicy::Implicit), "STLS", "STLS"),
        (ServerConfig::new(TlsPolicy::Cleartext), "UTF8", "UTF8"),
        (ServerConfig::new(TlsPolicy::Cleartext), "LANG", "LANG"),
        (ServerConfig::new(TlsPolicy::Cleartext), "SASL", "AUTH PLAIN"),
    ] {
        let mut host = greeted(config);
        assert!(!host.lists("CAPA").iter().any(|row| row.starts_with(tag)), "{tag}");
        assert!(host.say(format!("{line}\r\n")).starts_with("-ERR"), "{line}");
    }
    for (config, tag, line) in [
        (ServerConfig::new(TlsPolicy::Cleartext).without_top(), "TOP", "TOP 1 0"),
        (ServerConfig::new(TlsPolicy::Cleartext).without_uidl(), "UIDL", "UIDL"),
    ] {
        let mut host = logged_in(config);
        assert!(!host.lists("CAPA").iter().any(|row| row.starts_with(tag)), "{tag}");
        assert!(host.say(format!("{line}\r\n")).starts_with("-ERR"), "{line}");
    }
}

/// Also 2449.6.5.a, 2449.6.5.d, 2449.6.5.e, 2449.6.7.a, 2449.6.7.c, 2449.6.7.e.
#[test]
fn r2449_6_7_f_delay_and_expiry_are_bounds_before_login_and_exact_after_it() {
    let config = ServerConfig::new(TlsPolicy::Cleartext);
    let rows = |host: &mut Host<Mail>| {
        let rows = host.lists("CAPA").into_iter();
        rows.filter(|row| row.starts_with("LOGIN") || row.starts_with("EXPIRE"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let cases = [
        (config, UserPolicy::default(), "", ""),
        (config.with_login_delay(60, false), UserPolicy::default(), "LOGIN-DELAY 60", "LOGIN-DELAY 60"),
        (
            config.with_login_delay(900, true).with_expire(Expire::Days(7), true),
            UserPolicy { login_delay: Some(10), expire: Some(Expire::Never) },
            "LOGIN-DELAY 900 USER, EXPIRE 7 USER",
            "LOGIN-DELAY 10, EXPIRE NEVER",
        ),
        (
            config.with_login_delay(900, true).with_expire(Expire::Days(0), true),
            UserPolicy { login_delay: None, expire: Some(Expire::Days(30)) },
            "LOGIN-DELAY 900 USER, EXPIRE 0 USER",
            "LOGIN-DELAY 900, EXPIRE 30",
        ),
        (config.with_expire(Expire::Never, false), UserPolicy::default(), "EXPIRE NEVER", "EXPIRE NEVER"),
        // The capabilities of one user are not announced to other users.
        (config, UserPolicy { login_delay: Some(10), expire: None }, "", "LOGIN-DELAY 10"),
    ];
    for (config, announce, before, after) in cases {
        let mut host = greeted(config);
        host.policy = announce;
        assert_eq!(rows(&mut host), before);
        host.say("USER mrose\r\nPASS secret\r\n");
        assert_eq!(rows(&mut host), after);
    }
}

/// Also 2449.3.h.
#[test]
fn r2449_6_9_a_an_implementation_is_announced_if_it_fits_its_line() {
    let words = |octets: usize| Text::new(Box::leak("i".repeat(octets).into_boxed_str()).as_bytes()).unwrap();
    let announced = |octets| {
        let mut host = greeted(ServerConfig::new(TlsPolicy::Cleartext).with_implementation(words(octets)));
        host.lists("CAPA").into_iter().find(|row| row.starts_with("IMPLEMENTATION")).map(|row| row.len())
    };
    assert_eq!(announced(490), Some(490 + "IMPLEMENTATION ".len()));
    assert_eq!((announced(491), announced(0)), (None, None));
}

/// Also 7628.3.a: OAUTHBEARER is only for TLS, and an empty list of mechanisms is not announced.
#[test]
fn r2449_6_3_a_sasl_is_announced_if_there_is_a_mechanism() {
    let config = ServerConfig::new(TlsPolicy::Opportunistic);
    for (config, before, inside) in [
        (config.with_sasl(SASL), None, Some("SASL PLAIN OAUTHBEARER")),
        (config.with_sasl_cleartext(&[Mechanism::OAUTHBEARER]), None, None),
        (config.with_sasl_cleartext(IN_CLEAR), Some("SASL SCRAM-SHA-256"), None),
    ] {
        let mut host = greeted(config);
        let find = |host: &mut Host<Mail>| host.lists("CAPA").into_iter().find(|row| row.starts_with("SASL"));
        assert_eq!(find(&mut host).as_deref(), before);
        host.say("STLS\r\n");
        assert_eq!(find(&mut host).as_deref(), inside);
    }
}

/// Also 2449.3.h, 2449.4.c: every line that a server writes about itself fits 512 octets.
#[test]
fn amb_18_no_line_of_the_list_is_over_512_octets() {
    let names = (0..60).map(|number| &*Box::leak(format!("MECHANISM-NUMBER-{number:03}").into_boxed_str()));
    let list = names.map(|name| Mechanism::new(name.as_bytes()).unwrap()).collect::<Vec<_>>();
    let mut host = greeted(everything(TlsPolicy::Implicit).with_sasl(Box::leak(list.into_boxed_slice())));
    let rows = host.lists("CAPA");
    assert!(rows.iter().all(|row| row.len() + 2 <= 512));
    assert!(rows.iter().any(|row| row.ends_with("-023")), "as many as fit");
}
