//! AUTH: its framing, and PLAIN.

use super::capa::{capabilities, words_of};
use super::stls;
use crate::check::{Check, Edit, Finding, Legal, Needs, Probe, Seen, Twist, Why};
use crate::engine::{Response, Session, Status, Stop};
use crate::lab::twist::Turn;
use crate::lab::{Lab, is_locked, seen};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

pub(super) static CHECKS: &[Check] = &[
    Check {
        id: "auth.plain",
        rows: &["5034.3.a", "5034.4.a", "5034.4.x", "4616.2.a"],
        asks: "PLAIN with its response on the line of AUTH logs in.",
        needs: Needs::LOGIN,
        legal: &[LOGGED_IN],
        probe: Probe::Ask(|lab| {
            logged_in(lab, "PLAIN", |lab, session| {
                let message = plain(lab);
                initial(lab, session, "PLAIN", &message)
            })
        }),
        breaks: &[
            Twist { name: "refused", edit: Edit::Say { to: "AUTH PLAIN *", instead: "-ERR no\r\n" } },
            Twist {
                name: "+OK, and not logged in",
                edit: Edit::Say { to: "AUTH PLAIN *", instead: "+OK\r\n" },
            },
            Twist { name: "asks again", edit: Edit::Command { from: "AUTH PLAIN A*", to: "AUTH PLAIN" } },
        ],
        keeps: &[NO_TEXT],
    },
    Check {
        id: "auth.plain_asked",
        rows: &["5034.4.j", "5034.4.x", "4422.3.a"],
        asks: "PLAIN with its response on a line of its own logs in.",
        needs: Needs::LOGIN,
        legal: &[LOGGED_IN],
        probe: Probe::Ask(|lab| {
            logged_in(lab, "PLAIN", |lab, session| {
                let challenge = session.ask("AUTH PLAIN")?;
                if challenge.status != Status::Challenge {
                    return Ok(challenge);
                }
                let message = plain(lab);
                Ok(respond(lab, session, &message)?)
            })
        }),
        breaks: &[Twist {
            name: "no challenge",
            edit: Edit::Say { to: "AUTH PLAIN", instead: "-ERR no\r\n" },
        }],
        keeps: &[Twist { name: "byte by byte", edit: Edit::Drip }],
    },
    Check {
        id: "auth.challenge",
        rows: &["5034.4.g", "5034.4.h", "5034.4.m"],
        asks: "AUTH PLAIN without a response gets an empty challenge: a plus sign and a space.",
        needs: Needs::NOTHING,
        legal: &[Legal { name: "plus and space", by: "RFC 5034 section 4" }],
        probe: Probe::Ask(|lab| {
            let challenge = offering(lab, "PLAIN")?.ask("AUTH PLAIN")?;
            let wrong = challenge.line.bytes != b"+ ";
            let offence = wrong.then(|| challenge.wrong("not a plus sign, a space and nothing more"));
            seen("plus and space", offence.into_iter().collect())
        }),
        breaks: &[
            Twist { name: "no space", edit: Edit::Answer { to: "AUTH PLAIN", old: "+ \r\n", new: "+\r\n" } },
            Twist {
                name: "words",
                edit: Edit::Answer { to: "AUTH PLAIN", old: "+ \r\n", new: "+ go ahead\r\n" },
            },
            Twist { name: "+OK", edit: Edit::Answer { to: "AUTH PLAIN", old: "+ ", new: "+OK" } },
        ],
        keeps: &[Twist { name: "byte by byte", edit: Edit::Drip }],
    },
    Check {
        id: "auth.cancel",
        rows: &["5034.4.l", "5034.4.k", "4422.3.5.a"],
        asks: "A line of one star breaks AUTH off, and is refused.",
        needs: Needs::NOTHING,
        legal: &[Legal { name: "refused", by: "RFC 5034 section 4" }],
        probe: Probe::Ask(|lab| {
            let mut session = offering(lab, "PLAIN")?;
            if session.ask("AUTH PLAIN")?.status != Status::Challenge {
                return Err(Finding::Open(Why::Mailbox("no challenge for PLAIN")));
            }
            session.send("*");
            let cancelled = session.response("AUTH *")?;
            let offence = (!cancelled.is_err()).then(|| cancelled.wrong("the star is not refused"));
            seen("refused", offence.into_iter().collect())
        }),
        breaks: &[
            Twist { name: "+OK", edit: Edit::Code(|turn| star(turn, "-ERR", "+OK")) },
            Twist { name: "another challenge", edit: Edit::Code(|turn| star(turn, "-ERR cancelled", "+ ")) },
        ],
        keeps: &[Twist { name: "no text", edit: Edit::Code(|turn| star(turn, " cancelled", "")) }],
    },
    Check {
        id: "auth.unknown",
        rows: &["5034.4.f"],
        asks: "A mechanism that is not there is refused at once.",
        needs: Needs::NOTHING,
        legal: &[Legal { name: "refused", by: "RFC 5034 section 4" }],
        probe: Probe::Ask(|lab| {
            drop(offering(lab, "PLAIN")?);
            let response = lab.secure()?.ask("AUTH X-CONFORM")?;
            let offence = (!response.is_err()).then(|| response.wrong("nobody has this mechanism"));
            seen("refused", offence.into_iter().collect())
        }),
        breaks: &[
            Twist { name: "a challenge", edit: Edit::Say { to: "AUTH X-CONFORM", instead: "+ \r\n" } },
            Twist { name: "+OK", edit: Edit::Say { to: "AUTH X-CONFORM", instead: "+OK\r\n" } },
        ],
        keeps: &[Twist { name: "no text", edit: Edit::Say { to: "AUTH X-CONFORM", instead: "-ERR\r\n" } }],
    },
    Check {
        id: "auth.late",
        rows: &["5034.4.d", "5034.4.e", "4422.3.8.a"],
        asks: "AUTH is refused after the login.",
        needs: Needs::LOGIN,
        legal: &[Legal { name: "refused", by: "RFC 5034 section 4" }],
        probe: Probe::Ask(|lab| {
            drop(offering(lab, "PLAIN")?);
            let late = lab.login()?.ask("AUTH PLAIN")?;
            let offence = (!late.is_err()).then(|| late.wrong("somebody has logged in already"));
            seen("refused", offence.into_iter().collect())
        }),
        breaks: &[Twist {
            name: "a challenge",
            edit: Edit::Code(|turn| {
                let answer = turn.pass();
                match turn.is("AUTH PLAIN") && answer.starts_with(b"-ERR") {
                    true => turn.say(b"+ \r\n"),
                    false => turn.say(&answer),
                }
            }),
        }],
        keeps: &[Twist { name: "byte by byte", edit: Edit::Drip }],
    },
    Check {
        id: "auth.case",
        rows: &["5034.5.a"],
        asks: "AUTH is known in any letter case.",
        needs: Needs::NOTHING,
        legal: &[Legal { name: "known", by: "RFC 5034 section 5" }],
        probe: Probe::Ask(|lab| {
            let response = offering(lab, "PLAIN")?.ask("auth PLAIN")?;
            let refused = response.status != Status::Challenge;
            let offence = refused.then(|| response.wrong("no challenge for small letters"));
            seen("known", offence.into_iter().collect())
        }),
        breaks: &[Twist {
            name: "unknown",
            edit: Edit::Code(|turn| match turn.command == "auth PLAIN" {
                true => turn.say(b"-ERR unknown command\r\n"),
                false => turn.through(),
            }),
        }],
        keeps: &[Twist { name: "byte by byte", edit: Edit::Drip }],
    },
    Check {
        id: "auth.plain_tls",
        rows: &["5034.4.ai"],
        asks: "Inside TLS, a server with AUTH has PLAIN.",
        needs: Needs::CLEARTEXT,
        legal: &[Legal { name: "announced", by: "RFC 5034 section 4" }],
        probe: Probe::Ask(|lab| {
            let (capa, tags) = capabilities(&mut stls::inside(lab)?)?;
            let names = words_of(&tags, "SASL").ok_or(Finding::Absent("AUTH"))?;
            let missing = !names.iter().any(|name| name.eq_ignore_ascii_case("PLAIN"));
            let offence = missing.then(|| capa.wrong("SASL without PLAIN, inside TLS"));
            seen("announced", offence.into_iter().collect())
        }),
        breaks: &[Twist {
            name: "without PLAIN",
            edit: Edit::Answer { to: "CAPA", old: "SASL PLAIN ", new: "SASL " },
        }],
        keeps: &[Twist { name: "byte by byte", edit: Edit::Drip }],
    },
    Check {
        id: "auth.alone",
        rows: &["1734.x.a"],
        asks: "AUTH alone is refused, or lists the mechanisms that CAPA has.",
        needs: Needs::NOTHING,
        legal: &[
            Legal { name: "the mechanisms", by: "practice: older than CAPA (RFC 1734)" },
            Legal { name: "refused", by: "RFC 5034 section 4: it needs a mechanism" },
        ],
        probe: Probe::Ask(alone),
        breaks: &[Twist {
            name: "another one",
            edit: Edit::Answer { to: "AUTH", old: "\r\nPLAIN\r\n", new: "\r\nX-CONFORM\r\n" },
        }],
        keeps: &[Twist { name: "refused", edit: Edit::Say { to: "AUTH", instead: "-ERR\r\n" } }],
    },
];

