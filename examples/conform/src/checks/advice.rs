//! What servers should do, and need not: violations are warnings.

use super::codes::code;
use super::numbers;
use crate::check::{Check, Edit, Finding, Legal, Needs, Probe, Seen, Twist, Watched, Why};
use crate::engine::{Heard, Kind, Stop};
use crate::lab::twist::Turn;
use crate::lab::{Lab, seen};

pub(super) static CHECKS: &[Check] = &[
    Check {
        id: "line.text",
        rows: &["1957.b"],
        asks: "A status is followed by a space and some text. A status alone is legal, and two clients of 1996 failed at it.",
        needs: Needs::NOTHING,
        legal: &[Legal { name: "some text", by: "RFC 1957" }],
        probe: Probe::Watch(text),
        breaks: &[Twist { name: "+OK alone", edit: Edit::Say { to: "NOOP", instead: "+OK\r\n" } }],
        keeps: &[Twist {
            name: "another text",
            edit: Edit::Answer { to: "NOOP", old: "+OK", new: "+OK NoOp:" },
        }],
    },
    Check {
        id: "stat.surplus",
        rows: &["1939.5.stat.c"],
        asks: "Nothing follows the two numbers of STAT.",
        needs: Needs::LOGIN,
        legal: &[Legal { name: "nothing", by: "RFC 1939 section 5" }],
        probe: Probe::Ask(|lab| {
            let stat = lab.login()?.ask("STAT")?;
            numbers(&stat).ok_or(Finding::Open(Why::Mailbox("no drop listing")))?;
            let more = stat.text().split(' ').count() > 2;
            let offence = more.then(|| stat.line.wrong(4, "words after the two numbers"));
            seen("nothing", offence.into_iter().collect())
        }),
        breaks: &[Twist {
            name: "octets",
            edit: Edit::Answer { to: "STAT", old: "\r\n", new: " octets\r\n" },
        }],
        keeps: &[Twist { name: "byte by byte", edit: Edit::Drip }],
    },
    Check {
        id: "list.surplus",
        rows: &["1939.5.list.g"],
        asks: "Nothing follows the size in a row of LIST.",
        needs: Needs::LOGIN,
        legal: &[Legal { name: "nothing", by: "RFC 1939 section 5" }],
        probe: Probe::Ask(|lab| {
            list_rows(lab, "nothing", |words| (words.len() > 2).then_some("words after the size"))
        }),
        breaks: &[Twist {
            name: "octets",
            edit: Edit::Answers { to: "LIST", old: "177\r\n", new: "177 octets\r\n" },
        }],
        keeps: &[Twist { name: "byte by byte", edit: Edit::Drip }],
    },
    Check {
        id: "list.zeros",
        rows: &["ROB.9"],
        asks: "Numbers in LIST have no zeros in front.",
        needs: Needs::LOGIN,
        legal: &[Legal { name: "none", by: "practice: zeros are read, never written (ROB.9)" }],
        probe: Probe::Ask(|lab| {
            list_rows(lab, "none", |words| {
                let padded = |word: &str| word.len() > 1 && word.starts_with('0');
                words.iter().take(2).any(|word| padded(word)).then_some("a zero in front")
            })
        }),
        breaks: &[Twist { name: "01", edit: Edit::Answer { to: "LIST", old: "\r\n1 ", new: "\r\n01 " } }],
        keeps: &[Twist { name: "byte by byte", edit: Edit::Drip }],
    },
    Check {
        id: "line.cr",
        rows: &["ROB.2"],
        asks: "A bare CR does not end a command.",
        needs: Needs::LOGIN,
        legal: &[
            Legal { name: "one response", by: "RFC 1939 section 3: commands end in CR LF" },
            Legal { name: "closes", by: "practice: such a line is not a mistake (ROB.2)" },
        ],
        probe: Probe::Ask(bare_cr),
        breaks: &[Twist {
            name: "two commands",
            edit: Edit::Code(|turn| match turn.is("STAT\rNOOP") {
                true => turn.say(b"+OK\r\n+OK\r\n"),
                false => turn.through(),
            }),
        }],
        keeps: &[Twist { name: "hangs up", edit: Edit::Say { to: "STAT\rNOOP", instead: "" } }],
    },
    Check {
        id: "user.unknown",
        rows: &["1939.7.user.e"],
        asks: "USER answers alike for a name that nobody has.",
        needs: Needs::LOGIN,
        legal: &[Legal { name: "alike", by: "RFC 1939 sections 7 and 13" }],
        probe: Probe::Ask(|lab| {
            let user = lab.facts.user.clone();
            let known = lab.secure()?.ask(&format!("USER {user}"))?;
            let unknown = lab.secure()?.ask("USER pop3-conform-nobody")?;
            let differs = known.status != unknown.status;
            let offence = differs.then(|| unknown.wrong("the response shows that nobody has this name"));
            seen("alike", offence.into_iter().collect())
        }),
        breaks: &[Twist {
            name: "refused",
            edit: Edit::Say { to: "USER pop3-conform-nobody", instead: "-ERR no such user\r\n" },
        }],
        keeps: &[Twist {
            name: "no text",
            edit: Edit::Answer { to: "USER*", old: "+OK send PASS", new: "+OK" },
        }],
    },
    Check {
        id: "pass.directly",
        rows: &["AMB.10"],
        asks: "After USER, a refused command discards the name: PASS is refused then.",
        needs: Needs::LOGIN,
        legal: &[Legal { name: "refused", by: "RFC 1939 section 7" }, CLOSED],
        probe: Probe::Ask(directly),
        breaks: &[Twist { name: "the name stays", edit: Edit::Code(name_stays) }],
        keeps: &[
            Twist { name: "hangs up", edit: Edit::Code(|turn| super::session::hang_up_at(turn, 2)) },
            Twist { name: "no text", edit: Edit::Answer { to: "USER*", old: "+OK send PASS", new: "+OK" } },
        ],
    },
    Check {
        id: "login.unknown",
        rows: &["4422.3.6.a"],
        asks: "A login with a name that nobody has is refused like one with a wrong password.",
        needs: Needs::FAILED_LOGINS,
        legal: &[Legal { name: "alike", by: "RFC 4422 section 6.1.1" }],
        probe: Probe::Ask(|lab| {
            let user = lab.facts.user.clone();
            let (_, known) = lab.try_login(&user, "pop3-conform-wrong")?;
            let (_, unknown) = lab.try_login("pop3-conform-nobody", "pop3-conform-wrong")?;
            // Words are for people. The status and the code are for programs.
            let differs = known.status != unknown.status || code(&known.line) != code(&unknown.line);
            let why = "another status or code than for a name that exists";
            let offence = differs.then(|| unknown.wrong(why));
            seen("alike", offence.into_iter().collect())
        }),
        breaks: &[Twist {
            name: "another code",
            edit: Edit::Code(|turn| {
                turn.memory.count += u64::from(turn.is("USER pop3-conform-nobody"));
                match turn.is("PASS*") && turn.memory.count > 0 {
                    true => turn.replace("[AUTH] ", ""),
                    false => turn.through(),
                }
            }),
        }],
        keeps: &[Twist {
            name: "no text",
            edit: Edit::Answer { to: "PASS*", old: " login failed", new: "" },
        }],
    },
    Check {
        id: "line.long",
        rows: &["2449.4.e"],
        asks: "A line of 2000 octets gets one refusal, and none of it is read as a command.",
        needs: Needs::LOGIN,
        legal: &[
            Legal { name: "one refusal", by: "practice: RFC 2449 section 4 limits command lines" },
            Legal { name: "closes", by: "practice: a limit may end the session" },
        ],
        probe: Probe::Ask(long_line),
        breaks: &[Twist {
            name: "cut in two",
            edit: Edit::Code(|turn| at_length(turn, b"-ERR\r\n-ERR\r\n")),
        }],
        keeps: &[
            Twist { name: "a limit of 255", edit: Edit::Line(255) },
            Twist { name: "closes", edit: Edit::Code(|turn| at_length(turn, b"")) },
        ],
    },
];

