//! The guide: how to use the crate, from a first session to a program in operation.
//!
//! The [front page](crate) of the crate shows a first client. Then read the pages in this order, or one page when you need it.
//!
//! | | page | after reading it, you can |
//! |---|---|---|
//! | **Start** | [`sans_io`] | explain the idea of a sans-I/O machine, its benefits and its costs |
//! | | [`io`] | run a session on a blocking socket, under an async runtime or without a heap, with timeouts, and stop early |
//! | **Clients** | [`tls`] | use port 995 or STLS, and enforce TLS (servers too) |
//! | | [`authentication`] | log in, and check logins (servers too) |
//! | | [`deletion`] | fetch and delete mail without losing any |
//! | | [`pipelining`] | fetch many messages without a round trip for each |
//! | | [`errors`] | handle every error, limit and timer |
//! | | [`compiler_errors`] | fix the compiler errors that new users meet |
//! | **Servers** | [`serving`] | build a server or a proxy |
//! | **Programs** | [`surroundings`] | combine the crate with libraries for TLS, SASL, mail formats and storage |
//! | | [`testing`] | test your own code without a network |
//! | | [`monitoring`] | put the tap into a network monitor |
//! | **Operation** | [`buffers`] | choose buffer sizes, and keep memory bounded |
//! | | [`performance`] | make a program fast, and measure it |
//! | | [`security`] | name the attacks that the crate stops, and those that you must stop |
//! | **Reference** | [`non_goals`] | look up why something is missing, and what to do instead |
//! | | [`quirks`] | look up which deviations of real peers are accepted |
//! | | [`conformance`] | look up each requirement of the RFCs, and the test that proves it |
//!
//! All code on these pages is compiled and run as tests. Complete programs are in the folder `examples` of the repository.
//!
//! # Words of this guide
//!
//! | word | meaning |
//! |---|---|
//! | machine | [`Client`](crate::Client) or [`Server`](crate::Server): the rules of POP3 as a state machine, without buffers |
//! | connection | [`ClientConnection`](crate::ClientConnection) or [`ServerConnection`](crate::ServerConnection): a machine with its two buffers |
//! | driver | the loop that moves bytes between a connection and a stream; yours, or that of an adapter |
//! | adapter | a package that contains a driver: `pop3-blocking`, `pop3-tokio`, `pop3-embedded` |
//! | event, question | what `poll` returns; a server's events are questions, which your program answers |
//! | token | a value that belongs to one question; the answer consumes it |
//! | maildrop | RFC 1939's word for the messages of one user, as a server lists them |
//! | response, refusal | the server's answer, `+OK` or `-ERR`; a refusal is `-ERR` |
//! | terminator | the line with a single dot that ends a message or a listing |
//! | byte, octet | the same size; the guide counts data in bytes, and messages in octets, as the RFCs do |
//!
//! # The states of a session
//!
//! RFC 1939 section 3 defines the states, and each [`Verb`](crate::Verb) lists those in which it is [valid](crate::Verb::states). The picture is drawn
//! from that table and from the behaviour of a [`Client`](crate::Client). A command that is listed inside a state does not change the state.
//!
#![doc = include_str!("states.svg")]
// The pages link to items of every feature.
#![cfg_attr(
    not(all(feature = "apop", feature = "sasl", feature = "test-util")),
    allow(rustdoc::broken_intra_doc_links)
)]

/// After reading this page, you can explain what a sans-I/O machine is, drive one on any network, and decide whether your own library should be one. This crate
/// is the example.
///
#[doc = include_str!("sans_io.svg")]
#[doc = ""]
#[doc = include_str!("sans_io.md")]
pub mod sans_io {}

#[doc = include_str!("io.md")]
pub mod io {}

#[doc = include_str!("tls.md")]
pub mod tls {}

#[doc = include_str!("authentication.md")]
pub mod authentication {}

#[doc = include_str!("deletion.md")]
pub mod deletion {}

#[doc = include_str!("compiler_errors.md")]
pub mod compiler_errors {}

#[doc = include_str!("pipelining.md")]
pub mod pipelining {}

#[doc = include_str!("errors.md")]
pub mod errors {}

#[doc = include_str!("serving.md")]
pub mod serving {}

#[doc = include_str!("surroundings.md")]
pub mod surroundings {}

#[doc = include_str!("testing.md")]
pub mod testing {}

#[doc = include_str!("monitoring.md")]
pub mod monitoring {}

#[doc = include_str!("buffers.md")]
pub mod buffers {}

#[doc = include_str!("performance.md")]
pub mod performance {}

#[doc = include_str!("../../SECURITY.md")]
pub mod security {}

#[doc = include_str!("non_goals.md")]
pub mod non_goals {}

#[doc = include_str!("quirks.md")]
pub mod quirks {}

#[doc = include_str!("conformance.md")]
pub mod conformance {}
