//! A site's statements on a real PostgreSQL.

#[path = "../kit/mod.rs"]
mod kit;
mod servers;
