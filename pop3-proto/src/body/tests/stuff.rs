use super::{all_words, long_words, words_at_borders};
use crate::body::{BareLf, Stuff, StuffMode};
use crate::{SendBuf, Sink};
use std::vec::Vec;

const MODES: [StuffMode; 2] = [StuffMode::Convert, StuffMode::Verbatim];

/// Returns the bytes to send, up to a bare LF if it is refused.
fn naive(message: &[u8], mode: StuffMode) -> Result<Vec<u8>, Vec<u8>> {
    let mut wire = Vec::new();
    for octet in message {
        if *octet == b'.' && (wire.is_empty() || wire.ends_with(b"\r\n")) {
            wire.push(b'.');
        }
        if *octet == b'\n' && !wire.ends_with(b"\r") {
            if mode == StuffMode::Verbatim {
                return Err(wire);
            }
            wire.push(b'\r');
        }
        wire.push(*octet);
    }
    if !wire.is_empty() && !wire.ends_with(b"\r\n") {
        wire.extend_from_slice(b"\r\n");
    }
    wire.extend_from_slice(b".\r\n");
    Ok(wire)
}

fn lend<'c>(chunks: impl IntoIterator<Item = &'c [u8]>, mode: StuffMode) -> Result<Vec<u8>, Vec<u8>> {
    let mut stuff = Stuff::new(mode);
    let mut wire = Vec::new();
    for mut chunk in chunks {
        loop {
            let (before, left) = (stuff, chunk.len());
            match stuff.next(&mut chunk) {
                Ok(Some(slice)) => {
                    assert!(!slice.is_empty());
                    wire.extend_from_slice(slice);
                }
                Ok(None) => break,
                Err(BareLf) => {
                    assert_eq!((stuff, chunk.len()), (before, left));
                    assert_eq!(stuff.next(&mut chunk), Err(BareLf));
                    return Err(wire);
                }
            }
        }
        assert!(chunk.is_empty());
    }
    wire.extend_from_slice(stuff.finish());
    Ok(wire)
}

/// Encodes through a sink of `size` bytes, which is emptied when it is full.
fn copy<'c>(
    chunks: impl IntoIterator<Item = &'c [u8]>,
    mode: StuffMode,
    size: usize,
) -> Result<Vec<u8>, Vec<u8>> {
    let mut buffer = std::vec![0; size];
    let mut out = SendBuf::new(&mut buffer[..]);
    let mut stuff = Stuff::new(mode);
    let mut wire = Vec::new();
    for mut chunk in chunks {
        while !chunk.is_empty() {
            match stuff.copy(chunk, &mut out) {
                Ok(taken) => {
                    chunk = &chunk[taken..];
                    assert!(
                        chunk.is_empty() || out.room() <= 2 || stuff.copy(chunk, &mut out) == Err(BareLf)
                    );
                }
                Err(BareLf) => {
                    wire.extend_from_slice(out.pending());
                    return Err(wire);
                }
            }
            if !chunk.is_empty() {
                wire.extend_from_slice(out.pending());
                out.sent(size);
            }
        }
    }
    wire.extend_from_slice(out.pending());
    wire.extend_from_slice(stuff.finish());
    Ok(wire)
}

fn sent(message: &[u8]) -> Vec<u8> {
    lend([message], StuffMode::Convert).unwrap()
}

fn slices(message: &[u8]) -> Vec<&[u8]> {
    let mut stuff = Stuff::new(StuffMode::Convert);
    let mut rest = message;
    core::iter::from_fn(|| stuff.next(&mut rest).unwrap()).collect()
}

#[test]
fn r1939_3_q_a_dot_alone_ends_the_body() {
    assert_eq!(sent(b"a\r\n"), b"a\r\n.\r\n");
    assert_eq!(sent(b""), b".\r\n");
}

#[test]
fn r1939_3_r_a_dot_that_begins_a_line_is_doubled() {
    assert_eq!(sent(b".\r\n.a\r\n..\r\n"), b"..\r\n..a\r\n...\r\n.\r\n");
}

#[test]
fn r1939_3_s_other_dots_are_left_alone() {
    assert_eq!(sent(b"a.\r\n .\r\na..b\r\n\r."), b"a.\r\n .\r\na..b\r\n\r.\r\n.\r\n");
}

#[test]
fn r1939_3_w_every_short_message_at_every_cut() {
    for mode in MODES {
        all_words(7, |message| {
            let expected = naive(message, mode);
            for cut in 0..=message.len() {
                let (front, back) = message.split_at(cut);
                assert_eq!(lend([front, back], mode), expected, "{mode:?}: {message:?} at {cut}");
            }
            assert_eq!(lend(message.chunks(1), mode), expected, "{mode:?}: {message:?} by octets");
        });
    }
}

#[test]
fn r1939_3_w_every_short_message_through_small_sinks() {
    for mode in MODES {
        all_words(6, |message| {
            let expected = naive(message, mode);
            for size in 3..12 {
                assert_eq!(copy([message], mode, size), expected, "{mode:?}: {message:?} in {size}");
                assert_eq!(
                    copy(message.chunks(1), mode, size),
                    expected,
                    "{mode:?}: {message:?} in {size} by octets"
                );
                assert_eq!(
                    copy(message.chunks(2), mode, size),
                    expected,
                    "{mode:?}: {message:?} in {size} by pairs"
                );
            }
        });
    }
}

