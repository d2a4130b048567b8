//! Selects the way to log in, and the next one, from known facts and without a connection.

use super::Credentials;
use super::exchange::unfit;
use crate::client::{AsConfig, Capabilities, Client, Feature};
use crate::types::Mechanism;
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
    /// AUTH OAUTHBEARER (RFC 7628): an access token. Only inside TLS.
    Oauthbearer,
    /// AUTH XOAUTH2, the older form of OAUTHBEARER: an access token.
    Xoauth2,
}

impl Way {
    /// All ways from the best to the last, first for a password, then for an access token.
    pub(super) const ORDER: [Way; 6] =
        [Way::ScramSha256, Way::Apop, Way::Plain, Way::User, Way::Oauthbearer, Way::Xoauth2];

    /// Returns the mechanism of AUTH, or `None` for APOP and USER.
    #[must_use]
    pub const fn mechanism(self) -> Option<Mechanism<'static>> {
        match self {
            Way::ScramSha256 => Some(Mechanism::SCRAM_SHA_256),
            Way::Plain => Some(Mechanism::PLAIN),
            Way::Oauthbearer => Some(Mechanism::OAUTHBEARER),
            Way::Xoauth2 => Some(Mechanism::XOAUTH2),
            Way::Apop | Way::User => None,
        }
    }

    const fn is_for_token(self) -> bool {
        matches!(self, Way::Oauthbearer | Way::Xoauth2)
    }

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
            Way::Oauthbearer => "OAUTHBEARER",
            Way::Xoauth2 => "XOAUTH2",
        })
    }
}

/// The reason why a way cannot be used.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum WhyNot {
    /// The server does not list it.
    NotListed,
    /// The greeting has no timestamp, or TLS has started since.
    NoTimestamp,
    /// APOP adds nothing inside TLS.
    InsideTls,
    /// OAUTHBEARER is only for TLS (RFC 7628 section 3).
    OutsideTls,
    /// The name, the password or the token is not UTF-8.
    NotUtf8,
    /// The name, the password or the token contains characters that this way cannot carry.
    DoesNotFit,
    /// This program has no implementation, because a feature of the crate is off or no [`Scram`](super::Scram) was
    /// given.
    NotBuilt,
    /// The [only](super::Login::only) way takes a token and the login has a password, or the reverse.
    OtherSecret,
    /// It does not fit the login's kind of secret, or it is not its [only](super::Login::only) way.
    Excluded,
}

impl fmt::Display for WhyNot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            WhyNot::NotListed => "the server does not list it",
            WhyNot::NoTimestamp => "the greeting has no timestamp",
            WhyNot::InsideTls => "it adds nothing inside TLS",
            WhyNot::OutsideTls => "it is only for TLS",
            WhyNot::NotUtf8 => "the credentials are not UTF-8",
            WhyNot::DoesNotFit => "it cannot carry the credentials",
            WhyNot::NotBuilt => "this program has no implementation",
            WhyNot::OtherSecret => "it takes a token and not a password, or the reverse",
            WhyNot::Excluded => "it was not chosen",
        })
    }
}

/// The reason why each way cannot be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Obstacles([Option<WhyNot>; Way::ORDER.len()]);

impl Obstacles {
    /// Returns why this way cannot be used, or `None` if it can.
    #[must_use]
    pub fn of(&self, way: Way) -> Option<WhyNot> {
        Way::ORDER.iter().zip(self.0).find(|(other, _)| **other == way).and_then(|(_, why)| why)
    }

    /// Returns the reasons against each way, for this server and these credentials.
    pub(super) fn find<C: AsConfig>(client: &Client<C>, credentials: &Credentials<'_>) -> Self {
        Obstacles(Way::ORDER.map(|way| obstacle(way, client, credentials)))
    }
}

/// Returns the reason against a way. A reason that makes the way impossible comes before a reason that makes it a bad
/// choice, because a way that was [chosen](super::Login::only) is used even if it is a bad choice.
fn obstacle<C: AsConfig>(way: Way, client: &Client<C>, credentials: &Credentials<'_>) -> Option<WhyNot> {
    let Credentials { name, secret, is_token, only, has_scram, has_digest, .. } = *credentials;
    let capabilities = client.capabilities();
    let fits = |bytes| fits_line(capabilities, bytes);
    let impossible = match way {
        _ if only.is_some_and(|only| only != way) => Some(WhyNot::Excluded),
        _ if way.is_for_token() != is_token => Some(only.map_or(WhyNot::Excluded, |_| WhyNot::OtherSecret)),
        Way::Apop if !cfg!(feature = "apop") => Some(WhyNot::NotBuilt),
        Way::Apop if !has_digest => Some(WhyNot::NoTimestamp),
        Way::Apop if !fits(name.as_bytes()) => Some(WhyNot::DoesNotFit),
        Way::User if !fits(name.as_bytes()) || !fits(secret.expose()) => Some(WhyNot::DoesNotFit),
        Way::Apop | Way::User => None,
        Way::ScramSha256 if !has_scram => Some(WhyNot::NotBuilt),
        Way::Oauthbearer if !client.is_tls() => Some(WhyNot::OutsideTls),
        _ => unfit(way, credentials),
    };
    let unwise = || match way.mechanism() {
        Some(mechanism) if !capabilities.has_mechanism(mechanism) => Some(WhyNot::NotListed),
        None if way == Way::Apop && client.is_tls() => Some(WhyNot::InsideTls),
        _ => None,
    };
    impossible.or_else(|| if only.is_some() { None } else { unwise() })
}

