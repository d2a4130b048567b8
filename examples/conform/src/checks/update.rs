//! What the end of a session removes, and what it keeps. The mailbox is filled before each of these checks.

use super::{numbers, sample};
use crate::check::{Check, Edit, Finding, Legal, Needs, Offence, Probe, Seen, Twist, Why};
use crate::corpus;
use crate::engine::{Response, Session, Stop};
use crate::lab::twist::Turn;
use crate::lab::{Lab, seen};

pub(super) static CHECKS: &[Check] = &[
    Check {
        id: "quit.removes",
        rows: &["1939.6.a", "1939.6.c"],
        asks: "QUIT removes a marked message, or is refused.",
        needs: Needs::FILL,
        legal: &[
            Legal { name: "removed", by: "RFC 1939 section 6" },
            Legal { name: "refused", by: "RFC 1939 section 6: some messages were not removed" },
        ],
        probe: Probe::Ask(removes),
        breaks: &[Twist { name: "nothing is removed", edit: Edit::Code(|turn| ends(turn, b"+OK bye\r\n")) }],
        keeps: &[Twist {
            name: "the store is read only",
            edit: Edit::Code(|turn| ends(turn, b"-ERR some deleted messages not removed\r\n")),
        }],
    },
    Check {
        id: "quit.keeps",
        rows: &["1939.6.d"],
        asks: "QUIT removes no message that is not marked.",
        needs: Needs::FILL,
        legal: &[Legal { name: "the others are there", by: "RFC 1939 section 6" }],
        probe: Probe::Ask(|lab| {
            let (before, session) = marked(lab)?;
            quit(session)?;
            others_are_there(lab, &before, "the others are there")
        }),
        breaks: &[Twist {
            name: "the last ones are removed too",
            edit: Edit::Code(|turn| {
                let quit = turn.is("QUIT");
                turn.through();
                if quit {
                    turn.world().truncate(9);
                    turn.bite();
                }
            }),
        }],
        keeps: &[Twist { name: "no text", edit: Edit::Answer { to: "QUIT", old: "+OK bye", new: "+OK" } }],
    },
    Check {
        id: "quit.renumbers",
        rows: &["1939.4.k"],
        asks: "In the session after a removal messages have the numbers from 1 up.",
        needs: Needs::FILL,
        legal: &[Legal { name: "from 1 up", by: "RFC 1939 section 4" }],
        probe: Probe::Ask(|lab| {
            quit(marked(lab)?.1)?;
            super::listings::numbered(lab)
        }),
        breaks: &[Twist { name: "the old numbers", edit: Edit::Code(old_numbers) }],
        keeps: &[Twist { name: "no text", edit: Edit::Answer { to: "QUIT", old: "+OK bye", new: "+OK" } }],
    },
    Check {
        id: "uidl.kept",
        rows: &["1939.7.uidl.f"],
        asks: "Messages keep their unique-ids if another one is removed.",
        needs: Needs::FILL,
        legal: &[Legal { name: "the same", by: "RFC 1939 section 7" }],
        probe: Probe::Ask(uidl_kept),
        breaks: &[Twist { name: "the ids move up", edit: Edit::Code(ids_move) }],
        keeps: &[Twist { name: "no text", edit: Edit::Answer { to: "QUIT", old: "+OK bye", new: "+OK" } }],
    },
    Check {
        id: "close.keeps",
        rows: &["1939.6.b"],
        asks: "A lost connection removes nothing.",
        needs: Needs::FILL,
        legal: &[Legal { name: "all are there", by: "RFC 1939 section 6" }],
        probe: Probe::Ask(|lab| {
            let (before, session) = marked(lab)?;
            drop(session);
            all_are_there(lab, &before, "all are there", "a message is removed, without QUIT")
        }),
        breaks: &[Twist { name: "counts as QUIT", edit: Edit::AtEnd("QUIT") }],
        keeps: &[Twist {
            name: "no text",
            edit: Edit::Answer { to: "DELE*", old: "+OK marked for deletion", new: "+OK" },
        }],
    },
    Check {
        id: "quit.half",
        rows: &["ROB.30"],
        asks: "QUIT without its line end, at the end of the stream, removes nothing.",
        needs: Needs::FILL,
        legal: &[Legal { name: "all are there", by: "practice: only a whole QUIT counts (ROB.30)" }],
        probe: Probe::Ask(|lab| {
            let (before, mut session) = marked(lab)?;
            session.send_raw(b"QUIT");
            let _ = session.finish();
            drop(session);
            all_are_there(lab, &before, "all are there", "a message is removed by QUIT without a line end")
        }),
        breaks: &[Twist {
            name: "counts as QUIT",
            edit: Edit::Code(|turn| match turn.is("end") && turn.take_early() == b"QUIT" {
                true => {
                    turn.ask("QUIT");
                    turn.pass();
                }
                false => turn.through(),
            }),
        }],
        keeps: &[Twist {
            name: "no text",
            edit: Edit::Answer { to: "DELE*", old: "+OK marked for deletion", new: "+OK" },
        }],
    },
    Check {
        id: "quit.early_keeps",
        rows: &["1939.4.o"],
        asks: "QUIT before the login removes nothing, also if the session before marked a message.",
        needs: Needs::FILL,
        legal: &[Legal { name: "all are there", by: "RFC 1939 section 4" }],
        probe: Probe::Ask(|lab| {
            let (before, session) = marked(lab)?;
            drop(session);
            quit(lab.secure()?)?;
            let why = "a message is removed by QUIT before the login";
            let seen = all_are_there(lab, &before, "all are there", why);
            match seen {
                Err(Finding::Wrong(_)) if close_removes(lab)? => {
                    Err(Finding::Open(Why::Server(super::login::REMOVES)))
                }
                seen => seen,
            }
        }),
        breaks: &[Twist { name: "the mark of the session before", edit: Edit::Code(early_update) }],
        keeps: &[Twist { name: "no text", edit: Edit::Answer { to: "QUIT", old: "+OK bye", new: "+OK" } }],
    },
    Check {
        id: "lock.removal",
        rows: &["1939.4.e"],
        asks: "A second session cannot remove the messages that the first one lists.",
        needs: Needs::FILL,
        legal: &[
            Legal { name: "the second login is refused", by: "RFC 1939 section 4" },
            Legal {
                name: "the first session keeps its messages",
                by: "RFC 1939 section 4: the lock is there to prevent removal",
            },
        ],
        probe: Probe::Ask(removal),
        breaks: &[
            Twist { name: "no lock", edit: Edit::Code(|turn| no_lock(turn, true)) },
            Twist { name: "no lock, and the first session is closed", edit: Edit::Code(closes_first) },
            Twist {
                name: "no lock, and the numbers move up",
                edit: Edit::Code(|turn| moves_up(turn, "RETR*")),
            },
            Twist {
                name: "no lock, and LIST has a row less",
                edit: Edit::Code(|turn| moves_up(turn, "LIST")),
            },
        ],
        keeps: &[Twist { name: "no lock, but a snapshot", edit: Edit::Code(|turn| no_lock(turn, false)) }],
    },
];

