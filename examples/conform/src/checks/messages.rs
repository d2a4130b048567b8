//! RETR and TOP: sizes, ends, and what TOP has of a message.

use super::{HANGS_UP, REFUSED, all_refused, nothing_after, numbers, sample};
use crate::check::{Check, Edit, Finding, Legal, Needs, Offence, Probe, Seen, Twist, Why};
use crate::corpus;
use crate::engine::log::find;
use crate::engine::{Response, Session, Status, Stop};
use crate::lab::twist::Turn;
use crate::lab::{Lab, State, seen};

pub(super) static CHECKS: &[Check] = &[
    Check {
        id: "retr.size",
        rows: &["1939.5.list.h", "1939.11.b", "1939.11.c", "1939.11.d", "AMB.15"],
        asks: "The size in LIST is the number of octets that RETR sends: line ends are two octets, and added dots do not count.",
        needs: Needs::LOGIN,
        legal: &[
            Legal { name: "equal", by: "RFC 1939 section 11" },
            Legal { name: PARTLY, by: "RFC 1939 section 11: many or large messages are not all fetched" },
            Legal {
                name: "two less, without the last line end",
                by: "RFC 1939 leaves it open if the store has no last line end (AMB.15)",
            },
        ],
        probe: Probe::Ask(size),
        breaks: &[
            Twist {
                name: "line ends count one",
                edit: Edit::Answers { to: "LIST", old: "\r\n1 177\r\n", new: "\r\n1 169\r\n" },
            },
            Twist {
                name: "an octet more",
                edit: Edit::Answer { to: "RETR 1", old: "A short", new: "A  short" },
            },
            Twist {
                name: "dots are not doubled",
                edit: Edit::Answers { to: "RETR 2", old: "\r\n..one", new: "\r\n.one" },
            },
        ],
        keeps: &[
            Twist { name: "no last line end", edit: Edit::Code(no_last_line_end) },
            Twist { name: "no size in the status line", edit: Edit::Code(plain_status) },
            Twist { name: "a mailbox with more messages", edit: Edit::Code(more) },
        ],
    },
    Check {
        id: "retr.marks_nothing",
        rows: &["1939.5.retr.d"],
        asks: "RETR and TOP change neither count nor sizes.",
        needs: Needs::LOGIN,
        legal: &[Legal { name: "nothing changes", by: "RFC 1939 section 5" }],
        probe: Probe::Ask(marks_nothing),
        breaks: &[Twist {
            name: "marked after RETR",
            edit: Edit::Code(|turn| {
                let stat = turn.is("STAT") && turn.memory.count > 0;
                turn.memory.count += u64::from(turn.is("RETR*"));
                match stat {
                    true => turn.replace("+OK 12 ", "+OK 11 "),
                    false => turn.through(),
                }
            }),
        }],
        keeps: &[Twist { name: "byte by byte", edit: Edit::Drip }],
    },
    Check {
        id: "retr.exact",
        rows: &["1939.3.r", "1939.3.s", "1939.3.v", "1939.5.retr.b", "2449.3.g", "5321.4.5.2.a"],
        asks: "RETR sends the message that is in the mailbox, octet for octet, with dots doubled only at the start of a line.",
        needs: Needs::MANIFEST,
        legal: &LIKE,
        probe: Probe::Ask(exact),
        breaks: &[
            Twist {
                name: "dots are not doubled",
                edit: Edit::Answers { to: "RETR*", old: "\r\n..one", new: "\r\n.one" },
            },
            Twist {
                name: "inner dots are doubled",
                edit: Edit::Answers { to: "RETR*", old: "a.\r\n", new: "a..\r\n" },
            },
            Twist {
                name: "octets of 8 bits are lost",
                edit: Edit::Answers { to: "RETR*", old: "\u{fc}", new: "u" },
            },
            Twist {
                name: "spaces at the end are lost",
                edit: Edit::Answers { to: "RETR*", old: "trailing  ", new: "trailing" },
            },
            Twist {
                name: "blank lines at the end are lost",
                edit: Edit::Answers { to: "RETR*", old: "\r\n\r\n\r\n\r\n.\r\n", new: "\r\n.\r\n" },
            },
            Twist {
                name: "long lines are folded",
                edit: Edit::Answers { to: "RETR*", old: "long long", new: "long\r\nlong" },
            },
        ],
        keeps: &[
            Twist { name: "an mbox", edit: Edit::Code(|turn| in_store(turn, quoted)) },
            Twist { name: "an mbox with its blank lines", edit: Edit::Code(|turn| in_store(turn, in_mbox)) },
            Twist {
                name: "a store that adds the last line end",
                edit: Edit::Code(|turn| in_store(turn, ended)),
            },
            Twist {
                name: "the store rewrites the header",
                edit: Edit::Answers { to: "*", old: "Subject: ", new: "SUBJECT: " },
            },
        ],
    },
    Check {
        id: "top.zero",
        rows: &["1939.7.top.c"],
        asks: "TOP with 0 lines sends the header and its blank line, as RETR does.",
        needs: Needs::LOGIN,
        legal: &[Legal { name: "header and blank line", by: "RFC 1939 section 7" }],
        probe: Probe::Ask(|lab| top(lab, 0, "header and blank line")),
        breaks: &[
            Twist {
                name: "without the blank line",
                edit: Edit::Answers { to: "TOP*", old: "\r\n\r\n.\r\n", new: "\r\n.\r\n" },
            },
            Twist { name: "a line of the body", edit: Edit::Code(|turn| other_lines(turn, 0, 1)) },
        ],
        keeps: &[Twist {
            name: "no text",
            edit: Edit::Answer { to: "TOP*", old: "+OK top of message follows", new: "+OK" },
        }],
    },
    Check {
        id: "top.lines",
        rows: &["1939.7.top.b", "1939.7.top.e"],
        asks: "TOP with a number of lines sends that number of lines after the blank line.",
        needs: Needs::LOGIN,
        legal: &[Legal { name: "the lines", by: "RFC 1939 section 7" }],
        probe: Probe::Ask(|lab| top(lab, 2, "the lines")),
        breaks: &[
            Twist { name: "the blank line counts", edit: Edit::Code(|turn| other_lines(turn, 2, 1)) },
            Twist {
                name: "two blank lines",
                edit: Edit::Answer { to: "TOP*", old: "\r\n\r\n", new: "\r\n\r\n\r\n" },
            },
        ],
        keeps: &[Twist { name: "byte by byte", edit: Edit::Drip }],
    },
    Check {
        id: "top.all",
        rows: &["1939.7.top.d"],
        asks: "TOP with more lines than there are sends the whole message.",
        needs: Needs::LOGIN,
        legal: &[Legal { name: "the whole message", by: "RFC 1939 section 7" }],
        probe: Probe::Ask(|lab| top(lab, 99_999_999, "the whole message")),
        breaks: &[
            Twist { name: "the header only", edit: Edit::Code(|turn| other_lines(turn, 99_999_999, 0)) },
            Twist {
                name: "dots are not doubled",
                edit: Edit::Answers { to: "TOP*", old: "\r\n..one", new: "\r\n.one" },
            },
            Twist {
                name: "a line of one dot is not doubled",
                edit: Edit::Answers { to: "TOP*", old: "\r\n..\r\n", new: "\r\n.\r\n" },
            },
            Twist { name: "announced, and refused", edit: Edit::Say { to: "TOP*", instead: "-ERR no\r\n" } },
        ],
        keeps: &[Twist { name: "byte by byte", edit: Edit::Drip }],
    },
    Check {
        id: "top.arguments",
        rows: &["1939.7.top.a", "1939.7.top.f"],
        asks: "TOP needs a message and a number of lines that is not negative.",
        needs: Needs::LOGIN,
        legal: &[REFUSED, HANGS_UP],
        probe: Probe::Ask(|lab| {
            let known = lab.login()?.ask("TOP 1 0")?;
            if !known.is_ok() {
                return Err(Finding::Absent("TOP"));
            }
            let commands = ["TOP 1", "TOP 1 -1", "TOP 1 x", "TOP"];
            all_refused(lab, State::Transaction, &commands, "not two numbers", nothing_after)
        }),
        breaks: &[
            Twist { name: "a negative number", edit: Edit::Command { from: "TOP 1 -1", to: "TOP 1 0" } },
            Twist { name: "no number of lines", edit: Edit::Command { from: "TOP 1", to: "TOP 1 0" } },
            Twist { name: "a word", edit: Edit::Command { from: "TOP 1 x", to: "TOP 1 0" } },
        ],
        keeps: &[Twist {
            name: "hangs up at the second",
            edit: Edit::Code(|turn| super::session::hang_up_at(turn, 2)),
        }],
    },
];

