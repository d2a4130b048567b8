//! TLS by rustls.

use crate::{Connection, Error, Session, Stream, Timed};
use pop3_proto::server::{AsConfig, Maildrop};
use pop3_proto::{ClientConfig, client, server};
use rustls::pki_types::ServerName;
use rustls::{ConnectionCommon, SideData, StreamOwned};
use std::io;
use std::net::{TcpStream, ToSocketAddrs};
use std::ops::DerefMut;
use std::sync::Arc;
use std::time::Duration;

/// A client's stream inside TLS.
pub type ClientTls<S> = StreamOwned<rustls::ClientConnection, Timed<S>>;
/// A server's stream inside TLS.
pub type ServerTls<S> = StreamOwned<rustls::ServerConnection, Timed<S>>;

/// The timeout is the socket's. [`ClientTls`] and [`ServerTls`] keep it for all calls of one read or write together.
impl<T, S, D> Stream for StreamOwned<T, S>
where
    T: DerefMut<Target = ConnectionCommon<D>>,
    S: Stream,
    D: SideData,
{
    fn set_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.sock.set_timeout(timeout)
    }

    fn shutdown(&mut self) -> io::Result<()> {
        self.conn.send_close_notify();
        while self.conn.wants_write() {
            self.conn.write_tls(&mut self.sock)?;
        }
        self.sock.shutdown()
    }
}

impl Connection<ClientTls<TcpStream>> {
    /// Connects inside TLS from the first byte, as on port 995. `name` is the server's name in its certificate. Use a configuration with
    /// [`TlsPolicy::Implicit`](pop3_proto::TlsPolicy::Implicit).
    ///
    /// # Errors
    /// Returns [`Error::Io`] if the connection cannot be made. The handshake is part of the first call of [`next`](Connection::next).
    pub fn connect_rustls(
        address: impl ToSocketAddrs,
        tls: Arc<rustls::ClientConfig>,
        name: ServerName<'static>,
        config: impl Into<ClientConfig>,
    ) -> Result<Self, Error> {
        let socket = TcpStream::connect(address)?;
        socket.set_nodelay(true)?;
        let tls = rustls::ClientConnection::new(tls, name).map_err(io::Error::other)?;
        let peer = socket.peer_addr();
        Ok(Connection::new(StreamOwned::new(tls, Timed::new(socket)), config).with_peer(peer))
    }
}

impl<S: Stream> Connection<S> {
    /// Starts TLS with rustls: see [`start_tls`](Self::start_tls). `name` is the server's name in its certificate.
    ///
    /// # Errors
    /// Returns the errors of [`start_tls`](Self::start_tls).
    pub fn start_rustls(
        self,
        start: client::StartTls,
        tls: Arc<rustls::ClientConfig>,
        name: ServerName<'static>,
    ) -> Result<Connection<ClientTls<S>>, Error> {
        self.start_tls(start, |socket| {
            shaken(StreamOwned::new(
                rustls::ClientConnection::new(tls, name).map_err(io::Error::other)?,
                socket,
            ))
        })
    }
}

impl<S: Stream, M: Maildrop, C: AsConfig> Session<S, M, C> {
    /// Starts TLS with rustls: see [`start_tls`](Self::start_tls).
    ///
    /// # Errors
    /// Returns the errors of [`start_tls`](Self::start_tls).
    pub fn start_rustls(
        self,
        start: server::StartTls,
        tls: Arc<rustls::ServerConfig>,
    ) -> Result<Session<ServerTls<S>, M, C>, Error> {
        self.start_tls(start, |socket| {
            shaken(StreamOwned::new(rustls::ServerConnection::new(tls).map_err(io::Error::other)?, socket))
        })
    }
}

impl<S: Stream, M: Maildrop, C: AsConfig> Session<ServerTls<S>, M, C> {
    /// Returns a server inside TLS from the first byte, as on port 995. Use a configuration with
    /// [`TlsPolicy::Implicit`](pop3_proto::TlsPolicy::Implicit). The handshake is part of the first write.
    ///
    /// # Errors
    /// Returns [`Error::Io`] if the configuration of TLS is wrong.
    pub fn new_rustls(socket: S, tls: Arc<rustls::ServerConfig>, config: C) -> Result<Self, Error> {
        let tls = rustls::ServerConnection::new(tls).map_err(io::Error::other)?;
        Ok(Session::new(StreamOwned::new(tls, Timed::new(socket)), config))
    }
}

/// Does the handshake.
fn shaken<T, S, D>(mut stream: StreamOwned<T, S>) -> io::Result<StreamOwned<T, S>>
where
    T: DerefMut<Target = ConnectionCommon<D>>,
    S: Stream,
    D: SideData,
{
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock)?;
    }
    Ok(stream)
}
