use super::InvalidValue;
use core::fmt;

/// The name of a SASL mechanism: 1 to 20 letters, digits, `-` and `_` (RFC 4422 section 3.1).
///
/// Equality ignores case, as the names do.
///
/// ```
/// use pop3_proto::Mechanism;
///
/// assert_eq!(Mechanism::new(b"plain").unwrap(), Mechanism::PLAIN);
/// assert_eq!(Mechanism::try_from("SCRAM-SHA-256"), Ok(Mechanism::SCRAM_SHA_256)); // as a configuration has it
/// assert!(Mechanism::new(b"TWO WORDS").is_err());
/// ```
#[doc(alias = "SASL")]
#[derive(Clone, Copy)]
pub struct Mechanism<'a>(&'a [u8]);

impl<'a> Mechanism<'a> {
    /// RFC 4616
    pub const PLAIN: Mechanism<'static> = Mechanism(b"PLAIN");
    /// A vendor's, never standardised
    pub const LOGIN: Mechanism<'static> = Mechanism(b"LOGIN");
    /// RFC 4422 appendix A
    pub const EXTERNAL: Mechanism<'static> = Mechanism(b"EXTERNAL");
    /// RFC 4505
    pub const ANONYMOUS: Mechanism<'static> = Mechanism(b"ANONYMOUS");
    /// RFC 2195
    pub const CRAM_MD5: Mechanism<'static> = Mechanism(b"CRAM-MD5");
    /// RFC 5802
    pub const SCRAM_SHA_1: Mechanism<'static> = Mechanism(b"SCRAM-SHA-1");
    /// RFC 7677
    pub const SCRAM_SHA_256: Mechanism<'static> = Mechanism(b"SCRAM-SHA-256");
    /// RFC 7628
    pub const OAUTHBEARER: Mechanism<'static> = Mechanism(b"OAUTHBEARER");
    /// A vendor's forerunner of OAUTHBEARER
    pub const XOAUTH2: Mechanism<'static> = Mechanism(b"XOAUTH2");

    /// The most octets that a name may have.
    pub const MAX: usize = 20;

    /// A mechanism's name.
    ///
    /// # Errors
    /// [`InvalidValue::Empty`], [`InvalidValue::TooLong`] or [`InvalidValue::Octet`]
    pub const fn new(octets: &'a [u8]) -> Result<Self, InvalidValue> {
        if octets.is_empty() {
            return Err(InvalidValue::Empty);
        }
        if octets.len() > Self::MAX {
            return Err(InvalidValue::TooLong);
        }
        let mut rest = octets;
        while let [octet, behind @ ..] = rest {
            if !octet.is_ascii_alphanumeric() && !matches!(*octet, b'-' | b'_') {
                return Err(InvalidValue::Octet);
            }
            rest = behind;
        }
        Ok(Mechanism(octets))
    }

    /// A mechanism in the source, checked when it is compiled: for those of a server that have no constant
    /// here.
    ///
    /// # Panics
    /// Where it is no mechanism name; in a `const` or `static` that is an error of the compiler.
    #[must_use]
    pub const fn from_static(name: &'static str) -> Mechanism<'static> {
        match Mechanism::new(name.as_bytes()) {
            Ok(mechanism) => mechanism,
            Err(_) => panic!("not a mechanism name"),
        }
    }

    /// The name as it was given.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.0
    }

    /// Whether it shows the password, or a token worth as much, to whoever reads the wire.
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
