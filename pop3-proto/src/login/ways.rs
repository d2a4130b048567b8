//! Which way to log in, and which one next: a function of what is known, without a connection.

use super::Scram;
use crate::client::{AsConfig, Capabilities, Client, Feature};
use crate::types::{Mechanism, Secret, Text};
use core::{fmt, str};

/// A way to log in.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Way {
    /// AUTH SCRAM-SHA-256: both sides prove that they know the password, and neither sends it.
    ScramSha256,
    /// APOP: a digest of the password. Only outside TLS, because MD5 adds nothing inside it.
    Apop,
    /// AUTH PLAIN: the password, in UTF-8.
    Plain,
    /// USER and PASS: the password.
    User,
}

impl Way {
    /// From the best to the last.
    pub(super) const ORDER: [Way; 4] = [Way::ScramSha256, Way::Apop, Way::Plain, Way::User];

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Way::ScramSha256 => "SCRAM-SHA-256",
            Way::Apop => "APOP",
            Way::Plain => "PLAIN",
            Way::User => "USER",
        })
    }
}

/// Why a way cannot be taken.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum WhyNot {
    /// The server does not list it.
    NotListed,
    /// The greeting has no timestamp, or TLS has started since.
    NoTimestamp,
    /// APOP adds nothing inside TLS.
    InsideTls,
    /// The name or the password is not UTF-8.
    NotUtf8,
    /// The name or the password contains control characters, or is not ASCII and the server does not take UTF-8 in it.
    DoesNotFit,
    /// This program has no implementation: a feature of the crate is off, or no [`Scram`] was given.
    NotBuilt,
}

impl fmt::Display for WhyNot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            WhyNot::NotListed => "the server does not list it",
            WhyNot::NoTimestamp => "the greeting has no timestamp",
            WhyNot::InsideTls => "it adds nothing inside TLS",
            WhyNot::NotUtf8 => "the name or the password is not UTF-8",
            WhyNot::DoesNotFit => "it cannot carry the name or the password",
            WhyNot::NotBuilt => "this program has no implementation",
        })
    }
}

/// For each way the reason why it cannot be taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Obstacles {
    scram: Option<WhyNot>,
    apop: Option<WhyNot>,
    plain: Option<WhyNot>,
    user: Option<WhyNot>,
}

impl Obstacles {
    /// Returns why this way cannot be taken, or `None` if it can.
    #[must_use]
    pub const fn of(&self, way: Way) -> Option<WhyNot> {
        match way {
            Way::ScramSha256 => self.scram,
            Way::Apop => self.apop,
            Way::Plain => self.plain,
            Way::User => self.user,
        }
    }

    /// What stands against each way, for this server and these credentials.
    pub(super) fn find<C: AsConfig>(
        client: &Client<C>,
        (name, password): (Text<'_>, Secret<'_>),
        scram: Option<&dyn Scram>,
        has_digest: bool,
    ) -> Self {
        let capabilities = client.capabilities();
        let name_fits = fits_line(capabilities, name.as_bytes());
        let is_utf8 = name.to_str().is_some() && str::from_utf8(password.expose()).is_ok();
        let lists = |mechanism| capabilities.has_mechanism(mechanism);
        let sasl = cfg!(feature = "sasl");
        Obstacles {
            scram: first(&[
                (!sasl || scram.is_none(), WhyNot::NotBuilt),
                (!lists(Mechanism::SCRAM_SHA_256), WhyNot::NotListed),
                (!is_utf8, WhyNot::NotUtf8),
            ]),
            apop: first(&[
                (!cfg!(feature = "apop"), WhyNot::NotBuilt),
                (client.is_tls(), WhyNot::InsideTls),
                (!has_digest, WhyNot::NoTimestamp),
                (!name_fits, WhyNot::DoesNotFit),
            ]),
            plain: first(&[
                (!sasl, WhyNot::NotBuilt),
                (!lists(Mechanism::PLAIN), WhyNot::NotListed),
                (!is_utf8, WhyNot::NotUtf8),
            ]),
            user: first(&[(!name_fits || !fits_line(capabilities, password.expose()), WhyNot::DoesNotFit)]),
        }
    }
}