/// The most octets of a message that checks fetch; larger ones are left out if there are others.
const LARGE: u64 = 1 << 20;
/// The most octets of the one large message that is fetched all the same.
const LARGEST: u64 = 16 << 20;
/// The most messages that a check fetches.
const MOST: usize = 12;

/// A response ended too early or too late, which another check finds.
pub(super) const OUT_OF_STEP: Why = Why::Server("sends more or fewer lines than belong to a response");

/// The legal answer if not all messages were fetched.
const PARTLY: &str = "equal, and not all messages were fetched";

fn size(lab: &mut Lab) -> Seen {
    let mut session = lab.login()?;
    let all = sample(&mut session, usize::MAX)?;
    let mut some = fetchable(&all, MOST);
    // A large message is one that does not fit into the buffers of connections.
    let large = all.iter().filter(|(_, size)| (LARGE..=LARGEST).contains(size)).max_by_key(|(_, size)| *size);
    some.extend(large.filter(|large| !some.contains(large)));
    let (mut offences, mut legal) = (Vec::new(), if some.len() < all.len() { PARTLY } else { "equal" });
    for (message, size) in some {
        let command = format!("RETR {message}");
        let retr = match session.ask(&command) {
            // A server that is only slow may be in time now.
            Err(Stop::Stalled { .. }) => {
                drop(session);
                session = lab.login()?;
                session.ask(&command)?
            }
            retr => retr?,
        };
        match retr.status {
            Status::Ok => {}
            Status::Err => return Err(Finding::Open(Why::Mailbox("a message that RETR refuses"))),
            // The offence of the message before is the better one.
            _ if !offences.is_empty() => break,
            _ => {
                offences.push(retr.wrong("not a response: the one before did not end at its last line"));
                break;
            }
        }
        let sent = retr.message().len() as u64;
        match sent.checked_sub(size) {
            Some(0) => {}
            Some(2) => legal = "two less, without the last line end",
            _ => offences.push(retr.wrong(format!("LIST has {size} octets, and {sent} were sent"))),
        }
    }
    seen(legal, offences)
}

