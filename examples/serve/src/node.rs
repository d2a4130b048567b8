//! A server with its options, listeners and signals, over any store. `serve` is one, and another program can be one with its own [`Host`].
//!
//! ```no_run
//! use clap::Parser;
//! use pop3_proto_serve::node::{self, Hooks, Options};
//! use pop3_proto_serve::users::Users;
//! use pop3_proto_serve::{Host, Result};
//!
//! #[derive(Parser)]
//! struct Arguments {
//!     #[command(flatten)]
//!     node: Options,
//! }
//!
//! struct Ready;
//!
//! impl Hooks for Ready {
//!     async fn ending(&mut self) {
//!         // Report that this server is not ready any more.
//!     }
//! }
//!
//! fn main() -> Result<()> {
//!     let options = Arguments::parse().node;
//!     node::serve(&options, async {
//!         let store = Users::read("USERS".as_ref())?; // or wait for a database
//!         Ok((Host::new(store, options.guests(), None), Ready))
//!     })
//! }
//! ```

use crate::{Certificate, Door, Guests, Host, Proxies, Result, Shutdown, config, run, self_signed};
use ipnet::IpNet;
use pop3_proto::TlsPolicy;
use std::future::{Future, ready};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

// Not a documentation comment: a program that flattens this would show it as its description.
// The options of a node, for the arguments of a program.
#[allow(missing_docs)] // the comments are the help for its users
#[derive(clap::Args, Clone, Debug)]
pub struct Options {
    /// Listen here, with STLS
    #[arg(long, value_name = "ADDR")]
    pub listen: Vec<String>,
    /// Listen here, inside TLS from the start
    #[arg(long, value_name = "ADDR")]
    pub listen_tls: Vec<String>,
    /// Certificate chain
    #[arg(long, value_name = "PEM", requires = "key")]
    pub cert: Option<PathBuf>,
    /// The certificate's key
    #[arg(long, value_name = "PEM", requires = "cert")]
    pub key: Option<PathBuf>,
    /// Make a certificate for localhost, and write its CA to DIR/ca.pem
    #[arg(long, value_name = "DIR", conflicts_with = "cert")]
    pub self_signed: Option<PathBuf>,
    /// Accept passwords in cleartext: only for loopback, or a network that is private by other means
    #[arg(long)]
    pub allow_plain: bool,
    /// The maximum number of connections; each takes up to three file descriptors
    #[arg(long, value_name = "COUNT", default_value_t = 300)]
    pub connections: usize,
    /// The maximum number of connections from one address
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    pub connections_per_address: usize,
    /// Take the client's address from a PROXY header (version 1 or 2), which each connection from this network must begin with. Only for load
    /// balancers that you trust
    #[arg(long, value_name = "ADDRESS/PREFIX")]
    pub proxy_from: Vec<IpNet>,
    /// How many seconds to accept connections after SIGTERM or SIGINT, while a load balancer notices the end; a second signal ends them early
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub drain: u64,
    /// How many seconds sessions may continue once no more connections are accepted
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    pub grace: u64,
}

impl Options {
    /// Returns the limits on connections.
    #[must_use]
    pub fn guests(&self) -> Guests {
        Guests::new(self.connections, self.connections_per_address)
    }
}

/// Work of a program at the turning points of its server. The server waits for it.
pub trait Hooks {
    /// Called when all these addresses accept connections: [`Options::listen`], then [`Options::listen_tls`].
    fn started(&mut self, addresses: &[SocketAddr]) -> impl Future<Output = ()> {
        let _ = addresses;
        ready(())
    }

    /// Called after SIGTERM or SIGINT. Connections are still accepted, for as long as [`Options::drain`] says.
    fn ending(&mut self) -> impl Future<Output = ()> {
        ready(())
    }

    /// Called when all sessions have ended, or the grace period is over.
    fn ended(&mut self) -> impl Future<Output = ()> {
        ready(())
    }
}

/// No work.
impl Hooks for () {}

