//! A mail fetcher: `fetch --help`.

use clap::{Args, Parser};
use pop3_proto_tools::fetch::{Account, Auth, Exit, Fetch, Layout, Options, Store, Tls};
use pop3_proto_tools::{Error, Result, tls};
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Fetches mail with POP3, each message once.
///
/// Messages are stored with the octets that the server sends, lines ending in CR LF. Which ones were fetched is noted in the folder, in
/// .fetch-USER@HOST.
#[derive(Parser)]
#[command(version, after_help = EXIT_CODES)]
struct Arguments {
    /// pop3://USER@HOST[:PORT] or pop3s://USER@HOST[:PORT]
    url: String,
    /// Folder for the messages
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The folder is a Maildir; else it gets files 1.eml, 2.eml and so on
    #[arg(long)]
    maildir: bool,
    /// Implicit for pop3s://; else stls, and on loopback none
    #[arg(long, value_enum)]
    tls: Option<Tls>,
    /// CAs to trust, in place of the system's
    #[arg(long, value_name = "PEM")]
    ca: Option<PathBuf>,
    #[arg(long, value_enum, default_value_t = Auth::Auto)]
    auth: Auth,
    #[command(flatten)]
    password: Password,
    /// Leave the messages on the server (this is the default)
    #[arg(long)]
    keep: bool,
    /// Delete on the server what is safely stored here, also what was stored in earlier runs
    #[arg(long, conflicts_with = "keep")]
    delete: bool,
    /// Sessions in a row that may break before it is given up
    #[arg(long, value_name = "COUNT", default_value_t = 5)]
    retries: u32,
    /// The most octets of a message [default: twice the size that the server lists, and 1 MiB]
    #[arg(long, value_name = "OCTETS")]
    max_message: Option<u64>,
    /// Print what both sides say to stderr, without secrets and without messages
    #[arg(long)]
    trace: bool,
    /// Print nothing but what went wrong
    #[arg(long, short)]
    quiet: bool,
}

/// Without either of them it is asked for.
#[derive(Args)]
#[group(multiple = false)]
struct Password {
    /// The environment variable with the password
    #[arg(long, value_name = "NAME")]
    password_env: Option<String>,
    /// The password is the first line of the standard input
    #[arg(long)]
    password_stdin: bool,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  all messages are stored, and with --delete removed from the server
  1  all but some messages, which are named
  2  the command line is wrong, or what it asks for cannot be done
  3  no connection, no TLS, or a server that does not speak POP3
  4  the login was refused
  5  the folder cannot be written to";

fn main() -> ExitCode {
    match fetch(Arguments::parse()) {
        Ok(code) => code,
        Err((exit, error)) => {
            eprintln!("fetch: {error}");
            ExitCode::from(exit as u8)
        }
    }
}

fn fetch(arguments: Arguments) -> Result<ExitCode, (Exit, Error)> {
    let usage = |error| (Exit::Usage, error);
    let account = Account::parse(&arguments.url, arguments.tls).map_err(usage)?;
    let connector = match account.tls {
        Tls::None => None,
        Tls::Stls | Tls::Implicit => Some(tls::connector(arguments.ca.as_deref()).map_err(usage)?),
    };
    let password = password(&arguments.password, &account).map_err(usage)?;
    let layout = if arguments.maildir { Layout::Maildir } else { Layout::Eml };
    let store = Store::open(&arguments.out, layout, &account.key())
        .map_err(|error| (Exit::Storage, format!("{}: {error}", arguments.out.display()).into()))?;
    let options = Options {
        account,
        password,
        auth: arguments.auth,
        connector,
        delete: arguments.delete,
        retries: arguments.retries,
        backoff: Duration::from_secs(1),
        max_message: arguments.max_message,
        trace: arguments.trace,
        quiet: arguments.quiet,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| (Exit::Connection, error.into()))?;
    let mut fetch = Fetch::new(options, store);
    let done = runtime.block_on(fetch.run());
    if !arguments.quiet && (done.is_ok() || fetch.tally().stored > 0) {
        println!("{}", fetch.tally());
    }
    match done {
        Ok(()) if fetch.tally().failed > 0 => Ok(ExitCode::from(Exit::Messages as u8)),
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(failure) => Err((failure.exit, failure.to_string().into())),
    }
}

fn password(from: &Password, account: &Account) -> Result<String> {
    if let Some(name) = &from.password_env {
        return std::env::var(name).map_err(|error| format!("{name}: {error}").into());
    }
    if from.password_stdin {
        let mut line = String::new();
        io::stdin().read_line(&mut line)?;
        return Ok(line.trim_end_matches(['\r', '\n']).into());
    }
    Ok(rpassword::prompt_password(format!("Password for {} at {}: ", account.user, account.host))?)
}