/// Shows the reason for each way.
impl fmt::Display for Obstacles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let against = Way::ORDER.into_iter().filter_map(|way| Some((way, self.of(way)?)));
        for (place, (way, why)) in against.enumerate() {
            let separator = if place == 0 { "" } else { ", " };
            write!(f, "{separator}{way} ({why})")?;
        }
        Ok(())
    }
}

/// Returns the first reason that holds.
fn first(reasons: &[(bool, WhyNot)]) -> Option<WhyNot> {
    reasons.iter().find(|(holds, _)| *holds).map(|(_, why)| *why)
}

/// Returns whether USER and PASS can carry this (RFC 6856 section 2.2). A server without UTF8 gets the bytes as they are.
fn fits_line(capabilities: &Capabilities, bytes: &[u8]) -> bool {
    let is_allowed = !capabilities.has(Feature::Utf8)
        || capabilities.has(Feature::Utf8User) && str::from_utf8(bytes).is_ok();
    (bytes.is_ascii() || is_allowed) && !bytes.iter().any(u8::is_ascii_control)
}

/// The ways that were tried.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Tried(u8);

impl Tried {
    pub(super) const fn new() -> Self {
        Tried(0)
    }

    pub(super) const fn add(&mut self, way: Way) {
        self.0 |= way.bit();
    }

    const fn contains(self, way: Way) -> bool {
        self.0 & way.bit() != 0
    }
}

/// How the last attempt ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Refusal {
    /// The server refused before it was sent anything that the password is needed for.
    BeforeProof(Cause),
    /// The server refused the password, or a value that was computed from it.
    AfterProof(Cause),
}

/// The cause that the server gives for a refusal, with its response code.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Cause {
    /// The credentials (`[AUTH]`, RFC 3206).
    Credentials,
    /// The same login may be accepted later.
    Later,
    /// Anything else, or no response code.
    Other,
}

/// The next step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Next {
    Try(Way),
    /// The last refusal is the result. `ask` means that only the user can choose another way.
    Stop {
        ask: bool,
    },
    /// Nothing that the server offers can carry the name and the password.
    NoWay,
}

/// Returns the next way to try. `last` is how the last of those that were tried ended.
pub(super) fn next(
    only: Option<Way>,
    obstacles: &Obstacles,
    marks_credentials: bool,
    tried: Tried,
    last: Option<Refusal>,
) -> Next {
    let is_left = |way: &Way| obstacles.of(*way).is_none() && !tried.contains(*way);
    let best = || Way::ORDER.into_iter().find(is_left).map(Next::Try);
    match (only, last) {
        // A server that does not list the user's choice may have it all the same.
        (Some(way), None) if matches!(obstacles.of(way), None | Some(WhyNot::NotListed)) => Next::Try(way),
        (Some(_), None) => Next::NoWay,
        (Some(_), Some(_)) => Next::Stop { ask: false },
        (None, None) => best().unwrap_or(Next::NoWay),
        (None, Some(last)) => match goes_on(last, marks_credentials) {
            Some(true) => best().unwrap_or(Next::Stop { ask: true }),
            Some(false) => Next::Stop { ask: true },
            None => Next::Stop { ask: false },
        },
    }
}

