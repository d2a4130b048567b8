use crate::trace::Trace;
use crate::wire::Wire;
use crate::{Error, Stream, Timed};
use pop3_proto::client::{Event, Sender, StartTls};
use pop3_proto::login::{Login, LoginError, Way};
use pop3_proto::{AnswerError, ApopTimestamp, Client, ClientConfig, ClientConnection, ConnectionError, Verb};
use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

/// How long closing may take.
const FAREWELL: Duration = Duration::from_secs(1);

/// A POP3 client on a blocking stream.
///
/// Send commands with the [`Sender`] that comes with each event, or with [`sender`](Self::sender). [`next`](Self::next) writes them, and waits
/// for the next event. Timers run automatically ([`ClientConfig::with_timers`]). Set a deadline for the whole session with
/// [`with_deadline`](Self::with_deadline).
///
/// # Stopping early
/// Drop the connection at any time. This closes it, and without an answered QUIT the server removes nothing. [`finish`](Self::finish) also
/// tells the peer, as TLS requires.
#[derive(Debug)]
pub struct Connection<S> {
    wire: Wire<S>,
    pop3: ClientConnection<Vec<u8>>,
    /// The timestamp of the greeting, for APOP.
    timestamp: Option<Vec<u8>>,
}

impl Connection<TcpStream> {
    /// Connects. The greeting is the first event.
    ///
    /// ```no_run
    /// use pop3_blocking::Connection;
    /// use pop3_proto::TlsPolicy;
    ///
    /// let mut pop3 = Connection::connect("localhost:110", TlsPolicy::Cleartext)?;
    /// let way = pop3.log_in("mrose", "tanstaaf")?;
    /// println!("logged in by {way}");
    /// # Ok::<(), pop3_blocking::Error>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`Error::Io`] if the connection cannot be made.
    pub fn connect(address: impl ToSocketAddrs, config: impl Into<ClientConfig>) -> Result<Self, Error> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        let peer = stream.peer_addr();
        Ok(Connection::new(stream, config).with_peer(peer))
    }
}

impl<S: Stream> Connection<S> {
    /// Returns a client on a connected stream, which is inside TLS already if the configuration's policy is
    /// [`Implicit`](pop3_proto::TlsPolicy::Implicit).
    pub fn new(stream: S, config: impl Into<ClientConfig>) -> Self {
        let wire = Wire::new(stream, Trace::of_client);
        let pop3 = ClientConnection::new(config, wire.id);
        Connection { wire, pop3, timestamp: None }
    }

    /// Records the address of the server, for the trace.
    pub(crate) fn with_peer(self, address: io::Result<SocketAddr>) -> Self {
        self.wire.trace.peer(address);
        self
    }

    /// Ends the session with [`Error::Deadline`] after this time, regardless of how much the server sends.
    #[must_use]
    pub fn with_deadline(mut self, after: Duration) -> Self {
        self.set_deadline(Instant::now().checked_add(after));
        self
    }

    /// Sets the deadline of the session, or removes it.
    pub fn set_deadline(&mut self, deadline: Option<Instant>) {
        self.wire.set_deadline(deadline);
    }

    /// Writes the commands that were sent, and waits for the next event. `None` means that the session is over and that [`Event::Closed`] was
    /// returned before.
    ///
    /// # Errors
    /// Returns [`Error::NothingDue`] instead of waiting forever, if no command waits for a response: send one, and call it again. Returns
    /// [`Error::Connection`] if a timer ran out or the server broke a rule. Returns [`Error::Deadline`] if the deadline has passed. Returns
    /// [`Error::Io`] if the stream failed.
    #[allow(clippy::should_implement_trait)] // an iterator's items cannot borrow from it
    pub fn next(&mut self) -> Result<Option<(Event<'_>, Sender<'_>)>, Error> {
        self.ready()?;
        let polled = self.pop3.poll();
        self.wire.trace.client(&polled);
        let polled = polled?;
        if let Some((Event::Greeting(greeting), _)) = &polled {
            self.timestamp = greeting.timestamp.map(|timestamp| timestamp.as_bytes().to_vec());
        }
        Ok(polled)
    }

    /// Writes the commands that were sent, and waits until [`next`](Self::next) can return at once.
    ///
    /// # Errors
    /// Returns the errors of [`next`](Self::next).
    pub fn ready(&mut self) -> Result<(), Error> {
        while !self.pop3.is_ready() && !self.pop3.is_closed() {
            self.turn()?;
        }
        Ok(())
    }

    /// Returns the bytes that were received and not read yet. Once the connection is [`ready`](Self::ready), they begin with the
    /// bytes that [`next`](Self::next) reads, so a program can show a line that is not a response.
    pub fn unread(&self) -> &[u8] {
        self.pop3.unread()
    }

