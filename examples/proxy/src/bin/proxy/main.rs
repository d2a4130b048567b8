//! A POP3 proxy with TLS in front.
//!
//! `proxy ADDRESS TABLE CERTIFICATES KEY` listens for POP3 inside TLS and passes each user on to a back end on loopback, by a table with
//! lines `NAME HOST:PORT`. `proxy --demo` starts a back end of its own, runs a session through the proxy and checks it.

mod demo;

use pop3_proto::server::Config;
use pop3_proto::{Millis, Timers, TlsPolicy};
use pop3_proto_proxy::proxy::Proxy;
use pop3_proto_proxy::table::Table;
use pop3_proto_proxy::{Result, relay, tls};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

/// What is announced before login has to be true behind each back end: where one has no UIDL, say, add `without_uidl`.
static CONFIG: Config<'_> =
    Config::new(TlsPolicy::Implicit).timers(Timers::DEFAULT.login(Millis::seconds(120)));

/// How long the TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(30);

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--demo"] => timeout(Duration::from_secs(60), demo::run()).await?,
        [address, table, certificates, key] => {
            let table = Table::parse(&std::fs::read_to_string(table)?)?;
            let listener = TcpListener::bind(address).await?;
            println!("listening on {}", listener.local_addr()?);
            serve(listener, tls::from_files(certificates, key)?, Arc::new(table)).await
        }
        _ => Err("usage: proxy --demo | proxy ADDRESS TABLE CERTIFICATES KEY".into()),
    }
}

/// Takes connections for as long as the listener lives, each in a task of its own.
async fn serve(listener: TcpListener, tls: TlsAcceptor, table: Arc<Table>) -> Result<()> {
    for id in 1.. {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                eprintln!("accept: {error}");
                sleep(Duration::from_millis(100)).await; // no file descriptor left, say
                continue;
            }
        };
        let proxy = Proxy::new(&CONFIG, Arc::clone(&table), id);
        let tls = tls.clone();
        tokio::spawn(async move {
            let session = async {
                stream.set_nodelay(true)?; // answers are small, and each is sent when it is complete
                let front = timeout(HANDSHAKE, tls.accept(stream)).await??;
                relay::run(front, proxy).await
            };
            if let Err(error) = session.await {
                eprintln!("connection {id}: {error}");
            }
        });
    }
    Ok(())
}
