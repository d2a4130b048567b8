//! A Maildir from outside: what is a message, and what happens to files that change.

mod again;
mod changes;
mod full;
mod kinds;
mod kit;
mod moves;
mod sessions;
