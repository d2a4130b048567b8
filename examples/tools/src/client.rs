//! A client under tokio: the machine, its two buffers and a clock, over any stream.
//!
//! ```no_run
//! # async fn f(stream: tokio::net::TcpStream) -> pop3_proto_tools::Result<()> {
//! use pop3_proto::{Command, TlsPolicy, client::Event};
//! use pop3_proto_tools::client::Connection;
//!
//! let mut connection = Connection::new(stream, TlsPolicy::Cleartext);
//! loop {
//!     let (event, mut handle) = connection.next().await?;
//!     match event {
//!         Event::Greeting(_) => drop(handle.send(&Command::Quit)?),
//!         Event::Closed(_) => return Ok(connection.close().await?),
//!         _ => {}
//!     }
//! }
//! # }
//! ```

use pop3_proto::client::{ClientConfig, Event, SaslStep, SendError, StartTls, Ticket};
use pop3_proto::tap::Side;
use pop3_proto::{AnswerError, Client, Command, ConnectionError, RecvBuf, SendBuf, Unanswered, sasl};
use rustls::pki_types::ServerName;
use std::fmt;
use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// What is read at once, beside what the machine leaves unread. A large message comes in pieces of this size.
const READ: usize = 64 * 1024;
/// As much of a line as an error holds.
const SHOWN: usize = 4096;
/// How long closing may take.
const FAREWELL: Duration = Duration::from_secs(5);

/// Why nothing more can be said on a connection.
#[derive(Debug)]
pub enum Error {
    /// The stream failed, or the TLS in it.
    Stream(io::Error),
    /// The server broke a rule or fell silent.
    ConnectionError {
        fatal: ConnectionError,
        /// The beginning of what the server sent in place of a response; empty if that was not the matter.
        line: Vec<u8>,
    },
    /// An answer to a question that is not open.
    Answer(AnswerError),
}

/// A result with [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A client on a stream.
pub struct Connection<S> {
    stream: S,
    talk: Talk,
}

/// All of a connection but its stream, which TLS changes.
struct Talk {
    client: Client,
    recv: RecvBuf<Vec<u8>>,
    send: SendBuf<Vec<u8>>,
    /// The stream took octets that may still lie in a buffer of its own, as that of TLS has one.
    unflushed: bool,
    start: Instant,
    watcher: Option<Watcher>,
}

/// Sees the octets of both sides, outside TLS and inside it, as they come and go.
pub type Watcher = Box<dyn FnMut(Side, &[u8]) + Send>;

/// What can be done while an event is at hand: the event borrows the receive buffer, this the rest.
#[derive(Debug)]
pub struct Handle<'c> {
    pub client: &'c mut Client,
    send: &'c mut SendBuf<Vec<u8>>,
}

impl Handle<'_> {
    /// Queues a command. [`Connection::next`] sends it.
    pub fn send(&mut self, command: &Command<'_>) -> Result<Ticket, SendError> {
        self.client.send(command, self.send)
    }

    /// Queues the response to a challenge.
    pub fn respond(&mut self, step: SaslStep, message: &sasl::Message<'_>) -> Result<(), AnswerError> {
        Ok(self.client.respond_message(step, message, self.send)?)
    }

    /// Queues the end of an exchange that leads nowhere.
    pub fn cancel(&mut self, step: SaslStep) -> Result<(), AnswerError> {
        Ok(self.client.cancel(step, self.send)?)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// A client on a stream that is connected, and inside TLS already where the configuration says so. The greeting is the first event.
    pub fn new(stream: S, config: impl Into<ClientConfig>) -> Self {
        let client = Client::new(config, 1);
        let recv = RecvBuf::new(vec![0; client.min_recv_buf() + READ]);
        let (send, start) = (SendBuf::new(vec![]), Instant::now());
        Connection { stream, talk: Talk { client, recv, send, unflushed: false, start, watcher: None } }
    }

    /// Shows this watcher all octets from now on.
    pub fn watch(&mut self, watcher: Watcher) {
        self.talk.watcher = Some(watcher);
    }

    /// The machine.
    pub fn client(&self) -> &Client {
        &self.talk.client
    }

    /// For the first command behind a pause; behind an event there is a handle already.
    pub fn handle(&mut self) -> Handle<'_> {
        Handle { client: &mut self.talk.client, send: &mut self.talk.send }
    }

    /// Sends what is queued, and waits for what the server says next.
    ///
    /// Call it only while something is due: the greeting, or the answer to a command.
    ///
    /// # Cancel safety
    /// It can be dropped at any time and called again: what the stream gave or took is noted in the same poll, so that no octet is lost
    /// and none is sent twice.
    ///
    /// # Errors
    /// [`Error`]: the connection is of no more use.
    pub async fn next(&mut self) -> Result<(Event<'_>, Handle<'_>)> {
        self.ready().await?;
        let Talk { client, recv, send, .. } = &mut self.talk;
        let event = recv.with(|input| {
            let unread = input.unread();
            client
                .poll(input)
                .map_err(|fatal| Error::ConnectionError { fatal, line: first_line(fatal, unread) })
        });
        let event = event?.expect("`needs_input` says whether there is one");
        Ok((event, Handle { client, send }))
    }

    /// Sends what is queued, and waits until [`next`](Self::next) has something to say.
    ///
    /// # Cancel safety
    /// As for [`next`](Self::next).
    ///
    /// # Errors
    /// As for [`next`](Self::next).
    pub async fn ready(&mut self) -> Result<()> {
        let Connection { stream, talk } = self;
        while talk.client.needs_input(talk.recv.unread(), talk.recv.is_eof()) {
            let until = talk.tick()?;
            let moved = poll_fn(|context| talk.poll_moves(stream, context));
            match until {
                None => moved.await?,
                // Where the time is up, the next tick says of what.
                Some(until) => timeout_at(until, moved).await.unwrap_or(Ok(()))?,
            }
        }
        Ok(())
    }

    /// Starts TLS: the answer to [`Event::StartTls`].
    ///
    /// # Cancel safety
    /// A handshake cannot be taken up again. To drop it closes the connection, before anything was said that matters.
    ///
    /// # Errors
    /// A stream that fails, a certificate that does not convince, a server that takes too long, and octets that came in clear behind
    /// its answer.
    pub async fn start_tls(
        mut self,
        start: StartTls,
        connector: &TlsConnector,
        name: ServerName<'static>,
    ) -> Result<Connection<TlsStream<S>>> {
        let handshake = connector.connect(name, self.stream);
        let stream = match self.talk.tick()? {
            None => handshake.await?,
            Some(until) => match timeout_at(until, handshake).await {
                Ok(stream) => stream?,
                Err(_) => {
                    self.talk.tick()?; // says so
                    return Err(io::Error::from(ErrorKind::TimedOut).into());
                }
            },
        };
        self.talk.client.tls_started(start, self.talk.recv.input())?;
        Ok(Connection { stream, talk: self.talk })
    }

    /// Closes, behind [`Event::Closed`] or to break off: without an answered QUIT the server removes nothing.
    ///
    /// # Cancel safety
    /// To drop it closes the connection at once.
    pub async fn close(mut self) -> Result<()> {
        let late = |_| io::Error::from(ErrorKind::TimedOut);
        Ok(timeout(FAREWELL, self.stream.shutdown()).await.map_err(late)??)
    }
}

