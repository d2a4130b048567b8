//! Ways to log in other than USER and PASS: APOP digests, and messages of SASL mechanisms without cryptography.

#[cfg(feature = "apop")]
pub mod apop;
#[cfg(feature = "sasl")]
pub mod sasl;
