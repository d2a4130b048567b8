//! TLS through rustls.

use super::Transport;
use super::tcp::{CLOSE, Patience, read_some};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::io::{self, Write};
use std::net::{Shutdown, TcpStream};
use std::path::Path;
use std::sync::Arc;

/// Which certificates are trusted: those of a file. Without one, no handshake succeeds.
#[derive(Clone, Debug)]
pub struct Trust(Arc<ClientConfig>);

impl Trust {
    /// Trusts the CAs of this PEM file.
    ///
    /// # Errors
    /// Returns the error if the file cannot be read, or has no certificate that can be a CA.
    pub fn new(ca: Option<&Path>) -> Result<Trust, Box<dyn std::error::Error>> {
        let mut roots = RootCertStore::empty();
        if let Some(path) = ca {
            for certificate in CertificateDer::pem_file_iter(path)? {
                roots.add(certificate?)?;
            }
            if roots.is_empty() {
                return Err(format!("{} holds no certificate", path.display()).into());
            }
        }
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Trust(Arc::new(config)))
    }
}

/// Does the handshake.
pub(super) fn start(
    (stream, patience): (TcpStream, Patience),
    trust: &Trust,
    host: &str,
) -> io::Result<Box<dyn Transport>> {
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    let client = ClientConnection::new(Arc::clone(&trust.0), name).map_err(io::Error::other)?;
    let mut inside = Inside(StreamOwned::new(client, stream), patience);
    let StreamOwned { conn, sock } = &mut inside.0;
    while conn.is_handshaking() {
        conn.complete_io(sock)?;
    }
    Ok(Box::new(inside))
}

struct Inside(StreamOwned<ClientConnection, TcpStream>, Patience);

impl Transport for Inside {
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.1.begin();
        self.0.write_all(bytes)?;
        self.0.flush()
    }

    fn receive(&mut self, into: &mut Vec<u8>) -> io::Result<usize> {
        self.1.check()?;
        match read_some(&mut self.0, into) {
            // A close without close_notify is the end of the stream too.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
            result => result,
        }
    }

    fn finish(&mut self) {
        self.0.conn.send_close_notify();
        let _ = self.0.flush();
        let _ = self.0.sock.set_read_timeout(Some(CLOSE));
        let _ = self.0.sock.shutdown(Shutdown::Write);
    }

    fn start_tls(self: Box<Self>) -> io::Result<Box<dyn Transport>> {
        Err(io::Error::other("TLS inside TLS"))
    }
}
