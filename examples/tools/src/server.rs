//! A server under tokio: the machine, its two buffers and a clock, over any stream. The application is an [`App`].
//!
//! Cancel safety: whatever a stream gave or took, and whatever the application was asked, is noted in the [`Session`] in the same poll. So
//! [`Session::run`] can be dropped at any await and called again: no octet is lost, none is sent twice, and no question is asked again.
//! A session that is dropped removes nothing: for the client it is a connection that broke.
//!
//! Memory: octets are read into the stack and kept only until a whole command is there; what waits to be sent is kept only until it is sent.
//! A session that waits for its client holds no buffer.

#![allow(missing_debug_implementations)] // what holds connections, mail and secrets is not for printing

mod app;
mod stream;

pub use app::{Answer, App, Later, Reply};
pub use stream::Stream;

use crate::Result;
use pop3_proto::server::{Ask, CloseReason, ServerConfig, Step};
use pop3_proto::{ConnectionError, RecvBuf, SendBuf, Server, Timer};
use std::future::{Future, poll_fn};
use std::io::{self, ErrorKind};
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until, timeout};
use tokio_rustls::TlsAcceptor;

/// What is read at once.
const READ: usize = 4 * 1024;
/// What may wait to be sent: messages go out in pieces of this size.
const OUTBOX: usize = 64 * 1024;
/// How long the client may take for what is left when the session is over.
const FAREWELL: Duration = Duration::from_secs(10);

/// One connection.
pub struct Session<S, A: App> {
    stream: Stream<S>,
    /// For STLS.
    acceptor: Option<TlsAcceptor>,
    server: Server<A::Maildrop, Arc<ServerConfig<'static>>>,
    app: A,
    recv: RecvBuf<Vec<u8>>,
    send: SendBuf<Vec<u8>>,
    /// The stream took octets that may still lie in a buffer of its own, as that of TLS has one.
    unflushed: bool,
    work: Work<A>,
    /// The message that is being sent.
    message: Option<Pin<Box<A::Message>>>,
    /// When the last answer is to be gone, once the session is over.
    farewell: Option<Duration>,
    start: Instant,
    sleep: Option<Pin<Box<Sleep>>>,
}

/// What a question waits for.
enum Work<A: App> {
    Nothing,
    Answer(Later<A>),
    Handshake(pop3_proto::server::StartTls),
}

impl<S: AsyncRead + AsyncWrite + Unpin, A: App + Unpin> Session<S, A> {
    /// A session on a stream, inside TLS already where the configuration says so; `id` is the connection's number.
    pub fn new(
        stream: Stream<S>,
        acceptor: Option<TlsAcceptor>,
        config: Arc<ServerConfig<'static>>,
        id: u64,
        app: A,
    ) -> Self {
        Session {
            stream,
            acceptor,
            server: Server::new(config, id),
            app,
            recv: RecvBuf::new(Vec::new()),
            send: SendBuf::with_limit(vec![], OUTBOX),
            unflushed: false,
            work: Work::Nothing,
            message: None,
            farewell: None,
            start: Instant::now(),
            sleep: None,
        }
    }

    /// Runs the session until it is over and the last answer is sent, and says why it is over. Then comes [`close`](Self::close).
    ///
    /// # Errors
    /// Those of the stream and of messages, and [`ConnectionError`]: nothing more can be said on this connection.
    pub async fn run(&mut self) -> Result<CloseReason> {
        poll_fn(|context| self.poll(context)).await
    }

