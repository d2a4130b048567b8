//! The proxy without a socket or a clock.
//!
//! [`Proxy::step`] returns what the proxy waits for. The caller moves bytes: it sends the [`pending`](Proxy::pending) bytes at either end,
//! and reads into [`spare`](Proxy::spare). This is the same in memory, with threads and with any runtime.
//!
//! Each end is a connection. After the login the proxy relays. The bytes that a connection received and did not read followed the
//! login, so they are sent at the other end, and so are all later bytes.

mod attempt;

use crate::table::Table;
use attempt::{Attempt, Back, Refused};
use pop3_proto::server::{CloseReason, Credentials, Event, Refusal, ServerConfig};
use pop3_proto::{RecvBuf, SendBuf, ServerConnection, Text};
use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The shortest time after which a wrong name or password is refused, which makes guessing slow.
pub const REFUSAL_DELAY: Duration = Duration::from_secs(1);

/// How long both sides may be silent once both have logged in. It is longer than a back end's own timer, which should run out first.
pub const IDLE: Duration = Duration::from_secs(31 * 60);

/// The maximum number of bytes on their way, in each direction.
const ROOM: usize = 16 * 1024;

/// The bytes received at one end. The buffer does not grow, because it limits the bytes on their way.
type Recv = Box<[u8]>;

fn room() -> Recv {
    vec![0; ROOM].into()
}

/// The connection in front. It never opens a maildrop.
type Front = ServerConnection<Infallible, Recv, Vec<u8>>;

/// A connection in front, and the connection to the back end that belongs to it.
pub struct Proxy {
    table: Arc<Table>,
    front: Front,
    back: Back,
    /// The name that the client gave with USER. The connection does not keep it.
    name: Vec<u8>,
    /// The login that waits for the back end.
    attempt: Option<Attempt>,
    link: Link,
    stage: Stage,
    /// When bytes last moved, as far as `tick` has seen.
    quiet_since: Option<Duration>,
}

/// One of the two connections.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// The client's.
    Front,
    /// The back end's.
    Back,
}

impl End {
    /// Returns the other end, which receives the bytes for this one.
    const fn other(self) -> Self {
        match self {
            End::Front => End::Back,
            End::Back => End::Front,
        }
    }
}

/// The things that a [`Proxy`] waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wants<'p> {
    /// Bytes to move, at either end.
    Octets,
    /// A connection to this back end: [`Proxy::connected`], or [`Proxy::unreachable`].
    Connection(&'p str),
    /// Nothing: send the bytes pending in front, and close both connections.
    Nothing,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    Login,
    Relay,
    Over,
}

/// The state of the connection to the back end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Link {
    None,
    Wanted,
    Up,
}

impl Proxy {
    /// Returns a proxy for one connection. `id` is the caller's number for it.
    ///
    /// # Panics
    /// Panics if the configuration allows lines that do not fit in the buffers.
    pub fn new(config: &'static ServerConfig<'_>, table: Arc<Table>, id: u64) -> Self {
        let front = ServerConnection::with_buffers(config, id, room(), Vec::new());
        Proxy {
            table,
            front: front.expect("the lines of this configuration fit in the buffers"),
            back: attempt::back(),
            name: Vec::new(),
            attempt: None,
            link: Link::None,
            stage: Stage::Login,
            quiet_since: None,
        }
    }

