use super::buffers::{BufferTooSmall, RecvBuf, SendBuf, Storage};
use crate::error::{AnswerError, Fatal};
use crate::server::{
    AsConfig, Ask, Commit, Config, Credentials, Fetch, Greet, Login, Maildrop, Other, Refusable, Refusal,
    Sent, Server, StartTls, Step, Unfit, User, Why,
};
use crate::sink::Sink;
use crate::types::{ApopDigest, Base64, Mechanism, Secret, Text};
use core::ops::Range;
use core::time::Duration;

/// A server with its buffers.
#[derive(Debug)]
pub struct ServerConnection<M, R: Storage, S: Storage = R, C: AsConfig = &'static Config<'static>> {
    server: Server<M, C>,
    recv: RecvBuf<R>,
    send: SendBuf<S>,
    waits_for: WaitsFor,
    /// What `poll` gives next.
    next: Option<Result<Next, Fatal>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum WaitsFor {
    Input,
    Space,
    Answer,
    Nothing,
    /// The end was told.
    End,
}

/// What a client wants, and what the application owes.
#[derive(Debug)]
#[must_use]
#[non_exhaustive]
pub enum ServerEvent<'i> {
    /// The connection is up.
    Greet(Greet),
    /// A name.
    User(User, Text<'i>),
    /// A login.
    Login(Login, Credentials<'i>),
    /// A message is wanted.
    Fetch(Fetch),
    /// There is room for the next octets of the message that is open.
    Body,
    /// QUIT: what is marked is to be removed.
    Commit(Commit),
    /// The answer to STLS is written: the handshake is due.
    StartTls(StartTls),
    /// A command that the crate does not know.
    Other(Other, &'i [u8], Text<'i>),
    /// The session is over: it comes once.
    Closed(Why),
}

/// A turn without a borrow: what it carries lies in the buffer, at these places.
#[derive(Debug)]
enum Next {
    Greet(Greet),
    User(User, Range<usize>),
    Password(Login, Range<usize>),
    Apop(Login, Range<usize>, ApopDigest),
    Sasl(Login, Range<usize>, Option<Range<usize>>),
    Response(Login, Range<usize>),
    Fetch(Fetch),
    Commit(Commit),
    StartTls(StartTls),
    Other(Other, Range<usize>, Range<usize>),
    Body,
    Closed(Why),
}

impl Next {
    fn of(step: Step<'_>, base: usize) -> Self {
        // What is nowhere in the buffer is empty.
        let place = |part: &[u8]| match (part.as_ptr() as usize).checked_sub(base) {
            Some(start) if !part.is_empty() => start..start.saturating_add(part.len()),
            _ => 0..0,
        };
        match step {
            Step::NeedBody => Next::Body,
            Step::Closed(why) => Next::Closed(why),
            Step::Ask(Ask::Greet(greet)) => Next::Greet(greet),
            Step::Ask(Ask::User(user, name)) => Next::User(user, place(name.as_bytes())),
            Step::Ask(Ask::Login(login, credentials)) => match credentials {
                Credentials::Password(secret) => Next::Password(login, place(secret.expose())),
                Credentials::Apop { name, digest } => Next::Apop(login, place(name.as_bytes()), digest),
                Credentials::Sasl { mechanism, initial } => Next::Sasl(
                    login,
                    place(mechanism.as_bytes()),
                    initial.map(|initial| place(initial.as_bytes())),
                ),
                Credentials::Response(response) => Next::Response(login, place(response.as_bytes())),
            },
            Step::Ask(Ask::Fetch(fetch)) => Next::Fetch(fetch),
            Step::Ask(Ask::Commit(commit)) => Next::Commit(commit),
            Step::Ask(Ask::StartTls(start)) => Next::StartTls(start),
            Step::Ask(Ask::Other(other, keyword, arguments)) => {
                Next::Other(other, place(keyword), place(arguments.as_bytes()))
            }
            Step::NeedInput | Step::NeedSpace(_) | Step::Waiting => Next::Body,
        }
    }

    fn event(self, buffer: &[u8]) -> Option<ServerEvent<'_>> {
        let part = |place: Range<usize>| buffer.get(place).unwrap_or_default();
        let text = |place| Text::new(part(place)).ok();
        let base64 = |place| Base64::new(part(place)).ok();
        Some(match self {
            Next::Body => ServerEvent::Body,
            Next::Closed(why) => ServerEvent::Closed(why),
            Next::Greet(greet) => ServerEvent::Greet(greet),
            Next::User(user, name) => ServerEvent::User(user, text(name)?),
            Next::Password(login, secret) => {
                ServerEvent::Login(login, Credentials::Password(Secret::new(part(secret)).ok()?))
            }
            Next::Apop(login, name, digest) => {
                ServerEvent::Login(login, Credentials::Apop { name: text(name)?, digest })
            }
            Next::Sasl(login, mechanism, initial) => {
                let initial = match initial {
                    Some(initial) => Some(base64(initial)?),
                    None => None,
                };
                ServerEvent::Login(
                    login,
                    Credentials::Sasl { mechanism: Mechanism::new(part(mechanism)).ok()?, initial },
                )
            }
            Next::Response(login, response) => {
                ServerEvent::Login(login, Credentials::Response(base64(response)?))
            }
            Next::Fetch(fetch) => ServerEvent::Fetch(fetch),
            Next::Commit(commit) => ServerEvent::Commit(commit),
            Next::StartTls(start) => ServerEvent::StartTls(start),
            Next::Other(other, keyword, arguments) => {
                ServerEvent::Other(other, part(keyword), text(arguments)?)
            }
        })
    }
}

/// What answers, while a question is at hand: the question borrows what was received, this the rest.
pub struct Responder<'c, M, C: AsConfig = &'static Config<'static>> {
    server: &'c mut Server<M, C>,
    sink: &'c mut dyn Sink,
}

