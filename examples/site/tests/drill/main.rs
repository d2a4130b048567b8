//! What clients see, and what the store has, when a part of a site fails. Each test is a row of the table of failures.
//!
//! Everything is done with the program, as an operator does it, and over POP3.

#[path = "../kit/mod.rs"]
mod kit;

mod bodies;
mod bucket;
mod client;
mod database;
mod delivery;
mod health;
mod leases;
mod nodes;
mod result;
mod s3;
mod site;
mod statements;
mod vanish;
mod wire;
