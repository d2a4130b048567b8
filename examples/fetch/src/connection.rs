//! A connection whose bytes can be watched, and whose errors show the line that was not a response.

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

/// How many bytes of a large message to read at once.
const READ: usize = 64 * 1024;
/// How much of a line an error holds.
const SHOWN: usize = 4096;
/// How long closing may take.
const FAREWELL: Duration = Duration::from_secs(5);

/// Sees the bytes of both sides, outside and inside TLS, when they are sent and received.
pub(super) type Watcher = Box<dyn FnMut(Side, &[u8]) + Send>;

/// A client on a stream.
pub(super) struct Connection<S> {
    pop3: pop3_tokio::Connection<Watched<S>>,
    /// The beginning of the next line to read.
    line: Vec<u8>,
}

/// The server broke a rule or stopped responding.
#[derive(Debug)]
pub(super) struct Broken {
    pub(super) why: ConnectionError,
    /// The beginning of the line that the server sent in place of a response. Empty if the cause is another
    /// one.
    pub(super) line: Vec<u8>,
}

/// An error of the stream or of its TLS, or [`Broken`].
pub(super) type Cause = Box<dyn std::error::Error + Send + Sync>;

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// Returns a client on a connected stream, which is inside TLS if the configuration says that it is. The greeting is the first
    /// event.
    pub(super) fn new(stream: S, config: ClientConfig, watcher: Option<Watcher>) -> Self {
        let pop3 = pop3_tokio::Connection::new(Watched { stream, watcher }, config).with_read_size(READ);
        Connection { pop3, line: Vec::new() }
    }

    pub(super) fn client(&self) -> &Client {
        self.pop3.client()
    }

    /// Returns a sender for the first command after a pause. With an event you have a sender already.
    pub(super) fn sender(&mut self) -> Sender<'_> {
        self.pop3.sender()
    }

    /// Sends the queued commands, and waits until [`next`](Self::next) can return at once.
    pub(super) async fn ready(&mut self) -> Result<(), Cause> {
        self.pop3.ready().await.map_err(|error| cause(error, &mut self.line))
    }

    /// Sends the queued commands, and waits for the next event. You can drop the future at any time and call this
    /// again.
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

    /// Closes the connection. All data has been stored, so errors do not matter.
    pub(super) async fn close(self) {
        let mut stream = self.pop3.into_stream();
        timeout(FAREWELL, stream.shutdown()).await.ok();
    }
}

/// Returns the cause of the adapter's error.
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

/// Returns the part of a line that an error shows, without its line ending.
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

/// A stream that shows its bytes to a watcher.
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
