use super::{ListedUniqueId, Ticket};
use crate::codec::{Capability, DropListing, LanguageListing, ScanListing, StatusText};
use crate::types::{ApopTimestamp, Base64, Mechanism, Shown};
use core::fmt;

/// A response of the server, or a part of one. It borrows the input, never the client.
///
/// A one-line response is one event: [`Ok`](Self::Ok), [`Refused`](Self::Refused) or a listing. A multi-line response
/// begins with [`Begin`](Self::Begin), continues with rows or parts of a message, and is only complete with
/// [`End`](Self::End).
///
/// ```
/// use pop3_proto::{Client, Command, Input, SendBuf, TlsPolicy, client::Event};
///
/// let mut client = Client::new(TlsPolicy::Cleartext, 1);
/// # let mut send = SendBuf::new(vec![]);
/// # let log_in = ["mrose".try_into().map(Command::User).unwrap(), "tanstaaf".try_into().map(Command::Pass).unwrap()];
/// # for command in log_in.iter().chain(&[Command::List(None)]) {
/// #     client.poll(&mut Input::more(b"+OK\r\n")).unwrap();
/// #     client.send(command, &mut send).unwrap();
/// # }
/// // It has logged in and sent LIST.
/// let mut input = Input::more(b"+OK 2 messages\r\n1 120\r\n2 a lot\r\n.\r\n");
/// let mut sizes = Vec::new();
/// while let Some(event) = client.poll(&mut input).unwrap() {
///     match event {
///         Event::ScanListing(_, row) => sizes.push((row.message.get(), row.octets)),
///         Event::Malformed(_, row) => println!("skipped a malformed row: {}", row.escape_ascii()),
///         Event::End(_, rows) => assert_eq!(rows, 2),
///         _ => {}
///     }
/// }
/// assert_eq!(sizes, [(1, 120)]);
/// ```
#[non_exhaustive]
pub enum Event<'i> {
    /// The server sent a positive greeting.
    Greeting(Greeting<'i>),
    /// The greeting was `-ERR`, so only QUIT can be sent.
    NoService(StatusText<'i>),
    /// The server accepted the command (`+OK`), and its one-line response is complete.
    #[doc(alias = "+OK")]
    Ok(Ticket, StatusText<'i>),
    /// The server refused the command (`-ERR`). The session continues.
    #[doc(alias = "-ERR")]
    Refused(Ticket, StatusText<'i>),
    /// The server accepted the command (`+OK`), and more lines of the response follow.
    Begin(Ticket, StatusText<'i>),
    /// The multi-line response is complete. The number counts the octets of the message, or the rows of the listing.
    End(Ticket, u64),
    /// The response to STAT.
    #[doc(alias = "STAT")]
    DropListing(Ticket, DropListing),
    /// The response to `LIST n`, or a row of LIST.
    #[doc(alias = "LIST")]
    ScanListing(Ticket, ScanListing),
    /// The response to `UIDL n`, or a row of UIDL.
    #[doc(alias = "UIDL")]
    UniqueId(Ticket, ListedUniqueId<'i>),
    /// A row of CAPA.
    #[doc(alias = "CAPA")]
    Capability(Ticket, Capability<'i>),
    /// The response to `LANG tag`, or a row of LANG.
    #[doc(alias = "LANG")]
    Language(Ticket, LanguageListing<'i>),
    /// A row of AUTH without a mechanism.
    Mechanism(Ticket, Mechanism<'i>),
    /// A row, or the text of a one-line response, that cannot be parsed. The response continues, or is complete, as if it
    /// were valid.
    Malformed(Ticket, &'i [u8]),
    /// The next bytes of a message, in response to RETR or TOP, without byte-stuffing. The slice is never empty. How a
    /// message is split into slices depends on the reads.
    #[doc(alias = "RETR")]
    #[doc(alias = "TOP")]
    Body(Ticket, &'i [u8]),
    /// The server sent a challenge in AUTH. Answer with [`Client::respond`](super::Client::respond) or
    /// [`Client::cancel`](super::Client::cancel).
    Challenge(SaslStep, Base64<'i>),
    /// The server sent a challenge that is not base64. You may answer the first challenge of an exchange anyway, because
    /// some servers prompt with plain text. You can only cancel after any later challenge.
    MalformedChallenge(SaslStep, &'i [u8]),
    /// The server accepted AUTH. Call [`Client::verified`](super::Client::verified) if the mechanism agrees.
    AuthAccepted(SaslDone, StatusText<'i>),
    /// The server waits for the TLS handshake. Call [`Client::tls_started`](super::Client::tls_started) after it.
    #[doc(alias = "STLS")]
    StartTls(StartTls),
    /// The server ended the session with a line of `-ERR` that no command asked for, for example after a timeout or before a
    /// shutdown. No further command can be sent, and the next [`poll`](super::Client::poll) returns
    /// [`ConnectionError::Unsolicited`](crate::ConnectionError::Unsolicited). The server removes no message.
    #[doc(alias = "autologout")]
    #[doc(alias = "disconnected")]
    Farewell(StatusText<'i>),
    /// The session is over. This event is returned once; `poll` then returns `None`.
    Closed(Closed<'i>),
}

/// Shows the bytes of a message or of a malformed row as text.
impl fmt::Debug for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, fields): (_, [&dyn fmt::Debug; 2]) = match self {
            Event::Greeting(greeting) => return one(f, "Greeting", greeting),
            Event::NoService(status) => return one(f, "NoService", status),
            Event::StartTls(token) => return one(f, "StartTls", token),
            Event::Farewell(status) => return one(f, "Farewell", status),
            Event::Closed(closed) => return one(f, "Closed", closed),
            Event::Ok(ticket, status) => ("Ok", [ticket, status]),
            Event::Refused(ticket, status) => ("Refused", [ticket, status]),
            Event::Begin(ticket, status) => ("Begin", [ticket, status]),
            Event::End(ticket, amount) => ("End", [ticket, amount]),
            Event::DropListing(ticket, listing) => ("DropListing", [ticket, listing]),
            Event::ScanListing(ticket, listing) => ("ScanListing", [ticket, listing]),
            Event::UniqueId(ticket, id) => ("UniqueId", [ticket, id]),
            Event::Capability(ticket, capability) => ("Capability", [ticket, capability]),
            Event::Language(ticket, listing) => ("Language", [ticket, listing]),
            Event::Mechanism(ticket, mechanism) => ("Mechanism", [ticket, mechanism]),
            Event::Malformed(ticket, bytes) => ("Malformed", [ticket, &Shown(bytes)]),
            Event::Body(ticket, bytes) => ("Body", [ticket, &Shown(bytes)]),
            Event::Challenge(token, challenge) => ("Challenge", [token, challenge]),
            Event::MalformedChallenge(token, bytes) => ("MalformedChallenge", [token, &Shown(bytes)]),
            Event::AuthAccepted(token, status) => ("AuthAccepted", [token, status]),
        };
        let [first, second] = fields;
        f.debug_tuple(name).field(first).field(second).finish()
    }
}

fn one(f: &mut fmt::Formatter<'_>, name: &str, field: &dyn fmt::Debug) -> fmt::Result {
    f.debug_tuple(name).field(field).finish()
}

impl Event<'_> {
    /// Returns the command that this event responds to, if there is one.
    #[must_use]
    pub const fn ticket(&self) -> Option<Ticket> {
        match self {
            Event::Ok(ticket, _)
            | Event::Refused(ticket, _)
            | Event::Begin(ticket, _)
            | Event::End(ticket, _)
            | Event::DropListing(ticket, _)
            | Event::ScanListing(ticket, _)
            | Event::UniqueId(ticket, _)
            | Event::Capability(ticket, _)
            | Event::Language(ticket, _)
            | Event::Mechanism(ticket, _)
            | Event::Malformed(ticket, _)
            | Event::Body(ticket, _)
            | Event::Closed(Closed { answer: Some((ticket, _)), .. }) => Some(*ticket),
            _ => None,
        }
    }

    /// Returns whether this event completes its response. [`Closed`](Self::Closed) completes any pending response.
    #[must_use]
    pub fn completes(&self) -> bool {
        match self {
            Event::Ok(..)
            | Event::Refused(..)
            | Event::End(..)
            | Event::AuthAccepted(..)
            | Event::StartTls(_)
            | Event::Closed(_) => true,
            Event::Begin(..) | Event::Body(..) => false,
            other => {
                other.ticket().is_some_and(|ticket| !ticket.verb.is_multi_line(ticket.message.is_some()))
            }
        }
    }
}

/// How a session ended.
///
/// ```
/// use pop3_proto::{Client, Command, Input, SendBuf, TlsPolicy, Verb, client::{Deletions, Event}};
///
/// let mut client = Client::new(TlsPolicy::Cleartext, 1);
/// client.poll(&mut Input::more(b"+OK ready\r\n")).unwrap();
/// client.send(&Command::Quit, &mut SendBuf::new(vec![])).unwrap();
/// let Ok(Some(Event::Closed(closed))) = client.poll(&mut Input::more(b"+OK bye\r\n")) else { panic!() };
/// assert_eq!(closed.deletions, Deletions::NoneAsked);
/// let (quit, status) = closed.answer.unwrap();
/// assert_eq!((quit.verb, status.text().as_bytes()), (Verb::Quit, &b"bye"[..]));
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Closed<'i> {
    /// What happened to the messages marked for deletion.
    pub deletions: Deletions,
    /// QUIT and the response to it; `None` if the session ended without one.
    pub answer: Option<(Ticket, StatusText<'i>)>,
}

/// A positive greeting.
#[derive(Clone, Copy, Debug)]
pub struct Greeting<'i> {
    /// The text of the greeting.
    pub status: StatusText<'i>,
    /// The timestamp for an APOP digest, or `None` if the server does not support APOP (RFC 1939 section 7). The client
    /// does not store it, so keep it or compute the digest now. It is not valid after STLS.
    pub timestamp: Option<ApopTimestamp<'i>>,
}

/// What happened to the messages marked for deletion (RFC 1939 section 6). See the guide's page on
/// [deletion](crate::guide::deletion).
///
/// ```
/// use pop3_proto::{Client, TlsPolicy, client::Deletions};
///
/// let client = Client::new(TlsPolicy::Implicit, 1);
/// assert_eq!(client.deletions(), Deletions::NoneAsked);
/// assert_eq!(Deletions::Committed.to_string(), "the marked messages were removed");
/// ```
#[doc(alias = "DELE")]
#[doc(alias = "QUIT")]
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Deletions {
    /// No DELE was accepted, or RSET cleared all marks.
    NoneAsked,
    /// Messages are marked, but QUIT was not sent. If the session ends now, the server removes no message.
    Pending,
    /// QUIT was sent, but the response is missing. All, some or none of the messages may be removed. List them again in a
    /// new session and compare unique-ids.
    Unknown,
    /// The server accepted QUIT (`+OK`), so the messages are removed.
    Committed,
    /// The server refused QUIT (`-ERR`), so some or all of the messages are still there.
    RefusedInPart,
}

impl fmt::Display for Deletions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Deletions::NoneAsked => "no message was marked for deletion",
            Deletions::Pending => "the marked messages were not removed, because QUIT was not sent",
            Deletions::Unknown => "the marked messages may be removed: the response to QUIT is missing",
            Deletions::Committed => "the marked messages were removed",
            Deletions::RefusedInPart => "some of the marked messages were not removed",
        })
    }
}

/// Identifies the one answer on one connection that a token is valid for.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Mark {
    pub(super) connection: u64,
    pub(super) sequence: u32,
}

/// The token of a challenge in AUTH (RFC 5034 section 4).
#[must_use = "the server waits for a response, or for the exchange to be cancelled"]
#[derive(Debug)]
pub struct SaslStep {
    pub(super) mark: Mark,
    pub(super) cancel_only: bool,
}

impl SaslStep {
    /// Returns a copy of the token, for a connection that returns the challenge again.
    pub(crate) const fn again(&self) -> Self {
        let Mark { connection, sequence } = self.mark;
        SaslStep { mark: Mark { connection, sequence }, cancel_only: self.cancel_only }
    }
}

/// The token of a `+OK` to AUTH, which your mechanism must confirm. If the mechanism also authenticates the server, as
/// SCRAM does, `+OK` alone does not prove it.
#[must_use = "call `Client::verified` once the mechanism agrees"]
#[derive(Debug)]
pub struct SaslDone {
    pub(super) mark: Mark,
}

/// The token of a `+OK` to STLS. The next byte in each direction belongs to TLS.
#[must_use = "call `Client::tls_started` after the handshake"]
#[derive(Debug)]
pub struct StartTls {
    pub(super) mark: Mark,
}

macro_rules! connection {
    ($($token:ident)*) => {$(
        impl $token {
            /// Returns the connection of this token: the `id` that was passed to [`Client::new`](super::Client::new).
            #[must_use]
            pub const fn connection(&self) -> u64 {
                self.mark.connection
            }
        }
    )*};
}
connection! { SaslStep SaslDone StartTls }
