//! CAPA, and how a client uses it (RFC 2449 sections 5 and 6).

use super::guest;
use pop3_proto::client::{ClientConfig, Feature, SendError, Source, Support};
use pop3_proto::{Expire, Mechanism, Profile, Quirk, TlsPolicy};
use pop3_proto_kit::Guest;
use proptest::prelude::*;

const FEATURES: [Feature; 13] = [
    Feature::Top,
    Feature::User,
    Feature::Sasl,
    Feature::RespCodes,
    Feature::Pipelining,
    Feature::Uidl,
    Feature::Stls,
    Feature::AuthRespCode,
    Feature::Utf8,
    Feature::Utf8User,
    Feature::Lang,
    Feature::Expire,
    Feature::LoginDelay,
];

/// Every capability of the registry.
const ALL: &[&str] = &[
    "TOP",
    "USER",
    "SASL PLAIN CRAM-MD5 SCRAM-SHA-256",
    "RESP-CODES",
    "LOGIN-DELAY 900 USER",
    "PIPELINING",
    "EXPIRE 60 USER",
    "UIDL",
    "IMPLEMENTATION shore 2.1",
    "STLS",
    "AUTH-RESP-CODE",
    "UTF8 USER",
    "LANG",
    "X-ARCHIVE 7",
];

fn peer() -> Guest {
    guest(TlsPolicy::Cleartext)
}

fn has(peer: &Guest) -> Vec<Feature> {
    FEATURES.into_iter().filter(|feature| peer.client().capabilities().has(*feature)).collect()
}

/// Also 2449.3.f: one answer with every known capability.
#[test]
fn r2449_5_c_a_list_of_all_capabilities_is_remembered_whole() {
    let mut peer = peer();
    let answer = format!("+OK list follows\r\n{}\r\n.\r\n", ALL.join("\r\n"));
    let events = peer.ask("CAPA", answer);
    assert_eq!(events.first().unwrap(), "CAPA begin list follows");
    assert_eq!(events.last().unwrap(), "CAPA end 14");
    assert_eq!(has(&peer), FEATURES);
    let capabilities = peer.client().capabilities();
    assert_eq!((capabilities.login_delay(), capabilities.expire()), (Some(900), Some(Expire::Days(60))));
    assert!(capabilities.has_mechanism(Mechanism::PLAIN) && capabilities.has_mechanism(Mechanism::CRAM_MD5));
    assert!(!capabilities.has_mechanism(Mechanism::LOGIN));
    assert!(peer.client().quirks().is_empty());
}

/// Each line alone sets only its own feature.
#[test]
fn r2449_5_c_each_line_stands_for_itself() {
    let expected = |line: &str| match line.split(' ').next().unwrap() {
        "UTF8" => vec![Feature::Utf8, Feature::Utf8User],
        "TOP" => vec![Feature::Top],
        "USER" => vec![Feature::User],
        "SASL" => vec![Feature::Sasl],
        "RESP-CODES" => vec![Feature::RespCodes],
        "LOGIN-DELAY" => vec![Feature::LoginDelay],
        "PIPELINING" => vec![Feature::Pipelining],
        "EXPIRE" => vec![Feature::Expire],
        "UIDL" => vec![Feature::Uidl],
        "STLS" => vec![Feature::Stls],
        "AUTH-RESP-CODE" => vec![Feature::AuthRespCode],
        "LANG" => vec![Feature::Lang],
        _ => vec![],
    };
    for line in ALL {
        let mut peer = peer();
        peer.lists(&[line]);
        assert_eq!(has(&peer), expected(line), "{line}");
        for feature in FEATURES {
            let support = if expected(line).contains(&feature) { Support::Yes } else { Support::No };
            assert_eq!(peer.client().capabilities().support(feature), support, "{line}: {feature:?}");
        }
    }
}

