//! How sessions end: the last event is reported once, with the response to QUIT, and loops written the obvious way
//! stop.

use super::{CLEAR, Guest};
use pop3_proto::client::{Client, Closed, Deletions, Event};
use pop3_proto::{Command, ConnectionError, Input, RecvBuf, SendBuf, State, TlsPolicy, Verb};
use pop3_proto_kit::{OPENING, client};
use std::time::Duration;

/// A client that has logged in and sent QUIT, and a stream with the server's last bytes.
struct Wire {
    client: Client,
    recv: RecvBuf<[u8; 16 * 1024]>,
    stream: &'static [u8],
    /// Counts polls and reads, so a loop that does not end fails here.
    turns: u32,
}

impl Wire {
    fn new(stream: &'static [u8]) -> Self {
        let mut client = Client::new(TlsPolicy::Cleartext, 1);
        for line in ["USER mrose", "PASS tanstaaf", "DELE 1", "QUIT"] {
            client.poll(&mut Input::more(b"+OK\r\n")).unwrap();
            client.send(&Command::parse(line.as_bytes()).unwrap(), &mut SendBuf::new(vec![])).unwrap();
        }
        Wire { client, recv: RecvBuf::new([0; 16 * 1024]), stream, turns: 0 }
    }

    fn turn(&mut self) {
        self.turns += 1;
        assert!(self.turns < 100, "the loop spins");
    }

    fn poll(&mut self) -> Result<Option<Event<'_>>, ConnectionError> {
        self.turn();
        let client = &mut self.client;
        self.recv.with(|input| client.poll(input))
    }

    /// Reads like a socket: at the end of the stream, every read returns 0 bytes.
    fn read(&mut self) {
        self.turn();
        let count = self.stream.len().min(2);
        let (now, later) = self.stream.split_at(count);
        self.recv.spare_mut()[..count].copy_from_slice(now);
        self.recv.received(count);
        self.stream = later;
    }
}

type Loop = fn(&mut Wire) -> Result<(), ConnectionError>;

/// Loops as people write them.
const LOOPS: &[(&str, Loop)] = &[
    ("until the response to QUIT is complete", |wire| {
        loop {
            match wire.poll()? {
                Some(event) if event.completes() => return Ok(()),
                Some(_) => {}
                None => wire.read(),
            }
        }
    }),
    ("until Closed", |wire| {
        loop {
            match wire.poll()? {
                Some(Event::Closed(_)) => return Ok(()),
                Some(_) => {}
                None => wire.read(),
            }
        }
    }),
    ("until it is closed", |wire| {
        while !wire.client.is_closed() {
            while wire.poll()?.is_some() {}
            if !wire.client.is_closed() {
                wire.read();
            }
        }
        Ok(())
    }),
    ("until it is closed, reading once too often", |wire| {
        while !wire.client.is_closed() {
            while wire.poll()?.is_some() {}
            wire.read();
        }
        Ok(())
    }),
    ("until no command is in flight", |wire| {
        while wire.client.in_flight().next().is_some() {
            if wire.poll()?.is_none() {
                wire.read();
            }
        }
        Ok(())
    }),
    ("until it is idle", |wire| {
        while !wire.client.is_idle() {
            if wire.poll()?.is_none() {
                wire.read();
            }
        }
        Ok(())
    }),
    ("until the state is CLOSED", |wire| {
        while wire.client.state() != State::Closed {
            if wire.poll()?.is_none() {
                wire.read();
            }
        }
        Ok(())
    }),
    ("until there is no event, asking before it reads", |wire| {
        loop {
            while wire.client.needs_input(wire.recv.unread(), wire.recv.is_eof()) {
                wire.read();
            }
            if wire.poll()?.is_none() {
                return Ok(());
            }
        }
    }),
    ("until the end of the stream", |wire| {
        loop {
            while wire.poll()?.is_some() {}
            if wire.recv.is_eof() {
                return Ok(());
            }
            wire.read();
        }
    }),
];

#[test]
fn r1939_6_h_a_loop_written_the_obvious_way_ends() {
    for (name, ends) in LOOPS {
        for (stream, deletions) in [
            (&b"+OK bye\r\n"[..], Deletions::Committed),
            (b"-ERR some not removed\r\n", Deletions::RefusedInPart),
            (b"", Deletions::Unknown),
            (b"+OK by", Deletions::Unknown),
            (b"+OK bye\r\nand more", Deletions::Committed),
        ] {
            let mut wire = Wire::new(stream);
            assert_eq!(ends(&mut wire), Ok(()), "{name}: {}", stream.escape_ascii());
            assert_eq!(wire.client.deletions(), deletions, "{name}: {}", stream.escape_ascii());
            assert!(wire.client.is_closed() && wire.client.is_idle());
        }
        // A broken stream ends all loops with an error.
        let mut wire = Wire::new(b"HTTP/1.1 400\r\n");
        assert_eq!(ends(&mut wire), Err(ConnectionError::NotPop3), "{name}");
    }
}

