//! AUTH with LOGIN, SCRAM-SHA-256 and OAUTHBEARER.

use super::auth::{LOGGED_IN, initial, logged_in, offering, respond};
use crate::check::{Check, Edit, Finding, Legal, Needs, Probe, Seen, Twist, Why};
use crate::engine::log::find;
use crate::engine::scram::{Challenge, Keys, without_proof};
use crate::engine::{Response, Session, Status, Stop};
use crate::lab::twist::Turn;
use crate::lab::{Lab, is_locked, seen};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

pub(super) static CHECKS: &[Check] = &[
    Check {
        id: "auth.login",
        rows: &["LOGIN.a"],
        asks: "LOGIN asks for a name and a password, and logs in.",
        needs: Needs::LOGIN,
        legal: &[LOGGED_IN],
        probe: Probe::Ask(|lab| logged_in(lab, "LOGIN", login)),
        breaks: &[
            Twist { name: "one challenge only", edit: Edit::Code(|turn| after_name(turn, "+OK\r\n")) },
            Twist { name: "refused", edit: Edit::Code(|turn| after_name(turn, "-ERR no\r\n")) },
        ],
        keeps: &[Twist {
            name: "other prompts",
            edit: Edit::Answer { to: "AUTH LOGIN", old: "VXNlciBOYW1lAA==", new: "VXNlcm5hbWU6" },
        }],
    },
    Check {
        id: "scram.login",
        rows: &["5802.5.d", "5802.5.j", "5802.5.k", "7677.3.a", "5034.4.z"],
        asks: "SCRAM-SHA-256 logs in: the server keeps the nonce, and its signature is right.",
        needs: Needs::LOGIN,
        legal: &[LOGGED_IN],
        probe: Probe::Ask(scram_login),
        breaks: &[
            Twist {
                name: "another nonce",
                edit: Edit::Code(|turn| first_message(turn, "r=conform", "r=canform")),
            },
            Twist { name: "no salt", edit: Edit::Code(|turn| first_message(turn, ",s=", ",x=")) },
            Twist { name: "another signature", edit: Edit::Code(|turn| last_message(turn, "+ dj1")) },
            Twist { name: "no signature", edit: Edit::Code(no_signature) },
        ],
        keeps: &[Twist { name: "byte by byte", edit: Edit::Drip }],
    },
    Check {
        id: "scram.iterations",
        rows: &["5802.5.l"],
        asks: "SCRAM-SHA-256 asks for 4096 iterations at least.",
        needs: Needs::LOGIN,
        legal: &[Legal { name: "4096 or more", by: "RFC 7677 section 4" }],
        probe: Probe::Ask(|lab| {
            let mut session = offering(lab, "SCRAM-SHA-256")?;
            let (_, response) = begin(lab, &mut session, "n,,", "")?;
            let challenge = text(&response).and_then(|text| Challenge::read(&text));
            let challenge = challenge.ok_or(Finding::Open(Why::Mailbox("a user without SCRAM")))?;
            let few = challenge.iterations.get() < 4096;
            let offence = few.then(|| response.wrong(format!("{} iterations", challenge.iterations)));
            seen("4096 or more", offence.into_iter().collect())
        }),
        breaks: &[Twist { name: "100", edit: Edit::Code(|turn| first_message(turn, "i=4096", "i=100")) }],
        keeps: &[Twist { name: "byte by byte", edit: Edit::Drip }],
    },
    Check {
        id: "scram.proof",
        rows: &["5802.5.f"],
        asks: "SCRAM-SHA-256 refuses a wrong proof, and the right proof with another nonce.",
        needs: Needs::FAILED_LOGINS,
        legal: &[Legal { name: "refused", by: "RFC 5802 section 5" }],
        probe: Probe::Ask(scram_proof),
        breaks: &[
            Twist { name: "any proof", edit: Edit::Code(|turn| any_last(turn, false)) },
            Twist { name: "an error, then +OK", edit: Edit::Code(|turn| any_last(turn, true)) },
        ],
        keeps: &[Twist { name: "byte by byte", edit: Edit::Drip }],
    },
    Check {
        id: "scram.reserved",
        rows: &["5802.5.h"],
        asks: "SCRAM-SHA-256 refuses the reserved attribute, which nobody may pass over.",
        needs: Needs::FAILED_LOGINS,
        legal: &[Legal { name: "refused", by: "RFC 5802 section 5.1" }],
        probe: Probe::Ask(|lab| {
            let mut session = offering(lab, "SCRAM-SHA-256")?;
            let (_, response) = begin(lab, &mut session, "n,,", "m=conform,")?;
            let is_error = response.is_err() || text(&response).is_some_and(|text| text.starts_with("e="));
            let offence = (!is_error).then(|| response.wrong("the reserved attribute is passed over"));
            seen("refused", offence.into_iter().collect())
        }),
        breaks: &[Twist { name: "passed over", edit: Edit::Code(passes_over) }],
        keeps: &[Twist { name: "byte by byte", edit: Edit::Drip }],
    },
    Check {
        id: "oauth.login",
        rows: &["7628.3.1.b"],
        asks: "OAUTHBEARER logs in with a token, also if there is a key that nobody knows.",
        needs: Needs::BEARER,
        legal: &[LOGGED_IN],
        probe: Probe::Ask(oauth_login),
        breaks: &[
            Twist { name: "a key is unknown", edit: Edit::Code(knows_all_keys) },
            Twist {
                name: "+OK, and not logged in",
                edit: Edit::Say { to: "AUTH OAUTHBEARER *", instead: "+OK\r\n" },
            },
        ],
        keeps: &[Twist {
            name: "no text",
            edit: Edit::Answer { to: "AUTH OAUTHBEARER *", old: "+OK maildrop open", new: "+OK" },
        }],
    },
    Check {
        id: "oauth.tls",
        rows: &["7628.3.a"],
        asks: "OAUTHBEARER is neither announced nor accepted outside TLS.",
        needs: Needs::CLEARTEXT,
        legal: &[Legal { name: "not offered", by: "RFC 7628 section 3" }],
        probe: Probe::Ask(|lab| {
            let mut session = lab.connect()?;
            let capa = session.ask("CAPA")?;
            let listed = capa.rows.iter().find(|row| {
                let text = row.text().to_ascii_uppercase();
                text.starts_with("SASL ") && text.split(' ').any(|name| name == "OAUTHBEARER")
            });
            let listed = listed.map(|row| row.wrong(0, "OAUTHBEARER is announced outside TLS"));
            let auth = session.ask("AUTH OAUTHBEARER")?;
            let accepted = (!auth.is_err()).then(|| auth.wrong("OAUTHBEARER is accepted outside TLS"));
            seen("not offered", listed.into_iter().chain(accepted).collect())
        }),
        breaks: &[
            Twist { name: "announced", edit: Edit::Code(bearer_everywhere) },
            Twist { name: "accepted", edit: Edit::Code(bearer_accepted) },
        ],
        keeps: &[Twist {
            name: "no text",
            edit: Edit::Answer { to: "CAPA", old: "+OK capability list follows", new: "+OK" },
        }],
    },
    Check {
        id: "oauth.error",
        rows: &["7628.3.2.a"],
        asks: "OAUTHBEARER answers a wrong token by a challenge of JSON with a status, then refuses.",
        needs: Needs::FAILED_LOGINS,
        legal: &[Legal { name: "a status, then refused", by: "RFC 7628 section 3.2" }],
        probe: Probe::Ask(oauth_error),
        breaks: &[
            Twist {
                name: "refused at once",
                edit: Edit::Say { to: "AUTH OAUTHBEARER*", instead: "-ERR no\r\n" },
            },
            Twist { name: "no status", edit: Edit::Say { to: "AUTH OAUTHBEARER*", instead: "+ e30=\r\n" } },
            Twist { name: "accepted after it", edit: Edit::Say { to: "AQ==", instead: "+OK\r\n" } },
        ],
        keeps: &[Twist {
            name: "more keys",
            edit: Edit::Answer {
                to: "AUTH OAUTHBEARER*",
                old: "eyJzdGF0dXMiOiJpbnZhbGlkX3Rva2VuIn0=",
                new: "eyAic2NvcGUiOiAibWFpbCIsICJzdGF0dXMiOiAiNDAxIiB9",
            },
        }],
    },
];

