//! Which way to log in, and which one next: a function of what is known, without a connection.

/// A way to log in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Way {
    ScramSha256,
    Apop,
    Plain,
    User,
    Oauthbearer,
    Xoauth2,
}

/// Which ways may be taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Policy {
    /// The best one, and the next where a refusal allows it.
    Best,
    Only(Way),
}

/// What the server offers, as far as it can carry this name and this password.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Offers {
    /// The server lists SCRAM-SHA-256.
    pub scram: bool,
    /// The greeting had a timestamp, and the session is in cleartext. Inside TLS, MD5 adds nothing.
    pub apop: bool,
    /// The server lists PLAIN.
    pub plain: bool,
    /// Every server is taken to know USER and PASS.
    pub user: bool,
    /// The server lists AUTH-RESP-CODE: it marks each refusal that is about the credentials (RFC 3206).
    pub auth_resp_code: bool,
}

/// How the last attempt ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Refusal {
    /// The server refused before it was sent anything that the password is needed for.
    BeforeProof(Cause),
    /// The server refused the password, or what was computed from it.
    AfterProof(Cause),
    /// The client ended the exchange: the server could not prove that it knows the password, or asked for too
    /// weak a proof.
    Distrust,
}

/// What the response code of a refusal says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Cause {
    /// `AUTH`: the credentials.
    Credentials,
    /// The same login may be accepted later.
    Later,
    /// Anything else, or nothing.
    Other,
}

/// What to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Next {
    Try(Way),
    /// The last refusal is the result.
    Stop,
    /// The last refusal is the result, and only the user can choose another way.
    StopWithHint,
    /// Nothing that the server offers can carry the name and the password.
    NoWay,
}

/// From the best to the last.
const ORDER: [Way; 4] = [Way::ScramSha256, Way::Apop, Way::Plain, Way::User];

/// Returns the next way to try. `last` is how the last of those that were tried ended.
pub(super) fn next(policy: Policy, offers: Offers, tried: &[Way], last: Option<Refusal>) -> Next {
    let left = |way: &Way| offers.offers(*way) && !tried.contains(way);
    match (policy, last) {
        (Policy::Only(way), None) => Next::Try(way),
        (Policy::Only(_), Some(_)) => Next::Stop,
        (Policy::Best, None) => ORDER.into_iter().find(left).map_or(Next::NoWay, Next::Try),
        (Policy::Best, Some(last)) => match verdict(last, offers.auth_resp_code) {
            Verdict::Final => Next::Stop,
            Verdict::UsersChoice => Next::StopWithHint,
            Verdict::GoOn => ORDER.into_iter().find(left).map_or(Next::StopWithHint, Next::Try),
        },
    }
}

enum Verdict {
    GoOn,
    UsersChoice,
    Final,
}

/// Who has sent a proof goes on only if the server says that the proof was not the reason: each further guess may lock the account, and
/// shows the password to whoever refused the last one.
fn verdict(last: Refusal, auth_resp_code: bool) -> Verdict {
    match last {
        Refusal::Distrust => Verdict::Final,
        Refusal::BeforeProof(Cause::Later) | Refusal::AfterProof(Cause::Later) => Verdict::Final,
        Refusal::BeforeProof(_) => Verdict::GoOn,
        Refusal::AfterProof(Cause::Other) if auth_resp_code => Verdict::GoOn,
        Refusal::AfterProof(_) => Verdict::UsersChoice,
    }
}

impl Offers {
    fn offers(self, way: Way) -> bool {
        match way {
            Way::ScramSha256 => self.scram,
            Way::Apop => self.apop,
            Way::Plain => self.plain,
            Way::User => self.user,
            Way::Oauthbearer | Way::Xoauth2 => false, // for those who have a token
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Cause::{Credentials, Later, Other};
    use Refusal::{AfterProof, BeforeProof, Distrust};
    use Way::{Apop, Plain, ScramSha256, User};

    const ALL: Offers = Offers { scram: true, apop: true, plain: true, user: true, auth_resp_code: false };
    const MARKED: Offers = Offers { auth_resp_code: true, ..ALL };
    const USER: Offers =
        Offers { scram: false, apop: false, plain: false, user: true, auth_resp_code: false };

    #[test]
    fn the_table() {
        let rows: &[(Offers, &[Way], Option<Refusal>, Next)] = &[
            // Nothing was tried: the best that is offered.
            (ALL, &[], None, Next::Try(ScramSha256)),
            (Offers { scram: false, ..ALL }, &[], None, Next::Try(Apop)),
            (Offers { plain: true, ..USER }, &[], None, Next::Try(Plain)),
            (USER, &[], None, Next::Try(User)),
            (Offers { user: false, ..USER }, &[], None, Next::NoWay),
            // Before a proof was sent, the next one.
            (ALL, &[ScramSha256], Some(BeforeProof(Other)), Next::Try(Apop)),
            (ALL, &[ScramSha256], Some(BeforeProof(Credentials)), Next::Try(Apop)),
            (ALL, &[ScramSha256, Apop, Plain], Some(BeforeProof(Other)), Next::Try(User)),
            (USER, &[User], Some(BeforeProof(Other)), Next::StopWithHint),
            // After it, only if the server marks refusals of credentials, and this is none.
            (ALL, &[ScramSha256], Some(AfterProof(Other)), Next::StopWithHint),
            (ALL, &[ScramSha256], Some(AfterProof(Credentials)), Next::StopWithHint),
            (MARKED, &[ScramSha256], Some(AfterProof(Other)), Next::Try(Apop)),
            (MARKED, &[ScramSha256, Apop], Some(AfterProof(Other)), Next::Try(Plain)),
            (MARKED, &[ScramSha256], Some(AfterProof(Credentials)), Next::StopWithHint),
            (MARKED, &[ScramSha256, Apop, Plain, User], Some(AfterProof(Other)), Next::StopWithHint),
            // Another moment, not another way.
            (MARKED, &[ScramSha256], Some(AfterProof(Later)), Next::Stop),
            (ALL, &[ScramSha256], Some(BeforeProof(Later)), Next::Stop),
            // Never after a server that is not the right one.
            (ALL, &[ScramSha256], Some(Distrust), Next::Stop),
            (MARKED, &[ScramSha256], Some(Distrust), Next::Stop),
        ];
        for (row, (offers, tried, last, expected)) in rows.iter().enumerate() {
            assert_eq!(next(Policy::Best, *offers, tried, *last), *expected, "row {row}");
        }
    }

    #[test]
    fn the_users_choice_is_the_only_one() {
        for way in [ScramSha256, Apop, Plain, User, Way::Oauthbearer, Way::Xoauth2] {
            assert_eq!(next(Policy::Only(way), Offers::default(), &[], None), Next::Try(way));
            for last in [BeforeProof(Other), AfterProof(Other), Distrust] {
                assert_eq!(next(Policy::Only(way), MARKED, &[way], Some(last)), Next::Stop);
            }
        }
    }

    /// Each way is tried once at the most, whatever the server answers.
    #[test]
    fn it_ends() {
        for last in
            [BeforeProof(Other), AfterProof(Other), AfterProof(Credentials), BeforeProof(Later), Distrust]
        {
            let (mut tried, mut ended) = (Vec::new(), None);
            while let Next::Try(way) = next(Policy::Best, MARKED, &tried, ended) {
                assert!(!tried.contains(&way));
                tried.push(way);
                ended = Some(last);
            }
            assert!(tried.len() <= 4);
        }
    }
}
