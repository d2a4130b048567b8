//! What is known of POP3 as it is spoken, beside the reference: documentation alone, no code.

#[doc = include_str!("conformance.md")]
pub mod conformance {}

#[doc = include_str!("quirks.md")]
pub mod quirks {}
