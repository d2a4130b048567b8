use super::{
    ApopDigest, ApopTimestamp, Base64, InvalidValue, LanguageRange, LanguageTag, Mechanism, Secret, Text,
    UniqueId,
};
use std::{format, string::String, vec::Vec};

fn timestamp(octets: &[u8]) -> Result<&[u8], InvalidValue> {
    ApopTimestamp::new(octets).map(|timestamp| timestamp.as_bytes())
}

/// Every byte at every place, among bytes at both ends of the range that a unique-id allows.
#[test]
fn r1939_7_uidl_e_a_plain_unique_id_ends_where_the_naive_loop_ends_it() {
    let lengths = [1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 24, 70, 71, 72, 79];
    for (filler, length) in [b'!', b'~'].into_iter().flat_map(|filler| lengths.map(|length| (filler, length)))
    {
        for (octet, at) in (0..=u8::MAX).flat_map(|octet| (0..length).map(move |at| (octet, at))) {
            let mut octets = [filler; 84];
            octets[at] = octet;
            octets[length..].copy_from_slice(&b"\r\n2 a\r\n"[..].repeat(12)[..84 - length]);
            let graphic = octets.iter().take_while(|octet| octet.is_ascii_graphic()).count();
            let rest = octets[graphic..].strip_prefix(b"\r\n");
            let naive = UniqueId::new(&octets[..graphic]).ok().zip(rest);
            assert_eq!(UniqueId::plain(&octets), naive, "{}", octets.escape_ascii());
            for guess in [graphic.saturating_sub(1), graphic, graphic + 1, length] {
                if (1..=UniqueId::MAX).contains(&guess) {
                    let found = UniqueId::plain_of(guess as u8, &octets);
                    assert_eq!(
                        found,
                        naive.filter(|_| guess == graphic),
                        "{guess} {}",
                        octets.escape_ascii()
                    );
                }
            }
        }
    }
    assert_eq!((UniqueId::plain(b""), UniqueId::plain_of(1, b"")), (None, None));
}

/// Every byte at every place, among bytes that resemble CR, LF and NUL.
#[test]
fn rob_3_a_text_ends_before_the_first_byte_that_ends_lines() {
    for filler in [b'a', b'\t', 14, 0x80, 0x8A, 0xFF] {
        for (octet, at) in (0..=u8::MAX).flat_map(|octet| (0..20).map(move |at| (octet, at))) {
            let mut octets = [filler; 20];
            octets[at] = octet;
            let ends = matches!(octet, 0 | b'\r' | b'\n');
            let (text, clipped) = Text::clipped(&octets);
            assert_eq!((text.as_bytes(), clipped), (&octets[..if ends { at } else { 20 }], ends));
            assert_eq!(Text::new(&octets).is_err(), ends);
        }
    }
}

#[test]
fn g_9_a_timestamp_is_a_message_id() {
    for good in [
        &b"<1896.697170952@dbc.mtview.ca.us>"[..],
        b"<a@b>",
        b"<!#$%&'*+-/=?^_`{|}~@b>",
        b"<a@[10.0.0.1]>",
        b"<a@[10.0.0.1].b.[]>",
        b"<\"a.b\".c@d>",
        b"<\"\"@d>",
        b"<\"a\\\"b\\\\c\"@d>",
        b"<\"(a,b)\"@d>",
    ] {
        assert_eq!(timestamp(good), Ok(good), "{}", good.escape_ascii());
    }
}

#[test]
fn r1939_7_apop_b_anything_else_is_not_a_timestamp() {
    for bad in [
        &b""[..],
        b"<",
        b"<>",
        b"<@>",
        b"<a>",
        b"<a@>",
        b"<@b>",
        b"a@b",
        b"<a@b",
        b"a@b>",
        b"<a@b>c",
        b" <a@b>",
        b"<.a@b>",
        b"<a.@b>",
        b"<a..b@c>",
        b"<a@b.>",
        b"<a@.b>",
        b"<a(b)@c>",
        b"<a,b@c>",
        b"<a:b@c>",
        b"<a\\b@c>",
        b"<a@\"b\">",
        b"<[a]@b>",
        b"<a\"b\"@c>",
        b"<\"a@b>",
        b"<\"a\"b@c>",
        b"<\"a\\\"@b>",
        b"<a@[b>",
        b"<a@b]>",
        b"<a@[[b]>",
        b"<a@[\\b]>",
        b"<a@[b]c>",
    ] {
        assert_eq!(timestamp(bad), Err(InvalidValue::Syntax), "{}", bad.escape_ascii());
    }
}

