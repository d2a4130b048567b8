//! A POP3 server over Maildirs: `serve --help`.

use clap::Parser;
use pop3_proto::TlsPolicy;
use pop3_proto_basics::sample::{MESSAGES, PASSWORD, USER};
use pop3_proto_serve::users::{self, Users};
use pop3_proto_serve::{
    Certificate, Door, Guests, Host, Result, Shutdown, config, make_private_folder, self_signed,
};
use std::env::VarError;
use std::io::{IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_rustls::TlsAcceptor;

/// A POP3 server over Maildirs.
///
/// Prints its addresses, and logs to stderr. SIGHUP makes it read the users, the certificate and its key again; if a file cannot be used,
/// the old values stay and the log has the reason. SIGTERM and SIGINT end it.
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
    /// Make a certificate for localhost, and write its CA to DIR/ca.pem
    #[arg(long, value_name = "DIR", conflicts_with = "cert")]
    self_signed: Option<PathBuf>,
    /// A file with a line for each user: name, verifier, Maildir. FILE.secret and FILE.lock are created next to
    /// it
    #[arg(long, value_name = "FILE", conflicts_with = "user")]
    users: Option<PathBuf>,
    /// Write this user to the file, and exit; needs a password and --maildir. A running server sees the user after
    /// SIGHUP
    #[arg(long, value_name = "NAME", requires_all = ["users", "maildir"])]
    add_user: Option<String>,
    /// Serve one user only
    #[arg(long, value_name = "NAME", requires = "maildir")]
    user: Option<String>,
    /// The variable that holds the password [default: read the password from stdin]
    #[arg(long, value_name = "VAR")]
    password_env: Option<String>,
    /// The folder of the user's messages
    #[arg(long, value_name = "DIR")]
    maildir: Option<PathBuf>,
    /// Offer APOP to the one user
    #[arg(long, requires = "user")]
    apop: bool,
    /// Accept passwords in cleartext: only for loopback, or a network that is private by other means
    #[arg(long)]
    allow_plain: bool,
    /// The maximum number of connections; each takes up to three file descriptors
    #[arg(long, value_name = "COUNT", default_value_t = 300)]
    connections: usize,
    /// The maximum number of connections from one address
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    connections_per_address: usize,
    /// How many seconds sessions may continue after SIGTERM or SIGINT
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
    serve(&arguments, || host(&arguments))
}

/// Returns the users, and the limits on connections.
fn host(arguments: &Arguments) -> Result<Host> {
    let guests = Guests::new(arguments.connections, arguments.connections_per_address);
    match (&arguments.users, &arguments.user, &arguments.maildir) {
        (Some(file), ..) => Ok(Host::new(Users::read(file)?, guests, None)),
        (None, Some(name), Some(maildir)) => {
            let password = password(arguments)?;
            let users = Users::one(name, &password, maildir)?;
            Ok(Host::new(users, guests, arguments.apop.then(|| (name.clone(), password))))
        }
        _ => Err("no users: pass --users, --user or --demo".into()),
    }
}

/// Reads the password. It is never an argument, which everybody on the machine can read. An error shows neither the password nor the
/// contents of the variable.
fn password(arguments: &Arguments) -> Result<String> {
    match &arguments.password_env {
        Some(name) => std::env::var(name).map_err(|error| match error {
            VarError::NotPresent => "the variable that --password-env names is not set".into(),
            VarError::NotUnicode(_) => "the variable that --password-env names is not UTF-8".into(),
        }),
        None => {
            let mut line = String::new();
            std::io::stdin().read_to_string(&mut line)?;
            Ok(line.trim_end_matches(['\r', '\n']).to_owned())
        }
    }
}

/// The server's side of TLS, and the certificate that can be read again.
type Tls = (Option<TlsAcceptor>, Option<Arc<Certificate>>);

