//! Serves one message, without TLS, to the clients on this machine that know the password:
//!
//! ```sh
//! PASSWORD=tanstaaf cargo run --example one_message
//! ```
//!
//! It listens on 127.0.0.1:1100 and serves one client after the other. Any user name is good.
// The crate opens no socket and prints nothing, but a program does.
#![allow(
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    elided_lifetimes_in_paths
)]

include!("program.rs");

fn main() -> Result<(), Box<dyn Error>> {
    let password = std::env::var("PASSWORD")?;
    for socket in std::net::TcpListener::bind("127.0.0.1:1100")?.incoming() {
        if let Err(error) = serve(socket?, password.as_bytes(), b"Subject: one\n\nThe only message.\n") {
            eprintln!("{error}");
        }
    }
    Ok(())
}
