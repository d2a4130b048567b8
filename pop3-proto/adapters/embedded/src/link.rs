//! A stream, a clock and one of the two connections. Decides when to write, when to read, and when to give
//! up.

use crate::Error;
use core::time::Duration;
use embedded_io::ErrorKind;
use pop3_proto::{
    AnswerError, ClientConnection, ConnectionError, ServerConnection, State, Storage, Timer, client, server,
};

/// How long the peer may take for the remaining bytes when no timer of the session runs: at its end, and before a
/// handshake.
const FAREWELL: Duration = Duration::from_secs(10);

/// A time that the clock never reaches.
pub(crate) const NEVER: Duration = Duration::MAX;

/// The parts that both connections share.
pub(crate) trait Machine {
    /// Returns whether `poll` has an event or an error.
    fn is_ready(&mut self) -> bool;
    /// Returns whether the session is over with bytes left to send. A client then needs to send nothing more.
    fn is_ending(&self) -> bool;
    fn is_closed(&self) -> bool;
    fn wants_read(&self) -> bool;
    fn wants_write(&self) -> bool;
    fn spare_mut(&mut self) -> &mut [u8];
    fn received(&mut self, count: usize);
    fn pending(&mut self) -> &[u8];
    fn sent(&mut self, count: usize);
    fn tick(&mut self, now: Duration) -> Result<Option<Duration>, ConnectionError>;
}

macro_rules! machine {
    ($type:ty, $wants_read:ident, $is_ending:expr) => {
        fn is_ready(&mut self) -> bool {
            <$type>::is_ready(self)
        }

        fn is_ending(&self) -> bool {
            $is_ending(self)
        }

        fn is_closed(&self) -> bool {
            <$type>::is_closed(self)
        }

        fn wants_read(&self) -> bool {
            <$type>::$wants_read(self)
        }

        fn wants_write(&self) -> bool {
            <$type>::wants_write(self)
        }

        fn spare_mut(&mut self) -> &mut [u8] {
            self.recv_buf().spare_mut()
        }

        fn received(&mut self, count: usize) {
            self.recv_buf().received(count);
        }

        fn pending(&mut self) -> &[u8] {
            self.send_buf().pending()
        }

        fn sent(&mut self, count: usize) {
            self.send_buf().sent(count);
        }

        fn tick(&mut self, now: Duration) -> Result<Option<Duration>, ConnectionError> {
            <$type>::tick(self, now)
        }
    };
}

impl<R: Storage, W: Storage, C: client::AsConfig> Machine for ClientConnection<R, W, C> {
    machine! { ClientConnection<R, W, C>, is_waiting, |_: &Self| false }
}

impl<M: server::Maildrop, R: Storage, W: Storage, C: server::AsConfig> Machine
    for ServerConnection<M, R, W, C>
{
    machine! { ServerConnection<M, R, W, C>, wants_read, |it: &Self| it.server().state() == State::Closed }
}

/// A connection on its stream, with a clock that never goes back.
pub(crate) struct Link<S, N, P> {
    /// The number of the connection.
    id: u64,
    pub(crate) stream: S,
    now: N,
    pub(crate) pop3: P,
    pub(crate) deadline: Duration,
    /// The time by which the peer must have taken the remaining bytes.
    farewell: Duration,
    /// Whether bytes were written since the last flush.
    unflushed: bool,
}

impl<S, N: FnMut() -> Duration, P: Machine> Link<S, N, P> {
    pub(crate) const fn new(id: u64, stream: S, now: N, pop3: P) -> Self {
        Link { id, stream, now, pop3, deadline: NEVER, farewell: NEVER, unflushed: false }
    }

    /// Takes the stream out, for a handshake.
    pub(crate) fn part(self) -> (S, Link<(), N, P>) {
        let Link { id, stream, now, pop3, deadline, .. } = self;
        (stream, Link { id, stream: (), now, pop3, deadline, farewell: NEVER, unflushed: false })
    }

    /// Puts a stream in.
    pub(crate) fn on<T>(self, stream: T) -> Link<T, N, P> {
        let Link { id, now, pop3, deadline, farewell, unflushed, .. } = self;
        Link { id, stream, now, pop3, deadline, farewell, unflushed }
    }

