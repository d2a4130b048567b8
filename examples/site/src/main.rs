//! A POP3 site of many servers: `site --help`.

use clap::{Args, Parser, Subcommand};
use pop3_proto_serve::options::{Options as ServeOptions, Password};
use pop3_proto_serve::{Guests, Host};
use pop3_proto_site::id::Id;
use pop3_proto_site::import::{self, Ids};
use pop3_proto_site::options::{Collection, Options};
use pop3_proto_site::{Delivery, Node, Result, Users, admin, canonical, collect, health};
use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

/// A POP3 site of many servers over PostgreSQL and an object store.
#[derive(Parser, Debug)]
#[command(version)]
struct Arguments {
    #[command(flatten)]
    options: Options,
    /// How much to log: error, warn, info, debug
    #[arg(long, value_name = "LEVEL", env = "SITE_LOG", default_value_t = tracing::Level::INFO, global = true)]
    log: tracing::Level,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Serve mail. Any number of nodes can do it at once
    Node(Box<NodeOptions>),
    /// Create the tables
    Init,
    /// Check database, object store and clocks
    Check,
    /// Add users and change their passwords
    #[command(subcommand)]
    User(UserCommand),
    /// Deliver the message on stdin to a user. Exits with 0 if it is stored, 75 to try again later, and 67 for an unknown user
    Deliver { user: String },
    /// Import a Maildir with its unique-ids. The account must be closed: site user add NAME --closed
    Import {
        user: String,
        maildir: PathBuf,
        /// A file of base names and unique-ids, with a tab between [default: MAILDIR/dovecot-uidlist, else the base names]
        #[arg(long, value_name = "FILE")]
        ids: Option<PathBuf>,
    },
    /// Show how much there is
    Status,
    /// Delete objects that no message has and no node will collect
    Sweep {
        /// Only objects that were written longer ago
        #[arg(long, value_name = "DAYS", default_value_t = 30)]
        older_than: u32,
    },
}

#[derive(Subcommand, Debug)]
enum UserCommand {
    /// Add a user, with the password on stdin
    Add {
        name: String,
        /// Add no password: mail is delivered, and nobody can log in
        #[arg(long, conflicts_with = "password_env")]
        closed: bool,
        #[command(flatten)]
        password: Password,
    },
    /// Change a user's password to the one on stdin
    Password {
        name: String,
        #[command(flatten)]
        password: Password,
    },
}
