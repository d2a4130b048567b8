//! DELE and RSET. These checks mark messages, and end with RSET and a close.

use super::{HANGS_UP, REFUSED, all_refused, nothing_after, numbers, sample};
use crate::check::{Check, Edit, Finding, Legal, Needs, Offence, Probe, Seen, Twist, Why};
use crate::engine::{Heard, Response, Session, Stop};
use crate::lab::twist::Turn;
use crate::lab::{Lab, State, seen};

pub(super) static CHECKS: &[Check] = &[
    Check {
        id: "dele.range",
        rows: &["1939.5.d"],
        asks: "DELE of a number without a message is refused, also if it is a message modulo a power of two.",
        needs: Needs::MARKS,
        legal: &[REFUSED, HANGS_UP],
        probe: Probe::Ask(|lab| {
            let count = count(&mut lab.login()?)?;
            let last = format!("DELE {}", count + 1);
            let commands = [&last, "DELE 4294967297", "DELE 18446744073709551617"];
            all_refused(lab, State::Transaction, &commands, "there is no such message", nothing_after)
        }),
        breaks: &[
            Twist { name: "beyond the last", edit: Edit::Command { from: "DELE 13", to: "DELE 12" } },
            Twist { name: "2^32", edit: Edit::Command { from: "DELE 4294967297", to: "DELE 1" } },
        ],
        keeps: &[Twist { name: "hangs up at the second", edit: Edit::Code(hang_up_at_second) }],
    },
    Check {
        id: "dele.uidl",
        rows: &["1939.7.uidl.j"],
        asks: "A marked message has no row in UIDL, and UIDL with its number is refused.",
        needs: Needs::MARKS,
        legal: &[Legal { name: "left out and refused", by: "RFC 1939 section 7" }],
        probe: Probe::Ask(|lab| {
            after_dele(lab, "left out and refused", |session, marked| {
                let uidl = session.ask("UIDL")?;
                if !uidl.is_ok() {
                    return Err(Finding::Absent("UIDL"));
                }
                let mut offences = refused(session, marked, &["UIDL"])?;
                offences.extend(row_of(&uidl, marked.number, "a row of a marked message"));
                Ok(offences)
            })
        }),
        breaks: &[
            Twist { name: "its own row", edit: Edit::Code(|turn| served(turn, "UIDL *")) },
            Twist { name: "all rows", edit: Edit::Code(|turn| as_before(turn, "UIDL")) },
        ],
        keeps: &[NO_TEXT],
    },
    Check {
        id: "dele.listing",
        rows: &["1939.5.list.e", "1939.4.m"],
        asks: "LIST leaves out a marked message, and the others keep their numbers and sizes.",
        needs: Needs::MARKS,
        legal: &[Legal { name: "left out", by: "RFC 1939 section 5" }],
        probe: Probe::Ask(|lab| after_dele(lab, "left out", listing)),
        breaks: &[
            Twist { name: "all rows", edit: Edit::Code(|turn| as_before(turn, "LIST")) },
            Twist { name: "other numbers", edit: Edit::Code(renumbered) },
        ],
        keeps: &[NO_TEXT],
    },
    Check {
        id: "dele.stat",
        rows: &["1939.5.stat.e"],
        asks: "STAT counts neither a marked message nor its octets.",
        needs: Needs::MARKS,
        legal: &[Legal { name: "less", by: "RFC 1939 section 5" }],
        probe: Probe::Ask(|lab| {
            after_dele(lab, "less", |session, marked| {
                let stat = session.ask("STAT")?;
                let (count, octets) = marked.before;
                let expected = (count - 1, octets.saturating_sub(marked.size));
                let wrong = numbers(&stat) != Some(expected);
                let why = format!("STAT was {count} {octets} before DELE of {} octets", marked.size);
                Ok(wrong.then(|| stat.wrong(why)).into_iter().collect())
            })
        }),
        breaks: &[
            Twist { name: "as before", edit: Edit::Code(|turn| as_before(turn, "STAT")) },
            Twist { name: "the octets stay", edit: Edit::Code(octets_stay) },
        ],
        keeps: &[NO_TEXT],
    },
    Check {
        id: "list.empty",
        rows: &["1939.5.list.d", "1939.5.stat.e"],
        asks: "If all messages are marked, LIST and UIDL are empty and not refused, and STAT has two zeros.",
        needs: Needs::MARKS,
        legal: &[Legal { name: "empty", by: "RFC 1939 section 5" }],
        probe: Probe::Ask(empty),
        breaks: &[
            Twist { name: "LIST is refused", edit: Edit::Code(|turn| empty_refused(turn, "LIST")) },
            Twist { name: "UIDL is refused", edit: Edit::Code(|turn| empty_refused(turn, "UIDL")) },
            Twist { name: "LIST is a line without an end", edit: Edit::Code(empty_without_end) },
            Twist { name: "STAT", edit: Edit::Answer { to: "STAT", old: "+OK 0 0", new: "+OK 0 1" } },
        ],
        keeps: &[NO_TEXT],
    },
    Check {
        id: "rset.unmarks",
        rows: &["1939.5.rset.a"],
        asks: "After RSET no message is marked: STAT, LIST and UIDL have the messages that they had before three marks.",
        needs: Needs::MARKS,
        legal: &[Legal { name: "no message marked", by: "RFC 1939 section 5" }],
        probe: Probe::Ask(unmarks),
        breaks: &[
            Twist { name: "RSET does nothing", edit: Edit::Say { to: "RSET", instead: "+OK\r\n" } },
            Twist { name: "only the last mark goes", edit: Edit::Code(one_mark_goes) },
            Twist { name: "UIDL stays without them", edit: Edit::Code(uidl_without) },
        ],
        keeps: &[
            Twist {
                name: "no text",
                edit: Edit::Answer { to: "RSET", old: "+OK all messages are unmarked", new: "+OK" },
            },
            Twist { name: "sizes grow", edit: Edit::Code(grows) },
        ],
    },
];

