//! The oracles of the fuzz targets for the adapters and the example programs.
//!
//! They are a package of their own, because these need TLS or a runtime, which takes a minute to build. Their seeds and corpora are next to
//! those of `pop3-proto-fuzz`, whose README has the table of all targets.

pub mod adapter_client;
pub mod adapter_server;
pub mod checks;
mod drivers;
pub mod engine;
pub mod proxy_header;
pub mod scenarios;
pub mod scram;
pub mod users;

use pop3_proto_fuzz::Run;

/// The targets by name: those of `cargo fuzz list`, and the folders in `seeds`.
pub const TARGETS: &[(&str, Run)] = &[
    ("proxy_header", proxy_header::run),
    ("users", users::run),
    ("scram", scram::run),
    ("adapter_client", adapter_client::run),
    ("adapter_server", adapter_server::run),
    ("engine", engine::run),
    ("checks", checks::run),
    ("scenarios", scenarios::run),
];
