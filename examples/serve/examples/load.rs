//! Load for a POP3 server on loopback, whose users are `u0`, `u1` and so on, all with the password `sekret`.
//!
//! - `load ADDR sessions SECONDS`: 8 connections, one for each user, that log in, fetch all messages and send QUIT, again and
//!   again
//! - `load ADDR idle COUNT`: this many users log in, one after the other; then the program prints `idle`, and waits until
//!   stdin ends

use pop3_proto::client::{ClientConfig, Event};
use pop3_proto::{Client, Command, MessageNumber, RecvBuf, Secret, SendBuf, Text, TlsPolicy};
use pop3_proto_serve::{Error, Result};
use std::io::Read as _;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const CONNECTIONS: usize = 8;
const CONFIG: ClientConfig = ClientConfig::new(TlsPolicy::Cleartext).assume_pipelining();

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [address, "sessions", seconds] => sessions(address, Duration::from_secs(seconds.parse()?)).await,
        [address, "idle", count] => idle(address, count.parse()?).await,
        _ => Err("usage: load ADDR sessions SECONDS | load ADDR idle COUNT".into()),
    }
}

async fn sessions(address: &str, time: Duration) -> Result<()> {
    let start = Instant::now();
    let connections: Vec<_> = (0..CONNECTIONS)
        .map(|user| {
            let address = address.to_owned();
            tokio::spawn(async move {
                let (mut sessions, mut octets, mut buffer) = (0u64, 0, vec![0; 128 * 1024]);
                while start.elapsed() < time {
                    let mut session = Session::open(&address, user, buffer).await?;
                    octets += session.fetch_all().await?;
                    buffer = session.recv.into_storage();
                    sessions += 1;
                }
                Ok::<_, Error>((sessions, octets))
            })
        })
        .collect();
    let (mut sessions, mut octets) = (0, 0);
    for connection in connections {
        let (more_sessions, more_octets) = connection.await??;
        sessions += more_sessions;
        octets += more_octets;
    }
    let seconds = start.elapsed().as_secs_f64();
    println!("{:.0} sessions/s, {:.1} MB/s", sessions as f64 / seconds, octets as f64 / seconds / 1e6);
    Ok(())
}

async fn idle(address: &str, count: usize) -> Result<()> {
    let mut sessions = Vec::new();
    for user in 0..count {
        sessions.push(Session::open(address, user, vec![0; CONFIG.min_recv_buf()]).await?);
    }
    println!("idle");
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

struct Session {
    stream: TcpStream,
    client: Client,
    recv: RecvBuf<Vec<u8>>,
    send: SendBuf<Vec<u8>>,
}

impl Session {
    /// Connects and logs in.
    async fn open(address: &str, user: usize, buffer: Vec<u8>) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (client, recv) = (Client::new(CONFIG, 1), RecvBuf::new(buffer));
        let mut session = Session { stream, client, recv, send: SendBuf::new(vec![]) };
        let name = format!("u{user}");
        session.until(|_, _, event| Ok(matches!(event, Event::Greeting(_)))).await?;
        session.client.send(&Command::User(Text::new(name.as_bytes())?), &mut session.send)?;
        session.until(|_, _, event| Ok(matches!(event, Event::Ok(..)))).await?;
        session.client.send(&Command::Pass(Secret::new(b"sekret")?), &mut session.send)?;
        session.until(|_, _, event| Ok(matches!(event, Event::Ok(..)))).await?;
        Ok(session)
    }

    /// Fetches all messages and sends QUIT. Returns the octets of the messages.
    async fn fetch_all(&mut self) -> Result<u64> {
        let (mut next, mut count, mut all) = (0, 0, 0);
        self.client.send(&Command::Stat, &mut self.send)?;
        self.until(|client, send, event| {
            match event {
                Event::DropListing(_, listing) => count = listing.count,
                Event::End(_, octets) => all += octets,
                Event::Closed(_) => return Ok(true),
                _ => return Ok(false),
            }
            // Send as many as may be in flight at once, and QUIT after the last one.
            while next <= count {
                let command = match MessageNumber::new(next + 1) {
                    Ok(message) if next < count => Command::Retr(message),
                    _ => Command::Quit,
                };
                if client.send(&command, send).is_err() {
                    break;
                }
                next += 1;
            }
            Ok(false)
        })
        .await?;
        Ok(all)
    }

    /// Continues until the wanted event. A refusal is an error.
    async fn until(
        &mut self,
        mut wanted: impl FnMut(&mut Client, &mut SendBuf<Vec<u8>>, Event<'_>) -> Result<bool>,
    ) -> Result<()> {
        loop {
            while let Some(event) = self.recv.with(|input| self.client.poll(input))? {
                if let Event::Refused(_, status) | Event::NoService(status) = event {
                    return Err(status.text().to_string().into());
                }
                if wanted(&mut self.client, &mut self.send, event)? {
                    return Ok(());
                }
            }
            while !self.send.pending().is_empty() {
                let count = self.stream.write(self.send.pending()).await?;
                self.send.sent(count);
            }
            match self.stream.read(self.recv.spare_mut()).await? {
                0 => self.recv.received_eof(),
                count => self.recv.received(count),
            }
        }
    }
}
