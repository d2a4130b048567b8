//! Connections: how many there may be, and how they end.

use super::Host;
use super::visit::Visit;
use crate::Result;
use crate::server::{Session, Stream};
use pop3_proto::server::{CloseReason, ServerConfig};
use std::future::poll_fn;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

pub use pop3_proto_basics::guests::{Guest, Guests};

/// How long the handshake of implicit TLS may take. That of STLS has the machine's own timer.
const HANDSHAKE: Duration = Duration::from_secs(60);

/// What the connections of one listener have in common.
pub struct Door {
    pub host: Arc<Host>,
    pub config: Arc<ServerConfig<'static>>,
    pub acceptor: Option<TlsAcceptor>,
    /// TLS comes first.
    pub implicit: bool,
}

/// Ends all sessions, sooner or later.
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
                _ = begun.changed() => {} // an error: nobody holds the sender any more
            }
        });
    }

    /// Accepts nothing more, and gives the sessions this time to end. What is left of them then ends with the runtime, as a connection that
    /// breaks does: nothing is removed.
    pub async fn end(self, grace: Duration) {
        let (session, mut sessions) = self.sessions;
        drop((self.begun, session));
        match timeout(grace, sessions.recv()).await {
            Ok(_) => tracing::info!("all sessions have ended"),
            Err(_) => tracing::warn!("some sessions are cut"),
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
                tokio::spawn(async move {
                    stream.set_nodelay(true).ok(); // answers are small, and each is sent when it is complete
                    match door.serve(stream, address.ip()).await {
                        Ok(why) => tracing::debug!(%address, ?why, "over"),
                        Err(error) => tracing::info!(%address, %error, "broken off"),
                    }
                    drop(session);
                });
            }
            Err(error) => {
                tracing::error!(%error, "accept");
                sleep(Duration::from_millis(100)).await; // no file descriptor left, say
            }
        }
    }
}

impl Door {
    /// Serves one connection to its end.
    ///
    /// # Errors
    /// As those of [`Session::run`].
    pub async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
        address: IpAddr,
    ) -> Result<CloseReason> {
        let guest = self.host.guests.welcome(address);
        let mut stream = Stream::Clear(stream);
        if let (true, Some(acceptor)) = (self.implicit, &self.acceptor) {
            if guest.is_none() {
                return Err("too many connections".into()); // no handshake only to say so
            }
            let handshake = poll_fn(|context| stream.poll_handshake(acceptor, context));
            Box::pin(timeout(HANDSHAKE, handshake)).await??; // in a box, so that no session is larger for it
        }
        let mut session = self.session(stream, guest, address);
        let why = session.run().await?;
        Box::pin(session.close()).await;
        Ok(why)
    }

    /// A session on a connection, which the server has room for where there is a guest.
    pub fn session<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: Stream<S>,
        guest: Option<Guest>,
        address: IpAddr,
    ) -> Session<S, Visit> {
        let id = self.host.next_id();
        let visit = Visit::new(Arc::clone(&self.host), guest, id, address);
        Session::new(stream, self.acceptor.clone(), Arc::clone(&self.config), id, visit)
    }
}