const NO_TEXT: Twist =
    Twist { name: "no text", edit: Edit::Answer { to: "DELE*", old: "+OK marked for deletion", new: "+OK" } };

fn hang_up_at_second(turn: &mut Turn<'_>) {
    super::session::hang_up_at(turn, 2);
}

/// A marked message is there all the same, for commands of this pattern.
fn served(turn: &mut Turn<'_>, pattern: &str) {
    let answer = turn.pass();
    let marked = String::from_utf8_lossy(&turn.memory.bytes).into_owned();
    if turn.is("DELE*") && answer.starts_with(b"+OK") {
        turn.memory.bytes = turn.command.clone().into_bytes();
    }
    if marked.is_empty() || !turn.is(pattern) || !answer.starts_with(b"-ERR") {
        return turn.say(&answer);
    }
    turn.ask("RSET");
    let command = turn.command.clone();
    let answer = turn.ask(&command);
    turn.ask(&marked);
    turn.say(&answer);
}

/// The response to this command is that of its first use, or of a session without marks.
fn as_before(turn: &mut Turn<'_>, command: &str) {
    if turn.is("DELE*") {
        turn.memory.bytes = turn.command.clone().into_bytes();
    }
    let marked = String::from_utf8_lossy(&turn.memory.bytes).into_owned();
    if marked.is_empty() || !turn.is(command) {
        return turn.through();
    }
    turn.ask("RSET");
    let answer = turn.ask(command);
    turn.ask(&marked);
    turn.say(&answer);
}

/// LIST gives the last message another number after DELE.
fn renumbered(turn: &mut Turn<'_>) {
    turn.memory.count += u64::from(turn.is("DELE*"));
    match turn.is("LIST") && turn.memory.count > 0 {
        true => turn.replace("\r\n12 ", "\r\n11 "),
        false => turn.through(),
    }
}

/// STAT counts a message less, and its octets as before.
fn octets_stay(turn: &mut Turn<'_>) {
    let answer = turn.pass();
    if turn.is("STAT") && turn.memory.bytes.is_empty() {
        turn.memory.bytes.clone_from(&answer);
    }
    let before = String::from_utf8_lossy(&turn.memory.bytes).into_owned();
    match turn.is("STAT") && answer.starts_with(b"+OK 11 ") {
        true => turn.say(before.replace("+OK 12 ", "+OK 11 ").as_bytes()),
        false => turn.say(&answer),
    }
}