/// Also 2449.6.2.b: a list without USER says that login with USER is not possible now.
#[test]
fn r2449_5_m_an_empty_list_is_a_list() {
    let mut peer = peer();
    assert_eq!(peer.ask("CAPA", "+OK\r\n.\r\n"), ["CAPA begin", "CAPA end 0"]);
    assert_eq!(peer.client().capabilities().source(), Source::Listed);
    assert!(FEATURES.iter().all(|feature| peer.client().capabilities().support(*feature) == Support::No));
}

/// Also if it replaces an earlier list.
#[test]
fn r2449_5_c_a_refusal_means_an_empty_list() {
    let mut peer = peer();
    peer.lists(ALL);
    assert_eq!(peer.ask("CAPA", "-ERR what?\r\n"), ["CAPA refused what?"]);
    assert_eq!((has(&peer), peer.client().capabilities().source()), (vec![], Source::Refused));
    assert!(!peer.client().capabilities().has_mechanism(Mechanism::PLAIN));
}

/// A complete session with a server that implements only RFC 1939, whether the client sends CAPA or not.
#[test]
fn r2449_7_a_no_extension_is_needed() {
    for policy in [TlsPolicy::Cleartext, TlsPolicy::Opportunistic, TlsPolicy::Implicit] {
        for asks in [true, false] {
            let mut peer = guest(policy);
            if asks {
                peer.ask("CAPA", "-ERR what?\r\n");
            } else if policy == TlsPolicy::Opportunistic {
                continue; // this policy requires CAPA
            }
            peer.log_in();
            assert_eq!(peer.ask("STAT", "+OK 1 3\r\n"), ["1 messages, 3 octets"]);
            assert_eq!(peer.ask("LIST", "+OK\r\n1 3\r\n.\r\n")[1], "1 has 3");
            assert_eq!(peer.ask("RETR 1", "+OK\r\na\r\n.\r\n")[1], "body a\\r\\n");
            assert_eq!(peer.ask("DELE 1", "+OK\r\n"), ["DELE 1 ok"]);
            assert_eq!(peer.ask("QUIT", "+OK\r\n"), ["closed Committed"]);
        }
    }
}

/// Also 2449.7.a.
#[test]
fn r2449_5_d_a_server_without_capa_is_probed() {
    let mut peer = peer();
    assert_eq!(peer.ask("CAPA", "-ERR what?\r\n"), ["CAPA refused what?"]);
    assert_eq!(peer.client().capabilities().source(), Source::Refused);
    assert!(FEATURES.iter().all(|feature| peer.client().capabilities().support(*feature) == Support::Probe));
    // The session continues, and an unknown command does no harm.
    peer.log_in();
    assert_eq!(peer.ask("UIDL 1", "-ERR what?\r\n"), ["UIDL 1 refused what?"]);
    assert_eq!(peer.ask("TOP 1 0", "-ERR what?\r\n"), ["TOP 1 refused what?"]);
    assert_eq!(peer.ask("STAT", "+OK 1 120\r\n"), ["1 messages, 120 octets"]);
}

#[test]
fn r2449_6_a_apop_is_known_by_the_greeting_alone() {
    let mut peer = peer();
    peer.lists(&["APOP", "USER"]);
    let apop = format!("APOP mrose {}", "0".repeat(32));
    assert_eq!(peer.send(&apop).map(drop), Err(SendError::NoTimestamp));
}

/// Also ROB.31.
#[test]
fn r2449_5_n_a_list_replaces_the_one_before_whole() {
    let mut peer = peer();
    peer.lists(ALL);
    peer.lists(&["UIDL", "SASL PLAIN", "EXPIRE NEVER"]);
    assert_eq!(has(&peer), [Feature::Sasl, Feature::Uidl, Feature::Expire]);
    let capabilities = peer.client().capabilities();
    assert_eq!((capabilities.login_delay(), capabilities.expire()), (None, Some(Expire::Never)));
    assert!(!capabilities.has_mechanism(Mechanism::CRAM_MD5));
    // A refused CAPA also clears the list.
    peer.ask("CAPA", "-ERR\r\n");
    assert_eq!((peer.client().capabilities().source(), has(&peer).len()), (Source::Refused, 0));
}

