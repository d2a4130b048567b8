//! Decides which command may be sent, and when.

use super::{AsConfig, Client, Feature, Quit, Source, Ticket, Tls, Turn, Welcome};
use crate::codec::{Barrier, Command, State, Verb};
use crate::quirks::Profile;
use crate::sink::{BufferFull, Sink};
use crate::time::Timer;
use crate::types::{Mechanism, MessageNumber, TlsPolicy};
use core::fmt;

/// Why a command was not sent. The client and the sink are unchanged, and the same call succeeds after you have fixed
/// the cause.
///
/// ```
/// use pop3_proto::{Client, Command, Input, SendBuf, Secret, TlsPolicy, client::SendError};
///
/// let mut client = Client::new(TlsPolicy::Implicit, 1);
/// let mut send = SendBuf::new(vec![]);
/// assert!(client.send(&Command::Capa, &mut send).unwrap_err().is_retryable()); // before the greeting
/// client.poll(&mut Input::more(b"+OK ready\r\n")).unwrap();
///
/// let password = Command::Pass(Secret::new(b"tanstaaf").unwrap());
/// assert_eq!(client.send(&password, &mut send), Err(SendError::NoUser));
/// assert!(send.pending().is_empty());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum SendError {
    /// The session is over, or the client received bytes that no command asked for, and the next [`poll`](Client::poll)
    /// ends it.
    Over,
    /// The command is not valid in this state.
    State(State),
    /// The client waits for your answer first: a SASL response, the verdict of the mechanism, or the TLS handshake.
    CallersTurn,
    /// The greeting was `-ERR`, so only QUIT can be sent.
    NoService,
    /// No command may follow this one before its response.
    After(Verb),
    /// This command must be sent alone, and other commands are in flight.
    Alone,
    /// Another command is in flight, and the server does not announce PIPELINING.
    NotPipelined,
    /// 16 commands are in flight.
    QueueFull,
    /// The TLS policy forbids the command.
    Tls(TlsRefusal),
    /// PASS needs a USER that was accepted or is in flight.
    NoUser,
    /// APOP needs a timestamp, and the greeting had none, or TLS has started since.
    NoTimestamp,
    /// STLS is not allowed inside TLS or in UTF-8 mode (RFC 6856 section 2).
    NoStls,
    /// The server did not list SASL, so AUTH must not have an initial response (RFC 5034 section 3). Send AUTH without it,
    /// then the response.
    InitialResponse,
    /// The initial response does not fit the command line. Send AUTH without it, then the response (RFC 5034 section 4).
    InitialResponseTooLong {
        /// The limit in octets, with the line end.
        limit: usize,
    },
    /// The line would be too long.
    TooLong {
        /// The limit in octets, with the line end.
        limit: usize,
    },
    /// An argument is empty.
    Empty,
    /// An argument contains control bytes.
    Control,
    /// A name or password is not ASCII. It must be UTF-8, and the server must announce `UTF8 USER`.
    NotAscii,
    /// The user name contains spaces, which the strict profile refuses.
    Spaces,
    /// The command does not fit in the sink.
    BufferFull(BufferFull),
}

/// Why the TLS policy forbids a command.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum TlsRefusal {
    /// [`TlsPolicy::Required`] only allows CAPA, STLS and QUIT outside TLS.
    Required,
    /// [`TlsPolicy::Opportunistic`] needs to know whether the server supports STLS. Send CAPA first.
    CapaFirst,
    /// [`TlsPolicy::Opportunistic`] requires STLS, because the server supports it.
    StlsFirst,
    /// OAUTHBEARER is only allowed inside TLS (RFC 7628 section 3).
    Mechanism,
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SendError::Over => f.write_str("the session is over"),
            SendError::State(state) => write!(f, "not valid in the state {state}"),
            SendError::CallersTurn => f.write_str("an event awaits your answer: give it before sending"),
            SendError::NoService => f.write_str("the server refused service"),
            SendError::After(verb) => write!(f, "cannot send another command until {verb} is answered"),
            SendError::Alone => f.write_str("other commands are in flight"),
            SendError::NotPipelined => f.write_str("the server does not announce PIPELINING"),
            SendError::QueueFull => f.write_str("16 commands are in flight"),
            SendError::Tls(_) => f.write_str("the TLS policy forbids this command"),
            SendError::NoUser => f.write_str("PASS needs an accepted USER: send USER first"),
            SendError::NoTimestamp => f.write_str("APOP needs a timestamp, and the greeting had none"),
            SendError::NoStls => f.write_str("STLS is not allowed inside TLS or in UTF-8 mode"),
            SendError::InitialResponse => {
                f.write_str("the server does not list SASL: send AUTH without a response")
            }
            SendError::InitialResponseTooLong { limit } => {
                write!(
                    f,
                    "the initial response makes the line longer than {limit} bytes: send AUTH without it"
                )
            }
            SendError::TooLong { limit } => write!(f, "the line would be longer than {limit} bytes"),
            SendError::Empty => f.write_str("an argument is empty"),
            SendError::Control => f.write_str("an argument contains control characters"),
            SendError::NotAscii => {
                f.write_str("the name or password is not ASCII, and the server does not announce UTF8 USER")
            }
            SendError::Spaces => f.write_str("the user name contains spaces"),
            SendError::BufferFull(_) => f.write_str("the command does not fit in the send buffer"),
        }
    }
}

