//! Checks which login method is taken, and what the error says if none works.

use crate::kit::GREETING;
use crate::scripted::{Script, Scripted, run, self_signed, server_config, usual};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pop3_proto_fetch::tls::{self, Fingerprint};
use pop3_proto_fetch::{Auth, Exit, Options};
use pop3_proto_serve::scram::{Exchange, ITERATIONS, Progress, Verifier};
use rustls::ALL_VERSIONS;

type Answer = fn(&str) -> Option<&'static str>;

fn auto(_: &mut Options) {}

/// Returns the commands of the first login, without those before and after it.
fn login(server: &Scripted) -> Vec<String> {
    let mut heard = server.heard("");
    heard.retain(|command| !matches!(command.as_str(), "CAPA" | "UTF8"));
    let end = heard.iter().position(|command| command == "LIST").unwrap_or(heard.len());
    heard.truncate(end);
    heard
}

#[test]
fn plain_that_is_listed_and_unknown_gives_way_to_user() {
    let server = Scripted::answering(|command| match command {
        "CAPA" => Some("+OK\r\nSASL PLAIN\r\n.\r\n"),
        "AUTH PLAIN" => Some("-ERR unknown command\r\n"),
        other => usual(other),
    });
    run(&server.url("pop3"), auto).done.unwrap();
    assert_eq!(login(&server), ["AUTH PLAIN", "USER mrose", "PASS tanstaaf"]);
}

#[test]
fn plain_that_is_listed_is_used() {
    let server = Scripted::answering(|command| match command {
        "CAPA" => Some("+OK\r\nUSER\r\nSASL PLAIN\r\n.\r\n"),
        "AUTH PLAIN" => Some("+ \r\n"),
        other => usual(other),
    });
    run(&server.url("pop3"), auto).done.unwrap();
    assert_eq!(login(&server), ["AUTH PLAIN", "AG1yb3NlAHRhbnN0YWFm"]);
}

#[test]
fn plain_that_nothing_lists_is_not_tried() {
    for capabilities in ["+OK\r\nTOP\r\n.\r\n", "+OK\r\nSASL LOGIN\r\n.\r\n", "-ERR\r\n"] {
        let server = Scripted::cleartext(move || {
            Box::new(move |command| match command {
                "CAPA" => Some(capabilities.into()),
                other => usual(other).map(String::from),
            })
        });
        run(&server.url("pop3"), auto).done.unwrap();
        assert_eq!(login(&server), ["USER mrose", "PASS tanstaaf"]);
    }
}

/// Refuses PLAIN after the password was sent.
fn after_proof(capabilities: &'static str, refusal: &'static str) -> Scripted {
    Scripted::cleartext(move || {
        let mut refused = false;
        Box::new(move |command| match command {
            "CAPA" => Some(format!("+OK\r\n{capabilities}SASL PLAIN\r\n.\r\n")),
            "AUTH PLAIN" => Some("+ \r\n".into()),
            _ if command.starts_with("AG1y") && !refused => {
                refused = true;
                Some(refusal.into())
            }
            other => usual(other).map(String::from),
        })
    })
}

#[test]
fn a_refused_password_is_sent_once() {
    for (capabilities, refusal) in [
        ("", "-ERR no\r\n"),
        ("", "-ERR [AUTH] no\r\n"),
        ("RESP-CODES\r\nAUTH-RESP-CODE\r\n", "-ERR [AUTH] no\r\n"),
    ] {
        let server = after_proof(capabilities, refusal);
        let run = run(&server.url("pop3"), auto);
        assert_eq!(run.done.as_ref().unwrap_err().exit, Exit::Login);
        assert_eq!(login(&server), ["AUTH PLAIN", "AG1yb3NlAHRhbnN0YWFm"], "{refusal}");
        assert!(run.error().contains("--auth (tried: plain)"), "{}", run.error());
    }
}

#[test]
fn a_refusal_that_is_not_about_the_password_is_not_the_end() {
    let server = after_proof("RESP-CODES\r\nAUTH-RESP-CODE\r\n", "-ERR [SYS/PERM] no PLAIN for you\r\n");
    run(&server.url("pop3"), auto).done.unwrap();
    assert_eq!(login(&server), ["AUTH PLAIN", "AG1yb3NlAHRhbnN0YWFm", "USER mrose", "PASS tanstaaf"]);
}

#[test]
fn a_maildrop_in_use_asks_for_another_moment_and_not_for_another_way() {
    let server = after_proof("RESP-CODES\r\nAUTH-RESP-CODE\r\n", "-ERR [IN-USE] wait\r\n");
    let run = run(&server.url("pop3"), |options| options.retries = 0);
    assert_eq!(login(&server), ["AUTH PLAIN", "AG1yb3NlAHRhbnN0YWFm"]);
    assert!(!run.error().contains("--auth"), "{}", run.error());
}

