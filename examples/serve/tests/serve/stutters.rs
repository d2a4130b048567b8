//! Sessions on a stream that takes and gives little at a time, and is often not ready.

use crate::kit::{LOGIN, Site, connector};
use crate::stutter::Stutter;
use rustls::pki_types::ServerName;
use std::net::{IpAddr, Ipv4Addr};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn site() -> Site {
    let big = format!("\n{}.dot\n", "A line of text like any other.\n".repeat(2000));
    Site::with(&[b"\none\n", big.as_bytes(), b"\nthree\n"])
}

/// Returns the server's output to these commands over a socket.
async fn expected(site: &Site, commands: &str) -> String {
    site.serve().await.talk_alone(commands).await
}

#[tokio::test]
async fn each_byte_is_sent_exactly_once() {
    let read = format!("{LOGIN}LIST\r\nRETR 2\r\nTOP 2 3\r\nUIDL\r\nRETR 1\r\nRETR 3\r\nCAPA\r\nQUIT\r\n");
    let site = site();
    let expected = expected(&site, &read).await;
    let door = site.door();
    for most in [1, 7, 100, 5000] {
        let (mut near, far) = duplex(4096);
        let stream = Stutter::new(far, most);
        let client = async {
            near.write_all(read.as_bytes()).await.unwrap();
            let mut answer = String::new();
            near.read_to_string(&mut answer).await.unwrap();
            answer
        };
        let (answer, why) = tokio::join!(client, door.serve(stream, HERE));
        why.unwrap();
        assert!(answer == expected, "{most} at a time: {} bytes for {}", answer.len(), expected.len());
    }
}

#[tokio::test]
async fn neither_the_handshake_nor_the_removal_minds() {
    for most in [1, 100, 5000] {
        let site = site();
        let door = site.door();
        let connector = connector(&site.path().join("ca.pem"));
        let (mut near, far) = duplex(4096);
        let client = async {
            near.write_all(b"STLS\r\n").await.unwrap();
            let mut said = Vec::new();
            while said.iter().filter(|octet| **octet == b'\n').count() < 2 {
                said.push(near.read_u8().await.unwrap());
            }
            assert_eq!(said, b"+OK ready\r\n+OK begin TLS\r\n");
            let name = ServerName::try_from("localhost").unwrap();
            let mut near = connector.connect(name, near).await.unwrap();
            near.write_all(format!("{LOGIN}DELE 1\r\nDELE 3\r\nSTAT\r\nQUIT\r\n").as_bytes()).await.unwrap();
            let mut answer = String::new();
            near.read_to_string(&mut answer).await.unwrap();
            answer
        };
        let stream = Stutter::new(far, most);
        let (answer, why) = tokio::join!(client, door.serve(stream, HERE));
        why.unwrap();
        let lines: Vec<_> = answer.lines().collect();
        assert_eq!(
            lines[..4],
            ["+OK send PASS", "+OK maildrop open", "+OK marked for deletion", "+OK marked for deletion"]
        );
        assert_eq!(lines[4..], ["+OK 1 64008", "+OK bye"]);
        assert_eq!(site.files(), ["1700000002.M2.example"]);
    }
}
