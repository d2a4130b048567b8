//! A short book about the crate, to be read from front to back or where it is needed: documentation alone, no code.
//!
//! | page | answers |
//! |---|---|
//! | [`io`] | How do I run a machine on a blocking socket, under an async runtime, without a heap? |
//! | [`buffers`] | How large must my buffers be, and what keeps memory bounded? |
//! | [`tls`] | How do I use port 995, or STLS, and how do I make sure of TLS? |
//! | [`authentication`] | How do I log in, and how do I check who does? |
//! | [`errors`] | What can go wrong, what do I do then, and what bounds a peer? |
//! | [`pipelining`] | How do I send commands ahead of answers? |
//! | [`deletion`] | When is a message gone, and what happens when a connection dies? |
//! | [`serving`] | How do I build a server on it? |
//! | [`testing`] | How do I test my own code without a network? |
//! | [`security`] | What does the crate defend against, and what is mine to do? |
//! | [`performance`] | How is it made to be fast, and how do I measure it? |
//! | [`non_goals`] | Why is there no ...? |
//! | [`quirks`] | Which deviations of real peers are accepted? |
//! | [`conformance`] | Which requirements of the RFCs are kept, and which test proves it? |
//!
//! The loop that all turns on is on the [front page](crate). What code there is on these pages is compiled and run as tests; whole programs are
//! in the folder `examples` of the repository.
//!
//! # The states of a session
//!
//! RFC 1939 section 3 has them, and each [`Verb`](crate::Verb) knows in which it is [valid](crate::Verb::states). The picture is drawn from that table,
//! and from what a [`Client`](crate::Client) does. Commands inside a state leave the session in it.
//!
#![doc = include_str!("states.svg")]
// The pages link to what every feature adds.
#![cfg_attr(
    not(all(feature = "apop", feature = "sasl", feature = "test-util")),
    allow(rustdoc::broken_intra_doc_links)
)]

#[doc = include_str!("io.md")]
pub mod io {}

#[doc = include_str!("buffers.md")]
pub mod buffers {}

#[doc = include_str!("tls.md")]
pub mod tls {}

#[doc = include_str!("authentication.md")]
pub mod authentication {}

#[doc = include_str!("errors.md")]
pub mod errors {}

#[doc = include_str!("pipelining.md")]
pub mod pipelining {}

#[doc = include_str!("deletion.md")]
pub mod deletion {}

#[doc = include_str!("serving.md")]
pub mod serving {}

#[doc = include_str!("testing.md")]
pub mod testing {}

#[doc = include_str!("../../SECURITY.md")]
pub mod security {}

#[doc = include_str!("performance.md")]
pub mod performance {}

#[doc = include_str!("non_goals.md")]
pub mod non_goals {}

#[doc = include_str!("quirks.md")]
pub mod quirks {}

#[doc = include_str!("conformance.md")]
pub mod conformance {}