    /// Runs the timers and the deadline, and returns when the next one runs out.
    pub(crate) fn tick<E>(&mut self) -> Result<Option<Duration>, Error<E>> {
        let now = (self.now)();
        if self.deadline <= now {
            return Err(Error::Deadline);
        }
        if self.farewell <= now {
            return Err(ConnectionError::TimedOut(Timer::Output).into());
        }
        let next = self.pop3.tick(now)?.unwrap_or(NEVER).min(self.deadline).min(self.farewell);
        Ok(Some(next).filter(|next| *next < NEVER))
    }

    /// Starts the time that the peer has for the remaining bytes.
    fn start_farewell(&mut self) {
        if self.farewell == NEVER {
            self.farewell = (self.now)().saturating_add(FAREWELL);
        }
    }

    /// Returns an error if a token belongs to another connection.
    pub(crate) fn is_for<E>(&self, connection: u64) -> Result<(), Error<E>> {
        if connection == self.id { Ok(()) } else { Err(AnswerError::OtherConnection.into()) }
    }

    /// Counts the bytes that a write has moved.
    fn wrote<E>(&mut self, moved: Option<usize>) -> Result<(), Error<E>> {
        match moved {
            Some(0) => return Err(Error::WriteZero),
            Some(count) => {
                self.pop3.sent(count);
                self.unflushed = true;
            }
            None => {}
        }
        Ok(())
    }
}

/// The loops, once for `embedded-io` and once, with `.await`, for `embedded-io-async`.
macro_rules! loops {
    ($io:ident $([$async:tt $await:tt])?, $wait:ident, $drain:ident, $turn:ident, $write:ident, $flush:ident) => {
        impl<S: $io::Read + $io::Write, N: FnMut() -> Duration, P: Machine> Link<S, N, P> {
            /// Waits until there is an event, an error or the end of the session, with everything sent at the end.
            pub(crate) $($async)? fn $wait(&mut self) -> Result<(), Error<S::Error>> {
                while !self.pop3.is_ready() && !self.pop3.is_closed() {
                    self.$turn()$(.$await)??;
                }
                if self.pop3.is_ending() { self.$drain()$(.$await)? } else { Ok(()) }
            }

            /// Sends all pending bytes, within a limited time.
            pub(crate) $($async)? fn $drain(&mut self) -> Result<(), Error<S::Error>> {
                while self.pop3.wants_write() || self.unflushed {
                    self.start_farewell();
                    self.$turn()$(.$await)??;
                }
                Ok(())
            }

            /// Sends pending bytes. If there are none, receives. Flushes the stream before reading, because the peer may wait
            /// for the bytes.
            $($async)? fn $turn(&mut self) -> Result<(), Error<S::Error>> {
                self.tick()?;
                if self.pop3.wants_write() {
                    return self.$write()$(.$await)?;
                }
                if self.unflushed {
                    return self.$flush()$(.$await)?;
                }
                if !self.pop3.wants_read() {
                    return Err(Error::NothingDue);
                }
                // The buffer is never empty while input is wanted, so 0 is the end of the stream.
                if let Some(count) = progress(self.stream.read(self.pop3.spare_mut())$(.$await)?)? {
                    self.pop3.received(count);
                }
                Ok(())
            }

            $($async)? fn $write(&mut self) -> Result<(), Error<S::Error>> {
                let moved = progress(self.stream.write(self.pop3.pending())$(.$await)?)?;
                self.wrote(moved)
            }

            $($async)? fn $flush(&mut self) -> Result<(), Error<S::Error>> {
                self.unflushed = progress(self.stream.flush()$(.$await)?)?.is_none();
                Ok(())
            }
        }
    };
}

loops!(embedded_io, wait, drain, turn, write, flush);
loops!(embedded_io_async [async await], wait_async, drain_async, turn_async, write_async, flush_async);

/// Returns the result of a call on the stream, or `None` if it gave up for now.
fn progress<T, E: embedded_io::Error>(result: Result<T, E>) -> Result<Option<T>, Error<E>> {
    match result {
        Ok(done) => Ok(Some(done)),
        Err(error) if matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::Interrupted) => Ok(None),
        Err(error) => Err(Error::Io(error)),
    }
}
