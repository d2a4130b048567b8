//! Finds out which kind of server answers at a wrong port.

use super::account::Tls;
use rustls::ClientConnection;
use rustls::pki_types::ServerName;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long a server may take to answer a probe.
const PATIENCE: Duration = Duration::from_secs(3);
/// The maximum number of bytes to read from an answer.
const MOST: usize = 256;

/// Names the kind of server that begins with these bytes and says what to do, if it is one that is often found at a wrong
/// port.
pub(super) fn likely(bytes: &[u8], tls: Tls) -> Option<&'static str> {
    let begins = |words: &[&str]| {
        let starts = |word: &&str| {
            bytes.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word.as_bytes()))
        };
        words.iter().any(starts)
    };
    if is_tls(bytes) {
        Some("the server speaks TLS at this port: use pop3s://")
    } else if tls == Tls::Implicit && begins(&["+OK", "-ERR"]) {
        Some("the server speaks POP3 without TLS at this port: use pop3://")
    } else if begins(&["* OK", "* BYE", "* PREAUTH"]) {
        Some("this is an IMAP server: check the port")
    } else if begins(&["HTTP/", "<!DOCTYPE", "<html"]) {
        Some("this is an HTTP server: check the port")
    } else if begins(&["SSH-"]) {
        Some("this is an SSH server: check the port")
    } else if begins(&["220 ", "220-", "421 ", "554 ", "500 ", "501 ", "503 "]) {
        Some("this is an SMTP or FTP server: check the port")
    } else {
        None
    }
}

/// Returns whether these bytes begin a TLS record, which is not worth showing.
pub(super) fn is_tls(bytes: &[u8]) -> bool {
    matches!(bytes, [0x14..=0x17, 0x03, ..])
}

/// Returns the first line of the answer to the beginning of a TLS handshake, on a separate connection. It identifies servers that
/// wait for their client, such as those of TLS and HTTP. Empty if there is no answer.
pub(super) async fn probe(address: SocketAddr) -> Vec<u8> {
    let mut answer = Vec::new();
    // After an error, the bytes read so far are the answer.
    let _ = timeout(PATIENCE, ask(address, &mut answer)).await;
    let end = answer.iter().position(|byte| *byte == b'\n').unwrap_or(answer.len());
    answer.truncate(end);
    answer
}

async fn ask(address: SocketAddr, answer: &mut Vec<u8>) -> io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(&hello().map_err(io::Error::other)?).await?;
    let is_enough = |answer: &[u8]| answer.contains(&b'\n') || is_tls(answer);
    while answer.len() < MOST && !is_enough(answer) {
        if stream.read_buf(answer).await? == 0 {
            break;
        }
    }
    Ok(())
}

/// Returns the first message of a TLS handshake.
fn hello() -> crate::Result<Vec<u8>> {
    let name = ServerName::try_from("localhost")?; // the server needs no certificate for this name, because nothing more is sent
    let mut client = ClientConnection::new(Arc::new(crate::tls::trusting_nobody()?), name)?;
    let mut hello = Vec::new();
    client.write_tls(&mut hello)?;
    Ok(hello)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_known_by_its_first_words() {
        let named =
            |bytes: &[u8], tls| likely(bytes, tls).unwrap_or("nothing").split(':').next().unwrap().to_owned();
        for (bytes, expected) in [
            (&b"\x15\x03\x01\0\x02\x02F"[..], "the server speaks TLS at this port"),
            (b"\x16\x03\x03", "the server speaks TLS at this port"),
            (b"* OK [CAPABILITY IMAP4rev1] ready", "this is an IMAP server"),
            (b"220 mail.example.com ESMTP", "this is an SMTP or FTP server"),
            (b"HTTP/1.1 400 Bad Request", "this is an HTTP server"),
            (b"SSH-2.0-x", "this is an SSH server"),
            (b"+OK ready", "nothing"),
            (b"", "nothing"),
            (b"hello", "nothing"),
        ] {
            assert_eq!(named(bytes, Tls::None), expected);
        }
        assert_eq!(named(b"+OK ready", Tls::Implicit), "the server speaks POP3 without TLS at this port");
    }
}
