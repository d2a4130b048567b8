//! `fetch` from outside: what it stores, what it deletes, and what a server can do to it.

mod dropped;
mod endless;
mod faults;
mod kit;
mod logins;
mod model;
mod options;
mod ports;
mod scripted;
mod sessions;
mod store;
#[path = "../../../serve/tests/serve/stutter.rs"]
mod stutter;
mod world;
