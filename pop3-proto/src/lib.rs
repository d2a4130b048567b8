//! POP3 as pure state machines over byte buffers.
#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;

mod input;
mod limits;
mod sink;
mod time;
mod types;

pub use input::{Inbox, Input};
pub use limits::{Limit, Limits, Timers};
#[cfg(feature = "alloc")]
pub use sink::Outbox;
pub use sink::{Full, MIN_SINK, Out, Sink};
pub use time::{Millis, Timer};
#[cfg(feature = "alloc")]
pub use types::OwnedUniqueId;
pub use types::{
    ApopDigest, ApopTimestamp, Base64, Invalid, LanguageTag, Mechanism, MessageNumber, Secret, Text, UniqueId,
};
