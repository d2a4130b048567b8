//! A stream for tests of cancel safety: before each read and each write it is not ready once, and then few bytes move.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

pub(crate) struct Stutter<S> {
    stream: S,
    most: usize,
    may_read: bool,
    may_write: bool,
}

impl<S> Stutter<S> {
    pub(crate) fn new(stream: S, most: usize) -> Self {
        Stutter { stream, most, may_read: false, may_write: false }
    }
}

/// Returns `Pending` every other time.
fn poll_turn(turn: &mut bool, context: &Context<'_>) -> Poll<()> {
    *turn = !*turn;
    if *turn {
        context.waker().wake_by_ref();
        return Poll::Pending;
    }
    Poll::Ready(())
}

impl<S: AsyncRead + Unpin> AsyncRead for Stutter<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Stutter { stream, most, may_read, .. } = self.get_mut();
        ready!(poll_turn(may_read, context));
        let mut part = buffer.take(*most);
        ready!(Pin::new(stream).poll_read(context, &mut part))?;
        let count = part.filled().len();
        buffer.advance(count);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Stutter<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        let Stutter { stream, most, may_write, .. } = self.get_mut();
        ready!(poll_turn(may_write, context));
        Pin::new(stream).poll_write(context, &octets[..octets.len().min(*most)])
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Stutter { stream, may_write, .. } = self.get_mut();
        ready!(poll_turn(may_write, context));
        Pin::new(stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Stutter { stream, may_write, .. } = self.get_mut();
        ready!(poll_turn(may_write, context));
        Pin::new(stream).poll_shutdown(context)
    }
}
