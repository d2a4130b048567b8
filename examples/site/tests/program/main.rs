//! The program as its operator runs it: tables, users, deliveries, imports, and nodes that serve the result.

#[path = "../kit/mod.rs"]
mod kit;

mod imports;
mod mail;
mod setup;
mod world;
