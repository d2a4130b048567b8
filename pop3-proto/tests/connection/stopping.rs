//! The outcome of a session that is stopped early, while the caller still holds an event.

use super::{command, give, hear, logged_in, retr};
use pop3_proto::client::{Deletions, Event, SendError};
use pop3_proto::{Command, ConnectionError, Verb};

#[test]
fn a_client_that_stops_inside_a_message_sees_the_commands_it_cuts_off() {
    let mut pop3 = logged_in();
    pop3.sender().send(command("DELE 1")).unwrap();
    hear(&mut pop3, "+OK\r\n");
    pop3.sender().send(retr(2)).unwrap();
    give(pop3.recv_buf(), b"+OK\r\nlong");
    let mut body = Vec::new();
    while let Some((event, mut sender)) = pop3.poll().unwrap() {
        if let Event::Body(_, octets) = event {
            let in_flight: Vec<_> = sender.client().in_flight().map(|ticket| ticket.to_string()).collect();
            assert_eq!(in_flight, ["RETR 2"]);
            sender.close();
            body.extend_from_slice(octets); // the event outlives the call of `close`
        } else if let Event::Closed(closed) = event {
            assert!(closed.answer.is_none());
            assert_eq!(closed.deletions, Deletions::Pending);
        }
    }
    assert_eq!(body, b"long");
    assert!(pop3.is_closed() && pop3.in_flight().next().is_none());
    assert_eq!(pop3.sender().send(Command::Noop), Err(SendError::Over));
}

#[test]
fn a_loop_that_breaks_off_loses_nothing() {
    let mut pop3 = logged_in();
    pop3.sender().send(command("LIST")).unwrap();
    give(pop3.recv_buf(), b"+OK\r\n1 120\r\n2 200\r\n.\r\n");
    let mut rows = 0;
    // Takes one event each time, as if the task were cancelled after it.
    while let Some((event, _)) = pop3.poll().unwrap() {
        rows += u32::from(matches!(event, Event::ScanListing(..)));
        let _ = pop3.is_ready();
    }
    assert_eq!(rows, 2);
}

#[test]
fn an_event_can_be_held_while_commands_are_sent() {
    let mut pop3 = logged_in();
    pop3.sender().send(command("UIDL 1")).unwrap();
    give(pop3.recv_buf(), b"+OK 1 some-id\r\n");
    let Some((Event::UniqueId(_, listing), mut sender)) = pop3.poll().unwrap() else { panic!() };
    let ticket = sender.send(retr(1)).unwrap();
    assert_eq!((listing.as_bytes(), ticket.verb), (&b"some-id"[..], Verb::Retr));
    assert_eq!(pop3.send_buf().pending(), b"UIDL 1\r\nRETR 1\r\n");
}

#[test]
fn the_close_comes_once_with_the_status_of_quit() {
    for (response, said) in
        [("+OK bye\r\n", "bye"), ("-ERR some messages not removed\r\n", "some messages not removed")]
    {
        let mut pop3 = logged_in();
        pop3.sender().send(Command::Quit).unwrap();
        give(pop3.recv_buf(), response.as_bytes());
        assert!(!pop3.is_closed());
        let Some((Event::Closed(closed), _)) = pop3.poll().unwrap() else { panic!() };
        let (ticket, status) = closed.answer.unwrap();
        assert_eq!((ticket.verb, status.to_string()), (Verb::Quit, said.to_owned()));
        assert!(pop3.is_closed() && !pop3.is_ready() && !pop3.is_waiting());
        assert!(matches!(pop3.poll(), Ok(None)));
    }
}

#[test]
fn a_session_that_is_cut_anywhere_ends_for_the_client() {
    let whole = "+OK ready\r\n+OK\r\n+OK\r\n+OK\r\none\r\n.\r\n+OK bye\r\n";
    let lines = ["USER mrose", "PASS secret", "RETR 1", "QUIT"];
    for end in 0..=whole.len() {
        let mut pop3 = super::Pop3Client::new(pop3_proto::TlsPolicy::Cleartext, 1);
        let (mut commands, mut at, mut ended) = (lines.iter(), 0, Vec::new());
        while !pop3.is_closed() {
            loop {
                match pop3.poll() {
                    Ok(Some((event, mut sender))) => {
                        if event.completes() || matches!(event, Event::Greeting(_)) {
                            commands.next().map(|line| sender.send(command(line)).unwrap());
                        }
                        if let Event::Closed(closed) = event {
                            ended.push(Ok(closed.answer.is_some()));
                        }
                    }
                    Ok(None) => break,
                    Err(fatal) => {
                        ended.push(Err(fatal));
                        break;
                    }
                }
            }
            let Some(line) = whole[at..end].split_inclusive('\n').next() else {
                pop3.recv_buf().received_eof();
                continue;
            };
            at += give(pop3.recv_buf(), line.as_bytes());
        }
        let expected = match whole[..end].matches('\n').count() {
            7 => Ok(true),
            // QUIT was sent, so the end is not an error.
            6 => Ok(false),
            _ => Err(ConnectionError::UnexpectedEof),
        };
        assert_eq!(ended, [expected], "{end}");
    }
}
