//! A sans-I/O POP3 client and server: state machines over bytes, without a socket, a clock, a thread or a heap.
//!
//! Use [`ClientConnection`] and [`ServerConnection`] in most programs. Each holds a machine and its two
//! buffers. You own the stream and the clock, so the same code runs on blocking sockets, under any async runtime,
//! on a microcontroller, and in tests without a network. The guide explains [sans-I/O](guide::sans_io).
//!
//! # A client
//!
//! Poll until there are no more events, write the pending bytes, then read. Each event comes with a
//! [`Sender`](client::Sender), so you can send a command while you hold the event:
//!
//! ```
//! use pop3_proto::{ClientConnection, Command, TlsPolicy, Verb, client::Event};
//! use std::error::Error;
//! use std::io::{Read, Write};
//!
//! /// Returns how many messages there are, and their total size in octets.
//! fn stat(mut stream: impl Read + Write, name: &str, password: &str) -> Result<(u32, u64), Box<dyn Error>> {
//!     let mut pop3 = ClientConnection::new(TlsPolicy::Cleartext, 1); // only for loopback: see `TlsPolicy`
//!     let mut total = None;
//!     while !pop3.is_closed() {
//!         while let Some((event, mut sender)) = pop3.poll()? {
//!             let next = match event {
//!                 Event::Greeting(_) => Command::User(name.try_into()?),
//!                 Event::Ok(ticket, _) if ticket.verb == Verb::User => Command::Pass(password.try_into()?),
//!                 Event::Ok(..) => Command::Stat,
//!                 Event::DropListing(_, listing) => {
//!                     total = Some((listing.count, listing.octets));
//!                     Command::Quit
//!                 }
//!                 Event::Refused(_, status) | Event::NoService(status) => return Err(status.to_string().into()),
//!                 _ => continue,
//!             };
//!             sender.send(next)?;
//!         }
//!         pop3.write_to(&mut stream)?;
//!         pop3.read_from(&mut stream)?;
//!     }
//!     total.ok_or_else(|| "the server did not answer STAT".into())
//! }
//! # use pop3_proto::script::Script;
//! # let script = Script::parse("S: +OK\nC: USER mrose\nS: +OK\nC: PASS secret\nS: +OK\nC: STAT\nS: +OK 2 320\nC: QUIT\nS: +OK").unwrap();
//! # assert_eq!(stat(script.server(), "mrose", "secret").unwrap(), (2, 320));
//! # let refused = Script::parse("S: -ERR come back later").unwrap();
//! # assert_eq!(stat(refused.server(), "mrose", "secret").unwrap_err().to_string(), "come back later");
//! ```
//!
//! # A server
//!
//! The loop of a server is the same. Each event is a question with a token, and you answer with the
//! [`Responder`](server::Responder) that comes with the event. [`ServerConnection`] shows a small server, and the
//! guide shows a [complete server](guide::serving).
//!
//! # The layers
//!
//! | layer | items | use it if |
//! |---|---|---|
//! | adapters | the packages `pop3-blocking`, `pop3-tokio` and `pop3-embedded` in this repository | you want the loop to be written for you |
//! | connections | [`ClientConnection`], [`ServerConnection`] | you move the bytes |
//! | machines | [`Client`], [`Server`] | many connections share buffers, or the bytes are already in memory |
//!
//! The page [I/O](guide::io) shows the loop of each environment, and how to stop early.
//!
//! # Guarantees
//!
//! - The crate contains no `unsafe`. No input from a peer causes a panic. Machines allocate nothing, and take at most
//!   256 bytes each.
//! - Events and output do not depend on how reads split the input.
//! - A message is complete at [`client::Event::End`]. A server asks you to remove messages only after QUIT.
//! - Everything that a peer can make grow has a named limit: see [`Limits`].
//! - No `Debug` and no error contains a secret.
//!
//! # The guide
//!
//! The [`guide`] is a book, from a first session to a program in operation: [sans-I/O](guide::sans_io),
//! [I/O](guide::io), [TLS](guide::tls), [authentication](guide::authentication), [deletion](guide::deletion),
//! [pipelining](guide::pipelining), [errors](guide::errors), [building a server](guide::serving),
//! [other libraries](guide::surroundings), [testing](guide::testing), [buffers](guide::buffers) and more. It begins
//! with a [picture of the states](guide#the-states-of-a-session).
//!
//! # Find an item
//!
//! | task | items |
//! |---|---|
//! | run a session | [`ClientConnection`], [`ServerConnection`] |
//! | log a client in, with the best method that the server offers | [`login`] |
//! | run a machine with your own buffers | [`Client`], [`Server`]; [`RecvBuf`], [`SendBuf`]; [`Input`], [`Sink`] |
//! | read and write single lines | [`Command`], [`Response`], [`Capability`], [`ScanListing`] |
//! | add and remove byte-stuffing | [`Stuff`], [`Unstuff`], [`OctetCount`] |
//! | watch a session between other programs | [`tap`] |
//! | set limits and timeouts | [`Limits`], [`Timers`] |
//!
//! # Features
//!
//! | feature | adds | dependencies |
//! |---|---|---|
//! | `std` (default) | `alloc`, `read_from` and `write_to` of the connections, faster searching | |
//! | `alloc` | buffers that grow, and a maildrop in a `Vec` | |
//! | `apop` | `apop`: computing and checking digests | `md-5`, `subtle` |
//! | `sasl` | `sasl`: messages of the mechanisms without cryptography | |
//! | `serde` | storing and reading `OwnedUniqueId` with `serde` | `serde` |
//! | `arbitrary` | `Arbitrary` for values, for fuzz targets and property tests; enables `std` | `arbitrary` |
//! | `defmt` | `Format` for values and errors, for the logs of a microcontroller | `defmt` |
//! | `test-util` | module `script`: dialogues that play the other side, for tests | |
//!
//! Features only add items. No type changes with a feature. Without features, the crate needs neither `std` nor an
//! allocator.
#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;

