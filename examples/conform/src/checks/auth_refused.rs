//! AUTH that is refused: wrong passwords, and messages of PLAIN that are broken.

use super::auth::{initial, offering, plain, sent};
use crate::check::{Check, Edit, Finding, Legal, Needs, Probe, Seen, Twist, Why};
use crate::engine::{Status, Stop};
use crate::lab::twist::Turn;
use crate::lab::{Lab, seen, world};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

pub(super) static CHECKS: &[Check] = &[
    Check {
        id: "auth.empty",
        rows: &["5034.4.b", "5034.4.c", "AMB.19"],
        asks: "An equals sign on the line of AUTH is an empty response: PLAIN is refused, without a challenge.",
        needs: Needs::FAILED_LOGINS,
        legal: &[Legal { name: "refused", by: "RFC 5034 section 4" }],
        probe: Probe::Ask(|lab| {
            let response = offering(lab, "PLAIN")?.ask("AUTH PLAIN =")?;
            let why = "an empty response was sent, and it is not a login";
            let offence = (!response.is_err()).then(|| response.wrong(why));
            seen("refused", offence.into_iter().collect())
        }),
        breaks: &[Twist {
            name: "a challenge",
            edit: Edit::Command { from: "AUTH PLAIN =", to: "AUTH PLAIN" },
        }],
        keeps: &[Twist { name: "no text", edit: Edit::Say { to: "AUTH PLAIN =", instead: "-ERR\r\n" } }],
    },
    Check {
        id: "auth.base64",
        rows: &["4648.3.a", "4648.4.a", "5034.4.q", "5034.4.s", "5034.4.t"],
        asks: "The right message of PLAIN is refused if its base64 is not exact.",
        needs: Needs::FAILED_LOGINS,
        legal: &[
            Legal { name: "refused", by: "RFC 4648 section 3" },
            Legal { name: "closes", by: "practice: a server may close after a failed login" },
        ],
        probe: Probe::Ask(base64),
        breaks: &[
            Twist {
                name: "other characters are passed over",
                edit: Edit::Code(|turn| repaired(turn, |secret| secret.contains('!'))),
            },
            Twist {
                name: "padding is optional",
                edit: Edit::Code(|turn| {
                    repaired(turn, |secret| secret.len() % 4 != 0 && !secret.contains('!'));
                }),
            },
        ],
        keeps: &[Twist { name: "closes", edit: Edit::Code(closes_after_auth) }],
    },
    Check {
        id: "auth.parts",
        rows: &["4616.2.e"],
        asks: "A message of PLAIN with another number of NUL is refused.",
        needs: Needs::FAILED_LOGINS,
        legal: &[Legal { name: "refused", by: "RFC 4616 section 2" }],
        probe: Probe::Ask(|lab| {
            let (user, password) = (lab.facts.user.clone(), lab.facts.password.clone());
            let mut offences = Vec::new();
            for message in [format!("{user}\0{password}"), format!("\0{user}\0{password}\0")] {
                let mut session = offering(lab, "PLAIN")?;
                let response = initial(lab, &mut session, "PLAIN", message.as_bytes())?;
                offences.extend((!response.is_err()).then(|| response.wrong("not two NUL")));
            }
            seen("refused", offences)
        }),
        breaks: &[Twist { name: "accepted", edit: Edit::Code(any_parts) }],
        keeps: &[Twist { name: "byte by byte", edit: Edit::Drip }],
    },
    Check {
        id: "auth.identity",
        rows: &["4616.2.c"],
        asks: "PLAIN with the right password is refused if the user wants to act as somebody else, who does not exist.",
        needs: Needs::FAILED_LOGINS,
        legal: &[Legal { name: "refused", by: "RFC 4616 section 2" }],
        probe: Probe::Ask(|lab| {
            let mut session = offering(lab, "PLAIN")?;
            let message = format!("pop3-conform-nobody\0{}\0{}", lab.facts.user, lab.facts.password);
            let response = initial(lab, &mut session, "PLAIN", message.as_bytes())?;
            let why = "nobody may act as a user who does not exist";
            let offence = (!response.is_err()).then(|| response.wrong(why));
            seen("refused", offence.into_iter().collect())
        }),
        breaks: &[Twist { name: "passed over", edit: Edit::Code(any_identity) }],
        keeps: &[Twist { name: "byte by byte", edit: Edit::Drip }],
    },
    Check {
        id: "auth.wrong",
        rows: &["5034.4.w", "5034.4.y", "4422.3.6.b"],
        asks: "A wrong password in PLAIN is refused, and the right one is accepted after it.",
        needs: Needs::FAILED_LOGINS,
        legal: &[
            Legal { name: "refused, then accepted", by: "RFC 5034 section 4" },
            Legal { name: "refused, then closed", by: "practice: a server may close after a failed login" },
        ],
        probe: Probe::Ask(wrong),
        breaks: &[
            Twist { name: "accepted", edit: Edit::Code(|turn| any_password(turn, "+OK\r\n")) },
            Twist { name: "asked again", edit: Edit::Code(|turn| any_password(turn, "+ \r\n")) },
        ],
        keeps: &[Twist { name: "closes", edit: Edit::Code(closes_after_auth) }],
    },
    Check {
        id: "auth.every_line",
        rows: &["5034.4.an"],
        asks: "Inside AUTH, QUIT is a response and not a command.",
        needs: Needs::FAILED_LOGINS,
        legal: &[Legal { name: "a response", by: "RFC 5034 section 4" }],
        probe: Probe::Ask(|lab| {
            let mut session = offering(lab, "PLAIN")?;
            if session.ask("AUTH PLAIN")?.status != Status::Challenge {
                return Err(Finding::Open(Why::Mailbox("no challenge for PLAIN")));
            }
            session.send("QUIT");
            let response = session.response("AUTH QUIT")?;
            let offence = response.is_ok().then(|| response.wrong("QUIT is done as a command"));
            seen("a response", offence.into_iter().collect())
        }),
        breaks: &[Twist {
            name: "a command",
            edit: Edit::Code(|turn| {
                turn.memory.count += u64::from(turn.is("AUTH PLAIN"));
                match turn.is("QUIT") && turn.memory.count > 0 {
                    true => turn.say(b"+OK bye\r\n"),
                    false => turn.through(),
                }
            }),
        }],
        keeps: &[Twist { name: "byte by byte", edit: Edit::Drip }],
    },
];