#[test]
fn rob_26_one_at_sign() {
    for bad in [&b"<a@b@c>"[..], b"<\"a@b\"@c>", b"<\"a\\@b\"@c>", b"<a@[b@c]>", b"<a@@b>"] {
        assert_eq!(timestamp(bad), Err(InvalidValue::Syntax), "{}", bad.escape_ascii());
    }
}

#[test]
fn rob_26_visible_ascii_only() {
    for octet in (0..=b' ').chain(0x7f..=0xff) {
        for pattern in [&b"<a?@b>"[..], b"<a@b?>", b"<\"a?\"@b>", b"<\"a\\?\"@b>", b"<a@[b?]>"] {
            let bad: Vec<u8> = pattern.iter().map(|old| if *old == b'?' { octet } else { *old }).collect();
            assert_eq!(timestamp(&bad), Err(InvalidValue::Syntax), "{}", bad.escape_ascii());
        }
    }
}

#[test]
fn rob_27_the_first_well_formed_timestamp_counts() {
    let find = |text| ApopTimestamp::find(text).map(|timestamp| timestamp.as_bytes());
    assert_eq!(find(b"ready <a@b>"), Some(&b"<a@b>"[..]));
    assert_eq!(find(b"<a@b> ready"), Some(&b"<a@b>"[..]));
    assert_eq!(find(b"x > y <a@b>> ready <c@d>"), Some(&b"<a@b>"[..]));
    assert_eq!(find(b"<b>hi</b> <1.2@h>"), Some(&b"<1.2@h>"[..]));
    assert_eq!(find(b"hi <\xFC@x> <1@a.b>"), Some(&b"<1@a.b>"[..]));
    assert_eq!(find(b"1 < 2 <<a@b> <c@d>"), Some(&b"<a@b>"[..]));
    for none in [&b""[..], b"ready", b"1 < 2", b"<hello>", b"a@b>", b"<hello> <a@@b>", b"<a@b<c>", b"<a@b"] {
        assert_eq!(find(none), None, "{}", none.escape_ascii());
    }
}

/// All texts of up to seven bytes that affect brackets, and some longer ones.
#[test]
fn rob_27_a_naive_search_finds_the_same_timestamp() {
    fn naive(text: &[u8]) -> Option<ApopTimestamp<'_>> {
        let slices = (0..text.len()).flat_map(|start| (start + 1..=text.len()).map(move |end| start..end));
        slices.filter_map(|slice| ApopTimestamp::new(&text[slice]).ok()).next()
    }
    let check = |text: &[u8]| assert_eq!(ApopTimestamp::find(text), naive(text), "{}", text.escape_ascii());
    let mut words = std::vec![Vec::new()];
    for _ in 0..7 {
        words = words
            .iter()
            .flat_map(|word: &Vec<u8>| b"<a@>\xfc".map(|octet| [word, &[octet][..]].concat()))
            .collect();
        words.iter().for_each(|word| check(word));
    }
    let parts = ["<", ">", "<b>", "<a@b>", "<\"c\"@[d]>", "a", "@", " ", "<a@b"];
    for (first, second, third) in
        parts.iter().flat_map(|a| parts.iter().flat_map(move |b| parts.map(|c| (a, b, c))))
    {
        check([*first, second, third, first].concat().as_bytes());
    }
}

#[test]
fn law_10_a_timestamp_is_looked_for_in_linear_time() {
    for pattern in ["<", ">", "<>", "<a@b", "<a@>", "a@b>"] {
        let text = pattern.repeat(2_000_000 / pattern.len());
        assert_eq!(ApopTimestamp::find(text.as_bytes()), None, "{pattern}");
    }
}

