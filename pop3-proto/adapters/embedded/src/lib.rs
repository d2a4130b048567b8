//! A POP3 client and a POP3 server over the traits of `embedded-io` and `embedded-io-async`, without `std` and without a
//! heap. The protocol is [`pop3_proto`]; this crate adds reading, writing and waiting.
//!
//! [`Connection`] is the client, [`Session`] the server. Each call that waits exists twice: blocking, and async with the
//! suffix `_async`. You bring four things:
//!
//! | | what | example |
//! |---|---|---|
//! | stream | `Read + Write` of either crate | a socket of `embassy-net`, a serial port |
//! | clock | `FnMut() -> Duration`, which never goes back | the time since the device started |
//! | buffers | any [`Storage`](pop3_proto::Storage): arrays or slices | `[0; 1024]` |
//! | configuration | [`ClientConfig`](pop3_proto::ClientConfig) or [`ServerConfig`](pop3_proto::ServerConfig) | a `const` or a `static` |
//!
//! # Buffers
//!
//! `new` fails if a buffer is too small. A client without SASL (`Limits::DEFAULT.with_sasl_line(512)`) needs two buffers of
//! 512 bytes, and a server 255 bytes to receive and 512 to send. If the receive buffer has twice the size, bytes are
//! seldom moved.
//!
//! # Timers
//!
//! Your clock runs the timers of the configuration, and the deadline
//! ([`set_deadline`](Connection::set_deadline)).
//!
//! - **Blocking**: the stream must return [`TimedOut`](embedded_io::ErrorKind::TimedOut) from `read` and `write` from time to
//!   time, once a second for example. The session runs its timers each time. If a stream waits forever, so does the session.
//! - **Async**: race each `_async` call against a timer of your executor, until the time that
//!   [`tick`](Connection::tick) returns. If the timer is first, call again.
//!
//! # Writing before reading
//!
//! Pending bytes are written before anything is read. A client that queues many commands at once needs a peer that
//! accepts them all while it responds. Keep the batch smaller than the buffers of the stream and the peer, or send one
//! command at a time.
//!
//! # TLS
//!
//! Over a stream that is encrypted from the start, use `TlsPolicy::Implicit`. For STLS, [`Connection::start_tls`] and
//! [`Session::start_tls`] do it in one call.
//!
//! # Ending a session
//!
//! - `next` returns `None` after the session is over and everything is sent.
//! - An error of the stream, the peer or a timer ends the session: drop the connection. A server then removes
//!   nothing.
//! - Dropping a connection drops the stream, and with it the maildrop and its lock.
//!
//! # Panics
//!
//! No panic is reachable in the blocking calls: a test program links only if there is none. A future panics if it is
//! polled after its end, as all `async fn`s do.
//!
//! # Features
//!
//! | feature | adds |
//! |---|---|
//! | `apop` | logins by APOP |
//! | `sasl` | logins by PLAIN, and by SCRAM-SHA-256 if you supply an implementation |
//! | `defmt` | `defmt::Format` for the errors |
#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod buffered;
mod connection;
mod error;
mod link;
mod session;

pub use buffered::Buffered;
pub use connection::Connection;
pub use error::{Error, StartTlsError};
pub use pop3_proto;
pub use session::Session;

/// The programs of the README, compiled as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeDoctests;
