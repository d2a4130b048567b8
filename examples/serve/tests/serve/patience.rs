//! Clients that do nothing, and a server that ends.

use crate::kit::{LOGIN, Site, say};
use pop3_proto_serve::Door;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

/// Serves over a pipe that holds few bytes, so the clock can be paused.
fn serve(door: Door) -> (DuplexStream, JoinHandle<String>) {
    let (near, far) = duplex(1024);
    let session = tokio::spawn(async move {
        match door.serve(far, IpAddr::V4(Ipv4Addr::LOCALHOST)).await {
            Ok(why) => format!("{why:?}"),
            Err(error) => error.to_string(),
        }
    });
    (near, session)
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_reads_is_given_up_and_its_maildrop_is_free() {
    let site = Site::with(&["A line of text.\n".repeat(100_000).as_bytes()]);
    let start = Instant::now();
    let (mut client, session) = serve(site.door());
    client.write_all(format!("{LOGIN}RETR 1\r\n").as_bytes()).await.unwrap();
    assert_eq!(session.await.unwrap(), "the output timer ran out");
    let took = start.elapsed().as_secs();
    assert!((180..190).contains(&took), "{took}");
    let (mut next, _session) = serve(site.door());
    next.write_all(format!("{LOGIN}STAT\r\nQUIT\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    next.read_to_string(&mut answer).await.unwrap();
    assert!(answer.contains("+OK 1 1700000\r\n"), "{answer}");
}

/// Complete lines restart the timer, single bytes do not (RFC 1939 section 3).
#[tokio::test(start_paused = true)]
async fn a_silent_client_is_logged_out_without_update() {
    let site = Site::with(&[b"\none\n"]);
    let (mut client, session) = serve(site.door());
    client.write_all(format!("{LOGIN}DELE 1\r\n").as_bytes()).await.unwrap();
    let start = Instant::now();
    for _ in 0..4 {
        sleep(Duration::from_secs(590)).await;
        client.write_all(b"NOOP\r\n").await.unwrap();
    }
    client.write_all(b"N").await.unwrap();
    assert_eq!(session.await.unwrap(), "the autologout timer ran out");
    let took = start.elapsed().as_secs();
    assert!((4 * 590 + 600..4 * 590 + 610).contains(&took), "{took}");
    assert_eq!(site.files().len(), 1);
}

#[tokio::test]
async fn a_server_that_ends_lets_sessions_end_and_cuts_the_others() {
    let site = Site::with(&[b"\none\n", b"\ntwo\n"]);
    let server = site.serve().await;
    let mut stream = server.connect().await;
    say(&mut stream, &format!("{LOGIN}DELE 1\r\n"), 4).await;
    let address = server.address;
    let ending = tokio::spawn(server.shutdown.end(Duration::from_secs(20)));
    while tokio::net::TcpStream::connect(address).await.is_ok() {
        sleep(Duration::from_millis(5)).await;
    }
    // No new session is accepted, but this one continues, up to its QUIT.
    assert!(!ending.is_finished());
    assert!(say(&mut stream, "STAT\r\nQUIT\r\n", 2).await.starts_with("+OK 1 7\r\n+OK bye"));
    drop(stream);
    let start = std::time::Instant::now();
    ending.await.unwrap();
    assert!(start.elapsed() < Duration::from_secs(10));
    assert_eq!(site.files().len(), 1);
}
