//! Blocking sockets under the machines: read, write and wait, with the timers as socket timeouts.

use crate::Result;
use pop3_proto::client::{ClientConfig, Event, Ticket};
use pop3_proto::{Client, Command, ConnectionError, RecvBuf, SendBuf};
use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

/// How long connecting may take, however many addresses there are.
const CONNECT: Duration = Duration::from_secs(30);
/// How long an address is alone before the next one is tried too.
const HEAD_START: Duration = Duration::from_millis(250);
/// As much of a line as an error holds.
const SHOWN: usize = 200;

/// A socket with the two buffers and the clock that a machine needs.
#[derive(Debug)]
pub struct Wire {
    pub stream: TcpStream,
    pub recv: RecvBuf<Vec<u8>>,
    pub send: SendBuf<Vec<u8>>,
    start: Instant,
}

impl Wire {
    /// Buffers for a machine that leaves up to `most` bytes unread.
    pub fn new(stream: TcpStream, most: usize) -> io::Result<Self> {
        stream.set_nodelay(true)?; // answers are small, and each is sent when it is complete
        let recv = RecvBuf::new(vec![0; 2 * most + 16 * 1024]);
        Ok(Wire { stream, recv, send: SendBuf::new(vec![]), start: Instant::now() })
    }

    /// The time that the machine's `tick` is told.
    pub fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// Whether anything waits to be sent.
    pub fn is_pending(&self) -> bool {
        !self.send.pending().is_empty()
    }

