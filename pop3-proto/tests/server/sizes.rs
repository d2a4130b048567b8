//! The size of a message: stated before the message, and compared after it.

use super::*;
use pop3_proto::server::{BodyError, Fetch, Sent};
use pop3_proto::{MIN_SEND_BUF, SendBuf};

type Machine = Server<Infos, ServerConfig<'static>>;

/// Returns a server that asks for message 1, which the maildrop lists with this size.
fn asked(octets: u64, command: &[u8]) -> (Machine, Fetch) {
    let id = UniqueId::new(b"id-1").unwrap();
    let mut server = machine(CLEAR, vec![MessageInfo::new(octets, OwnedUniqueId::from(id))], LOGIN);
    let fetch = ask!(server, &mut Input::more(command), &mut SendBuf::new(vec![]), Fetch);
    (server, fetch)
}

/// Sends all of these bytes, as copies or as slices.
fn give(server: &mut Machine, send: &mut SendBuf<Vec<u8>>, message: &[u8], slices: bool) {
    assert!(matches!(server.poll(&mut Input::more(b""), send), Ok(Step::NeedBody)));
    if slices {
        let mut rest = message;
        while let Some(slice) = server.body_slice(&mut rest).unwrap() {
            send.put(&[slice]).unwrap();
        }
    } else {
        assert_eq!(server.write_body(message, send), Ok(message.len()));
    }
}

const MESSAGE: &[u8] = b"A: b\n\n.dot\nno end";
const OCTETS: u64 = 22;

/// Also 1939.3.q: a message that shrank or grew since login has no terminator.
#[test]
fn rob_35_a_message_of_another_size_than_stated_is_not_ended() {
    assert_eq!(OctetCount::of(MESSAGE), OCTETS);
    for slices in [false, true] {
        for stated in [0, 1, OCTETS - 1, OCTETS + 1, 50_016, u64::MAX] {
            let (mut server, fetch) = asked(stated, b"RETR 1\r\n");
            let mut send = SendBuf::new(vec![]);
            server.send_body(fetch).unwrap();
            give(&mut server, &mut send, MESSAGE, slices);
            let (before, pending) = (format!("{server:?}"), send.pending().to_vec());
            for _ in 0..2 {
                assert_eq!(server.finish_body(), Err(BodyError::Size { sent: OCTETS, stated }));
                assert_eq!(format!("{server:?}"), before, "a failed call changes nothing");
            }
            assert!(matches!(server.poll(&mut Input::more(b"NOOP\r\n"), &mut send), Ok(Step::NeedBody)));
            assert_eq!(send.pending(), pending, "no terminator, and no other command");
            server.close();
            assert!(matches!(
                server.poll(&mut Input::more(b""), &mut send),
                Ok(Step::Closed(CloseReason::Aborted))
            ));
            assert_eq!(send.pending(), pending);
            assert_eq!(server.finish_body(), Err(BodyError::NoBody));
        }
    }
}

#[test]
fn a_message_of_the_listed_size_is_ended() {
    for slices in [false, true] {
        let (mut server, fetch) = asked(OCTETS, b"RETR 1\r\n");
        let mut send = SendBuf::new(vec![]);
        server.send_body(fetch).unwrap();
        give(&mut server, &mut send, MESSAGE, slices);
        let sent = server.finish_body().unwrap();
        assert_eq!((sent.octets, sent.stated, sent.is_misstated()), (OCTETS, Some(OCTETS), false));
        assert!(matches!(server.poll(&mut Input::more(b""), &mut send), Ok(Step::NeedInput)));
        assert_eq!(send.pending(), b"+OK 22 octets\r\nA: b\r\n\r\n..dot\r\nno end\r\n.\r\n");
    }
}

/// The missing part can still be written, because nothing changed.
#[test]
fn a_message_that_is_not_whole_yet_can_be_completed() {
    let (mut server, fetch) = asked(OCTETS, b"RETR 1\r\n");
    let mut send = SendBuf::new(vec![]);
    server.send_body(fetch).unwrap();
    let (first, second) = MESSAGE.split_at(9);
    give(&mut server, &mut send, first, false);
    assert_eq!(server.finish_body(), Err(BodyError::Size { sent: 13, stated: OCTETS }));
    assert_eq!(server.write_body(second, &mut send), Ok(second.len()));
    assert_eq!(server.finish_body().map(|sent| sent.octets), Ok(OCTETS));
    assert!(matches!(server.poll(&mut Input::more(b""), &mut send), Ok(Step::NeedInput)));
    assert_eq!(send.pending(), b"+OK 22 octets\r\nA: b\r\n\r\n..dot\r\nno end\r\n.\r\n");
}