fn tls_of(arguments: &Arguments) -> Result<Tls> {
    match (&arguments.cert, &arguments.key, &arguments.self_signed) {
        (Some(chain), Some(key), _) => {
            let certificate = Certificate::read(chain, key)?;
            Ok((Some(certificate.acceptor()?), Some(certificate)))
        }
        (.., Some(directory)) => Ok((Some(self_signed(directory)?), None)),
        _ => Ok((None, None)),
    }
}

/// Serves until a signal ends it.
fn serve(arguments: &Arguments, host: impl FnOnce() -> Result<Host>) -> Result<()> {
    pop3_proto_serve::run(async {
        let signals = Signals::new()?; // before anything else: until then SIGHUP would end the program
        listen_and_wait(arguments, host()?, signals).await
    })
}

async fn listen_and_wait(arguments: &Arguments, host: Host, mut signals: Signals) -> Result<()> {
    let (acceptor, certificate) = tls_of(arguments)?;
    let policy = match (&acceptor, arguments.allow_plain) {
        (Some(_), false) => TlsPolicy::Required,
        (Some(_), true) => TlsPolicy::Opportunistic,
        (None, true) => TlsPolicy::Cleartext,
        (None, false) => return Err("no TLS: pass --cert and --key, --self-signed, or --allow-plain".into()),
    };
    if arguments.listen.is_empty() && arguments.listen_tls.is_empty() {
        return Err("no address to listen on: pass --listen or --listen-tls".into());
    }
    if acceptor.is_none() && !arguments.listen_tls.is_empty() {
        return Err("--listen-tls needs a certificate: pass --cert and --key, or --self-signed".into());
    }
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
    while signals.next().await == Asked::Reload {
        let (host, certificate) = (Arc::clone(&host), certificate.clone());
        // A separate thread, so a file system that hangs does not delay the next signal.
        tokio::task::spawn_blocking(move || reload(&host, certificate.as_deref()));
    }
    shutdown.end(Duration::from_secs(arguments.grace)).await;
    Ok(())
}

/// Reads users and certificate again. If one of them cannot be used, the old value stays.
fn reload(host: &Host, certificate: Option<&Certificate>) {
    match host.store.reload() {
        Ok(Some(users)) => tracing::info!(users, "reloaded the users"),
        Ok(None) => {}
        Err(error) => tracing::error!(%error, "cannot reload the users: the old users stay"),
    }
    match certificate.map(Certificate::reload) {
        Some(Ok(())) => tracing::info!("reloaded the certificate"),
        None => {}
        Some(Err(error)) => {
            tracing::error!(%error, "cannot reload the certificate: the old certificate stays");
        }
    }
}

/// The request of a signal.
#[derive(PartialEq, Eq)]
enum Asked {
    Reload,
    End,
}

struct Signals {
    hangup: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> Result<Self> {
        Ok(Signals {
            hangup: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.hangup.recv() => Asked::Reload,
            _ = self.terminate.recv() => Asked::End,
            _ = self.interrupt.recv() => Asked::End,
        }
    }
}

/// Serves a sample mailbox, with its user and a certificate, in a folder that exists for as long as the
/// server runs.
fn demo(mut arguments: Arguments) -> Result<()> {
    let folder = std::env::temp_dir().join(format!("pop3-proto-serve-{}", std::process::id()));
    make_private_folder(&folder)?; // another user could have made one with this name
    let result = sample(&folder).and_then(|maildir| {
        if arguments.listen.is_empty() && arguments.listen_tls.is_empty() {
            arguments.listen = vec!["127.0.0.1:1100".into()];
            arguments.listen_tls = vec!["127.0.0.1:1995".into()];
        }
        arguments.self_signed = Some(folder.clone());
        arguments.allow_plain = true;
        println!("user {USER}, password {PASSWORD}, CA {}", folder.join("ca.pem").display());
        serve(&arguments, || {
            let guests = Guests::new(arguments.connections, arguments.connections_per_address);
            let apop = Some((USER.into(), PASSWORD.into()));
            Ok(Host::new(Users::one(USER, PASSWORD, &maildir)?, guests, apop))
        })
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
