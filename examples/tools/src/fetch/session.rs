//! A session up to the greeting, and inside TLS if there is any. What is said then is in `visit`.

use super::account::Tls;
use super::failure::{Exit, Failure};
use super::listing::MOST_ROWS;
use super::{Fetch, trace};
use crate::client::Connection;
use pop3_proto::client::{Config, Event};
use pop3_proto::{ApopDigest, Command, Limits, Secret, TlsPolicy, apop};
use rustls::pki_types::ServerName;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// How long connecting may take, and a TLS handshake on top of it.
const CONNECT: Duration = Duration::from_secs(30);

impl Fetch {
    pub(super) async fn session(&mut self) -> Result<(), Failure> {
        let (host, port) = (self.options.account.host.clone(), self.options.account.port);
        let stream = within(CONNECT, TcpStream::connect((host.as_str(), port))).await?;
        stream.set_nodelay(true)?; // commands are small, and each is sent when it is complete
        match self.options.account.tls {
            Tls::None => {
                let (connection, digest) = self.greeted(stream, TlsPolicy::Cleartext).await?;
                self.talk(connection, digest).await
            }
            Tls::Implicit => {
                let handshake = self.connector()?.connect(ServerName::try_from(host)?, stream);
                let stream = within(CONNECT, handshake).await?;
                let (connection, digest) = self.greeted(stream, TlsPolicy::Implicit).await?;
                self.talk(connection, digest).await
            }
            Tls::Stls => {
                let (mut connection, _) = self.greeted(stream, TlsPolicy::Required).await?;
                connection.handle().send(&Command::Stls)?;
                let start = loop {
                    match connection.next().await?.0 {
                        Event::StartTls(start) => break start,
                        Event::Refused(_, status) => {
                            return Err(Failure::refused(Exit::Connection, "STLS", status));
                        }
                        _ => {}
                    }
                };
                let name = ServerName::try_from(host)?;
                let connection = connection.start_tls(start, self.connector()?, name).await?;
                self.talk(connection, None).await
            }
        }
    }

    fn connector(&self) -> Result<&TlsConnector, Failure> {
        self.options.connector.as_ref().ok_or_else(|| Failure::usage("TLS without a CA to trust"))
    }

    /// Waits for the greeting, and takes APOP's digest where it has a timestamp.
    async fn greeted<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
        policy: TlsPolicy,
    ) -> Result<(Connection<S>, Option<ApopDigest>), Failure> {
        let config = Config::new(policy).limits(Limits::DEFAULT.listing_rows(MOST_ROWS));
        let mut connection = Connection::new(stream, config);
        if self.options.trace {
            connection.watch(trace::watcher());
        }
        let secret = Secret::try_from(self.options.password.as_str())?;
        let digest = match connection.next().await?.0 {
            Event::Greeting(greeting) => greeting.timestamp.map(|timestamp| apop::digest(timestamp, secret)),
            Event::NoService(status) => {
                return Err(Failure::refused(Exit::Connection, "the connection", status));
            }
            _ => None,
        };
        Ok((connection, digest))
    }
}

async fn within<T>(time: Duration, future: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(time, future).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}