/// The mailbox has three messages more.
fn more(turn: &mut Turn<'_>) {
    if turn.is("greeting") && turn.world().count() == MOST {
        let mut messages = corpus::messages();
        let more: Vec<_> = messages.iter().take(3).cloned().collect();
        messages.extend(more.into_iter().map(|mut message| {
            message.id.push_str("-again");
            message
        }));
        turn.world().put(messages);
        turn.bite();
    }
    turn.through();
}

/// Returns messages of the mailbox to fetch, with their sizes.
pub(super) fn some(session: &mut Session) -> Result<Vec<(u64, u64)>, Finding> {
    Ok(fetchable(&sample(session, usize::MAX)?, MOST))
}

/// Returns messages to fetch, with their sizes: large ones are left out if there are others.
pub(super) fn fetchable(listed: &[(u64, u64)], most: usize) -> Vec<(u64, u64)> {
    let small: Vec<(u64, u64)> = listed.iter().copied().filter(|(_, size)| *size <= LARGE).collect();
    super::spread(if small.is_empty() { listed } else { &small }, most)
}

/// LIST and STAT do not count the line end that message 1 has lost in the store.
fn no_last_line_end(turn: &mut Turn<'_>) {
    if !resized(turn, 1, 177, -2) {
        turn.through();
    }
}

