//! Connections over TCP, with or without TLS.

use super::tls::Trust;
use super::{Dial, Transport};
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::process::Command;
use std::time::{Duration, Instant};

/// When TLS begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Security {
    /// Never, unless a check sends STLS.
    Cleartext,
    /// After STLS, before each login.
    Stls,
    /// From the first byte.
    Implicit,
}

/// A server on the network.
#[derive(Debug)]
pub struct Network {
    pub host: String,
    pub port: u16,
    pub security: Security,
    pub timeout: Duration,
    pub trust: Trust,
    /// The command that fills the mailbox again, for `sh -c`.
    pub fill: Option<String>,
}

impl Dial for Network {
    fn dial(&mut self) -> io::Result<Box<dyn Transport>> {
        let mut failed = io::Error::other("the name has no address");
        for address in (self.host.as_str(), self.port).to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, self.timeout) {
                Ok(stream) => return self.over(stream),
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }

    fn pause(&mut self, attempt: u32) {
        std::thread::sleep(Duration::from_millis(100) * attempt);
    }

    fn idle(&mut self, time: Duration) {
        std::thread::sleep(time);
    }

    fn fill(&mut self) -> Result<(), String> {
        let command = self.fill.as_ref().ok_or("there is no command to fill the mailbox: pass --fill")?;
        let status = Command::new("sh").arg("-c").arg(command).status().map_err(|error| error.to_string())?;
        status.success().then_some(()).ok_or_else(|| format!("the command of --fill failed: {status}"))
    }
}

impl Network {
    fn over(&self, stream: TcpStream) -> io::Result<Box<dyn Transport>> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(self.timeout))?;
        stream.set_write_timeout(Some(self.timeout))?;
        let patience = Patience::new(self.timeout);
        let plain = Box::new(Plain { stream, patience, trust: self.trust.clone(), host: self.host.clone() });
        match self.security {
            Security::Implicit => plain.start_tls(),
            Security::Cleartext | Security::Stls => Ok(plain),
        }
    }
}

/// A response that takes longer than this number of timeouts is given up, however often single bytes arrive.
const PATIENCE: u32 = 10;

/// The longest wait for a close.
pub(super) const CLOSE: Duration = Duration::from_secs(2);

/// When a response must be complete.
pub(super) struct Patience {
    since: Instant,
    most: Duration,
}

impl Patience {
    fn new(timeout: Duration) -> Self {
        Patience { since: Instant::now(), most: timeout * PATIENCE }
    }

    /// A command was sent.
    pub(super) fn begin(&mut self) {
        self.since = Instant::now();
    }

    pub(super) fn check(&self) -> io::Result<()> {
        match self.since.elapsed() < self.most {
            true => Ok(()),
            false => Err(io::ErrorKind::TimedOut.into()),
        }
    }
}

/// A connection without TLS.
struct Plain {
    stream: TcpStream,
    patience: Patience,
    trust: Trust,
    host: String,
}

impl Transport for Plain {
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.patience.begin();
        self.stream.write_all(bytes)
    }

    fn receive(&mut self, into: &mut Vec<u8>) -> io::Result<usize> {
        self.patience.check()?;
        read_some(&mut self.stream, into)
    }

    fn finish(&mut self) {
        // A server that does not notice the end must not hold up the run.
        let _ = self.stream.set_read_timeout(Some(CLOSE));
        // It fails if the server has closed.
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    fn start_tls(self: Box<Self>) -> io::Result<Box<dyn Transport>> {
        super::tls::start((self.stream, self.patience), &self.trust, &self.host)
    }
}

/// Reads what there is, at least one byte.
pub(super) fn read_some(stream: &mut impl Read, into: &mut Vec<u8>) -> io::Result<usize> {
    let mut chunk = [0; 16 << 10];
    let count = loop {
        match stream.read(&mut chunk) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => break result?,
        }
    };
    into.extend_from_slice(&chunk[..count]);
    Ok(count)
}
