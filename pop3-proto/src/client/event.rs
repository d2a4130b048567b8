use super::{ListedUniqueId, Ticket};
use crate::codec::{Capability, DropListing, LanguageListing, ScanListing, StatusText};
use crate::types::{ApopTimestamp, Base64, Mechanism, Shown};
use core::fmt;

/// What the server said. It borrows the input, never the client.
///
/// An answer of one line is one event: [`Ok`](Self::Ok), [`Refused`](Self::Refused), or a listing. An answer
/// of more lines begins with [`Begin`](Self::Begin), goes on with rows or pieces of a message, and is
/// complete with [`End`](Self::End), not before.
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
///         Event::Malformed(_, row) => println!("what is {}?", row.escape_ascii()),
///         Event::End(_, rows) => assert_eq!(rows, 2),
///         _ => {}
///     }
/// }
/// assert_eq!(sizes, [(1, 120)]);
/// ```
#[non_exhaustive]
pub enum Event<'i> {
    /// The server is there.
    Greeting(Greeting<'i>),
    /// The greeting was `-ERR`: nothing but QUIT can be sent.
    NoService(StatusText<'i>),
    /// Done.
    #[doc(alias = "+OK")]
    Ok(Ticket, StatusText<'i>),
    /// Not done; the session goes on.
    #[doc(alias = "-ERR")]
    Refused(Ticket, StatusText<'i>),
    /// The answer has more lines, which follow.
    Begin(Ticket, StatusText<'i>),
    /// The answer is complete: how many octets of the message were delivered, or how many rows of the
    /// listing.
    End(Ticket, u64),
    /// The answer to STAT.
    #[doc(alias = "STAT")]
    DropListing(Ticket, DropListing),
    /// The answer to `LIST n`, or a row of LIST.
    #[doc(alias = "LIST")]
    ScanListing(Ticket, ScanListing),
    /// The answer to `UIDL n`, or a row of UIDL.
    #[doc(alias = "UIDL")]
    UniqueId(Ticket, ListedUniqueId<'i>),
    /// A row of CAPA.
    #[doc(alias = "CAPA")]
    Capability(Ticket, Capability<'i>),
    /// The answer to `LANG tag`, or a row of LANG.
    #[doc(alias = "LANG")]
    Language(Ticket, LanguageListing<'i>),
    /// A row of AUTH without a mechanism.
    Mechanism(Ticket, Mechanism<'i>),
    /// A row, or the text of a one-line answer, that does not say what it should. The answer goes on, or is
    /// complete, all the same.
    Malformed(Ticket, &'i [u8]),
    /// The next octets of a message, in answer to RETR or TOP, byte-stuffing undone; never none. How they are cut
    /// depends on how they came.
    #[doc(alias = "RETR")]
    #[doc(alias = "TOP")]
    Body(Ticket, &'i [u8]),
    /// The server's turn in AUTH is over: answer with [`Client::respond`](super::Client::respond) or
    /// [`Client::cancel`](super::Client::cancel).
    Challenge(SaslStep, Base64<'i>),
    /// As [`Challenge`](Self::Challenge), where what the server sent is no base64. A first challenge may be
    /// answered all the same (some servers prompt in clear); any other can only be cancelled.
    MalformedChallenge(SaslStep, &'i [u8]),
    /// The server says that AUTH is done. It is when the mechanism agrees: see
    /// [`Client::verified`](super::Client::verified).
    AuthAccepted(SaslDone, StatusText<'i>),
    /// The server waits for the TLS handshake: see [`Client::tls_started`](super::Client::tls_started).
    #[doc(alias = "STLS")]
    StartTls(StartTls),
    /// The server ends the session on its own, and says why: a line of `-ERR` that no command asked for, as a server sends
    /// it that was idle for too long or is shut down. Nothing can be sent any more, and the next
    /// [`poll`](super::Client::poll) returns [`ConnectionError::Unsolicited`](crate::ConnectionError::Unsolicited). Nothing is removed.
    #[doc(alias = "autologout")]
    #[doc(alias = "disconnected")]
    Farewell(StatusText<'i>),
    /// The session is over. It comes once; after it `poll` returns `None`.
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
    /// The command that this answers, if it does.
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

    /// Whether the response that this belongs to is complete with it. [`Closed`](Self::Closed) completes whatever was due.
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

/// How a session came to its end.
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
    /// What became of the messages marked for deletion.
    pub deletions: Deletions,
    /// QUIT and the response to it; `None` if the session ended without one.
    pub answer: Option<(Ticket, StatusText<'i>)>,
}

/// A greeting of `+OK`.
#[derive(Clone, Copy, Debug)]
pub struct Greeting<'i> {
    /// What the server said.
    pub status: StatusText<'i>,
    /// What an APOP digest is taken over; there is none where the server has no APOP (RFC 1939 section 7).
    /// The client does not store it: keep it, or compute the digest now. It means nothing after STLS.
    pub timestamp: Option<ApopTimestamp<'i>>,
}

/// What became of the messages marked for deletion (RFC 1939 section 6). The guide has a
/// [page](crate::guide::deletion) on it.
///
/// ```
/// use pop3_proto::{Client, TlsPolicy, client::Deletions};
///
/// let client = Client::new(TlsPolicy::Implicit, 1);
/// assert_eq!(client.deletions(), Deletions::NoneAsked);
/// assert_eq!(Deletions::Committed.to_string(), "what was marked is removed");
/// ```
#[doc(alias = "DELE")]
#[doc(alias = "QUIT")]
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Deletions {
    /// No DELE was accepted, or RSET took all back.
    NoneAsked,
    /// Messages are marked and QUIT was not sent: if the session ends here, nothing is removed.
    Pending,
    /// QUIT was sent and not answered: all, some or none may be gone. List again in a new session and go by
    /// unique-ids.
    Unknown,
    /// QUIT was answered `+OK`: they are gone.
    Committed,
    /// QUIT was answered `-ERR`: some or all of them are still there.
    RefusedInPart,
}

impl fmt::Display for Deletions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Deletions::NoneAsked => "no deletion was asked for",
            Deletions::Pending => "nothing is removed: QUIT was not sent",
            Deletions::Unknown => "what was removed is unknown: QUIT was not answered",
            Deletions::Committed => "what was marked is removed",
            Deletions::RefusedInPart => "not all that was marked is removed",
        })
    }
}

/// What makes a token good for one answer on one connection.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Mark {
    pub(super) connection: u64,
    pub(super) sequence: u32,
}

/// A turn of the client in AUTH (RFC 5034 section 4).
#[must_use = "the server waits for a response, or for the exchange to be cancelled"]
#[derive(Debug)]
pub struct SaslStep {
    pub(super) mark: Mark,
    pub(super) cancel_only: bool,
}

impl SaslStep {
    /// The same token once more, for a connection that gives the challenge again.
    pub(crate) const fn again(&self) -> Self {
        let Mark { connection, sequence } = self.mark;
        SaslStep { mark: Mark { connection, sequence }, cancel_only: self.cancel_only }
    }
}

/// A `+OK` to AUTH that the mechanism has yet to agree with: where it authenticates the server too, as SCRAM
/// does, `+OK` alone proves nothing.
#[must_use = "the session goes on with `Client::verified`, once the mechanism agrees"]
#[derive(Debug)]
pub struct SaslDone {
    pub(super) mark: Mark,
}

/// A `+OK` to STLS: the next octet on the wire, either way, is TLS.
#[must_use = "the session goes on with `Client::tls_started`, after the handshake"]
#[derive(Debug)]
pub struct StartTls {
    pub(super) mark: Mark,
}

macro_rules! connection {
    ($($token:ident)*) => {$(
        impl $token {
            /// Returns the connection that it belongs to: the number given to [`Client::new`](super::Client::new).
            #[must_use]
            pub const fn connection(&self) -> u64 {
                self.mark.connection
            }
        }
    )*};
}
connection! { SaslStep SaslDone StartTls }