#[cfg(feature = "alloc")]
impl<M: Maildrop, C: AsConfig> ServerConnection<M, alloc::vec::Vec<u8>, alloc::vec::Vec<u8>, C> {
    /// A server for one connection, with buffers on the heap.
    pub fn new(config: C, id: u64) -> Self {
        let server = Server::new(config, id);
        let (recv, send) = (alloc::vec::Vec::new(), alloc::vec::Vec::new());
        let (Ok(recv), Ok(send)) = (RecvBuf::new(recv, server.hold(), 4096), SendBuf::new(send, 16 * 1024))
        else {
            unreachable!("they grow")
        };
        ServerConnection { server, recv, send, waits_for: WaitsFor::Nothing, next: None }
    }
}

impl<M: Maildrop, R: Storage, S: Storage, C: AsConfig> ServerConnection<M, R, S, C> {
    /// A server for one connection, over these buffers.
    pub fn with_buffers(config: C, id: u64, recv: R, send: S) -> Result<Self, BufferTooSmall> {
        let server = Server::new(config, id);
        let recv = RecvBuf::new(recv, server.hold(), 0)?;
        Ok(ServerConnection {
            recv,
            send: SendBuf::new(send, usize::MAX >> 1)?,
            server,
            waits_for: WaitsFor::Nothing,
            next: None,
        })
    }

    /// The machine.
    pub const fn server(&self) -> &Server<M, C> {
        &self.server
    }

    /// Goes on until somebody else is needed, and says whether that is the application: [`poll`](Self::poll) then has
    /// something to say. Otherwise the stream is needed, or an answer that is owed.
    pub fn is_ready(&mut self) -> bool {
        if self.next.is_none() {
            let ServerConnection { server, recv, send, waits_for, next } = self;
            let base = recv.base();
            match recv.with(|input| server.poll(input, send)) {
                Ok(Step::NeedInput) => *waits_for = WaitsFor::Input,
                Ok(Step::NeedSpace(_)) => *waits_for = WaitsFor::Space,
                Ok(Step::Waiting) => *waits_for = WaitsFor::Answer,
                Ok(Step::NeedBody) if server.body_waits(send) => *waits_for = WaitsFor::Space,
                Ok(Step::Closed(_)) if *waits_for == WaitsFor::End => {}
                Ok(Step::Closed(why)) => {
                    // What it locks goes before the client reads the last answer, so that it can log in again at once.
                    drop(server.take_maildrop());
                    (*waits_for, *next) = (WaitsFor::End, Some(Ok(Next::Closed(why))));
                }
                Ok(step) => (*waits_for, *next) = (WaitsFor::Nothing, Some(Ok(Next::of(step, base)))),
                Err(fatal) => (*waits_for, *next) = (WaitsFor::Nothing, Some(Err(fatal))),
            }
        }
        self.recv.pin(self.next.is_some());
        self.next.is_some()
    }

    /// Goes on until somebody else is needed: the application, or, where it is `None`, the stream.
    pub fn poll(&mut self) -> Result<Option<(ServerEvent<'_>, Responder<'_, M, C>)>, Fatal> {
        self.is_ready();
        let ServerConnection { server, recv, send, next, .. } = self;
        let Some(next) = next.take() else { return Ok(None) };
        recv.pin(false);
        Ok(next?.event(recv.all()).map(|event| (event, Responder { server, sink: send })))
    }

