//! A stream with its clock, which both sides use to read, write and wait.
//!
//! Each call records the bytes that the stream took or gave in the same poll, so a dropped future loses
//! nothing.

use crate::Error;
use crate::trace::Trace;
use pop3_proto::{RecvBuf, SendBuf};
use std::future::Future;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::time::{Instant, timeout, timeout_at};

/// How many bytes to read at once through the stack.
const LEAN: usize = 4096;

#[derive(Debug)]
pub(crate) struct Wire<S> {
    pub(crate) stream: S,
    pub(crate) id: u64,
    pub(crate) start: Instant,
    pub(crate) trace: Trace,
    deadline: Option<Instant>,
    /// Whether the stream accepted bytes that may still be in its own buffer, as with TLS.
    unflushed: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    pub(crate) fn new(stream: S, trace: impl FnOnce(u64) -> Trace) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        Wire { stream, id, start: Instant::now(), trace: trace(id), deadline: None, unflushed: false }
    }

    /// Returns the time for the timers.
    pub(crate) fn now(&self) -> Duration {
        self.start.elapsed()
    }

    pub(crate) fn set_deadline(&mut self, deadline: Option<Instant>) {
        self.deadline = deadline;
    }

    /// Returns when a wait ends: at the next timer or at the deadline.
    pub(crate) fn until(&self, timer: Option<Duration>) -> Result<Option<Instant>, Error> {
        if self.is_late() {
            return Err(Error::Deadline);
        }
        let timer = timer.and_then(|timer| self.start.checked_add(timer));
        Ok([timer, self.deadline].into_iter().flatten().min())
    }

    fn is_late(&self) -> bool {
        self.deadline.is_some_and(|deadline| deadline <= Instant::now())
    }

    pub(crate) fn wants_write(&self, send: &SendBuf<Vec<u8>>) -> bool {
        self.unflushed || !send.pending().is_empty()
    }

    /// Writes once, or flushes if no bytes are pending.
    pub(crate) fn poll_write(
        &mut self,
        send: &mut SendBuf<Vec<u8>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let stream = Pin::new(&mut self.stream);
        if send.pending().is_empty() {
            ready!(stream.poll_flush(context))?;
            self.unflushed = false;
        } else {
            match ready!(stream.poll_write(context, send.pending()))? {
                0 => return Poll::Ready(Err(ErrorKind::WriteZero.into())),
                count => send.sent(count),
            }
            self.unflushed = true;
        }
        Poll::Ready(Ok(()))
    }

    /// Writes all pending bytes, and flushes.
    pub(crate) fn poll_write_all(
        &mut self,
        send: &mut SendBuf<Vec<u8>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while self.wants_write(send) {
            ready!(self.poll_write(send, context))?;
        }
        Poll::Ready(Ok(()))
    }

    /// Reads once.
    pub(crate) fn poll_read(
        &mut self,
        recv: &mut RecvBuf<Vec<u8>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let mut buffer = ReadBuf::new(recv.spare_mut());
        ready!(self.poll_fill(&mut buffer, context))?;
        let count = buffer.filled().len();
        recv.received(count);
        Poll::Ready(Ok(()))
    }

    /// Reads once through the stack, so a waiting connection holds no buffer.
    pub(crate) fn poll_read_lean(
        &mut self,
        recv: &mut RecvBuf<Vec<u8>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let mut room = [0; LEAN];
        let mut buffer = ReadBuf::new(&mut room);
        ready!(self.poll_fill(&mut buffer, context))?;
        match buffer.filled() {
            [] => recv.received_eof(),
            bytes => recv.append(bytes),
        }
        Poll::Ready(Ok(()))
    }

    /// Fills this once. If it stays empty, the stream has ended.
    fn poll_fill(&mut self, buffer: &mut ReadBuf<'_>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match ready!(Pin::new(&mut self.stream).poll_read(context, buffer)) {
            // TLS ended without a close_notify. If a response is pending, the machine reports an error.
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Poll::Ready(Ok(())),
            filled => Poll::Ready(filled),
        }
    }

    /// Does the handshake, and continues with the stream that it returns. `late` reports a timer that ran out.
    pub(crate) async fn upgrade<T, F>(
        self,
        timer: Option<Duration>,
        late: impl FnOnce() -> Result<(), Error>,
        handshake: impl FnOnce(S) -> F,
    ) -> Result<Wire<T>, Error>
    where
        F: Future<Output = io::Result<T>>,
    {
        let until = self.until(timer)?;
        let Wire { stream, id, start, trace, deadline, .. } = self;
        let shaken = wait(until, handshake(stream)).await;
        if shaken.is_none() && deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return Err(Error::Deadline);
        }
        let Some(stream) = shaken else {
            late()?;
            return Err(io::Error::from(ErrorKind::TimedOut).into());
        };
        Ok(Wire { stream: stream?, id, start, trace, deadline, unflushed: false })
    }

    /// Tells the peer that this is the end, and waits until it has read everything. Closing with unread bytes would discard the last
    /// response.
    pub(crate) async fn finish(mut self, most: Duration) -> io::Result<()> {
        let end = async {
            self.stream.shutdown().await?;
            let mut room = [0; 512];
            while matches!(self.stream.read(&mut room).await, Ok(1..)) {}
            Ok(())
        };
        timeout(most, end).await.unwrap_or(Ok(()))
    }
}

/// Waits for this, but not longer than `until`. Returns `None` then.
pub(crate) async fn wait<T>(until: Option<Instant>, work: impl Future<Output = T>) -> Option<T> {
    match until {
        None => Some(work.await),
        Some(until) => timeout_at(until, work).await.ok(),
    }
}
