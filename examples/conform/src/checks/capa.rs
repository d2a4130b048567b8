//! CAPA: its rows, its two states, and whether it tells the truth.

use super::{HANGS_UP, REFUSED, all_refused, nothing_after, number, sample};
use crate::check::{Check, Edit, Finding, Legal, Needs, Offence, Probe, Seen, Twist};
use crate::engine::{Heard, Response, Session};
use crate::lab::twist::Turn;
use crate::lab::{Lab, State, seen};

pub(super) static CHECKS: &[Check] = &[
    Check {
        id: "capa.both",
        rows: &["2449.5.b"],
        asks: "CAPA works before and after the login.",
        needs: Needs::LOGIN,
        legal: &[Legal { name: "in both states", by: "RFC 2449 section 5" }],
        probe: Probe::Ask(|lab| {
            capabilities(&mut lab.secure()?)?;
            let late = lab.login()?.ask("CAPA")?;
            let offence = (!late.is_ok()).then(|| late.wrong("refused after the login, and not before"));
            seen("in both states", offence.into_iter().collect())
        }),
        breaks: &[Twist {
            name: "refused after the login",
            edit: Edit::Code(|turn| late(turn, "+OK", "-ERR")),
        }],
        keeps: &[NO_TEXT],
    },
    Check {
        id: "capa.rows",
        rows: &["2449.3.f", "2449.5.c", "2449.5.f"],
        asks: "Each row of CAPA is a tag of printable characters and perhaps words, with one space between.",
        needs: Needs::NOTHING,
        legal: &[Legal { name: "tags and words", by: "RFC 2449 section 3" }],
        probe: Probe::Ask(|lab| each_row(lab, "tags and words", row)),
        breaks: &[
            Twist { name: "two spaces", edit: Edit::Answer { to: "CAPA", old: "SASL ", new: "SASL  " } },
            Twist {
                name: "an empty row",
                edit: Edit::Answer { to: "CAPA", old: "\r\nUIDL", new: "\r\n\r\nUIDL" },
            },
            Twist {
                name: "a leading space",
                edit: Edit::Answer { to: "CAPA", old: "\r\nUIDL", new: "\r\n UIDL" },
            },
            Twist { name: "a trailing space", edit: Edit::Answer { to: "CAPA", old: "UIDL", new: "UIDL " } },
        ],
        keeps: &[NO_TEXT, PRIVATE],
    },
    Check {
        id: "capa.length",
        rows: &["2449.3.h"],
        asks: "A row of CAPA has at most 512 octets with its line end.",
        needs: Needs::NOTHING,
        legal: &[Legal { name: "at most 512", by: "RFC 2449 section 3" }],
        probe: Probe::Ask(|lab| {
            each_row(lab, "at most 512", |row| {
                (row.octets() > 512).then(|| row.wrong(512, format!("{} octets", row.octets())))
            })
        }),
        breaks: &[Twist { name: "513 octets", edit: Edit::Code(|turn| longer(turn, 513)) }],
        keeps: &[Twist { name: "512 octets", edit: Edit::Code(|turn| longer(turn, 512)) }],
    },
    Check {
        id: "capa.argument",
        rows: &["2449.5.a"],
        asks: "CAPA with an argument is refused.",
        needs: Needs::NOTHING,
        legal: &[REFUSED, HANGS_UP],
        probe: Probe::Ask(|lab| {
            capabilities(&mut lab.secure()?)?;
            let commands = ["CAPA x", "XYZZY", "CAPA x"];
            all_refused(lab, State::Authorization, &commands, "CAPA has no argument", nothing_after)
        }),
        breaks: &[Twist { name: "accepted", edit: Edit::Command { from: "CAPA x", to: "CAPA" } }],
        keeps: &[Twist {
            name: "hangs up at the second",
            edit: Edit::Code(|turn| super::session::hang_up_at(turn, 2)),
        }],
    },
    Check {
        id: "capa.stays",
        rows: &["2449.5.g", "5034.3.e", "2449.6.2.a", "3206.6.c"],
        asks: "What is announced before the login is announced after it too, apart from STLS.",
        needs: Needs::LOGIN,
        legal: &[Legal { name: "announced in both states", by: "RFC 2449 section 5" }],
        probe: Probe::Ask(|lab| {
            compare(lab, "announced in both states", |early, late, after| {
                let gone = |tag: &str| BOTH.contains(&tag) && words_of(late, tag).is_none();
                let gone = early.iter().filter(|(tag, _)| gone(tag));
                gone.map(|(tag, _)| after.wrong(format!("{tag} was announced before the login"))).collect()
            })
        }),
        breaks: &[
            Twist { name: "USER is gone", edit: Edit::Code(|turn| late(turn, "\r\nUSER\r\n", "\r\n")) },
            Twist { name: "SASL is gone", edit: Edit::Code(|turn| late(turn, "\r\nSASL ", "\r\nXSASL ")) },
        ],
        keeps: &[NO_TEXT, PRIVATE],
    },
    Check {
        id: "capa.user",
        rows: &["2449.6.2.b"],
        asks: "If USER is announced before the login and before TLS, it is accepted there: a server that wants TLS first does not announce it.",
        needs: Needs::LOGIN,
        legal: &[
            Legal { name: "accepted", by: "RFC 2449 section 6.2" },
            Legal { name: "not announced", by: "RFC 2449 section 6.2: then clients do not send a password" },
        ],
        probe: Probe::Ask(|lab| {
            let mut session = lab.connect()?;
            let (_, tags) = capabilities(&mut session)?;
            if words_of(&tags, "USER").is_none() {
                return Ok("not announced");
            }
            let user = session.ask(&format!("USER {}", lab.facts.user))?;
            let offence = (!user.is_ok()).then(|| user.wrong("USER is announced, and refused"));
            seen("accepted", offence.into_iter().collect())
        }),
        breaks: &[Twist { name: "refused", edit: Edit::Say { to: "USER*", instead: "-ERR TLS first\r\n" } }],
        keeps: &[Twist {
            name: "not announced",
            edit: Edit::Answer { to: "CAPA", old: "\r\nUSER\r\n", new: "\r\n" },
        }],
    },
    Check {
        id: "capa.early",
        rows: &["2449.6.1.a", "2449.6.6.a", "2449.6.8.a"],
        asks: "TOP, UIDL and PIPELINING are announced before the login if they are announced after it.",
        needs: Needs::LOGIN,
        legal: &[Legal { name: "announced in both states", by: "RFC 2449 section 6" }],
        probe: Probe::Ask(|lab| {
            compare(lab, "announced in both states", |early, late, after| {
                let known = |tag: &str| words_of(late, tag).is_some() && words_of(early, tag).is_none();
                let new = ["TOP", "UIDL", "PIPELINING"].into_iter().find(|tag| known(tag));
                new.map(|tag| after.wrong(format!("{tag} was not announced before the login")))
                    .into_iter()
                    .collect()
            })
        }),
        breaks: &[Twist { name: "TOP", edit: Edit::Code(|turn| early(turn, "\r\nTOP\r\n", "\r\n")) }],
        keeps: &[NO_TEXT, PRIVATE],
    },
    Check {
        id: "capa.words",
        rows: &["2449.5.h"],
        asks: "Only LOGIN-DELAY and EXPIRE have other words after the login.",
        needs: Needs::LOGIN,
        legal: &[Legal { name: "the same words", by: "RFC 2449 section 5" }],
        probe: Probe::Ask(|lab| {
            compare(lab, "the same words", |early, late, after| {
                let differs =
                    |tag: &str| words_of(late, tag).is_some_and(|now| words_of(early, tag) != Some(now));
                let known = |tag: &&&str| words_of(early, tag).is_some() && !PER_USER.contains(*tag);
                let other = BOTH.iter().filter(known).find(|tag| differs(tag));
                other
                    .map(|tag| after.wrong(format!("{tag} had other words before the login")))
                    .into_iter()
                    .collect()
            })
        }),
        breaks: &[Twist { name: "SASL", edit: Edit::Code(|turn| late(turn, "SASL PLAIN ", "SASL ")) }],
        keeps: &[Twist { name: "EXPIRE", edit: Edit::Code(|turn| late(turn, "EXPIRE NEVER", "EXPIRE 30")) }],
    },
    Check {
        id: "capa.per_user",
        rows: &["2449.6.5.e", "2449.6.7.f"],
        asks: "If LOGIN-DELAY or EXPIRE differs after the login, USER follows it before the login.",
        needs: Needs::LOGIN,
        legal: &[
            Legal { name: "equal", by: "RFC 2449 sections 6.5 and 6.7" },
            Legal { name: "marked as differing by user", by: "RFC 2449 sections 6.5 and 6.7" },
        ],
        probe: Probe::Ask(per_user),
        breaks: &[Twist { name: "EXPIRE", edit: Edit::Code(|turn| late(turn, "EXPIRE NEVER", "EXPIRE 30")) }],
        keeps: &[Twist {
            name: "EXPIRE USER",
            edit: Edit::Code(|turn| early(turn, "EXPIRE NEVER", "EXPIRE 0 USER")),
        }],
    },
    Check {
        id: "capa.alone",
        rows: &["2449.6.1.a", "2449.6.2.a", "2449.6.4.a", "2449.6.6.a", "2449.6.8.a", "3206.6.c"],
        asks: "TOP, USER, UIDL, PIPELINING, RESP-CODES, AUTH-RESP-CODE and STLS have no words.",
        needs: Needs::NOTHING,
        legal: &[Legal { name: "alone", by: "RFC 2449 section 6" }],
        probe: Probe::Ask(|lab| {
            let tags = ["TOP", "USER", "UIDL", "PIPELINING", "RESP-CODES", "AUTH-RESP-CODE", "STLS"];
            each_row(lab, "alone", |row| {
                let text = row.text().to_ascii_uppercase();
                let (tag, _) = text.split_once(' ')?;
                tags.contains(&tag).then(|| row.wrong(tag.len() + 1, format!("{tag} has no words")))
            })
        }),
        breaks: &[Twist { name: "UIDL", edit: Edit::Answer { to: "CAPA", old: "UIDL", new: "UIDL yes" } }],
        keeps: &[NO_TEXT, PRIVATE],
    },
    Check {
        id: "capa.numbers",
        rows: &["2449.6.5.a", "2449.6.7.a"],
        asks: "LOGIN-DELAY has a number of seconds, EXPIRE a number of days or NEVER, and perhaps USER after it.",
        needs: Needs::NOTHING,
        legal: &[Legal { name: "as defined", by: "RFC 2449 sections 6.5 and 6.7" }],
        probe: Probe::Ask(|lab| each_row(lab, "as defined", delay_and_expire)),
        breaks: &[
            Twist {
                name: "no number of seconds",
                edit: Edit::Answer { to: "CAPA", old: "LOGIN-DELAY 0", new: "LOGIN-DELAY" },
            },
            Twist { name: "a date", edit: Edit::Answer { to: "CAPA", old: "NEVER", new: "2024-01-01" } },
        ],
        keeps: &[Twist { name: "by user", edit: Edit::Answer { to: "CAPA", old: "NEVER", new: "30 USER" } }],
    },
    Check {
        id: "capa.implementation",
        rows: &["2449.6.9.a"],
        asks: "IMPLEMENTATION has words.",
        needs: Needs::NOTHING,
        legal: &[Legal { name: "words, or not announced", by: "RFC 2449 section 6.9" }],
        probe: Probe::Ask(|lab| {
            each_row(lab, "words, or not announced", |row| {
                row.text().eq_ignore_ascii_case("IMPLEMENTATION").then(|| row.wrong(0, "no words"))
            })
        }),
        breaks: &[Twist {
            name: "no words",
            edit: Edit::Answer { to: "CAPA", old: "IMPLEMENTATION pop3-conform", new: "IMPLEMENTATION" },
        }],
        keeps: &[PRIVATE],
    },
    Check {
        id: "capa.mechanisms",
        rows: &["2449.6.3.a", "4422.3.1.a", "5802.4.a"],
        asks: "The words of SASL are names of mechanisms: 1 to 20 capitals, digits, hyphens and underscores.",
        needs: Needs::NOTHING,
        legal: &[Legal { name: "names, or not announced", by: "RFC 4422 section 3.1" }],
        probe: Probe::Ask(|lab| each_row(lab, "names, or not announced", mechanisms)),
        breaks: &[
            Twist {
                name: "small letters",
                edit: Edit::Answer { to: "CAPA", old: "SASL PLAIN", new: "SASL plain" },
            },
            Twist {
                name: "21 characters",
                edit: Edit::Answer { to: "CAPA", old: "SASL PLAIN", new: "SASL ABCDEFGHIJKLMNOPQRSTU" },
            },
            Twist {
                name: "commas",
                edit: Edit::Answer { to: "CAPA", old: "PLAIN LOGIN", new: "PLAIN,LOGIN" },
            },
        ],
        keeps: &[Twist {
            name: "20 characters",
            edit: Edit::Answer { to: "CAPA", old: "SASL PLAIN", new: "SASL PLAIN ABCDEFGHIJKLMNOPQRST" },
        }],
    },
    Check {
        id: "capa.true",
        rows: &["2449.6.1.a", "2449.6.8.a"],
        asks: "TOP and UIDL work if they are announced.",
        needs: Needs::LOGIN,
        legal: &[Legal { name: "they work", by: "RFC 2449 sections 6.1 and 6.8" }],
        probe: Probe::Ask(works),
        breaks: &[
            Twist { name: "TOP is refused", edit: Edit::Answer { to: "TOP*", old: "+OK", new: "-ERR" } },
            Twist {
                name: "UIDL is refused",
                edit: Edit::Say { to: "UIDL", instead: "-ERR unknown command\r\n" },
            },
        ],
        keeps: &[NO_TEXT],
    },
];

