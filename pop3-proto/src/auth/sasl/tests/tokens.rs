use super::super::{
    Bearer, Message, OAUTHBEARER_ACK, SaslError, XOAUTH2_ACK, decode, oauth_error, oauthbearer, xoauth2,
};
use super::{encoded, invalid, secret, sent, text};
use crate::{Base64, InvalidValue, Text};
use proptest::prelude::*;
use std::{format, string::String, vec, vec::Vec};

#[test]
fn r7628_3_1_a_message_is_header_pairs_and_a_final_separator() {
    let message = full(b"user@example.com").unwrap();
    let expected =
        b"n,a=user@example.com,\x01host=pop.example.com\x01port=995\x01auth=Bearer vF9dft4q\x01\x01";
    assert_eq!(sent(&message), expected);
    let message = oauthbearer(Text::EMPTY, None, None, secret(b"vF9dft4q")).unwrap();
    assert_eq!(sent(&message), b"n,,\x01auth=Bearer vF9dft4q\x01\x01");
}

#[test]
fn r7628_3_1_a_name_is_escaped_and_resolved() {
    assert!(sent(&full(b"a,b=c").unwrap()).starts_with(b"n,a=a=2Cb=3Dc,\x01"));
    let user = |name: &str| {
        let mut message = format!("n,a={name},\x01auth=Bearer x\x01\x01").into_bytes();
        Bearer::parse_oauthbearer(&mut message).map(|bearer| bearer.user.to_str().map(String::from))
    };
    assert_eq!(user("=2C=3d=2c=3D2C"), Ok(Some(",=,=2C".into())));
    for bad in ["=", "=2", "=2D", "a=20b", "a,b", "=3", ""] {
        assert_eq!(user(bad), Err(invalid(InvalidValue::Syntax)), "{bad}");
    }
    let mut not_utf8 = *b"n,a=\xff,\x01auth=Bearer x\x01\x01";
    assert_eq!(Bearer::parse_oauthbearer(&mut not_utf8).unwrap_err(), SaslError::NotUtf8);
}

#[test]
fn r7628_3_1_a_header_has_no_channel_binding() {
    for good in ["n,,", "y,,", "n,a=tim,", "y,a=tim,"] {
        assert!(parse(&format!("{good}\x01auth=Bearer x\x01\x01")).is_ok(), "{good}");
    }
    for bad in ["", "n", "n,", ",,", "p=tls-unique,,", "n,tim,", "F,n,,", "N,,", "n,a=tim", "n,,,"] {
        assert_eq!(
            parse(&format!("{bad}\x01auth=Bearer x\x01\x01")),
            Err(invalid(InvalidValue::Syntax)),
            "{bad}"
        );
    }
}

#[test]
fn r7628_3_1_a_auth_is_required_once_and_of_type_bearer() {
    for good in ["Bearer x", "bearer x", "BEARER   x"] {
        assert_eq!(parse(&format!("n,,\x01auth={good}\x01\x01")), Ok("x".into()), "{good}");
    }
    for (bad, rule) in [
        ("", InvalidValue::Syntax),
        ("auth=\x01", InvalidValue::Empty),
        ("auth=Bearer \x01", InvalidValue::Empty),
        ("auth=Bearer\x01", InvalidValue::Syntax),
        ("auth=Basic x\x01", InvalidValue::Syntax),
        ("auth=Bearer a b\x01", InvalidValue::Octet),
        ("auth=Bearer \u{e9}\x01", InvalidValue::Octet),
        ("auth=Bearer a\x01auth=Bearer b\x01", InvalidValue::Syntax),
        ("Auth=Bearer a\x01", InvalidValue::Syntax),
    ] {
        assert_eq!(parse(&format!("n,,\x01{bad}\x01")), Err(invalid(rule)), "{bad}");
    }
}

#[test]
fn r7628_3_1_a_host_and_port_are_optional() {
    let mut message = *b"n,,\x01port=65535\x01host=pop.example.com\x01auth=Bearer x\x01\x01";
    let bearer = Bearer::parse_oauthbearer(&mut message).unwrap();
    assert_eq!((bearer.host, bearer.port), (Some(Text::from_static("pop.example.com")), Some(65535)));
    for bad in ["port=0", "port=", "port=0110", "port=65536", "port=+1", "port=1 ", "port=1\x01port=1"] {
        let message = format!("n,,\x01{bad}\x01auth=Bearer x\x01\x01");
        assert_eq!(parse(&message), Err(invalid(InvalidValue::Syntax)), "{bad}");
    }
    assert_eq!(parse("n,,\x01host=a b\x01auth=Bearer x\x01\x01"), Err(invalid(InvalidValue::Octet)));
    for port in [1u16, 9, 10, 110, 995, 10_000, 65535] {
        let message = sent(&oauthbearer(Text::EMPTY, None, Some(port), secret(b"x")).unwrap());
        assert_eq!(message, format!("n,,\x01port={port}\x01auth=Bearer x\x01\x01").as_bytes());
    }
}