/// Inside LOGIN, the name is answered by this.
fn after_name(turn: &mut Turn<'_>, instead: &str) {
    let begins = u64::from(turn.is("AUTH LOGIN"));
    let is_name = std::mem::replace(&mut turn.memory.count, begins) > 0;
    match is_name {
        true => turn.say(instead.as_bytes()),
        false => turn.through(),
    }
}

/// Changes the server's first message of SCRAM.
fn first_message(turn: &mut Turn<'_>, old: &str, new: &str) {
    let answer = turn.pass();
    let changed = turn.is("AUTH SCRAM*").then(|| decoded(&answer)).flatten();
    match changed.filter(|text| text.contains(old)) {
        Some(text) => {
            let message = BASE64_STANDARD.encode(text.replacen(old, new, 1));
            turn.say(format!("+ {message}\r\n").as_bytes());
        }
        None => turn.say(&answer),
    }
}

/// Changes the server's signature.
fn last_message(turn: &mut Turn<'_>, start: &str) {
    let answer = turn.pass();
    match answer.starts_with(start.as_bytes()) {
        true => {
            let message = BASE64_STANDARD.encode(format!("v={}", BASE64_STANDARD.encode([7; 32])));
            turn.say(format!("+ {message}\r\n").as_bytes());
        }
        false => turn.say(&answer),
    }
}