/// The capabilities that are defined for both states.
const BOTH: &[&str] = &[
    "TOP",
    "USER",
    "SASL",
    "RESP-CODES",
    "LOGIN-DELAY",
    "PIPELINING",
    "EXPIRE",
    "UIDL",
    "AUTH-RESP-CODE",
    "UTF8",
    "LANG",
];
const PER_USER: &[&str] = &["LOGIN-DELAY", "EXPIRE"];

const NO_TEXT: Twist = Twist {
    name: "no text",
    edit: Edit::Answer { to: "CAPA", old: "+OK capability list follows", new: "+OK" },
};
const PRIVATE: Twist = Twist {
    name: "a private capability",
    edit: Edit::Answer { to: "CAPA", old: "\r\n", new: "\r\nX-CONFORM a/b=[c]\r\n" },
};

/// Changes the response to CAPA after the login.
fn late(turn: &mut Turn<'_>, old: &str, new: &str) {
    change(turn, true, old, new);
}

/// Changes the response to CAPA before the login.
fn early(turn: &mut Turn<'_>, old: &str, new: &str) {
    change(turn, false, old, new);
}

fn change(turn: &mut Turn<'_>, after_login: bool, old: &str, new: &str) {
    turn.memory.count += u64::from(turn.is("PASS*"));
    match turn.is("CAPA") && after_login == (turn.memory.count > 0) {
        true => turn.replace(old, new),
        false => turn.through(),
    }
}

