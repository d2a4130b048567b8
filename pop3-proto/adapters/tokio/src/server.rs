use crate::trace::Trace;
use crate::wire::{Wire, wait};
use crate::{Error, Shutdown};
use pop3_proto::server::{AsConfig, Event, Fetch, Maildrop, Responder, Sent, Server, StartTls};
use pop3_proto::{
    AnswerError, ConnectionError, SendBuf, ServerConfig, ServerConnection, Sink as _, State, Timer,
};
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;
use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite};
use tokio::time::Instant;

/// How long the client may take to read the last response.
const FAREWELL: Duration = Duration::from_secs(10);
/// How long the client may take to close after it.
const LINGER: Duration = Duration::from_secs(1);

/// A POP3 server for tokio, for one connection.
///
/// Answer each event with the [`Responder`] that comes with it. [`next`](Self::next) writes the answers, and waits for the next event. Timers
/// run automatically ([`ServerConfig::with_timers`]).
///
/// # Stopping early
/// Drop the session at any time. This closes the connection and drops the maildrop with its lock. No message is removed, because removal is your
/// answer to [`Event::Commit`].
#[derive(Debug)]
pub struct Session<S, M, C: AsConfig = &'static ServerConfig<'static>> {
    wire: Wire<S>,
    pop3: ServerConnection<M, Vec<u8>, Vec<u8>, C>,
    /// The time by which the last response must be written, once the session is over.
    farewell: Option<Duration>,
    shutdown: Option<Shutdown>,
}

impl<S: AsyncRead + AsyncWrite + Unpin, M: Maildrop, C: AsConfig> Session<S, M, C> {
    /// Returns a server on a connected stream, which is inside TLS already if the configuration's policy is
    /// [`Implicit`](pop3_proto::TlsPolicy::Implicit).
    pub fn new(stream: S, config: C) -> Self {
        let wire = Wire::new(stream, Trace::of_server);
        let pop3 = ServerConnection::new(config, wire.id);
        Session { wire, pop3, farewell: None, shutdown: None }
    }

    /// Ends the session with [`Error::Deadline`] after this time, regardless of how much the client sends.
    #[must_use]
    pub fn with_deadline(mut self, after: Duration) -> Self {
        self.set_deadline(Instant::now().checked_add(after));
        self
    }

    /// Ends the session when the server is [shut down](Shutdown::stop), as soon as it would wait for the client's next command. No message is removed
    /// then.
    #[must_use]
    pub fn with_shutdown(mut self, shutdown: Shutdown) -> Self {
        self.shutdown = Some(shutdown);
        self
    }

    /// Sets how many bytes may wait to be written. The default is 16 KiB; a larger value needs fewer calls for large messages. Call it
    /// before the first event.
    #[must_use]
    pub fn with_write_size(mut self, bytes: usize) -> Self {
        let least = self.pop3.send_buf().capacity();
        *self.pop3.send_buf() = SendBuf::with_limit(Vec::new(), bytes.max(least));
        self
    }

    /// Sets the deadline of the session, or removes it.
    pub fn set_deadline(&mut self, deadline: Option<Instant>) {
        self.wire.set_deadline(deadline);
    }

    /// Writes the answers, and waits for the next event. `None` means that the session is over.
    ///
    /// When it returns [`Event::Closed`], the last response is already written, and the maildrop was dropped before that.
    ///
    /// # Cancel safety
    /// You can drop the future at any time and call this again: no byte is lost or sent twice. If it was about to return an event, the next call
    /// returns it.
    ///
    /// # Errors
    /// Returns [`Error::NothingDue`] instead of waiting forever, if your answer is missing: give it with [`responder`](Self::responder).
    /// Returns [`Error::Connection`] if a timer ran out or the client broke a rule. Returns [`Error::Deadline`] if the deadline has passed.
    /// Returns [`Error::Io`] if the stream failed. No message is removed after an error.
    #[allow(clippy::should_implement_trait)] // an iterator's items cannot borrow from it
    #[allow(clippy::type_complexity)] // spelled out, because callers match on it
    pub async fn next(&mut self) -> Result<Option<(Event<'_>, Responder<'_, M, C>)>, Error> {
        self.ready().await?;
        let polled = self.pop3.poll();
        self.wire.trace.server(&polled);
        Ok(polled?)
    }

