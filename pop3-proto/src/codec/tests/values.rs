//! Every command and every status line, written and read again.

use super::{complete, encoded, line};
use crate::{
    ApopDigest, Base64, Command, Decoded, Keyword, LanguageRange, Limits, Mechanism, MessageNumber, Response,
    ResponseCode, Secret, StatusText, Text, Verb,
};
use proptest::prelude::*;
use std::{string::String, vec::Vec};

/// The parts of commands and status lines; each uses the parts that it needs.
#[derive(Debug)]
struct Parts {
    text: Vec<u8>,
    keyword: String,
    mechanism: String,
    base64: String,
    tag: String,
    code: String,
    digest: [u8; 16],
    number: u32,
    lines: u64,
    some: bool,
}

/// Returns bytes that fit in one line, and at least one.
fn text() -> impl Strategy<Value = Vec<u8>> {
    let octet = prop_oneof![Just(b' '), Just(b'['), Just(b']'), b'!'..=b'~', any::<u8>()];
    prop::collection::vec(octet.prop_filter("ends the line", |octet| !b"\r\n\0".contains(octet)), 1..80)
}

fn parts() -> impl Strategy<Value = Parts> {
    (
        (text(), "[!-~]{1,8}", "[A-Za-z0-9_-]{1,20}", "([A-Za-z0-9+/]{4}){0,6}([A-Za-z0-9+/][AQgw]==)?"),
        ("[*]|[a-zA-Z]{1,8}(-[a-zA-Z0-9]{1,8}){0,2}", "[!-.0-Z^-~]{1,9}(/[!-.0-Z^-~]{1,9}){0,2}"),
        (any::<[u8; 16]>(), 1..=u32::MAX, any::<u64>(), any::<bool>()),
    )
        .prop_map(|((text, keyword, mechanism, base64), (tag, code), (digest, number, lines, some))| {
            Parts { text, keyword, mechanism, base64, tag, code, digest, number, lines, some }
        })
}

impl Parts {
    /// Returns one command of each verb, except [`Verb::Other`] if the word is a known one.
    fn commands(&self) -> impl Iterator<Item = Command<'_>> {
        Verb::ALL.iter().filter_map(|verb| self.command(*verb))
    }

    fn command(&self, verb: Verb) -> Option<Command<'_>> {
        let text = Text::new(&self.text).unwrap();
        let message = MessageNumber::new(self.number).unwrap();
        Some(match verb {
            Verb::User => Command::User(text),
            Verb::Pass => Command::Pass(Secret::new(&self.text).unwrap()),
            Verb::Apop => Command::Apop { name: text, digest: ApopDigest::new(self.digest) },
            Verb::Auth => Command::Auth {
                mechanism: Mechanism::new(self.mechanism.as_bytes()).unwrap(),
                initial: self.some.then(|| Base64::new(self.base64.as_bytes()).unwrap()),
            },
            Verb::AuthList => Command::AuthList,
            Verb::Stls => Command::Stls,
            Verb::Utf8 => Command::Utf8,
            Verb::Capa => Command::Capa,
            Verb::Lang => Command::Lang(Some(LanguageRange::new(self.tag.as_bytes()).unwrap())),
            Verb::LangList => Command::Lang(None),
            Verb::Stat => Command::Stat,
            Verb::List => Command::List(self.some.then_some(message)),
            Verb::Retr => Command::Retr(message),
            Verb::Dele => Command::Dele(message),
            Verb::Noop => Command::Noop,
            Verb::Rset => Command::Rset,
            Verb::Top => Command::Top { message, lines: self.lines },
            Verb::Uidl => Command::Uidl(self.some.then_some(message)),
            Verb::Quit => Command::Quit,
            Verb::Other => Command::Other {
                keyword: Keyword::new(self.keyword.as_bytes()).ok()?,
                arguments: self.some.then(|| Secret::new(text.as_bytes()).ok()).flatten(),
            },
        })
    }

    /// Returns `+OK` and `-ERR` with and without code and text, and a challenge.
    fn responses(&self) -> Vec<Response<'_>> {
        let text = if self.some { Text::new(&self.text).unwrap() } else { Text::EMPTY };
        let code = ResponseCode::new(self.code.as_bytes()).unwrap();
        let coded = StatusText::new(Some(code), text).unwrap();
        let mut responses = std::vec![Response::Ok(coded), Response::Err(coded), Response::Continue(text)];
        if let Ok(plain) = StatusText::new(None, text) {
            responses.extend([Response::Ok(plain), Response::Err(plain)]);
        }
        responses
    }
}