/// IMPLEMENTATION has a row of this many octets.
fn longer(turn: &mut Turn<'_>, octets: usize) {
    let words = "x".repeat(octets - "IMPLEMENTATION \r\n".len());
    turn.through_unless("CAPA", |turn| {
        turn.replace("IMPLEMENTATION pop3-conform", &format!("IMPLEMENTATION {words}"));
    });
}

/// The tags in capitals, with their words.
pub(super) type Tags = Vec<(String, Vec<String>)>;

fn tags(capa: &Response) -> Tags {
    let row = |row: &Heard| {
        let text = row.text();
        let mut words = text.split_ascii_whitespace().map(str::to_owned);
        Some((words.next()?.to_ascii_uppercase(), words.collect()))
    };
    capa.rows.iter().filter_map(row).collect()
}

/// Asks for the capabilities.
pub(super) fn capabilities(session: &mut Session) -> Result<(Response, Tags), Finding> {
    let capa = session.ask("CAPA")?;
    match capa.is_ok() {
        true => Ok((capa.clone(), tags(&capa))),
        false => Err(Finding::Absent("CAPA")),
    }
}

/// Returns the words of a tag, if it is announced.
pub(super) fn words_of<'t>(tags: &'t Tags, tag: &str) -> Option<&'t [String]> {
    tags.iter().find(|(name, _)| name == tag).map(|(_, words)| &words[..])
}

