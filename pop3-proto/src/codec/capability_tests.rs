use super::{Capability, Expire, Mechanisms, OtherCapability};
use crate::buffers::SendBuf;
use crate::quirks::{Quirk, Quirks};
use crate::sink::Sink;
use crate::types::{InvalidValue, Mechanism, Text};
use proptest::prelude::*;
use std::format;
use std::string::String;
use std::vec::Vec;

fn encoded(capability: &Capability<'_>) -> Vec<u8> {
    let mut buffer = [0; 1024];
    let mut out = SendBuf::new(&mut buffer[..]);
    capability.encode(&mut out).unwrap();
    out.pending().to_vec()
}

fn line(capability: &Capability<'_>) -> String {
    let line = String::from_utf8(encoded(capability)).unwrap();
    line.strip_suffix("\r\n").unwrap().into()
}

fn read(line: &str) -> (Capability<'_>, Quirks) {
    let mut quirks = Quirks::NONE;
    (Capability::read(line.as_bytes(), &mut quirks).unwrap(), quirks)
}

fn other<'a>(tag: &'a str, arguments: &'a str) -> Capability<'a> {
    let (tag, arguments) = (Text::new(tag.as_bytes()).unwrap(), Text::new(arguments.as_bytes()).unwrap());
    Capability::Other(OtherCapability { tag, arguments })
}

