//! A site's statements on a real PostgreSQL.

mod differential;
#[path = "../kit/mod.rs"]
mod kit;
#[path = "../model/mod.rs"]
mod model;
mod servers;
