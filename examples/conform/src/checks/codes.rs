//! Response codes: the words in brackets at the start of a text.

use super::capa::{capabilities, words_of};
use crate::check::{Check, Edit, Finding, Legal, Needs, Offence, Probe, Seen, Twist, Why};
use crate::engine::{Heard, Kind};
use crate::lab::twist::Turn;
use crate::lab::{Lab, seen};

pub(super) static CHECKS: &[Check] = &[
    Check {
        id: "code.form",
        rows: &["2449.3.c", "2449.3.d", "2449.6.4.a", "2449.6.4.b"],
        asks: "With RESP-CODES, a text that begins with a bracket is a code: words with slashes between, then a closing bracket.",
        needs: Needs::LOGIN,
        legal: &[
            Legal { name: "no text begins with a bracket", by: "RFC 2449 section 8" },
            Legal { name: "codes", by: "RFC 2449 section 8" },
        ],
        probe: Probe::Ask(form),
        breaks: &[
            Twist {
                name: "no closing bracket",
                edit: Edit::Say { to: "RETR 0", instead: "-ERR [SYS/TEMP no\r\n" },
            },
            Twist { name: "an empty word", edit: Edit::Say { to: "RETR 0", instead: "-ERR [SYS/] no\r\n" } },
            Twist { name: "an empty code", edit: Edit::Answer { to: "NOOP", old: "+OK ", new: "+OK [] " } },
        ],
        keeps: &[
            Twist {
                name: "a private code",
                edit: Edit::Say { to: "RETR 0", instead: "-ERR [X-NO/MAIL] none\r\n" },
            },
            Twist { name: "no text after it", edit: Edit::Say { to: "RETR 0", instead: "-ERR [X-NO]\r\n" } },
        ],
    },
    Check {
        id: "code.announced",
        rows: &["2449.8.e"],
        asks: "If a text has IN-USE, LOGIN-DELAY, SYS or AUTH as its code, RESP-CODES is announced.",
        needs: Needs::LOGIN,
        legal: &[Legal { name: "announced, or no codes", by: "RFC 2449 section 8" }],
        probe: Probe::Ask(|lab| {
            let (_, tags) = provoked(lab)?;
            let lines = if words_of(&tags, "RESP-CODES").is_some() { Vec::new() } else { coded(lab, &KNOWN) };
            let why = "a code, and RESP-CODES is not announced";
            seen("announced, or no codes", lines.iter().take(1).map(|line| line.wrong(5, why)).collect())
        }),
        breaks: &[Twist { name: "hidden", edit: Edit::Code(hidden_codes) }],
        keeps: &[Twist {
            name: "announced",
            edit: Edit::Answer { to: "RETR 0", old: "-ERR ", new: "-ERR [SYS/TEMP] " },
        }],
    },
    Check {
        id: "code.auth_announced",
        rows: &["3206.5.b"],
        asks: "If a text has AUTH as its code, AUTH-RESP-CODE is announced.",
        needs: Needs::FAILED_LOGINS,
        legal: &[Legal { name: "announced, or no such code", by: "RFC 3206 section 5" }],
        probe: Probe::Ask(|lab| {
            let (_, tags) = capabilities(&mut lab.secure()?)?;
            failed(lab)?;
            let announced = words_of(&tags, "AUTH-RESP-CODE").is_some();
            let lines = if announced { Vec::new() } else { coded(lab, &["AUTH"]) };
            let why = "[AUTH], and AUTH-RESP-CODE is not announced";
            seen("announced, or no such code", lines.iter().take(1).map(|line| line.wrong(5, why)).collect())
        }),
        breaks: &[Twist {
            name: "hidden",
            edit: Edit::Answer { to: "CAPA", old: "\r\nAUTH-RESP-CODE", new: "" },
        }],
        keeps: &[Twist { name: "byte by byte", edit: Edit::Drip }],
    },
    Check {
        id: "code.auth",
        rows: &["3206.5.a", "3206.6.a"],
        asks: "With AUTH-RESP-CODE, a wrong password is refused with [AUTH].",
        needs: Needs::FAILED_LOGINS,
        legal: &[
            Legal { name: "[AUTH]", by: "RFC 3206 section 6" },
            Legal {
                name: "another trouble",
                by: "RFC 3206 section 4: [SYS/...] is not about the credentials",
            },
        ],
        probe: Probe::Ask(|lab| {
            auth_announced(lab)?;
            let refused = failed(lab)?;
            match code(&refused).as_deref() {
                Some("AUTH") => Ok("[AUTH]"),
                Some("SYS" | "IN-USE" | "LOGIN-DELAY") => Ok("another trouble"),
                _ => {
                    Err(Finding::Wrong(vec![refused.wrong(0, "a refusal for the password, without [AUTH]")]))
                }
            }
        }),
        breaks: &[Twist { name: "no code", edit: Edit::Answer { to: "PASS*", old: "[AUTH] ", new: "" } }],
        keeps: &[Twist {
            name: "[SYS/TEMP]",
            edit: Edit::Answer { to: "PASS*", old: "[AUTH]", new: "[SYS/TEMP]" },
        }],
    },
    Check {
        id: "code.in_use",
        rows: &["2449.8.1.2.a"],
        asks: "A wrong password is not refused with [IN-USE] while no other session is open.",
        needs: Needs::FAILED_LOGINS,
        legal: &[Legal { name: "another refusal", by: "RFC 2449 section 8.1.2" }],
        probe: Probe::Ask(in_use),
        breaks: &[Twist {
            name: "[IN-USE]",
            edit: Edit::Answer { to: "PASS pop3-conform-wrong", old: "[AUTH]", new: "[IN-USE]" },
        }],
        keeps: &[
            Twist {
                name: "[SYS/TEMP]",
                edit: Edit::Answer { to: "PASS*", old: "[AUTH]", new: "[SYS/TEMP]" },
            },
            Twist { name: "a lock that stays for a moment", edit: Edit::Code(in_use_once) },
        ],
    },
    Check {
        id: "code.sys",
        rows: &["3206.4.a"],
        asks: "SYS as a code has TEMP or PERM after it.",
        needs: Needs::LOGIN,
        legal: &[Legal { name: "TEMP, PERM or none", by: "RFC 3206 section 4" }],
        probe: Probe::Ask(|lab| {
            provoked(lab)?;
            let odd = |line: &&Heard| {
                let text = line.text().to_ascii_uppercase();
                !text.contains("[SYS/TEMP") && !text.contains("[SYS/PERM")
            };
            let lines = coded(lab, &["SYS"]);
            let why = "SYS without TEMP or PERM";
            seen(
                "TEMP, PERM or none",
                lines.iter().filter(odd).take(1).map(|line| line.wrong(5, why)).collect(),
            )
        }),
        breaks: &[Twist {
            name: "SYS alone",
            edit: Edit::Say { to: "RETR 0", instead: "-ERR [SYS] no\r\n" },
        }],
        keeps: &[Twist {
            name: "[sys/perm]",
            edit: Edit::Say { to: "RETR 0", instead: "-ERR [sys/perm] no\r\n" },
        }],
    },
    Check {
        id: "code.user",
        rows: &["3206.5.c", "2449.8.1.1.b"],
        asks: "USER is not answered by AUTH or LOGIN-DELAY.",
        needs: Needs::NOTHING,
        legal: &[Legal { name: "no such code", by: "RFC 3206 section 5" }],
        probe: Probe::Ask(|lab| {
            lab.secure()?.ask("USER pop3-conform-nobody")?;
            let lines = coded(lab, &["AUTH", "LOGIN-DELAY"]);
            let user = lines.iter().filter(|line| line.command == "USER");
            let why = "the code shows at USER whether the name exists";
            seen("no such code", user.take(1).map(|line| line.wrong(5, why)).collect())
        }),
        breaks: &[Twist {
            name: "[AUTH]",
            edit: Edit::Say { to: "USER pop3*", instead: "-ERR [AUTH] no such user\r\n" },
        }],
        keeps: &[Twist {
            name: "no text",
            edit: Edit::Answer { to: "USER*", old: "+OK send PASS", new: "+OK" },
        }],
    },
];

