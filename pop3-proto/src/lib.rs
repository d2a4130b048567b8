//! POP3 as pure state machines over byte buffers.
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
pub mod client;
mod codec;
mod error;
mod input;
mod limits;
mod quirks;
pub mod server;
mod sink;
mod time;
mod types;

#[cfg(feature = "apop")]
pub use auth::apop;
#[cfg(feature = "sasl")]
pub use auth::sasl;
pub use body::{BareLf, OctetCount, Piece, Stuff, StuffMode, Unstuff, octets};
pub use client::Client;
pub use codec::{
    Capability, Command, CommandError, Decoded, DropListing, Expire, Keyword, LanguageListing, LineEnding,
    Mechanisms, OtherCapability, OtherCode, Response, ResponseCode, ResponseError, Retry, ScanListing, State,
    StatusText, UniqueIdListing, Verb,
};
pub use error::{AnswerError, Fatal, Unanswered};
pub use input::{Inbox, Input};
pub use limits::{Limit, Limits, Timers};
pub use quirks::{Profile, Quirk, Quirks};
pub use server::Server;
#[cfg(feature = "alloc")]
pub use sink::Outbox;
pub use sink::{Full, MIN_SINK, Out, Sink};
pub use time::{Millis, Timer};
#[cfg(feature = "alloc")]
pub use types::OwnedUniqueId;
pub use types::{
    ApopDigest, ApopTimestamp, AsUniqueId, Base64, Invalid, LanguageRange, LanguageTag, Mechanism,
    MessageNumber, Secret, Text, TlsPolicy, UniqueId,
};
