use super::phrase::Language;
use crate::body::StuffMode;
use crate::codec::{Expire, OtherCapability};
use crate::limits::{Limits, Timers, getters, max};
use crate::quirks::Profile;
use crate::sink::MIN_SEND_BUF;
use crate::types::{Mechanism, Text, TlsPolicy};

/// The capabilities that a server offers, and its settings. One value serves any number of connections.
///
/// Use a `static` value in a server without a heap, or an `Arc<ServerConfig>` for settings that are read at run time.
///
/// ```
/// use pop3_proto::{Mechanism, TlsPolicy, server::ServerConfig};
///
/// static CONFIG: ServerConfig = ServerConfig::new(TlsPolicy::Required).with_sasl(&[Mechanism::PLAIN, Mechanism::SCRAM_SHA_256]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ServerConfig<'c> {
    pub(super) tls: TlsPolicy,
    pub(super) profile: Profile,
    pub(super) limits: Limits,
    pub(super) timers: Timers,
    pub(super) user: bool,
    pub(super) top: bool,
    pub(super) uidl: bool,
    pub(super) pipelining: bool,
    pub(super) resp_codes: bool,
    pub(super) utf8: Option<Utf8>,
    pub(super) other_commands: bool,
    pub(super) sasl: &'c [Mechanism<'c>],
    pub(super) sasl_cleartext: &'c [Mechanism<'c>],
    pub(super) login_delay: Option<PerUser<u32>>,
    pub(super) expire: Option<PerUser<Expire>>,
    pub(super) languages: &'c [Language<'c>],
    pub(super) implementation: Option<Text<'c>>,
    pub(super) capabilities: &'c [OtherCapability<'c>],
    pub(super) bodies: StuffMode,
}

/// A value that is announced before login, and whether it depends on the user.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct PerUser<T> {
    pub(super) value: T,
    pub(super) differs: bool,
}

impl<T: Copy> PerUser<T> {
    /// Returns the value to announce, and whether to announce that it depends on the user. Before login, this is the
    /// general value; after login, it is this user's value.
    pub(super) fn now(general: Option<Self>, this_user: Option<T>, early: bool) -> Option<(T, bool)> {
        match (general, this_user) {
            (_, Some(value)) => Some((value, false)),
            (Some(general), None) => Some((general.value, early && general.differs)),
            (None, None) => None,
        }
    }
}

/// How much of RFC 6856 section 2 a server supports.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Utf8 {
    /// The server has the command UTF8.
    Messages,
    /// The server has the command UTF8, and accepts UTF-8 in names and passwords.
    MessagesAndUsers,
}

impl<'c> ServerConfig<'c> {
    /// Returns a configuration with USER, TOP, UIDL, PIPELINING and response codes. Add AUTH, UTF8 and LANG with the
    /// methods below.
    #[must_use]
    pub const fn new(tls: TlsPolicy) -> Self {
        ServerConfig {
            tls,
            profile: Profile::Tolerant,
            limits: Limits::DEFAULT,
            timers: Timers::DEFAULT,
            user: true,
            top: true,
            uidl: true,
            pipelining: true,
            resp_codes: true,
            utf8: None,
            other_commands: false,
            sasl: &[],
            sasl_cleartext: &[],
            login_delay: None,
            expire: None,
            languages: &[],
            implementation: None,
            capabilities: &[],
            bodies: StuffMode::Convert,
        }
    }

    /// Sets how the server handles harmless deviations of the client.
    #[must_use]
    pub const fn with_profile(self, profile: Profile) -> Self {
        ServerConfig { profile, ..self }
    }

    /// Sets the limits for everything that the client can make grow.
    #[must_use]
    pub const fn with_limits(self, limits: Limits) -> Self {
        ServerConfig { limits, ..self }
    }

    /// Sets how long the server waits.
    #[must_use]
    pub const fn with_timers(self, timers: Timers) -> Self {
        ServerConfig { timers, ..self }
    }

    /// Removes USER and PASS, for servers that only support APOP or AUTH.
    #[must_use]
    pub const fn without_user(self) -> Self {
        ServerConfig { user: false, ..self }
    }

    /// Removes TOP.
    #[must_use]
    pub const fn without_top(self) -> Self {
        ServerConfig { top: false, ..self }
    }

