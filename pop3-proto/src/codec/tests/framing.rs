use super::complete;
use crate::codec::{Framed, frame, frame_crlf};
use crate::{Command, CommandError, Decoded, Limits, LineEnding, Response, Verb};
use proptest::prelude::*;
use std::vec::Vec;

/// Searches byte by byte: the first LF ends the line if it is within the limit. With `crlf`, it needs a CR before it.
fn naive(input: &[u8], limit: usize, crlf: bool) -> Framed<'_> {
    let mut before = None;
    for (position, octet) in input.iter().enumerate() {
        if position >= limit {
            return Framed::TooLong;
        }
        if *octet == b'\n' && (!crlf || before == Some(b'\r')) {
            let ending = if before == Some(b'\r') { LineEnding::Crlf } else { LineEnding::Lf };
            let end = position - usize::from(ending == LineEnding::Crlf);
            return Framed::Line { content: &input[..end], ending, consumed: position + 1 };
        }
        before = Some(*octet);
    }
    if input.len() < limit { Framed::Incomplete } else { Framed::TooLong }
}

/// Returns how many bytes of `input` were already searched for a line end.
fn searched(input: &[u8], crlf: bool) -> usize {
    match naive(input, usize::MAX, crlf) {
        Framed::Line { consumed, .. } => consumed - 1,
        _ => input.len(),
    }
}

fn octets() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'a'), Just(0), any::<u8>()], 0..24)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() })]

    /// Also 1939.3.w and ROB.22: the place where the search resumes changes nothing.
    #[test]
    fn r1939_3_d_a_line_ends_where_the_naive_loop_ends_it(input in octets(), limit in 1..26usize) {
        for from in 0..=searched(&input, false) {
            prop_assert_eq!(frame(&input, from, limit), naive(&input, limit, false));
        }
        for from in 0..=searched(&input, true) {
            prop_assert_eq!(frame_crlf(&input, from, limit), naive(&input, limit, true));
        }
    }

    #[test]
    fn r1939_3_w_every_strict_prefix_of_a_line_is_incomplete(mut input in octets(), lf in any::<bool>()) {
        input.retain(|octet| *octet != b'\n');
        input.extend_from_slice(if lf { b"\n" } else { b"\r\n" });
        for end in 0..input.len() {
            let prefix = &input[..end];
            prop_assert_eq!(Command::decode(prefix, &Limits::DEFAULT), Decoded::Incomplete);
            prop_assert_eq!(Response::decode(prefix, None, &Limits::DEFAULT), Decoded::Incomplete);
        }
        prop_assert_ne!(Command::decode(&input, &Limits::DEFAULT), Decoded::Incomplete);
        prop_assert_ne!(Response::decode(&input, None, &Limits::DEFAULT), Decoded::Incomplete);
    }

    /// `decode` is the naive loop followed by `parse`, whatever follows the line.
    #[test]
    fn decode_is_framing_and_parse(input in octets(), limit in 64..80u16, padding in 0..90usize) {
        let input = [std::vec![b'x'; padding], input].concat();
        let limits = Limits::DEFAULT.with_command_line(limit).with_status_line(limit);
        let (limit, verb) = (usize::from(limit), Some(Verb::Noop));
        let (command, response) = match naive(&input, limit, false) {
            Framed::Incomplete => (Decoded::Incomplete, Decoded::Incomplete),
            Framed::TooLong => (Decoded::TooLong { limit }, Decoded::TooLong { limit }),
            Framed::Line { content, consumed, .. } => (
                Command::parse(content).map_or_else(
                    |error| Decoded::Malformed { consumed, error },
                    |value| Decoded::Complete { consumed, value },
                ),
                Response::parse(content, verb).map_or_else(
                    |error| Decoded::Malformed { consumed, error },
                    |value| Decoded::Complete { consumed, value },
                ),
            ),
        };
        prop_assert_eq!(Command::decode(&input, &limits), command);
        prop_assert_eq!(Response::decode(&input, verb, &limits), response);
    }
}

