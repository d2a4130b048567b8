//! UTF8 and LANG (RFC 6856).

use super::capa::{capabilities, words_of};
use super::{HANGS_UP, REFUSED, all_refused, nothing_after, sample};
use crate::check::{Check, Edit, Finding, Legal, Needs, Offence, Probe, Seen, Twist};
use crate::engine::{Kind, Response, Session, Stop};
use crate::lab::twist::Turn;
use crate::lab::{Lab, State, seen};

pub(super) static CHECKS: &[Check] = &[
    Check {
        id: "utf8.announced",
        rows: &["6856.2.a"],
        asks: "UTF8 is announced alone or with USER.",
        needs: Needs::NOTHING,
        legal: &[Legal { name: "as defined", by: "RFC 6856 section 2" }],
        probe: Probe::Ask(|lab| {
            let (capa, tags) = capabilities(&mut lab.secure()?)?;
            let words = words_of(&tags, "UTF8").ok_or(Finding::Absent("UTF8"))?;
            let known = words.iter().all(|word| word.eq_ignore_ascii_case("USER")) && words.len() < 2;
            seen(
                "as defined",
                (!known).then(|| capa.wrong("UTF8 with other words than USER")).into_iter().collect(),
            )
        }),
        breaks: &[Twist {
            name: "another word",
            edit: Edit::Answer { to: "CAPA", old: "UTF8 USER", new: "UTF8 ALL" },
        }],
        keeps: &[Twist { name: "alone", edit: Edit::Answer { to: "CAPA", old: "UTF8 USER", new: "UTF8" } }],
    },
    Check {
        id: "utf8.argument",
        rows: &["6856.2.1.a"],
        asks: "UTF8 with an argument is refused.",
        needs: Needs::NOTHING,
        legal: &[REFUSED, HANGS_UP],
        probe: Probe::Ask(|lab| {
            drop(with(lab, "UTF8")?);
            let commands = ["UTF8 x", "XYZZY", "UTF8 USER"];
            all_refused(lab, State::Authorization, &commands, "UTF8 has no argument", nothing_after)
        }),
        breaks: &[Twist { name: "accepted", edit: Edit::Command { from: "UTF8 x", to: "UTF8" } }],
        keeps: &[Twist {
            name: "hangs up at the second",
            edit: Edit::Code(|turn| super::session::hang_up_at(turn, 2)),
        }],
    },
    Check {
        id: "utf8.late",
        rows: &["6856.2.b", "AMB.23"],
        asks: "UTF8 is refused after the login.",
        needs: Needs::LOGIN,
        legal: &[Legal { name: "refused", by: "RFC 6856 section 2" }],
        probe: Probe::Ask(|lab| {
            drop(with(lab, "UTF8")?);
            let late = lab.login()?.ask("UTF8")?;
            let offence = (!late.is_err()).then(|| late.wrong("UTF8 belongs to the state before the login"));
            seen("refused", offence.into_iter().collect())
        }),
        breaks: &[Twist { name: "accepted", edit: Edit::Code(utf8_everywhere) }],
        keeps: &[Twist { name: "byte by byte", edit: Edit::Drip }],
    },
    Check {
        id: "utf8.same",
        rows: &["6856.2.1.b", "6856.2.1.l"],
        asks: "A message in ASCII is the same in UTF-8 mode.",
        needs: Needs::LOGIN,
        legal: &[
            Legal { name: "the same", by: "RFC 6856 section 2.1" },
            Legal { name: "UTF8 is refused", by: "RFC 6856 section 2.1 allows it" },
        ],
        probe: Probe::Ask(same),
        breaks: &[Twist { name: "another line", edit: Edit::Code(other_message) }],
        keeps: &[Twist {
            name: "UTF8 is refused",
            edit: Edit::Say { to: "UTF8", instead: "-ERR not now\r\n" },
        }],
    },
    Check {
        id: "utf8.names",
        rows: &["6856.2.2.g", "3629.3.a"],
        asks: "With UTF8 USER, a name that is not UTF-8 is refused as name or with its password.",
        needs: Needs::FAILED_LOGINS,
        legal: &[Legal { name: "refused", by: "RFC 6856 section 2.2" }],
        probe: Probe::Ask(bad_name),
        breaks: &[Twist { name: "accepted", edit: Edit::Code(any_name) }],
        keeps: &[Twist { name: "byte by byte", edit: Edit::Drip }],
    },
    Check {
        id: "text.ascii",
        rows: &["6856.2.1.d"],
        asks: "Without UTF8 and LANG, status lines are ASCII.",
        needs: Needs::LOGIN,
        legal: &[Legal { name: "ASCII", by: "RFC 6856 section 2.1" }],
        probe: Probe::Ask(ascii),
        breaks: &[
            Twist { name: "a letter", edit: Edit::Answer { to: "STAT", old: "\r\n", new: " \u{e4}\r\n" } },
            Twist { name: "in a refusal", edit: Edit::Say { to: "RETR 0", instead: "-ERR n\u{e3}o\r\n" } },
        ],
        keeps: &[Twist { name: "byte by byte", edit: Edit::Drip }],
    },
    Check {
        id: "lang.list",
        rows: &["6856.3.f"],
        asks: "LANG alone lists languages: a tag, a space and a name on each line.",
        needs: Needs::NOTHING,
        legal: &[Legal { name: "tags and names", by: "RFC 6856 section 3" }],
        probe: Probe::Ask(|lab| {
            let listed = with(lab, "LANG")?.ask("LANG")?;
            let mut offences: Vec<Offence> =
                (!listed.is_ok()).then(|| listed.wrong("LANG is refused")).into_iter().collect();
            let odd =
                |text: &str| text.split_once(' ').is_none_or(|(tag, name)| !is_tag(tag) || name.is_empty());
            let odd = listed.rows.iter().find(|row| odd(&row.text()));
            offences.extend(odd.map(|row| row.wrong(0, "not a tag, a space and a name")));
            seen("tags and names", offences)
        }),
        breaks: &[
            Twist { name: "a tag alone", edit: Edit::Answer { to: "LANG", old: "de Deutsch", new: "de" } },
            Twist { name: "refused", edit: Edit::Say { to: "LANG", instead: "-ERR\r\n" } },
        ],
        keeps: &[Twist {
            name: "a longer tag",
            edit: Edit::Answer { to: "LANG", old: "de Deutsch", new: "de-AT Deutsch" },
        }],
    },
    Check {
        id: "lang.select",
        rows: &["6856.3.c", "6856.3.e"],
        asks: "LANG with a listed tag, and with a star, is answered by +OK and a tag.",
        needs: Needs::NOTHING,
        legal: &[Legal { name: "+OK and a tag", by: "RFC 6856 section 3" }],
        probe: Probe::Ask(select),
        breaks: &[
            Twist { name: "no tag", edit: Edit::Answer { to: "LANG *", old: "+OK en ", new: "+OK " } },
            Twist {
                name: "another tag",
                edit: Edit::Answer { to: "LANG en", old: "+OK en ", new: "+OK de " },
            },
            Twist { name: "the star is refused", edit: Edit::Code(no_star) },
        ],
        keeps: &[Twist { name: "byte by byte", edit: Edit::Drip }],
    },
    Check {
        id: "lang.unknown",
        rows: &["6856.3.d"],
        asks: "A language that is not there is refused, and the texts stay.",
        needs: Needs::NOTHING,
        legal: &[Legal { name: "nothing changes", by: "RFC 6856 section 3" }],
        probe: Probe::Ask(unknown),
        breaks: &[
            Twist {
                name: "accepted",
                edit: Edit::Say { to: "LANG x-none", instead: "+OK x-none selected\r\n" },
            },
            Twist { name: "the texts change", edit: Edit::Code(changes_language) },
        ],
        keeps: &[Twist { name: "no text", edit: Edit::Say { to: "LANG x-none", instead: "-ERR\r\n" } }],
    },
    Check {
        id: "lang.argument",
        rows: &["6856.3.b", "4647.2.1.a"],
        asks: "LANG with two words, or with a word that is not a range, is refused.",
        needs: Needs::NOTHING,
        legal: &[REFUSED, HANGS_UP],
        probe: Probe::Ask(|lab| {
            drop(with(lab, "LANG")?);
            let commands = ["LANG en de", "LANG $$"];
            all_refused(lab, State::Authorization, &commands, "not one range", nothing_after)
        }),
        breaks: &[Twist {
            name: "the first word counts",
            edit: Edit::Command { from: "LANG en de", to: "LANG en" },
        }],
        keeps: &[Twist {
            name: "hangs up at the second",
            edit: Edit::Code(|turn| super::session::hang_up_at(turn, 2)),
        }],
    },
    Check {
        id: "lang.late",
        rows: &["6856.3.a"],
        asks: "LANG works after the login too.",
        needs: Needs::LOGIN,
        legal: &[Legal { name: "it works", by: "RFC 6856 section 3" }],
        probe: Probe::Ask(|lab| {
            drop(with(lab, "LANG")?);
            let late = lab.login()?.ask("LANG")?;
            let offence = (!late.is_ok()).then(|| late.wrong("LANG is refused after the login"));
            seen("it works", offence.into_iter().collect())
        }),
        breaks: &[Twist {
            name: "refused",
            edit: Edit::Code(|turn| {
                turn.memory.count += u64::from(turn.is("PASS*"));
                match turn.is("LANG") && turn.memory.count > 0 {
                    true => turn.say(b"-ERR not in this state\r\n"),
                    false => turn.through(),
                }
            }),
        }],
        keeps: &[Twist { name: "byte by byte", edit: Edit::Drip }],
    },
];

