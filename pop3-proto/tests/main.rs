//! Tests that use several modules, in one binary with one module for each subject. Tests next to the code prove the
//! codec, the bodies and the values.
//!
//! A test that proves a requirement carries its id in its name: `r1939_5_d_...`, `quirk_12_...`, `law_4_...`.
#![cfg(feature = "alloc")]

mod client;
mod connection;
mod counting;
// The search prints its counts; the bans are for the library.
#[allow(clippy::disallowed_macros, clippy::disallowed_methods)]
mod explore;
mod extensions;
mod guide;
mod laws;
mod ledger;
#[cfg(feature = "defmt")]
mod logged;
mod login;
mod messages;
mod server;
mod tap;
mod transcripts;
mod values;

/// Counts for each thread, so one test sees only its own allocations.
#[global_allocator]
static ALLOCATOR: counting::Counting = counting::Counting;
