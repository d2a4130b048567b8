//! APOP: the timestamp of the greeting, and the digest.

use super::{HANGS_UP, REFUSED, all_refused, nothing_after};
use crate::check::{Check, Edit, Finding, Legal, Needs, Probe, Seen, Twist};
use crate::engine::{Response, Session};
use crate::lab::twist::Turn;
use crate::lab::{Lab, State, seen};

pub(super) static CHECKS: &[Check] = &[
    Check {
        id: "apop.timestamp",
        rows: &["1939.7.apop.b", "2449.3.e"],
        asks: "A timestamp in the greeting looks like a message id: in angle brackets, with one @, without spaces.",
        needs: Needs::NOTHING,
        legal: &[Legal { name: "a message id", by: "RFC 1939 section 7" }],
        probe: Probe::Ask(timestamp),
        breaks: &[
            Twist {
                name: "a space",
                edit: Edit::Answer { to: "greeting", old: ".1704067200@", new: " 1704067200@" },
            },
            Twist { name: "no end", edit: Edit::Answer { to: "greeting", old: "example>", new: "example" } },
            Twist { name: "two @", edit: Edit::Answer { to: "greeting", old: "@conform", new: "@@conform" } },
        ],
        keeps: &[Twist {
            name: "words after it",
            edit: Edit::Answer { to: "greeting", old: "example>", new: "example> welcome" },
        }],
    },
    Check {
        id: "apop.unique",
        rows: &["1939.7.apop.c"],
        asks: "Each greeting has another timestamp.",
        needs: Needs::NOTHING,
        legal: &[Legal { name: "another one", by: "RFC 1939 section 7" }],
        probe: Probe::Ask(|lab| {
            let mut seen_before = Vec::new();
            for _ in 0..3 {
                let (greeting, stamp) = stamp(lab)?;
                if seen_before.contains(&stamp) {
                    return Err(Finding::Wrong(vec![greeting.wrong("the timestamp of an earlier greeting")]));
                }
                seen_before.push(stamp);
            }
            Ok("another one")
        }),
        breaks: &[Twist { name: "always the same", edit: Edit::Code(same_stamp) }],
        keeps: &[Twist { name: "byte by byte", edit: Edit::Drip }],
    },
    Check {
        id: "apop.arguments",
        rows: &["1939.7.apop.d"],
        asks: "APOP without a name and a digest is refused.",
        needs: Needs::NOTHING,
        legal: &[REFUSED, HANGS_UP],
        probe: Probe::Ask(|lab| {
            stamp(lab)?;
            let commands = ["APOP", "APOP conform", "APOP conform c4c9334b"];
            all_refused(lab, State::Authorization, &commands, "no name and digest", nothing_after)
        }),
        breaks: &[Twist { name: "a name alone", edit: Edit::Say { to: "APOP conform", instead: "+OK\r\n" } }],
        keeps: &[Twist {
            name: "hangs up at the second",
            edit: Edit::Code(|turn| super::session::hang_up_at(turn, 2)),
        }],
    },
    Check {
        id: "apop.login",
        rows: &["1939.7.apop.a", "1939.7.apop.e"],
        asks: "APOP with the right digest logs in.",
        needs: Needs::APOP,
        legal: &[Legal { name: "logged in", by: "RFC 1939 section 7" }],
        probe: Probe::Ask(|lab| {
            let (mut session, apop) = lab.unlocked(|lab| {
                let mut session = lab.secure()?;
                let response = digest(lab, &mut session, "")?;
                Ok((session, response))
            })?;
            if !apop.is_ok() {
                return Err(Finding::Wrong(vec![apop.wrong("the right digest is refused")]));
            }
            let stat = session.ask("STAT")?;
            let offence = (!stat.is_ok()).then(|| stat.wrong("STAT is refused after the login"));
            seen("logged in", offence.into_iter().collect())
        }),
        breaks: &[
            Twist { name: "refused", edit: Edit::Say { to: "APOP*", instead: "-ERR no\r\n" } },
            Twist {
                name: "the digest of another timestamp",
                edit: Edit::Answer { to: "greeting", old: ".1704067200@", new: ".1704067201@" },
            },
        ],
        keeps: &[Twist {
            name: "no text",
            edit: Edit::Answer { to: "APOP*", old: "+OK maildrop open", new: "+OK" },
        }],
    },
    Check {
        id: "apop.wrong",
        rows: &["1939.7.apop.g"],
        asks: "A wrong digest is refused, and the login may be tried again.",
        needs: Needs::APOP.and(Needs::FAILED_LOGINS),
        legal: &[
            Legal { name: "refused, then accepted", by: "RFC 1939 section 7" },
            Legal { name: "refused, then closed", by: "practice: a server may close after a failed login" },
        ],
        probe: Probe::Ask(|lab| {
            let mut session = lab.secure()?;
            let wrong = digest(lab, &mut session, "x")?;
            if !wrong.is_err() {
                return Err(Finding::Wrong(vec![wrong.wrong("a wrong digest is accepted")]));
            }
            match digest(lab, &mut session, "") {
                Ok(right) if right.is_ok() => Ok("refused, then accepted"),
                Ok(right) => {
                    Err(Finding::Wrong(vec![right.wrong("the right digest is refused after a wrong one")]))
                }
                Err(Finding::Open(crate::check::Why::Closed)) => Ok("refused, then closed"),
                Err(finding) => Err(finding),
            }
        }),
        breaks: &[
            Twist { name: "any digest", edit: Edit::Code(any_digest) },
            Twist { name: "no second try", edit: Edit::Code(no_second_try) },
        ],
        keeps: &[Twist {
            name: "closes",
            edit: Edit::Code(|turn| {
                let answer = turn.pass();
                turn.say(&answer);
                if turn.is("APOP*") && answer.starts_with(b"-ERR") {
                    turn.hang_up();
                }
            }),
        }],
    },
];

