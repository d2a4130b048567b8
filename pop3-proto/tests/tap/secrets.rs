//! A tap's output never shows a secret, unless the caller asks for it.

use super::sessions::{TRANSCRIPTS, lines};
use super::{Watch, trim, watch};
use pop3_proto::tap::{Side, Tap};
use pop3_proto::{Limits, Verb};

/// Fails if a note shows these bytes, as text or as numbers.
fn hidden(notes: &[String], secret: &[u8]) {
    let text = secret.escape_ascii().to_string();
    let numbers = format!("{secret:?}");
    let numbers = numbers.trim_matches(['[', ']']);
    for note in notes {
        assert!(!note.contains(&text) && !note.contains(numbers), "{text} shows: {note}");
    }
}

/// Returns the secret in a client's line.
fn secret(line: &[u8]) -> Option<&[u8]> {
    let last = line.rsplit(|octet| *octet == b' ').next();
    let known = |verb: &Verb| !verb.keyword().is_empty() && line.starts_with(verb.keyword().as_bytes());
    match line {
        [b'P', b'A', b'S', b'S', b' ', password @ ..] => Some(password),
        [b'A', b'P', b'O', b'P', ..] => last,
        [b'A', b'U', b'T', b'H', b' ', ..] => last.filter(|word| !word.starts_with(b"PLAIN")),
        b"" | b"*" => None,
        _ if Verb::ALL.iter().any(known) => None,
        line => Some(line),
    }
}

#[test]
fn law_9_no_secret_of_a_transcript_shows() {
    let mut secrets = 0;
    for (_, text) in TRANSCRIPTS {
        let turns = lines(text);
        let said = turns.iter().filter(|(side, _)| *side == Side::Client);
        let said = said.filter_map(|(_, octets)| secret(trim(octets)));
        // A shorter secret could be part of other words.
        let said: Vec<_> = said.filter(|secret| secret.len() > 4).collect();
        for from in 0..turns.len() {
            let tap = if from == 0 { Tap::new(Limits::DEFAULT) } else { Tap::joined_late(Limits::DEFAULT) };
            let log = watch(Watch { sees_tls: true, ..Watch::new(tap) }, &turns[from..]);
            said.iter().for_each(|secret| hidden(&log.notes, secret));
            secrets += said.len();
        }
    }
    assert!(secrets > 200, "{secrets}");
}

#[test]
fn law_9_responses_that_come_out_of_place_do_not_show() {
    let response = "AG1yb3NlAHRhbnN0YWFm";
    let says_it = |before: &[(char, &str)], mut watch: Watch| {
        for (side, octets) in super::turns(before) {
            watch.feed(side, &octets, &[]);
        }
        watch.client(format!("{response}\r\n"));
        let log = watch.end();
        assert!(log.notes.last().unwrap().starts_with("Unknown(Secret"), "{:?}", log.notes);
        assert_eq!(log.lines.last().unwrap().1.as_deref(), Some(response.as_bytes()), "it is there");
        hidden(&log.notes, response.as_bytes());
    };
    let greeting = ('S', "+OK ready\r\n");
    says_it(&[greeting, ('C', "AUTH PLAIN\r\n"), ('S', "-ERR no\r\n")], Watch::from_start());
    says_it(&[greeting, ('C', "USER mrose\r\n"), ('S', "+OK\r\n")], Watch::from_start());
    says_it(
        &[('C', "\r\n"), ('C', "AUTH PLAIN\r\n"), ('S', "+ \r\n")],
        Watch::new(Tap::joined_late(Limits::DEFAULT)),
    );
}

/// Answers to commands before AUTH do not end the exchange.
#[test]
fn responses_after_pipelined_commands_are_reported_as_such() {
    let mut watch = Watch::from_start();
    watch.server("+OK ready\r\n");
    watch.client("NOOP\r\nAUTH PLAIN\r\n");
    watch.server("+OK\r\n+ \r\n");
    watch.client("AG1yb3NlAHRhbnN0YWFm\r\n");
    watch.server("+OK\r\n");
    watch.client("STAT\r\n");
    let notes = watch.notes();
    assert_eq!(notes[5], "Response(Base64(..))", "{notes:#?}");
    assert_eq!(notes.last().unwrap(), "Command(Stat)");
}

#[test]
fn challenges_that_are_not_base64_are_reported_as_malformed() {
    let mut watch = Watch::from_start();
    watch.server("+OK ready\r\n");
    watch.client("AUTH LOGIN\r\n");
    watch.notes();
    watch.server("+ Username:\r\n+ AAAA\0BBB\r\n+ AAAA\r\n");
    let notes = watch.notes();
    assert!(
        notes[0].starts_with("MalformedChallenge(") && notes[1].starts_with("MalformedChallenge("),
        "{notes:#?}"
    );
    assert!(notes[2].starts_with("Challenge("), "{notes:#?}");
    watch.client("no base64\r\n*\r\n");
    assert_eq!(watch.notes(), ["NotACommand(Base64)", "Cancel"]);
}