pub(super) fn auth_announced(lab: &mut Lab) -> Result<(), Finding> {
    let (_, tags) = capabilities(&mut lab.secure()?)?;
    words_of(&tags, "AUTH-RESP-CODE").map(drop).ok_or(Finding::Absent("AUTH-RESP-CODE"))
}

/// A password that nobody has.
const WRONG: &str = "pop3-conform-wrong";

/// The codes that the documents define.
const KNOWN: [&str; 4] = ["IN-USE", "LOGIN-DELAY", "SYS", "AUTH"];

fn hidden_codes(turn: &mut Turn<'_>) {
    if turn.is("CAPA") {
        return turn.replace("\r\nRESP-CODES", "");
    }
    turn.through_unless("RETR 0", |turn| turn.replace("-ERR ", "-ERR [SYS/TEMP] "));
}

/// A session with a few refusals. Returns its capabilities.
fn provoked(lab: &mut Lab) -> Result<(crate::engine::Response, super::capa::Tags), Finding> {
    let mut session = lab.login()?;
    let capa = capabilities(&mut session)?;
    for command in ["NOOP", "RETR 0", "XYZZY", "STAT"] {
        session.ask(command)?;
    }
    Ok(capa)
}

/// Fails a login, and returns the refusal.
fn failed(lab: &mut Lab) -> Result<Heard, Finding> {
    let user = lab.facts.user.clone();
    let (_, refused) = lab.try_login(&user, WRONG)?;
    match refused.is_err() {
        true => Ok(refused.line),
        false => Err(Finding::Open(Why::Mailbox("a user whose wrong password is accepted"))),
    }
}