    /// To answer later, with a token that was kept.
    pub fn responder(&mut self) -> Responder<'_, M, C> {
        Responder { server: &mut self.server, sink: &mut self.send }
    }

    /// Whether the session is over; what is pending is still to be sent.
    pub fn is_closed(&self) -> bool {
        self.waits_for == WaitsFor::End && self.next.is_none()
    }

    /// Whether `poll` has asked for input, and nothing is to be sent before.
    pub fn wants_read(&self) -> bool {
        self.waits_for == WaitsFor::Input && !self.wants_write()
    }

    /// Whether an answer is owed.
    pub fn wants_answer(&self) -> bool {
        self.waits_for == WaitsFor::Answer
    }

    /// Whether anything is to be sent.
    pub fn wants_write(&self) -> bool {
        !self.send.pending().is_empty()
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

    /// TLS is up.
    pub fn tls_started(&mut self, start: StartTls) -> Result<(), AnswerError> {
        Ok(self.server.tls_started(start, self.recv.input())?)
    }

    /// See [`Server::tick`]; both times are from the driver's start.
    pub fn tick(&mut self, now: Duration) -> Result<Option<Duration>, Fatal> {
        Ok(self.server.tick(now.into())?.map(Duration::from))
    }
}

#[cfg(feature = "std")]
impl<M: Maildrop, R: Storage, S: Storage, C: AsConfig> ServerConnection<M, R, S, C> {
    /// Reads once, if that is what `poll` waits for.
    pub fn read_from(&mut self, stream: &mut impl std::io::Read) -> std::io::Result<usize> {
        if !self.wants_read() {
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

impl<M: Maildrop, C: AsConfig> Responder<'_, M, C> {
    /// Greets.
    pub fn greet(&mut self, greet: Greet, text: Text<'_>) -> Result<(), AnswerError> {
        Ok(self.server.greet(greet, text, self.sink)?)
    }

    /// Takes the name.
    pub fn accept_name(&mut self, user: User) -> Result<(), AnswerError> {
        Ok(self.server.accept_name(user)?)
    }

    /// The client is who it says.
    pub fn accept(&mut self, login: Login, maildrop: M) -> Result<(), AnswerError> {
        self.server.accept(login, maildrop).map_err(AnswerError::from)
    }

    /// Goes on with AUTH.
    pub fn challenge(&mut self, login: Login, challenge: Base64<'_>) -> Result<(), AnswerError> {
        Ok(self.server.challenge(login, challenge, self.sink)?)
    }

    /// Somebody else goes on.
    pub fn hand_over(&mut self, login: Login) -> Result<(), AnswerError> {
        Ok(self.server.hand_over(login)?)
    }

    /// The message comes, of the size that the maildrop lists.
    pub fn send_body(&mut self, fetch: Fetch) -> Result<(), AnswerError> {
        Ok(self.server.send_body(fetch)?)
    }

    /// The next octets of the message: how many were taken.
    pub fn write_body(&mut self, octets: &[u8]) -> Result<usize, Unfit> {
        self.server.write_body(octets, self.sink)
    }

    /// Whether nothing that follows would be sent.
    pub fn is_enough(&self) -> bool {
        self.server.enough()
    }

    /// The message is complete.
    pub fn finish_body(&mut self) -> Result<Sent, Unfit> {
        self.server.finish_body()
    }

    /// All that was marked is removed.
    pub fn removed(&mut self, commit: Commit) -> Result<(), AnswerError> {
        Ok(self.server.removed(commit)?)
    }

    /// Not all that was marked is removed.
    pub fn not_removed(&mut self, commit: Commit, why: Refusal) -> Result<(), AnswerError> {
        Ok(self.server.not_removed(commit, why)?)
    }

    /// Answers a command of another crate's.
    pub fn other(&mut self, other: Other, text: Text<'_>) -> Result<(), AnswerError> {
        Ok(self.server.other(other, text, self.sink)?)
    }

    /// Refuses.
    pub fn refuse<T: Refusable>(&mut self, token: T, refusal: Refusal) -> Result<(), AnswerError> {
        Ok(self.server.refuse(token, refusal)?)
    }

    /// Refuses a question that the application does not know: the last arm of a `match`.
    pub fn decline(&mut self, event: ServerEvent<'_>) -> Result<(), AnswerError> {
        match event {
            ServerEvent::Greet(token) => self.refuse(token, Refusal::Temporary),
            ServerEvent::User(token, _) => self.refuse(token, Refusal::Temporary),
            ServerEvent::Login(token, _) => self.refuse(token, Refusal::Credentials),
            ServerEvent::Fetch(token) => self.refuse(token, Refusal::Temporary),
            ServerEvent::Other(token, ..) => self.refuse(token, Refusal::UnknownCommand),
            ServerEvent::Commit(token) => self.not_removed(token, Refusal::Temporary),
            ServerEvent::StartTls(_) | ServerEvent::Body => {
                self.close();
                Ok(())
            }
            ServerEvent::Closed(_) => Ok(()),
        }
    }

    /// Ends the session without UPDATE.
    pub fn close(&mut self) {
        self.server.close();
    }

    /// The maildrop, from login on.
    pub fn maildrop(&mut self) -> Option<&mut M> {
        self.server.maildrop_mut()
    }
}

impl<M, C: AsConfig> core::fmt::Debug for Responder<'_, M, C> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Responder").finish_non_exhaustive()
    }
}