fn utf8_everywhere(turn: &mut Turn<'_>) {
    let answer = turn.pass();
    match turn.is("UTF8") && answer.starts_with(b"-ERR") {
        true => turn.say(b"+OK\r\n"),
        false => turn.say(&answer),
    }
}

/// A language that is not there is refused, and the texts are in another one from there on.
fn changes_language(turn: &mut Turn<'_>) {
    match turn.is("LANG x-none") {
        true => {
            turn.ask("LANG de");
            turn.say(b"-ERR no such language\r\n");
        }
        false => turn.through(),
    }
}

fn no_star(turn: &mut Turn<'_>) {
    match turn.command == "LANG *" {
        true => turn.say(b"-ERR no such language\r\n"),
        false => turn.through(),
    }
}

/// In UTF-8 mode messages have another subject.
fn other_message(turn: &mut Turn<'_>) {
    turn.memory.count += u64::from(turn.is("UTF8"));
    match turn.is("RETR*") && turn.memory.count > 0 {
        true => turn.replace("Subject: ", "Subject:  "),
        false => turn.through(),
    }
}

/// A name with octets that are not UTF-8 is accepted, with any password.
fn any_name(turn: &mut Turn<'_>) {
    let is_odd = turn.command.contains('\u{fffd}') || turn.memory.count > 0;
    turn.memory.count = u64::from(is_odd);
    match is_odd && (turn.is("USER*") || turn.is("PASS*")) {
        true => turn.say(b"+OK\r\n"),
        false => turn.through(),
    }
}