/// Changes the messages before each session, as a store in another form does. Each message is changed once: then its header has `Status`.
fn in_store(turn: &mut Turn<'_>, change: fn(&[u8]) -> Vec<u8>) {
    if turn.is("greeting") {
        turn.world().rewrite(|text| match find(text, STATUS) {
            Some(_) => text.to_vec(),
            None => {
                let header = find(text, b"\r\n\r\n").map_or(text.len(), |end| end + 2);
                [&text[..header], STATUS, &change(&text[header..])].concat()
            }
        });
        turn.bite();
    }
    turn.through();
}

/// The header line that tells the owner of an mbox that a message was read.
const STATUS: &[u8] = b"Status: RO\r\n";

/// Quotes lines as an mbox does.
fn quoted(body: &[u8]) -> Vec<u8> {
    let lines = body.split_inclusive(|byte| *byte == b'\n');
    let quote = |line| if after_quotes(line).starts_with(b"From ") { &b">"[..] } else { b"" };
    lines.flat_map(|line| [quote(line), line].concat()).collect()
}

/// Adds the end of the last line.
fn ended(body: &[u8]) -> Vec<u8> {
    let end: &[u8] = if body.ends_with(b"\r\n") { b"" } else { b"\r\n" };
    [body, end].concat()
}

/// Quotes lines, and adds the blank line that ends a message in an mbox.
fn in_mbox(body: &[u8]) -> Vec<u8> {
    [&ended(&quoted(body)), &b"\r\n"[..]].concat()
}

/// Answers LIST and STAT as if this message, which has `size` octets, had others. Returns false for other commands.
pub(super) fn resized(turn: &mut Turn<'_>, message: u32, size: i64, by: i64) -> bool {
    let (before, after) = (format!("{message} {size}\r\n"), format!("{message} {}\r\n", size + by));
    // A marked message counts in neither.
    turn.memory.count += u64::from(turn.is(&format!("DELE {message}")));
    if turn.is("RSET") {
        turn.memory.count = 0;
    }
    if turn.is("LIST") || turn.is(&format!("LIST {message}")) {
        turn.replace(&before, &after);
    } else if turn.is("STAT") && turn.memory.count == 0 {
        let answer = String::from_utf8_lossy(&turn.pass()).into_owned();
        let start = answer.trim_end().rfind(' ').map_or(0, |space| space + 1);
        let changed = answer[start..]
            .trim_end()
            .parse::<i64>()
            .map(|sum| format!("{}{}\r\n", &answer[..start], sum + by));
        turn.say(changed.unwrap_or(answer).as_bytes());
    } else {
        return false;
    }
    true
}

/// The status line of RETR has no words.
fn plain_status(turn: &mut Turn<'_>) {
    let answer = turn.pass();
    let end = answer
        .iter()
        .position(|byte| *byte == b'\r')
        .filter(|_| turn.is("RETR*") && answer.starts_with(b"+OK"));
    match end {
        Some(end) => turn.say(&[b"+OK", &answer[end..]].concat()),
        None => turn.say(&answer),
    }
}

/// TOP with `asked` lines sends another number of lines.
fn other_lines(turn: &mut Turn<'_>, asked: u64, lines: u64) {
    let command = turn.command.clone();
    match command.strip_suffix(&format!(" {asked}")).filter(|_| turn.is("TOP*")) {
        Some(start) => {
            let answer = turn.ask(&format!("{start} {lines}"));
            turn.say(&answer);
        }
        None => turn.through(),
    }
}

