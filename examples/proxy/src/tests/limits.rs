//! How many connections there may be in front.

use super::CONFIG;
use crate::listen::{Door, serve};
use crate::tls;
use pop3_proto_basics::guests::Guests;
use rustls::pki_types::ServerName;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpSocket};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

type Stream = TlsStream<tokio::net::TcpStream>;

/// A proxy with these limits.
struct Front {
    address: SocketAddr,
    connector: TlsConnector,
}

impl Front {
    async fn start(most: usize, most_of_one: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (acceptor, connector) = tls::self_signed("localhost").unwrap();
        let guests = Guests::new(most, most_of_one);
        let door = Door { config: &CONFIG, tls: acceptor, table: Arc::default(), guests };
        tokio::spawn(serve(listener, door.into()));
        Front { address, connector }
    }

    /// Connects from 127.0.0.`last`. Returns `None` if that is refused.
    async fn greeted(&self, last: u8) -> Option<Stream> {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from(([127, 0, 0, last], 0))).unwrap();
        let stream = socket.connect(self.address).await.unwrap();
        let tls = self.connector.connect(ServerName::try_from("localhost").unwrap(), stream);
        let mut stream = timeout(Duration::from_secs(30), tls).await.unwrap().ok()?;
        let mut greeting = [0; 3];
        stream.read_exact(&mut greeting).await.ok().filter(|_| &greeting == b"+OK")?;
        Some(stream)
    }

    /// Does the same once an ended connection is no longer counted.
    async fn greeted_again(&self, last: u8) -> Stream {
        for _ in 0..500 {
            if let Some(stream) = self.greeted(last).await {
                return stream;
            }
            sleep(Duration::from_millis(10)).await;
        }
        panic!("it stays full");
    }
}

#[tokio::test]
async fn one_address_cannot_take_all_connections() {
    let front = Front::start(100, 2).await;
    let first = front.greeted(1).await.unwrap();
    let _second = front.greeted(1).await.unwrap();
    assert!(front.greeted(1).await.is_none());
    let _other = front.greeted(2).await.unwrap();
    drop(first);
    let _again = front.greeted_again(1).await;
    assert!(front.greeted(1).await.is_none());
}

#[tokio::test]
async fn all_addresses_together_have_a_limit() {
    let front = Front::start(3, 2).await;
    let mut here = vec![front.greeted(1).await.unwrap(), front.greeted(2).await.unwrap()];
    here.push(front.greeted(3).await.unwrap());
    assert!(front.greeted(4).await.is_none());
    here.pop();
    here.push(front.greeted_again(4).await);
    assert!(front.greeted(1).await.is_none());
}

/// A connection that never begins its handshake counts too.
#[tokio::test]
async fn a_silent_connection_counts() {
    let front = Front::start(1, 1).await;
    let silent = tokio::net::TcpStream::connect(front.address).await.unwrap();
    assert!(front.greeted(2).await.is_none());
    drop(silent);
    front.greeted_again(2).await;
}
