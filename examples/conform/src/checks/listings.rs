//! STAT, LIST and UIDL, and the numbers of messages.

use super::{number, numbers, sample};
use crate::check::{Check, Edit, Finding, Legal, Needs, Probe, Seen, Twist, Why};
use crate::engine::{Heard, Response, Session};
use crate::lab::twist::Turn;
use crate::lab::{Lab, seen};

pub(super) static CHECKS: &[Check] = &[
    Check {
        id: "stat.numbers",
        rows: &["1939.5.stat.b"],
        asks: "The response to STAT is +OK, a count and a size, with one space between.",
        needs: Needs::LOGIN,
        legal: &[
            Legal { name: "two numbers", by: "RFC 1939 section 5" },
            Legal { name: "two numbers and more", by: "RFC 1939 section 5 discourages it, and permits it" },
        ],
        probe: Probe::Ask(stat_numbers),
        breaks: &[
            Twist {
                name: "a word first",
                edit: Edit::Answer { to: "STAT", old: "+OK ", new: "+OK messages: " },
            },
            Twist { name: "two spaces", edit: Edit::Answer { to: "STAT", old: "+OK ", new: "+OK  " } },
            Twist { name: "a comma", edit: Edit::Answer { to: "STAT", old: "+OK 12 ", new: "+OK 12, " } },
        ],
        keeps: &[Twist {
            name: "words after",
            edit: Edit::Answer { to: "STAT", old: "\r\n", new: " octets\r\n" },
        }],
    },
    Check {
        id: "stat.sum",
        rows: &["1939.5.stat.b"],
        asks: "STAT counts the messages of LIST and adds up their sizes.",
        needs: Needs::LOGIN,
        legal: &[Legal { name: "equal", by: "RFC 1939 section 5" }],
        probe: Probe::Ask(stat_sum),
        breaks: &[
            Twist { name: "one more", edit: Edit::Answer { to: "STAT", old: "+OK 12 ", new: "+OK 13 " } },
            Twist { name: "another sum", edit: Edit::Answer { to: "STAT", old: "\r\n", new: "0\r\n" } },
            Twist { name: "LIST lacks a row", edit: Edit::Code(|turn| without_row(turn, "LIST", "\r\n3 ")) },
        ],
        keeps: &[Twist { name: "from the last to the first", edit: Edit::Code(reversed) }],
    },
    Check {
        id: "list.rows",
        rows: &["1939.5.list.c"],
        asks: "Each row of LIST is a number and a size, with one space between, and no number comes twice.",
        needs: Needs::LOGIN,
        legal: &[
            Legal { name: "number and size", by: "RFC 1939 section 5" },
            Legal { name: "no messages", by: "RFC 1939 section 5" },
        ],
        probe: Probe::Ask(list_rows),
        breaks: &[
            Twist { name: "two spaces", edit: Edit::Answer { to: "LIST", old: "\r\n2 ", new: "\r\n2  " } },
            Twist {
                name: "a leading space",
                edit: Edit::Answer { to: "LIST", old: "\r\n2 ", new: "\r\n 2 " },
            },
            Twist { name: "no size", edit: Edit::Answer { to: "LIST", old: "\r\n2 ", new: "\r\n2\r\n22 " } },
            Twist {
                name: "one number twice",
                edit: Edit::Answer { to: "LIST", old: "\r\n2 ", new: "\r\n1 " },
            },
            Twist { name: "the number 0", edit: Edit::Answer { to: "LIST", old: "\r\n1 ", new: "\r\n0 " } },
        ],
        keeps: &[
            Twist { name: "from the last to the first", edit: Edit::Code(reversed) },
            Twist {
                name: "words after the size",
                edit: Edit::Answers { to: "LIST", old: "177\r\n", new: "177 octets\r\n" },
            },
            Twist {
                name: "an empty mailbox",
                edit: Edit::Code(|turn| {
                    turn.world().truncate(0);
                    turn.bite();
                    turn.through();
                }),
            },
        ],
    },
    Check {
        id: "list.numbered",
        rows: &["1939.4.k"],
        asks: "LIST has the numbers from 1 up.",
        needs: Needs::LOGIN,
        legal: &[Legal { name: "from 1 up", by: "RFC 1939 section 4" }],
        probe: Probe::Ask(numbered),
        breaks: &[
            Twist { name: "from 0 up", edit: Edit::Answer { to: "LIST", old: "\r\n12 ", new: "\r\n0 " } },
            Twist { name: "a gap", edit: Edit::Answer { to: "LIST", old: "\r\n12 ", new: "\r\n13 " } },
        ],
        keeps: &[Twist { name: "from the last to the first", edit: Edit::Code(reversed) }],
    },
    Check {
        id: "list.one",
        rows: &["1939.5.list.b", "AMB.13"],
        asks: "LIST with a number is answered by the row that LIST has for it.",
        needs: Needs::LOGIN,
        legal: &[Legal { name: "the row", by: "RFC 1939 section 5" }],
        probe: Probe::Ask(list_one),
        breaks: &[
            Twist {
                name: "without the number",
                edit: Edit::Answer { to: "LIST 1", old: "+OK 1 ", new: "+OK " },
            },
            Twist { name: "another size", edit: Edit::Answer { to: "LIST 12", old: "\r\n", new: "0\r\n" } },
            Twist { name: "another message", edit: Edit::Command { from: "LIST 12", to: "LIST 11" } },
            Twist {
                name: "a row below",
                edit: Edit::Answer { to: "LIST 1", old: "+OK ", new: "+OK follows\r\n" },
            },
        ],
        keeps: &[Twist {
            name: "words after the size",
            edit: Edit::Answer { to: "LIST 1", old: "\r\n", new: " octets\r\n" },
        }],
    },
    Check {
        id: "uidl.rows",
        rows: &["1939.7.uidl.c", "1939.7.uidl.d"],
        asks: "Each row of UIDL is a number and a unique-id and nothing more, for the messages of LIST.",
        needs: Needs::LOGIN,
        legal: &[Legal { name: "number and unique-id", by: "RFC 1939 section 7" }],
        probe: Probe::Ask(uidl_rows),
        breaks: &[
            Twist {
                name: "a word after",
                edit: Edit::Answer { to: "UIDL", old: "1 plain", new: "1 plain 99" },
            },
            Twist { name: "no unique-id", edit: Edit::Answer { to: "UIDL", old: "1 plain", new: "1" } },
            Twist { name: "two spaces", edit: Edit::Answer { to: "UIDL", old: "1 plain", new: "1  plain" } },
            Twist { name: "a row is missing", edit: Edit::Code(|turn| without_row(turn, "UIDL", "\r\n3 ")) },
        ],
        keeps: &[
            Twist { name: "from the last to the first", edit: Edit::Code(reversed) },
            Twist {
                name: "two messages with one unique-id",
                edit: Edit::Answers { to: "UIDL*", old: " dots\r\n", new: " plain\r\n" },
            },
        ],
    },
    Check {
        id: "uidl.one",
        rows: &["1939.7.uidl.b", "AMB.13"],
        asks: "UIDL with a number is answered by the row that UIDL has for it.",
        needs: Needs::LOGIN,
        legal: &[Legal { name: "the row", by: "RFC 1939 section 7" }],
        probe: Probe::Ask(uidl_one),
        breaks: &[
            Twist {
                name: "without the number",
                edit: Edit::Answer { to: "UIDL 1", old: "+OK 1 ", new: "+OK " },
            },
            Twist {
                name: "another unique-id",
                edit: Edit::Answer { to: "UIDL 1", old: "plain", new: "Plain" },
            },
        ],
        keeps: &[Twist { name: "byte by byte", edit: Edit::Drip }],
    },
    Check {
        id: "uidl.characters",
        rows: &["1939.7.uidl.e"],
        asks: "A unique-id has 1 to 70 printable characters.",
        needs: Needs::LOGIN,
        legal: &[Legal { name: "1 to 70 from 0x21 to 0x7E", by: "RFC 1939 section 7" }],
        probe: Probe::Ask(uidl_characters),
        breaks: &[
            Twist {
                name: "71 characters",
                edit: Edit::Answers { to: "UIDL*", old: "1 plain", new: LONGER_ID },
            },
            Twist {
                name: "8-bit octets",
                edit: Edit::Answers { to: "UIDL*", old: "1 plain", new: "1 pl\u{e4}in" },
            },
        ],
        keeps: &[
            Twist {
                name: "70 characters",
                edit: Edit::Answers { to: "UIDL*", old: "1 plain", new: LONG_ID },
            },
            Twist {
                name: "slashes and quotes",
                edit: Edit::Answers { to: "UIDL*", old: "1 plain", new: "1 ../\"!~" },
            },
        ],
    },
    Check {
        id: "uidl.again",
        rows: &["1939.7.uidl.f"],
        asks: "Messages have the same unique-ids in the next session.",
        needs: Needs::LOGIN,
        legal: &[Legal { name: "the same", by: "RFC 1939 section 7" }],
        probe: Probe::Ask(uidl_again),
        breaks: &[Twist {
            name: "other ones in each session",
            edit: Edit::Code(|turn| match turn.is("UIDL") {
                true => {
                    let id = format!("1 plain{}\r\n", turn.number());
                    turn.replace("1 plain\r\n", &id);
                }
                false => turn.through(),
            }),
        }],
        keeps: &[Twist { name: "from the last to the first", edit: Edit::Code(reversed) }],
    },
];

