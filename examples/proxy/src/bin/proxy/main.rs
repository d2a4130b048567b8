//! A POP3 proxy with TLS in front: `proxy --help`.

mod demo;

use pop3_proto::server::ServerConfig;
use pop3_proto::{Timers, TlsPolicy};
use pop3_proto_basics::guests::Guests;
use pop3_proto_proxy::listen::{self, Door};
use pop3_proto_proxy::table::Table;
use pop3_proto_proxy::{Result, tls};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::time::timeout;

const HELP: &str = "\
A POP3 proxy: it listens inside TLS and passes each user on to a back end on loopback.

usage: proxy [OPTIONS] ADDRESS TABLE CERTIFICATES KEY
       proxy --demo

ADDRESS is the address to listen on. TABLE is a file with lines `NAME HOST:PORT`. CERTIFICATES and KEY are PEM files.

  --connections COUNT              the maximum number of connections in front [default: 300]
  --connections-per-address COUNT  the maximum number from one address [default: 20]
  --demo                           start a back end too, run a session through the proxy, and check it
  --help                           show this text

All connections to a back end come from this machine, so its limit for one address must allow as many as the proxy does.
All back ends should refuse logins with the same text and code: the proxy refuses an unknown name as the back end with
most users refuses a wrong password.
";

/// Every back end must have what the proxy announces before login: if one has no UIDL, for example, add `without_uidl`. AUTH-RESP-CODE is
/// announced, so a refusal without `[AUTH]` tells a client that its password may be right.
static CONFIG: ServerConfig<'_> =
    ServerConfig::new(TlsPolicy::Implicit).with_timers(Timers::DEFAULT.with_login(Duration::from_secs(120)));

#[tokio::main]
async fn main() -> ExitCode {
    match run(std::env::args().skip(1).collect()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("proxy: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(mut arguments: Vec<String>) -> Result<()> {
    let most = take_count(&mut arguments, "--connections")?.unwrap_or(300);
    let most_of_one = take_count(&mut arguments, "--connections-per-address")?.unwrap_or(20);
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--help"] => print!("{HELP}"),
        ["--demo"] => timeout(Duration::from_secs(60), demo::run()).await??,
        [address, table, certificates, key] if !address.starts_with('-') => {
            let text = std::fs::read_to_string(table).map_err(|error| format!("{table}: {error}"))?;
            let parsed = Table::parse(&text).map_err(|error| format!("{table}: {error}"))?;
            let tls = tls::from_files(certificates, key)?;
            let guests = Guests::new(most, most_of_one);
            let listener = TcpListener::bind(address).await.map_err(|error| format!("{address}: {error}"))?;
            println!("listening on {}", listener.local_addr()?);
            let door = Door { config: &CONFIG, tls, table: Arc::new(parsed), guests };
            listen::serve(listener, door.into()).await;
        }
        _ => return Err("unknown or missing arguments: see proxy --help".into()),
    }
    Ok(())
}

/// Removes an option and its number from the arguments.
fn take_count(arguments: &mut Vec<String>, name: &str) -> Result<Option<usize>> {
    let Some(place) = arguments.iter().position(|argument| argument == name) else { return Ok(None) };
    let end = arguments.len().min(place + 2);
    let number = arguments.drain(place..end).nth(1).and_then(|number| number.parse().ok());
    number.map(Some).ok_or_else(|| format!("{name} needs a number").into())
}
