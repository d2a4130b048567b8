//! Decides which server certificates a client trusts, and explains why the rest are not trusted.

use super::Fingerprint;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, SignatureScheme};
use std::fmt;
use std::sync::Arc;

/// Checks chain and name, and explains in plain words why a certificate is not trusted.
#[derive(Debug)]
pub(super) struct Explained(pub(super) Arc<WebPkiServerVerifier>);

/// Trusts one certificate, instead of checking chain and name. The server still has to prove that it has the
/// key.
#[derive(Debug)]
pub(super) struct Pinned {
    pub(super) fingerprint: Fingerprint,
    pub(super) provider: Arc<CryptoProvider>,
}

/// Why a certificate is not trusted.
#[derive(Debug)]
pub struct Distrust {
    host: String,
    fingerprint: Fingerprint,
    why: CloseReason,
}

#[derive(Debug)]
enum CloseReason {
    Certificate(Error),
    /// The certificate does not have this fingerprint.
    Pinned(Fingerprint),
}

impl ServerCertVerifier for Explained {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.0
            .verify_server_cert(end_entity, intermediates, name, ocsp, now)
            .map_err(|error| distrust(end_entity, name, CloseReason::Certificate(error)))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if Fingerprint::of(end_entity) == self.fingerprint {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(distrust(end_entity, name, CloseReason::Pinned(self.fingerprint)))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

fn distrust(certificate: &CertificateDer<'_>, name: &ServerName<'_>, why: CloseReason) -> Error {
    let (host, fingerprint) = (name.to_str().into_owned(), Fingerprint::of(certificate));
    let distrust = Arc::new(Distrust { host, fingerprint, why });
    Error::InvalidCertificate(CertificateError::Other(OtherError(distrust)))
}

impl Distrust {
    /// Returns this error if it made a handshake fail.
    pub fn find(error: &Error) -> Option<&Distrust> {
        match error {
            Error::InvalidCertificate(CertificateError::Other(OtherError(other))) => other.downcast_ref(),
            _ => None,
        }
    }
}

impl fmt::Display for Distrust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Distrust { host, fingerprint, why } = self;
        let error = match why {
            CloseReason::Pinned(expected) => {
                return write!(
                    f,
                    "the certificate of {host} has the fingerprint {fingerprint}, not {expected}: \
                     ask the server's administrator whether it was replaced"
                );
            }
            CloseReason::Certificate(error) => error,
        };
        write!(f, "the certificate of {host} is not trusted, because ")?;
        let what_to_do = match error {
            Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
                f.write_str("its issuer is unknown")?;
                "give the issuer's certificate with --ca, or, "
            }
            Error::InvalidCertificate(CertificateError::NotValidForNameContext { presented, .. }) => {
                write!(f, "it is for another name ({})", presented.join(", "))?;
                "use that name, or, "
            }
            Error::InvalidCertificate(CertificateError::NotValidForName) => {
                f.write_str("it is for another name")?;
                "use that name, or, "
            }
            Error::InvalidCertificate(
                CertificateError::Expired | CertificateError::ExpiredContext { .. },
            ) => {
                f.write_str("it has expired")?;
                ""
            }
            error if is_self_signed(error) => {
                f.write_str("it is self-signed (as those of CAs are)")?;
                ""
            }
            error => {
                write!(f, "of this: {error}")?;
                ""
            }
        };
        let confirmed = "if the server's administrator confirms this digest, use --fingerprint";
        write!(f, ": {what_to_do}{confirmed} {fingerprint}")
    }
}

impl std::error::Error for Distrust {}

/// Returns whether the error is about a self-signed certificate. A certificate made by `openssl req -x509` claims to belong to a CA.
/// It is not accepted as a server's certificate, even with --ca. The type of the error is not public.
fn is_self_signed(error: &Error) -> bool {
    matches!(error, Error::InvalidCertificate(CertificateError::Other(OtherError(other)))
        if other.to_string().contains("CaUsedAsEndEntity"))
}
