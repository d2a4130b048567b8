//! A passive reader of both directions of a session, for programs that watch: an intrusion detector, a proxy's
//! log, a test recorder.
//!
//! | item | what it is for |
//! |---|---|
//! | [`probe`] | finding out whether a connection is POP3, and which side is which |
//! | [`Tap`] | what each side says, event by event |
//! | [`Monitor`] | the same, and each command with its response, their lengths and their places in both streams |
//!
//! The guide shows [a complete adapter](crate::guide::monitoring).
//!
//! You give a tap the bytes of each side in the order in which they are seen. It never fails. If it cannot tell which
//! command the server answers, it reports [`Seen::OutOfStep`], and finds its way back with a later command
//! ([`Seen::InStep`]). It stores no bytes, and what it returns borrows your buffer. Passwords, digests, SASL responses
//! and lines that it does not know are of types whose `Debug` shows nothing.
//!
//! It is as tolerant as it can be. It reads on where the machines refuse for safety's sake, because the programs that
//! it watches may do the same. If clients do not agree on a response, it reports [`Seen::Ambiguous`].

mod client_side;
mod doubt;
mod monitor;
mod probe;
mod sasl;
mod seen;
mod server_side;
mod transaction;

use crate::body::Unstuff;
use crate::client::InFlight;
use crate::codec::{Framed, LineEnding, State, frame, frame_crlf};
use crate::input::Input;
use crate::limits::Limits;
use doubt::Doubt;
use sasl::Sasl;

pub use crate::types::Side;
pub use monitor::{Monitor, Report};
pub use probe::{Probe, probe};
pub use seen::{Ambiguity, Cause, Seen};
pub use transaction::{Outcome, Span, Transaction};

/// A passive reader of a session.
///
/// Call the method of the side that spoke until it returns `None`. Give the bytes that it leaves unread again, together
/// with the next bytes of that side.
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
    /// How many commands were sent that are not in `in_flight`, because it was full.
    overflow: u32,
    client: Lines,
    server: Lines,
    from_client: FromClient,
    from_server: FromServer,
    /// How the lines of the present response end.
    ending: LineEnding,
    /// The AUTH exchange that goes on, or the last one.
    sasl: Sasl,
}

const _: () = assert!(size_of::<Tap>() <= 256);

/// How far the unread bytes of one side were searched for a line end, and whether the rest of a line is passed over.
#[derive(Clone, Copy, Debug)]
struct Lines {
    searched: usize,
    skipping: bool,
}

impl Lines {
    const NEW: Lines = Lines { searched: 0, skipping: false };
    /// After a place where bytes are missing.
    const TORN: Lines = Lines { searched: 0, skipping: true };
}

/// The client's next line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum FromClient {
    Command,
    /// A response inside AUTH.
    Response,
    /// Not POP3 any more.
    Tls(Tls),
}

/// The server's next bytes.
#[derive(Clone, Copy, Debug)]
enum FromServer {
    Greeting,
    /// The status line of the oldest command in flight, or a challenge.
    Status,
    Rows(Listing),
    Body {
        unstuff: Unstuff,
        octets: u64,
        doubt: Doubt,
    },
    /// A terminator was read after this number of octets or rows.
    End(u64),
    /// It is not known which command they answer.
    Lost {
        /// The reason, until it is reported.
        cause: Option<Cause>,
        /// Whether the server's next line answers the next complete command, as far as can be known.
        answered: bool,
        /// The greatest number of pending responses, if it is known.
        owed: Option<u32>,
    },
    /// Not POP3 any more.
    Tls(Tls),
}

/// A listing that is read.
#[derive(Clone, Copy, Debug)]
struct Listing {
    count: u64,
    doubt: Doubt,
}

/// One side's bytes after STLS.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Tls {
    /// The next byte must begin a handshake.
    Due,
    /// This side sent plaintext after STLS, which was read before that was known.
    Plaintext,
    /// Everything is reported.
    Checked,
}

impl Tap {
    /// Returns a tap that sees the session from its first byte.
    #[must_use]
    pub const fn new(limits: Limits) -> Self {
        Tap {
            limits,
            state: Some(State::Greeting),
            in_flight: InFlight::new(),
            overflow: 0,
            client: Lines::NEW,
            server: Lines::NEW,
            from_client: FromClient::Command,
            from_server: FromServer::Greeting,
            ending: LineEnding::Crlf,
            sasl: Sasl::NONE,
        }
    }

    /// Returns a tap that joins a session somewhere in the middle. The client's first line may lack its beginning, so
    /// the tap is in step with the first command after that line and a response.
    #[must_use]
    pub const fn joined_late(limits: Limits) -> Self {
        let mut tap = Tap::new(limits);
        tap.client = Lines::TORN;
        tap.lose(Cause::JoinedLate, true, None);
        tap
    }