#[test]
fn rob_2_a_bare_cr_never_ends_a_line() {
    assert_eq!(Command::decode(b"NOOP\rQUIT\r", &Limits::DEFAULT), Decoded::Incomplete);
    let decoded = Command::decode(b"NOOP\rQUIT\n", &Limits::DEFAULT);
    assert_eq!(decoded, Decoded::Malformed { consumed: 10, error: CommandError::Keyword });
    assert_eq!(complete(Command::decode(b"NOOP\nQUIT\r\n", &Limits::DEFAULT)), Some((Command::Noop, 5)));
}

#[test]
fn r1939_3_m_a_line_may_fill_its_limit_and_not_more() {
    let limits = Limits::DEFAULT;
    let cases: [(&[u8], usize, Option<Verb>); 4] = [
        (b"+OK ", 512, None),
        (b"-ERR ", 512, Some(Verb::Pass)),
        (b"+OK ", 12_288, Some(Verb::Auth)),
        (b"+ ", 12_288, Some(Verb::Auth)),
    ];
    for (start, limit, verb) in cases {
        let filled = |octets: usize| [start, &std::vec![b'x'; octets - start.len() - 2], b"\r\n"].concat();
        assert_eq!(complete(Response::decode(&filled(limit), verb, &limits)).unwrap().1, limit);
        let over = filled(limit + 1);
        assert_eq!(Response::decode(&over, verb, &limits), Decoded::TooLong { limit });
        assert_eq!(Response::decode(&over[..limit], verb, &limits), Decoded::TooLong { limit });
        assert_eq!(Response::decode(&over[..limit - 1], verb, &limits), Decoded::Incomplete);
    }
}

/// Also 2449.4: 255 octets for a command, or the limit that the caller sets.
#[test]
fn r1939_3_j_an_argument_of_more_than_40_octets_is_read_up_to_the_line_limit() {
    let user = |octets: usize| [b"USER ", &*std::vec![b'x'; octets - 7], b"\r\n"].concat();
    for (limits, limit) in [(Limits::DEFAULT, 255), (Limits::DEFAULT.with_command_line(100), 100)] {
        for octets in [47, 48, limit] {
            assert_eq!(complete(Command::decode(&user(octets), &limits)).unwrap().1, octets);
        }
        assert_eq!(Command::decode(&user(limit + 1), &limits), Decoded::TooLong { limit });
    }
}

#[test]
fn r1939_3_x_a_malformed_line_is_consumed_through_its_end() {
    for (input, consumed, error) in [
        (&b"\r\nNOOP\r\n"[..], 2, CommandError::Empty),
        (b"RETR x\r\nNOOP\r\n", 8, CommandError::Number),
        (b" NOOP\nNOOP\r\n", 6, CommandError::Keyword),
    ] {
        assert_eq!(Command::decode(input, &Limits::DEFAULT), Decoded::Malformed { consumed, error });
        assert_eq!(complete(Command::decode(&input[consumed..], &Limits::DEFAULT)), Some((Command::Noop, 6)));
    }
}

#[test]
fn limits_never_go_below_the_longest_command() {
    let limits =
        Limits::DEFAULT.with_command_line(0).with_status_line(0).with_listing_line(0).with_sasl_line(0);
    assert_eq!(limits.min_recv_buf(), 64);
    assert!(complete(Command::decode(b"NOOP\r\n", &limits)).is_some());
    assert_eq!(Command::decode(&[b'x'; 64], &limits), Decoded::TooLong { limit: 64 });
    assert_eq!(Limits::DEFAULT.min_recv_buf(), 12_288);
    assert_eq!(Limits::DEFAULT.with_sasl_line(64).min_recv_buf(), 512);
    assert_eq!(Limits::DEFAULT.with_sasl_line(64).with_command_line(600).min_recv_buf(), 600);
}