/// All greetings have the timestamp of the first session.
fn same_stamp(turn: &mut Turn<'_>) {
    let mine = format!("<{}.", turn.number());
    match turn.is("greeting") && turn.number() > 1 {
        true => turn.replace(&mine, "<1."),
        false => turn.through(),
    }
}

fn any_digest(turn: &mut Turn<'_>) {
    let answer = turn.pass();
    match turn.is("APOP*") && answer.starts_with(b"-ERR [AUTH]") {
        true => turn.say(b"+OK\r\n"),
        false => turn.say(&answer),
    }
}

fn no_second_try(turn: &mut Turn<'_>) {
    match turn.is("APOP*") && std::mem::replace(&mut turn.memory.count, 1) > 0 {
        true => turn.say(b"-ERR no\r\n"),
        false => turn.through(),
    }
}

/// Returns the timestamp of a new session, if it has an @, as a message id has.
pub(super) fn stamp(lab: &mut Lab) -> Result<(Response, String), Finding> {
    let mut session = lab.open()?;
    let greeting = session.greeting()?;
    let stamp = session.timestamp().filter(|stamp| stamp.contains('@'));
    Ok((greeting, stamp.ok_or(Finding::Absent("APOP"))?))
}

/// A text with a bracket and an @ after it is a timestamp: `Welcome <friend>` is not.
fn timestamp(lab: &mut Lab) -> Seen {
    let greeting = lab.open()?.greeting()?;
    let text = greeting.line.text();
    let start = text.find('<').filter(|start| text[*start..].contains('@'));
    let start = start.ok_or(Finding::Absent("APOP"))?;
    let inside = text[start + 1..].split('>').next().unwrap_or_default();
    let why = if !text[start..].contains('>') {
        Some("a timestamp without an end")
    } else if inside.split('@').count() != 2 || inside.starts_with('@') || inside.ends_with('@') {
        Some("not one @ between two parts")
    } else if inside.bytes().any(|byte| !byte.is_ascii_graphic()) {
        Some("a character that no message id has")
    } else {
        None
    };
    seen("a message id", why.map(|why| greeting.line.wrong(start, why)).into_iter().collect())
}

/// Sends APOP with the digest of the password and this suffix.
fn digest(lab: &mut Lab, session: &mut Session, suffix: &str) -> Result<Response, Finding> {
    session.timestamp().ok_or(Finding::Absent("APOP"))?;
    let (user, password) = (lab.facts.user.clone(), format!("{}{suffix}", lab.facts.password));
    Ok(lab.apop(session, &user, &password)?)
}