    /// Returns a sender, for a command while you hold no event. [`next`](Self::next) writes it.
    pub fn sender(&mut self) -> Sender<'_> {
        self.pop3.sender()
    }

    /// Logs in with the best method that the server and the TLS policy allow: see [`Login`]. Waits for the greeting, and asks for the
    /// server's capabilities, if you have not.
    ///
    /// # Errors
    /// Returns [`Error::Login`] with the reason if the login fails. Otherwise, returns the errors of
    /// [`next`](Self::next).
    pub fn log_in(&mut self, name: &str, password: &str) -> Result<Way, Error> {
        self.log_in_with(Login::new(name.try_into()?, password.try_into()?))
    }

    /// Logs in according to this [`Login`]: with one method only, with SCRAM, or with a name that is not
    /// UTF-8.
    ///
    /// # Errors
    /// Returns the errors of [`log_in`](Self::log_in).
    pub fn log_in_with(&mut self, mut login: Login<'_>) -> Result<Way, Error> {
        let timestamp = self.timestamp.take();
        let timestamp = timestamp.as_deref().and_then(|timestamp| ApopTimestamp::new(timestamp).ok());
        login.begin(timestamp, &mut self.sender()).map_err(|why| Error::login(why, String::new()))?;
        let mut text = String::new();
        while let Some((event, mut sender)) = self.next()? {
            match &event {
                Event::Refused(ticket, status) if ticket.verb != Verb::Capa => {
                    text = status.text().to_string();
                }
                Event::NoService(status) => text = status.text().to_string(),
                _ => {}
            }
            match login.handle(event, &mut sender) {
                Ok(None) => {}
                Ok(Some(way)) => return Ok(way),
                Err(why) => return Err(Error::login(why, text)),
            }
        }
        Err(Error::login(LoginError::Ended, text))
    }

    /// Starts TLS, as the answer to [`Event::StartTls`]. `handshake` does it on the stream, within the time of the TLS timer and the
    /// deadline.
    ///
    /// Pending bytes are written first. Bytes that were received before the handshake are fatal, because an attacker has injected them. So do
    /// not use a stream that reads ahead (a [`BufReader`](io::BufReader)) below STLS: it would hide those bytes.
    ///
    /// # Errors
    /// Returns [`Error::Io`] if the handshake fails. Returns [`Error::Connection`] if it takes too long or bytes were injected. Returns
    /// [`Error::Answer`] if the token belongs to another connection. After an error the connection is closed, and never continues in cleartext.
    pub fn start_tls<T: Stream>(
        mut self,
        start: StartTls,
        handshake: impl FnOnce(Timed<S>) -> io::Result<T>,
    ) -> Result<Connection<T>, Error> {
        self.before_tls(&start)?;
        let Connection { wire, mut pop3, .. } = self;
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
        Ok(Connection { wire, pop3, timestamp: None })
    }

    /// Writes all pending bytes, and returns the stream for a handshake in place. Report success with
    /// [`tls_started`](Self::tls_started); after a failure, drop the connection.
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
        self.timestamp = None;
        self.wire.trace.tls();
        Ok(())
    }

    /// Ends the session without QUIT, so the server removes nothing. [`next`](Self::next) then returns [`Event::Closed`].
    pub fn close(&mut self) {
        self.pop3.close();
    }

    /// Tells the peer that the connection ends, and closes it. Dropping the connection closes it too, but does not
    /// tell the peer.
    ///
    /// # Errors
    /// Returns [`io::Error`] if the stream fails.
    pub fn finish(self) -> io::Result<()> {
        self.wire.finish(FAREWELL)
    }

    /// Returns the machine, for its state, capabilities and deletions.
    pub fn client(&self) -> &Client {
        self.pop3.client()
    }

    /// Returns the stream.
    pub fn stream(&self) -> &S {
        &self.wire.stream
    }

    /// Returns the stream. The session misses any bytes that you read or write there.
    pub fn stream_mut(&mut self) -> &mut S {
        &mut self.wire.stream
    }

    /// Returns the stream. Received bytes that were not read are lost.
    pub fn into_stream(self) -> S {
        self.wire.stream
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
        let timer = self.pop3.tick(self.wire.now())?;
        self.wire.limit(timer)?;
        if self.wire.wants_write(self.pop3.send_buf()) {
            self.wire.write(self.pop3.send_buf())?;
        } else if self.pop3.is_waiting() {
            self.wire.read(self.pop3.recv_buf())?;
        } else {
            return Err(Error::NothingDue);
        }
        Ok(())
    }
}
