//! The PROXY protocol: whose address counts, and which bytes are the client's.

use crate::kit::{NAME, Server, Site, connector, rest, say};
use pop3_proto::TlsPolicy;
use pop3_proto_serve::users::Users;
use pop3_proto_serve::{Door, Guests, Host, Proxies, config};
use rustls::pki_types::ServerName;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
const BALANCER: &str = "127.0.0.1";
const CLIENT: &str = "192.0.2.7";
const CLIENT_6: &str = "2001:db8::7";
const CLOSED: &[u8] = b"";
const REFUSED: &[u8] = b"-ERR [SYS/TEMP] temporary failure, try again later\r\n";
const SERVED: &[u8] = b"+OK ready\r\n+OK bye\r\n";

/// Returns a header of version 2.
fn v2(command: u8, family: u8, block: &[&[u8]]) -> Vec<u8> {
    let block = block.concat();
    let length = (block.len() as u16).to_be_bytes();
    [SIGNATURE, &[0x20 | command, family], &length, &block].concat()
}

const V4: &[u8] = &[192, 0, 2, 7, 127, 0, 0, 1, 0xC0, 0, 0, 110];
const V6: &[u8] = &[
    0x20, 1, 0xD, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
    0xC0, 0, 0, 110,
];
/// ALPN, a unique identifier, padding, and a type that no standard defines.
const TLVS: &[u8] = b"\x01\x00\x04pop3\x05\x00\x03abc\x04\x00\x02\x00\x00\xE5\x00\x01x";

/// Headers, and the address that counts with each.
fn headers() -> Vec<(Vec<u8>, &'static str)> {
    let v1 = |text: &str| format!("PROXY {text}\r\n").into_bytes();
    let longest = v1(&format!("UNKNOWN {}", "f".repeat(91)));
    assert_eq!(longest.len(), 107);
    vec![
        (v1("TCP4 192.0.2.7 127.0.0.1 49152 110"), CLIENT),
        (v1("TCP6 2001:db8::7 ::1 49152 110"), CLIENT_6),
        (v1("UNKNOWN"), BALANCER),
        (longest, BALANCER),
        (v2(1, 0x11, &[V4]), CLIENT),
        (v2(1, 0x21, &[V6]), CLIENT_6),
        (v2(1, 0x11, &[V4, TLVS]), CLIENT),
        (v2(1, 0x21, &[V6, b"\x04\x03\x00", &[0; 768]]), CLIENT_6),
        (v2(1, 0x00, &[]), BALANCER),
        (v2(1, 0x00, &[TLVS]), BALANCER),
        (v2(1, 0x31, &[&[b'/'; 216]]), BALANCER),
        // A health check.
        (v2(0, 0x00, &[]), BALANCER),
        (v2(0, 0x11, &[V4, TLVS]), BALANCER),
        (v2(0, 0x21, &[]), BALANCER),
        (v2(0, 0x41, &[b"of any family"]), BALANCER),
    ]
}

/// A server that limits the connections of each address.
struct Balanced {
    site: Site,
    host: Arc<Host>,
    server: Server,
}

impl Balanced {
    /// Returns a server that trusts a network.
    async fn with(trusted: &str, most_of_one: usize) -> Self {
        Self::start(trusted, most_of_one, false).await
    }

    async fn start(trusted: &str, most_of_one: usize, implicit: bool) -> Self {
        let site = Site::with(&[b"\none\n"]);
        let users = Users::one(NAME, "tanstaaf", &site.maildir()).unwrap();
        let host = Arc::new(Host::new(users, Guests::new(999, most_of_one), None));
        let policy = if implicit { TlsPolicy::Implicit } else { TlsPolicy::Opportunistic };
        let proxies = Proxies::new([trusted.parse().unwrap()]);
        let door = Door {
            host: Arc::clone(&host),
            config: Arc::new(config(policy)),
            implicit,
            proxies,
            ..site.door()
        };
        Balanced { site, host, server: Server::start(door).await }
    }

    /// Sends these parts one after the other, and returns the output. It is empty if the server has closed without one.
    async fn talk(&self, parts: &[&[u8]]) -> Vec<u8> {
        talk(self.server.connect().await, parts).await
    }

