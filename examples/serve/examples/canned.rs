//! A server without a store: it answers each command with bytes that were ready before. `serve` is compared with it, because no server that
//! reads mail can be faster.
//!
//! - `canned ADDR [CERT KEY]`: listens there, in cleartext or inside TLS
//!
//! Any user has 20 messages of 1 to 20 KB, as those of `.ci/versus-dovecot`.

use pop3_proto_serve::{Certificate, Result};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;

const MESSAGES: usize = 20;
const LINE: &str = "A line of text like any other, of seventy-six octets with its line end, CR.\r\n";
/// Answers wait until there are this many bytes, as those of `serve` do.
const WRITE: usize = 64 * 1024;

/// What there is to say.
struct Answers {
    stat: Vec<u8>,
    list: Vec<u8>,
    uidl: Vec<u8>,
    messages: Vec<Vec<u8>>,
}

impl Answers {
    fn new() -> Self {
        let (mut all, mut list, mut uidl) = (0, "+OK\r\n".to_owned(), "+OK\r\n".to_owned());
        let mut messages = Vec::new();
        for number in 1..=MESSAGES {
            let head =
                format!("From: a@example.org\r\nTo: u@example.org\r\nSubject: message {number}\r\n\r\n");
            let text = head + &LINE.repeat(number * 1000 / LINE.len());
            all += text.len();
            let _ = write!(list, "{number} {}\r\n", text.len());
            let _ = write!(uidl, "{number} {}.M{number}P1.example\r\n", 1_700_000_000 + number);
            messages.push(format!("+OK {} octets\r\n{text}.\r\n", text.len()).into());
        }
        let stat = format!("+OK {MESSAGES} {all}\r\n").into();
        Answers { stat, list: (list + ".\r\n").into(), uidl: (uidl + ".\r\n").into(), messages }
    }

    /// Returns the answer to a command, and whether it is the last one.
    fn to(&self, command: &[u8]) -> (&[u8], bool) {
        match command.get(..4) {
            Some(b"RETR") => {
                let number =
                    std::str::from_utf8(&command[4..]).ok().and_then(|text| text.trim().parse().ok());
                let message = number.and_then(|number: usize| self.messages.get(number.checked_sub(1)?));
                (message.map_or(b"-ERR\r\n", |message| message), false)
            }
            Some(b"STAT") => (&self.stat, false),
            Some(b"LIST") => (&self.list, false),
            Some(b"UIDL") => (&self.uidl, false),
            Some(b"QUIT") => (b"+OK\r\n", true),
            _ => (b"+OK\r\n", false),
        }
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (address, acceptor) = match &arguments[..] {
        [address] => (address, None),
        [address, chain, key] => {
            (address, Some(Certificate::read(Path::new(chain), Path::new(key))?.acceptor()?))
        }
        _ => return Err("usage: canned ADDR [CERT KEY]".into()),
    };
    let (listener, answers) = (TcpListener::bind(address).await?, Arc::new(Answers::new()));
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (answers, acceptor) = (Arc::clone(&answers), acceptor.clone());
        tokio::spawn(async move {
            match acceptor {
                None => serve(stream, &answers).await,
                Some(acceptor) => serve(acceptor.accept(stream).await?, &answers).await,
            }
        });
    }
}

async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, answers: &Answers) -> std::io::Result<()> {
    let (mut pending, mut received) = (b"+OK ready\r\n".to_vec(), Vec::new());
    loop {
        stream.write_all(&pending).await?;
        stream.flush().await?;
        pending.clear();
        if stream.read_buf(&mut received).await? == 0 {
            return Ok(());
        }
        let mut done = 0;
        for line in received.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n")) {
            done += line.len();
            let (answer, is_last) = answers.to(line);
            pending.extend_from_slice(answer);
            if pending.len() >= WRITE || is_last {
                stream.write_all(&pending).await?;
                pending.clear();
            }
            if is_last {
                return stream.shutdown().await;
            }
        }
        received.drain(..done);
    }
}