pub(super) const LOGGED_IN: Legal = Legal { name: "logged in", by: "RFC 5034 section 4" };

const NO_TEXT: Twist = Twist {
    name: "no text",
    edit: Edit::Answer { to: "AUTH PLAIN *", old: "+OK maildrop open", new: "+OK" },
};

/// Changes the response to a line of one star.
fn star(turn: &mut Turn<'_>, old: &str, new: &str) {
    match turn.command == "*" {
        true => turn.replace(old, new),
        false => turn.through(),
    }
}

/// A session before the login whose server announces this mechanism: without TLS if it is announced there, else inside TLS.
pub(super) fn offering(lab: &mut Lab, mechanism: &'static str) -> Result<Session, Finding> {
    let has = |session: &mut Session| -> Result<(bool, bool), Finding> {
        let (_, tags) = capabilities(session)?;
        let offers = words_of(&tags, "SASL").is_some_and(|names| names.iter().any(|name| name == mechanism));
        Ok((offers, words_of(&tags, "STLS").is_some()))
    };
    let mut session = lab.secure()?;
    match has(&mut session)? {
        (true, _) => return Ok(session),
        (false, false) => return Err(Finding::Absent(mechanism)),
        (false, true) => drop(session),
    }
    let mut session = stls::inside(lab)?;
    has(&mut session)?.0.then_some(session).ok_or(Finding::Absent(mechanism))
}

