use super::super::{Message, SERVICE, SaslError, anonymous, decode, encode, oauthbearer, plain};
use super::{encoded, secret, sent, text};
use crate::{Base64, BufferFull, MIN_SEND_BUF, SendBuf, Sink, Text};
use base64::{Engine, engine::general_purpose::STANDARD};
use proptest::prelude::*;
use std::{format, string::ToString, vec, vec::Vec};

#[test]
fn r4648_4_a_padded_standard_alphabet_without_line_breaks() {
    let message = [0xfb; 100];
    let text = encoded(&Message::new(&message));
    assert_eq!(text.len(), 136);
    assert!(text.starts_with(b"+/v7+/v7"));
    assert!(text.ends_with(b"+w=="));
    assert!(!text.iter().any(u8::is_ascii_whitespace));
}

#[test]
fn r5034_4_j_an_empty_message_is_an_empty_line() {
    let message = anonymous(Text::EMPTY).unwrap();
    assert_eq!(message.encoded_len(), 0);
    assert_eq!(line(&message, b""), b"\r\n");
    assert_eq!(message.encode_into(&mut []), Ok(Base64::EMPTY));
}

#[test]
fn r5034_4_g_and_h_a_challenge_line_is_plus_space_base64() {
    assert_eq!(line(&Message::new(b"Username:"), b"+ "), b"+ VXNlcm5hbWU6\r\n");
    assert_eq!(line(&Message::new(b""), b"+ "), b"+ \r\n");
}

#[test]
fn r5034_4_ah_the_service_is_pop() {
    assert_eq!(SERVICE, "pop");
}

#[test]
fn r5034_4_o_room_for_an_initial_response() {
    let initial = |octets: usize| line(&Message::new(&vec![b'x'; octets]), b"AUTH PLAIN ").len();
    assert_eq!((initial(180), initial(181)), (11 + 240 + 2, 11 + 244 + 2));
}

#[test]
fn law_4_put_writes_all_or_nothing() {
    let message = plain(Text::EMPTY, text(b"mrose"), secret(&[b'x'; 100])).unwrap();
    let needed = message.encoded_len() + 4;
    for size in 0..=needed + 3 {
        let mut buffer = vec![0; size];
        let mut out = SendBuf::new(&mut buffer[..]);
        let result = message.put(Text::from_static("+ "), &mut out);
        if size < needed {
            assert_eq!(result, Err(BufferFull { needed, capacity: size }));
            assert!(out.pending().is_empty());
        } else {
            assert_eq!(result, Ok(()));
            assert_eq!(out.pending().len(), needed);
        }
    }
}

#[test]
fn law_4_put_looks_at_the_room_that_is_left() {
    let mut buffer = [0; MIN_SEND_BUF];
    let mut out = SendBuf::new(&mut buffer[..]);
    out.put(&[&[b'x'; 500]]).unwrap();
    assert!(!Message::new(b"123456789").put(Text::EMPTY, &mut out).unwrap_err().never_fits());
    assert_eq!(out.pending().len(), 500);
}

#[test]
fn law_4_a_slice_that_is_too_small_is_left_alone() {
    let two_chunks = [b'x'; 60];
    for size in 0..80 {
        let mut buffer = [0; 80];
        let lent = buffer.get_mut(..size).unwrap();
        assert_eq!(encode(&two_chunks, lent), Err(SaslError::TooSmall { needed: 80 }));
        assert_eq!(buffer, [0; 80]);
    }
    for size in 0..4 {
        let mut buffer = [0; 4];
        let lent = buffer.get_mut(..size).unwrap();
        let four = Base64::new(b"Zm91cg==").unwrap();
        assert_eq!(decode(four, lent), Err(SaslError::TooSmall { needed: 4 }));
        assert_eq!(buffer, [0; 4]);
    }
}

#[test]
fn a_slice_may_be_longer_than_it_has_to_be() {
    let text = Base64::new(b"Zm91cg==").unwrap();
    assert_eq!(encode(b"four", &mut [b'x'; 20]), Ok(text));
    assert_eq!(decode(text, &mut [b'x'; 20]).unwrap(), b"four");
}

#[test]
fn law_9_neither_debug_nor_errors_show_a_secret() {
    let message = plain(Text::EMPTY, text(b"mrose"), secret(b"tanstaaf")).unwrap();
    assert_eq!(format!("{message:?}"), "Message(..)");
    let error = plain(Text::EMPTY, text(b"mrose"), secret(b"tan\xffstaaf")).unwrap_err();
    assert_eq!(error, SaslError::NotUtf8);
    assert!(!format!("{error:?}{error}").contains("tan"));
    let small = message.encode_into(&mut []).unwrap_err();
    assert_eq!(small.to_string(), "the slice for a SASL message needs 20 bytes");
}

