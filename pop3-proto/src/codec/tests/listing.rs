use super::{encoded, line, noting};
use crate::codec::grammar::plain_size;
use crate::quirks::Quirk::{ExtraText, LeadingZeros, Spacing};
use crate::{
    DropListing, InvalidValue, LanguageListing, LanguageTag, MessageNumber, Quirk, ScanListing, Text,
    UniqueId, UniqueIdListing,
};
use proptest::prelude::*;
use std::vec::Vec;

fn drop(count: u32, octets: u64) -> DropListing {
    DropListing { count, octets }
}

fn scan(message: u32, octets: u64) -> ScanListing {
    ScanListing { message: MessageNumber::new(message).unwrap(), octets }
}

/// Also 1939.5.stat.c, 1939.4.l and ROB.9.
#[test]
fn r1939_5_stat_d_text_after_the_octets_is_ignored() {
    let cases: [(&[u8], DropListing, &[Quirk]); 9] = [
        (b"2 320", drop(2, 320), &[]),
        (b"0 0", drop(0, 0), &[]),
        (b"4294967295 18446744073709551615", drop(u32::MAX, u64::MAX), &[]),
        (b"2 320 octets", drop(2, 320), &[ExtraText]),
        (b"2 320 7 -1 \x80\xff", drop(2, 320), &[ExtraText]),
        (b"2 320 ", drop(2, 320), &[Spacing]),
        (b"2  320", drop(2, 320), &[Spacing]),
        (b"2\t320", drop(2, 320), &[Spacing]),
        (b"002 0320", drop(2, 320), &[LeadingZeros]),
    ];
    for (text, listing, quirks) in cases {
        let read = noting(|quirks| DropListing::read(text, quirks));
        assert_eq!(read, (Ok(listing), quirks.iter().copied().collect()), "{}", text.escape_ascii());
    }
}

/// Compares sizes of all lengths, before any byte and at every cut, with the standard library.
#[test]
fn r1939_4_l_sizes_in_the_usual_form_equal_the_naive_parser() {
    let naive = |input: &[u8]| {
        let length = input.iter().take_while(|octet| octet.is_ascii_digit()).count();
        let usual = (1..=18).contains(&length) && input[0] != b'0';
        let rest = input[length..].strip_prefix(b"\r\n").filter(|_| usual)?;
        Some((core::str::from_utf8(&input[..length]).unwrap().parse::<u64>().unwrap(), rest.to_vec()))
    };
    let mut found = 0;
    let mut check = |input: &[u8]| {
        let read = plain_size(input).map(|(size, rest)| (size, rest.to_vec()));
        assert_eq!(read, naive(input), "{}", input.escape_ascii());
        found += usize::from(read.is_some());
    };
    for digits in
        [b"12345678901234567890", b"99999999999999999999", b"10000000000000000000", b"00000000000000000000"]
    {
        for (length, octet) in
            (0..=digits.len()).flat_map(|length| (0..=u8::MAX).map(move |octet| (length, octet)))
        {
            let digits = &digits[..length];
            for input in [[digits, &[octet], b"\r\n12 34\r\n"], [digits, b"\r\n", &[octet]]] {
                let input = input.concat();
                (0..=input.len()).for_each(|end| check(&input[..end]));
            }
        }
    }
    assert!(found > 3 * 18 * 256, "{found}");
}

/// Also ROB.8: no wrap, no panic.
#[test]
fn r1939_4_l_numbers_are_plain_decimal() {
    let bad: [&[u8]; 17] = [
        b"",
        b" ",
        b"2",
        b"2 ",
        b" 2 320",
        b"two 320",
        b"2 x",
        b"+2 320",
        b"2 -320",
        b"2,320",
        b"2 320.5",
        b"0x2 320",
        b"2 320x",
        b"2 \xb3",
        b"4294967296 1",
        b"2 18446744073709551616",
        b"99999999999999999999999 1",
    ];
    for text in bad {
        assert_eq!(DropListing::parse(text), Err(InvalidValue::Syntax), "{}", text.escape_ascii());
        assert_eq!(ScanListing::parse(text), Err(InvalidValue::Syntax), "{}", text.escape_ascii());
    }
    for text in [&b"0 5"[..], b"00 5"] {
        assert_eq!(ScanListing::parse(text), Err(InvalidValue::Syntax), "0 is not a message number");
        assert_eq!(UniqueIdListing::parse(text), Err(InvalidValue::Syntax), "0 is not a message number");
        assert_eq!(DropListing::parse(text), Ok(drop(0, 5)), "a count may be 0");
    }
    assert_eq!(ScanListing::parse(b"4294967295 0"), Ok(scan(u32::MAX, 0)));
}

