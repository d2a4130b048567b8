//! The client against any bytes and any calls, driven by the kit's [`Reading`].

use crate::naive;
use crate::source::cuts;
use crate::wire::{Letters, Parts, walls};
use pop3_proto::client::{ClientConfig, Deletions};
use pop3_proto::{Limits, LineEnding, MIN_SEND_BUF, Profile, TlsPolicy};
use pop3_proto_kit::{Cuts, Memory, Player, Read, Reading, words};

/// Runs on a first line of calls, then the bytes of the server, in which 0xFE means a finished TLS handshake.
pub fn run(data: &[u8]) {
    let parts = Parts::of(data);
    let lines = lines(parts.letters);
    let steps: Vec<&str> = lines.iter().map(String::as_str).collect();
    let (wire, walls) = walls(parts.wire);
    let reading = Reading::through_walls(config(parts.config), &steps, Some("AAAA"), &wire, &walls);
    let memory = Memory::fixed(MIN_SEND_BUF);
    let expected = seen(reading.read(Cuts::Each(1), memory.clone()), &wire);
    for cuts in cuts(parts.seed) {
        assert_eq!(seen(reading.read(cuts, memory.clone()), &wire), expected, "law 5: {cuts:?}");
    }
    // Without gates, because bytes from before a call do not answer it.
    seen(reading.rush(Cuts::Whole, memory), &wire);
}

pub fn config(octet: u8) -> ClientConfig {
    let tls = [TlsPolicy::Cleartext, TlsPolicy::Opportunistic, TlsPolicy::Required, TlsPolicy::Implicit];
    let mut config = ClientConfig::new(tls[usize::from(octet & 3)]);
    if octet & 4 != 0 {
        config = config.assume_pipelining();
    }
    if octet & 8 != 0 {
        config = config.with_profile(Profile::Strict);
    }
    let limits = Limits::DEFAULT.with_sasl_line(MIN_SEND_BUF as u16);
    let small = limits.with_status_line(64).with_listing_line(64).with_sasl_line(64).with_sasl_rounds(2);
    config.with_limits(match octet & 16 {
        0 => limits,
        _ => small.with_listing_rows(3).with_body_octets(40),
    })
}

/// Returns the line for a letter.
pub fn line(letter: u8, message: u32) -> Option<String> {
    let line = match letter {
        b'u' => "USER mrose",
        b'p' => "PASS secret",
        b'P' => "PASS wrong",
        b'a' => "APOP mrose 07070707070707070707070707070707",
        b'A' => "AUTH PLAIN AGEAYg==",
        b'B' => "AUTH LOGIN",
        b'm' => "AUTH",
        b'x' => "STLS",
        b'8' => "UTF8",
        b'c' => "CAPA",
        b'g' => "LANG",
        b'G' => "LANG *",
        b's' => "STAT",
        b'l' => "LIST",
        b'n' => "NOOP",
        b'R' => "RSET",
        b'i' => "UIDL",
        b'o' => "XTND",
        b'q' => "QUIT",
        b'L' => return Some(format!("LIST {message}")),
        b'r' => return Some(format!("RETR {message}")),
        b't' => return Some(format!("TOP {message} 2")),
        b'd' => return Some(format!("DELE {message}")),
        b'I' => return Some(format!("UIDL {message}")),
        _ => return None,
    };
    Some(line.into())
}

/// Returns the lines for the letters, each with the number of a message if a digit follows. Every line is sent as soon as
/// possible.
pub(crate) fn lines(letters: &[u8]) -> Vec<String> {
    let lines = Letters(letters).filter_map(|(letter, digit)| line(letter, digit.unwrap_or(1).into()));
    lines.map(|line| format!("&{line}")).collect()
}

/// The parts of a session that are visible from outside.
#[derive(PartialEq, Debug)]
struct Seen {
    heard: Vec<String>,
    body: Vec<u8>,
    output: Vec<u8>,
    state: String,
}

fn seen(read: Read<'_>, wire: &[u8]) -> Seen {
    let Read { player, output, .. } = read;
    check_responses(&player, wire);
    check_deletions(&player, &output);
    let state = format!("{:?} {:?}", player.guest.quirks(), player.guest.client().deletions());
    Seen { heard: player.heard, body: player.body, output, state }
}

/// Checks that each multi-line response equals the naive reader's result for the same bytes.
fn check_responses(player: &Player<'_>, wire: &[u8]) {
    let events: Vec<(&str, usize)> =
        player.heard.iter().map(String::as_str).zip(player.places.iter().copied()).collect();
    let mut began = 0;
    for (index, (event, place)) in events.iter().enumerate() {
        if is_part(event, " begin") {
            began = index;
        }
        let Some((command, count)) = event.rsplit_once(" end ").filter(|_| is_part(event, " end ")) else {
            continue;
        };
        let count: usize = count.parse().expect("an amount");
        let (start, parts) = (events[began].1, &events[began + 1..index]);
        let ending = if wire[..start].ends_with(b"\r\n") { LineEnding::Crlf } else { LineEnding::Lf };
        let (message, end) = naive::unstuff(&wire[start..], ending);
        assert_eq!(end, Some(place - start), "the end mark, and no octet after it");
        if command.starts_with("RETR") || command.starts_with("TOP") {
            let body: Vec<&str> = parts.iter().map(|part| part.0).collect();
            let expected = words::body(&message);
            assert_eq!(
                (body.concat(), count),
                (if message.is_empty() { String::new() } else { expected }, message.len())
            );
        } else {
            assert_eq!(count, parts.len(), "an event for each row");
            let rows = message.split(|octet| *octet == b'\n').count() - 1;
            assert!(ending == LineEnding::Crlf || count == rows, "a row for each line");
        }
    }
}

/// Returns whether these words are from a response's frame, and not from a row that spells them.
fn is_part(event: &str, part: &str) -> bool {
    const LISTS: [&str; 7] = ["CAPA", "LIST", "UIDL", "RETR", "TOP", "LANG", "AUTH"];
    let command = event.split(part).next().unwrap_or_default();
    let (verb, number) = command.split_once(' ').unwrap_or((command, "1"));
    event.contains(part) && LISTS.contains(&verb) && number.parse::<u32>().is_ok()
}

/// Checks that only QUIT commits deletions, and that a session closes only after QUIT or because of a missing
/// server.
fn check_deletions(player: &Player<'_>, output: &[u8]) {
    let quit = output.ends_with(b"QUIT\r\n");
    let closed = player.heard.last().filter(|last| last.starts_with("closed "));
    let no_service = player.heard.iter().any(|event| event.starts_with("no service"));
    assert!(closed.is_none() || quit || no_service, "{:?}", player.heard);
    if player.guest.client().deletions() == Deletions::Committed {
        assert_eq!(closed.map(String::as_str), Some("closed Committed"));
    }
}
