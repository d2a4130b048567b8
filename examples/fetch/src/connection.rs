//! A connection of which the octets can be watched, and whose errors show the line that was not a response.

use pop3_proto::client::{ClientConfig, Event, Sender, StartTls};
use pop3_proto::tap::Side;
use pop3_proto::{Client, ConnectionError};
use pop3_tokio::Error;
use rustls::pki_types::ServerName;
use std::fmt;
use std::io;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// A large message comes in pieces of this size.
const READ: usize = 64 * 1024;
/// As much of a line as an error holds.
const SHOWN: usize = 4096;
/// How long closing may take.
const FAREWELL: Duration = Duration::from_secs(5);

/// Sees the octets of both sides, outside TLS and inside it, as they come and go.
pub(super) type Watcher = Box<dyn FnMut(Side, &[u8]) + Send>;

/// A client on a stream.
pub(super) struct Connection<S> {
    pop3: pop3_tokio::Connection<Watched<S>>,
    /// The beginning of the line that is read next.
    line: Vec<u8>,
}

/// The server broke a rule or fell silent.
#[derive(Debug)]
pub(super) struct Broken {
    pub(super) why: ConnectionError,
    /// The beginning of what the server sent in place of a response; empty if that was not the matter.
    pub(super) line: Vec<u8>,
}

/// The stream failed, or the TLS in it; or the connection is [`Broken`].
pub(super) type Cause = Box<dyn std::error::Error + Send + Sync>;

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// A client on a stream that is connected, and inside TLS already where the configuration says so. The greeting is the first event.
    pub(super) fn new(stream: S, config: ClientConfig, watcher: Option<Watcher>) -> Self {
        let pop3 = pop3_tokio::Connection::new(Watched { stream, watcher }, config).with_read_size(READ);
        Connection { pop3, line: Vec::new() }
    }

    pub(super) fn client(&self) -> &Client {
        self.pop3.client()
    }

    /// For the first command after a pause; with an event there is a sender already.
    pub(super) fn sender(&mut self) -> Sender<'_> {
        self.pop3.sender()
    }

    /// Sends what is queued, and waits until [`next`](Self::next) has something to tell.
    pub(super) async fn ready(&mut self) -> Result<(), Cause> {
        self.pop3.ready().await.map_err(|error| cause(error, &mut self.line))
    }

    /// Sends what is queued, and waits for what the server says next. It can be dropped at any time and called again.
    pub(super) async fn next(&mut self) -> Result<(Event<'_>, Sender<'_>), Cause> {
        let Connection { pop3, line } = self;
        line.clear();
        pop3.ready().await.map_err(|error| cause(error, line))?;
        line.extend_from_slice(first_line(pop3.unread()));
        match pop3.next().await {
            Ok(Some(told)) => Ok(told),
            Ok(None) => Err(io::Error::from(io::ErrorKind::NotConnected).into()),
            Err(error) => Err(cause(error, line)),
        }
    }

    /// Starts TLS: the answer to [`Event::StartTls`].
    pub(super) async fn start_tls(
        self,
        start: StartTls,
        connector: &TlsConnector,
        name: ServerName<'static>,
    ) -> Result<Connection<TlsStream<S>>, Cause> {
        let handshake = |Watched { stream, watcher }| async {
            Ok(Watched { stream: connector.connect(name, stream).await?, watcher })
        };
        let started = self.pop3.start_tls(start, handshake).await;
        let pop3 = started.map_err(|error| cause(error, &mut Vec::new()))?;
        Ok(Connection { pop3, line: Vec::new() })
    }

    /// Closes. Nothing is left to be lost, so it does not matter what becomes of it.
    pub(super) async fn close(self) {
        let mut stream = self.pop3.into_stream();
        timeout(FAREWELL, stream.shutdown()).await.ok();
    }
}

/// Returns what the adapter's error is about.
fn cause(error: Error, line: &mut Vec<u8>) -> Cause {
    match error {
        Error::Io(error) => error.into(),
        Error::Connection(why) => {
            let shows = matches!(
                why,
                ConnectionError::NotPop3
                    | ConnectionError::Unsolicited
                    | ConnectionError::BareLf
                    | ConnectionError::UnexpectedEof
            );
            Broken { why, line: if shows { mem::take(line) } else { Vec::new() } }.into()
        }
        Error::Answer(error) => error.into(),
        other => other.into(),
    }
}

/// Returns as much of a line as an error shows, without its end.
fn first_line(unread: &[u8]) -> &[u8] {
    let start = &unread[..unread.len().min(SHOWN + 2)];
    let line = start.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    &line[..line.len().min(SHOWN)]
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line.is_empty() {
            true => self.why.fmt(f),
            false => write!(f, "{}: the server sent '{}'", self.why, self.line.escape_ascii()),
        }
    }
}

impl std::error::Error for Broken {}

/// A stream whose octets are watched.
struct Watched<S> {
    stream: S,
    watcher: Option<Watcher>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let (Watched { stream, watcher }, before) = (self.get_mut(), buffer.filled().len());
        ready!(Pin::new(stream).poll_read(context, buffer))?;
        match (watcher, &buffer.filled()[before..]) {
            (Some(watcher), octets) if !octets.is_empty() => watcher(Side::Server, octets),
            _ => {}
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        let Watched { stream, watcher } = self.get_mut();
        let count = ready!(Pin::new(stream).poll_write(context, octets))?;
        if let Some(watcher) = watcher {
            watcher(Side::Client, &octets[..count]);
        }
        Poll::Ready(Ok(count))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