#[test]
fn r2449_5_n_a_list_that_is_cut_short_changes_nothing() {
    let answer = format!("+OK\r\n{}\r\n.\r\n", ALL.join("\r\n"));
    for cut in 0..answer.len() {
        let mut peer = peer();
        peer.lists(&["UIDL"]);
        let before = *peer.client().capabilities();
        peer.send("CAPA").unwrap();
        peer.hear(answer.get(..cut).unwrap());
        assert_eq!(*peer.client().capabilities(), before, "cut at {cut}");
        peer.hear(answer.get(cut..).unwrap());
        assert_eq!(has(&peer), FEATURES, "cut at {cut}");
    }
}

/// Also 2595.4.j.
#[test]
fn r2449_5_n_tls_forgets_the_list() {
    let mut peer = peer();
    peer.lists(ALL);
    assert_eq!(peer.ask("STLS", "+OK\r\n"), ["start TLS"]);
    peer.handshake();
    assert_eq!((peer.client().capabilities().source(), has(&peer).len()), (Source::NotAsked, 0));
    peer.lists(&["USER"]);
    assert_eq!(has(&peer), [Feature::User]);
}

/// Also 2449.5.i, 2449.5.j, ROB.31, AMB.8, AMB.9 and quirk 15.
#[test]
fn quirk_15_a_list_from_before_login_is_marked_as_such() {
    let mut peer = peer();
    assert!(!peer.client().capabilities().is_before_login());
    peer.lists(&["SASL PLAIN", "USER"]);
    assert!(!peer.client().capabilities().is_before_login());
    peer.log_in();
    assert!(peer.client().capabilities().is_before_login());
    assert!(peer.client().capabilities().has(Feature::User), "one list may be enough");
    // Some servers announce more after login, and no longer SASL. Neither is a downgrade.
    peer.lists(&["TOP", "UIDL", "PIPELINING", "LOGIN-DELAY 300"]);
    let capabilities = peer.client().capabilities();
    assert!(!capabilities.is_before_login());
    assert_eq!(has(&peer), [Feature::Top, Feature::Pipelining, Feature::Uidl, Feature::LoginDelay]);
    peer.send("RETR 1").unwrap();
    peer.send("RETR 2").unwrap();
}

/// Also AMB.18: SASL on more than one line.
#[test]
fn amb_18_mechanisms_of_several_lines_add_up() {
    let mut peer = peer();
    peer.lists(&["SASL PLAIN", "UIDL", "SASL CRAM-MD5"]);
    let capabilities = peer.client().capabilities();
    assert!(capabilities.has_mechanism(Mechanism::PLAIN) && capabilities.has_mechanism(Mechanism::CRAM_MD5));
}

#[test]
fn r2449_5_l_unknown_lines_pass_by_and_change_nothing() {
    let mut peer = peer();
    let events =
        peer.ask("CAPA", "+OK\r\nPIPELINE\r\nX-MANGLE a  b\r\nTOP 1 2 3\r\nLOGIN-DELAY soon\r\n.\r\n");
    assert_eq!(events.len(), 6);
    assert_eq!(
        events.get(1).unwrap(),
        r#"Other(OtherCapability { tag: Text("PIPELINE"), arguments: Text("") })"#
    );
    assert_eq!(events.get(3).unwrap(), "Top");
    assert_eq!(has(&peer), [Feature::Top]);
    assert!(peer.client().quirks().is_empty());
}

