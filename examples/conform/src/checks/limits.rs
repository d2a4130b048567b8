//! Lengths, and lines that arrive in parts.

use super::capa::capabilities;
use super::numbers;
use crate::check::{Check, Edit, Finding, Legal, Needs, Offence, Probe, Seen, Twist, Why};
use crate::engine::{Response, Session, Status, Stop};
use crate::lab::twist::Turn;
use crate::lab::{Lab, State, seen};

pub(super) static CHECKS: &[Check] = &[
    Check {
        id: "limit.40",
        rows: &["1939.3.j"],
        asks: "A name of 40 characters is not refused for its length.",
        needs: Needs::NOTHING,
        legal: &[Legal { name: "as a short name", by: "RFC 1939 section 3" }, NO_MAILBOX],
        probe: Probe::Ask(|lab| as_a_short_name(lab, 40)),
        breaks: &[Twist { name: "at most 32", edit: Edit::Code(|turn| names_of(turn, 32)) }],
        keeps: &[NAMES_ARE_REFUSED, LONG_NAMES_ARE_UNKNOWN],
    },
    Check {
        id: "limit.255",
        rows: &["2449.4.a", "2449.4.d"],
        asks: "With CAPA, a command line of 255 octets is not refused for its length.",
        needs: Needs::NOTHING,
        legal: &[Legal { name: "as a short name", by: "RFC 2449 section 4" }, NO_MAILBOX],
        probe: Probe::Ask(|lab| {
            capabilities(&mut lab.secure()?)?;
            as_a_short_name(lab, 255 - "USER \r\n".len())
        }),
        breaks: &[Twist { name: "at most 254", edit: Edit::Line(254) }],
        keeps: &[NAMES_ARE_REFUSED, LONG_NAMES_ARE_UNKNOWN],
    },
    Check {
        id: "limit.echo",
        rows: &["1939.3.m", "1939.3.k"],
        asks: "The response to a command of 600 octets has a status, and at most 512 octets.",
        needs: Needs::LOGIN,
        legal: &[
            Legal { name: "a status and at most 512 octets", by: "RFC 1939 section 3" },
            Legal { name: "closes", by: "practice: a limit may end the session" },
        ],
        probe: Probe::Ask(|lab| {
            let mut offences = Vec::new();
            let mut legal = "a status and at most 512 octets";
            for state in [State::Authorization, State::Transaction] {
                for command in ["X".repeat(598), format!("NOOP {}", "x".repeat(593))] {
                    match lab.session(state)?.ask(&command) {
                        Ok(response) => offences.extend(echo(&response)),
                        Err(Stop::Closed { .. }) => legal = "closes",
                        Err(stop) => return Err(stop.into()),
                    }
                }
            }
            seen(legal, offences)
        }),
        breaks: &[
            Twist { name: "repeated", edit: Edit::Code(|turn| repeated(turn, "-ERR unknown command: ")) },
            Twist { name: "repeated without a status", edit: Edit::Code(|turn| repeated(turn, "")) },
        ],
        keeps: &[Twist {
            name: "closes",
            edit: Edit::Code(|turn| match turn.command.len() > 512 {
                true => turn.hang_up(),
                false => turn.through(),
            }),
        }],
    },
    Check {
        id: "line.pieces",
        rows: &["1939.3.w"],
        asks: "A command may arrive in pieces.",
        needs: Needs::LOGIN,
        legal: &[Legal { name: "one command", by: "RFC 1939 section 3: the line end ends a command" }],
        probe: Probe::Ask(pieces),
        breaks: &[Twist { name: "must be in one piece", edit: Edit::OnePiece }],
        keeps: &[Twist { name: "byte by byte", edit: Edit::Drip }],
    },
    Check {
        id: "line.answered",
        rows: &["1939.3.c", "1939.3.x"],
        asks: "Commands that a server may not know are answered, by a refusal.",
        needs: Needs::NOTHING,
        legal: &[Legal { name: "answered", by: "RFC 1939 section 3" }],
        probe: Probe::Ask(|lab| {
            let mut offences = Vec::new();
            for command in ["CAPA", "XYZZY", "AUTH"] {
                let mut session = lab.secure()?;
                match session.ask(command) {
                    Err(Stop::Silent) => {
                        let why = format!("the response to the next command: {command} has none");
                        offences.extend(after_silence(&mut session, why)?);
                    }
                    // Whether a server may close is the matter of other checks.
                    Err(Stop::Closed { .. }) => {}
                    response => drop(response?),
                }
            }
            seen("answered", offences)
        }),
        breaks: &[
            Twist { name: "XYZZY is passed over", edit: Edit::Code(|turn| passed_over(turn, "XYZZY")) },
            Twist { name: "CAPA is passed over", edit: Edit::Code(|turn| passed_over(turn, "CAPA")) },
        ],
        keeps: &[Twist { name: "no text", edit: Edit::Say { to: "XYZZY", instead: "-ERR\r\n" } }],
    },
    Check {
        id: "line.dot",
        rows: &["1939.3.q"],
        asks: "CAPA, LIST, UIDL and messages end with a line of one dot, also if the last line of a message has no end.",
        needs: Needs::LOGIN,
        legal: &[Legal { name: "one dot", by: "RFC 1939 section 3" }],
        probe: Probe::Ask(dot),
        breaks: &[
            Twist { name: "LIST", edit: Edit::Answer { to: "LIST", old: "\r\n.\r\n", new: "\r\n" } },
            Twist { name: "UIDL", edit: Edit::Answer { to: "UIDL", old: "\r\n.\r\n", new: "\r\n..\r\n" } },
            Twist {
                name: "a message without its last line end",
                edit: Edit::Answer { to: "RETR 12", old: "\r\n..\r\n.\r\n", new: "\r\n...\r\n" },
            },
        ],
        keeps: &[Twist { name: "byte by byte", edit: Edit::Drip }],
    },
];