/// The signature is left out: +OK follows the proof.
fn no_signature(turn: &mut Turn<'_>) {
    let answer = turn.pass();
    match answer.starts_with(b"+ dj1") {
        true => {
            let answer = turn.ask("");
            turn.say(&answer);
        }
        false => turn.say(&answer),
    }
}

/// Any last message of SCRAM is accepted.
fn any_last(turn: &mut Turn<'_>, with_error: bool) {
    let begins = u64::from(turn.is("AUTH SCRAM*"));
    let is_last = std::mem::replace(&mut turn.memory.count, begins) > 0;
    let answer = turn.pass();
    match is_last && answer.starts_with(b"-ERR") {
        true if with_error => turn.say(b"+OK but invalid-proof\r\n"),
        true => turn.say(b"+ dj1pcw==\r\n"),
        false => turn.say(&answer),
    }
}

/// The reserved attribute is left out.
fn passes_over(turn: &mut Turn<'_>) {
    let message = turn.command.rsplit(' ').next().and_then(|word| BASE64_STANDARD.decode(word).ok());
    let message = message.and_then(|bytes| String::from_utf8(bytes).ok());
    match message.filter(|text| turn.is("AUTH SCRAM*") && text.contains("m=conform,")) {
        Some(text) => {
            let message = BASE64_STANDARD.encode(text.replace("m=conform,", ""));
            let answer = turn.ask(&format!("AUTH SCRAM-SHA-256 {message}"));
            turn.say(&answer);
        }
        None => turn.through(),
    }
}

/// A message of OAUTHBEARER with an unknown key is refused.
fn knows_all_keys(turn: &mut Turn<'_>) {
    let message = turn.command.rsplit(' ').next().and_then(|word| BASE64_STANDARD.decode(word).ok());
    match turn.is("AUTH OAUTHBEARER *") && message.is_some_and(|message| find(&message, UNKNOWN).is_some()) {
        true => turn.say(b"-ERR what is this key?\r\n"),
        false => turn.through(),
    }
}

fn bearer_everywhere(turn: &mut Turn<'_>) {
    turn.through_unless("CAPA", |turn| turn.replace("SASL PLAIN LOGIN", "SASL OAUTHBEARER PLAIN LOGIN"));
}

fn bearer_accepted(turn: &mut Turn<'_>) {
    let answer = turn.pass();
    match turn.is("AUTH OAUTHBEARER") && answer.starts_with(b"-ERR") {
        true => turn.say(b"+ \r\n"),
        false => turn.say(&answer),
    }
}