/// Also AMB.31, ROB.11.
#[test]
fn r1939_5_list_g_what_follows_the_size_is_ignored() {
    let cases: [(&[u8], ScanListing, &[Quirk]); 6] = [
        (b"1 120", scan(1, 120), &[]),
        (b"1 120 250", scan(1, 120), &[ExtraText]),
        (b"1 120\tx", scan(1, 120), &[ExtraText, Spacing]),
        (b"1   120", scan(1, 120), &[Spacing]),
        (b"1 120\t ", scan(1, 120), &[Spacing]),
        (b"01 4294967400", scan(1, 4_294_967_400), &[LeadingZeros]),
    ];
    for (text, listing, quirks) in cases {
        let read = noting(|quirks| ScanListing::read(text, quirks));
        assert_eq!(read, (Ok(listing), quirks.iter().copied().collect()), "{}", text.escape_ascii());
    }
}

/// Also 1939.7.uidl.d and ROB.12.
#[test]
fn r1939_7_uidl_e_a_unique_id_has_1_to_70_printable_octets() {
    let long = [b"3 ".as_slice(), &[b'~'; 70]].concat();
    assert_eq!(UniqueIdListing::parse(&long).unwrap().id.as_bytes(), [b'~'; 70]);
    let bad: [(&[u8], InvalidValue); 9] = [
        (b"3", InvalidValue::Syntax),
        (b"3 ", InvalidValue::Syntax),
        (b"3   ", InvalidValue::Syntax),
        (b"abc", InvalidValue::Syntax),
        (b"x abc", InvalidValue::Syntax),
        (b"3abc", InvalidValue::Syntax),
        (b"3 two words", InvalidValue::Octet),
        (b"3 \x7f", InvalidValue::Octet),
        (b"3 caf\xe9", InvalidValue::Octet),
    ];
    for (line, error) in bad {
        assert_eq!(UniqueIdListing::parse(line), Err(error), "{}", line.escape_ascii());
    }
    assert_eq!(UniqueIdListing::parse(&[&*long, b"~"].concat()), Err(InvalidValue::TooLong));
}

#[test]
fn r1939_7_uidl_i_unique_ids_compare_byte_by_byte() {
    let id = |line| UniqueIdListing::parse(line).unwrap().id;
    assert_eq!(id(b"1 aB"), id(b"2 aB"));
    assert_ne!(id(b"1 aB"), id(b"1 ab"));
    assert_eq!(id(b"1 007"), UniqueId::new(b"007").unwrap());
}

#[test]
fn rob_11_spaces_around_a_unique_id_are_not_part_of_it() {
    for line in [&b"3  abc"[..], b"3\tabc", b"3 abc  ", b"3 \t abc\t"] {
        let (read, quirks) = noting(|quirks| UniqueIdListing::read(line, quirks));
        assert_eq!(read, Ok((MessageNumber::new(3).unwrap(), &b"abc"[..])), "{}", line.escape_ascii());
        assert_eq!(quirks, [Spacing].into_iter().collect());
    }
}