    /// Removes UIDL.
    #[must_use]
    pub const fn without_uidl(self) -> Self {
        ServerConfig { uidl: false, ..self }
    }

    /// Does not announce PIPELINING. The server still responds to pipelined commands in order.
    #[must_use]
    pub const fn without_pipelining(self) -> Self {
        ServerConfig { pipelining: false, ..self }
    }

    /// Removes response codes (RFC 2449 section 8, RFC 3206).
    #[must_use]
    pub const fn without_resp_codes(self) -> Self {
        ServerConfig { resp_codes: false, ..self }
    }

    /// Offers AUTH inside TLS with these mechanisms (RFC 5034).
    #[must_use]
    pub const fn with_sasl(self, mechanisms: &'c [Mechanism<'c>]) -> Self {
        ServerConfig { sasl: mechanisms, ..self }
    }

    /// Offers AUTH outside TLS with these mechanisms. By default, and always under [`TlsPolicy::Required`], there are
    /// none. OAUTHBEARER is ignored here, because it requires TLS (RFC 7628 section 3).
    #[must_use]
    pub const fn with_sasl_cleartext(self, mechanisms: &'c [Mechanism<'c>]) -> Self {
        ServerConfig { sasl_cleartext: mechanisms, ..self }
    }

    /// Announces LOGIN-DELAY. If it `differs` by user, pass the largest value (RFC 2449 section 6.5). Your application
    /// enforces the delay.
    #[must_use]
    pub const fn with_login_delay(self, seconds: u32, differs: bool) -> Self {
        ServerConfig { login_delay: Some(PerUser { value: seconds, differs }), ..self }
    }

    /// Announces EXPIRE. If it `differs` by user, pass the smallest value (RFC 2449 section 6.7). Your application
    /// enforces the policy.
    #[must_use]
    pub const fn with_expire(self, policy: Expire, differs: bool) -> Self {
        ServerConfig { expire: Some(PerUser { value: policy, differs }), ..self }
    }

    /// Offers UTF8 (RFC 6856 section 2).
    #[must_use]
    pub const fn with_utf8(self, utf8: Utf8) -> Self {
        ServerConfig { utf8: Some(utf8), ..self }
    }

    /// Offers LANG with these languages (RFC 6856 section 3). `LANG *` selects the first one. The server uses English
    /// until a client selects a language.
    #[must_use]
    pub const fn with_languages(self, languages: &'c [Language<'c>]) -> Self {
        ServerConfig { languages, ..self }
    }

    /// Announces IMPLEMENTATION with these words, which must be 1 to 490 bytes of UTF-8 without control characters. Otherwise the
    /// server does not announce IMPLEMENTATION, and [`check`](Self::check) fails.
    #[must_use]
    pub const fn with_implementation(self, words: Text<'c>) -> Self {
        ServerConfig { implementation: Some(words), ..self }
    }

    /// Announces further capabilities.
    #[must_use]
    pub const fn with_capabilities(self, capabilities: &'c [OtherCapability<'c>]) -> Self {
        ServerConfig { capabilities, ..self }
    }

    /// Passes commands that the crate does not know to your application, as [`Ask::Other`](super::Ask::Other).
    #[must_use]
    pub const fn with_other_commands(self) -> Self {
        ServerConfig { other_commands: true, ..self }
    }

    /// Sets how the server sends line ends in messages. By default, a bare LF becomes CR LF.
    #[must_use]
    pub const fn with_bodies(self, mode: StuffMode) -> Self {
        ServerConfig { bodies: mode, ..self }
    }

    getters! {
        self;
        /// Returns the TLS policy.
        tls: TlsPolicy = self.tls;
        /// Returns how the server handles harmless deviations of the client.
        profile: Profile = self.profile;
        /// Returns the limits for everything that the client can make grow.
        limits: Limits = self.limits;
        /// Returns how long the server waits.
        timers: Timers = self.timers;
        /// Returns whether the server has USER and PASS.
        has_user: bool = self.user;
        /// Returns whether the server has TOP.
        has_top: bool = self.top;
        /// Returns whether the server has UIDL.
        has_uidl: bool = self.uidl;
        /// Returns whether the server announces PIPELINING.
        has_pipelining: bool = self.pipelining;
        /// Returns whether refusals carry response codes.
        has_resp_codes: bool = self.resp_codes;
        /// Returns the mechanisms of AUTH inside TLS.
        sasl: &'c [Mechanism<'c>] = self.sasl;
        /// Returns the mechanisms of AUTH outside TLS.
        sasl_cleartext: &'c [Mechanism<'c>] = self.sasl_cleartext;
        /// Returns the seconds of LOGIN-DELAY, and whether they depend on the user.
        login_delay: Option<(u32, bool)> = match self.login_delay {
            Some(PerUser { value, differs }) => Some((value, differs)),
            None => None,
        };
        /// Returns the policy of EXPIRE, and whether it depends on the user.
        expire: Option<(Expire, bool)> = match self.expire {
            Some(PerUser { value, differs }) => Some((value, differs)),
            None => None,
        };
        /// Returns how much of UTF8 the server supports.
        utf8: Option<Utf8> = self.utf8;
        /// Returns the languages of LANG.
        languages: &'c [Language<'c>] = self.languages;
        /// Returns the words of IMPLEMENTATION.
        implementation: Option<Text<'c>> = self.implementation;
        /// Returns the further capabilities that the server announces.
        capabilities: &'c [OtherCapability<'c>] = self.capabilities;
        /// Returns whether the server passes unknown commands to your application.
        has_other_commands: bool = self.other_commands;
        /// Returns how the server sends line ends in messages.
        bodies: StuffMode = self.bodies;
    }

    /// Returns the largest number of bytes that a server leaves unread while it wants input. A receive buffer of this
    /// size never fills up.
    #[must_use]
    pub const fn min_recv_buf(&self) -> usize {
        if self.sasl.is_empty() && self.sasl_cleartext.is_empty() {
            self.limits.command_line as usize
        } else {
            max(self.limits.command_line, self.limits.sasl_line) as usize
        }
    }

    /// Returns the smallest size of a send buffer that has room for every line that the server may write.
    #[must_use]
    pub const fn min_send_buf(&self) -> usize {
        let lines = self.min_recv_buf();
        if lines > MIN_SEND_BUF { lines } else { MIN_SEND_BUF }
    }
}

