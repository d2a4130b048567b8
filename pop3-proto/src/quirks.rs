//! Harmless deviations of a peer. The machines accept and record them by default; the strict profile refuses them.

use core::fmt;

/// How a machine handles harmless deviations. Both profiles are strict about framing, security and output.
///
/// ```
/// use pop3_proto::{Client, ConnectionError, Input, Profile, Quirk, TlsPolicy, client::ClientConfig};
///
/// let greeting = b"+ok ready\r\n";
/// let mut client = Client::new(TlsPolicy::Cleartext, 1);
/// client.poll(&mut Input::more(greeting)).unwrap();
/// assert!(client.quirks().contains(Quirk::StatusCase));
///
/// let mut strict = Client::new(ClientConfig::new(TlsPolicy::Cleartext).with_profile(Profile::Strict), 1);
/// let refused = strict.poll(&mut Input::more(greeting)).unwrap_err();
/// assert_eq!(refused, ConnectionError::Strict(Quirk::StatusCase));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
#[non_exhaustive]
pub enum Profile {
    /// The machine accepts deviations and records them as [`Quirks`].
    #[default]
    Tolerant,
    /// The machine refuses deviations. A server responds `-ERR`. A client ends the session, or returns a malformed row
    /// of a listing as such.
    Strict,
}

macro_rules! quirks {
    ($($(#[doc = $doc:literal])+ $name:ident,)+) => {
        /// One harmless deviation from the RFCs.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[non_exhaustive]
        #[repr(u8)]
        pub enum Quirk {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Quirk {
            /// All quirks.
            pub const ALL: &'static [Quirk] = &[$(Quirk::$name,)+];
        }
    };
}

quirks! {
    /// A line ended in LF without CR.
    BareLf,
    /// Too many spaces, a tab for a space, or spaces at the end of a line.
    Spacing,
    /// A number had leading zeros.
    LeadingZeros,
    /// Control bytes, or bytes above 0x7E, although the RFC requires printable ASCII.
    NotPrintable,
    /// Client, of a server: `+ok` or `-err` in lower case.
    StatusCase,
    /// Client, of a server: no space between `+OK` and a response code in the greeting.
    GreetingSpacing,
    /// Client, of a server: a NUL or a bare CR in a status line. The shown text ends before it.
    ControlInText,
    /// Client, of a server: text after the numbers of a drop listing or scan listing.
    ExtraText,
    /// Client, of a server: a listing row, or a one-line response, that cannot be parsed.
    MalformedRow,
    /// Client, of a server: a unique-id of more than 70 octets, or with bytes outside 0x21 to 0x7E.
    UniqueIdRange,
    /// Client, of a server: the response to `UIDL n` lacks the number.
    NumberMissing,
    /// Client, of a server: a capability written with `=`, as `SASL=PLAIN`.
    CapabilityEquals,
    /// Client, of a server: a response code from a server whose capabilities lack RESP-CODES.
    UnannouncedCode,
    /// Client, of a server: a challenge of `+` alone, without its space.
    ChallengeSpacing,
    /// Client, of a server: the first challenge of an exchange was not base64.
    ChallengeText,
    /// Client, of a server: the connection was closed without a response to QUIT.
    QuitUnanswered,
    /// Server, of a client: a user name with spaces in it.
    NameSpaces,
    /// Server, of a client: an AUTH line that is too long for a command, and within the limit of SASL lines.
    LongAuthLine,
    /// Server, of a client: an APOP digest in upper case.
    DigestCase,
}

/// A set of [`Quirk`]s.
///
/// ```
/// use pop3_proto::{Quirk, Quirks};
///
/// let quirks: Quirks = [Quirk::BareLf, Quirk::Spacing].into_iter().collect();
/// assert!(quirks.contains(Quirk::BareLf));
/// assert_eq!(quirks.iter().count(), 2);
/// assert_eq!(format!("{quirks:?}"), "{BareLf, Spacing}");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Quirks(u32);

impl Quirks {
    /// No quirk.
    pub const NONE: Quirks = Quirks(0);

    /// Returns whether the set contains this quirk.
    #[must_use]
    pub const fn contains(self, quirk: Quirk) -> bool {
        self.0 & bit(quirk) != 0
    }

    /// Returns whether the set is empty.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Returns the quirks in the set.
    pub fn iter(self) -> impl Iterator<Item = Quirk> {
        Quirk::ALL.iter().copied().filter(move |quirk| self.contains(*quirk))
    }

    pub(crate) const fn note(&mut self, quirk: Quirk) {
        self.0 |= bit(quirk);
    }

    pub(crate) const fn note_all(&mut self, quirks: Quirks) {
        self.0 |= quirks.0;
    }
}

const fn bit(quirk: Quirk) -> u32 {
    1u32.wrapping_shl(quirk as u32)
}

impl FromIterator<Quirk> for Quirks {
    fn from_iter<I: IntoIterator<Item = Quirk>>(quirks: I) -> Self {
        let mut set = Quirks::NONE;
        quirks.into_iter().for_each(|quirk| set.note(quirk));
        set
    }
}

impl fmt::Debug for Quirks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}
