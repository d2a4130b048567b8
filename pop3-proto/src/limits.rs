//! Named limits for everything that a peer can make grow, and the timers.

use core::fmt;
use core::time::Duration;

/// Writes one getter for each line of the list.
macro_rules! getters {
    ($this:ident; $($(#[$doc:meta])+ $name:ident: $value:ty = $get:expr;)+) => {
        $(
            $(#[$doc])+
            #[must_use]
            pub const fn $name(&$this) -> $value {
                $get
            }
        )+
    };
}
pub(crate) use getters;

/// Limits for everything that a peer can make grow.
///
/// Line limits include the line end. The same value serves both machines and the stateless decoders; each uses
/// the limits that apply to it.
///
/// ```
/// use pop3_proto::Limits;
///
/// const LIMITS: Limits = Limits::DEFAULT.with_body_octets(50_000_000).with_listing_rows(100_000);
/// assert_eq!((LIMITS.listing_rows(), LIMITS.command_line()), (100_000, 255));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    pub(crate) command_line: u16,
    pub(crate) status_line: u16,
    pub(crate) listing_line: u16,
    pub(crate) sasl_line: u16,
    pub(crate) sasl_rounds: u8,
    pub(crate) early_bad_commands: u8,
    pub(crate) bad_commands: u8,
    pub(crate) failed_logins: u8,
    pub(crate) listing_rows: u32,
    pub(crate) body_octets: u64,
}

impl Limits {
    /// The limits that the RFCs set, and moderate limits for everything else.
    pub const DEFAULT: Limits = Limits {
        command_line: 255,
        status_line: 512,
        listing_line: 512,
        sasl_line: 12_288,
        sasl_rounds: 16,
        early_bad_commands: 5,
        bad_commands: 20,
        failed_logins: 5,
        listing_rows: 1 << 24,
        body_octets: u64::MAX,
    };

    /// Sets the length of a command line that a server reads, in octets: at least 64, by default 255 (RFC 2449
    /// section 4).
    #[must_use]
    pub const fn with_command_line(self, octets: u16) -> Self {
        Limits { command_line: at_least(octets, 64), ..self }
    }

    /// Sets the length of a status line or greeting, in octets: at least 64, by default 512 (RFC 1939 section 3).
    #[must_use]
    pub const fn with_status_line(self, octets: u16) -> Self {
        Limits { status_line: at_least(octets, 64), ..self }
    }

    /// Sets the length of a line in a listing (LIST, UIDL, CAPA, LANG), in octets: at least 64, by default 512
    /// (RFC 2449 section 3). Lines of messages have no limit.
    #[must_use]
    pub const fn with_listing_line(self, octets: u16) -> Self {
        Limits { listing_line: at_least(octets, 64), ..self }
    }

    /// Sets the length of a challenge or response inside AUTH, in octets: at least 64, by default 12,288. RFC
    /// 5034 section 4 requires room for the longest line of the mechanisms in use.
    #[must_use]
    pub const fn with_sasl_line(self, octets: u16) -> Self {
        Limits { sasl_line: at_least(octets, 64), ..self }
    }

    /// Sets how many challenges a client reads in one AUTH exchange, by default 16. On a server, the application
    /// decides how many challenges it sends.
    #[must_use]
    pub const fn with_sasl_rounds(self, rounds: u8) -> Self {
        Limits { sasl_rounds: rounds, ..self }
    }

    /// Sets how many bad commands a server accepts before it closes: `early` before login (by default 5) and
    /// `all` in the whole session (by default 20).
    #[must_use]
    pub const fn with_bad_commands(self, early: u8, all: u8) -> Self {
        Limits { early_bad_commands: early, bad_commands: all, ..self }
    }

    /// Sets how many failed logins a server accepts before it closes, by default 5.
    #[must_use]
    pub const fn with_failed_logins(self, logins: u8) -> Self {
        Limits { failed_logins: logins, ..self }
    }

    /// Sets how many lines a client reads in one listing, by default 16,777,216.
    #[must_use]
    pub const fn with_listing_rows(self, rows: u32) -> Self {
        Limits { listing_rows: rows, ..self }
    }

    /// Sets how many octets a client reads in one message, by default without a limit.
    #[must_use]
    pub const fn with_body_octets(self, octets: u64) -> Self {
        Limits { body_octets: octets, ..self }
    }

    getters! {
        self;
        /// Returns the longest command line that a server reads, in octets.
        command_line: u16 = self.command_line;
        /// Returns the longest status line that a client reads, in octets.
        status_line: u16 = self.status_line;
        /// Returns the longest line of a listing that a client reads, in octets.
        listing_line: u16 = self.listing_line;
        /// Returns the longest challenge or response inside AUTH, in octets.
        sasl_line: u16 = self.sasl_line;
        /// Returns how many challenges a client reads in one AUTH exchange.
        sasl_rounds: u8 = self.sasl_rounds;
        /// Returns how many bad commands before login make a server close.
        early_bad_commands: u8 = self.early_bad_commands;
        /// Returns how many bad commands in the whole session make a server close.
        bad_commands: u8 = self.bad_commands;
        /// Returns how many failed logins make a server close.
        failed_logins: u8 = self.failed_logins;
        /// Returns how many lines a client reads in one listing.
        listing_rows: u32 = self.listing_rows;
        /// Returns how many octets a client reads in one message.
        body_octets: u64 = self.body_octets;
    }

    /// Returns the largest number of bytes that a machine with these limits leaves unread. A receive buffer of
    /// this size never fills up.
    #[must_use]
    pub const fn min_recv_buf(&self) -> usize {
        let client = max(max(self.status_line, self.listing_line), self.sasl_line);
        max(client, self.command_line) as usize
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

pub(crate) const fn max(a: u16, b: u16) -> u16 {
    if a > b { a } else { b }
}

const fn at_least(octets: u16, least: u16) -> u16 {
    max(octets, least)
}

/// The name of a limit that a peer exceeded.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Limit {
    /// A command line; see [`Limits::with_command_line`].
    CommandLine,
    /// A status line; see [`Limits::with_status_line`].
    StatusLine,
    /// A line of a listing; see [`Limits::with_listing_line`].
    ListingLine,
    /// A line inside AUTH; see [`Limits::with_sasl_line`].
    SaslLine,
    /// The challenges of one AUTH exchange; see [`Limits::with_sasl_rounds`].
    SaslRounds,
    /// The lines of one listing; see [`Limits::with_listing_rows`].
    ListingRows,
    /// The octets of one message; see [`Limits::with_body_octets`].
    BodyOctets,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Limit::CommandLine => "command_line",
            Limit::StatusLine => "status_line",
            Limit::ListingLine => "listing_line",
            Limit::SaslLine => "sasl_line",
            Limit::SaslRounds => "sasl_rounds",
            Limit::ListingRows => "listing_rows",
            Limit::BodyOctets => "body_octets",
        })
    }
}