const CLOSED: Legal =
    Legal { name: "closed", by: "practice: servers limit the bad commands of one connection (ROB.16)" };

/// A refused command leaves the name of USER.
fn name_stays(turn: &mut Turn<'_>) {
    if turn.is("USER*") {
        turn.memory.bytes = turn.command.clone().into_bytes();
    }
    turn.through();
    if turn.is("NOOP") && !turn.memory.bytes.is_empty() {
        let user = String::from_utf8_lossy(&turn.memory.bytes).into_owned();
        turn.ask(&user);
    }
}

/// The password is the right one, so that only the name decides.
fn directly(lab: &mut Lab) -> Seen {
    let (user, password) = (lab.facts.user.clone(), lab.facts.password.clone());
    let mut session = lab.secure()?;
    if !session.ask(&format!("USER {user}"))?.is_ok() {
        return Err(Finding::Absent("USER"));
    }
    let pass = match session.ask("NOOP") {
        Ok(noop) if !noop.is_err() => {
            return Err(Finding::Open(Why::Server("accepts NOOP before the login")));
        }
        Ok(_) => lab.pass(&mut session, &password),
        Err(stop) => Err(stop),
    };
    match pass {
        Ok(pass) if pass.is_ok() => {
            Err(Finding::Wrong(vec![pass.wrong("accepted, and NOOP was between USER and PASS")]))
        }
        Ok(_) => Ok("refused"),
        Err(Stop::Closed { .. }) => Ok("closed"),
        Err(stop) => Err(stop.into()),
    }
}

