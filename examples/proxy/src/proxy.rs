//! The proxy without a socket or a clock.
//!
//! [`Proxy::step`] says what it waits for; its caller moves octets: what is [`pending`](Proxy::pending) at either end goes out, what comes
//! in goes where [`spare`](Proxy::spare) is. It is the same for memory, for threads and for any runtime.

mod attempt;

use crate::table::Table;
use attempt::{Attempt, Refused};
use pop3_proto::server::{Ask, CloseReason, Credentials, Refusal, ServerConfig, Step};
use pop3_proto::{RecvBuf, SendBuf, Server, Text};
use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// No answer to a wrong name or password comes sooner, which makes guessing slow.
pub const REFUSAL_DELAY: Duration = Duration::from_secs(1);

/// How long nothing may come from either side once both have logged in. That the back end's own timer runs out first is intended.
pub const IDLE: Duration = Duration::from_secs(31 * 60);

/// Room for octets on their way, for each direction.
const INBOX: usize = 16 * 1024;

/// One connection in front, and the one behind that belongs to it.
pub struct Proxy {
    table: Arc<Table>,
    /// It never opens a maildrop.
    server: Server<Infallible>,
    /// What USER gave. The machine does not keep it.
    name: Vec<u8>,
    /// The login that waits for the back end.
    attempt: Option<Attempt>,
    front: Wire,
    back: Wire,
    link: Link,
    stage: Stage,
    /// When octets moved last, as far as `tick` has seen.
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

/// What a [`Proxy`] waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wants<'p> {
    /// Octets to be moved, at either end.
    Octets,
    /// A connection to this back end: [`Proxy::connected`], or [`Proxy::unreachable`].
    Connection(&'p str),
    /// Nothing: send what is pending in front, and close both.
    Nothing,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    Login,
    Relay,
    Over,
}

/// The connection behind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Link {
    None,
    Wanted,
    Up,
}

/// The octets of one connection.
struct Wire {
    recv: RecvBuf<Vec<u8>>,
    send: SendBuf<Vec<u8>>,
}

impl Wire {
    fn new() -> Self {
        Wire { recv: RecvBuf::new(vec![0; INBOX]), send: SendBuf::new(vec![]) }
    }
}

impl Proxy {
    /// A proxy for one connection; `id` is the caller's number for it.
    pub fn new(config: &'static ServerConfig<'_>, table: Arc<Table>, id: u64) -> Self {
        assert!(
            config.min_recv_buf() <= INBOX,
            "the lines that this configuration allows are longer than the receive buffer"
        );
        Proxy {
            table,
            server: Server::new(config, id),
            name: Vec::new(),
            attempt: None,
            front: Wire::new(),
            back: Wire::new(),
            link: Link::None,
            stage: Stage::Login,
            quiet_since: None,
        }
    }