/// Lists the reason for each way that was not excluded.
impl fmt::Display for Obstacles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let against = Way::ORDER.iter().zip(self.0).filter_map(|(way, why)| Some((way, why?)));
        for (place, (way, why)) in against.filter(|(_, why)| *why != WhyNot::Excluded).enumerate() {
            let separator = if place == 0 { "" } else { ", " };
            write!(f, "{separator}{way} ({why})")?;
        }
        Ok(())
    }
}

/// Returns whether USER and PASS can carry this (RFC 6856 section 2.2). A server without UTF8 gets the bytes
/// unchanged.
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

    pub(super) const fn contains(self, way: Way) -> bool {
        self.0 & way.bit() != 0
    }
}

/// The end of the last attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Refusal {
    /// The server refused before it received anything made with the password.
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
    /// The server offers no way that can carry the name and the password.
    NoWay,
}

/// Returns the next way to try. `last` is the end of the last attempt.
pub(super) fn next(
    obstacles: &Obstacles,
    marks_credentials: bool,
    tried: Tried,
    last: Option<Refusal>,
) -> Next {
    let is_left = |way: &Way| obstacles.of(*way).is_none() && !tried.contains(*way);
    let best = || Way::ORDER.into_iter().find(is_left).map(Next::Try);
    let Some(last) = last else { return best().unwrap_or(Next::NoWay) };
    match goes_on(last, marks_credentials) {
        Some(true) => best().unwrap_or(Next::Stop { ask: true }),
        Some(false) => Next::Stop { ask: true },
        None => Next::Stop { ask: false },
    }
}

/// Returns whether another way may be tried automatically (`true`), by the user's choice (`false`), or would change
/// nothing (`None`).
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
    use Way::{Apop, Oauthbearer, Plain, ScramSha256, User, Xoauth2};

    const ALL: [Way; 4] = [ScramSha256, Apop, Plain, User];

    fn offered(ways: &[Way]) -> Obstacles {
        Obstacles(Way::ORDER.map(|way| Some(WhyNot::NotListed).filter(|_| !ways.contains(&way))))
    }
    const ASK: Next = Next::Stop { ask: true };
    const STOP: Next = Next::Stop { ask: false };

    fn tried(ways: &[Way]) -> Tried {
        let mut tried = Tried::new();
        ways.iter().for_each(|way| tried.add(*way));
        tried
    }

    #[test]
    fn the_table_of_ways_holds() {
        type Row<'r> = (&'r [Way], bool, &'r [Way], Option<Refusal>, Next);
        let rows: &[Row<'_>] = &[
            // The first attempt is the best way on offer.
            (&ALL, false, &[], None, Next::Try(ScramSha256)),
            (&[Apop, Plain, User], false, &[], None, Next::Try(Apop)),
            (&[Plain, User], false, &[], None, Next::Try(Plain)),
            (&[User], false, &[], None, Next::Try(User)),
            (&[], false, &[], None, Next::NoWay),
            // Before a proof was sent, the next way is tried.
            (&ALL, false, &[ScramSha256], Some(BeforeProof(Other)), Next::Try(Apop)),
            (&ALL, false, &[ScramSha256], Some(BeforeProof(Credentials)), Next::Try(Apop)),
            (&ALL, false, &[ScramSha256, Apop, Plain], Some(BeforeProof(Other)), Next::Try(User)),
            (&[User], false, &[User], Some(BeforeProof(Other)), ASK),
            // After a proof, the next way is tried only if the server marks refusals of credentials, and this is not
            // one.
            (&ALL, false, &[ScramSha256], Some(AfterProof(Other)), ASK),
            (&ALL, false, &[ScramSha256], Some(AfterProof(Credentials)), ASK),
            (&ALL, true, &[ScramSha256], Some(AfterProof(Other)), Next::Try(Apop)),
            (&ALL, true, &[ScramSha256, Apop], Some(AfterProof(Other)), Next::Try(Plain)),
            (&ALL, true, &[ScramSha256], Some(AfterProof(Credentials)), ASK),
            (&ALL, true, &[ScramSha256, Apop, Plain, User], Some(AfterProof(Other)), ASK),
            // The same for a token.
            (&[Oauthbearer, Xoauth2], false, &[], None, Next::Try(Oauthbearer)),
            (&[Oauthbearer, Xoauth2], false, &[Oauthbearer], Some(BeforeProof(Other)), Next::Try(Xoauth2)),
            (&[Oauthbearer, Xoauth2], false, &[Oauthbearer], Some(AfterProof(Other)), ASK),
            // Another time may help, but not another way.
            (&ALL, true, &[ScramSha256], Some(AfterProof(Later)), STOP),
            (&ALL, false, &[ScramSha256], Some(BeforeProof(Later)), STOP),
        ];
        for (row, (ways, marks, before, last, expected)) in rows.iter().enumerate() {
            assert_eq!(next(&offered(ways), *marks, tried(before), *last), *expected, "row {row}");
        }
    }

    #[test]
    fn each_way_is_tried_once_at_most() {
        for last in [BeforeProof(Other), AfterProof(Other), AfterProof(Credentials), BeforeProof(Later)] {
            let (mut tried, mut ended, mut count) = (Tried::new(), None, 0);
            while let Next::Try(way) = next(&offered(&Way::ORDER), true, tried, ended) {
                assert!(!tried.contains(way));
                tried.add(way);
                (ended, count) = (Some(last), count + 1);
            }
            assert!(count <= Way::ORDER.len());
        }
    }
}