/// How long a machine waits for its peer. Durations are kept in whole milliseconds, from 1 to `u32::MAX` (about
/// 49 days); longer and shorter values become the nearest limit.
///
/// No timer runs while the application owes an answer.
///
/// ```
/// use pop3_proto::Timers;
/// use core::time::Duration;
///
/// const TIMERS: Timers = Timers::DEFAULT.with_answer(Duration::from_secs(30)).with_autologout(Duration::from_secs(1800));
/// assert_eq!((TIMERS.answer(), TIMERS.login()), (Duration::from_secs(30), Duration::from_secs(180)));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timers {
    pub(crate) greeting: u32,
    pub(crate) answer: u32,
    pub(crate) tls: u32,
    pub(crate) login: u32,
    pub(crate) autologout: u32,
    pub(crate) output: u32,
}

impl Timers {
    /// One minute for the greeting and for the TLS handshake, two minutes for a response, three for a login and
    /// for output that the peer does not read, ten for autologout.
    pub const DEFAULT: Timers = Timers {
        greeting: 60_000,
        answer: 120_000,
        tls: 60_000,
        login: 180_000,
        autologout: 600_000,
        output: 180_000,
    };

    /// Sets how long a client waits for the greeting.
    #[must_use]
    pub const fn with_greeting(self, span: Duration) -> Self {
        Timers { greeting: short(span), ..self }
    }

    /// Sets how long a client waits while a pending response makes no progress. Part of a line is not progress;
    /// part of a message is.
    #[must_use]
    pub const fn with_answer(self, span: Duration) -> Self {
        Timers { answer: short(span), ..self }
    }

    /// Sets how long the TLS handshake may take, on both sides.
    #[must_use]
    pub const fn with_tls(self, span: Duration) -> Self {
        Timers { tls: short(span), ..self }
    }

    /// Sets how long a server lets a peer stay in AUTHORIZATION. Time in which the application owes an answer
    /// does not count.
    #[must_use]
    pub const fn with_login(self, span: Duration) -> Self {
        Timers { login: short(span), ..self }
    }

    /// Sets a server's inactivity timer (RFC 1939 section 3). Values below 600 seconds become 600 seconds.
    #[must_use]
    pub const fn with_autologout(self, span: Duration) -> Self {
        let span = short(span);
        Timers { autologout: if span < 600_000 { 600_000 } else { span }, ..self }
    }

    /// Sets how long a server waits while the send buffer has no room, or while no byte of a
    /// [slice](crate::Server::body_sent) is sent.
    #[must_use]
    pub const fn with_output(self, span: Duration) -> Self {
        Timers { output: short(span), ..self }
    }

    getters! {
        self;
        /// Returns how long a client waits for the greeting.
        greeting: Duration = Duration::from_millis(self.greeting as u64);
        /// Returns how long a client waits while a pending response makes no progress.
        answer: Duration = Duration::from_millis(self.answer as u64);
        /// Returns how long the TLS handshake may take.
        tls: Duration = Duration::from_millis(self.tls as u64);
        /// Returns how long a server lets a peer stay in AUTHORIZATION.
        login: Duration = Duration::from_millis(self.login as u64);
        /// Returns the duration of a server's inactivity timer.
        autologout: Duration = Duration::from_millis(self.autologout as u64);
        /// Returns how long a server waits for a peer that does not read.
        output: Duration = Duration::from_millis(self.output as u64);
    }
}

impl Default for Timers {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Rounds to at least one millisecond and at most `u32::MAX`.
const fn short(span: Duration) -> u32 {
    let millis = span.as_millis();
    if millis == 0 {
        1
    } else if millis > u32::MAX as u128 {
        u32::MAX
    } else {
        millis as u32
    }
}
