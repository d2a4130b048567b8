//! Tests `fetch` from outside: which messages it stores and deletes, and how it handles hostile servers.

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
