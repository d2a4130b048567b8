use crate::limits::{Limits, Timers, getters, max};
use crate::quirks::Profile;
use crate::sink::MIN_SEND_BUF;
use crate::time::Timer;
use crate::types::TlsPolicy;

/// The settings of a client: its TLS policy, profile, limits and timers.
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
    // Only the timers that a client has, because the machine contains them.
    pub(super) greeting: u32,
    pub(super) answer: u32,
    tls_handshake: u32,
}

impl ClientConfig {
    /// Returns a configuration with the tolerant profile, the default limits and timers, and pipelining if the server
    /// announces it.
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

    /// Sets how the client handles harmless deviations of the server.
    #[must_use]
    pub const fn with_profile(self, profile: Profile) -> Self {
        ClientConfig { profile, ..self }
    }

    /// Pipelines commands even if the server does not announce PIPELINING. Use this only if you know that the server
    /// supports it.
    #[must_use]
    pub const fn assume_pipelining(self) -> Self {
        ClientConfig { pipelining: true, ..self }
    }

    /// Sets the limits for everything that the server can make grow.
    #[must_use]
    pub const fn with_limits(self, limits: Limits) -> Self {
        ClientConfig { limits, ..self }
    }

    /// Sets how long the client waits.
    #[must_use]
    pub const fn with_timers(self, timers: Timers) -> Self {
        ClientConfig { greeting: timers.greeting, answer: timers.answer, tls_handshake: timers.tls, ..self }
    }

    getters! {
        self;
        /// Returns the TLS policy.
        tls: TlsPolicy = self.tls;
        /// Returns how the client handles harmless deviations of the server.
        profile: Profile = self.profile;
        /// Returns whether commands are pipelined even if the server does not announce it.
        assumes_pipelining: bool = self.pipelining;
        /// Returns the limits for everything that the server can make grow.
        limits: Limits = self.limits;
        /// Returns how long the client waits. The timers that only a server has are at their defaults.
        timers: Timers =
            Timers { greeting: self.greeting, answer: self.answer, tls: self.tls_handshake, ..Timers::DEFAULT };
    }

    /// Returns the largest number of bytes that a client leaves unread. A receive buffer of this size never fills up.
    #[must_use]
    pub const fn min_recv_buf(&self) -> usize {
        self.limits.min_recv_buf()
    }

    /// Returns the smallest size of a send buffer that has room for every line that the client may write.
    #[must_use]
    pub const fn min_send_buf(&self) -> usize {
        let line = max(self.limits.command_line, self.limits.sasl_line) as usize;
        if line > MIN_SEND_BUF { line } else { MIN_SEND_BUF }
    }

    /// Returns the time of a timer that starts over. The greeting's timer runs once, from the start.
    pub(super) const fn span(&self, timer: Timer) -> u32 {
        match timer {
            Timer::Tls => self.tls_handshake,
            _ => self.answer,
        }
    }
}

/// A type that has a client's configuration: a [`ClientConfig`], a reference or `Arc` of such a type, or your own type that
/// contains one.
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
    /// Returns the configuration. It must not change during a session.
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
