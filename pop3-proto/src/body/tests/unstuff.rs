use super::{all_words, long_words, words_at_borders};
use crate::LineEnding;
use crate::body::{Piece, Unstuff};
use std::vec::Vec;

const MODES: [LineEnding; 2] = [LineEnding::Crlf, LineEnding::Lf];

/// The decoded message, and the number of bytes after the terminator if it was found.
type Got = (Vec<u8>, Option<usize>);

/// Decodes line by line: finds the end of each line, then interprets it.
fn naive(body: &[u8], ending: LineEnding) -> Got {
    let mut message = Vec::new();
    let mut rest = body;
    while !rest.is_empty() {
        let ends = |end: &usize| match ending {
            LineEnding::Crlf => rest[..*end].ends_with(b"\r\n"),
            LineEnding::Lf => rest[..*end].ends_with(b"\n"),
        };
        let end = (1..=rest.len()).find(ends);
        let (line, tail) = rest.split_at(end.unwrap_or(rest.len()));
        if end.is_some() && (line == b".\r\n" || line == b".\n") {
            return (message, Some(tail.len()));
        }
        let undotted = line.strip_prefix(b".").unwrap_or(line);
        // A CR after a dot is not delivered until it is known that no LF follows.
        message.extend_from_slice(if end.is_none() && line == b".\r" { b"" } else { undotted });
        rest = tail;
    }
    (message, None)
}

/// Decodes `chunks`, and checks every piece.
fn decode<'i>(chunks: impl IntoIterator<Item = &'i [u8]>, ending: LineEnding) -> Got {
    let mut unstuff = Unstuff::new(ending);
    let (mut message, mut left) = (Vec::new(), None);
    for mut chunk in chunks {
        if let Some(left) = &mut left {
            *left += chunk.len();
            assert_eq!(unstuff.next(&mut { chunk }), None);
            continue;
        }
        let whole = chunk.as_ptr_range();
        while let Some(piece) = unstuff.next(&mut chunk) {
            match piece {
                Piece::Data(data) => {
                    assert!(!data.is_empty());
                    let within = whole.contains(&data.as_ptr());
                    assert!(within || (data == b"\r" && chunk.as_ptr() == whole.start));
                    message.extend_from_slice(data);
                }
                Piece::End => {
                    left = Some(chunk.len());
                    break;
                }
            }
        }
        assert!(left.is_some() || chunk.is_empty());
        assert_eq!(unstuff.is_ended(), left.is_some());
    }
    (message, left)
}

fn whole(body: &[u8]) -> Got {
    decode([body], LineEnding::Crlf)
}

fn ended(message: &[u8]) -> Got {
    (message.to_vec(), Some(0))
}

fn open(message: &[u8]) -> Got {
    (message.to_vec(), None)
}

#[test]
fn r1939_3_t_a_dot_alone_ends_the_body() {
    assert_eq!(whole(b"a\r\n.\r\n"), ended(b"a\r\n"));
    assert_eq!(whole(b"a\r\n.\r\n.\r\n+OK\r\n"), (b"a\r\n".to_vec(), Some(8)));
    assert_eq!(whole(b"a\r\n.\n"), open(b"a\r\n\n"));
    assert_eq!(decode([b"a\n.\n".as_slice()], LineEnding::Lf), ended(b"a\n"));
    assert_eq!(decode([b"a\r\n.\r\n".as_slice()], LineEnding::Lf), ended(b"a\r\n"));
}

#[test]
fn r1939_3_u_the_first_dot_of_a_line_is_dropped() {
    assert_eq!(whole(b"..\r\n.x\r\n...\r\n.\r\n"), ended(b".\r\nx\r\n..\r\n"));
    assert_eq!(whole(b"a.\r\n .\r\n.\r\n"), ended(b"a.\r\n .\r\n"));
}

#[test]
fn rob_34_one_dot_is_dropped_of_any_line_that_begins_with_one() {
    assert_eq!(whole(b".x\r\n.\r\n"), ended(b"x\r\n"));
}

#[test]
fn quirk_32_a_server_that_does_not_stuff_loses_the_dot() {
    assert_eq!(whole(b".foo\r\n.\r\n"), ended(b"foo\r\n"));
}

