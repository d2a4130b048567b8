//! A passive reader of both directions of a session, for those who watch: an intrusion detector, a proxy's
//! log, a test recorder.
//!
//! A [`Tap`] is given the octets of either side in the order in which they are seen, and says what they are.
//! It never fails: where it can't tell whose the server's lines are it says so ([`Seen::OutOfStep`]), and
//! finds its way back with a later command ([`Seen::InStep`]). It holds no octets, and what it hands out
//! borrows the caller's buffer; passwords, digests, SASL responses and lines that it does not know come in
//! types whose `Debug` shows nothing.
//!
//! It is as tolerant as it can be: what the machines refuse for safety's sake it reads on, since whoever it
//! watches may do so too.

mod client_side;
mod server_side;

use crate::body::Unstuff;
use crate::client::{Event, InFlight};
use crate::codec::{Command, CommandError, Framed, LineEnding, State, frame, frame_crlf};
use crate::input::Input;
use crate::limits::Limits;
use crate::types::{Base64, Secret};

pub use crate::types::Side;

/// A passive reader of a session.
///
/// Call the method of the side that spoke until it says `None`; what it leaves unread comes again with that
/// side's next octets.
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
    /// More commands came than are kept count of: those behind them have answers that can't be told.
    overflow: bool,
    client: Lines,
    server: Lines,
    from_client: FromClient,
    from_server: FromServer,
}

const _: () = assert!(size_of::<Tap>() <= 256);

