//! What a server asks its application, and the tokens that the answers take.

use super::phrase::Phrase;
use crate::codec::{Expire, Keyword, ResponseCode};
use crate::error::AnswerError;
use crate::sink::BufferFull;
use crate::types::{ApopDigest, Base64, Mechanism, MessageNumber, Secret, Text};

/// What a server wants next. A driver handles each in the loop that polls: [`guide::serving`](crate::guide::serving)
/// shows one whole.
#[derive(Debug)]
#[must_use]
pub enum Step<'i> {
    /// More octets from the client. Send what the sink holds first: the client may be waiting for it.
    NeedInput,
    /// Room in the sink: send what it holds. Where it [`never_fits`](BufferFull::never_fits), the sink is too
    /// small.
    NeedSpace(BufferFull),
    /// The message that is open: [`write_body`](super::Server::write_body), then
    /// [`finish_body`](super::Server::finish_body).
    NeedBody,
    /// The answer to a question that is still open; without its token only [`close`](super::Server::close) is
    /// left.
    Waiting,
    /// The answer to this question.
    Ask(Ask<'i>),
    /// Nothing more: send what the sink holds and close the connection. No timer runs any more, so give that
    /// a bound of your own. The maildrop can be [taken out](super::Server::take_maildrop) before.
    Closed(CloseReason),
}