const LONG_ID: &str = "1 aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggggggggg";
const LONGER_ID: &str = "1 aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggggggggggx";

/// The rows of LIST and UIDL are in the opposite order.
fn reversed(turn: &mut Turn<'_>) {
    if !turn.is("LIST") && !turn.is("UIDL") {
        return turn.through();
    }
    let answer = turn.pass();
    let mut lines: Vec<&[u8]> = answer.split_inclusive(|byte| *byte == b'\n').collect();
    if let [_, rows @ .., _] = &mut lines[..] {
        rows.reverse();
    }
    turn.say(&lines.concat());
}

/// A listing lacks the row that begins so.
pub(super) fn without_row(turn: &mut Turn<'_>, command: &str, start: &str) {
    let answer = turn.pass();
    let from = crate::engine::log::find(&answer, start.as_bytes()).filter(|_| turn.is(command));
    let row = from.map(|from| (from, answer[from + 2..].iter().position(|byte| *byte == b'\r')));
    match row {
        Some((from, Some(length))) => turn.say(&[&answer[..from], &answer[from + 2 + length..]].concat()),
        _ => turn.say(&answer),
    }
}

/// LIST has the numbers from 1 up, in any order.
pub(super) fn numbered(lab: &mut Lab) -> Seen {
    let list = ask_ok(&mut lab.login()?, "LIST")?;
    let first = |row: &Heard| number(row.text().split(' ').next().unwrap_or_default());
    let mut numbers: Vec<u64> = list.rows.iter().filter_map(first).collect();
    if numbers.is_empty() {
        return Err(Finding::Open(Why::Mailbox("no message")));
    }
    numbers.sort_unstable();
    let wrong = numbers.iter().zip(1..).any(|(number, wanted)| *number != wanted);
    let offence = wrong.then(|| list.wrong("the numbers are not 1, 2, 3 and so on"));
    seen("from 1 up", offence.into_iter().collect())
}

