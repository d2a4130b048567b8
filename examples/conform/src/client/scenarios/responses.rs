//! Status lines and greetings, and responses that nobody asked for.

use crate::check::Edit;
use crate::client::broken::Flaw;
use crate::client::serve::{Exchange, Session};
use crate::client::{Expect, Scenario};
use crate::lab::twist::Turn;

fn without_text(turn: &mut Turn<'_>) {
    let answer = turn.pass();
    let numbers = turn.is("STAT") || turn.is("LIST *") || turn.is("UIDL *");
    let end =
        answer.iter().position(|byte| *byte == b'\r').filter(|_| answer.starts_with(b"+OK ") && !numbers);
    match end {
        Some(end) => {
            turn.say(b"+OK");
            turn.say(&answer[end..]);
        }
        None => turn.say(&answer),
    }
}

fn with_code(turn: &mut Turn<'_>) {
    let numbers = turn.is("STAT") || turn.is("LIST *") || turn.is("UIDL *");
    match numbers {
        true => turn.through(),
        false => turn.replace("+OK ", "+OK [X-KIT/One] "),
    }
}

fn long_status(turn: &mut Turn<'_>) {
    let answer = turn.pass();
    let end = answer.iter().position(|byte| *byte == b'\r');
    match end.filter(|end| *end < 510 && answer.starts_with(b"+OK ") && !turn.is("STAT")) {
        Some(end) => {
            turn.say(&answer[..end]);
            turn.say(b" ");
            turn.say(&b"x".repeat(509 - end));
            turn.say(&answer[end..]);
        }
        None => turn.say(&answer),
    }
}

/// A whole message that the client did not ask for.
const SURPLUS: &[u8] = b"+OK 60 octets\r\nSubject: surplus\r\n\r\nNobody asked for this.\r\n.\r\n";

/// After a greeting of `-ERR`, only QUIT is left.
fn logs_in(_: &Session, _: usize, exchange: &Exchange) -> Option<String> {
    let verb = exchange.verb();
    let is_login = matches!(verb.as_str(), "USER" | "PASS" | "APOP" | "AUTH");
    is_login.then(|| format!("{verb}: after a greeting of -ERR"))
}

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario::new("status.no_text", &["2449.3.b", "1939.3.k"], "`+OK` without a text")
        .code(without_text)
        .broken(&[Flaw::NeedsText]),
    Scenario::new("status.512", &["1939.3.m"], "status lines of 512 octets")
        .code(long_status)
        .broken(&[Flaw::ShortStatus]),
    Scenario::new(
        "status.codes",
        &["2449.8.a", "2449.8.c"],
        "a response code on every `+OK`, in any letter case",
    )
    .code(with_code)
    .broken(&[Flaw::NoCodes]),
    Scenario::new("greeting.refused", &["1939.4.c"], "a greeting of `-ERR`, and the stream stays open")
        .twist(Edit::Say { to: "greeting", instead: "-ERR too busy\r\n" })
        .expect(Expect::Error)
        .harm(logs_in)
        .broken(&[Flaw::IgnoresGreeting]),
    Scenario::new("greeting.imap", &["1939.3.k", "ROB.14"], "the greeting of an IMAP server")
        .twist(Edit::Say { to: "greeting", instead: "* OK [CAPABILITY IMAP4rev1] ready\r\n" })
        .expect(Expect::Error)
        .no_password()
        .broken(&[Flaw::IgnoresGreeting]),
    Scenario::new("greeting.smtp", &["1939.3.k", "ROB.14"], "the greeting of an SMTP server")
        .twist(Edit::Say { to: "greeting", instead: "220 mail.example.org ESMTP\r\n" })
        .expect(Expect::Error)
        .no_password()
        .broken(&[Flaw::IgnoresGreeting]),
    Scenario::new("greeting.plus", &["1939.3.k"], "a greeting of `+ERR`")
        .twist(Edit::Say { to: "greeting", instead: "+ERR no service\r\n" })
        .expect(Expect::Error)
        .no_password()
        .broken(&[Flaw::PlusIsOk]),
    Scenario::new("greeting.endless", &["ROB.23"], "a greeting without a line end, of many megabytes")
        .flood("greeting", "+OK ", "x")
        .no_password()
        .broken(&[Flaw::ExitsZero]),
    Scenario::new(
        "surplus.message",
        &["1939.3.c"],
        "a whole response that nobody asked for, together with that of message 1",
    )
    .code(|turn| {
        turn.through_unless("RETR 1", |turn| {
            turn.through();
            turn.say(SURPLUS);
        });
    })
    .unasked(SURPLUS)
    .expect(Expect::Error)
    .broken(&[Flaw::TakesSurplus]),
    Scenario::new("surplus.garbage", &["1939.3.c"], "lines after the terminator of message 1")
        .code(|turn| {
            turn.through_unless("RETR 1", |turn| {
                turn.through();
                turn.say(b"More of the message?\r\n.\r\n");
            });
        })
        .expect(Expect::Error)
        .broken(&[Flaw::ExitsZero]),
    Scenario::new(
        "surplus.early",
        &["1939.3.c"],
        "responses to commands that were not sent yet, with the greeting",
    )
    .code(|turn| {
        turn.through_unless("greeting", |turn| {
            turn.through();
            turn.say(b"+OK\r\n+OK\r\n+OK 0 0\r\n");
        });
    })
    .expect(Expect::Error)
    .broken(&[Flaw::ExitsZero]),
    Scenario::new("message.refused", &["1939.3.o"], "RETR of message 2 is refused")
        .twist(Edit::Say { to: "RETR 2", instead: "-ERR this message cannot be read\r\n" })
        .expect(Expect::Harmless)
        .broken(&[Flaw::StoresRefusal, Flaw::Hangs]),
    Scenario::new("message.size", &["1939.5.retr.c"], "LIST and RETR announce sizes that are too small")
        .code(|turn| match () {
            () if turn.is("LIST") => super::instead(turn, b"+OK\r\n1 20\r\n2 20\r\n3 20\r\n.\r\n"),
            () if turn.is("LIST *") => {
                let number = turn.command.split(' ').nth(1).unwrap_or_default().to_owned();
                super::instead(turn, format!("+OK {number} 20\r\n").as_bytes());
            }
            () if turn.is("RETR*") => {
                let answer = turn.pass();
                let end = answer.iter().position(|byte| *byte == b'\r').unwrap_or(0);
                turn.say(b"+OK 20 octets");
                turn.say(&answer[end..]);
            }
            () => turn.through(),
        })
        .broken(&[Flaw::TrustsSize]),
];
