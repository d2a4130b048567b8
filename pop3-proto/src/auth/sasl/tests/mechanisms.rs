use super::super::{
    LOGIN_NAME_PROMPT, LOGIN_PASSWORD_PROMPT, Plain, SaslError, anonymous, decode, external, login_name,
    login_password, parse_anonymous, parse_external, plain,
};
use super::{encoded, invalid, secret, sent, text};
use crate::{InvalidValue, Text};
use proptest::prelude::*;
use std::{string::String, vec::Vec};

#[test]
fn r4616_2_a_message_is_authzid_authcid_password() {
    let test = Text::from_static("test");
    assert_eq!(encoded(&plain(test, test, secret(b"test")).unwrap()), b"dGVzdAB0ZXN0AHRlc3Q=");
    assert_eq!(encoded(&plain(Text::EMPTY, test, secret(b"test")).unwrap()), b"AHRlc3QAdGVzdA==");
    let message =
        plain(text("über".as_bytes()), text("Ünal".as_bytes()), secret("pässword".as_bytes())).unwrap();
    assert_eq!(sent(&message), "über\0Ünal\0pässword".as_bytes());
}

#[test]
fn r4616_2_a_client_sends_utf8_and_a_name() {
    let (good, bad) = (b"ok", b"\xc3(");
    let refused = |authzid, authcid, password| {
        plain(text(authzid), text(authcid), secret(password)).map(drop).unwrap_err()
    };
    assert_eq!(refused(bad, good, good), SaslError::NotUtf8);
    assert_eq!(refused(good, bad, good), SaslError::NotUtf8);
    assert_eq!(refused(good, good, bad), SaslError::NotUtf8);
    assert_eq!(plain(Text::EMPTY, Text::EMPTY, secret(good)).unwrap_err(), invalid(InvalidValue::Empty));
}

#[test]
fn r4616_2_a_server_reads_an_empty_authzid_only() {
    assert!(Plain::parse(b"\0tim\0tanstaaf").unwrap().authzid.is_empty());
    assert_eq!(Plain::parse(b"tim\0\0tanstaaf").unwrap_err(), invalid(InvalidValue::Empty));
    assert_eq!(Plain::parse(b"tim\0tim\0").unwrap_err(), invalid(InvalidValue::Empty));
}

#[test]
fn r4616_2_b_parts_of_255_octets_are_accepted_and_longer_ones_too() {
    for length in [255, 256, 9_000] {
        let part = "x".repeat(length);
        let message = [&*part, &part, &part].join("\0");
        let plain = Plain::parse(message.as_bytes()).unwrap();
        assert_eq!([plain.authzid, plain.authcid], [text(part.as_bytes()); 2]);
        assert_eq!(plain.password.expose(), part.as_bytes());
    }
}

#[test]
fn r4616_2_e_exactly_two_nuls() {
    for message in [&b""[..], b"tim", b"tim\0tanstaaf", b"\0tim\0tanstaaf\0", b"a\0b\0c\0d", b"\0\0\0"] {
        assert_eq!(Plain::parse(message).unwrap_err(), invalid(InvalidValue::Syntax), "{message:?}");
    }
}

#[test]
fn r4616_2_e_invalid_utf8_is_rejected() {
    for message in [&b"\xff\0tim\0tanstaaf"[..], b"\0\xc0\xaf\0tanstaaf", b"\0tim\0\xed\xa0\x80"] {
        assert_eq!(Plain::parse(message).unwrap_err(), SaslError::NotUtf8, "{message:?}");
    }
}

#[test]
fn r4616_2_e_no_name_smuggles_a_line_end() {
    for message in [&b"\0tim\r\nDELE 1\0tanstaaf"[..], b"a\nb\0tim\0tanstaaf", b"\0tim\0tan\rstaaf"] {
        assert_eq!(Plain::parse(message).unwrap_err(), invalid(InvalidValue::Control), "{message:?}");
    }
}

#[test]
fn r4422_3_4_1_a_an_authorization_identity_may_be_empty_and_holds_no_nul() {
    assert!(Plain::parse(b"\0tim\0tanstaaf").unwrap().authzid.is_empty());
    assert!(parse_external(b"").unwrap().is_empty());
    assert_eq!(parse_external(b"tim\0").unwrap_err(), invalid(InvalidValue::Control));
}