/// Looks at each row of CAPA, before the login and, with a user, after it.
fn each_row(lab: &mut Lab, legal: &'static str, look: impl Fn(&Heard) -> Option<Offence>) -> Seen {
    let (mut capa, _) = capabilities(&mut lab.secure()?)?;
    if lab.facts.given.has(Needs::LOGIN) {
        capa.rows.extend(lab.login()?.ask("CAPA")?.rows);
    }
    seen(legal, capa.rows.iter().filter_map(look).take(3).collect())
}

/// Compares the capabilities before and after the login of one session.
fn compare(
    lab: &mut Lab,
    legal: &'static str,
    look: impl FnOnce(&Tags, &Tags, &Response) -> Vec<Offence>,
) -> Seen {
    let (_, early) = capabilities(&mut lab.secure()?)?;
    let (after, late) = capabilities(&mut lab.login()?)?;
    seen(legal, look(&early, &late, &after))
}

fn row(row: &Heard) -> Option<Offence> {
    let bytes = &row.bytes;
    if let Some(odd) = bytes.iter().position(|byte| !(b' '..=b'~').contains(byte)) {
        return Some(row.wrong(odd, "not a printable ASCII character"));
    }
    let spaces = bytes.windows(2).position(|pair| pair == b"  ");
    match bytes.as_slice() {
        [] => Some(row.wrong(0, "an empty row")),
        [b' ', ..] => Some(row.wrong(0, "a space in front of the tag")),
        [.., b' '] => Some(row.wrong(bytes.len() - 1, "a space at the end")),
        _ => spaces.map(|at| row.wrong(at + 1, "two spaces")),
    }
}