/// Every group of up to two bytes, and every digit at each place of a group of three.
#[test]
fn r4648_4_groups_equal_those_of_the_base64_crate() {
    let ones = (0..=u8::MAX).map(|a| vec![a]);
    let twos = (0..=u16::MAX).map(|pair| pair.to_be_bytes().to_vec());
    let threes = (0..=u16::MAX).flat_map(|pair| {
        let [a, b] = pair.to_be_bytes();
        [vec![a, b, 0x9A], vec![0xA5, a, b], vec![a, 0x3C, b]]
    });
    for octets in ones.chain(twos).chain(threes) {
        let mut expected = [0; 4];
        STANDARD.encode_slice(&octets, &mut expected).unwrap();
        let mut text = [0; 4];
        let text = encode(&octets, &mut text).unwrap();
        assert_eq!(text.as_bytes(), expected, "{octets:?}");
        assert_eq!(decode(text, &mut [0; 3]).unwrap(), octets);
    }
}

proptest! {
    #[test]
    fn encoding_any_length_equals_the_base64_crate(octets: Vec<u8>) {
        let mut expected = vec![0; octets.len() / 3 * 4 + 4];
        let length = STANDARD.encode_slice(&octets, &mut expected).unwrap();
        prop_assert_eq!(encoded(&Message::new(&octets)), &expected[..length]);
    }

    #[test]
    fn decode_undoes_encode(octets: Vec<u8>) {
        prop_assert_eq!(sent(&Message::new(&octets)), octets);
    }

    #[test]
    fn r4648_3_a_checked_text_decodes_as_the_base64_crate_decodes_it(
        octets in prop_oneof![
            any::<Vec<u8>>(),
            "[A-Za-z0-9+/]{0,7}={0,4}".prop_map(|text: std::string::String| text.into_bytes()),
            "[AQgwB=]{0,9}".prop_map(|text: std::string::String| text.into_bytes()),
        ],
    ) {
        match (Base64::new(&octets), STANDARD.decode_slice(&octets, &mut [0; 256])) {
            (Ok(text), Ok(length)) => {
                let (mut ours, mut theirs) = (vec![0; length], [0; 256]);
                STANDARD.decode_slice(&octets, &mut theirs).unwrap();
                prop_assert_eq!(&*decode(text, &mut ours).unwrap(), &theirs[..length]);
            }
            (ours, theirs) => prop_assert_eq!(ours.is_ok(), theirs.is_ok()),
        }
    }

    #[test]
    fn encoding_parts_equals_encoding_the_whole(
        user in "[a-z,=é]{0,80}",
        host in proptest::option::of("[a-z.]{1,90}"),
        port in proptest::option::of(1u16..),
        token in "[!-~]{1,200}",
    ) {
        let mut whole = if user.is_empty() { "n,,".into() } else {
            format!("n,a={},", user.replace('=', "=3D").replace(',', "=2C"))
        };
        whole.extend(host.iter().map(|host| format!("\x01host={host}")));
        whole.extend(port.iter().map(|port| format!("\x01port={port}")));
        whole += &format!("\x01auth=Bearer {token}\x01\x01");
        let mut expected = vec![0; 2048];
        let length = STANDARD.encode_slice(&whole, &mut expected).unwrap();
        expected.truncate(length);

        let host = host.as_deref().map(|host| text(host.as_bytes()));
        let message = oauthbearer(text(user.as_bytes()), host, port, secret(token.as_bytes())).unwrap();
        prop_assert_eq!(message.encoded_len(), length);
        prop_assert_eq!(&encoded(&message), &expected);
        expected.extend(b"\r\n");
        prop_assert_eq!(line(&message, b""), expected);
    }

    #[test]
    fn chunks_are_whole_groups_of_bounded_length(octets: Vec<u8>) {
        let mut lengths = Vec::new();
        let full_after_one: Result<(), ()> = Message::new(&octets).for_each_chunk(|chunk| {
            lengths.push(chunk.len());
            Ok(())
        });
        prop_assert_eq!(full_after_one, Ok(()));
        prop_assert!(lengths.iter().all(|length| (4..=64).contains(length) && length % 4 == 0));
    }
}

#[test]
fn chunks_end_with_the_first_error() {
    let mut calls = 0;
    let result = Message::new(&[0; 200]).for_each_chunk(|_| {
        calls += 1;
        if calls == 2 { Err("full") } else { Ok(()) }
    });
    assert_eq!((result, calls), (Err("full"), 2));
}

/// Returns the line that `put` writes.
fn line(message: &Message<'_>, prefix: &[u8]) -> Vec<u8> {
    let mut buffer = vec![0; 2048];
    let mut out = SendBuf::new(&mut buffer[..]);
    message.put(text(prefix), &mut out).unwrap();
    out.pending().to_vec()
}
