//! The command line. Each command is in a file of its own.

pub mod client;
pub mod common;
pub mod prove;
pub mod server;

use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// A failure was found.
pub const FAILED: u8 = 1;
/// The kit could not judge.
pub const NO_VERDICT: u8 = 2;

/// What goes wrong before there is a verdict.
pub type Error = Box<dyn std::error::Error>;

/// Tests any POP3 server or client from outside, and reports which requirements of the RFCs it meets
#[derive(Parser, Debug)]
#[command(
    name = "pop3-conform",
    version,
    disable_help_subcommand = true,
    arg_required_else_help = true,
    args_conflicts_with_subcommands = true
)]
struct Arguments {
    /// List the requirements that show from outside, each with the checks and scenarios that judge it, and end
    #[arg(long)]
    list: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Test a server
    Server(Box<server::Arguments>),
    /// Test a client
    Client(Box<client::Arguments>),
    /// Prove the kit itself, in memory and without a network
    Prove(prove::Arguments),
    /// Write the messages for a mailbox under test: as a Maildir, an mbox file, and files with CR LF
    Corpus {
        /// Where to write them
        directory: PathBuf,
    },
}

/// Runs the program. The exit code is 0 if there was no failure, 1 if there was one, and 2 if the kit could not judge.
#[must_use]
pub fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        // Without a command there is only `--list`.
        None => crate::observable::list(&mut std::io::stdout().lock())
            .map_or_else(|error| Err(error.into()), |()| Ok(ExitCode::SUCCESS)),
        Some(Command::Server(arguments)) => server::run(&arguments),
        Some(Command::Client(arguments)) => client::run(&arguments),
        Some(Command::Prove(arguments)) => prove::run(&arguments),
        Some(Command::Corpus { directory }) => match crate::corpus::write(&directory) {
            Ok(()) => Ok(ExitCode::SUCCESS),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                Err(format!("{} has a corpus already: name a new folder", directory.display()).into())
            }
            Err(error) => Err(format!("{}: {error}", directory.display()).into()),
        },
    };
    done.unwrap_or_else(|error| {
        eprintln!("pop3-conform: {error}");
        ExitCode::from(NO_VERDICT)
    })
}
