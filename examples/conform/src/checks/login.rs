//! USER and PASS.

use super::REFUSED;
use crate::check::{Check, Edit, Finding, Legal, Needs, Probe, Seen, Twist, Why};
use crate::engine::Stop;
use crate::lab::twist::Turn;
use crate::lab::{Lab, seen};

/// What hides whether a mark was kept.
pub(super) const REMOVES: &str = "removes a marked message at a lost connection";
/// A password that nobody has.
const WRONG: &str = "pop3-conform-wrong";

pub(super) static CHECKS: &[Check] = &[
    Check {
        id: "login.fresh",
        rows: &["1939.4.f"],
        asks: "A session begins with no message marked.",
        // A server that removes at a lost connection would lose the message.
        needs: Needs::FILL,
        legal: &[Legal { name: "no message marked", by: "RFC 1939 section 4" }],
        probe: Probe::Ask(fresh),
        breaks: &[Twist { name: "marks of the session before", edit: Edit::Code(old_marks) }],
        keeps: &[
            Twist {
                name: "no text",
                edit: Edit::Answer { to: "RSET", old: "+OK all messages are unmarked", new: "+OK" },
            },
            Twist { name: "the store adds a header line between sessions", edit: Edit::Code(growing) },
        ],
    },
    Check {
        id: "lock.retry",
        rows: &["1939.4.g", "1939.4.h"],
        asks: "A login to a locked maildrop is refused, and may be tried again when the maildrop is free.",
        needs: Needs::LOGIN,
        legal: &[
            Legal { name: "refused, then accepted", by: "RFC 1939 section 4" },
            Legal {
                name: "refused, then closed",
                by: "RFC 1939 section 4: a server may close after a failed login",
            },
            Legal { name: "both are served", by: "RFC 1939 section 4: the lock is against removal" },
        ],
        probe: Probe::Ask(locked),
        breaks: &[
            Twist { name: "no second try", edit: Edit::Code(no_second_try_in_use) },
            Twist { name: "half logged in", edit: Edit::Code(half_logged_in) },
        ],
        keeps: &[
            Twist { name: "closes after the refusal", edit: Edit::Code(closes_in_use) },
            Twist {
                name: "no lock",
                edit: Edit::Code(|turn| {
                    turn.world().unlock();
                    turn.bite();
                    turn.through();
                }),
            },
        ],
    },
    Check {
        id: "pass.argument",
        rows: &["1939.7.pass.a", "AMB.11"],
        asks: "PASS without a password is refused.",
        needs: Needs::FAILED_LOGINS,
        legal: &[REFUSED],
        probe: Probe::Ask(|lab| {
            let user = lab.facts.user.clone();
            let mut session = lab.secure()?;
            session.ask(&format!("USER {user}"))?;
            let pass = session.ask("PASS")?;
            let offence = (!pass.is_err()).then(|| pass.wrong("PASS has a password"));
            seen("refused", offence.into_iter().collect())
        }),
        breaks: &[Twist { name: "accepted", edit: Edit::Say { to: "PASS", instead: "+OK\r\n" } }],
        keeps: &[Twist { name: "no text", edit: Edit::Say { to: "PASS", instead: "-ERR\r\n" } }],
    },
    Check {
        id: "login.wrong",
        rows: &["1939.7.pass.e", "1939.7.user.b"],
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
        asks: "After a refused PASS, a name is required again, and another PASS is refused.",
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
    turn.memory.count += u64::from(turn.is("RSET"));
    match turn.is("STAT") && second && turn.memory.count == 0 {
        true => turn.replace("+OK 12 ", "+OK 11 "),
        false => turn.through(),
    }
}

/// From the second session on, message 1 has a header line more, as stores of the mbox kind add one.
fn growing(turn: &mut Turn<'_>) {
    const LINE: &[u8] = b"Status: RO\r\n";
    if turn.number() < 2 {
        return turn.through();
    }
    if super::messages::resized(turn, 1, 177, LINE.len() as i64) {
        return;
    }
    let answer = turn.pass();
    let sends = turn.is("RETR 1") || turn.is("TOP 1 *");
    match answer.iter().position(|byte| *byte == b'\n').filter(|_| sends && answer.starts_with(b"+OK")) {
        Some(end) => turn.say(&[&answer[..=end], LINE, &answer[end + 1..]].concat()),
        None => turn.say(&answer),
    }
}

fn no_second_try(turn: &mut Turn<'_>) {
    match turn.is("PASS*") && std::mem::replace(&mut turn.memory.count, 1) > 0 {
        true => turn.say(b"-ERR no\r\n"),
        false => turn.through(),
    }
}

fn is_in_use(answer: &[u8]) -> bool {
    answer.starts_with(b"-ERR [IN-USE]")
}

/// A session whose login was refused for the lock is never accepted.
fn no_second_try_in_use(turn: &mut Turn<'_>) {
    if turn.is("PASS*") && turn.memory.count > 0 {
        return turn.say(b"-ERR no\r\n");
    }
    let answer = turn.pass();
    turn.memory.count += u64::from(is_in_use(&answer));
    turn.say(&answer);
}

/// A session whose login was refused for the lock answers STAT.
fn half_logged_in(turn: &mut Turn<'_>) {
    let answer = turn.pass();
    turn.memory.count += u64::from(is_in_use(&answer));
    match turn.is("STAT") && turn.memory.count > 0 {
        true => turn.say(b"+OK 0 0\r\n"),
        false => turn.say(&answer),
    }
}

fn closes_in_use(turn: &mut Turn<'_>) {
    let answer = turn.pass();
    turn.say(&answer);
    if is_in_use(&answer) {
        turn.hang_up();
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
    let unmarked = session.ask("STAT")?;
    // The sizes may differ, because a store may add header lines between sessions.
    let count = |stat| super::numbers(stat).map(|(count, _)| count);
    if count(&before) == count(&after) {
        return Ok("no message marked");
    }
    match count(&before) == count(&unmarked) {
        true => Err(Finding::Wrong(vec![after.wrong("a mark of the session before is there")])),
        false => Err(Finding::Open(Why::Server(REMOVES))),
    }
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
            Err(Finding::Wrong(vec![response.wrong(why)]))
        }
        Ok(_) => Ok("refused"),
        Err(Stop::Closed { .. }) => Ok("closed"),
        Err(stop) => Err(stop.into()),
    }
}

