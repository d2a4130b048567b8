//! The checks. Each file has one static slice of them.

pub(crate) mod absent;
mod advice;
mod apop;
mod arguments;
mod auth;
mod auth_refused;
mod capa;
mod codes;
mod deletion;
pub(crate) mod dialogues;
mod language;
mod limits;
mod lines;
mod listings;
mod login;
mod mechanisms;
mod messages;
mod numbers;
mod pipelining;
mod session;
mod stls;
mod time;
mod update;

use crate::check::{Check, Finding, Legal, Offence, Seen, Why};
use crate::engine::session::MOST_REFUSALS;
use crate::engine::{Heard, Response, Session, Stop};
use crate::lab::{Lab, State, seen};

/// All checks, file by file.
static FILES: &[&[Check]] = &[
    lines::CHECKS,
    session::CHECKS,
    listings::CHECKS,
    numbers::CHECKS,
    messages::CHECKS,
    login::CHECKS,
    deletion::CHECKS,
    update::CHECKS,
    capa::CHECKS,
    stls::CHECKS,
    auth::CHECKS,
    auth_refused::CHECKS,
    mechanisms::CHECKS,
    apop::CHECKS,
    language::CHECKS,
    codes::CHECKS,
    time::CHECKS,
    arguments::CHECKS,
    limits::CHECKS,
    pipelining::CHECKS,
    advice::CHECKS,
];

/// Returns all checks, in the order of reports.
pub fn all() -> impl Iterator<Item = &'static Check> {
    FILES.iter().copied().flatten().chain(dialogues::CHECKS.iter())
}

/// Returns the check with this id.
#[must_use]
pub fn find(id: &str) -> Option<&'static Check> {
    all().find(|check| check.id == id)
}

/// Returns the checks whose id, or one of whose rows, begins with one of these patterns. Without patterns, returns all.
#[must_use]
pub fn select(patterns: &[String]) -> Vec<&'static Check> {
    let begins = |name: &str| patterns.iter().any(|pattern| name.starts_with(pattern.trim_end_matches('*')));
    all()
        .filter(|check| patterns.is_empty() || begins(check.id) || check.rows.iter().any(|row| begins(row)))
        .collect()
}

/// The legal answers of [`all_refused`].
const REFUSED: Legal = Legal { name: "refused", by: "RFC 1939 section 3" };
const HANGS_UP: Legal = Legal {
    name: "hangs up after several",
    by: "practice: servers limit the bad commands of one connection (ROB.16)",
};

/// Sends each command, in as few sessions as its refusals allow. Each must be refused, and `after` may look at the session then. A
/// server may hang up, but not at the first bad command of a session.
fn all_refused(
    lab: &mut Lab,
    state: State,
    commands: &[&str],
    why: &str,
    mut after: impl FnMut(&mut Session, &Response) -> Result<Option<Offence>, Stop>,
) -> Seen {
    let (mut offences, mut hung_up) = (Vec::new(), false);
    let mut session = lab.session(state)?;
    let mut rest = commands.iter();
    let mut command = rest.next();
    while let Some(asked) = command {
        let fresh = session.refusals() == 0;
        match session.ask(asked) {
            Ok(response) if response.is_err() => offences.extend(after(&mut session, &response)?),
            Ok(response) => offences.push(response.wrong(format!("{asked:?}: {why}"))),
            // The same command again, as the first of a session.
            Err(Stop::Closed { .. }) if !fresh => {
                hung_up = true;
                drop(session);
                session = lab.session(state)?;
                continue;
            }
            Err(Stop::Closed { session, at, .. }) => {
                let why = format!("{asked:?}: closed without a response, at the first bad command");
                offences.push(Offence::new(why, session, at));
                break;
            }
            Err(stop) => return Err(stop.into()),
        }
        command = rest.next();
        // What was accepted may have changed the session.
        if command.is_some() && (session.refusals() >= MOST_REFUSALS || !offences.is_empty()) {
            drop(session);
            session = lab.session(state)?;
        }
    }
    seen(if hung_up { HANGS_UP.name } else { REFUSED.name }, offences)
}

/// For commands after which the session needs no look.
fn nothing_after(_: &mut Session, _: &Response) -> Result<Option<Offence>, Stop> {
    Ok(None)
}

/// Returns the two numbers with which the text of a response begins.
fn numbers(response: &Response) -> Option<(u64, u64)> {
    let text = response.text();
    let mut words = text.split(' ').map(number);
    response.is_ok().then_some((words.next()??, words.next()??))
}

/// Returns a decimal number, without a sign.
fn number(word: &str) -> Option<u64> {
    word.bytes().all(|byte| byte.is_ascii_digit()).then(|| word.parse().ok())?
}

/// Returns the two numbers with which a row begins.
fn pair(row: &Heard) -> Option<(u64, u64)> {
    let text = row.text();
    let mut words = text.split(' ').map(number);
    Some((words.next()??, words.next()??))
}

/// Returns the numbers of up to `most` messages, the first and the last among them, with their sizes from LIST.
fn sample(session: &mut Session, most: usize) -> Result<Vec<(u64, u64)>, Finding> {
    let list = session.ask("LIST")?;
    let rows: Vec<(u64, u64)> = list.rows.iter().filter_map(pair).collect();
    if rows.is_empty() {
        return Err(Finding::Open(Why::Mailbox("no message")));
    }
    Ok(spread(&rows, most))
}

/// Returns up to `most` of these messages, the first and the last among them.
fn spread(rows: &[(u64, u64)], most: usize) -> Vec<(u64, u64)> {
    if rows.len() <= most {
        return rows.to_vec();
    }
    let step = rows.len().div_ceil(most.max(2) - 1).max(1);
    let mut some: Vec<(u64, u64)> = rows.iter().copied().step_by(step).collect();
    some.extend(rows.last().filter(|last| some.last() != Some(last)));
    some
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{self, Weight};
    use std::collections::BTreeSet;

    #[test]
    fn each_check_is_declared_completely() {
        let mut ids = BTreeSet::new();
        for check in all() {
            let id = check.id;
            assert!(ids.insert(id), "{id}: twice");
            assert!(!check.breaks.is_empty(), "{id}: without breaks, nobody knows whether it can be red");
            assert!(!check.legal.is_empty() && !check.rows.is_empty(), "{id}");
            assert!(check.asks.ends_with('.'), "{id}: {}", check.asks);
            let mut names = BTreeSet::new();
            for twist in check.breaks.iter().chain(check.keeps) {
                assert!(names.insert(twist.name), "{id}: two twists are named {:?}", twist.name);
            }
        }
    }

    /// A violated recommendation is a warning, and a violated rule is a failure. So no check may have both kinds of rows.
    #[test]
    fn all_rows_of_a_check_weigh_the_same() {
        for check in all() {
            let mut weights = BTreeSet::new();
            for id in check.rows {
                let row = ledger::row(id).unwrap_or_else(|| panic!("{}: there is no row {id}", check.id));
                if row.level.weight() != Weight::Nothing {
                    weights.insert(row.level.weight());
                }
            }
            assert!(weights.len() <= 1, "{}: {weights:?}", check.id);
        }
    }
}
