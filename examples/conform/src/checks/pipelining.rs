//! PIPELINING: several commands in one segment.

use super::capa::{capabilities, words_of};
use super::numbers;
use crate::check::{Check, Edit, Finding, Legal, Needs, Offence, Probe, Seen, Twist, Why};
use crate::engine::{Response, Session, Stop};
use crate::lab::twist::Turn;
use crate::lab::{Lab, seen};

pub(super) static CHECKS: &[Check] = &[
    Check {
        id: "pipelining.order",
        rows: &["2449.6.6.a", "2449.6.6.b"],
        asks: "Commands that are sent at once are each answered, in their order.",
        needs: Needs::LOGIN,
        legal: &[Legal { name: "each in its turn", by: "RFC 2449 section 6.6" }],
        probe: Probe::Ask(|lab| {
            announced(lab)?;
            let mut session = lab.login()?;
            let commands = ["STAT", "LIST", "NOOP", "STAT"];
            session.send_raw(commands.map(|command| format!("{command}\r\n")).concat().as_bytes());
            seen("each in its turn", in_turn(&mut session, &commands)?)
        }),
        breaks: &[
            Twist { name: "only the first is read", edit: Edit::Code(only_first) },
            Twist { name: "NOOP is lost", edit: Edit::Code(|turn| lost(turn, "NOOP")) },
        ],
        keeps: &[Twist { name: "byte by byte", edit: Edit::Drip }],
    },
    Check {
        id: "pipelining.login",
        rows: &["2449.6.6.b"],
        asks: "What is sent together with the login is answered after it.",
        needs: Needs::LOGIN,
        legal: &[Legal { name: "each in its turn", by: "RFC 2449 section 6.6" }],
        probe: Probe::Ask(with_login),
        breaks: &[Twist { name: "lost at the login", edit: Edit::Code(lost_at_login) }],
        keeps: &[Twist { name: "byte by byte", edit: Edit::Drip }],
    },
    Check {
        id: "pipelining.failed_login",
        rows: &["ROB.39"],
        asks: "What is sent together with a login that fails is refused.",
        needs: Needs::FAILED_LOGINS,
        legal: &[
            Legal { name: "refused", by: "RFC 1939 section 5" },
            Legal { name: "closes", by: "practice: a server may close after a failed login" },
        ],
        probe: Probe::Ask(failed_login),
        breaks: &[Twist {
            name: "STAT is answered",
            edit: Edit::Code(|turn| {
                let answer = turn.pass();
                match turn.is("STAT") && answer.starts_with(b"-ERR") {
                    true => turn.say(b"+OK 0 0\r\n"),
                    false => turn.say(&answer),
                }
            }),
        }],
        keeps: &[Twist {
            name: "closes",
            edit: Edit::Code(|turn| {
                turn.through();
                if turn.is("PASS pop3-conform-wrong") {
                    turn.hang_up();
                }
            }),
        }],
    },
];

/// Of commands that arrive at once, the first is read and the others are lost.
fn only_first(turn: &mut Turn<'_>) {
    let is_lost = turn.memory.count > 0;
    turn.memory.count = u64::from(turn.follows);
    if !is_lost {
        turn.through();
    }
}

/// This command is lost if more follows.
fn lost(turn: &mut Turn<'_>, command: &str) {
    if !turn.is(command) || !turn.follows {
        turn.through();
    }
}

/// What arrives together with PASS is lost.
fn lost_at_login(turn: &mut Turn<'_>) {
    let is_lost = turn.memory.count > 0;
    turn.memory.count = u64::from(turn.follows && (is_lost || turn.is("PASS*")));
    if !is_lost {
        turn.through();
    }
}

pub(super) fn announced(lab: &mut Lab) -> Result<(), Finding> {
    let (_, tags) = capabilities(&mut lab.secure()?)?;
    words_of(&tags, "PIPELINING").map(drop).ok_or(Finding::Absent("PIPELINING"))
}

/// Reads a response to each command. If one is lost, the response to NOOP, which is sent then, proves it.
fn in_turn(session: &mut Session, commands: &[&str]) -> Result<Vec<Offence>, Finding> {
    for command in commands {
        let response = match session.response(command) {
            Err(Stop::Silent) => {
                session.send("NOOP");
                let noop = session.response("NOOP")?;
                // A server that is only slow sends both.
                if session.response("NOOP").is_ok() {
                    return Err(Finding::Open(Why::Silent));
                }
                return Ok(vec![noop.wrong(format!("the response to a later command: {command} is lost"))]);
            }
            response => response?,
        };
        let belongs = match *command {
            "STAT" => numbers(&response).is_some(),
            // It may be refused, if a message cannot be removed.
            "QUIT" => response.is_ok() || response.is_err(),
            _ => response.is_ok(),
        };
        if !belongs {
            return Ok(vec![response.wrong(format!("not a response to {command}"))]);
        }
    }
    Ok(Vec::new())
}

/// Sends USER and PASS, and these commands, in one segment. The password is masked.
fn send_all(session: &mut Session, user: &str, password: &str, then: &str) {
    let sent = format!("USER {user}\r\nPASS {password}\r\n{then}");
    let shown = format!("USER {user}\r\nPASS ***\r\n{then}");
    session.send_shown(sent.as_bytes(), shown.as_bytes());
}

fn with_login(lab: &mut Lab) -> Seen {
    announced(lab)?;
    let (user, password) = (lab.facts.user.clone(), lab.facts.password.clone());
    let (mut session, pass) = lab.unlocked(|lab| {
        let mut session = lab.secure()?;
        send_all(&mut session, &user, &password, "STAT\r\nNOOP\r\nQUIT\r\n");
        session.response("USER")?;
        let pass = session.response("PASS ***")?;
        lab.note_login(&mut session, &pass);
        Ok((session, pass))
    })?;
    if !pass.is_ok() {
        return Err(Finding::Open(Why::Login));
    }
    seen("each in its turn", in_turn(&mut session, &["STAT", "NOOP", "QUIT"])?)
}

fn failed_login(lab: &mut Lab) -> Seen {
    announced(lab)?;
    let user = lab.facts.user.clone();
    let mut session = lab.secure()?;
    send_all(&mut session, &user, "pop3-conform-wrong", "STAT\r\nLIST\r\n");
    let mut offences = Vec::new();
    let user: Response = session.response("USER")?;
    if !user.is_ok() {
        return Err(Finding::Open(Why::Login));
    }
    for command in ["PASS ***", "STAT", "LIST"] {
        match session.response(command) {
            Ok(response) if response.is_err() => {}
            Ok(response) => offences.push(response.wrong(format!("{command}, and the login has failed"))),
            Err(Stop::Closed { .. }) if offences.is_empty() => return Ok("closes"),
            Err(stop) if offences.is_empty() => return Err(stop.into()),
            Err(_) => break,
        }
    }
    seen("refused", offences)
}
