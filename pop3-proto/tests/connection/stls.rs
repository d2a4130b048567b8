//! Law 8 for both connections: an unencrypted byte after STLS is fatal, whenever it is received.

use super::{Mail, command, give, hear};
use pop3_proto::client::{self, Event};
use pop3_proto::server::{self, ServerConfig};
use pop3_proto::{AnswerError, ClientConnection, ConnectionError, ServerConnection, State, Text, TlsPolicy};

const INJECTED: &[u8] = b"+OK\r\n+OK in\r\n";

fn asked() -> ClientConnection<Vec<u8>> {
    let mut pop3 = ClientConnection::new(TlsPolicy::Required, 1);
    hear(&mut pop3, "+OK ready <1.2@example.com>\r\n");
    pop3.sender().send(command("STLS")).unwrap();
    pop3
}

fn start(pop3: &mut ClientConnection<Vec<u8>>) -> client::StartTls {
    let Some((Event::StartTls(start), _)) = pop3.poll().unwrap() else { panic!() };
    start
}

#[test]
fn law_8_a_client_continues_inside_tls() {
    let mut pop3 = asked();
    give(pop3.recv_buf(), b"+OK begin\r\n");
    let start = start(&mut pop3);
    assert!(pop3.poll().unwrap().is_none() && !pop3.is_waiting());
    pop3.tls_started(start).unwrap();
    assert!(pop3.client().is_tls());
    pop3.sender().send(command("USER mrose")).unwrap();
    hear(&mut pop3, "+OK\r\n");
}

#[test]
fn law_8_a_client_takes_no_byte_in_cleartext_after_stls() {
    for count in 1..=INJECTED.len() {
        let injected = &INJECTED[..count];
        // Received together with the response to STLS.
        let mut pop3 = asked();
        give(pop3.recv_buf(), &[b"+OK begin\r\n", injected].concat());
        assert_eq!(pop3.poll().unwrap_err(), ConnectionError::PlaintextAfterStls);
        // Received after the response and before the handshake. `poll` sees it before the stream is handed over.
        let mut pop3 = asked();
        give(pop3.recv_buf(), b"+OK begin\r\n");
        let _start = start(&mut pop3);
        give(pop3.recv_buf(), injected);
        assert_eq!(pop3.poll().unwrap_err(), ConnectionError::PlaintextAfterStls);
        // The caller reports the handshake without polling first.
        let mut pop3 = asked();
        give(pop3.recv_buf(), b"+OK begin\r\n");
        let start = start(&mut pop3);
        give(pop3.recv_buf(), injected);
        pop3.tls_started(start).unwrap();
        assert!(!pop3.client().is_tls());
        assert_eq!(pop3.poll().unwrap_err(), ConnectionError::PlaintextAfterStls);
        assert!(pop3.sender().send(command("CAPA")).is_err());
    }
}

static CONFIG: ServerConfig<'_> = ServerConfig::new(TlsPolicy::Required);

type Pop3 = ServerConnection<Mail, Vec<u8>>;

/// Returns a server that received these bytes after its greeting.
fn server(lines: &[u8]) -> Pop3 {
    let mut pop3 = ServerConnection::new(&CONFIG, 1);
    let Some((server::Event::Greet(token), mut responder)) = pop3.poll().unwrap() else { panic!() };
    responder.greet(token, Text::from_static("ready")).unwrap();
    pop3.send_buf().clear();
    give(pop3.recv_buf(), lines);
    pop3
}

fn server_start(pop3: &mut Pop3) -> server::StartTls {
    let Some((server::Event::StartTls(start), _)) = pop3.poll().unwrap() else { panic!() };
    start
}

#[test]
fn law_8_a_server_continues_inside_tls() {
    let mut pop3 = server(b"STLS\r\n");
    let start = server_start(&mut pop3);
    assert!(pop3.send_buf().pending().starts_with(b"+OK "));
    assert!(pop3.poll().unwrap().is_none() && pop3.wants_answer() && !pop3.wants_read());
    pop3.send_buf().clear();
    pop3.tls_started(start).unwrap();
    assert!(pop3.server().is_tls() && pop3.poll().unwrap().is_none() && pop3.wants_read());
    give(pop3.recv_buf(), b"USER mrose\r\n");
    assert!(matches!(pop3.poll(), Ok(Some((server::Event::User(..), _)))));
}

#[test]
fn law_8_a_server_takes_no_byte_in_cleartext_after_stls() {
    let commands = b"USER mrose\r\n";
    for count in 1..=commands.len() {
        let injected = &commands[..count];
        let mut pop3 = server(&[b"STLS\r\n", injected].concat());
        assert_eq!(pop3.poll().unwrap_err(), ConnectionError::PlaintextAfterStls);
        assert!(pop3.is_closed());

        let mut pop3 = server(b"STLS\r\n");
        let _start = server_start(&mut pop3);
        give(pop3.recv_buf(), injected);
        assert_eq!(pop3.poll().unwrap_err(), ConnectionError::PlaintextAfterStls);

        let mut pop3 = server(b"STLS\r\n");
        let start = server_start(&mut pop3);
        give(pop3.recv_buf(), injected);
        pop3.tls_started(start).unwrap();
        assert!(!pop3.server().is_tls());
        assert_eq!(pop3.poll().unwrap_err(), ConnectionError::PlaintextAfterStls);
    }
}

#[test]
fn law_7_a_server_takes_no_handshake_of_another_connection() {
    let mut one = server(b"STLS\r\n");
    let own = server_start(&mut one);
    let mut two = ServerConnection::<Mail, Vec<u8>>::new(&CONFIG, 2);
    let Some((server::Event::Greet(token), mut responder)) = two.poll().unwrap() else { panic!() };
    responder.greet(token, Text::EMPTY).unwrap();
    give(two.recv_buf(), b"STLS\r\n");
    let Some((server::Event::StartTls(theirs), _)) = two.poll().unwrap() else { panic!() };
    assert_eq!(one.tls_started(theirs), Err(AnswerError::OtherConnection));
    one.tls_started(own).unwrap();
    assert_eq!(one.server().state(), State::Authorization);
}
