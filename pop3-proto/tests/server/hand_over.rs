//! A login that is handed over: the machine sends `+OK`, and reads no byte after the login.

use super::*;
use pop3_proto::{AnswerError, MIN_SEND_BUF, Mechanism, RecvBuf, State};
use std::convert::Infallible;
use std::time::Duration;

const OFFER: ServerConfig<'_> = PATIENT.with_sasl_cleartext(&[Mechanism::PLAIN]);

/// Returns a greeted server without maildrops.
fn greeted(id: u64, out: &mut SendBuf<&mut [u8]>) -> Server<Infallible, ServerConfig<'static>> {
    let mut server = Server::new(OFFER, id);
    let greet = ask!(server, &mut Input::more(b""), out, Greet);
    server.greet(greet, Text::from_static("ready <1@a>"), out).unwrap();
    pending(out);
    server
}

/// After each kind of login, with any size of sink, the pipelined bytes stay unread, and no question is asked about
/// them.
#[test]
fn bytes_after_a_login_that_is_handed_over_stay_unread() {
    let logins = [
        ("PASS tanstaaf\r\n", "+OK send PASS\r\n"),
        ("APOP mrose c4c9334bac560ecc979e58001b3e22fb\r\n", "+OK send PASS\r\n"),
        ("AUTH PLAIN AG1yb3NlAGE=\r\n", "+OK send PASS\r\n"),
    ];
    for (login, before) in logins {
        for (behind, last) in [("", false), ("", true), ("QUIT\r\nSTAT\r\n", false), ("x\n\0", true)] {
            for room in [MIN_SEND_BUF, MIN_SEND_BUF + 20, 4096] {
                let mut buffer = vec![0; room];
                let mut out = SendBuf::new(&mut buffer[..]);
                let mut server = greeted(1, &mut out);
                let octets = format!("USER mrose\r\n{login}{behind}");
                let mut input =
                    if last { Input::last(octets.as_bytes()) } else { Input::more(octets.as_bytes()) };
                let user = ask!(server, &mut input, &mut out, User, _);
                server.accept_name(user).unwrap();
                let mut sent = Vec::new();
                let end = loop {
                    match server.poll(&mut input, &mut out).unwrap() {
                        Step::Ask(Ask::Login(login, _)) => {
                            assert_eq!(server.state(), State::Authorization);
                            server.hand_over(login).unwrap();
                        }
                        Step::NeedSpace(_) => {
                            let count = out.pending().len().min(7);
                            sent.extend_from_slice(&out.pending()[..count]);
                            out.sent(count);
                        }
                        step => break step,
                    }
                };
                assert!(matches!(end, Step::Closed(CloseReason::HandedOver)), "{end:?}");
                assert_eq!(
                    String::from_utf8(sent).unwrap() + &pending(&mut out),
                    format!("{before}+OK maildrop open\r\n")
                );
                assert_eq!(input.unread(), behind.as_bytes());
                assert!(matches!(
                    server.poll(&mut input, &mut out),
                    Ok(Step::Closed(CloseReason::HandedOver))
                ));
                assert_eq!((input.unread(), out.pending()), (behind.as_bytes(), b"".as_slice()));
                assert_eq!(
                    (server.state(), server.tick(Duration::from_millis(1 << 40))),
                    (State::Closed, Ok(None))
                );
                assert!(server.into_maildrop().is_none());
            }
        }
    }
}

/// As with every answer, a token of another connection, or of a session that is over, is refused.
#[test]
fn a_login_is_handed_over_with_its_own_token() {
    let (mut a, mut b) = ([0; 4096], [0; 4096]);
    let (mut out, mut other_out) = (SendBuf::new(&mut a[..]), SendBuf::new(&mut b[..]));
    let (mut server, mut other) = (greeted(1, &mut out), greeted(2, &mut other_out));
    let mut input = Input::more(b"AUTH PLAIN AAAA\r\n");
    let login = ask!(server, &mut input, &mut out, Login, _);
    let refused = other.hand_over(login).unwrap_err();
    assert_eq!(refused.why, AnswerError::OtherConnection);
    server.close();
    assert_eq!(server.hand_over(refused.token).unwrap_err().why, AnswerError::Stale);
    assert!(matches!(server.poll(&mut input, &mut out), Ok(Step::Closed(CloseReason::Aborted))));
}

/// The bytes that a proxy passes on.
#[test]
fn bytes_that_no_machine_reads_are_dropped_from_a_receive_buffer() {
    let mut recv = RecvBuf::new([0; 8]);
    recv.spare_mut().copy_from_slice(b"12345678");
    recv.received(8);
    recv.consume(3);
    assert_eq!(recv.unread(), b"45678");
    assert_eq!(recv.spare_mut().len(), 3);
    assert_eq!(recv.with(|input| input.unread().to_vec()), b"45678");
    recv.consume(usize::MAX);
    assert_eq!((recv.unread(), recv.is_eof()), (b"".as_slice(), false));
    assert_eq!(recv.spare_mut().len(), 8);
}

/// The unread bytes are the same for every size of piece, and for every number of bytes consumed in between.
#[test]
fn bytes_that_were_read_elsewhere_are_appended_to_the_unread_bytes() {
    let octets: Vec<u8> = (0..=255).collect();
    for (piece, consumed) in [(1, 0), (3, 1), (7, 7), (16, 5), (255, 100), (256, 0)] {
        let mut recv = RecvBuf::new(vec![0; 8]);
        let mut read = Vec::new();
        for piece in octets.chunks(piece) {
            recv.append(piece);
            read.extend_from_slice(&recv.unread()[..consumed.min(recv.unread().len())]);
            recv.consume(consumed);
        }
        assert_eq!([&read, recv.unread()].concat(), octets, "{piece}, {consumed}");
        recv.consume(usize::MAX);
        recv.append(b"");
        assert!(recv.unread().is_empty() && !recv.is_eof());
    }
}

#[test]
fn a_read_of_zero_bytes_is_the_end_unless_the_buffer_is_full() {
    let mut recv = RecvBuf::new([0; 4]);
    recv.received(4);
    recv.received(0);
    assert!(!recv.is_eof(), "the read had no room");
    recv.consume(1);
    recv.spare_mut()[0] = b'5';
    recv.received(1);
    assert_eq!((recv.unread(), recv.is_eof()), (b"\0\0\x005".as_slice(), false));
    recv.consume(4);
    recv.received(0);
    assert!(recv.is_eof());
}
