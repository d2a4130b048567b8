//! RETR: messages as they are sent (RFC 1939 sections 3, 5 and 11).

use super::*;
use pop3_proto::StuffMode;
use pop3_proto::server::BodyError;

/// Messages with everything that a store may hold.
pub(super) fn samples() -> Vec<Vec<u8>> {
    let mut samples: Vec<Vec<u8>> = [
        b"".as_slice(),
        b"\r\n",
        b"\n",
        b"A: b\r\n\r\nbody\r\n",
        b"A: b\n\nbody\nmore\n",
        b".\r\n",
        b".",
        b"..\r\n.\r\n.x\r\nx.\r\n",
        b"A: b\n\n.\n..\n.\n",
        b"A: b\r\n\r\n1\r\n2\r\n3\r\n4",
        b"A: b\r\n\r\n1\r\n\r\n\r\n.2",
        b"no end of headers",
        b"A: b\r\nC: d\r\n",
        b"bare\rcr\r\r\n\r\n\r.\r\n",
        b"ends in cr\r",
        b"\r\n\r",
        b"mixed\r\nends\n\n.\r\n.\n",
        b"\0NUL\0\r\n\r\n\0\r\n",
        b"\x80\xff\xfe 8-bit\r\n\r\n\xc3\xa9\r\n",
        b"+OK 1 2\r\n-ERR x\r\n\r\nQUIT\r\n.\r\nDELE 1\r\n",
    ]
    .map(<[u8]>::to_vec)
    .into();
    samples.push([b"A: b\r\n\r\n".as_slice(), &[b'.'; 20_000], b"\r\n.", &[b'z'; 20_000]].concat());
    samples.push(b".\n".repeat(600));
    samples
}

/// Returns the lines of a message without their ends. A CR is part of the line unless LF follows.
pub(super) fn lines(message: &[u8]) -> Vec<&[u8]> {
    let mut pieces: Vec<&[u8]> = message.split(|octet| *octet == b'\n').collect();
    let unfinished = pieces.pop().unwrap_or_default();
    let mut lines: Vec<&[u8]> = pieces.iter().map(|line| line.strip_suffix(b"\r").unwrap_or(line)).collect();
    if !unfinished.is_empty() {
        lines.push(unfinished);
    }
    lines
}

/// Returns these lines in wire form, with the terminator.
pub(super) fn wire(lines: &[&[u8]]) -> Vec<u8> {
    let mut wire = Vec::new();
    for line in lines {
        let dot: &[u8] = if line.first() == Some(&b'.') { b"." } else { b"" };
        wire.extend_from_slice(&[dot, line, b"\r\n"].concat());
    }
    wire.extend_from_slice(b".\r\n");
    wire
}

/// Returns the status line of RETR for a message of this size.
fn status(octets: u64) -> Vec<u8> {
    format!("+OK {octets} octets\r\n").into_bytes()
}

/// Returns a host with all samples that sends in this way.
fn sender(chunk: usize, room: usize, drain: usize, slices: bool) -> Host {
    through(Host::new(PATIENT, &samples()), chunk, room, drain, slices).login()
}

/// Also 1939.3.p, 1939.3.q, 1939.3.r, 1939.3.s, 1939.3.e, ROB.4, ROB.5, ROB.6, ROB.7, quirks 28, 29, 32, 33 and 34:
/// whatever a store holds is sent in lines that end in CR LF, stuffed and terminated, however it is cut.
#[test]
fn r1939_5_retr_b_the_whole_message_stuffed_and_ended() {
    for (chunk, room, drain) in [
        (usize::MAX, 4096, usize::MAX),
        (1, 512, usize::MAX),
        (2, 512, 511),
        (3, 513, 7),
        (700, 512, 1),
        (usize::MAX, 600, 3),
    ] {
        for slices in [false, true] {
            let mut host = sender(chunk, room, drain, slices);
            for (message, number) in samples().iter().zip(1..) {
                let expected = [status(OctetCount::of(message)), wire(&lines(message))].concat();
                let sent = host.exchange(format!("RETR {number}\r\n").as_bytes(), false);
                assert!(
                    sent == expected,
                    "{number} in {chunk}, {room}, {drain}, {slices}: {}",
                    sent.escape_ascii()
                );
            }
        }
    }
}

