//! TLS by tokio-rustls.

use crate::sockets::{MESSAGE, serve};
use pop3_tokio::pop3_proto::client::{Event, StartTls};
use pop3_tokio::pop3_proto::{Command, ConnectionError, ServerConfig, Timer, TlsPolicy};
use pop3_tokio::{Connection, Error, Session};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, duplex};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, ServerName};
use tokio_rustls::{TlsAcceptor, TlsConnector, rustls};

static STLS: ServerConfig<'static> = ServerConfig::new(TlsPolicy::Required);
static IMPLICIT: ServerConfig<'static> = ServerConfig::new(TlsPolicy::Implicit);

/// Returns both sides, with a certificate for localhost.
fn tls() -> (TlsConnector, TlsAcceptor) {
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
    (Arc::new(client).into(), Arc::new(server).into())
}

fn localhost() -> ServerName<'static> {
    ServerName::try_from("localhost").unwrap()
}

/// Continues until the server waits for the handshake.
async fn ask_for_tls<S: AsyncRead + AsyncWrite + Unpin>(pop3: &mut Connection<S>) -> Result<StartTls, Error> {
    while let Some((event, mut sender)) = pop3.next().await? {
        match event {
            Event::Greeting(_) => _ = sender.send(Command::Stls)?,
            Event::StartTls(start) => return Ok(start),
            event => panic!("{event:?}"),
        }
    }
    panic!("the session is over")
}

async fn log_in_and_quit<S: AsyncRead + AsyncWrite + Unpin>(mut pop3: Connection<S>) {
    pop3.log_in("mrose", "tanstaaf").await.unwrap();
    pop3.sender().send(Command::Quit).unwrap();
    assert!(matches!(pop3.next().await, Ok(Some((Event::Closed(_), _)))));
    pop3.finish().await.unwrap();
}

#[tokio::test]
async fn stls_in_one_call_on_both_sides() {
    let (client, server) = tls();
    let (near, far) = duplex(256);
    let served = tokio::spawn(async move {
        let mut pop3 = Session::new(far, &STLS);
        let start = serve(&mut pop3, MESSAGE).await.unwrap().unwrap();
        let mut pop3 = pop3.start_rustls(start, &server).await.unwrap();
        assert!(serve(&mut pop3, MESSAGE).await.unwrap().is_none());
        pop3.finish().await.unwrap();
    });
    let mut pop3 = Connection::new(near, TlsPolicy::Required);
    let start = ask_for_tls(&mut pop3).await.unwrap();
    log_in_and_quit(pop3.start_rustls(start, &client, localhost()).await.unwrap()).await;
    served.await.unwrap();
}

#[tokio::test]
async fn tls_from_the_first_byte() {
    let (client, server) = tls();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let served = tokio::spawn(async move {
        let socket = listener.accept().await.unwrap().0;
        let mut pop3 = Session::accept_rustls(socket, &server, &IMPLICIT).await.unwrap();
        serve(&mut pop3, MESSAGE).await.unwrap();
        pop3.finish().await.unwrap();
    });
    let pop3 = Connection::connect_rustls(address, &client, localhost(), TlsPolicy::Implicit).await.unwrap();
    log_in_and_quit(pop3).await;
    served.await.unwrap();
}

fn is_plaintext<T>(failed: Result<T, Error>) -> bool {
    matches!(failed, Err(Error::Connection(ConnectionError::PlaintextAfterStls)))
}

/// Returns whether TLS failed because it read the bytes as an invalid record.
fn is_in_handshake<T>(failed: Result<T, Error>) -> bool {
    failed.is_err_and(|error| matches!(error, Error::Io(error) if error.kind() == io::ErrorKind::InvalidData))
}

/// Returns both ends of a connection over loopback.
async fn sockets() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    (near, listener.accept().await.unwrap().0)
}

#[tokio::test]
async fn law_8_bytes_injected_with_the_response_to_stls_are_fatal() {
    let (client, _) = tls();
    let (near, mut far) = sockets().await;
    let server = async move {
        far.write_all(b"+OK ready\r\n").await.unwrap();
        far.read_exact(&mut [0; 6]).await.unwrap();
        far.write_all(b"+OK begin\r\n+OK injected\r\n").await.unwrap();
        far.read_to_end(&mut Vec::new()).await.unwrap()
    };
    let client = async move {
        let mut pop3 = Connection::new(near, TlsPolicy::Required);
        match ask_for_tls(&mut pop3).await {
            Err(error) => Err(error),
            Ok(start) => pop3.start_rustls(start, &client, localhost()).await.map(drop),
        }
    };
    let (failed, handshake) = tokio::join!(client, server);
    assert!(is_plaintext(failed));
    assert_eq!(handshake, 0, "nothing of the handshake is sent");
}

