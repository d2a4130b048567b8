//! The greeting, the states, and commands that are refused.

use super::{HANGS_UP, REFUSED, all_refused, nothing_after};
use crate::check::{Check, Edit, Finding, Legal, Needs, Offence, Probe, Seen, Twist};
use crate::engine::session::MOST_REFUSALS;
use crate::engine::{Response, Session, Stop};
use crate::lab::twist::Turn;
use crate::lab::{Lab, State, seen};

pub(super) static CHECKS: &[Check] = &[
    Check {
        id: "greeting.first",
        rows: &["1939.3.b", "1939.4.a"],
        asks: "The greeting is one line with +OK, and it is sent before any command.",
        needs: Needs::NOTHING,
        legal: &[Legal { name: "one line", by: "RFC 1939 section 4" }],
        probe: Probe::Ask(greeting),
        breaks: &[
            Twist {
                name: "two lines",
                edit: Edit::Answer { to: "greeting", old: "\r\n", new: "\r\n+OK welcome\r\n" },
            },
            Twist {
                name: "after the first command",
                edit: Edit::Code(|turn| match turn.command.as_str() {
                    "greeting" => turn.memory.bytes = turn.pass(),
                    _ => {
                        let greeting = std::mem::take(&mut turn.memory.bytes);
                        turn.say(&greeting);
                        turn.through();
                    }
                }),
            },
        ],
        keeps: &[
            Twist { name: "no text", edit: Edit::Say { to: "greeting", instead: "+OK\r\n" } },
            Twist { name: "byte by byte", edit: Edit::Drip },
        ],
    },
    Check {
        id: "quit.closes",
        rows: &["1939.6.f"],
        asks: "After the response to QUIT nothing is served any more.",
        needs: Needs::LOGIN,
        legal: &[Legal { name: "closes", by: "RFC 1939 section 6" }],
        probe: Probe::Ask(quit_closes),
        breaks: &[Twist {
            name: "goes on",
            edit: Edit::Code(|turn| match turn.command.as_str() {
                "QUIT" => turn.say(b"+OK bye\r\n"),
                _ => turn.through(),
            }),
        }],
        keeps: &[Twist { name: "no text", edit: Edit::Answer { to: "QUIT", old: "+OK bye", new: "+OK" } }],
    },
    Check {
        id: "state.early",
        rows: &["1939.5.c", "1939.3.y", "1939.3.af"],
        asks: "Commands of the TRANSACTION state are refused before the login.",
        needs: Needs::NOTHING,
        legal: &[REFUSED, HANGS_UP],
        probe: Probe::Ask(|lab| {
            let commands = ["STAT", "LIST", "RETR 1", "TOP 1 0", "UIDL", "NOOP", "RSET"];
            all_refused(lab, State::Authorization, &commands, "not refused before the login", nothing_after)
        }),
        breaks: &[
            Twist { name: "STAT", edit: Edit::Code(|turn| early(turn, "STAT", "+OK 0 0\r\n")) },
            Twist { name: "NOOP", edit: Edit::Code(|turn| early(turn, "NOOP", "+OK\r\n")) },
            Twist { name: "an empty UIDL", edit: Edit::Code(|turn| early(turn, "UIDL", "+OK\r\n.\r\n")) },
            Twist { name: "hangs up at once", edit: Edit::Code(|turn| hang_up_at(turn, 1)) },
        ],
        keeps: &[Twist { name: "hangs up at the third", edit: Edit::Code(|turn| hang_up_at(turn, 3)) }],
    },
    Check {
        id: "state.late",
        rows: &["1939.3.y"],
        asks: "USER, PASS and APOP are refused after the login, and the session goes on.",
        needs: Needs::LOGIN,
        legal: &[REFUSED, HANGS_UP],
        probe: Probe::Ask(|lab| {
            let commands = ["USER conform", "PASS conform", "APOP conform c4c9334bac560ecc979e58001b3e22fb"];
            all_refused(lab, State::Transaction, &commands, "not refused after the login", still_there)
        }),
        breaks: &[
            Twist { name: "USER", edit: Edit::Say { to: "USER conform", instead: "+OK\r\n" } },
            Twist { name: "the session is lost", edit: Edit::Code(lose_session) },
        ],
        keeps: &[
            Twist { name: "no text", edit: Edit::Say { to: "APOP conform*", instead: "-ERR\r\n" } },
            HANGS_UP_LATE,
        ],
    },
];

const HANGS_UP_LATE: Twist =
    Twist { name: "hangs up at the second", edit: Edit::Code(|turn| hang_up_at(turn, 2)) };

/// The server closes in place of this refusal of a session.
pub(super) fn hang_up_at(turn: &mut Turn<'_>, most: u64) {
    let answer = turn.pass();
    turn.memory.count += u64::from(answer.starts_with(b"-ERR"));
    match turn.memory.count >= most {
        true => turn.hang_up(),
        false => turn.say(&answer),
    }
}

/// The server accepts this command before the login.
fn early(turn: &mut Turn<'_>, command: &str, instead: &str) {
    let answer = turn.pass();
    match turn.is(command) && answer.starts_with(b"-ERR") {
        true => turn.say(instead.as_bytes()),
        false => turn.say(&answer),
    }
}

/// After USER in TRANSACTION each command is refused.
fn lose_session(turn: &mut Turn<'_>) {
    let answer = turn.pass();
    turn.memory.count += u64::from(turn.is("USER conform"));
    match turn.memory.count > 0 {
        true => turn.say(b"-ERR log in first\r\n"),
        false => turn.say(&answer),
    }
}

/// Looks whether the session goes on after a refusal.
fn still_there(session: &mut Session, _: &Response) -> Result<Option<Offence>, Stop> {
    if session.refusals() >= MOST_REFUSALS {
        return Ok(None);
    }
    match session.ask("NOOP") {
        Ok(noop) if noop.is_ok() => Ok(None),
        Ok(noop) => Ok(Some(noop.wrong("the state is lost after a refusal"))),
        Err(Stop::Closed { session, at, refusals: 1 }) => {
            let why = "closed after the first bad command".to_owned();
            Ok(Some(Offence::new(why, session, at)))
        }
        Err(Stop::Closed { .. }) => Ok(None),
        Err(stop) => Err(stop),
    }
}

fn greeting(lab: &mut Lab) -> Seen {
    let mut session = lab.open()?;
    let greeting = match session.greeting() {
        Err(Stop::Silent) => {
            // A slow server is silent again. One that waits for the client is not, so the first silence was a fault.
            drop(session);
            let mut session = lab.open()?;
            session.send("QUIT");
            let late = session.greeting()?;
            return Err(Finding::Wrong(vec![late.wrong("nothing is sent before the first command")]));
        }
        greeting => greeting?,
    };
    if !greeting.is_ok() {
        return Err(Finding::Wrong(vec![greeting.wrong("the greeting is not +OK")]));
    }
    let at = session.at();
    session.ask("QUIT")?;
    let surplus = session.until_close().is_ok_and(|rest| !rest.is_empty());
    let offence = Offence::new("a second line", session.id(), at);
    seen("one line", surplus.then_some(offence).into_iter().collect())
}

/// A server that closes is known by the close, and one that goes on by its response. Silence decides nothing.
fn quit_closes(lab: &mut Lab) -> Seen {
    let mut session = lab.login()?;
    session.ask("QUIT")?;
    match session.ask("NOOP") {
        Err(Stop::Closed { .. }) => Ok("closes"),
        Ok(response) => Err(Finding::Wrong(vec![response.wrong("a response after the one to QUIT")])),
        Err(stop) => Err(stop.into()),
    }
}