const MECHANISMS: &[Mechanism<'static>] =
    &[Mechanism::PLAIN, Mechanism::from_static("SCRAM-SHA-256-PLUS"), Mechanism::from_static("CRAM_MD5")];

/// Every known tag, with every form of its argument, as a server that follows the RFCs writes it.
fn canonical() -> Vec<(&'static str, Capability<'static>)> {
    let delay = |seconds, user| Capability::LoginDelay { seconds, user };
    let expire = |policy, user| Capability::Expire { policy, user };
    [
        ("TOP", Capability::Top),
        ("USER", Capability::User),
        ("SASL", Capability::Sasl(Mechanisms::new(&[]))),
        ("SASL PLAIN SCRAM-SHA-256-PLUS CRAM_MD5", Capability::Sasl(Mechanisms::new(MECHANISMS))),
        ("RESP-CODES", Capability::RespCodes),
        ("LOGIN-DELAY 900", delay(900, false)),
        ("LOGIN-DELAY 0 USER", delay(0, true)),
        ("LOGIN-DELAY 4294967295", delay(u32::MAX, false)),
        ("PIPELINING", Capability::Pipelining),
        ("EXPIRE 0", expire(Expire::Days(0), false)),
        ("EXPIRE 60 USER", expire(Expire::Days(60), true)),
        ("EXPIRE NEVER", expire(Expire::Never, false)),
        ("EXPIRE NEVER USER", expire(Expire::Never, true)),
        ("UIDL", Capability::Uidl),
        ("IMPLEMENTATION shore", Capability::Implementation(Text::from_static("shore"))),
        ("IMPLEMENTATION shore 2.1 (x86)", Capability::Implementation(Text::from_static("shore 2.1 (x86)"))),
        ("STLS", Capability::Stls),
        ("AUTH-RESP-CODE", Capability::AuthRespCode),
        ("UTF8", Capability::Utf8 { user: false }),
        ("UTF8 USER", Capability::Utf8 { user: true }),
        ("LANG", Capability::Lang),
        ("X-ARCHIVE", other("X-ARCHIVE", "")),
        ("XOIP 1 two", other("XOIP", "1 two")),
    ]
    .into()
}

/// Also 2449.3.f, 2449.5.f, ROB.25.
#[test]
fn r2449_5_k_each_tag_and_argument_is_read_and_written_as_registered() {
    for (wire, value) in canonical() {
        assert_eq!(read(wire), (value, Quirks::NONE), "{wire}");
        assert_eq!(line(&value), wire);
        assert_eq!(line(&read(wire).0), wire, "the line as it was");
    }
}

#[test]
fn r2449_5_e_tags_and_keywords_are_read_in_any_letter_case() {
    for (wire, value) in canonical() {
        let lower = wire.to_ascii_lowercase();
        match (value, read(&lower).0) {
            (Capability::Implementation(_) | Capability::Other(_), _) => {}
            (_, read) => assert_eq!(read, value, "{lower}"),
        }
    }
    assert_eq!(read("x-archive").0, other("X-ARCHIVE", ""), "tags compare in any case");
    assert_ne!(read("XOIP 1 TWO").0, other("XOIP", "1 two"), "arguments do not");
}

/// Also 2449.5.l for the arguments.
#[test]
fn r2449_9_a_unknown_and_misspelt_tags_stay_unchanged() {
    for wire in
        ["PIPELINE", "RESP-CODE", "UIDLS", "X", "XTOP yes", "APOP", "LOGINDELAY 5", "SASLX PLAIN", "A=B c"]
    {
        let (value, quirks) = read(wire);
        assert!(matches!(value, Capability::Other(_)), "{wire}: {value:?}");
        assert_eq!((line(&value).as_str(), quirks), (wire, Quirks::NONE));
    }
}

#[test]
fn r2449_5_l_odd_and_surplus_arguments_are_not_an_error() {
    // Without a readable argument the tag is useless, so the capability is unknown.
    for wire in [
        "LOGIN-DELAY",
        "LOGIN-DELAY soon",
        "LOGIN-DELAY -1 USER",
        "EXPIRE",
        "EXPIRE 1d",
        "EXPIRE USER",
        "IMPLEMENTATION",
    ] {
        assert!(matches!(read(wire).0, Capability::Other(_)), "{wire}");
        assert_eq!(line(&read(wire).0), wire);
    }
    assert_eq!(read("TOP 1 2").0, Capability::Top);
    assert_eq!(read("UTF8 OTHER").0, Capability::Utf8 { user: false });
    assert_eq!(read("LOGIN-DELAY 15 OTHER words").0, Capability::LoginDelay { seconds: 15, user: false });
    assert_eq!(read("EXPIRE 7 user more").0, Capability::Expire { policy: Expire::Days(7), user: true });
}

/// Also 2449.6.5.a, 2449.6.7.a.
#[test]
fn r2449_6_7_h_never_is_more_than_any_number_of_days() {
    assert!(Expire::Never > Expire::Days(u32::MAX));
    assert_eq!(read("EXPIRE never").0, Capability::Expire { policy: Expire::Never, user: false });
    // A number that does not fit in 32 bits counts as the largest, because it is a time to wait.
    let long = "LOGIN-DELAY 99999999999999999999999";
    assert_eq!(read(long).0, Capability::LoginDelay { seconds: u32::MAX, user: false });
    assert_eq!(format!("{} {}", Expire::Days(3), Expire::Never), "3 days never");
}

/// Also ROB.32.
#[test]
fn quirk_17_tags_joined_with_an_equals_sign_are_understood_and_recorded() {
    let cases = [
        ("SASL=PLAIN LOGIN", "SASL PLAIN LOGIN"),
        ("utf8=user", "UTF8 USER"),
        ("EXPIRE=NEVER", "EXPIRE NEVER"),
        ("TOP=", "TOP"),
        ("LOGIN-DELAY=15 USER", "LOGIN-DELAY 15 USER"),
    ];
    for (wire, canonical) in cases {
        let (value, quirks) = read(wire);
        assert_eq!(line(&value).to_ascii_uppercase(), canonical);
        assert_eq!(quirks, [Quirk::CapabilityEquals].into_iter().collect());
    }
    // Inside a mechanism list such a word is not a name. It is skipped, and the other names are valid.
    let (value, quirks) = read("SASL AUTH=CRAM-MD5 CRAM_MD5 PLAIN");
    let Capability::Sasl(mechanisms) = value else { panic!("{value:?}") };
    assert!(mechanisms.contains(Mechanism::PLAIN) && !mechanisms.contains(Mechanism::CRAM_MD5));
    assert_eq!((mechanisms.iter().count(), quirks), (2, Quirks::NONE));
}

#[test]
fn r2449_5_f_more_than_one_space_is_tolerated_and_recorded() {
    for wire in ["SASL  PLAIN", "PIPELINING ", "LOGIN-DELAY 15  USER", "EXPIRE 3 "] {
        assert_eq!(read(wire).1, [Quirk::Spacing].into_iter().collect(), "{wire}");
    }
    assert_eq!(read("SASL  PLAIN").0, Capability::Sasl(Mechanisms::new(&[Mechanism::PLAIN])));
}

/// Also AMB.2: DEL is not part of a tag.
#[test]
fn r2449_3_f_a_line_without_a_tag_of_printable_ascii_is_not_a_capability() {
    for (wire, error) in [
        ("", InvalidValue::Empty),
        (" TOP", InvalidValue::Empty),
        ("T\u{7f}P", InvalidValue::Octet),
        ("\tTOP", InvalidValue::Octet),
        ("TOP\tx", InvalidValue::Octet),
        ("É", InvalidValue::Octet),
        ("X a\rb", InvalidValue::Control),
        ("X a\0b", InvalidValue::Control),
    ] {
        assert_eq!(Capability::parse(wire.as_bytes()), Err(error), "{wire:?}");
    }
}

/// Also 2449.3.h.
#[test]
fn r2449_3_f_a_server_announces_only_complete_capability_lines() {
    let new = |tag: &'static str, arguments: &'static str| {
        OtherCapability::new(Text::from_static(tag), Text::from_static(arguments)).map(|other| other.tag())
    };
    assert_eq!(new("X-A", "b c"), Ok(Text::from_static("X-A")));
    for (tag, arguments, error) in [
        ("", "b", InvalidValue::Empty),
        ("X.A", "", InvalidValue::Octet),
        ("X A", "", InvalidValue::Octet),
        ("X-A", "b\tc", InvalidValue::Octet),
        ("X-A", "\u{7f}", InvalidValue::Octet),
        ("X-A", "größe", InvalidValue::Octet),
        ("X-A", " b", InvalidValue::Syntax),
        ("X-A", "b ", InvalidValue::Syntax),
        ("X-A", "b  c", InvalidValue::Syntax),
        ("stls", "", InvalidValue::Syntax),
        ("SASL", "PLAIN", InvalidValue::Syntax),
        ("Sasl=PLAIN", "", InvalidValue::Syntax),
    ] {
        assert_eq!(new(tag, arguments), Err(error), "{tag:?} {arguments:?}");
    }
    assert!(
        new("SASLX", "").is_ok()
            && new("XSASL", "").is_ok()
            && new("TO", "").is_ok()
            && new("X=SASL", "").is_ok()
    );
    for (wire, value) in canonical() {
        let tag = Text::new(wire.split(' ').next().unwrap().as_bytes()).unwrap();
        assert_eq!(
            OtherCapability::new(tag, Text::EMPTY).is_err(),
            !matches!(value, Capability::Other(_)),
            "{wire}"
        );
    }
    let longest = "y".repeat(506);
    let with = |rest: &str| {
        let arguments = format!("{longest}{rest}");
        let other = OtherCapability::new(Text::from_static("X-A"), Text::new(arguments.as_bytes()).unwrap());
        other.map(|other| encoded(&Capability::Other(other)).len())
    };
    assert_eq!((with(""), with("y")), (Ok(512), Err(InvalidValue::TooLong)));
}

/// Also 2449.3.h, 2449.6.3.a.
#[test]
fn amb_18_a_mechanism_list_ends_before_its_line_exceeds_512_octets() {
    let names: Vec<String> = (0..60).map(|number| format!("MECHANISM-NUMBER-{number:03}")).collect();
    let list: Vec<_> = names.iter().map(|name| Mechanism::new(name.as_bytes()).unwrap()).collect();
    let bytes = encoded(&Capability::Sasl(Mechanisms::new(&list)));
    assert!(bytes.len() <= 512 && bytes.len() > 512 - 21, "{}", bytes.len());
    let Ok(Capability::Sasl(read)) = Capability::parse(bytes.strip_suffix(b"\r\n").unwrap()) else {
        panic!()
    };
    assert!(read.iter().eq(list.iter().copied().take(read.iter().count())), "whole names, the first ones");
    // A limit on the number of names bounds a list of short names.
    let short = [Mechanism::from_static("A"); 100];
    let line = line(&Capability::Sasl(Mechanisms::new(&short)));
    assert_eq!(line.matches(" A").count(), 32);
}

#[test]
fn r2449_5_c_a_line_is_written_whole_or_not_at_all() {
    for (wire, value) in canonical() {
        let mut buffer = [0; 64];
        let length = wire.len() + 2;
        let mut out = SendBuf::new(buffer.get_mut(..length - 1).unwrap());
        let full = value.encode(&mut out).unwrap_err();
        assert_eq!((full.needed, out.pending()), (length, b"".as_slice()), "{wire}");
        assert_eq!(out.room(), length - 1);
    }
}

fn words() -> impl Strategy<Value = String> {
    proptest::collection::vec("[!-~]{1,12}", 0..6).prop_map(|words| words.join(" "))
}

proptest! {
    /// ROB.25: a written value is read as the same value.
    #[test]
    fn rob_25_numbers_and_flags_survive_the_wire(number: u32, user: bool, never: bool) {
        let policy = if never { Expire::Never } else { Expire::Days(number) };
        for value in [
            Capability::LoginDelay { seconds: number, user },
            Capability::Expire { policy, user },
            Capability::Utf8 { user },
        ] {
            let wire = line(&value);
            prop_assert_eq!(read(&wire), (value, Quirks::NONE));
        }
    }

    #[test]
    fn rob_25_capabilities_of_a_servers_own_survive_the_wire(tag in "[!-~]{1,20}", arguments in words()) {
        let new = OtherCapability::new(Text::new(tag.as_bytes()).unwrap(), Text::new(arguments.as_bytes()).unwrap());
        if let Ok(other) = new {
            let wire = line(&Capability::Other(other));
            prop_assert_eq!(read(&wire), (Capability::Other(other), Quirks::NONE));
        }
    }

    #[test]
    fn rob_25_mechanism_lists_survive_the_wire(names in proptest::collection::vec("[A-Za-z0-9_-]{1,20}", 0..20)) {
        let list: Vec<_> = names.iter().map(|name| Mechanism::new(name.as_bytes()).unwrap()).collect();
        let value = Capability::Sasl(Mechanisms::new(&list));
        let wire = line(&value);
        prop_assert_eq!(read(&wire), (value, Quirks::NONE));
    }

    /// A line is read or refused. A value that was read is written as a line that is read as the same value.
    #[test]
    fn r2449_5_l_any_line_is_read_without_surprise(octets in proptest::collection::vec(any::<u8>(), 0..64)) {
        if let Ok(value) = Capability::parse(&octets) {
            let wire = encoded(&value);
            let content = wire.strip_suffix(b"\r\n").unwrap();
            prop_assert_eq!(Capability::parse(content), Ok(value));
            if matches!(value, Capability::Other(_)) {
                prop_assert_eq!(content, octets.strip_suffix(b" ").filter(|_| content.len() < octets.len()).unwrap_or(&octets));
            }
        }
    }
}

/// A line that would end the listing, or lose its dot during transfer, is not a capability.
#[test]
fn r2449_3_f_no_tag_begins_with_a_dot() {
    for line in [&b"."[..], b".X", b". X", b"..X"] {
        assert_eq!(Capability::parse(line), Err(InvalidValue::Octet), "{}", line.escape_ascii());
    }
}
