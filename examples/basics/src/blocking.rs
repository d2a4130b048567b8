//! Blocking sockets under the machines: read, write and wait, with the timers as socket timeouts.

use crate::Result;
use pop3_proto::client::{Config, Event, Ticket};
use pop3_proto::{Client, Command, Millis, RecvBuf, SendBuf};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

/// A socket with the two buffers and the clock that a machine needs.
#[derive(Debug)]
pub struct Wire {
    pub stream: TcpStream,
    pub recv: RecvBuf<Vec<u8>>,
    pub send: SendBuf<Vec<u8>>,
    start: Instant,
}

impl Wire {
    /// Buffers for a machine that leaves up to `hold` octets unread.
    pub fn new(stream: TcpStream, hold: usize) -> io::Result<Self> {
        stream.set_nodelay(true)?; // answers are small, and each is sent when it is complete
        let recv = RecvBuf::new(vec![0; 2 * hold + 16 * 1024]);
        Ok(Wire { stream, recv, send: SendBuf::new(vec![]), start: Instant::now() })
    }

    /// The time that the machine's `tick` is told.
    pub fn now(&self) -> Millis {
        self.start.elapsed().into()
    }

    /// Whether anything waits to be sent.
    pub fn is_pending(&self) -> bool {
        !self.send.pending().is_empty()
    }

    /// Sends what the socket takes at once, or returns when the time has come to `tick` again.
    pub fn send(&mut self, until: Option<Millis>) -> io::Result<()> {
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
    pub fn receive(&mut self, until: Option<Millis>) -> io::Result<()> {
        self.stream.set_read_timeout(self.timeout(until))?;
        let spare = self.recv.spare_mut();
        assert!(!spare.is_empty(), "the recv is smaller than the machine's hold()");
        match self.stream.read(spare) {
            Ok(0) => self.recv.received_eof(),
            Ok(count) => self.recv.received(count),
            Err(error) if is_wait(error.kind()) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// From now to a moment, and never zero, which sockets do not take.
    fn timeout(&self, until: Option<Millis>) -> Option<Duration> {
        until.map(|until| self.now().until(until).max(Duration::from_millis(1)))
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
    /// Connects; the greeting is the first event.
    pub fn connect(address: &str, config: impl Into<Config>) -> Result<Self> {
        let client = Client::new(config, 1);
        let mut last = io::Error::new(ErrorKind::NotFound, "the name has no address");
        for address in address.to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, Duration::from_secs(30)) {
                Ok(stream) => return Ok(Connection { wire: Wire::new(stream, client.hold())?, client }),
                Err(error) => last = error,
            }
        }
        Err(last.into())
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
        Ok(wire.recv.with(|input| client.poll(input))?)
    }
}
