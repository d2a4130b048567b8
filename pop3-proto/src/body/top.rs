use super::{CR, LF};

/// Finds the part of a message that TOP sends (RFC 1939 section 7): the headers, the empty line after them, and a number
/// of body lines. A line ends with LF, and an empty line may contain a CR.
///
/// It is small and `Copy`. Ask a copy how much of a chunk belongs to the response, send the part that fits, then pass the
/// sent part to the original.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct TopFilter {
    /// The number of remaining body lines.
    lines: u64,
    place: Place,
}

/// The position of the next byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    /// At the start of a header line.
    LineStart,
    /// After a CR at the start of a header line.
    Cr,
    /// Elsewhere in the headers.
    Header,
    /// In the body.
    Body,
}

impl TopFilter {
    /// Starts at the front of one message, for `lines` body lines.
    pub(crate) const fn new(lines: u64) -> Self {
        TopFilter { lines, place: Place::LineStart }
    }

    /// Returns how many bytes at the front of the next `chunk` belong to the response.
    pub(crate) fn pass(&mut self, chunk: &[u8]) -> usize {
        let mut rest = chunk;
        while !self.is_done() {
            let Some((line, tail)) = split_line(rest) else {
                self.part(rest);
                return chunk.len();
            };
            self.line(line);
            rest = tail;
        }
        chunk.len().saturating_sub(rest.len())
    }

    /// Returns whether the response is complete.
    pub(crate) const fn is_done(&self) -> bool {
        matches!(self.place, Place::Body) && self.lines == 0
    }

    /// Returns whether the headers have not ended. If the message ends inside them, an empty line is added. Without it, a
    /// client would read the whole response, and any text that it appends, as headers.
    pub(crate) const fn needs_blank_line(&self) -> bool {
        !matches!(self.place, Place::Body)
    }

    /// Handles a line, or the rest of a line, with its LF.
    fn line(&mut self, line: &[u8]) {
        self.place = match (self.place, line) {
            (Place::LineStart, [LF] | [CR, LF]) | (Place::Cr, [LF]) => Place::Body,
            (Place::Body, _) => {
                self.lines = self.lines.saturating_sub(1);
                Place::Body
            }
            _ => Place::LineStart,
        };
    }

    /// Handles a part of a line without its end.
    fn part(&mut self, part: &[u8]) {
        self.place = match (self.place, part) {
            (place, []) => place,
            (Place::Body, _) => Place::Body,
            (Place::LineStart, [CR]) => Place::Cr,
            _ => Place::Header,
        };
    }
}

/// Splits off the first line with its LF.
fn split_line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    bytes.split_at_checked(memchr::memchr(LF, bytes)?.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body::tests::all_words;
    use crate::{Stuff, StuffMode};
    use std::vec::Vec;

    /// Returns the length of the answer in complete lines, and whether the headers end in it.
    fn naive(message: &[u8], lines: usize) -> (usize, bool) {
        let all: Vec<&[u8]> = message.split_inclusive(|octet| *octet == b'\n').collect();
        let Some(blank) = all.iter().position(|line| *line == b"\n" || *line == b"\r\n") else {
            return (message.len(), false);
        };
        let end = blank.saturating_add(1).saturating_add(lines).min(all.len());
        (all[..end].iter().map(|line| line.len()).sum(), true)
    }

    fn top(message: &[u8], lines: u64) -> &[u8] {
        &message[..TopFilter::new(lines).pass(message)]
    }

    /// Returns the bytes that the server sends.
    fn sent(message: &[u8], lines: u64) -> Vec<u8> {
        let mut filter = TopFilter::new(lines);
        let mut part = &message[..filter.pass(message)];
        let mut stuff = Stuff::new(StuffMode::Convert);
        let mut sent = Vec::new();
        while let Some(slice) = stuff.next(&mut part).unwrap() {
            sent.extend_from_slice(slice);
        }
        if filter.needs_blank_line() {
            sent.extend_from_slice(b"\r\n");
        }
        sent.extend_from_slice(stuff.finish());
        sent
    }

    #[test]
    fn r1939_7_top_b_headers_blank_line_and_the_first_lines() {
        assert_eq!(top(b"A: b\r\nC: d\r\n\r\n1\r\n2\r\n3\r\n", 2), b"A: b\r\nC: d\r\n\r\n1\r\n2\r\n");
        assert_eq!(top(b"A: b\n\n1\n2\n", 1), b"A: b\n\n1\n");
    }

    #[test]
    fn r1939_7_top_c_no_line_of_the_body() {
        assert_eq!(top(b"A: b\r\n\r\n\r\n1\r\n", 0), b"A: b\r\n\r\n");
    }

    #[test]
    fn r1939_7_top_d_more_lines_than_there_are() {
        for message in [b"A: b\r\n\r\n1\r\n2".as_slice(), b"A: b\r\n\r\n1\r\n2\r\n"] {
            assert_eq!(top(message, 9), message);
            assert_eq!(top(message, u64::MAX), message);
        }
    }

    #[test]
    fn r1939_7_top_e_the_blank_separator_is_not_counted() {
        assert_eq!(top(b"\r\n\r\n\r\n\r\n", 2), b"\r\n\r\n\r\n");
    }

    #[test]
    fn amb_14_a_message_without_blank_line_gets_one() {
        for message in [b"A: b\r\n".as_slice(), b"A: b", b"A: b\n"] {
            assert_eq!(sent(message, 5), b"A: b\r\n\r\n.\r\n");
        }
        assert_eq!(sent(b"", 0), b"\r\n.\r\n");
        assert_eq!(sent(b"A: b\n\n", 0), b"A: b\r\n\r\n.\r\n");
    }

    #[test]
    fn r1939_3_w_top_is_exact_for_every_cut() {
        all_words(6, |message| {
            for lines in 0..4 {
                let (length, ended) = naive(message, lines);
                for cut in 0..=message.len() {
                    let mut filter = TopFilter::new(lines as u64);
                    let (front, back) = message.split_at(cut);
                    let passed = [front, &[], back].map(|chunk| filter.pass(chunk)).iter().sum::<usize>();
                    assert_eq!(passed, length, "{message:?} for {lines} at {cut}");
                    assert_eq!(filter.needs_blank_line(), !ended, "{message:?} for {lines}");
                }
            }
        });
    }

    #[test]
    fn a_copy_may_be_asked_before_part_is_sent() {
        all_words(6, |message| {
            for lines in 0..3 {
                let mut filter = TopFilter::new(lines);
                let mut rest = message;
                let mut sent = 0;
                loop {
                    let mut asked = filter;
                    let limit = asked.pass(rest).min(1);
                    if limit == 0 {
                        break;
                    }
                    assert_eq!(filter.pass(&rest[..limit]), limit);
                    rest = &rest[limit..];
                    sent += limit;
                }
                assert_eq!(sent, naive(message, lines as usize).0, "{message:?} for {lines}");
            }
        });
    }
}
