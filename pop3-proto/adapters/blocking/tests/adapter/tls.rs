//! TLS by rustls.

use crate::kit::{MESSAGE, once, serve};
use pop3_blocking::pop3_proto::client::{Event, StartTls};
use pop3_blocking::pop3_proto::{
    ClientConfig, Command, ConnectionError, ServerConfig, Timer, Timers, TlsPolicy,
};
use pop3_blocking::{Connection, Error, Session};
use rustls::pki_types::{PrivateKeyDer, ServerName};
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread::sleep;
use std::time::{Duration, Instant};

static STLS: ServerConfig<'static> = ServerConfig::new(TlsPolicy::Required);
static IMPLICIT: ServerConfig<'static> = ServerConfig::new(TlsPolicy::Implicit);

/// Returns the configurations of both sides, with a certificate for localhost.
fn tls() -> (Arc<rustls::ClientConfig>, Arc<rustls::ServerConfig>) {
    let made = rcgen::generate_simple_self_signed(["localhost".into()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let client = rustls::ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let server = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    (Arc::new(client), Arc::new(server))
}

fn localhost() -> ServerName<'static> {
    ServerName::try_from("localhost").unwrap()
}

/// Continues until the server waits for the handshake.
fn ask_for_tls(pop3: &mut Connection<TcpStream>) -> Result<StartTls, Error> {
    while let Some((event, mut sender)) = pop3.next()? {
        match event {
            Event::Greeting(_) => _ = sender.send(Command::Stls)?,
            Event::StartTls(start) => return Ok(start),
            event => panic!("{event:?}"),
        }
    }
    panic!("the session is over")
}

#[test]
fn stls_in_one_call_on_both_sides() {
    let (client, server) = tls();
    let (address, served) = once(move |socket| {
        let mut pop3 = Session::new(socket, &STLS);
        let start = serve(&mut pop3, MESSAGE).unwrap().unwrap();
        let mut pop3 = pop3.start_rustls(start, server).unwrap();
        assert!(serve(&mut pop3, MESSAGE).unwrap().is_none());
        pop3.finish().unwrap();
    });
    let mut pop3 = Connection::connect(address, TlsPolicy::Required).unwrap();
    let start = ask_for_tls(&mut pop3).unwrap();
    let mut pop3 = pop3.start_rustls(start, client, localhost()).unwrap();
    pop3.log_in("mrose", "tanstaaf").unwrap();
    pop3.sender().send(Command::Quit).unwrap();
    assert!(matches!(pop3.next(), Ok(Some((Event::Closed(_), _)))));
    pop3.finish().unwrap();
    served.join().unwrap();
}

#[test]
fn tls_from_the_first_byte() {
    let (client, server) = tls();
    let (address, served) = once(move |socket| {
        let mut pop3 = Session::new_rustls(socket, server, &IMPLICIT).unwrap();
        serve(&mut pop3, MESSAGE).unwrap();
        pop3.finish().unwrap();
    });
    let mut pop3 = Connection::connect_rustls(address, client, localhost(), TlsPolicy::Implicit).unwrap();
    pop3.log_in("mrose", "tanstaaf").unwrap();
    pop3.sender().send(Command::Quit).unwrap();
    assert!(matches!(pop3.next(), Ok(Some((Event::Closed(_), _)))));
    pop3.finish().unwrap();
    served.join().unwrap();
}

/// Waits until there are received bytes that the program has not read.
fn wait_for_bytes(socket: &TcpStream) {
    assert!(socket.peek(&mut [0]).unwrap() > 0);
}

fn is_plaintext<T>(failed: Result<T, Error>) -> bool {
    matches!(failed, Err(Error::Connection(ConnectionError::PlaintextAfterStls)))
}

/// Returns whether TLS failed because it read the bytes as an invalid record.
fn is_in_handshake<T>(failed: Result<T, Error>) -> bool {
    failed.is_err_and(|error| matches!(error, Error::Io(error) if error.kind() == io::ErrorKind::InvalidData))
}

#[test]
fn law_8_bytes_injected_with_the_response_to_stls_are_fatal() {
    let (client, _) = tls();
    let (address, served) = once(|mut socket| {
        socket.write_all(b"+OK ready\r\n").unwrap();
        socket.read_exact(&mut [0; 6]).unwrap();
        socket.write_all(b"+OK begin\r\n+OK injected\r\n").unwrap();
        socket.read_to_end(&mut Vec::new()).unwrap()
    });
    let mut pop3 = Connection::connect(address, TlsPolicy::Required).unwrap();
    let asked = ask_for_tls(&mut pop3);
    assert!(is_plaintext(asked.and_then(|start| pop3.start_rustls(start, client, localhost()))));
    assert_eq!(served.join().unwrap(), 0, "nothing of the handshake is sent");
}

#[test]
fn law_8_bytes_injected_between_the_response_to_stls_and_the_handshake_are_fatal() {
    let (client, server) = tls();
    let (inject, injected) = channel();
    let (address, served) = once(move |mut socket| {
        socket.write_all(b"+OK ready\r\n").unwrap();
        socket.read_exact(&mut [0; 6]).unwrap();
        socket.write_all(b"+OK begin\r\n").unwrap();
        injected.recv().unwrap();
        socket.write_all(b"+OK injected\r\n").unwrap();
        // The server behind the attacker does the handshake.
        let mut tls = rustls::ServerConnection::new(server).unwrap();
        tls.complete_io(&mut socket).is_ok()
    });
    let mut pop3 = Connection::connect(address, TlsPolicy::Required).unwrap();
    let start = ask_for_tls(&mut pop3).unwrap();
    inject.send(()).unwrap();
    wait_for_bytes(pop3.stream());
    assert!(is_in_handshake(pop3.start_rustls(start, client, localhost())));
    assert!(!served.join().unwrap());
}

#[test]
fn law_8_a_server_takes_no_command_that_is_injected_with_stls() {
    let (address, served) = once(|socket| serve(&mut Session::new(socket, &STLS), MESSAGE).map(drop));
    let mut client = TcpStream::connect(address).unwrap();
    client.write_all(b"STLS\r\nCAPA\r\n").unwrap();
    assert!(is_plaintext(served.join().unwrap()));
}

#[test]
fn law_8_a_server_takes_no_command_that_is_injected_before_the_handshake() {
    let (client, server) = tls();
    let (address, served) = once(move |socket| {
        let mut pop3 = Session::new(socket, &STLS);
        let start = serve(&mut pop3, MESSAGE).unwrap().unwrap();
        // Send it now, so the client has the response.
        pop3.stream_for_tls(&start).unwrap();
        wait_for_bytes(pop3.stream());
        pop3.start_rustls(start, server).map(drop)
    });
    let mut socket = TcpStream::connect(address).unwrap();
    socket.write_all(b"STLS\r\n").unwrap();
    socket.read_exact(&mut [0; "+OK ready\r\n+OK begin TLS\r\n".len()]).unwrap();
    socket.write_all(b"CAPA\r\n").unwrap();
    let mut tls = rustls::ClientConnection::new(client, localhost()).unwrap();
    assert!(tls.complete_io(&mut socket).is_err());
    assert!(is_in_handshake(served.join().unwrap()));
}

#[test]
fn finish_ends_tls_with_its_farewell() {
    let (client, server) = tls();
    let (address, served) = once(move |socket| {
        let mut pop3 = Session::new_rustls(socket, server, &IMPLICIT).unwrap();
        serve(&mut pop3, MESSAGE).unwrap();
        pop3.finish().unwrap();
    });
    let tls = rustls::ClientConnection::new(client, localhost()).unwrap();
    let mut stream = rustls::StreamOwned::new(tls, TcpStream::connect(address).unwrap());
    stream.write_all(b"QUIT\r\n").unwrap();
    let mut said = String::new();
    stream.read_to_string(&mut said).expect("TLS ends with its farewell");
    assert_eq!(said.lines().count(), 2, "{said}");
    drop(stream);
    served.join().unwrap();
}

#[test]
fn tls_without_its_farewell_is_the_end_of_the_stream() {
    let (client, server) = tls();
    let (address, served) = once(move |socket| {
        let mut stream = rustls::StreamOwned::new(rustls::ServerConnection::new(server).unwrap(), socket);
        stream.write_all(b"+OK ready\r\n").unwrap();
        stream.read_exact(&mut [0; 6]).unwrap(); // QUIT, without a response
    });
    let mut pop3 = Connection::connect_rustls(address, client, localhost(), TlsPolicy::Implicit).unwrap();
    assert!(matches!(pop3.next(), Ok(Some((Event::Greeting(_), _)))));
    pop3.sender().send(Command::Quit).unwrap();
    assert!(matches!(pop3.next(), Ok(Some((Event::Closed(_), _)))));
    served.join().unwrap();
}

#[test]
fn a_deadline_ends_a_handshake() {
    let (client, _) = tls();
    let (address, served) = once(|mut socket| {
        socket.write_all(b"+OK ready\r\n").unwrap();
        socket.read_exact(&mut [0; 6]).unwrap();
        socket.write_all(b"+OK begin\r\n").unwrap();
        socket.read_to_end(&mut Vec::new()).ok();
    });
    let pop3 = Connection::connect(address, TlsPolicy::Required).unwrap();
    let mut pop3 = pop3.with_deadline(Duration::from_millis(300));
    let start = ask_for_tls(&mut pop3).unwrap();
    let failed = pop3.start_rustls(start, client, localhost()).map(drop);
    assert!(matches!(failed, Err(Error::Deadline)), "{failed:?}");
    served.join().unwrap();
}

#[test]
fn a_handshake_byte_by_byte_is_not_stretched() {
    let (client, _) = tls();
    let (address, served) = once(|mut socket| {
        socket.write_all(b"+OK ready\r\n").unwrap();
        socket.read_exact(&mut [0; 6]).unwrap();
        socket.write_all(b"+OK begin\r\n").unwrap();
        // A record that announces 16 KiB, one byte at a time.
        for byte in b"\x16\x03\x03\x40\x00".iter().chain(std::iter::repeat(&0)) {
            sleep(Duration::from_millis(10));
            if socket.write_all(&[*byte]).is_err() {
                break;
            }
        }
    });
    let timers = Timers::DEFAULT.with_tls(Duration::from_millis(200));
    let config = ClientConfig::new(TlsPolicy::Required).with_timers(timers);
    let mut pop3 = Connection::connect(address, config).unwrap();
    let start = ask_for_tls(&mut pop3).unwrap();
    let began = Instant::now();
    let error = pop3.start_rustls(start, client, localhost()).map(drop).unwrap_err();
    assert!(matches!(error, Error::Connection(ConnectionError::TimedOut(Timer::Tls))), "{error:?}");
    assert!(began.elapsed() < Duration::from_secs(5));
    served.join().unwrap();
}
