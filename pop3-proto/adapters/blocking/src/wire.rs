//! A stream with its clock, which both sides use to read, write and wait.

use crate::trace::Trace;
use crate::{Error, Stream, Timed};
use pop3_proto::{RecvBuf, SendBuf};
use std::io::{self, ErrorKind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The shortest timeout that no platform rounds to "none".
const SHORTEST: Duration = Duration::from_millis(1);

#[derive(Debug)]
pub(crate) struct Wire<S> {
    pub(crate) stream: S,
    pub(crate) id: u64,
    pub(crate) start: Instant,
    pub(crate) trace: Trace,
    deadline: Option<Instant>,
    /// Whether the stream accepted bytes that may still be in its own buffer, as with TLS.
    unflushed: bool,
    /// Whether a call can return because its time is up.
    limited: bool,
}

impl<S: Stream> Wire<S> {
    pub(crate) fn new(stream: S, trace: impl FnOnce(u64) -> Trace) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        Wire {
            stream,
            id,
            start: Instant::now(),
            trace: trace(id),
            deadline: None,
            unflushed: false,
            limited: false,
        }
    }

    /// Returns the time for the timers.
    pub(crate) fn now(&self) -> Duration {
        self.start.elapsed()
    }

    pub(crate) fn set_deadline(&mut self, deadline: Option<Instant>) {
        self.deadline = deadline;
    }

    /// Limits the next call to the next timer and the deadline.
    pub(crate) fn limit(&mut self, timer: Option<Duration>) -> Result<(), Error> {
        let now = Instant::now();
        if self.deadline.is_some_and(|deadline| deadline <= now) {
            return Err(Error::Deadline);
        }
        let timer = timer.and_then(|timer| self.start.checked_add(timer));
        let until = [timer, self.deadline].into_iter().flatten().min();
        let left = until.map(|until| until.saturating_duration_since(now).max(SHORTEST));
        self.limited = left.is_some();
        Ok(self.stream.set_timeout(left)?)
    }

    pub(crate) fn wants_write(&self, send: &SendBuf<Vec<u8>>) -> bool {
        self.unflushed || !send.pending().is_empty()
    }

    /// Writes once, or flushes if no bytes are pending.
    pub(crate) fn write(&mut self, send: &mut SendBuf<Vec<u8>>) -> io::Result<()> {
        if send.pending().is_empty() {
            let flushed = self.stream.flush();
            self.unflushed = self.moved(flushed)?.is_none();
        } else {
            let written = self.stream.write(send.pending());
            match self.moved(written)? {
                Some(0) => return Err(ErrorKind::WriteZero.into()),
                Some(count) => {
                    send.sent(count);
                    self.unflushed = true;
                }
                None => {}
            }
        }
        Ok(())
    }

    /// Reads once.
    pub(crate) fn read(&mut self, recv: &mut RecvBuf<Vec<u8>>) -> io::Result<()> {
        let read = match self.stream.read(recv.spare_mut()) {
            // TLS ended without a close_notify. If a response is pending, the machine reports an error.
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(0),
            read => read,
        };
        if let Some(count) = self.moved(read)? {
            recv.received(count);
        }
        Ok(())
    }

    /// Continues with the stream that `upgrade` makes of this one.
    fn on<T>(self, upgrade: impl FnOnce(S) -> io::Result<T>) -> io::Result<Wire<T>> {
        let Wire { stream, id, start, trace, deadline, .. } = self;
        let stream = upgrade(stream)?;
        Ok(Wire { stream, id, start, trace, deadline, unflushed: false, limited: false })
    }

    /// Does the handshake, and continues with the stream that it returns.
    pub(crate) fn upgrade<T: Stream>(
        self,
        timer: Option<Duration>,
        handshake: impl FnOnce(Timed<S>) -> io::Result<T>,
    ) -> Result<Wire<T>, Error> {
        let mut wire = self.on(|stream| Ok(Timed::new(stream)))?;
        wire.limit(timer)?;
        let deadline = wire.deadline;
        wire.on(handshake).map_err(|error| match deadline {
            Some(deadline) if deadline <= Instant::now() => Error::Deadline,
            _ => error.into(),
        })
    }

    /// Tells the peer that this is the end, and waits until it has read everything. Closing with unread bytes would discard the last
    /// response.
    pub(crate) fn finish(mut self, most: Duration) -> io::Result<()> {
        self.stream.set_timeout(Some(most))?;
        self.stream.shutdown()?;
        let (end, mut room) = (Instant::now() + most, [0; 512]);
        while Instant::now() < end {
            match self.stream.read(&mut room) {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        Ok(())
    }

    /// Returns the result of a call, or `None` if the time is up or a signal came.
    fn moved<T>(&self, moved: io::Result<T>) -> io::Result<Option<T>> {
        match moved {
            Ok(moved) => Ok(Some(moved)),
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(None),
            Err(error) if self.limited && is_late(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn is_late(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}