/// Some servers free the maildrop a moment after the close, so the second try is repeated, in the limits of refusals.
fn locked(lab: &mut Lab) -> Seen {
    let (user, password) = (lab.facts.user.clone(), lab.facts.password.clone());
    let first = lab.login()?;
    let (mut second, refused) = lab.try_login(&user, &password)?;
    if refused.is_ok() {
        return Ok("both are served");
    }
    match second.ask("STAT") {
        Ok(stat) if stat.is_err() => {}
        Ok(stat) => return Err(Finding::Wrong(vec![stat.wrong("STAT, and the login was refused")])),
        Err(Stop::Closed { .. }) => return Ok("refused, then closed"),
        Err(stop) => return Err(stop.into()),
    }
    drop(first);
    // The maildrop is free if a new session can open it.
    drop(lab.login()?);
    let again = match lab.facts.apop {
        true => lab.apop(&mut second, &user, &password),
        false => second.ask(&format!("USER {user}")).and_then(|_| lab.pass(&mut second, &password)),
    };
    match again {
        Ok(again) if again.is_ok() => Ok("refused, then accepted"),
        Ok(again) if crate::lab::is_locked(&again) => {
            Err(Finding::Open(Why::Mailbox("a lock that stays for a while")))
        }
        Ok(again) => Err(Finding::Wrong(vec![again.wrong("refused, and the maildrop is free")])),
        Err(Stop::Closed { .. }) => Ok("refused, then closed"),
        Err(stop) => Err(stop.into()),
    }
}
