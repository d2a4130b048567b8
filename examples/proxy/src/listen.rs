//! Limits the number of connections in front, and begins each one.

use crate::Result;
use crate::proxy::Proxy;
use crate::relay;
use crate::table::Table;
use pop3_proto::server::ServerConfig;
use pop3_proto_basics::guests::Guests;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

/// How long the TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(30);

/// The part that all connections share.
#[allow(missing_debug_implementations)] // the acceptor has a key
pub struct Door {
    /// The configuration of the connections in front.
    pub config: &'static ServerConfig<'static>,
    /// The certificate.
    pub tls: TlsAcceptor,
    /// The back ends.
    pub table: Arc<Table>,
    /// The connections that are open now.
    pub guests: Guests,
}

/// Accepts connections for as long as the listener exists, each in a separate task.
pub async fn serve(listener: TcpListener, door: Arc<Door>) {
    for id in 1.. {
        match listener.accept().await {
            Ok((stream, address)) => {
                // Close it without a handshake, which would cost more than the refusal is worth.
                let Some(guest) = door.guests.welcome(address.ip()) else {
                    eprintln!("connection {id}: too many connections");
                    continue;
                };
                let door = Arc::clone(&door);
                tokio::spawn(async move {
                    if let Err(error) = door.session(stream, id).await {
                        eprintln!("connection {id}: {error}");
                    }
                    drop(guest);
                });
            }
            Err(error) => {
                eprintln!("accept: {error}");
                sleep(Duration::from_millis(100)).await; // no file descriptor may be left
            }
        }
    }
}

impl Door {
    async fn session(&self, stream: TcpStream, id: u64) -> Result<()> {
        stream.set_nodelay(true)?; // responses are small, and each is sent when it is complete
        let front = timeout(HANDSHAKE, self.tls.accept(stream)).await??;
        Ok(relay::run(front, Proxy::new(self.config, Arc::clone(&self.table), id)).await?)
    }
}
