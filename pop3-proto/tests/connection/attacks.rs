//! Unsolicited bytes from a server, and tokens of other connections.

use super::{Pop3Client, give, hear, logged_in, retr};
use pop3_proto::client::{Event, SendError, StartTls};
use pop3_proto::{AnswerError, ClientConnection, Command, ConnectionError, TlsPolicy};

#[test]
fn a_second_response_to_one_command_is_never_the_response_to_the_next() {
    let mut pop3 = logged_in();
    pop3.sender().send(retr(1)).unwrap();
    give(pop3.recv_buf(), b"+OK\r\none\r\n.\r\n+OK\r\nforged\r\n.\r\n");
    loop {
        let (event, mut sender) = pop3.poll().unwrap().unwrap();
        if let Event::End(..) = event {
            assert_eq!(sender.send(retr(2)), Err(SendError::Over));
            break;
        }
    }
    assert!(!pop3.is_closed(), "the error is not yet returned");
    assert_eq!(pop3.poll().unwrap_err(), ConnectionError::Unsolicited);
    assert!(pop3.is_closed());
}

#[test]
fn bytes_between_two_polls_are_never_the_response_to_the_next_command() {
    let mut pop3 = logged_in();
    give(pop3.recv_buf(), b"+OK surplus\r\n");
    assert_eq!(pop3.sender().send(Command::Noop), Err(SendError::Over));
    assert_eq!(pop3.poll().unwrap_err(), ConnectionError::Unsolicited);
    assert!(pop3.send_buf().pending().is_empty());
}

#[test]
fn forged_responses_after_a_refused_stls_are_fatal() {
    let mut pop3 = ClientConnection::new(TlsPolicy::Opportunistic, 1);
    hear(&mut pop3, "+OK ready\r\n");
    pop3.sender().send(Command::Stls).unwrap();
    give(pop3.recv_buf(), b"-ERR no\r\n+OK\r\n+OK\r\n");
    assert!(matches!(pop3.poll(), Ok(Some((Event::Refused(..), _)))));
    assert_eq!(pop3.sender().send(Command::Capa), Err(SendError::Over));
    assert_eq!(pop3.poll().unwrap_err(), ConnectionError::Unsolicited);
}

fn start(id: u64) -> (Pop3Client, StartTls) {
    let mut pop3 = ClientConnection::new(TlsPolicy::Required, id);
    hear(&mut pop3, "+OK ready\r\n");
    pop3.sender().send(Command::Stls).unwrap();
    give(pop3.recv_buf(), b"+OK\r\n");
    let Some((Event::StartTls(start), _)) = pop3.poll().unwrap() else { panic!() };
    (pop3, start)
}

#[test]
fn law_7_a_handshake_token_of_another_connection_is_refused() {
    let ((mut one, own), (_, theirs)) = (start(1), start(2));
    assert_eq!(one.tls_started(theirs), Err(AnswerError::OtherConnection));
    assert!(!one.client().is_tls());
    one.tls_started(own).unwrap();
    assert!(one.client().is_tls());
}
