//! A certificate that can be renewed while the server runs.

use super::files;
use crate::Result;
use rustls::ServerConfig;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use tokio_rustls::TlsAcceptor;

/// A certificate chain and its key, from PEM files.
pub struct Certificate {
    /// The newest certificate, for the next handshake.
    current: RwLock<Arc<CertifiedKey>>,
    /// The files of the chain and the key. A reload holds this lock, so the newest certificate stays.
    files: Mutex<(PathBuf, PathBuf)>,
}

impl Certificate {
    /// Returns the certificate of these files, which may be links.
    ///
    /// # Errors
    /// Returns an error if a file cannot be read, or if the key does not belong to the certificate.
    pub fn read(chain: &Path, key: &Path) -> Result<Arc<Self>> {
        let current = RwLock::new(read(chain, key)?.into());
        Ok(Arc::new(Certificate { current, files: Mutex::new((chain.into(), key.into())) }))
    }

    /// Reads the files again. Later handshakes use the new contents; sessions inside TLS are not affected.
    ///
    /// # Errors
    /// Returns the errors of [`read`](Self::read). The certificate is then unchanged.
    pub fn reload(&self) -> Result<()> {
        let files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let new = read(&files.0, &files.1)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = new.into();
        Ok(())
    }

    /// Returns a server's side of TLS that always uses the newest certificate.
    ///
    /// # Errors
    /// Returns the errors of rustls.
    pub fn acceptor(self: &Arc<Self>) -> Result<TlsAcceptor> {
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::<Self>::clone(self));
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

fn read(chain: &Path, key: &Path) -> Result<CertifiedKey> {
    let told = |path: &Path, error: &dyn fmt::Display| format!("{}: {error}", path.display());
    let (pem, _) = files::read(chain)?;
    let certificates = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>();
    let certificates = certificates.map_err(|error| told(chain, &error))?;
    let (pem, metadata) = files::read(key)?;
    files::warn_if_public(key, &metadata);
    let secret = PrivateKeyDer::from_pem_slice(&pem).map_err(|error| told(key, &error))?;
    CertifiedKey::from_der(certificates, secret, &default_provider())
        .map_err(|error| format!("{} and {}: {error}", chain.display(), key.display()).into())
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// Shows no details, because it contains a key.
impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Certificate(..)")
    }
}
