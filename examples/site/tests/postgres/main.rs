//! A site's statements on a real PostgreSQL.

mod concurrent;
mod differential;
#[path = "../kit/mod.rs"]
mod kit;
#[path = "../model/mod.rs"]
mod model;
mod pair;
mod servers;
