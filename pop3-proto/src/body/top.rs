use super::{CR, LF};

/// How much of a message TOP sends (RFC 1939 section 7): the headers, the empty line behind them, and a
/// number of lines of the body. A line is what LF ends; an empty one may hold a CR.
///
/// It is small and `Copy`: ask a copy how much of a chunk belongs to the answer, send of that what fits, then
/// tell the original what was sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct TopFilter {
    /// How many lines of the body are still to come.
    lines: u64,
    place: Place,
}

/// Where the next octet stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    /// First in a line of the headers.
    LineStart,
    /// Behind a CR that was first in such a line.
    Cr,
    /// Elsewhere in the headers.
    Header,
    /// In the body.
    Body,
}

impl TopFilter {
    /// For one message, of whose body `lines` lines are asked for.
    pub(crate) const fn new(lines: u64) -> Self {
        TopFilter { lines, place: Place::LineStart }
    }

    /// How many octets at the front of the next `chunk` belong to the answer.
    pub(crate) fn pass(&mut self, chunk: &[u8]) -> usize {
        let mut rest = chunk;
        while !self.is_done() {
            let Some((line, behind)) = split_line(rest) else {
                self.part(rest);
                return chunk.len();
            };
            self.line(line);
            rest = behind;
        }
        chunk.len().saturating_sub(rest.len())
    }

    /// Whether nothing that follows belongs to the answer.
    pub(crate) const fn is_done(&self) -> bool {
        matches!(self.place, Place::Body) && self.lines == 0
    }

    /// Whether the headers have not ended. Where the message has, an empty line is added: without it a client
    /// would take all of the answer, and what it appends to it, for headers.
    pub(crate) const fn needs_blank_line(&self) -> bool {
        !matches!(self.place, Place::Body)
    }

    /// A line, or the rest of one, with the LF that ends it.
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

    /// Part of a line, without its end.
    fn part(&mut self, part: &[u8]) {
        self.place = match (self.place, part) {
            (place, []) => place,
            (Place::Body, _) => Place::Body,
            (Place::LineStart, [CR]) => Place::Cr,
            _ => Place::Header,
        };
    }
}

/// The first line with its LF, and what is behind it.
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

    /// What goes over the wire, as the server puts it together.
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