/// An empty listing is refused.
fn empty_refused(turn: &mut Turn<'_>, command: &str) {
    let answer = turn.pass();
    let empty = turn.is(command) && answer.ends_with(b"follows\r\n.\r\n");
    match empty {
        true => turn.say(b"-ERR no messages\r\n"),
        false => turn.say(&answer),
    }
}

/// An empty LIST is one line.
fn empty_without_end(turn: &mut Turn<'_>) {
    let answer = turn.pass();
    match turn.is("LIST") && answer.ends_with(b"follows\r\n.\r\n") {
        true => turn.say(b"+OK no messages\r\n"),
        false => turn.say(&answer),
    }
}

/// RSET leaves all marks but the last.
fn one_mark_goes(turn: &mut Turn<'_>) {
    turn.through();
    if turn.is("DELE*") {
        turn.memory.bytes.extend_from_slice(format!("{}\n", turn.command).as_bytes());
    }
    if turn.is("RSET") {
        let marks = String::from_utf8_lossy(&std::mem::take(&mut turn.memory.bytes)).into_owned();
        let marks: Vec<&str> = marks.lines().collect();
        for mark in marks.split_last().map_or(&[][..], |(_, others)| others) {
            turn.ask(mark);
        }
    }
}

/// After a mark and RSET, message 1 has ten octets more: the store has written a header line.
fn grows(turn: &mut Turn<'_>) {
    const MARKED: &[u8] = b"marked";
    const GROWN: &[u8] = b"grown";
    let next = match turn.memory.bytes.as_slice() {
        b"" if turn.is("DELE*") => Some(MARKED),
        MARKED if turn.is("RSET") => Some(GROWN),
        _ => None,
    };
    turn.memory.bytes = next.map_or(std::mem::take(&mut turn.memory.bytes), <[u8]>::to_vec);
    if turn.memory.bytes != GROWN || !super::messages::resized(turn, 1, 177, 10) {
        turn.through();
    }
}

/// After DELE and RSET, UIDL lacks a row.
fn uidl_without(turn: &mut Turn<'_>) {
    turn.memory.count += u64::from(turn.is("DELE*"));
    match turn.is("UIDL") && turn.memory.count > 0 {
        true => super::listings::without_row(turn, "UIDL", "\r\n1 "),
        false => turn.through(),
    }
}

/// A message that is marked, and how things were before.
struct Marked {
    number: u64,
    size: u64,
    before: (u64, u64),
    listed: Vec<(u64, u64)>,
}

fn count(session: &mut Session) -> Result<u64, Finding> {
    let stat = session.ask("STAT")?;
    numbers(&stat).map(|(count, _)| count).ok_or(Finding::Open(Why::Mailbox("no drop listing")))
}

/// Marks a message, looks, and clears the mark.
fn after_dele(
    lab: &mut Lab,
    legal: &'static str,
    look: impl FnOnce(&mut Session, &Marked) -> Result<Vec<Offence>, Finding>,
) -> Seen {
    let mut session = lab.login()?;
    let before = session.ask("STAT")?;
    let before = numbers(&before).ok_or(Finding::Open(Why::Mailbox("no drop listing")))?;
    let listed = sample(&mut session, usize::MAX)?;
    let (number, size) = listed[0];
    if !session.ask(&format!("DELE {number}"))?.is_ok() {
        return Err(Finding::Open(Why::Mailbox("a message that DELE refuses")));
    }
    let looked = look(&mut session, &Marked { number, size, before, listed });
    session.ask("RSET")?;
    seen(legal, looked?)
}

/// Each of these commands must be refused for the marked message.
fn refused(session: &mut Session, marked: &Marked, commands: &[&str]) -> Result<Vec<Offence>, Finding> {
    let mut offences = Vec::new();
    for command in commands {
        let lines = if *command == "TOP" { " 0" } else { "" };
        let response = session.ask(&format!("{command} {}{lines}", marked.number))?;
        if !response.is_err() {
            offences.push(response.wrong(format!("{command} of a marked message")));
        }
    }
    Ok(offences)
}

fn row_of(listing: &Response, number: u64, why: &str) -> Option<Offence> {
    let start = format!("{number} ");
    listing.rows.iter().find(|row| row.text().starts_with(&start)).map(|row| row.wrong(0, why))
}

