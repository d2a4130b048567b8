//! A connection that waits for nothing.

use super::{CONFIG, Mail, command, give, hear, logged_in};
use pop3_proto::client::Event;
use pop3_proto::server;
use pop3_proto::{
    ClientConnection, Command, ConnectionError, NothingDue, ServerConnection, Text, Timer, TlsPolicy,
};
use std::error::Error;
use std::io::{self, ErrorKind, Read, Write};
use std::time::Duration;

/// A stream that must not be read.
struct Silent;

impl Read for Silent {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        panic!("read although no response is pending")
    }
}

fn is_nothing_due(result: io::Result<usize>) -> bool {
    result.is_err_and(|error| error.get_ref().is_some_and(<dyn Error + Send + Sync>::is::<NothingDue>))
}

#[test]
fn an_idle_client_reads_nothing_and_times_nothing() {
    let mut pop3 = logged_in();
    assert!(!pop3.is_waiting() && !pop3.is_ready() && !pop3.wants_write());
    assert_eq!(pop3.tick(Duration::from_secs(1)), Ok(None));
    assert_eq!(pop3.tick(Duration::from_secs(100_000)), Ok(None));
    assert!(is_nothing_due(pop3.read_from(&mut Silent)));

    pop3.sender().send(Command::Noop).unwrap();
    assert!(pop3.is_waiting() && pop3.tick(Duration::from_secs(100_000)).unwrap().is_some());
    assert_eq!(pop3.read_from(&mut &b"+OK\r\n"[..]).unwrap(), 5);
    assert_eq!(pop3.read_from(&mut Silent).unwrap(), 0, "an event waits");
    assert!(matches!(pop3.poll(), Ok(Some((Event::Ok(..), _)))));
    assert!(is_nothing_due(pop3.read_from(&mut &b""[..])) || pop3.wants_write());
}

#[test]
fn a_client_whose_loop_missed_the_greeting_ends_instead_of_waiting() {
    let mut pop3 = ClientConnection::new(TlsPolicy::Cleartext, 1);
    let mut stream: &[u8] = b"+OK ready\r\n";
    let error = loop {
        while let Some((_event, _)) = pop3.poll().unwrap() {}
        if let Err(error) = pop3.read_from(&mut stream) {
            break error;
        }
    };
    assert!(error.get_ref().unwrap().is::<NothingDue>());
}

#[test]
fn a_server_whose_loop_missed_a_question_ends_instead_of_waiting() {
    let mut pop3: ServerConnection<Mail, Vec<u8>> = ServerConnection::new(&CONFIG, 1);
    let (event, _) = pop3.poll().unwrap().unwrap();
    assert!(matches!(event, server::Event::Greet(_)));
    assert!(is_nothing_due(pop3.read_from(&mut Silent)));
}

#[test]
fn a_server_with_an_event_does_not_read() {
    let mut pop3: ServerConnection<Mail, Vec<u8>> = ServerConnection::new(&CONFIG, 1);
    assert_eq!(pop3.read_from(&mut Silent).unwrap(), 0, "the question of the greeting waits");
    assert!(matches!(pop3.poll(), Ok(Some((server::Event::Greet(_), _)))));
}

#[test]
fn a_server_with_pending_output_does_not_read() {
    let mut pop3: ServerConnection<Mail, Vec<u8>> = ServerConnection::new(&CONFIG, 1);
    let Some((server::Event::Greet(token), mut responder)) = pop3.poll().unwrap() else { panic!() };
    responder.greet(token, Text::EMPTY).unwrap();
    assert!(pop3.poll().unwrap().is_none() && pop3.wants_write() && !pop3.wants_read());
    assert_eq!(pop3.read_from(&mut Silent).unwrap(), 0);
    let mut sent = Vec::new();
    pop3.write_to(&mut sent).unwrap();
    assert_eq!(sent, b"+OK \r\n");
    assert!(pop3.wants_read());
    assert_eq!(pop3.read_from(&mut &b"NOOP"[..]).unwrap(), 4);
    // The end of the stream is read once and reported once.
    assert_eq!(pop3.read_from(&mut io::empty()).unwrap(), 0);
    assert!(pop3.recv_buf().is_eof());
    let Some((server::Event::Closed(server::CloseReason::End), _)) = pop3.poll().unwrap() else { panic!() };
    assert!(pop3.is_closed() && pop3.poll().unwrap().is_none());
    assert_eq!(pop3.read_from(&mut Silent).unwrap(), 0);
}

#[test]
fn a_farewell_to_an_idle_client_is_an_event() {
    let mut pop3 = logged_in();
    give(pop3.recv_buf(), b"-ERR Disconnected for inactivity\r\n");
    let Some((Event::Farewell(status), mut sender)) = pop3.poll().unwrap() else { panic!() };
    assert_eq!(status.to_string(), "Disconnected for inactivity");
    assert!(sender.send(Command::Noop).is_err());
    assert_eq!(pop3.poll().unwrap_err(), ConnectionError::Unsolicited);
}

#[test]
fn a_timer_that_runs_out_ends_either_connection() {
    let mut pop3 = ClientConnection::new(TlsPolicy::Cleartext, 1);
    let due = pop3.tick(Duration::from_millis(500)).unwrap().unwrap();
    assert!(due > Duration::from_millis(500));
    assert_eq!(pop3.tick(due), Err(ConnectionError::TimedOut(Timer::Greeting)));
    assert!(pop3.is_closed() && pop3.poll().is_err());

    let mut pop3: ServerConnection<Mail, Vec<u8>> = ServerConnection::new(&CONFIG, 1);
    let Some((server::Event::Greet(token), mut responder)) = pop3.poll().unwrap() else { panic!() };
    responder.greet(token, Text::EMPTY).unwrap();
    assert!(pop3.poll().unwrap().is_none());
    pop3.send_buf().clear();
    let due = pop3.tick(Duration::ZERO).unwrap().unwrap();
    assert_eq!(pop3.tick(due), Err(ConnectionError::TimedOut(Timer::Login)));
    assert!(pop3.is_closed() && pop3.poll().is_err());
}

/// Accepts bytes one by one, with an interruption before each; then it blocks.
struct Slow {
    taken: Vec<u8>,
    most: usize,
    interrupted: bool,
}

impl Write for Slow {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.interrupted = !self.interrupted;
        if self.interrupted {
            return Err(ErrorKind::Interrupted.into());
        }
        if self.taken.len() == self.most {
            return Err(ErrorKind::WouldBlock.into());
        }
        self.taken.push(bytes[0]);
        Ok(1)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_write_that_fails_keeps_the_remaining_bytes() {
    let mut pop3 = logged_in();
    pop3.sender().send(command("STAT")).unwrap();
    let mut slow = Slow { taken: Vec::new(), most: 3, interrupted: false };
    assert_eq!(pop3.write_to(&mut slow).unwrap_err().kind(), ErrorKind::WouldBlock);
    assert_eq!(pop3.send_buf().pending(), b"T\r\n");
    slow.most = 6;
    pop3.write_to(&mut slow).unwrap();
    assert_eq!(slow.taken, b"STAT\r\n");
    hear(&mut pop3, "+OK 0 0\r\n");
}