/// QUIT ends the session, and the store does not change.
fn ends(turn: &mut Turn<'_>, answer: &[u8]) {
    turn.memory.count += u64::from(turn.is("PASS*"));
    match turn.is("QUIT") && turn.memory.count > 0 {
        true => {
            turn.say(answer);
            turn.hang_up();
        }
        false => turn.through(),
    }
}

/// After a removal, the first message has the number 2.
fn old_numbers(turn: &mut Turn<'_>) {
    match turn.is("LIST") && turn.world().count() < 12 {
        true => turn.replace("\r\n1 ", "\r\n12 "),
        false => turn.through(),
    }
}

/// After a removal, the second message has the unique-id that the first one had.
fn ids_move(turn: &mut Turn<'_>) {
    match turn.is("UIDL") && turn.world().count() < 12 {
        true => turn.replace("\r\n1 dots\r\n", "\r\n1 plain\r\n"),
        false => turn.through(),
    }
}

/// QUIT before the login removes what was marked in the session before.
fn early_update(turn: &mut Turn<'_>) {
    turn.memory.count += u64::from(turn.is("PASS*"));
    let early = turn.is("QUIT") && turn.memory.count == 0;
    turn.through();
    if early {
        turn.world().truncate(11);
        turn.bite();
    }
}

/// Everybody may open the mailbox. What one session removes is gone for the other, unless each has a snapshot.
fn no_lock(turn: &mut Turn<'_>, gone: bool) {
    if turn.is("PASS*") {
        turn.world().unlock();
        turn.bite();
    }
    match gone && turn.is("RETR*") && turn.world().count() < 12 {
        true => turn.say(b"-ERR the message is gone\r\n"),
        false => turn.through(),
    }
}

fn closes_first(turn: &mut Turn<'_>) {
    match turn.is("RETR*") && turn.world().count() < 12 {
        true => turn.hang_up(),
        false => no_lock(turn, false),
    }
}

