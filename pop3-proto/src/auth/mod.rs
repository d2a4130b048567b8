//! Logging in by other means than USER and PASS: APOP digests, and the messages of SASL mechanisms without
//! cryptography.

#[cfg(feature = "apop")]
pub mod apop;
#[cfg(feature = "sasl")]
pub mod sasl;
