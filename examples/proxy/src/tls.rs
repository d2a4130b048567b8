//! TLS in front.

use crate::Result;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use std::sync::Arc;
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// Returns the server's side, with a certificate chain and a key from PEM files.
pub fn from_files(certificates: &str, key: &str) -> Result<TlsAcceptor> {
    let chain = CertificateDer::pem_file_iter(certificates).and_then(Iterator::collect);
    let chain: Vec<_> = chain.map_err(|error| format!("{certificates}: {error}"))?;
    acceptor(chain, PrivateKeyDer::from_pem_file(key).map_err(|error| format!("{key}: {error}"))?)
}

/// Returns both sides, with a certificate for this name that exists only in memory and that the client's side
/// trusts.
pub fn self_signed(name: &str) -> Result<(TlsAcceptor, TlsConnector)> {
    let made = rcgen::generate_simple_self_signed([name.to_owned()])?;
    let certificate = made.cert.der().clone();
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone())?;
    let client = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der())?;
    Ok((acceptor(vec![certificate], key)?, TlsConnector::from(Arc::new(client))))
}

fn acceptor(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<TlsAcceptor> {
    let server = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    Ok(TlsAcceptor::from(Arc::new(server)))
}