fn listing(session: &mut Session, marked: &Marked) -> Result<Vec<Offence>, Finding> {
    let list = session.ask("LIST")?;
    let mut offences: Vec<Offence> =
        row_of(&list, marked.number, "a row of a marked message").into_iter().collect();
    for (number, size) in marked.listed.iter().filter(|(number, _)| *number != marked.number) {
        let row = format!("{number} {size}");
        if offences.is_empty() && !list.rows.iter().any(|other| other.text().starts_with(&row)) {
            offences.push(list.wrong(format!("no row {row}, which was there before DELE")));
        }
    }
    Ok(offences)
}

/// The most messages that are marked for the empty listing.
const MOST: usize = 200;

fn empty(lab: &mut Lab) -> Seen {
    let mut session = lab.login()?;
    let all = sample(&mut session, usize::MAX)?;
    if all.len() > MOST {
        return Err(Finding::Open(Why::Mailbox("more than 200 messages")));
    }
    for (number, _) in all {
        if !session.ask(&format!("DELE {number}"))?.is_ok() {
            return Err(Finding::Open(Why::Mailbox("a message that DELE refuses")));
        }
    }
    let mut offences = Vec::new();
    for command in ["LIST", "UIDL"] {
        let before = session.at();
        let listing = match session.ask(command) {
            // Nothing more: then the session is of no more use.
            Err(Stop::Silent) if session.at() > before => {
                let why = format!("the response to the next command: the empty {command} has no end");
                offences.extend(super::limits::after_silence(&mut session, why)?);
                return seen("empty", offences);
            }
            listing => listing?,
        };
        if !listing.is_ok() && command == "LIST" {
            offences.push(listing.wrong("LIST is refused, because it is empty"));
        } else if let Some(row) = listing.rows.first() {
            offences.push(row.wrong(0, "a row, and all messages are marked"));
        } else if !listing.is_ok() && session.ask("RSET")?.is_ok() && session.ask("UIDL")?.is_ok() {
            offences.push(listing.wrong("UIDL is refused, because it is empty"));
            return seen("empty", offences);
        }
    }
    let stat = session.ask("STAT")?;
    if numbers(&stat) != Some((0, 0)) {
        offences.push(stat.wrong("not 0 0, and all messages are marked"));
    }
    session.ask("RSET")?;
    seen("empty", offences)
}

/// How many messages are marked, if there are so many.
const MARKS: usize = 3;

fn unmarks(lab: &mut Lab) -> Seen {
    let mut session = lab.login()?;
    let some = sample(&mut session, MARKS)?;
    let mut before = Vec::new();
    for command in ["STAT", "LIST", "UIDL"] {
        let response = session.ask(command)?;
        if response.is_ok() {
            before.push((command, rows(command, &response)));
        }
    }
    for (number, _) in some.into_iter().take(MARKS) {
        if !session.ask(&format!("DELE {number}"))?.is_ok() {
            return Err(Finding::Open(Why::Mailbox("a message that DELE refuses")));
        }
    }
    let rset = session.ask("RSET")?;
    if !rset.is_ok() {
        return Err(Finding::Wrong(vec![rset.wrong("RSET is refused")]));
    }
    let mut offences = Vec::new();
    for (command, before) in before {
        let after = session.ask(command)?;
        if !after.is_ok() || rows(command, &after) != before {
            offences.push(
                after.wrong(format!(
                    "after RSET, {command} has not the messages that it had before the marks"
                )),
            );
        }
    }
    seen("no message marked", offences)
}

/// Which messages a response tells: their number, or its rows in the order of their text. A store may write into a message that is marked
/// and unmarked, so sizes are left out.
fn rows(command: &str, response: &Response) -> (Option<u64>, Vec<String>) {
    let text = |row: &Heard| match command {
        "LIST" => row.text().split(' ').next().unwrap_or_default().to_owned(),
        _ => row.text(),
    };
    let mut rows: Vec<String> = response.rows.iter().map(text).collect();
    rows.sort_unstable();
    (numbers(response).map(|(count, _)| count).filter(|_| rows.is_empty()), rows)
}
