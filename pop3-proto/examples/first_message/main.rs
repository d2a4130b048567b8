//! Fetches the first message of a maildrop, without TLS, from a server on this machine:
//!
//! ```sh
//! PASSWORD=tanstaaf cargo run --example first_message -- 127.0.0.1:1100 mrose
//! ```
#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // The crate opens no socket, but a program does.

include!("program.rs");

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(address), Some(name)) = (arguments.next(), arguments.next()) else {
        return Err("missing arguments: pass ADDRESS and USER, and the password in PASSWORD".into());
    };
    let message = first(std::net::TcpStream::connect(address)?, &name, &std::env::var("PASSWORD")?)?;
    std::io::stdout().write_all(&message)?;
    Ok(())
}
