//! Reads what the server sent by the words of RFC 1939, to know which messages a client received, and compares them with files.

/// Returns the message of a response to RETR, without byte-stuffing, or `None` if the response has no end or is a refusal.
///
/// A line ends in CR LF, and only there can a terminator or a doubled dot be.
#[must_use]
pub fn message(answer: &[u8]) -> Option<Vec<u8>> {
    let (status, mut rest) = line(answer)?;
    if !status.starts_with(b"+OK") {
        return None;
    }
    let mut text = Vec::new();
    loop {
        let (next, after) = line(rest)?;
        match next {
            b"." => return Some(text),
            next => {
                text.extend_from_slice(next.strip_prefix(b".").unwrap_or(next));
                text.extend_from_slice(b"\r\n");
            }
        }
        rest = after;
    }
}

/// Splits after the first CR LF.
fn line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut from = 0;
    loop {
        let end = from + memchr(b'\n', bytes.get(from..)?)?;
        if end > 0 && bytes.get(end - 1) == Some(&b'\r') {
            return Some((bytes.get(..end - 1)?, bytes.get(end + 1..)?));
        }
        from = end + 1;
    }
}

fn memchr(byte: u8, bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|other| *other == byte)
}

/// Where a file begins to differ from a response.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Alike {
    /// How many bytes are the same, apart from CR.
    pub count: usize,
    /// The offset in the response.
    pub answer: usize,
    /// The offset in the file.
    pub file: usize,
}

/// Compares the message in a response with a file, apart from CR. Dots that were added are no part of the message.
#[must_use]
pub fn alike(answer: &[u8], file: &[u8]) -> Alike {
    let mut start = line(answer).map_or(0, |(status, _)| status.len() + 2);
    let mut rest = file.iter().enumerate().filter(|(_, byte)| **byte != b'\r').peekable();
    let mut count = 0;
    while let Some((text, after)) = line(&answer[start..]).filter(|(text, _)| *text != b".") {
        let dot = usize::from(text.starts_with(b"."));
        let end = answer.len() - after.len();
        for offset in (start + dot..end).filter(|offset| answer[*offset] != b'\r') {
            if rest.next_if(|(_, other)| **other == answer[offset]).is_none() {
                let file = rest.peek().map_or(file.len(), |(offset, _)| *offset);
                return Alike { count, answer: offset, file };
            }
            count += 1;
        }
        start = end;
    }
    Alike { count, answer: start, file: rest.peek().map_or(file.len(), |(offset, _)| *offset) }
}

/// Returns whether a file holds this message. Header lines may have been added, `From ` may be quoted, line ends may differ, and the last
/// line may have none.
///
/// A client that stores half a message stores its start, so `whole` is false to ask for that.
#[must_use]
pub fn same(file: &[u8], message: &[u8], whole: bool) -> bool {
    let message = lines(message, true);
    // A file of lines, or of lines that were joined: they differ if blank lines are last.
    [true, false].into_iter().any(|ended| is_like(&lines(file, ended), &message, whole))
}

fn is_like(file: &[&[u8]], message: &[&[u8]], whole: bool) -> bool {
    match whole {
        true => matches(file, message),
        false => (0..=message.len()).any(|to| {
            // The last line may be half a line.
            let half = file.split_last().is_some_and(|(last, lines)| {
                message.get(to).is_some_and(|line| line.starts_with(last)) && matches(lines, &message[..to])
            });
            half || (file.len() >= to && matches(file, &message[..to]))
        }),
    }
}

/// Splits into lines at LF, without line ends. If the last line has its end, the text does not go on after it.
fn lines(text: &[u8], ended: bool) -> Vec<&[u8]> {
    if text.is_empty() {
        return Vec::new();
    }
    let text = text.strip_suffix(b"\n").filter(|_| ended).unwrap_or(text);
    text.split(|byte| *byte == b'\n')
        .map(|line| {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let quoted = line.iter().skip_while(|byte| **byte == b'>').copied().take(5).eq(*b"From ");
            if quoted { line.strip_prefix(b">").unwrap_or(line) } else { line }
        })
        .collect()
}

