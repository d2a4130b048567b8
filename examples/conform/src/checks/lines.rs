//! The lines of responses: their ends, their status, their length, and their order.

use super::numbers;
use crate::check::{Check, Edit, Legal, Needs, Probe, Seen, Twist, Watched};
use crate::engine::{Heard, Kind, Tail};
use crate::lab::twist::Turn;
use crate::lab::{Lab, State, seen};

pub(super) static CHECKS: &[Check] = &[
    Check {
        id: "line.crlf",
        rows: &["1939.3.e", "1939.3.p"],
        asks: "Each line of a response ends in CR LF.",
        needs: Needs::NOTHING,
        legal: &[Legal { name: "CR LF", by: "RFC 1939 section 3" }],
        probe: Probe::Watch(crlf),
        breaks: &[
            Twist { name: "LF after STAT", edit: Edit::Answer { to: "STAT", old: "\r\n", new: "\n" } },
            Twist { name: "LF after a row", edit: Edit::Answer { to: "LIST", old: "\r\n2 ", new: "\n2 " } },
            Twist {
                name: "LF after the greeting",
                edit: Edit::Answer { to: "greeting", old: "\r\n", new: "\n" },
            },
            Twist {
                name: "LF in a message",
                edit: Edit::Answer { to: "RETR 1", old: "\r\nTo:", new: "\nTo:" },
            },
            Twist {
                name: "LF after the dot",
                edit: Edit::Answer { to: "UIDL", old: "\r\n.\r\n", new: "\r\n.\n" },
            },
        ],
        keeps: &[
            Twist { name: "byte by byte", edit: Edit::Drip },
            Twist {
                name: "a bare CR in a message",
                edit: Edit::Answers { to: "*", old: "Subject: ", new: "Subject:\r" },
            },
        ],
    },
    Check {
        id: "line.status",
        rows: &["1939.3.k", "2449.3.b"],
        asks: "A response begins with +OK or -ERR, then a space or the end of the line.",
        needs: Needs::NOTHING,
        legal: &[
            Legal { name: "a status and a text", by: "RFC 1939 section 3" },
            Legal { name: "a status alone", by: "RFC 2449 section 3" },
        ],
        probe: Probe::Watch(status),
        breaks: &[
            Twist { name: "no status", edit: Edit::Answer { to: "STAT", old: "+OK ", new: "" } },
            Twist { name: "+ERR", edit: Edit::Answer { to: "NOOP", old: "+OK", new: "+ERR" } },
            Twist {
                name: "a word joined to the status",
                edit: Edit::Answer { to: "NOOP", old: "+OK ", new: "+OK" },
            },
            Twist { name: "an empty line", edit: Edit::Say { to: "NOOP", instead: "\r\n" } },
        ],
        keeps: &[Twist {
            name: "no text",
            edit: Edit::Answer { to: "NOOP", old: "+OK no operation", new: "+OK" },
        }],
    },
    Check {
        id: "line.capitals",
        rows: &["1939.3.l"],
        asks: "Both status words are in capitals.",
        needs: Needs::NOTHING,
        legal: &[Legal { name: "capitals", by: "RFC 1939 section 3" }],
        probe: Probe::Watch(capitals),
        breaks: &[
            Twist { name: "+ok", edit: Edit::Answer { to: "STAT", old: "+OK", new: "+ok" } },
            Twist { name: "-Err", edit: Edit::Say { to: "NOOP", instead: "-Err no\r\n" } },
        ],
        keeps: &[Twist {
            name: "the text in lower case",
            edit: Edit::Answer { to: "NOOP", old: "+OK no operation", new: "+OK ok" },
        }],
    },
    Check {
        id: "line.512",
        rows: &["1939.3.m", "2449.4.c", "AMB.6"],
        asks: "A status line has at most 512 octets with its line end.",
        needs: Needs::NOTHING,
        legal: &[Legal { name: "at most 512 octets", by: "RFC 1939 section 3" }],
        probe: Probe::Watch(at_most_512),
        breaks: &[Twist { name: "513 octets", edit: Edit::Code(|turn| long(turn, 513)) }],
        keeps: &[Twist { name: "512 octets", edit: Edit::Code(|turn| long(turn, 512)) }],
    },
    Check {
        id: "line.refusal",
        rows: &["1939.3.o"],
        asks: "A refusal is one line, also if the command has more lines otherwise.",
        needs: Needs::LOGIN,
        legal: &[Legal { name: "one line", by: "RFC 1939 section 3" }],
        probe: Probe::Ask(refusal),
        breaks: &[
            Twist {
                name: "a dot after a refused RETR",
                edit: Edit::Answer { to: "RETR 0", old: "\r\n", new: "\r\n.\r\n" },
            },
            Twist {
                name: "a reason after a refused TOP",
                edit: Edit::Answer { to: "TOP 0 0", old: "\r\n", new: "\r\nthere is none\r\n.\r\n" },
            },
        ],
        keeps: &[Twist { name: "no text", edit: Edit::Say { to: "RETR 0", instead: "-ERR\r\n" } }],
    },
    Check {
        id: "line.case",
        rows: &["1939.3.f"],
        asks: "Keywords are known in any letter case.",
        needs: Needs::LOGIN,
        legal: &[Legal { name: "known", by: "RFC 1939 section 3" }],
        probe: Probe::Ask(case),
        breaks: &[
            Twist { name: "small letters are unknown", edit: Edit::Code(|turn| only_capitals(turn, "stat")) },
            Twist { name: "mixed letters are unknown", edit: Edit::Code(|turn| only_capitals(turn, "LiSt")) },
        ],
        keeps: &[Twist {
            name: "another text",
            edit: Edit::Answer { to: "NOOP", old: "+OK", new: "+OK NoOp:" },
        }],
    },
];