/// A session before the login whose server announces this tag.
fn with(lab: &mut Lab, tag: &'static str) -> Result<Session, Finding> {
    let mut session = lab.secure()?;
    let (_, tags) = capabilities(&mut session)?;
    words_of(&tags, tag).map(|_| session).ok_or(Finding::Absent(tag))
}

fn is_tag(tag: &str) -> bool {
    tag.split('-')
        .all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

fn same(lab: &mut Lab) -> Seen {
    drop(with(lab, "UTF8")?);
    let mut session = lab.login()?;
    let (message, _) = sample(&mut session, 2)?[0];
    let before = session.ask(&format!("RETR {message}"))?;
    drop(session);
    if !before.message().is_ascii() {
        return Err(Finding::Open(crate::check::Why::Mailbox("no first message in ASCII")));
    }
    let mut session = with(lab, "UTF8")?;
    if !session.ask("UTF8")?.is_ok() {
        return Ok("UTF8 is refused");
    }
    let (user, password) = (lab.facts.user.clone(), lab.facts.password.clone());
    session.ask(&format!("USER {user}"))?;
    if !lab.pass(&mut session, &password)?.is_ok() {
        return Err(Finding::Open(crate::check::Why::Login));
    }
    let after = session.ask(&format!("RETR {message}"))?;
    let differs = after.message() != before.message();
    let offence = differs.then(|| after.wrong("the message has other octets than without UTF8"));
    seen("the same", offence.into_iter().collect())
}

fn bad_name(lab: &mut Lab) -> Seen {
    let mut session = with(lab, "UTF8")?;
    let (_, tags) = capabilities(&mut session)?;
    if words_of(&tags, "UTF8").is_none_or(<[String]>::is_empty) {
        return Err(Finding::Absent("UTF8 USER"));
    }
    if !session.ask("UTF8")?.is_ok() {
        return Ok("refused");
    }
    // Octets that never occur, and an overlong form.
    for name in [&b"USER conform\xff\xfe\r\n"[..], b"USER conform\xc0\xaf\r\n"] {
        session.send_raw(name);
        match session.response("USER") {
            Ok(user) if user.is_ok() => {}
            Ok(_) => continue,
            // After a failed login a server may close.
            Err(Stop::Closed { .. }) => break,
            Err(stop) => return Err(stop.into()),
        }
        let pass = lab.pass(&mut session, "pop3-conform-wrong")?;
        if pass.is_ok() {
            return Err(Finding::Wrong(vec![pass.wrong("a login with a name that is not UTF-8")]));
        }
    }
    Ok("refused")
}

fn ascii(lab: &mut Lab) -> Seen {
    let mut session = lab.login()?;
    for command in ["CAPA", "STAT", "LIST", "NOOP", "RETR 0", "XYZZY"] {
        session.ask(command)?;
    }
    let mut others = Vec::new();
    lab.each_line(|line| {
        if ["UTF8", "LANG"].contains(&line.command.as_str()) {
            others.push(line.session);
        }
    });
    let mut offences = Vec::new();
    lab.each_line(|line| {
        let odd = line.bytes.iter().position(|byte| !byte.is_ascii());
        let is_status = matches!(line.kind, Kind::Status | Kind::Greeting);
        if let Some(odd) = odd.filter(|_| is_status && !others.contains(&line.session)) {
            offences.push(line.wrong(odd, "not ASCII"));
        }
    });
    seen("ASCII", offences)
}

fn tag_of(response: &Response) -> String {
    response.text().split(' ').next().unwrap_or_default().to_ascii_lowercase()
}

fn select(lab: &mut Lab) -> Seen {
    let mut session = with(lab, "LANG")?;
    let listed = session.ask("LANG")?;
    let mut offences = Vec::new();
    if let Some(tag) = listed.rows.first().and_then(|row| Some(row.text().split_once(' ')?.0.to_owned())) {
        let selected = session.ask(&format!("LANG {tag}"))?;
        let known = selected.is_ok() && tag_of(&selected) == tag.to_ascii_lowercase();
        offences.extend((!known).then(|| selected.wrong(format!("not +OK {tag}, which is listed"))));
    }
    let star = session.ask("LANG *")?;
    let known = star.is_ok()
        && listed
            .rows
            .iter()
            .any(|row| row.text().to_ascii_lowercase().split(' ').next() == Some(&tag_of(&star)));
    offences.extend((!known).then(|| star.wrong("not +OK and a tag that is listed")));
    seen("+OK and a tag", offences)
}

fn unknown(lab: &mut Lab) -> Seen {
    let mut session = with(lab, "LANG")?;
    let before = session.ask("XYZZY")?;
    let refused = session.ask("LANG x-none")?;
    if !refused.is_err() {
        return Err(Finding::Wrong(vec![refused.wrong("nobody speaks this language")]));
    }
    let after = session.ask("XYZZY")?;
    let changed = before.text() != after.text();
    let offence = changed.then(|| after.wrong(format!("the text was {:?} before LANG", before.text())));
    seen("nothing changes", offence.into_iter().collect())
}
