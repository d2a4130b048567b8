//! A certificate for trials on one machine.

use crate::Result;
use crate::files::{self, Access, PUBLIC};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::ServerConfig;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::PrivateKeyDer;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;

/// Returns a server's side of TLS with a new certificate for localhost. The CA that issued it is written to `ca.pem` in `directory`, and its
/// key is discarded.
///
/// # Errors
/// Returns an error if the certificate cannot be made, or if the file cannot be written.
pub fn self_signed(directory: &Path) -> Result<TlsAcceptor> {
    let mut authority = CertificateParams::default();
    authority.distinguished_name.push(DnType::CommonName, "pop3-proto serve, a CA for one certificate");
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let authority_key = KeyPair::generate()?;
    let authority_certificate = authority.self_signed(&authority_key)?;
    fs::create_dir_all(directory)?;
    let pem = authority_certificate.pem();
    files::replace(&directory.join("ca.pem"), pem.as_bytes(), &Access::Mode(PUBLIC))?;

    let key = KeyPair::generate()?;
    let names = ["localhost", "127.0.0.1", "::1"].map(String::from);
    let certificate =
        CertificateParams::new(names)?.signed_by(&key, &Issuer::new(authority, authority_key))?;
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::try_from(key.serialize_der())?)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
