use crate::codec::{Capability, Expire};
use crate::types::Mechanism;
use core::fmt;
use core::time::Duration;

/// The capabilities that a server announced, as far as the client uses them.
///
/// A complete CAPA response replaces the whole set. TLS clears it, and a login marks it as listed before login.
/// [`Event::Capability`](super::Event::Capability) also returns capabilities that the client does not use, which are not
/// kept here.
///
/// ```
/// use pop3_proto::{Client, Command, Input, Mechanism, SendBuf, TlsPolicy, client::{Feature, Support}};
///
/// let mut client = Client::new(TlsPolicy::Implicit, 1);
/// let mut send = SendBuf::new(vec![]);
/// client.poll(&mut Input::more(b"+OK ready\r\n")).unwrap();
/// client.send(&Command::Capa, &mut send).unwrap();
/// let mut input = Input::more(b"+OK\r\nUIDL\r\nSASL PLAIN\r\n.\r\n");
/// while client.poll(&mut input).unwrap().is_some() {}
///
/// let capabilities = client.capabilities();
/// assert!(capabilities.has(Feature::Uidl));
/// assert!(capabilities.has_mechanism(Mechanism::PLAIN));
/// assert_eq!(capabilities.support(Feature::Top), Support::No);
/// ```
#[doc(alias = "CAPA")]
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    source: Source,
    before_login: bool,
    features: u16,
    mechanisms: u16,
    login_delay: u32,
    expire: u32,
}

/// The origin of a set of capabilities.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Source {
    /// The client has not sent CAPA, or TLS has started since.
    NotAsked,
    /// The server does not know CAPA. Try a command to learn whether the server supports it.
    Refused,
    /// The server sent a complete CAPA response.
    Listed,
}

/// A capability that affects the client.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
#[repr(u8)]
pub enum Feature {
    /// The server has the command TOP. Probe it with `TOP 1 0`.
    Top,
    /// The server has the commands USER and PASS. Probe them with USER.
    User,
    /// The server has the command AUTH. Probe it with AUTH without a mechanism, and never with an initial response.
    Sasl,
    /// A text that begins with `[` is a response code.
    RespCodes,
    /// The server accepts several commands before it responds. This cannot be probed.
    Pipelining,
    /// The server has the command UIDL. Probe it with `UIDL 1`.
    Uidl,
    /// The server has the command STLS. Probe it with STLS.
    Stls,
    /// The server sends the response code AUTH for every problem with credentials, and only for these.
    AuthRespCode,
    /// The server has the command UTF8. Probe it with UTF8.
    Utf8,
    /// Names and passwords may be UTF-8.
    Utf8User,
    /// The server has the command LANG. Probe it with LANG.
    Lang,
    /// The server removes old messages.
    Expire,
    /// The server requires a delay between logins.
    LoginDelay,
}

impl Feature {
    const ALL: [Feature; 13] = [
        Feature::Top,
        Feature::User,
        Feature::Sasl,
        Feature::RespCodes,
        Feature::Pipelining,
        Feature::Uidl,
        Feature::Stls,
        Feature::AuthRespCode,
        Feature::Utf8,
        Feature::Utf8User,
        Feature::Lang,
        Feature::Expire,
        Feature::LoginDelay,
    ];
}

/// Whether a server supports a [`Feature`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Support {
    /// The server announces it.
    Yes,
    /// The server sent a list without this feature.
    No,
    /// The client has not sent CAPA, or the server does not know it. Try the command; `-ERR` does no harm (RFC 2449
    /// section 5).
    Probe,
}

impl Capabilities {
    pub(super) const NONE: Capabilities = Capabilities {
        source: Source::NotAsked,
        before_login: false,
        features: 0,
        mechanisms: 0,
        login_delay: 0,
        expire: 0,
    };

    /// Returns the origin of this set.
    #[must_use]
    pub const fn source(&self) -> Source {
        self.source
    }

    /// Returns whether the set was listed before login. Some servers announce PIPELINING, TOP or UIDL only after login,
    /// and LOGIN-DELAY and EXPIRE may depend on the user.
    #[must_use]
    pub const fn is_before_login(&self) -> bool {
        self.before_login
    }

    /// Returns whether the server announces this feature.
    #[must_use]
    pub const fn has(&self, feature: Feature) -> bool {
        self.features & bit(feature) != 0
    }

    /// Returns whether the server supports this feature, or whether to probe it.
    ///
    /// ```
    /// use pop3_proto::{Client, TlsPolicy, client::{Feature, Support}};
    ///
    /// let client = Client::new(TlsPolicy::Cleartext, 1);
    /// assert_eq!(client.capabilities().support(Feature::Uidl), Support::Probe);
    /// ```
    #[must_use]
    pub const fn support(&self, feature: Feature) -> Support {
        match self.source {
            _ if self.has(feature) => Support::Yes,
            Source::Listed => Support::No,
            Source::NotAsked | Source::Refused => Support::Probe,
        }
    }

    /// Returns whether the server announces this mechanism. Only mechanisms with a constant in [`Mechanism`] are
    /// remembered.
    #[must_use]
    pub fn has_mechanism(&self, mechanism: Mechanism<'_>) -> bool {
        self.mechanisms & mechanism_bit(mechanism) != 0
    }