/// After a removal by another session, the first one reads the messages as they are now.
fn moves_up(turn: &mut Turn<'_>, to: &str) {
    let live = turn.is(to) && turn.number() == 1 && turn.world().count() < 12;
    let next = turn
        .command
        .split_once(' ')
        .and_then(|(_, number)| number.parse::<u32>().ok())
        .map(|number| number + 1);
    match next {
        Some(next) if live => {
            let answer = turn.ask(&format!("RETR {next}"));
            turn.say(&answer);
        }
        None if live => super::listings::without_row(turn, "LIST", "\r\n12 "),
        _ => no_lock(turn, false),
    }
}

/// The messages of a session, by their names.
struct Before {
    listed: Vec<String>,
    marked: String,
    /// The names are from the messages themselves. Unique-ids may be other ones after a removal, which another check finds.
    sure: bool,
}

/// What names messages: their unique-ids, or their sizes without UIDL.
fn names(session: &mut Session) -> Result<(Response, Vec<(String, String)>), Finding> {
    let mut listing = session.ask("UIDL")?;
    if !listing.is_ok() {
        listing = session.ask("LIST")?;
    }
    let row = |row: &crate::engine::Heard| {
        row.text().split_once(' ').map(|(number, name)| (number.to_owned(), name.to_owned()))
    };
    let names = listing.rows.iter().filter_map(row).collect();
    Ok((listing, names))
}

/// Returns the numbers of the messages and the ids in their headers, if the mailbox is known and each message has one.
///
/// It has a session of its own, because a TOP that is not right may take the session out of step.
fn identified(lab: &mut Lab) -> Result<Option<Vec<(String, String)>>, Finding> {
    if lab.facts.manifest.is_empty() {
        return Ok(None);
    }
    let mut session = lab.login()?;
    let (_, mut names) = names(&mut session)?;
    if names.len() > MOST {
        return Ok(None);
    }
    for (number, name) in &mut names {
        let top = session.ask(&format!("TOP {number} 0"))?;
        match corpus::id_of(&top.message()) {
            Some(id) if top.is_ok() => *name = id,
            _ => return Ok(None),
        }
    }
    Ok(Some(names))
}

/// Logs in and marks the first message.
fn marked(lab: &mut Lab) -> Result<(Before, Session), Finding> {
    let identified = identified(lab)?;
    let mut session = lab.login()?;
    let sure = identified.is_some();
    let names = match identified {
        Some(names) => names,
        None => names(&mut session)?.1,
    };
    let before = mark(&mut session, names, sure)?;
    Ok((before, session))
}

/// Marks the first of these messages.
fn mark(session: &mut Session, names: Vec<(String, String)>, sure: bool) -> Result<Before, Finding> {
    let Some((number, marked)) = names.first().cloned() else {
        return Err(Finding::Open(Why::Mailbox("no message")));
    };
    if !session.ask(&format!("DELE {number}"))?.is_ok() {
        return Err(Finding::Open(Why::Mailbox("a message that DELE refuses")));
    }
    let listed = names.into_iter().map(|(_, name)| name).collect();
    Ok(Before { listed, marked, sure })
}

/// The messages of a new session, by names of the same kind.
fn after(lab: &mut Lab, before: &Before) -> Result<(Response, Vec<String>), Finding> {
    let (listing, mut names) = names(&mut lab.login()?)?;
    if before.sure {
        let lack = Why::Server("has a message that TOP does not identify");
        names = identified(lab)?.ok_or(Finding::Open(lack))?;
    }
    Ok((listing, names.into_iter().map(|(_, name)| name).collect()))
}

/// Returns whether a lost connection removes what is marked.
fn close_removes(lab: &mut Lab) -> Result<bool, Finding> {
    lab.fill()?;
    let (before, session) = marked(lab)?;
    drop(session);
    let (_, now) = after(lab, &before)?;
    Ok(now.len() < before.listed.len())
}

/// Without names that are sure, and with the right number of messages, nobody knows which message has gone.
fn unsure(before: &Before, now: &[String]) -> Result<(), Finding> {
    match !before.sure && now.len() + 1 == before.listed.len() {
        true => Err(Finding::Open(Why::Server("removed a message, and unique-ids do not show which"))),
        false => Ok(()),
    }
}

/// Sends QUIT, and waits for the close, so that the update is done.
fn quit(mut session: Session) -> Result<Response, Finding> {
    let response = session.ask("QUIT")?;
    // A server that does not close is the matter of another check.
    let _ = session.until_close();
    Ok(response)
}

fn removes(lab: &mut Lab) -> Seen {
    let (before, session) = marked(lab)?;
    if quit(session)?.is_err() {
        return Ok("refused");
    }
    let (listing, now) = after(lab, &before)?;
    let had = before.listed.iter().filter(|name| **name == before.marked).count();
    if now.iter().filter(|name| **name == before.marked).count() < had {
        return Ok("removed");
    }
    unsure(&before, &now)?;
    Err(Finding::Wrong(vec![listing.wrong("the marked message is there after QUIT")]))
}