#[test]
fn apop_that_does_not_work_ends_with_a_hint() {
    let answer: Answer = |command| match command {
        GREETING => Some("+OK <1896.697170952@dbc.mtview.ca.us>\r\n"),
        _ if command.starts_with("APOP") => Some("-ERR no APOP here\r\n"),
        other => usual(other),
    };
    let server = Scripted::answering(answer);
    let error = run(&server.url("pop3"), auto).error();
    assert!(error.contains("no APOP here") && error.contains("--auth (tried: apop)"), "{error}");
    assert!(server.heard("USER").is_empty());
    run(&server.url("pop3"), |options| options.auth = Auth::User).done.unwrap();
}

/// How a server behaves in SCRAM-SHA-256.
#[derive(Clone, Copy, PartialEq)]
enum Scram {
    Unknown,
    RefusesName,
    RefusesProof,
    WrongSignature,
    NoSignature,
    WeakCount,
}

fn scram(how: Scram, capabilities: &'static str) -> Scripted {
    Scripted::cleartext(move || -> Script {
        let verifier = Verifier::new(b"tanstaaf", ITERATIONS).unwrap();
        let mut exchange = Exchange::new(move |_| verifier.clone()).unwrap();
        let mut turns = 0;
        Box::new(move |command| {
            let message =
                command.strip_prefix("AUTH SCRAM-SHA-256 ").or_else(|| (turns == 1).then_some(command));
            let answer = match message {
                _ if command == "CAPA" => {
                    return Some(format!("+OK\r\nSASL SCRAM-SHA-256\r\n{capabilities}.\r\n"));
                }
                _ if command == "*" => "-ERR cancelled".into(),
                None => return usual(command).map(String::from),
                Some(message) => {
                    turns = if matches!(how, Scram::Unknown | Scram::RefusesName) { 0 } else { turns + 1 };
                    let step = exchange.step(&STANDARD.decode(message).unwrap());
                    match (how, turns, step) {
                        (Scram::Unknown, ..) => "-ERR unknown".into(),
                        (Scram::RefusesName, ..) => "-ERR [AUTH] not for you".into(),
                        (Scram::WeakCount, _, Progress::Challenge(challenge)) => {
                            let challenge = String::from_utf8(challenge).unwrap();
                            let (start, _) = challenge.rsplit_once("i=").unwrap();
                            format!("+ {}", STANDARD.encode(format!("{start}i=1")))
                        }
                        (_, 1, Progress::Challenge(challenge)) => format!("+ {}", STANDARD.encode(challenge)),
                        (Scram::WrongSignature, ..) => format!("+ {}", STANDARD.encode("v=AAAA")),
                        (Scram::NoSignature, ..) => "+OK".into(),
                        _ => "-ERR not with this".into(),
                    }
                }
            };
            Some(answer + "\r\n")
        })
    })
}

#[test]
fn scram_that_does_not_work_for_an_account_gives_way_before_the_proof() {
    for how in [Scram::Unknown, Scram::RefusesName] {
        let server = scram(how, "");
        run(&server.url("pop3"), auto).done.unwrap();
        assert_eq!(login(&server)[1..], ["USER mrose", "PASS tanstaaf"]);
    }
}

#[test]
fn scram_gives_way_after_the_proof_only_if_refusals_are_marked() {
    let server = scram(Scram::RefusesProof, "AUTH-RESP-CODE\r\n");
    run(&server.url("pop3"), auto).done.unwrap();
    assert_eq!(login(&server)[2..], ["USER mrose", "PASS tanstaaf"]);

    let server = scram(Scram::RefusesProof, "");
    let error = run(&server.url("pop3"), auto).error();
    assert!(error.contains("--auth (tried: scram-sha-256)"), "{error}");
    assert_eq!(login(&server).len(), 2);
}

#[test]
fn a_server_that_does_not_know_the_password_gets_no_further_command() {
    for how in [Scram::WrongSignature, Scram::NoSignature, Scram::WeakCount] {
        let server = scram(how, "AUTH-RESP-CODE\r\n");
        let run = run(&server.url("pop3"), auto);
        assert_eq!(run.done.as_ref().unwrap_err().exit, Exit::Login);
        assert!(!run.error().contains("--auth"), "{}", run.error());
        assert!(server.heard("USER").is_empty() && server.heard("PASS").is_empty());
    }
}

#[test]
fn only_the_way_that_the_user_chose_is_tried() {
    let server = Scripted::answering(|command| match command {
        "CAPA" => Some("+OK\r\nUSER\r\nSASL PLAIN\r\n.\r\n"),
        _ if command.starts_with("AUTH") => Some("-ERR unknown command\r\n"),
        other => usual(other),
    });
    let error = run(&server.url("pop3"), |options| options.auth = Auth::Plain).error();
    assert_eq!(login(&server), ["AUTH PLAIN AG1yb3NlAHRhbnN0YWFm"]);
    assert_eq!(error, "AUTH PLAIN was refused: unknown command");
}