    /// Returns the smallest number of seconds between two logins (RFC 2449 section 6.5).
    #[must_use]
    pub const fn login_delay(&self) -> Option<u32> {
        if self.has(Feature::LoginDelay) { Some(self.login_delay) } else { None }
    }

    /// Returns the earliest time of the next login, if the last one was accepted at `login`.
    ///
    /// A program that polls a mailbox stores the time of each login and waits until this time. The delay starts with
    /// the `+OK` to PASS, APOP or AUTH; a failed login does not restart it. Before login, the announced value may be the
    /// longest of all users; after login, it is this user's value. The server refuses an early login with
    /// [`ResponseCode::LoginDelay`](crate::ResponseCode::LoginDelay), although the credentials are correct.
    ///
    /// ```
    /// use pop3_proto::{Client, TlsPolicy};
    /// use core::time::Duration;
    ///
    /// let client = Client::new(TlsPolicy::Implicit, 1);
    /// # let (now, last_login) = (Duration::from_secs(60), Duration::from_secs(30));
    /// let may_log_in = client.capabilities().next_login(last_login).is_none_or(|moment| moment <= now);
    /// # assert!(may_log_in);
    /// ```
    #[must_use]
    pub const fn next_login(&self, login: Duration) -> Option<Duration> {
        match self.login_delay() {
            Some(seconds) => Some(login.saturating_add(Duration::from_secs(seconds as u64))),
            None => None,
        }
    }

    /// Returns how long messages stay at least (RFC 2449 section 6.7).
    #[must_use]
    pub const fn expire(&self) -> Option<Expire> {
        match self.has(Feature::Expire) {
            true if self.expire == u32::MAX => Some(Expire::Never),
            true => Some(Expire::Days(self.expire)),
            false => None,
        }
    }

    /// Takes in one line of CAPA.
    pub(super) fn add(&mut self, capability: &Capability<'_>) {
        let feature = match capability {
            Capability::Top => Feature::Top,
            Capability::User => Feature::User,
            Capability::Sasl(mechanisms) => {
                mechanisms.iter().for_each(|mechanism| self.mechanisms |= mechanism_bit(mechanism));
                Feature::Sasl
            }
            Capability::RespCodes => Feature::RespCodes,
            Capability::LoginDelay { seconds, .. } => {
                self.login_delay = *seconds;
                Feature::LoginDelay
            }
            Capability::Pipelining => Feature::Pipelining,
            Capability::Expire { policy, .. } => {
                self.expire = match policy {
                    Expire::Never => u32::MAX,
                    Expire::Days(days) => (*days).min(u32::MAX - 1),
                };
                Feature::Expire
            }
            Capability::Uidl => Feature::Uidl,
            Capability::Stls => Feature::Stls,
            Capability::AuthRespCode => Feature::AuthRespCode,
            Capability::Utf8 { user } => {
                self.features |= if *user { bit(Feature::Utf8User) } else { 0 };
                Feature::Utf8
            }
            Capability::Lang => Feature::Lang,
            Capability::Implementation(_) | Capability::Other(_) => return,
        };
        self.features |= bit(feature);
    }

    pub(super) const fn with_source(self, source: Source) -> Self {
        Capabilities { source, ..self }
    }

    pub(super) const fn logged_in(&mut self) {
        self.before_login = true;
    }
}

const fn bit(feature: Feature) -> u16 {
    1u16.wrapping_shl(feature as u32)
}

/// The mechanisms that are remembered, one bit each.
const KNOWN: [Mechanism<'static>; 9] = [
    Mechanism::PLAIN,
    Mechanism::LOGIN,
    Mechanism::EXTERNAL,
    Mechanism::ANONYMOUS,
    Mechanism::CRAM_MD5,
    Mechanism::SCRAM_SHA_1,
    Mechanism::SCRAM_SHA_256,
    Mechanism::OAUTHBEARER,
    Mechanism::XOAUTH2,
];

fn mechanism_bit(mechanism: Mechanism<'_>) -> u16 {
    KNOWN
        .iter()
        .zip(0u32..)
        .fold(0, |bits, (name, place)| bits | if *name == mechanism { 1u16.wrapping_shl(place) } else { 0 })
}

/// Shows the announced capabilities by name.
impl fmt::Debug for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Capabilities");
        shown.field("source", &self.source).field("before_login", &self.before_login);
        shown.field("features", &Features(self.features)).field("mechanisms", &Mechanisms(self.mechanisms));
        shown.field("login_delay", &self.login_delay()).field("expire", &self.expire()).finish()
    }
}

/// Shows the features that have a bit in it.
struct Features(u16);

impl fmt::Debug for Features {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(Feature::ALL.iter().filter(|feature| self.0 & bit(**feature) != 0)).finish()
    }
}

/// Shows the mechanisms that have a bit in it.
struct Mechanisms(u16);

impl fmt::Debug for Mechanisms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(KNOWN.iter().filter(|name| self.0 & mechanism_bit(**name) != 0)).finish()
    }
}
