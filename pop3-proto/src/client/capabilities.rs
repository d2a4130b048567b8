use crate::codec::{Capability, Expire};
use crate::types::Mechanism;
use core::fmt;
use core::time::Duration;

/// What a server said that it can do, as far as the client goes by it.
///
/// A CAPA answer replaces the whole set when its end mark has come; TLS forgets it; login marks it as from
/// before. Words that the client does not go by are not kept: they come as
/// [`Event::Capability`](super::Event::Capability).
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

/// Where the set comes from.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Source {
    /// Nobody has asked yet, or TLS has come since.
    NotAsked,
    /// The server does not know CAPA: what it can do shows when it is tried.
    Refused,
    /// A whole CAPA answer.
    Listed,
}

/// What a server may be able to do.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
#[repr(u8)]
pub enum Feature {
    /// The command TOP. To probe: `TOP 1 0`.
    Top,
    /// The commands USER and PASS. To probe: USER.
    User,
    /// The command AUTH. To probe: AUTH without a mechanism; an initial response must not be given.
    Sasl,
    /// Response codes are meant as such.
    RespCodes,
    /// Commands ahead of answers. Not to be probed.
    Pipelining,
    /// The command UIDL. To probe: `UIDL 1`.
    Uidl,
    /// The command STLS. To probe: STLS.
    Stls,
    /// The response code AUTH comes with all trouble with credentials, and with nothing else.
    AuthRespCode,
    /// The command UTF8. To probe: UTF8.
    Utf8,
    /// UTF-8 in names and passwords.
    Utf8User,
    /// The command LANG. To probe: LANG.
    Lang,
    /// Mail goes after a time.
    Expire,
    /// Logins have to keep a distance.
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

/// What is known of a [`Feature`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Support {
    /// The server announces it.
    Yes,
    /// The server announces others and not this one.
    No,
    /// The server has not been asked, or does not know CAPA: try the command, a `-ERR` does no harm (RFC 2449
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

    /// Where the set comes from.
    #[must_use]
    pub const fn source(&self) -> Source {
        self.source
    }

    /// Whether it was listed before login: some servers announce PIPELINING, TOP or UIDL only after it, and
    /// LOGIN-DELAY and EXPIRE may differ by user.
    #[must_use]
    pub const fn is_before_login(&self) -> bool {
        self.before_login
    }

    /// Whether the server announces it.
    #[must_use]
    pub const fn has(&self, feature: Feature) -> bool {
        self.features & bit(feature) != 0
    }

    /// Whether the server has it, as far as it told, and else whether to probe.
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

    /// Whether the server announces this mechanism; only those that [`Mechanism`] has a constant for are
    /// remembered.
    #[must_use]
    pub fn has_mechanism(&self, mechanism: Mechanism<'_>) -> bool {
        self.mechanisms & mechanism_bit(mechanism) != 0
    }

    /// The least number of seconds from one login to the next (RFC 2449 section 6.5).
    #[must_use]
    pub const fn login_delay(&self) -> Option<u32> {
        if self.has(Feature::LoginDelay) { Some(self.login_delay) } else { None }
    }

    /// The moment from which the server takes the next login, where the last was accepted at `login`.
    ///
    /// A program that polls keeps the moment of each login and waits for this one; the delay runs from the
    /// `+OK` to PASS, APOP or AUTH, and a failed login does not start it anew. A value from before login may
    /// be the longest of any user's; one from behind it is this user's. A login that comes too soon is
    /// refused with [`ResponseCode::LoginDelay`](crate::ResponseCode::LoginDelay): the credentials are good,
    /// the moment is not.
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

    /// How long messages stay at the least (RFC 2449 section 6.7).
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

/// The mechanisms that are remembered, each in a bit.
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

/// Shows what the server announces by name.
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