/// A line end that was mistaken for data must not look like a valid row.
#[test]
fn rob_3_a_row_that_holds_a_line_end_does_not_parse() {
    for line in [&b"1 120 x\n2 130"[..], b"1 120 \n", b"1 120\n", b"1 120\r", b"1 120 \r2 130", b"1 120 \0"] {
        assert_eq!(ScanListing::parse(line), Err(InvalidValue::Syntax), "{}", line.escape_ascii());
        assert_eq!(DropListing::parse(line), Err(InvalidValue::Syntax), "{}", line.escape_ascii());
    }
    for line in [&b"1 abc\n"[..], b"1 abc\n2 def", b"1 abc\r", b"1 \n"] {
        assert_eq!(UniqueIdListing::parse(line), Err(InvalidValue::Syntax), "{}", line.escape_ascii());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Also 1939.5.stat.b, 1939.5.list.b, 1939.5.list.c, 1939.7.uidl.b and 1939.7.uidl.c.
    #[test]
    fn rob_25_listings_survive_the_wire(
        count in any::<u32>(), octets in any::<u64>(), id in "[!-~]{1,70}",
        tag in "[a-zA-Z]{1,8}(-[a-zA-Z0-9]{1,8}){0,2}", name in "[^\0\r\n]{0,40}",
    ) {
        let message = MessageNumber::new(count.max(1)).unwrap();
        let (drop, scan) = (DropListing { count, octets }, ScanListing { message, octets });
        let unique = UniqueIdListing { message, id: UniqueId::new(id.as_bytes()).unwrap() };
        let language = LanguageListing {
            tag: LanguageTag::new(tag.as_bytes()).unwrap(),
            name: Text::new(name.as_bytes()).unwrap(),
        };
        let wire = |start: &[u8], rest: std::string::String| [start, rest.as_bytes(), b"\r\n"].concat();
        for start in [&b""[..], b"+OK "] {
            let bytes = encoded(|out| drop.encode(start, out));
            prop_assert_eq!(&bytes, &wire(start, std::format!("{count} {octets}")));
            prop_assert_eq!(DropListing::parse(&line(&bytes)[start.len()..]), Ok(drop));
            let bytes = encoded(|out| scan.encode(start, out));
            prop_assert_eq!(&bytes, &wire(start, std::format!("{message} {octets}")));
            prop_assert_eq!(ScanListing::parse(&line(&bytes)[start.len()..]), Ok(scan));
            let bytes = encoded(|out| unique.encode(start, out));
            prop_assert_eq!(&bytes, &wire(start, std::format!("{message} {id}")));
            prop_assert_eq!(UniqueIdListing::parse(&line(&bytes)[start.len()..]), Ok(unique));
            let bytes = encoded(|out| language.encode(start, out));
            prop_assert_eq!(LanguageListing::parse(&line(&bytes)[start.len()..]), Ok(language));
        }
    }

    /// A value that was read from any bytes is written as one canonical line, and read again as the same value.
    #[test]
    fn rob_23_any_bytes_are_a_listing_or_an_error(octets in near_rows()) {
        if let Ok(listing) = DropListing::parse(&octets) {
            prop_assert_eq!(DropListing::parse(line(&encoded(|out| listing.encode(b"", out)))), Ok(listing));
        }
        if let Ok(listing) = ScanListing::parse(&octets) {
            prop_assert_eq!(ScanListing::parse(line(&encoded(|out| listing.encode(b"", out)))), Ok(listing));
        }
        if let Ok(listing) = UniqueIdListing::parse(&octets) {
            let bytes = encoded(|out| listing.encode(b"", out));
            prop_assert_eq!(UniqueIdListing::parse(line(&bytes)), Ok(listing));
        }
        if let Ok(listing) = LanguageListing::parse(&octets) {
            let bytes = encoded(|out| listing.encode(b"", out));
            prop_assert_eq!(LanguageListing::parse(line(&bytes)), Ok(listing));
        }
    }
}

/// Returns bytes that resemble rows, and any other bytes.
fn near_rows() -> impl Strategy<Value = Vec<u8>> {
    let octet = prop_oneof![
        Just(b' '),
        Just(b'\t'),
        Just(b'0'),
        Just(b'1'),
        Just(b'9'),
        Just(b'a'),
        Just(b'\n'),
        Just(b'-'),
        any::<u8>(),
    ];
    prop::collection::vec(octet, 0..24)
}
