//! Over real sockets: bytes in cleartext between STLS and the handshake.

use embedded_io::{ErrorKind, ErrorType, Read, Write};
use pop3_embedded::pop3_proto::client::{ClientConfig, Event, StartTls};
use pop3_embedded::pop3_proto::server::{self, ServerConfig};
use pop3_embedded::pop3_proto::{Command, ConnectionError, Limits, Text, TlsPolicy};
use pop3_embedded::{Connection, Error, Session, StartTlsError};
use std::convert::Infallible;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

static SERVER: ServerConfig<'_> = ServerConfig::new(TlsPolicy::Required);
const CLIENT: ClientConfig =
    ClientConfig::new(TlsPolicy::Required).with_limits(Limits::DEFAULT.with_sasl_line(512));

/// A socket of std.
#[derive(Debug)]
struct Socket(TcpStream);

impl ErrorType for Socket {
    type Error = ErrorKind;
}

impl Read for Socket {
    fn read(&mut self, to: &mut [u8]) -> Result<usize, ErrorKind> {
        self.0.read(to).map_err(|_| ErrorKind::Other)
    }
}

impl Write for Socket {
    fn write(&mut self, from: &[u8]) -> Result<usize, ErrorKind> {
        self.0.write(from).map_err(|_| ErrorKind::Other)
    }

    fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

/// Returns both ends of a connection: the adapter's, and the peer's.
fn pair() -> (Socket, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (Socket(near), listener.accept().unwrap().0)
}

/// Accepts only a handshake record, as TLS does with its first bytes.
fn handshake(mut socket: Socket) -> Result<Socket, ErrorKind> {
    let mut first = [0];
    socket.read(&mut first)?;
    if first == [0x16] { Ok(socket) } else { Err(ErrorKind::InvalidData) }
}

fn now() -> Duration {
    Duration::ZERO
}

type Client = Connection<Socket, fn() -> Duration, [u8; 512]>;

/// Returns a client that has sent STLS, and the result.
fn client(socket: Socket) -> (Client, Result<StartTls, Error<ErrorKind>>) {
    let mut pop3 = Connection::new(CLIENT, 1, socket, now as fn() -> Duration, [0; 512], [0; 512]).unwrap();
    loop {
        let failed = match pop3.next() {
            Ok(Some((Event::Greeting(_), mut sender))) => {
                sender.send(Command::Stls).unwrap();
                continue;
            }
            Ok(Some((Event::StartTls(start), _))) => Ok(start),
            Ok(other) => panic!("{other:?}"),
            Err(error) => Err(error),
        };
        return (pop3, failed);
    }
}

type Server = Session<Socket, fn() -> Duration, Infallible, [u8; 512]>;

/// Returns a server, and the result of STLS.
fn server(socket: Socket) -> (Server, Result<server::StartTls, Error<ErrorKind>>) {
    let mut pop3 = Session::new(&SERVER, 1, socket, now as fn() -> Duration, [0; 512], [0; 512]).unwrap();
    loop {
        let failed = match pop3.next() {
            Ok(Some((server::Event::Greet(greet), mut responder))) => {
                responder.greet(greet, Text::from_static("ready")).unwrap();
                continue;
            }
            Ok(Some((server::Event::StartTls(start), _))) => Ok(start),
            Ok(other) => panic!("{other:?}"),
            Err(error) => Err(error),
        };
        return (pop3, failed);
    }
}

#[test]
fn a_client_and_a_server_start_tls_over_a_socket() {
    let (socket, mut peer) = pair();
    peer.write_all(b"+OK ready\r\n").unwrap();
    let responds = std::thread::spawn(move || {
        peer.read_exact(&mut [0; 6]).unwrap();
        peer.write_all(b"+OK begin\r\n").unwrap();
        peer
    });
    let (pop3, start) = client(socket);
    responds.join().unwrap().write_all(b"\x16").unwrap();
    assert!(pop3.start_tls(start.unwrap(), handshake).unwrap().client().is_tls());

    let (socket, mut peer) = pair();
    peer.write_all(b"STLS\r\n").unwrap();
    let (pop3, start) = server(socket);
    peer.write_all(b"\x16").unwrap();
    assert!(pop3.start_tls(start.unwrap(), handshake).unwrap().server().is_tls());
}

#[test]
fn law_8_a_client_takes_no_byte_that_is_injected_after_stls() {
    for together in [true, false] {
        let (socket, mut peer) = pair();
        peer.write_all(b"+OK ready\r\n").unwrap();
        let responds = std::thread::spawn(move || {
            peer.read_exact(&mut [0; 6]).unwrap();
            let injected: &[u8] = if together { b"+OK injected\r\n" } else { b"" };
            peer.write_all(&[b"+OK begin\r\n", injected].concat()).unwrap();
            peer
        });
        let (pop3, start) = client(socket);
        let mut peer = responds.join().unwrap();
        if together {
            assert_eq!(start.unwrap_err(), Error::Connection(ConnectionError::PlaintextAfterStls));
            continue;
        }
        peer.write_all(b"+OK injected\r\n").unwrap();
        let failed = pop3.start_tls(start.unwrap(), handshake).unwrap_err();
        assert_eq!(failed, StartTlsError::Handshake(ErrorKind::InvalidData));
    }
}

#[test]
fn law_8_a_server_takes_no_byte_that_is_injected_after_stls() {
    for together in [true, false] {
        let (socket, mut peer) = pair();
        peer.write_all(if together { b"STLS\r\nCAPA\r\n" } else { b"STLS\r\n" }).unwrap();
        let (pop3, start) = server(socket);
        if together {
            assert_eq!(start.unwrap_err(), Error::Connection(ConnectionError::PlaintextAfterStls));
            continue;
        }
        peer.write_all(b"CAPA\r\n").unwrap();
        let failed = pop3.start_tls(start.unwrap(), handshake).unwrap_err();
        assert_eq!(failed, StartTlsError::Handshake(ErrorKind::InvalidData));
    }
}