/// Returns how many of these messages are not there.
fn missing(now: &[String], wanted: &[String]) -> usize {
    let mut now: Vec<&String> = now.iter().collect();
    let mut missing = 0;
    for name in wanted {
        match now.iter().position(|other| *other == name) {
            Some(found) => drop(now.swap_remove(found)),
            None => missing += 1,
        }
    }
    missing
}

fn all_are_there(lab: &mut Lab, before: &Before, legal: &'static str, why: &str) -> Seen {
    let (listing, now) = after(lab, before)?;
    let offence: Option<Offence> = (missing(&now, &before.listed) > 0).then(|| listing.wrong(why));
    seen(legal, offence.into_iter().collect())
}

fn others_are_there(lab: &mut Lab, before: &Before, legal: &'static str) -> Seen {
    let (listing, now) = after(lab, before)?;
    match missing(&now, &before.listed[1..]) {
        0 => Ok(legal),
        gone => {
            unsure(before, &now)?;
            let why = format!("{gone} messages are gone that were not marked");
            Err(Finding::Wrong(vec![listing.wrong(why)]))
        }
    }
}

fn uidl_kept(lab: &mut Lab) -> Seen {
    let mut session = lab.login()?;
    let (_, listed) = names(&mut session)?;
    let before = mark(&mut session, listed, false)?;
    if !session.ask("UIDL")?.is_ok() {
        return Err(Finding::Absent("UIDL"));
    }
    if quit(session)?.is_err() {
        return Err(Finding::Open(Why::Mailbox("a message that QUIT does not remove")));
    }
    let (listing, now) = names(&mut lab.login()?)?;
    let known = |name: &String| before.listed.iter().skip(1).any(|other| other == name);
    let place = now.iter().position(|(_, name)| !known(name));
    let new = place.and_then(|place| listing.rows.get(place));
    let offence = new.map(|row| row.wrong(0, "no other message had this unique-id before"));
    seen("the same", offence.into_iter().collect())
}

/// The most messages whose octets are compared.
const MOST: usize = 100;
const KEPT: &str = "the first session keeps its messages";

fn removal(lab: &mut Lab) -> Seen {
    let mut first = lab.login()?;
    let listed = sample(&mut first, usize::MAX)?;
    let mut texts = Vec::new();
    for (number, _) in super::messages::fetchable(&listed, MOST) {
        let retr = first.ask(&format!("RETR {number}"))?;
        match (retr.is_ok(), retr.is_err()) {
            (true, _) => {}
            (_, true) => return Err(Finding::Open(Why::Mailbox("a message that RETR refuses"))),
            _ => return Err(Finding::Open(super::messages::OUT_OF_STEP)),
        }
        texts.push((number, retr.message()));
    }
    let (user, password) = (lab.facts.user.clone(), lab.facts.password.clone());
    let (mut second, response) = lab.try_login(&user, &password)?;
    if !response.is_ok() {
        return Ok("the second login is refused");
    }
    let number = listed[0].0;
    let stat = second.ask("STAT")?;
    if numbers(&stat).is_none_or(|(count, _)| count == 0) || !second.ask(&format!("DELE {number}"))?.is_ok() {
        return Ok(KEPT);
    }
    quit(second)?;
    // A server that closes the first session in place of an answer has lost its messages too.
    match changed(&mut first, listed, &texts) {
        Ok(offence) => seen(KEPT, offence.into_iter().collect()),
        Err(Stop::Closed { session, at, .. }) => {
            let why = "closed, after the second session has removed a message".to_owned();
            Err(Finding::Wrong(vec![Offence::new(why, session, at)]))
        }
        Err(stop) => Err(stop.into()),
    }
}

/// Returns what is not as it was before the second session removed a message.
fn changed(
    first: &mut Session,
    mut listed: Vec<(u64, u64)>,
    texts: &[(u64, Vec<u8>)],
) -> Result<Option<Offence>, Stop> {
    let list = first.ask("LIST")?;
    let mut now: Vec<(u64, u64)> = list.rows.iter().filter_map(super::pair).collect();
    now.sort_unstable();
    listed.sort_unstable();
    if now != listed {
        let why = "the second session has removed a message, and LIST of the first one is not as before";
        return Ok(Some(list.wrong(why)));
    }
    for (number, before) in texts {
        let retr = first.ask(&format!("RETR {number}"))?;
        if !retr.is_ok() || retr.message() != *before {
            let why = "the second session has removed a message, and this one is not as before";
            return Ok(Some(retr.wrong(format!("{number}: {why}"))));
        }
    }
    Ok(None)
}
