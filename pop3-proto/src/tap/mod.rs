//! A passive reader of both directions of a session, for those who watch: an intrusion detector, a proxy's log, a test recorder.
//!
//! A [`Tap`] is given the octets of either side as they are seen, in that order, and says what they are. It never fails: what it cannot
//! place it says so ([`Seen::OutOfStep`]) and finds its way back with the client's next command. It holds no octets, and what it hands out
//! borrows the caller's buffer; passwords, digests and SASL responses come in types whose `Debug` shows nothing.

mod client_side;
mod server_side;

use crate::body::Unstuff;
use crate::client::{Event, InFlight};
use crate::codec::{Command, CommandError, Framed, LineEnding, State, frame, frame_crlf};
use crate::input::Input;
use crate::limits::Limits;
use crate::types::Base64;

/// A passive reader of a session.
///
/// ```
/// use pop3_proto::{Command, Input, Limits, client::Event, tap::{Seen, Tap}};
///
/// let mut tap = Tap::new(Limits::DEFAULT);
/// let mut server = Input::more(b"+OK ready\r\n");
/// assert!(matches!(tap.server(&mut server), Some(Seen::Answer(Event::Greeting(_)))));
///
/// let mut client = Input::more(b"USER mrose\r\nPASS secret\r\n");
/// assert!(matches!(tap.client(&mut client), Some(Seen::Command(Command::User(_)))));
/// let password = tap.client(&mut client).unwrap();
/// assert_eq!(format!("{password:?}"), "Command(Pass(Secret(..)))");
///
/// let mut server = Input::more(b"+OK\r\n-ERR no\r\n");
/// let Some(Seen::Answer(Event::Ok(ticket, _))) = tap.server(&mut server) else { panic!() };
/// assert_eq!(ticket.verb.keyword(), "USER");
/// ```
#[derive(Debug)]
pub struct Tap {
    limits: Limits,
    state: Option<State>,
    in_flight: InFlight,
    client: Lines,
    server: Lines,
    from_client: FromClient,
    from_server: FromServer,
}

/// What the octets are.
#[derive(Debug)]
#[non_exhaustive]
pub enum Seen<'i> {
    /// The client: a command.
    Command(Command<'i>),
    /// The client: a line that is no command. Its octets are not shown, since they may be a password all the same.
    NotACommand(CommandError),
    /// The client: a response inside AUTH.
    Response(Base64<'i>),
    /// The client: the end of AUTH, `*`.
    Cancel,
    /// The server: what a client would be told. The answers to AUTH, STLS and QUIT are `Ok` or `Refused` as any other.
    Answer(Event<'i>),
    /// The server: a challenge inside AUTH.
    Challenge(Base64<'i>),
    /// A line over its limit, passed over to its end.
    LongLine(Side),
    /// From here on the session is TLS, and nothing more is said.
    Encrypted,
    /// What this side says can't be told any more, for this reason; octets are passed over until [`InStep`](Self::InStep).
    OutOfStep(Side, Cause),
    /// The client's next command, and the server's next line as its answer, are taken as such again. Where a client pipelines, or
    /// octets of older answers are still to come, this may be too early; then it is said again.
    InStep,
}

/// Who speaks.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Side {
    /// The client.
    Client,
    /// The server.
    Server,
}

/// Why a tap is out of step.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Cause {
    /// It was not there from the start.
    JoinedLate,
    /// The caller knows that octets are missing.
    Gap,
    /// An answer to no command that was seen.
    Unsolicited,
    /// A line that is no status line where one is due.
    NotPop3,
    /// More commands without an answer than it keeps count of: 16.
    QueueFull,
}

/// How far into the unread octets of one side a line end was looked for, and whether the rest of a line is passed over.
#[derive(Clone, Copy, Default, Debug)]
struct Lines {
    searched: usize,
    skipping: bool,
}

/// What the client's next line is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum FromClient {
    Command,
    /// A response inside AUTH.
    Response,
    /// Whatever it is, it is not for us.
    Nothing,
}