/// A question to the application. What it carries beside its token borrows the input.
#[derive(Debug)]
#[must_use = "the session waits for the answer"]
#[non_exhaustive]
pub enum Ask<'i> {
    /// The connection is up: [`greet`](super::Server::greet), or refuse.
    Greet(Greet),
    /// A client gives this name: [`accept_name`](super::Server::accept_name), or refuse. To refuse tells
    /// which names there are (RFC 1939 section 13). Remember the name: the machine does not.
    User(User, Text<'i>),
    /// A client logs in: [`accept`](super::Server::accept) with its maildrop,
    /// [`hand_over`](super::Server::hand_over) to a server behind, [`challenge`](super::Server::challenge)
    /// inside AUTH, or refuse.
    #[doc(alias = "PASS")]
    #[doc(alias = "APOP")]
    #[doc(alias = "AUTH")]
    Login(Login, Credentials<'i>),
    /// A client wants a message, by RETR, or by TOP ([`Fetch::top`]): [`send_body`](super::Server::send_body), or
    /// refuse.
    #[doc(alias = "RETR")]
    #[doc(alias = "TOP")]
    Fetch(Fetch),
    /// A client said QUIT: remove what is marked in [`maildrop`](super::Server::maildrop), then
    /// [`removed`](super::Server::removed) or [`not_removed`](super::Server::not_removed).
    #[doc(alias = "QUIT")]
    Commit(Commit),
    /// The answer to STLS is written: once the sink is sent, do the handshake, then
    /// [`tls_started`](super::Server::tls_started). A peer that goes away meanwhile shows in the handshake only:
    /// then [`close`](super::Server::close).
    #[doc(alias = "STLS")]
    StartTls(StartTls),
    /// A command that the crate does not know, its keyword and the rest of its line, if there is any; only if
    /// [`ServerConfig::with_other_commands`](super::ServerConfig::with_other_commands) asks for it:
    /// [`other`](super::Server::other), or refuse. It may be a mistyped PASS, so `Debug` shows neither part.
    Other(Other, Keyword<'i>, Option<Secret<'i>>),
}

/// What a client logs in with.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Credentials<'i> {
    /// PASS, for the name that was accepted before.
    Password(Secret<'i>),
    /// APOP: to be checked against the timestamp of the greeting.
    Apop {
        /// The mailbox.
        name: Text<'i>,
        /// MD5 over timestamp and secret.
        digest: ApopDigest,
    },
    /// AUTH.
    Sasl {
        /// One of the mechanisms that are offered.
        mechanism: Mechanism<'i>,
        /// The initial response: `None` where there is none, which is not the same as an empty one. A
        /// mechanism whose client goes first and has said nothing gets an empty challenge; one whose server
        /// goes first and that got a response fails (RFC 5034 section 4).
        initial: Option<Base64<'i>>,
    },
    /// The response to the last challenge.
    Response(Base64<'i>),
}

/// What a refusal is for: it decides the text, and the response code where the server announces these (RFC
/// 2449 section 8, RFC 3206, RFC 6856 section 5).
///
/// ```
/// use pop3_proto::server::{Ask, Refusal, Server, ServerConfig, Step};
/// use pop3_proto::{Input, SendBuf, Text, TlsPolicy};
///
/// static CONFIG: ServerConfig = ServerConfig::new(TlsPolicy::Cleartext);
/// let mut server = Server::<core::convert::Infallible>::new(&CONFIG, 1);
/// let mut send = SendBuf::new(vec![]);
/// let mut input = Input::more(b"USER mrose\r\nPASS tanstaaf\r\n");
/// loop {
///     match server.poll(&mut input, &mut send).unwrap() {
///         Step::Ask(Ask::Greet(greet)) => server.greet(greet, Text::from_static("ready"), &mut send).unwrap(),
///         Step::Ask(Ask::User(user, _)) => server.accept_name(user).unwrap(),
///         Step::Ask(Ask::Login(login, _)) => server.refuse(login, Refusal::InUse).unwrap(),
///         _ => break,
///     }
/// }
/// assert!(send.pending().ends_with(b"-ERR [IN-USE] maildrop in use by another session\r\n"));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Refusal {
    /// The credentials: wrong name or password, an account that is closed or expired. `[AUTH]`
    Credentials,
    /// Not on this connection: a user who may log in inside TLS only, say. Must not depend on whether the
    /// credentials are right (RFC 8314 section 4.1).
    NotAllowed,
    /// The maildrop is open in another session. `[IN-USE]`
    #[doc(alias = "IN-USE")]
    InUse,
    /// Too soon after the last login. `[LOGIN-DELAY]`
    #[doc(alias = "LOGIN-DELAY")]
    LoginDelay,
    /// Trouble that is likely to pass. `[SYS/TEMP]`
    #[doc(alias = "SYS/TEMP")]
    Temporary,
    /// Trouble that somebody has to mend. `[SYS/PERM]`
    #[doc(alias = "SYS/PERM")]
    Permanent,
    /// The message holds UTF-8 and the session is not in UTF-8 mode. `[UTF8]`
    NeedsUtf8,
    /// The message is not there.
    NoSuchMessage,
    /// There is no such command: for [`Ask::Other`], which counts as a bad command when it is refused.
    UnknownCommand,
}

impl Refusal {
    pub(super) const fn phrase(self) -> Phrase {
        match self {
            Refusal::Credentials => Phrase::LoginFailed,
            Refusal::NotAllowed => Phrase::NotAllowed,
            Refusal::InUse => Phrase::InUse,
            Refusal::LoginDelay => Phrase::LoginDelay,
            Refusal::Temporary => Phrase::Temporary,
            Refusal::Permanent => Phrase::Permanent,
            Refusal::NeedsUtf8 => Phrase::NeedsUtf8,
            Refusal::NoSuchMessage => Phrase::NoSuchMessage,
            Refusal::UnknownCommand => Phrase::UnknownCommand,
        }
    }

    pub(super) const fn code(self) -> Option<ResponseCode<'static>> {
        match self {
            Refusal::Credentials => Some(ResponseCode::Auth),
            Refusal::InUse => Some(ResponseCode::InUse),
            Refusal::LoginDelay => Some(ResponseCode::LoginDelay),
            Refusal::Temporary => Some(ResponseCode::SysTemp),
            Refusal::Permanent => Some(ResponseCode::SysPerm),
            Refusal::NeedsUtf8 => Some(ResponseCode::Utf8),
            Refusal::NotAllowed | Refusal::NoSuchMessage | Refusal::UnknownCommand => None,
        }
    }
}

/// In English, as a client is told it, for a log.
///
/// ```
/// use pop3_proto::server::Refusal;
///
/// assert_eq!(Refusal::InUse.to_string(), "maildrop in use by another session");
/// ```
impl core::fmt::Display for Refusal {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.phrase().english().fmt(f)
    }
}

/// What CAPA announces for this user in TRANSACTION, where it differs by user. Nothing is different by default.
///
/// ```
/// use pop3_proto::{Expire, server::UserPolicy};
///
/// let announce = UserPolicy { expire: Some(Expire::Days(30)), ..UserPolicy::default() };
/// # assert_eq!(announce.login_delay, None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct UserPolicy {
    /// The seconds of LOGIN-DELAY; what the [`ServerConfig`](super::ServerConfig) says unless given.
    pub login_delay: Option<u32>,
    /// The policy of EXPIRE; what the [`ServerConfig`](super::ServerConfig) says unless given.
    pub expire: Option<Expire>,
}