#[test]
fn r7628_3_1_a_no_byte_may_follow_the_final_separator() {
    for bad in [
        "\x01",
        "n,,",
        "n,,\x01",
        "n,,\x01auth=Bearer x",
        "n,,\x01auth=Bearer x\x01",
        "n,,\x01auth=Bearer x\x01\x01\x01",
        "n,,\x01auth=Bearer x\x01\x01a",
        "n,,\x01auth=Bearer x\x01=\x01\x01",
        "n,,\x01auth=Bearer x\x01key\x01\x01",
        "n,,\x01auth=Bearer x\x01k-y=\x01\x01",
    ] {
        assert_eq!(parse(bad), Err(invalid(InvalidValue::Syntax)), "{bad:?}");
    }
}

#[test]
fn r7628_3_1_a_no_part_smuggles_in_a_pair() {
    assert_eq!(full(b"tim,\x01auth=Bearer y").unwrap_err(), invalid(InvalidValue::Control));
    assert_eq!(full(b"\xff").unwrap_err(), SaslError::NotUtf8);
    let tim = Text::from_static("tim");
    let host = |host| oauthbearer(tim, Some(text(host)), None, secret(b"x")).map(drop);
    assert_eq!(host(b"a\x01port=1"), Err(invalid(InvalidValue::Octet)));
    assert_eq!(oauthbearer(tim, None, Some(0), secret(b"x")).unwrap_err(), invalid(InvalidValue::Zero));
    for token in [&b"x\x01\x01"[..], b"x y", b"\xc3\xa9"] {
        assert_eq!(oauthbearer(tim, None, None, secret(token)).unwrap_err(), invalid(InvalidValue::Octet));
        assert_eq!(xoauth2(tim, secret(token)).unwrap_err(), invalid(InvalidValue::Octet));
    }
}

#[test]
fn r7628_3_1_b_unknown_keys_are_ignored() {
    let message = "n,,\x01mthd=POST\x01auth=Bearer x\x01qs=\x01user=tim\x01user=\u{e9}\x01\x01";
    assert_eq!(parse(message), Ok("x".into()));
}

