//! STLS. These checks begin TLS by themselves, whatever the options say about logins.

use super::capa::{capabilities, words_of};
use super::{HANGS_UP, REFUSED};
use crate::check::{Check, Edit, Finding, Legal, Needs, Offence, Probe, Seen, Twist};
use crate::engine::{Response, Session, Stop};
use crate::lab::twist::Turn;
use crate::lab::{Lab, seen};

pub(super) static CHECKS: &[Check] = &[
    Check {
        id: "stls.announced",
        rows: &["2595.4.a", "2595.4.b"],
        asks: "STLS is announced by CAPA if it is accepted.",
        needs: Needs::CLEARTEXT,
        legal: &[Legal { name: "announced", by: "RFC 2595 section 4" }],
        probe: Probe::Ask(announced),
        breaks: &[
            Twist { name: "hidden", edit: Edit::Answer { to: "CAPA", old: "\r\nSTLS\r\n", new: "\r\n" } },
            Twist { name: "no CAPA", edit: Edit::Say { to: "CAPA", instead: "-ERR unknown command\r\n" } },
        ],
        keeps: &[NO_TEXT],
    },
    Check {
        id: "stls.argument",
        rows: &["2595.4.d"],
        asks: "STLS with an argument is refused.",
        needs: Needs::CLEARTEXT,
        legal: &[REFUSED, HANGS_UP],
        probe: Probe::Ask(|lab| match offered(lab)?.ask("STLS x") {
            Ok(response) if response.is_err() => Ok("refused"),
            Ok(response) => Err(Finding::Wrong(vec![response.wrong("STLS has no argument")])),
            Err(Stop::Closed { .. }) => Ok("hangs up after several"),
            Err(stop) => Err(stop.into()),
        }),
        breaks: &[Twist { name: "accepted", edit: Edit::Command { from: "STLS x", to: "STLS" } }],
        keeps: &[Twist { name: "hangs up", edit: Edit::Say { to: "STLS x", instead: "" } }],
    },
    Check {
        id: "stls.late",
        rows: &["2595.4.c"],
        asks: "STLS is refused after the login.",
        needs: Needs::CLEARTEXT.and(Needs::LOGIN),
        legal: &[REFUSED],
        probe: Probe::Ask(|lab| {
            drop(offered(lab)?);
            let late = lab.login()?.ask("STLS")?;
            let offence = (!late.is_err()).then(|| late.wrong("STLS belongs to the state before the login"));
            seen("refused", offence.into_iter().collect())
        }),
        breaks: &[Twist {
            name: "accepted",
            edit: Edit::Code(|turn| {
                let answer = turn.pass();
                match turn.is("STLS") && answer.starts_with(b"-ERR") {
                    true => turn.say(b"+OK begin TLS\r\n"),
                    false => turn.say(&answer),
                }
            }),
        }],
        keeps: &[Twist { name: "byte by byte", edit: Edit::Drip }],
    },
    Check {
        id: "stls.late_announced",
        rows: &["2595.4.b"],
        asks: "After the login STLS is not announced, because it is not valid there.",
        needs: Needs::CLEARTEXT.and(Needs::LOGIN),
        legal: &[Legal { name: "not announced", by: "RFC 2595 sections 4 and 8" }],
        probe: Probe::Ask(|lab| {
            drop(offered(lab)?);
            let (capa, tags) = capabilities(&mut lab.login()?)?;
            let row = capa.rows.iter().find(|row| row.text().eq_ignore_ascii_case("STLS"));
            let why = "STLS is announced after the login";
            let offence =
                words_of(&tags, "STLS").map(|_| row.map_or_else(|| capa.wrong(why), |row| row.wrong(0, why)));
            seen("not announced", offence.into_iter().collect())
        }),
        breaks: &[Twist { name: "announced", edit: Edit::Code(announces_late) }],
        keeps: &[Twist { name: "byte by byte", edit: Edit::Drip }],
    },
    Check {
        id: "stls.injected",
        rows: &["2595.4.e"],
        asks: "What is sent in the segment of STLS, outside TLS, is not answered as a command.",
        needs: Needs::CLEARTEXT,
        legal: &[
            Legal { name: "ends the session", by: "RFC 2595 section 4" },
            Legal { name: "discards it", by: "RFC 2595 section 4: TLS begins after the line end" },
        ],
        probe: Probe::Ask(|lab| match injected(lab)? {
            Injected::Answered(offence) => Err(Finding::Wrong(vec![offence])),
            Injected::Ended => Ok("ends the session"),
            Injected::Discarded(_) => Ok("discards it"),
        }),
        breaks: &[
            Twist { name: "answered inside TLS", edit: Edit::Code(|turn| inject(turn, true)) },
            Twist {
                name: "answered before TLS",
                edit: Edit::Answer { to: "STLS", old: "TLS\r\n", new: "TLS\r\n-ERR log in\r\n" },
            },
        ],
        keeps: &[Twist { name: "discarded", edit: Edit::Code(|turn| inject(turn, false)) }],
    },
    Check {
        id: "stls.injection_ends",
        rows: &["2595.sec.a"],
        asks: "What is sent in the segment of STLS, outside TLS, ends the session.",
        needs: Needs::CLEARTEXT,
        legal: &[Legal { name: "ends the session", by: "practice: somebody is in between (RFC 2595)" }],
        probe: Probe::Ask(|lab| match injected(lab)? {
            Injected::Ended => Ok("ends the session"),
            Injected::Answered(offence) => Err(Finding::Wrong(vec![offence])),
            Injected::Discarded(next) => Err(Finding::Wrong(vec![next.wrong("the session goes on")])),
        }),
        breaks: &[Twist { name: "discarded", edit: Edit::Code(|turn| inject(turn, false)) }],
        keeps: &[NO_TEXT],
    },
    Check {
        id: "stls.silent",
        rows: &["2595.4.m"],
        asks: "After the handshake the server does not greet again.",
        needs: Needs::CLEARTEXT,
        legal: &[Legal { name: "no greeting", by: "RFC 2595 section 4" }],
        probe: Probe::Ask(|lab| {
            let mut session = inside(lab)?;
            let (first, second) = (session.ask("XYZZY")?, session.ask("CAPA")?);
            let greeted = first.is_ok() || !second.is_ok();
            let offence = greeted.then(|| first.wrong("a greeting, in place of the response to XYZZY"));
            seen("no greeting", offence.into_iter().collect())
        }),
        breaks: &[Twist {
            name: "greets",
            edit: Edit::Code(|turn| {
                let tls = turn.is("tls");
                turn.through();
                if tls {
                    turn.say(b"+OK ready\r\n");
                }
            }),
        }],
        keeps: &[NO_TEXT],
    },
    Check {
        id: "stls.once",
        rows: &["2595.4.b", "AMB.7"],
        asks: "Inside TLS, STLS is neither announced nor accepted.",
        needs: Needs::CLEARTEXT,
        legal: &[Legal { name: "not offered", by: "RFC 2595 section 4" }],
        probe: Probe::Ask(|lab| {
            let mut session = inside(lab)?;
            let (capa, tags) = capabilities(&mut session)?;
            let again = session.ask("STLS")?;
            let announced = words_of(&tags, "STLS").map(|_| capa.wrong("STLS is announced inside TLS"));
            let accepted = (!again.is_err()).then(|| again.wrong("STLS is accepted inside TLS"));
            seen("not offered", announced.into_iter().chain(accepted).collect())
        }),
        breaks: &[
            Twist { name: "announced", edit: Edit::Code(announces_inside) },
            Twist {
                name: "accepted",
                edit: Edit::Code(|turn| {
                    let answer = turn.pass();
                    match turn.is("STLS") && answer.starts_with(b"-ERR") {
                        true => turn.say(b"+OK\r\n"),
                        false => turn.say(&answer),
                    }
                }),
            },
        ],
        keeps: &[NO_TEXT],
    },
    Check {
        id: "stls.state",
        rows: &["2595.4.h"],
        asks: "After the handshake, a login is still required.",
        needs: Needs::CLEARTEXT,
        legal: &[REFUSED],
        probe: Probe::Ask(|lab| {
            let stat = inside(lab)?.ask("STAT")?;
            let offence = (!stat.is_err()).then(|| stat.wrong("STAT, and nobody has logged in"));
            seen("refused", offence.into_iter().collect())
        }),
        breaks: &[Twist {
            name: "logged in",
            edit: Edit::Code(|turn| {
                let answer = turn.pass();
                turn.memory.count += u64::from(turn.is("tls"));
                match turn.is("STAT") && turn.memory.count > 0 && answer.starts_with(b"-ERR") {
                    true => turn.say(b"+OK 0 0\r\n"),
                    false => turn.say(&answer),
                }
            }),
        }],
        keeps: &[NO_TEXT],
    },
    Check {
        id: "stls.login",
        rows: &["2595.4.e"],
        asks: "Inside TLS a login works.",
        needs: Needs::CLEARTEXT.and(Needs::LOGIN),
        legal: &[Legal { name: "logged in", by: "RFC 2595 section 4" }],
        probe: Probe::Ask(|lab| {
            let (user, password) = (lab.facts.user.clone(), lab.facts.password.clone());
            let (mut session, pass) = lab.unlocked(|lab| {
                let mut session = inside(lab)?;
                let mut response = session.ask(&format!("USER {user}"))?;
                if response.is_ok() {
                    response = lab.pass(&mut session, &password)?;
                }
                Ok((session, response))
            })?;
            if !pass.is_ok() {
                return Err(Finding::Wrong(vec![pass.wrong("the login is refused inside TLS")]));
            }
            let stat = session.ask("STAT")?;
            let offence = (!stat.is_ok()).then(|| stat.wrong("STAT is refused after the login"));
            seen("logged in", offence.into_iter().collect())
        }),
        breaks: &[Twist {
            name: "refused",
            edit: Edit::Code(|turn| {
                turn.memory.count += u64::from(turn.is("tls"));
                match turn.is("USER*") && turn.memory.count > 0 {
                    true => turn.say(b"-ERR no\r\n"),
                    false => turn.through(),
                }
            }),
        }],
        keeps: &[NO_TEXT],
    },
    Check {
        id: "stls.forgets",
        rows: &["2595.sec.c"],
        asks: "A name from before the handshake is forgotten.",
        needs: Needs::CLEARTEXT.and(Needs::LOGIN),
        legal: &[Legal {
            name: "forgotten",
            by: "practice: nothing from outside TLS is trusted (RFC 2595 section 4)",
        }],
        probe: Probe::Ask(forgets),
        breaks: &[Twist { name: "the name stays", edit: Edit::Code(keeps_name) }],
        keeps: &[NO_TEXT],
    },
];

