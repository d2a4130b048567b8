//! Proves the kit by itself: every check against the good server, under its own twists, and every twist against all checks.

use crate::check::{Check, Edit, Probe, Twist};
use crate::checks;
use crate::lab::between::InMemory;
use crate::lab::{Facts, Lab};
use crate::pool;
use crate::run::{self, Verdict};
use std::fmt::Write as _;
use std::rc::Rc;
use std::sync::OnceLock;

/// What came of it.
#[derive(Clone, Default, Debug)]
pub struct Proof {
    /// What is wrong with the kit, one line each. Empty if it is proved.
    pub faults: Vec<String>,
    /// The matrix: a line for each twist, with what it does to other checks.
    pub matrix: String,
    pub checks: usize,
    pub twists: usize,
}

/// Runs one check in a fresh world. Returns its verdict, and how often the twist changed something.
#[must_use]
pub fn under(check: &'static Check, twist: Option<Twist>) -> (Verdict, u64) {
    let dial = InMemory::new(twist);
    let bites = Rc::clone(&dial.bites);
    // Made once, because worlds are many, and the corpus is long.
    thread_local!(static FACTS: Rc<Facts> = Rc::new(InMemory::facts()));
    let mut lab = Lab::new(Box::new(dial), FACTS.with(Rc::clone));
    if matches!(check.probe, Probe::Watch(_)) {
        // If it is not complete, the watcher looks at what there is.
        let _ = run::walk(&mut lab);
    }
    let verdict = run::verdict(check, run::judge(check, &mut lab));
    (verdict, bites.get())
}

/// Proves these checks. The matrix has the twists of these checks against all checks.
#[must_use]
pub fn prove(selected: &[&'static Check]) -> Proof {
    let mut proof = Proof { checks: selected.len(), ..Proof::default() };
    for one in pool::map(selected, |check| one(check)) {
        proof.faults.extend(one.faults);
        proof.matrix.push_str(&one.matrix);
        proof.twists += one.twists;
    }
    proof
}

fn one(check: &'static Check) -> Proof {
    let mut proof = Proof::default();
    let (verdict, _) = under(check, None);
    let mut legal = Vec::new();
    match verdict {
        Verdict::Green(name) => legal.push(name),
        verdict => proof.faults.push(format!("{}: not green on the good server: {verdict:?}", check.id)),
    }
    for (kind, twists) in [("breaks", check.breaks), ("keeps", check.keeps)] {
        for twist in twists {
            proof.twist(check, twist, kind, &mut legal);
        }
    }
    for answer in check.legal.iter().filter(|answer| !legal.contains(&answer.name)) {
        proof.faults.push(format!("{}: the legal answer {:?} is never seen", check.id, answer.name));
    }
    proof
}

/// Returns what all other checks find under this twist.
fn others(check: &'static Check, twist: &Twist) -> Vec<(&'static Check, Verdict)> {
    // Many checks have this keep, and it is slow.
    static DRIPPED: OnceLock<Vec<(&Check, Verdict)>> = OnceLock::new();
    let find = || checks::all().map(|other| (other, under(other, Some(*twist)).0)).collect();
    let mut found = match twist.edit {
        Edit::Drip => DRIPPED.get_or_init(find).clone(),
        _ => find(),
    };
    found.retain(|(other, _)| !std::ptr::eq(*other, check));
    found
}

impl Proof {
    fn twist(&mut self, check: &'static Check, twist: &Twist, kind: &str, legal: &mut Vec<&'static str>) {
        self.twists += 1;
        let place = format!("{} {kind} {:?}", check.id, twist.name);
        let (verdict, bites) = under(check, Some(*twist));
        if bites == 0 {
            self.faults.push(format!("{place}: it changes nothing"));
        }
        match (kind, &verdict) {
            ("breaks", verdict) if verdict.is_red() => {}
            ("keeps", Verdict::Green(name)) => legal.push(name),
            (_, verdict) => self.faults.push(format!("{place}: {verdict:?}")),
        }
        let (mut red, mut open) = (Vec::new(), Vec::new());
        for (other, verdict) in others(check, twist) {
            if verdict.is_red() {
                red.push(other.id);
                // A keep violates no rule, but another check may watch over a recommendation that it does not follow.
                if kind == "keeps" && matches!(verdict, Verdict::Fail(_)) {
                    self.faults.push(format!("{place}: {} is red: {verdict:?}", other.id));
                }
            } else if !verdict.is_green() {
                open.push(other.id);
            }
        }
        self.matrix.push_str(&place);
        for (word, ids) in [("red", red), ("no verdict", open)] {
            if !ids.is_empty() {
                let _ = write!(self.matrix, "; {word}: {}", ids.join(" "));
            }
        }
        self.matrix.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{Finding, Legal, Needs, Seen};
    use crate::lab::seen;

    const LEGAL: &[Legal] = &[Legal { name: "+OK", by: "RFC 1939 section 5" }];
    const REFUSED: Twist =
        Twist { name: "refused", edit: Edit::Answer { to: "NOOP", old: "+OK", new: "-ERR" } };

    const fn check(
        legal: &'static [Legal],
        probe: fn(&mut Lab) -> Seen,
        twists: [&'static [Twist]; 2],
    ) -> Check {
        let [breaks, keeps] = twists;
        let probe = Probe::Ask(probe);
        Check {
            id: "noop",
            rows: &["1939.5.noop.a"],
            asks: "",
            needs: Needs::LOGIN,
            legal,
            probe,
            breaks,
            keeps,
        }
    }

    fn noop(lab: &mut Lab) -> Seen {
        let response = lab.login()?.ask("NOOP")?;
        let offence = (!response.is_ok()).then(|| response.wrong("refused"));
        seen("+OK", offence.into_iter().collect())
    }

    #[test]
    fn a_check_that_cannot_be_trusted_is_a_fault() {
        static GOOD: Check = check(LEGAL, noop, [&[REFUSED], &[]]);
        static BLIND: Check = check(LEGAL, |_| Ok("+OK"), [&[REFUSED], &[]]);
        static UNLISTED: Check = check(LEGAL, |_| Ok("fine"), [&[], &[]]);
        static WRONG: Check = check(LEGAL, noop, [&[], &[REFUSED]]);
        static NEVER_SEEN: Check =
            check(&[Legal { name: "never", by: "" }, Legal { name: "+OK", by: "" }], noop, [&[], &[]]);
        static PANICS: Check = check(LEGAL, |_| Err(Finding::Wrong(Vec::new())), [&[], &[]]);
        const NO_BITE: Twist =
            Twist { name: "nothing", edit: Edit::Answer { to: "NOOP", old: "+ok", new: "" } };
        static TOOTHLESS: Check = check(LEGAL, noop, [&[NO_BITE], &[]]);
        for (check, fault) in [
            (&GOOD, ""),
            (&BLIND, "noop breaks \"refused\": it changes nothing"),
            (&UNLISTED, "is not among the legal answers"),
            (&WRONG, "noop keeps \"refused\": Fail"),
            (&NEVER_SEEN, "the legal answer \"never\" is never seen"),
            (&PANICS, "wrong, without an offence"),
            (&TOOTHLESS, "noop breaks \"nothing\": it changes nothing"),
        ] {
            let faults = prove(&[check]).faults;
            assert_eq!(faults.is_empty(), fault.is_empty(), "{fault}: {faults:?}");
            assert!(
                fault.is_empty() || faults.iter().any(|other| other.contains(fault)),
                "{fault}: {faults:?}"
            );
        }
    }
}