    /// Continues until the proxy has to wait. Calling it more often than needed does no harm.
    pub fn step(&mut self) -> Wants<'_> {
        while self.stage == Stage::Login && self.advance() {}
        let over = match self.stage {
            Stage::Login => false,
            // The proxy has no client left to answer. If only the client's side is closed, the responses
            // still follow.
            Stage::Relay => self.is_eof(End::Back) && self.pending(End::Front).is_empty(),
            Stage::Over => true,
        };
        match &self.attempt {
            _ if over => Wants::Nothing,
            Some(attempt) if self.link == Link::Wanted => Wants::Connection(&attempt.address),
            _ => Wants::Octets,
        }
    }

    /// Reports that the requested back end is connected.
    pub fn connected(&mut self) {
        if self.link == Link::Wanted {
            self.link = Link::Up;
        }
    }

    /// Reports that the requested back end cannot be reached.
    pub fn unreachable(&mut self) {
        if let Some(attempt) = &mut self.attempt {
            attempt.refused = Some(Refused::Here(Refusal::Temporary));
            self.link = Link::None;
        }
    }

    /// Returns whether there is a back end. If not, close its connection.
    pub fn has_back_end(&self) -> bool {
        self.link == Link::Up
    }

    /// Returns whether both logins succeeded, so bytes are relayed unchanged.
    pub fn is_relaying(&self) -> bool {
        self.stage == Stage::Relay
    }

    /// Returns the bytes to send there: first the bytes of the connection, then, once the proxy relays, the bytes received at the other
    /// end. So the response to the login is sent before any relayed byte, and a side that does not read finally stops the other side.
    pub fn pending(&self, end: End) -> &[u8] {
        let (own, relayed) = match end {
            End::Front => (self.front.pending(), self.back.unread()),
            End::Back => (self.back.pending(), self.front.unread()),
        };
        if own.is_empty() && self.is_relaying() { relayed } else { own }
    }

    /// Reports that the first `count` of the bytes pending there were sent.
    pub fn sent(&mut self, end: End, count: usize) {
        self.quiet_since = None;
        let is_relaying = self.is_relaying();
        let (send, recv) = self.way_to(end);
        match send.pending() {
            [] if is_relaying => recv.consume(count),
            _ => send.sent(count),
        }
    }

    /// Returns the room for the next bytes from there. Do not read while it is empty.
    pub fn spare_mut(&mut self, end: End) -> &mut [u8] {
        let is_relaying = self.is_relaying();
        let recv = self.recv_buf(end);
        // Bytes are relayed in parts as small as the other stream accepts. Reading on while most are left would move them each
        // time.
        if is_relaying && recv.unread().len() > ROOM / 2 { &mut [] } else { recv.spare_mut() }
    }

    /// Reports that `count` bytes were read into the room there.
    pub fn received(&mut self, end: End, count: usize) {
        self.quiet_since = None;
        if count > 0 {
            self.recv_buf(end).received(count);
        }
    }

    /// Reports that the stream from there has ended.
    pub fn received_eof(&mut self, end: End) {
        self.recv_buf(end).received_eof();
    }

    /// Returns whether the stream from there has ended.
    pub const fn is_eof(&self, end: End) -> bool {
        match end {
            End::Front => self.front.is_eof(),
            End::Back => self.back.is_eof(),
        }
    }

    /// Returns whether no more bytes will be pending there, so the end of the stream is passed on too.
    pub fn is_finished(&self, end: End) -> bool {
        self.is_relaying() && self.is_eof(end.other()) && self.pending(end).is_empty()
    }

    /// Runs the timers, and returns when to call this again. Call [`step`](Self::step) after it at that time.
    pub fn tick(&mut self, now: Duration) -> Option<Duration> {
        match self.stage {
            Stage::Over => return None,
            Stage::Relay => {
                let until = self.quiet_since.get_or_insert(now).saturating_add(IDLE);
                self.stage = if now < until { Stage::Relay } else { Stage::Over };
                return Some(until);
            }
            Stage::Login => {}
        }
        let Ok(front) = self.front.tick(now) else {
            self.stage = Stage::Over; // without a response (RFC 1939 section 3)
            return None;
        };
        let Proxy { attempt, back, link, .. } = self;
        let back = attempt.as_mut().and_then(|attempt| attempt.tick(now, *link, back));
        [front, back].into_iter().flatten().min()
    }

    fn recv_buf(&mut self, from: End) -> &mut RecvBuf<Recv> {
        match from {
            End::Front => self.front.recv_buf(),
            End::Back => self.back.recv_buf(),
        }
    }

    /// Returns the two buffers whose bytes are sent there: the connection's own buffer, and the relayed one.
    fn way_to(&mut self, end: End) -> (&mut SendBuf<Vec<u8>>, &mut RecvBuf<Recv>) {
        match end {
            End::Front => (self.front.send_buf(), self.back.recv_buf()),
            End::Back => (self.back.send_buf(), self.front.recv_buf()),
        }
    }

    /// Does one step of the login in front. Returns whether there is more to do now.
    fn advance(&mut self) -> bool {
        let (event, mut responder) = match self.front.poll() {
            Ok(Some(polled)) => polled,
            Ok(None) => return self.front.wants_answer() && self.attend(),
            Err(_) => return self.end(),
        };
        let answered = match event {
            Event::Greet(greet) => responder.greet(greet, Text::from_static("POP3 proxy ready")),
            Event::User(user, name) => {
                // Accept any name: only the password shows whether there is such a user.
                self.name = name.as_bytes().to_vec();
                responder.accept_name(user)
            }
            Event::Login(login, Credentials::Password(password)) => {
                let attempt = Attempt::new(login, &self.table, &self.name, password);
                self.link = if attempt.refused.is_none() { Link::Wanted } else { Link::None };
                self.attempt = Some(attempt);
                Ok(())
            }
            // The bytes after PASS are still unread here, as are those after the back end's response at the other
            // end.
            Event::Closed(CloseReason::HandedOver) => {
                self.stage = Stage::Relay;
                Ok(())
            }
            Event::Closed(_) => return self.end(),
            // AUTH, APOP, STLS and unknown commands are not offered, and without a maildrop there are no messages.
            other => responder.decline(other),
        };
        answered.is_ok() || self.end()
    }

    /// Ends the session. Returns false, because there is nothing more to do.
    fn end(&mut self) -> bool {
        self.stage = Stage::Over;
        false
    }

    /// Handles the login at the back end. Returns whether it has ended.
    fn attend(&mut self) -> bool {
        let Some(attempt) = &mut self.attempt else { return self.end() };
        let logged_in =
            self.link == Link::Up && attempt.refused.is_none() && attempt.talk(&mut self.back, &self.table);
        if !logged_in && !attempt.may_refuse() {
            return false;
        }
        let Some(Attempt { login, refused, .. }) = self.attempt.take() else { return false };
        let answered = match refused {
            None => self.front.responder().hand_over(login).is_ok(),
            Some(refused) => {
                // Closing the connection is enough, because QUIT changes nothing before login.
                (self.back, self.link) = (attempt::back(), Link::None);
                refused.tell(&mut self.front, login)
            }
        };
        answered || self.end()
    }
}

/// Shows no bytes, because they may contain a password.
impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Proxy { front, link, stage, .. } = self;
        f.debug_struct("Proxy")
            .field("front", front)
            .field("link", link)
            .field("stage", stage)
            .finish_non_exhaustive()
    }
}
