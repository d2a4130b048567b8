//! The proxy on two streams of tokio.
//!
//! Cancel safety: every byte that a stream gave or took is counted in the same poll. You can drop `Relay::moves` at any await and call it
//! again: no byte is lost or sent twice. Dropping [`run`] drops both connections. The back end then sees the end of the stream without
//! QUIT, and removes nothing.

use crate::proxy::{End, Proxy, Wants};
use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};

/// How long connecting to a back end may take.
const CONNECT: Duration = Duration::from_secs(10);
/// How long the client may take to read the last bytes when the session is over.
const FAREWELL: Duration = Duration::from_secs(10);

/// Runs a proxy to its end over a connection in front.
///
/// # Errors
/// Returns an error of the connection in front. An error of a back end ends the session, as if the back end
/// had closed.
pub async fn run(front: impl AsyncRead + AsyncWrite + Unpin, proxy: Proxy) -> io::Result<()> {
    let start = Instant::now();
    let mut relay = Relay { front: Peer::new(front), back: None, proxy };
    loop {
        match relay.proxy.step() {
            Wants::Nothing => return relay.farewell().await,
            Wants::Connection(address) => {
                relay.back = connect(address).await.ok().map(Peer::new);
                match relay.back {
                    Some(_) => relay.proxy.connected(),
                    None => relay.proxy.unreachable(),
                }
                continue;
            }
            Wants::Octets => {}
        }
        if !relay.proxy.has_back_end() {
            relay.back = None;
        }
        match relay.proxy.tick(start.elapsed()) {
            None => relay.moves().await?,
            Some(until) => tokio::select! {
                moved = relay.moves() => moved?,
                () = sleep_until(start + until) => {}
            },
        }
    }
}

async fn connect(address: &str) -> io::Result<TcpStream> {
    let stream = timeout(CONNECT, TcpStream::connect(address)).await??;
    stream.set_nodelay(true)?;
    Ok(stream)
}

struct Relay<F> {
    front: Peer<F>,
    back: Option<Peer<TcpStream>>,
    proxy: Proxy,
}

impl<F: AsyncRead + AsyncWrite + Unpin> Relay<F> {
    /// Waits until bytes have moved, or a stream has ended.
    async fn moves(&mut self) -> io::Result<()> {
        poll_fn(|context| self.poll_moves(context)).await
    }

    /// Moves the bytes that can move now, in every direction.
    fn poll_moves(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Relay { front, back, proxy } = self;
        let mut moved = front.poll_write(End::Front, proxy, context)?;
        moved |= front.poll_read(End::Front, proxy, context)?;
        if let Some(back) = back {
            // A back end that accepts no more bytes may have sent the reason, so read it to its end.
            moved |= back.poll_write(End::Back, proxy, context).unwrap_or_else(|_| {
                (back.unflushed, back.shut) = (false, true);
                proxy.sent(End::Back, usize::MAX);
                true
            });
            moved |= back.poll_read(End::Back, proxy, context).unwrap_or_else(|_| {
                proxy.received_eof(End::Back);
                true
            });
        }
        if moved { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    /// Sends the pending bytes in front, then waits a moment for the client to close. Closing with unread bytes from the client would
    /// discard the last response.
    async fn farewell(mut self) -> io::Result<()> {
        drop(self.back.take());
        let Relay { front: Peer { mut stream, .. }, mut proxy, .. } = self;
        timeout(FAREWELL, async {
            while let pending @ [_, ..] = proxy.pending(End::Front) {
                let count = stream.write(pending).await?;
                if count == 0 {
                    return Err(ErrorKind::WriteZero.into());
                }
                proxy.sent(End::Front, count);
            }
            stream.shutdown().await
        })
        .await??;
        let mut dropped = [0; 1024];
        let drain = async { while matches!(stream.read(&mut dropped).await, Ok(1..)) {} };
        timeout(Duration::from_secs(1), drain).await.ok();
        Ok(())
    }
}

/// A stream, and the state of the bytes that it accepted.
struct Peer<S> {
    stream: S,
    /// Whether it accepted bytes that may still be in its own buffer, as with TLS.
    unflushed: bool,
    /// Whether it has received the end of the stream.
    shut: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Peer<S> {
    fn new(stream: S) -> Self {
        Peer { stream, unflushed: false, shut: false }
    }

    /// Writes pending bytes, flushes if there are none, and passes the end of the stream on. Returns whether anything moved.
    fn poll_write(&mut self, end: End, proxy: &mut Proxy, context: &mut Context<'_>) -> io::Result<bool> {
        let mut stream = Pin::new(&mut self.stream);
        let pending = proxy.pending(end);
        if !pending.is_empty() {
            return match stream.poll_write(context, pending)? {
                Poll::Pending => Ok(false),
                Poll::Ready(0) => Err(ErrorKind::WriteZero.into()),
                Poll::Ready(count) => {
                    proxy.sent(end, count);
                    self.unflushed = true;
                    Ok(true)
                }
            };
        }
        if self.unflushed {
            self.unflushed = stream.as_mut().poll_flush(context)?.is_pending();
        }
        if proxy.is_finished(end) && !self.unflushed && !self.shut {
            self.shut = stream.poll_shutdown(context)?.is_ready();
        }
        Ok(false)
    }

    /// Reads as far as there is room. Returns whether there were bytes, or the stream has ended.
    fn poll_read(&mut self, end: End, proxy: &mut Proxy, context: &mut Context<'_>) -> io::Result<bool> {
        if proxy.is_eof(end) {
            return Ok(false);
        }
        let mut buffer = ReadBuf::new(proxy.spare_mut(end));
        if buffer.capacity() == 0 {
            return Ok(false); // a write makes room, and wakes this task
        }
        match Pin::new(&mut self.stream).poll_read(context, &mut buffer) {
            Poll::Pending => return Ok(false),
            Poll::Ready(Ok(())) => match buffer.filled().len() {
                0 => proxy.received_eof(end),
                count => proxy.received(end, count),
            },
            // TLS ended without a close_notify. This does no harm, because without QUIT no message is
            // removed.
            Poll::Ready(Err(error)) if error.kind() == ErrorKind::UnexpectedEof => proxy.received_eof(end),
            Poll::Ready(Err(error)) => return Err(error),
        }
        Ok(true)
    }
}
