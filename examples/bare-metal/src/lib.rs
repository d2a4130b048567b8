//! A POP3 client and a POP3 server without `std` and without a heap: every buffer is an array on the stack.
//!
//! [`blocking`] drives them over the traits of `embedded-io`, [`nonblocking`] over those of `embedded-io-async`. Both compile the
//! same source over `pop3_embedded`. [`Walk`] is the client's part of a session, and [`Post`] is the server's.
//!
//! An `embedded-io` stream has no timeout. If the `read` and `write` of a stream fail with
//! [`ErrorKind::TimedOut`](embedded_io::ErrorKind::TimedOut) from time to time, once a second for example, the timers run each
//! time. If they wait forever, no timer runs.
//!
//! The bytes are sent unencrypted. Over a TLS stream (`embedded-tls` is an example) use [`TlsPolicy::Implicit`]
//! instead of [`TlsPolicy::Cleartext`].
#![no_std]
#![forbid(unsafe_code)]

mod drive;
pub mod pipe;
mod post;
mod walk;

pub use drive::{blocking, nonblocking};
pub use post::{Mailbox, Post};
pub use walk::{Account, Fetched, Store, Walk};

use pop3_proto::{Limits, TlsPolicy, Verb, client, server};

/// The client's configuration: without SASL, so no line is longer than 512 bytes.
const CLIENT: client::ClientConfig =
    client::ClientConfig::new(TlsPolicy::Cleartext).with_limits(Limits::DEFAULT.with_sasl_line(512));

/// Twice the number of bytes that the client may leave unread, so bytes are seldom moved to the front of the
/// buffer.
const CLIENT_RECV: usize = 2 * CLIENT.min_recv_buf();
const CLIENT_SEND: usize = CLIENT.min_send_buf();

/// The server's configuration.
static SERVER: server::ServerConfig<'_> = SERVER_CONFIG;
const SERVER_CONFIG: server::ServerConfig<'_> = server::ServerConfig::new(TlsPolicy::Cleartext);
const SERVER_RECV: usize = 2 * SERVER_CONFIG.min_recv_buf();
const SERVER_SEND: usize = 2 * SERVER_CONFIG.min_send_buf();

/// Why a session failed. `E` is the error of the stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Error<E> {
    /// The stream or the peer failed, or a timer ran out.
    Session(pop3_embedded::Error<E>),
    /// The server refused this command, or with `None` any service.
    Refused(Option<Verb>),
}

impl<E> From<pop3_embedded::Error<E>> for Error<E> {
    fn from(error: pop3_embedded::Error<E>) -> Self {
        Error::Session(error)
    }
}
