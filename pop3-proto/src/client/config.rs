use crate::limits::{Limits, Timers, getters, max};
use crate::quirks::Profile;
use crate::sink::MIN_SEND_BUF;
use crate::time::Timer;
use crate::types::TlsPolicy;

/// How a client behaves: its TLS policy, and what else there is to choose.
///
/// ```
/// use pop3_proto::{Client, Limits, Profile, TlsPolicy, client::ClientConfig};
///
/// let config = ClientConfig::new(TlsPolicy::Implicit).with_profile(Profile::Strict).with_limits(Limits::DEFAULT.with_body_octets(1 << 30));
/// let client = Client::new(config, 1);
/// let simple = Client::new(TlsPolicy::Implicit, 1);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ClientConfig {
    pub(super) tls: TlsPolicy,
    pub(super) profile: Profile,
    pub(super) pipelining: bool,
    pub(super) limits: Limits,
    // Of the timers those that a client has: the machine holds them.
    pub(super) greeting: u32,
    pub(super) answer: u32,
    tls_handshake: u32,
}

impl ClientConfig {
    /// The tolerant profile, the usual limits and timers, pipelining where the server announces it.
    #[must_use]
    pub const fn new(tls: TlsPolicy) -> Self {
        ClientConfig {
            tls,
            profile: Profile::Tolerant,
            pipelining: false,
            limits: Limits::DEFAULT,
            greeting: Timers::DEFAULT.greeting,
            answer: Timers::DEFAULT.answer,
            tls_handshake: Timers::DEFAULT.tls,
        }
    }

    /// How harmless deviations of the server are taken.
    #[must_use]
    pub const fn with_profile(self, profile: Profile) -> Self {
        ClientConfig { profile, ..self }
    }

    /// The caller's word that the server takes pipelined commands, announced or not.
    #[must_use]
    pub const fn assume_pipelining(self) -> Self {
        ClientConfig { pipelining: true, ..self }
    }

    /// Bounds on what the server can make grow.
    #[must_use]
    pub const fn with_limits(self, limits: Limits) -> Self {
        ClientConfig { limits, ..self }
    }

    /// How long the client waits.
    #[must_use]
    pub const fn with_timers(self, timers: Timers) -> Self {
        ClientConfig { greeting: timers.greeting, answer: timers.answer, tls_handshake: timers.tls, ..self }
    }

    getters! {
        self;
        /// Returns the TLS policy.
        tls: TlsPolicy = self.tls;
        /// Returns how harmless deviations of the server are taken.
        profile: Profile = self.profile;
        /// Returns whether commands are pipelined even if the server does not announce it.
        assumes_pipelining: bool = self.pipelining;
        /// Returns the bounds on what the server can make grow.
        limits: Limits = self.limits;
        /// Returns how long the client waits. The timers of a server have their defaults.
        timers: Timers =
            Timers { greeting: self.greeting, answer: self.answer, tls: self.tls_handshake, ..Timers::DEFAULT };
    }

    /// The most octets that a client's `poll` ever leaves unread: a read buffer of this size never fills up.
    #[must_use]
    pub const fn min_recv_buf(&self) -> usize {
        self.limits.min_recv_buf()
    }

    /// Returns the least size of the send buffer: it has room for every line that the client may write.
    #[must_use]
    pub const fn min_send_buf(&self) -> usize {
        let line = max(self.limits.command_line, self.limits.sasl_line) as usize;
        if line > MIN_SEND_BUF { line } else { MIN_SEND_BUF }
    }

    pub(super) const fn span(&self, timer: Timer) -> u32 {
        match timer {
            Timer::Greeting => self.greeting,
            Timer::Tls => self.tls_handshake,
            _ => self.answer,
        }
    }
}

/// What has a client's configuration: a [`ClientConfig`] itself, a reference or an `Arc` of what has one, and any type of yours
/// that keeps one.
///
/// ```
/// use pop3_proto::{Client, TlsPolicy, client::ClientConfig};
/// use std::sync::Arc;
///
/// let config = ClientConfig::new(TlsPolicy::Implicit);
/// let borrowed: Client<&ClientConfig> = Client::with_config(&config, 1);
/// let shared: Client<Arc<ClientConfig>> = Client::with_config(Arc::new(config), 2);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not have a client's configuration",
    note = "use a `ClientConfig`, such as `ClientConfig::new(TlsPolicy::Implicit)`, a reference to one or an `Arc` of one, or implement `client::AsConfig` for your own type"
)]
pub trait AsConfig {
    /// Returns the configuration: the same one for as long as a session lasts.
    fn as_config(&self) -> &ClientConfig;
}

impl AsConfig for ClientConfig {
    #[inline]
    fn as_config(&self) -> &ClientConfig {
        self
    }
}

impl<T: AsConfig + ?Sized> AsConfig for &T {
    #[inline]
    fn as_config(&self) -> &ClientConfig {
        (**self).as_config()
    }
}

#[cfg(feature = "alloc")]
impl<T: AsConfig + ?Sized> AsConfig for alloc::sync::Arc<T> {
    #[inline]
    fn as_config(&self) -> &ClientConfig {
        (**self).as_config()
    }
}

impl From<TlsPolicy> for ClientConfig {
    fn from(tls: TlsPolicy) -> Self {
        ClientConfig::new(tls)
    }
}
