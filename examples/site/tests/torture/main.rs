//! One failure at a time.
#[path = "../kit/mod.rs"]
mod kit;