/// Before the status line is written, the server has sent no byte.
#[test]
fn an_empty_message_is_finished_before_its_status_line_if_it_is_stated_as_empty() {
    let (mut server, fetch) = asked(3, b"RETR 1\r\n");
    server.send_body(fetch).unwrap();
    assert_eq!(server.finish_body(), Err(BodyError::Size { sent: 0, stated: 3 }));
    let mut send = SendBuf::new(vec![]);
    assert!(matches!(server.poll(&mut Input::more(b""), &mut send), Ok(Step::NeedBody)));
    assert_eq!(send.pending(), b"+OK 3 octets\r\n", "the status line is still to come, as before");
    let (mut server, fetch) = asked(3, b"RETR 1\r\n");
    server.send_body_of(fetch, 0).unwrap();
    assert_eq!(server.finish_body().map(|sent| sent.stated), Ok(Some(0)));
}

#[test]
fn another_size_than_the_listed_one_is_stated_in_advance() {
    let (mut server, fetch) = asked(50_016, b"RETR 1\r\n");
    let mut send = SendBuf::new(vec![]);
    server.send_body_of(fetch, OCTETS).unwrap();
    give(&mut server, &mut send, MESSAGE, false);
    assert_eq!(server.finish_body().map(|sent| sent.stated), Ok(Some(OCTETS)));
    assert!(send.pending().starts_with(b"+OK 22 octets\r\n"));
    // The stated size is checked like the listed size.
    let (mut server, fetch) = asked(OCTETS, b"RETR 1\r\n");
    server.send_body_of(fetch, 9).unwrap();
    give(&mut server, &mut SendBuf::new(vec![]), MESSAGE, false);
    assert_eq!(server.finish_body(), Err(BodyError::Size { sent: OCTETS, stated: 9 }));
}

#[test]
fn an_estimated_size_is_stated_and_not_compared() {
    let (mut server, fetch) = asked(9, b"RETR 1\r\n");
    let mut send = SendBuf::new(vec![]);
    server.send_body_estimated(fetch, 20).unwrap();
    give(&mut server, &mut send, MESSAGE, false);
    let sent = server.finish_body().unwrap();
    assert_eq!((sent.octets, sent.stated, sent.is_misstated()), (OCTETS, Some(20), true));
    assert!(matches!(server.poll(&mut Input::more(b""), &mut send), Ok(Step::NeedInput)));
    assert_eq!(send.pending(), b"+OK 20 octets\r\nA: b\r\n\r\n..dot\r\nno end\r\n.\r\n");
}

/// TOP states no size, so the server compares none, whether copies or slices are sent.
#[test]
fn the_size_of_top_is_not_compared() {
    let sends: [fn(&mut Machine, Fetch); 3] = [
        |server, fetch| server.send_body(fetch).unwrap(),
        |server, fetch| server.send_body_of(fetch, 7).unwrap(),
        |server, fetch| server.send_body_estimated(fetch, 7).unwrap(),
    ];
    for open in sends {
        for (command, octets) in
            [(b"TOP 1 0\r\n".as_slice(), 8), (b"TOP 1 1\r\n", 14), (b"TOP 1 99\r\n", OCTETS)]
        {
            let (mut server, fetch) = asked(9, command);
            let mut send = SendBuf::new(vec![]);
            open(&mut server, fetch);
            give(&mut server, &mut send, MESSAGE, false);
            let sent: Sent = server.finish_body().unwrap();
            assert_eq!((sent.octets, sent.stated, sent.is_misstated()), (octets, None, false));
            assert!(send.pending().starts_with(b"+OK top of message follows\r\n"));
        }
    }
}

#[test]
fn the_errors_of_a_body_say_what_to_do() {
    let size = BodyError::Size { sent: 19, stated: 50_016 };
    assert_eq!(size.to_string(), "the message has 19 octets, but 50016 were stated: close the connection");
    assert_eq!(BodyError::StatusPending.to_string(), "the status line is not written yet: poll first");
    const { assert!(MIN_SEND_BUF == 512) }
}