/// The right message of PLAIN is accepted, however its base64 is broken: with other characters in it, or with other padding.
fn repaired(turn: &mut Turn<'_>, is_broken: fn(&str) -> bool) {
    let answer = turn.pass();
    let secret = turn.command.rsplit(' ').next().unwrap_or_default().to_owned();
    match turn.is("AUTH PLAIN A*") && answer.starts_with(b"-ERR") && is_broken(&secret) {
        true => {
            let right = BASE64_STANDARD.encode(format!("\0{}\0{}", world::USER, world::PASSWORD));
            let answer = turn.ask(&format!("AUTH PLAIN {right}"));
            turn.say(&answer);
        }
        false => turn.say(&answer),
    }
}

fn closes_after_auth(turn: &mut Turn<'_>) {
    let answer = turn.pass();
    turn.say(&answer);
    if turn.is("AUTH PLAIN *") && answer.starts_with(b"-ERR") {
        turn.hang_up();
    }
}

/// PLAIN with any number of NUL is accepted.
fn any_parts(turn: &mut Turn<'_>) {
    let answer = turn.pass();
    match turn.is("AUTH PLAIN *") && answer.starts_with(b"-ERR") && !turn.is("AUTH PLAIN =") {
        true => turn.say(b"+OK\r\n"),
        false => turn.say(&answer),
    }
}

/// The identity to act as is passed over.
fn any_identity(turn: &mut Turn<'_>) {
    let secret = turn.command.rsplit(' ').next().unwrap_or_default();
    let message = BASE64_STANDARD.decode(secret).unwrap_or_default();
    match turn.is("AUTH PLAIN *") && message.starts_with(b"pop3-conform-nobody\0") {
        true => {
            let rest = BASE64_STANDARD.encode(&message["pop3-conform-nobody".len()..]);
            let answer = turn.ask(&format!("AUTH PLAIN {rest}"));
            turn.say(&answer);
        }
        false => turn.through(),
    }
}

fn any_password(turn: &mut Turn<'_>, instead: &str) {
    let answer = turn.pass();
    match turn.is("AUTH PLAIN A*") && answer.starts_with(b"-ERR") {
        true => turn.say(instead.as_bytes()),
        false => turn.say(&answer),
    }
}

fn base64(lab: &mut Lab) -> Seen {
    let right = BASE64_STANDARD.encode(plain(lab));
    let middle = right.len() / 2;
    let stray = format!("{}!{}", &right[..middle], &right[middle..]);
    let padded = match right.strip_suffix('=') {
        Some(short) => short.to_owned(),
        None => format!("{right}="),
    };
    let (mut offences, mut legal) = (Vec::new(), "refused");
    for (secret, why) in [(stray, "an exclamation mark in base64"), (padded, "wrong padding of base64")] {
        let mut session = offering(lab, "PLAIN")?;
        match sent(lab, &mut session, "PLAIN", &secret) {
            Ok(response) if response.is_err() => {
                if matches!(session.ask("CAPA"), Err(Stop::Closed { .. })) {
                    legal = "closes";
                }
            }
            Ok(response) => offences.push(response.wrong(why)),
            Err(Stop::Closed { .. }) => legal = "closes",
            Err(stop) => return Err(stop.into()),
        }
    }
    seen(legal, offences)
}

fn wrong(lab: &mut Lab) -> Seen {
    let mut session = offering(lab, "PLAIN")?;
    let message = format!("\0{}\0pop3-conform-wrong", lab.facts.user);
    let refused = initial(lab, &mut session, "PLAIN", message.as_bytes())?;
    if !refused.is_err() {
        return Err(Finding::Wrong(vec![refused.wrong("a wrong password is not refused")]));
    }
    let right = BASE64_STANDARD.encode(plain(lab));
    match sent(lab, &mut session, "PLAIN", &right) {
        Ok(response) if response.is_ok() => Ok("refused, then accepted"),
        Ok(response) => {
            Err(Finding::Wrong(vec![response.wrong("the right password is refused after a wrong one")]))
        }
        Err(Stop::Closed { .. }) => Ok("refused, then closed"),
        Err(stop) => Err(stop.into()),
    }
}
