//! The oracles of the fuzz targets: one function a target, which takes any bytes and panics where the crate breaks a promise.
//!
//! They are plain functions on stable Rust, so that `cargo test` replays every seed, and every input that once failed, without
//! a fuzzer. The README has the table of what each holds the crate to.

pub mod body;
pub mod capture;
pub mod client;
pub mod command;
mod naive;
pub mod oracles;
pub mod pair;
pub mod response;
pub mod roundtrip;
pub mod server;
mod source;
mod wire;

/// What a target does with one input.
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
];

/// What a target's program does where no fuzzer was built in: it runs the files that its arguments name.
///
/// # Panics
/// Where a file cannot be read, or breaks a promise.
pub fn replay_arguments(run: Run) {
    for argument in std::env::args_os().skip(1) {
        let path = std::path::Path::new(&argument);
        let data = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        run(&data);
        println!("{}: {} octets, no finding", path.display(), data.len());
    }
}