fn decoded(line: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(line).ok()?.strip_prefix("+ ")?;
    String::from_utf8(BASE64_STANDARD.decode(text.trim_end()).ok()?).ok()
}

/// Returns the message of a challenge.
fn text(response: &Response) -> Option<String> {
    decoded(&response.line.bytes)
}

fn login(lab: &mut Lab, session: &mut Session) -> Result<Response, Finding> {
    let mut response = session.ask("AUTH LOGIN")?;
    for message in [lab.facts.user.clone(), lab.facts.password.clone()] {
        if response.status != Status::Challenge {
            return match response.is_ok() {
                true => Err(Finding::Wrong(vec![response.wrong("+OK in place of a challenge")])),
                false => Ok(response),
            };
        }
        response = respond(lab, session, message.as_bytes())?;
    }
    Ok(response)
}

/// Sends the first message of SCRAM, and returns it without its header.
fn begin(
    lab: &mut Lab,
    session: &mut Session,
    header: &str,
    more: &str,
) -> Result<(String, Response), Finding> {
    if !lab.facts.user.is_ascii() || !lab.facts.password.is_ascii() {
        return Err(Finding::Open(Why::Mailbox("a name or a password that must be prepared")));
    }
    let user = escaped(&lab.facts.user);
    let first = format!("{more}n={user},r=conform{}", session.id());
    let response = initial(lab, session, "SCRAM-SHA-256", format!("{header}{first}").as_bytes())?;
    Ok((first, response))
}

/// What the client knows after the server's first message.
struct Exchange {
    keys: Keys,
    last: String,
    exchange: Vec<u8>,
}

/// The kit does not do more iterations. A server may ask for so many that they take hours.
const MOST_ITERATIONS: u32 = 1_000_000;

fn challenged(lab: &Lab, first: &str, response: &Response) -> Result<Exchange, Finding> {
    let wrong = |why: &str| Finding::Wrong(vec![response.wrong(why)]);
    if response.is_err() {
        return Err(Finding::Open(Why::Mailbox("a user without SCRAM")));
    }
    let server = text(response).ok_or_else(|| wrong("not a challenge in base64"))?;
    let challenge = Challenge::read(&server).ok_or_else(|| wrong("not nonce, salt and iterations"))?;
    let nonce = first.rsplit("r=").next().unwrap_or_default();
    if !challenge.nonce.starts_with(nonce) || challenge.nonce == nonce {
        return Err(wrong("the nonce does not begin with the client's, or adds nothing"));
    }
    if challenge.iterations.get() > MOST_ITERATIONS {
        return Err(Finding::Open(Why::Server("asks for more iterations of SCRAM than the kit does")));
    }
    let keys = Keys::new(lab.facts.password.as_bytes(), &challenge.salt, challenge.iterations);
    let (last, exchange) = without_proof(first, &server, &challenge.nonce);
    Ok(Exchange { keys, last, exchange })
}

fn scram_login(lab: &mut Lab) -> Seen {
    let mut signature = Vec::new();
    logged_in(lab, "SCRAM-SHA-256", |lab, session| {
        let (first, response) = begin(lab, session, "n,,", "")?;
        let Exchange { keys, last, exchange } = challenged(lab, &first, &response)?;
        signature = keys.signature(&exchange);
        let proof = BASE64_STANDARD.encode(keys.proof(&exchange));
        let signed = respond(lab, session, format!("{last},p={proof}").as_bytes())?;
        if signed.status != Status::Challenge {
            return match signed.is_ok() {
                true => Err(Finding::Wrong(vec![
                    signed.wrong("+OK, and the signature was not sent as a challenge"),
                ])),
                false => Ok(signed),
            };
        }
        if text(&signed) != Some(format!("v={}", BASE64_STANDARD.encode(&signature))) {
            return Err(Finding::Wrong(vec![signed.wrong("not the server's signature")]));
        }
        Ok(respond(lab, session, b"")?)
    })
}