/// Why a session is over.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum CloseReason {
    /// QUIT was answered.
    Quit,
    /// The stream ended without QUIT, as most do: nothing was removed.
    End,
    /// The greeting was a refusal.
    Refused,
    /// Too many bad commands.
    BadCommands,
    /// Too many failed logins.
    FailedLogins,
    /// The application called [`close`](super::Server::close).
    Aborted,
    /// The application called [`hand_over`](super::Server::hand_over): the connection lives on, and the
    /// machine has no more to do with it.
    HandedOver,
}

/// For a log.
///
/// ```
/// use pop3_proto::server::CloseReason;
///
/// assert_eq!(CloseReason::FailedLogins.to_string(), "too many failed logins");
/// ```
impl core::fmt::Display for CloseReason {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            CloseReason::Quit => "the client said QUIT",
            CloseReason::End => "the stream ended without QUIT",
            CloseReason::Refused => "the connection was refused",
            CloseReason::BadCommands => "too many bad commands",
            CloseReason::FailedLogins => "too many failed logins",
            CloseReason::Aborted => "closed by the application",
            CloseReason::HandedOver => "handed over",
        })
    }
}

/// A message that was sent to its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Sent {
    /// The octets of the message that were sent, counted as its size is: with every CR that was added, without the dots that were. For TOP
    /// this is the part that was sent.
    pub octets: u64,
    /// The size that the status line stated; `None` for TOP, which states none.
    pub stated: Option<u64>,
}

impl Sent {
    /// Returns whether the status line stated another size. This is only possible after
    /// [`send_body_estimated`](super::Server::send_body_estimated).
    #[must_use]
    pub fn is_misstated(&self) -> bool {
        self.stated.is_some_and(|stated| stated != self.octets)
    }
}

/// Why part of a message was not taken, or the message not finished. Nothing changed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum BodyError {
    /// No message is open.
    NoBody,
    /// The status line was not written yet: `poll` first.
    StatusPending,
    /// A bare LF in a message that should hold CR LF only: [`close`](super::Server::close) is the one honest
    /// way on. [`finish_body`](super::Server::finish_body) does not know of it, since nothing changed. It only notices if the size differs.
    BareLf,
    /// The message has another size than its status line stated, so its terminator was not written. If `sent` is less than `stated`, the
    /// missing part can still be written. If not, or if there is no more, [`close`](super::Server::close): a connection that ends tells the
    /// client that the message is not whole.
    ///
    /// If it happens for every message, the size in the maildrop is not what RETR sends: use
    /// [`OctetCount::of`](crate::OctetCount::of). If it happens for some, look for a wrong message:
    /// [`index`](crate::MessageNumber::index) is its place in a list.
    Size {
        /// The octets that were sent, counted as the size is.
        sent: u64,
        /// The octets that the status line stated.
        stated: u64,
    },
}

impl core::fmt::Display for BodyError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            BodyError::NoBody => f.write_str("no message is open"),
            BodyError::StatusPending => f.write_str("the status line is not written yet: poll first"),
            BodyError::BareLf => f.write_str("a bare LF in a message that should hold CR LF only"),
            BodyError::Size { sent, stated } => {
                write!(f, "the message has {sent} octets, but {stated} were stated: close the connection")
            }
        }
    }
}

impl core::error::Error for BodyError {}

/// A login that was not accepted: the server did not change, and token and maildrop come back.
///
/// `?` into a `Box<dyn Error>` needs a maildrop that borrows nothing. For any other maildrop, `map_err(AnswerError::from)` drops both.
///
/// ```
/// use pop3_proto::server::{Ask, MessageInfo, Server, ServerConfig, Step};
/// use pop3_proto::{AnswerError, Input, OwnedUniqueId, SendBuf, TlsPolicy};
/// # use pop3_proto::Text;
///
/// static CONFIG: ServerConfig = ServerConfig::new(TlsPolicy::Cleartext);
/// # fn login(server: &mut Server<Vec<MessageInfo<OwnedUniqueId>>>) -> pop3_proto::server::Login {
/// #     let mut buffer = [0; 1024];
/// #     let mut out = SendBuf::new(&mut buffer[..]);
/// #     let mut input = Input::more(b"USER mrose\r\nPASS secret\r\n");
/// #     loop {
/// #         match server.poll(&mut input, &mut out).unwrap() {
/// #             Step::Ask(Ask::Greet(greet)) => server.greet(greet, Text::from_static("ready"), &mut out).unwrap(),
/// #             Step::Ask(Ask::User(user, _name)) => server.accept_name(user).unwrap(),
/// #             Step::Ask(Ask::Login(login, _)) => return login,
/// #             step => panic!("{step:?}"),
/// #         }
/// #     }
/// # }
/// let mut one = Server::new(&CONFIG, 1);
/// let mut two = Server::new(&CONFIG, 2);
/// let (login, _other) = (login(&mut one), login(&mut two));
/// let unaccepted = two.accept(login, Vec::new()).unwrap_err();
/// assert_eq!(unaccepted.why, AnswerError::OtherConnection);
/// one.accept(unaccepted.token, unaccepted.maildrop).unwrap();
/// ```
#[must_use = "the token in it is the only way to answer"]
pub struct Unaccepted<L> {
    /// The token of the question, which is still open.
    pub token: Login,
    /// The maildrop, with its lock.
    pub maildrop: L,
    /// The cause.
    pub why: AnswerError,
}