#[test]
fn r4422_a_a_external_is_the_identity_or_nothing() {
    assert_eq!(encoded(&external(Text::EMPTY).unwrap()), b"");
    assert_eq!(sent(&external(text("Ünal".as_bytes())).unwrap()), "Ünal".as_bytes());
    assert_eq!(parse_external("Ünal".as_bytes()).unwrap().as_bytes(), "Ünal".as_bytes());
    assert_eq!(external(text(b"\xff")).unwrap_err(), SaslError::NotUtf8);
    assert_eq!(parse_external(b"\xff").unwrap_err(), SaslError::NotUtf8);
}

#[test]
fn r4505_2_a_a_trace_is_up_to_255_characters() {
    assert_eq!(encoded(&anonymous(Text::from_static("sirhc")).unwrap()), b"c2lyaGM=");
    assert!(anonymous(Text::EMPTY).is_ok() && parse_anonymous(b"").unwrap().is_empty());
    let longest = "𝄞".repeat(255); // 1020 bytes
    assert_eq!(sent(&anonymous(text(longest.as_bytes())).unwrap()), longest.as_bytes());
    assert_eq!(parse_anonymous(longest.as_bytes()).unwrap().as_bytes(), longest.as_bytes());
    let longer = "x".repeat(256);
    assert_eq!(anonymous(text(longer.as_bytes())).unwrap_err(), invalid(InvalidValue::TooLong));
    assert_eq!(parse_anonymous(longer.as_bytes()).unwrap_err(), invalid(InvalidValue::TooLong));
}

#[test]
fn r4505_2_a_a_trace_is_utf8_without_controls() {
    assert_eq!(parse_anonymous(b"\xff").unwrap_err(), SaslError::NotUtf8);
    for bad in ["a\tb", "a\r\nb", "a\0", "\u{7f}", "\u{85}"] {
        assert_eq!(parse_anonymous(bad.as_bytes()).unwrap_err(), invalid(InvalidValue::Control));
    }
    assert_eq!(anonymous(text(b"\x1b[2J")).unwrap_err(), invalid(InvalidValue::Control));
}

#[test]
fn login_a_name_then_password() {
    let mut buffer = [0; 9];
    assert_eq!(decode(LOGIN_NAME_PROMPT, &mut buffer).unwrap(), b"Username:");
    assert_eq!(encoded(&login_name(Text::from_static("mrose")).unwrap()), b"bXJvc2U=");
    assert_eq!(decode(LOGIN_PASSWORD_PROMPT, &mut buffer).unwrap(), b"Password:");
    assert_eq!(encoded(&login_password(secret(b"tanstaaf"))), b"dGFuc3RhYWY=");
    assert_eq!(login_name(Text::EMPTY).unwrap_err(), invalid(InvalidValue::Empty));
}

proptest! {
    #[test]
    fn r4616_2_a_a_built_message_parses_back(authzid in PART, authcid in PART, password in PART) {
        prop_assume!(!authcid.is_empty() && !password.is_empty());
        let parts = [text(authzid.as_bytes()), text(authcid.as_bytes()), text(password.as_bytes())];
        let message = sent(&plain(parts[0], parts[1], secret(password.as_bytes())).unwrap());
        let plain = Plain::parse(&message).unwrap();
        prop_assert_eq!([plain.authzid, plain.authcid, text(plain.password.expose())], parts);
    }

    #[test]
    fn r4616_2_e_readers_never_panic_and_keep_to_their_rules(
        message in prop_oneof![any::<Vec<u8>>(), "[ aé\0]{0,8}".prop_map(String::into_bytes)],
    ) {
        if let Ok(plain) = Plain::parse(&message) {
            let parts = [plain.authzid.as_bytes(), plain.authcid.as_bytes(), plain.password.expose()];
            prop_assert_eq!(&parts.join(&0), &message);
        }
        if let Ok(trace) = parse_anonymous(&message) {
            prop_assert_eq!(trace.as_bytes(), &message);
        }
    }
}

/// Returns up to 255 bytes of text.
const PART: &str = "[^\r\n\0]{0,63}";
