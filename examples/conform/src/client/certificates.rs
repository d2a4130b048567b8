//! Two servers' sides of TLS, one of which a client trusts.

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::ServerConfig;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::PrivateKeyDer;
use std::error::Error;
use std::sync::Arc;

/// Certificates for localhost, made for each run.
#[derive(Clone, Debug)]
pub struct Certificates {
    /// The CA that a client must trust, as PEM.
    pub ca: String,
    pub trusted: Arc<ServerConfig>,
    /// The same names, from another CA.
    pub untrusted: Arc<ServerConfig>,
    /// Another name, from the CA of `trusted`.
    pub other_name: Arc<ServerConfig>,
}

impl Certificates {
    /// Makes them. The keys of the CAs are forgotten.
    ///
    /// # Errors
    /// Returns an error if a key or a certificate cannot be made.
    pub fn new() -> Result<Self, Box<dyn Error>> {
        let (ca, authority) = authority_named("pop3-conform, a CA for one run")?;
        let (_, stranger) = authority_named("pop3-conform, a CA that nobody trusts")?;
        Ok(Certificates {
            ca,
            trusted: issue(&authority, &HERE)?,
            untrusted: issue(&stranger, &HERE)?,
            other_name: issue(&authority, &["other.conform.example"])?,
        })
    }
}

/// The names of this machine.
const HERE: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// Returns a CA: its certificate as PEM, and what it issues certificates with.
fn authority_named(name: &str) -> Result<(String, Issuer<'static, KeyPair>), Box<dyn Error>> {
    let mut authority = CertificateParams::default();
    authority.distinguished_name.push(DnType::CommonName, name);
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let key = KeyPair::generate()?;
    Ok((authority.self_signed(&key)?.pem(), Issuer::new(authority, key)))
}

fn issue(authority: &Issuer<'_, KeyPair>, names: &[&str]) -> Result<Arc<ServerConfig>, Box<dyn Error>> {
    let key = KeyPair::generate()?;
    let mut leaf = CertificateParams::new(names.iter().copied().map(String::from).collect::<Vec<_>>())?;
    leaf.use_authority_key_identifier_extension = true;
    let certificate = leaf.signed_by(&key, authority)?;
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::try_from(key.serialize_der())?)?;
    Ok(Arc::new(config))
}