    /// Returns a tap for a session of which only the client's bytes are seen. It reports each command, and nothing of
    /// the server's. A response inside AUTH is reported as [`Seen::Unknown`] or [`Seen::NotACommand`], because the end
    /// of the exchange is not seen. If the server's bytes arrive after all, the tap finds its way into step.
    ///
    /// ```
    /// use pop3_proto::{Command, Input, Limits, tap::{Cause, Seen, Tap}};
    ///
    /// let mut tap = Tap::one_sided(Limits::DEFAULT);
    /// let mut client = Input::more(b"AUTH PLAIN\r\nAG1yb3NlAHRhbnN0YWFm\r\nSTAT\r\n");
    /// assert!(matches!(tap.client(&mut client), Some(Seen::OutOfStep(Cause::OneSided))));
    /// assert!(matches!(tap.client(&mut client), Some(Seen::Command(Command::Auth { .. }))));
    /// assert!(matches!(tap.client(&mut client), Some(Seen::Unknown(_))));
    /// assert!(matches!(tap.client(&mut client), Some(Seen::Command(Command::Stat))));
    /// ```
    #[must_use]
    pub const fn one_sided(limits: Limits) -> Self {
        let mut tap = Tap::new(limits);
        tap.lose(Cause::OneSided, false, None);
        tap
    }

    /// Returns the state of the session, if it is known. Out of step it is unknown, until a command is accepted that is
    /// valid in one state only.
    #[must_use]
    pub const fn state(&self) -> Option<State> {
        self.state
    }

    /// Returns the largest number of bytes that are left unread while the tap needs more.
    #[must_use]
    pub const fn min_recv_buf(&self) -> usize {
        self.limits.min_recv_buf()
    }

    /// Reports that bytes of this side are missing before the next ones. Drop the bytes that were left unread.
    ///
    /// The number of missing bytes makes no difference: they may contain the end of the response. A [`Monitor`] takes
    /// it, for the places in the stream.
    ///
    /// ```
    /// use pop3_proto::{Input, Limits, client::Event, tap::{Cause, Seen, Side, Tap}};
    ///
    /// let mut tap = Tap::new(Limits::DEFAULT);
    /// let mut server = Input::more(b"+OK ready\r\n");
    /// assert!(matches!(tap.server(&mut server), Some(Seen::Answer(Event::Greeting(_)))));
    ///
    /// // The command and the beginning of its response were not seen.
    /// tap.gap(Side::Client);
    /// tap.gap(Side::Server);
    /// let mut server = Input::more(b"ject: lost\r\n.\r\n");
    /// assert!(matches!(tap.server(&mut server), Some(Seen::OutOfStep(Cause::Gap))));
    /// assert!(tap.server(&mut server).is_none());
    ///
    /// // The rest of a line, its response, and a complete command.
    /// assert!(tap.client(&mut Input::more(b"OOP\r\n")).is_none());
    /// assert!(tap.server(&mut Input::more(b"+OK\r\n")).is_none());
    /// assert!(matches!(tap.client(&mut Input::more(b"STAT\r\n")), Some(Seen::InStep)));
    /// ```
    pub const fn gap(&mut self, side: Side) {
        if matches!(self.from_server, FromServer::Tls(_)) {
            return;
        }
        if matches!(side, Side::Client) {
            self.client = Lines::TORN;
        }
        self.lose(Cause::Gap, true, None);
    }

    /// For programs that see into TLS, after [`Seen::Encrypted`]: reports that the next bytes of both sides are the
    /// plaintext.
    pub const fn tls_started(&mut self) {
        *self = Tap::new(self.limits);
        self.state = Some(State::Authorization);
        self.from_server = FromServer::Status;
    }

    /// Returns what the client says next; `None` asks for more bytes.
    pub fn client<'i>(&mut self, input: &mut Input<'i>) -> Option<Seen<'i>> {
        self.take_cause().or_else(|| self.next_of_client(input))
    }

    /// Returns what the server says next; `None` asks for more bytes.
    pub fn server<'i>(&mut self, input: &mut Input<'i>) -> Option<Seen<'i>> {
        self.take_cause().or_else(|| self.next_of_server(input))
    }

    /// Forgets the commands in flight, and the place where the server's next response begins.
    const fn lose(&mut self, cause: Cause, answered: bool, owed: Option<u32>) {
        self.state = None;
        self.in_flight = InFlight::new();
        self.overflow = 0;
        self.server = Lines::NEW;
        self.from_server = FromServer::Lost { cause: Some(cause), answered, owed };
        self.from_client = FromClient::Command;
    }

    /// Returns whether a loss is not reported yet.
    const fn has_cause(&self) -> bool {
        matches!(self.from_server, FromServer::Lost { cause: Some(_), .. })
    }

    /// Returns the loss, once.
    fn take_cause<'i>(&mut self) -> Option<Seen<'i>> {
        let FromServer::Lost { cause, .. } = &mut self.from_server else { return None };
        cause.take().map(Seen::OutOfStep)
    }

    const fn lines(&mut self, side: Side) -> &mut Lines {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }

    /// Frames the next line of this side, after what is left of a line over the limit, and does not take it.
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

    /// Returns how many of the client's next bytes end a torn line, which is passed over, or 0 if its end is not there.
    fn torn_end(&self, unread: &[u8]) -> u64 {
        if !self.client.skipping || matches!(self.from_client, FromClient::Tls(_)) {
            return 0;
        }
        match frame(unread, 0, usize::MAX) {
            Framed::Line { consumed, .. } => consumed as u64,
            _ => 0,
        }
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
}

/// A line, or one that is over the limit.
enum Line<'i> {
    Whole(&'i [u8], LineEnding),
    Long,
}
