//! A mail fetcher: `fetch --help`.

use clap::{Args, Parser};
use pop3_proto_fetch::tls::{self, Fingerprint};
use pop3_proto_fetch::{Account, Auth, Error, Exit, Fetch, Layout, Options, Result, Store, Tls};
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;
use tokio_rustls::TlsConnector;

/// Fetches mail with POP3, each message once.
///
/// Messages are stored with the bytes that the server sends, and lines end in CR LF. The file .fetch-USER@HOST in the folder lists the
/// fetched messages.
#[derive(Parser)]
#[command(version, after_help = EXIT_CODES)]
struct Arguments {
    /// pop3://USER@HOST[:PORT] or pop3s://USER@HOST[:PORT]
    ///
    /// In USER write %40 for @, %3A for a colon, and %XX for any other byte. Gmail's prefix recent: needs no escape.
    url: String,
    /// Folder for the messages
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Treat the folder as a Maildir; by default it gets files 1.eml, 2.eml and so on
    #[arg(long)]
    maildir: bool,
    /// How to use TLS [default: implicit for pop3s://; otherwise stls, or none on loopback]
    #[arg(long, value_enum)]
    tls: Option<Tls>,
    /// CAs to trust, in place of the system's
    #[arg(long, value_name = "PEM")]
    ca: Option<PathBuf>,
    /// Trust the certificate with this digest (sha256:HEX, of its DER), from any issuer and with any names
    #[arg(long, value_name = "DIGEST", conflicts_with = "ca")]
    fingerprint: Option<Fingerprint>,
    /// How to log in
    #[arg(long, value_enum, default_value_t = Auth::Auto)]
    auth: Auth,
    #[command(flatten)]
    password: Password,
    /// Leave the messages on the server (the default)
    #[arg(long)]
    keep: bool,
    /// Delete safely stored messages on the server, including those stored in earlier runs
    #[arg(long, conflicts_with = "keep")]
    delete: bool,
    /// With --delete, leave a message on the server for this many days; they begin with the first run with this option that finds the
    /// message stored
    #[arg(long, value_name = "DAYS", requires = "delete")]
    keep_days: Option<u32>,
    /// Fetch at most this many messages; the next run continues with the rest
    #[arg(long, value_name = "COUNT")]
    limit: Option<usize>,
    /// How long connecting, the TLS handshake, the greeting and each response may take; a response may take any time while data arrives
    /// [default: 30 to connect, 60 for the handshake and the greeting, 120 for a response]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
    timeout: Option<u32>,
    /// How many sessions in a row may break before fetch gives up
    #[arg(long, value_name = "COUNT", default_value_t = 5)]
    retries: u32,
    /// The maximum octets of a message [default: twice the size that the server lists, plus 1 MiB]
    #[arg(long, value_name = "OCTETS")]
    max_message: Option<u64>,
    /// Print the dialogue to stderr, without secrets and without messages
    #[arg(long)]
    trace: bool,
    /// Print only errors and warnings
    #[arg(long, short)]
    quiet: bool,
}

/// The sources of the password. By default `fetch` asks for it.
#[derive(Args)]
#[group(multiple = false)]
struct Password {
    /// The environment variable that holds the password
    #[arg(long, value_name = "NAME")]
    password_env: Option<String>,
    /// The password is the first line of the standard input
    #[arg(long)]
    password_stdin: bool,
    /// The password, or the access token, is the first line that this shell command prints
    #[arg(long, value_name = "COMMAND")]
    password_command: Option<OsString>,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  all messages are stored, and with --delete removed from the server
  1  some messages failed and are named; the rest are stored
  2  the command line is wrong or asks for something impossible
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
    let connector = connector(&arguments, account.tls).map_err(usage)?;
    let password = password(&arguments.password, &account).map_err(usage)?;
    let layout = if arguments.maildir { Layout::Maildir } else { Layout::Eml };
    let store = Store::open(&arguments.out, layout, &account.key())
        .map_err(|error| (Exit::Storage, format!("{}: {error}", arguments.out.display()).into()))?;
    let options = Options {
        auth: arguments.auth,
        connector,
        delete: arguments.delete,
        keep_days: arguments.keep_days,
        limit: arguments.limit.unwrap_or(usize::MAX),
        timeout: arguments.timeout.map(|seconds| Duration::from_secs(seconds.into())),
        retries: arguments.retries,
        max_message: arguments.max_message,
        trace: arguments.trace,
        quiet: arguments.quiet,
        ..Options::new(account, password)
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

fn connector(arguments: &Arguments, tls: Tls) -> Result<Option<TlsConnector>> {
    match (tls, arguments.fingerprint) {
        (Tls::None, None) => Ok(None),
        (Tls::None, Some(_)) => Err("--fingerprint needs TLS: use pop3s:// or --tls stls".into()),
        (_, Some(fingerprint)) => tls::pinned(fingerprint).map(Some),
        (_, None) => tls::connector(arguments.ca.as_deref()).map(Some),
    }
}

/// Returns the bytes of the password unchanged. Errors never contain any of them.
fn password(from: &Password, account: &Account) -> Result<Vec<u8>> {
    if let Some(name) = &from.password_env {
        // Do not show the name: it is the password if the user misunderstood this option.
        let password = std::env::var_os(name);
        return Ok(password.ok_or("the variable that --password-env names is not set")?.into_vec());
    }
    if from.password_stdin {
        return first_line(&mut io::stdin().lock());
    }
    if let Some(command) = &from.password_command {
        let output = Command::new("/bin/sh")
            .arg("-c")
            .arg(command)
            .stdin(Stdio::inherit())
            .stderr(Stdio::inherit())
            .output();
        let output = output.map_err(|error| format!("the password command cannot be run: {error}"))?;
        if !output.status.success() {
            return Err(format!("the password command failed: {}", output.status).into());
        }
        return first_line(&mut output.stdout.as_slice());
    }
    let prompt = format!("Password for {} at {}: ", account.shown_user(), account.host);
    Ok(rpassword::prompt_password(prompt)?.into_bytes())
}

fn first_line(from: &mut impl io::BufRead) -> Result<Vec<u8>> {
    let mut line = Vec::new();
    from.read_until(b'\n', &mut line)?;
    let end = line.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).map_or(0, |last| last + 1);
    line.truncate(end);
    if line.is_empty() { Err("the password is empty".into()) } else { Ok(line) }
}