/// Shows the cause only.
impl<L> core::fmt::Debug for Unaccepted<L> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Unaccepted").field("why", &self.why).finish_non_exhaustive()
    }
}

impl<L> core::fmt::Display for Unaccepted<L> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("the login was not accepted")
    }
}

impl<L> core::error::Error for Unaccepted<L> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        Some(&self.why)
    }
}

/// For `?` if the token and the maildrop are of no more use.
impl<L> From<Unaccepted<L>> for AnswerError {
    fn from(unaccepted: Unaccepted<L>) -> Self {
        unaccepted.why
    }
}

/// What the tokens share; in a module of its own so that nobody else can make one.
mod sealed {
    /// The kinds of question.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub enum Question {
        Greet,
        User,
        Login,
        Fetch,
        Commit,
        StartTls,
        Other,
    }

    /// What makes a token good for one answer on one connection.
    #[derive(PartialEq, Eq, Debug)]
    pub struct Mark {
        pub(in crate::server) connection: u64,
        pub(in crate::server) sequence: u32,
    }

    pub trait Token {
        const QUESTION: Question;
        fn mark(&self) -> &Mark;
    }
}

pub(crate) use sealed::Token;
pub(super) use sealed::{Mark, Question};

/// The questions that can be refused, by their tokens: all but a commit and the TLS handshake. The crate's own,
/// nobody can add one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be refused",
    note = "a commit is answered with `removed` or `not_removed`; if TLS does not start, `close` the session"
)]
pub trait Refusable: Token {}

macro_rules! tokens {
    ($($(#[$attribute:meta])+ $name:ident { $($(#[doc = $doc:literal])+ $field:ident: $type:ty,)* })+) => {
        $(
            $(#[$attribute])+
            #[must_use = "the session waits for the answer that takes this token"]
            #[derive(Debug)]
            pub struct $name {
                pub(super) mark: Mark,
                $(pub(super) $field: $type,)*
            }

            impl $name {
                /// The connection that asks: the `id` that its server was made with.
                #[must_use]
                pub const fn connection(&self) -> u64 {
                    self.mark.connection
                }

                /// The same token once more, for a connection that gives the question again.
                pub(crate) const fn again(&self) -> Self {
                    let Mark { connection, sequence } = self.mark;
                    $name { mark: Mark { connection, sequence }, $($field: self.$field,)* }
                }

                $(
                    $(#[doc = $doc])+
                    #[must_use]
                    pub const fn $field(&self) -> $type {
                        self.$field
                    }
                )*
            }

            impl Token for $name {
                const QUESTION: Question = Question::$name;

                fn mark(&self) -> &Mark {
                    &self.mark
                }
            }
        )+
    };
}

tokens! {
    /// The token of [`Ask::Greet`].
    Greet {}
    /// The token of [`Ask::User`].
    User {}
    /// The token of [`Ask::Login`].
    Login {
        /// Whether the session is in UTF-8 mode, on which the sizes of messages may depend (RFC 6856 section
        /// 2).
        utf8: bool,
        /// Whether it is AUTH, so that it can be answered with a challenge.
        is_auth: bool,
    }
    /// The token of [`Ask::Fetch`].
    Fetch {
        /// The message; it is there and not marked for deletion.
        message: MessageNumber,
        /// For TOP: how many lines of its body. The machine counts them.
        top: Option<u64>,
        /// Its octets, as the maildrop has them.
        octets: u64,
    }
    /// The token of [`Ask::Commit`].
    Commit {}
    /// The token of [`Ask::StartTls`].
    StartTls {}
    /// The token of [`Ask::Other`].
    Other {}
}

impl Refusable for Greet {}
impl Refusable for User {}
impl Refusable for Login {}
impl Refusable for Fetch {}
impl Refusable for Other {}