/// Returns whether another way may be tried by itself (`true`), by the user's choice (`false`), or would change nothing (`None`).
///
/// After a proof was sent, the next way follows only if the server says that the proof was not the reason. Each further guess may lock the
/// account, and shows the password to the server that refused the last one.
const fn goes_on(last: Refusal, marks_credentials: bool) -> Option<bool> {
    match last {
        Refusal::BeforeProof(Cause::Later) | Refusal::AfterProof(Cause::Later) => None,
        Refusal::BeforeProof(_) => Some(true),
        Refusal::AfterProof(Cause::Other) => Some(marks_credentials),
        Refusal::AfterProof(Cause::Credentials) => Some(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Cause::{Credentials, Later, Other};
    use Refusal::{AfterProof, BeforeProof};
    use Way::{Apop, Plain, ScramSha256, User};

    const NO: Option<WhyNot> = Some(WhyNot::NotListed);
    const ALL: Obstacles = Obstacles { scram: None, apop: None, plain: None, user: None };
    const USER: Obstacles = Obstacles { scram: NO, apop: NO, plain: NO, user: None };
    const ASK: Next = Next::Stop { ask: true };
    const STOP: Next = Next::Stop { ask: false };

    fn tried(ways: &[Way]) -> Tried {
        let mut tried = Tried::new();
        ways.iter().for_each(|way| tried.add(*way));
        tried
    }

    #[test]
    fn the_table_of_ways_holds() {
        type Row<'r> = (Obstacles, bool, &'r [Way], Option<Refusal>, Next);
        let rows: &[Row<'_>] = &[
            // Nothing was tried: the best that is offered.
            (ALL, false, &[], None, Next::Try(ScramSha256)),
            (Obstacles { scram: NO, ..ALL }, false, &[], None, Next::Try(Apop)),
            (Obstacles { plain: None, ..USER }, false, &[], None, Next::Try(Plain)),
            (USER, false, &[], None, Next::Try(User)),
            (Obstacles { user: Some(WhyNot::DoesNotFit), ..USER }, false, &[], None, Next::NoWay),
            // Before a proof was sent, the next one.
            (ALL, false, &[ScramSha256], Some(BeforeProof(Other)), Next::Try(Apop)),
            (ALL, false, &[ScramSha256], Some(BeforeProof(Credentials)), Next::Try(Apop)),
            (ALL, false, &[ScramSha256, Apop, Plain], Some(BeforeProof(Other)), Next::Try(User)),
            (USER, false, &[User], Some(BeforeProof(Other)), ASK),
            // After it, only if the server marks refusals of credentials, and this is not one.
            (ALL, false, &[ScramSha256], Some(AfterProof(Other)), ASK),
            (ALL, false, &[ScramSha256], Some(AfterProof(Credentials)), ASK),
            (ALL, true, &[ScramSha256], Some(AfterProof(Other)), Next::Try(Apop)),
            (ALL, true, &[ScramSha256, Apop], Some(AfterProof(Other)), Next::Try(Plain)),
            (ALL, true, &[ScramSha256], Some(AfterProof(Credentials)), ASK),
            (ALL, true, &[ScramSha256, Apop, Plain, User], Some(AfterProof(Other)), ASK),
            // Another moment, not another way.
            (ALL, true, &[ScramSha256], Some(AfterProof(Later)), STOP),
            (ALL, false, &[ScramSha256], Some(BeforeProof(Later)), STOP),
        ];
        for (row, (obstacles, marks, ways, last, expected)) in rows.iter().enumerate() {
            assert_eq!(next(None, obstacles, *marks, tried(ways), *last), *expected, "row {row}");
        }
    }

    #[test]
    fn the_users_choice_is_the_only_one() {
        for way in Way::ORDER {
            assert_eq!(next(Some(way), &ALL, false, Tried::new(), None), Next::Try(way));
            assert_eq!(next(Some(way), &USER, false, Tried::new(), None), Next::Try(way), "not listed");
            for last in [BeforeProof(Other), AfterProof(Other), AfterProof(Later)] {
                assert_eq!(next(Some(way), &ALL, true, tried(&[way]), Some(last)), STOP);
            }
        }
        let unbuilt = Obstacles { plain: Some(WhyNot::NotBuilt), ..ALL };
        assert_eq!(next(Some(Plain), &unbuilt, false, Tried::new(), None), Next::NoWay);
    }

    #[test]
    fn each_way_is_tried_once_at_most() {
        for last in [BeforeProof(Other), AfterProof(Other), AfterProof(Credentials), BeforeProof(Later)] {
            let (mut tried, mut ended, mut count) = (Tried::new(), None, 0);
            while let Next::Try(way) = next(None, &ALL, true, tried, ended) {
                assert!(!tried.contains(way));
                tried.add(way);
                (ended, count) = (Some(last), count + 1);
            }
            assert!(count <= Way::ORDER.len());
        }
    }
}
