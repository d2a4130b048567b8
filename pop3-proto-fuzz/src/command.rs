//! Command lines, as a server reads them.

use crate::wire::encoded;
use pop3_proto::{Command, CommandError, Decoded, Limits};

/// Runs on the bytes of a client: lines, and perhaps the beginning of another one.
pub fn run(data: &[u8]) {
    let limits = Limits::DEFAULT;
    let mut rest = data;
    loop {
        match checked(rest, &limits) {
            Decoded::Complete { consumed, value } => {
                there_and_back(&value);
                rest = &rest[consumed..];
            }
            Decoded::Malformed { consumed, .. } => rest = &rest[consumed..],
            Decoded::Incomplete | Decoded::TooLong { .. } => break,
        }
    }
}

/// Decodes, and compares the result with the rules of framing.
fn checked<'a>(input: &'a [u8], limits: &Limits) -> Decoded<Command<'a>, CommandError> {
    let decoded = Command::decode(input, limits);
    let line_feed = input.iter().position(|octet| *octet == b'\n');
    match (&decoded, line_feed) {
        (Decoded::Complete { consumed, value }, Some(at)) => {
            assert!(*consumed == at + 1 && *consumed <= 255);
            assert_eq!(Command::parse(content(input, at)).as_ref(), Ok(value));
            for cut in 0..*consumed {
                assert_eq!(Command::decode(&input[..cut], limits), Decoded::Incomplete, "a strict prefix");
            }
            assert_eq!(
                Command::decode(&input[..*consumed], limits),
                decoded,
                "the bytes after the line must not matter"
            );
        }
        (Decoded::Malformed { consumed, error }, Some(at)) => {
            assert!(*consumed == at + 1 && *consumed <= 255);
            assert_eq!(Command::parse(content(input, at)).as_ref(), Err(error));
        }
        (Decoded::TooLong { limit: 255 }, Some(at)) => assert!(at >= 255),
        (Decoded::TooLong { limit: 255 }, None) => assert!(input.len() >= 255),
        (Decoded::Incomplete, None) => assert!(input.len() < 255),
        (decoded, line_feed) => panic!("{decoded:?} with a line feed at {line_feed:?}"),
    }
    decoded
}

/// Returns a line without its ending.
fn content(input: &[u8], line_feed: usize) -> &[u8] {
    input[..line_feed].strip_suffix(b"\r").unwrap_or(&input[..line_feed])
}

/// Checks that one line has the same meaning when it is decoded, and is encoded the same again.
pub(crate) fn there_and_back(command: &Command<'_>) {
    let wire = encoded(|out| command.encode(out));
    assert_eq!(wire.len(), command.encoded_len());
    let line = one_line(&wire);
    let again = Command::parse(line);
    assert_eq!(again.as_ref(), Ok(command));
    assert_eq!(again.map(|again| encoded(|out| again.encode(out))), Ok(wire));
}

/// Returns encoded bytes without their CRLF, and checks that they contain no other CR or LF, and no NUL.
pub(crate) fn one_line(wire: &[u8]) -> &[u8] {
    let line = wire.strip_suffix(b"\r\n").expect("a line ends in CRLF");
    assert!(!line.iter().any(|octet| matches!(octet, b'\r' | b'\n' | 0)), "{}", wire.escape_ascii());
    line
}
