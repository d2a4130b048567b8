//! Parsers and validators that are optimized for speed, against [`naive`](crate::naive) versions that are written to be
//! read.

use crate::naive;
use pop3_proto::{
    ApopDigest, ApopTimestamp, Base64, Command, Keyword, LanguageTag, Mechanism, MessageNumber, ResponseCode,
    Secret, Text, UniqueId, Verb,
};

/// Reads the input as a value of each kind, and as one command line.
pub fn run(data: &[u8]) {
    values(data);
    for line in data.split(|octet| *octet == b'\n') {
        values(line);
        command(line);
        timestamp(line);
    }
}

fn values(octets: &[u8]) {
    let all = |allowed: fn(u8) -> bool| octets.iter().all(|octet| allowed(*octet));
    let empty = octets.is_empty();
    let text = all(|octet| !matches!(octet, b'\r' | b'\n' | 0));
    assert_eq!(Text::new(octets).is_ok(), text);
    assert_eq!(Secret::new(octets).is_ok(), text && !empty);

    let visible = all(|octet| (0x21..=0x7e).contains(&octet));
    assert_eq!(UniqueId::new(octets).is_ok(), visible && !empty && octets.len() <= 70);
    let known = Verb::ALL.iter().any(|verb| verb.keyword().as_bytes().eq_ignore_ascii_case(octets));
    assert_eq!(Keyword::new(octets).is_ok(), visible && !known);
    let levels = !octets.split(|octet| *octet == b'/').any(<[u8]>::is_empty);
    assert_eq!(ResponseCode::new(octets).is_ok(), visible && levels && !octets.contains(&b']'));

    let name = all(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_'));
    assert_eq!(Mechanism::new(octets).is_ok(), name && (1..=20).contains(&octets.len()));
    assert_eq!(LanguageTag::new(octets).is_ok(), is_language(octets));
    assert_eq!(Base64::new(octets).is_ok(), is_base64(octets));

    let hex = all(|octet| octet.is_ascii_hexdigit()) && octets.len() == 32;
    let digest = ApopDigest::parse(octets);
    assert_eq!(digest.is_ok(), hex);
    if let Ok(digest) = digest {
        assert_eq!(digest.to_hex().as_slice(), octets.to_ascii_lowercase());
    }
}

/// Returns whether these are subtags of 1 to 8 letters and digits, the first without digits.
fn is_language(octets: &[u8]) -> bool {
    octets.split(|octet| *octet == b'-').enumerate().all(|(at, subtag)| {
        (1..=8).contains(&subtag.len())
            && subtag.iter().all(|octet| octet.is_ascii_alphabetic() || (at > 0 && octet.is_ascii_digit()))
    })
}

/// Returns whether these are groups of four digits, of which the last may end in padding after bits that are
/// zero.
fn is_base64(octets: &[u8]) -> bool {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let padding = octets.iter().rev().take_while(|octet| **octet == b'=').count();
    let (digits, _) = octets.split_at(octets.len() - padding);
    let values: Option<Vec<usize>> =
        digits.iter().map(|octet| DIGITS.iter().position(|digit| digit == octet)).collect();
    let Some(values) = values else { return false };
    let spare = match padding {
        0 => 1,
        1 => 4,
        2 => 16,
        _ => return false,
    };
    octets.len() % 4 == 0 && values.last().copied().unwrap_or(0) % spare == 0
}

/// Checks that the timestamp is the first well-formed one, from a `<` to the next `>`.
fn timestamp(text: &[u8]) {
    let found = ApopTimestamp::find(text);
    let starts = (0..text.len()).filter(|start| text[*start] == b'<');
    let mut candidates = starts.filter_map(|start| {
        let length = text[start..].iter().position(|octet| *octet == b'>')?;
        ApopTimestamp::new(&text[start..=start + length]).ok()
    });
    assert_eq!(found, candidates.next());
    if let Some(timestamp) = found {
        let octets = timestamp.as_bytes();
        assert!(octets.iter().all(u8::is_ascii_graphic));
        assert_eq!(octets.iter().filter(|octet| **octet == b'@').count(), 1);
    }
}

/// Checks a command line that is read by words.
fn command(line: &[u8]) {
    let end = line.iter().position(|octet| matches!(octet, b' ' | b'\t')).unwrap_or(line.len());
    let (keyword, rest) = line.split_at(end);
    let verb = Verb::ALL
        .iter()
        .find(|verb| !verb.keyword().is_empty() && verb.keyword().as_bytes().eq_ignore_ascii_case(keyword));
    let words = naive::words(rest);
    // Only spaces separate words, and they may end the line.
    let number = |at: usize, most| words.get(at).and_then(|word: &&[u8]| naive::decimal(word, most));
    let message = || number(0, u32::MAX.into()).and_then(|number| MessageNumber::new(number as u32).ok());
    let one =
        |command: fn(MessageNumber) -> Command<'static>| message().filter(|_| words.len() == 1).map(command);
    let expected = match verb {
        Some(Verb::Stat) if words.is_empty() => Some(Command::Stat),
        Some(Verb::Noop) if words.is_empty() => Some(Command::Noop),
        Some(Verb::Rset) if words.is_empty() => Some(Command::Rset),
        Some(Verb::Quit) if words.is_empty() => Some(Command::Quit),
        Some(Verb::Capa) if words.is_empty() => Some(Command::Capa),
        Some(Verb::Stls) if words.is_empty() => Some(Command::Stls),
        Some(Verb::Utf8) if words.is_empty() => Some(Command::Utf8),
        Some(Verb::List) if words.is_empty() => Some(Command::List(None)),
        Some(Verb::Uidl) if words.is_empty() => Some(Command::Uidl(None)),
        Some(Verb::List) => one(|message| Command::List(Some(message))),
        Some(Verb::Uidl) => one(|message| Command::Uidl(Some(message))),
        Some(Verb::Retr) => one(Command::Retr),
        Some(Verb::Dele) => one(Command::Dele),
        Some(Verb::Top) if words.len() == 2 => {
            // A number of lines beyond 64 bits asks for all of them.
            let digits = words[1].iter().all(u8::is_ascii_digit);
            let lines = number(1, u64::MAX).or(digits.then_some(u64::MAX));
            message().zip(lines).map(|(message, lines)| Command::Top { message, lines })
        }
        Some(Verb::User) => argument(rest).and_then(|name| Text::new(name).ok()).map(Command::User),
        Some(Verb::Pass) => argument(rest).and_then(|secret| Secret::new(secret).ok()).map(Command::Pass),
        Some(Verb::Apop | Verb::Auth | Verb::AuthList | Verb::Lang | Verb::LangList) => return,
        None => Keyword::new(keyword).ok().and_then(|keyword| {
            let arguments = rest.get(1..).filter(|rest| !rest.is_empty()).map(Secret::new);
            arguments.transpose().ok().map(|arguments| Command::Other { keyword, arguments })
        }),
        Some(_) => None,
    };
    assert_eq!(Command::parse(line).ok(), expected, "{}", line.escape_ascii());
}

/// Returns everything after one space.
fn argument(rest: &[u8]) -> Option<&[u8]> {
    rest.strip_prefix(b" ").filter(|argument| !argument.is_empty())
}
