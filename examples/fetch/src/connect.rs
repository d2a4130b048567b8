//! Goes from the name of a host to a session that can log in.

use super::account::Tls;
use super::connection::{Broken, Cause, Connection};
use super::failure::{Exit, Failure};
use super::listing::MOST_ROWS;
use super::port::{is_tls, likely, probe};
use super::race::connect;
use super::shown::Shown;
use super::{Fetch, trace};
use crate::tls::Distrust;
use pop3_proto::client::{ClientConfig, Event};
use pop3_proto::{Command, Limits, Timers, TlsPolicy};
use rustls::pki_types::ServerName;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// The default time for connecting, and for a TLS handshake after it.
const CONNECT: Duration = Duration::from_secs(30);
/// How long a server may be silent before a probe finds out what it is.
const SILENCE: Duration = Duration::from_secs(3);

impl Fetch {
    /// Connects and runs one session.
    pub(super) async fn session(&mut self) -> Result<(), Failure> {
        let (host, tls) = (self.options.account.host.clone(), self.options.account.tls);
        let time = self.options.timeout.unwrap_or(CONNECT);
        let stream = connect(&host, self.options.account.port, time).await?;
        let address = stream.peer_addr()?;
        match tls {
            Tls::None => {
                let (connection, timestamp) = self.greeted(stream, address, TlsPolicy::Cleartext).await?;
                self.talk(connection, timestamp).await
            }
            Tls::Implicit => {
                let stream = self.shake_hands(&host, stream, address, time).await?;
                let (connection, timestamp) = self.greeted(stream, address, TlsPolicy::Implicit).await?;
                self.talk(connection, timestamp).await
            }
            Tls::Stls => {
                let (connection, _) = self.greeted(stream, address, TlsPolicy::Required).await?;
                let connection = self.start_tls(&host, connection).await?;
                self.talk(connection, None).await
            }
        }
    }

    fn connector(&self) -> Result<&TlsConnector, Failure> {
        self.options.connector.as_ref().ok_or_else(|| Failure::usage("TLS needs a CA to trust"))
    }

    /// Starts TLS from the first byte.
    async fn shake_hands(
        &self,
        host: &str,
        stream: TcpStream,
        address: SocketAddr,
        time: Duration,
    ) -> Result<TlsStream<TcpStream>, Failure> {
        let handshake = self.connector()?.connect(ServerName::try_from(host.to_owned())?, stream);
        let late = |_| {
            let late = format!("no TLS handshake with {host} in {} s: check the port", time.as_secs());
            Err(io::Error::new(ErrorKind::TimedOut, late))
        };
        let error = match timeout(time, handshake).await.unwrap_or_else(late) {
            Ok(stream) => return Ok(stream),
            Err(error) => error,
        };
        // These bytes are not TLS. A probe shows which kind of server sent them.
        if matches!(of_tls(&error), Some(rustls::Error::InvalidMessage(_))) {
            let said = probe(address).await;
            self.trace_line(&said);
            if let Some(cause) = likely(&said, Tls::Implicit) {
                return Err(wrong_port(&said, cause));
            }
        }
        Err(refused_handshake(error))
    }

    async fn start_tls(
        &self,
        host: &str,
        mut connection: Connection<TcpStream>,
    ) -> Result<Connection<TlsStream<TcpStream>>, Failure> {
        connection.sender().send(Command::Stls)?;
        let start = loop {
            match connection.next().await?.0 {
                Event::StartTls(start) => break start,
                Event::Refused(_, status) => {
                    let refused = Failure::refused(Exit::Connection, "STLS", status);
                    return Err(refused.with_hint("if the server has no TLS here, try pop3s://"));
                }
                _ => {}
            }
        };
        let name = ServerName::try_from(host.to_owned())?;
        match connection.start_tls(start, self.connector()?, name).await {
            Ok(connection) => Ok(connection),
            Err(cause) => Err(match cause.downcast::<io::Error>() {
                Ok(error) => refused_handshake(*error),
                Err(cause) => Failure::of_connection(cause),
            }),
        }
    }

    /// Waits for the greeting, and returns its timestamp for APOP, if it has one.
    async fn greeted<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
        address: SocketAddr,
        policy: TlsPolicy,
    ) -> Result<(Connection<S>, Option<Vec<u8>>), Failure> {
        let watcher = self.options.trace.then(|| trace::watcher(Shown::new(&self.options)));
        let mut connection = Connection::new(stream, self.config(policy), watcher);
        // A TLS or HTTP server waits for its client to begin, so do not wait for it.
        if policy != TlsPolicy::Implicit && timeout(SILENCE, connection.ready()).await.is_err() {
            let said = probe(address).await;
            if let Some(cause) = likely(&said, self.options.account.tls) {
                self.trace_line(&said);
                return Err(wrong_port(&said, cause));
            }
        }
        let timestamp = match connection.next().await {
            Ok((Event::Greeting(greeting), _)) => {
                greeting.timestamp.map(|timestamp| timestamp.as_bytes().to_vec())
            }
            Ok((Event::NoService(status), _)) => {
                return Err(Failure::refused(Exit::Connection, "the connection", status));
            }
            Ok(_) => None,
            Err(error) => return Err(self.not_greeted(error)),
        };
        Ok((connection, timestamp))
    }

    fn config(&self, policy: TlsPolicy) -> ClientConfig {
        let config = ClientConfig::new(policy).with_limits(Limits::DEFAULT.with_listing_rows(MOST_ROWS));
        let Some(time) = self.options.timeout else { return config };
        config.with_timers(Timers::DEFAULT.with_greeting(time).with_answer(time).with_tls(time))
    }

    /// Names the likely cause if the server did not send a greeting.
    fn not_greeted(&self, error: Cause) -> Failure {
        let line =
            error.downcast_ref().and_then(|Broken { line, .. }| likely(line, self.options.account.tls));
        let failure = Failure::of_connection(error);
        match line {
            Some(hint) => failure.with_hint(hint),
            None => failure,
        }
    }

    /// The output of a probe belongs to the dialogue too.
    fn trace_line(&self, line: &[u8]) {
        if self.options.trace && !line.is_empty() && !is_tls(line) {
            eprintln!("S: {}", Shown::new(&self.options).line(line));
        }
    }
}

fn wrong_port(said: &[u8], cause: &str) -> Failure {
    let said = said.strip_suffix(b"\r").unwrap_or(said);
    let failure = Failure::new(Exit::Connection, "expected a POP3 greeting");
    if is_tls(said) {
        return failure.with_hint(cause);
    }
    failure.with_hint(&format!("the server sent '{}'", said.escape_ascii())).with_hint(cause)
}

/// Explains in plain words why a handshake failed.
fn refused_handshake(error: io::Error) -> Failure {
    match of_tls(&error) {
        Some(cause) if Distrust::find(cause).is_some() => {
            let words = Distrust::find(cause).map(ToString::to_string).unwrap_or_default();
            Failure::new(Exit::Connection, words)
        }
        Some(rustls::Error::InvalidMessage(_)) => Failure::new(
            Exit::Connection,
            "expected a TLS handshake, but the server sent something else: check the port",
        ),
        _ => error.into(),
    }
}

fn of_tls(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref().and_then(|error| error.downcast_ref())
}