    /// Returns a responder, for an answer whose token you kept.
    pub fn responder(&mut self) -> Responder<'_, M, C> {
        self.pop3.responder()
    }

    /// Sends the requested message from its store, as the answer to [`Event::Fetch`].
    ///
    /// The status line states the size that the maildrop lists. If the message has another size, the session is closed before the message ends,
    /// so the client sees that it is incomplete. To refuse instead, compare before you answer: count the message with
    /// [`OctetCount`](pop3_proto::OctetCount), and compare with [`Fetch::octets`].
    ///
    /// # Cancel safety
    /// This is not cancel safe. If you drop the future, the message is open and only partly sent, and [`next`](Self::next) returns [`Event::Body`]:
    /// write the rest with the responder if you know which bytes are missing, or call [`close`](Self::close).
    ///
    /// # Errors
    /// Returns [`Error::Body`] if the size differs, and [`Error::Message`] if the message cannot be read. Both close the session: the next call of
    /// [`next`](Self::next) returns [`Event::Closed`]. Returns [`Error::Answer`] if the token is an old one; the session continues. Returns
    /// [`Error::Io`] if the stream fails. The message is still open then, and [`next`](Self::next) returns [`Event::Body`] once the stream works
    /// again.
    pub async fn send_message(
        &mut self,
        fetch: Fetch,
        mut message: impl AsyncBufRead + Unpin,
    ) -> Result<Sent, Error> {
        self.pop3.responder().send_body(fetch)?;
        let sent = self.send_open(Pin::new(&mut message)).await;
        if let Err(Error::Body(_) | Error::Message(_)) = sent {
            self.pop3.close();
        }
        sent
    }

    async fn send_open(&mut self, mut message: Pin<&mut impl AsyncBufRead>) -> Result<Sent, Error> {
        loop {
            self.ready().await?;
            let is_last = !self.pop3.server().wants_body() || self.is_at_end(message.as_mut()).await?;
            let Some((Event::Body, mut responder)) = self.pop3.poll()? else { return Err(Error::NothingDue) };
            if is_last {
                return Ok(responder.finish_body()?);
            }
            let taken = poll_fn(|context| {
                message
                    .as_mut()
                    .poll_fill_buf(context)
                    .map_err(Error::Message)
                    .map(|bytes| Ok::<_, Error>(responder.write_body(bytes?)?))
            });
            let taken = taken.await?;
            message.as_mut().consume(taken);
        }
    }

    /// Waits for the store, and returns whether the message is read to its end. Writes pending bytes meanwhile.
    async fn is_at_end(&mut self, mut message: Pin<&mut impl AsyncBufRead>) -> Result<bool, Error> {
        let filled = poll_fn(|context| {
            message.as_mut().poll_fill_buf(context).map(|bytes| bytes.map(<[u8]>::is_empty))
        });
        self.wait_for(filled).await?.map_err(Error::Message)
    }

    /// Waits for `work`, such as an answer that takes time. Writes pending bytes meanwhile, so the client has the earlier responses. If the
    /// work is ready at once, it does neither, and the next call reports a timer or a deadline.
    ///
    /// # Cancel safety
    /// Dropping the future drops `work`. No byte is lost or sent twice.
    ///
    /// # Errors
    /// Returns [`Error::Io`] if the stream fails. Returns [`Error::Connection`] if a timer ran out. Returns [`Error::Deadline`] if the deadline
    /// has passed. `work` is dropped then.
    pub async fn wait_for<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Error> {
        let mut work = pin!(work);
        // Most messages can be read at once, and then no timer is needed.
        if let Poll::Ready(done) = poll_fn(|context| Poll::Ready(work.as_mut().poll(context))).await {
            return Ok(done);
        }
        loop {
            let timer = self.timer()?;
            let until = self.wire.until(timer)?;
            let Session { wire, pop3, .. } = self;
            let worked = poll_fn(|context| {
                if let Poll::Ready(done) = work.as_mut().poll(context) {
                    return Poll::Ready(Ok(done));
                }
                match wire.poll_write_all(pop3.send_buf(), context) {
                    Poll::Ready(Err(error)) => Poll::Ready(Err(error.into())),
                    Poll::Ready(Ok(())) | Poll::Pending => Poll::Pending,
                }
            });
            // If the time is up, the next tick reports it.
            if let Some(done) = wait(until, worked).await {
                return done;
            }
        }
    }

    /// Starts TLS, as the answer to [`Event::StartTls`]. `handshake` does it on the stream, within the time of the TLS timer and the
    /// deadline.
    ///
    /// Pending bytes are written first, so the client has the response to STLS. Bytes that were received before the handshake are fatal, because an
    /// attacker has injected them. So do not use a stream that reads ahead (a [`BufReader`](tokio::io::BufReader)) below STLS: it would hide those bytes.
    ///
    /// # Cancel safety
    /// If you drop the future, the connection is closed.
    ///
    /// # Errors
    /// Returns [`Error::Io`] if the handshake fails. Returns [`Error::Connection`] if it takes too long or bytes were injected. Returns
    /// [`Error::Answer`] if the token belongs to another connection. After an error the connection is closed.
    pub async fn start_tls<T, F>(
        mut self,
        start: StartTls,
        handshake: impl FnOnce(S) -> F,
    ) -> Result<Session<T, M, C>, Error>
    where
        T: AsyncRead + AsyncWrite + Unpin,
        F: Future<Output = io::Result<T>>,
    {
        self.before_tls(&start).await?;
        let Session { wire, mut pop3, shutdown, .. } = self;
        let (timer, start_of_session) = (pop3.tick(wire.now())?, wire.start);
        let late = || Ok(pop3.tick(start_of_session.elapsed()).map(drop)?);
        let wire = wire.upgrade(timer, late, handshake).await?;
        pop3.tls_started(start)?;
        wire.trace.tls();
        Ok(Session { wire, pop3, farewell: None, shutdown })
    }

    /// Writes all pending bytes, and returns the stream for a handshake in place. Report success with
    /// [`tls_started`](Self::tls_started); after a failure, drop the session.
    ///
    /// # Errors
    /// Returns the errors of [`start_tls`](Self::start_tls).
    pub async fn stream_for_tls(&mut self, start: &StartTls) -> Result<&mut S, Error> {
        self.before_tls(start).await?;
        Ok(&mut self.wire.stream)
    }

    /// Reports that the stream has upgraded itself to TLS. This is the answer to [`Event::StartTls`] for a stream that changes in
    /// place.
    ///
    /// # Errors
    /// Returns [`Error::Answer`] if the token belongs to another connection. If bytes were injected before TLS, the next call of
    /// [`next`](Self::next) fails.
    pub fn tls_started(&mut self, start: StartTls) -> Result<(), Error> {
        self.pop3.tls_started(start)?;
        self.wire.trace.tls();
        Ok(())
    }

    /// Ends the session without removing anything. [`next`](Self::next) then returns [`Event::Closed`].
    pub fn close(&mut self) {
        self.pop3.close();
    }

    /// Tells the client that the connection ends, waits up to a second until it has closed too, and closes. Without this wait, a client that
    /// has sent more than the server read may lose the last response.
    ///
    /// # Errors
    /// Returns [`io::Error`] if the stream fails.
    pub async fn finish(self) -> io::Result<()> {
        drop(self.pop3);
        self.wire.finish(LINGER).await
    }

    /// Returns the machine, for its state and maildrop.
    pub fn server(&self) -> &Server<M, C> {
        self.pop3.server()
    }

    /// Returns the stream.
    pub fn stream(&self) -> &S {
        &self.wire.stream
    }

    /// Returns the stream. The session misses any bytes that you read or write there.
    pub fn stream_mut(&mut self) -> &mut S {
        &mut self.wire.stream
    }

    /// Returns the stream, and the received bytes that were not read. Use it in a proxy, after
    /// [`hand_over`](Responder::hand_over).
    pub fn into_parts(self) -> (S, Vec<u8>) {
        let unread = self.pop3.unread().to_vec();
        (self.wire.stream, unread)
    }

    /// Continues until there is an event. Once the session is over, writes the last response.
    async fn ready(&mut self) -> Result<(), Error> {
        while !self.pop3.is_closed() && !self.pop3.is_ready() {
            self.turn().await?;
        }
        while self.pop3.server().state() == State::Closed && self.wire.wants_write(self.pop3.send_buf()) {
            self.turn().await?;
        }
        Ok(())
    }

    /// Writes pending bytes, and refuses injected ones, before TLS takes the stream.
    async fn before_tls(&mut self, start: &StartTls) -> Result<(), Error> {
        if start.connection() != self.wire.id {
            return Err(AnswerError::OtherConnection.into());
        }
        while self.wire.wants_write(self.pop3.send_buf()) {
            self.turn().await?;
        }
        if !self.pop3.unread().is_empty() {
            self.pop3.close();
            return Err(ConnectionError::PlaintextAfterStls.into());
        }
        Ok(())
    }

    /// Writes if bytes are pending; otherwise reads once. Does not read from a client that does not take its
    /// responses.
    async fn turn(&mut self) -> Result<(), Error> {
        let timer = self.timer()?;
        let until = self.wire.until(timer)?;
        let Session { wire, pop3, shutdown, .. } = self;
        let writes = wire.wants_write(pop3.send_buf());
        if !writes && !pop3.wants_read() {
            return Err(Error::NothingDue);
        }
        // Boxed, so a session without it is not larger.
        let mut stopped = shutdown.as_ref().filter(|_| !writes).map(|shutdown| Box::pin(shutdown.stopped()));
        let moved = poll_fn(|context| {
            if writes {
                return wire.poll_write(pop3.send_buf(), context);
            }
            if stopped.as_mut().is_some_and(|stopped| stopped.as_mut().poll(context).is_ready()) {
                pop3.close();
                return Poll::Ready(Ok(()));
            }
            let read = wire.poll_read_lean(pop3.recv_buf(), context);
            if read.is_pending() {
                pop3.shrink();
            }
            read
        });
        // If the time is up, the next tick reports it.
        Ok(wait(until, moved).await.unwrap_or(Ok(()))?)
    }

    /// Runs the timers. The machine runs none once the session is over, so this limits the time for the last
    /// response.
    fn timer(&mut self) -> Result<Option<Duration>, Error> {
        let now = self.wire.now();
        let timer = self.pop3.tick(now)?;
        if self.pop3.server().state() != State::Closed {
            return Ok(timer);
        }
        let until = *self.farewell.get_or_insert(now.saturating_add(FAREWELL));
        if until <= now {
            return Err(ConnectionError::TimedOut(Timer::Output).into());
        }
        Ok(Some(until))
    }
}
