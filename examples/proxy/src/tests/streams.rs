//! The driver: short writes, small buffers, both ends.

use super::*;
use crate::relay;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex, split};
use tokio::net::TcpListener;
use tokio::time::timeout;

/// A relay that waits in vain fails its test instead of hanging.
const PATIENCE: Duration = Duration::from_secs(30);

/// More bytes than all buffers on the way hold, in both directions at once. The client's stream has room for
/// three bytes.
#[tokio::test]
async fn a_megabyte_passes_both_ways_three_bytes_at_a_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let table = Table::parse(&format!("mrose {}", listener.local_addr().unwrap())).unwrap();
    let (client, front) = duplex(3);
    let proxy = tokio::spawn(relay::run(front, Proxy::new(&CONFIG, Arc::new(table), 1)));
    let up: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
    let down: Vec<u8> = (0..250_000_u32).flat_map(u32::to_be_bytes).collect();

    let (expected, answers) = ([LOGIN.as_bytes(), &up].concat(), down.clone());
    let back_end = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut received = vec![0; LOGIN.len()];
        stream.write_all(b"+OK\r\n").await.unwrap();
        let name = LOGIN.find('\n').unwrap() + 1;
        stream.read_exact(&mut received[..name]).await.unwrap();
        stream.write_all(b"+OK\r\n").await.unwrap();
        stream.read_exact(&mut received[name..]).await.unwrap();
        stream.write_all(&[b"+OK\r\n", &answers[..]].concat()).await.unwrap();
        stream.read_to_end(&mut received).await.unwrap();
        assert!(received == expected, "bytes were lost or doubled on their way to the back end");
    });

    let (mut read, mut write) = split(client);
    let sent = tokio::spawn(async move {
        write.write_all(&[LOGIN.as_bytes(), &up].concat()).await.unwrap();
        write.shutdown().await.unwrap();
    });
    let mut received = Vec::new();
    timeout(PATIENCE, read.read_to_end(&mut received)).await.unwrap().unwrap();
    let expected = [ASKED.as_bytes(), b"+OK maildrop open\r\n", &down].concat();
    assert!(received == expected, "bytes were lost or doubled on their way to the client");
    sent.await.unwrap();
    timeout(PATIENCE, back_end).await.unwrap().unwrap();
    timeout(PATIENCE, proxy).await.unwrap().unwrap().unwrap();
}

/// No program listens at that port any longer.
#[tokio::test]
async fn no_back_end_listens() {
    let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let table = Table::parse(&format!("mrose {address}")).unwrap();
    let (mut client, front) = duplex(1024);
    let proxy = tokio::spawn(relay::run(front, Proxy::new(&CONFIG, Arc::new(table), 1)));
    client.write_all(format!("{LOGIN}QUIT\r\n").as_bytes()).await.unwrap();
    let mut received = String::new();
    timeout(PATIENCE, client.read_to_string(&mut received)).await.unwrap().unwrap();
    assert!(received.contains("-ERR [SYS/TEMP]") && received.ends_with("+OK bye\r\n"), "{received}");
    drop(client);
    timeout(PATIENCE, proxy).await.unwrap().unwrap().unwrap();
}

/// A back end that resets the connection in the middle of a session ends it, and its earlier bytes still
/// arrive.
#[tokio::test]
async fn a_back_end_that_breaks_off_ends_the_session() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let table = Table::parse(&format!("mrose {}", listener.local_addr().unwrap())).unwrap();
    let (mut client, front) = duplex(1024);
    let proxy = tokio::spawn(relay::run(front, Proxy::new(&CONFIG, Arc::new(table), 1)));
    let back_end = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        for _command in ["USER", "PASS"] {
            stream.write_all(b"+OK\r\n").await.unwrap();
            while stream.read_u8().await.unwrap() != b'\n' {}
        }
        stream.write_all(b"+OK\r\n-ERR out of order\r\n").await.unwrap();
        stream.read_u8().await.unwrap(); // the rest of STAT is unread, so dropping the stream resets the connection
    });
    client.write_all(format!("{LOGIN}STAT\r\n").as_bytes()).await.unwrap();
    let mut received = String::new();
    timeout(PATIENCE, client.read_to_string(&mut received)).await.unwrap().unwrap();
    assert!(received.starts_with(ASKED), "{received}");
    drop(client);
    timeout(PATIENCE, back_end).await.unwrap().unwrap();
    timeout(PATIENCE, proxy).await.unwrap().unwrap().unwrap();
}
