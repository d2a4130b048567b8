use super::noting;
use crate::quirks::Quirk::{DigestCase, LeadingZeros, NameSpaces, NotPrintable, Spacing};
use crate::{
    ApopDigest, Base64, Command, CommandError, Keyword, LanguageRange, Mechanism, MessageNumber, Quirk,
    Secret, Text, Verb,
};
use proptest::prelude::*;
use std::vec::Vec;

fn message(number: u32) -> MessageNumber {
    MessageNumber::new(number).unwrap()
}

fn user(name: &[u8]) -> Command<'_> {
    Command::User(Text::new(name).unwrap())
}

fn pass(password: &[u8]) -> Command<'_> {
    Command::Pass(Secret::new(password).unwrap())
}

fn other<'a>(keyword: &'a [u8], arguments: Option<&'a [u8]>) -> Command<'a> {
    let arguments = arguments.map(|arguments| Secret::new(arguments).unwrap());
    Command::Other { keyword: Keyword::new(keyword).unwrap(), arguments }
}

/// Reads each line, and compares the command and the quirks.
fn all_read(cases: &[(&[u8], Command<'_>, &[Quirk])]) {
    for (line, command, quirks) in cases {
        let read = noting(|quirks| Command::read(line, quirks));
        assert_eq!(read, (Ok(*command), quirks.iter().copied().collect()), "{}", line.escape_ascii());
    }
}

fn all_refused(error: CommandError, lines: &[&[u8]]) {
    for line in lines {
        assert_eq!(Command::parse(line), Err(error), "{}", line.escape_ascii());
    }
}

/// Also 1939.3.g: the words have 3 or 4 letters.
#[test]
fn r1939_3_f_keywords_have_no_case_and_arguments_have() {
    for verb in Verb::ALL.iter().filter(|verb| **verb != Verb::Other) {
        let word = verb.keyword();
        assert!((3..=4).contains(&word.len()) && word.bytes().all(|octet| octet.is_ascii_alphanumeric()));
        let mixed: Vec<u8> = (0..).zip(word.bytes()).map(|(at, octet)| octet ^ (at % 2 * 32)).collect();
        for spelt in [word.to_ascii_lowercase().into_bytes(), mixed] {
            let keyword = Keyword::new(&spelt);
            assert!(keyword.is_err() || word == "UTF8", "{word} is known in any case");
        }
    }
    all_read(&[
        (b"quit", Command::Quit, &[]),
        (b"QuIt", Command::Quit, &[]),
        (b"tOp 1 0", Command::Top { message: message(1), lines: 0 }, &[]),
        (b"utf8", Command::Utf8, &[]),
        (b"user MRose", user(b"MRose"), &[]),
    ]);
    assert_ne!(Command::parse(b"USER MRose"), Command::parse(b"USER mrose"));
}

/// Also ROB.43: extra spaces are accepted and noted.
#[test]
fn r1939_3_i_one_space_separates_words() {
    all_read(&[
        (b"RETR 1", Command::Retr(message(1)), &[]),
        (b"RETR  1", Command::Retr(message(1)), &[Spacing]),
        (b"RETR\t1", Command::Retr(message(1)), &[Spacing]),
        (b"RETR 1 ", Command::Retr(message(1)), &[Spacing]),
        (b"TOP 1 \t 10\t", Command::Top { message: message(1), lines: 10 }, &[Spacing]),
        (b"STAT ", Command::Stat, &[Spacing]),
        (b"QUIT\t", Command::Quit, &[Spacing]),
        (b"LIST ", Command::List(None), &[Spacing]),
        (b"UIDL  ", Command::Uidl(None), &[Spacing]),
        (b"AUTH ", Command::AuthList, &[Spacing]),
        (b"LANG ", Command::Lang(None), &[Spacing]),
    ]);
    all_refused(CommandError::Keyword, &[b" NOOP", b"\tNOOP", b" "]);
}

/// Also ROB.9 and quirk 50.
#[test]
fn r1939_4_l_message_numbers_are_decimal_and_not_zero() {
    all_read(&[
        (b"RETR 4294967295", Command::Retr(message(u32::MAX)), &[]),
        (b"LIST 007", Command::List(Some(message(7))), &[LeadingZeros]),
        (b"DELE 00000000000000000000000000001", Command::Dele(message(1)), &[LeadingZeros]),
    ]);
    for word in ["RETR", "DELE", "LIST", "UIDL", "TOP"] {
        let lines = if word == "TOP" { " 1" } else { "" };
        let parse =
            |number: &str| Command::parse(std::format!("{word} {number}{lines}").as_bytes()).map(|_| ());
        assert_eq!(parse("1"), Ok(()));
        for none in ["0", "000", "4294967296", "18446744073709551616", "99999999999999999999999999"] {
            assert_eq!(parse(none), Err(CommandError::NoSuchMessage), "{word} {none}");
        }
        for bad in ["+1", "-1", "x", "1x", "1.5", "0x1", "1e0", "1,5", "\u{b9}"] {
            assert_eq!(parse(bad), Err(CommandError::Number), "{word} {bad}");
        }
    }
}

/// Each number would be 1 if it wrapped.
#[test]
fn rob_8_a_number_over_its_type_names_no_message() {
    let lines: &[&[u8]] =
        &[b"RETR 4294967297", b"DELE 18446744073709551617", b"LIST 4294967297", b"TOP 4294967297 0"];
    all_refused(CommandError::NoSuchMessage, lines);
    let lines: &[&[u8]] = &[b"TOP 1 18446744073709551617", b"TOP 1 99999999999999999999"];
    for line in lines {
        assert_eq!(Command::parse(line), Ok(Command::Top { message: message(1), lines: u64::MAX }));
    }
}

/// Also 1939.5.list.a, 1939.5.dele.a, 1939.7.uidl.a, 1939.7.top.a, 1939.7.user.a, 1939.7.pass.a and 1939.7.apop.d.
#[test]
fn r1939_5_retr_a_required_arguments_must_be_present() {
    let missing: [&[u8]; 14] = [
        b"RETR",
        b"RETR ",
        b"DELE",
        b"DELE  ",
        b"TOP",
        b"TOP ",
        b"TOP 1",
        b"TOP 1 ",
        b"USER",
        b"USER ",
        b"APOP",
        b"APOP ",
        b"APOP mrose",
        b"APOP c4c9334bac560ecc979e58001b3e22fb",
    ];
    all_refused(CommandError::Missing, &missing);
    all_read(&[
        (b"LIST", Command::List(None), &[]),
        (b"UIDL", Command::Uidl(None), &[]),
        (b"LIST 2", Command::List(Some(message(2))), &[]),
        (b"UIDL 2", Command::Uidl(Some(message(2))), &[]),
    ]);
}

/// Also 1939.4.n, 1939.5.noop.a, 1939.5.rset.a, ROB.42.
#[test]
fn r1939_5_stat_a_surplus_arguments_are_refused() {
    let surplus: [&[u8]; 18] = [
        b"STAT x",
        b"NOOP x",
        b"RSET 1",
        b"QUIT now",
        b"CAPA x",
        b"STLS x",
        b"UTF8 USER",
        b"LIST 1 2",
        b"UIDL 1 2",
        b"RETR 1 2",
        b"DELE 1\t2",
        b"TOP 1 2 3",
        b"TOP 1 2 ",
        b"LANG en de",
        b"AUTH PLAIN = x",
        b"STAT  x",
        b"LIST 1  x",
        b"NOOP \r",
    ];
    for line in surplus {
        let expected = if line == b"TOP 1 2 " { None } else { Some(CommandError::Surplus) };
        assert_eq!(Command::parse(line).err(), expected, "{}", line.escape_ascii());
    }
}

/// Also 1939.7.top.d: decimals of any length.
#[test]
fn r1939_7_top_a_takes_a_message_and_a_count_of_lines() {
    let top = |lines| Command::Top { message: message(3), lines };
    all_read(&[
        (b"TOP 3 0", top(0), &[]),
        (b"TOP 3 18446744073709551615", top(u64::MAX), &[]),
        (b"TOP 3 99999999999999999999999999", top(u64::MAX), &[]),
        (b"TOP 3 010", top(10), &[LeadingZeros]),
    ]);
    all_refused(CommandError::Number, &[b"TOP 3 -1", b"TOP 3 x", b"TOP x 1", b"TOP 3 1x"]);
}

/// Also ROB.43 and AMB.11.
#[test]
fn r1939_7_pass_b_spaces_belong_to_a_password() {
    let cases: [(&[u8], &[u8]); 6] = [
        (b"PASS secret", b"secret"),
        (b"PASS two words", b"two words"),
        (b"PASS  secret ", b" secret "),
        (b"PASS   ", b"  "),
        (b"PASS \t\x01\x7f\xff", b"\t\x01\x7f\xff"),
        (b"pass PASS", b"PASS"),
    ];
    for (line, password) in cases {
        assert_eq!(
            noting(|quirks| Command::read(line, quirks)),
            (Ok(pass(password)), [].into_iter().collect())
        );
    }
    all_refused(CommandError::Missing, &[b"PASS", b"PASS ", b"PASS\tx"]);
    all_refused(CommandError::Control, &[b"PASS a\rb", b"PASS a\0b", b"PASS \r"]);
}

/// Also 1939.7.user.a and 1939.3.h.
#[test]
fn amb_12_a_name_is_the_rest_of_the_line() {
    all_read(&[
        (b"USER mrose", user(b"mrose"), &[]),
        (b"USER two words", user(b"two words"), &[NameSpaces]),
        (b"USER mrose ", user(b"mrose "), &[NameSpaces]),
        (b"USER caf\xc3\xa9", user(b"caf\xc3\xa9"), &[NotPrintable]),
        (b"USER a\x7f", user(b"a\x7f"), &[NotPrintable]),
        (b"USER a\tb c", user(b"a\tb c"), &[NameSpaces, NotPrintable]),
    ]);
    all_refused(CommandError::Control, &[b"USER a\rb", b"USER a\0", b"USER \r"]);
}

/// Also 1939.7.apop.f and 1939.7.apop.k.
#[test]
fn r1939_7_apop_d_takes_a_name_and_a_digest() {
    let digest = ApopDigest::parse(b"c4c9334bac560ecc979e58001b3e22fb").unwrap();
    let apop = |name| Command::Apop { name: Text::new(name).unwrap(), digest };
    all_read(&[
        (b"APOP mrose c4c9334bac560ecc979e58001b3e22fb", apop(b"mrose"), &[]),
        (b"APOP mrose C4C9334BAC560ECC979E58001B3E22FB", apop(b"mrose"), &[DigestCase]),
        (b"apop two words c4c9334bac560ecc979e58001b3e22fb", apop(b"two words"), &[NameSpaces]),
    ]);
    let bad: [&[u8]; 6] = [
        b"APOP mrose c4c9334bac560ecc979e58001b3e22f",
        b"APOP mrose c4c9334bac560ecc979e58001b3e22fbb",
        b"APOP mrose c4c9334bac560ecc979e58001b3e22fg",
        b"APOP mrose c4c9334bac560ecc979e58001b3e22fb ",
        b"APOP mrose ",
        b"APOP mrose \xffc4c9334bac560ecc979e58001b3e22f",
    ];
    all_refused(CommandError::Digest, &bad);
    all_refused(CommandError::Control, &[b"APOP a\rb c4c9334bac560ecc979e58001b3e22fb"]);
    all_refused(CommandError::Missing, &[b"APOP  c4c9334bac560ecc979e58001b3e22fb"]);
}

#[test]
fn g_19_auth_takes_a_mechanism_and_perhaps_a_response() {
    let auth = |mechanism, initial| Command::Auth { mechanism, initial };
    all_read(&[
        (b"AUTH", Command::AuthList, &[]),
        (b"AUTH PLAIN", auth(Mechanism::PLAIN, None), &[]),
        (b"auth plain =", auth(Mechanism::PLAIN, Some(Base64::EMPTY)), &[]),
        (b"AUTH PLAIN AAAA", auth(Mechanism::PLAIN, Some(Base64::from_static("AAAA"))), &[]),
        (b"AUTH  PLAIN  AA==", auth(Mechanism::PLAIN, Some(Base64::from_static("AA=="))), &[Spacing]),
    ]);
    all_refused(
        CommandError::Base64,
        &[b"AUTH PLAIN =AAA", b"AUTH PLAIN AAAAA", b"AUTH PLAIN *", b"AUTH PLAIN =="],
    );
    all_refused(CommandError::Mechanism, &[b"AUTH PLAIN! AAAA", b"AUTH ABCDEFGHIJKLMNOPQRSTU", b"AUTH \xff"]);
}

#[test]
fn g_17_lang_takes_a_range_or_nothing() {
    let lang = |range: &'static [u8]| Command::Lang(Some(LanguageRange::new(range).unwrap()));
    all_read(&[
        (b"LANG", Command::Lang(None), &[]),
        (b"LANG de-AT", lang(b"de-AT"), &[]),
        (b"lang *", Command::Lang(Some(LanguageRange::Preferred)), &[]),
    ]);
    all_refused(CommandError::Language, &[b"LANG -", b"LANG **", b"LANG de_AT", b"LANG abcdefghi"]);
}

/// Also ROB.41: whatever its length, it is an unknown command and not a framing error.
#[test]
fn rob_40_an_unknown_command_keeps_its_word_and_its_rest() {
    let long = [b'x'; 200];
    all_read(&[
        (b"XTND XLST 1", other(b"XTND", Some(b"XLST 1")), &[]),
        (b"XTND  two ", other(b"XTND", Some(b" two ")), &[]),
        (b"XTND ", other(b"XTND", None), &[]),
        (b"LAST", other(b"LAST", None), &[]),
        (b"*ENV 1", other(b"*ENV", Some(b"1")), &[]),
        (b"X", other(b"X", None), &[]),
        (b"NOOPS", other(b"NOOPS", None), &[]),
        (b"TO", other(b"TO", None), &[]),
        (b"GET / HTTP/1.1", other(b"GET", Some(b"/ HTTP/1.1")), &[]),
        (&long, other(&long, None), &[]),
    ]);
    all_refused(CommandError::Empty, &[b""]);
    all_refused(CommandError::Keyword, &[b"N\x80OP", b"\x16\x03\x01", b"NO\0P", b"NOOP\r", b"\x7f"]);
    all_refused(CommandError::Control, &[b"XTND a\rb", b"XTND \0"]);
}

#[test]
fn every_error_has_a_message() {
    let errors = [
        CommandError::Empty,
        CommandError::Keyword,
        CommandError::Missing,
        CommandError::Surplus,
        CommandError::Number,
        CommandError::NoSuchMessage,
        CommandError::Control,
        CommandError::Mechanism,
        CommandError::Base64,
        CommandError::Digest,
        CommandError::Language,
    ];
    let words: std::collections::BTreeSet<_> = errors.iter().map(std::string::ToString::to_string).collect();
    assert_eq!(words.len(), errors.len());
}

/// Splits words at spaces and tabs. Returns the message, or why there is none, and the quirks.
fn naive_message(arguments: &[u8]) -> (Result<MessageNumber, CommandError>, Vec<Quirk>) {
    let text = std::str::from_utf8(arguments).unwrap();
    let words: Vec<&str> = text.split([' ', '\t']).filter(|word| !word.is_empty()).collect();
    let Some((first, surplus)) = words.split_first() else {
        return (Err(CommandError::Missing), Vec::new());
    };
    let digits = first.bytes().all(|octet| octet.is_ascii_digit());
    let message = match first.parse::<u32>() {
        _ if !digits => Err(CommandError::Number),
        _ if !surplus.is_empty() => Err(CommandError::Surplus),
        Ok(number) => MessageNumber::new(number).map_err(|_| CommandError::NoSuchMessage),
        Err(_) => Err(CommandError::NoSuchMessage),
    };
    let zeros = (first.len() > 1 && first.starts_with('0')).then_some(LeadingZeros);
    let spacing = (arguments != [b" ", first.as_bytes()].concat()).then_some(Spacing);
    (message, zeros.into_iter().chain(spacing).collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

    /// Also 1939.3.i: the fast path and the general path together agree with the naive reading.
    #[test]
    fn r1939_4_l_a_message_number_is_read_as_the_naive_way_reads_it(
        pieces in prop::collection::vec(
            prop::sample::select(&[" ", "\t", "0", "1", "42", "429496729", "4294967295", "x", "-"]), 0..6,
        ),
    ) {
        let arguments = [" ", &pieces.concat()].concat();
        let (message, noted) = naive_message(arguments.as_bytes());
        for (word, command) in [("RETR", Command::Retr as fn(_) -> _), ("UIDL", |number| Command::Uidl(Some(number)))] {
            let line = [word, &arguments].concat();
            let (read, quirks) = noting(|quirks| Command::read(line.as_bytes(), quirks));
            match message {
                Ok(number) => prop_assert_eq!((read, quirks), (Ok(command(number)), noted.iter().copied().collect())),
                Err(CommandError::Missing) if word == "UIDL" => prop_assert_eq!(read, Ok(Command::Uidl(None))),
                Err(error) => prop_assert_eq!(read, Err(error)),
            }
        }
    }
}

#[test]
fn commands_are_equal_in_all_their_parts() {
    let lines = "USER a,USER b,PASS a,PASS b,LANG,LANG en,LANG de,STAT,NOOP,LIST,LIST 1,UIDL,UIDL 1,RETR 1,RETR 2,DELE 1,\
                 TOP 1 0,TOP 1 1,TOP 2 0,AUTH,AUTH PLAIN,AUTH PLAIN =,AUTH LOGIN,AUTH LOGIN =,XTND,XTND a,XTND b,XTNE a,\
                 APOP a 00000000000000000000000000000000,APOP b 00000000000000000000000000000000,\
                 APOP a 00000000000000000000000000000001";
    for one in lines.split(',') {
        for other in lines.split(',') {
            let [a, b] = [one, other].map(|line| Command::parse(line.as_bytes()).unwrap());
            assert_eq!(a == b, one == other, "{one} and {other}");
        }
    }
}