/// Returns the message of PLAIN for the user.
pub(super) fn plain(lab: &Lab) -> Vec<u8> {
    format!("\0{}\0{}", lab.facts.user, lab.facts.password).into_bytes()
}

/// Sends AUTH with an initial response, masked.
pub(super) fn initial(
    lab: &mut Lab,
    session: &mut Session,
    mechanism: &str,
    message: &[u8],
) -> Result<Response, Finding> {
    Ok(sent(lab, session, mechanism, &BASE64_STANDARD.encode(message))?)
}

/// As [`initial`], with a message that is in base64 already, right or not.
pub(super) fn sent(
    lab: &mut Lab,
    session: &mut Session,
    mechanism: &str,
    secret: &str,
) -> Result<Response, Stop> {
    lab.mask(secret.as_bytes());
    let shown = format!("AUTH {mechanism} ***");
    session
        .send_shown(format!("AUTH {mechanism} {secret}\r\n").as_bytes(), format!("{shown}\r\n").as_bytes());
    session.response(&shown)
}

/// Sends a response inside AUTH, masked.
pub(super) fn respond(lab: &mut Lab, session: &mut Session, message: &[u8]) -> Result<Response, Stop> {
    let secret = BASE64_STANDARD.encode(message);
    lab.mask(secret.as_bytes());
    session.send_shown(format!("{secret}\r\n").as_bytes(), b"***\r\n");
    session.response("AUTH ***")
}

/// Logs in by a mechanism, and asks for STAT.
pub(super) fn logged_in(
    lab: &mut Lab,
    mechanism: &'static str,
    mut exchange: impl FnMut(&mut Lab, &mut Session) -> Result<Response, Finding>,
) -> Seen {
    let (mut session, outcome) = lab.unlocked(|lab| {
        let mut session = offering(lab, mechanism)?;
        let outcome = exchange(lab, &mut session)?;
        lab.note_login(&mut session, &outcome);
        Ok((session, outcome))
    })?;
    if is_locked(&outcome) && outcome.is_err() {
        return Err(Finding::Open(Why::Login));
    }
    if !outcome.is_ok() {
        return Err(Finding::Wrong(vec![
            outcome.wrong(format!("{mechanism} is announced, and does not log in")),
        ]));
    }
    let stat = session.ask("STAT")?;
    let offence = (!stat.is_ok()).then(|| stat.wrong("STAT is refused after the login"));
    seen("logged in", offence.into_iter().collect())
}

fn alone(lab: &mut Lab) -> Seen {
    let mut session = offering(lab, "PLAIN")?;
    let (_, tags) = capabilities(&mut session)?;
    let auth = session.ask("AUTH")?;
    if !auth.is_ok() {
        return Ok("refused");
    }
    let known = words_of(&tags, "SASL").unwrap_or_default();
    let odd = auth.rows.iter().find(|row| !known.contains(&row.text()));
    let offence = odd.map(|row| row.wrong(0, "CAPA does not announce this mechanism"));
    seen("the mechanisms", offence.into_iter().collect())
}