    /// Goes on until something is waited for. To call it more often than needed does no harm.
    pub fn step(&mut self) -> Wants<'_> {
        while self.stage == Stage::Login && self.advance() {}
        let over = match self.stage {
            Stage::Login => false,
            // Nobody is left to answer. Where the client is the one that has closed, the answers still come.
            Stage::Relay => self.back.recv.is_eof() && self.pending(End::Front).is_empty(),
            Stage::Over => true,
        };
        match &self.attempt {
            _ if over => Wants::Nothing,
            Some(attempt) if self.link == Link::Wanted => Wants::Connection(&attempt.address),
            _ => Wants::Octets,
        }
    }

    /// The back end that was asked for is connected.
    pub fn connected(&mut self) {
        if self.link == Link::Wanted {
            self.link = Link::Up;
        }
    }

    /// The back end that was asked for cannot be reached.
    pub fn unreachable(&mut self) {
        if let Some(attempt) = &mut self.attempt {
            attempt.refused = Some(Refused::Here(Refusal::Temporary));
            self.link = Link::None;
        }
    }

    /// Whether there is a back end. Where not, its connection is to be closed.
    pub fn has_back_end(&self) -> bool {
        self.link == Link::Up
    }

    /// Whether both logins succeeded, so that octets are passed on as they come.
    pub fn is_relaying(&self) -> bool {
        self.stage == Stage::Relay
    }

    /// The octets to send there: those of the machine, and once octets are relayed what came in at the other end. So the last word of
    /// each machine comes before anything relayed, and a side that takes nothing is in the end not read for.
    pub fn pending(&self, end: End) -> &[u8] {
        let (to, from) = match end {
            End::Front => (&self.front, &self.back),
            End::Back => (&self.back, &self.front),
        };
        match to.send.pending() {
            [] if self.stage == Stage::Relay => from.recv.unread(),
            octets => octets,
        }
    }

    /// The first `count` of the octets that were pending there are on their way.
    pub fn sent(&mut self, end: End, count: usize) {
        self.quiet_since = None;
        let (to, from) = self.wires(end);
        if to.send.pending().is_empty() {
            from.recv.consume(count); // nothing but a receive buffer is pending then
        } else {
            to.send.sent(count);
        }
    }

    /// Where the next octets from there go. Empty while there is no room: do not read then.
    pub fn spare(&mut self, end: End) -> &mut [u8] {
        let is_relaying = self.is_relaying();
        let recv = &mut self.wires(end).0.recv;
        // Bytes are relayed in parts as small as the other stream takes. To read on while most are left would move them each time.
        if is_relaying && recv.unread().len() > INBOX / 2 { &mut [] } else { recv.spare_mut() }
    }

    /// So many octets came in there.
    pub fn filled(&mut self, end: End, count: usize) {
        self.quiet_since = None;
        if count > 0 {
            self.wires(end).0.recv.received(count);
        }
    }

    /// The stream from there has ended.
    pub fn ended(&mut self, end: End) {
        self.wires(end).0.recv.received_eof();
    }

    /// Whether the stream from there has ended.
    pub fn is_ended(&self, end: End) -> bool {
        match end {
            End::Front => self.front.recv.is_eof(),
            End::Back => self.back.recv.is_eof(),
        }
    }

    /// Whether nothing will be pending there any more, so that the end of the stream is to be passed on too.
    pub fn is_finished(&self, end: End) -> bool {
        let other = match end {
            End::Front => End::Back,
            End::Back => End::Front,
        };
        self.stage == Stage::Relay && self.is_ended(other) && self.pending(end).is_empty()
    }

    /// Runs the timers, and says when to call again; call [`step`](Self::step) behind it once that time has come.
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
        let Ok(front) = self.server.tick(now) else {
            self.stage = Stage::Over; // without a word (RFC 1939 section 3)
            return None;
        };
        let back = self.attempt.as_mut().and_then(|attempt| attempt.tick(now, self.link));
        [front, back].into_iter().flatten().min()
    }

    fn wires(&mut self, end: End) -> (&mut Wire, &mut Wire) {
        match end {
            End::Front => (&mut self.front, &mut self.back),
            End::Back => (&mut self.back, &mut self.front),
        }
    }

    /// One step of the login in front; whether there is more to do at once.
    fn advance(&mut self) -> bool {
        let Proxy { server, front, .. } = self;
        match front.recv.with(|input| server.poll(input, &mut front.send)) {
            Ok(Step::NeedInput | Step::NeedSpace(_)) => return false,
            Ok(Step::Ask(Ask::Greet(greet))) => {
                let greeted = server.greet(greet, Text::from_static("POP3 proxy ready"), &mut front.send);
                self.stage = if greeted.is_ok() { Stage::Login } else { Stage::Over };
            }
            Ok(Step::Ask(Ask::User(user, name))) => {
                // Any name: whether there is such a user is told with the password.
                self.name = name.as_bytes().to_vec();
                self.stage = if server.accept_name(user).is_ok() { Stage::Login } else { Stage::Over };
            }
            Ok(Step::Ask(Ask::Login(login, Credentials::Password(password)))) => {
                let attempt = Attempt::new(login, &self.table, &self.name, password);
                self.link = if attempt.refused.is_none() { Link::Wanted } else { Link::None };
                self.attempt = Some(attempt);
            }
            Ok(Step::Waiting) => return self.attend(),
            // What is behind PASS is still in the receive buffer, and what is behind the back end's answer in the other one.
            Ok(Step::Closed(CloseReason::HandedOver)) => self.stage = Stage::Relay,
            // AUTH, APOP, STLS and unknown commands are not offered, and a server without a maildrop has no message.
            Ok(Step::Ask(_) | Step::NeedBody) => server.close(),
            Ok(Step::Closed(_)) | Err(_) => self.stage = Stage::Over,
        }
        true
    }

    /// Attends to the login behind; whether it has come to its end.
    fn attend(&mut self) -> bool {
        let Some(attempt) = &mut self.attempt else {
            self.server.close();
            return true;
        };
        let logged_in =
            self.link == Link::Up && attempt.refused.is_none() && attempt.talk(&mut self.back, &self.table);
        if !logged_in && !attempt.may_refuse() {
            return false;
        }
        let Some(Attempt { login, refused, .. }) = self.attempt.take() else { return false };
        let answered = match refused {
            None => self.server.hand_over(login).is_ok(),
            Some(refused) => {
                // Closing it is enough: before login there is nothing that QUIT could save.
                (self.back, self.link) = (Wire::new(), Link::None);
                refused.tell(&mut self.server, login, &mut self.front.send)
            }
        };
        if !answered {
            self.stage = Stage::Over;
        }
        true
    }
}

/// Shows no octets: there may be a password in them.
impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Proxy { server, link, stage, .. } = self;
        f.debug_struct("Proxy")
            .field("server", server)
            .field("link", link)
            .field("stage", stage)
            .finish_non_exhaustive()
    }
}
