//! A POP3 site of many servers: the small data is in PostgreSQL, the bodies are in an object store, and the servers have no
//! state.

#![allow(missing_debug_implementations)] // types that hold connections, mail or secrets are not for printing

pub mod admin;
mod canonical;
pub mod collect;
mod database;
pub mod health;
pub mod id;
pub mod import;
mod keeper;
mod listing;
mod mailbox;
mod node;
mod objects;
pub mod operations;
pub mod options;
mod site;
pub mod sql;

pub use canonical::canonical;
pub use database::{Accounts, Database};
pub use keeper::{Held, Keeper};
pub use listing::Listing;
pub use mailbox::Mailbox;
pub use node::{Node, Users, stored_name};
pub use objects::{Body, Objects};
pub use site::{Clock, Delivery, Removal, Site, Time};

/// Any error. The program only prints it.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// A result with [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;