/// What the octets are.
#[derive(Debug)]
#[non_exhaustive]
pub enum Seen<'i> {
    /// The client: a command, never [`Other`](Command::Other).
    Command(Command<'i>),
    /// The client: a command by its form, with a keyword that the crate does not know. The whole line counts
    /// as secret: it may be a password that came too soon, or a response of an AUTH whose beginning was not
    /// seen. [`Command::parse`] reads it.
    Unknown(Secret<'i>),
    /// The client: a line that is no command, or inside AUTH no response. Its octets are not shown, since
    /// they may be a password all the same.
    NotACommand(CommandError),
    /// The client: a response inside AUTH.
    Response(Base64<'i>),
    /// The client: the end of AUTH, `*`.
    Cancel,
    /// The server: what a client would be told. `+OK` to AUTH and QUIT is `Ok` and `-ERR` to QUIT is
    /// `Refused` as to any other command.
    Answer(Event<'i>),
    /// The server: a challenge inside AUTH.
    Challenge(Base64<'i>),
    /// The server: a challenge that is no base64, up to its first NUL or bare CR.
    MalformedChallenge(&'i [u8]),
    /// A line over [`Tap::min_recv_buf`] octets, passed over to its end.
    LongLine(Side),
    /// The server: `+OK` to STLS. From here on the session is TLS; the tap passes all of it over and says
    /// nothing more, unless [`tls_started`](Tap::tls_started) says that it is given the plaintext.
    Encrypted,
    /// What the server says can't be told any more, for this reason; it is passed over until
    /// [`InStep`](Self::InStep). The client's commands are told all the same, as far as they are whole; a
    /// response inside AUTH may come as [`Unknown`](Self::Unknown).
    OutOfStep(Cause),
    /// The client's next line is taken as a command, and the server's next line as the answer to it. Where a
    /// client pipelines this may be too early, as older answers may still come; when that shows, `OutOfStep`
    /// is said again.
    InStep,
}

/// Why a tap is out of step.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Cause {
    /// It was not there from the start.
    JoinedLate,
    /// The caller knows that octets are missing.
    Gap,
    /// An answer to no command that was seen.
    Unsolicited,
    /// A line that is no status line where one is due.
    NotPop3,
    /// A status line over [`Tap::min_recv_buf`] octets.
    LongLine,
    /// The client was more than 16 commands ahead, and those that it keeps count of are answered.
    QueueFull,
}

/// How far into the unread octets of one side a line end was looked for, and whether the rest of a line is
/// passed over.
#[derive(Clone, Copy, Debug)]
struct Lines {
    searched: usize,
    skipping: bool,
}

impl Lines {
    const NEW: Lines = Lines { searched: 0, skipping: false };
    /// Behind a place where octets are missing.
    const TORN: Lines = Lines { searched: 0, skipping: true };
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
    /// Not to be told.
    Lost {
        /// Why, until it is said.
        cause: Option<Cause>,
        /// Whether the next whole command is one that the server's next line answers, as far as can be known.
        answered: bool,
    },
    /// Whatever it is, it is not for us.
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
            overflow: false,
            client: Lines::NEW,
            server: Lines::NEW,
            from_client: FromClient::Command,
            from_server: FromServer::Greeting,
        }
    }

    /// A tap that joins a session somewhere in the middle. The client's first line may lack its beginning, so
    /// it is in step with the first command behind that line and an answer.
    #[must_use]
    pub const fn joined_late(limits: Limits) -> Self {
        let mut tap = Tap::new(limits);
        tap.client = Lines::TORN;
        tap.lose(Cause::JoinedLate);
        tap
    }

    /// The state of the session, where it is known: out of step it is not, and comes back with the first
    /// accepted command that is valid in one state only.
    #[must_use]
    pub const fn state(&self) -> Option<State> {
        self.state
    }

    /// The most octets that are ever left unread while more are asked for.
    #[must_use]
    pub const fn min_recv_buf(&self) -> usize {
        self.limits.min_recv_buf()
    }

    /// Octets of this side are missing, before those that come next.
    ///
    /// ```
    /// use pop3_proto::{Input, Limits, client::Event, tap::{Cause, Seen, Side, Tap}};
    ///
    /// let mut tap = Tap::new(Limits::DEFAULT);
    /// let mut server = Input::more(b"+OK ready\r\n");
    /// assert!(matches!(tap.server(&mut server), Some(Seen::Answer(Event::Greeting(_)))));
    ///
    /// // The command and the beginning of its answer were not seen.
    /// tap.gap(Side::Client);
    /// tap.gap(Side::Server);
    /// let mut server = Input::more(b"ject: lost\r\n.\r\n");
    /// assert!(matches!(tap.server(&mut server), Some(Seen::OutOfStep(Cause::Gap))));
    /// assert!(tap.server(&mut server).is_none());
    ///
    /// // The rest of a line, its answer, and a whole command.
    /// assert!(tap.client(&mut Input::more(b"OOP\r\n")).is_none());
    /// assert!(tap.server(&mut Input::more(b"+OK\r\n")).is_none());
    /// assert!(matches!(tap.client(&mut Input::more(b"STAT\r\n")), Some(Seen::InStep)));
    /// ```
    pub const fn gap(&mut self, side: Side) {
        if matches!(self.from_server, FromServer::Nothing) {
            return;
        }
        if matches!(side, Side::Client) {
            self.client = Lines::TORN;
        }
        self.lose(Cause::Gap);
    }

    /// For whoever sees into TLS, behind [`Seen::Encrypted`]: what comes next, of either side, is the
    /// plaintext.
    pub const fn tls_started(&mut self) {
        *self = Tap::new(self.limits);
        self.state = Some(State::Authorization);
        self.from_server = FromServer::Status;
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
        self.state = None;
        self.in_flight = InFlight::new();
        self.overflow = false;
        self.from_server = FromServer::Lost { cause: Some(cause), answered: true };
        self.from_client = FromClient::Command;
    }

    /// The loss, once.
    fn say_lost<'i>(&mut self) -> Option<Seen<'i>> {
        let FromServer::Lost { cause, .. } = &mut self.from_server else { return None };
        cause.take().map(Seen::OutOfStep)
    }

    const fn lines(&mut self, side: Side) -> &mut Lines {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }

    /// Frames the next line of this side, behind what is left of an over-long one, and does not take it.
    fn look<'i>(&mut self, side: Side, ending: LineEnding, input: &mut Input<'i>) -> Framed<'i> {
        let frame = match ending {
            LineEnding::Crlf => frame_crlf,
            LineEnding::Lf => frame,
        };
        let limit = self.limits.min_recv_buf();
        let lines = self.lines(side);
        if lines.skipping {
            let Framed::Line { consumed, .. } = frame(input.unread(), 0, usize::MAX) else {
                // A CR at the end may be half of a line end.
                let kept = usize::from(input.unread().ends_with(b"\r"));
                input.take(input.remaining().saturating_sub(kept));
                return Framed::Incomplete;
            };
            input.take(consumed);
            lines.skipping = false;
        }
        let framed = frame(input.unread(), lines.searched, limit);
        if matches!(framed, Framed::Incomplete) {
            lines.searched = input.remaining();
        }
        framed
    }

    /// Takes the next line of this side; `None` while it is incomplete.
    fn line<'i>(&mut self, side: Side, ending: LineEnding, input: &mut Input<'i>) -> Option<Line<'i>> {
        match self.look(side, ending, input) {
            Framed::Line { content, ending, consumed } => {
                input.take(consumed);
                self.lines(side).searched = 0;
                Some(Line::Whole(content, ending))
            }
            Framed::TooLong => {
                *self.lines(side) = Lines::TORN;
                Some(Line::Long)
            }
            Framed::Incomplete => None,
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