#[cfg(feature = "arbitrary")]
mod arbitrary;
#[cfg(any(feature = "apop", feature = "sasl"))]
mod auth;
mod body;
mod buffers;
pub mod client;
mod codec;
#[cfg(doctest)]
mod compile_fail;
mod connection;
#[cfg(feature = "defmt")]
mod defmt;
mod error;
#[cfg(any(doc, doctest))]
pub mod guide;
mod input;
mod limits;
pub mod login;
mod quirks;
#[cfg(feature = "test-util")]
pub mod script;
pub mod server;
mod sink;
pub mod tap;
mod time;
mod types;

#[cfg(feature = "apop")]
pub use auth::apop;
#[cfg(feature = "sasl")]
pub use auth::sasl;
pub use body::{BareLf, OctetCount, Piece, Stuff, StuffMode, Unstuff};
pub use buffers::{BufferTooSmall, RecvBuf, SendBuf, Storage};
pub use client::{Client, ClientConfig};
pub use codec::{
    Capability, Command, CommandError, Decoded, DropListing, Expire, Keyword, LanguageListing, LineEnding,
    Mechanisms, OtherCapability, OtherCode, Response, ResponseCode, ResponseError, Retry, ScanListing, State,
    StatusText, UniqueIdListing, Verb,
};
#[cfg(feature = "std")]
pub use connection::NothingDue;
pub use connection::{ClientConnection, ServerConnection};
pub use error::{AnswerError, ConnectionError, Unanswered};
pub use input::Input;
pub use limits::{Limit, Limits, Timers};
pub use quirks::{Profile, Quirk, Quirks};
pub use server::{Server, ServerConfig};
pub use sink::{BufferFull, MIN_SEND_BUF, Sink};
pub use time::Timer;
#[cfg(feature = "alloc")]
pub use types::OwnedUniqueId;
pub use types::{
    ApopDigest, ApopTimestamp, AsUniqueId, Base64, InvalidValue, LanguageRange, LanguageTag, Mechanism,
    MessageNumber, Secret, Text, TlsPolicy, UniqueId,
};

/// The examples of the README, compiled as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeDoctests;
