use super::buffers::{BufferTooSmall, RecvBuf, SendBuf, Storage};
use crate::client::{Client, Config, Event, SaslDone, SaslStep, SendError, StartTls, Ticket};
use crate::codec::Command;
use crate::error::{AnswerError, Fatal};
use crate::sink::{MIN_SINK, Sink};
use crate::types::Base64;
use core::time::Duration;

/// A client with its buffers.
#[derive(Debug)]
pub struct ClientConnection<R: Storage, S: Storage = R> {
    client: Client,
    recv: RecvBuf<R>,
    send: SendBuf<S>,
}

/// What can be sent while an event is at hand: the event borrows what was received, this the rest.
pub struct Sender<'c> {
    client: &'c mut Client,
    sink: &'c mut dyn Sink,
}

#[cfg(feature = "alloc")]
impl ClientConnection<alloc::vec::Vec<u8>> {
    /// A client that waits for the greeting, with buffers on the heap.
    pub fn new(config: impl Into<Config>) -> Self {
        Self::with_id(config, 0)
    }

    /// The same; `id` tells the tokens of two connections apart.
    pub fn with_id(config: impl Into<Config>, id: u64) -> Self {
        let client = Client::with_id(config, id);
        let (recv, send) = (alloc::vec::Vec::new(), alloc::vec::Vec::new());
        let (Ok(recv), Ok(send)) =
            (RecvBuf::new(recv, client.hold(), 16 * 1024), SendBuf::new(send, 16 * 1024))
        else {
            unreachable!("they grow")
        };
        ClientConnection { client, recv, send }
    }
}

impl<R: Storage, S: Storage> ClientConnection<R, S> {
    /// A client that waits for the greeting, over these buffers.
    ///
    /// # Errors
    /// The first has fewer octets than [`Config::hold`], or the second fewer than [`MIN_SINK`].
    pub fn with_buffers(config: impl Into<Config>, recv: R, send: S) -> Result<Self, BufferTooSmall> {
        let client = Client::new(config);
        let recv = RecvBuf::new(recv, client.hold(), 0)?;
        Ok(ClientConnection { recv, send: SendBuf::new(send, usize::MAX >> 1)?, client })
    }

    /// The machine, for what can be asked of it.
    pub const fn client(&self) -> &Client {
        &self.client
    }

    /// The next event, and what to answer it with; `None` while nothing is there, and behind [`Event::Closed`].
    #[inline(always)]
    pub fn poll(&mut self) -> Result<Option<(Event<'_>, Sender<'_>)>, Fatal> {
        let ClientConnection { client, recv, send } = self;
        match recv.with(|input| client.poll(input)) {
            Ok(Some(event)) => Ok(Some((event, Sender { client, sink: send }))),
            Ok(None) => Ok(None),
            Err(fatal) => Err(fatal),
        }
    }

    /// The next event alone, for a loop that sends nothing while it looks at one.
    #[inline(always)]
    pub fn poll_event(&mut self) -> Result<Option<Event<'_>>, Fatal> {
        let ClientConnection { client, recv, .. } = self;
        recv.with(|input| client.poll(input))
    }

    /// To send while no event is at hand.
    pub fn sender(&mut self) -> Sender<'_> {
        self.client.note_unread(self.recv.unread().len());
        Sender { client: &mut self.client, sink: &mut self.send }
    }

    /// Whether [`poll`](Self::poll) has something to say; otherwise the stream is needed, or the caller is to send something
    /// ([`is_waiting`](Self::is_waiting) tells), or the session [is over](Self::is_closed).
    pub fn is_ready(&mut self) -> bool {
        !(self.client.has_told() || self.client.needs_input(self.recv.unread(), self.recv.is_eof()))
    }

    /// Whether the server owes something, so that it makes sense to wait for it.
    pub fn is_waiting(&self) -> bool {
        self.client.is_waiting()
    }

    /// Whether anything is to be sent.
    pub fn wants_write(&self) -> bool {
        !self.send.pending().is_empty()
    }

    /// Whether nothing more comes.
    pub const fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// What was received.
    pub const fn recv_buf(&mut self) -> &mut RecvBuf<R> {
        &mut self.recv
    }

    /// What is to be sent.
    pub const fn send_buf(&mut self) -> &mut SendBuf<S> {
        &mut self.send
    }

    /// Frees what the buffers do not need now.
    pub fn shrink(&mut self) {
        self.recv.shrink();
        self.send.shrink();
    }

    /// TLS is up: see [`Client::tls_started`]. Octets that are still here came in clear, and end the session.
    pub fn tls_started(&mut self, start: StartTls) -> Result<(), AnswerError> {
        Ok(self.client.tls_started(start, self.recv.input())?)
    }

    /// See [`Client::tick`]; both times are from the driver's start.
    pub fn tick(&mut self, now: Duration) -> Result<Option<Duration>, Fatal> {
        Ok(self.client.tick(now.into())?.map(Duration::from))
    }
}

#[cfg(feature = "std")]
impl<R: Storage, S: Storage> ClientConnection<R, S> {
    /// Reads once, if the server owes something. The end of the stream is noted.
    pub fn read_from(&mut self, stream: &mut impl std::io::Read) -> std::io::Result<usize> {
        if !self.is_waiting() {
            return Ok(0);
        }
        let count = stream.read(self.recv.spare_mut())?;
        self.recv.received(count);
        Ok(count)
    }

    /// Writes all that is pending.
    pub fn write_to(&mut self, stream: &mut impl std::io::Write) -> std::io::Result<()> {
        while !self.send.pending().is_empty() {
            match stream.write(self.send.pending())? {
                0 => return Err(std::io::ErrorKind::WriteZero.into()),
                count => self.send.sent(count),
            }
        }
        stream.flush()
    }
}

impl Sender<'_> {
    /// Queues a command.
    pub fn send(&mut self, command: Command<'_>) -> Result<Ticket, SendError> {
        self.client.send(&command, self.sink)
    }

    /// Answers a challenge.
    pub fn respond(&mut self, step: SaslStep, response: Base64<'_>) -> Result<(), AnswerError> {
        Ok(self.client.sasl(step, response, self.sink)?)
    }

    /// Cancels the exchange.
    pub fn cancel(&mut self, step: SaslStep) -> Result<(), AnswerError> {
        Ok(self.client.sasl_cancel(step, self.sink)?)
    }

    /// The mechanism agrees.
    pub fn verified(&mut self, done: SaslDone) -> Result<(), AnswerError> {
        Ok(self.client.verified(done)?)
    }

    /// Ends the session without QUIT.
    pub fn close(&mut self) {
        self.client.close();
    }

    /// The machine.
    pub fn client(&self) -> &Client {
        self.client
    }
}

impl core::fmt::Debug for Sender<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Sender").field("client", self.client).finish_non_exhaustive()
    }
}

const _: usize = MIN_SINK;
