//! The crate's rules, written to be read: whole buffers, copies, one byte after the other.

use pop3_proto::LineEnding;

/// Returns the message in a received body, and how many bytes of `wire` it took with its terminator, if that is there. Without a
/// terminator, returns the part that is certain so far.
pub fn unstuff(wire: &[u8], ending: LineEnding) -> (Vec<u8>, Option<usize>) {
    let lf = ending == LineEnding::Lf;
    let mut message = Vec::new();
    let mut at = 0;
    loop {
        let rest = &wire[at..];
        if rest.starts_with(b".\r\n") {
            return (message, Some(at + 3));
        }
        if lf && rest.starts_with(b".\n") {
            return (message, Some(at + 2));
        }
        if matches!(rest, b"" | b"." | b".\r") {
            return (message, None);
        }
        let line_end: &[u8] = if lf { b"\n" } else { b"\r\n" };
        let end = rest.windows(line_end.len()).position(|window| window == line_end);
        let line = &rest[..end.map_or(rest.len(), |end| end + line_end.len())];
        message.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
        at += line.len();
    }
}

/// Returns a message as its size counts it: with CRLF at each line ending, including the last.
pub fn canonical(message: &[u8]) -> Vec<u8> {
    let mut lines = message.to_vec();
    if message.last().is_some_and(|last| *last != b'\n') {
        lines.extend_from_slice(b"\r\n");
    }
    let mut canonical = Vec::new();
    for (at, octet) in lines.iter().enumerate() {
        if *octet == b'\n' && (at == 0 || lines[at - 1] != b'\r') {
            canonical.push(b'\r');
        }
        canonical.push(*octet);
    }
    canonical
}

/// Returns a message as it is sent, with its terminator.
pub fn stuff(message: &[u8]) -> Vec<u8> {
    let mut wire = Vec::new();
    for line in canonical(message).split_inclusive(|octet| *octet == b'\n') {
        if line.starts_with(b".") {
            wire.push(b'.');
        }
        wire.extend_from_slice(line);
    }
    wire.extend_from_slice(b".\r\n");
    wire
}

/// Returns the part of a message that TOP shows: headers, empty line, `lines` lines of the body.
pub fn top(message: &[u8], lines: u64) -> Vec<u8> {
    let all: Vec<&[u8]> = message.split_inclusive(|octet| *octet == b'\n').collect();
    let blank = all.iter().position(|line| matches!(*line, b"\n" | b"\r\n"));
    let Some(blank) = blank else { return [canonical(message), b"\r\n".to_vec()].concat() };
    let end = usize::try_from(lines).unwrap_or(usize::MAX).saturating_add(blank + 1).min(all.len());
    canonical(&all[..end].concat())
}

/// Returns the offset of the first LF without a CR before it.
pub fn bare_lf(message: &[u8]) -> Option<usize> {
    (0..message.len()).find(|at| message[*at] == b'\n' && (*at == 0 || message[at - 1] != b'\r'))
}

/// Returns the value of a string of decimal digits, if it is valid and at most `most`.
pub fn decimal(digits: &[u8], most: u64) -> Option<u64> {
    let text = std::str::from_utf8(digits).ok()?;
    let value = text.bytes().all(|digit| digit.is_ascii_digit()).then(|| text.parse().ok())??;
    (value <= most).then_some(value)
}

/// Returns the words of a text, which may have spaces and tabs before, between and after them.
pub fn words(text: &[u8]) -> Vec<&[u8]> {
    text.split(|octet| matches!(octet, b' ' | b'\t')).filter(|word| !word.is_empty()).collect()
}
