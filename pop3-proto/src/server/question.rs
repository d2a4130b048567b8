//! The questions that a server asks its application, and the tokens that the answers take.

use super::phrase::Phrase;
use crate::codec::{Expire, Keyword, ResponseCode};
use crate::error::AnswerError;
use crate::sink::BufferFull;
use crate::types::{ApopDigest, Base64, Mechanism, MessageNumber, Secret, Text};

/// The next step of a server. Handle each one in the loop that polls; [`guide::serving`](crate::guide::serving) shows a
/// complete loop.
#[derive(Debug)]
#[must_use]
pub enum Step<'i> {
    /// The server needs more bytes from the client. Send the pending output first, because the client may wait for it.
    NeedInput,
    /// The server needs room in the sink. Send the pending output. If the error [`never_fits`](BufferFull::never_fits), the
    /// sink is too small.
    NeedSpace(BufferFull),
    /// The server needs the open message: call [`write_body`](super::Server::write_body), then
    /// [`finish_body`](super::Server::finish_body).
    NeedBody,
    /// The server waits for the answer to an earlier question. If its token is lost, you can only
    /// [`close`](super::Server::close).
    Waiting,
    /// The server asks this question.
    Ask(Ask<'i>),
    /// The session is over. Send the pending output and close the connection. No timer runs now, so set your own time
    /// limit. You can [take the maildrop](super::Server::take_maildrop) before that.
    Closed(CloseReason),
}