/// A maildrop may be locked for a moment after the session before, so a refusal counts only if it stays. The right login, which succeeds, shows
/// that no lock is there.
fn in_use(lab: &mut Lab) -> Seen {
    let user = lab.facts.user.clone();
    let (session, refused) = lab.unlocked(|lab| Ok(lab.try_login(&user, WRONG)?))?;
    drop(session);
    if !refused.is_err() {
        return Err(Finding::Open(Why::Mailbox("a user whose wrong password is accepted")));
    }
    if code(&refused.line).as_deref() != Some("IN-USE") {
        return Ok("another refusal");
    }
    drop(lab.login()?);
    Err(Finding::Wrong(vec![refused.line.wrong(5, "the password is wrong, and no other session is open")]))
}

/// The first session answers a wrong password as if the maildrop were locked.
fn in_use_once(turn: &mut Turn<'_>) {
    match turn.number() == 1 && turn.is("PASS*") {
        true => turn.replace("[AUTH]", "[IN-USE]"),
        false => turn.through(),
    }
}

/// Returns the first word of the code of a status line, in capitals.
pub(super) fn code(line: &Heard) -> Option<String> {
    let text = line.text().to_ascii_uppercase();
    let code = text.split_once(" [")?.1;
    let begins = text.split_once(' ').is_some_and(|(_, rest)| rest.starts_with('['));
    begins.then(|| code.split(['/', ']', ' ']).next().unwrap_or_default().to_owned())
}

/// Returns the status lines of all sessions that have one of these codes.
fn coded(lab: &Lab, codes: &[&str]) -> Vec<Heard> {
    let mut lines = Vec::new();
    lab.each_line(|line| {
        let is_status = matches!(line.kind, Kind::Status | Kind::Greeting);
        if is_status && code(line).is_some_and(|code| codes.contains(&code.as_str())) {
            lines.push(line.clone());
        }
    });
    lines
}

fn form(lab: &mut Lab) -> Seen {
    let (_, tags) = provoked(lab)?;
    words_of(&tags, "RESP-CODES").ok_or(Finding::Absent("RESP-CODES"))?;
    let (mut offences, mut legal) = (Vec::new(), "no text begins with a bracket");
    lab.each_line(|line| {
        if matches!(line.kind, Kind::Status | Kind::Greeting) {
            match malformed(line) {
                Some(offence) => offences.push(offence),
                None if code(line).is_some() => legal = "codes",
                None => {}
            }
        }
    });
    seen(legal, offences)
}

fn malformed(line: &Heard) -> Option<Offence> {
    let text = line.text();
    let rest = text.split_once(' ')?.1.strip_prefix('[')?;
    let at = text.len() - rest.len() - 1;
    let Some((code, _)) = rest.split_once(']') else {
        return Some(line.wrong(at, "a bracket that is not closed"));
    };
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(|byte| (0x21..0x7f).contains(&byte));
    (!code.split('/').all(is_word)).then(|| line.wrong(at, "not words with slashes between"))
}
