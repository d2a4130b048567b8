//! Tests a client: the good server under a twist at one end, a program of others at the other, and a judge of what it did.
//!
//! The judge looks at what the client sent and stored. It keeps two questions apart: did the client do harm, and did it report what went
//! wrong. Only harm is a failure.

pub mod adapter;
pub mod broken;
pub mod certificates;
pub mod files;
pub mod good;
pub mod judge;
pub mod naive;
pub mod prove;
pub mod read;
pub mod report;
pub mod run;
pub mod scenarios;
pub mod serve;
pub mod sockets;
pub mod test;
pub mod watch;

use crate::check::{Check, Edit, Finding, Legal, Needs, Probe, Why};
use crate::lab::world::World;
use broken::Flaw;
use serve::{Exchange, Session};

/// One server for a client, and what the client must do.
#[derive(Debug)]
pub struct Scenario {
    /// The id, the rows and the question, in the form that reports take.
    pub check: Check,
    /// The client runs with `{delete}`: needs `--allow delete`.
    pub deletes: bool,
    /// The client runs with `{tls}`: needs `--allow stls`.
    pub tls: Tls,
    pub offers: Offers,
    /// Prepares the mailbox.
    pub mail: fn(&World),
    pub edit: Option<Edit>,
    pub flood: Option<Flood>,
    /// Splits what is sent between CR and LF.
    pub cuts: bool,
    pub expect: Expect,
    /// No password may be sent at all.
    pub no_password: bool,
    /// A response to RETR that the client did not ask for. It cannot know, so to store its message is a warning.
    pub unasked: Option<&'static [u8]>,
    /// Looks at each exchange for more harm.
    pub harm: Option<Harm>,
    /// Judges all scenarios of the run, and has no server of its own.
    pub watches: bool,
    /// It judges only scenarios in which the server has no twist.
    pub legal_only: bool,
    /// Clients that are broken in one way. With each of them, the scenario must be red.
    pub broken: &'static [Flaw],
}

/// Finds harm in one exchange: the session, and the index of the exchange in it.
pub type Harm = fn(&Session, usize, &Exchange) -> Option<String>;

/// TLS in a scenario.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tls {
    /// The client does not use it, and the server does not offer it.
    No,
    /// The client must use STLS. The certificate is trusted.
    Stls,
    /// The client must use STLS. The certificate is not trusted.
    Untrusted,
    /// The client must use STLS. The certificate is trusted, and is that of another host.
    OtherName,
}

/// What the server offers beyond USER and PASS, TOP and UIDL. It is hidden in the other scenarios, so that clients are alike.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Offers {
    Nothing,
    Pipelining,
    Sasl,
    Apop,
}

/// A response that does not end, until it is cut off.
#[derive(Clone, Copy, Debug)]
pub struct Flood {
    /// The command, or `greeting`.
    pub to: &'static str,
    pub first: &'static str,
    pub pattern: &'static str,
}

/// What must come of it, apart from harm.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Expect {
    /// All messages are stored, and the client reports success.
    Success,
    /// All messages that arrived are stored. The client may report anything.
    Stored,
    /// The client reports an error.
    Error,
    /// The client stores all messages, or does not begin to log in inside TLS.
    Discarded,
    /// Nothing but harm counts.
    Harmless,
}

/// How a client ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ended {
    Code(i32),
    Signal(i32),
    /// It did not end in time.
    Hung,
    /// It used more memory than the limit.
    Memory,
    /// Exit code 89: what it does not support.
    Unsupported(String),
}

/// What happened under one scenario.
#[derive(Clone, Debug)]
pub struct Run {
    pub sessions: Vec<Session>,
    /// The files that the client stored.
    pub files: Vec<Vec<u8>>,
    /// Files that it wrote somewhere else.
    pub outside: Vec<String>,
    pub ended: Ended,
    /// The last lines of what it wrote to stdout and stderr.
    pub output: Vec<String>,
    pub bites: u64,
    /// The messages of the mailbox, before and after.
    pub messages: usize,
    pub left: usize,
    /// The server was still sending when the client ended.
    pub busy: bool,
    /// The server had no twist.
    pub legal: bool,
    /// The scenario, for those that look at the sessions of all.
    pub scenario: &'static str,
}

const fn no_probe(_: &mut crate::lab::Lab) -> crate::check::Seen {
    Err(Finding::Open(Why::Needs("pop3-conform client")))
}

const fn legal(name: &'static str, by: &'static str) -> Legal {
    Legal { name, by }
}

