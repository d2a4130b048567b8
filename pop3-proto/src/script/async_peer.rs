use super::{Mismatch, Peer};
use core::task::{Context, Poll, Waker};

/// One side of a dialogue for tests under an async runtime: a [`Peer`] that waits, instead of failing, while it has nothing to
/// say.
///
/// It does not depend on a runtime. To use it as a socket, wrap it in your own type and implement the traits of your runtime;
/// each method is one call. With tokio, for example:
///
/// ```text
/// impl AsyncRead for Stream {
///     fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, to: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
///         let count = ready!(self.0.poll_read(cx, to.initialize_unfilled())).map_err(io::Error::other)?;
///         to.advance(count);
///         Poll::Ready(Ok(()))
///     }
/// }
/// ```
///
/// If the other side waits too, the test hangs. Run it with a timeout. After the timeout, [`finish`](Peer::finish) of
/// [`peer`](Self::peer) names the missing line.
///
/// ```
/// use pop3_proto::script::{AsyncPeer, Script};
/// use std::task::{Context, Poll, Waker};
///
/// let script = Script::parse("S: +OK ready\nC: QUIT\nS: +OK bye").unwrap();
/// let mut server = AsyncPeer::new(script.server());
/// let mut cx = Context::from_waker(Waker::noop());
/// let mut buffer = [0; 64];
/// assert_eq!(server.poll_read(&mut cx, &mut buffer)?, Poll::Ready(11));
/// assert_eq!(server.poll_read(&mut cx, &mut buffer)?, Poll::Pending); // until the client has sent QUIT
/// assert_eq!(server.poll_write(&mut cx, b"QUIT\r\n")?, Poll::Ready(6)); // wakes the reader
/// assert_eq!(server.poll_read(&mut cx, &mut buffer)?, Poll::Ready(9));
/// assert_eq!(server.poll_read(&mut cx, &mut buffer)?, Poll::Ready(0)); // the end of the stream
/// server.peer().finish()?;
/// # Ok::<(), pop3_proto::script::Mismatch>(())
/// ```
#[derive(Debug)]
pub struct AsyncPeer<'s> {
    peer: Peer<'s>,
    reader: Option<Waker>,
}

impl<'s> AsyncPeer<'s> {
    /// Returns an async form of this peer.
    #[must_use]
    pub const fn new(peer: Peer<'s>) -> Self {
        AsyncPeer { peer, reader: None }
    }

    /// Returns the peer.
    #[must_use]
    pub const fn peer(&self) -> &Peer<'s> {
        &self.peer
    }

    /// Returns the peer and wakes the reader. Use it for steps that are not part of a stream, such as the start of TLS.
    pub fn peer_mut(&mut self) -> &mut Peer<'s> {
        self.wake();
        &mut self.peer
    }

    /// Reads bytes that the peer sends into `buffer`, and returns their number. 0 means end of stream.
    ///
    /// While the other side has to write first, it returns `Pending`, and keeps the waker until the other side has written.
    ///
    /// # Errors
    /// Returns [`Mismatch`] if TLS must start before the peer says more.
    pub fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<Result<usize, Mismatch>> {
        let pending = self.peer.pending();
        if pending.is_empty() && !self.peer.closes() && !self.peer.is_done() {
            if self.peer.awaits_tls() {
                return Poll::Ready(self.peer.finish().map(|()| 0));
            }
            self.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let count = pending.len().min(buffer.len());
        buffer.iter_mut().zip(pending).for_each(|(to, byte)| *to = *byte);
        self.peer.sent(count);
        Poll::Ready(Ok(count))
    }

    /// Takes all bytes that the other side writes.
    ///
    /// # Errors
    /// Returns [`Mismatch`] if they differ from the script.
    pub fn poll_write(&mut self, _: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, Mismatch>> {
        let received = self.peer.received(bytes);
        self.wake();
        Poll::Ready(received.map(|()| bytes.len()))
    }

    fn wake(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }
}