#[test]
fn r7628_3_2_a_error_is_a_json_object() {
    let full = oauth_error(
        "invalid_token",
        Some("example_scope"),
        Some("https://example.com/.well-known/openid-configuration"),
    );
    // Returns the challenge of RFC 7628 section 4.3.
    let challenge =
        b"eyJzdGF0dXMiOiJpbnZhbGlkX3Rva2VuIiwic2NvcGUiOiJleGFtcGxlX3Njb3BlIiwib3BlbmlkLWNvbmZpZ3VyYXRpb24iOi\
        JodHRwczovL2V4YW1wbGUuY29tLy53ZWxsLWtub3duL29wZW5pZC1jb25maWd1cmF0aW9uIn0=";
    assert_eq!(encoded(&full.unwrap()), challenge);
    assert_eq!(sent(&oauth_error("invalid_token", None, None).unwrap()), br#"{"status":"invalid_token"}"#);
    let url_only = oauth_error("400", None, Some("https://x"));
    assert_eq!(sent(&url_only.unwrap()), br#"{"status":"400","openid-configuration":"https://x"}"#);
}

#[test]
fn r7628_3_2_a_no_text_breaks_out_of_its_string() {
    let refused = |status, scope, url| oauth_error(status, scope, url).map(drop).unwrap_err();
    assert_eq!(refused("", None, None), invalid(InvalidValue::Empty));
    for (bad, rule) in [
        ("a\"", InvalidValue::Octet),
        ("a\\", InvalidValue::Octet),
        ("a\n", InvalidValue::Control),
        ("\0", InvalidValue::Control),
        ("\x1f", InvalidValue::Control),
    ] {
        assert_eq!(refused(bad, None, None), invalid(rule));
        assert_eq!(refused("a", Some(bad), None), invalid(rule));
        assert_eq!(refused("a", None, Some(bad)), invalid(rule));
    }
}

#[test]
fn r7628_3_2_b_client_answers_the_error_with_one_byte() {
    assert_eq!(decode(OAUTHBEARER_ACK, &mut [0; 1]).unwrap(), b"\x01");
    assert_eq!(encoded(&Message::new(b"\x01")), OAUTHBEARER_ACK.as_bytes());
}

#[test]
fn xoauth2_a_message_is_user_and_token() {
    let message = xoauth2(Text::from_static("tim@example.com"), secret(b"ya29.x")).unwrap();
    assert_eq!(sent(&message), b"user=tim@example.com\x01auth=Bearer ya29.x\x01\x01");
    assert_eq!(xoauth2(Text::EMPTY, secret(b"x")).unwrap_err(), invalid(InvalidValue::Empty));
    assert_eq!(xoauth2(text(b"a\x01auth=b"), secret(b"x")).unwrap_err(), invalid(InvalidValue::Control));
}

/// Also 5034.4.ab.
#[test]
fn xoauth2_a_server_reads_user_and_token() {
    let bearer = Bearer::parse_xoauth2(b"user=tim=a\x01x=\x01auth=bearer ya29.x=\x01\x01").unwrap();
    assert_eq!((bearer.user, bearer.token.expose()), (Text::from_static("tim=a"), &b"ya29.x="[..]));
    assert_eq!((bearer.host, bearer.port), (None, None));
    for (bad, error) in [
        (&b""[..], invalid(InvalidValue::Syntax)),
        (b"user=\x01auth=Bearer x\x01\x01", invalid(InvalidValue::Empty)),
        (b"auth=Bearer x\x01\x01", invalid(InvalidValue::Syntax)),
        (b"name=tim\x01auth=Bearer x\x01\x01", invalid(InvalidValue::Syntax)),
        (b"user=tim\x01auth=Bearer x\x01", invalid(InvalidValue::Syntax)),
        (b"user=tim\x01\x01", invalid(InvalidValue::Syntax)),
        (b"user=tim\x01auth=\x01\x01", invalid(InvalidValue::Empty)),
        (b"user=t\rim\x01auth=Bearer x\x01\x01", invalid(InvalidValue::Control)),
        (b"user=\xff\x01auth=Bearer x\x01\x01", SaslError::NotUtf8),
    ] {
        assert_eq!(Bearer::parse_xoauth2(bad).unwrap_err(), error, "{bad:?}");
    }
}

#[test]
fn xoauth2_a_client_answers_the_error_with_an_empty_line() {
    assert!(XOAUTH2_ACK.is_empty());
}

#[test]
fn r5034_4_u_a_token_of_8_kib_passes_through() {
    let token: Vec<u8> = (0..8192u32).map(|octet| b'!' + (octet % 94) as u8).collect();
    let token = secret(&token);
    let mut message = sent(&oauthbearer(Text::from_static("tim"), None, None, token).unwrap());
    let bearer = Bearer::parse_oauthbearer(&mut message).unwrap();
    assert_eq!(bearer.token.expose(), token.expose());

    let text = encoded(&xoauth2(Text::from_static("tim"), token).unwrap());
    assert!(text.len() < 12_288);
    let mut buffer = vec![0; 8300];
    let message = decode(Base64::new(&text).unwrap(), &mut buffer).unwrap();
    assert_eq!(Bearer::parse_xoauth2(message).unwrap().token.expose(), token.expose());
}

#[test]
fn law_9_a_token_is_not_shown() {
    let bearer = Bearer::parse_xoauth2(b"user=tim\x01auth=Bearer vF9dft4q\x01\x01").unwrap();
    assert!(!format!("{bearer:?}").contains("vF9"));
}

proptest! {
    #[test]
    fn r7628_3_1_a_a_built_message_parses_back(
        user in "[^\\p{Cc}]{0,40}",
        host in proptest::option::of("[!-~]{0,40}"),
        port in proptest::option::of(1u16..),
        token in "[!-~]{1,100}",
    ) {
        let name = text(user.as_bytes());
        let host = host.as_deref().map(|host| text(host.as_bytes()));
        let token = secret(token.as_bytes());
        let mut message = sent(&oauthbearer(name, host, port, token).unwrap());
        let bearer = Bearer::parse_oauthbearer(&mut message).unwrap();
        prop_assert_eq!((bearer.user, bearer.host, bearer.port), (name, host, port));
        prop_assert_eq!(bearer.token.expose(), token.expose());

        if let Ok(message) = xoauth2(name, token) {
            let message = sent(&message);
            let bearer = Bearer::parse_xoauth2(&message).unwrap();
            prop_assert_eq!((bearer.user, bearer.token.expose()), (name, token.expose()));
        }
    }

    #[test]
    fn readers_never_panic(
        header in "(user=|n,a=|n,)?[=,23CDa]{0,4},?\x01",
        pairs in "((auth|host|port|x)=(Bearer )?[ 1a=]{0,3}\x01){0,3}\x01?",
    ) {
        let message = header + &pairs;
        let mut message = message.into_bytes();
        let _ = Bearer::parse_xoauth2(&message).is_ok();
        let _ = Bearer::parse_oauthbearer(&mut message).is_ok();
    }
}

fn full(user: &[u8]) -> Result<Message<'_>, SaslError> {
    oauthbearer(text(user), Some(Text::from_static("pop.example.com")), Some(995), secret(b"vF9dft4q"))
}

/// Returns the token of an OAUTHBEARER message.
fn parse(message: &str) -> Result<String, SaslError> {
    let mut message = message.as_bytes().to_vec();
    let bearer = Bearer::parse_oauthbearer(&mut message)?;
    Ok(String::from_utf8(bearer.token.expose().to_vec()).unwrap())
}
