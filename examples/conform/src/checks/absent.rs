//! What a server does not have, for checks that cannot run: then it is the server that lacks something, and not an option.

use super::{apop, auth, codes, listings, pipelining};
use crate::check::{Check, Finding, Needs};
use crate::lab::Lab;

/// Looks for what a check is about. It fails no login and changes nothing.
type Look = fn(&mut Lab) -> Result<(), Finding>;

/// The checks, by their ids or by a start that ends in a dot. The first line that matches counts.
static ABOUT: &[(&str, Look)] = &[
    ("apop.", |lab| apop::stamp(lab).map(drop)),
    ("auth.login", |lab| auth::offering(lab, "LOGIN").map(drop)),
    ("auth.", |lab| auth::offering(lab, "PLAIN").map(drop)),
    ("scram.", |lab| auth::offering(lab, "SCRAM-SHA-256").map(drop)),
    ("oauth.", |lab| auth::offering(lab, "OAUTHBEARER").map(drop)),
    ("code.auth", codes::auth_announced),
    ("pipelining.", pipelining::announced),
    ("dele.uidl", has_uidl),
    ("uidl.", has_uidl),
];

fn has_uidl(lab: &mut Lab) -> Result<(), Finding> {
    if !lab.facts.given.has(Needs::LOGIN) {
        return Ok(());
    }
    listings::ask_ok(&mut lab.login()?, "UIDL").map(drop)
}

/// Returns what the server lacks, so that the check would be about nothing.
pub(crate) fn absent(check: &Check, lab: &mut Lab) -> Option<&'static str> {
    let is_about =
        |(id, _): &&(&str, Look)| *id == check.id || (id.ends_with('.') && check.id.starts_with(id));
    let (_, look) = ABOUT.iter().find(is_about)?;
    match look(lab) {
        Err(Finding::Absent(what)) => Some(what),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::check::{Edit, Finding, Needs, Twist, Why};
    use crate::checks;
    use crate::lab::between::InMemory;
    use crate::lab::{Facts, Lab};
    use crate::run;
    use std::rc::Rc;

    /// Judges a check with a login and nothing more.
    fn judged(id: &str, edit: Option<Edit>) -> Finding {
        let dial = InMemory::new(edit.map(|edit| Twist { name: "lacks it", edit }));
        let facts = Facts { given: Needs::LOGIN.and(Needs::CLEARTEXT), ..InMemory::facts() };
        let mut lab = Lab::new(Box::new(dial), Rc::new(facts));
        run::judge(checks::find(id).unwrap(), &mut lab).unwrap_err()
    }

    #[test]
    fn an_option_is_named_only_if_the_server_has_what_the_check_is_about() {
        let capa = |old| Edit::Answers { to: "CAPA", old, new: "" };
        for (id, what, edit) in [
            ("apop.wrong", "APOP", Edit::Answer { to: "greeting", old: "<", new: "" }),
            ("auth.wrong", "PLAIN", capa("SASL PLAIN")),
            ("scram.proof", "SCRAM-SHA-256", capa("SCRAM-SHA-256")),
            ("oauth.login", "OAUTHBEARER", capa("OAUTHBEARER")),
            ("code.auth", "AUTH-RESP-CODE", capa("AUTH-RESP-CODE")),
            ("pipelining.failed_login", "PIPELINING", capa("PIPELINING")),
            ("dele.uidl", "UIDL", Edit::Say { to: "UIDL*", instead: "-ERR unknown command\r\n" }),
        ] {
            assert_eq!(judged(id, Some(edit)), Finding::Absent(what), "{id}");
            assert!(matches!(judged(id, None), Finding::Open(Why::Needs(_))), "{id}");
        }
        assert!(matches!(judged("dele.range", None), Finding::Open(Why::Needs("--allow marks"))));
    }
}