/// A type that has a server's configuration: a [`ServerConfig`], a reference or `Arc` of such a type, or your own type that builds
/// the configuration when asked.
///
/// ```
/// use pop3_proto::{Mechanism, Server, Text, TlsPolicy, server::{AsConfig, ServerConfig}};
/// use std::sync::Arc;
///
/// /// Settings from a file.
/// struct Settings { base: ServerConfig<'static>, mechanisms: Vec<Mechanism<'static>>, name: String }
///
/// impl AsConfig for Settings {
///     fn as_config(&self) -> ServerConfig<'_> {
///         self.base.with_sasl(&self.mechanisms).with_implementation(Text::new(self.name.as_bytes()).unwrap_or(Text::EMPTY))
///     }
/// }
///
/// let settings = Arc::new(Settings {
///     base: ServerConfig::new(TlsPolicy::Implicit),
///     mechanisms: vec![Mechanism::PLAIN],
///     name: format!("mail {}", 1),
/// });
/// let server: Server<core::convert::Infallible, Arc<Settings>> = Server::new(settings, 1);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not have a server's configuration",
    note = "use a `ServerConfig`, such as `ServerConfig::new(TlsPolicy::Implicit)`, a reference to one or an `Arc` of one, or implement `server::AsConfig` for your own type"
)]
pub trait AsConfig {
    /// Returns the configuration. It must not change during a session.
    fn as_config(&self) -> ServerConfig<'_>;
}

impl AsConfig for ServerConfig<'_> {
    #[inline]
    fn as_config(&self) -> ServerConfig<'_> {
        *self
    }
}

impl<T: AsConfig + ?Sized> AsConfig for &T {
    #[inline]
    fn as_config(&self) -> ServerConfig<'_> {
        (**self).as_config()
    }
}

#[cfg(feature = "alloc")]
impl<T: AsConfig + ?Sized> AsConfig for alloc::sync::Arc<T> {
    #[inline]
    fn as_config(&self) -> ServerConfig<'_> {
        (**self).as_config()
    }
}
