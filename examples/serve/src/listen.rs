//! Limits the number of connections, and ends them.

use super::Host;
use super::proxied::{self, Proxies};
use super::store::Mailbox;
use super::visit::{End, Visit};
use crate::Result;
use pop3_proto::server::{CloseReason, ServerConfig};
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

pub use pop3_proto_basics::guests::{Guest, Guests};

/// How long the handshake of implicit TLS may take. For STLS, the machine has its own timer.
const HANDSHAKE: Duration = Duration::from_secs(60);

/// How many bytes may wait to be sent. Messages are sent in pieces of this size.
const WRITE: usize = 64 * 1024;

/// The stream of a connection, which may become a TLS stream.
pub(super) type Stream = Box<dyn Duplex>;

pub(super) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Duplex for S {}

/// One connection.
pub(super) type Session = pop3_tokio::Session<Stream, Box<dyn Mailbox>, Arc<ServerConfig<'static>>>;

/// The settings that the connections of one listener share.
pub struct Door {
    pub host: Arc<Host>,
    pub config: Arc<ServerConfig<'static>>,
    pub acceptor: Option<TlsAcceptor>,
    /// Whether TLS starts with the first byte.
    pub implicit: bool,
    /// The load balancers that tell the client's address.
    pub proxies: Proxies,
}

/// Ends all sessions, at once or after a grace period.
pub struct Shutdown {
    begun: watch::Sender<()>,
    sessions: (mpsc::Sender<()>, mpsc::Receiver<()>),
}

impl Shutdown {
    #[must_use]
    pub fn new() -> Self {
        Shutdown { begun: watch::channel(()).0, sessions: mpsc::channel(1) }
    }

    /// Accepts connections from now on.
    pub fn spawn(&self, listener: TcpListener, door: Door) {
        let (mut begun, session) = (self.begun.subscribe(), self.sessions.0.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = accept(listener, door.into(), session) => {}
                _ = begun.changed() => {} // an error: the sender is dropped
            }
        });
    }

    /// Stops accepting connections, and gives the sessions this time to end. The remaining sessions then end with the runtime, like broken
    /// connections: no message is removed.
    pub async fn end(self, grace: Duration) {
        let (session, mut sessions) = self.sessions;
        drop((self.begun, session));
        match timeout(grace, sessions.recv()).await {
            Ok(_) => tracing::info!("all sessions have ended"),
            Err(_) => tracing::warn!("the grace period is over: some sessions were cut"),
        }
    }
}

impl Default for Shutdown {
    fn default() -> Self {
        Self::new()
    }
}

async fn accept(listener: TcpListener, door: Arc<Door>, session: mpsc::Sender<()>) {
    loop {
        match listener.accept().await {
            Ok((stream, address)) => {
                let (door, session) = (Arc::clone(&door), session.clone());
                stream.set_nodelay(true).ok(); // answers are small, and each is sent when it is complete
                let stream = Box::new(stream);
                tokio::spawn(async move {
                    door.receive(stream, address.ip().to_canonical()).await;
                    drop(session);
                });
            }
            Err(error) => {
                tracing::error!(%error, "accept");
                sleep(Duration::from_millis(100)).await; // no file descriptor may be left
            }
        }
    }
}

impl Door {
    /// Serves a connection that was accepted.
    async fn receive(&self, mut stream: Box<TcpStream>, mut address: IpAddr) {
        if self.proxies.has(address) {
            // Boxed, so no session is larger for it.
            match Box::pin(proxied::client(&mut stream, address)).await {
                Ok(client) => address = client,
                Err(error) => return tracing::info!(%address, %error, "no session"),
            }
        }
        match self.visit(stream, address).await {
            Ok(why) => tracing::debug!(%address, ?why, "over"),
            Err(error) => tracing::info!(%address, %error, "the session failed"),
        }
    }

    /// Serves one connection to its end, and returns why it is over.
    ///
    /// # Errors
    /// Returns the errors of the stream and of messages, and [`ConnectionError`](pop3_proto::ConnectionError). The connection
    /// cannot send anything after an error.
    pub async fn serve(
        &self,
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        address: IpAddr,
    ) -> Result<CloseReason> {
        self.visit(Box::new(stream), address).await
    }

    async fn visit(&self, mut stream: Stream, address: IpAddr) -> Result<CloseReason> {
        let guest = self.host.guests.welcome(address);
        if let (true, Some(acceptor)) = (self.implicit, &self.acceptor) {
            if guest.is_none() {
                return Err("too many connections".into()); // do not make a handshake only to refuse
            }
            // Boxed, so no session is larger for it.
            stream = Box::pin(timeout(HANDSHAKE, shake_hands(acceptor, stream))).await??;
        }
        let mut visit = Visit::new(Arc::clone(&self.host), guest, address);
        let mut session = Session::new(stream, Arc::clone(&self.config)).with_write_size(WRITE);
        loop {
            match visit.talk(&mut session).await.map_err(cause)? {
                End::Closed(why) => {
                    Box::pin(session.finish()).await.ok(); // everything is sent
                    return Ok(why);
                }
                End::StartTls(start) => {
                    let acceptor = self.acceptor.as_ref().ok_or("STLS is offered without a certificate")?;
                    let started = session.start_tls(start, |stream| shake_hands(acceptor, stream));
                    session = Box::pin(started).await.map_err(cause)?;
                }
            }
        }
    }
}

async fn shake_hands(acceptor: &TlsAcceptor, stream: Stream) -> io::Result<Stream> {
    Ok(Box::new(acceptor.accept(stream).await?))
}

/// Returns the cause of the adapter's error.
fn cause(error: pop3_tokio::Error) -> crate::Error {
    match error {
        pop3_tokio::Error::Io(error) | pop3_tokio::Error::Message(error) => error.into(),
        pop3_tokio::Error::Connection(error) => error.into(),
        pop3_tokio::Error::Body(error) => error.into(),
        other => other.into(),
    }
}