fn marks_nothing(lab: &mut Lab) -> Seen {
    let mut session = lab.login()?;
    let some = fetchable(&sample(&mut session, usize::MAX)?, 2);
    let before = session.ask("STAT")?;
    for (message, _) in &some {
        session.ask(&format!("RETR {message}"))?;
        session.ask(&format!("TOP {message} 0"))?;
    }
    let after = session.ask("STAT")?;
    if numbers(&after).is_none() {
        return Err(Finding::Open(OUT_OF_STEP));
    }
    let changed = numbers(&before) != numbers(&after);
    let offence = changed.then(|| after.wrong(format!("STAT was {:?} before RETR", before.text())));
    seen("nothing changes", offence.into_iter().collect())
}

fn exact(lab: &mut Lab) -> Seen {
    let manifest = lab.facts.manifest.clone();
    let mut session = lab.login()?;
    let (mut offences, mut like, mut found) = (Vec::new(), 0, 0);
    for (message, _) in sample(&mut session, usize::MAX)? {
        let retr = session.ask(&format!("RETR {message}"))?;
        let text = retr.message();
        let Some(id) = corpus::id_of(&text) else { continue };
        let Some(known) = manifest.iter().find(|known| known.id == id) else { continue };
        found += 1;
        // A store may add header lines, so the header is not compared.
        let (ours, theirs) = (body(&known.text), body(&text));
        match likeness(&ours, &theirs) {
            Some(place) => like = like.max(place),
            None => offences.push(first_difference(&retr, &ours, &theirs, &id)),
        }
    }
    match found {
        0 => Err(Finding::Open(Why::Mailbox("no message of the manifest"))),
        _ => seen(LIKE[like].name, offences),
    }
}

/// How a body may be like the one in the mailbox, from the most to the least.
const LIKE: [Legal; 3] = [
    Legal { name: "octet for octet", by: "RFC 1939 section 3" },
    Legal {
        name: "apart from >From of an mbox",
        by: "not a part of the protocol: the store quotes such lines",
    },
    Legal {
        name: "with the blank line of an mbox",
        by: "not a part of the protocol: in the store, a blank line ends each message",
    },
];

/// Returns the place in [`LIKE`] of what a body is, compared with the one in the mailbox.
fn likeness(ours: &[u8], theirs: &[u8]) -> Option<usize> {
    // The end of the response needs a line end, also if the message has none (AMB.15).
    let end = if ours.is_empty() || ours.ends_with(b"\r\n") { &b""[..] } else { b"\r\n" };
    let ours = [ours, end].concat();
    let is_like = |theirs: &[u8]| unquoted(&ours) == unquoted(theirs);
    let places = [ours == theirs, is_like(theirs), theirs.strip_suffix(b"\r\n").is_some_and(is_like)];
    places.iter().position(|is_like| *is_like)
}

/// Returns the place of a difference in the lines that were sent.
fn first_difference(retr: &Response, ours: &[u8], theirs: &[u8], id: &str) -> Offence {
    let same = ours.iter().zip(theirs).take_while(|(our, their)| our == their).count();
    let header = retr.rows.iter().position(|row| row.bytes.is_empty()).map_or(0, |blank| blank + 1);
    let mut left = same;
    for row in &retr.rows[header..] {
        let stuffed = usize::from(row.bytes.starts_with(b"."));
        let length = row.octets() - stuffed;
        if left < length {
            return row.wrong(left + stuffed, format!("{id}: the body differs from octet {same} on"));
        }
        left -= length;
    }
    let end = retr.rows.last().unwrap_or(&retr.line);
    end.wrong(0, format!("{id}: the body ends after {} octets of {}", theirs.len(), ours.len()))
}

fn body(message: &[u8]) -> Vec<u8> {
    find(message, b"\r\n\r\n").map_or(Vec::new(), |end| message[end + 4..].to_vec())
}

