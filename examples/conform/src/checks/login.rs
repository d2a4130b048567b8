//! USER and PASS.

use super::{HANGS_UP, REFUSED, all_refused, nothing_after};
use crate::check::{Check, Edit, Finding, Legal, Needs, Offence, Probe, Seen, Twist, Why};
use crate::engine::Stop;
use crate::lab::twist::Turn;
use crate::lab::{Lab, State, seen};

/// A password that nobody has.
const WRONG: &str = "pop3-conform-wrong";

pub(super) static CHECKS: &[Check] = &[
    Check {
        id: "pass.needs_user",
        rows: &["1939.7.pass.c"],
        asks: "PASS without an accepted USER before it is refused.",
        needs: Needs::NOTHING,
        legal: &[REFUSED],
        probe: Probe::Ask(|lab| {
            all_refused(
                lab,
                State::Authorization,
                &["PASS pop3-conform"],
                "no USER was accepted",
                nothing_after,
            )
        }),
        breaks: &[Twist {
            name: "accepted",
            edit: Edit::Say { to: "PASS pop3-conform", instead: "+OK send USER\r\n" },
        }],
        keeps: &[Twist { name: "no text", edit: Edit::Say { to: "PASS pop3-conform", instead: "-ERR\r\n" } }],
    },
    Check {
        id: "user.argument",
        rows: &["1939.7.user.a"],
        asks: "USER without a name is refused.",
        needs: Needs::NOTHING,
        legal: &[REFUSED, HANGS_UP],
        probe: Probe::Ask(|lab| {
            all_refused(lab, State::Authorization, &["USER", "XYZZY", "USER"], "no name", nothing_after)
        }),
        breaks: &[Twist { name: "accepted", edit: Edit::Say { to: "USER", instead: "+OK\r\n" } }],
        keeps: &[Twist {
            name: "hangs up at the second",
            edit: Edit::Code(|turn| super::session::hang_up_at(turn, 2)),
        }],
    },
    Check {
        id: "login.fresh",
        rows: &["1939.4.f"],
        asks: "A session begins with no message marked.",
        // A server that removes at a lost connection would lose the message.
        needs: Needs::FILL,
        legal: &[Legal { name: "no message marked", by: "RFC 1939 section 4" }],
        probe: Probe::Ask(fresh),
        breaks: &[Twist { name: "marks of the session before", edit: Edit::Code(old_marks) }],
        keeps: &[Twist {
            name: "no text",
            edit: Edit::Answer { to: "RSET", old: "+OK all messages are unmarked", new: "+OK" },
        }],
    },
    Check {
        id: "login.wrong",
        rows: &["1939.7.pass.e"],
        asks: "A wrong password is refused, and the login may be tried again.",
        needs: Needs::FAILED_LOGINS,
        legal: &[
            Legal { name: "refused, then accepted", by: "RFC 1939 section 7" },
            Legal {
                name: "refused, then closed",
                by: "RFC 1939 section 4: a server may close after a failed login",
            },
        ],
        probe: Probe::Ask(wrong_password),
        breaks: &[
            Twist { name: "accepted", edit: Edit::Say { to: "PASS pop3-conform-wrong", instead: "+OK\r\n" } },
            Twist { name: "no second try", edit: Edit::Code(no_second_try) },
        ],
        keeps: &[Twist {
            name: "closes after the refusal",
            edit: Edit::Code(|turn| {
                turn.through();
                if turn.is("PASS pop3-conform-wrong") {
                    turn.hang_up();
                }
            }),
        }],
    },
    Check {
        id: "login.name_used_up",
        rows: &["1939.7.pass.d"],
        asks: "After a refused PASS a name is due again, and another PASS is refused.",
        needs: Needs::FAILED_LOGINS,
        legal: &[
            Legal { name: "refused", by: "RFC 1939 section 7" },
            Legal { name: "closed", by: "RFC 1939 section 4: a server may close after a failed login" },
        ],
        probe: Probe::Ask(name_used_up),
        breaks: &[Twist { name: "the name stays", edit: Edit::Code(name_stays) }],
        keeps: &[Twist {
            name: "closes after the refusal",
            edit: Edit::Code(|turn| {
                turn.through();
                if turn.is("PASS pop3-conform-wrong") {
                    turn.hang_up();
                }
            }),
        }],
    },
];

/// The first login of a session after one with a mark lacks a message.
fn old_marks(turn: &mut Turn<'_>) {
    let second = turn.number() > 1;
    match turn.is("STAT") && second {
        true => turn.replace("+OK 12 ", "+OK 11 "),
        false => turn.through(),
    }
}

fn no_second_try(turn: &mut Turn<'_>) {
    match turn.is("PASS*") && std::mem::replace(&mut turn.memory.count, 1) > 0 {
        true => turn.say(b"-ERR no\r\n"),
        false => turn.through(),
    }
}

/// The server keeps the name after a refused PASS.
fn name_stays(turn: &mut Turn<'_>) {
    if turn.is("USER*") {
        turn.memory.bytes = turn.command.clone().into_bytes();
        return turn.through();
    }
    let answer = turn.pass();
    turn.say(&answer);
    if turn.is("PASS*") && answer.starts_with(b"-ERR") {
        let user = String::from_utf8_lossy(&turn.memory.bytes).into_owned();
        turn.ask(&user);
    }
}

/// Marks a message, closes without QUIT, and counts again.
fn fresh(lab: &mut Lab) -> Seen {
    let mut session = lab.login()?;
    let before = session.ask("STAT")?;
    let some = super::sample(&mut session, 2)?;
    for (message, _) in some.iter().take(1) {
        session.ask(&format!("DELE {message}"))?;
    }
    drop(session);
    let mut session = lab.login()?;
    let after = session.ask("STAT")?;
    session.ask("RSET")?;
    let (before, now) = (super::numbers(&before), super::numbers(&after));
    let offence = (before != now).then(|| after.wrong("a mark of the session before is there"));
    seen("no message marked", offence.into_iter().collect())
}

fn wrong_password(lab: &mut Lab) -> Seen {
    let (user, password) = (lab.facts.user.clone(), lab.facts.password.clone());
    let (mut session, refused) = lab.try_login(&user, WRONG)?;
    if refused.is_ok() {
        return Err(Finding::Wrong(vec![refused.wrong("a wrong password is accepted")]));
    }
    let again = session.ask(&format!("USER {user}"));
    let again =
        again.and_then(|user| if user.is_ok() { lab.pass(&mut session, &password) } else { Ok(user) });
    match again {
        Ok(response) if response.is_ok() => Ok("refused, then accepted"),
        Ok(response) => {
            Err(Finding::Wrong(vec![response.wrong("the right password is refused after a wrong one")]))
        }
        Err(Stop::Closed { .. }) => Ok("refused, then closed"),
        Err(stop) => Err(stop.into()),
    }
}

fn name_used_up(lab: &mut Lab) -> Seen {
    let (user, password) = (lab.facts.user.clone(), lab.facts.password.clone());
    let (mut session, refused) = lab.try_login(&user, WRONG)?;
    if refused.is_ok() {
        return Err(Finding::Open(Why::Mailbox("a user whose wrong password is accepted")));
    }
    match lab.pass(&mut session, &password) {
        Ok(response) if response.is_ok() => {
            let why = "the right password is accepted without a USER before it";
            Err(Finding::Wrong(vec![Offence {
                why: why.to_owned(),
                session: session.id(),
                at: response.line.at,
            }]))
        }
        Ok(_) => Ok("refused"),
        Err(Stop::Closed { .. }) => Ok("closed"),
        Err(stop) => Err(stop.into()),
    }
}