/// A server with such a timestamp would compute the digest over more than its clients extract.
#[test]
fn rob_27_what_can_be_made_can_be_found() {
    for bad in [&b"<\"a>b\"@c>"[..], b"<\"a<b\"@c>", b"<\"a\\>b\"@c>", b"<a@[b>c]>", b"<a@[<b]>"] {
        assert_eq!(timestamp(bad), Err(InvalidValue::Syntax), "{}", bad.escape_ascii());
    }
}

#[test]
fn g_23_a_digest_is_32_hexadecimal_digits() {
    let hex = b"c4c9334bac560ecc979e58001b3e22fb";
    let digest = ApopDigest::parse(hex).unwrap();
    assert_eq!(&digest.to_hex(), hex);
    assert_eq!(digest.expose()[..3], [0xc4, 0xc9, 0x33]);
    assert_eq!(ApopDigest::parse(&hex.to_ascii_uppercase()).unwrap().expose(), digest.expose());
    for bad in [
        &b""[..],
        b"c4c9334bac560ecc979e58001b3e22f",
        b"c4c9334bac560ecc979e58001b3e22fb0",
        b"c4c9334bac560ecc979e58001b3e22fb00",
        b"c4c9334bac560ecc979e58001b3e22fg",
        b"+4c9334bac560ecc979e58001b3e22fb",
        b"c4c9334bac560ecc979e58001b3e22f\xff",
    ] {
        assert_eq!(ApopDigest::parse(bad).map(drop), Err(InvalidValue::Syntax), "{}", bad.escape_ascii());
    }
}

#[test]
fn r1939_7_apop_f_every_byte_is_two_lower_case_digits() {
    for octet in 0..=255 {
        let hex = format!("{octet:02x}").repeat(16);
        assert_eq!(ApopDigest::new([octet; 16]).to_hex(), hex.as_bytes());
        assert_eq!(ApopDigest::parse(hex.as_bytes()).unwrap().expose(), &[octet; 16]);
    }
}

#[test]
fn law_9_neither_digests_nor_base64_are_shown() {
    assert_eq!(format!("{:?}", ApopDigest::new([0x55; 16])), "ApopDigest(..)");
    assert_eq!(format!("{:?}", Base64::new(b"AHRlc3QAdGVzdA==").unwrap()), "Base64(..)");
}

#[test]
fn r4422_3_1_a_and_g_19_a_mechanism_has_1_to_20_octets() {
    assert_eq!(Mechanism::new(b""), Err(InvalidValue::Empty));
    assert!(Mechanism::new(b"X").is_ok());
    assert!(Mechanism::new(&[b'X'; 20]).is_ok());
    assert_eq!(Mechanism::new(&[b'X'; 21]), Err(InvalidValue::TooLong));
}

#[test]
fn r4422_3_1_a_and_g_19_a_mechanism_is_letters_digits_hyphens_and_underscores() {
    for octet in 0..=255u8 {
        let allowed = octet.is_ascii_alphanumeric() || octet == b'-' || octet == b'_';
        assert_eq!(Mechanism::new(&[octet]).is_ok(), allowed, "{octet:#x}");
    }
    assert_eq!(Mechanism::new(b"SCRAM-SHA-256-PLUS").unwrap().as_bytes(), b"SCRAM-SHA-256-PLUS");
}

#[test]
fn g_19_names_of_mechanisms_ignore_case() {
    assert_eq!(Mechanism::new(b"OauthBearer"), Ok(Mechanism::OAUTHBEARER));
    assert_ne!(Mechanism::XOAUTH2, Mechanism::OAUTHBEARER);
    assert!(Mechanism::new(b"login").unwrap().is_cleartext());
    assert!(!Mechanism::SCRAM_SHA_256.is_cleartext());
    for known in [
        Mechanism::PLAIN,
        Mechanism::LOGIN,
        Mechanism::EXTERNAL,
        Mechanism::ANONYMOUS,
        Mechanism::CRAM_MD5,
        Mechanism::SCRAM_SHA_1,
        Mechanism::SCRAM_SHA_256,
        Mechanism::OAUTHBEARER,
        Mechanism::XOAUTH2,
    ] {
        assert_eq!(Mechanism::new(known.as_bytes()), Ok(known));
    }
}

