//! The oracles of the fuzz targets: one function for each target, which takes any bytes and panics if the crate breaks a
//! promise.
//!
//! They are plain functions on stable Rust, so `cargo test` replays every seed, and every input that once failed, without a
//! fuzzer. The README has the table of their checks.

pub mod body;
pub mod capture;
pub mod client;
pub mod client_connection;
pub mod command;
pub mod corpus;
pub mod folder;
pub mod ids;
pub mod login;
pub mod maildir;
pub mod naive;
pub mod oracles;
pub mod pair;
pub mod replay;
pub mod response;
pub mod roundtrip;
pub mod server;
pub mod server_connection;
pub mod source;
pub mod state;
mod stream;
pub mod tap;
pub mod wire;

/// Runs a target on one input.
pub type Run = fn(&[u8]);

/// The targets by name: those of `cargo fuzz list`, and the folders in `seeds`.
pub const TARGETS: &[(&str, Run)] = &[
    ("command", command::run),
    ("response", response::run),
    ("body", body::run),
    ("client", client::run),
    ("server", server::run),
    ("pair", pair::run),
    ("roundtrip", roundtrip::run),
    ("oracles", oracles::run),
    ("capture", capture::run),
    ("client_connection", client_connection::run),
    ("server_connection", server_connection::run),
    ("login", login::run),
    ("tap", tap::run),
    ("maildir", maildir::run),
    ("state", state::run),
    ("ids", ids::run),
];

/// Replays the files in the arguments, which a target's program does if it is built without a fuzzer.
///
/// # Panics
/// Panics if a file cannot be read, or breaks a promise.
pub fn replay_arguments(run: Run) {
    for argument in std::env::args_os().skip(1) {
        let path = std::path::Path::new(&argument);
        let data = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        run(&data);
        println!("{}: {} octets, no finding", path.display(), data.len());
    }
}