#[test]
fn r1939_3_v_an_empty_body() {
    assert_eq!(whole(b".\r\n"), ended(b""));
    assert_eq!(decode([b".".as_slice(), b"\r", b"\n"], LineEnding::Crlf), ended(b""));
}

#[test]
fn r1939_3_w_every_short_body_at_every_cut() {
    for ending in MODES {
        all_words(7, |body| {
            for end in ["", "\r\n.\r\n+"] {
                let body = [body, end.as_bytes()].concat();
                let expected = naive(&body, ending);
                for cut in 0..=body.len() {
                    let (front, back) = body.split_at(cut);
                    assert_eq!(decode([front, back], ending), expected, "{ending:?}: {body:?} at {cut}");
                }
                assert_eq!(decode(body.chunks(1), ending), expected, "{ending:?}: {body:?} by octets");
            }
        });
    }
}

#[test]
fn r1939_3_w_every_pair_of_cuts() {
    for ending in MODES {
        all_words(6, |body| {
            let body = [body, b"\r\n.\r\n"].concat();
            let expected = naive(&body, ending);
            for second in 0..=body.len() {
                for first in 0..=second {
                    let chunks = [&body[..first], &body[first..second], &body[second..]];
                    assert_eq!(decode(chunks, ending), expected, "{ending:?}: {chunks:?}");
                }
            }
        });
    }
}

#[test]
fn r1939_3_w_long_bodies() {
    for ending in MODES {
        long_words(|body| {
            let expected = naive(body, ending);
            for size in [1 << 20, 3, 64, 150] {
                assert_eq!(decode(body.chunks(size), ending), expected, "{ending:?}: {body:?} by {size}");
            }
        });
    }
}

#[test]
fn r1939_3_w_every_short_body_at_the_borders_of_blocks() {
    for ending in MODES {
        words_at_borders(4, |body| {
            let expected = naive(body, ending);
            let half = body.chunks(body.len().div_ceil(2));
            assert_eq!(decode([body], ending), expected, "{ending:?}: {body:?}");
            assert_eq!(decode(half, ending), expected, "{ending:?}: {body:?} in halves");
        });
    }
}

#[test]
fn amb_17_a_dot_and_a_space_are_payload() {
    assert_eq!(whole(b". \r\n.\r\n"), ended(b" \r\n"));
    assert_eq!(whole(b".\r\r\n.\r\n"), ended(b"\r\r\n"));
}

#[test]
fn quirk_28_a_bare_lf_makes_no_end_mark() {
    assert_eq!(whole(b"a\n.\r\nb\r\n.\r\n"), ended(b"a\n.\r\nb\r\n"));
    assert_eq!(whole(b"a\r\n.\nb\r\n.\r\n"), ended(b"a\r\n\nb\r\n"));
    assert_eq!(whole(b"a\n.\n.\r\n"), open(b"a\n.\n.\r\n"));
}

#[test]
fn quirk_29_an_end_mark_without_line_end_before_it_is_payload() {
    assert_eq!(whole(b"a.\r\n"), open(b"a.\r\n"));
}

#[test]
fn rob_6_a_line_has_no_limit() {
    let line = std::vec![b'a'; 1 << 20];
    let mut unstuff = Unstuff::new(LineEnding::Crlf);
    assert_eq!(unstuff.next(&mut line.as_slice()), Some(Piece::Data(&line)));
    assert!(size_of::<Unstuff>() <= 2);
}

#[test]
fn rob_7_bytes_are_arbitrary() {
    let all: Vec<u8> = (0..=255).collect();
    assert_eq!(whole(&[&all, b"\r\n.\r\n".as_slice()].concat()), ended(&[&all, b"\r\n".as_slice()].concat()));
}

#[test]
fn one_slice_for_a_line_with_a_dot_and_one_for_all_without() {
    let text = b"line\r\n".repeat(100);
    let body = [&text, b"..a\r\n..b\r\n.\r\n".as_slice()].concat();
    let mut unstuff = Unstuff::new(LineEnding::Crlf);
    let mut rest = body.as_slice();
    let pieces: Vec<_> = core::iter::from_fn(|| unstuff.next(&mut rest)).collect();
    assert_eq!(pieces, [Piece::Data(&text), Piece::Data(b".a\r\n"), Piece::Data(b".b\r\n"), Piece::End]);
}
