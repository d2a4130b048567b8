//! TLS by tokio-rustls.

use crate::sockets::{MESSAGE, serve};
use pop3_tokio::pop3_proto::client::{Event, StartTls};
use pop3_tokio::pop3_proto::{Command, ConnectionError, ServerConfig, Timer, TlsPolicy};
use pop3_tokio::{Connection, Error, Session};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, duplex};
use tokio::net::TcpListener;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, ServerName};
use tokio_rustls::{TlsAcceptor, TlsConnector, rustls};

static STLS: ServerConfig<'static> = ServerConfig::new(TlsPolicy::Required);
static IMPLICIT: ServerConfig<'static> = ServerConfig::new(TlsPolicy::Implicit);

/// Both sides, with a certificate for localhost.
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

/// Goes on until the server waits for the handshake.
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

#[tokio::test]
async fn injected_bytes_are_fatal_before_the_handshake() {
    let (client, _) = tls();
    let (near, mut far) = duplex(256);
    far.write_all(b"+OK ready\r\n").await.unwrap();
    let mut pop3 = Connection::new(near, TlsPolicy::Required);
    let server = async {
        far.read_exact(&mut [0; 6]).await.unwrap();
        far.write_all(b"+OK begin\r\n+OK injected\r\n").await.unwrap();
    };
    let (asked, ()) = tokio::join!(ask_for_tls(&mut pop3), server);
    let error = match asked {
        Err(error) => error,
        Ok(start) => pop3.start_rustls(start, &client, localhost()).await.map(drop).unwrap_err(),
    };
    assert!(matches!(error, Error::Connection(ConnectionError::PlaintextAfterStls)), "{error:?}");
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