fn matches(file: &[&[u8]], message: &[&[u8]]) -> bool {
    let header = |lines: &[&[u8]]| lines.iter().position(|line| line.is_empty()).unwrap_or(lines.len());
    let (file_header, file_body) = file.split_at(header(file));
    let (message_header, message_body) = message.split_at(header(message));
    let mut wanted = message_header.iter().peekable();
    // A status line, or a dot, is not a header line that a client adds.
    let has_header = file_header.iter().all(|line| wanted.next_if_eq(&line).is_some() || is_field(line))
        && wanted.next().is_none();
    // A message without a body may get its blank line.
    let blank = message_body.is_empty() && file_body.iter().all(|line| line.is_empty());
    has_header && (blank || file_body == message_body)
}

/// Returns whether a line can be in a header: a field, a line that goes on with one, or the line with which an mbox begins a message.
fn is_field(line: &[u8]) -> bool {
    let name = line.iter().take_while(|byte| **byte != b':' && byte.is_ascii_graphic()).count();
    (name > 0 && line.get(name) == Some(&b':'))
        || line.starts_with(b" ")
        || line.starts_with(b"\t")
        || line.starts_with(b"From ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_cr_lf_dot_cr_lf_ends_a_message() {
        assert_eq!(message(b"+OK\r\na\n.\nb\r\n..c\r\n.\r\n").unwrap(), b"a\n.\nb\r\n.c\r\n");
        assert_eq!(message(b"+OK\r\n.\r\n").unwrap(), b"");
        assert_eq!(message(b"+OK\r\na\r\n"), None);
        assert_eq!(message(b"-ERR no\r\n.\r\n"), None);
    }

    #[test]
    fn a_file_is_compared_up_to_the_first_difference() {
        let answer = b"+OK\r\na\r\n..b\r\nc\r\n.\r\n";
        assert_eq!(alike(answer, b"a\n.b\nc\n"), Alike { count: 7, answer: 16, file: 7 });
        assert_eq!(alike(answer, b"a\n..b\nc\n"), Alike { count: 3, answer: 10, file: 3 });
        assert_eq!(alike(answer, b"a\n.b\n"), Alike { count: 5, answer: 13, file: 5 });
    }

    #[test]
    fn only_a_field_is_a_header_line_that_a_client_adds() {
        let message = b"Subject: a\r\n\r\ntext\r\n";
        for line in ["Received: by me\r\n", "X-Id:\r\n more\r\n", "From kit Mon\r\n"] {
            assert!(same(&[line.as_bytes(), message].concat(), message, true), "{line}");
            assert!(same(line.as_bytes(), b"", true), "{line}");
        }
        for line in ["+OK 20 octets\r\n", ".\r\n", "-ERR no: never\r\n"] {
            assert!(!same(&[line.as_bytes(), message].concat(), message, true), "{line}");
            assert!(!same(line.as_bytes(), b"", true), "{line}");
        }
    }

    #[test]
    fn a_file_may_have_more_header_lines_and_other_line_ends() {
        let message = b"Subject: a\r\nTo: b\r\n\r\nFrom here\r\n\r\nto there\r\n";
        for file in [
            &message[..],
            b"Subject: a\nTo: b\n\nFrom here\n\nto there\n",
            b"Received: now\nSubject: a\nTo: b\nStatus: O\n\n>From here\n\nto there\n",
            b"Subject: a\nTo: b\n\nFrom here\n\nto there",
        ] {
            assert!(same(file, message, true), "{}", file.escape_ascii());
        }
        let blank = b"Subject: a\r\n\r\ntext\r\n\r\n\r\n";
        assert!(
            same(b"Subject: a\n\ntext\n\n\n", blank, true) && same(b"Subject: a\n\ntext\n\n", blank, true)
        );
        assert!(
            !same(b"Subject: a\n\ntext\n", blank, true)
                && !same(b"Subject: a\n\ntext\n\n\n\n\n", blank, true)
        );
        for file in [&b"Subject: a\n\nFrom here\n\nto there\n"[..], b"Subject: a\nTo: b\n\nFrom here\n\nto"] {
            assert!(!same(file, message, true), "{}", file.escape_ascii());
        }
        assert!(
            same(b"Received: now\n", b"", true)
                && same(b"Received: now\n\n", b"", true)
                && same(b"", b"", true)
        );
        assert!(!same(b"Received: now\n\ntext\n", b"", true));
        assert!(same(b"Subject: a\nTo: b\n\nFrom here\n", message, false));
        assert!(same(b"Subject: a\nTo: b\n\nFrom here\n\nto th", message, false));
        assert!(!same(b"Subject: a\nTo: b\n\nFrom here\n\nto him\n", message, false));
    }
}