#[tokio::test]
async fn law_8_bytes_injected_between_the_response_to_stls_and_the_handshake_are_fatal() {
    let (client, server) = tls();
    let (near, mut far) = sockets().await;
    let (inject, injected) = oneshot::channel();
    let server = async move {
        far.write_all(b"+OK ready\r\n").await.unwrap();
        far.read_exact(&mut [0; 6]).await.unwrap();
        far.write_all(b"+OK begin\r\n").await.unwrap();
        injected.await.unwrap();
        far.write_all(b"+OK injected\r\n").await.unwrap();
        server.accept(far).await.is_ok() // the server behind the attacker
    };
    let client = async move {
        let mut pop3 = Connection::new(near, TlsPolicy::Required);
        let start = ask_for_tls(&mut pop3).await.unwrap();
        inject.send(()).unwrap();
        pop3.stream().peek(&mut [0]).await.unwrap();
        pop3.start_rustls(start, &client, localhost()).await.map(drop)
    };
    let (failed, served) = tokio::join!(client, server);
    assert!(is_in_handshake(failed) && !served);
}

#[tokio::test]
async fn law_8_a_server_takes_no_command_that_is_injected_with_stls() {
    let (mut near, far) = sockets().await;
    near.write_all(b"STLS\r\nCAPA\r\n").await.unwrap();
    assert!(is_plaintext(serve(&mut Session::new(far, &STLS), MESSAGE).await));
}

#[tokio::test]
async fn law_8_a_server_takes_no_command_that_is_injected_before_the_handshake() {
    let (client, server) = tls();
    let (mut near, far) = sockets().await;
    let server = async move {
        let mut pop3 = Session::new(far, &STLS);
        let start = serve(&mut pop3, MESSAGE).await.unwrap().unwrap();
        pop3.stream_for_tls(&start).await.unwrap(); // now, so the client has the response
        pop3.stream().peek(&mut [0]).await.unwrap();
        pop3.start_rustls(start, &server).await.map(drop)
    };
    let client = async move {
        near.write_all(b"STLS\r\n").await.unwrap();
        near.read_exact(&mut [0; "+OK ready\r\n+OK begin TLS\r\n".len()]).await.unwrap();
        near.write_all(b"CAPA\r\n").await.unwrap();
        client.connect(localhost(), near).await.is_ok()
    };
    let (failed, shaken) = tokio::join!(server, client);
    assert!(is_in_handshake(failed) && !shaken);
}

#[tokio::test]
async fn tls_without_its_farewell_is_the_end_of_the_stream() {
    let (client, server) = tls();
    let (near, far) = sockets().await;
    let served = tokio::spawn(async move {
        let mut stream = server.accept(far).await.unwrap();
        stream.write_all(b"+OK ready\r\n").await.unwrap();
        stream.read_exact(&mut [0; 6]).await.unwrap(); // QUIT, without a response
    });
    let stream = client.connect(localhost(), near).await.unwrap();
    let mut pop3 = Connection::new(stream, TlsPolicy::Implicit);
    assert!(matches!(pop3.next().await, Ok(Some((Event::Greeting(_), _)))));
    pop3.sender().send(Command::Quit).unwrap();
    assert!(matches!(pop3.next().await, Ok(Some((Event::Closed(_), _)))));
    served.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_handshake_from_the_first_byte_has_thirty_seconds() {
    let (_, server) = tls();
    let (silent, far) = duplex(64);
    let began = tokio::time::Instant::now();
    let failed =
        Session::<_, crate::sockets::Mail, _>::accept_rustls(far, &server, &IMPLICIT).await.map(drop);
    assert!(matches!(failed, Err(Error::Io(error)) if error.kind() == io::ErrorKind::TimedOut));
    assert_eq!(began.elapsed().as_secs(), 30);
    drop(silent);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_ends_a_handshake() {
    let (client, _) = tls();
    let (near, mut far) = duplex(1024);
    let silent = tokio::spawn(async move {
        far.write_all(b"+OK ready\r\n").await.unwrap();
        far.read_exact(&mut [0; 6]).await.unwrap();
        far.write_all(b"+OK begin\r\n").await.unwrap();
        far.read_to_end(&mut Vec::new()).await.ok();
    });
    let mut pop3 = Connection::new(near, TlsPolicy::Required).with_deadline(Duration::from_secs(9));
    let start = ask_for_tls(&mut pop3).await.unwrap();
    let failed = pop3.start_rustls(start, &client, localhost()).await.map(drop);
    assert!(matches!(failed, Err(Error::Deadline)), "{failed:?}");
    silent.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_handshake_byte_by_byte_is_not_stretched() {
    let (client, _) = tls();
    let (near, mut far) = duplex(1024);
    let drips = tokio::spawn(async move {
        far.write_all(b"+OK ready\r\n").await.unwrap();
        far.read_exact(&mut [0; 6]).await.unwrap();
        far.write_all(b"+OK begin\r\n").await.unwrap();
        for byte in b"\x16\x03\x03\x40\x00".iter().chain(std::iter::repeat(&0)) {
            tokio::time::sleep(Duration::from_secs(1)).await;
            if far.write_all(&[*byte]).await.is_err() {
                break;
            }
        }
    });
    let mut pop3 = Connection::new(near, TlsPolicy::Required);
    let start = ask_for_tls(&mut pop3).await.unwrap();
    let error = pop3.start_rustls(start, &client, localhost()).await.map(drop).unwrap_err();
    assert!(matches!(error, Error::Connection(ConnectionError::TimedOut(Timer::Tls))), "{error:?}");
    drips.await.unwrap();
}