/// Removes the `>` that an mbox adds.
fn unquoted(body: &[u8]) -> Vec<u8> {
    let lines = body.split_inclusive(|byte| *byte == b'\n');
    let plain = |line| Some(after_quotes(line)).filter(|rest| rest.starts_with(b"From ")).unwrap_or(line);
    lines.flat_map(plain).copied().collect()
}

fn after_quotes(line: &[u8]) -> &[u8] {
    &line[line.iter().take_while(|byte| **byte == b'>').count()..]
}

/// Compares TOP with RETR of the same server, so that a header that a store adds does not matter.
fn top(lab: &mut Lab, lines: usize, legal: &'static str) -> Seen {
    let mut session = lab.login()?;
    let mut known = false;
    for (message, _) in fetchable(&sample(&mut session, usize::MAX)?, MOST) {
        let retr = session.ask(&format!("RETR {message}"))?;
        if retr.is_err() {
            return Err(Finding::Open(Why::Mailbox("a message that RETR refuses")));
        }
        let top = session.ask(&format!("TOP {message} {lines}"))?;
        if top.is_err() && !known && !announced(&mut session)? {
            return Err(Finding::Absent("TOP"));
        }
        known = true;
        // After a response that ends too early or too late, the next ones are others.
        if let Some(offence) = other_top(&retr, &top, lines) {
            return Err(Finding::Wrong(vec![offence]));
        }
    }
    Ok(legal)
}

/// Returns whether TOP is a capability of this session.
fn announced(session: &mut Session) -> Result<bool, Finding> {
    let capa = session.ask("CAPA")?;
    Ok(capa.rows.iter().any(|row| row.text().eq_ignore_ascii_case("TOP")))
}

/// Returns where TOP is not the beginning of what RETR has sent.
fn other_top(retr: &Response, top: &Response, lines: usize) -> Option<Offence> {
    for response in [retr, top] {
        if !response.is_ok() && !response.is_err() {
            return Some(response.wrong("not a response: the one before did not end at its last line"));
        }
    }
    if top.is_err() {
        return Some(top.wrong("TOP is refused, and CAPA announces it, or it was answered before"));
    }
    // Without a blank line, the text leaves open what TOP sends (AMB.14).
    let header = retr.rows.iter().position(|row| row.bytes.is_empty())?;
    let want = retr.rows.len().min(header + 1 + lines);
    let same = top.rows.iter().zip(&retr.rows).take_while(|(top, retr)| top.bytes == retr.bytes).count();
    let place = top.rows.get(same).unwrap_or(&top.line);
    if same < want.min(top.rows.len()) {
        return Some(place.wrong(0, format!("line {} of TOP is not that of RETR", same + 1)));
    }
    let why = || format!("TOP has {} lines in place of {want}", top.rows.len());
    match (top.rows.len() != want, top.rows.get(want), top.rows.last()) {
        (false, ..) => None,
        (_, Some(surplus), _) => Some(surplus.wrong(0, why())),
        // It ends too early: the line after the last one.
        (_, _, Some(last)) => Some(last.wrong(last.octets(), why())),
        (_, _, None) => Some(top.wrong(why())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_may_end_and_quote_lines_and_add_one_blank_line() {
        let like = |ours: &str, theirs: &str| likeness(ours.as_bytes(), theirs.as_bytes());
        assert_eq!(like("a\r\n", "a\r\n"), Some(0));
        assert_eq!(like("a", "a\r\n"), Some(0));
        assert_eq!(like("From a\r\n>From b\r\n", ">From a\r\n>>From b\r\n"), Some(1));
        assert_eq!(like("a\r\n", "a\r\n\r\n"), Some(2));
        assert_eq!(like("", "\r\n"), Some(2));
        assert_eq!(like("From a", ">From a\r\n\r\n"), Some(2));
        for theirs in ["a\r\n", "a\r\n\r\n\r\n\r\n", ">a\r\n\r\n", "a\r\nb\r\n"] {
            assert_eq!(like("a\r\n\r\n", theirs), None, "{theirs:?}");
        }
    }
}