/// Refuses a token, and reports the reason in a challenge.
fn stale(command: &str) -> Option<&'static str> {
    match command {
        "CAPA" => Some("+OK\r\nSASL XOAUTH2 OAUTHBEARER\r\n.\r\n"),
        // {"status":"401","scope":"https://mail.example.com/","token":"tanstaaf"}
        _ if command.starts_with("AUTH") => Some(
            "+ eyJzdGF0dXMiOiI0MDEiLCJzY29wZSI6Imh0dHBzOi8vbWFpbC5leGFtcGxlLmNvbS8iLCJ0b2tlbiI6InRhbnN0YWFmIn0=\r\n",
        ),
        GREETING => Some("+OK\r\n"),
        _ => Some("-ERR [AUTH] stale\r\n"),
    }
}

#[test]
fn a_refused_token_is_explained_in_the_servers_words_without_the_token() {
    let server = Scripted::answering(stale);
    let error = run(&server.url("pop3"), |options| options.auth = Auth::Xoauth2).error();
    let expected = r#"AUTH XOAUTH2 was refused: [AUTH] stale: the server reports {"status":"401","scope":"https://mail.example.com/","token":"********"}"#;
    assert_eq!(error, expected);
    assert_eq!(login(&server)[1], "", "XOAUTH2 wants an empty response");
}

#[test]
fn oauthbearer_sends_the_token_inside_tls_only() {
    let (certificate, key) = self_signed(false, &["localhost"]);
    let fingerprint = Fingerprint::of(&certificate);
    let oauthbearer = |options: &mut Options| {
        options.auth = Auth::Oauthbearer;
        options.connector = Some(tls::pinned(fingerprint).unwrap());
    };
    let accepts: Answer = |command| match command {
        "CAPA" => Some("+OK\r\nSASL OAUTHBEARER\r\n.\r\n"),
        other => usual(other),
    };
    let config = || server_config(certificate.clone(), &key, ALL_VERSIONS);
    let server = Scripted::tls(config(), move || Box::new(move |command| accepts(command).map(String::from)));
    run(&server.url("pop3s"), oauthbearer).done.unwrap();
    let sent = STANDARD.decode(server.heard("AUTH")[0].strip_prefix("AUTH OAUTHBEARER ").unwrap()).unwrap();
    let port = server.address.port();
    let expected = format!("n,a=mrose,\x01host=127.0.0.1\x01port={port}\x01auth=Bearer tanstaaf\x01\x01");
    assert_eq!(String::from_utf8(sent).unwrap(), expected);

    let server = Scripted::tls(config(), || Box::new(|command| stale(command).map(String::from)));
    let error = run(&server.url("pop3s"), oauthbearer).error();
    assert!(error.contains(r#""status":"401""#) && !error.contains("tanstaaf"), "{error}");
    assert_eq!(login(&server)[1], "AQ==", "RFC 7628 section 3.2.3");

    let server = Scripted::answering(accepts);
    assert!(run(&server.url("pop3"), oauthbearer).done.is_err());
    assert!(server.heard("AUTH").is_empty());
}

#[test]
fn a_name_and_a_password_keep_their_bytes() {
    let server = Scripted::answering(usual);
    let url = format!("pop3://m%FCller@{}", server.address);
    run(&url, |options| options.password = b"p\xE4ss".into()).done.unwrap();
    assert_eq!(login(&server), [r"USER m\xfcller", r"PASS p\xe4ss"]);
}

#[test]
fn plain_carries_a_password_that_pass_cannot() {
    let answer: Answer = |command| match command {
        "CAPA" => Some("+OK\r\nUSER\r\nUTF8\r\nSASL PLAIN\r\n.\r\n"),
        "AUTH PLAIN" => Some("+ \r\n"),
        other => usual(other),
    };
    let server = Scripted::answering(answer);
    run(&server.url("pop3"), |options| options.password = "t\u{e4}nstaaf".into()).done.unwrap();
    assert_eq!(STANDARD.decode(&login(&server)[1]).unwrap(), "\0mrose\0t\u{e4}nstaaf".as_bytes());

    // Neither method can carry this password. Nothing is sent, and the user sees an error.
    let server = Scripted::answering(answer);
    let error = run(&server.url("pop3"), |options| options.password = b"p\xE4ss".into()).error();
    assert!(error.contains("--auth"), "{error}");
    assert!(login(&server).is_empty());
}

#[test]
fn the_prefix_recent_reaches_the_server() {
    let server = Scripted::answering(usual);
    run(&format!("pop3://recent:mrose@{}", server.address), auto).done.unwrap();
    assert_eq!(login(&server)[0], "USER recent:mrose");
}

#[test]
fn a_password_that_the_server_repeats_is_not_shown() {
    let server = Scripted::answering(|command| match command {
        "PASS tanstaaf" => Some("-ERR what is 'tanstaaf' or \x1b[2J AG1yb3NlAHRhbnN0YWFm?\r\n"),
        other => usual(other),
    });
    let error = run(&server.url("pop3"), auto).error();
    assert!(!error.contains("tanstaaf") && !error.contains("AG1y") && !error.contains('\x1b'), "{error}");
}