impl Talk {
    /// Runs the timers, and says when to do so again.
    fn tick(&mut self) -> Result<Option<Instant>> {
        let until = self.client.tick(self.start.elapsed())?;
        Ok(until.map(|until| self.start + until))
    }

    /// Moves what moves now: it reads while it cannot write, so that client and server never wait for each other.
    fn poll_moves(
        &mut self,
        stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        self.poll_send(Pin::new(stream), context)?;
        self.poll_receive(Pin::new(stream), context)
    }

    fn poll_send(
        &mut self,
        mut stream: Pin<&mut impl AsyncWrite>,
        context: &mut Context<'_>,
    ) -> io::Result<()> {
        while !self.send.pending().is_empty() {
            let Poll::Ready(count) = stream.as_mut().poll_write(context, self.send.pending())? else {
                return Ok(());
            };
            if count == 0 {
                return Err(ErrorKind::WriteZero.into());
            }
            if let Some(watcher) = &mut self.watcher {
                watcher(Side::Client, &self.send.pending()[..count]);
            }
            self.send.sent(count);
            self.unflushed = true;
        }
        if self.unflushed {
            self.unflushed = stream.poll_flush(context)?.is_pending();
        }
        Ok(())
    }

    fn poll_receive(
        &mut self,
        stream: Pin<&mut impl AsyncRead>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let mut buffer = ReadBuf::new(self.recv.spare_mut());
        match stream.poll_read(context, &mut buffer) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Ok(())) => {}
            // TLS without a farewell. Where an answer is due the machine says so.
            Poll::Ready(Err(error)) if error.kind() == ErrorKind::UnexpectedEof => {}
            Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
        }
        match buffer.filled() {
            [] => self.recv.received_eof(),
            octets => {
                let count = octets.len();
                if let Some(watcher) = &mut self.watcher {
                    watcher(Side::Server, octets);
                }
                self.recv.received(count);
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// Returns the line that a server sent where it had to send something else.
fn first_line(fatal: ConnectionError, unread: &[u8]) -> Vec<u8> {
    let shows = matches!(
        fatal,
        ConnectionError::NotPop3
            | ConnectionError::Unsolicited
            | ConnectionError::BareLf
            | ConnectionError::UnexpectedEof
    );
    let line = unread.split(|byte| *byte == b'\n').next().filter(|_| shows).unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    line[..line.len().min(SHOWN)].to_vec()
}

impl<S> fmt::Debug for Connection<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("client", &self.talk.client).finish_non_exhaustive()
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Error::Stream(error)
    }
}

impl From<ConnectionError> for Error {
    fn from(fatal: ConnectionError) -> Self {
        Error::ConnectionError { fatal, line: Vec::new() }
    }
}

impl<T> From<Unanswered<T>> for Error {
    fn from(unanswered: Unanswered<T>) -> Self {
        Error::Answer(unanswered.why)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Stream(error) => error.fmt(f),
            Error::ConnectionError { fatal, line } if line.is_empty() => fatal.fmt(f),
            Error::ConnectionError { fatal, line } => {
                write!(f, "{fatal}: the server sent '{}'", line.escape_ascii())
            }
            Error::Answer(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Error {}