fn crlf(line: &Heard) -> Watched {
    match line.tail {
        Tail::CrLf => Ok(Some("CR LF")),
        Tail::Lf => Err((line.bytes.len(), "LF without CR".to_owned())),
        Tail::Nothing => Ok(None),
    }
}

fn status(line: &Heard) -> Watched {
    if !matches!(line.kind, Kind::Greeting | Kind::Status) {
        return Ok(None);
    }
    let word = line.bytes.split(|byte| *byte == b' ').next().unwrap_or_default();
    match word.eq_ignore_ascii_case(b"+OK") || word.eq_ignore_ascii_case(b"-ERR") {
        true if word.len() == line.bytes.len() => Ok(Some("a status alone")),
        true => Ok(Some("a status and a text")),
        false => Err((0, "neither +OK nor -ERR".to_owned())),
    }
}

fn capitals(line: &Heard) -> Watched {
    if !matches!(line.kind, Kind::Greeting | Kind::Status) {
        return Ok(None);
    }
    let word = line.bytes.split(|byte| *byte == b' ').next().unwrap_or_default();
    let is = |status: &[u8]| word.eq_ignore_ascii_case(status).then_some(word == status);
    match is(b"+OK").or(is(b"-ERR")) {
        Some(true) => Ok(Some("capitals")),
        Some(false) => Err((1, "small letters in the status".to_owned())),
        None => Ok(None),
    }
}

fn at_most_512(line: &Heard) -> Watched {
    match line.kind {
        Kind::Greeting | Kind::Status if line.octets() > 512 => {
            Err((512, format!("{} octets", line.octets())))
        }
        Kind::Greeting | Kind::Status => Ok(Some("at most 512 octets")),
        _ => Ok(None),
    }
}

/// NOOP is answered by a line of this many octets.
fn long(turn: &mut Turn<'_>, octets: usize) {
    let answer = turn.pass();
    match turn.is("NOOP") && answer.starts_with(b"+OK") {
        true => turn.say(format!("+OK {}\r\n", "x".repeat(octets - 6)).as_bytes()),
        false => turn.say(&answer),
    }
}

/// This command is unknown.
fn only_capitals(turn: &mut Turn<'_>, command: &str) {
    match turn.command == command {
        true => turn.say(b"-ERR unknown command\r\n"),
        false => turn.through(),
    }
}

fn refusal(lab: &mut Lab) -> Seen {
    let mut offences = Vec::new();
    for command in ["RETR 0", "TOP 0 0", "LIST 0"] {
        let mut session = lab.login()?;
        if !session.ask(command)?.is_err() {
            continue;
        }
        // A second line would be taken for the response to NOOP, and the response to NOOP for that to STAT.
        let (noop, stat) = (session.ask("NOOP")?, session.ask("STAT")?);
        if !noop.is_ok() {
            offences.push(noop.wrong(format!("a further line after the refusal of {command}")));
        } else if numbers(&stat).is_none() {
            offences.push(stat.wrong(format!("STAT, after the refusal of {command}, has another response")));
        }
    }
    seen("one line", offences)
}

fn case(lab: &mut Lab) -> Seen {
    let mut offences = Vec::new();
    // `LIST 1` needs a message: without one, it is refused in any letter case.
    let count = numbers(&lab.login()?.ask("STAT")?).map_or(0, |(count, _)| count);
    let commands: &[&str] =
        if count > 0 { &["noop", "stat", "LiSt", "NoOp"] } else { &["noop", "stat", "NoOp"] };
    lab.each(State::Transaction, commands, |_, command, response| {
        if !response.is_ok() {
            offences.push(response.wrong(format!("{command} is refused")));
        }
        Ok(())
    })?;
    seen("known", offences)
}
