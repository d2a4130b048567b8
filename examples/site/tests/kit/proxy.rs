//! A network that fails.

use fastrand::Rng;
use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::time::sleep;

/// How a network fails.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Faults {
    /// The same seed cuts the same connections after the same number of bytes.
    pub(crate) seed: u64,
    /// How many bytes a connection carries on average, in both directions together.
    pub(crate) bytes: u64,
    /// A third of the connections stalls before it breaks. What the client sent is delivered after this time.
    pub(crate) late: Duration,
}

/// A port that leads to another one through a network that fails. It works until it is dropped.
pub(crate) struct Proxy {
    port: u16,
    has_faults: Arc<AtomicBool>,
    cut: Arc<AtomicU64>,
    runtime: Option<Runtime>,
}

/// The two ends of a connection, and how it fails.
struct Connection {
    client: TcpStream,
    server: TcpStream,
    left: u64,
    late: Option<Duration>,
    has_faults: Arc<AtomicBool>,
    cut: Arc<AtomicU64>,
}

impl Proxy {
    /// Starts a proxy to a port of 127.0.0.1.
    pub(crate) fn start(to: u16, faults: Faults) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        // Not bound by the runtime, because a test may have one of its own.
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (has_faults, cut) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicU64::new(0)));
        runtime.spawn(accept(listener, to, faults, Arc::clone(&has_faults), Arc::clone(&cut)));
        Proxy { port, has_faults, cut, runtime: Some(runtime) }
    }

    /// Returns the port.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Returns how many connections it has cut.
    pub(crate) fn cut(&self) -> u64 {
        self.cut.load(Relaxed)
    }

    /// Switches the faults on or off. What was stalled before is still delivered late.
    pub(crate) fn set_faults(&self, has_faults: bool) {
        self.has_faults.store(has_faults, Relaxed);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // Unlike a plain drop, this works in a test that has a runtime of its own.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn accept(
    listener: std::net::TcpListener,
    to: u16,
    faults: Faults,
    has_faults: Arc<AtomicBool>,
    cut: Arc<AtomicU64>,
) {
    let mut rng = Rng::with_seed(faults.seed);
    let listener = TcpListener::from_std(listener).unwrap();
    while let Ok((client, _)) = listener.accept().await {
        let left = rng.u64(1..=2 * faults.bytes.max(1));
        let late = (rng.u8(0..3) == 0).then_some(faults.late);
        let (has_faults, cut) = (Arc::clone(&has_faults), Arc::clone(&cut));
        tokio::spawn(async move {
            let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, to)).await else { return };
            client.set_nodelay(true).ok();
            server.set_nodelay(true).ok();
            Connection { client, server, left, late, has_faults, cut }.carry().await.ok();
        });
    }
}

impl Connection {
    /// Carries bytes until one side closes, or until the connection is cut.
    async fn carry(mut self) -> io::Result<()> {
        let (mut from_client, mut from_server) = ([0; 4096], [0; 4096]);
        loop {
            let (bytes, is_clients) = tokio::select! {
                count = self.client.read(&mut from_client) => (&from_client[..count?], true),
                count = self.server.read(&mut from_server) => (&from_server[..count?], false),
            };
            if bytes.is_empty() {
                return Ok(());
            }
            let left = if self.has_faults.load(Relaxed) { self.left } else { u64::MAX };
            let (now, rest) = bytes.split_at(bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX)));
            match is_clients {
                true => self.server.write_all(now).await?,
                false => self.client.write_all(now).await?,
            }
            self.left = self.left.saturating_sub(now.len() as u64);
            if left == now.len() as u64 || !rest.is_empty() {
                return self.cut(if is_clients { rest } else { &[] }).await;
            }
        }
    }

    /// Breaks the connection. If it stalls, both sides wait, and what the client sent meanwhile arrives late.
    async fn cut(mut self, rest: &[u8]) -> io::Result<()> {
        self.cut.fetch_add(1, Relaxed);
        let Some(late) = self.late else { return Ok(()) };
        sleep(late).await;
        self.server.write_all(rest).await?;
        // The client may have given up. What it sent before that arrives.
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = self.client.try_read(&mut buffer) {
            self.server.write_all(&buffer[..count]).await?;
        }
        sleep(Duration::from_millis(300)).await; // the server reads it before it sees the end
        Ok(())
    }
}