const NO_TEXT: Twist =
    Twist { name: "no text", edit: Edit::Answer { to: "STLS", old: "+OK begin TLS", new: "+OK" } };

/// What was injected before the handshake is answered inside TLS, or discarded.
fn inject(turn: &mut Turn<'_>, answered: bool) {
    if !turn.is("tls") {
        return turn.through();
    }
    let early = turn.take_early();
    turn.through();
    if answered && !early.is_empty() {
        let answer = turn.ask(String::from_utf8_lossy(&early).trim_end());
        turn.say(&answer);
    }
}

/// After PASS, CAPA announces STLS.
fn announces_late(turn: &mut Turn<'_>) {
    turn.memory.count += u64::from(turn.is("PASS*"));
    match turn.is("CAPA") && turn.memory.count > 0 {
        true => turn.replace("\r\nTOP\r\n", "\r\nTOP\r\nSTLS\r\n"),
        false => turn.through(),
    }
}

fn announces_inside(turn: &mut Turn<'_>) {
    turn.memory.count += u64::from(turn.is("tls"));
    match turn.is("CAPA") && turn.memory.count > 0 {
        true => turn.replace("\r\nTOP\r\n", "\r\nTOP\r\nSTLS\r\n"),
        false => turn.through(),
    }
}

fn keeps_name(turn: &mut Turn<'_>) {
    if turn.is("USER*") {
        turn.memory.bytes = turn.command.clone().into_bytes();
    }
    turn.through();
    if turn.is("tls") && !turn.memory.bytes.is_empty() {
        let user = String::from_utf8_lossy(&turn.memory.bytes).into_owned();
        turn.ask(&user);
    }
}

