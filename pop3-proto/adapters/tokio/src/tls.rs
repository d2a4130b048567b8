//! TLS by tokio-rustls.

use crate::wire::wait;
use crate::{Connection, Error, Session};
use pop3_proto::server::{AsConfig, Maildrop};
use pop3_proto::{ClientConfig, client, server};
use std::io;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, ToSocketAddrs};
use tokio::time::Instant;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// A client's stream inside TLS.
pub type ClientTls<S> = tokio_rustls::client::TlsStream<S>;
/// A server's stream inside TLS.
pub type ServerTls<S> = tokio_rustls::server::TlsStream<S>;

/// How long a handshake may take on a connection that begins with it.
const HANDSHAKE: Duration = Duration::from_secs(30);

impl Connection<ClientTls<TcpStream>> {
    /// Connects inside TLS from the first byte, as on port 995. `name` is the server's name in its certificate. Use a configuration with
    /// [`TlsPolicy::Implicit`](pop3_proto::TlsPolicy::Implicit). The handshake may take 30 seconds.
    ///
    /// # Errors
    /// Returns [`Error::Io`] if the connection cannot be made, or if the handshake fails.
    pub async fn connect_rustls(
        address: impl ToSocketAddrs,
        tls: &TlsConnector,
        name: ServerName<'static>,
        config: impl Into<ClientConfig>,
    ) -> Result<Self, Error> {
        let socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        let peer = socket.peer_addr();
        Ok(Connection::new(in_time(tls.connect(name, socket)).await?, config).with_peer(peer))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// Starts TLS with rustls: see [`start_tls`](Self::start_tls). `name` is the server's name in its certificate.
    ///
    /// # Errors
    /// Returns the errors of [`start_tls`](Self::start_tls).
    pub async fn start_rustls(
        self,
        start: client::StartTls,
        tls: &TlsConnector,
        name: ServerName<'static>,
    ) -> Result<Connection<ClientTls<S>>, Error> {
        self.start_tls(start, |socket| tls.connect(name, socket)).await
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin, M: Maildrop, C: AsConfig> Session<S, M, C> {
    /// Starts TLS with rustls: see [`start_tls`](Self::start_tls).
    ///
    /// # Errors
    /// Returns the errors of [`start_tls`](Self::start_tls).
    pub async fn start_rustls(
        self,
        start: server::StartTls,
        tls: &TlsAcceptor,
    ) -> Result<Session<ServerTls<S>, M, C>, Error> {
        self.start_tls(start, |socket| tls.accept(socket)).await
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin, M: Maildrop, C: AsConfig> Session<ServerTls<S>, M, C> {
    /// Does the handshake, for a server inside TLS from the first byte, as on port 995. It may take 30 seconds. Use a configuration with
    /// [`TlsPolicy::Implicit`](pop3_proto::TlsPolicy::Implicit).
    ///
    /// # Errors
    /// Returns [`Error::Io`] if the handshake fails.
    pub async fn accept_rustls(socket: S, tls: &TlsAcceptor, config: C) -> Result<Self, Error> {
        Ok(Session::new(in_time(tls.accept(socket)).await?, config))
    }
}

/// Limits the time of a handshake.
async fn in_time<T>(handshake: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    let shaken = wait(Some(Instant::now() + HANDSHAKE), handshake).await;
    shaken.unwrap_or_else(|| Err(io::ErrorKind::TimedOut.into()))
}