    /// Sends what the socket takes at once, or returns when the time has come to `tick` again.
    pub fn send(&mut self, until: Option<Duration>) -> io::Result<()> {
        self.stream.set_write_timeout(self.timeout(until))?;
        // `write`, never `write_all`: that one does not tell how much was sent before it failed.
        match self.stream.write(self.send.pending()) {
            Ok(0) => Err(ErrorKind::WriteZero.into()),
            Ok(count) => {
                self.send.sent(count);
                Ok(())
            }
            Err(error) if is_wait(error.kind()) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Receives what is there, or returns when the time has come to `tick` again. The peer's end of the stream is noted.
    pub fn receive(&mut self, until: Option<Duration>) -> io::Result<()> {
        self.stream.set_read_timeout(self.timeout(until))?;
        let spare = self.recv.spare_mut();
        assert!(!spare.is_empty(), "the receive buffer is smaller than min_recv_buf()");
        match self.stream.read(spare) {
            Ok(0) => self.recv.received_eof(),
            Ok(count) => self.recv.received(count),
            Err(error) if is_wait(error.kind()) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// From now to a moment, and never zero, which sockets do not take.
    fn timeout(&self, until: Option<Duration>) -> Option<Duration> {
        until.map(|until| until.saturating_sub(self.now()).max(Duration::from_millis(1)))
    }
}

/// Not a failure: the time is up, or a signal came.
fn is_wait(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

/// A client on a socket.
#[derive(Debug)]
pub struct Connection {
    pub client: Client,
    wire: Wire,
}

impl Connection {
    /// Connects; the greeting is the first event. A name may have several addresses: the first that answers is taken.
    pub fn connect(address: &str, config: impl Into<ClientConfig>) -> Result<Self> {
        let client = Client::new(config, 1);
        let stream = race(interleaved(address.to_socket_addrs()?))?;
        Ok(Connection { wire: Wire::new(stream, client.min_recv_buf())?, client })
    }

    /// Queues a command. It is sent by [`event`](Self::event): 16 commands fit in any socket's buffer, so that client and
    /// server never wait for each other.
    pub fn send(&mut self, command: &Command<'_>) -> Result<Ticket, pop3_proto::client::SendError> {
        self.client.send(command, &mut self.wire.send)
    }

    /// Waits for what the server says. `None` says nothing yet (half an end mark came, say): call it again.
    ///
    /// Call it only while something is due: the greeting, or the answer to a command.
    pub fn event(&mut self) -> Result<Option<Event<'_>>> {
        let Connection { client, wire } = self;
        if client.needs_input(wire.recv.unread(), wire.recv.is_eof()) {
            let until = client.tick(wire.now())?; // says so when the server has been silent for too long
            if wire.is_pending() { wire.send(until)? } else { wire.receive(until)? }
        }
        let event = wire.recv.with(|input| {
            let unread = input.unread();
            client.poll(input).map_err(|fatal| (fatal, first_line(fatal, unread)))
        });
        event.map_err(
            |(fatal, line)| if line.is_empty() { fatal.into() } else { NotPop3 { fatal, line }.into() },
        )
    }
}

/// Takes the two families in turn, as RFC 8305 has it, beginning with the one that the system prefers.
fn interleaved(addresses: impl Iterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    let mut addresses = addresses.peekable();
    let is_first_v6 = addresses.peek().is_some_and(SocketAddr::is_ipv6);
    let (mut first, mut second): (Vec<_>, Vec<_>) =
        addresses.partition(|address| address.is_ipv6() == is_first_v6);
    let both = first.len().min(second.len());
    let rest = if first.len() > both { first.split_off(both) } else { second.split_off(both) };
    first.into_iter().zip(second).flat_map(|(first, second)| [first, second]).chain(rest).collect()
}

/// Tries the addresses one after the other, each a moment after the one before it or once that has failed. The first that answers is
/// taken; the threads of the others end when their time is up.
fn race(addresses: Vec<SocketAddr>) -> io::Result<TcpStream> {
    let until = Instant::now() + CONNECT;
    let count = u32::try_from(addresses.len()).unwrap_or(u32::MAX).saturating_add(1);
    let head_start = HEAD_START.min(CONNECT / count); // each gets a share of the time
    let (sender, results) = channel();
    let mut last = io::Error::new(ErrorKind::NotFound, "the name has no address");
    let mut addresses = addresses.into_iter().peekable();
    let mut running = 0;
    while running > 0 || addresses.peek().is_some() {
        if let Some(address) = addresses.next() {
            let sender = sender.clone();
            let time = until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
            // Nobody may be left to tell.
            thread::spawn(move || drop(sender.send((address, TcpStream::connect_timeout(&address, time)))));
            running += 1;
        }
        let patience = match addresses.peek() {
            Some(_) => head_start,
            None => until.saturating_duration_since(Instant::now()) + HEAD_START,
        };
        match results.recv_timeout(patience) {
            Ok((_, Ok(stream))) => return Ok(stream),
            Ok((address, Err(error))) => {
                running -= 1;
                last = io::Error::new(error.kind(), format!("{address}: {error}"));
            }
            Err(RecvTimeoutError::Timeout) if addresses.peek().is_none() => {
                return Err(ErrorKind::TimedOut.into());
            }
            Err(_) => {}
        }
    }
    Err(last)
}

/// The server sent something else than a response.
#[derive(Debug)]
pub struct NotPop3 {
    fatal: ConnectionError,
    line: Vec<u8>,
}

/// Returns the line that a server sent where it had to send something else.
fn first_line(fatal: ConnectionError, unread: &[u8]) -> Vec<u8> {
    let shows =
        matches!(fatal, ConnectionError::NotPop3 | ConnectionError::Unsolicited | ConnectionError::BareLf);
    let line = unread.split(|byte| *byte == b'\n').next().filter(|_| shows).unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    line[..line.len().min(SHOWN)].to_vec()
}

impl fmt::Display for NotPop3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: the server sent '{}'", self.fatal, self.line.escape_ascii())
    }
}

impl Error for NotPop3 {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    /// A port whose queue of connections is full: it answers nobody any more.
    fn dead() -> (TcpListener, Vec<TcpStream>, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let connect = || TcpStream::connect_timeout(&address, Duration::from_millis(100)).ok();
        let queue: Vec<_> = std::iter::from_fn(connect).take(10_000).collect();
        assert!(connect().is_none());
        (listener, queue, address)
    }

    #[test]
    fn an_address_that_is_dead_costs_a_moment() {
        let (_listener, _queue, dead) = dead();
        let living = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = living.local_addr().unwrap();
        let start = Instant::now();
        assert_eq!(race(vec![dead, address]).unwrap().peer_addr().unwrap(), address);
        assert!(start.elapsed() < Duration::from_secs(5));
    }

    #[test]
    fn an_address_that_refuses_costs_nothing() {
        let living = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = living.local_addr().unwrap();
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        assert_eq!(race(vec![closed, address]).unwrap().peer_addr().unwrap(), address);
        assert_eq!(race(vec![closed, closed]).unwrap_err().kind(), ErrorKind::ConnectionRefused);
        assert_eq!(race(vec![]).unwrap_err().kind(), ErrorKind::NotFound);
    }

    #[test]
    fn the_families_take_turns() {
        let v4 = |last| SocketAddr::from(([192, 0, 2, last], 110));
        let v6 = |last| SocketAddr::from(([0x2001, 0xdb8, 0, 0, 0, 0, 0, last], 110));
        assert_eq!(interleaved([v6(1), v6(2), v4(1)].into_iter()), [v6(1), v4(1), v6(2)]);
        assert_eq!(interleaved([v4(1), v6(1), v6(2), v6(3)].into_iter()), [v4(1), v6(1), v6(2), v6(3)]);
    }
}