/// Also 1939.11.b, 1939.11.c, 1939.11.d, AMB.15, AMB.16, quirk 35: RETR sends as many octets as LIST announces,
/// without the added dots and the terminator.
#[test]
fn r1939_5_list_h_sizes_are_exact() {
    let mut host = sender(usize::MAX, 4096, usize::MAX, false);
    for number in 1..=samples().len() {
        let listed = host.say(format!("LIST {number}\r\n"));
        let sent = host.exchange(format!("RETR {number}\r\n").as_bytes(), false);
        let body = sent.splitn(2, |octet| *octet == b'\n').last().unwrap().strip_suffix(b".\r\n").unwrap();
        let mut octets = 0;
        for line in body.split_inclusive(|octet| *octet == b'\n') {
            octets += line.len() - usize::from(line[0] == b'.');
        }
        assert_eq!(listed, format!("+OK {number} {octets}\r\n"));
    }
}

/// Also quirk 28: an LF is never sent without its CR, so all clients see the same lines.
#[test]
fn quirk_28_a_bare_lf_never_leaves() {
    for slices in [false, true] {
        let mut host = sender(1, 512, 5, slices);
        for number in 1..=samples().len() {
            let sent = host.exchange(format!("RETR {number}\r\nTOP {number} 3\r\n").as_bytes(), false);
            let bare = (1..sent.len()).find(|at| sent[*at] == b'\n' && sent[*at - 1] != b'\r');
            assert_eq!(bare, None, "{number}");
        }
    }
}

/// Returns every message of up to five of these bytes.
#[test]
fn rob_4_no_short_message_contains_a_terminator() {
    let words: Vec<Vec<u8>> = (0..6u32)
        .flat_map(|length| (0..4u32.pow(length)).map(move |word| (length, word)))
        .map(|(length, word)| (0..length).map(|at| b".\r\nx"[(word >> (2 * at)) as usize & 3]).collect())
        .collect();
    let mut host = Host::new(PATIENT, &words).login();
    for (message, number) in words.iter().zip(1..) {
        let sent = host.exchange(format!("RETR {number}\r\n").as_bytes(), false);
        assert_eq!(
            sent,
            [status(OctetCount::of(message)), wire(&lines(message))].concat(),
            "{}",
            message.escape_ascii()
        );
    }
}

/// Returns a server that was asked for message 1, and the token.
fn asked(
    config: ServerConfig<'static>,
    line: &str,
) -> (Server<Infos, ServerConfig<'static>>, pop3_proto::server::Fetch) {
    let mut server = machine(config, infos(&[b"A: b\r\n\r\n1\r\n"]), LOGIN);
    let mut buffer = [0; 512];
    let fetch = ask!(server, &mut Input::more(line.as_bytes()), &mut SendBuf::new(&mut buffer[..]), Fetch);
    (server, fetch)
}

#[test]
fn a_body_in_the_wrong_turn_is_not_taken() {
    let mut buffer = [0; 512];
    let mut out = SendBuf::new(&mut buffer[..]);
    let mut none = |server: &mut Server<Infos, ServerConfig<'_>>| {
        assert_eq!(server.write_body(b"x", &mut out), Err(BodyError::NoBody));
        let mut octets = b"x".as_slice();
        assert_eq!(server.body_slice(&mut octets), Err(BodyError::NoBody));
        assert_eq!((octets, server.finish_body()), (b"x".as_slice(), Err(BodyError::NoBody)));
        assert!(!server.wants_body());
        assert_eq!(pending(&mut out), "");
    };
    none(&mut Server::new(CLEAR, 1));
    none(&mut machine(CLEAR, three(), LOGIN));
    let (mut server, fetch) = asked(CLEAR, "RETR 1\r\n");
    none(&mut server);
    server.refuse(fetch, Refusal::Temporary).unwrap();
    none(&mut server);
    let (mut server, fetch) = asked(CLEAR, "RETR 1\r\n");
    server.send_body_of(fetch, 0).unwrap();
    server.finish_body().unwrap();
    none(&mut server);
    server.close();
    none(&mut server);
}

#[test]
fn no_slice_goes_out_before_the_status_line() {
    let (mut server, fetch) = asked(CLEAR, "RETR 1\r\n");
    server.send_body_of(fetch, 3).unwrap();
    let mut octets = b"x\r\n".as_slice();
    assert_eq!(server.body_slice(&mut octets), Err(BodyError::StatusPending));
    assert_eq!(octets, b"x\r\n");
    let mut buffer = [0; 512];
    let mut out = SendBuf::new(&mut buffer[..]);
    assert!(matches!(server.poll(&mut Input::more(b""), &mut out), Ok(Step::NeedBody)));
    assert_eq!(pending(&mut out), "+OK 3 octets\r\n");
    assert_eq!(server.body_slice(&mut octets), Ok(Some(b"x\r\n".as_slice())));
    assert_eq!(server.body_slice(&mut octets), Ok(None));
    assert!(matches!(server.poll(&mut Input::more(b""), &mut out), Ok(Step::NeedBody)));
}

