//! A POP3 server over Maildirs: `serve --help`.

use clap::Parser;
use pop3_proto_basics::sample::{MESSAGES, PASSWORD, USER};
use pop3_proto_serve::node::{self, Options};
use pop3_proto_serve::users::{self, Users};
use pop3_proto_serve::{Host, Result, make_private_folder, passwords};
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// A POP3 server over Maildirs.
///
/// Prints its addresses, and logs to stderr. SIGHUP makes it read the users, the certificate and its key again; if a file cannot be used,
/// the old values stay and the log has the reason. SIGTERM and SIGINT end it.
#[derive(Parser, Debug)]
#[command(version)]
struct Arguments {
    #[command(flatten)]
    node: Options,
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
        return users::add(file, name, &passwords::read(arguments.password_env.as_deref())?, maildir);
    }
    if arguments.demo {
        return demo(arguments.node);
    }
    node::serve(&arguments.node, async { Ok((host(&arguments)?, ())) })
}

/// Returns the users, and the limits on connections.
fn host(arguments: &Arguments) -> Result<Host> {
    let guests = arguments.node.guests();
    match (&arguments.users, &arguments.user, &arguments.maildir) {
        (Some(file), ..) => Ok(Host::new(Users::read(file)?, guests, None)),
        (None, Some(name), Some(maildir)) => {
            let password = passwords::read(arguments.password_env.as_deref())?;
            let users = Users::one(name, &password, maildir)?;
            Ok(Host::new(users, guests, arguments.apop.then(|| (name.clone(), password))))
        }
        _ => Err("no users: pass --users, --user or --demo".into()),
    }
}

/// Serves a sample mailbox, with its user and a certificate, in a folder that exists for as long as the
/// server runs.
fn demo(mut node: Options) -> Result<()> {
    let folder = std::env::temp_dir().join(format!("pop3-proto-serve-{}", std::process::id()));
    make_private_folder(&folder)?; // another user could have made one with this name
    let result = sample(&folder).and_then(|maildir| {
        if node.listen.is_empty() && node.listen_tls.is_empty() {
            node.listen = vec!["127.0.0.1:1100".into()];
            node.listen_tls = vec!["127.0.0.1:1995".into()];
        }
        node.self_signed = Some(folder.clone());
        node.allow_plain = true;
        println!("user {USER}, password {PASSWORD}, CA {}", folder.join("ca.pem").display());
        node::serve(&node, async {
            let apop = Some((USER.into(), PASSWORD.into()));
            Ok((Host::new(Users::one(USER, PASSWORD, &maildir)?, node.guests(), apop), ()))
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