#[test]
fn g_20_and_g_21_base64_may_be_empty() {
    assert_eq!(Base64::new(b""), Ok(Base64::EMPTY));
    assert!(Base64::EMPTY.is_empty());
    assert!(!Base64::new(b"AQ==").unwrap().is_empty());
}

#[test]
fn g_22_and_r5034_4_t_whole_groups_with_right_padding() {
    for good in [&b"AAAA"[..], b"AA==", b"AAA=", b"AAAAAA==", b"+/09azAZ"] {
        assert_eq!(Base64::new(good).map(|text| text.as_bytes()), Ok(good));
    }
    for bad in [&b"A"[..], b"AA", b"AAA", b"AAAAA", b"A=", b"AA=", b"A==", b"A===", b"AAAA=", b"AAAA===="] {
        assert_eq!(Base64::new(bad), Err(InvalidValue::Syntax), "{}", bad.escape_ascii());
    }
}

#[test]
fn r5034_4_t_bits_after_the_last_byte_are_zero() {
    for (digit, value) in (b'A'..=b'Z').chain(b'a'..=b'z').chain(b'0'..=b'9').chain(*b"+/").zip(0..) {
        assert_eq!(Base64::new(&[b'A', digit, b'=', b'=']).is_ok(), value % 16 == 0, "{value}");
        assert_eq!(Base64::new(&[b'A', b'A', digit, b'=']).is_ok(), value % 4 == 0, "{value}");
        assert!(Base64::new(&[b'A', b'A', b'A', digit]).is_ok());
    }
}

#[test]
fn r5034_4_s_padding_is_at_the_end_only() {
    for bad in [&b"="[..], b"==", b"===", b"====", b"=AAA", b"AAA=BBB", b"AAA=BBBB", b"A=A=", b"AA==AAAA"] {
        assert_eq!(Base64::new(bad), Err(InvalidValue::Syntax), "{}", bad.escape_ascii());
    }
}

#[test]
fn r4648_3_a_and_r5034_4_s_no_byte_outside_the_alphabet() {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";
    for octet in 0..=255 {
        let bad = [b'A', b'A', b'A', octet];
        assert_eq!(Base64::new(&bad).is_ok(), alphabet.contains(&octet), "{octet:#x}");
    }
    for bad in [&b"AA A="[..], b"AAAA\r\nAAAA", b"AAAA\n", b"*", b"AA-_", b" AAA"] {
        assert_eq!(Base64::new(bad), Err(InvalidValue::Octet), "{}", bad.escape_ascii());
    }
}

#[test]
fn r4647_2_1_a_subtags_of_1_to_8() {
    for good in ["e", "en", "abcdefgh", "de-AT", "zh-Hant-CN", "a-1", "a-12345678", "i-default", "x-a-b-c-d"]
    {
        assert!(LanguageTag::new(good.as_bytes()).is_ok(), "{good}");
    }
    let rejected = [
        "-",
        "-en",
        "en-",
        "en--gb",
        "abcdefghi",
        "en-123456789",
        "1",
        "e1",
        "en_GB",
        "en GB",
        "en.",
        "*",
        "en-*",
        "é",
        "en\0",
    ];
    for bad in rejected {
        assert_eq!(LanguageTag::new(bad.as_bytes()), Err(InvalidValue::Syntax), "{bad}");
    }
    assert_eq!(LanguageTag::new(b""), Err(InvalidValue::Empty));
}

#[test]
fn r4647_2_1_a_compared_without_case() {
    let tag = LanguageTag::from_static("en-GB");
    assert_eq!(LanguageTag::new(b"EN-gb"), Ok(tag));
    assert_ne!(LanguageTag::from_static("en"), tag);
    assert!(LanguageTag::from_static("EN").matches(tag));
    assert!(LanguageTag::from_static("eN-gB").matches(tag));
    assert!(!LanguageTag::from_static("e").matches(tag));
    assert!(!LanguageTag::from_static("en-GB-x").matches(tag));
    assert!(!LanguageTag::from_static("en").matches(LanguageTag::from_static("eng")));
}

#[test]
fn r4647_2_1_a_a_range_may_be_a_star() {
    assert_eq!(LanguageRange::new(b"*"), Ok(LanguageRange::Preferred));
    assert_eq!(LanguageRange::new(b"de"), Ok(LanguageRange::Tag(LanguageTag::from_static("DE"))));
    assert_eq!(LanguageRange::new(b"**"), Err(InvalidValue::Syntax));
    assert_eq!(LanguageRange::Preferred.as_bytes(), b"*");
}

