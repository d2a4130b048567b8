//! Ten minutes of silence, in a session of the second user, so that the first one's mailbox is free for other checks.

use crate::check::{Check, Edit, Finding, Legal, Needs, Offence, Probe, Seen, Twist};
use crate::engine::Stop;
use crate::lab::{Lab, seen};
use std::time::Duration;

pub(super) static CHECKS: &[Check] = &[Check {
    id: "timer.ten_minutes",
    rows: &["1939.3.ab"],
    asks: "A session that is silent for ten minutes is still there.",
    needs: Needs::SLOW.and(Needs::SECOND_USER),
    legal: &[Legal { name: "still there", by: "RFC 1939 section 3" }],
    probe: Probe::Ask(silence),
    breaks: &[Twist { name: "closed", edit: Edit::Say { to: "NOOP", instead: "" } }],
    keeps: &[Twist {
        name: "no text",
        edit: Edit::Answer { to: "NOOP", old: "+OK no operation", new: "+OK" },
    }],
}];

/// A little less than ten minutes, because the server's clock begins later than the kit's ends.
const SILENCE: Duration = Duration::from_secs(595);

fn silence(lab: &mut Lab) -> Seen {
    let (user, password) = lab.facts.second.clone().unwrap_or_default();
    let (mut session, response) = lab.try_login(&user, &password)?;
    if !response.is_ok() {
        return Err(Finding::Open(crate::check::Why::Login));
    }
    lab.idle(SILENCE);
    match session.ask("NOOP") {
        Ok(noop) => {
            let offence = (!noop.is_ok()).then(|| noop.wrong("not answered after ten minutes of silence"));
            seen("still there", offence.into_iter().collect())
        }
        Err(Stop::Closed { session, at, .. }) => {
            let why = "closed within ten minutes of silence".to_owned();
            Err(Finding::Wrong(vec![Offence::new(why, session, at)]))
        }
        Err(stop) => Err(stop.into()),
    }
}