pub const STORED: &str = "stores every message";
pub const REFUSED: &str = "stores no wrong message, and reports an error";
pub const HARMLESS: &str = "does no harm";
pub const WELL_FORMED: &str = "sends well-formed commands";

static LEGAL: [Legal; 3] = [
    legal(STORED, "RFC 1939 section 3: the response is complete, and each message is what arrived"),
    legal(REFUSED, "RFC 1939 section 3: a response without its end is not a response"),
    legal(HARMLESS, "no text forbids it"),
];
static LEGAL_WATCH: [Legal; 1] = [legal(WELL_FORMED, "RFC 1939 section 3 and RFC 2449 section 4")];

impl Scenario {
    /// A scenario in which the mailbox has three plain messages, and all must be stored. So a fault with odd messages turns only their
    /// scenarios red.
    pub(crate) const fn new(id: &'static str, rows: &'static [&'static str], asks: &'static str) -> Scenario {
        let probe = Probe::Ask(no_probe);
        let needs = Needs::NOTHING;
        Scenario {
            check: Check { id, rows, asks, needs, legal: &LEGAL, probe, breaks: &[], keeps: &[] },
            deletes: false,
            tls: Tls::No,
            offers: Offers::Nothing,
            mail: scenarios::plain,
            edit: None,
            flood: None,
            cuts: false,
            expect: Expect::Success,
            no_password: false,
            unasked: None,
            harm: None,
            watches: false,
            legal_only: false,
            broken: &[],
        }
    }

    /// A look at all sessions of the run.
    pub(crate) const fn watch(
        id: &'static str,
        rows: &'static [&'static str],
        asks: &'static str,
        harm: Harm,
    ) -> Scenario {
        let mut scenario = Scenario::new(id, rows, asks).expect(Expect::Harmless).harm(harm);
        scenario.check.legal = &LEGAL_WATCH;
        scenario.watches = true;
        scenario
    }

    pub(crate) const fn twist(mut self, edit: Edit) -> Scenario {
        self.edit = Some(edit);
        self
    }

    pub(crate) const fn code(self, code: fn(&mut crate::lab::twist::Turn<'_>)) -> Scenario {
        self.twist(Edit::Code(code))
    }

    pub(crate) const fn mail(mut self, mail: fn(&World)) -> Scenario {
        self.mail = mail;
        self
    }

    pub(crate) const fn flood(
        mut self,
        to: &'static str,
        first: &'static str,
        pattern: &'static str,
    ) -> Scenario {
        self.flood = Some(Flood { to, first, pattern });
        self.expect(Expect::Error)
    }

    pub(crate) const fn cuts(mut self) -> Scenario {
        self.cuts = true;
        self
    }

    pub(crate) const fn expect(mut self, expect: Expect) -> Scenario {
        self.expect = expect;
        self
    }

    pub(crate) const fn deletes(mut self) -> Scenario {
        self.deletes = true;
        self
    }

    pub(crate) const fn tls(mut self, tls: Tls) -> Scenario {
        self.tls = tls;
        self
    }

    pub(crate) const fn offers(mut self, offers: Offers) -> Scenario {
        self.offers = offers;
        self
    }

    pub(crate) const fn no_password(mut self) -> Scenario {
        self.no_password = true;
        self
    }

    pub(crate) const fn unasked(mut self, response: &'static [u8]) -> Scenario {
        self.unasked = Some(response);
        self
    }

    pub(crate) const fn harm(mut self, harm: Harm) -> Scenario {
        self.harm = Some(harm);
        self
    }

    pub(crate) const fn legal_only(mut self) -> Scenario {
        self.legal_only = true;
        self
    }

    pub(crate) const fn broken(mut self, broken: &'static [Flaw]) -> Scenario {
        self.broken = broken;
        self
    }

    /// Returns whether the server has no twist, so that nothing can confuse a client.
    #[must_use]
    pub const fn is_legal(&self) -> bool {
        matches!(self.expect, Expect::Success) && self.edit.is_none() && self.flood.is_none()
    }

    /// Returns the option that the scenario needs and `given` lacks.
    #[must_use]
    pub fn lacks(&self, given: Given) -> Option<&'static str> {
        match (self.deletes && !given.delete, self.tls != Tls::No && !given.stls) {
            (true, _) => Some("--allow delete"),
            (_, true) => Some("--allow stls"),
            _ => None,
        }
    }
}

/// What `--allow` names: what the client's command can do.
#[derive(Clone, Copy, Default, Debug)]
pub struct Given {
    pub delete: bool,
    pub stls: bool,
}