#[test]
fn g_17_a_listing_holds_tags_and_no_star() {
    assert_eq!(LanguageTag::new(b"*"), Err(InvalidValue::Syntax));
    assert_eq!(format!("{}", LanguageTag::from_static("zh-Hant")), "zh-Hant");
}

/// Bytes, a `&str` and a `&String` give the same value, or are refused for the same reason.
#[test]
fn values_are_made_from_text_and_from_bytes() {
    fn alike<'a, T, E>(text: &'a String) -> bool
    where
        T: TryFrom<&'a [u8], Error = E> + TryFrom<&'a str, Error = E> + TryFrom<&'a String, Error = E>,
        T: std::fmt::Debug,
        E: std::fmt::Debug,
    {
        let made: [Result<T, E>; 3] = [text.as_bytes().try_into(), text.as_str().try_into(), text.try_into()];
        let [first, others @ ..] = made.map(|made| format!("{made:?}"));
        others.iter().all(|other| *other == first)
    }
    for text in ["", "mrose", "de", "AAAA", "<1@host>", "two words", "\r\n"].map(String::from) {
        assert!(alike::<ApopTimestamp<'_>, _>(&text) && alike::<Base64<'_>, _>(&text), "{text:?}");
        assert!(alike::<LanguageRange<'_>, _>(&text) && alike::<LanguageTag<'_>, _>(&text), "{text:?}");
        assert!(alike::<Mechanism<'_>, _>(&text) && alike::<UniqueId<'_>, _>(&text), "{text:?}");
        assert!(alike::<Secret<'_>, _>(&text) && alike::<Text<'_>, _>(&text), "{text:?}");
    }
    assert_eq!(Text::try_from("mrose"), Text::new(b"mrose"));
}

#[cfg(feature = "alloc")]
#[test]
fn a_unique_id_hashes_and_compares_like_its_bytes() {
    use super::OwnedUniqueId;
    use std::{borrow::Borrow, collections::hash_map::RandomState, hash::BuildHasher};

    let state = RandomState::new();
    let ids = [&b"a"[..], b"ab", b"b", b"a-1", &[b'~'; 70]];
    for a in ids {
        let (id, owned) = (UniqueId::new(a).unwrap(), OwnedUniqueId::try_from(a.to_vec()).unwrap());
        let octets: &[u8] = owned.borrow();
        assert_eq!((octets, owned.as_bytes(), owned.as_ref(), id.as_ref()), (a, a, a, a));
        assert_eq!((state.hash_one(&owned), state.hash_one(id)), (state.hash_one(a), state.hash_one(a)));
        for b in ids {
            let (id, other) = (UniqueId::new(b).unwrap(), OwnedUniqueId::try_from(b.to_vec()).unwrap());
            assert_eq!((owned == id, id == owned, owned == other), (a == b, b == a, a == b));
            assert_eq!(
                (owned.partial_cmp(&id), id.partial_cmp(&owned)),
                (a.partial_cmp(b), b.partial_cmp(a))
            );
            assert_eq!(owned.cmp(&other), a.cmp(b));
        }
    }
}

#[cfg(feature = "serde")]
#[test]
fn a_stored_unique_id_is_checked_when_it_is_read() {
    use super::OwnedUniqueId;
    use serde::{Deserialize, de::IntoDeserializer, de::value::Error};

    let text = |text: &str| OwnedUniqueId::deserialize(IntoDeserializer::<Error>::into_deserializer(text));
    let octets =
        |octets: &[u8]| OwnedUniqueId::deserialize(IntoDeserializer::<Error>::into_deserializer(octets));
    assert_eq!(text("a-1").unwrap().as_bytes(), b"a-1");
    assert_eq!(octets(b"a-1").unwrap().as_bytes(), b"a-1");
    for bad in ["", "a b", "\u{e9}", "a\r\n", &"x".repeat(71)] {
        assert!(text(bad).is_err() && octets(bad.as_bytes()).is_err(), "{bad:?}");
    }
}