#[test]
fn r1939_3_w_long_messages() {
    for mode in MODES {
        long_words(|message| {
            let expected = naive(message, mode);
            assert_eq!(lend([message], mode), expected, "{mode:?}: {message:?}");
            assert_eq!(lend(message.chunks(150), mode), expected, "{mode:?}: {message:?}");
            for (size, by) in [(5, 600), (97, 61), (512, 61), (2000, 600)] {
                let copied = copy(message.chunks(by), mode, size);
                assert_eq!(copied, expected, "{mode:?}: {message:?} in {size} by {by} octets");
            }
        });
    }
}

#[test]
fn r1939_3_w_every_short_message_at_the_borders_of_blocks() {
    for mode in MODES {
        words_at_borders(4, |message| {
            let expected = naive(message, mode);
            let half = message.chunks(message.len().div_ceil(2));
            assert_eq!(lend([message], mode), expected, "{mode:?}: {message:?}");
            assert_eq!(lend(half, mode), expected, "{mode:?}: {message:?} in halves");
        });
    }
}

/// `copy` converts line ends in a part of its own, so it counts separately.
#[test]
fn r1939_11_c_added_dots_do_not_count() {
    for message in [&b".a\r\n..b\r\n"[..], b".a\n..b\n"] {
        let (mut lent, mut copied) = (Stuff::new(StuffMode::Convert), Stuff::new(StuffMode::Convert));
        let (mut rest, mut out) = (message, [0; 64]);
        while lent.next(&mut rest).unwrap().is_some() {}
        assert_eq!(copied.copy(message, &mut SendBuf::new(&mut out[..])), Ok(message.len()));
        assert_eq!([lent.octets(), copied.octets()], [9, 9], "{}", message.escape_ascii());
    }
}

#[test]
fn r1939_11_d_the_end_mark_is_not_counted() {
    let mut stuff = Stuff::new(StuffMode::Verbatim);
    let mut out = [0; 64];
    assert_eq!(stuff.copy(b".a\r\n", &mut SendBuf::new(&mut out[..])), Ok(4));
    assert_eq!(stuff.finish(), b".\r\n");
    assert_eq!(stuff.octets(), 4);
}

#[test]
fn rob_4_a_bare_lf_becomes_crlf_before_the_dot_is_doubled() {
    assert_eq!(sent(b"a\n.\nb\n"), b"a\r\n..\r\nb\r\n.\r\n");
    assert_eq!(sent(b"\n\n.\r\n"), b"\r\n\r\n..\r\n.\r\n");
}

#[test]
fn rob_5_a_missing_last_line_end_is_added_and_counted_once() {
    let mut stuff = Stuff::new(StuffMode::Convert);
    assert_eq!(stuff.next(&mut b"a".as_slice()), Ok(Some(b"a".as_slice())));
    assert_eq!(stuff.finish(), b"\r\n.\r\n");
    assert_eq!(stuff.finish(), b"\r\n.\r\n");
    assert_eq!(stuff.octets(), 3);
}

#[test]
fn rob_6_a_line_has_no_limit() {
    let line = std::vec![b'a'; 1 << 20];
    assert_eq!(slices(&line), [line.as_slice()]);
    assert!(size_of::<Stuff>() <= 16);
}

#[test]
fn rob_7_bytes_are_arbitrary() {
    let all: Vec<u8> = (0..=255).filter(|octet| *octet != b'\n').collect();
    assert_eq!(sent(&all), [&all, b"\r\n.\r\n".as_slice()].concat());
}

#[test]
fn amb_16_a_bare_cr_is_data() {
    assert_eq!(sent(b"a\rb\r"), b"a\rb\r\r\n.\r\n");
    assert_eq!(sent(b"a\r.\r\r\n."), b"a\r.\r\r\n..\r\n.\r\n");
}

#[test]
fn a_bare_lf_is_refused_in_a_verbatim_message() {
    let mut stuff = Stuff::new(StuffMode::Verbatim);
    let mut buffer = [0; 64];
    let mut out = SendBuf::new(&mut buffer[..]);
    assert_eq!(stuff.copy(b"a\r\nb\nc", &mut out), Ok(4));
    assert_eq!(stuff.copy(b"\nc", &mut out), Err(BareLf));
    assert_eq!(stuff.copy(b"\nc", &mut out), Err(BareLf));
    assert_eq!(out.pending(), b"a\r\nb");
}

#[test]
fn one_slice_for_a_dot_and_two_for_a_bare_lf() {
    assert_eq!(slices(b"a\r\n.b\r\nc\r\n"), [b"a\r\n.".as_slice(), b".b\r\nc\r\n"]);
    assert_eq!(slices(b"a\nb\n.c\n"), [b"a".as_slice(), b"\r\n", b"b", b"\r\n.", b".c", b"\r\n"]);
}
