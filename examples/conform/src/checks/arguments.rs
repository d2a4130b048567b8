//! Arguments that are missing, too many, or not what they should be.

use super::{HANGS_UP, REFUSED, all_refused, nothing_after};
use crate::check::{Check, Edit, Finding, Legal, Needs, Probe, Seen, Twist};
use crate::lab::twist::Turn;
use crate::lab::{Lab, State, seen};

pub(super) static CHECKS: &[Check] = &[
    Check {
        id: "uidl.argument",
        rows: &["1939.7.uidl.a"],
        asks: "UIDL with a word, or with two numbers, is refused.",
        needs: Needs::LOGIN,
        legal: &[REFUSED, HANGS_UP],
        probe: Probe::Ask(|lab| {
            if !lab.login()?.ask("UIDL")?.is_ok() {
                return Err(Finding::Absent("UIDL"));
            }
            all_refused(lab, State::Transaction, &["UIDL x", "UIDL 1 2"], "not one number", nothing_after)
        }),
        breaks: &[
            Twist { name: "a word", edit: Edit::Command { from: "UIDL x", to: "UIDL" } },
            Twist { name: "two numbers", edit: Edit::Command { from: "UIDL 1 2", to: "UIDL 1" } },
        ],
        keeps: &[HANGS_UP_LATE],
    },
    Check {
        id: "command.echo",
        rows: &["ROB.18"],
        asks: "A refusal does not repeat what the client sent.",
        needs: Needs::NOTHING,
        legal: &[Legal { name: "not repeated", by: "practice: it may be a password that was mistyped" }],
        probe: Probe::Ask(|lab| {
            let response = lab.secure()?.ask("XYZZY pop3-conform-echo")?;
            let text = response.line.text();
            let place = text.find("pop3-conform-echo");
            let offence = place.map(|at| response.line.wrong(at, "the argument is repeated"));
            seen("not repeated", offence.into_iter().collect())
        }),
        breaks: &[Twist {
            name: "repeated",
            edit: Edit::Say { to: "XYZZY*", instead: "-ERR what is pop3-conform-echo?\r\n" },
        }],
        keeps: &[Twist { name: "no text", edit: Edit::Say { to: "XYZZY*", instead: "-ERR\r\n" } }],
    },
    Check {
        id: "command.required",
        rows: &["1939.5.b"],
        asks: "STAT, LIST, RETR, DELE, NOOP and RSET are there.",
        needs: Needs::MARKS,
        legal: &[Legal { name: "all are there", by: "RFC 1939 section 5" }],
        probe: Probe::Ask(required),
        breaks: &[
            Twist { name: "no RETR", edit: Edit::Say { to: "RETR*", instead: "-ERR unknown command\r\n" } },
            Twist { name: "no DELE", edit: Edit::Say { to: "DELE*", instead: "-ERR unknown command\r\n" } },
        ],
        keeps: &[Twist { name: "byte by byte", edit: Edit::Drip }],
    },
    Check {
        id: "command.optional",
        rows: &["1939.7.a", "1957.c"],
        asks: "TOP and UIDL are there.",
        needs: Needs::LOGIN,
        legal: &[Legal { name: "both are there", by: "RFC 1939 section 7" }],
        probe: Probe::Ask(|lab| {
            let mut session = lab.login()?;
            let (message, _) = super::sample(&mut session, 2)?[0];
            let mut offences = Vec::new();
            for command in [format!("TOP {message} 0"), "UIDL".to_owned()] {
                let response = session.ask(&command)?;
                if !response.is_ok() {
                    offences.push(response.wrong(format!("{command} is refused")));
                }
            }
            seen("both are there", offences)
        }),
        breaks: &[
            Twist { name: "no TOP", edit: Edit::Say { to: "TOP*", instead: "-ERR unknown command\r\n" } },
            Twist { name: "no UIDL", edit: Edit::Say { to: "UIDL*", instead: "-ERR unknown command\r\n" } },
        ],
        keeps: &[Twist { name: "byte by byte", edit: Edit::Drip }],
    },
    Check {
        id: "command.order",
        rows: &["1939.5.a", "1939.4.m"],
        asks: "Commands after the login can be sent in any order and again, and answer the same.",
        needs: Needs::LOGIN,
        legal: &[Legal { name: "the same", by: "RFC 1939 section 5" }],
        probe: Probe::Ask(any_order),
        breaks: &[
            Twist { name: "LIST only once", edit: Edit::Code(only_once) },
            Twist { name: "other numbers the second time", edit: Edit::Code(other_numbers) },
        ],
        keeps: &[Twist { name: "byte by byte", edit: Edit::Drip }],
    },
];

const HANGS_UP_LATE: Twist =
    Twist { name: "hangs up at the second", edit: Edit::Code(|turn| super::session::hang_up_at(turn, 2)) };

fn only_once(turn: &mut Turn<'_>) {
    match turn.is("LIST") && std::mem::replace(&mut turn.memory.count, 1) > 0 {
        true => turn.say(b"-ERR you have it\r\n"),
        false => turn.through(),
    }
}

/// The second LIST of a session has other numbers.
fn other_numbers(turn: &mut Turn<'_>) {
    match turn.is("LIST") && std::mem::replace(&mut turn.memory.count, 1) > 0 {
        true => turn.replace("\r\n12 ", "\r\n13 "),
        false => turn.through(),
    }
}

fn required(lab: &mut Lab) -> Seen {
    let mut session = lab.login()?;
    let (message, _) = super::sample(&mut session, 2)?[0];
    let mut offences = Vec::new();
    let (retr, dele) = (format!("RETR {message}"), format!("DELE {message}"));
    for command in ["STAT", "LIST", &retr, &dele, "NOOP", "RSET"] {
        let response = session.ask(command)?;
        if !response.is_ok() && offences.len() < 2 {
            offences.push(response.wrong(format!("{command} is refused")));
        }
    }
    session.ask("RSET")?;
    seen("all are there", offences)
}

fn any_order(lab: &mut Lab) -> Seen {
    let mut session = lab.login()?;
    let mut offences = Vec::new();
    let mut answers: Vec<(&str, Vec<String>)> = Vec::new();
    for command in ["NOOP", "LIST", "STAT", "RSET", "STAT", "LIST", "NOOP", "STAT"] {
        let response = session.ask(command)?;
        let mut lines: Vec<String> = response.rows.iter().map(crate::engine::Heard::text).collect();
        lines.sort_unstable();
        if command == "STAT" {
            lines.push(response.text());
        }
        let before = answers.iter().find(|(other, _)| *other == command);
        if !response.is_ok() {
            offences.push(response.wrong(format!("{command} is refused")));
            break;
        } else if before.is_some_and(|(_, before)| *before != lines) {
            offences.push(response.wrong(format!("{command} has another answer than before")));
        }
        answers.push((command, lines));
    }
    seen("the same", offences)
}
