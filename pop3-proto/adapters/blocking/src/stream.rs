use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

/// A blocking stream whose reads and writes can be limited in time.
///
/// The stream must block: a read that returns [`WouldBlock`](io::ErrorKind::WouldBlock) counts as one whose time is up. For a stream
/// without timeouts, use [`NoTimeouts`].
pub trait Stream: Read + Write {
    /// Sets how long each later read and write may take. `None` means forever; a duration is never zero.
    ///
    /// # Errors
    /// Returns [`io::Error`] if the stream fails.
    fn set_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()>;

    /// Tells the peer that nothing more will be sent. Reads still work.
    ///
    /// # Errors
    /// Returns [`io::Error`] if the stream fails.
    fn shutdown(&mut self) -> io::Result<()> {
        self.flush()
    }
}

macro_rules! socket {
    ($($(#[$attribute:meta])* $socket:ty;)+) => {$(
        $(#[$attribute])*
        impl Stream for $socket {
            fn set_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
                self.set_read_timeout(timeout)?;
                self.set_write_timeout(timeout)
            }

            fn shutdown(&mut self) -> io::Result<()> {
                (*self).shutdown(Shutdown::Write)
            }
        }
    )+};
}

socket! {
    TcpStream;
    &TcpStream;
    #[cfg(unix)] std::os::unix::net::UnixStream;
    #[cfg(unix)] &std::os::unix::net::UnixStream;
}

macro_rules! pointer {
    ($($pointer:ty)+) => {$(
        impl<S: Stream + ?Sized> Stream for $pointer {
            fn set_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
                (**self).set_timeout(timeout)
            }

            fn shutdown(&mut self) -> io::Result<()> {
                (**self).shutdown()
            }
        }
    )+};
}

pointer! { &mut S Box<S> }

/// A stream without timeouts, such as one in memory. Timers and the deadline take effect only when a read or a write
/// returns.
#[derive(Debug)]
pub struct NoTimeouts<S>(pub S);

impl<S: Read> Read for NoTimeouts<S> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        self.0.read(to)
    }
}

impl<S: Write> Write for NoTimeouts<S> {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        self.0.write(from)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl<S: Read + Write> Stream for NoTimeouts<S> {
    fn set_timeout(&mut self, _: Option<Duration>) -> io::Result<()> {
        Ok(())
    }
}

/// A stream under TLS. Its timeout is for all calls together, not for each.
///
/// One read of TLS may read from the socket many times. With a timeout for each call, a peer that sends one byte at a time would restart it
/// again and again. [`start_tls`](crate::Connection::start_tls) passes this type to your handshake. If the session runs inside TLS from the
/// start, wrap your socket in it yourself.
#[derive(Debug)]
pub struct Timed<S> {
    stream: S,
    until: Option<Instant>,
}

impl<S: Stream> Timed<S> {
    /// Returns the stream with no limit.
    pub const fn new(stream: S) -> Self {
        Timed { stream, until: None }
    }

    /// Returns the stream.
    pub fn into_inner(self) -> S {
        self.stream
    }

    /// Returns the stream.
    pub const fn get_ref(&self) -> &S {
        &self.stream
    }

    /// Sets the timeout of the next call to the remaining time.
    fn arm(&mut self) -> io::Result<()> {
        let left = match self.until {
            None => None,
            Some(until) => match until.saturating_duration_since(Instant::now()) {
                Duration::ZERO => return Err(io::ErrorKind::TimedOut.into()),
                left => Some(left),
            },
        };
        self.stream.set_timeout(left)
    }
}

impl<S: Stream> Read for Timed<S> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        self.arm()?;
        self.stream.read(to)
    }
}

impl<S: Stream> Write for Timed<S> {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        self.arm()?;
        self.stream.write(from)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.arm()?;
        self.stream.flush()
    }
}

impl<S: Stream> Stream for Timed<S> {
    fn set_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.until = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        Ok(())
    }

    fn shutdown(&mut self) -> io::Result<()> {
        self.stream.shutdown()
    }
}