fn delay_and_expire(row: &Heard) -> Option<Offence> {
    let text = row.text().to_ascii_uppercase();
    let words: Vec<&str> = text.split(' ').collect();
    let value = |word: &str| !word.is_empty() && number(word).is_some();
    let is_right = match words.as_slice() {
        ["LOGIN-DELAY", seconds] | ["LOGIN-DELAY", seconds, "USER"] => value(seconds),
        ["EXPIRE", days] | ["EXPIRE", days, "USER"] => value(days) || *days == "NEVER",
        [tag, ..] => !PER_USER.contains(tag),
        [] => true,
    };
    (!is_right).then(|| row.wrong(0, "not the words that are defined"))
}

fn mechanisms(row: &Heard) -> Option<Offence> {
    let text = row.text();
    let names = text.get(..5).filter(|tag| tag.eq_ignore_ascii_case("SASL ")).map(|_| &text[5..])?;
    let is_name = |name: &&str| {
        let odd = |byte: u8| !byte.is_ascii_uppercase() && !byte.is_ascii_digit() && !b"-_".contains(&byte);
        name.len() > 20 || name.is_empty() || name.bytes().any(odd)
    };
    names.split(' ').find(is_name).map(|name| row.wrong(5, format!("{name:?} is not a name of a mechanism")))
}

fn per_user(lab: &mut Lab) -> Seen {
    let (_, early) = capabilities(&mut lab.secure()?)?;
    let (after, late) = capabilities(&mut lab.login()?)?;
    let mut legal = "equal";
    for tag in PER_USER {
        let (Some(before), Some(now)) = (words_of(&early, tag), words_of(&late, tag)) else { continue };
        if before.iter().any(|word| word.eq_ignore_ascii_case("USER")) {
            legal = "marked as differing by user";
        } else if before != now {
            return Err(Finding::Wrong(vec![
                after.wrong(format!("{tag} differed before the login, without USER")),
            ]));
        }
    }
    Ok(legal)
}

fn works(lab: &mut Lab) -> Seen {
    let mut session = lab.login()?;
    let (_, tags) = capabilities(&mut session)?;
    let mut offences = Vec::new();
    if words_of(&tags, "UIDL").is_some() {
        let uidl = session.ask("UIDL")?;
        offences.extend((!uidl.is_ok()).then(|| uidl.wrong("UIDL is announced, and refused")));
    }
    if words_of(&tags, "TOP").is_some() {
        let (message, _) = sample(&mut session, 2)?[0];
        let top = session.ask(&format!("TOP {message} 0"))?;
        offences.extend((!top.is_ok()).then(|| top.wrong("TOP is announced, and refused")));
    }
    seen("they work", offences)
}