/// A question to the application. It contains a token, and values that borrow the input.
#[derive(Debug)]
#[must_use = "the session waits for the answer"]
#[non_exhaustive]
pub enum Ask<'i> {
    /// The connection is open. Call [`greet`](super::Server::greet), or refuse.
    Greet(Greet),
    /// The client sent this name. Call [`accept_name`](super::Server::accept_name), or refuse. A refusal reveals which names
    /// exist (RFC 1939 section 13). Store the name, because the machine does not.
    User(User, Text<'i>),
    /// The client logs in. Call [`accept`](super::Server::accept) with the user's maildrop, call
    /// [`hand_over`](super::Server::hand_over) to pass the connection to a back end, call
    /// [`challenge`](super::Server::challenge) inside AUTH, or refuse.
    #[doc(alias = "PASS")]
    #[doc(alias = "APOP")]
    #[doc(alias = "AUTH")]
    Login(Login, Credentials<'i>),
    /// The client wants a message, by RETR or by TOP ([`Fetch::top`]). Call [`send_body`](super::Server::send_body), or
    /// refuse.
    #[doc(alias = "RETR")]
    #[doc(alias = "TOP")]
    Fetch(Fetch),
    /// The client sent QUIT. Remove the messages that are marked in [`maildrop`](super::Server::maildrop), then call
    /// [`removed`](super::Server::removed) or [`not_removed`](super::Server::not_removed).
    #[doc(alias = "QUIT")]
    Commit(Commit),
    /// The response to STLS is in the sink. Send the pending output, do the handshake, then call
    /// [`tls_started`](super::Server::tls_started). If the handshake fails, call [`close`](super::Server::close).
    #[doc(alias = "STLS")]
    StartTls(StartTls),
    /// The client sent a command that the crate does not know, with this keyword and the rest of its line. The server only
    /// asks this with [`ServerConfig::with_other_commands`](super::ServerConfig::with_other_commands). Call
    /// [`other`](super::Server::other), or refuse. It may be a mistyped PASS, so `Debug` hides both parts.
    Other(Other, Keyword<'i>, Option<Secret<'i>>),
}

/// The credentials that a client logs in with.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Credentials<'i> {
    /// The password of PASS, for the name that was accepted before.
    Password(Secret<'i>),
    /// The arguments of APOP. Check the digest against the timestamp of your greeting.
    Apop {
        /// The mailbox.
        name: Text<'i>,
        /// The MD5 digest of timestamp and secret.
        digest: ApopDigest,
    },
    /// The arguments of AUTH.
    Sasl {
        /// One of the mechanisms that the server offers.
        mechanism: Mechanism<'i>,
        /// The initial response, or `None` if there is none, which differs from an empty one. If the mechanism begins with
        /// the client and there is none, send an empty challenge. If the mechanism begins with the server and there is
        /// one, refuse the login (RFC 5034 section 4).
        initial: Option<Base64<'i>>,
    },
    /// The client's response to the last challenge.
    Response(Base64<'i>),
}

/// The reason of a refusal. It selects the text, and the response code if the server announces response codes (RFC 2449
/// section 8, RFC 3206, RFC 6856 section 5).
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
    /// The name or password is wrong, or the account is closed or expired (`[AUTH]`).
    Credentials,
    /// The login is not allowed on this connection, for example because the user may only log in inside TLS. This must not
    /// depend on whether the credentials are correct (RFC 8314 section 4.1).
    NotAllowed,
    /// The maildrop is open in another session (`[IN-USE]`).
    #[doc(alias = "IN-USE")]
    InUse,
    /// The login is too soon after the last one (`[LOGIN-DELAY]`).
    #[doc(alias = "LOGIN-DELAY")]
    LoginDelay,
    /// The server has a problem that is likely to pass (`[SYS/TEMP]`).
    #[doc(alias = "SYS/TEMP")]
    Temporary,
    /// The server has a problem that somebody must fix (`[SYS/PERM]`).
    #[doc(alias = "SYS/PERM")]
    Permanent,
    /// The message contains UTF-8, and the session is not in UTF-8 mode (`[UTF8]`).
    NeedsUtf8,
    /// The message does not exist.
    NoSuchMessage,
    /// The command does not exist. Use this for [`Ask::Other`]; it counts as a bad command.
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

/// Prints the English text that the client receives, for a log.
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

/// The values that CAPA announces in TRANSACTION for this user. By default, they equal those of the configuration.
///
/// ```
/// use pop3_proto::{Expire, server::UserPolicy};
///
/// let announce = UserPolicy { expire: Some(Expire::Days(30)), ..UserPolicy::default() };
/// # assert_eq!(announce.login_delay, None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct UserPolicy {
    /// The seconds of LOGIN-DELAY, or `None` for the value of the [`ServerConfig`](super::ServerConfig).
    pub login_delay: Option<u32>,
    /// The policy of EXPIRE, or `None` for the value of the [`ServerConfig`](super::ServerConfig).
    pub expire: Option<Expire>,
}

/// Why a session is over.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum CloseReason {
    /// The server responded to QUIT.
    Quit,
    /// The stream ended without QUIT. No message was removed.
    End,
    /// The application refused the connection.
    Refused,
    /// The client sent too many bad commands.
    BadCommands,
    /// Too many logins failed.
    FailedLogins,
    /// The application called [`close`](super::Server::close).
    Aborted,
    /// The application called [`hand_over`](super::Server::hand_over). The connection stays open, but this machine no longer
    /// uses it.
    HandedOver,
}

/// Prints the reason, for a log.
///
/// ```
/// use pop3_proto::server::CloseReason;
///
/// assert_eq!(CloseReason::FailedLogins.to_string(), "too many failed logins");
/// ```
impl core::fmt::Display for CloseReason {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            CloseReason::Quit => "the client sent QUIT",
            CloseReason::End => "the stream ended without QUIT",
            CloseReason::Refused => "the connection was refused",
            CloseReason::BadCommands => "too many bad commands",
            CloseReason::FailedLogins => "too many failed logins",
            CloseReason::Aborted => "closed by the application",
            CloseReason::HandedOver => "handed over to another server",
        })
    }
}

/// A message that was sent completely.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Sent {
    /// The number of octets sent, counted like the message's size: with every added CR, and without the added dots. For TOP, this
    /// counts the part that was sent.
    pub octets: u64,
    /// The size that the status line stated, or `None` for TOP, which states no size.
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