    /// Closes, and waits a moment for the client to do the same: to close over octets that nobody read would take the last answer from it.
    pub async fn close(&mut self) {
        let drain = async {
            self.stream.shutdown().await?;
            tokio::io::copy(&mut self.stream, &mut tokio::io::sink()).await
        };
        timeout(Duration::from_secs(1), drain).await.ok();
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<CloseReason>> {
        loop {
            if let Poll::Ready(done) = self.poll_steps(context) {
                return Poll::Ready(done);
            }
            ready!(self.poll_timer(context))?;
        }
    }

    /// Takes steps until something has to be waited for.
    fn poll_steps(&mut self, context: &mut Context<'_>) -> Poll<Result<CloseReason>> {
        loop {
            let server = &mut self.server;
            match self.recv.with(|input| server.poll(input, &mut self.send))? {
                Step::NeedInput => ready!(self.poll_receive(context))?,
                Step::NeedSpace(_) => ready!(self.poll_send(context))?,
                Step::NeedBody => ready!(self.poll_body(context))?,
                Step::Waiting => ready!(self.poll_work(context))?,
                Step::Ask(Ask::StartTls(token)) => self.work = Work::Handshake(token),
                Step::Ask(ask) => match self.app.answer(ask, server.maildrop_mut()) {
                    Reply::Now(answer) => answer.give(server, &mut self.send, &mut self.message)?,
                    Reply::Later(later) => self.work = Work::Answer(later),
                },
                Step::Closed(why) => {
                    // The lock goes before the client reads the answer to QUIT, so that it can log in again at once.
                    drop(server.take_maildrop());
                    let farewell = self.now() + FAREWELL;
                    self.farewell.get_or_insert(farewell);
                    ready!(self.poll_send_all(context))?;
                    return Poll::Ready(Ok(why));
                }
            }
        }
    }

    /// Waits for an answer; meanwhile those before it are sent.
    fn poll_work(&mut self, context: &mut Context<'_>) -> Poll<Result<()>> {
        match &mut self.work {
            Work::Nothing => return Poll::Ready(Err("a question was left open".into())),
            Work::Answer(later) => {
                let Poll::Ready(answer) = later.as_mut().poll(context) else {
                    ready!(self.poll_send_all(context))?;
                    return Poll::Pending;
                };
                self.work = Work::Nothing;
                answer.give(&mut self.server, &mut self.send, &mut self.message)?;
            }
            Work::Handshake(_) => {
                ready!(self.poll_send_all(context))?;
                let acceptor = self.acceptor.as_ref().ok_or("STLS is offered without a certificate")?;
                ready!(self.stream.poll_handshake(acceptor, context))?;
                if let Work::Handshake(token) = mem::replace(&mut self.work, Work::Nothing) {
                    self.server.tls_started(token, self.recv.input())?;
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Sends the next part of the message that is open.
    fn poll_body(&mut self, context: &mut Context<'_>) -> Poll<Result<()>> {
        let Some(message) = &mut self.message else {
            return Poll::Ready(Err("no message is open".into()));
        };
        let octets = match self.server.wants_body() {
            true => Poll::Ready(Ok(&[][..])),
            false => message.as_mut().poll_fill_buf(context),
        };
        let Poll::Ready(octets) = octets? else {
            ready!(self.poll_send_all(context))?;
            return Poll::Pending;
        };
        if octets.is_empty() {
            self.server.finish_body()?;
            self.message = None;
            return Poll::Ready(Ok(()));
        }
        match self.server.write_body(octets, &mut self.send)? {
            0 => Poll::Ready(Ok(ready!(self.poll_send(context))?)),
            taken => {
                message.as_mut().consume(taken);
                Poll::Ready(Ok(()))
            }
        }
    }

    /// Sends all that is pending and then reads: a client that does not take its answers is not read from.
    fn poll_receive(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_send_all(context))?;
        let mut room = [0; READ];
        let mut buffer = ReadBuf::new(&mut room);
        match Pin::new(&mut self.stream).poll_read(context, &mut buffer) {
            Poll::Pending => {
                self.recv.shrink();
                self.send.shrink();
                return Poll::Pending;
            }
            Poll::Ready(Ok(())) if buffer.filled().is_empty() => self.recv.received_eof(),
            Poll::Ready(Ok(())) => self.recv.append(buffer.filled()),
            // TLS without a farewell: behind it a QUIT that did not come is none.
            Poll::Ready(Err(error)) if error.kind() == ErrorKind::UnexpectedEof => self.recv.received_eof(),
            Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
        }
        Poll::Ready(Ok(()))
    }

    fn poll_send_all(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.send.pending().is_empty() {
            ready!(self.poll_send(context))?;
        }
        if mem::take(&mut self.unflushed) && Pin::new(&mut self.stream).poll_flush(context)?.is_pending() {
            self.unflushed = true;
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }

    /// Sends what the stream takes at once.
    fn poll_send(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match ready!(Pin::new(&mut self.stream).poll_write(context, self.send.pending()))? {
            0 => Poll::Ready(Err(ErrorKind::WriteZero.into())),
            count => {
                self.send.sent(count);
                self.unflushed = true;
                Poll::Ready(Ok(()))
            }
        }
    }

    /// Ready when the machine has to be asked again what time it is.
    fn poll_timer(&mut self, context: &mut Context<'_>) -> Poll<Result<(), ConnectionError>> {
        let now = self.now();
        // The machine runs no timer once the session is over.
        let Some(until) = self.server.tick(now)?.or(self.farewell) else {
            self.sleep = None;
            return Poll::Pending;
        };
        if self.farewell.is_some_and(|farewell| now >= farewell) {
            return Poll::Ready(Err(ConnectionError::TimedOut(Timer::Output)));
        }
        let until = self.start + until;
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(until)));
        if sleep.deadline() != until {
            sleep.as_mut().reset(until);
        }
        sleep.as_mut().poll(context).map(Ok)
    }

    fn now(&self) -> Duration {
        self.start.elapsed()
    }
}