/// A session without TLS whose server announces STLS.
pub(super) fn offered(lab: &mut Lab) -> Result<Session, Finding> {
    let mut session = lab.connect()?;
    let (_, tags) = capabilities(&mut session)?;
    words_of(&tags, "STLS").map(|_| session).ok_or(Finding::Absent("STLS"))
}

/// A session inside TLS, before the login.
pub(super) fn inside(lab: &mut Lab) -> Result<Session, Finding> {
    let mut session = offered(lab)?;
    let response = session.ask("STLS")?;
    match response.is_ok() {
        true => session.start_tls()?,
        false => return Err(Finding::Wrong(vec![response.wrong("STLS is announced, and refused")])),
    }
    Ok(session)
}

fn announced(lab: &mut Lab) -> Seen {
    let mut session = lab.connect()?;
    let capa = session.ask("CAPA")?;
    let listed = capa.rows.iter().any(|row| row.text().eq_ignore_ascii_case("STLS"));
    let stls = session.ask("STLS")?;
    match (stls.is_ok(), listed) {
        (true, false) => {
            Err(Finding::Wrong(vec![stls.wrong("STLS is accepted, and CAPA does not announce it")]))
        }
        (false, true) => Err(Finding::Wrong(vec![stls.wrong("STLS is announced, and refused")])),
        (true, true) => Ok("announced"),
        (false, false) => Err(Finding::Absent("STLS")),
    }
}