/// Answers a line of more than 1000 octets; without an answer, hangs up.
fn at_length(turn: &mut Turn<'_>, answer: &[u8]) {
    match (turn.command.len() > 1000, answer) {
        (true, b"") => turn.hang_up(),
        (true, answer) => turn.say(answer),
        (false, _) => turn.through(),
    }
}

fn text(line: &Heard) -> Watched {
    if !matches!(line.kind, Kind::Greeting | Kind::Status) {
        return Ok(None);
    }
    let has_text =
        line.bytes.iter().position(|byte| *byte == b' ').is_some_and(|at| at + 1 < line.bytes.len());
    match has_text {
        true => Ok(Some("some text")),
        false => Err((0, "a status without text".to_owned())),
    }
}

fn list_rows(lab: &mut Lab, legal: &'static str, look: impl Fn(&[&str]) -> Option<&'static str>) -> Seen {
    let list = lab.login()?.ask("LIST")?;
    if list.rows.is_empty() {
        return Err(Finding::Open(Why::Mailbox("no message")));
    }
    let offence = |row: &Heard| {
        let text = row.text();
        let words: Vec<&str> = text.split(' ').collect();
        look(&words).map(|why| row.wrong(0, why))
    };
    seen(legal, list.rows.iter().filter_map(offence).take(1).collect())
}

fn bare_cr(lab: &mut Lab) -> Seen {
    let mut session = lab.login()?;
    session.send_raw(b"STAT\rNOOP\r\n");
    match session.response("XYZZY") {
        Err(Stop::Closed { .. }) => return Ok("closes"),
        response => response?,
    };
    let stat = match session.ask("STAT") {
        Err(Stop::Closed { .. }) => return Ok("closes"),
        stat => stat?,
    };
    let offence = numbers(&stat).is_none().then(|| stat.wrong("a second response: CR has ended a command"));
    seen("one response", offence.into_iter().collect())
}

fn long_line(lab: &mut Lab) -> Seen {
    let mut session = lab.login()?;
    let first = match session.ask(&"X".repeat(1998)) {
        Err(Stop::Closed { .. }) => return Ok("closes"),
        first => first?,
    };
    if first.is_ok() {
        return Err(Finding::Wrong(vec![first.wrong("a line of 2000 octets is accepted")]));
    }
    match session.ask("STAT") {
        Err(Stop::Closed { .. }) => Ok("closes"),
        Ok(stat) if numbers(&stat).is_some() => Ok("one refusal"),
        Ok(stat) => Err(Finding::Wrong(vec![stat.wrong("a second response to one line")])),
        Err(stop) => Err(stop.into()),
    }
}
