use crate::buffers::Place;
use crate::codec::Keyword;
use crate::server::{Ask, CloseReason, Commit, Credentials, Fetch, Greet, Login, Other, StartTls, User};
use crate::types::{ApopDigest, Base64, Mechanism, Secret, Text};

/// An event of a server connection. The application answers most events with the [`Responder`](super::Responder) that
/// comes with them. An event borrows the bytes received.
///
/// New variants may follow, so the last arm of a `match` is `other => responder.decline(other)?`.
#[derive(Debug)]
#[must_use = "most events want an answer: see `Responder`"]
#[non_exhaustive]
pub enum Event<'i> {
    /// The connection is established: [`greet`](super::Responder::greet), or refuse.
    Greet(Greet),
    /// The client gives this name: [`accept_name`](super::Responder::accept_name), or refuse. Keep the name, because
    /// the machine does not. A refusal reveals which names exist (RFC 1939 section 13).
    User(User, Text<'i>),
    /// The client logs in: [`accept`](super::Responder::accept) with its maildrop,
    /// [`hand_over`](super::Responder::hand_over), [`challenge`](super::Responder::challenge) inside AUTH, or refuse.
    #[doc(alias = "PASS")]
    #[doc(alias = "APOP")]
    #[doc(alias = "AUTH")]
    Login(Login, Credentials<'i>),
    /// The client asks for a message, by RETR or by TOP ([`Fetch::top`]): [`send_body`](super::Responder::send_body),
    /// or refuse.
    #[doc(alias = "RETR")]
    #[doc(alias = "TOP")]
    Fetch(Fetch),
    /// There is room for the next bytes of the message that you send: [`write_body`](super::Responder::write_body), or
    /// [`finish_body`](super::Responder::finish_body) at its end.
    Body,
    /// The client has sent QUIT: remove the messages that are [marked](super::Responder::marked), then
    /// [`removed`](super::Responder::removed) or [`not_removed`](super::Responder::not_removed).
    #[doc(alias = "QUIT")]
    Commit(Commit),
    /// The response to STLS is written: send all pending bytes, do the handshake, then call
    /// [`tls_started`](super::ServerConnection::tls_started), or [`close`](super::ServerConnection::close) if it
    /// fails.
    #[doc(alias = "STLS")]
    StartTls(StartTls),
    /// The client sent an unknown command, with this keyword and the rest of its line:
    /// [`other`](super::Responder::other), or refuse. This event requires
    /// [`ServerConfig::with_other_commands`](crate::server::ServerConfig::with_other_commands).
    Other(Other, Keyword<'i>, Option<Secret<'i>>),
    /// The session is over. This event is the last one. The maildrop is already dropped, together with its lock. Send
    /// the pending bytes, then close the stream.
    Closed(CloseReason),
}

/// A question without its borrow: its token, and the position of the rest in the receive buffer.
#[derive(Debug)]
pub(super) enum Kept {
    Greet(Greet),
    User(User, Place),
    Password(Login, Place),
    Apop(Login, Place, ApopDigest),
    Sasl(Login, Place, Option<Place>),
    Response(Login, Place),
    Fetch(Fetch),
    Commit(Commit),
    StartTls(StartTls),
    Other(Other, Place, Option<Place>),
}

impl Kept {
    /// Keeps a question whose bytes are in the storage `all`.
    pub(super) fn of(ask: Ask<'_>, all: &[u8]) -> Self {
        let place = |part: &[u8]| Place::of(part, all);
        match ask {
            Ask::Greet(token) => Kept::Greet(token),
            Ask::User(token, name) => Kept::User(token, place(name.as_bytes())),
            Ask::Login(token, Credentials::Password(password)) => {
                Kept::Password(token, place(password.expose()))
            }
            Ask::Login(token, Credentials::Apop { name, digest }) => {
                Kept::Apop(token, place(name.as_bytes()), digest)
            }
            Ask::Login(token, Credentials::Sasl { mechanism, initial }) => {
                let initial = initial.map(|initial| place(initial.as_bytes()));
                Kept::Sasl(token, place(mechanism.as_bytes()), initial)
            }
            Ask::Login(token, Credentials::Response(response)) => {
                Kept::Response(token, place(response.as_bytes()))
            }
            Ask::Fetch(token) => Kept::Fetch(token),
            Ask::Commit(token) => Kept::Commit(token),
            Ask::StartTls(token) => Kept::StartTls(token),
            Ask::Other(token, keyword, arguments) => Kept::Other(
                token,
                place(keyword.as_bytes()),
                arguments.map(|arguments| place(arguments.expose())),
            ),
        }
    }

    /// Returns the question as an event, every time it is asked. Returns `None` only if a storage has changed its
    /// content.
    pub(super) fn event<'r>(&self, all: &'r [u8]) -> Option<Event<'r>> {
        let text = |place: &Place| Text::new(place.get(all)).ok();
        let base64 = |place: &Place| Base64::new(place.get(all)).ok();
        Some(match self {
            Kept::Greet(token) => Event::Greet(token.again()),
            Kept::User(token, name) => Event::User(token.again(), text(name)?),
            Kept::Password(token, password) => {
                Event::Login(token.again(), Credentials::Password(Secret::new(password.get(all)).ok()?))
            }
            Kept::Apop(token, name, digest) => {
                Event::Login(token.again(), Credentials::Apop { name: text(name)?, digest: *digest })
            }
            Kept::Sasl(token, mechanism, initial) => {
                let mechanism = Mechanism::new(mechanism.get(all)).ok()?;
                let initial = match initial {
                    Some(initial) => Some(base64(initial)?),
                    None => None,
                };
                Event::Login(token.again(), Credentials::Sasl { mechanism, initial })
            }
            Kept::Response(token, response) => {
                Event::Login(token.again(), Credentials::Response(base64(response)?))
            }
            Kept::Fetch(token) => Event::Fetch(token.again()),
            Kept::Commit(token) => Event::Commit(token.again()),
            Kept::StartTls(token) => Event::StartTls(token.again()),
            Kept::Other(token, keyword, arguments) => {
                let arguments = match arguments {
                    Some(arguments) => Some(Secret::new(arguments.get(all)).ok()?),
                    None => None,
                };
                Event::Other(token.again(), Keyword::new(keyword.get(all)).ok()?, arguments)
            }
        })
    }
}
