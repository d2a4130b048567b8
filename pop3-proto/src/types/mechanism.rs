use super::InvalidValue;
use core::fmt;

/// The name of a SASL mechanism: 1 to 20 letters, digits, `-` and `_` (RFC 4422 section 3.1).
///
/// Equality ignores case, because SASL names do.
///
/// ```
/// use pop3_proto::Mechanism;
///
/// assert_eq!(Mechanism::new(b"plain").unwrap(), Mechanism::PLAIN);
/// assert_eq!(Mechanism::try_from("SCRAM-SHA-256"), Ok(Mechanism::SCRAM_SHA_256)); // from a configuration
/// assert!(Mechanism::new(b"TWO WORDS").is_err());
/// ```
#[doc(alias = "SASL")]
#[derive(Clone, Copy)]
pub struct Mechanism<'a>(&'a [u8]);

impl<'a> Mechanism<'a> {
    /// PLAIN sends the name and the password unencrypted (RFC 4616).
    pub const PLAIN: Mechanism<'static> = Mechanism(b"PLAIN");
    /// LOGIN, a vendor's mechanism that no RFC describes.
    pub const LOGIN: Mechanism<'static> = Mechanism(b"LOGIN");
    /// EXTERNAL takes the identity from the transport, such as a TLS certificate (RFC 4422 appendix A).
    pub const EXTERNAL: Mechanism<'static> = Mechanism(b"EXTERNAL");
    /// ANONYMOUS sends only a trace text (RFC 4505).
    pub const ANONYMOUS: Mechanism<'static> = Mechanism(b"ANONYMOUS");
    /// CRAM-MD5, a challenge and a digest (RFC 2195).
    pub const CRAM_MD5: Mechanism<'static> = Mechanism(b"CRAM-MD5");
    /// SCRAM with SHA-1 (RFC 5802).
    pub const SCRAM_SHA_1: Mechanism<'static> = Mechanism(b"SCRAM-SHA-1");
    /// SCRAM with SHA-256 (RFC 7677).
    pub const SCRAM_SHA_256: Mechanism<'static> = Mechanism(b"SCRAM-SHA-256");
    /// OAUTHBEARER sends a bearer token (RFC 7628).
    pub const OAUTHBEARER: Mechanism<'static> = Mechanism(b"OAUTHBEARER");
    /// XOAUTH2, a vendor's predecessor of OAUTHBEARER.
    pub const XOAUTH2: Mechanism<'static> = Mechanism(b"XOAUTH2");

    /// The greatest length of a name, in bytes.
    pub const MAX: usize = 20;

    /// Checks the name of a mechanism.
    ///
    /// # Errors
    /// Returns [`InvalidValue::Empty`] if there are no bytes.
    /// Returns [`InvalidValue::TooLong`] if there are more than [`MAX`](Self::MAX).
    /// Returns [`InvalidValue::Octet`] if a byte is not a letter, a digit, `-` or `_`.
    pub const fn new(octets: &'a [u8]) -> Result<Self, InvalidValue> {
        if octets.is_empty() {
            return Err(InvalidValue::Empty);
        }
        if octets.len() > Self::MAX {
            return Err(InvalidValue::TooLong);
        }
        let mut rest = octets;
        while let [octet, tail @ ..] = rest {
            if !octet.is_ascii_alphanumeric() && !matches!(*octet, b'-' | b'_') {
                return Err(InvalidValue::Octet);
            }
            rest = tail;
        }
        Ok(Mechanism(octets))
    }

    /// Checks a name that is written in the source, at compile time if used in a `const` or `static`. Use it for
    /// mechanisms that have no constant here.
    ///
    /// # Panics
    /// Panics if the text is not a name. In a `const` or `static`, this is a compiler error.
    #[must_use]
    pub const fn from_static(name: &'static str) -> Mechanism<'static> {
        match Mechanism::new(name.as_bytes()) {
            Ok(mechanism) => mechanism,
            Err(_) => panic!("not a mechanism name"),
        }
    }

    /// Returns the bytes of the name, in their original case.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.0
    }

    /// Returns whether the mechanism sends the password, or an equivalent token, so that anyone who reads the
    /// connection can use it.
    ///
    /// ```
    /// use pop3_proto::Mechanism;
    ///
    /// assert!(Mechanism::PLAIN.is_cleartext());
    /// assert!(!Mechanism::SCRAM_SHA_256.is_cleartext());
    /// ```
    #[must_use]
    pub fn is_cleartext(&self) -> bool {
        [Mechanism::PLAIN, Mechanism::LOGIN, Mechanism::XOAUTH2, Mechanism::OAUTHBEARER].contains(self)
    }
}

impl PartialEq<Mechanism<'_>> for Mechanism<'_> {
    fn eq(&self, other: &Mechanism<'_>) -> bool {
        self.0.eq_ignore_ascii_case(other.0)
    }
}

impl Eq for Mechanism<'_> {}

impl fmt::Debug for Mechanism<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        super::escaped("Mechanism", self.0, f)
    }
}

impl fmt::Display for Mechanism<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.escape_ascii().fmt(f)
    }
}