enum Injected {
    Answered(Offence),
    Ended,
    Discarded(Response),
}

/// Sends NOOP in the segment of STLS. It would be refused, and CAPA, which follows inside TLS, is not.
///
/// A handshake without it must work first. Otherwise its failure, for example because the kit does not trust the certificate, would count as the
/// server's answer.
fn injected(lab: &mut Lab) -> Result<Injected, Finding> {
    drop(inside(lab)?);
    let mut session = offered(lab)?;
    session.send_raw(b"STLS\r\nNOOP\r\n");
    match session.response("STLS") {
        Ok(stls) if !stls.is_ok() => return Ok(Injected::Ended),
        Ok(_) => {}
        Err(Stop::Closed { .. }) => return Ok(Injected::Ended),
        Err(stop) => return Err(stop.into()),
    }
    if session.unread().starts_with(b"-ERR") || session.unread().starts_with(b"+OK") {
        let why = "a response, outside TLS".to_owned();
        return Ok(Injected::Answered(Offence::new(why, session.id(), session.at())));
    }
    match session.start_tls() {
        Err(Stop::Unreachable(_) | Stop::Closed { .. }) => return Ok(Injected::Ended),
        started => started?,
    }
    match session.ask("CAPA") {
        Err(Stop::Closed { .. }) => Ok(Injected::Ended),
        Ok(capa) if capa.is_ok() => Ok(Injected::Discarded(capa)),
        Ok(noop) => Ok(Injected::Answered(noop.wrong("the response to NOOP, which was sent outside TLS"))),
        Err(stop) => Err(stop.into()),
    }
}

fn forgets(lab: &mut Lab) -> Seen {
    let (user, password) = (lab.facts.user.clone(), lab.facts.password.clone());
    let mut session = offered(lab)?;
    if !session.ask(&format!("USER {user}"))?.is_ok() {
        return Ok("forgotten");
    }
    if !session.ask("STLS")?.is_ok() {
        return Ok("forgotten");
    }
    session.start_tls()?;
    let pass = lab.pass(&mut session, &password)?;
    let offence = pass.is_ok().then(|| pass.wrong("the name of USER, before the handshake, is still known"));
    seen("forgotten", offence.into_iter().collect())
}