const WORDS: &[&str] = &[
    "USER",
    "pass",
    "Apop",
    "AUTH",
    "stls",
    "UTF8",
    "capa",
    "LANG",
    "stat",
    "LIST",
    "retr",
    "DELE",
    "noop",
    "rset",
    "TOP",
    "uidl",
    "QUIT",
    "XTND",
    "+OK",
    "-err",
    "+",
    "[IN-USE]",
    "[",
    "PLAIN",
    "=",
    "AAAA",
    "*",
    "de-AT",
    "1",
    "007",
    "99999999999999999999",
    "c4c9334bac560ecc979e58001b3e22fb",
    "C4C9334BAC560ECC979E58001B3E22FB",
];

/// Returns lines that resemble commands or status lines, and any other bytes.
fn near_lines() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        4 => prop::sample::select(WORDS).prop_map(|word| word.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..6),
    ];
    let space = prop::sample::select(&[" ", " ", " ", "  ", "\t", "", "\r", "\0"][..]);
    prop::collection::vec((word, space), 0..5).prop_map(|words| {
        words.into_iter().flat_map(|(word, space)| [word, space.as_bytes().to_vec()].concat()).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Also 1939.3.d, ROB.19 and 1939.3.i: one line that ends in CR LF, with one space between words.
    #[test]
    fn rob_25_commands_survive_the_wire(parts in parts()) {
        for command in parts.commands() {
            let bytes = encoded(|out| command.encode(out));
            prop_assert_eq!(command.encoded_len(), bytes.len());
            prop_assert_eq!(Command::parse(line(&bytes)), Ok(command));
            let limits = Limits::DEFAULT.with_command_line(1024);
            prop_assert_eq!(complete(Command::decode(&bytes, &limits)), Some((command, bytes.len())));
            let again = encoded(|out| Command::parse(line(&bytes)).unwrap().encode(out));
            prop_assert_eq!(bytes, again, "canonical bytes do not change");
        }
    }

    /// Also 1939.3.e and 1939.3.l.
    #[test]
    fn rob_25_responses_survive_the_wire(parts in parts()) {
        for response in parts.responses() {
            let bytes = encoded(|out| response.encode(out));
            prop_assert!(["+OK", "-ERR", "+ "].iter().any(|start| bytes.starts_with(start.as_bytes())));
            let challenge = matches!(response, Response::Continue(_));
            for verb in [None, Some(Verb::Auth), Some(Verb::Stat)] {
                let expected = if challenge && verb != Some(Verb::Auth) { None } else { Some(response) };
                prop_assert_eq!(Response::parse(line(&bytes), verb).ok(), expected);
                let decoded = complete(Response::decode(&bytes, verb, &Limits::DEFAULT));
                prop_assert_eq!(decoded, expected.map(|response| (response, bytes.len())));
            }
            let parsed = Response::parse(line(&bytes), Some(Verb::Auth)).unwrap();
            prop_assert_eq!(&encoded(|out| parsed.encode(out)), &bytes, "canonical bytes do not change");
        }
    }

    /// Tolerated forms are written in the canonical form, which has the same meaning. Also ROB.23.
    #[test]
    fn rob_25_tolerated_forms_mean_the_same_as_the_canonical_form(octets in near_lines()) {
        if let Ok(command) = Command::parse(&octets) {
            let bytes = encoded(|out| command.encode(out));
            prop_assert_eq!(Command::parse(line(&bytes)), Ok(command));
        }
        for verb in [None, Some(Verb::Auth), Some(Verb::Pass)] {
            if let Ok(response) = Response::parse(&octets, verb) {
                let bytes = encoded(|out| response.encode(out));
                prop_assert_eq!(Response::parse(line(&bytes), verb), Ok(response));
            }
        }
    }

    #[test]
    fn rob_23_any_bytes_are_a_value_or_an_error(octets in prop::collection::vec(any::<u8>(), 0..600)) {
        let _ = Command::parse(&octets);
        for verb in Verb::ALL.iter().copied().map(Some).chain([None]) {
            let _ = Response::parse(&octets, verb);
            let _ = Response::decode(&octets, verb, &Limits::DEFAULT);
        }
        prop_assert_ne!(Command::decode(&octets, &Limits::DEFAULT), Decoded::TooLong { limit: 0 });
    }

    /// A sink without room for the complete value accepts no byte of it.
    #[test]
    fn an_encoder_writes_all_or_nothing(parts in parts(), room in 0..40usize) {
        for command in parts.commands() {
            let mut buffer = std::vec![0; room];
            let mut out = crate::SendBuf::new(&mut buffer[..]);
            let written = command.encode(&mut out);
            prop_assert_eq!(written.is_ok(), command.encoded_len() <= room);
            prop_assert_eq!(out.pending().len(), if written.is_ok() { command.encoded_len() } else { 0 });
        }
    }
}