/// Serves until a signal ends it. `start` returns the users with their mail, and runs with the server's runtime.
///
/// Prints the addresses to stdout. SIGHUP makes it read the [store](crate::Store::reload) and the certificate again. SIGTERM or SIGINT ends
/// it, also during `start`: first the time to drain, then the grace period.
///
/// # Errors
/// Returns the errors of `start`, and an error if the options do not fit each other, a certificate cannot be used, or an address cannot be
/// listened on.
pub fn serve<H: Hooks>(options: &Options, start: impl Future<Output = Result<(Host, H)>>) -> Result<()> {
    run(async {
        let mut signals = Signals::new()?; // before anything else: until then SIGHUP would end the program
        let (host, mut hooks) = tokio::select! {
            biased;
            started = start => started?,
            () = signals.end() => return Ok(()),
        };
        let (host, tls, shutdown) = (Arc::new(host), Tls::of(options)?, Shutdown::new());
        let addresses = listen(options, &host, &tls, &shutdown).await?;
        hooks.started(&addresses).await;
        signals.reload_until_end(&host, &tls).await;
        hooks.ending().await;
        let drain = Duration::from_secs(options.drain);
        timeout(drain, signals.reload_until_end(&host, &tls)).await.ok();
        shutdown.end(Duration::from_secs(options.grace)).await;
        hooks.ended().await;
        Ok(())
    })
}

/// Accepts connections from now on, on these addresses.
async fn listen(
    options: &Options,
    host: &Arc<Host>,
    tls: &Tls,
    shutdown: &Shutdown,
) -> Result<Vec<SocketAddr>> {
    let policy = match (&tls.acceptor, options.allow_plain) {
        (Some(_), false) => TlsPolicy::Required,
        (Some(_), true) => TlsPolicy::Opportunistic,
        (None, true) => TlsPolicy::Cleartext,
        (None, false) => return Err("no TLS: pass --cert and --key, --self-signed, or --allow-plain".into()),
    };
    if options.listen.is_empty() && options.listen_tls.is_empty() {
        return Err("no address to listen on: pass --listen or --listen-tls".into());
    }
    if tls.acceptor.is_none() && !options.listen_tls.is_empty() {
        return Err("--listen-tls needs a certificate: pass --cert and --key, or --self-signed".into());
    }
    let clear = options.listen.iter().map(|address| (address, policy));
    let inside = options.listen_tls.iter().map(|address| (address, TlsPolicy::Implicit));
    let (proxies, mut addresses) = (Proxies::new(options.proxy_from.iter().copied()), Vec::new());
    for (address, policy) in clear.chain(inside) {
        let listener = TcpListener::bind(address).await.map_err(|error| format!("{address}: {error}"))?;
        let implicit = policy == TlsPolicy::Implicit;
        let address = listener.local_addr()?;
        println!("listening on {address}{}", if implicit { " (TLS)" } else { "" });
        addresses.push(address);
        let (host, acceptor, proxies) = (Arc::clone(host), tls.acceptor.clone(), proxies.clone());
        shutdown
            .spawn(listener, Door { host, config: Arc::new(config(policy)), acceptor, implicit, proxies });
    }
    Ok(addresses)
}

/// The server's side of TLS.
struct Tls {
    acceptor: Option<TlsAcceptor>,
    /// The certificate, if it can be read again.
    certificate: Option<Arc<Certificate>>,
}

impl Tls {
    fn of(options: &Options) -> Result<Self> {
        let certificate = match (&options.cert, &options.key) {
            (Some(chain), Some(key)) => Some(Certificate::read(chain, key)?),
            _ => None,
        };
        let acceptor = match (&certificate, &options.self_signed) {
            (Some(certificate), _) => Some(certificate.acceptor()?),
            (None, Some(directory)) => Some(self_signed(directory)?),
            (None, None) => None,
        };
        Ok(Tls { acceptor, certificate })
    }
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

    /// Waits for the signal to end.
    async fn end(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// Waits for the signal to end, and reloads meanwhile on SIGHUP.
    async fn reload_until_end(&mut self, host: &Arc<Host>, tls: &Tls) {
        loop {
            tokio::select! {
                _ = self.hangup.recv() => {}
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
            }
            let (host, certificate) = (Arc::clone(host), tls.certificate.clone());
            // A separate thread, so a file system that hangs does not delay the next signal.
            tokio::task::spawn_blocking(move || reload(&host, certificate.as_deref()));
        }
    }
}
