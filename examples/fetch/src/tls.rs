//! The client's side of TLS, through rustls with ring.

mod trust;

pub use trust::Distrust;

use crate::Result;
use ring::digest::{SHA256, digest};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use tokio_rustls::TlsConnector;
use trust::{Explained, Pinned};

/// Returns a connector that trusts the CAs in this PEM file, or by default those of the system.
pub fn connector(ca: Option<&Path>) -> Result<TlsConnector> {
    let mut roots = RootCertStore::empty();
    match ca {
        Some(path) => {
            for certificate in CertificateDer::pem_file_iter(path)? {
                roots.add(certificate?)?;
            }
        }
        // A system may have unreadable certificates. The readable ones are enough.
        None => drop(roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs)),
    }
    if roots.is_empty() {
        return Err("the system has no CA to trust: name a file of certificates with --ca".into());
    }
    let verifier =
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::new(default_provider())).build()?;
    Ok(TlsConnector::from(Arc::new(trusting(Arc::new(Explained(verifier)))?)))
}

/// Returns a connector that trusts the certificate with this fingerprint, from any issuer and with any names.
pub fn pinned(fingerprint: Fingerprint) -> Result<TlsConnector> {
    let verifier = Pinned { fingerprint, provider: Arc::new(default_provider()) };
    Ok(TlsConnector::from(Arc::new(trusting(Arc::new(verifier))?)))
}

/// Returns a configuration with which no handshake succeeds.
pub(crate) fn trusting_nobody() -> Result<ClientConfig> {
    trusting(Arc::new(Pinned { fingerprint: Fingerprint([0; 32]), provider: Arc::new(default_provider()) }))
}

fn trusting(verifier: Arc<dyn ServerCertVerifier>) -> Result<ClientConfig> {
    Ok(ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .dangerous() // rustls requires this for custom verifiers
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth())
}

/// The SHA-256 digest of a certificate (its DER), as `sha256:` and 64 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Returns the digest of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let mut fingerprint = [0; 32];
        fingerprint.copy_from_slice(digest(&SHA256, bytes).as_ref());
        Fingerprint(fingerprint)
    }
}

impl FromStr for Fingerprint {
    type Err = &'static str;

    /// Reads `sha256:HEX`; colons between the bytes, as openssl prints them, are allowed.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let hex = text.strip_prefix("sha256:").ok_or("a fingerprint begins with sha256:")?;
        let digits: Option<Vec<u8>> = hex
            .chars()
            .filter(|character| *character != ':')
            .map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
            .collect();
        let digits = digits.filter(|digits| digits.len() == 64).ok_or("a fingerprint has 64 hex digits")?;
        let mut fingerprint = [0; 32];
        for (byte, pair) in fingerprint.iter_mut().zip(digits.chunks(2)) {
            *byte = pair.iter().fold(0, |byte, digit| byte * 16 + digit);
        }
        Ok(Fingerprint(fingerprint))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_read_as_it_is_shown() {
        let fingerprint = Fingerprint::of(b"");
        let shown = fingerprint.to_string();
        assert_eq!(shown, "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_eq!(shown.parse(), Ok(fingerprint));
        assert_eq!(
            shown.to_uppercase().replace("SHA256", "sha256").replace("1C14", "1C:14").parse(),
            Ok(fingerprint)
        );
        for wrong in [
            "",
            "sha256:",
            "e3b0",
            "sha1:e3b0",
            "sha256:e3",
            &(shown.clone() + "0"),
            &shown.replace('e', "g"),
        ] {
            assert!(wrong.parse::<Fingerprint>().is_err(), "{wrong}");
        }
    }
}