/// Also 2449.3.f: a line that cannot be a capability is malformed, and the list continues.
#[test]
fn r2449_5_l_a_line_without_a_tag_is_malformed_and_the_list_continues() {
    let mut peer = peer();
    let events = peer.ask("CAPA", "+OK\r\n\r\nTOP\r\n\x01\r\n.\r\n");
    assert_eq!(events, ["CAPA begin", "odd", "Top", r"odd \x01", "CAPA end 3"]);
    assert_eq!(has(&peer), [Feature::Top]);
    assert!(peer.client().quirks().contains(Quirk::MalformedRow));
}

#[test]
fn rob_32_tags_with_an_equals_sign_count_unless_the_profile_is_strict() {
    let lines = ["SASL=PLAIN", "UTF8=USER", "EXPIRE=NEVER"];
    let mut tolerant = peer();
    tolerant.lists(&lines);
    assert_eq!(has(&tolerant), [Feature::Sasl, Feature::Utf8, Feature::Utf8User, Feature::Expire]);
    assert!(tolerant.client().quirks().contains(Quirk::CapabilityEquals));
    let mut strict = guest(ClientConfig::new(TlsPolicy::Cleartext).with_profile(Profile::Strict));
    strict.lists(&lines);
    assert!(has(&strict).is_empty());
    assert!(
        strict.client().quirks().contains(Quirk::MalformedRow)
            && !strict.client().quirks().contains(Quirk::CapabilityEquals)
    );
}

/// Also 2449.3.h.
#[test]
fn r2449_4_c_a_capability_line_has_at_most_512_octets() {
    let line = |octets: usize| format!("+OK\r\nX {}\r\n.\r\n", "y".repeat(octets - 4));
    let mut peer = peer();
    assert_eq!(peer.ask("CAPA", line(512)).len(), 3);
    peer.send("CAPA").unwrap();
    assert_eq!(peer.hear(line(513)), ["CAPA begin", "fatal OverLimit(ListingLine)"]);
}

/// The same client in the same session, with and without an IMPLEMENTATION that is known for its faults.
#[test]
fn r2449_6_9_b_nothing_depends_on_the_implementation() {
    let after = |implementation: &[&str]| {
        let mut peer = peer();
        peer.lists(&[&["UIDL", "PIPELINING"], implementation].concat());
        peer.log_in();
        peer.send("STAT").unwrap();
        peer.send("LIST").unwrap();
        (peer.hear("+OK 1 2\r\n+OK\r\n1 2\r\n.\r\n"), *peer.client().capabilities(), peer.client().quirks())
    };
    let without = after(&[]);
    for words in ["IMPLEMENTATION Gimap", "IMPLEMENTATION Maillennium V05.00c++", "IMPLEMENTATION"] {
        assert_eq!(after(&[words]), without);
    }
}

/// Also 2449.5.i: capabilities count in any letter case.
#[test]
fn r2449_5_e_tags_in_any_letter_case() {
    let mut peer = peer();
    let lower: Vec<_> = ALL.iter().map(|line| line.to_ascii_lowercase()).collect();
    peer.lists(&lower.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(has(&peer), FEATURES);
}

proptest! {
    /// Any selection of capabilities, in any order, gives exactly that set.
    #[test]
    fn r2449_5_n_the_set_equals_the_listed_capabilities(lines in proptest::sample::subsequence(ALL, 0..=ALL.len()).prop_shuffle()) {
        let mut peer = peer();
        peer.lists(ALL);
        peer.lists(&lines);
        for line in ALL {
            let feature = match line.split(' ').next().unwrap() {
                "TOP" => Feature::Top,
                "SASL" => Feature::Sasl,
                "LOGIN-DELAY" => Feature::LoginDelay,
                "STLS" => Feature::Stls,
                "UTF8" => Feature::Utf8User,
                _ => continue,
            };
            prop_assert_eq!(peer.client().capabilities().has(feature), lines.contains(line));
        }
        prop_assert_eq!(peer.client().capabilities().login_delay().is_some(), lines.contains(&"LOGIN-DELAY 900 USER"));
    }
}