/// What the server's next octets are.
#[derive(Clone, Copy, Debug)]
enum FromServer {
    Greeting,
    /// The status line of the oldest command in flight, or a challenge.
    Status,
    Rows {
        ending: LineEnding,
        count: u64,
    },
    Body {
        unstuff: Unstuff,
        octets: u64,
    },
    /// Not to be told, and whether that was said.
    Lost(Option<Cause>),
    Nothing,
}

impl Tap {
    /// A tap that sees the session from its first octet.
    #[must_use]
    pub const fn new(limits: Limits) -> Self {
        Tap {
            limits,
            state: Some(State::Greeting),
            in_flight: InFlight::new(),
            client: Lines { searched: 0, skipping: false },
            server: Lines { searched: 0, skipping: false },
            from_client: FromClient::Command,
            from_server: FromServer::Greeting,
        }
    }

    /// A tap that joins a session somewhere in the middle. It is in step with the first whole command that it sees.
    #[must_use]
    pub const fn joined_late(limits: Limits) -> Self {
        let mut tap = Tap::new(limits);
        tap.state = None;
        tap.client.skipping = true;
        tap.from_server = FromServer::Lost(Some(Cause::JoinedLate));
        tap
    }

    /// The state of the session, where it is known.
    #[must_use]
    pub const fn state(&self) -> Option<State> {
        self.state
    }

    /// The most octets that are ever left unread while more are asked for.
    #[must_use]
    pub const fn hold(&self) -> usize {
        self.limits.hold()
    }

    /// Octets of this side are missing, before those that come next.
    pub const fn gap(&mut self, side: Side) {
        if matches!(self.from_server, FromServer::Nothing) {
            return;
        }
        match side {
            Side::Client => self.client = Lines { searched: 0, skipping: true },
            Side::Server => self.server = Lines { searched: 0, skipping: false },
        }
        self.lose(Cause::Gap);
    }

    /// What the client says next; `None` asks for more.
    pub fn client<'i>(&mut self, input: &mut Input<'i>) -> Option<Seen<'i>> {
        self.say_lost().or_else(|| self.next_of_client(input))
    }

    /// What the server says next; `None` asks for more.
    pub fn server<'i>(&mut self, input: &mut Input<'i>) -> Option<Seen<'i>> {
        self.say_lost().or_else(|| self.next_of_server(input))
    }

    /// What is in flight is no longer known, nor where the server's answers begin.
    const fn lose(&mut self, cause: Cause) {
        self.in_flight = InFlight::new();
        self.from_server = FromServer::Lost(Some(cause));
        self.from_client = FromClient::Command;
    }

    /// The loss, once.
    fn say_lost<'i>(&mut self) -> Option<Seen<'i>> {
        let FromServer::Lost(cause) = &mut self.from_server else { return None };
        cause.take().map(|cause| Seen::OutOfStep(Side::Server, cause))
    }

    const fn lines(&mut self, side: Side) -> &mut Lines {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }

    /// The next line of this side, passing over what is left of an over-long one; `None` while it is incomplete.
    fn line<'i>(&mut self, side: Side, ending: LineEnding, input: &mut Input<'i>) -> Option<Line<'i>> {
        let limit = self.limits.hold();
        let lines = self.lines(side);
        if lines.skipping {
            let end = memchr::memchr(b'\n', input.unread());
            input.take(end.map_or(input.remaining(), |end| end.saturating_add(1)));
            lines.skipping = end.is_none();
        }
        let framed = match ending {
            LineEnding::Crlf => frame_crlf(input.unread(), lines.searched, limit),
            LineEnding::Lf => frame(input.unread(), lines.searched, limit),
        };
        lines.searched = 0;
        match framed {
            Framed::Line { content, ending, consumed } => {
                input.take(consumed);
                Some(Line::Whole(content, ending))
            }
            Framed::TooLong => {
                lines.skipping = true;
                Some(Line::Long)
            }
            Framed::Incomplete => {
                lines.searched = input.remaining();
                None
            }
        }
    }

    /// Nothing that either side says from now on is for us.
    fn end(&mut self) {
        self.from_client = FromClient::Nothing;
        self.from_server = FromServer::Nothing;
    }
}

/// A line, or one that is over the limit.
enum Line<'i> {
    Whole(&'i [u8], LineEnding),
    Long,
}
