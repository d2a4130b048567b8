//! Tests a Maildir from outside: which files are messages, and what happens to files that change.

mod again;
mod changes;
mod full;
mod kinds;
mod kit;
#[cfg(target_os = "linux")]
mod listings;
mod moves;
mod refused;
mod sessions;
