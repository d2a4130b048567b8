//! Connections on blocking sockets: a socket with a clock, so timers end a wait, and a client that uses it.

use crate::Result;
use crate::connect::connect;
use pop3_proto::client::{ClientConfig, Event, SendError, Ticket};
use pop3_proto::{Client, ClientConnection, Command, ConnectionError};
use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// How many bytes of a line an error shows.
const SHOWN: usize = 200;

/// A socket with a clock. Reads and writes fail with [`ErrorKind::TimedOut`] at the time that was set.
#[derive(Debug)]
pub struct Socket {
    pub stream: TcpStream,
    start: Instant,
    until: Option<Duration>,
}

impl Socket {
    pub fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?; // responses are small, and each is sent when it is complete
        Ok(Socket { stream, start: Instant::now(), until: None })
    }

    /// Returns the time for the `tick` of a connection.
    pub fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// Sets the time until which calls may wait. Pass the return value of `tick`.
    pub fn set_until(&mut self, until: Option<Duration>) {
        self.until = until;
    }

    /// Returns the timeout for the next call. It is never zero, because sockets refuse that.
    fn timeout(&self) -> io::Result<Option<Duration>> {
        let Some(until) = self.until else { return Ok(None) };
        match until.saturating_sub(self.now()) {
            Duration::ZERO => Err(ErrorKind::TimedOut.into()),
            left => Ok(Some(left.max(Duration::from_millis(1)))),
        }
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(self.timeout()?)?;
        self.stream.read(buffer)
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(self.timeout()?)?;
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// Ignores the error of a call whose time is up, because `tick` decides what that means.
pub fn unless_late<T>(result: io::Result<T>) -> io::Result<()> {
    match result {
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Ok(()),
        result => result.map(drop),
    }
}

/// A client on a socket.
#[derive(Debug)]
pub struct Connection {
    pop3: ClientConnection<Vec<u8>>,
    socket: Socket,
}

impl Connection {
    /// Connects. The greeting is the first event.
    pub fn connect(address: &str, config: impl Into<ClientConfig>) -> Result<Self> {
        let socket = Socket::new(connect(address)?)?;
        Ok(Connection { pop3: ClientConnection::new(config, 1), socket })
    }

    /// Queues a command. [`event`](Self::event) writes it before it reads. The 16 commands that can be in flight fit in the
    /// buffer of any socket, so client and server never wait for each other.
    pub fn send(&mut self, command: Command<'_>) -> Result<Ticket, SendError> {
        self.pop3.sender().send(command)
    }

    /// Waits for the next event. Fails if no event is expected, or if the session is over.
    pub fn event(&mut self) -> Result<Event<'_>> {
        while !self.pop3.is_ready() && !self.pop3.is_closed() {
            self.turn()?;
        }
        let line = FirstLine::of(self.pop3.unread());
        match self.pop3.poll() {
            Ok(Some((event, _))) => Ok(event),
            Ok(None) => Err("the session is over".into()),
            Err(fatal) => Err(line.explain(fatal)),
        }
    }

    /// Returns the machine, for its state, capabilities and deletions.
    pub fn client(&self) -> &Client {
        self.pop3.client()
    }

    /// Writes pending bytes. If there are none, reads until a timer has to run.
    fn turn(&mut self) -> Result<()> {
        self.socket.set_until(self.pop3.tick(self.socket.now())?); // fails if the server was silent for too long
        unless_late(match self.pop3.wants_write() {
            true => self.pop3.write_to(&mut self.socket),
            false => self.pop3.read_from(&mut self.socket).map(drop),
        })?;
        Ok(())
    }
}

/// The start of the first unread line, for an error to show, because `poll` borrows the buffer.
struct FirstLine {
    bytes: [u8; SHOWN],
    length: usize,
}

impl FirstLine {
    fn of(unread: &[u8]) -> Self {
        let (mut bytes, length) = ([0; SHOWN], unread.len().min(SHOWN));
        bytes[..length].copy_from_slice(&unread[..length]);
        FirstLine { bytes, length }
    }

    /// Adds the line to the error if the line is the cause.
    fn explain(&self, fatal: ConnectionError) -> crate::Error {
        let line = self.bytes[..self.length].split(|byte| *byte == b'\n').next().unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        match fatal {
            ConnectionError::NotPop3 | ConnectionError::Unsolicited | ConnectionError::BareLf
                if !line.is_empty() =>
            {
                NotPop3 { fatal, line: line.to_vec() }.into()
            }
            _ => fatal.into(),
        }
    }
}

/// The server sent a line that is not a response.
#[derive(Debug)]
pub struct NotPop3 {
    fatal: ConnectionError,
    line: Vec<u8>,
}

impl fmt::Display for NotPop3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: the server sent '{}'", self.fatal, self.line.escape_ascii())
    }
}

impl Error for NotPop3 {}