impl core::error::Error for SendError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            SendError::Tls(refusal) => Some(refusal),
            SendError::BufferFull(full) => Some(full),
            _ => None,
        }
    }
}

impl fmt::Display for TlsRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TlsRefusal::Required => "TLS is required: send STLS first",
            TlsRefusal::CapaFirst => "STLS support is unknown: send CAPA first",
            TlsRefusal::StlsFirst => "the server has STLS: send it first",
            TlsRefusal::Mechanism => "the mechanism is allowed only inside TLS",
        })
    }
}

impl core::error::Error for TlsRefusal {}

impl SendError {
    /// Returns whether the same command can be sent later in this session: after pending responses, after the pending
    /// output was sent, or after your answer to an event.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        match self {
            SendError::CallersTurn
            | SendError::After(_)
            | SendError::Alone
            | SendError::NotPipelined
            | SendError::QueueFull
            | SendError::State(State::Greeting) => true,
            SendError::BufferFull(full) => !full.never_fits(),
            _ => false,
        }
    }
}

impl<C: AsConfig> Client<C> {
    /// Encodes a command into the sink and expects its response. If it fails, it does neither.
    ///
    /// Each event of the response contains the returned ticket.
    ///
    /// # Errors
    /// Returns [`SendError`] if the command cannot be sent, or cannot be sent now.
    pub fn send(&mut self, command: &Command<'_>, sink: &mut dyn Sink) -> Result<Ticket, SendError> {
        let verb = command.verb();
        self.may_send(command, verb)?;
        command.encode(sink).map_err(SendError::BufferFull)?;
        Ok(self.sent(verb, command.message()))
    }

    fn sent(&mut self, verb: Verb, message: Option<MessageNumber>) -> Ticket {
        let was_idle = self.in_flight.is_empty();
        let ticket = self.in_flight.push(verb, message);
        match ticket.verb {
            Verb::Auth => self.rounds = 0,
            Verb::Quit => {
                self.quit = Quit::Sent;
                self.turn = if matches!(self.turn, Turn::Verdict) { Turn::Status } else { self.turn };
                if self.state == State::Transaction {
                    self.state = State::Update;
                }
            }
            _ => {}
        }
        if was_idle {
            self.clock.rearm(self.config.as_config().span(Timer::Answer));
        }
        ticket
    }

    /// Checks all rules, first those of the session and last those of the line.
    fn may_send(&self, command: &Command<'_>, verb: Verb) -> Result<(), SendError> {
        self.fits_session(verb)?;
        self.fits_pipeline(verb)?;
        self.fits_tls_policy(command, verb)?;
        self.fits_history(command)?;
        self.fits_line(command)
    }

    fn fits_session(&self, verb: Verb) -> Result<(), SendError> {
        if self.is_closed() || self.is_parting() {
            return Err(SendError::Over);
        }
        match self.turn {
            Turn::Challenge | Turn::Handshake => return Err(SendError::CallersTurn),
            Turn::Verdict if verb != Verb::Quit => return Err(SendError::CallersTurn),
            _ => {}
        }
        if self.greeting == Welcome::Refused && verb != Verb::Quit {
            return Err(SendError::NoService);
        }
        if self.state != State::Update && !verb.is_valid_in(self.state) {
            // The state depends on the pending login, so report the login.
            return Err(match self.in_flight.newest() {
                Some(login) if matches!(login.verb, Verb::Pass | Verb::Apop | Verb::Auth) => {
                    SendError::After(login.verb)
                }
                _ => SendError::State(self.state),
            });
        }
        Ok(())
    }