fn passed_over(turn: &mut Turn<'_>, command: &str) {
    if !turn.is(command) {
        turn.through();
    }
}

/// Names of more than this many characters are refused.
fn names_of(turn: &mut Turn<'_>, most: usize) {
    match turn.is("USER*") && turn.command.len() > "USER ".len() + most {
        true => turn.say(b"-ERR name too long\r\n"),
        false => turn.through(),
    }
}

/// A long command is repeated.
fn repeated(turn: &mut Turn<'_>, status: &str) {
    let answer = format!("{status}{}\r\n", turn.command);
    match turn.command.len() > 512 {
        true => turn.say(answer.as_bytes()),
        false => turn.through(),
    }
}

/// A long name that is refused with the code of RFC 3206 was read: only a line that was not read is too long.
const NO_MAILBOX: Legal =
    Legal { name: "[AUTH]: not a mailbox", by: "RFC 3206 section 6: the name is the reason" };

const NAMES_ARE_REFUSED: Twist =
    Twist { name: "unknown names are refused", edit: Edit::Say { to: "USER conform*", instead: "-ERR\r\n" } };
const LONG_NAMES_ARE_UNKNOWN: Twist = Twist {
    name: "no mailbox has a long name",
    edit: Edit::Say { to: "USER conformx*", instead: "-ERR [AUTH] no such mailbox\r\n" },
};

fn as_a_short_name(lab: &mut Lab, characters: usize) -> Seen {
    let short = lab.secure()?.ask("USER conform")?;
    let long = lab.secure()?.ask(&format!("USER conform{}", "x".repeat(characters - "conform".len())))?;
    if short.is_ok() && long.is_err() && long.text().to_ascii_uppercase().starts_with("[AUTH]") {
        return Ok(NO_MAILBOX.name);
    }
    let refused = short.is_ok() && !long.is_ok();
    let offence =
        refused.then(|| long.wrong(format!("a name of {characters} characters, and a short one is not")));
    seen("as a short name", offence.into_iter().collect())
}

fn echo(response: &Response) -> Option<Offence> {
    match (response.status, response.line.octets()) {
        (Status::Other, _) => Some(response.wrong("neither +OK nor -ERR")),
        (_, octets @ 513..) => Some(response.line.wrong(512, format!("{octets} octets"))),
        _ => None,
    }
}

fn pieces(lab: &mut Lab) -> Seen {
    let mut session = lab.login()?;
    for piece in ["ST", "A", "T\r\n"] {
        session.send_raw(piece.as_bytes());
        lab.idle(std::time::Duration::from_millis(20));
    }
    let stat = session.response("STAT")?;
    let offence = numbers(&stat).is_none().then(|| stat.wrong("STAT in three pieces is not STAT"));
    seen("one command", offence.into_iter().collect())
}

/// Without the dot, the response to QUIT is taken for a row: it proves that the end was not sent.
fn dot(lab: &mut Lab) -> Seen {
    let mut offences = Vec::new();
    for command in ["CAPA", "LIST", "UIDL"] {
        let mut session = lab.login()?;
        let before = session.at();
        match session.ask(command) {
            // Without a status line, it is not the end that is missing.
            Err(Stop::Silent) if session.at() > before => {
                let why = format!("the response to the next command: {command} has no end");
                offences.extend(after_silence(&mut session, why)?);
            }
            response => drop(response?),
        }
    }
    if !offences.is_empty() {
        return seen("one dot", offences);
    }
    let mut session = lab.login()?;
    for (message, _) in super::messages::some(&mut session)? {
        match session.ask(&format!("RETR {message}")) {
            Err(Stop::Stalled { .. }) => {
                let why = format!("the response to the next command: message {message} has no end");
                offences.extend(after_silence(&mut session, why)?);
                break;
            }
            response => drop(response?),
        }
    }
    seen("one dot", offences)
}

/// A server that is only slow sends the rest of the first response too. One line is the response to NOOP alone.
pub(super) fn after_silence(session: &mut Session, why: String) -> Result<Option<Offence>, Finding> {
    let at = session.at();
    session.send("NOOP");
    let rest = session.finish()?;
    match rest.iter().filter(|byte| **byte == b'\n').count() {
        1 => Ok(Some(Offence::new(why, session.id(), at))),
        _ => Err(Finding::Open(Why::Silent)),
    }
}
