//! A login that is handed over: the machine says `+OK`, and not an octet behind it is its own.

use super::*;
use pop3_proto::{AnswerError, Inbox, MIN_SINK, Mechanism, Millis, State};
use std::convert::Infallible;

const OFFER: Config<'_> = PATIENT.sasl_in_clear(&[Mechanism::PLAIN]);

/// A greeted server without maildrops.
fn greeted(id: u64, out: &mut Out<'_>) -> Server<Infallible, Config<'static>> {
    let mut server = Server::new(OFFER, id);
    let greet = ask!(server, &mut Input::more(b""), out, Greet);
    server.greet(greet, Text::literal("ready <1@a>"), out).unwrap();
    pending(out);
    server
}

/// Behind each kind of login, with any size of sink: what the client pipelined is left alone, and no question is asked about it.
#[test]
fn nothing_behind_a_login_that_is_handed_over_is_read() {
    let logins = [
        ("PASS tanstaaf\r\n", "+OK send PASS\r\n"),
        ("APOP mrose c4c9334bac560ecc979e58001b3e22fb\r\n", "+OK send PASS\r\n"),
        ("AUTH PLAIN AG1yb3NlAGE=\r\n", "+OK send PASS\r\n"),
    ];
    for (login, before) in logins {
        for (behind, last) in [("", false), ("", true), ("QUIT\r\nSTAT\r\n", false), ("x\n\0", true)] {
            for room in [MIN_SINK, MIN_SINK + 20, 4096] {
                let mut buffer = vec![0; room];
                let mut out = Out::new(&mut buffer);
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
                        Step::NeedSpace(_) => flush(&mut out, 7, &mut sent),
                        step => break step,
                    }
                };
                assert!(matches!(end, Step::Closed(Why::HandedOver)), "{end:?}");
                assert_eq!(
                    String::from_utf8(sent).unwrap() + &pending(&mut out),
                    format!("{before}+OK maildrop open\r\n")
                );
                assert_eq!(input.unread(), behind.as_bytes());
                assert!(matches!(server.poll(&mut input, &mut out), Ok(Step::Closed(Why::HandedOver))));
                assert_eq!((input.unread(), out.pending()), (behind.as_bytes(), b"".as_slice()));
                assert_eq!((server.state(), server.tick(Millis(1 << 40))), (State::Closed, Ok(None)));
                assert!(server.into_maildrop().is_none());
            }
        }
    }
}

/// As every answer does.
#[test]
fn a_login_is_handed_over_with_its_own_token() {
    let (mut a, mut b) = ([0; 4096], [0; 4096]);
    let (mut out, mut other_out) = (Out::new(&mut a), Out::new(&mut b));
    let (mut server, mut other) = (greeted(1, &mut out), greeted(2, &mut other_out));
    let mut input = Input::more(b"AUTH PLAIN AAAA\r\n");
    let login = ask!(server, &mut input, &mut out, Login, _);
    let refused = other.hand_over(login).unwrap_err();
    assert_eq!(refused.why, AnswerError::NotHere);
    server.close();
    assert_eq!(server.hand_over(refused.token).unwrap_err().why, AnswerError::Stale);
    assert!(matches!(server.poll(&mut input, &mut out), Ok(Step::Closed(Why::Aborted))));
}

/// What a proxy does with the octets that it passes on.
#[test]
fn octets_that_no_machine_reads_are_dropped_from_an_inbox() {
    let mut inbox = Inbox::new([0; 8]);
    inbox.spare().copy_from_slice(b"12345678");
    inbox.filled(8);
    inbox.consume(3);
    assert_eq!(inbox.unread(), b"45678");
    assert_eq!(inbox.spare().len(), 3);
    assert_eq!(inbox.with(|input| input.unread().to_vec()), b"45678");
    inbox.consume(usize::MAX);
    assert_eq!((inbox.unread(), inbox.is_ended()), (b"".as_slice(), false));
    assert_eq!(inbox.spare().len(), 8);
}

/// The same octets as if each had come alone, whatever the buffer held and how much of it was read before.
#[test]
fn octets_that_were_read_elsewhere_are_put_behind_the_unread_ones() {
    let octets: Vec<u8> = (0..=255).collect();
    for (piece, consumed) in [(1, 0), (3, 1), (7, 7), (16, 5), (255, 100), (256, 0)] {
        let mut inbox = Inbox::new(vec![0; 8]);
        let mut read = Vec::new();
        for piece in octets.chunks(piece) {
            inbox.append(piece);
            read.extend_from_slice(&inbox.unread()[..consumed.min(inbox.unread().len())]);
            inbox.consume(consumed);
        }
        assert_eq!([&read, inbox.unread()].concat(), octets, "{piece}, {consumed}");
        inbox.consume(usize::MAX);
        inbox.append(b"");
        assert!(inbox.unread().is_empty() && !inbox.is_ended());
    }
}

#[test]
fn a_read_of_none_is_the_end_but_for_an_inbox_without_room() {
    let mut inbox = Inbox::new([0; 4]);
    inbox.received(4);
    inbox.received(0);
    assert!(!inbox.is_ended(), "the read had no room");
    inbox.consume(1);
    inbox.spare()[0] = b'5';
    inbox.received(1);
    assert_eq!((inbox.unread(), inbox.is_ended()), (b"\0\0\x005".as_slice(), false));
    inbox.consume(4);
    inbox.received(0);
    assert!(inbox.is_ended());
}