    fn fits_pipeline(&self, verb: Verb) -> Result<(), SendError> {
        let Some(newest) = self.in_flight.newest() else { return Ok(()) };
        if newest.verb.barrier() != Barrier::None {
            return Err(SendError::After(newest.verb));
        }
        if verb.barrier() == Barrier::Alone {
            return Err(SendError::Alone);
        }
        if !self.config.as_config().pipelining && !self.capabilities.has(Feature::Pipelining) {
            return Err(SendError::NotPipelined);
        }
        if self.in_flight.is_full() { Err(SendError::QueueFull) } else { Ok(()) }
    }

    fn fits_tls_policy(&self, command: &Command<'_>, verb: Verb) -> Result<(), SendError> {
        let login = matches!(verb, Verb::User | Verb::Pass | Verb::Apop | Verb::Auth);
        let refusal = match self.config.as_config().tls {
            _ if self.is_tls() => None,
            TlsPolicy::Required => {
                (!matches!(verb, Verb::Capa | Verb::Stls | Verb::Quit)).then_some(TlsRefusal::Required)
            }
            TlsPolicy::Opportunistic if login && self.capabilities.source() == Source::NotAsked => {
                Some(TlsRefusal::CapaFirst)
            }
            TlsPolicy::Opportunistic
                if login && self.capabilities.has(Feature::Stls) && self.tls != Tls::Refused =>
            {
                Some(TlsRefusal::StlsFirst)
            }
            _ => {
                let bearer = matches!(command, Command::Auth { mechanism, .. } if *mechanism == Mechanism::OAUTHBEARER);
                bearer.then_some(TlsRefusal::Mechanism)
            }
        };
        refusal.map_or(Ok(()), |refusal| Err(SendError::Tls(refusal)))
    }

    /// Checks the rules that depend on earlier commands and responses.
    fn fits_history(&self, command: &Command<'_>) -> Result<(), SendError> {
        let user_in_flight = || self.in_flight.newest().is_some_and(|ticket| ticket.verb == Verb::User);
        match command {
            Command::Pass(_) if !self.named && !user_in_flight() => Err(SendError::NoUser),
            Command::Apop { .. } if self.greeting != Welcome::Timestamp => Err(SendError::NoTimestamp),
            Command::Stls if self.is_tls() || self.utf8 => Err(SendError::NoStls),
            Command::Auth { initial: Some(_), .. }
                if self.capabilities.source() != Source::NotAsked
                    && !self.capabilities.has(Feature::Sasl) =>
            {
                Err(SendError::InitialResponse)
            }
            _ => Ok(()),
        }
    }

    fn fits_line(&self, command: &Command<'_>) -> Result<(), SendError> {
        match command {
            Command::User(name) | Command::Apop { name, .. } => {
                self.fits_argument(name.as_bytes())?;
                if self.config.as_config().profile == Profile::Strict && name.as_bytes().contains(&b' ') {
                    return Err(SendError::Spaces);
                }
            }
            Command::Pass(password) => self.fits_argument(password.expose())?,
            Command::Other { arguments: Some(arguments), .. } if has_control(arguments.expose()) => {
                return Err(SendError::Control);
            }
            Command::Auth { .. } | Command::Lang(_) | Command::Other { .. } => {}
            // Numbers fit the shortest limit.
            _ => return Ok(()),
        }
        let limit = usize::from(self.config.as_config().limits.command_line);
        match command {
            _ if command.encoded_len() <= limit => Ok(()),
            Command::Auth { initial: Some(_), .. } => Err(SendError::InitialResponseTooLong { limit }),
            _ => Err(SendError::TooLong { limit }),
        }
    }

    /// Checks a name or password. If the server supports UTF8, RFC 6856 section 2.2 decides about bytes above 0x7E.
    fn fits_argument(&self, octets: &[u8]) -> Result<(), SendError> {
        if octets.is_empty() {
            return Err(SendError::Empty);
        }
        if has_control(octets) {
            return Err(SendError::Control);
        }
        let utf8_rules =
            self.capabilities.has(Feature::Utf8) || self.config.as_config().profile == Profile::Strict;
        let utf8_allowed = self.capabilities.has(Feature::Utf8User) && core::str::from_utf8(octets).is_ok();
        if octets.is_ascii() || !utf8_rules || utf8_allowed { Ok(()) } else { Err(SendError::NotAscii) }
    }
}

fn has_control(octets: &[u8]) -> bool {
    octets.iter().any(u8::is_ascii_control)
}
