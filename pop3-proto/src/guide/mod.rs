//! The guide: documentation without code. Read it in order, or one page when you need it.
//!
//! | page | question |
//! |---|---|
//! | [`io`] | How do I run a session on a blocking socket, under an async runtime, or without a heap? How do I stop early? |
//! | [`buffers`] | How large must my buffers be, and why does memory stay bounded? |
//! | [`tls`] | How do I use port 995 or STLS, and how do I enforce TLS? |
//! | [`authentication`] | How do I log in, and how do I check a login? |
//! | [`errors`] | What can go wrong, what must I do then, and which limits and timers are there? |
//! | [`pipelining`] | How do I send commands before earlier ones are answered? |
//! | [`deletion`] | When is a message removed, and what happens if the connection is lost? |
//! | [`serving`] | How do I build a server? |
//! | [`testing`] | How do I test my own code without a network? |
//! | [`monitoring`] | How do I watch sessions of others, in a network monitor? |
//! | [`security`] | Which attacks does the crate defend against, and which are my responsibility? |
//! | [`performance`] | Why is it fast, and how do I measure it? |
//! | [`non_goals`] | Why is there no ...? |
//! | [`quirks`] | Which deviations of real peers are accepted? |
//! | [`conformance`] | Which requirements of the RFCs are met, and which test proves it? |
//!
//! The basic loop is on the [front page](crate). All code on these pages is compiled and run as tests. Complete programs are in the folder
//! `examples` of the repository.
//!
//! # The states of a session
//!
//! RFC 1939 section 3 defines the states, and each [`Verb`](crate::Verb) lists those in which it is [valid](crate::Verb::states). The picture is drawn
//! from that table and from the behaviour of a [`Client`](crate::Client). A command that is listed inside a state does not change the state.
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

#[doc = include_str!("monitoring.md")]
pub mod monitoring {}

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
