//! Bounds on everything that a peer can make grow, each with a name.

use core::fmt;
use core::time::Duration;

/// Getters, from a list of what each returns.
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

/// Bounds on everything that a peer can make grow.
///
/// Line limits count the line end. One value serves both machines and the stateless decoders; each reads what
/// it needs.
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
    /// The limits of the RFCs, and moderate ones where they set none.
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

    /// A command line that a server reads: 255 octets unless set (RFC 2449 section 4); never less than 64.
    #[must_use]
    pub const fn with_command_line(self, octets: u16) -> Self {
        Limits { command_line: at_least(octets, 64), ..self }
    }

    /// The first line of an answer, and the greeting: 512 octets unless set (RFC 1939 section 3); never less
    /// than 64.
    #[must_use]
    pub const fn with_status_line(self, octets: u16) -> Self {
        Limits { status_line: at_least(octets, 64), ..self }
    }

    /// A line of a listing (LIST, UIDL, CAPA, LANG): 512 octets unless set (RFC 2449 section 3); never less
    /// than 64. Message lines have no limit.
    #[must_use]
    pub const fn with_listing_line(self, octets: u16) -> Self {
        Limits { listing_line: at_least(octets, 64), ..self }
    }

    /// A challenge or a response inside AUTH: 12,288 octets unless set (RFC 5034 section 4 asks for no more
    /// than what the mechanisms need); never less than 64.
    #[must_use]
    pub const fn with_sasl_line(self, octets: u16) -> Self {
        Limits { sasl_line: at_least(octets, 64), ..self }
    }

    /// Challenges in one AUTH exchange that a client reads: 16 unless set. On a server the application gives
    /// the challenges.
    #[must_use]
    pub const fn with_sasl_rounds(self, rounds: u8) -> Self {
        Limits { sasl_rounds: rounds, ..self }
    }

    /// Bad commands after which a server closes, before login (`early`, 5 unless set) and in all (20 unless
    /// set).
    #[must_use]
    pub const fn with_bad_commands(self, early: u8, all: u8) -> Self {
        Limits { early_bad_commands: early, bad_commands: all, ..self }
    }

    /// Failed logins after which a server closes: 5 unless set.
    #[must_use]
    pub const fn with_failed_logins(self, logins: u8) -> Self {
        Limits { failed_logins: logins, ..self }
    }

    /// Lines in one listing that a client reads: 16,777,216 unless set.
    #[must_use]
    pub const fn with_listing_rows(self, rows: u32) -> Self {
        Limits { listing_rows: rows, ..self }
    }

    /// Octets of one message that a client reads: none unless set.
    #[must_use]
    pub const fn with_body_octets(self, octets: u64) -> Self {
        Limits { body_octets: octets, ..self }
    }

    getters! {
        self;
        /// Returns the limit of a command line, in bytes.
        command_line: u16 = self.command_line;
        /// Returns the limit of a status line, in bytes.
        status_line: u16 = self.status_line;
        /// Returns the limit of a line of a listing, in bytes.
        listing_line: u16 = self.listing_line;
        /// Returns the limit of a challenge or a response inside AUTH, in bytes.
        sasl_line: u16 = self.sasl_line;
        /// Returns how many challenges there may be in one AUTH exchange.
        sasl_rounds: u8 = self.sasl_rounds;
        /// Returns after how many bad commands before login a server closes.
        early_bad_commands: u8 = self.early_bad_commands;
        /// Returns after how many bad commands in all a server closes.
        bad_commands: u8 = self.bad_commands;
        /// Returns after how many failed logins a server closes.
        failed_logins: u8 = self.failed_logins;
        /// Returns how many rows one listing may have.
        listing_rows: u32 = self.listing_rows;
        /// Returns how many octets one message may have.
        body_octets: u64 = self.body_octets;
    }

    /// The most octets that a machine with these limits ever leaves unread: a read buffer of this size never
    /// fills up.
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

/// The name of a limit that a peer went over.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Limit {
    /// [`Limits::with_command_line`]
    CommandLine,
    /// [`Limits::with_status_line`]
    StatusLine,
    /// [`Limits::with_listing_line`]
    ListingLine,
    /// [`Limits::with_sasl_line`]
    SaslLine,
    /// [`Limits::with_sasl_rounds`]
    SaslRounds,
    /// [`Limits::with_listing_rows`]
    ListingRows,
    /// [`Limits::with_body_octets`]
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

/// How long a machine waits for its peer. A span counts in whole milliseconds, from 1 to `u32::MAX` (about 49 days).
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
    /// One minute for the greeting and the TLS handshake, two for an answer, three for a login and for output
    /// that nobody takes, ten for autologout.
    pub const DEFAULT: Timers = Timers {
        greeting: 60_000,
        answer: 120_000,
        tls: 60_000,
        login: 180_000,
        autologout: 600_000,
        output: 180_000,
    };

    /// Client: how long the greeting may take.
    #[must_use]
    pub const fn with_greeting(self, span: Duration) -> Self {
        Timers { greeting: short(span), ..self }
    }

    /// Client: how long nothing may be taken of an answer that is due; part of a line is not, part of a
    /// message is.
    #[must_use]
    pub const fn with_answer(self, span: Duration) -> Self {
        Timers { answer: short(span), ..self }
    }

    /// Both: how long the TLS handshake may take.
    #[must_use]
    pub const fn with_tls(self, span: Duration) -> Self {
        Timers { tls: short(span), ..self }
    }

    /// Server: how long a peer may stay in AUTHORIZATION, questions to the application left out.
    #[must_use]
    pub const fn with_login(self, span: Duration) -> Self {
        Timers { login: short(span), ..self }
    }

    /// Server: the inactivity timer of RFC 1939 section 3, at least 600 seconds whatever is asked for.
    #[must_use]
    pub const fn with_autologout(self, span: Duration) -> Self {
        let span = short(span);
        Timers { autologout: if span < 600_000 { 600_000 } else { span }, ..self }
    }

    /// Server: how long the sink may have no room, and how long no byte of [slices](crate::Server::body_sent) may be sent.
    #[must_use]
    pub const fn with_output(self, span: Duration) -> Self {
        Timers { output: short(span), ..self }
    }

    getters! {
        self;
        /// Returns how long the greeting may take.
        greeting: Duration = Duration::from_millis(self.greeting as u64);
        /// Returns how long nothing may be taken of an answer that is due.
        answer: Duration = Duration::from_millis(self.answer as u64);
        /// Returns how long the TLS handshake may take.
        tls: Duration = Duration::from_millis(self.tls as u64);
        /// Returns how long a peer may stay in AUTHORIZATION.
        login: Duration = Duration::from_millis(self.login as u64);
        /// Returns the span of the inactivity timer.
        autologout: Duration = Duration::from_millis(self.autologout as u64);
        /// Returns how long a server waits for a peer that takes no output.
        output: Duration = Duration::from_millis(self.output as u64);
    }
}

impl Default for Timers {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// At least one millisecond, at most what a `u32` holds.
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