/// Returns the two words of a row.
fn words(row: &str) -> Option<(u64, String)> {
    let (number_word, rest) = row.split_once(' ')?;
    Some((number(number_word).filter(|number| *number > 0)?, rest.to_owned()))
}

pub(super) fn ask_ok(session: &mut Session, command: &'static str) -> Result<Response, Finding> {
    let response = session.ask(command)?;
    match response.is_ok() {
        true => Ok(response),
        false if command == "UIDL" => Err(Finding::Absent("UIDL")),
        false => Err(Finding::Wrong(vec![response.wrong(format!("{command} is refused"))])),
    }
}

fn stat_numbers(lab: &mut Lab) -> Seen {
    let stat = ask_ok(&mut lab.login()?, "STAT")?;
    match (numbers(&stat), stat.text().split(' ').count()) {
        (Some(_), 2) => Ok("two numbers"),
        (Some(_), _) => Ok("two numbers and more"),
        (None, _) => Err(Finding::Wrong(vec![stat.line.wrong(4, "not a count and a size")])),
    }
}

fn stat_sum(lab: &mut Lab) -> Seen {
    let mut session = lab.login()?;
    let (stat, list) = (ask_ok(&mut session, "STAT")?, ask_ok(&mut session, "LIST")?);
    let Some((count, octets)) = numbers(&stat) else {
        return Err(Finding::Open(Why::Mailbox("no drop listing")));
    };
    let size = |row: &Heard| words(&row.text()).and_then(|(_, rest)| number(rest.split(' ').next()?));
    let sum: u64 = list.rows.iter().filter_map(size).fold(0, u64::saturating_add);
    let mut offences = Vec::new();
    if count != list.rows.len() as u64 {
        offences.push(stat.line.wrong(4, format!("{count} messages, and {} in LIST", list.rows.len())));
    } else if octets != sum {
        offences.push(stat.line.wrong(4, format!("{octets} octets, and {sum} in LIST")));
    }
    seen("equal", offences)
}

