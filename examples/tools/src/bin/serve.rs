//! A POP3 server over Maildirs: `serve --help`.

use clap::Parser;
use pop3_proto::TlsPolicy;
use pop3_proto_basics::sample::{MESSAGES, PASSWORD, USER};
use pop3_proto_tools::serve::users::{self, Users};
use pop3_proto_tools::serve::{self, Door, Guests, Host, Shutdown, config};
use pop3_proto_tools::{Result, tls};
use std::io::{IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_rustls::TlsAcceptor;

/// A POP3 server over Maildirs.
///
/// It prints where it listens, and logs to stderr.
#[derive(Parser, Debug)]
#[command(version)]
struct Arguments {
    /// Listen here, with STLS
    #[arg(long, value_name = "ADDR")]
    listen: Vec<String>,
    /// Listen here, inside TLS from the start
    #[arg(long, value_name = "ADDR")]
    listen_tls: Vec<String>,
    /// Certificate chain
    #[arg(long, value_name = "PEM", requires = "key")]
    cert: Option<PathBuf>,
    /// The certificate's key
    #[arg(long, value_name = "PEM", requires = "cert")]
    key: Option<PathBuf>,
    /// A certificate for localhost of its own, whose CA is written to DIR/ca.pem
    #[arg(long, value_name = "DIR", conflicts_with = "cert")]
    self_signed: Option<PathBuf>,
    /// A file with a line for each user: name, verifier, Maildir
    #[arg(long, value_name = "FILE", conflicts_with = "user")]
    users: Option<PathBuf>,
    /// Write this user to the file, and end; needs a password and --maildir
    #[arg(long, value_name = "NAME", requires_all = ["users", "maildir"])]
    add_user: Option<String>,
    /// Serve one user only
    #[arg(long, value_name = "NAME", requires = "maildir")]
    user: Option<String>,
    /// The variable that holds the password; without it, the password is read from stdin
    #[arg(long, value_name = "VAR")]
    password_env: Option<String>,
    /// Where the user's messages are
    #[arg(long, value_name = "DIR")]
    maildir: Option<PathBuf>,
    /// Offer APOP to the one user
    #[arg(long, requires = "user")]
    apop: bool,
    /// Let passwords travel in clear: on loopback, or where the network is private by other means
    #[arg(long)]
    allow_plain: bool,
    /// The most connections; each takes up to three file descriptors
    #[arg(long, value_name = "COUNT", default_value_t = 300)]
    connections: usize,
    /// The most connections of one address
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    connections_per_address: usize,
    /// How long sessions may go on after SIGTERM or SIGINT
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    grace: u64,
    /// How much to log: error, warn, info, debug
    #[arg(long, value_name = "LEVEL", default_value_t = tracing::Level::INFO)]
    log: tracing::Level,
    /// Serve a sample mailbox on loopback
    #[arg(long, conflicts_with_all = ["users", "user"])]
    demo: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let log = tracing_subscriber::fmt().with_max_level(arguments.log).with_writer(std::io::stderr);
    log.with_ansi(std::io::stderr().is_terminal()).init();
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("serve: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> Result<()> {
    if let (Some(name), Some(file), Some(maildir)) =
        (&arguments.add_user, &arguments.users, &arguments.maildir)
    {
        return users::add(file, name, &password(&arguments)?, maildir);
    }
    if arguments.demo {
        return demo(arguments);
    }
    let host = host(&arguments)?;
    serve::run(serve(&arguments, host))
}

/// The users, and how many connections there may be.
fn host(arguments: &Arguments) -> Result<Host> {
    let guests = Guests::new(arguments.connections, arguments.connections_per_address);
    match (&arguments.users, &arguments.user, &arguments.maildir) {
        (Some(file), ..) => {
            let users = Users::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
            Ok(Host::new(users, guests, None))
        }
        (None, Some(name), Some(maildir)) => {
            let password = password(arguments)?;
            let users = Users::one(name, &password, maildir)?;
            Ok(Host::new(users, guests, arguments.apop.then(|| (name.clone(), password))))
        }
        _ => Err("nobody to serve: --users, --user or --demo".into()),
    }
}

/// Never from an argument, which everybody on the machine can read.
fn password(arguments: &Arguments) -> Result<String> {
    let password = match &arguments.password_env {
        Some(name) => std::env::var(name).map_err(|error| format!("{name}: {error}"))?,
        None => {
            let mut line = String::new();
            std::io::stdin().read_to_string(&mut line)?;
            line.trim_end_matches(['\r', '\n']).to_owned()
        }
    };
    if password.is_empty() || password.contains(['\r', '\n', '\0']) {
        return Err("a password has one octet or more, and no line end or NUL".into());
    }
    Ok(password)
}

fn acceptor(arguments: &Arguments) -> Result<Option<TlsAcceptor>> {
    match (&arguments.cert, &arguments.key, &arguments.self_signed) {
        (Some(certificates), Some(key), _) => Ok(Some(tls::from_files(certificates, key)?)),
        (.., Some(directory)) => Ok(Some(tls::self_signed(directory)?)),
        _ => Ok(None),
    }
}

async fn serve(arguments: &Arguments, host: Host) -> Result<()> {
    let acceptor = acceptor(arguments)?;
    let policy = match (&acceptor, arguments.allow_plain) {
        (Some(_), false) => TlsPolicy::Required,
        (Some(_), true) => TlsPolicy::Opportunistic,
        (None, true) => TlsPolicy::Cleartext,
        (None, false) => return Err("no TLS: --cert and --key, --self-signed, or --allow-plain".into()),
    };
    if arguments.listen.is_empty() && arguments.listen_tls.is_empty() {
        return Err("nowhere to listen: --listen or --listen-tls".into());
    }
    if acceptor.is_none() && !arguments.listen_tls.is_empty() {
        return Err("--listen-tls needs a certificate".into());
    }
    let (mut terminated, mut interrupted) =
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let (host, shutdown) = (Arc::new(host), Shutdown::new());
    let clear = arguments.listen.iter().map(|address| (address, policy));
    let inside = arguments.listen_tls.iter().map(|address| (address, TlsPolicy::Implicit));
    for (address, policy) in clear.chain(inside) {
        let listener = TcpListener::bind(address).await.map_err(|error| format!("{address}: {error}"))?;
        let implicit = policy == TlsPolicy::Implicit;
        println!("listening on {}{}", listener.local_addr()?, if implicit { " (TLS)" } else { "" });
        let config = Arc::new(config(policy));
        shutdown.spawn(listener, Door { host: host.clone(), config, acceptor: acceptor.clone(), implicit });
    }
    tokio::select! {
        _ = terminated.recv() => {}
        _ = interrupted.recv() => {}
    }
    shutdown.end(Duration::from_secs(arguments.grace)).await;
    Ok(())
}

/// A sample mailbox, its user, and a certificate, in a folder that is there for as long as the server runs.
fn demo(mut arguments: Arguments) -> Result<()> {
    let folder = std::env::temp_dir().join(format!("pop3-proto-serve-{}", std::process::id()));
    let result = sample(&folder).and_then(|maildir| {
        if arguments.listen.is_empty() && arguments.listen_tls.is_empty() {
            arguments.listen = vec!["127.0.0.1:1100".into()];
            arguments.listen_tls = vec!["127.0.0.1:1995".into()];
        }
        arguments.self_signed = Some(folder.clone());
        arguments.allow_plain = true;
        println!("user {USER}, password {PASSWORD}, CA {}", folder.join("ca.pem").display());
        let guests = Guests::new(arguments.connections, arguments.connections_per_address);
        let apop = Some((USER.into(), PASSWORD.into()));
        serve::run(serve(&arguments, Host::new(Users::one(USER, PASSWORD, &maildir)?, guests, apop)))
    });
    std::fs::remove_dir_all(&folder)?;
    result
}

fn sample(folder: &Path) -> Result<PathBuf> {
    let maildir = folder.join("Maildir");
    users::make_maildir(&maildir)?;
    for (number, message) in (1..).zip(MESSAGES) {
        std::fs::write(maildir.join(format!("new/{}.sample", 1_700_000_000 + number)), message.text)?;
    }
    Ok(maildir)
}
