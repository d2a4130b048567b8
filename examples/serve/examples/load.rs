//! Load for a POP3 server on loopback, whose users are `u0`, `u1` and so on, all with the password `sekret`.
//!
//! - `load ADDR sessions SECONDS`: 8 connections, one for each user, that log in, fetch all messages and send QUIT, again and
//!   again. With `ADDR,ADDR` for two nodes of a site, each has half of the users
//! - `load ADDR idle COUNT`: this many users log in, one after the other; then the program prints `idle`, and waits until
//!   stdin ends

use pop3_proto::client::{ClientConfig, Event};
use pop3_proto::{Client, Command, MessageNumber, RecvBuf, Secret, SendBuf, Text, TlsPolicy};
use pop3_proto_serve::{Error, Result};
use rustls::RootCertStore;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use std::io::{ErrorKind, Read as _};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

const CONNECTIONS: usize = 8;
const CONFIG: ClientConfig = ClientConfig::new(TlsPolicy::Cleartext).assume_pipelining();

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [address, "sessions", seconds, ref ca @ ..] => {
            sessions(&Server::new(address, ca)?, Duration::from_secs(seconds.parse()?)).await
        }
        [address, "once"] => {
            let mut session = Session::open(&Server::new(address, &[])?, 0, vec![0; 128 * 1024]).await?;
            println!("{} octets", session.fetch_all().await?);
            Ok(())
        }
        [address, "idle", count, ref ca @ ..] => idle(&Server::new(address, ca)?, count.parse()?).await,
        _ => {
            Err("usage: load ADDR sessions SECONDS [CA] | load ADDR once | load ADDR idle COUNT [CA]".into())
        }
    }
}

/// Where to connect.
#[derive(Clone)]
struct Server {
    address: String,
    connector: Option<TlsConnector>,
}

impl Server {
    fn new(address: &str, ca: &[&str]) -> Result<Self> {
        let connector = ca.first().map(|ca| {
            let mut roots = RootCertStore::empty();
            roots.add(CertificateDer::from_pem_file(ca)?)?;
            let config = rustls::ClientConfig::builder_with_provider(Arc::new(default_provider()))
                .with_safe_default_protocol_versions()?
                .with_root_certificates(roots)
                .with_no_client_auth();
            Ok::<_, Error>(TlsConnector::from(Arc::new(config)))
        });
        Ok(Server { address: address.to_owned(), connector: connector.transpose()? })
    }

    async fn connect(&self, user: usize) -> Result<Box<dyn Duplex>> {
        let addresses: Vec<&str> = self.address.split(',').collect();
        let stream = TcpStream::connect(addresses[user % addresses.len()]).await?;
        stream.set_nodelay(true)?;
        Ok(match &self.connector {
            None => Box::new(stream),
            Some(connector) => Box::new(connector.connect("localhost".try_into()?, stream).await?),
        })
    }
}

trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Duplex for S {}

async fn sessions(server: &Server, time: Duration) -> Result<()> {
    let start = Instant::now();
    let connections: Vec<_> = (0..CONNECTIONS)
        .map(|user| {
            let server = server.clone();
            tokio::spawn(async move {
                let (mut sessions, mut octets, mut buffer) = (0u64, 0, vec![0; 128 * 1024]);
                while start.elapsed() < time {
                    let mut session = Session::open(&server, user, buffer).await?;
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

async fn idle(server: &Server, count: usize) -> Result<()> {
    let mut sessions = Vec::new();
    for user in 0..count {
        sessions.push(Session::open(server, user, vec![0; CONFIG.min_recv_buf()]).await?);
    }
    println!("idle");
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

struct Session {
    stream: Box<dyn Duplex>,
    client: Client,
    recv: RecvBuf<Vec<u8>>,
    send: SendBuf<Vec<u8>>,
}

impl Session {
    /// Connects and logs in.
    async fn open(server: &Server, user: usize, buffer: Vec<u8>) -> Result<Self> {
        let stream = server.connect(user).await?;
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
        for command in [Command::Stat, Command::List(None), Command::Uidl(None)] {
            self.client.send(&command, &mut self.send)?;
        }
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
            self.stream.flush().await?;
            match self.stream.read(self.recv.spare_mut()).await {
                Ok(0) => self.recv.received_eof(),
                // TLS that ended without its farewell: the machine knows whether something is missing.
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => self.recv.received_eof(),
                count => self.recv.received(count?),
            }
        }
    }
}
