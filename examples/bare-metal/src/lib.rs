//! A POP3 client and a POP3 server without `std` and without a heap: every buffer is an array on the stack.
//!
//! [`blocking`] drives them over the traits of `embedded-io`, [`nonblocking`] over those of `embedded-io-async`. The two differ in
//! `.await` and in nothing else, because what is said in a session is in neither: [`Walk`] is the client's side of it, [`Post`] the
//! server's, and both only see the machines.
//!
//! An `embedded-io` stream has no time-out of its own. A stream whose `read` and `write` give up with [`ErrorKind::TimedOut`] now and
//! then, once a second, say, has the machines' timers looked at each time; with one that waits for ever there are none.
//!
//! The octets travel as they are: over a TLS stream (`embedded-tls` is one) say [`TlsPolicy::Implicit`] where this says
//! [`TlsPolicy::Cleartext`].
#![no_std]
#![forbid(unsafe_code)]

pub mod blocking;
pub mod nonblocking;
pub mod pipe;
mod post;
mod walk;

pub use post::{Mailbox, Post, Wants};
pub use walk::{Account, Fetched, Store, Walk};

use embedded_io::ErrorKind;
use pop3_proto::{AnswerError, ConnectionError, Limits, TlsPolicy, Unanswered, Verb, client, server};

/// The client: no SASL here, so that no line is longer than 512 octets.
const CLIENT: client::ClientConfig =
    client::ClientConfig::new(TlsPolicy::Cleartext).with_limits(Limits::DEFAULT.with_sasl_line(512));

/// Twice what the machine may leave unread: with that, moving octets to the front of the buffer is rare.
const CLIENT_INBOX: usize = 2 * CLIENT.min_recv_buf();

/// The server.
static SERVER: server::ServerConfig<'_> = SERVER_CONFIG;
const SERVER_CONFIG: server::ServerConfig<'_> = server::ServerConfig::new(TlsPolicy::Cleartext);
const SERVER_INBOX: usize = 2 * SERVER_CONFIG.min_recv_buf();

/// Why a session failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Error<E> {
    /// The stream.
    Stream(E),
    /// The peer broke a rule, was silent for too long, or was gone too early.
    ConnectionError(ConnectionError),
    /// The client could not send a command: a name that is no line, say.
    Send(client::SendError),
    /// The server refused this command, or with `None` any service.
    Refused(Option<Verb>),
    /// An answer of the server's application was not taken: a mistake in it.
    Answer(AnswerError),
    /// Octets of a message were not taken: a mistake in the server's application.
    Body(server::BodyError),
}

impl<E> From<ConnectionError> for Error<E> {
    fn from(fatal: ConnectionError) -> Self {
        Error::ConnectionError(fatal)
    }
}

impl<E> From<client::SendError> for Error<E> {
    fn from(error: client::SendError) -> Self {
        Error::Send(error)
    }
}

impl<E, T> From<Unanswered<T>> for Error<E> {
    fn from(unanswered: Unanswered<T>) -> Self {
        Error::Answer(unanswered.why)
    }
}

impl<E, L> From<server::Unaccepted<L>> for Error<E> {
    fn from(unaccepted: server::Unaccepted<L>) -> Self {
        Error::Answer(unaccepted.why)
    }
}

impl<E> From<server::BodyError> for Error<E> {
    fn from(unfit: server::BodyError) -> Self {
        Error::Body(unfit)
    }
}

/// What a `read` or a `write` did; nothing yet, where it only gave up for now.
fn progress<E: embedded_io::Error>(result: Result<usize, E>) -> Result<Option<usize>, Error<E>> {
    match result {
        Ok(count) => Ok(Some(count)),
        Err(error) if matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::Interrupted) => Ok(None),
        Err(error) => Err(Error::Stream(error)),
    }
}