fn list_rows(lab: &mut Lab) -> Seen {
    let list = ask_ok(&mut lab.login()?, "LIST")?;
    let (mut offences, mut known) = (Vec::new(), Vec::new());
    for row in &list.rows {
        match words(&row.text()) {
            Some((message, rest)) if number(rest.split(' ').next().unwrap_or_default()).is_some() => {
                if known.contains(&message) {
                    offences.push(row.wrong(0, format!("message {message} is listed twice")));
                }
                known.push(message);
            }
            _ => offences.push(row.wrong(0, "not a number, a space and a size")),
        }
    }
    seen(if list.rows.is_empty() { "no messages" } else { "number and size" }, offences)
}

fn list_one(lab: &mut Lab) -> Seen {
    let mut session = lab.login()?;
    let mut offences = Vec::new();
    for (message, size) in sample(&mut session, 3)? {
        let one = session.ask(&format!("LIST {message}"))?;
        if numbers(&one) != Some((message, size)) {
            offences.push(one.wrong(format!("LIST has {message} {size}")));
            break;
        }
    }
    seen("the row", offences)
}

fn uidl_rows(lab: &mut Lab) -> Seen {
    let mut session = lab.login()?;
    let (uidl, list) = (ask_ok(&mut session, "UIDL")?, ask_ok(&mut session, "LIST")?);
    let (mut offences, mut numbers) = (Vec::new(), Vec::new());
    for row in &uidl.rows {
        match words(&row.text()) {
            Some((message, id)) if !id.is_empty() && !id.contains(' ') => numbers.push(message),
            _ => offences.push(row.wrong(0, "not a number, a space and one word")),
        }
    }
    let mut listed: Vec<u64> = list.rows.iter().filter_map(|row| Some(words(&row.text())?.0)).collect();
    listed.sort_unstable();
    numbers.sort_unstable();
    if offences.is_empty() && listed != numbers {
        offences.push(uidl.wrong("UIDL and LIST have other numbers"));
    }
    seen("number and unique-id", offences)
}

fn uidl_one(lab: &mut Lab) -> Seen {
    let mut session = lab.login()?;
    let uidl = ask_ok(&mut session, "UIDL")?;
    let mut offences = Vec::new();
    for row in uidl.rows.iter().take(3) {
        let Some((message, _)) = words(&row.text()) else { continue };
        let one = session.ask(&format!("UIDL {message}"))?;
        if !one.is_ok() || one.text() != row.text() {
            offences.push(one.wrong(format!("UIDL has {}", row.text())));
            break;
        }
    }
    if uidl.rows.is_empty() {
        return Err(Finding::Open(Why::Mailbox("no message")));
    }
    seen("the row", offences)
}

fn uidl_characters(lab: &mut Lab) -> Seen {
    let uidl = ask_ok(&mut lab.login()?, "UIDL")?;
    let mut offences = Vec::new();
    for row in &uidl.rows {
        let Some(space) = row.bytes.iter().position(|byte| *byte == b' ') else { continue };
        let id = row.bytes[space + 1..].split(|byte| *byte == b' ').next().unwrap_or_default();
        if let Some(odd) = id.iter().position(|byte| !(0x21..=0x7e).contains(byte)) {
            offences.push(row.wrong(space + 1 + odd, "not a printable ASCII character"));
        } else if id.len() > 70 {
            offences.push(row.wrong(space + 71, format!("{} characters", id.len())));
        }
    }
    if uidl.rows.is_empty() {
        return Err(Finding::Open(Why::Mailbox("no message")));
    }
    seen("1 to 70 from 0x21 to 0x7E", offences)
}

/// Another program may change the mailbox meanwhile, so only a message whose id is new, among as many messages, is wrong.
fn uidl_again(lab: &mut Lab) -> Seen {
    let ids = |uidl: &Response| -> Vec<String> {
        let mut ids: Vec<String> = uidl.rows.iter().filter_map(|row| Some(words(&row.text())?.1)).collect();
        ids.sort_unstable();
        ids
    };
    let before = ids(&ask_ok(&mut lab.login()?, "UIDL")?);
    let uidl = ask_ok(&mut lab.login()?, "UIDL")?;
    if before.is_empty() {
        return Err(Finding::Open(Why::Mailbox("no message")));
    }
    let after = ids(&uidl);
    let changed = before.len() == after.len() && before != after;
    let offence = changed.then(|| uidl.wrong("unique-ids are others than in the session before"));
    seen("the same", offence.into_iter().collect())
}
