//! POP3 as pure state machines over byte buffers: no socket, no clock, no thread, no heap.
//!
//! [`Client`] turns commands into bytes and bytes into events; [`Server`] turns bytes into questions and
//! answers into bytes. Whoever drives them owns the transport, the buffers and the time, so that one
//! implementation serves blocking code, async runtimes, embedded devices and tests without a network.
//!
//! # The loop of a client
//!
//! Poll until nothing comes, send what is pending, read more:
//!
//! ```
//! use pop3_proto::{Client, Command, RecvBuf, SendBuf, TlsPolicy, Verb, client::Event};
//! use std::io::{Read, Write};
//!
//! /// How many messages are there, and how many octets together?
//! fn stat(mut stream: impl Read + Write, name: &str, password: &str) -> Result<(u32, u64), Box<dyn std::error::Error>> {
//!     let mut client = Client::new(TlsPolicy::Cleartext, 1); // loopback only: see the other policies
//!     let mut recv = RecvBuf::new(vec![0; 2 * client.min_recv_buf()]);
//!     let mut send = SendBuf::new(vec![]);
//!     let mut answer = None;
//!     loop {
//!         while let Some(event) = recv.with(|input| client.poll(input))? {
//!             let command = match event {
//!                 Event::Greeting(_) => Command::User(name.try_into()?),
//!                 Event::Ok(..) if answer.is_some() => continue,
//!                 Event::Ok(ticket, _) if ticket.verb == Verb::User => Command::Pass(password.try_into()?),
//!                 Event::Ok(..) => Command::Stat,
//!                 Event::DropListing(_, listing) => {
//!                     answer = Some((listing.count, listing.octets));
//!                     Command::Quit
//!                 }
//!                 Event::Refused(_, status) | Event::NoService(status) => return Err(status.to_string().into()),
//!                 Event::Closed(_) => return answer.ok_or_else(|| "closed".into()),
//!                 _ => continue,
//!             };
//!             client.send(&command, &mut send)?;
//!         }
//!         while !send.pending().is_empty() {
//!             let count = stream.write(send.pending())?;
//!             send.sent(count);
//!         }
//!         let count = stream.read(recv.spare_mut())?;
//!         recv.received(count); // 0 is the end of the stream: a fact of its own, never an empty slice
//!     }
//! }
//! # use std::io;
//! # // The server speaks when it is spoken to: one line a read.
//! # struct Lines(std::vec::IntoIter<&'static str>);
//! # impl Read for Lines {
//! #     fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
//! #         let Some(line) = self.0.next() else { return Ok(0) };
//! #         to[..line.len()].copy_from_slice(line.as_bytes());
//! #         Ok(line.len())
//! #     }
//! # }
//! # impl Write for Lines {
//! #     fn write(&mut self, from: &[u8]) -> io::Result<usize> { Ok(from.len()) }
//! #     fn flush(&mut self) -> io::Result<()> { Ok(()) }
//! # }
//! # let lines = vec!["+OK ready\r\n", "+OK\r\n", "+OK\r\n", "+OK 2 320\r\n", "+OK bye\r\n"];
//! # assert_eq!(stat(Lines(lines.into_iter()), "mrose", "secret").unwrap(), (2, 320));
//! # let refused = stat(Lines(vec!["-ERR come back later\r\n"].into_iter()), "mrose", "secret");
//! # assert_eq!(refused.unwrap_err().to_string(), "come back later");
//! ```
//!
//! # The loop of a server
//!
//! Each step of [`Server::poll`] says what it needs: input, room in the sink, the octets of a message, or the
//! answer to a question. [`Server`] has a small one, [`guide::serving`] a whole one.
//!
//! # What it promises
//!
//! - No `unsafe`, no panic on anything that a peer sends, no allocation by the machines, at most 256 octets
//!   of state each.
//! - The same events and the same output however the bytes are cut.
//! - A message is complete when [`client::Event::End`] says so, and a server removes nothing before QUIT.
//! - A bound with a name ([`Limits`]) on everything that a peer can make grow.
//! - Secrets show in no `Debug` and no error.
//!
//! # Where to go from here
//!
//! The [`guide`] is a short book with a page for each question that comes up: [how to drive a machine](guide::io),
//! [TLS](guide::tls), [logging in](guide::authentication), [what can go wrong](guide::errors), [when a message is
//! gone](guide::deletion), [how to build a server](guide::serving), [how to test without a network](guide::testing) and
//! more. It begins with a [picture of the states](guide#the-states-of-a-session).
//!
//! | to | see |
//! |---|---|
//! | drive a session | [`ClientConnection`], [`ServerConnection`] |
//! | drive a machine without buffers | [`client`], [`server`] |
//! | read and write single lines | [`Command`], [`Response`], [`Capability`], [`ScanListing`] and their kin |
//! | stuff and unstuff messages | [`Stuff`], [`Unstuff`], [`OctetCount`] |
//! | move bytes | [`RecvBuf`], [`SendBuf`]; [`Input`] and [`Sink`] beneath |
//! | read along with a session of others | [`tap`] |
//! | bound and time a peer | [`Limits`], [`Timers`] |
//!
//! # Features
//!
//! | feature | adds | dependencies |
//! |---|---|---|
//! | `std` (default) | `alloc`, and faster searching | |
//! | `alloc` | buffers and a maildrop in a `Vec` | |
//! | `apop` | `apop`: computing and checking digests | `md-5`, `subtle` |
//! | `sasl` | `sasl`: messages of the mechanisms without cryptography | |
//! | `serde` | `OwnedUniqueId` is stored and read with `serde` | `serde` |
//! | `test-util` | `script`: dialogues that play the other side, for tests | |
//!
//! Features only add; no type changes its shape with them. Without any, the crate needs neither `std` nor an
//! allocator.
#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;

#[cfg(any(feature = "apop", feature = "sasl"))]
mod auth;
mod body;
mod buffers;
pub mod client;
mod codec;
#[cfg(doctest)]
mod compile_fail;
mod connection;
mod error;
#[cfg(any(doc, doctest))]
pub mod guide;
mod input;
mod limits;
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

/// The examples of the README, compiled and run as tests. It lies beside the crate here, and inside it once packaged.
#[cfg(doctest)]
#[doc = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/", env!("CARGO_PKG_README")))]
struct ReadmeDoctests;