/// Why a part of a message was not taken, or the message could not be finished. The server is unchanged.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum BodyError {
    /// No message is open.
    NoBody,
    /// The status line is not in the sink yet. Call `poll` first.
    StatusPending,
    /// The message contains a bare LF, although it must only contain CR LF. [`close`](super::Server::close) the session.
    /// [`finish_body`](super::Server::finish_body) would still succeed, unless the size differs, because the server is unchanged.
    BareLf,
    /// The size of the message differs from the size in its status line, so the server did not write the terminator. If `sent` is less
    /// than `stated`, you can still write the missing part. Otherwise, or if there is no more, [`close`](super::Server::close) the
    /// session: the end of the connection tells the client that the message is incomplete.
    ///
    /// If this happens for every message, the sizes in the maildrop are not the sizes that RETR sends: compute them with
    /// [`OctetCount::of`](crate::OctetCount::of). If it happens for some messages, check that you send the right one:
    /// [`index`](crate::MessageNumber::index) is its position in a list.
    Size {
        /// The number of octets sent, counted like the size.
        sent: u64,
        /// The number of octets that the status line stated.
        stated: u64,
    },
}

impl core::fmt::Display for BodyError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            BodyError::NoBody => f.write_str("no message is open"),
            BodyError::StatusPending => f.write_str("the status line is not written yet: poll first"),
            BodyError::BareLf => f.write_str("the message contains a bare LF: close the connection"),
            BodyError::Size { sent, stated } => {
                write!(f, "the message has {sent} octets, but {stated} were stated: close the connection")
            }
        }
    }
}

impl core::error::Error for BodyError {}

/// A login that could not be accepted. The server is unchanged, and the error returns the token and the maildrop.
///
/// `?` into a `Box<dyn Error>` requires a maildrop without borrows. For any other maildrop, `map_err(AnswerError::from)` drops both.
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
#[must_use = "its token is the only way to answer"]
pub struct Unaccepted<L> {
    /// The token of the question, which is still open.
    pub token: Login,
    /// The maildrop, with its lock.
    pub maildrop: L,
    /// The cause.
    pub why: AnswerError,
}

/// Shows only the cause.
impl<L> core::fmt::Debug for Unaccepted<L> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Unaccepted").field("why", &self.why).finish_non_exhaustive()
    }
}

impl<L> core::fmt::Display for Unaccepted<L> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("cannot accept the login")
    }
}

impl<L> core::error::Error for Unaccepted<L> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        Some(&self.why)
    }
}

/// Drops the token and the maildrop, so `?` works if you do not need them.
impl<L> From<Unaccepted<L>> for AnswerError {
    fn from(unaccepted: Unaccepted<L>) -> Self {
        unaccepted.why
    }
}

/// The shared part of the tokens. The module is private, so only the crate can make tokens.
mod sealed {
    /// The kind of a question.
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

    /// Identifies the one answer on one connection that a token is valid for.
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

/// A token of a question that you can refuse: all questions except a commit and the TLS handshake. The trait is sealed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be refused",
    note = "answer a commit with `removed` or `not_removed`; if TLS does not start, `close` the session"
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
                /// Returns the connection of this token: the `id` that was passed to the server.
                #[must_use]
                pub const fn connection(&self) -> u64 {
                    self.mark.connection
                }

                /// Returns a copy of the token, for a connection that returns the question again.
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
        /// Returns whether the session is in UTF-8 mode. Sizes of messages may depend on it (RFC 6856 section 2).
        utf8: bool,
        /// Returns whether the client logs in by AUTH, so you can answer with a challenge.
        is_auth: bool,
    }
    /// The token of [`Ask::Fetch`].
    Fetch {
        /// Returns the number of the message, which exists and is not marked for deletion.
        message: MessageNumber,
        /// Returns the number of body lines for TOP, or `None` for RETR. The machine counts the lines.
        top: Option<u64>,
        /// Returns the size of the message in the maildrop, in octets.
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
