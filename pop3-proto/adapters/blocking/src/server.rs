use crate::trace::Trace;
use crate::wire::Wire;
use crate::{Error, Stream, Timed};
use pop3_proto::server::{AsConfig, Event, Fetch, Maildrop, Responder, Sent, Server, StartTls};
use pop3_proto::{AnswerError, ConnectionError, ServerConfig, ServerConnection, State, Timer};
use std::io::{self, BufRead};
use std::time::{Duration, Instant};

/// How long the client may take to read the last response.
const FAREWELL: Duration = Duration::from_secs(10);
/// How long the client may take to close after it.
const LINGER: Duration = Duration::from_secs(1);

/// A POP3 server on a blocking stream, for one connection.
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
}

impl<S: Stream, M: Maildrop, C: AsConfig> Session<S, M, C> {
    /// Returns a server on a connected stream, which is inside TLS already if the configuration's policy is
    /// [`Implicit`](pop3_proto::TlsPolicy::Implicit).
    pub fn new(stream: S, config: C) -> Self {
        let wire = Wire::new(stream, Trace::of_server);
        let pop3 = ServerConnection::new(config, wire.id);
        Session { wire, pop3, farewell: None }
    }

    /// Ends the session with [`Error::Deadline`] after this time, regardless of how much the client sends.
    #[must_use]
    pub fn with_deadline(mut self, after: Duration) -> Self {
        self.set_deadline(Instant::now().checked_add(after));
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
    /// # Errors
    /// Returns [`Error::NothingDue`] instead of waiting forever, if your answer is missing: give it with [`responder`](Self::responder).
    /// Returns [`Error::Connection`] if a timer ran out or the client broke a rule. Returns [`Error::Deadline`] if the deadline has passed.
    /// Returns [`Error::Io`] if the stream failed. No message is removed after an error.
    #[allow(clippy::should_implement_trait)] // an iterator's items cannot borrow from it
    #[allow(clippy::type_complexity)] // spelled out, because callers match on it
    pub fn next(&mut self) -> Result<Option<(Event<'_>, Responder<'_, M, C>)>, Error> {
        self.ready()?;
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
    /// # Errors
    /// Returns [`Error::Body`] if the size differs, and [`Error::Message`] if the message cannot be read. Both close the session: the next call of
    /// [`next`](Self::next) returns [`Event::Closed`]. Returns [`Error::Answer`] if the token is an old one; the session continues. Returns
    /// [`Error::Io`] if the stream fails. The message is still open then, and [`next`](Self::next) returns [`Event::Body`] once the stream works
    /// again.
    pub fn send_message(&mut self, fetch: Fetch, mut message: impl BufRead) -> Result<Sent, Error> {
        self.pop3.responder().send_body(fetch)?;
        let sent = self.send_open(&mut message);
        if let Err(Error::Body(_) | Error::Message(_)) = sent {
            self.pop3.close();
        }
        sent
    }

    fn send_open(&mut self, message: &mut impl BufRead) -> Result<Sent, Error> {
        loop {
            self.ready()?;
            let Some((Event::Body, mut responder)) = self.pop3.poll()? else { return Err(Error::NothingDue) };
            let bytes = if responder.wants_body() { fill(message).map_err(Error::Message)? } else { &[] };
            if bytes.is_empty() {
                return Ok(responder.finish_body()?);
            }
            let taken = responder.write_body(bytes)?;
            message.consume(taken);
        }
    }

    /// Starts TLS, as the answer to [`Event::StartTls`]. `handshake` does it on the stream, within the time of the TLS timer and the
    /// deadline.
    ///
    /// Pending bytes are written first, so the client has the response to STLS. Bytes that were received before the handshake are fatal, because
    /// an attacker has injected them. So do not use a stream that reads ahead (a [`BufReader`](io::BufReader)) below STLS: it would hide those
    /// bytes.
    ///
    /// # Errors
    /// Returns [`Error::Io`] if the handshake fails. Returns [`Error::Connection`] if it takes too long or bytes were injected. Returns
    /// [`Error::Answer`] if the token belongs to another connection. After an error the connection is closed.
    pub fn start_tls<T: Stream>(
        mut self,
        start: StartTls,
        handshake: impl FnOnce(Timed<S>) -> io::Result<T>,
    ) -> Result<Session<T, M, C>, Error> {
        self.before_tls(&start)?;
        let Session { wire, mut pop3, .. } = self;
        let (timer, start_of_session) = (pop3.tick(wire.now())?, wire.start);
        let wire = match wire.upgrade(timer, handshake) {
            Err(Error::Io(error)) => {
                pop3.tick(start_of_session.elapsed())?; // reports a timer that ran out
                return Err(error.into());
            }
            wire => wire?,
        };
        pop3.tls_started(start)?;
        wire.trace.tls();
        Ok(Session { wire, pop3, farewell: None })
    }

    /// Writes all pending bytes, and returns the stream for a handshake in place. Report success with
    /// [`tls_started`](Self::tls_started); after a failure, drop the session.
    ///
    /// # Errors
    /// Returns the errors of [`start_tls`](Self::start_tls).
    pub fn stream_for_tls(&mut self, start: &StartTls) -> Result<&mut S, Error> {
        self.before_tls(start)?;
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
    pub fn finish(self) -> io::Result<()> {
        drop(self.pop3);
        self.wire.finish(LINGER)
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
    fn ready(&mut self) -> Result<(), Error> {
        while !self.pop3.is_closed() && !self.pop3.is_ready() {
            self.turn()?;
        }
        while self.pop3.server().state() == State::Closed && self.wire.wants_write(self.pop3.send_buf()) {
            self.turn()?;
        }
        Ok(())
    }

    /// Writes pending bytes, and refuses injected ones, before TLS takes the stream.
    fn before_tls(&mut self, start: &StartTls) -> Result<(), Error> {
        if start.connection() != self.wire.id {
            return Err(AnswerError::OtherConnection.into());
        }
        while self.wire.wants_write(self.pop3.send_buf()) {
            self.turn()?;
        }
        if !self.pop3.unread().is_empty() {
            self.pop3.close();
            return Err(ConnectionError::PlaintextAfterStls.into());
        }
        let timer = self.pop3.tick(self.wire.now())?;
        self.wire.limit(timer)
    }

    /// Writes once if bytes are pending; otherwise reads once.
    fn turn(&mut self) -> Result<(), Error> {
        let timer = self.timer()?;
        self.wire.limit(timer)?;
        if self.wire.wants_write(self.pop3.send_buf()) {
            self.wire.write(self.pop3.send_buf())?;
        } else if self.pop3.wants_read() {
            self.wire.read(self.pop3.recv_buf())?;
        } else {
            return Err(Error::NothingDue);
        }
        Ok(())
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

/// Reads from the store, and again if a signal interrupts the read.
fn fill(message: &mut impl BufRead) -> io::Result<&[u8]> {
    loop {
        match message.fill_buf() {
            Ok([]) => return Ok(&[]), // the end; another read might be interrupted
            Ok(_) => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    message.fill_buf()
}