#[test]
fn the_status_line_is_written_before_the_body_or_neither_is() {
    let (mut server, fetch) = asked(CLEAR, "RETR 1\r\n");
    server.send_body_of(fetch, 3).unwrap();
    let mut buffer = [0; 512];
    let mut out = SendBuf::new(&mut buffer[..]);
    out.put(&[&[b'-'; 505]]).unwrap();
    assert_eq!(server.write_body(b"x\r\n", &mut out), Ok(0));
    assert_eq!(out.pending().len(), 505);
    out.sent(505);
    assert_eq!(server.write_body(b"x\r\n", &mut out), Ok(3));
    assert_eq!(pending(&mut out), "+OK 3 octets\r\nx\r\n");
}

#[test]
fn r1939_3_v_an_empty_message_is_a_status_line_and_an_end_mark() {
    for (line, answer) in
        [("RETR 1\r\n", "+OK 0 octets\r\n.\r\n"), ("TOP 1 0\r\n", "+OK top of message follows\r\n\r\n.\r\n")]
    {
        for poll_first in [false, true] {
            let (mut server, fetch) = asked(CLEAR, line);
            server.send_body_of(fetch, 0).unwrap();
            let mut buffer = [0; 1024];
            let mut out = SendBuf::new(&mut buffer[..]);
            if poll_first {
                assert!(matches!(server.poll(&mut Input::more(b""), &mut out), Ok(Step::NeedBody)));
            }
            server.finish_body().unwrap();
            assert!(matches!(
                server.poll(&mut Input::last(b""), &mut out),
                Ok(Step::Closed(CloseReason::End))
            ));
            assert_eq!(pending(&mut out), answer);
        }
    }
}

/// Also 1939.3.q: only the end of the connection tells a client that a message is incomplete.
#[test]
fn rob_35_a_message_that_breaks_off_has_no_end_mark() {
    for taken in [b"".as_slice(), b"A: b\r\n", b"A: b"] {
        let (mut server, fetch) = asked(CLEAR, "RETR 1\r\n");
        let mut buffer = [0; 512];
        let mut out = SendBuf::new(&mut buffer[..]);
        server.send_body_of(fetch, 12).unwrap();
        server.write_body(taken, &mut out).unwrap();
        server.close();
        assert!(matches!(
            server.poll(&mut Input::more(b"NOOP\r\n"), &mut out),
            Ok(Step::Closed(CloseReason::Aborted))
        ));
        assert_eq!(
            pending(&mut out),
            format!("+OK 12 octets\r\n{}", taken.escape_ascii().to_string().replace("\\r\\n", "\r\n"))
        );
    }
}

#[test]
fn a_body_that_should_hold_crlf_only_and_does_not_can_only_be_aborted() {
    let config = CLEAR.with_bodies(StuffMode::Verbatim);
    let mut host = Host::new(config, &[b"A: b\r\n\r\n.\r\n"]).login();
    assert_eq!(host.say("RETR 1\r\n"), "+OK 11 octets\r\nA: b\r\n\r\n..\r\n.\r\n");
    let (mut server, fetch) = asked(config, "RETR 1\r\n");
    server.send_body_of(fetch, 3).unwrap();
    let mut buffer = [0; 512];
    let mut out = SendBuf::new(&mut buffer[..]);
    assert_eq!(server.write_body(b"ab\n.\n", &mut out), Ok(2));
    for _ in 0..2 {
        assert_eq!(server.write_body(b"\n.\n", &mut out), Err(BodyError::BareLf));
        let mut octets = b"\n.\n".as_slice();
        assert_eq!(server.body_slice(&mut octets), Err(BodyError::BareLf));
        assert_eq!(octets, b"\n.\n");
    }
    server.close();
    assert!(matches!(server.poll(&mut Input::more(b""), &mut out), Ok(Step::Closed(CloseReason::Aborted))));
    assert_eq!(pending(&mut out), "+OK 3 octets\r\nab");
}

#[test]
fn a_stream_that_ends_inside_a_message_ends_the_session_after_it() {
    let mut host = Host::three(CLEAR).login();
    assert_eq!(host.last("DELE 1\r\nRETR 3\r\n"), "+OK marked for deletion\r\n+OK 5 octets\r\nabc\r\n.\r\n");
    assert_eq!(host.end, Some(Ok(CloseReason::End)));
    assert_eq!(host.asked, ["Fetch 3 None"]);
}