    /// Waits until no connection of this address counts.
    async fn is_free(&self, address: &str) {
        let address: IpAddr = address.parse().unwrap();
        while self.host.guests.welcome(address).is_none() {
            sleep(Duration::from_millis(1)).await;
        }
    }
}

async fn talk(mut stream: TcpStream, parts: &[&[u8]]) -> Vec<u8> {
    for (place, part) in parts.iter().enumerate() {
        if place > 0 {
            sleep(Duration::from_millis(2)).await; // the server reads the last part alone
        }
        if stream.write_all(part).await.is_err() {
            break; // closed already
        }
    }
    let mut output = Vec::new();
    let read = timeout(Duration::from_secs(30), stream.read_to_end(&mut output)).await.expect("it goes on");
    // A connection with unread bytes is reset.
    if read.is_err() { CLOSED.into() } else { output }
}

#[tokio::test]
async fn the_address_of_every_header_counts_at_every_cut() {
    let (one, many) = (Balanced::with("127.0.0.1/32", 1).await, Balanced::with("127.0.0.1/32", 999).await);
    for (header, address) in headers() {
        let _held = one.host.guests.welcome(address.parse().unwrap());
        let mut sessions = JoinSet::new();
        for (server, expected) in [(one.server.address, REFUSED), (many.server.address, SERVED)] {
            let all = [&header[..], b"QUIT\r\n"].concat();
            for cut in (1..all.len()).filter(|cut| *cut < 150 || cut + 50 > all.len()) {
                let all = all.clone();
                sessions.spawn(async move {
                    let (first, second) = all.split_at(cut);
                    let told = talk(TcpStream::connect(server).await.unwrap(), &[first, second]).await;
                    assert_eq!(told, expected, "{} {cut}", all.escape_ascii());
                });
            }
        }
        sessions.join_all().await;
    }
}

#[tokio::test]
async fn a_header_may_arrive_byte_by_byte_and_with_all_that_follows() {
    let balanced = Balanced::with("127.0.0.0/8", 1).await;
    let commands = b"USER mrose\r\nPASS tanstaaf\r\nRETR 1\r\nQUIT\r\n";
    for header in [&headers()[0].0, &headers()[6].0] {
        let single: Vec<_> = header.chunks(1).chain([&commands[..]]).collect();
        for parts in [single, vec![&[&header[..], commands].concat()]] {
            balanced.is_free(CLIENT).await;
            let told = String::from_utf8(balanced.talk(&parts).await).unwrap();
            assert!(told.ends_with("\r\n\r\none\r\n.\r\n+OK bye\r\n"), "{told}");
        }
    }
}

#[tokio::test]
async fn a_trusted_peer_that_sends_no_header_is_not_served() {
    let balanced = Balanced::with("127.0.0.1/32", 1).await;
    let long = |text: &str| format!("PROXY {text}\r\nQUIT\r\n").into_bytes();
    for junk in [
        b"USER mrose\r\nPASS tanstaaf\r\nQUIT\r\n".to_vec(),
        b"\x16\x03\x01\x02\x00\x01\x00".repeat(9),
        long("TCP4 192.0.2.777 127.0.0.1 49152 110"),
        long("TCP4 2001:db8::7 ::1 49152 110"),
        long("TCP5 192.0.2.7 127.0.0.1 49152 110"),
        long("TCP4 192.0.2.7 127.0.0.1 49152 70000"),
        long(&format!("UNKNOWN {}", "x".repeat(92))), // longer than a header may be
        long(&format!("UNKNOWN {}", "x".repeat(100_000))),
        [SIGNATURE, b"\x11\x11\x00\x0C", V4].concat(), // version 1
        v2(2, 0x11, &[V4]),
        v2(1, 0x41, &[V4]),
        v2(1, 0x21, &[V4]),
        v2(1, 0x11, &[V4, &[4, 0xFF, 0xFF], &[0; 65_000]]), // longer than a header may be
        SIGNATURE.repeat(3),
    ] {
        for cut in [0, 1, 12, 20] {
            let (first, second) = junk.split_at(cut);
            assert_eq!(balanced.talk(&[first, second]).await, CLOSED, "{} {cut}", junk.escape_ascii());
        }
    }
    assert_eq!(balanced.talk(&[b"PROXY UNKNOWN\r\nQUIT\r\n"]).await, SERVED);
}