/// The same loops, if the caller ends the session.
#[test]
fn a_loop_ends_after_close() {
    for (name, ends) in LOOPS {
        for stream in [&b""[..], b"+OK bye\r\n", b"no response\r\n"] {
            let mut wire = Wire::new(stream);
            wire.client.close();
            assert_eq!(ends(&mut wire), Ok(()), "{name}");
            assert_eq!(wire.client.deletions(), Deletions::Unknown);
        }
    }
}

#[test]
fn r1939_6_h_the_last_event_has_the_response_to_quit() {
    for (answer, text, code) in
        [("+OK bye\r\n", "bye", false), ("-ERR [SYS/TEMP] not all removed\r\n", "not all removed", true)]
    {
        let mut client = client(CLEAR, OPENING);
        let quit = client.send(&Command::Quit, &mut SendBuf::new(vec![])).unwrap();
        let event = client.poll(&mut Input::more(answer.as_bytes())).unwrap().unwrap();
        assert_eq!((event.ticket(), event.completes()), (Some(quit), true));
        let Event::Closed(Closed { answer: Some((ticket, status)), .. }) = event else { panic!("{event:?}") };
        assert_eq!((ticket, status.text().as_bytes()), (quit, text.as_bytes()));
        assert_eq!(status.code().is_some(), code);
        assert!(!client.needs_input(b"", true) && !client.needs_input(b"", false));
    }
    let mut client = client(CLEAR, OPENING);
    client.send(&Command::Quit, &mut SendBuf::new(vec![])).unwrap();
    let event = client.poll(&mut Input::last(b"")).unwrap().unwrap();
    assert!(matches!(event, Event::Closed(Closed { answer: None, .. })));
    assert_eq!((event.ticket(), event.completes()), (None, true));
}

#[test]
fn close_ends_the_work_in_flight() {
    let mut session = Guest::opened(CLEAR.assume_pipelining());
    session.send("DELE 1").unwrap();
    session.send("RETR 2").unwrap();
    let verbs: Vec<Verb> = session.client().in_flight().map(|ticket| ticket.verb).collect();
    assert_eq!(verbs, [Verb::Dele, Verb::Retr]);
    assert!(!session.client().is_closed());
    session.pop3.close();
    assert!(session.client().is_closed() && session.client().is_idle());
    assert_eq!(session.client().in_flight().count(), 0);
    assert_eq!(session.hear("+OK\r\n+OK\r\nhalf a mess"), ["closed Pending"]);
    assert!(session.hear("age\r\n.\r\n").is_empty() && session.last("").is_empty());
    assert_eq!(session.client().deletions(), Deletions::Pending);
    session.pop3.close();
    assert!(session.last("").is_empty(), "the event is reported once");
}

/// The server may be in the middle of its farewell.
#[test]
fn a_closed_client_runs_no_timer() {
    let mut session = Guest::opened(CLEAR);
    assert!(session.hear("-E").is_empty());
    assert!(session.pop3.tick(Duration::ZERO).unwrap().is_some());
    session.pop3.close();
    assert_eq!(session.pop3.tick(Duration::from_secs(100_000)), Ok(None));
}

#[test]
fn close_makes_tokens_stale() {
    for (line, answer) in [("AUTH PLAIN", "+ \r\n"), ("AUTH PLAIN", "+OK\r\n"), ("STLS", "+OK\r\n")] {
        let mut session = Guest::greeted(CLEAR);
        session.ask(line, answer);
        session.pop3.close();
        let Guest { pop3, step, done, start, .. } = &mut session;
        if let Some(step) = step.take() {
            assert!(pop3.sender().cancel(step).is_err());
        }
        if let Some(done) = done.take() {
            assert!(pop3.sender().verified(done).is_err());
        }
        if let Some(start) = start.take() {
            assert!(pop3.tls_started(start).is_err());
        }
        assert_eq!(session.last("x"), ["closed NoneAsked"]);
    }
}

/// A fatal error stays the same on every later poll.
#[test]
fn close_after_a_fatal_error_changes_nothing() {
    let mut session = Guest::greeted(CLEAR);
    assert_eq!(session.hear("x"), ["fatal Unsolicited"]);
    session.pop3.close();
    assert_eq!(session.last(""), ["fatal Unsolicited"]);
}
