//! Logins that are refused, and the ways to log in.

use crate::check::Edit;
use crate::client::broken::Flaw;
use crate::client::serve::{Exchange, Session};
use crate::client::{Expect, Offers, Scenario};

/// A scenario in which the login is refused with this response.
const fn refused(
    id: &'static str,
    rows: &'static [&'static str],
    asks: &'static str,
    instead: &'static str,
) -> Scenario {
    Scenario::new(id, rows, asks)
        .twist(Edit::Say { to: "PASS*", instead })
        .expect(Expect::Error)
        .broken(&[Flaw::ExitsZero, Flaw::GoesOn])
}

fn pass_after_refusal(session: &Session, index: usize, exchange: &Exchange) -> Option<String> {
    let before = session.exchanges.get(index.checked_sub(1)?)?;
    let wrong = exchange.verb() == "PASS" && before.verb() == "USER" && !before.is_ok();
    wrong.then(|| "PASS after a refused USER".to_owned())
}

fn second_login(session: &Session, index: usize, exchange: &Exchange) -> Option<String> {
    let earlier = session.exchanges.iter().take(index).any(|other| other.verb() == "PASS");
    (exchange.verb() == "PASS" && earlier)
        .then(|| "a second login, although the server asked for a delay".to_owned())
}

fn apop(_: &Session, _: usize, exchange: &Exchange) -> Option<String> {
    (exchange.verb() == "APOP").then(|| "APOP with a timestamp that is not a message id".to_owned())
}

fn not_cancelled(session: &Session, index: usize, exchange: &Exchange) -> Option<String> {
    let before = session.exchanges.get(index.checked_sub(1)?)?;
    let challenged = before.answer.starts_with(b"+ not");
    (challenged && exchange.line != b"*\r\n")
        .then(|| "a response to a challenge that is not base64".to_owned())
}

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario::new("user.refused", &["1939.7.user.g"], "USER is refused: no PASS may follow")
        .twist(Edit::Say { to: "USER*", instead: "-ERR no such user\r\n" })
        .expect(Expect::Error)
        .harm(pass_after_refusal)
        .broken(&[Flaw::PassAnyway]),
    refused("pass.refused", &["1939.4.j", "1939.3.k"], "PASS is refused", "-ERR wrong password\r\n"),
    refused("pass.plus", &["1939.3.k"], "the response to PASS is `+ERR`", "+ERR wrong password\r\n")
        .broken(&[Flaw::PlusIsOk]),
    refused("pass.no_text", &["2449.3.b"], "PASS is refused without a text", "-ERR\r\n"),
    refused("code.in_use", &["2449.8.1.2.b"], "PASS is refused with [IN-USE]", "-ERR [IN-USE] locked\r\n"),
    refused("code.auth", &["3206.6.b"], "PASS is refused with [AUTH]", "-ERR [AUTH] wrong password\r\n"),
    refused(
        "code.sys_temp",
        &["3206.4.c"],
        "PASS is refused with [SYS/TEMP]",
        "-ERR [SYS/TEMP] try later\r\n",
    ),
    refused("code.sys_perm", &["3206.4.b"], "PASS is refused with [sys/PERM]", "-ERR [sys/PERM] ask\r\n"),
    refused(
        "code.login_delay",
        &["2449.6.5.b"],
        "PASS is refused with [LOGIN-DELAY]: no second login may follow",
        "-ERR [LOGIN-DELAY] too early\r\n",
    )
    .harm(second_login)
    .broken(&[Flaw::RetriesLogin]),
    refused(
        "code.unknown",
        &["2449.8.c"],
        "PASS is refused with a code that nobody knows",
        "-ERR [X-KIT/A/B/C/D] [+OK] no\r\n",
    ),
    Scenario::new(
        "pass.surplus",
        &["1939.3.c"],
        "after the refusal of PASS, a surplus `+OK`: it logs nobody in",
    )
    .twist(Edit::Say { to: "PASS*", instead: "-ERR wrong password\r\n+OK welcome\r\n" })
    .expect(Expect::Error)
    .broken(&[Flaw::RetriesLogin]),
    Scenario::new("pass.closed", &["1939.3.n"], "the stream ends in place of the response to PASS")
        .twist(Edit::Say { to: "PASS*", instead: "" })
        .expect(Expect::Error)
        .broken(&[Flaw::ExitsZero, Flaw::Hangs, Flaw::Crashes]),
    Scenario::new(
        "apop.forged",
        &["ROB.26"],
        "the timestamp of the greeting is not a message id: APOP would give a digest away",
    )
    .offers(Offers::Apop)
    .twist(Edit::Answer { to: "greeting", old: "@conform.example>", new: " conform.example>" })
    .expect(Expect::Harmless)
    .harm(apop)
    .broken(&[Flaw::ApopAnyway]),
    Scenario::new("apop.bracket", &["ROB.26", "ROB.28"], "a greeting with brackets that are not a timestamp")
        .twist(Edit::Answer {
            to: "greeting",
            old: "@conform.example>",
            new: "@conform.example> <at> [once]",
        })
        .harm(apop)
        .broken(&[Flaw::ApopAnyway]),
    Scenario::new(
        "auth.challenge",
        &["5034.4.r", "5034.4.s"],
        "a challenge that is not base64: the client cancels",
    )
    .offers(Offers::Sasl)
    .code(|turn| {
        let challenged = std::mem::take(&mut turn.memory.count) > 0;
        match () {
            () if turn.is("AUTH*") => {
                turn.memory.count = 1;
                turn.say(b"+ not*base64!\r\n");
            }
            () if challenged && turn.is("*") => turn.say(b"-ERR the exchange is over\r\n"),
            () => turn.through(),
        }
    })
    .expect(Expect::Harmless)
    .harm(not_cancelled)
    .broken(&[Flaw::AnswersAnything]),
];
