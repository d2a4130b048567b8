//! A POP3 site of many servers: `site --help`.

use clap::{Args, Parser, Subcommand};
use pop3_proto_maildir::Ids;
use pop3_proto_serve::node::{self, Hooks};
use pop3_proto_serve::{Host, passwords};
use pop3_proto_site::id::Id;
use pop3_proto_site::import;
use pop3_proto_site::options::{Collection, Options};
use pop3_proto_site::{
    Database, Delivery, Node, Objects, Result, Site, Users, admin, canonical, collect, health, stored_name,
};
use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

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
    #[command(flatten)]
    Task(Task),
}

#[derive(Subcommand, Debug)]
enum Task {
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
        /// The variable that holds the password [default: read the password from stdin]
        #[arg(long, value_name = "VAR")]
        password_env: Option<String>,
    },
    /// Change a user's password to the one on stdin
    Password {
        name: String,
        /// The variable that holds the password [default: read the password from stdin]
        #[arg(long, value_name = "VAR")]
        password_env: Option<String>,
    },
}

#[derive(Args, Debug)]
struct NodeOptions {
    #[command(flatten)]
    serve: node::Options,
    #[command(flatten)]
    collection: Collection,
    /// Answer GET /live and GET /ready here, over HTTP
    #[arg(long, value_name = "ADDR", env = "SITE_HEALTH")]
    health: Option<SocketAddr>,
}

/// The exit codes that an MTA understands (sysexits.h). It returns the message to its sender at any other code, so every fault that can be
/// repaired must end with the second one.
const NO_USER: u8 = 67;
const TRY_AGAIN: u8 = 75;

fn main() -> ExitCode {
    let is_delivery = std::env::args_os().any(|argument| argument == "deliver");
    let fault = if is_delivery { TRY_AGAIN } else { 1 };
    if is_delivery {
        std::panic::set_hook(Box::new(|panic| {
            eprintln!("site: {panic}");
            std::process::exit(TRY_AGAIN.into());
        }));
    }
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            error.print().ok();
            return if error.use_stderr() { ExitCode::from(fault) } else { ExitCode::SUCCESS };
        }
    };
    let log = tracing_subscriber::fmt().with_max_level(arguments.log).with_writer(std::io::stderr);
    log.with_ansi(std::io::stderr().is_terminal()).init();
    let result = match arguments.command {
        Command::Node(node) => serve(&arguments.options, &node).map(|()| 0),
        Command::Task(task) => pop3_proto_serve::run(run(&arguments.options, task)),
    };
    result.map_or_else(
        |error| {
            eprintln!("site: {}", with_causes(&*error));
            ExitCode::from(fault)
        },
        ExitCode::from,
    )
}

/// Returns an error and its causes, except those that it repeats.
fn with_causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    for cause in std::iter::successors(error.source(), |cause| cause.source()).map(ToString::to_string) {
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

/// Runs a node until a signal ends it.
fn serve(options: &Options, node: &NodeOptions) -> Result<()> {
    let lease = options.lease();
    node::serve(&node.serve, async {
        let site = options.site()?;
        admin::check_tables(&site.rows).await?;
        let shared = Node::new(site)?;
        let tasks = Tasks::start(&shared, lease, node).await?;
        Ok((Host::new(Users(shared), node.serve.guests(), None), tasks))
    })
}

/// The work of a node besides its sessions.
struct Tasks {
    node: Arc<Node>,
    /// False once the node ends.
    accepts: watch::Sender<bool>,
    /// Renews leases and collects bodies.
    work: Vec<JoinHandle<()>>,
}

impl Tasks {
    async fn start(node: &Arc<Node>, lease: Duration, options: &NodeOptions) -> Result<Self> {
        let (accepts, is_accepting) = watch::channel(true);
        if let Some(address) = options.health {
            let listener = TcpListener::bind(address).await.map_err(|error| format!("{address}: {error}"))?;
            println!("health on {}", listener.local_addr()?);
            let node = Arc::clone(node);
            // Half a lease: until then no session can have lost its maildrop.
            let is_ready = move || *is_accepting.borrow() && node.keeper.has_answered(lease / 2);
            tokio::spawn(health::serve(listener, is_ready));
        }
        let (keeping, collecting, ages) = (Arc::clone(node), Arc::clone(node), options.collection.ages());
        let work = vec![
            tokio::spawn(async move {
                let site = &keeping.site;
                keeping.keeper.run(&site.rows, &site.clock, lease).await;
            }),
            tokio::spawn(async move { collect::run(&collecting.site, ages).await }),
        ];
        Ok(Tasks { node: Arc::clone(node), accepts, work })
    }
}

impl Hooks for Tasks {
    async fn ending(&mut self) {
        self.accepts.send_replace(false);
    }

    async fn ended(&mut self) {
        self.work.iter().for_each(JoinHandle::abort);
        if let Err(error) = self.node.keeper.release_all(&self.node.site.rows).await {
            tracing::error!(%error, "leases cannot be released: they end by themselves");
        }
    }
}

/// Returns the exit code.
async fn run(options: &Options, task: Task) -> Result<u8> {
    let site = options.site()?;
    let database = &site.rows;
    match task {
        Task::Init => admin::init(database).await?,
        Task::Check => {
            let found = admin::check(database, &site.bodies).await?;
            found.iter().for_each(|line| println!("{line}"));
        }
        Task::User(command) => change_user(database, command).await?,
        Task::Deliver { user } => return deliver(&site, &user).await,
        Task::Import { user, maildir, ids } => {
            let ids = Ids::read(&maildir, ids.as_deref())?;
            let maildrop = admin::closed_maildrop(database, &user).await?;
            let imported = import::import(&site, maildrop, &maildir, &ids).await?;
            println!("imported {} messages; {} were there", imported.new, imported.known);
        }
        Task::Status => print!("{}", admin::status(database).await?),
        Task::Sweep { older_than } => {
            let age = Duration::from_secs(u64::from(older_than) * 24 * 60 * 60);
            println!("deleted {} objects", collect::sweep(&site, age).await?);
        }
    }
    Ok(0)
}

async fn change_user(database: &Database, command: UserCommand) -> Result<()> {
    match command {
        UserCommand::Add { name, closed: true, .. } => admin::add_user(database, &name, None).await,
        UserCommand::Add { name, password_env, .. } => {
            let password = passwords::read(password_env.as_deref())?;
            admin::add_user(database, &name, Some(&password)).await
        }
        UserCommand::Password { name, password_env } => {
            let password = passwords::read(password_env.as_deref())?;
            admin::set_password(database, &name, &password).await
        }
    }
}

/// Delivers the message on stdin.
async fn deliver(site: &Site<Database, Objects>, user: &str) -> Result<u8> {
    let name = stored_name(user.as_bytes());
    let Some((_, maildrop)) = site.rows.account(&name).await?.account else {
        eprintln!("site: no user {user:?}");
        return Ok(NO_USER);
    };
    let message = canonical(tokio::io::stdin());
    match site.deliver(maildrop, (Id::new()?, None), message).await? {
        Delivery::Done => Ok(0),
        Delivery::NotDone => Err("the maildrop is being moved, or the delivery took too long".into()),
    }
}