/// Sends this to a server, and returns how many seconds it takes to end the connection. The clock must be paused.
async fn seconds_until_closed(start: &[u8]) -> u64 {
    let balanced = Balanced::with("127.0.0.1/32", 1).await;
    let begun = Instant::now();
    let mut stream = balanced.server.connect().await;
    stream.write_all(start).await.unwrap();
    let mut told = Vec::new();
    let _ = stream.read_to_end(&mut told).await; // without a timer, which the paused clock could choose
    assert_eq!(told, CLOSED, "{}", start.escape_ascii());
    begun.elapsed().as_secs()
}

#[tokio::test(start_paused = true)]
async fn a_header_that_is_not_complete_in_time_ends_the_connection() {
    for start in [&b""[..], b"P", b"PROXY TCP4 192", SIGNATURE, &v2(1, 0x21, &[V6])[..40]] {
        assert_eq!(seconds_until_closed(start).await, 10, "{}", start.escape_ascii());
    }
}

#[tokio::test(start_paused = true)]
async fn a_header_that_no_byte_can_complete_ends_the_connection_at_once() {
    let endless = format!("PROXY UNKNOWN {}", "x".repeat(93));
    for start in [b"Q", &v2(1, 0x21, &[V4])[..], &v2(1, 0x11, &[V4, &[0; 5_000]]), endless.as_bytes()] {
        assert_eq!(seconds_until_closed(start).await, 0, "{}", start.escape_ascii());
    }
}

/// Connects from another loopback address.
async fn connect_from(address: &str, server: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::new(address.parse().unwrap(), 0)).unwrap();
    socket.connect(server).await.unwrap()
}

#[tokio::test]
async fn a_header_from_any_other_address_is_input_of_a_client() {
    let balanced = Balanced::with("127.0.0.2/31", 1).await;
    for (header, address) in headers() {
        let all = [&header[..], b"\r\nQUIT\r\n"].concat();
        let told = balanced.talk(&[&all]).await;
        let told = String::from_utf8(told).unwrap();
        assert!(told.starts_with("+OK ready\r\n-ERR "), "{told}");
        // Nor does its address count.
        balanced.is_free(BALANCER).await;
        let held = balanced.host.guests.welcome(BALANCER.parse().unwrap());
        assert_eq!(balanced.talk(&[&all]).await, REFUSED);
        drop(held);
        if address != BALANCER {
            let stream = connect_from("127.0.0.3", balanced.server.address).await;
            assert_eq!(talk(stream, &[&header, b"QUIT\r\n"]).await, SERVED);
        }
    }
}

#[tokio::test]
async fn the_header_comes_before_tls() {
    let header = &headers()[6].0;
    let balanced = Balanced::start("127.0.0.1/32", 1, true).await;
    let connector = connector(&balanced.site.path().join("ca.pem"));
    let name = ServerName::try_from("localhost").unwrap();
    for _ in 0..2 {
        balanced.is_free(CLIENT).await;
        let mut stream = balanced.server.connect().await;
        stream.write_all(header).await.unwrap();
        let mut stream = connector.connect(name.clone(), stream).await.unwrap();
        assert!(balanced.host.guests.welcome(CLIENT.parse().unwrap()).is_none());
        stream.write_all(b"QUIT\r\n").await.unwrap();
        assert_eq!(rest(&mut stream).await, SERVED);
    }
    // Without a header, the handshake is not one.
    let stream = balanced.server.connect().await;
    assert!(connector.connect(name, stream).await.is_err());
}

#[tokio::test]
async fn stls_works_after_a_header() {
    let balanced = Balanced::with("127.0.0.1/32", 1).await;
    let mut stream = balanced.server.connect().await;
    stream.write_all(&headers()[0].0).await.unwrap();
    assert!(say(&mut stream, "STLS\r\n", 2).await.starts_with("+OK ready\r\n+OK "));
    let connector = connector(&balanced.site.path().join("ca.pem"));
    let mut stream = connector.connect(ServerName::try_from("localhost").unwrap(), stream).await.unwrap();
    stream.write_all(b"QUIT\r\n").await.unwrap();
    assert_eq!(rest(&mut stream).await, b"+OK bye\r\n");
}
