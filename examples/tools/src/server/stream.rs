use std::io;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::server::TlsStream;
use tokio_rustls::{Accept, TlsAcceptor};

/// A stream that may turn into a TLS stream. What TLS needs lies on the heap, and only there.
pub enum Stream<S> {
    Clear(S),
    Handshake(Box<Accept<S>>),
    Tls(Box<TlsStream<S>>),
    /// Its handshake failed.
    Gone,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Stream<S> {
    /// Starts TLS, or goes on with that: to be called until it is ready.
    pub fn poll_handshake(
        &mut self,
        acceptor: &TlsAcceptor,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        *self = match mem::replace(self, Stream::Gone) {
            Stream::Clear(stream) => Stream::Handshake(Box::new(acceptor.accept(stream))),
            other => other,
        };
        if let Stream::Handshake(accept) = self {
            let done = ready!(Pin::new(accept).poll(context));
            *self = Stream::Gone;
            *self = Stream::Tls(Box::new(done?));
        }
        Poll::Ready(Ok(()))
    }

    fn open(&mut self) -> io::Result<Pin<&mut (dyn Octets + '_)>> {
        match self {
            Stream::Clear(stream) => Ok(Pin::new(stream)),
            Stream::Tls(stream) => Ok(Pin::new(stream)),
            Stream::Handshake(_) | Stream::Gone => Err(io::ErrorKind::NotConnected.into()),
        }
    }
}

trait Octets: AsyncRead + AsyncWrite + Unpin {}

impl<S: AsyncRead + AsyncWrite + Unpin> Octets for S {}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Stream<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.get_mut().open()?.poll_read(context, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Stream<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        self.get_mut().open()?.poll_write(context, octets)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().open()?.poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().open()?.poll_shutdown(context)
    }
}