fn scram_proof(lab: &mut Lab) -> Seen {
    let mut offences = Vec::new();
    for other_nonce in [false, true] {
        let mut session = offering(lab, "SCRAM-SHA-256")?;
        let (first, response) = begin(lab, &mut session, "n,,", "")?;
        let Exchange { keys, last, exchange } = challenged(lab, &first, &response)?;
        let mut proof = keys.proof(&exchange);
        if !other_nonce {
            proof.reverse();
        }
        let nonce = if other_nonce { "x" } else { "" };
        let message = format!("{last}{nonce},p={}", BASE64_STANDARD.encode(proof));
        let response = match respond(lab, &mut session, message.as_bytes()) {
            Err(Stop::Closed { .. }) => continue,
            response => response?,
        };
        let is_error = response.is_err() || text(&response).is_some_and(|text| text.starts_with("e="));
        offences.extend((!is_error).then(|| response.wrong("a wrong last message is not refused")));
    }
    seen("refused", offences)
}

/// A key of OAUTHBEARER that nobody knows, and its value.
const UNKNOWN: &[u8] = b"x-conform=yes\x01";

fn oauth_login(lab: &mut Lab) -> Seen {
    logged_in(lab, "OAUTHBEARER", |lab, session| {
        let response = bearer(lab, session, b"")?;
        // Nobody but the server knows whether the token is still valid.
        match response.is_err() && !is_locked(&response) {
            true => Err(Finding::Open(Why::Login)),
            false => Ok(response),
        }
    })?;
    logged_in(lab, "OAUTHBEARER", |lab, session| {
        let response = bearer(lab, session, UNKNOWN)?;
        match response.is_err() && !is_locked(&response) {
            true => Err(Finding::Wrong(vec![
                response.wrong("with a key that nobody knows, the same token is refused"),
            ])),
            false => Ok(response),
        }
    })
}

/// Sends the token, and these pairs.
fn bearer(lab: &mut Lab, session: &mut Session, pairs: &[u8]) -> Result<Response, Finding> {
    let token = lab.facts.bearer.clone().unwrap_or_default();
    let start = format!("n,a={},\x01auth=Bearer {token}\x01", escaped(&lab.facts.user));
    let message = [start.as_bytes(), pairs, b"\x01"].concat();
    let response = initial(lab, session, "OAUTHBEARER", &message)?;
    // The challenge is an error, and the server waits for an octet before it refuses.
    match response.status {
        Status::Challenge => Ok(respond(lab, session, b"\x01")?),
        _ => Ok(response),
    }
}

/// Returns a name as SASL mechanisms with a header write it.
fn escaped(name: &str) -> String {
    name.replace('=', "=3D").replace(',', "=2C")
}

fn oauth_error(lab: &mut Lab) -> Seen {
    let mut session = offering(lab, "OAUTHBEARER")?;
    let message = format!("n,a={},\x01auth=Bearer pop3-conform-wrong\x01\x01", escaped(&lab.facts.user));
    let response = initial(lab, &mut session, "OAUTHBEARER", message.as_bytes())?;
    let has_status = text(&response).is_some_and(|text| text.starts_with('{') && text.contains("\"status\""));
    if !has_status {
        return Err(Finding::Wrong(vec![response.wrong("not a challenge of JSON with a status")]));
    }
    let refused = respond(lab, &mut session, b"\x01")?;
    let offence = (!refused.is_err()).then(|| refused.wrong("a wrong token is not refused"));
    seen("a status, then refused", offence.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks;
    use crate::prove;
    use crate::run::Verdict;

    #[test]
    fn iterations_that_take_hours_are_not_done() {
        let edit = Edit::Code(|turn| first_message(turn, "i=4096", "i=4294967295"));
        let twist = Twist { name: "billions of iterations", edit };
        for id in ["scram.login", "scram.proof"] {
            let (verdict, bites) = prove::under(checks::find(id).unwrap(), Some(twist));
            assert!(
                matches!(verdict, Verdict::Inconclusive(Why::Server(_))) && bites > 0,
                "{id}: {verdict:?}"
            );
        }
    }
}
